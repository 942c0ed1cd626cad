"""All eigenstates of many windows of one kind, and what spins do in them."""

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inclusions.basis import chain_states, spins
from inclusions.controls.windows import Window
from inclusions.hamiltonian import flips
from inclusions.model import Model

Array = NDArray[np.float64]

BATCH = 1 << 16
"""Numbers in the matrices that are made at once: half a megabyte, so that they stay in cache."""


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
    found = np.empty((len(fields), kind.spins + 1, kind.spins))
    for up in range(kind.spins + 1):
        sector = _sector(kind, up)
        block = bubbles.shape[-1] if kind.bubble else 1
        operators = np.repeat(sector.spins.T, block, axis=1)
        step = max(8, BATCH // operators.shape[1] ** 2 // 8 * 8)  # eight fill the compiled lanes
        for first in range(0, len(fields), step):
            part = slice(first, first + step)
            some = bubbles[part] if kind.bubble else None
            matrices = _matrices(sector, model, fields[part], some)
            found[part, up] = 0.5 - 2 * mean_squares(matrices, operators)
    return found


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled `_windows.c`, or None where no C compiler was found at installation."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name("_windows" + suffix)
        if path.exists():
            return ctypes.CDLL(str(path))
    return None


def mean_squares(matrices: Array, operators: Array) -> Array:
    """Mean over the eigenvectors of <n|O|n>^2 for diagonal operators O, shape (m, w).

    `matrices`, shape (m, d, d), are symmetric; `operators` has shape (w, d). Compiled, it takes a
    third to a quarter of the time that LAPACK needs for the eigenvectors alone.
    """
    compiled = library()
    if compiled is None:
        return lapack_mean_squares(matrices, operators)
    matrices, operators = (np.ascontiguousarray(part, float) for part in (matrices, operators))
    found = np.empty((len(matrices), len(operators)))
    sizes = (len(matrices), matrices.shape[1], len(operators))
    failed = compiled.mean_squares(
        *map(ctypes.c_int64, sizes),
        *(ctypes.c_void_p(array.ctypes.data) for array in (matrices, operators, found)),
    )
    if failed == 1:
        raise MemoryError(f"no memory for {sizes[1]} states")
    return lapack_mean_squares(matrices, operators) if failed else found


def lapack_mean_squares(matrices: Array, operators: Array) -> Array:
    """The same by LAPACK: the oracle, and what is left without a compiler. Shapes are the same."""
    states = np.linalg.eigh(matrices)[1]
    return np.square(operators @ np.square(states)).mean(axis=2)


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
