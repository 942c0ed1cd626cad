"""Windows of a sample as control variates: what they predict of it, and the mean of that.

A window is a few spins with the sample's own fields, cut from the rest and diagonalized whole. The
mean of 1 - gamma_i over all its eigenstates knows most of what the sample's own mean 1 - gamma_i
will be: a spin's purity is decided by the resonances near it. And its mean over disorder is an
integral over six or seven fields, which can be had as precisely as one likes. So the two together
sharpen the mean over samples: Owen, Monte Carlo theory, methods and examples (2013), chapter 8.9.

    windows      site i with the three spins on either side, fewer at an open end; next to the
                 bubble, three spins on either side of it with the bubble between them
    sectors      weighted as in the whole sample at infinite temperature: hypergeometric
    products     of two disjoint windows' deviations from their means, for C(r): their fields are
                 independent, so their mean is exactly 0

A sample is drawn again from (model, seed, index): nothing large is solved anew.

    >>> from inclusions import controls, statistics
    >>> found = controls.load(data, model, seed, records.realization.values)  # doctest: +SKIP
    >>> statistics.mean(mirrored_entropy, controls=found.purities())          # doctest: +SKIP

Its rooms, lowest first: `windows`, `spectra`, `means`, `predictions`, `files`.
"""

from inclusions.controls.files import NoControls, compute, known_means, load, saved
from inclusions.controls.means import mean_over_disorder
from inclusions.controls.predictions import Predictions, expected, kinds, predict
from inclusions.controls.spectra import entropies
from inclusions.controls.windows import Window, averaged_over_sectors, segment, window

__all__ = [
    "NoControls", "Predictions", "Window", "averaged_over_sectors", "compute", "entropies",
    "expected", "kinds", "known_means", "load", "mean_over_disorder", "predict", "saved",
    "segment", "window",
]  # fmt: skip
