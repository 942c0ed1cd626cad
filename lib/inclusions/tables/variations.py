"""The chapter on variations: what choices of the paper's decide, and what others have found."""

import numpy as np
import pandas as pd

from inclusions import estimates, statistics, text
from inclusions.statistics import GOE_GAP_RATIO
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
    """What others have found: the limits of the gap ratio, and for the chain of Eq. (2).

    Each finding is one that the source states in its abstract, in the words of this book.
    """
    rows = [
        (f"$\\langle r\\rangle = 2\\ln 2 - 1 \\approx {2 * np.log(2) - 1:.4f}$",
         "independent levels", "oganesyan2007"),
        (f"$\\langle r\\rangle \\approx {GOE_GAP_RATIO}$",
         "random matrices of the orthogonal class", "atas2013"),
        ("a transition, roughly located, and hints of infinite randomness at it",
         "all eigenstates of short chains", "pal2010"),
        ("a transition whose disorder depends on the energy", "eigenstates, $L \\leq 22$",
         "luitz2015"),
        ("a critical disorder well above that of short chains",
         "relaxation in time, up to 100 spins", "doggen2018"),
        ("decay continues at twice the disorder then taken for critical", "relaxation in time",
         "sierant2022"),
        ("unstable to avalanches much deeper in what looks localized",
         "slowest relaxation by a bath at one end", "morningstar2022"),
        (r"stable only at $W \gtrsim 20$, which drifts with size",
         "relaxation by a weak bath", "sels2022"),
        ("a bath thermalizes its side up to a distance; spins and random matrices do so alike",
         "two-point correlations", "szoldra2024"),
        ("correlations across the chain: fat tails; mean and typical value fall differently",
         "eigenstates, strong disorder", "colbois2024"),
        ("those tails are pairs of nearly degenerate resonant states", "eigenstates",
         "laflorencie2025"),
        ("at strong disorder spreads only from a thermal region that grows with the chain",
         "gap ratio, entanglement", "sajid2025"),
    ]  # fmt: skip
    return pd.DataFrame(
        [(found, by, f"{{cite:t}}`{source}`") for found, by, source in rows],
        columns=["what is found", "from", "source"],
    )
