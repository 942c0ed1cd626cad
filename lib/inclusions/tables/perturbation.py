"""The perturbative appendix: expansions beside exact states, and what conservation correlates."""

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import estimates, perturbation, statistics, text
from inclusions.model import Model
from inclusions.tables import Ensembles, each, named
from inclusions.text import DISORDER, LENGTH, Column, number

# The expansion against exact diagonalization

ADMIXTURES = (
    Column("bond", "bond"),
    Column("exact", "exact", "+.5f"),
    Column("matrix", "paper Eq. (11)", "+.5f"),
    Column("formula", "paper Eq. (12), corrected", "+.5f"),
    Column("printed", "the same, printed", "+.5f"),
)


def _unless_rounding(value: float) -> str:
    return text.power(0.0 if abs(value) < 1e-13 else value, 2)


EXPONENTIALS = (
    DISORDER,
    Column("real_norm", r"$e^A$: norm $-\,1$", _unless_rounding),
    Column("real_off", "$e^A$: weight off the eigenstate", _unless_rounding),
    Column("imaginary_norm", r"$e^{iA}$: norm $-\,1$", _unless_rounding),
    Column("imaginary_off", "$e^{iA}$: weight off the eigenstate", _unless_rounding),
)

PREFACTORS = (
    Column("formula", "formula"),
    Column("right", "over exact, right bond", ".2f"),
    Column("left", "over exact, left bond", ".2f"),
)


def expansion_texts(table: pd.DataFrame) -> dict[str, str]:
    """Shares, powers of W and the weakest disorder at which the expansion holds, for the text."""
    first, last, two = table.iloc[0], table.iloc[-1], table.iloc[-2:]
    good = table[table.error < 0.1 * table.typical]
    falls = {
        name: statistics.fall(two.disorder, two[name], two[f"{name}_error"])
        for name in ("error", "printed_error", "mean")
    }
    return {
        "weakest": f"{first.disorder:g}",
        "strongest": f"{last.disorder:g}",
        "matched_weak": text.percent(first.matched, ".0f"),
        "matched_strong": text.percent(last.matched, ".1f"),
        "error_power": f"{-falls['error'].last:.1f}".replace("-", "−"),
        "printed_power": f"{-falls['printed_error'].last:.1f}".replace("-", "−"),
        "mean_power": number(-falls["mean"].last, falls["mean"].last_error),
        "good_from": f"{good.disorder.min():g}" if len(good) else "none of these",
    }


# What conservation of S^z alone correlates


BRACKETS = (
    LENGTH,
    Column("counted", "counted", lambda value: f"{value:.6f}" if np.isfinite(value) else "–"),
    Column("exact", "closed form", ".6f"),
    Column("printed", "$2/L^2$", ".6f"),
    Column("exact printed", "closed form over $2/L^2$", lambda a, b: f"{a / b:.2f}"),
)


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


def ensemble_tails(*ensembles: Ensembles) -> pd.DataFrame:
    """C at r = L/2 of cached ensembles against what conservation alone leaves there.

    `full` is Eq. (7), `within` its part within realizations; `conserved` is
    `perturbation.conserved_tail`.
    """

    def row(model: Model, data: xr.Dataset) -> dict:
        middle = estimates.correlation(model, data).entry(slice(2), model.length // 2)
        return named("full within", middle) | {"conserved": perturbation.conserved_tail(model)}

    table = each("full full_error within within_error conserved", row, *ensembles)
    return table.sort_values(["bubble", "disorder", "length"])


TAILS = (
    Column("bubble", "system", lambda bubble: "bubble" if bubble else "isolated"),
    DISORDER,
    LENGTH,
    Column("full full_error", "$C(L/2)$", number),
    Column("within within_error", "within realizations", number),
    Column("conserved", "conservation alone", ".4f"),
)
