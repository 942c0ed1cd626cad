"""Figures of control variates, for the chapter on methods."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from inclusions.figures import BUBBLE, CHAIN, GREY, GUIDE, WIDTH, empty, styled


@styled
def prediction(points: pd.DataFrame) -> Figure:
    """What windows know of samples: each against its windows, and what is left without that.

    `points` has a row for each sample: what its `window` says, the `sample`'s own value, and that
    `sharpened`. The broken line is the regression; the dotted ones are the means over samples.
    """
    figure = Figure((WIDTH, 3.2))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.6, 1))
    if empty(left, points):
        return figure
    left.plot(points.window, points["sample"], ".", color=CHAIN, ms=2.5, alpha=0.5)
    ends = np.array([points.window.min(), points.window.max()])
    slope = np.polyfit(points.window, points["sample"], 1)
    left.plot(ends, np.polyval(slope, ends), color=GREY, ls="--")
    left.axvline(points.window.mean(), **GUIDE)
    left.axhline(points["sample"].mean(), **GUIDE)
    left.set(xlabel=r"its windows, $1-\gamma$", ylabel=r"sample, $1-\gamma$")
    edges = np.histogram_bin_edges(np.concatenate([points["sample"], points.sharpened]), 40)
    for name, colour in (("sample", CHAIN), ("sharpened", BUBBLE)):
        counts, _ = np.histogram(points[name], edges)
        right.stairs(counts, edges, orientation="horizontal", color=colour, label=name)
    right.set(xlabel="samples")
    right.legend()
    return figure
