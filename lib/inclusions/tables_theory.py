"""What the theory of SM D and E says, and exact diagonalization of it, as tables."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr
from iminuit import Minuit
from numpy.typing import ArrayLike
from scipy import linalg, optimize, stats

from inclusions import avalanche, perturbation, statistics
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.model import Model
from inclusions.observables import magnetizations, purities
from inclusions.statistics import Array, Estimate
from inclusions.tables import UNKNOWN, Ensembles, merged, number, seed_of
from inclusions.tables_purities import middle_weights

SEED = 1  # of the small chains that are solved while the page is built
REJECTED = 0.01  # probability of chi2 below which a fit is called rejected
CLEAR = 4.0  # difference of chi2 above which one regime is preferred


# Avalanche theory


def resonances(ratios: Sequence[float], bubble: int, reach: float) -> pd.DataFrame:
    """Eq. (8) against the distance, for localization lengths in units of xi_*."""
    distance = np.linspace(0, reach, 161)
    return pd.concat(
        pd.DataFrame(
            {
                "ratio": ratio,
                "distance": distance,
                "resonance": avalanche.resonance_ratio(distance, ratio * CRITICAL_LENGTH, bubble),
            }
        )
        for ratio in ratios
    )


def printed_distance(xi: ArrayLike, bubble: int) -> Array:
    """l_c with the exponent -1/2 that SM D prints, infinite for xi >= xi_*; in sites."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.asarray(xi, float) - 1 / CRITICAL_LENGTH
        return np.where(inverse > 0, inverse**-0.5 * np.log(bubble), np.inf)


def reaches(bubble: int, lengths: Sequence[int]) -> pd.DataFrame:
    """Distance l_c against xi/xi_*, for these chains, the infinite one (0), and as printed (-1)."""
    ratio = np.linspace(0.02, 1.2, 473)
    xi = ratio * CRITICAL_LENGTH
    curves = {n: avalanche.thermalized_distance(xi, bubble, n) for n in lengths}
    curves |= {0: avalanche.thermalized_distance(xi, bubble), -1: printed_distance(xi, bubble)}
    return pd.concat(
        pd.DataFrame({"length": length, "ratio": ratio, "reach": reach})
        for length, reach in curves.items()
    )


def distance_checks(ratios: Sequence[float], bubble: int) -> pd.DataFrame:
    """l_c corrected and printed: Eq. (8) there, and n_GOE 4^l_c beside the power the SM states."""
    rows = []
    for ratio in ratios:
        xi = ratio * CRITICAL_LENGTH
        stated = bubble ** (1 / (1 - ratio))
        for kind, reach in (
            ("factor 1/2", float(avalanche.thermalized_distance(xi, bubble))),
            ("printed exponent", float(printed_distance(xi, bubble))),
        ):
            rows.append(
                {
                    "ratio": ratio,
                    "kind": kind,
                    "reach": reach,
                    "resonance": float(avalanche.resonance_ratio(reach, xi, bubble)),
                    "dimension": bubble * 4.0**reach,
                    "stated": stated,
                }
            )
    return pd.DataFrame(rows)


def readable_checks(table: pd.DataFrame) -> pd.DataFrame:
    """Distance checks as the page shows them."""
    return pd.DataFrame(
        {
            r"$\xi/\xi_*$": f"{row.ratio:g}",
            r"$\ell_c$ with the": row.kind,
            r"$\ell_c$": f"{row.reach:.2f}",
            "Eq. (8) there": f"{row.resonance:.3g}",
            r"$n_\mathrm{GOE}\,4^{\ell_c}$": _power(row.dimension, 4),
            r"$n_\mathrm{GOE}^{1/(1-\xi/\xi_*)}$": _power(row.stated, 4),
        }
        for row in table.itertuples()
    )


def finite_sizes(bubble: int, lengths: Sequence[int]) -> pd.DataFrame:
    """From which xi on an avalanche crosses the chain, and what it then leaves at the centre.

    `swallows` is that xi/xi_*, where Eq. (8) is 1 at L/2; `dimension` is d_therm of the whole
    system; `centre` is d_eff at L/2 at xi = xi_*, the least of regime I; `reach` and `region` are
    l_c and d_therm at xi = xi_*/2.
    """
    rows = []
    for length in lengths:
        least = optimize.brentq(
            lambda xi, half=length / 2: np.log(avalanche.resonance_ratio(half, xi, bubble)),
            0.1, CRITICAL_LENGTH,
        )  # fmt: skip
        half = CRITICAL_LENGTH / 2
        rows.append(
            {
                "length": length,
                "swallows": least / CRITICAL_LENGTH,
                "dimension": float(avalanche.thermal_dimension(CRITICAL_LENGTH, bubble, length)),
                "centre": float(
                    avalanche.effective_dimension(length / 2, CRITICAL_LENGTH, bubble, length)
                ),
                "reach": float(avalanche.thermalized_distance(half, bubble, length)),
                "region": float(avalanche.thermal_dimension(half, bubble, length)),
            }
        )
    return pd.DataFrame(rows)


def readable_sizes(sizes: pd.DataFrame) -> pd.DataFrame:
    """Finite sizes as the page shows them."""
    return pd.DataFrame(
        {
            "$L$": row.length,
            "$L/2$": f"{row.length / 2:g}",
            r"crosses from $\xi/\xi_*=$": f"{row.swallows:.3f}",
            r"then $d_\mathrm{therm}=$": f"{row.dimension:.0f}",
            r"$d_\mathrm{eff}(L/2)$ at $\xi_*$": f"{row.centre:.3g}",
            r"$\ell_c$ at $\xi_*/2$": f"{row.reach:.3g}",
            r"$d_\mathrm{therm}$ at $\xi_*/2$": f"{row.region:.3g}",
        }
        for row in sizes.itertuples()
    )


def ergodic_terms(
    ratio: float, bubble: int, length: int, isolated: float, exponents: Sequence[float]
) -> pd.DataFrame:
    """The two readings of the p-term of Eq. (6) against distance: as printed, and bounded."""
    distance = np.linspace(0, length / 2, 97)
    xi = ratio * CRITICAL_LENGTH
    dimension = avalanche.effective_dimension(distance, xi, bubble, length)
    return pd.concat(
        pd.DataFrame(
            {
                "exponent": exponent,
                "distance": distance,
                "printed": dimension**-exponent,
                "bounded": avalanche.mean_purity(
                    distance, xi, 1.0, bubble, length, isolated, exponent
                ) - 0.5,
            }
        )
        for exponent in exponents
    )  # fmt: skip


