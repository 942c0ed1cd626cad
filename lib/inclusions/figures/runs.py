"""Figures of a campaign of one's own: any quantity against any parameter."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from inclusions.figures import WIDTH, empty, legend_below, reference_lines, styled

COLUMNS, MOST = 3, 12  # panels beside one another, and altogether
NAMES = {
    "length": "length $L$", "disorder": "disorder $W$ ($J$)", "bubble": r"$n_\mathrm{GOE}$",
    "coupling": "coupling $g$", "bandwidth": r"bandwidth $\beta$ ($J$)",
    "anisotropy": r"anisotropy $\Delta$", "magnetization": "total $S^z$",
    "target": r"target $\varepsilon$", "bond": "last bond ($J$)",
    "distance": "distance from the end", "separation": "distance $r$",
}  # fmt: skip


def spoken(name: str) -> str:
    """What a caption calls a parameter or a distance."""
    return {"bubble": "states of the bubble", "separation": "distance r"}.get(name, name)


def left_out(table: pd.DataFrame, names: Sequence[str], x: str) -> int:
    """How many panels `curves` does not draw for want of room."""
    rest = [name for name in names if name != x][1:]
    return max(0, len(table.groupby(rest, dropna=False)) - MOST) if rest else 0


@styled
def curves(
    table: pd.DataFrame, x: str, y: str, error: str, others: Sequence[str], label: str
) -> Figure:
    """A quantity with its error against a parameter of the table.

    The first of `others` has a colour for each of its values, each combination of the rest a
    panel, of which the first `MOST` are drawn. What is not a number is an equal step each.
    """
    colour, rest = (others[0] if others else None), list(others[1:])
    parts = list(table.groupby(rest, dropna=False, sort=True)) if rest else [((), table)]
    shown = parts[:MOST]
    columns = min(len(shown), COLUMNS) or 1
    rows = -(-len(shown) // columns) or 1
    figure = Figure((WIDTH if columns > 1 else 0.62 * WIDTH, 0.5 + 2.6 * rows))
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    shades = _shades(table[colour]) if colour else {}
    for axes, (values, part) in zip(panels, shown, strict=False):
        values = values if isinstance(values, tuple) else (values,)
        axes.set_title(", ".join(map(_named, rest, values)), size=9)
        _panel(axes, part, x, y, error, colour, shades)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel(label)
    empty(panels[0], table)
    if y == "gap_ratio":
        reference_lines(panels[0])
    handles, _ = panels[0].get_legend_handles_labels() if len(shades) > 1 else ([], [])
    legend_below(figure, handles)
    return figure


def _panel(
    axes: Axes, part: pd.DataFrame, x: str, y: str, error: str, colour: str | None, shades: dict
) -> None:
    if x == "separation":
        part = part.rename(columns={"distance": x})
    places = _places(part[x])
    markers = cycle("osD^vPX*")
    for value, marker in zip(shades or [None], markers, strict=False):
        curve = part if colour is None else part[_equal(part[colour], value)]
        axes.errorbar(
            [places[key] for key in curve[x].map(_key)], curve[y], curve[error], marker=marker,
            color=shades.get(value), ls="-" if len(curve) > 1 else "",
            label="" if colour is None else _named(colour, value),
        )  # fmt: skip
    axes.set_xlabel(NAMES.get(x, x))
    if any(isinstance(key, str) for key in places):
        axes.set_xticks(list(places.values()), [worded(key) for key in places])
    elif all(place.is_integer() for place in places.values()):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _key(value: object) -> object:
    """A value of a parameter: a number if it is one; what is not set has a name, too."""
    if value is None or value != value:
        return "default"
    return value


def _places(values: pd.Series) -> dict[Any, float]:
    """Where each value stands on the axis: numbers where they are, others a step each."""
    keys = _ordered(values)
    if any(isinstance(key, str) for key in keys):
        return {key: float(place) for place, key in enumerate(keys)}
    return {key: float(key) for key in keys}


def _ordered(values: pd.Series) -> list[Any]:
    """The different values, numbers first."""
    keys = set(values.map(_key))
    return sorted(
        keys, key=lambda key: (isinstance(key, str), str(key) * isinstance(key, str), key)
    )


def _equal(values: pd.Series, wanted: object) -> pd.Series:
    return values.map(_key).map(lambda key: key == wanted)


def _shades(values: pd.Series) -> dict[Any, tuple[float, float, float, float]]:
    """A colour for each value, from dark to light."""
    keys = _ordered(values)
    places = np.linspace(0.05, 0.85, len(keys))
    return dict(zip(keys, map(matplotlib.colormaps["viridis"], places), strict=True))


def worded(value: object) -> str:
    """A value of a parameter as text; what is not set has its default."""
    key = _key(value)
    return key if isinstance(key, str) else f"{key:g}"


def _named(name: str, value: object) -> str:
    """A value with the letter of its parameter."""
    letter = {
        "length": "L", "disorder": "W", "coupling": "g", "bubble": r"n_\mathrm{GOE}",
        "bandwidth": r"\beta", "anisotropy": r"\Delta", "magnetization": "S^z",
        "target": r"\varepsilon",
    }.get(name)  # fmt: skip
    number = letter is not None and not isinstance(_key(value), str)
    return f"${letter} = {worded(value)}$" if number else f"{name} {worded(value)}"
