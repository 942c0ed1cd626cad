"""The chapter on avalanches: the theory in numbers, and its formula fitted to the purities."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from iminuit import Minuit
from numpy.typing import ArrayLike
from scipy import linalg, optimize, stats

from inclusions import avalanche, statistics
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.model import Model
from inclusions.statistics import Array, Estimate
from inclusions.tables import UNKNOWN, Ensembles, merged, number, power, seed_of
from inclusions.tables.purities import middle_weights

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
            "ratio there": f"{row.resonance:.3g}",
            r"$n_\mathrm{GOE}\,4^{\ell_c}$": power(row.dimension, 2, 4),
            r"$n_\mathrm{GOE}^{1/(1-\xi/\xi_*)}$": power(row.stated, 2, 4),
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
            "system": f"{'bubble' if row.bubble else 'isolated'},\xa0L\xa0=\xa0{row.length}",
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
