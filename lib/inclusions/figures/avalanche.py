"""Figures of the chapter on avalanches."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.claims.criteria import REJECTED
from inclusions.figures import (
    BUBBLE,
    CHAIN,
    GREY,
    GUIDE,
    WIDTH,
    colour_of,
    draws,
    empty,
    legend_below,
    marker_of,
    note,
    shade_of,
    styled,
)

RATIOS = ["#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"]
EXPONENTS = {1.0: ("o", "random-matrix exponent 1"), 0.5: ("s", "printed exponent 1/2")}


def _shades(ratios: pd.Series) -> dict[float, str]:
    return dict(zip(sorted(set(ratios)), RATIOS, strict=False))


@styled
def resonances(resonances: pd.DataFrame, reaches: pd.DataFrame) -> Figure:
    """Eq. (8) against distance (left), and where it is 1, against xi (right)."""
    figure = Figure((WIDTH, 3.6))
    left, right = figure.subplots(1, 2)
    colours = _shades(resonances.ratio)
    for ratio, curve in resonances.groupby("ratio"):
        left.plot(curve.distance, curve.resonance, color=colours[ratio], label=f"{ratio:g}")
    left.axhline(1, **GUIDE)
    left.set(
        yscale="log", ylim=(0.02, 60), xlabel=r"thermalized distance $\ell$ (sites)",
        ylabel="matrix element / level spacing",
    )  # fmt: skip
    left.legend(title=r"$\xi/\xi_*$", ncols=2, loc="lower left")
    for length, curve in reaches.groupby("length"):
        style: dict[str, Any]
        if length == -1:
            style = {"color": BUBBLE, "ls": "--", "label": "as printed"}
        elif length == 0:
            style = {"color": "#000000", "ls": ":", "label": r"$L = \infty$"}
        else:
            style = {"color": shade_of(length), "label": f"$L = {length}$"}
        shown = curve[np.isfinite(curve.reach)]
        right.plot(shown.ratio, shown.reach, **style)
    right.axvline(1, **GUIDE)
    right.set(xlabel=r"$\xi/\xi_*$", ylabel=r"$\ell_c$ (sites)", ylim=(0, 9.4), xlim=(0, 1.2))
    right.legend(loc="upper left")
    return figure


@styled
def ergodic_terms(terms: pd.DataFrame, isolated: float, reach: float) -> Figure:
    """The p-term of Eq. (6) as printed (broken) and bounded (full), a panel for each exponent."""
    exponents = sorted(set(terms.exponent), reverse=True)
    figure = Figure((WIDTH, 3.2))
    panels = figure.subplots(1, len(exponents), sharey=True, squeeze=False)[0]
    for exponent, axes in zip(exponents, panels, strict=True):
        curve = terms[terms.exponent == exponent]
        axes.plot(curve.distance, curve.printed, color=BUBBLE, ls="--", label="printed")
        axes.plot(curve.distance, curve.bounded, color=CHAIN, label="bounded", zorder=3)
        axes.axhline(isolated - 0.5, **GUIDE)
        axes.axvline(reach, **GUIDE)
        axes.set(
            yscale="log", ylim=(0.02, 40), xlabel="distance $i$ (sites)",
            title=EXPONENTS[exponent][1],
        )  # fmt: skip
        axes.text(reach, 25, r" $\ell_c$", color=GREY)
        note(axes, 0.7, isolated - 0.5, r"$\bar\gamma_\mathrm{XXZ}-1/2$", va="top", size=8.5)
        axes.axhspan(0.5, 40, color="#dddddd", alpha=0.45, lw=0)
    panels[0].set_ylabel(r"$\gamma_i - 1/2$ of a thermalized sample")
    panels[0].legend(loc="center right")
    return figure


@styled
def regimes(table: pd.DataFrame) -> Figure:
    """Eq. (6) as gamma_XXZ - gamma_i against distance, a panel for each exponent."""
    exponents = sorted(set(table.exponent), reverse=True)
    lengths = sorted(set(table.length))
    figure = Figure((WIDTH, 3.9))
    panels = figure.subplots(1, len(exponents), sharey=True, squeeze=False)[0]
    colours = _shades(table.ratio)
    for exponent, axes in zip(exponents, panels, strict=True):
        for (ratio, length), curve in table[table.exponent == exponent].groupby(
            ["ratio", "length"]
        ):
            short = length == lengths[0]
            axes.plot(
                curve.distance, curve.difference, color=colours[ratio],
                marker=marker_of(length) if short else None, ms=4, ls="-" if short else "--",
            )  # fmt: skip
        axes.set(xlabel="distance $i$ (sites)", title=EXPONENTS[exponent][1], yscale="log")
        axes.set_ylim(1e-3, 1)
    panels[0].set_ylabel(r"$\bar\gamma_\mathrm{XXZ} - \bar\gamma_i$")
    handles = [
        Line2D([], [], color=c, label=rf"$\xi/\xi_* = {ratio:g}$") for ratio, c in colours.items()
    ]
    handles += [
        Line2D([], [], color=GREY, marker=marker_of(n) if n == lengths[0] else None, ms=4,
               ls="-" if n == lengths[0] else "--", label=f"$L = {n}$")
        for n in lengths
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


@styled
def avalanche_fits(points: pd.DataFrame, curves: pd.DataFrame, length: int) -> Figure:
    """Measured gamma_XXZ - gamma_i of one length with the fits, a panel for each exponent."""
    points = points[points.length == length]
    figure = Figure((WIDTH, 3.9))
    panels = figure.subplots(1, 2, sharey=True)
    for (exponent, (_, name)), axes in zip(EXPONENTS.items(), panels, strict=True):
        for disorder, group in points.groupby("disorder"):
            colour = colour_of(disorder)
            axes.errorbar(group.distance, group.difference, group.error, color=colour,
                          marker=marker_of(length), ls="")  # fmt: skip
            fit = curves[
                (curves.length == length)
                & (curves.disorder == disorder)
                & (curves.exponent == exponent)
            ]
            rejected = bool(fit.rejected.any())
            axes.plot(fit.distance, fit.difference, color=colour, ls=":" if rejected else "-",
                      lw=0.9 if rejected else 1.6)  # fmt: skip
        axes.set(xlabel="distance (sites)", title=name)
        empty(axes, points)
    panels[0].set_ylabel(r"$\bar\gamma_\mathrm{XXZ} - \bar\gamma_i$")
    handles = [
        Line2D([], [], color=colour_of(w), marker=marker_of(length), label=f"$W = {w:g}$")
        for w in sorted(set(points.disorder))
    ]
    legend_below(figure, handles)
    draws(figure, points)
    return figure


@styled
def avalanche_parameters(fits: pd.DataFrame) -> Figure:
    """Fitted xi and p, and chi2 per degree of freedom, against disorder; rejected is hollow."""
    figure = Figure((WIDTH, 3.9))
    panels = figure.subplots(1, 3)
    kinds = sorted({(row.length, row.exponent) for row in fits.itertuples()})
    for place, (length, exponent) in enumerate(kinds):
        colour = CHAIN if exponent == 1 else BUBBLE
        group = fits[(fits.length == length) & (fits.exponent == exponent)]
        shift = 0.06 * (place - (len(kinds) - 1) / 2)
        for row in group.itertuples():
            face = "white" if row.regime == REJECTED else colour
            style = {"color": colour, "marker": marker_of(length), "mfc": face, "ls": ""}
            for axes, name, unit in ((panels[0], "xi", CRITICAL_LENGTH), (panels[1], "p", 1)):
                value, low, high = (
                    getattr(row, key) / unit for key in (name, f"{name}_low", f"{name}_high")
                )
                bars = [[max(value - low, 0)], [max(high - value, 0)]]
                axes.errorbar([row.disorder + shift], [value], bars, **style)
            panels[2].plot([row.disorder + shift], [row.chi2 / row.degrees], **style)
    panels[0].set(ylabel=r"$\xi/\xi_*$", ylim=(0, None))
    panels[0].axhline(1, **GUIDE)
    panels[1].set(ylabel="$p$", ylim=(-0.03, 1.03))
    panels[2].set(ylabel=r"$\chi^2$ / degrees of freedom", yscale="log")
    panels[2].axhline(1, **GUIDE)
    for axes in panels:
        axes.set_xlabel("$W$ ($J$)")
        empty(axes, fits)
    handles = [
        Line2D([], [], color=CHAIN if exponent == 1 else BUBBLE, marker=marker_of(length), ls="",
               label=f"$L = {length}$, exponent {exponent:g}")
        for length, exponent in sorted(kinds, key=lambda kind: kind[::-1])  # a column each
    ]  # fmt: skip
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
