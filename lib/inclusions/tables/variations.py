"""The chapter on variations: what choices of the paper's decide, and what others have found."""

import numpy as np
import pandas as pd

from inclusions import estimates, statistics, text
from inclusions.tables import Ensembles, entry, frame, merged, valued
from inclusions.text import DISORDER, LENGTH, SYSTEM, Column, number

# How far fifty states reach


def reaches(*ensembles: Ensembles) -> pd.DataFrame:
    """The share of the spectrum's width that the states of an ensemble span."""
    rows = [
        entry(model, data, states=int(data.states.max()))
        | valued("share", estimates.window_share(model, data))
        for model, data in merged(*ensembles).items()
    ]
    return frame(rows, "states", "share", "error")


WINDOWS = (
    SYSTEM,
    LENGTH,
    DISORDER,
    Column("states", "states"),
    Column("share", "share of the width", text.percent),
    Column("purity purity_error", r"$\overline\gamma$", number),
    Column("change change_error", "against ten, $10^{-3}$", text.times(1e3)),
    Column("gap_ratio gap_ratio_error", r"$\langle r\rangle$", number),
)


# Within samples and between them


def shares(*ensembles: Ensembles) -> pd.DataFrame:
    """Far C(r) and the variance of the purity in the middle, within and between realizations."""
    rows = []
    for model, data in merged(*ensembles).items():
        far = estimates.far_correlation(model, data)
        spread = estimates.purity_variance(model, data)
        rows.append(
            entry(model, data)
            | {
                f"{part}{end}": float(getattr(far, kind)[place])
                for place, part in enumerate(("whole", "within", "between"))
                for kind, end in (("value", ""), ("error", "_error"))
            }
            | {
                f"variance_{part}{end}": float(getattr(spread, kind)[place])
                for place, part in enumerate(("within", "between"))
                for kind, end in (("value", ""), ("error", "_error"))
            }
        )
    names = [f"{part}{end}" for part in ("whole", "within", "between") for end in ("", "_error")]
    names += [f"variance_{p}{end}" for p in ("within", "between") for end in ("", "_error")]
    return frame(rows, *names)


SHARES = (
    SYSTEM,
    LENGTH,
    DISORDER,
    Column("within within_error", "far $C$ within, $10^{-3}$", text.times(1e3)),
    Column("between between_error", "between", text.times(1e3)),
    Column(
        "variance_within variance_within_error", r"$\mathrm{var}\,\gamma$ within, $10^{-3}$",
        text.times(1e3),
    ),
    Column("variance_between variance_between_error", "between", text.times(1e3)),
)  # fmt: skip


# Distributions over samples


def fractions(bubbles: tuple[Ensembles, ...], chains: tuple[Ensembles, ...]) -> pd.DataFrame:
    """Each bubble against an isolated chain of L + 2: means, medians, and bounds on p."""
    rows, references = [], merged(*chains)
    for model, chain in estimates.partners(probes := merged(*bubbles), references):
        data, isolated = probes[model], references[chain]
        found, upper = estimates.thermal_fraction(data, isolated)
        medians = [estimates.median_purity(*one) for one in ((chain, isolated), (model, data))]
        shift = statistics.combine(np.subtract, *medians)
        mean = estimates.middle_deficit(model, data, chain, isolated)
        rows.append(
            entry(model, data, (chain, isolated), against=chain.boundary)
            | {"mean": float(mean.value), "mean_error": float(mean.error)}
            | {"median": float(shift.value), "median_error": float(shift.error)}
            | found._asdict()
            | {"most": upper}
        )
    names = ("mean", "mean_error", "median", "median_error", "distance", "p_value", "least", "most")
    return frame(rows, "against", *names)


def distributions(*ensembles: Ensembles) -> pd.DataFrame:
    """Share of the samples whose purity in the middle is below a value, on a grid of values."""
    rows, grid = [], np.linspace(0.5, 1.0, 101)
    for model, data in merged(*ensembles).items():
        gamma = np.sort(1 - estimates.centre_entropies(data))
        below = np.searchsorted(gamma, grid, side="right") / len(gamma)
        rows += [
            entry(model, data, purity=float(x), below=float(y))
            for x, y in zip(grid, below, strict=True)
        ]
    return frame(rows, "purity", "below")


FRACTIONS = (
    LENGTH,
    DISORDER,
    Column("against", "against"),
    Column("mean mean_error", "mean deficit, $10^{-3}$", text.times(1e3)),
    Column("median median_error", "of the median, $10^{-3}$", text.times(1e3)),
    Column("distance", "distance $D$", ".3f"),
    Column("p_value", "chance", text.probability),
    Column("least", r"$p \geq$", ".3f"),
    Column("most", r"$p \leq$", ".3f"),
)


def fraction_texts(table: pd.DataFrame) -> dict[str, str]:
    """At which disorders no share p of thermal samples makes the difference."""
    none = table[table.least > table.most]
    some = table[(table.least > 0) & (table.least <= table.most)]
    return {
        "fraction_none": text.listed(none.disorder) if len(none) else "no disorder",
        "fraction_some": text.listed(some.disorder) if len(some) else "no disorder",
    }


# Published values


def published() -> pd.DataFrame:
    """What others have found for the chain of Eq. (2) without bubble."""
    rows = [
        ("Poisson, $2\\ln 2 - 1$", "0.3863", "independent levels", "{cite:t}`oganesyan2007`"),
        ("GOE", "0.5307(1)", "large matrices", "{cite:t}`atas2013`"),
        (r"$W_c$, periodic, $L = 8 \dots 16$", "3.5(10)", "gap ratios", "{cite:t}`pal2010`"),
        (r"$W_c$, periodic, $L \leq 22$", "3.72(6)", "collapse of ⟨r⟩ at ε = 0.5",
         "{cite:t}`luitz2015`"),
        ("$W_c$, 50 to 100 spins", "5.5", "relaxation in time", "{cite:t}`doggen2018`"),
        (r"$W_c$, periodic, $L \leq 24$", "5.4", "crossings, extrapolated in 1/L",
         "{cite:t}`sierant2020polfed`"),
        ("stable against a bath", "≳ 20, drifting", "relaxation by a bath at one end",
         "{cite:t}`sels2022`"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "value", "from", "source"])
