"""Figures of what samples cost: time, memory and the factor against the dimension."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from inclusions.figures import WIDTH, styled

LOOKS = {
    "inclusions": ("#0072B2", "o", "this project"),
    "inclusions-single": ("#56B4E9", "s", "this project, float32 factor"),
    "inclusions-mumps": ("#009E73", "D", "this project on MUMPS"),
    "slepc": ("#D55E00", "^", "SLEPc, MUMPS LU"),
    "quimb": ("#E69F00", "v", "quimb, SLEPc"),
    "scipy": ("#CC79A7", "P", "SciPy (QuSpin)"),
    "lapack": ("#333333", "X", "LAPACK"),
}


@styled
def cost(timings: pd.DataFrame, growth: pd.DataFrame) -> Figure:
    """Seconds (top) and memory (bottom) of a sample against the dimension; bubble left.

    The broken line is the fitted power of this project's seconds.
    """
    figure = Figure((WIDTH, 5.6))
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    serial = timings[timings.threads == 1]
    for column, system in enumerate(("bubble", "chain")):
        for row, (name, label) in enumerate(
            (("seconds", "seconds a sample"), ("memory", "memory (MB)"))
        ):
            axes = panels[row, column]
            axes.set(xscale="log", yscale="log")
            for peer, (colour, marker, title) in LOOKS.items():
                part = serial[(serial.peer == peer) & (serial.system == system)]
                part = part[part[name] > 0].sort_values("dimension")
                axes.plot(part.dimension, part[name], marker=marker, color=colour, label=title)
            if column == 0:
                axes.set_ylabel(label)
            if row == 1:
                axes.set_xlabel("dimension")
        fitted = growth[growth.system == system]
        drawn = serial[(serial.peer == "inclusions") & (serial.system == system)]
        for fit in fitted.itertuples():
            ends = np.array([3000.0, drawn.dimension.max()])
            panels[0, column].plot(
                ends, np.exp(fit.logarithm) * ends**fit.exponent, "--", color="0.5", zorder=0
            )
        panels[0, column].set_title(
            "chain with a bubble of four states" if system == "bubble" else "isolated open chain"
        )
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


@styled
def factor(timings: pd.DataFrame) -> Figure:
    """Entries and flops of the factor against the dimension, and the rate it is computed at."""
    figure = Figure((WIDTH, 2.9))
    entries, flops, rate = figure.subplots(1, 3)
    for axes, name, label in (
        (entries, "entries", "entries of the factor"),
        (flops, "flops", "operations"),
    ):
        axes.set(xscale="log", yscale="log", xlabel="dimension", title=label)
        for peer in ("inclusions", "inclusions-mumps", "slepc"):
            colour, marker, title = LOOKS[peer]
            for system, line in (("bubble", "-"), ("chain", "--")):
                part = timings[(timings.peer == peer) & (timings.system == system)]
                part = part.dropna(subset=[name]).sort_values("dimension")
                axes.plot(
                    part.dimension, part[name], line, marker=marker, color=colour,
                    label=title if system == "bubble" else None,
                )  # fmt: skip
    for system, line in (("bubble", "-"), ("chain", "--")):
        part = timings[(timings.peer == "inclusions") & (timings.system == system)]
        part = part[part.rate.notna() & (part.dimension > 3000)].sort_values("dimension")
        rate.plot(
            part.dimension, 100 * (part.rate / part.dgemm).astype(float), line,
            marker=LOOKS["inclusions"][1], color=LOOKS["inclusions"][0],
        )  # fmt: skip
    rate.set(xscale="log", ylim=(0, 100), xlabel="dimension", title="share of DGEMM rate (%)")
    rate.set_xticks([3000, 10000, 30000], ["3000", "10000", "30000"])
    rate.xaxis.set_minor_formatter(NullFormatter())
    handles, labels = entries.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


WAYS = {
    "factor": ("#0072B2", "o", "L D Lᵀ"),
    "filter": ("#D55E00", "s", "polynomial filter"),
    "filter (GPU)": ("#009E73", "D", "polynomial filter, GPU"),
    "Polfed.jl": ("#56534e", "^", "Polfed.jl, as published"),
}


@styled
def ways(rows: pd.DataFrame, beyond: pd.DataFrame) -> Figure:
    """Seconds (left) and memory (right) with and without a factor, against the dimension.

    Open symbols: from a share of a sample, or predicted. Full lines: bubble; broken: chain.
    """
    figure = Figure((WIDTH, 3.1))
    for axes, name, label in zip(
        figure.subplots(1, 2), ("seconds", "memory"), ("seconds", "memory (MB)"), strict=True
    ):
        axes.set(xscale="log", yscale="log", xlabel="dimension", title=label)
        for way, (colour, marker, title) in WAYS.items():
            for system, line in (("bubble", "-"), ("chain", "--")):
                part = rows[(rows.way == way) & (rows.system == system)]
                run = part[part.whole.astype(bool)].sort_values("dimension")
                rest = part[~part.dimension.isin(run.dimension)]
                if way == "factor":
                    rest = beyond[beyond.system == system]
                rest = rest.sort_values("dimension")
                named = rows[rows.way == way].system.max() == system  # both, or the only one
                axes.plot(
                    run.dimension, run[name], line, marker=marker, color=colour,
                    label=title if named else None,
                )  # fmt: skip
                axes.plot(rest.dimension, rest[name], ":", marker=marker, color=colour, mfc="none")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
