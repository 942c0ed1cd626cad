"""Figures of the perturbative appendix."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from inclusions.figures import (
    BUBBLE,
    CHAIN,
    GREY,
    GUIDE,
    WIDTH,
    colour_of,
    empty,
    marker_of,
    shade_of,
    styled,
)


@styled
def expansion(table: pd.DataFrame) -> Figure:
    """Loss of purity against disorder (left), and errors of the expansion (right)."""
    figure = Figure((WIDTH, 3.8))
    left, right = figure.subplots(1, 2)
    w = table.disorder
    left.errorbar(w, table["mean"], table.mean_error, color=CHAIN, marker="o", ls="",
                  label="mean, exact")  # fmt: skip
    left.plot(w, table.mean_resolved, color=CHAIN, label="mean, bonds as two levels")
    left.errorbar(w, table.typical, table.typical_error, color=BUBBLE, marker="s", ls="",
                  label="typical, exact")  # fmt: skip
    left.plot(w, table.typical_second, color=BUBBLE, ls="--", label="typical, second order")
    left.set(ylabel=r"$1 - \gamma$")
    left.legend(loc="lower left")
    names = {
        "printed_error": ("^", "#CC79A7", "paper Eq. (19) as printed, clear of resonance"),
        "error": ("s", BUBBLE, "corrected, all states"),
        "clear_error": ("o", "#009E73", "corrected, clear of resonance"),
    }
    for column, (marker, colour, label) in names.items():
        right.errorbar(w, table[column], table[f"{column}_error"], color=colour, marker=marker,
                       label=label)  # fmt: skip
    last = table.iloc[-1]
    for column, power in (("printed_error", -2), ("error", -4)):
        x = w[w >= last.disorder / 4]
        right.plot(x, 0.45 * last[column] * (x / last.disorder) ** power, **GUIDE)
        right.text(last.disorder / 3.9, 0.25 * last[column] * 4.0**-power, f"$W^{{{power}}}$",
                   color=GREY, size=9, ha="right", va="top")  # fmt: skip
    right.set(ylabel=r"typical $|\gamma - \gamma_\mathrm{exact}|$")
    right.legend(loc="lower left", fontsize=8)
    low = table[["clear_error", "error"]].min(axis=None)
    right.set_ylim(low / 300, 1)
    left.set_ylim(table.typical.min() / 20, 0.5)  # room for the legend
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="$W$ ($J$)")
        axes.set_xticks(list(w), [f"{x:g}" for x in w])
        axes.minorticks_off()
    return figure


@styled
def conservation(small: pd.DataFrame, tails: pd.DataFrame) -> Figure:
    """C(r) at fixed disorder on small chains (left); what conservation leaves, against L (right).

    In `tails`, a disorder of nan stands for fixed disorder; in `small`, lines are theory.
    """
    figure = Figure((WIDTH, 3.9))
    left, right = figure.subplots(1, 2)
    palette = dict(zip(sorted(set(small.anisotropy)), (CHAIN, BUBBLE), strict=False))
    widest = small.disorder.max()
    for (anisotropy, disorder), curve in small.groupby(["anisotropy", "disorder"]):
        far = curve[curve.distance > 0]
        shift = 0.09 * (list(palette).index(anisotropy) - 0.5)
        left.errorbar(
            far.distance + shift, far.fixed, far.fixed_error, color=palette[anisotropy],
            marker="o" if disorder == widest else "s", ls="-" if disorder == widest else "--",
            mfc=palette[anisotropy] if disorder == widest else "white",
            label=rf"$\Delta = {anisotropy:g}$, $W = {disorder:g}$",
        )  # fmt: skip
    free = small[(small.anisotropy == 0) & (small.disorder == widest)].dropna(subset="expected")
    left.plot(free.distance, free.expected, color="#000000", ls=":", lw=1.6, zorder=4,
              label="conservation alone")  # fmt: skip
    left.set(xlabel="distance $r$ (sites)", ylabel="$C(r)$ at fixed disorder", ylim=(-0.12, 0.4))
    left.legend(fontsize=8.5)
    fixed = tails[tails.disorder.isna()]
    right.plot(fixed.length, fixed.C, color="#000000", ls=":", marker=".", label="fixed disorder")
    for disorder, curve in tails.dropna().groupby("disorder"):
        right.plot(curve.length, curve.C, color=colour_of(disorder), marker=".",
                   label=f"$W = {disorder:g}$")  # fmt: skip
    guide = fixed[fixed.length >= fixed.length.max() / 3]
    scale = 0.4 * tails.C.min() * guide.length.max() ** 2
    right.plot(guide.length, scale / guide.length**2, **GUIDE)
    right.text(guide.length.max(), scale / guide.length.max() ** 2, "$1/L^2$", color=GREY,
               ha="right", va="top")  # fmt: skip
    right.set(xscale="log", yscale="log", xlabel="$L$", ylabel=r"$C(r \to \infty)$")
    ticks = [n for n in (8, 10, 12, 16, 20, 32, 64) if n <= fixed.length.max()]
    right.set_xticks(ticks, [str(n) for n in ticks])
    right.minorticks_off()
    right.legend(fontsize=8.5, loc="lower left")
    return figure


@styled
def ensemble_tails(table: pd.DataFrame) -> Figure:
    """C(L/2) against disorder for isolated chains and with bubble, beside conservation alone."""
    figure = Figure((WIDTH, 3.7))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, bubble in zip(panels, (False, True), strict=True):
        group = table[(table.bubble > 0) == bubble]
        for length, curve in group.groupby("length"):
            colour = shade_of(length)
            sure = curve[curve.within > curve.within_error]
            axes.errorbar(sure.disorder, sure.within, sure.within_error, color=colour,
                          marker=marker_of(length), ls="", label=f"$L = {length}$")  # fmt: skip
            unsure = curve[curve.within <= curve.within_error]
            upper = np.maximum(unsure.within, 0) + 2 * unsure.within_error
            axes.plot(unsure.disorder, upper, ls="", marker="v", mfc="white", color=colour)
            axes.plot(curve.disorder, curve.conserved, color=colour, ls="--")
        axes.set(
            xscale="log", yscale="log", xlabel="$W$ ($J$)",
            title="chain with bubble" if bubble else "isolated chain",
        )  # fmt: skip
        ticks = [w for w in (1, 2, 4, 8, 15, 25, 50) if w <= max(table.disorder, default=0)]
        axes.set_xticks(ticks, [str(w) for w in ticks])
        axes.minorticks_off()
        if not empty(axes, group):
            axes.legend(loc="lower left")
    panels[0].set_ylabel("$C(L/2)$ within realizations")
    return figure
