"""Tables to axes: one function for each figure; loads nothing and solves nothing.

Everywhere in the book a colour stands for a disorder (`colour_of`), a marker for a length
(`MARKERS`), a hollow marker with a broken line for a periodic chain.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, Patch
from matplotlib.transforms import blended_transform_factory

from inclusions.hamiltonian import Hamiltonian
from inclusions.statistics import DOUBTFUL, GOE_GAP_RATIO, POISSON_GAP_RATIO

STYLE = Path(__file__).with_name("inclusions.mplstyle")
WIDTH = 7.0  # inches: the width of the page's column

CHAIN, BUBBLE, RING = "#0072B2", "#D55E00", "#009E73"
MARKERS = {6: "p", 8: "o", 10: "s", 12: "D", 14: "^", 16: "v", 18: "P", 20: "X"}
DISORDERS = (1.0, 10.0)  # where the colours begin and end


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw under the book's style whatever the caller's own is."""

    @wraps(draw)
    def inner(*arguments, **options):
        with style.context([STYLE]):
            return draw(*arguments, **options)

    return inner


def canvas(columns: int = 1, width: float = WIDTH, height: float = 3.4) -> tuple[Figure, Any]:
    """An empty figure and its axes, one or an array of them, to draw on in a page.

    What is drawn afterwards in this session has the book's style too. Sizes in inches.
    """
    style.use([STYLE])
    figure = Figure((width, height))
    return figure, figure.subplots(1, columns)


def colour_of(disorder: float) -> tuple[float, float, float, float]:
    """The colour of a disorder W in all figures: dark at W = 1, light at W = 10, units of J."""
    low, high = np.log(DISORDERS)
    place = (np.log(np.clip(disorder, *DISORDERS)) - low) / (high - low)
    return matplotlib.colormaps["plasma"](0.02 + 0.84 * place)


def shade_of(length: int) -> tuple[float, float, float, float]:
    """The colour of a length where curves differ by length: darker is longer."""
    return matplotlib.colormaps["YlGnBu"](float(np.interp(length, [6, 16], [0.42, 1.0])))


def marker_of(length: int) -> str:
    """The marker of a length in all figures."""
    return MARKERS.get(length, "*")


# The model


@styled
def setup(length: int = 9) -> Figure:
    """Fig. 1: the chain, its fields, and the bubble that closes it into a ring."""
    figure = Figure((5.2, 3.5))
    axes = figure.subplots()
    axes.set(xlim=(-1.9, 1.9), ylim=(-1.24, 1.3), aspect="equal")
    axes.axis("off")
    sites = np.deg2rad(np.linspace(90 + 48, 450 - 48, length))  # counterclockwise from the bubble
    x, y = 1.45 * np.cos(sites), np.sin(sites)
    tilt = [0.17, -0.21, 0.08, 0.24, -0.12, 0.2, -0.24, -0.07, 0.15]  # heights of the fields, drawn
    for end in (0, -1):
        axes.plot([0, x[end]], [1.0, y[end]], color=RING, lw=2.2, ls=(0, (4, 1.6)), zorder=1)
    axes.plot(x, y, color=CHAIN, lw=2.2, zorder=1)
    for site, (px, py) in enumerate(zip(x, y, strict=True)):
        field = tilt[site % len(tilt)]
        axes.add_patch(
            FancyArrowPatch(
                (px, py - field), (px, py + 1.35 * field),
                arrowstyle="-|>", mutation_scale=9, color="#333333", lw=1.1, zorder=4,
            )
        )  # fmt: skip
        axes.add_patch(Circle((px, py), 0.105, fc="white", ec=CHAIN, lw=1.8, zorder=3))
        name = {0: "0", length - 1: "$L-1$"}.get(site, str(min(site, 9)) if site < 3 else "")
        axes.text(1.2 * px, 1.22 * py, name, ha="center", va="center", color=CHAIN)
    axes.add_patch(Circle((0, 1.0), 0.27, fc=BUBBLE, ec="none", zorder=3))
    axes.text(0, 1.0, r"$R_0$", ha="center", va="center", color="white", size=13, zorder=5)
    about = "bubble,\n" r"$n_\mathrm{GOE}$ states"
    axes.text(0, 0.56, about, ha="center", va="center", color=BUBBLE)
    for side in (-1, 1):
        axes.text(side * 0.66, 1.06, r"$g\,R_1,\ g\,R_2$", ha="center", color=RING, size=9.5)
    axes.text(0, -0.1, "random-field chain,\nfields $h_i$", ha="center", va="center", color=CHAIN)
    axes.text(0, -0.56, r"distance $\min(i,\,L-1-i)$", ha="center", color="#333333", size=9.5)
    return figure


