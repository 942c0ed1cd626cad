"""Windows of a sample as control variates: what they predict of it, and the mean of that.

A window is a few spins with the sample's own fields, cut from the rest and diagonalized whole. The
mean of 1 - gamma_i over all its eigenstates knows most of what the sample's own mean 1 - gamma_i
will be: a spin's purity is decided by the resonances near it. And its mean over disorder, over six
or seven fields, is an integral that can be had as precisely as one likes. So the two together
sharpen the mean over samples: Owen, Monte Carlo theory, methods and examples (2013), chapter 8.9.

    windows      site i with the three spins on either side, fewer at an open end; next to the
                 bubble, three spins on either side of it with the bubble between them
    sectors      weighted as in the whole sample at infinite temperature: hypergeometric
    products     of two disjoint windows' deviations from their means, for C(r): their fields are
                 independent, so their mean is exactly 0

A sample is drawn again from (model, seed, index): nothing that the ensemble keeps is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import qmc

from inclusions.basis import chain_states, spins
from inclusions.disorder import Realization
from inclusions.hamiltonian import chain_bonds, flips
from inclusions.model import Model
from inclusions.statistics import Controls

Array = NDArray[np.float64]

REACH = 3
"""Spins of a window on either side of its site, or of the bubble."""

FAR = 3
"""Distance from which two windows can be disjoint and still know something of their sites."""


# Windows


class Window(NamedTuple):
    """Spins cut from a sample: how many, which of them are coupled, whether the bubble is there.

    The bubble couples the first and the last spin. Windows of one kind differ in disorder only.
    """

    spins: int
    bonds: tuple[tuple[int, int], ...]
    bubble: bool

    @property
    def name(self) -> str:
        """Such as `7`, `ring7`, or `bubble6` with spins on both sides of a bubble."""
        kind = "bubble" if self.bubble else "ring" if len(self.bonds) == self.spins else ""
        whole = self.bubble and len(self.bonds) == self.spins - 1 and self.spins > 1
        return f"{kind}{self.spins}{'whole' if whole else ''}"


def segment(count: int) -> Window:
    """A run of neighbouring spins, open at both ends."""
    return Window(count, tuple((i, i + 1) for i in range(count - 1)), False)


def window(model: Model, sites: Sequence[int]) -> Window:
    """The window of these sites of a chain; with both ends, it has the bubble that joins them."""
    place = {site: position for position, site in enumerate(sites)}
    bonds = [(place[a], place[b]) for a, b in chain_bonds(model) if a in place and b in place]
    closed = model.bubble > 0 and 0 in place and model.length - 1 in place
    return Window(len(sites), tuple(sorted(tuple(sorted(bond)) for bond in bonds)), closed)


def sites_around(model: Model, site: int) -> tuple[int, ...]:
    """The sites of the window that predicts the purity of `site`.

    `REACH` to either side, fewer at an open end. A periodic chain is a ring; a bubble is joined
    by its neighbours on both sides, with the sites ordered so that it couples first and last.
    """
    length = model.length
    if model.bubble and min(site, length - 1 - site) < REACH:
        return sites_around_bubble(model)
    if model.boundary == "periodic":
        if length <= 2 * REACH + 1:
            return tuple(range(length))
        return tuple((site + shift) % length for shift in range(-REACH, REACH + 1))
    return tuple(range(max(site - REACH, 0), min(site + REACH + 1, length)))


def sites_around_bubble(model: Model) -> tuple[int, ...]:
    """`REACH` sites on either side of the bubble, or the whole of a short chain."""
    sites = range(model.length)
    return tuple(sites) if len(sites) <= 2 * REACH else (*sites[:REACH], *sites[-REACH:])


def sites_of_pair(model: Model, distance: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Disjoint windows of site 0 and the site at this distance; None where there is no room."""
    length = model.length
    if not FAR <= distance <= length // 2:
        return None
    if model.bubble:
        end = sites_around_bubble(model)
        room = range(REACH, length - REACH)
        sites = tuple(i for i in room if abs(i - distance) <= REACH)
        return (end, sites) if distance in sites else None
    between = distance - 1
    near = min(REACH, between // 2)
    if model.boundary == "open":
        second = range(distance - min(REACH, between - near), min(distance + REACH + 1, length))
        return tuple(range(near + 1)), tuple(second)
    behind = length - distance - 1
    back = min(REACH, behind // 2)
    first = range(-back, near + 1)
    second = range(distance - min(REACH, between - near), distance + min(REACH, behind - back) + 1)
    return tuple(i % length for i in first), tuple(i % length for i in second)


def hypergeometric(model: Model, count: int) -> Array:
    """Probability of 0 ... count up spins among `count` of the sample's, shape (count + 1,).

    All states of the sample's sector count alike. A window of all spins has the sample's own.
    """
    rest = model.length - count
    ways = [
        comb(count, up) * comb(rest, model.up - up) if up <= model.up else 0
        for up in range(count + 1)
    ]
    return np.array(ways, float) / comb(model.length, model.up)


class _Sector(NamedTuple):
    """What the windows of one kind share in one sector of d spin states."""

    exchange: Array  # (d, d): J/2 where a bond flips
    spins: Array  # (d, w)
    ising: Array  # (d,): sum of S^z S^z over the bonds
    ends: Array  # (d,): S^z of the first spin times that of the last
    ring: Array  # (d, d): 1 where the bubble's bond flips


@lru_cache(maxsize=64)
def _sector(kind: Window, up: int) -> _Sector:
    states = chain_states(kind.spins, up)
    sz = spins(states, kind.spins)

    def flipped(bonds: Sequence[tuple[int, int]], amplitude: float) -> Array:
        matrix = np.zeros((states.size, states.size))
        for bond in bonds:
            position, partner = flips(states, kind.spins, bond)
            matrix[position, partner] += amplitude
        return matrix

    ising = sum((sz[:, a] * sz[:, b] for a, b in kind.bonds), np.zeros(states.size))
    ends = (0, kind.spins - 1)
    ring = flipped([ends] if kind.bubble else [], 1.0)
    return _Sector(flipped(kind.bonds, 0.5), sz, ising, sz[:, 0] * sz[:, -1], ring)


BATCH_NUMBERS = 1 << 19  # in the matrices that are diagonalized together: 4 MB


def entropies(kind: Window, model: Model, fields: Array, bubbles: Array) -> Array:
    """Mean of 1 - gamma over all eigenstates of each sector of windows of one kind.

    Args:
        kind: which spins are coupled.
        model: gives anisotropy and coupling.
        fields: (m, w), units of J.
        bubbles: (m, 3, n, n), R_0, R_1, R_2 of each window; not read without a bubble.

    Returns:
        Shape (m, w + 1, w): by number of up spins, and by site of the window.
    """
    count = len(fields)
    found = np.empty((count, kind.spins + 1, kind.spins))
    for up in range(kind.spins + 1):
        sector = _sector(kind, up)
        block = bubbles.shape[-1] if kind.bubble else 1
        size = len(sector.spins) * block
        step = max(1, BATCH_NUMBERS // size**2)
        for first in range(0, count, step):
            part = slice(first, first + step)
            matrices = _matrices(
                sector, model, fields[part], bubbles[part] if kind.bubble else None
            )
            states = np.linalg.eigh(matrices)[1]
            weights = np.square(states).reshape(len(states), -1, block, size).sum(axis=2)
            magnetization = weights.transpose(0, 2, 1) @ sector.spins
            found[part, up] = 0.5 - 2 * np.square(magnetization).mean(axis=1)
    return found


def _matrices(sector: _Sector, model: Model, fields: Array, bubbles: Array | None) -> Array:
    """Hamiltonians of windows, shape (m, d n, d n), the chain index slow as in `hamiltonian`."""
    size = len(sector.spins)
    diagonal = model.anisotropy * sector.ising + fields @ sector.spins.T
    chain = np.repeat(sector.exchange[None], len(fields), axis=0)
    chain[:, np.arange(size), np.arange(size)] += diagonal
    if bubbles is None:
        return chain
    n = bubbles.shape[-1]
    r0, r1, r2 = np.moveaxis(bubbles, 1, 0)
    whole = np.zeros((len(fields), size, n, size, n))
    inside = np.arange(n)
    whole[:, :, inside, :, inside] += chain
    states = np.arange(size)
    whole[:, states, :, states] += r0 + model.coupling * sector.ends[:, None, None, None] * r1
    rows, columns = np.nonzero(sector.ring)
    whole[:, rows, :, columns] += model.coupling * r2
    return whole.reshape(len(fields), size * n, size * n)


def averaged_over_sectors(model: Model, values: Array) -> Array:
    """From shape (..., w + 1, w), by sector, to (..., w): weights of the sample's magnetization."""
    return np.einsum("u,...uw->...w", hypergeometric(model, values.shape[-1]), values)


# Means over disorder


SCRAMBLINGS = 16
"""Independent sets of points of an integral: their scatter is its error."""

TOLERANCE = 5e-4
"""Error of an integral in units of the integrand's standard deviation, where sampling stops."""

FEWEST_POINTS, POINTS = 1 << 7, 1 << 13
"""Points of a set, at least and at most."""


def mean_over_disorder(kind: Window, model: Model) -> Array:
    """Mean of `entropies` over the fields and bubble matrices of the model, by randomized sets.

    Scrambled Sobol points, Owen, Monte Carlo theory (2013), chapter 17: for seven fields some 40
    times more precise than as many random ones. A window seen in a mirror, and with all spins and
    fields reversed, is as probable: the mean has both symmetries exactly.

    Returns:
        Shape (SCRAMBLINGS, w + 1, w): independent of each other; their mean is the integral.
    """
    elements = 3 * model.bubble * (model.bubble + 1) // 2 if kind.bubble else 0
    sets = [
        qmc.Sobol(kind.spins + elements, rng=np.random.default_rng([number, kind.spins]))
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
            square += np.square(likely @ found).sum(axis=0)
        points += more
        means = sums / points
        scatter = square / (points * SCRAMBLINGS) - np.square(likely @ means.mean(axis=0))
        error = (likely @ means).std(axis=0, ddof=1) / np.sqrt(SCRAMBLINGS)
        if points >= POINTS or np.all(error <= TOLERANCE * np.sqrt(np.maximum(scatter, 0))):
            means = 0.5 * (means + means[:, ::-1])
            return 0.5 * (means + means[:, :, ::-1])


def _disorder(uniform: Array, kind: Window, model: Model) -> tuple[Array, Array]:
    """Fields (m, w) and matrices (m, 3, n, n) at points of the unit cube, as `disorder` draws."""
    fields = model.disorder * (2 * uniform[:, : kind.spins] - 1)
    n = model.bubble if kind.bubble else 0
    if n == 0:
        return fields, np.zeros((len(fields), 3, 0, 0))
    rows, columns = np.triu_indices(n)
    normal = special.ndtri(uniform[:, kind.spins :]).reshape(len(fields), 3, -1)
    # E[R_ij^2] is beta^2 / 2, and beta^2 on the diagonal: Eq. (4)
    elements = model.bandwidth * normal * np.where(rows == columns, 1.0, np.sqrt(0.5))
    bubbles = np.zeros((len(fields), 3, n, n))
    bubbles[:, :, rows, columns] = bubbles[:, :, columns, rows] = elements
    return fields, bubbles


# Predictions


def kinds(model: Model) -> set[Window]:
    """Every kind of window that predictions for the model need."""
    return {window(model, sites) for sites in _all_sites(model)}


def _all_sites(model: Model) -> set[tuple[int, ...]]:
    length = model.length
    found = {sites_around(model, site) for site in range(length)}
    for distance in range(length // 2 + 1):
        for pair in _pairs(model, distance):
            found.update(pair)
    return found


def _pairs(model: Model, distance: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Disjoint windows of site 0 and that at this distance, and of their mirrors."""
    pair = sites_of_pair(model, distance)
    if pair is None:
        return []
    last = model.length - 1
    mirrored = tuple(tuple(last - site for site in reversed(sites)) for sites in pair)
    return [pair, mirrored]


def expected(model: Model, means: Mapping[Window, Array]) -> tuple[Array, Array]:
    """Mean over disorder of the windows' 1 - gamma at each distance, and its error, shape (D,)."""
    rows = []
    for distance in range(-(-model.length // 2)):
        sites = sites_around(model, distance)
        values = averaged_over_sectors(model, means[window(model, sites)])
        rows.append(values[:, sites.index(distance)])
    rows = np.array(rows)
    return rows.mean(axis=1), rows.std(axis=1, ddof=1) / np.sqrt(rows.shape[1])


def predict(
    model: Model, realizations: Sequence[Realization], means: Mapping[Window, Array]
) -> tuple[Array, Array]:
    """What windows know of some realizations of a model.

    Returns:
        By distance from the bubble or the nearer end, shape (R, D): 1 - gamma of site i in its
        window, mean with its mirror; and by distance r, shape (R, L // 2 + 1): product of the
        deviations from `means` in disjoint windows of site 0 and site r, mean with its mirror, 0
        where there is no room for two.
    """
    fields = np.array([one.fields for one in realizations]).reshape(-1, model.length)
    bubbles = np.array([one.bubble for one in realizations])
    found = {}
    for sites in _all_sites(model):
        kind = window(model, sites)
        by_sector = entropies(kind, model, fields[:, sites], bubbles)
        found[sites] = averaged_over_sectors(model, by_sector)
    around = [(sites_around(model, site), site) for site in range(model.length)]
    every = np.stack([found[sites][:, sites.index(site)] for sites, site in around], axis=1)
    windows = 0.5 * (every + every[:, ::-1])[:, : -(-model.length // 2)]

    def deviation(sites: tuple[int, ...], site: int) -> Array:
        mean = averaged_over_sectors(model, means[window(model, sites)]).mean(axis=0)
        return (found[sites] - mean)[:, sites.index(site)]

    products = np.zeros((len(fields), model.length // 2 + 1))
    last = model.length - 1
    for distance in range(model.length // 2 + 1):
        ends = ((0, distance), (last, last - distance))
        for (first, second), (end, far) in zip(_pairs(model, distance), ends, strict=False):
            products[:, distance] += 0.5 * deviation(first, end) * deviation(second, far)
    return windows, products


@dataclass(frozen=True)
class Predictions:
    """What windows know of the realizations of one ensemble, and what is known of that."""

    model: Model
    seed: int
    indices: NDArray[np.int64]  # (R,)
    windows: Array  # (R, D): 1 - gamma by distance, D = ceil(L / 2)
    products: Array  # (R, L // 2 + 1): deviations of disjoint windows, by r
    expected: Array  # (D,): mean of `windows` over disorder
    error: Array  # (D,): standard error of that

    def at(self, indices: ArrayLike) -> "Predictions":
        """The same for these realizations, in their order.

        Raises:
            ValueError: one of them is not there.
        """
        indices = np.asarray(indices)
        order = np.argsort(self.indices)
        place = np.searchsorted(self.indices, indices, sorter=order) % max(len(order), 1)
        rows = order[place] if len(order) else np.zeros(0, int)
        absent = indices[self.indices[rows] != indices] if len(order) else indices
        if len(absent):
            raise ValueError(f"no controls of realization {absent[0]} of {self.model.key}")
        return replace(
            self, indices=indices, windows=self.windows[rows], products=self.products[rows]
        )

    def purities(self) -> Controls:
        """For `statistics.purity_by_distance`, 1 of (R, D): each distance has its window."""
        return Controls(self.windows[..., None], self.expected[:, None], self.error[:, None])

    def weighted(self, weights: ArrayLike) -> Controls:
        """For the mean of 1 - gamma over the sites with these weights, shape (L,): 1 of (R,).

        The mid-chain purity has equal weights on the sites in the middle.
        """
        weights = np.asarray(weights, float)
        folded = weights + weights[::-1]
        if self.model.length % 2:
            folded[self.model.length // 2] /= 2
        folded = folded[: len(self.expected)]
        # distances share windows of one kind: their errors are taken as fully correlated
        return Controls(
            (self.windows @ folded)[:, None],
            np.array([self.expected @ folded]),
            np.array([self.error @ np.abs(folded)]),
        )

    def correlations(self) -> Controls:
        """For `statistics.purity_correlation`, 3 of (R, L): product, window of site 0 and of r."""
        length = self.model.length
        distance = np.minimum(np.arange(length), length - 1 - np.arange(length))
        near = np.arange(length) < self.products.shape[1]
        products = np.zeros((len(self.windows), length))
        products[:, near] = self.products
        end = np.zeros(length, int)
        sites = np.stack([end, distance], axis=-1)
        return Controls(
            np.concatenate([products[..., None], self.windows[:, sites]], axis=-1),
            np.concatenate([np.zeros((length, 1)), self.expected[sites]], axis=-1),
            np.concatenate([np.zeros((length, 1)), self.error[sites]], axis=-1),
        )
