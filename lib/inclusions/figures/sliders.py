"""Figures with sliders: one description, drawn on paper by Matplotlib and in the book by a script.

`book/_static/sliders.js` draws what `Exploration.json` holds; `Exploration.draw` is the same
picture with the sliders where they start. Labels may have indices, written "γ_{i}".
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from inclusions.claims.criteria import CROSSINGS, FADES
from inclusions.experiments import Sweep
from inclusions.figures import BUBBLE, CHAIN, RING, WIDTH, styled
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO

TONES = (CHAIN, BUBBLE, RING, "#555555")
"""Colours on paper; in the book, CSS has a lighter set of the same for dark pages."""
MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "dot": ".", "disc": "o"}
SIZES = {"dot": 3, "disc": 15}  # of markers on paper, in points; others 5
DIGITS = 5  # significant digits of an embedded number: a screen has fewer pixels

FULL, BROKEN, DOTTED, NONE = (), (7, 4), (1.5, 3), None


@dataclass(frozen=True)
class Control:
    """A slider: the column it chooses from, its label, its values, where it starts, its unit."""

    column: str
    label: str
    values: Sequence[float]
    start: int
    unit: str = ""

    def text(self, position: int) -> str:
        return f"{self.values[position]:g}{self.unit and ' '}{self.unit}"


@dataclass(frozen=True)
class Axis:
    """An axis of a panel with fixed limits, so that only curves move."""

    label: str
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Series:
    """A curve for every combination of the controls it depends on; None depends on none.

    `x`, `y` and `error` name columns of `table`; `dash` is None for points without a line. `shade`
    names one from 0 to 1, how much of its colour fills a marker.
    """

    label: str
    table: pd.DataFrame
    x: str
    y: str
    controls: Sequence[int] = ()
    error: str | None = None
    tone: int = 3
    dash: tuple[float, ...] | None = FULL
    marker: str | None = None
    hollow: bool = False
    shade: str | None = None


@dataclass(frozen=True)
class Panel:
    """Axes and what is drawn on them; a bare panel is a picture, square and without axes."""

    name: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    bare: bool = False


@dataclass(frozen=True)
class Exploration:
    """A figure whose curves are known at every position of its sliders."""

    controls: Sequence[Control]
    panels: Sequence[Panel]

    def rows(self, series: Series) -> list[pd.DataFrame]:
        """The rows of a series' table for each combination, the last control running fastest."""
        chosen = [self.controls[number] for number in series.controls]
        if not chosen:
            return [series.table]
        columns = [control.column for control in chosen]
        groups = dict(iter(series.table.groupby(columns)))
        return [
            groups.get(values, series.table.iloc[:0])
            for values in product(*(control.values for control in chosen))
        ]

    def json(self) -> str:
        """What the script in the book reads; nothing if there are no values to slide over."""
        if not all(control.values for control in self.controls):
            return ""
        return json.dumps(
            {
                "controls": [
                    {
                        "label": control.label,
                        "values": [_rounded(value) for value in control.values],
                        "texts": [control.text(i) for i in range(len(control.values))],
                        "start": control.start,
                    }
                    for control in self.controls
                ],
                "panels": [
                    {
                        "name": panel.name,
                        "bare": panel.bare,
                        "x": vars(panel.x),
                        "y": vars(panel.y),
                        "series": [self._embedded(series) for series in panel.series],
                    }
                    for panel in self.panels
                ],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def _embedded(self, series: Series) -> dict:
        rows = self.rows(series)

        def numbers(column: str | None) -> list | None:
            if column is None:
                return None
            values = [[_rounded(value) for value in row[column]] for row in rows]
            return values[0] if all(row == values[0] for row in values) else values

        return {
            "label": series.label, "controls": list(series.controls), "tone": series.tone,
            "line": series.dash is not None, "dash": list(series.dash or ()),
            "marker": series.marker, "hollow": series.hollow,
            "x": numbers(series.x), "y": numbers(series.y), "error": numbers(series.error),
            "shade": numbers(series.shade),
        }  # fmt: skip

    @styled
    def draw(self) -> Figure:
        """The figure with every slider where it starts, which its title says."""
        figure = Figure((WIDTH, 4.0))
        grid = figure.subplots(1, len(self.panels), squeeze=False)
        for axes, panel in zip(grid[0], self.panels, strict=True):
            self._panel(axes, panel)
        where = [f"{_math(c.label)} = {c.text(c.start)}" for c in self.controls if c.values]
        figure.suptitle(",   ".join(where), fontsize=10)
        return figure

    def _panel(self, axes: Axes, panel: Panel) -> None:
        axes.set(
            title=_math(panel.name), xlabel=_math(panel.x.label), ylabel=_math(panel.y.label),
            xscale="log" if panel.x.log else "linear", yscale="log" if panel.y.log else "linear",
            xlim=(panel.x.low, panel.x.high), ylim=(panel.y.low, panel.y.high),
        )  # fmt: skip
        if panel.bare:
            axes.set_axis_off()
            axes.set_aspect("equal")
        for series in panel.series:
            place = 0
            for number in series.controls:
                control = self.controls[number]
                place = place * len(control.values) + control.start
            rows = self.rows(series)
            if place >= len(rows) or rows[place].empty:
                continue
            row, colour = rows[place], TONES[series.tone]
            if series.shade:
                fills = [to_rgba(colour, float(part)) for part in row[series.shade].clip(0, 1)]
                size = SIZES.get(series.marker or "", 5)
                axes.scatter(row[series.x], row[series.y], size**2, fills,
                             edgecolors=colour, zorder=3, label=_math(series.label))  # fmt: skip
                continue
            axes.errorbar(
                row[series.x], row[series.y], row[series.error] if series.error else None,
                color=colour, ls="" if series.dash is None else (0, series.dash or (None)),
                marker=MARKERS.get(series.marker or "", ""), ms=SIZES.get(series.marker or "", 5),
                mfc="white" if series.hollow else colour, label=_math(series.label),
            )  # fmt: skip
        if axes.has_data():
            handles, _ = axes.get_legend_handles_labels()
            if not handles:
                return
            axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))
        else:
            axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center")


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _math(label: str) -> str:
    return re.sub(r"_\{(.*?)\}", r"$_\\mathrm{\1}$", label)


