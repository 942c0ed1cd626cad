"""Tables to axes: one function for each figure; loads nothing and solves nothing.

Everywhere in the book a colour stands for a disorder (`colour_of`), a marker for a length
(`MARKERS`), a hollow marker with a broken line for a periodic chain.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, cast
from weakref import WeakKeyDictionary

import matplotlib
import numpy as np
import pandas as pd
import scipy
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, blended_transform_factory, offset_copy

from inclusions.claims.criteria import ENOUGH
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO
from inclusions.tables import sources_of

STYLE = Path(__file__).with_name("inclusions.mplstyle")
WIDTH = 7.0  # inches: the width of the page's column
NAME_SIZE = 7.0  # points: the names of curves

CHAIN, BUBBLE, RING = "#0072B2", "#D55E00", "#009E73"
NEUTRAL = "#333333"
GREY = "#555555"
GUIDE: dict[str, Any] = {"color": GREY, "lw": 0.9, "ls": (0, (1, 1.5)), "zorder": 1}
MARKERS = {6: "p", 8: "o", 10: "s", 12: "D", 14: "^", 16: "v", 18: "P", 20: "X"}
COLOURS = (1.0, 2.5, 4.0, 6.0, 10.0), (0.02, 0.37, 0.495, 0.685, 0.865)
"""Disorders W in units of J and their places on the scale of colours: steps of W that the figures
compare are steps that can be told apart without red or green, on white and on black. The darkest
colours, which differ least without red, are farthest apart."""


Given = ParamSpec("Given")


def styled(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Draw under the book's style whatever the caller's own is."""

    @wraps(draw)
    def inner(*arguments: Given.args, **options: Given.kwargs) -> Figure:
        with style.context([STYLE]):
            return draw(*arguments, **options)

    return inner


def draws(figure: Figure, *parts: pd.DataFrame) -> None:
    """Note of a figure which ensembles it shows: those that these rows come from."""
    drawn[figure] = sources_of(*parts)


drawn: WeakKeyDictionary[Figure, set[str]] = WeakKeyDictionary()
"""Names of the files behind figures, while these live."""


def canvas(columns: int = 1, width: float = WIDTH, height: float = 3.4) -> tuple[Figure, Any]:
    """An empty figure and its axes, one or an array of them, to draw on in a page.

    What is drawn afterwards in this session has the book's style too. Sizes in inches.
    """
    style.use([STYLE])
    figure = Figure((width, height))
    return figure, figure.subplots(1, columns)


def colour_of(disorder: float) -> tuple[float, float, float, float]:
    """The colour of a disorder W in all figures: dark at W = 1, light at W = 10, units of J."""
    return matplotlib.colormaps["plasma"](float(np.interp(disorder, *COLOURS)))


def shade_of(length: int) -> tuple[float, float, float, float]:
    """The colour of a length where curves differ by length: darker is longer."""
    return matplotlib.colormaps["YlGnBu"](float(np.interp(length, [6, 20], [0.42, 1.0])))


def marker_of(length: int) -> str:
    """The marker of a length in all figures."""
    return MARKERS.get(length, "*")


def empty(axes: Axes, table: pd.DataFrame) -> bool:
    """Say that there are no data where there are none."""
    if len(table):
        return False
    axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center", color="#666666")
    return True


def enough(table: pd.DataFrame) -> pd.Series:
    """Which rows have `ENOUGH` realizations; all of them where none has."""
    many = table.realizations >= ENOUGH
    return many if many.any() else ~many


def nearest(available: Iterable[float], wanted: Sequence[float]) -> list[float]:
    """Those of the wanted values that are there; as many of the others if none is."""
    available = sorted(set(available))
    return [w for w in wanted if w in available] or available[-len(wanted) :]


def paper_says(
    axes: Axes, low: float, high: float, name: str = "the paper", across: bool = False
) -> None:
    """Mark the range of x, or `across` of y, that the paper's text states."""
    span = axes.axhspan if across else axes.axvspan
    span(low, high, color="#000000", alpha=0.09, lw=0, zorder=0, label=name)


def disorder_axis(axes: Axes) -> None:
    """Label the x axis as disorder."""
    axes.set_xlabel("disorder $W$ ($J$)")


def disorder_legend(figure: Figure, table: pd.DataFrame, more: Sequence[Line2D] = ()) -> None:
    """Below the panels, the colour of every disorder in the table."""
    handles = [
        Line2D([], [], color=colour_of(w), marker="o", label=f"$W = {w:g}$")
        for w in sorted(set(table.disorder), reverse=True)
    ]
    legend_below(figure, [*handles, *more])


def name_start(axes: Axes, curve: pd.DataFrame, x: str, y: str, mark: str = "") -> None:
    """Write a curve's disorder before its first point: neighbouring colours are alike."""
    first = curve.loc[curve[x].idxmin()]
    axes.annotate(
        f"{mark}{first.disorder:g}", (first[x], first[y]), xytext=(-5, 0),
        textcoords="offset points", ha="right", va="center", fontsize=NAME_SIZE, color="0.3",
    )  # fmt: skip


