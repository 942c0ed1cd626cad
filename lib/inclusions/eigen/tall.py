"""Products of tall matrices, where Lanczos spends what its solves leave: compiled or by arrays."""

from ctypes import c_int64

import numpy as np

from inclusions.eigen.devices import beside
from inclusions.eigen.ordering import LANES, compiled, library, pointer
from inclusions.eigen.types import Array


def overlap(basis: Array, block: Array) -> Array:
    """basis^T block, (m, b), of a basis (n, m) and a block (n, b)."""
    if not _compiled(basis, block):
        return basis.T @ block
    block = np.ascontiguousarray(block)
    found = np.empty((basis.shape[1], LANES))
    given = map(pointer, (basis, block, found))
    compiled().tall_overlap_double(c_int64(basis.shape[0]), c_int64(basis.shape[1]), *given)
    return found


def subtract(block: Array, basis: Array, coefficients: Array) -> Array:
    """block - basis coefficients, (n, b); a C-contiguous block is overwritten.

    The coefficients come from the machine's memory, wherever the others are.
    """
    if not _compiled(basis, block):
        return block - basis @ beside(coefficients, basis)
    block, coefficients = np.ascontiguousarray(block), np.ascontiguousarray(coefficients)
    given = map(pointer, (basis, coefficients, block))
    compiled().tall_subtract_double(c_int64(basis.shape[0]), c_int64(basis.shape[1]), *given)
    return block


def _compiled(basis: Array, block: Array) -> bool:
    """Whether the compiled loops take these: whole columns of a column-major basis."""
    here = isinstance(basis, np.ndarray) and library() is not None
    return here and block.shape[1] == LANES and basis.flags.f_contiguous
