"""The chapter on avalanches: the theory in numbers, and its formula fitted to the purities."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import optimize

from inclusions import avalanche, estimates, statistics, text
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.claims.criteria import CHANCE, OPEN, REJECTED, SURE, regime, two_components
from inclusions.estimates import seed_of
from inclusions.model import Model
from inclusions.statistics import Estimate
from inclusions.tables import Ensembles, entry, frame, merged, points, valued
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column

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


def reaches(bubble: int, lengths: Sequence[int]) -> pd.DataFrame:
    """Distance l_c against xi/xi_*, for these chains, the infinite one (0), and as printed (-1)."""
    ratio = np.linspace(0.02, 1.2, 473)
    xi = ratio * CRITICAL_LENGTH
    curves = {n: avalanche.thermalized_distance(xi, bubble, n) for n in lengths}
    curves |= {
        0: avalanche.thermalized_distance(xi, bubble),
        -1: avalanche.printed_distance(xi, bubble),
    }
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
            ("printed exponent", float(avalanche.printed_distance(xi, bubble))),
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


CHECKS = (
    Column("ratio", r"$\xi/\xi_*$", "g"),
    Column("kind", r"$\ell_c$ with the"),
    Column("reach", r"$\ell_c$", ".2f"),
    Column("resonance", "ratio there", ".3g"),
    Column("dimension", r"$n_\mathrm{GOE}\,4^{\ell_c}$", lambda d: text.power(d, 2, 4)),
    Column("stated", r"$n_\mathrm{GOE}^{1/(1-\xi/\xi_*)}$", lambda d: text.power(d, 2, 4)),
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


SIZES = (
    LENGTH,
    Column("length", "$L/2$", lambda length: f"{length / 2:g}"),
    Column("swallows", r"crosses from $\xi/\xi_*=$", ".3f"),
    Column("dimension", r"then $d_\mathrm{therm}=$", ".0f"),
    Column("centre", r"$d_\mathrm{eff}(L/2)$ at $\xi_*$", ".3g"),
    Column("reach", r"$\ell_c$ at $\xi_*/2$", ".3g"),
    Column("region", r"$d_\mathrm{therm}$ at $\xi_*/2$", ".3g"),
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


class Response(NamedTuple):
    """What a bubble does to its chain, and the two ensembles that tell it."""

    isolated: float  # gamma_XXZ of the open chain of L + 2
    deficit: Estimate  # gamma_XXZ - gamma_i
    ensembles: tuple[tuple[Model, xr.Dataset], tuple[Model, xr.Dataset]]


def responses(*ensembles: Ensembles) -> dict[Model, Response]:
    """The response of every bubble that has its chain of L + 2."""
    found = merged(*ensembles)
    probes = {model: data for model, data in found.items() if model.bubble}
    chains = {m: data for m, data in found.items() if m.boundary == "open" and not m.bubble}
    pairs = {}
    for model, partner in estimates.partners(probes, chains):
        both = (model, found[model]), (partner, found[partner])
        isolated = float(estimates.purity(*both[1]).value)
        pairs[model] = Response(isolated, estimates.deficit(*both[0], *both[1]), both)
    return dict(sorted(pairs.items(), key=lambda pair: (pair[0].length, pair[0].disorder)))


def avalanche_fits(
    *ensembles: Ensembles, exponents: Sequence[float] = (1.0, 0.5), first: int = 1
) -> pd.DataFrame:
    """Fit of xi and p of Eq. (6) to gamma_XXZ - gamma_i, for each bubble and exponent.

    Columns are those of `avalanche.AvalancheFit`, and `regime`. Correlations along the chain are
    in the covariance.
    """
    rows = []
    for model, (isolated, deficit, both) in responses(*ensembles).items():
        for exponent in exponents:
            fit = avalanche.fit(
                deficit.value, deficit.covariance, isolated, model.bubble, model.length, exponent,
                first,
            )  # fmt: skip
            rows.append(
                entry(*both[0], both[1], exponent=exponent, isolated=isolated, regime=regime(fit))
                | fit._asdict()
            )
    return frame(rows, "exponent", "isolated", *avalanche.AvalancheFit._fields, "regime")


def _in_units(value: float, low: float, high: float) -> str:
    return text.ranged(*(length / CRITICAL_LENGTH for length in (value, low, high)))


FITS = (
    LENGTH,
    DISORDER,
    Column("xi xi_low xi_high", r"$\xi/\xi_*$", _in_units),
    Column("p p_low p_high", "$p$", text.ranged),
    Column("chi2 degrees", r"$\chi^2/\mathrm{dof}$", text.chi2),
    Column(
        "above below", r"$\chi^2_\mathrm{I} - \chi^2_\mathrm{II}$",
        lambda above, below: f"{above - below:.1f}".replace("-", "−"),
    ),
    Column("regime", "regime"),
)  # fmt: skip


def tally(fits: pd.DataFrame) -> dict[str, int]:
    """How many fits there are and how many say what."""
    said = list(fits.regime)
    return {
        "fits": len(said),
        "rejected": said.count(REJECTED),
        "undecided": said.count(OPEN),
        "first": said.count("I"),
        "second": said.count("II"),
    }


def fit_texts(fits: pd.DataFrame) -> dict[str, str]:
    """What the fits say, as parts of sentences."""
    good = fits[fits.regime != REJECTED]
    texts = {name: str(count) for name, count in tally(fits).items()}
    texts |= {"clear": f"{SURE**2:g}", "level": f"{100 * CHANCE:g}"}
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
    shares = [
        float(one.deficit.value[0] / (one.isolated - 0.5)) for one in responses(*ensembles).values()
    ]
    if not shares:
        return dict.fromkeys(("share_range", "bound_range"), UNKNOWN)
    low, high = np.clip([min(shares), max(shares)], 1e-6, 1 - 1e-6)
    bounds = [-1 / np.log(share) / CRITICAL_LENGTH for share in (low, high)]
    return {
        "share_range": f"{low:.2f} … {high:.2f}",
        "bound_range": f"{bounds[0]:.2f} … {bounds[1]:.2f}",
    }


def avalanche_curves(
    fits: pd.DataFrame, *ensembles: Ensembles, first: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measured gamma_XXZ - gamma_i with errors, and the fitted curves."""
    rows, curves = [], []
    for model, (isolated, deficit, both) in responses(*ensembles).items():
        rows += points(*both[0], "difference", deficit, both[1])
        mine = (fits.length == model.length) & (fits.disorder == model.disorder)
        fine = first + np.linspace(0, len(deficit.value) - 1, 61)
        for fit in fits[mine].itertuples():
            gamma = avalanche.mean_purity(
                fine, fit.xi, fit.p, model.bubble, model.length, isolated, fit.exponent
            )
            curves.append(
                pd.DataFrame(
                    {
                        "length": model.length, "disorder": model.disorder,
                        "exponent": fit.exponent, "distance": fine, "difference": isolated - gamma,
                        "rejected": fit.regime == REJECTED,
                    }
                )
            )  # fmt: skip
    measured = frame(rows, "distance", "difference", "error")
    measured["distance"] += first
    columns = ["length", "disorder", "exponent", "distance", "difference", "rejected"]
    return measured, pd.concat(curves) if curves else pd.DataFrame(columns=columns)


