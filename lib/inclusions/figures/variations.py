"""Figures of the chapter on variations."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from inclusions.figures import (
    BUBBLE,
    CHAIN,
    GUIDE,
    NEUTRAL,
    RING,
    WIDTH,
    disorder_axis,
    empty,
    legend_below,
    marker_of,
    styled,
)

SYSTEMS = {  # (has a bubble, boundary): colour, line, name
    (True, "open"): (BUBBLE, "-", "bubble"),
    (False, "open"): (CHAIN, "-", "open chain"),
    (False, "periodic"): (RING, "--", "periodic chain"),
}


def _panels(count: int, height: float = 3.4, **options: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure((WIDTH, height))
    return figure, list(figure.subplots(1, count, squeeze=False, **options)[0])


def _kinds(table: pd.DataFrame) -> list[tuple[bool, str]]:
    """The systems that a table has, in the order of `SYSTEMS`."""
    there = set(zip(table.bubble > 0, table.boundary, strict=True))
    return [kind for kind in SYSTEMS if kind in there]


def _system_handles(table: pd.DataFrame) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, ls=line, marker="o", label=name)
        for colour, line, name in (SYSTEMS[kind] for kind in _kinds(table))
    ]


@styled
def windows(reaches: pd.DataFrame, counts: pd.DataFrame) -> Figure:
    """Left: share of the spectrum that 50 states span. Right: what more or fewer states change."""
    figure, (left, right) = _panels(2)
    if not empty(left, reaches):
        for kind, part in reaches.groupby([reaches.bubble > 0, "boundary"]):
            colour, line, _ = SYSTEMS[kind]
            mean = part.groupby("length").share.mean()
            left.plot(mean.index, mean, color=colour, ls=line, marker="o")
        left.set(yscale="log", xlabel="length $L$", ylabel="share of the spectrum's width")
    if not empty(right, counts):
        for (length, bubble), curve in counts.groupby(["length", "bubble"]):
            right.errorbar(
                curve.states, 1e3 * curve.change, 1e3 * curve.change_error,
                marker=marker_of(length), color=BUBBLE if bubble else CHAIN,
                label=f"$L = {length}$",
            )  # fmt: skip
        right.axhline(0, **GUIDE)
        right.set(xscale="log", xlabel="states", ylabel=r"change of $\overline{\gamma}$, $10^{-3}$")
        ticks = sorted(set(counts.states))
        right.set_xticks(ticks, [f"{t}" for t in ticks])
        right.xaxis.set_minor_formatter(NullFormatter())
        right.legend()
    legend_below(figure, _system_handles(reaches))
    return figure


@styled
def shares(table: pd.DataFrame) -> Figure:
    """Far C(r) and variance of the purity, within and between realizations, bubble and chains."""
    figure, (left, right) = _panels(2)
    if empty(left, table):
        return figure
    disorders = sorted(set(table.disorder))
    kinds = _kinds(table)
    for place, kind in enumerate(kinds):
        part = table[((table.bubble > 0) == kind[0]) & (table.boundary == kind[1])]
        x = np.array([disorders.index(w) for w in part.disorder]) + 0.27 * (place - 1)
        colour = SYSTEMS[kind][0]
        for axes, names in (
            (left, ("within", "between")), (right, ("variance_within", "variance_between")),
        ):  # fmt: skip
            low, high = part[names[0]], part[names[1]]
            axes.bar(x, low, 0.25, color=colour, yerr=part[f"{names[0]}_error"])
            axes.bar(
                x, high, 0.25, bottom=low, color=colour, alpha=0.45,
                yerr=part[f"{names[1]}_error"],
            )  # fmt: skip
    for axes in (left, right):
        axes.set_xticks(range(len(disorders)), [f"{w:g}" for w in disorders])
        disorder_axis(axes)
    left.set_ylabel("mean of $C(r)$ over $r = 3 \\dots L/2$")
    right.set_ylabel(r"variance of $\gamma$ in the middle")
    handles = [Line2D([], [], color=SYSTEMS[k][0], lw=6, label=SYSTEMS[k][2]) for k in kinds]
    handles += [
        Line2D([], [], color=NEUTRAL, lw=6, label="within"),
        Line2D([], [], color=NEUTRAL, lw=6, alpha=0.45, label="between"),
    ]
    legend_below(figure, handles)
    return figure


@styled
def fractions(curves: pd.DataFrame, bounds: pd.DataFrame) -> Figure:
    """Left: distribution of the samples' purities. Right: bounds on the share that thermalizes."""
    figure, (left, right) = _panels(2)
    if not empty(left, curves):
        for kind, part in curves.groupby([curves.bubble > 0, "boundary"]):
            colour, line, _ = SYSTEMS[kind]
            for _, curve in part.groupby("disorder"):
                left.plot(curve.purity, curve.below, color=colour, ls=line)
        left.set(
            xlabel=r"purity of a sample in the middle", ylabel="share of the samples below",
            xlim=(0.5, 1.0), ylim=(0, 1),
        )  # fmt: skip
    if not empty(right, bounds):
        for against, curve in bounds.groupby("against"):
            curve = curve.sort_values("disorder")
            colour = CHAIN if against == "open" else RING
            right.plot(curve.disorder, curve.least, color=colour, marker="^")
            right.plot(curve.disorder, curve.distance, color=colour, ls=":", marker=".")
        most = bounds.groupby("disorder").most.max()
        right.plot(most.index, most, color=BUBBLE, marker="v")
        right.set(ylabel="share $p$ of the samples", ylim=(0, None))
        disorder_axis(right)
    handles = [
        *_system_handles(curves),
        Line2D([], [], color=NEUTRAL, marker="^", label="$p$ at least"),
        Line2D([], [], color=NEUTRAL, marker=".", ls=":", label="distance $D$"),
        Line2D([], [], color=BUBBLE, marker="v", label="$p$ at most"),
    ]
    legend_below(figure, handles)
    return figure
