"""Figures of the chapter on variations."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from inclusions.claims.criteria import CROSSINGS, FADES
from inclusions.figures import (
    BUBBLE,
    CHAIN,
    GUIDE,
    NEUTRAL,
    RING,
    WIDTH,
    colour_of,
    disorder_axis,
    disorder_legend,
    empty,
    legend_below,
    marker_of,
    paper_says,
    reference_lines,
    styled,
)
from inclusions.model import TUNED_BANDWIDTH

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
            broad = BELOW if kind == (False, "open") else {}  # the periodic chain's lies on it
            left.plot(mean.index, mean, color=colour, ls=line, marker="o", **broad)
        left.set(yscale="log", xlabel="length $L$", ylabel="share of the spectrum's width")
    if not empty(right, counts):
        for (length, bubble), curve in counts.groupby(["length", "bubble"]):
            right.errorbar(
                curve.states, 1e3 * curve.change, 1e3 * curve.change_error,
                marker=marker_of(length), color=BUBBLE if bubble else CHAIN,
                label=f"{'bubble' if bubble else 'open'}, $L = {length}$",
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
        upper = bounds.groupby("disorder")[["most", "swallowed"]].max()
        right.plot(upper.index, upper.most, color=BUBBLE, marker="v")
        right.plot(upper.index, upper.swallowed, color=BUBBLE, ls="--", marker="v", mfc="w")
        right.set(ylabel="share $p$ of the samples", ylim=(0, None))
        disorder_axis(right)
    handles = [
        *_system_handles(curves),
        Line2D([], [], color=NEUTRAL, marker="^", label="$p$ at least"),
        Line2D([], [], color=NEUTRAL, marker=".", ls=":", label="distance $D$"),
        Line2D([], [], color=BUBBLE, marker="v", label="$p$ at most"),
        Line2D([], [], color=BUBBLE, ls="--", marker="v", mfc="w", label="at the front, at most"),
    ]
    legend_below(figure, handles)
    return figure


BELOW: dict[str, Any] = {"lw": 4, "ms": 9}
PAPER: dict[str, Any] = {"color": "k", "lw": 6, "alpha": 0.15, "zorder": 0}
LINES = {0.25: ":", 0.5: "--", 1.0: "-", 2.0: "-."}  # of couplings g


@styled
def couplings(ratios: pd.DataFrame, shifts: pd.DataFrame) -> Figure:
    """Gap ratio over beta for each g, a panel a disorder; right, purity against that at g = 1."""
    disorders = sorted(set(ratios.disorder)) or [0.0]
    figure, (*panels, right) = _panels(len(disorders) + 1)
    for axes, disorder in zip(panels, disorders, strict=True):
        if empty(axes, ratios):
            continue
        for coupling, curve in ratios[ratios.disorder == disorder].groupby("coupling"):
            curve = curve.sort_values("bandwidth")
            axes.errorbar(
                curve.bandwidth, curve.gap_ratio, curve.error, color=colour_of(disorder),
                ls=LINES.get(coupling, "-"), marker=".",
            )  # fmt: skip
        axes.axvline(TUNED_BANDWIDTH[4], **PAPER)
        reference_lines(axes)
        axes.set(xlabel=r"bandwidth $\beta$ ($J$)", title=f"$W = {disorder:g}$", ylim=(0.37, 0.55))
        _logarithmic(axes, [0.1, 0.3, 1.0])
    panels[0].set_ylabel(r"mean gap ratio $\langle r\rangle$")
    for axes in panels[1:]:
        axes.sharey(panels[0])
        axes.tick_params(labelleft=False)
    if not empty(right, shifts):
        for (length, disorder), curve in shifts.groupby(["length", "disorder"]):
            curve = curve.sort_values("coupling")
            right.errorbar(
                curve.coupling, 1e3 * curve["shift"], 1e3 * curve.error, marker=marker_of(length),
                color=colour_of(disorder),
            )  # fmt: skip
        right.axhline(0, **GUIDE)
        right.set(xlabel="coupling $g$", title=r"$\overline{\gamma}(g) - \overline{\gamma}(1)$")
        right.set_ylabel("$10^{-3}$", labelpad=1)
        _logarithmic(right, [0.25, 0.5, 1, 2])
    handles = [
        Line2D([], [], color=NEUTRAL, ls=ls, label=f"$g = {g:g}$") for g, ls in LINES.items()
    ]
    handles.append(Line2D([], [], label=r"the paper's $\beta$", **PAPER))
    disorder_legend(figure, pd.concat([ratios, shifts]), [*handles, *_length_handles(shifts)])
    return figure


def _logarithmic(axes: Axes, ticks: list[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())


def _length_handles(table: pd.DataFrame) -> list[Line2D]:
    return [
        Line2D([], [], color=NEUTRAL, marker=marker_of(n), ls="", label=f"$L = {n}$")
        for n in sorted(set(table.length))
    ]


CLOSED = {  # `against` of tables.variations.paired: colour, line
    "open": (CHAIN, "-"),
    "closed by $J$": (RING, "--"),
    "one random bond": ("#CC79A7", ":"),
    "one strong bond": ("#E69F00", "-."),
}


@styled
def paired(table: pd.DataFrame) -> Figure:
    """Purity of each other chain minus the bubble's, in the same samples, a panel a length."""
    lengths = sorted(set(table.length)) or [0]
    figure, panels = _panels(len(lengths), sharey=True)
    for axes, length in zip(panels, lengths, strict=True):
        if empty(axes, table):
            continue
        paper_says(axes, *FADES)
        axes.axhline(0, **GUIDE)
        part = table[table.length == length]
        for place, (name, (colour, line)) in enumerate(CLOSED.items()):
            curve = part[part.against == name].sort_values("disorder")
            axes.errorbar(
                curve.disorder + 0.06 * (place - 1.5), 1e3 * curve["shift"], 1e3 * curve.error,
                marker="o", ms=4, color=colour, ls=line,
            )  # fmt: skip
        axes.set_title(f"$L = {length}$")
        disorder_axis(axes)
    panels[0].set_ylabel(r"$\overline{\gamma}$ minus the bubble's, $10^{-3}$")
    handles = [
        Line2D([], [], color=colour, ls=line, marker="o", label=name)
        for name, (colour, line) in CLOSED.items()
        if name in set(table.against)
    ]
    legend_below(figure, handles)
    return figure


