"""Our own supernodal L D L^T of the shifted Hamiltonian: the default factorization.

Left-looking, so it holds the factor and nothing else; Bunch-Kaufman pivots within the diagonal
blocks, so its structure is fixed per model; the arithmetic is in `_ldl.c`.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.linalg.cython_blas as blas
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from inclusions.eigen.ordering import LANES, compiled, library, pointer, structure
from inclusions.eigen.refinement import makes_headway, refined_or_refused
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.hamiltonian import Hamiltonian, pattern
from inclusions.machine import memory_limit


class _Structure(ctypes.Structure):
    _fields_ = [
        ("supernodes", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("first", "offset", "row_start", "rows", "owner")),
    ]


class _Outcome(ctypes.Structure):
    _fields_ = [
        ("smallest_pivot", ctypes.c_double),
        ("largest_entry", ctypes.c_double),
        ("negative", ctypes.c_int64),
        ("pairs", ctypes.c_int64),
    ]


def available() -> bool:
    """Whether the C part was compiled."""
    return library() is not None


@lru_cache(maxsize=8)
def _blas(name: str) -> ctypes.c_void_p:
    """Address of a BLAS routine inside SciPy: the one BLAS that is always there."""
    capsule = blas.__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype = ctypes.c_void_p
    get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(get_pointer(capsule, get_name(capsule)))


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def threads() -> int:
    """Threads that BLAS may use now: ours use as many."""
    return max((library.num_threads for library in _libraries().lib_controllers), default=1)


@contextmanager
def one_thread_each(flops: int) -> Iterator[int]:
    """Our own threads call BLAS, which then must not start more: gives the number of ours."""
    if (allowed := threads()) == 1:
        yield 1
        return
    with _libraries().limit(limits=1):
        yield max(1, min(allowed, flops // WORTH_A_THREAD))


@dataclass(frozen=True)
class Slots:
    """Where the entries of H go in the factor; shared by all realizations of a model."""

    source: NDArray[np.integer]  # CSR values of the permuted lower triangle, no diagonal
    target: NDArray[np.int64]  # their places in the factor
    diagonal_source: NDArray[np.integer]  # (dimension,)
    diagonal: NDArray[np.int64]  # (dimension,): places of the diagonal in the factor


@once_per_geometry()
def slots(geometry: Geometry) -> Slots:
    """Where each stored entry of the matrix stands in the factor; kept."""
    n = geometry.dimension
    form, shape = structure(geometry), pattern(geometry, 0, n)
    position = np.empty(n, np.int64)
    position[form.permutation] = np.arange(n)
    row = np.repeat(position, np.diff(shape.indptr))
    column = position[shape.indices]
    lower = np.flatnonzero(row >= column)
    row, column = row[lower], column[lower]
    owner = form.owner[column].astype(np.int64)  # its products with n need 64 bits
    first = form.first[owner]
    width = form.first[owner + 1] - first
    # Rows ascend within a supernode: (supernode, row) is one ascending key over all of them.
    counts = np.diff(form.row_start)
    keys = np.repeat(np.arange(counts.size), counts) * n + form.rows
    below = np.searchsorted(keys, owner * n + row) - form.row_start[owner] + width
    place = np.where(row < first + width, row - first, below)
    target = form.offset[owner] + (column - first) * form.heights[owner] + place
    diagonal = row == column
    by_column = np.argsort(column[diagonal])
    return Slots(
        source=lower[~diagonal],
        target=target[~diagonal],
        diagonal_source=lower[diagonal][by_column],
        diagonal=target[diagonal][by_column],
    )


class LDL:
    """(H - shift) = L D L^T, ready to solve; use it as a context manager.

    `negative` levels lie below the shift (Sylvester's law of inertia). `growth` is the largest
    entry of L: it tells how near the shift is to a level of some leading block, and how many
    digits that costs.
    """

    name = "ldl"

    def __init__(self, hamiltonian: Hamiltonian, shift: float, precision: type = np.float64):
        geometry = hamiltonian.model.geometry
        form, place = structure(geometry), slots(geometry)
        self.structure = form
        self._matrix, self._shift = hamiltonian.matrix, shift
        self.dtype: np.dtype = np.dtype(precision)
        n = hamiltonian.dimension
        values = hamiltonian.matrix.data
        self.factor = _borrow(form.entries, self.dtype, n)
        self.factor[:] = 0
        self.factor[place.target] = values[place.source]
        self.factor[place.diagonal] = values[place.diagonal_source] - shift
        self.d, self.e = np.empty(n, self.dtype), np.empty(n, self.dtype)
        self.order = np.empty(n, np.int32)
        suffix, kind = ("_double", "d") if self.dtype == np.float64 else ("_single", "s")
        self._form = _Structure(
            form.first.size - 1,
            *(
                pointer(getattr(form, name))
                for name in ("first", "offset", "row_start", "rows", "owner")
            ),
        )
        outcome = _Outcome()
        with one_thread_each(form.flops) as number:
            failed = getattr(compiled(), "ldl_factorize" + suffix)(
                ctypes.byref(self._form),
                pointer(self.factor),
                pointer(self.d),
                pointer(self.e),
                pointer(self.order),
                _blas(kind + "gemm"),
                _blas(kind + "trsm"),
                number,
                ctypes.byref(outcome),
            )
        if failed:
            raise MemoryError(f"no memory to factorize a matrix of dimension {n}")
        self._solve = getattr(compiled(), "ldl_solve" + suffix)
        self._space = np.empty((form.heights.max(initial=1) + 1, LANES))
        self.negative = int(outcome.negative)
        self.growth = float(outcome.largest_entry)
        self.smallest_pivot = float(outcome.smallest_pivot)
        self.entries, self.flops = form.entries, form.flops

    @property
    def sound(self) -> bool:
        """Whether solves are accurate: False on a shift that all but hits a level.

        Such a level swamps all others in (H - shift)^-1. A tenth of 1/dimension, in J, is a
        hundredth or less of the mean level spacing.
        """
        return self.growth < GROWTH_LIMIT and self.smallest_pivot > 0.1 / self.d.size

    def solve(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """(H - shift)^-1 times an (n, k) block; refined once where the growth is large."""
        solution = self._substitute(block)
        if self.growth > REFINED_ABOVE:
            solution += self._substitute(block - self._applied(solution))
        return solution

    def _applied(self, block: NDArray) -> NDArray[np.float64]:
        """(H - shift) times a block."""
        return self._matrix @ block - self._shift * block

    def _substitute(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Forward and backward through the factor."""
        result = np.empty(block.shape)
        permutation = self.structure.permutation
        for start in range(0, block.shape[1], LANES):
            columns = slice(start, min(start + LANES, block.shape[1]))
            x = np.zeros((block.shape[0], LANES))
            x[:, : columns.stop - start] = block[permutation, columns]
            self._solve(
                ctypes.byref(self._form),
                pointer(self.factor),
                pointer(self.d),
                pointer(self.e),
                pointer(self.order),
                pointer(x),
                pointer(self._space),
            )
            result[permutation, columns] = x[:, : columns.stop - start]
        return result

    def __enter__(self) -> "LDL":
        return self

    def __exit__(self, *_: object) -> None:
        _give_back(self.factor)
        del self.factor


WORTH_A_THREAD = 10**8  # operations: some milliseconds
GROWTH_LIMIT = 1e9  # beyond it refined solves, too, are inaccurate
REFINED_ABOVE = 1e5  # growth from which on a solve alone would show in the residuals


class SingleLDL(LDL):
    """L D L^T in single precision, half the memory, with solves refined to double precision.

    The inertia of the rounded matrix is not that of H, so it is not offered.
    """

    name = "ldl-single"

    def __init__(self, hamiltonian: Hamiltonian, shift: float):
        super().__init__(hamiltonian, shift, np.float32)

    @property
    def sound(self) -> bool:
        """Whether the refinement of a random block makes headway."""
        block = np.random.default_rng(self.d.size).standard_normal((self.d.size, LANES))
        return makes_headway(self._substitute, self._applied, block, lambda part: part)

    def solve(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """(H - shift)^-1 times an (n, k) block.

        Raises:
            NotConverged: refinement stalls; double precision is needed.
        """
        return refined_or_refused(self._substitute, self._applied, block, lambda part: part)


# One factor's memory is kept for the next realization: mapping it anew costs a page fault for
# every 4 kB, and an ensemble's memory stays flat.
_spare: list[NDArray] = []


def _borrow(entries: int, dtype: np.dtype, dimension: int) -> NDArray:
    while _spare:
        array = _spare.pop()
        if array.size == entries and array.dtype == dtype:
            return array
        del array
    # Systems promise more memory than they have and kill who uses it: ask before.
    needed, free = entries * dtype.itemsize / 2**20, memory_limit()
    if needed > free.amount:
        raise MemoryError(
            f"the factor of dimension {dimension} needs {needed / 1024:.1f} GB, {free.source} has "
            f"{free.amount / 1024:.1f} GB free; try fewer workers, more MPI ranks on other nodes, "
            "or solver filter or shift-invert:ldl-single"
        )
    return np.empty(entries, dtype)


def _give_back(array: NDArray) -> None:
    _spare[:] = [array]
