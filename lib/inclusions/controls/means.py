"""Means over disorder of what windows predict: integrals over six or seven fields."""

from math import comb

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from inclusions.controls.spectra import entropies
from inclusions.controls.windows import Window
from inclusions.disorder import draw
from inclusions.model import Model

Array = NDArray[np.float64]

SCRAMBLINGS = 16
"""Independent sets of points of an integral: their scatter is its error."""

TOLERANCE = 2.5e-4
"""Error of an integral in standard deviations of the integrand, where sampling stops: a tenth of
the error of a mean over 2000 samples of which windows explain fifteen sixteenths of the variance,
each sample having two such windows."""

FEWEST_POINTS, POINTS = 1 << 7, 1 << 13
"""Points of a set, at least and at most."""

STATES = 48
"""States of the largest sector from which on fewer points have to do: its cube is the cost."""


def mean_over_disorder(kind: Window, model: Model) -> Array:
    """Mean of `entropies` over the fields and bubble matrices of the model, by randomized sets.

    Scrambled Sobol points, Owen, Monte Carlo theory (2013), chapter 17: some 40 times more precise
    than as many random ones. A window seen in a mirror, and with all spins and fields reversed, is
    as probable: the mean has both symmetries exactly.

    Returns:
        Shape (SCRAMBLINGS, w + 1, w): independent of each other; their mean is the integral.
    """
    drawn = kind.bubble and model.bond is None
    elements = 3 * model.bubble * (model.bubble + 1) // 2 if drawn else 0
    dimension = kind.spins + elements
    sets = [
        scipy.stats.qmc.Sobol(dimension, rng=np.random.default_rng([number, kind.spins]))
        for number in range(SCRAMBLINGS)
    ]
    likely = np.array([comb(kind.spins, up) for up in range(kind.spins + 1)]) / 2**kind.spins
    sums = np.zeros((SCRAMBLINGS, kind.spins + 1, kind.spins))
    square, points = np.zeros(kind.spins), 0
    while True:
        more = max(points, FEWEST_POINTS)
        for number, one in enumerate(sets):
            found = entropies(kind, model, *_disorder(one.random(more), kind, model))
            sums[number] += found.sum(axis=0)
            square += np.square(np.einsum("u,muw->mw", likely, found)).sum(axis=0)
        points += more
        means = np.einsum("u,suw->sw", likely, sums / points)
        scatter = square / (points * SCRAMBLINGS) - np.square(means.mean(axis=0))
        error = means.std(axis=0, ddof=1) / np.sqrt(SCRAMBLINGS)
        enough = np.all(error <= TOLERANCE * np.sqrt(np.maximum(scatter, 0)))
        if enough or points >= _most_points(kind, model):
            means = 0.5 * (sums + sums[:, ::-1]) / points
            return 0.5 * (means + means[:, :, ::-1])


def _most_points(kind: Window, model: Model) -> int:
    states = comb(kind.spins, kind.spins // 2) * (model.bubble if kind.bubble else 1)
    fewer = max(0, round(3 * np.log2(states / STATES)))
    return max(POINTS >> fewer, FEWEST_POINTS)


def _disorder(uniform: Array, kind: Window, model: Model) -> tuple[Array, Array]:
    """Fields (m, w) and matrices (m, 3, n, n) at points of the unit cube, as `draw` has them."""
    fields = model.disorder * (2 * uniform[:, : kind.spins] - 1)
    n = model.bubble if kind.bubble else 0
    bubbles = np.zeros((len(fields), 3, n, n))
    if n and model.bond is not None:
        bubbles[:] = draw(model, 0, 0).bubble
    elif n:
        rows, columns = np.triu_indices(n)
        normal = special.ndtri(uniform[:, kind.spins :]).reshape(len(fields), 3, -1)
        # E[R_ij^2] is beta^2 / 2, and beta^2 on the diagonal: Eq. (4)
        elements = model.bandwidth * normal * np.where(rows == columns, 1.0, np.sqrt(0.5))
        bubbles[:, :, rows, columns] = bubbles[:, :, columns, rows] = elements
    return fields, bubbles