def _values(table: pd.DataFrame, column: str) -> list:
    return sorted(set(table[column].tolist()))


def _closest(values: Sequence[float], wanted: float) -> int:
    return int(np.argmin(np.abs(np.array(values) - wanted))) if values else 0


def _paper_says(low: float, high: float, up: Axis, what: str) -> Series:
    """Lines up a panel at both ends of the disorders that the paper's text states, J."""
    levels = [up.low, up.high, np.nan, up.low, up.high]
    ends = pd.DataFrame({"W": [low, low, np.nan, high, high], "up": levels})
    return Series(f"W ≈ {low:g} … {high:g}, where the paper sees {what}", ends, "W", "up",
                  dash=BROKEN)  # fmt: skip


def profiles(table: pd.DataFrame) -> Exploration:
    """Eq. (6): gamma_XXZ - gamma_i against distance; sliders for xi, p and n_GOE."""
    names = {1.0: "exponent 1", 0.5: "exponent 1/2, as printed"}
    labels = {
        "ratio": "localization length ξ/ξ_{*}",
        "p": "samples with avalanche p",
        "bubble": "states of the bubble n_{GOE}",
    }
    starts = {"ratio": 0.8, "p": 0.3, "bubble": 4}
    controls = [
        Control(column, label, values := _values(table, column), _closest(values, starts[column]))
        for column, label in labels.items()
    ]
    low, high = 1e-3, 1.0
    curves = [
        Series(
            names[exponent], table[table.exponent == exponent], "distance", "difference",
            controls=(0, 1, 2), tone=tone, dash=dash, marker=marker,
        )
        for exponent, tone, dash, marker in ((1.0, 0, FULL, "circle"), (0.5, 1, BROKEN, "square"))
    ]  # fmt: skip
    without = table[(table.p == 0) & (table.bubble == table.bubble.min()) & (table.exponent == 1)]
    curves.append(
        Series("no avalanche, p = 0", without, "distance", "difference", (0,), tone=2, dash=DOTTED,
               marker="triangle", hollow=True)
    )  # fmt: skip
    fronts = table.drop_duplicates(["ratio", "bubble"])
    ends = pd.concat([fronts.assign(level=low), fronts.assign(level=high)])
    curves.append(Series("front ℓ_{c}", ends, "reach", "level", (0, 2), dash=BROKEN))
    last = int(table.distance.max())
    across = Axis("distance i (sites)", -0.3, last + 1.3)
    up = Axis("γ_{XXZ} − γ_{i}", low, high, log=True)
    return Exploration(controls, [Panel("", across, up, curves)])