@styled
def entanglement(table: pd.DataFrame) -> Figure:
    """Half-chain entropy over Page's value, and divergence of neighbours, against disorder."""
    figure, (left, right) = _panels(2, 3.8)
    if empty(left, table):
        return figure
    for (bubble, boundary, length), curve in table.groupby(["bubble", "boundary", "length"]):
        curve = curve.sort_values("disorder")
        colour, line, _ = SYSTEMS[bubble > 0, boundary]
        look: dict[str, Any] = {"color": colour, "ls": line, "marker": marker_of(length), "ms": 4}
        left.errorbar(curve.disorder, curve.entropy, curve.error, **look)
        right.errorbar(curve.disorder, curve.divergence, curve.divergence_error, **look)
        if not bubble and boundary == "open":
            last, level = curve.disorder.max(), curve.logarithm.iloc[0]
            right.plot([0.8 * last, last], [level, level], color=colour, lw=2, alpha=0.5)
    for axes, limit, name in ((left, 1, "Page"), (right, 2, "GOE")):
        axes.axhline(limit, **GUIDE)
        axes.text(
            0.99, limit, name, transform=axes.get_yaxis_transform(), ha="right", va="bottom",
            color="#666666", size=8.5,
        )  # fmt: skip
    left.set(ylabel=r"half-chain entropy, $S/S_\mathrm{Page}$", ylim=(0, 1.1))
    right.set(ylabel="divergence of neighbours, KL", yscale="log")
    right.set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
    right.yaxis.set_minor_formatter(NullFormatter())
    for axes in (left, right):
        paper_says(axes, *CROSSINGS)
        disorder_axis(axes)
    ends = Line2D([], [], color=CHAIN, lw=2, alpha=0.5, label=r"$\ln d$, open chains")
    legend_below(figure, [*_system_handles(table), *_length_handles(table), ends])
    return figure


@styled
def mobility_edge(ratios: pd.DataFrame, places: pd.DataFrame) -> Figure:
    """Left: gap ratio against the target energy, by disorder. Right: where it is halfway."""
    figure, (left, right) = _panels(2)
    if not empty(left, ratios):
        for disorder, curve in ratios.groupby("disorder"):
            curve = curve.sort_values("target")
            left.errorbar(
                curve.target.astype(float), curve.gap_ratio, curve.error, marker="o", ms=4,
                color=colour_of(disorder),
            )  # fmt: skip
        reference_lines(left)
    left.set(xlabel=r"target $\varepsilon$", ylabel=r"mean gap ratio $\langle r\rangle$")
    if not empty(right, places):
        places = places.astype({"target": float}).sort_values("target")
        right.errorbar(
            places.target, places.disorder, places.error, marker="o", color=RING, ls="--"
        )
        paper_says(right, *CROSSINGS, across=True)
    right.set(xlabel=r"target $\varepsilon$", ylabel=r"halfway at $W_{1/2}$ ($J$)")
    for axes in (left, right):
        axes.set_xlim(0, 1)
    disorder_legend(figure, ratios)
    return figure
