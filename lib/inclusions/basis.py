"""Bit strings of one S^z sector and their ranks: bit i is spin i, 1 is up."""

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray


def chain_states(length: int, up: int) -> NDArray[np.int64]:
    """All bit strings of `length` spins with `up` of them up, ascending, shape (C(L, up),).

    The array is shared and read-only.

    Raises:
        ValueError: `up` is not in 0 ... length.
    """
    if not 0 <= up <= length:
        raise ValueError(f"up must be in 0 ... {length}, got {up}")
    return _chain_states(length, up)


@lru_cache(maxsize=32)
def _chain_states(length: int, up: int) -> NDArray[np.int64]:
    # The highest bit splits a sector in two smaller ones: O(dimension) work, already sorted.
    if up in (0, length):
        states = np.array([(1 << up) - 1], dtype=np.int64)
    else:
        without, within = _chain_states(length - 1, up), _chain_states(length - 1, up - 1)
        states = np.concatenate([without, within | np.int64(1 << (length - 1))])
    states.flags.writeable = False
    return states


def rank(states: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Positions of bit strings in their own sector's ascending order (combinatorial number system).

    Needs no table of the sector: the rank is the sum of C(position, k) over the k-th set bits.
    """
    states = np.asarray(states, dtype=np.int64)
    ranks = np.zeros(states.shape, dtype=np.int64)
    seen = np.zeros(states.shape, dtype=np.int64)
    for site in range(length):
        bit = (states >> site) & 1
        seen += bit
        ranks += bit * _binomials(length)[site, seen]
    return ranks


@lru_cache(maxsize=8)
def _binomials(length: int) -> NDArray[np.int64]:
    return np.array(
        [[comb(n, k) for k in range(length + 1)] for n in range(length)], dtype=np.int64
    )


def spins(states: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """S^z_i = +-1/2 of every site in every bit string, shape (len(states), L)."""
    up = (np.asarray(states)[:, None] >> np.arange(length)) & 1
    return up.astype(np.float64) - 0.5