def gap_ratios(table: pd.DataFrame) -> Exploration:
    """Mean gap ratio against W of three systems, from `tables.sliders.by_size`; slider for L."""
    sizes = _values(table, "size")
    systems = table.groupby("size").system.nunique()
    fullest = systems[systems == systems.max()].index.max() if sizes else 0
    controls = [Control("size", "chain length L", sizes, _closest(sizes, fullest), "spins")]
    styles = {
        "bubble": ("with bubble, L spins", 1, FULL, "diamond", False),
        "open": ("isolated, open, L + 2 spins", 0, BROKEN, "circle", False),
        "periodic": ("isolated, periodic, L + 2 spins", 2, (7, 3, 1.5, 3), "square", True),
    }
    curves = [
        Series(label, table[table.system == system], "disorder", "gap_ratio", (0,), "error",
               tone, dash, marker, hollow)
        for system, (label, tone, dash, marker, hollow) in styles.items()
    ]  # fmt: skip
    first, last = (0.8, 8.2) if table.empty else (table.disorder.min(), table.disorder.max())
    ends = pd.DataFrame({"W": [first, last], "goe": GOE_GAP_RATIO, "poisson": POISSON_GAP_RATIO})
    curves += [
        Series("GOE (above) and Poisson (below)", ends, "W", "goe", dash=DOTTED),
        Series("", ends, "W", "poisson", dash=DOTTED),
    ]
    margin = 0.03 * (last - first)
    across = Axis("W (J)", first - margin, last + margin)
    up = Axis("mean gap ratio ⟨r⟩", 0.37, 0.55)
    curves.append(_paper_says(*CROSSINGS, up, "curves cross"))
    return Exploration(controls, [Panel("", across, up, curves)])


def purities(profiles: pd.DataFrame, isolated: pd.DataFrame) -> Exploration:
    """Purity against distance and the isolated chain's level; sliders for W and L.

    From `tables.purities.mean_purities` and `isolated_purities`.
    """
    bubble = profiles[profiles.bubble == 4]
    disorders, lengths = _values(bubble, "disorder"), _values(bubble, "length")
    controls = [
        Control("disorder", "disorder W", disorders, _closest(disorders, 5.2), "J"),
        Control("length", "chain length L", lengths, _closest(lengths, 14), "spins"),
    ]
    last = int(bubble.distance.max()) if len(bubble) else 1
    chain = isolated[(isolated.sites == "middle") & (isolated.boundary == "open")]
    chain = chain.assign(length=chain.length - 2)
    level = pd.concat([chain.assign(distance=d) for d in (-0.3, last + 0.3)])
    bands = [level.assign(purity=level.purity + sign * level.error) for sign in (-1, 1)]
    name = "isolated chain, L + 2 spins, with its error"
    curves = [
        Series("with bubble", bubble, "distance", "purity", (0, 1), "error", 1, FULL, "diamond"),
        Series(name, level, "distance", "purity", (0, 1), tone=0),
        *(Series("", band, "distance", "purity", (0, 1), tone=0, dash=DOTTED) for band in bands),
    ]
    across = Axis("distance i from the bubble (sites)", -0.3, last + 0.3)
    return Exploration(controls, [Panel("", across, Axis("mean purity γ_{i}", 0.5, 1.0), curves)])


def correlations(table: pd.DataFrame) -> Exploration:
    """C(r) with bubble and of the isolated chains of L + 2; sliders for W and L.

    From `tables.correlations.correlations`.
    """
    table = table[table.distance > 0]
    bubble = table[table.bubble == 4]
    disorders, lengths = _values(bubble, "disorder"), _values(bubble, "length")
    controls = [
        Control("disorder", "disorder W", disorders, _closest(disorders, 4.4), "J"),
        Control("length", "chain length L", lengths, _closest(lengths, 14), "spins"),
    ]
    chain = table[table.bubble == 0].assign(length=table.length - 2)
    styles = [("open", 0, BROKEN, "circle", False), ("periodic", 2, DOTTED, "square", True)]
    curves = [
        Series("with bubble", bubble, "distance", "correlation", (0, 1), "error", 1, FULL,
               "diamond"),
        *(
            Series(f"isolated, {name}, L + 2 spins", chain[chain.boundary == name], "distance",
                   "correlation", (0, 1), "error", tone, dash, marker, hollow)
            for name, tone, dash, marker, hollow in styles
        ),
    ]  # fmt: skip
    last = int(bubble.distance.max()) if len(bubble) else 1
    across = Axis("distance r (sites)", 0.7, last + 0.3)
    return Exploration(controls, [Panel("", across, Axis("C(r)", -0.05, 0.65), curves)])