def mixtures(*ensembles: Ensembles, length: int, resamples: int = 60) -> pd.DataFrame:
    """Two-component mixture of the central sites' linear entropies, with and without bubble.

    Of the chains of this length with a bubble, and isolated ones two sites longer. The weight has
    an error only where there are two components: else it means nothing.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        entropy = estimates.centre_entropies(data)
        if model.length != length + 2 * (model.bubble == 0) or len(entropy) < 20:
            continue
        found = statistics.mixture(entropy, resamples=2, seed=seed_of(model))
        if two := two_components(found):
            found = statistics.mixture(entropy, resamples=resamples, seed=seed_of(model))
        rows.append(
            entry(
                model, data, thermal=found.means[0], localized=found.means[1], bic=found.bic,
                separation=found.separation, two=two,
            )
            | valued("fraction", found.fraction)
        )  # fmt: skip
    table = frame(rows, "fraction", "error", "thermal", "localized", "bic", "separation", "two")
    return table.sort_values(["disorder", "length", "bubble"]).reset_index(drop=True)


MIXTURES = (
    DISORDER,
    Column(
        "bubble length", "system",
        lambda bubble, length: f"{'bubble' if bubble else 'isolated'},\xa0L\xa0=\xa0{length}",
    ),
    Column("realizations", "realizations"),
    Column("bic", "BIC for two", "z.0f"),
    Column("separation", "separation", ".1f"),
    Column("two fraction error", "fraction $p$", text.unless),
    Column(
        "thermal localized", r"$\gamma$ of the two",
        lambda thermal, localized: f"{1 - thermal:.2f}, {1 - localized:.2f}",
    ),
)  # fmt: skip


def mixture_texts(mixtures: pd.DataFrame) -> dict[str, str]:
    """In how many ensembles there are two components, with bubble and without."""
    bubble = mixtures.bubble > 0
    two = mixtures.two.astype(bool)
    return {
        "with_bubble": str(int(bubble.sum())),
        "two_with": str(int((bubble & two).sum())),
        "isolated": str(int((~bubble).sum())),
        "two_without": str(int((~bubble & two).sum())),
    }
