"""Figures of the chapter on correlations."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from inclusions.figures import (
    NEUTRAL,
    WIDTH,
    disorder_axis,
    draws,
    empty,
    enough,
    marker_of,
    nearest,
    paper_says,
    shade_of,
    styled,
)

PAPER = (4.4, 5.2, 6.0, 8.0)  # disorders of the paper's Fig. 5
ENHANCED = (4.4, 6.0)  # those at which it sees correlations enhanced by the bubble

# Fig. 5


@styled
def correlations(table: pd.DataFrame) -> Figure:
    """Fig. 5: C(r) with bubble (solid) and without, at L + 2 (broken), a panel a disorder.

    Beside others, of fewer than `ENOUGH` realizations points alone.
    """
    bubbles = table[table.bubble > 0]
    disorders = nearest(bubbles.disorder, PAPER)
    rows = max(-(-len(disorders) // 2), 1)
    figure = Figure((WIDTH, 2.8 * rows + 0.7))
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    if not disorders:
        empty(panels[0, 0], bubbles)
    lengths = sorted(set(bubbles.length))
    isolated = table[(table.bubble == 0) & (table.boundary == "open")]
    isolated = isolated[isolated.length.isin([n + 2 for n in lengths])]
    many = enough(table)
    systems: list[tuple[str, pd.DataFrame, dict[str, Any]]] = []
    for length in lengths:  # a column of the legend each
        colour, marker = shade_of(length), marker_of(length)
        for name, part, add, line, face in (
            ("bubble", bubbles, 0, "-", colour), ("isolated", isolated, 2, "--", "white")
        ):  # fmt: skip
            curves = part[part.length == length + add]
            kind = line if many[curves.index].all() else ""  # of few, points alone
            style = {"color": colour, "marker": marker, "mfc": face, "ls": kind}
            systems.append((f"{name}, {length + add}", curves, style))
    for axes, disorder in zip(panels.flat, disorders, strict=False):
        for place, (_, curves, style) in enumerate(systems):
            curve = curves[(curves.disorder == disorder) & (curves.distance > 0)]
            shift = 0.2 * (place // 2 / max(len(lengths) - 1, 1) - 0.5)
            axes.errorbar(curve.distance + shift, curve.correlation, curve.error, ms=4, **style)
        axes.axhline(0, color="#777777", lw=0.9)
        axes.set_title(f"$W = {disorder:g}$")
        axes.xaxis.get_major_locator().set_params(integer=True)
    draws(figure, *(one[one.disorder.isin(disorders)] for one in (bubbles, isolated)))
    for axes in panels[-1]:
        axes.set_xlabel("distance $r$")
    for axes in panels[:, 0]:
        axes.set_ylabel("$C(r)$")
    if systems:
        handles = [Line2D([], [], label=label, **style) for label, _, style in systems]
        figure.legend(handles=handles, loc="outside lower center", ncols=max(len(lengths), 2))
    return figure


@styled
def tails(table: pd.DataFrame) -> Figure:
    """Mean of C(r) over r >= 3 against disorder by system; lines, what conservation leaves."""
    figure = Figure((WIDTH, 3.9))
    panels = figure.subplots(1, 3, sharey=True)
    kinds = (
        ("bubble", table.bubble > 0),
        ("open chain", (table.bubble == 0) & (table.boundary == "open")),
        ("periodic chain", table.boundary == "periodic"),
    )
    for axes, (name, chosen) in zip(panels, kinds, strict=True):
        part = table[chosen & (table.disorder >= 2)]
        empty(axes, part)
        if name == "bubble":
            paper_says(axes, *ENHANCED, "_")  # no room in the legend
        for length, curve in part.groupby("length"):
            curve = curve.sort_values("disorder")
            axes.errorbar(
                curve.disorder, curve["tail"], curve.error, color=shade_of(length),
                marker=marker_of(length), ms=4, label=f"$L = {length}$",
            )  # fmt: skip
            axes.plot(curve.disorder, curve.conserved, color=shade_of(length), lw=1, ls=":")
        axes.axhline(0, color="#777777", lw=0.9)
        axes.set_title(name)
        disorder_axis(axes)
        if len(part):
            axes.legend()
            if part.disorder.max() > 12:
                axes.set_xscale("log")
                ticks = [w for w in (2, 4, 8, 15, 25, 50) if w <= part.disorder.max()]
                axes.set_xticks(ticks, [str(w) for w in ticks])
                axes.xaxis.set_minor_formatter(NullFormatter())
    draws(figure, table[table.disorder >= 2])
    panels[0].set_ylabel(r"mean of $C(r)$ over $3 \leq r \leq L/2$")
    return figure


@styled
def conserved_tails(table: pd.DataFrame) -> Figure:
    """Far correlations at strong disorder against L: measured, sampled, and by formula."""
    figure = Figure((WIDTH, 3.9))
    titles = {"all": "all states and realizations", "fixed": "states of one realization"}
    for axes, (over, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        part = table[table.over == over]
        empty(axes, part)
        for place, (disorder, curve) in enumerate(part.groupby("disorder")):
            colour, shift = colour_of_strong(disorder), 0.12 * (place - 1)
            curve = curve.sort_values("length")
            axes.errorbar(
                curve.length + shift, curve.measured, curve.measured_error, color=colour,
                marker="o", ls="",
            )  # fmt: skip
            axes.errorbar(
                curve.length + shift + 0.05, curve["sampled"], curve.sampled_error, color=colour,
                marker="s", mfc="white", ls="--", lw=1,
            )  # fmt: skip
            axes.plot(curve.length, curve.formula, color=colour, ls=":", lw=1.2)
        axes.axhline(0, color="#777777", lw=0.9)
        axes.set(title=title, xlabel="length $L$")
        axes.set_xticks(sorted(set(table.length)))
    figure.axes[0].set_ylabel(r"mean of $C(r)$ over $3 \leq r \leq L/2$")
    handles = [
        Line2D([], [], color=colour_of_strong(w), marker="o", ls="", label=f"$W = {w:g}$")
        for w in sorted(set(table.disorder))
    ]
    handles += [
        Line2D([], [], color=NEUTRAL, marker="o", ls="", label="measured"),
        Line2D([], [], color=NEUTRAL, marker="s", mfc="white", ls="--", label="product states"),
        Line2D([], [], color=NEUTRAL, ls=":", label="formula, all states"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def colour_of_strong(disorder: float) -> tuple[float, float, float, float]:
    """Colours beyond the disorders of the other figures, which end at 10."""
    place = np.interp(np.log(disorder), np.log([15.0, 50.0]), [0.1, 0.75])
    return matplotlib.colormaps["viridis"](float(place))