def regimes(
    ratios: Sequence[float],
    p: float,
    bubble: int,
    lengths: Sequence[int],
    isolated: float,
    exponents: Sequence[float],
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i of Eq. (6) on every site of half the chain, and without avalanches."""
    rows = []
    for exponent in exponents:
        for length in lengths:
            distance = np.arange(length // 2)
            for ratio in ratios:
                xi = ratio * CRITICAL_LENGTH
                values = [
                    isolated
                    - avalanche.mean_purity(distance, xi, q, bubble, length, isolated, exponent)
                    for q in (p, 0.0)
                ]
                rows.append(
                    pd.DataFrame(
                        {
                            "exponent": exponent, "length": length, "ratio": ratio,
                            "distance": distance, "difference": values[0], "without": values[1],
                        }
                    )
                )  # fmt: skip
    return pd.concat(rows)


# Eq. (6) against the data


def middle_purity(model: Model, data: xr.Dataset) -> Estimate:
    """gamma_XXZ: mean purity of the middle sites of an isolated chain."""
    entropy = data.linear_entropy.values @ middle_weights(model.length)
    return statistics.bootstrap(
        lambda m: 1 - m, entropy, counts=data.states.values, seed=seed_of(model)
    )


def responses(*ensembles: Ensembles) -> dict[Model, tuple[Estimate, Estimate]]:
    """gamma_XXZ(L + 2), and gamma_XXZ(L + 2) - gamma_i, of every bubble that has its chain."""
    found = merged(*ensembles)
    pairs = {}
    for model, data in found.items():
        chain = Model(model.length + 2, model.disorder)
        if model.bubble and chain in found:
            isolated = middle_purity(chain, found[chain])
            gamma = statistics.purity_by_distance(
                data.linear_entropy.values, data.states.values, seed=seed_of(model)
            )
            pairs[model] = isolated, statistics.combine(np.subtract, isolated, gamma)
    return dict(sorted(pairs.items(), key=lambda pair: (pair[0].length, pair[0].disorder)))


def avalanche_fits(
    *ensembles: Ensembles, exponents: Sequence[float] = (1.0, 0.5), first: int = 1
) -> pd.DataFrame:
    """Fit of xi and p of Eq. (6) to gamma_XXZ - gamma_i, for each bubble and exponent.

    `first` is the distance that the site next to the bubble counts as. Correlations along the
    chain are in the covariance. Intervals, 68 %, are where the profile of chi2 over the other
    parameter stays within 1 of its minimum: p ends at 0 and 1, so a standard error would mean
    little. `below` and `above` are the least chi2 with xi < xi_* and with xi >= xi_*.
    """
    columns = [
        "length", "disorder", "exponent", "xi", "xi_low", "xi_high", "p", "p_low", "p_high",
        "chi2", "degrees", "probability", "below", "above",
    ]  # fmt: skip
    rows = []
    for model, (isolated, response) in responses(*ensembles).items():
        for exponent in exponents:
            fit = fit_avalanche(response, float(isolated.value), model, exponent, first)
            rows.append({"length": model.length, "disorder": model.disorder} | fit)
    return pd.DataFrame(rows, columns=columns)


XI = np.geomspace(0.05, 20, 241)  # where chi2 is scanned, in sites
P = np.linspace(0, 1, 201)


def fit_avalanche(
    response: Estimate, isolated: float, model: Model, exponent: float, first: int
) -> dict[str, float]:
    """One row of `avalanche_fits`, by a scan of chi2 for the start and the profiles, and Minuit."""
    distance = first + np.arange(response.value.size)
    factor = linalg.cholesky(response.covariance, lower=True)

    def prediction(xi: ArrayLike, p: ArrayLike) -> Array:
        gamma = avalanche.mean_purity(
            distance, xi, p, model.bubble, model.length, isolated, exponent
        )
        return isolated - gamma

    def chi2(xi: float, p: float) -> float:
        return np.square(
            linalg.solve_triangular(factor, response.value - prediction(xi, p), lower=True)
        ).sum()

    def scan(xi: Array, p: Array) -> Array:
        table = response.value - prediction(xi[:, None, None], p[:, None])
        flat = linalg.solve_triangular(factor, table.reshape(-1, distance.size).T, lower=True)
        return np.square(flat).sum(axis=0).reshape(xi.size, p.size)

    coarse = scan(XI, P)
    i, j = np.unravel_index(coarse.argmin(), coarse.shape)
    # the bound on the p-term puts kinks into chi2, so the profiles are scanned, not expanded
    xi = np.geomspace(max(XI[i] / 1.3, XI[0]), min(XI[i] * 1.3, XI[-1]), 241)
    p = np.linspace(max(P[j] - 0.2, 0), min(P[j] + 0.2, 1), 161)
    fine = scan(xi, p)
    i, j = np.unravel_index(fine.argmin(), fine.shape)
    minuit = Minuit(chi2, xi=xi[i], p=p[j])
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [(XI[0], XI[-1]), (0, 1)]
    minuit.migrad()
    best, least = minuit.values.to_dict(), float(minuit.fval)
    if least > fine.min():
        best, least = {"xi": float(xi[i]), "p": float(p[j])}, float(fine.min())
    intervals = {}
    for name, grids, axis in (("xi", (XI, xi), 1), ("p", (P, p), 0)):
        tables = (coarse, fine)
        within = [g[t.min(axis=axis) <= least + 1] for g, t in zip(grids, tables, strict=True)]
        within = np.concatenate([*within, [best[name]]])
        intervals |= {
            name: best[name],
            f"{name}_low": float(within.min()),
            f"{name}_high": float(within.max()),
        }
    degrees = distance.size - 2
    rows = coarse.min(axis=1)
    below, above = (
        min(float(rows[side].min()), least if inside else np.inf)
        for side, inside in (
            (XI < CRITICAL_LENGTH, best["xi"] < CRITICAL_LENGTH),
            (XI >= CRITICAL_LENGTH, best["xi"] >= CRITICAL_LENGTH),
        )
    )
    return {"exponent": exponent} | intervals | {
        "chi2": least,
        "degrees": degrees,
        "probability": float(stats.chi2.sf(least, degrees)),
        "below": below,
        "above": above,
    }  # fmt: skip


def regime(fit) -> str:
    """What a row of `avalanche_fits` says of the regime."""
    if fit.probability < REJECTED:
        return "rejected"
    if fit.p_high < 0.01:
        return "no avalanche"
    if abs(fit.below - fit.above) < CLEAR:
        return "not decidable"
    return "II" if fit.below < fit.above else "I"


def readable_fits(fits: pd.DataFrame) -> pd.DataFrame:
    """Fits as the page shows them."""

    def ranged(value: float, low: float, high: float) -> str:
        return f"{value:.2f} ({low:.2f} … {high:.2f})"

    unit = CRITICAL_LENGTH
    return pd.DataFrame(
        {
            "$L$": row.length,
            "$W~(J)$": f"{row.disorder:g}",
            r"$\xi/\xi_*$": ranged(row.xi / unit, row.xi_low / unit, row.xi_high / unit),
            "$p$": ranged(row.p, row.p_low, row.p_high),
            r"$\chi^2/\mathrm{dof}$": f"{row.chi2:.1f}/{row.degrees}",
            r"$\chi^2_\mathrm{I} - \chi^2_\mathrm{II}$": f"{row.above - row.below:.1f}".replace(
                "-", "−"
            ),
            "regime": regime(row),
        }
        for row in fits.itertuples()
    )


def tally(fits: pd.DataFrame) -> dict[str, int]:
    """How many fits there are and how many say what."""
    said = [regime(row) for row in fits.itertuples()]
    return {
        "fits": len(said),
        "rejected": said.count("rejected"),
        "undecided": said.count("not decidable"),
        "first": said.count("I"),
        "second": said.count("II"),
    }


def fit_texts(fits: pd.DataFrame) -> dict[str, str]:
    """What the fits say, as parts of sentences."""
    counts = tally(fits)
    good = fits[fits.probability >= REJECTED]
    texts = {name: str(count) for name, count in counts.items()}
    texts["acceptable"] = str(len(good))
    if good.empty:
        return texts | dict.fromkeys(("where", "xi_range", "p_range"), "nowhere")
    low, high = good.disorder.min(), good.disorder.max()
    ratio = good.xi / CRITICAL_LENGTH
    return texts | {
        "where": f"{low:g} … {high:g}" if low < high else f"{low:g}",
        "xi_range": f"{ratio.min():.2f} … {ratio.max():.2f}",
        "p_range": f"{good.p.min():.2f} … {good.p.max():.2f}",
    }


def first_site(*ensembles: Ensembles) -> dict[str, str]:
    """What the site next to the bubble says of xi, whatever p, as texts.

    At distance 1, Eq. (6) leaves at least e^{-1/xi} of gamma_XXZ - 1/2 as the response in an
    ergodic sample and in any other, so the measured share bounds xi from above.
    """
    shares = {
        model: float(response.value[0] / (isolated.value - 0.5))
        for model, (isolated, response) in responses(*ensembles).items()
    }
    if not shares:
        return dict.fromkeys(("share_range", "bound_range"), UNKNOWN)
    low, high = np.clip([min(shares.values()), max(shares.values())], 1e-6, 1 - 1e-6)
    bounds = [-1 / np.log(share) / CRITICAL_LENGTH for share in (low, high)]
    return {
        "share_range": f"{low:.2f} … {high:.2f}",
        "bound_range": f"{bounds[0]:.2f} … {bounds[1]:.2f}",
    }


def avalanche_curves(
    fits: pd.DataFrame, *ensembles: Ensembles, first: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measured gamma_XXZ - gamma_i with errors, and the fitted curves."""
    points, curves = [], []
    for model, (isolated, response) in responses(*ensembles).items():
        place = {"length": model.length, "disorder": model.disorder}
        distance = first + np.arange(response.value.size)
        points.append(
            pd.DataFrame(
                place
                | {"distance": distance, "difference": response.value, "error": response.error}
            )
        )
        mine = (fits.length == model.length) & (fits.disorder == model.disorder)
        fine = np.linspace(distance[0], distance[-1], 61)
        for fit in fits[mine].itertuples():
            gamma = avalanche.mean_purity(
                fine, fit.xi, fit.p, model.bubble, model.length, float(isolated.value), fit.exponent
            )
            curves.append(
                pd.DataFrame(
                    place
                    | {
                        "exponent": fit.exponent,
                        "rejected": fit.probability < REJECTED,
                        "distance": fine,
                        "difference": float(isolated.value) - gamma,
                    }
                )
            )
    columns = ["length", "disorder", "distance", "difference"]
    return (
        pd.concat(points) if points else pd.DataFrame(columns=[*columns, "error"]),
        pd.concat(curves) if curves else pd.DataFrame(columns=[*columns, "exponent", "rejected"]),
    )


def centre_entropies(data: xr.Dataset) -> Array:
    """Linear entropy per realization at the sites farthest from both ends, shape (R,)."""
    entropy = data.linear_entropy.values.astype(float)
    middle = (entropy.shape[1] - 1) // 2
    return np.clip((entropy[:, middle] + entropy[:, -1 - middle]) / 2, 0, 0.5)


def mixtures(*ensembles: Ensembles, length: int, resamples: int = 60) -> pd.DataFrame:
    """Two-component mixture of the central sites' linear entropies, with and without bubble.

    Of the chains of this length with a bubble, and isolated ones two sites longer. The weight has
    an error only where there are two components: else it means nothing.
    """
    columns = [
        "bubble", "length", "disorder", "realizations", "fraction", "error", "thermal",
        "localized", "bic", "separation", "decidable",
    ]  # fmt: skip
    rows = []
    for model, data in merged(*ensembles).items():
        entropy = centre_entropies(data)
        if model.length != length + 2 * (model.bubble == 0) or len(entropy) < 20:
            continue
        found = statistics.mixture(entropy, resamples=2, seed=seed_of(model))
        if found.decidable:
            found = statistics.mixture(entropy, resamples=resamples, seed=seed_of(model))
        rows.append(
            [
                model.bubble, model.length, model.disorder, len(entropy),
                float(found.fraction.value), float(found.fraction.error), *found.means,
                found.bic, found.separation, found.decidable,
            ]
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["disorder", "length", "bubble"]).reset_index(drop=True)


def readable_mixtures(mixtures: pd.DataFrame) -> pd.DataFrame:
    """Mixtures as the page shows them; a fraction only where there are two components."""
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            "system": f"bubble, $L={row.length}$" if row.bubble else f"isolated, $L={row.length}$",
            "realizations": row.realizations,
            "BIC for two": f"{row.bic:z.0f}".replace("-", "−"),
            "separation": f"{row.separation:.1f}",
            "fraction $p$": number(row.fraction, row.error) if row.decidable else "–",
            r"$\gamma$ of the two": f"{1 - row.thermal:.2f}, {1 - row.localized:.2f}",
        }
        for row in mixtures.itertuples()
    )


