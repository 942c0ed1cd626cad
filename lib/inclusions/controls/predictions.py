"""What windows know of realizations, and that as controls for the means of statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inclusions.controls.spectra import entropies
from inclusions.controls.windows import (
    Window,
    averaged_over_sectors,
    sites_around,
    sites_of_pair,
    window,
)
from inclusions.disorder import Realization
from inclusions.model import Model
from inclusions.statistics import Controls

Array = NDArray[np.float64]


def kinds(model: Model) -> set[Window]:
    """Every kind of window that predictions for the model need, those of single sites and pairs."""
    return {window(model, sites) for sites in _all_sites(model)}


def _all_sites(model: Model) -> set[tuple[int, ...]]:
    found = {sites_around(model, site) for site in range(model.length)}
    for distance in range(model.length // 2 + 1):
        for pair in _pairs(model, distance):
            found.update(pair)
    return found


def _pairs(model: Model, distance: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Disjoint windows of site 0 and that at this distance, and of their mirrors."""
    pair = sites_of_pair(model, distance)
    if pair is None:
        return []
    last = model.length - 1
    one, other = (tuple(last - site for site in reversed(sites)) for sites in pair)
    return [pair, (one, other)]


def expected(model: Model, means: Mapping[Window, Array]) -> Array:
    """Mean over disorder of 1 - gamma of the windows at each distance, D = ceil(L / 2) of them.

    `means` holds `mean_over_disorder` of the model's `kinds`. Shape (SCRAMBLINGS, D): several
    independent estimates, whose scatter gives the error of any combination.
    """
    rows = []
    for distance in range(-(-model.length // 2)):
        sites = sites_around(model, distance)
        values = averaged_over_sectors(model, means[window(model, sites)])
        rows.append(values[:, sites.index(distance)])
    return np.stack(rows, axis=1)


def predict(
    model: Model, realizations: Sequence[Realization], means: Mapping[Window, Array]
) -> tuple[Array, Array]:
    """What windows know of some realizations of a model, without unit.

    Args:
        model: of all realizations.
        realizations: R of them, with their fields, J, and the bubble's matrices.
        means: `mean_over_disorder` of each of the model's `kinds`, shape (SCRAMBLINGS, w + 1, w).

    Returns:
        By distance from the bubble or the nearer end, shape (R, D): 1 - gamma of site i in its
        window, mean with its mirror; and by distance r, shape (R, L // 2 + 1): product of the
        deviations from `means` in disjoint windows of site 0 and site r, mean with its mirror, 0
        where there is no room for two.
    """
    length, last = model.length, model.length - 1
    fields = np.array([one.fields for one in realizations]).reshape(-1, length)
    bubbles = np.array([one.bubble for one in realizations])
    found = {}
    for sites in _all_sites(model):
        by_sector = entropies(window(model, sites), model, fields[:, sites], bubbles)
        found[sites] = averaged_over_sectors(model, by_sector)
    around = [(sites_around(model, site), site) for site in range(length)]
    every = np.stack([found[sites][:, sites.index(site)] for sites, site in around], axis=1)

    def deviation(sites: tuple[int, ...], site: int) -> Array:
        mean = averaged_over_sectors(model, means[window(model, sites)]).mean(axis=0)
        return (found[sites] - mean)[:, sites.index(site)]

    products = np.zeros((len(fields), length // 2 + 1))
    for distance in range(length // 2 + 1):
        ends = ((0, distance), (last, last - distance))
        for (first, second), (end, far) in zip(_pairs(model, distance), ends, strict=False):
            products[:, distance] += 0.5 * deviation(first, end) * deviation(second, far)
    return 0.5 * (every + every[:, ::-1])[:, : -(-length // 2)], products


@dataclass(frozen=True)
class Predictions:
    """What windows know of the realizations of one ensemble, and the mean of that."""

    model: Model
    seed: int
    indices: NDArray[np.int64]  # (R,)
    windows: Array  # (R, D): 1 - gamma by distance, as `predict` gives it
    products: Array  # (R, L // 2 + 1): deviations of disjoint windows, by r
    expected: Array  # (SCRAMBLINGS, D): independent estimates of the mean of `windows`

    def at(self, indices: ArrayLike) -> "Predictions":
        """The same for these realizations, in their order.

        Raises:
            KeyError: one of them is not there; its index.
        """
        rows = {int(index): row for row, index in enumerate(self.indices)}
        chosen = [rows[int(index)] for index in np.asarray(indices)]
        return replace(
            self,
            indices=self.indices[chosen],
            windows=self.windows[chosen],
            products=self.products[chosen],
        )

    def purities(self) -> Controls:
        """For `estimates.purity_profile`: each distance has its window; values (R, D, 1)."""
        return _controls(self.windows[..., None], self.expected[..., None], slope=1.0)

    def weighted(self, weights: ArrayLike) -> Controls:
        """For a mean of 1 - gamma over sites with these weights, shape (L,); values (R, 1).

        So the mid-chain purity, with equal weights on the sites in the middle.
        """
        weights = np.asarray(weights, float)
        folded = (weights + weights[::-1])[: self.windows.shape[1]]
        if self.model.length % 2:
            folded[-1] /= 2  # the site in the middle is its own mirror
        windows, expected = self.windows @ folded, self.expected @ folded
        return _controls(windows[:, None], expected[:, None], slope=1.0)

    def whole(self) -> Controls:
        """The mean over all sites, one number each: for what is not of one site."""
        return self.weighted(np.full(self.model.length, 1 / self.model.length))._replace(slope=0.0)

    def correlations(self) -> Controls:
        """For `estimates.correlation`, Eq. (7): the product, the window of site 0, that of r.

        Values have shape (R, L, 3). The mean of the product is 0 exactly: fields are independent.
        """
        length = self.model.length
        site = np.arange(length)
        sites = np.stack([np.zeros(length, int), np.minimum(site, length - 1 - site)], axis=1)
        products = np.pad(self.products, ((0, 0), (0, length - self.products.shape[1])))
        values = np.concatenate([products[..., None], self.windows[:, sites]], axis=2)
        known = np.concatenate(
            [np.zeros((len(self.expected), length, 1)), self.expected[:, sites]], axis=2
        )
        return _controls(values, known)


def _controls(values: Array, expected: Array, slope: float = 0.0) -> Controls:
    error = expected.std(axis=0, ddof=1) / np.sqrt(len(expected))
    return Controls(values, expected.mean(axis=0), error, slope)
