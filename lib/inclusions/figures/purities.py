"""Figures of the chapter on purities."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from inclusions.claims.criteria import FADES
from inclusions.figures import (
    BUBBLE,
    CHAIN,
    NEUTRAL,
    RING,
    WIDTH,
    colour_of,
    disorder_axis,
    disorder_legend,
    draws,
    empty,
    enough,
    legend_below,
    marker_of,
    name_end,
    name_start,
    nearest,
    note,
    paper_says,
    part_names,
    shade_of,
    styled,
)
from inclusions.statistics import plateau

LOCALIZED = 4.0  # disorder from which the paper's figures of purities begin, units of J
GROWS = 5.2  # disorder from which it sees gamma_5 grow with the length
NOTHING = 7.0  # disorder from which it sees no plateau


def distance_colour(distance: int, largest: int) -> tuple[float, float, float, float]:
    """The colour of a distance from the bubble: dark next to it, light far away."""
    return matplotlib.colormaps["viridis"](0.85 * distance / max(largest, 1))


# Eq. (5)


@styled
def partial_traces(table: pd.DataFrame) -> Figure:
    """Purity by Eq. (5) against the one by partial trace; right, the same without definite S^z."""
    figure = Figure((WIDTH, 3.4))
    titles = {"eigenstate": "eigenstates", "superposition": "superpositions of two sectors"}
    for axes, (kind, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        rows = table[table.kind == kind]
        axes.plot([0.5, 1], [0.5, 1], color="#999999", lw=1, zorder=1)
        axes.plot(
            rows.partial_trace, rows.formula, ".", ms=4, alpha=0.6, mew=0,
            color=CHAIN if kind == "eigenstate" else BUBBLE,
        )  # fmt: skip
        axes.set(xlabel=r"purity $\mathrm{Tr}\,\rho_i^2$ by partial trace", title=title)
        axes.set_aspect("equal")
    figure.axes[0].set_ylabel(r"$1/2 + 2\,\langle S^z_i\rangle^2$")
    return figure


# The ergodic side and the limit of strong disorder


@styled
def ergodic(table: pd.DataFrame) -> Figure:
    """gamma - 1/2 against the dimension, a panel a disorder; hollow, what scatters over states."""
    disorders = sorted(set(table.disorder)) or [np.nan]
    figure = Figure((WIDTH, 3.8))
    panels = figure.subplots(1, len(disorders), sharey=True, squeeze=False)[0]
    for axes, disorder in zip(panels, disorders, strict=True):
        if empty(axes, table):
            continue
        part = table[table.disorder == disorder]
        for (bubble, boundary), curve in part.groupby(["bubble", "boundary"]):
            curve = curve.sort_values("dimension")
            colour = BUBBLE if bubble else (RING if boundary == "periodic" else CHAIN)
            marker = "o" if bubble else "^"
            axes.errorbar(curve.dimension, curve.excess, curve.error, color=colour, marker=marker)
            axes.errorbar(
                curve.dimension, curve["scatter"], curve.scatter_error, color=colour,
                marker=marker, mfc="white", ls="--",
            )  # fmt: skip
        d = np.geomspace(part.dimension.min() / 1.3, part.dimension.max() * 1.3, 50)
        axes.plot(d, 1 / (d + 2), color=NEUTRAL, lw=1.1, ls="-.")
        start = part.excess.max() * 1.25
        for power, style in ((0.5, ":"), (1.0, (0, (6, 2)))):
            axes.plot(d, start * (d / d[0]) ** -power, color="#888888", lw=1, ls=style)
        axes.set(
            xscale="log", yscale="log", title=f"$W = {disorder:g}$",
            xlabel="dimension $d$ of the sector",
        )  # fmt: skip
        ticks = [t for t in (100, 300, 1000, 3000, 10000, 30000, 100000) if d[0] <= t <= d[-1]]
        axes.set_xticks(ticks, [f"{t}" for t in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel(r"mean of $\gamma - 1/2$")
    kinds = {(row.bubble > 0, row.boundary) for row in table.itertuples()}
    known = {
        (True, "open"): (BUBBLE, "o", "bubble"),
        (False, "periodic"): (RING, "^", "periodic chain"),
        (False, "open"): (CHAIN, "^", "open chain"),
    }
    handles = [
        Line2D([], [], color=colour, marker=marker, label=name)
        for kind, (colour, marker, name) in known.items()
        if kind in kinds
    ]
    handles += [
        Line2D(
            [], [], color=NEUTRAL, marker="o", mfc="white", ls="--", label="scatter over states"
        ),
        Line2D([], [], color=NEUTRAL, ls="-.", label="random vectors"),
        Line2D([], [], color="#888888", ls=":", label="$d^{-1/2}$"),
        Line2D([], [], color="#888888", ls=(0, (6, 2)), label="$d^{-1}$"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


@styled
def losses(table: pd.DataFrame) -> Figure:
    """1 - gamma in the middle against disorder, with its limit pi/4W, by system and length."""
    figure = Figure((WIDTH, 3.8))
    axes = figure.subplots()
    if not empty(axes, table):
        for (bubble, length), curve in table.groupby([table.bubble > 0, "length"]):
            curve = curve.sort_values("disorder")
            axes.errorbar(
                curve.disorder, curve.loss, curve.error, color=shade_of(length),
                marker=marker_of(length), mfc="white" if bubble else None,
                ls="--" if bubble else "-",
                label=f"{'bubble' if bubble else 'open chain'}, $L = {length}$",
            )  # fmt: skip
        length = table.length.max()
        w = np.geomspace(max(table.disorder.min(), 4), table.disorder.max(), 50)
        axes.plot(
            w, np.pi * length / (4 * w * (length - 1)), color=NEUTRAL, lw=1.2, ls="-.",
            label=r"$\pi L / 4 W (L-1)$",
        )  # fmt: skip
        axes.set(xscale="log", yscale="log")
        ticks = [w for w in (1, 2, 4, 8, 15, 25, 50, 100) if w <= table.disorder.max()]
        axes.set_xticks(ticks, [str(w) for w in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(ncols=2)
    axes.set_ylabel(r"$1 - \gamma$ in the middle")
    disorder_axis(axes)
    return figure


# Fig. 3

SHOWN = (4.0, 5.2, 6.0, 8.0, 10.0)
"""Disorders of the profiles: few enough to tell apart; the slider has all."""


@styled
def purity_profiles(purities: pd.DataFrame, isolated: pd.DataFrame) -> Figure:
    """Fig. 3: purity by distance, and the isolated chain of L + 2 as a band.

    A panel for each of the two longest chains with a bubble, at some disorders that both have;
    what the bubble takes far from it is the space between a curve's end and its band.
    """
    localized = purities[(purities.bubble > 0) & (purities.disorder >= LOCALIZED)]
    localized = localized[localized.disorder.isin(nearest(localized.disorder, SHOWN))]
    lengths = sorted(set(localized.length))[-2:]
    figure = Figure((WIDTH, 5.2))
    panels = figure.subplots(1, max(len(lengths), 1), sharey=True, squeeze=False)[0]
    if not lengths:
        empty(panels[0], localized)
    for axes, length in zip(panels, lengths, strict=False):
        levels = isolated[
            (isolated.length == length + 2)
            & (isolated.sites == "middle")
            & (isolated.boundary == "open")
        ].set_index("disorder")
        for disorder, curve in localized[localized.length == length].groupby("disorder"):
            colour = colour_of(disorder)
            if disorder in levels.index:
                level = levels.loc[disorder]
                across = [-0.4, curve.distance.max() + 0.3]  # as far as the curve's name
                low, high = level.purity - level.error, level.purity + level.error
                axes.fill_between(across, low, high, color=colour, alpha=0.25, lw=0)
                axes.plot(across, 2 * [level.purity], color=colour, lw=0.8, alpha=0.6)
            axes.errorbar(
                curve.distance, curve.purity, curve.error, color=colour, marker=marker_of(length)
            )
            name_end(axes, curve, "distance", "purity")
        if len(levels):
            _fading(axes, levels.purity, named=axes is panels[0])
            strongest = levels[levels.index.isin(localized.disorder)].purity.idxmax()
            alone = f"chain alone, {length + 2} spins"
            top = levels.purity[strongest] + levels.error[strongest]
            note(axes, 0.05, top, alone, va="bottom")
        axes.set(xlabel="distance $i$ from the bubble", title=f"bubble, $L = {length}$")
        axes.set_xlim(-0.4, localized.distance.max() + 1.7)
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_ylabel(r"mean purity $\gamma_i$")
    shown = localized[localized.length.isin(lengths)]
    bands = isolated[(isolated.boundary == "open") & isolated.disorder.isin(shown.disorder)]
    draws(figure, shown, bands[bands.length.isin([n + 2 for n in lengths])])
    part_names(figure)
    return figure


def _fading(axes: Axes, levels: pd.Series, named: bool) -> None:
    """Mark the purity of the isolated chain where the paper sees curves reach their bands."""
    levels = levels.sort_index()
    if len(levels) and levels.index[0] <= FADES[0] and levels.index[-1] >= FADES[1]:
        low, high = np.interp(FADES, levels.index, levels)
        paper_says(axes, low, high, across=True)
        if named:
            note(axes, 0.05, (low + high) / 2, "the paper", va="center")


# Fig. 4

SEEN = 0.02
"""The least error of a purity that leaves nothing to be seen."""


@styled
def fixed_distance(purities: pd.DataFrame, distances: Sequence[int] = (5, 3)) -> Figure:
    """Fig. 4: purity at a fixed distance against L, with bubble (left) and without (right).

    Arrows stand where the paper says that a curve rises.
    """
    figure = Figure((WIDTH, 2.7 * len(distances) + 0.5))
    panels = figure.subplots(len(distances), 2, sharex="row", sharey="row", squeeze=False)
    localized = purities[(purities.disorder >= LOCALIZED) & (purities.boundary == "open")]
    localized = localized[localized.error < SEEN]
    for row, distance in zip(panels, distances, strict=True):
        for axes, bubble in zip(row, (True, False), strict=True):
            chosen = localized[
                (localized.distance == distance) & ((localized.bubble > 0) == bubble)
            ]
            empty(axes, chosen)
            for disorder, curve in chosen.groupby("disorder"):
                axes.errorbar(
                    curve.length, curve.purity, curve.error, color=colour_of(disorder), marker="o"
                )
                rises = bubble and distance == 5 and disorder >= GROWS
                name_start(axes, curve, "length", "purity", "↑ " if rises else "")
            axes.set_title(f"{'bubble' if bubble else 'isolated chain'}, $i = {distance}$")
            axes.margins(x=0.15)
        lengths = sorted(set(localized.length[localized.distance == distance]))
        row[0].set_xticks(lengths)
        row[0].set_ylabel(rf"mean purity $\gamma_{{{distance}}}$")
    for axes in panels[-1]:
        axes.set_xlabel("length $L$")
    draws(figure, localized[localized.distance.isin(distances)])
    disorder_legend(figure, localized)
    part_names(figure)
    return figure


# Fig. 8


@styled
def bubble_sizes(table: pd.DataFrame) -> Figure:
    """Fig. 8: purity against the size of the bubble, a panel a disorder, a curve a distance.

    Hollow symbols are the trivial bubble of one state, the black line the isolated chain.
    """
    sized = table[table.bubble > 2]
    disorders = [w for w, part in sized.groupby("disorder") if part.bubble.nunique() > 1]
    disorders = disorders or sorted(set(sized.disorder))[:1]
    columns = 2 if len(disorders) in (2, 4) else min(max(len(disorders), 1), 3)
    rows = max(-(-len(disorders) // columns), 1)
    figure = Figure((WIDTH, 2.5 * rows + 0.7))
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    largest = int(table.distance.max()) if len(table) else 0
    for axes in panels.flat[len(disorders) :]:
        axes.axis("off")
    if not disorders:
        panels[0, 0].axis("on")
        empty(panels[0, 0], sized)
    for axes, disorder in zip(panels.flat, disorders, strict=False):
        part = table[table.disorder == disorder]
        for distance, curve in part[part.distance >= 0].groupby("distance"):
            colour = distance_colour(distance, largest)
            for trivial, points in curve.groupby(curve.bubble == 1):
                axes.errorbar(
                    points.bubble, points.purity, points.error, color=colour, marker="o",
                    mfc="white" if trivial else colour, ls="" if trivial else "-", ms=4,
                )  # fmt: skip
        for row in part[part.bubble == 0].itertuples():
            axes.axhspan(
                row.purity - row.error, row.purity + row.error, color="k", alpha=0.12, lw=0
            )
            axes.axhline(row.purity, color="k", lw=1.1)
        axes.set_title(f"$W = {disorder:g}$")
        axes.set_xticks(sorted(set(table.bubble) - {0}))
    for axes in panels[:, 0]:
        axes.set_ylabel(r"mean purity $\gamma_i$")
    for column in range(columns):
        last = max(r for r in range(rows) if r * columns + column < max(len(disorders), 1))
        panels[last, column].set_xlabel(r"bubble $n_\mathrm{GOE}$")
        panels[last, column].tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=distance_colour(i, largest), marker="o", label=f"$i = {i}$")
        for i in range(largest + 1)
    ]
    handles.append(Line2D([], [], color="k", label="isolated chain"))
    draws(figure, table[table.disorder.isin(disorders)])
    legend_below(figure, handles)
    return figure


# Fig. 9


@styled
def plateaus(differences: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """Fig. 9: gamma_XXZ - gamma_i with fits (top), and the fitted gamma_0 (bottom).

    Top: the longest chain that is fitted at three disorders, and the longest of all. Bottom: all
    lengths; only fits in which gamma_0 is constrained on both sides.
    """
    figure = Figure((WIDTH, 7.6))
    localized = differences[differences.disorder >= LOCALIZED]
    fitted = fits[(fits.disorder >= LOCALIZED) & fits.valid.astype(bool)]
    shown = [0]
    if len(localized):
        counts = (fitted if len(fitted) else localized).groupby("length").disorder.nunique()
        length = counts[counts >= 3].index.max() if (counts >= 3).any() else counts.index.max()
        shown = sorted({length, localized.length.max()})
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    tops = above.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    bottom = below.subplots()
    part = localized[localized.length.isin(shown)]
    for axes, length in zip(tops, shown, strict=True):
        _decay(axes, localized[localized.length == length], fitted[fitted.length == length])
    tops[0].set_ylabel(r"$\gamma_\mathrm{XXZ} - \gamma_i$")
    disorders = sorted(set(part.disorder))
    handles = [Line2D([], [], color=colour_of(w), ls="--") for w in disorders]
    if handles:
        names = [f"$W = {w:g}$" for w in disorders]
        above.legend(handles, names, loc="outside lower center", ncols=5)
    if not empty(bottom, fitted):
        for place, (length, curve) in enumerate(fitted.groupby("length")):
            bottom.errorbar(
                curve.disorder + 0.04 * place, curve.plateau, curve.error, color=shade_of(length),
                marker=marker_of(length), label=f"$L = {length}$",
            )  # fmt: skip
        known = fitted[fitted.error <= 2 * fitted.error.median()]
        low = min(0.0, (known.plateau - known.error).min())
        high = max(_five_percent(bottom, fitted), (known.plateau + known.error).max())
        strong = [NOTHING, max(fitted.disorder.max(), NOTHING)]
        none = f"paper, nothing from $W = {NOTHING:g}$ on"
        bottom.plot(strong, [0, 0], color="k", lw=5, alpha=0.2, zorder=1, label=none)
        margin = 0.1 * (high - low)
        bottom.set_ylim(low - margin, high + margin)  # the worst fits may leave the panel
        bottom.legend()
    draws(figure, part, fitted)
    bottom.axhline(0, color="#777777", lw=0.9)
    bottom.set_ylabel(r"plateau $\gamma_0$")
    disorder_axis(bottom)
    return figure


def _decay(axes: Axes, part: pd.DataFrame, fits: pd.DataFrame) -> None:
    """The difference of one length against distance, and the fits."""
    empty(axes, part)
    curves = dict(list(part.groupby("disorder")))
    for place, (disorder, curve) in enumerate(curves.items()):
        length = curve.length.iloc[0]
        axes.errorbar(
            curve.distance + 0.025 * (place - len(curves) / 2),  # keep the bars apart
            curve.difference, curve.error, color=colour_of(disorder), ls="",
            marker=marker_of(length),
        )  # fmt: skip
        axes.set_title(f"bubble $L = {length}$, open chain {length + 2}")
        steps = np.linspace(0, curve.distance.max(), 100)
        for fit in fits[fits.disorder == disorder].itertuples():
            line = plateau(steps, fit.plateau, fit.amplitude, fit.decay)
            axes.plot(steps, line, color=colour_of(disorder), ls="--", lw=1.1)
    axes.axhline(0, color="#777777", lw=0.9)
    axes.set_xlabel("distance $i$ from the bubble")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _five_percent(axes: Axes, fits: pd.DataFrame) -> float:
    """Mark what the paper's 5 % at W = 5.2 are of gamma_XXZ, and of gamma_XXZ - 1/2; the former."""
    known = fits[(fits.disorder == 5.2) & (fits.relative != 0)].sort_values("length")
    if known.empty:
        return 0.0
    level = float((known.plateau / known.relative).iloc[-1])  # gamma_XXZ
    for base, mark, name in ((0.0, "+", ""), (0.5, "x", " - 1/2")):
        of = rf"paper, 5 % of $\gamma_\mathrm{{XXZ}}{name}$"
        axes.plot([5.2], [0.05 * (level - base)], mark, color="k", ms=9, mew=1.6, label=of)
    return 0.05 * level