def mixture_texts(mixtures: pd.DataFrame) -> dict[str, str]:
    """Whether a fraction p can be read off, as parts of sentences."""
    bubble = mixtures[mixtures.bubble > 0]
    isolated = mixtures[mixtures.bubble == 0]
    texts = {
        "with_bubble": str(len(bubble)),
        "two_with": str(int(bubble.decidable.sum())),
        "isolated": str(len(isolated)),
        "two_without": str(int(isolated.decidable.sum())),
    }
    if bubble.empty:
        return texts | {"verdict": "cannot be told before the ensembles are computed"}
    if not bubble.decidable.any():
        return texts | {"verdict": "is not decidable from the purities of these samples"}
    if isolated.decidable.any():
        words = "is not what the two components measure: isolated chains have two as well"
        return texts | {"verdict": words}
    return texts | {"verdict": "can be read off where the table has two components"}


# The expansion against exact diagonalization


def flippable(configuration: ArrayLike) -> Array:
    """Which bonds join opposite spins, shape (..., L - 1)."""
    return np.diff(configuration) != 0


def generator(hamiltonian: Hamiltonian) -> Array:
    """A of Eq. (11) as a matrix: V_jk / (E_k - E_j), from the Hamiltonian itself; no unit."""
    matrix = hamiltonian.matrix.toarray()
    energies = np.diag(matrix)
    gaps = energies[None, :] - energies[:, None]
    hopping = matrix - np.diag(energies)
    return np.divide(hopping, gaps, out=np.zeros_like(gaps), where=hopping != 0)


def strongest(hamiltonian: Hamiltonian) -> int:
    """The configuration whose bonds are farthest from resonance, among those with most of them."""
    weight = np.square(generator(hamiltonian))
    bonds = (weight > 0).sum(axis=1)
    return int(np.where(bonds == bonds.max(), weight.max(axis=1), np.inf).argmin())


def admixtures(model: Model, index: int = 0) -> pd.DataFrame:
    """The components of one eigenstate on the flipped configurations, bond by bond.

    `exact` is by diagonalization, `matrix` is -<eta|A|eta'> of Eq. (11) from the Hamiltonian,
    `formula` the same from Eq. (12) as corrected, `printed` from Eq. (12) as it stands.
    """
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    start = strongest(hamiltonian)
    eta = 2 * spins[start]
    states = Dense()(hamiltonian, hamiltonian.dimension).states
    state = states[:, np.abs(states[start]).argmax()]
    ising = model.anisotropy / 4
    formula = -perturbation.admixture(sample.fields / 2, eta, 0.5, ising)
    padded = np.pad(eta, 1)
    slope = 4 * np.diff(sample.fields / 2) + 2 * ising * (padded[3:] - padded[:-3])
    printed = -0.5 * np.diff(eta) / slope
    rows = []
    for bond in np.flatnonzero(flippable(eta)):
        flipped = eta.copy()
        flipped[[bond, bond + 1]] *= -1
        (other,) = np.flatnonzero((2 * spins == flipped).all(axis=1))
        rows.append(
            {
                "bond": f"{bond}, {bond + 1}",
                "exact": state[other] / state[start],
                "matrix": -generator(hamiltonian)[start, other],
                "formula": formula[bond],
                "printed": printed[bond],
            }
        )
    return pd.DataFrame(rows)


def readable_admixtures(table: pd.DataFrame) -> pd.DataFrame:
    """Admixtures as the page shows them."""
    names = {
        "bond": "bond",
        "exact": "exact",
        "matrix": "Eq. (11)",
        "formula": "Eq. (12), corrected",
        "printed": "Eq. (12), printed",
    }
    signed = table.map(lambda x: x if isinstance(x, str) else f"{x:+.5f}".replace("-", "−"))
    return signed[[*names]].rename(columns=names)


def exponentials(length: int, disorders: Sequence[float], index: int = 0) -> pd.DataFrame:
    """e^A and e^{iA} on a configuration: excess of the norm over 1, weight off the eigenstate."""
    rows = []
    for disorder in disorders:
        # one draw of fields, scaled: all detunings are multiples of those at W = 1
        unit = draw(Model(length, 1.0), SEED, index).fields
        model = Model(length, disorder)
        hamiltonian = build(draw(model, SEED, index, fields=disorder * unit))
        start = strongest(hamiltonian)
        states = Dense()(hamiltonian, hamiltonian.dimension).states
        state = states[:, np.abs(states[start]).argmax()]
        row = {"disorder": disorder}
        for name, factor in (("real", 1), ("imaginary", 1j)):
            built = linalg.expm(factor * generator(hamiltonian))[:, start]
            norm = np.linalg.norm(built)
            row |= {
                f"{name}_norm": abs(norm - 1),
                f"{name}_off": 1 - abs(np.vdot(state, built)) ** 2 / norm**2,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def readable_exponentials(table: pd.DataFrame) -> pd.DataFrame:
    """Exponentials as the page shows them."""
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            r"$e^A$: norm $-\,1$": _power(row.real_norm),
            "$e^A$: weight off the eigenstate": _power(row.real_off),
            r"$e^{iA}$: norm $-\,1$": _power(row.imaginary_norm),
            "$e^{iA}$: weight off the eigenstate": _power(row.imaginary_off),
        }
        for row in table.itertuples()
    )


def _power(value: float, plain: int = 0) -> str:
    """A number in words of ten, from so many digits on; rounding errors are called 0."""
    if abs(value) < 1e-13:
        return "0"
    if 1 <= abs(value) < 10**plain:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return rf"${mantissa}\times 10^{{{int(exponent)}}}$"


def printed_purity(fields: ArrayLike, configuration: ArrayLike, hopping: float, ising: float):
    """P_i of Eq. (19) exactly as printed, shape (..., L); a neighbour beyond the ends counts 0."""
    fields, eta = np.broadcast_arrays(np.asarray(fields, float), np.asarray(configuration, float))
    padded = np.pad(eta, [(0, 0)] * (eta.ndim - 1) + [(1, 1)])
    slope = np.diff(fields) + 2 * ising * (padded[..., 3:] - padded[..., :-3])
    bracket = np.square(hopping * np.diff(eta) / slope)
    purity = np.ones_like(eta)
    purity[..., :-1] -= 2 * bracket
    purity[..., 1:] += 2 * bracket
    return purity


def resolved_loss(fields: ArrayLike, configuration: ArrayLike, anisotropy: float) -> Array:
    """1 - gamma_i of the chain of Eq. (2) with every flippable bond solved as two levels.

    A bond of detuning D (chain units) costs (1/2) / (1 + D^2) where `chain_purity` has 1/2D^2:
    the same far from resonance, and never more than 1/2. Shape (..., L).
    """
    detuning = 2 * perturbation.detuning(np.asarray(fields) / 2, configuration, anisotropy / 4)
    bond = np.where(flippable(configuration), 0.5 / (1 + detuning**2), 0.0)
    loss = np.zeros(bond.shape[:-1] + (bond.shape[-1] + 1,))
    loss[..., :-1] += bond
    loss[..., 1:] += bond
    return loss


