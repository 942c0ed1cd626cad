"""Which spins a window holds, and how its sectors count in the whole sample."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inclusions.hamiltonian import chain_bonds
from inclusions.model import Model

REACH = 3
"""Spins of a window on either side of its site, or of the bubble."""

FAR = 3
"""Distance from which two windows can be disjoint and still know something of their sites."""


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
    ascending = sorted((min(bond), max(bond)) for bond in bonds)
    closed = model.bubble > 0 and 0 in place and model.length - 1 in place
    return Window(len(sites), tuple(ascending), closed)


def sites_around(model: Model, site: int) -> tuple[int, ...]:
    """The sites of the window that predicts the purity of `site`.

    `REACH` to either side, fewer at an open end; a periodic chain has none. The first two sites
    on either side of a bubble see it; for the third, the spins beyond it matter more than the
    bubble (variance 5.5 times less instead of 2.0, L = 14 at W = 5.2).
    """
    length = model.length
    if model.bubble and (length <= 2 * REACH or min(site, length - 1 - site) < REACH - 1):
        return sites_around_bubble(model)
    if model.boundary == "periodic":
        if length <= 2 * REACH + 1:
            return tuple(range(length))
        return tuple((site + shift) % length for shift in range(-REACH, REACH + 1))
    return tuple(range(max(site - REACH, 0), min(site + REACH + 1, length)))


def sites_around_bubble(model: Model) -> tuple[int, ...]:
    """`REACH` sites on either side of the bubble, or the whole of a short chain, ascending."""
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


def hypergeometric(model: Model, count: int) -> NDArray[np.float64]:
    """Probability of 0 ... count up spins among `count` of the sample's, shape (count + 1,).

    All states of the sample's sector count alike. A window of all spins has the sample's own.
    """
    rest = model.length - count
    ways = [
        comb(count, up) * comb(rest, model.up - up) if up <= model.up else 0
        for up in range(count + 1)
    ]
    return np.array(ways, float) / comb(model.length, model.up)


def averaged_over_sectors(model: Model, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From shape (..., w + 1, w), by sector, to (..., w): weighted by `hypergeometric`."""
    return np.einsum("u,...uw->...w", hypergeometric(model, values.shape[-1]), values)