SYSTEMS = {  # of tables.purities.shifts: colour, marker, name
    "bubble": (BUBBLE, "o", "bubble of four states"),
    "edges": ("#E69F00", "D", "the same, against all sites of the open chain"),
    "trivial": ("#CC79A7", "v", "ring closed by a bubble of one state"),
    "ring": (RING, "^", "periodic chain of $L+2$"),
    "short": (CHAIN, "s", "open chain of $L$"),
}


@styled
def shifts(table: pd.DataFrame) -> Figure:
    """How far the middle's purity is below that of the open chain of L + 2, panels by length.

    The three longest with `ENOUGH` realizations, or with any.
    """
    chosen = table[table.disorder >= LOCALIZED]
    chosen = chosen[enough(chosen)]
    bubbles = chosen[chosen.system == "bubble"].groupby("length").disorder.nunique()
    lengths = sorted(bubbles[bubbles > 1].index)[-3:] or sorted(set(chosen.length))[-1:]
    figure = Figure((WIDTH, 4.1))
    panels = figure.subplots(1, max(len(lengths), 1), sharey=True, squeeze=False)[0]
    if not lengths:
        empty(panels[0], chosen)
    for axes, length in zip(panels, lengths, strict=False):
        paper_says(axes, *FADES)
        axes.axhline(0, color="#777777", lw=0.9)
        for place, (system, (colour, marker, _)) in enumerate(SYSTEMS.items()):
            curve = chosen[(chosen.system == system) & (chosen.length == length)]
            curve = curve.sort_values("disorder")
            axes.errorbar(
                curve.disorder + 0.06 * (place - 2), curve["shift"], curve.error, color=colour,
                marker=marker, ms=4, lw=1,
            )  # fmt: skip
        axes.set_title(f"$L = {length}$")
        disorder_axis(axes)
    chosen = chosen[chosen.length.isin(lengths)]
    draws(figure, chosen)
    panels[0].set_ylabel(r"$\gamma_\mathrm{XXZ}^{L+2} - \gamma_\mathrm{far}$")
    handles = [
        Line2D([], [], color=colour, marker=marker, label=name)
        for system, (colour, marker, name) in SYSTEMS.items()
        if system in set(chosen.system)
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@styled
def fading(table: pd.DataFrame) -> Figure:
    """The deficit at mid-chain against disorder, a curve a length: plain, and sharpened."""
    figure = Figure((WIDTH, 3.9))
    panels = figure.subplots(1, 2, sharey=True)
    chosen = table[table.disorder.between(LOCALIZED, 10)]
    for axes, (value, error, title) in zip(
        panels,
        (("plain", "plain_error", "plain"), ("shift", "error", "sharpened by controls")),
        strict=True,
    ):
        paper_says(axes, *FADES, f"end of it in the paper, $W = {FADES[0]:g}$ … ${FADES[1]:g}$")
        axes.axhline(0, color="#777777", lw=0.9)
        for place, (length, curve) in enumerate(chosen.groupby("length")):
            curve = curve[curve[error] < SEEN].sort_values("disorder")
            axes.errorbar(
                curve.disorder + 0.05 * (place - 2), curve[value], curve[error], ms=4, lw=1,
                color=shade_of(length), marker=marker_of(length), label=f"$L = {length}$",
            )  # fmt: skip
        axes.set_title(title)
        disorder_axis(axes)
        empty(axes, chosen)
    draws(figure, chosen)
    panels[0].set_ylabel(r"$\gamma_\mathrm{XXZ}^{L+2} - \gamma_\mathrm{far}$")
    legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


# Fig. 7


CRITICAL = 4.0
"""Disorder at which the paper sees the bubble move weight from +-1 to the centre, J."""


@styled
def magnetization(table: pd.DataFrame, disorders: Sequence[float] = (1.0, 2.0, 4.0, 8.0)) -> Figure:
    """Fig. 7: densities of 2<S^z> by distance (colours), and isolated (black), by disorder.

    The longest chain with a bubble that has all these disorders, against the chain of L + 2.
    """
    bubbles = table[table.bubble > 0]
    disorders = nearest(bubbles.disorder, disorders)
    counts = bubbles[bubbles.disorder.isin(disorders)].groupby("length").disorder.nunique()
    length = counts[counts == counts.max()].index.max() if len(counts) else 0
    rows = max(-(-len(disorders) // 2), 1)
    figure = Figure((WIDTH, 2.6 * rows + 0.6))
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False)
    for axes in panels.flat[max(len(disorders), 1) :]:
        axes.axis("off")
    if not disorders:
        empty(panels[0, 0], bubbles)
    largest = int(bubbles.distance[bubbles.length == length].max()) if length else 0
    for axes, disorder in zip(panels.flat, disorders, strict=False):
        at = table[table.disorder == disorder]
        for distance, curve in at[(at.bubble > 0) & (at.length == length)].groupby("distance"):
            axes.errorbar(
                curve.spin, curve.density, curve.error, capsize=0, elinewidth=0.7, lw=1.1,
                color=distance_colour(distance, largest),
            )  # fmt: skip
        chain = at[(at.bubble == 0) & (at.length == length + 2)]
        chain = chain[chain.distance == chain.distance.max()]
        axes.errorbar(
            chain.spin, chain.density, chain.error, color="k", capsize=0, lw=1.3,
            elinewidth=0.7,
        )  # fmt: skip
        middle = at.density[at.spin.abs() < 0.2].mean()
        certain = (at.density > 2 * at.error).all()  # bars of few samples would reach to nowhere
        if certain and middle < 0.05 * at.density.max():  # else the centre could not be seen
            axes.set_yscale("log")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title(f"$W = {disorder:g}$")
        for spin, way in ((-1, "↓"), (0, "↑"), (1, "↓")) if disorder == CRITICAL else ():
            axes.text(
                0.85 * spin, 0.98, way, transform=axes.get_xaxis_transform(), ha="center",
                va="top", color="0.3",
            )  # fmt: skip
    for axes in panels[-1]:
        axes.set_xlabel(r"$2\langle n|S^z_i|n\rangle$")
    for axes in panels[:, 0]:
        axes.set_ylabel("density")
    handles = [
        Line2D([], [], color=distance_colour(i, largest), label=f"bubble {length}, $i = {i}$")
        for i in sorted(set(bubbles.distance[bubbles.length == length]))
    ]
    handles.append(Line2D([], [], color="k", label=f"isolated, {length + 2}, middle"))
    draws(figure, table[table.disorder.isin(disorders) & table.length.isin([length, length + 2])])
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure
