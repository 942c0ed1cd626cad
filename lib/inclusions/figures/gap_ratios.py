"""Figures of the chapter on gap ratios."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from inclusions.claims.criteria import CROSSINGS
from inclusions.figures import (
    BUBBLE,
    CHAIN,
    WIDTH,
    empty,
    marker_of,
    paper_says,
    reference_lines,
    shade_of,
    styled,
)

# Fig. 2


@styled
def means(table: pd.DataFrame, crossings: pd.DataFrame) -> Figure:
    """Fig. 2: mean gap ratio against disorder, with (left) and without bubble (right).

    The inset has the disorder at which the curves of L and L + 2 cross, against 1/L. A hollow
    symbol marks a crossing that the data bound on one side at most, a cross on the axis a pair
    that does not cross at all.
    """
    figure = Figure((WIDTH, 4.3))
    left, right = figure.subplots(1, 2, sharey=True)
    with_bubble = table.bubble > 0
    _gap_ratio_panel(left, table[with_bubble])
    _gap_ratio_panel(right, table[~with_bubble])
    left.set_ylabel(r"mean gap ratio $\langle r\rangle$")
    sizes = " and ".join(str(n) for n in sorted(set(table.bubble[with_bubble])))
    left.set_title(rf"chain with bubble, $n_\mathrm{{GOE}} = {sizes}$" if sizes else "with bubble")
    right.set_title("isolated chain")
    if len(crossings):
        inset = left.inset_axes((0.56, 0.45, 0.43, 0.43), zorder=5)
        crossing_points(inset, crossings)
    return figure


def _gap_ratio_panel(axes: Axes, table: pd.DataFrame) -> None:
    for (boundary, length), curve in table.groupby(["boundary", "length"]):
        open_ends = boundary == "open"
        axes.errorbar(
            curve.disorder, curve.gap_ratio, curve.error, color=shade_of(length),
            marker=marker_of(length), ls="-" if open_ends else "--",
            mfc=None if open_ends else "white", label=f"{length} {boundary}",
        )  # fmt: skip
    reference_lines(axes)
    paper_says(axes, *CROSSINGS)
    axes.set(xlabel="disorder $W$ ($J$)", ylim=(0.366, 0.585))
    handles = [
        Line2D([], [], color=shade_of(n), marker=marker_of(n), label=f"$L = {n}$")
        for n in sorted(set(table.length))
    ]
    periodic = "periodic" in set(table.boundary)
    if periodic:
        handles += [
            Line2D([], [], color="#333333", marker="o", label="open"),
            Line2D([], [], color="#333333", marker="o", mfc="white", ls="--", label="periodic"),
        ]
    if empty(axes, table):
        return
    axes.legend(  # the inset is at the upper right of the panel with the bubble
        handles=handles,
        loc="upper right" if periodic else "lower left",
        bbox_to_anchor=(1.0, 0.99) if periodic else (0.0, 0.1),
    )


KINDS = {  # (has a bubble, boundary): colour, marker, name
    (True, "open"): (BUBBLE, "o", "bubble"),
    (False, "open"): (CHAIN, "s", "open"),
    (False, "periodic"): ("#333333", "^", "periodic"),
}


def crossing_points(axes: Axes, crossings: pd.DataFrame) -> None:
    """Crossings against 1/L, with 68 % intervals and the spread over fits in squares.

    L is the shorter chain of the pair.
    """
    shift = {kind: 0.0012 * (place - 1) for place, kind in enumerate(KINDS)}  # keep bars apart
    for row in crossings.itertuples():
        kind = (row.bubble > 0, row.boundary)
        colour, marker, _ = KINDS[kind]
        x = 1 / row.length + shift[kind]
        if not np.isfinite(row.disorder):
            foot = blended_transform_factory(axes.transData, axes.transAxes)
            axes.plot([x], [0.03], "x", color=colour, transform=foot, clip_on=False)
            continue
        error = np.hypot([row.disorder - row.low, row.high - row.disorder], row.spread)
        known = np.where(np.isfinite(error), error, 0)  # an open side has no bar
        axes.errorbar(
            [x], [row.disorder], known[:, None], color=colour, marker=marker, ms=4.5,
            mfc=colour if row.bounded else "white",
        )  # fmt: skip
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=4, label=name)
        for kind, (colour, marker, name) in KINDS.items()
        if kind in set(zip(crossings.bubble > 0, crossings.boundary, strict=True))
    ]
    paper_says(axes, *CROSSINGS, across=True)
    axes.set_xlabel("$1/L$", size=8.5, labelpad=1)
    axes.set_ylabel(r"crossing $W$ ($J$)", size=8.5, labelpad=1)
    axes.tick_params(labelsize=8)
    axes.set_xlim(1 / crossings.length.max() - 0.005, 1 / crossings.length.min() + 0.008)
    axes.margins(y=0.15)
    axes.set_facecolor("white")
    if handles:
        axes.legend(
            handles=handles, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3,
            handlelength=0.8, columnspacing=0.7, handletextpad=0.2, borderpad=0.2,
        )  # fmt: skip
