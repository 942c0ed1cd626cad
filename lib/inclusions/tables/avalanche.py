"""The chapter on avalanches: the theory in numbers, and its formula fitted to the purities."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from inclusions import avalanche, estimates, statistics, text
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.claims.criteria import CHANCE, OPEN, REJECTED, SURE, regime, two_components
from inclusions.estimates import Pair, seed_of
from inclusions.model import Model
from inclusions.statistics import Estimate
from inclusions.tables import Ensembles, bubbles, entry, fewest, frame, merged, points, valued
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column

# The theory

CHECKS = (
    Column("ratio", r"$\xi/\xi_*$", "g"),
    Column("kind", r"$\ell_c$ with the"),
    Column("reach", r"$\ell_c$", ".2f"),
    Column("resonance", "ratio there", ".3g"),
    Column("dimension", r"$n_\mathrm{GOE}\,4^{\ell_c}$", lambda d: text.power(d, 2, 4)),
    Column("stated", r"$n_\mathrm{GOE}^{1/(1-\xi/\xi_*)}$", lambda d: text.power(d, 2, 4)),
)


SIZES = (
    LENGTH,
    Column("length", "$L/2$", lambda length: f"{length / 2:g}"),
    Column("swallows", r"crosses from $\xi/\xi_*=$", ".3f"),
    Column("dimension", r"then $d_\mathrm{therm}=$", ".0f"),
    Column("centre", r"$d_\mathrm{eff}(L/2)$ at $\xi_*$", ".3g"),
    Column("reach", r"$\ell_c$ at $\xi_*/2$", ".3g"),
    Column("region", r"$d_\mathrm{therm}$ at $\xi_*/2$", ".3g"),
)


# Eq. (6) against the data


class Response(NamedTuple):
    """What a bubble does to its chain, and the two ensembles that tell it."""

    isolated: float  # gamma_XXZ of the open chain of L + 2
    deficit: Estimate  # gamma_XXZ - gamma_i
    ensembles: tuple[Pair, Pair]


def responses(*ensembles: Ensembles) -> dict[Model, Response]:
    """The response of every bubble that has its chain of L + 2."""
    found = {}
    for probe, chain in bubbles(*ensembles):
        isolated = float(estimates.purity(*chain).value)
        found[probe[0]] = Response(isolated, estimates.deficit(*probe, *chain), (probe, chain))
    return dict(sorted(found.items(), key=lambda one: (one[0].length, one[0].disorder)))


def avalanche_fits(
    *ensembles: Ensembles, exponents: Sequence[float] = (1.0, 0.5), first: int = 1
) -> pd.DataFrame:
    """Fit of xi and p of Eq. (6) to gamma_XXZ - gamma_i, for each bubble and exponent.

    Columns are those of `avalanche.AvalancheFit`, and `regime`. Correlations along the chain are
    in the covariance; what has too few realizations for that is left out.
    """
    rows = []
    for model, (isolated, deficit, both) in responses(*ensembles).items():
        try:
            covariance = estimates.fitting_covariance(deficit, fewest(*both), 2)
        except ValueError:
            continue
        for exponent in exponents:
            fit = avalanche.fit(
                deficit.value, covariance, isolated, model.bubble, model.length, exponent, first
            )
            rows.append(
                entry(*both[0], both[1], exponent=exponent, isolated=isolated, regime=regime(fit))
                | fit._asdict()
            )
    return frame(rows, f"exponent isolated {' '.join(avalanche.AvalancheFit._fields)} regime")


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
    """What the fits say, as parts of sentences; of those not rejected, a sentence as Markdown."""
    good, counts = fits[fits.regime != REJECTED], tally(fits)
    texts = {name: str(count) for name, count in counts.items()}
    texts |= {"clear": f"{SURE**2:g}", "level": f"{100 * CHANCE:g}"}
    if good.empty:
        return texts | {"acceptable": "None is acceptable."}
    xi, p = (text.span(column) for column in (good.xi / CRITICAL_LENGTH, good.p))
    told = [("regime I", "first"), ("regime II", "second"), ("neither", "undecided")]
    shown = [f"{counts[name]} prefer{'s' * (counts[name] == 1)} {side}" for side, name in told]
    return texts | {
        "acceptable": f"Not rejected: {len(good)}, at $W =$ {text.listed(good.disorder)}, with "
        rf"$\xi/\xi_* =$ {xi} and $p =$ {p}; {', '.join(shown)}."
    }


def first_site(*ensembles: Ensembles) -> dict[str, str]:
    """What the site next to the bubble says of xi by `avalanche.length_bound`, as texts."""
    shares = [
        float(one.deficit.value[0] / (one.isolated - 0.5)) for one in responses(*ensembles).values()
    ]
    if not shares:
        return dict.fromkeys(("share_range", "bound_range", "within_reach"), UNKNOWN)
    bounds = avalanche.length_bound(np.clip(shares, 1e-6, 1 - 1e-6)) / CRITICAL_LENGTH
    return {
        "share_range": text.span(shares),
        "bound_range": text.span(list(bounds)),
        "within_reach": f"{(bounds >= 1).sum()} of {len(bounds)}",
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
    measured = frame(rows, "distance difference error")
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
    table = frame(rows, "fraction error thermal localized bic separation two")
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