@styled
def matrix_blocks(*hamiltonians: Hamiltonian) -> Figure:
    """Which term of H each entry comes from, a panel for each (small) matrix."""
    colours = ["white", BUBBLE, CHAIN, RING]
    figure = Figure((WIDTH, 4.0))
    for hamiltonian, axes in zip(hamiltonians, figure.subplots(1, len(hamiltonians)), strict=True):
        pattern, size = hamiltonian.pattern, hamiltonian.dimension
        terms = np.where(pattern.hopping != 0, 2, 0)
        terms[pattern.diagonal] = 1
        terms[pattern.ring] = 3
        entries = np.zeros((size, size), int)
        entries[np.repeat(np.arange(size), np.diff(pattern.indptr)), pattern.indices] = terms
        axes.imshow(
            entries, cmap=ListedColormap(colours), vmin=0, vmax=3,
            extent=(0, size, size, 0), interpolation="none",
        )  # fmt: skip
        axes.grid(False)
        axes.spines[["top", "right"]].set_visible(True)
        axes.set(
            xlabel="column", ylabel="row",
            title=rf"$L = {hamiltonian.model.length}$, dimension {size}",
        )  # fmt: skip
        if size <= 40:
            edges = range(0, size + 1, hamiltonian.model.block)
            axes.set(xticks=edges, yticks=edges)
            axes.grid(True, color="#bbbbbb", lw=0.5)
            axes.set_axisbelow(False)
    figure.legend(
        handles=[
            Patch(color=BUBBLE, label=r"$R_0$, $g R_1$, chain's diagonal"),
            Patch(color=CHAIN, label=r"chain exchange, $J/2$"),
            Patch(color=RING, label=r"ring closure, $g R_2$"),
        ],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    return figure


@styled
def density_of_states(levels: pd.DataFrame) -> Figure:
    """All levels of one sample, the middle (E_min + E_max)/2, and the levels closest to it."""
    energies, near = levels.energy.to_numpy(), levels.energy[levels.closest].to_numpy()
    middle = (energies.min() + energies.max()) / 2
    figure = Figure((WIDTH, 3.2))
    axes = figure.subplots()
    axes.hist(energies, bins=48, color="#c9d6df", edgecolor="white", linewidth=0.4)
    name = f"the {len(near)} levels closest to it"
    axes.axvspan(near.min(), near.max(), color=CHAIN, alpha=0.45, lw=0, label=name)
    axes.axvline(middle, color=CHAIN, lw=1.6, label=r"$(E_\mathrm{min}+E_\mathrm{max})/2$")
    axes.axvline(energies.mean(), color="#333333", lw=1.4, ls=":", label="mean of all levels")
    foot = blended_transform_factory(axes.transData, axes.transAxes)
    axes.plot(energies, np.full(len(energies), 0.012), "|", color="#333333", ms=5, mew=0.5,
              transform=foot, label="levels")  # fmt: skip
    axes.set(xlabel="energy $E$ ($J$)", ylabel="levels per bin")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    return figure


# Fig. 2


@styled
def gap_ratios(table: pd.DataFrame, crossings: pd.DataFrame) -> Figure:
    """Fig. 2: mean gap ratio against disorder, with (left) and without bubble (right).

    The inset has the disorder at which the curves of L and L + 2 cross, against 1/L. A hollow
    symbol marks a crossing that more than 5 % of the resamples do not have, a cross on the axis
    a pair that does not cross at all.
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
    if not handles:
        axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center")
        return
    axes.legend(  # the inset is at the upper right of the panel with the bubble
        handles=handles,
        loc="upper right" if periodic else "lower left",
        bbox_to_anchor=(1.0, 0.99) if periodic else (0.0, 0.1),
    )


def reference_lines(axes: Axes) -> None:
    """The mean gap ratios of GOE matrices and of independent levels."""
    edge = blended_transform_factory(axes.transAxes, axes.transData)
    for value, name in ((GOE_GAP_RATIO, "GOE"), (POISSON_GAP_RATIO, "Poisson")):
        axes.axhline(value, color="#777777", lw=0.9, ls=(0, (1, 1.5)), zorder=1)
        above = value > 0.5
        axes.text(
            0.3 if above else 0.01, value + (0.0015 if above else -0.0015), name, transform=edge,
            va="bottom" if above else "top", color="#666666", size=8.5,
        )  # fmt: skip


KINDS = {  # (has a bubble, boundary): colour, marker, name
    (True, "open"): (BUBBLE, "o", "bubble"),
    (False, "open"): (CHAIN, "s", "open"),
    (False, "periodic"): ("#333333", "^", "periodic"),
}


def crossing_points(axes: Axes, crossings: pd.DataFrame) -> None:
    """Crossings with their 68 % intervals against 1/L; L is the shorter chain of the pair."""
    shift = {kind: 0.0012 * (place - 1) for place, kind in enumerate(KINDS)}  # keep bars apart
    for row in crossings.itertuples():
        kind = (row.bubble > 0, row.boundary)
        colour, marker, _ = KINDS[kind]
        x = 1 / row.length + shift[kind]
        if not np.isfinite(row.disorder):
            foot = blended_transform_factory(axes.transData, axes.transAxes)
            axes.plot([x], [0.03], "x", color=colour, transform=foot, clip_on=False)
            continue
        low, high = min(row.low, row.disorder), max(row.high, row.disorder)
        axes.errorbar(
            [x], [row.disorder], [[row.disorder - low], [high - row.disorder]], color=colour,
            marker=marker, ms=4.5, mfc="white" if row.missing > DOUBTFUL else colour,
        )  # fmt: skip
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=4, label=name)
        for kind, (colour, marker, name) in KINDS.items()
        if kind in set(zip(crossings.bubble > 0, crossings.boundary, strict=True))
    ]
    axes.set_xlabel("$1/L$", size=8.5, labelpad=1)
    axes.set_ylabel(r"crossing $W$ ($J$)", size=8.5, labelpad=1)
    axes.tick_params(labelsize=8)
    axes.set_xlim(0.07, 0.135)
    axes.margins(y=0.15)
    axes.set_facecolor("white")
    if handles:
        axes.legend(
            handles=handles, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3,
            handlelength=0.8, columnspacing=0.7, handletextpad=0.2, borderpad=0.2,
        )  # fmt: skip