def deficits(shifts: pd.DataFrame) -> Exploration:
    """What the bubble takes from the purity farthest from it, against W; slider for L.

    From `tables.purities.shifts`.
    """
    lengths = _values(shifts[shifts.system == "bubble"], "length")
    controls = [Control("length", "chain length L", lengths, _closest(lengths, 14), "spins")]
    styles = {
        "bubble": ("with bubble", 1, FULL, "diamond", False),
        "trivial": ("ring closed by one state", 3, DOTTED, "triangle", True),
        "ring": ("periodic chain, L + 2 spins", 2, BROKEN, "square", True),
    }
    curves = [
        Series(label, shifts[shifts.system == system], "disorder", "shift", (0,), "error", tone,
               dash, marker, hollow)
        for system, (label, tone, dash, marker, hollow) in styles.items()
    ]  # fmt: skip
    zero = pd.DataFrame({"disorder": [0.0, 11.0], "shift": 0.0})
    curves.append(Series("", zero, "disorder", "shift", dash=DOTTED))
    up = Axis("γ_{XXZ}(L + 2) − γ, four farthest sites", -0.02, 0.12)
    curves.append(_paper_says(*FADES, up, "it end"))
    return Exploration(controls, [Panel("", Axis("disorder W (J)", 0.5, 10.5), up, curves)])


def rings(table: pd.DataFrame) -> Exploration:
    """Chains as rings, each spin the fuller the more thermal it is; slider for W."""
    values = _values(table, "disorder")
    controls = [Control("disorder", "disorder W", values, _closest(values, 4.0), "J")]
    circle = np.linspace(0, 2 * np.pi, 73)
    bubble = pd.DataFrame({"x": [0.0], "y": [1.0], "full": [1.0]})
    axis = Axis("", -1.25, 1.25)
    panels = []
    for system, name in (("isolated", "The chain alone"), ("with bubble", "With the bubble")):
        spins = table[table.system == system]
        around = circle if system == "with bubble" else circle[4:-4]
        line = pd.DataFrame({"x": np.sin(around), "y": np.cos(around)})
        drawn = [
            Series("", line, "x", "y", tone=3),
            Series("", spins.assign(empty=0.0), "x", "y", (0,), dash=NONE, tone=0, marker="disc",
                   hollow=True),
            Series("", spins, "x", "y", (0,), dash=NONE, tone=0, marker="disc", shade="thermal"),
        ]  # fmt: skip
        if system == "with bubble":
            drawn.append(
                Series("", bubble, "x", "y", dash=NONE, tone=1, marker="disc", shade="full")
            )
        panels.append(Panel(name, axis, axis, drawn, bare=True))
    return Exploration(controls, panels)


def sample(table: Sweep) -> Exploration:
    """One sample's levels with their purity, and chosen states site by site; slider for W."""
    values = _values(table.levels, "disorder")
    controls = [Control("disorder", "disorder W", values, _closest(values, 1.0), "J")]
    levels = Series("all levels", table.levels, "place", "purity", (0,), dash=NONE, marker="dot")
    chosen = table.levels[table.levels.chosen]
    count = chosen.groupby("disorder").cumcount()
    styles = [
        (0, FULL, "circle", False),
        (1, BROKEN, "square", False),
        (2, DOTTED, "diamond", True),
    ]
    names = [f"state {number + 1}" for number in sorted(set(count))]
    marked, profiles = [], []
    for state, (name, (tone, dash, marker, hollow)) in enumerate(zip(names, styles, strict=False)):
        marked.append(
            Series(name, chosen[count == state], "place", "purity", (0,), None, tone, NONE,
                   marker, hollow)
        )  # fmt: skip
        spins = table.sites[table.sites.state == state]
        profiles.append(
            Series(name, spins, "site", "magnetization", (0,), None, tone, dash, marker, hollow)
        )
    last = int(table.sites.site.max())
    return Exploration(
        controls,
        [
            Panel("All levels", Axis("place in the spectrum", -0.02, 1.02),
                  Axis("mean purity of the sites", 0.48, 1.02), [levels, *marked]),
            Panel("States at the middle", Axis("site i", -0.3, last + 0.3),
                  Axis("⟨S_{z}⟩ of site i", -0.55, 0.55), profiles),
        ],
    )  # fmt: skip
