"""Polynomials of H times blocks, by products with H alone: compiled, or on arrays of any device.

Both ways do the same recurrence and serve the same solver. The compiled one stores no entry of H
and takes any number of ranks; the other works with NumPy and, unchanged, with CuPy on a GPU.
"""

import ctypes
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from inclusions.basis import chain_states, spins
from inclusions.eigen.devices import CPU, Device, module_of
from inclusions.eigen.lanczos import total
from inclusions.eigen.ldl import threads
from inclusions.eigen.ordering import LANES, pointer
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import Array, Communicator, MissingSolver
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.hamiltonian import Hamiltonian, chain_bonds, chain_energies, flips, unknowns


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled `_products.c`, or None where no C compiler was found at installation."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name("_products" + suffix)
        if path.exists():
            return ctypes.CDLL(str(path))
    return None


class Products:
    """What both ways share: H rescaled to [-1, 1], and the recurrences on it.

    `local` rows are here; `applied` counts products of H with a vector.
    """

    local: int
    centre, radius = 0.0, 1.0
    applied = 0
    ranks: Ranks | None = None

    def rescale(self, edges: tuple[float, float]) -> None:
        """From now on polynomials are of (H - centre)/radius, whose spectrum lies in [-1, 1]."""
        self.centre = float(edges[0] + edges[1]) / 2
        # Outside of [-1, 1] polynomials explode: a little room for the error of the edges.
        self.radius = max(float(edges[1] - edges[0]) / 2 * (1 + 1e-7), 1e-300)
        self._prepare()

    def apply(self, block: Any) -> Any:
        """H times this rank's rows of a block, (local, k)."""
        image = self.polynomial(np.array([0.0, 1.0]), block)
        return self.radius * image + self.centre * block

    def polynomial(self, coefficients: Array, block: Any) -> Any:
        """sum_k c_k T_k((H - centre)/radius) times a block, (local, k), by Clenshaw's recurrence.

        b_k = c_k v + 2 x b_{k+1} - b_{k+2}, and c_0 v + x b_1 - b_2 is the sum: no more than
        three blocks and a copy at any degree.
        """
        width = block.shape[1]
        if width > LANES:
            parts = (slice(p, p + LANES) for p in range(0, width, LANES))
            whole = [self.polynomial(coefficients, block[:, part]) for part in parts]
            return module_of(block).concatenate(whole, axis=1)
        start, newest, older = self._entered(block)
        newest, older = self._steps(coefficients[:0:-1], start, newest, older)
        result = float(coefficients[0]) * start[: self.local] - older[: self.local]
        result += self._steps(coefficients[:1], start, newest, older)[0][: self.local]
        return result[:, :width] / 2

    def moments(self, block: Any, number: int) -> Array:
        """tr v^T T_k v / tr v^T v, k = 0 ... number - 1, of a block v; half as many products.

        T_2k = 2 T_k^2 - T_0 and T_2k+1 = 2 T_k+1 T_k - T_1.
        """
        start, older, newest = self._entered(block)
        newest, older = self._steps(np.zeros(1), None, start, newest)
        newest /= 2  # T_1 is half a step from nothing
        found = [self._dot(older, older), self._dot(newest, older)]
        while len(found) < number:
            found.append(2 * self._dot(newest, newest) - found[0])
            newest, older = self._steps(np.zeros(1), None, newest, older)
            found.append(2 * self._dot(newest, older) - found[1])
        return np.array(found[:number]) / found[0]

    def _dot(self, a: Any, b: Any) -> float:
        return float(total(float((a[: self.local] * b[: self.local]).sum()), self.ranks))

    def _prepare(self) -> None:
        """Take over a new scale."""
        raise NotImplementedError

    def _entered(self, block: Any) -> tuple[Any, Any, Any]:
        """A block in the form the recurrence works on, and two of zeros."""
        raise NotImplementedError

    def _steps(self, coefficients: Array, start: Any, newest: Any, older: Any) -> tuple[Any, Any]:
        """One step 2 x newest - older + c start for every c; the last two blocks."""
        raise NotImplementedError


