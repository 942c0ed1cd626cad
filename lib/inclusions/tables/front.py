"""The first screen: the answer in a sentence, and the sizes reached beside the paper's."""

import pandas as pd

from inclusions.claims.criteria import SURE
from inclusions.tables import Ensembles, longest, merged
from inclusions.text import UNKNOWN, number, spread


def answer(shifts: pd.DataFrame, quoted: float = 5.2) -> str:
    """What the bubble takes from the purity of the farthest spin, up to which disorder.

    `shifts` is that of `tables.purities.shifts`; the longest chain with most disorders speaks.
    The last word has the ring closed by a bubble of one state: what it does, too, is not ergodic.
    """
    length = longest(shifts[shifts.system == "bubble"])

    def told(system: str) -> tuple[str, float] | None:
        rows = shifts[(shifts.system == system) & (shifts.length == length)]
        known = rows[rows["shift"] > SURE * rows.error]
        at = known[known.disorder == quoted]
        if at.empty:
            return None
        value = number(float(at["shift"].iloc[0]), float(at.error.iloc[0]))
        return value, float(known.disorder.max())

    if (against_chain := told("bubble")) is None:
        return "The data there are cannot tell."
    lowered, last = against_chain
    said = (
        f"It does, and fades: in a chain of {length} spins the bubble lowers the purity of the "
        f"spins farthest from it by {lowered} at $W = {quoted:g}\\,J$, where the chain alone looks "
        f"localized, and by ever less for stronger disorder; it can be told from zero up to "
        f"$W = {last:g}\\,J$."
    )
    if (against_ring := told("beyond")) is not None:
        lowered, last = against_ring
        said += (
            " A part of that is none of its ergodicity: a ring closed by a single state has it, "
            f"too. Against that ring the bubble lowers the purity by {lowered}, and that can be "
            f"told from zero up to $W = {last:g}\\,J$."
        )
    return said


PAPER = {"chain with bubble": (18, 2000), "isolated chain": (20, 2000)}
"""Longest chains of the paper and realizations of each; Figs. 3 and 9."""


def reached(*ensembles: Ensembles) -> pd.DataFrame:
    """The longest chains of this book beside those of the paper, with realizations."""
    rows = []
    for system, (length, count) in PAPER.items():
        counts: dict[int, list[int]] = {}
        for model, data in merged(*ensembles).items():
            if (model.bubble == 4) == (system == "chain with bubble") and model.bubble in (0, 4):
                counts.setdefault(model.length, []).append(data.sizes["realization"])
        here = [f"$L = {n}$: {spread(counts[n])}" for n in sorted(counts)[-3:]]
        rows.append({
            "": system,
            "here, realizations for each disorder": "; ".join(here) or UNKNOWN,
            "the paper": f"up to $L = {length}$: {count} or more",
        })  # fmt: skip
    return pd.DataFrame(rows)
