"""The perturbative appendix: expansions beside exact states, and what conservation correlates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from inclusions import estimates, perturbation, text
from inclusions.basis import chain_states, spins
from inclusions.tables import Ensembles, entry, frame, merged
from inclusions.text import DISORDER, LENGTH, Column, number

# The expansion against exact diagonalization

ADMIXTURES = (
    Column("bond", "bond"),
    Column("exact", "exact", "+.5f"),
    Column("matrix", "Eq. (11)", "+.5f"),
    Column("formula", "Eq. (12), corrected", "+.5f"),
    Column("printed", "Eq. (12), printed", "+.5f"),
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


def brackets(enumerated: Sequence[int], formula: Sequence[int] = ()) -> pd.DataFrame:
    """The bracket of Eq. (23) by brute force (nan where not), in closed form, and as printed."""
    rows = []
    for length in (*enumerated, *formula):
        counted = np.nan
        if length in enumerated:
            eta = 2 * spins(chain_states(length, (length + 1) // 2), length)
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


BRACKETS = (
    LENGTH,
    Column("counted", "counted", lambda value: f"{value:.6f}" if np.isfinite(value) else "–"),
    Column("exact", "closed form", ".6f"),
    Column("printed", "$2/L^2$", ".6f"),
    Column("exact printed", "closed form over $2/L^2$", lambda a, b: f"{a / b:.2f}"),
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
    `perturbation.averaged_tail`.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        found, r = estimates.correlation(model, data), model.length // 2
        rows.append(
            entry(
                model, data, full=found.value[0, r], full_error=found.error[0, r],
                within=found.value[1, r], within_error=found.error[1, r],
                conserved=perturbation.averaged_tail(model.length, model.disorder),
            )
        )  # fmt: skip
    table = frame(rows, "full", "full_error", "within", "within_error", "conserved")
    return table.sort_values(["bubble", "disorder", "length"])


TAILS = (
    Column("bubble", "system", lambda bubble: "bubble" if bubble else "isolated"),
    DISORDER,
    LENGTH,
    Column("full full_error", "$C(L/2)$", number),
    Column("within within_error", "within realizations", number),
    Column("conserved", "conservation alone", ".4f"),
)