class ArrayProducts(Products):
    """With a sparse matrix, in whole-array operations of NumPy or of CuPy, on one process."""

    def __init__(self, hamiltonian: Hamiltonian, device: Device = CPU):
        self._device, self._matrix = device, hamiltonian.matrix
        self.local = hamiltonian.dimension
        self._step = device.fuse(_step)
        self._prepare()

    def _prepare(self) -> None:
        identity = scipy.sparse.eye_array(self.local, format="csr")
        doubled = (self._matrix - self.centre * identity) * (2 / self.radius)
        self._doubled = self._device.sparse.csr_matrix(scipy.sparse.csr_matrix(doubled))

    def _entered(self, block: Any) -> tuple[Any, Any, Any]:
        # Column-major, as cuSPARSE wants them.
        xp = self._device.xp
        start = xp.asfortranarray(block)
        return start, *(xp.zeros(start.shape, order="F") for _ in range(2))

    def _steps(self, coefficients: Array, start: Any, newest: Any, older: Any) -> tuple[Any, Any]:
        for c in coefficients:
            image = self._doubled @ newest
            image = image - older if start is None else self._step(image, older, start, float(c))
            newest, older = image, newest
        self.applied += len(coefficients) * newest.shape[1]
        return newest, older


def _step(image: Any, older: Any, start: Any, c: float) -> Any:
    return image - older + c * start


class Neighbours(NamedTuple):
    """The chain states [first, last) of one rank and where, in its blocks, their neighbours are.

    Rows beyond its own hold what other ranks send: those of `elsewhere`, in that order.
    """

    start: NDArray[np.int64]  # (last - first + 1,): first neighbour of each
    neighbour: NDArray[np.int32]  # one bond of the chain away
    ring: NDArray[np.int32]  # (last - first,): across the bubble, or -1
    elsewhere: NDArray[np.int64]  # chain states, ascending


@once_per_geometry()
def neighbours(geometry: Geometry, first: int, last: int) -> Neighbours:
    """The chain's part of H as indices alone; kept, as all realizations share it."""
    states = chain_states(geometry.length, geometry.up)[first:last]
    pairs = [flips(states, geometry.length, bond) for bond in chain_bonds(geometry)]
    row, column = (np.concatenate(side) for side in zip(*pairs, strict=True))
    order = np.argsort(row, kind="stable")  # bonds ascend within a state
    start = np.r_[0, np.cumsum(np.bincount(row, minlength=last - first))]
    ring = np.full(last - first, -1)
    if geometry.bubble:
        position, partner = flips(states, geometry.length, (geometry.length - 1, 0))
        ring[position] = partner
    column = column[order]
    used = np.concatenate([column, ring[ring >= 0]])
    elsewhere = np.unique(used[(used < first) | (used >= last)])

    def placed(state: NDArray) -> NDArray[np.int32]:
        here = (state >= first) & (state < last)
        beyond = last - first + np.searchsorted(elsewhere, state)
        return np.where(state < 0, -1, np.where(here, state - first, beyond)).astype(np.int32)

    return Neighbours(start.astype(np.int64), placed(column), placed(ring), elsewhere)


class _Graph(ctypes.Structure):
    _fields_ = [
        ("states", ctypes.c_int64),
        ("block", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("start", "neighbour", "ring", "ends", "diagonal")),
        ("hopping", ctypes.c_double),
        ("inside", ctypes.c_void_p),
        ("across", ctypes.c_void_p),
    ]


