"""Figures of the chapter on the model."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import NullFormatter, ScalarFormatter
from matplotlib.transforms import Affine2D, blended_transform_factory

from inclusions.figures import (
    BUBBLE,
    CHAIN,
    RING,
    WIDTH,
    colour_of,
    disorder_legend,
    empty,
    reference_lines,
    styled,
)
from inclusions.hamiltonian import Hamiltonian
from inclusions.model import TUNED_BANDWIDTH

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
    colours = [BUBBLE, CHAIN, RING]
    figure = Figure((WIDTH, 4.0))
    for hamiltonian, axes in zip(hamiltonians, figure.subplots(1, len(hamiltonians)), strict=True):
        pattern, size = hamiltonian.pattern, hamiltonian.dimension
        terms = np.where(pattern.hopping != 0, 2, 0)
        terms[pattern.diagonal] = 1
        terms[pattern.ring] = 3
        rows, columns = np.repeat(np.arange(size), np.diff(pattern.indptr)), pattern.indices
        for term, colour in enumerate(colours, start=1):  # shapes, so that they follow the page
            x, y = columns[terms == term], rows[terms == term]
            ends = np.flatnonzero((np.diff(x) != 1) | (np.diff(y) != 0)) + 1  # of runs in a row
            bars = [
                Path.unit_rectangle().transformed(Affine2D().scale(len(run), 1).translate(*run[0]))
                for run in np.split(np.stack([x, y], axis=1), ends)
                if len(run)
            ]
            if bars:
                axes.add_patch(PathPatch(Path.make_compound_path(*bars), fc=colour, lw=0))
        axes.grid(False)
        axes.spines[["top", "right"]].set_visible(True)
        axes.set(
            xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="column", ylabel="row",
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


# Fig. 6


@styled
def bandwidths(table: pd.DataFrame) -> Figure:
    """Fig. 6: mean gap ratio against the bandwidth, a panel a size of the bubble."""
    scanned = table[(table.bubble > 0)]
    sizes = [n for n, part in scanned.groupby("bubble") if part.bandwidth.nunique() > 2]
    columns = 2 if len(sizes) > 1 else 1
    rows = max(-(-len(sizes) // columns), 1)
    figure = Figure((WIDTH, 2.5 * rows + 0.8))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    if not sizes:
        empty(panels[0, 0], scanned[:0])
    for axes in panels.flat[max(len(sizes), 1) :]:
        axes.axis("off")
    for axes, size in zip(panels.flat, sizes, strict=False):
        for disorder, curve in scanned[scanned.bubble == size].groupby("disorder"):
            curve = curve.sort_values("bandwidth")
            axes.errorbar(
                curve.bandwidth, curve.gap_ratio, curve.error, color=colour_of(disorder),
                marker="o", ms=4,
            )  # fmt: skip
        if size in TUNED_BANDWIDTH:
            axes.axvline(TUNED_BANDWIDTH[size], color="k", ls="--", lw=1.1)
        reference_lines(axes)
        axes.set(title=rf"$n_\mathrm{{GOE}} = {size}$", xscale="log", ylim=(0.37, 0.548))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set_xticks([0.05, 0.1, 0.2, 0.5, 1, 2])
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in panels[-1]:
        axes.set_xlabel(r"bandwidth $\beta$ ($J$)")
    for axes in panels[:, 0]:
        axes.set_ylabel(r"mean gap ratio $\langle r\rangle$")
    chosen = Line2D([], [], color="k", ls="--", label=r"chosen $\beta$")
    disorder_legend(figure, scanned, [chosen])
    return figure