def expansion(
    length: int, disorders: Sequence[float], realizations: int, threshold: float = 5.0
) -> pd.DataFrame:
    """Purities of all eigenstates of small open chains against the expansion.

    An eigenstate belongs to the configuration that has more than half of its weight; `matched` is
    the share that has one. Typical values are medians over the sites with a flippable bond, of
    all matched states of a realization; then the geometric mean over realizations. `clear` ones
    take only states whose flippable bonds all have a detuning above `threshold`, units of J.
    `mean` is over all states and sites.
    """
    rows = []
    for disorder in disorders:
        model = Model(length, disorder)
        found = [_expansion(model, index, threshold) for index in range(realizations)]
        row = {"length": length, "disorder": disorder, "realizations": realizations}
        for name in found[0]:
            values = np.array([one[name] for one in found])
            values = values[np.isfinite(values)]
            seed = seed_of(model)
            if name in MEANS:
                estimate = statistics.mean(values, seed=seed)
            else:
                estimate = statistics.bootstrap(np.exp, np.log(values), seed=seed)
            row |= {name: float(estimate.value), f"{name}_error": float(estimate.error)}
        rows.append(row)
    return pd.DataFrame(rows)


MEANS = ("matched", "mean", "mean_resolved")  # columns of `expansion` that are plain means


def _expansion(model: Model, index: int, threshold: float) -> dict[str, float]:
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    weights = np.square(pairs.states)
    matched = weights.max(axis=0) > 0.5
    eta = 2 * spins[weights.argmax(axis=0)]
    exact = 1 - purities(magnetizations(hamiltonian, pairs))
    bonds = flippable(eta)
    touched = np.zeros(eta.shape, bool)
    touched[:, :-1] |= bonds
    touched[:, 1:] |= bonds
    detuning = 2 * perturbation.detuning(sample.fields / 2, eta, model.anisotropy / 4)
    far = np.where(bonds, np.abs(detuning), np.inf).min(axis=1) > threshold
    second = 1 - perturbation.chain_purity(sample.fields, eta, model.anisotropy)
    ising = model.anisotropy / 4
    as_printed = (1 - printed_purity(sample.fields / 2, eta, 0.5, ising)) / 2
    every = touched & matched[:, None]
    clear = touched & (matched & far)[:, None]

    def middle(values: Array, where: Array) -> float:
        return float(np.median(values[where])) if where.any() else np.nan

    return {
        "matched": matched.mean(),
        "typical": middle(exact, every),
        "typical_second": middle(second, every),
        "error": middle(np.abs(second - exact), every),
        "clear_error": middle(np.abs(second - exact), clear),
        "printed_error": middle(np.abs(as_printed - exact), clear),
        "mean": exact.mean(),
        "mean_resolved": resolved_loss(sample.fields, 2 * spins, model.anisotropy).mean(),
    }


def prefactors(length: int, disorder: float) -> pd.DataFrame:
    """Losses as printed over exact ones, at sites with one flippable bond; no interaction.

    Medians over all matched states of one sample, apart for the right bond (i, i+1) and the left.
    """
    model = Model(length, disorder, anisotropy=0.0)
    sample = draw(model, SEED, 0)
    hamiltonian = build(sample)
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    weights = np.square(pairs.states)
    eta = 2 * hamiltonian.pattern.spins[weights.argmax(axis=0)]
    spin = 2 * magnetizations(hamiltonian, pairs)
    bonds = np.pad(flippable(eta), [(0, 0), (1, 1)])
    left, right = bonds[:, :-1], bonds[:, 1:]
    matched = weights.max(axis=0)[:, None] > 0.5
    sides = {"right": right & ~left & matched, "left": left & ~right & matched}
    fields = sample.fields / 2
    nineteen = 1 - printed_purity(fields, eta, 0.5, 0.0)
    exact = {"Z": 1 - eta * spin, "P": 1 - spin**2}
    lost = 1 - perturbation.purity_pauli(fields, eta, 0.5, 0.0)
    printed = {
        # Eq. (16) is half of the brackets of Eq. (19), times -2 eta_i, all with one sign
        "$1 - \\eta_i\\langle\\sigma^z_i\\rangle$, Eq. (16)": (np.abs(nineteen), exact["Z"]),
        "$1 - P_i$, Eq. (19)": (nineteen, exact["P"]),
        # Eq. (21) has 4 where `free_purity_pauli` has 1/2
        "$1 - P_i$, Eq. (21)": (
            8 * (1 - perturbation.free_purity_pauli(fields, eta, 0.5)), exact["P"],
        ),
        "$1 - P_i$, this book": (lost, exact["P"]),
    }  # fmt: skip
    return pd.DataFrame(
        {"formula": name}
        | {side: float(np.median(a[where] / b[where])) for side, where in sides.items()}
        for name, (a, b) in printed.items()
    )


def readable_prefactors(table: pd.DataFrame) -> pd.DataFrame:
    """Prefactors as the page shows them."""
    return pd.DataFrame(
        {
            "formula": row.formula,
            "over exact, right bond": f"{row.right:.2f}".replace("-", "−"),
            "over exact, left bond": f"{row.left:.2f}".replace("-", "−"),
        }
        for row in table.itertuples()
    )


def expansion_texts(table: pd.DataFrame) -> dict[str, str]:
    """Shares, powers of W and the weakest disorder at which the expansion holds, for the text."""
    first, last = table.iloc[0], table.iloc[-1]
    good = table[table.error < 0.1 * table.typical]
    return {
        "weakest": f"{first.disorder:g}",
        "strongest": f"{last.disorder:g}",
        "matched_weak": f"{100 * first.matched:.0f} %",
        "matched_strong": f"{100 * last.matched:.1f} %",
        "error_power": f"{local_slope(table, 'error'):.1f}".replace("-", "−"),
        "printed_power": f"{local_slope(table, 'printed_error'):.1f}".replace("-", "−"),
        "mean_power": number(
            local_slope(table, "mean"),
            float(np.hypot(*(table.mean_error / table["mean"]).iloc[-2:]))
            / np.log(last.disorder / table.disorder.iloc[-2]),
        ),
        "good_from": f"{good.disorder.min():g}" if len(good) else "none of these",
    }


def local_slope(table: pd.DataFrame, column: str) -> float:
    """Power of W between the two largest disorders of a column."""
    last = table.sort_values("disorder").iloc[-2:]
    return float(np.diff(np.log(last[column]))[0] / np.diff(np.log(last.disorder))[0])


# What conservation of S^z alone correlates


def sector(length: int) -> Array:
    """All configurations with S^z = 0 (even length) or +1/2 (odd), as rows of +1 and -1."""
    up = (length + 1) // 2
    chosen = np.array(list(combinations(range(length), up)))
    rows = -np.ones((len(chosen), length))
    np.put_along_axis(rows, chosen, 1.0, axis=1)
    return rows


def brackets(enumerated: Sequence[int], formula: Sequence[int] = ()) -> pd.DataFrame:
    """The bracket of Eq. (23) by brute force (nan where not), in closed form, and as printed."""
    rows = []
    for length in (*enumerated, *formula):
        counted = np.nan
        if length in enumerated:
            eta = sector(length)
            bonds = eta[:, [0, -2]] * eta[:, [1, -1]]
            counted = bonds.prod(axis=1).mean() - bonds.mean(axis=0).prod()
        rows.append(
            {
                "length": length,
                "counted": counted,
                "exact": perturbation.correlation_bracket(length),
                "printed": 2 / length**2,
            }
        )
    return pd.DataFrame(rows)


def readable_brackets(table: pd.DataFrame) -> pd.DataFrame:
    """Brackets as the page shows them."""
    return pd.DataFrame(
        {
            "$L$": row.length,
            "counted": f"{row.counted:.6f}" if np.isfinite(row.counted) else "–",
            "closed form": f"{row.exact:.6f}",
            "$2/L^2$": f"{row.printed:.6f}",
            "closed form over $2/L^2$": f"{row.exact / row.printed:.2f}",
        }
        for row in table.itertuples()
    )


def tails(lengths: Sequence[int], disorders: Sequence[float]) -> pd.DataFrame:
    """C(r -> infinity) of conservation alone: at fixed disorder (nan for W), and averaged."""
    rows = []
    for length in lengths:
        rows.append({"length": length, "disorder": np.nan, "C": perturbation.pearson_tail(length)})
        rows += [
            {"length": length, "disorder": w, "C": perturbation.averaged_tail(length, w)}
            for w in disorders
        ]
    return pd.DataFrame(rows)


def tail_limits(length: int, disorder: float) -> dict[str, float]:
    """The tail over its large-W law sqrt(2) pi / W (L-1)(L-3), and its power of W there."""
    law = np.sqrt(2) * np.pi / (disorder * (length - 1) * (length - 3))
    here, double = (perturbation.averaged_tail(length, w) for w in (disorder, 2 * disorder))
    return {"ratio": here / law, "power": float(np.log2(double / here))}


def small_chain_correlations(
    length: int,
    disorders: Sequence[float],
    realizations: int,
    anisotropies: Sequence[float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Correlation of gamma_0 and gamma_r over all eigenstates of small open chains.

    `fixed` is the Pearson coefficient of one realization, mean over realizations; `averaged` that
    over states and realizations, without the covariance of the realizations' means, which is zero
    for distant sites because their fields are independent, and would only add noise. `expected`
    is `perturbation.pearson_tail` with the couplings of each realization's own bonds, for r >= 3.
    """
    rows = []
    for anisotropy in anisotropies:
        for disorder in disorders:
            model = Model(length, disorder, anisotropy=anisotropy)
            moments = np.array([_moments(model, index) for index in range(realizations)])
            seed = seed_of(model)
            fixed = statistics.mean(moments[:, 0], seed=seed)
            averaged = averaged_correlation(*np.moveaxis(moments[:, 1:], 1, 0), seed=seed)
            rows.append(
                pd.DataFrame(
                    {
                        "length": length, "anisotropy": anisotropy, "disorder": disorder,
                        "distance": np.arange(length), "realizations": realizations,
                        "fixed": fixed.value, "fixed_error": fixed.error,
                        "expected": _expected_tails(model, realizations),
                        "averaged": averaged.value, "averaged_error": averaged.error,
                    }
                )
            )  # fmt: skip
    return pd.concat(rows)


def _expected_tails(model: Model, realizations: int) -> Array:
    """Mean over realizations of the fixed-disorder tail at every site; nan for r < 3."""
    tails = np.full((realizations, model.length), np.nan)
    for index, row in enumerate(tails):
        fields = draw(model, SEED, index).fields
        coupling = np.append(1 / (1 + np.diff(fields) ** 2), 0.0)  # the last site has no right bond
        row[3:] = [
            perturbation.pearson_tail(model.length, coupling[r - 1], coupling[r])
            for r in range(3, model.length)
        ]
    return tails.mean(axis=0)


def _moments(model: Model, index: int) -> Array:
    """Coefficient, covariance with site 0, first and second moment, shape (4, L)."""
    hamiltonian = build(draw(model, SEED, index))
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    entropy = 1 - purities(magnetizations(hamiltonian, pairs))
    deviation = entropy - entropy.mean(axis=0)
    covariance = deviation[:, 0] @ deviation / len(deviation)
    width = np.sqrt(np.square(deviation).mean(axis=0))
    return np.array(
        [
            covariance / (width[0] * width),
            covariance,
            entropy.mean(axis=0),
            np.square(entropy).mean(axis=0),
        ]
    )


def averaged_correlation(
    covariance: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    counts: ArrayLike | None = None,
    seed: int = 0,
) -> Estimate:
    """Mean covariance within realizations over the variances of all states, shape (L,).

    Arrays, shape (R, L): covariance with site 0, first and second moment of 1 - gamma_i.
    """

    def coefficient(covariance: Array, first: Array, second: Array) -> Array:
        variance = second - first**2
        return covariance / np.sqrt(variance[:, :1] * variance)

    return statistics.bootstrap(coefficient, covariance, first, second, counts=counts, seed=seed)


def ensemble_tails(*ensembles: Ensembles) -> pd.DataFrame:
    """C at r = L/2 of cached ensembles against what conservation alone leaves there.

    `full` is Eq. (7); `within` leaves out the covariance of the realizations' means, as in
    `small_chain_correlations`; `conserved` is `perturbation.averaged_tail`.
    """
    columns = [
        "bubble", "length", "disorder", "realizations", "full", "full_error", "within",
        "within_error", "conserved",
    ]  # fmt: skip
    rows = []
    for model, data in merged(*ensembles).items():
        first = data.linear_entropy.values.astype(float)
        covariance = data.linear_entropy_covariance.values.astype(float)
        second = data.linear_entropy_variance.values + first**2
        product = covariance + first[:, [0, -1], None] * first[:, None, :]
        counts, seed = data.states.values, seed_of(model)
        full = statistics.purity_correlation(first, second, product, counts, seed=seed)
        within = averaged_correlation(
            0.5 * (covariance[:, 0] + covariance[:, 1, ::-1]),
            0.5 * (first + first[:, ::-1]),
            0.5 * (second + second[:, ::-1]),
            counts=counts,
            seed=seed,
        )
        r = model.length // 2
        rows.append(
            [
                model.bubble, model.length, model.disorder, len(first),
                float(full.value[r]), float(full.error[r]),
                float(within.value[r]), float(within.error[r]),
                perturbation.averaged_tail(model.length, model.disorder),
            ]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values(["bubble", "disorder", "length"])


def tail_texts(table: pd.DataFrame, sure: float = 3.0) -> dict[str, str]:
    """In how many ensembles C(L/2) exceeds what conservation alone leaves, as texts.

    Counted: those of W >= 4, where the chain is not ergodic; excess by `sure` standard errors.
    """
    strong = table[table.disorder >= 4]
    above = strong.within - strong.conserved > sure * strong.within_error
    texts = {}
    for name, with_bubble in (("chain", False), ("bubble", True)):
        mine = (strong.bubble > 0) == with_bubble
        disorders = strong.disorder[mine & above]
        texts[f"{name}_count"] = str(int(mine.sum()))
        texts[f"{name}_above"] = str(int((mine & above).sum()))
        texts[f"{name}_until"] = f"{disorders.max():g}" if len(disorders) else "none"
    return texts


def small_tail_texts(small: pd.DataFrame, length: int) -> dict[str, str]:
    """C at r = L/2 of small chains at fixed disorder, for both anisotropies, beside theory."""
    texts = {"fixed_tail": f"{perturbation.pearson_tail(length):.4f}"}
    at = small[(small.length == length) & (small.distance == length // 2)]
    for row in at[at.disorder == at.disorder.max()].itertuples():
        name = "free" if row.anisotropy == 0 else "interacting"
        texts[f"{name}_tail"] = number(row.fixed, row.fixed_error)
        if row.anisotropy == 0:
            texts["expected_tail"] = f"{row.expected:.4f}"
    return texts


def readable_tails(table: pd.DataFrame) -> pd.DataFrame:
    """Tails as the page shows them."""
    return pd.DataFrame(
        {
            "system": "bubble" if row.bubble else "isolated",
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.length,
            "$C(L/2)$, Eq. (7)": number(row.full, row.full_error),
            "within realizations": number(row.within, row.within_error),
            "conservation alone": f"{row.conserved:.4f}",
        }
        for row in table.itertuples()
    )