class CompiledProducts(Products):
    """Compiled, eight vectors at once, with threads of its own; or a rank's rows."""

    def __init__(self, hamiltonian: Hamiltonian, ranks: Ranks | None = None):
        if (compiled := library()) is None:
            raise MissingSolver(
                "solver filter on several ranks needs a C compiler when the package is installed: "
                "pip install -e ."
            )
        self._recurrence = compiled.recurrence
        model, self.ranks = hamiltonian.model, ranks
        self._n = n = model.block
        states = model.dimension // n
        rank, size = (0, 1) if ranks is None else (ranks.rank, ranks.size)
        first, last = (states * r // size for r in (rank, rank + 1))
        self.local = (last - first) * n
        self._near = neighbours(model.geometry, first, last)
        site_spins = spins(chain_states(model.length, model.up)[first:last], model.length)
        self._energies = chain_energies(hamiltonian.realization, site_spins)
        self._ends = (site_spins[:, 0] == site_spins[:, -1]).astype(np.int8)
        self._bubble = None
        if model.bubble:
            r0, r1, r2 = hamiltonian.realization.bubble
            ends = model.coupling / 4 * r1  # S^z_0 S^z_{L-1} = -1/4, 1/4
            self._bubble = np.stack([r0 - ends, r0 + ends]), model.coupling * r2
        self._exchange: _Exchange | None = None
        if ranks is not None and size > 1:
            self._exchange = _Exchange(self._near.elsewhere, states, n, ranks.comm)
        self._prepare()

    def _prepare(self) -> None:
        scale, near = 2 / self.radius, self._near
        self._diagonal = scale * (self._energies - self.centre)
        blocks: list[Array | None] = [None, None]
        if self._bubble is not None:
            blocks = [scale * block for block in self._bubble]
        self._inside, self._across = blocks
        self._graph = _Graph(
            near.start.size - 1, self._n,
            *map(pointer, (near.start, near.neighbour, near.ring, self._ends, self._diagonal)),
            scale / 2,  # (S+ S- + h.c.)/2 moves with 1/2
            *(None if block is None else pointer(block) for block in blocks),
        )  # fmt: skip

    def _entered(self, block: Any) -> tuple[Any, Any, Any]:
        rows = self.local + self._near.elsewhere.size * self._n
        start, newest, older = (_zeros(rows) for _ in range(3))
        start[: self.local, : block.shape[1]] = block
        return start, newest, older

    @property
    def bytes_a_step(self) -> float:
        """What a step must read and write of memory at least: each number once.

        Three blocks, half of a fourth (the start, wanted at every other step), and the graph.
        """
        near, states = self._near, self._near.start.size - 1
        graph = near.neighbour.nbytes + near.start.nbytes + self._diagonal.nbytes
        if self._bubble is not None:
            graph += near.ring.nbytes + self._ends.nbytes
        return 3.5 * 8 * LANES * states * self._n + graph

    def _steps(self, coefficients: Array, start: Any, newest: Any, older: Any) -> tuple[Any, Any]:
        # Now and then back to Python, which then hears of a Ctrl-C.
        at_once = 1 if self._exchange else max(1, int(4e7 / max(self.local, 1)))
        team = 1 if self._exchange else max(1, min(threads(), self.local // WORTH_A_THREAD))
        for begin in range(0, len(coefficients), at_once):
            part = np.ascontiguousarray(coefficients[begin : begin + at_once])
            if self._exchange:
                self._exchange(newest, self.local)
            given = (pointer(a) if a is not None else None for a in (part, start, newest, older))
            graph, steps = ctypes.byref(self._graph), ctypes.c_int64(part.size)
            if self._recurrence(graph, steps, *given, team):
                raise MemoryError("no memory for the threads of a product")
            if part.size % 2:
                newest, older = older, newest
        self.applied += LANES * len(coefficients)
        return newest, older


WORTH_A_THREAD = 1000  # rows: some microseconds


def _zeros(rows: int) -> Array:
    """A block of zeros, (rows, LANES), each row one cache line."""
    room = np.zeros((rows + 1) * LANES)
    skipped = -room.ctypes.data % (8 * LANES) // 8
    return room[skipped : skipped + rows * LANES].reshape(rows, LANES)


class _Exchange:
    """Sends each rank the rows of a block that its chain states have as neighbours."""

    def __init__(self, elsewhere: NDArray[np.int64], states: int, n: int, comm: Communicator):
        self._comm = comm
        cuts = states * np.arange(comm.size + 1) // comm.size
        owner = np.searchsorted(cuts, elsewhere, side="right") - 1
        asked = [elsewhere[owner == rank] for rank in range(comm.size)]
        given = [wanted - cuts[comm.rank] for wanted in comm.alltoall(asked)]
        self._rows = unknowns(np.concatenate(given).astype(np.int64), n)
        self._sent, self._received = (
            [part.size * n * LANES for part in parts] for parts in (given, asked)
        )

    def __call__(self, block: Array, local: int) -> None:
        """Fill the rows of a block beyond this rank's own."""
        self._comm.Alltoallv((block[self._rows], self._sent), (block[local:], self._received))


def products_of(hamiltonian: Hamiltonian, ranks: Ranks | None = None) -> Products:
    """Compiled where that can be; by SciPy in one process without a compiler.

    Raises:
        MissingSolver: several ranks need the compiled part.
    """
    if library() is None and (ranks is None or ranks.size == 1):
        return ArrayProducts(hamiltonian)
    return CompiledProducts(hamiltonian, ranks)