def name_end(axes: Axes, curve: pd.DataFrame, x: str, y: str) -> None:
    """Write a curve's disorder behind its last point, darker than light curves are."""
    last = curve.loc[curve[x].idxmax()]
    axes.annotate(
        f"$W = {last.disorder:g}$", (last[x], last[y]), xytext=(7, 0), textcoords="offset points",
        ha="left", va="center", fontsize=NAME_SIZE, color="0.3",
    )  # fmt: skip


def part_names(figure: Figure) -> None:
    """Move the names of curves that begin close together apart, by as little as it takes.

    To be called last: where the names are is known once the panels are laid out.
    """
    figure.draw_without_rendering()
    for axes in figure.axes:
        names = [text for text in axes.texts if isinstance(text, Annotation)]
        if names:
            heights = axes.transData.transform([name.xy for name in names])[:, 1]
            points = heights * 72 / figure.dpi
            order = points.argsort(kind="stable")
            steps = NAME_SIZE * np.arange(len(names))
            parted = scipy.optimize.isotonic_regression(points[order] - steps).x + steps
            for place, height in zip(order, parted, strict=True):
                left, _ = names[place].xyann
                names[place].xyann = (left, height - points[place])


def note(axes: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """A text on a line or band of a panel, which moves along it to where it covers least.

    It does so when it is drawn, once the panel has its size and all of its curves; x is a part of
    the panel's width, y in units of the data, from which a text above or below keeps its distance.
    """
    gap = {"bottom": 1.5, "top": -1.5}.get(look.get("va", ""), 0)
    line = blended_transform_factory(axes.transAxes, axes.transData)
    where = offset_copy(line, cast(Figure, axes.figure), y=gap, units="points")
    own = dict[str, Any](transform=where, color=GREY, size=8)
    axes.add_artist(_Note(x, y, text, **(own | look)))


class _Note(Text):
    """What `note` puts on a panel."""

    axes: Axes

    def draw(self, renderer: RendererBase) -> None:
        """Move by as little as it takes, then draw."""
        pad = np.asarray(renderer.points_to_pixels(3))
        box, panel = self.get_window_extent(renderer).padded(float(pad)), self.axes.bbox
        steps = np.arange(panel.x0 - box.x0, panel.x1 - box.x1, panel.width / 200)
        steps = np.array(sorted([0.0, *steps], key=abs))
        curves, boxes = _drawn_on(self.axes, self, renderer)
        spans = [_within(box, curve) for curve in curves]
        spans += [one[None, ::2] for one in boxes if box.y0 < one[3] and one[1] < box.y1]
        start, end = np.add.outer([box.x0, box.x1], steps)[..., None]
        covered = sum(((one[:, 0] < end) & (one[:, 1] > start)).any(axis=1) for one in spans)
        self.set_x(self.get_position()[0] + steps[np.argmin(covered)] / panel.width)
        super().draw(renderer)


def _within(strip: Bbox, curve: np.ndarray) -> np.ndarray:
    """From where to where along x the pieces of a curve (n, 2) lie in a horizontal strip."""
    start, way = curve[:-1], np.diff(curve, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # level pieces, and values that lack
        shares = np.sort(((strip.y0, strip.y1) - start[:, 1:]) / way[:, 1:], axis=1).clip(0, 1)
    return np.sort(start[:, :1] + shares * way[:, :1], axis=1)[shares[:, 0] < shares[:, 1]]


def _drawn_on(axes: Axes, own: Text, renderer: RendererBase) -> tuple[list, list]:
    """In pixels, what a note should not cover: curves and bars; symbols, texts, insets as boxes."""
    bars = [one for one in axes.collections if isinstance(one, LineCollection)]
    curves = [
        one.get_transform().transform(path.vertices) for one in bars for path in one.get_paths()
    ]
    texts = [*axes.texts, *axes.child_axes, axes.get_legend()]
    boxes = [one.get_window_extent(renderer).extents for one in texts if one not in (own, None)]
    for line in axes.lines:
        curve = np.asarray(line.get_transform().transform(line.get_path().vertices))
        if line.get_linestyle() != "None":
            curves.append(curve)
        if line.get_marker() != "None":
            half = np.asarray(renderer.points_to_pixels(line.get_markersize() / 2))
            boxes.extend(np.hstack([curve - half, curve + half]))
    return curves, boxes


def legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Below the panels, in as few rows of six or less as it takes, all of about one length."""
    if handles:
        rows = -(-len(handles) // 6)
        figure.legend(
            handles=handles, loc="outside lower center", ncols=-(-len(handles) // rows),
            columnspacing=1.2, handlelength=1.8,
        )  # fmt: skip


def reference_lines(axes: Axes) -> None:
    """The mean gap ratios of GOE matrices and of independent levels."""
    for value, name in ((GOE_GAP_RATIO, "GOE"), (POISSON_GAP_RATIO, "Poisson")):
        axes.axhline(value, color="#777777", lw=0.9, ls=(0, (1, 1.5)), zorder=1)
        place, side = (0.3, "bottom") if value > 0.5 else (0.01, "top")
        note(axes, place, value, name, va=side, color="#666666", size=8.5)
