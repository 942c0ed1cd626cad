"""Polynomials in Chebyshev's basis: filters, windows, damping; and densities from moments.

Energies are rescaled here, so that the spectrum lies in [-1, 1]. Coefficients c mean the sum of
c_k T_k. Weisse, Wellein, Alvermann and Fehske, Rev. Mod. Phys. 78, 275 (2006), is the reference.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebval
from scipy.fft import dct

from inclusions.eigen.types import Array

DAMPINGS = ("none", "lanczos", "jackson", "gaussian")
WIDTH = 1.5  # of the Gaussian damping: what is left of the last coefficient is exp(-WIDTH^2/2)


def damping(kind: str, degree: int) -> Array:
    """Factors of the coefficients 0 ... degree, (degree + 1,), against Gibbs's oscillations.

    "gaussian" makes of a delta a Gaussian, up to the tail that the cut at the degree leaves.

    Raises:
        ValueError: no such kind.
    """
    k = np.arange(degree + 1)
    if kind == "none":
        return np.ones(degree + 1)
    if kind == "lanczos":
        return np.sinc(k / (degree + 1))
    if kind == "gaussian":
        return np.exp(-0.5 * (WIDTH * k / (degree + 1)) ** 2)
    if kind == "jackson":  # Eq. (71) of the reference
        step = np.pi / (degree + 2)
        turning = (degree - k + 2) * np.cos(k * step) + np.sin(k * step) / np.tan(step)
        return turning / (degree + 2)
    raise ValueError(f"damping must be one of {', '.join(DAMPINGS)}, got {kind!r}")


class Filter(NamedTuple):
    """A polynomial that is 1 at the target and falls on both sides of it."""

    target: float
    coefficients: Array  # (degree + 1,)
    side: float  # its largest modulus beyond the lobe around the target
    lobe: float  # distance from the target at which the lobe has fallen to that, or infinity

    @property
    def degree(self) -> int:
        return len(self.coefficients) - 1

    def __call__(self, energies: Array) -> Array:
        """Its values, same shape."""
        return np.asarray(chebval(energies, self.coefficients), np.float64)


def delta(target: float, degree: int, kind: str) -> Filter:
    """The expansion of a delta at the target, damped and scaled to 1 there."""
    k, angle = np.arange(degree + 1), np.arccos(target)
    waves = np.cos(k * angle)
    coefficients = 2 * damping(kind, degree) * waves
    coefficients[0] /= 2
    coefficients /= coefficients @ waves
    # In the middle every other one is zero: products then skip a vector.
    coefficients[np.abs(coefficients) < 1e-14 * np.abs(coefficients).max()] = 0
    # Values on a grid of angles, sixteen a half-wave: the lobe ends where |p| first rises again.
    padded = np.pad(coefficients, (0, 15 * degree))
    padded[1:] /= 2
    values = np.abs(dct(padded, type=3))
    energies = np.cos((np.arange(values.size) + 0.5) * np.pi / values.size)
    place = min(int(values.size * angle / np.pi), values.size - 1)
    sides = [slice(place, None), slice(place, None, -1)]
    side = max(values[s][_after_the_lobe(values[s]) :].max(initial=0) for s in sides)
    low = [energies[s][np.argmax(values[s] <= side)] for s in sides if values[s].min() <= side]
    lobe = np.abs(np.array(low) - target).min(initial=np.inf)
    return Filter(target, coefficients, float(side), float(lobe))


def _after_the_lobe(values: Array) -> int:
    """Where values that may rise first, then fall, rise again."""
    steps = np.diff(values)
    down = int(np.argmax(steps < 0))
    up = np.flatnonzero(steps[down:] > 0)
    return down + int(up[0]) if up.size else values.size


@lru_cache(maxsize=16)
def reach(kind: str, ratio: float) -> float:
    """Angle from the target, in units of 1/degree, at which a filter has fallen to `ratio`.

    Raises:
        ValueError: no such damping.
    """
    degree = 2000
    angles = np.linspace(0, 20, 20001)
    values = chebval(np.sin(angles / degree), delta(0.0, degree, kind).coefficients)
    return float(angles[np.argmax(values < ratio)])


def filter_of(target: float, half_width: float, kind: str, ratio: float) -> Filter:
    """The filter that has fallen to `ratio` at `half_width` from the target.

    Off the middle a filter of low degree leans to one side. It may be narrower than asked, then,
    so that the window lies within its lobe.
    """
    low, high = (np.arccos(np.clip(target + s * half_width, -1, 1)) for s in (1, -1))
    degree = max(4, int(np.ceil(2 * reach(kind, ratio) / (high - low))))
    for _ in range(12):
        bell = delta(target, degree + degree % 2, kind)
        if bell.lobe > half_width:
            break
        degree += 1 + degree // 3
    return bell


def window(target: float, half_width: float, degree: int) -> Array:
    """Coefficients of the indicator of target +- half_width, its steps softened."""
    low, high = (np.arccos(np.clip(target + s * half_width, -1, 1)) for s in (1, -1))
    k = np.arange(1, degree + 1)
    waves = 2 * (np.sin(k * high) - np.sin(k * low)) / (np.pi * k)
    return np.r_[(high - low) / np.pi, waves] * damping("lanczos", degree)


class Density(NamedTuple):
    """The density of states by the kernel polynomial method, on a grid of energies."""

    edges: Array  # (cells + 1,), ascending, from -1 to 1
    levels: Array  # (cells + 1,): levels below each

    def between(self, low: float, high: float) -> float:
        """Levels between two energies."""
        below = np.interp([low, high], self.edges, self.levels)
        return float(below[1] - below[0])

    def beyond(self, target: float, distance: float, coefficients: Array) -> tuple[Array, Array]:
        """Levels farther from the target than that, and what a polynomial is there, cell by cell.

        The cells are as fine as the polynomial, and end where it has.
        """
        steps = np.linspace(0, 60 / len(coefficients), 241) + distance
        edges = target + np.outer([-1, 1], steps)
        below = np.interp(edges, self.edges, self.levels)
        middle = (edges[:, 1:] + edges[:, :-1]) / 2
        weights = np.where(np.abs(middle) < 1, chebval(np.clip(middle, -1, 1), coefficients), 0)
        return np.abs(np.diff(below, axis=1)).ravel(), weights.ravel()

    def half_width(self, target: float, wanted: float) -> float:
        """Half the width of the window around the target that holds the wanted levels."""
        widths = np.r_[np.geomspace(1e-9, 2, 4000)]
        counts = np.interp(target + widths, self.edges, self.levels)
        counts -= np.interp(target - widths, self.edges, self.levels)
        return float(widths[min(np.searchsorted(counts, wanted), widths.size - 1)])


def density(moments: Array, dimension: int) -> Density:
    """The density of states from moments, (m,): means of v . T_k v over random unit vectors v."""
    m = len(moments)
    damped = moments * damping("jackson", m - 1)
    angles = np.linspace(np.pi, 0, 16 * m + 1)
    k = np.arange(1, m)
    # The integral of Eq. (76) of the reference from -1 to the energy cos(angle).
    waves = np.sin(np.outer(angles, k)) @ (damped[1:] / k)
    levels = dimension * (damped[0] * (np.pi - angles) - 2 * waves) / np.pi
    return Density(np.cos(angles), np.maximum.accumulate(levels))
