"""MUMPS's L D L^T on one rank or many, in our elimination order: through PyMUMPS.

Numbers of controls and of what is told are those of MUMPS's manual, from 1: ICNTL, INFO, INFOG.
Every rank enters the rows of H that it has. A block of right-hand sides is gathered on the first
rank, a solution goes from where MUMPS leaves it to the ranks that have its rows.
"""

import atexit
import mmap
import os
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inclusions.eigen.kernels import newest_kernels
from inclusions.eigen.lanczos import random_block
from inclusions.eigen.ordering import LANES, elimination_order
from inclusions.eigen.ranks import RankedRows, Ranks, borders
from inclusions.eigen.refinement import makes_headway, refined_or_refused
from inclusions.eigen.types import Array, Communicator
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.hamiltonian import Hamiltonian, pattern, unknowns
from inclusions.machine import available_cores, memory_limit


def load() -> None:
    """Import PyMUMPS and the MPI it needs; python-mumps, of the same name, has no such class."""
    with newest_kernels():
        from mumps import DMumpsContext  # noqa: F401


class Settings(NamedTuple):
    """How MUMPS is asked to work."""

    precision: str = "float64"  # of the factor
    on_disk: bool = False  # the factor in files of TMPDIR, read anew for every solve
    order: str = "ours"  # or pord, which is what MUMPS takes where it is not told


ORDERS = {"ours": 1, "pord": 4}  # values of ICNTL(7)
LACKS_WORKSPACE = (-8, -9, -11, -14, -15, -17, -20)  # values of INFOG(1): more of ICNTL(14) helps
NO_MEMORY = (-7, -13, -19, -90)
SINGULAR = -10


class MumpsFailed(RuntimeError):
    """MUMPS ended with INFOG(1) < 0."""


class Analysis:
    """MUMPS's analysis of a geometry on a communicator, and room for one factor at a time."""

    def __init__(self, geometry: Geometry, comm: Communicator, settings: Settings):
        with newest_kernels():
            import mumps

        kind = {"float64": mumps.DMumpsContext, "float32": mumps.SMumpsContext}
        self.comm, self.settings = comm, settings
        self.context = kind[settings.precision](sym=2, comm=comm)
        self._folder: TemporaryDirectory | None = None
        self._space: mmap.mmap | None = None
        self._room = 1.0  # times what MUMPS estimates
        self.holder: MumpsFactor | None = None  # of the memory
        self._enter_pattern(geometry)
        self._control(geometry)
        self.run(1)
        self.needed = self.context.get_info(17 if settings.on_disk else 15)  # MB on this rank
        self._check_memory(geometry)

    def _enter_pattern(self, geometry: Geometry) -> None:
        """This rank's rows, of the lower triangle; the numbers follow with each matrix."""
        edges = borders(geometry, self.comm.size)
        start, stop = map(int, edges[self.comm.rank : self.comm.rank + 2])
        shape = pattern(geometry, start, stop)
        row = np.repeat(np.arange(start, stop, dtype=np.int32), np.diff(shape.indptr))
        self.source = np.flatnonzero(shape.indices <= row)
        column = shape.indices[self.source].astype(np.int32)
        row = row[self.source]
        self.diagonal = np.flatnonzero(row == column)
        self.values = np.empty(row.size, self.settings.precision)
        self.context.set_shape(geometry.dimension)
        self.context.set_distributed_assembled_rows_cols(row + 1, column + 1)
        self.context.set_distributed_assembled_values(self.values)

    def _control(self, geometry: Geometry) -> None:
        self.context.set_silent()
        controls = {
            6: 0,  # no permutation that brings large entries to the diagonal, ...
            7: ORDERS[self.settings.order],
            8: 0,  # ... no scaling, ...
            12: 1,  # ... no compression of the graph: it has one symmetric order
            13: 1,  # the root on one rank: only so is the inertia complete
            14: RELAXED,  # per cent of workspace beyond the estimate
            18: 3,  # the matrix is where its rows are
            21: 1,  # the solution stays where it is found
            22: int(self.settings.on_disk),
            24: 1,  # pivots that vanish are counted, not divided by
            27: LANES,
            28: 1,  # analysis on one rank
        }
        for number, value in controls.items():
            self.context.set_icntl(number, value)
        if self.settings.on_disk:
            self._folder = TemporaryDirectory(prefix="inclusions-factor-")
            self.context.id.ooc_tmpdir = self._folder.name.encode()
        if self.comm.rank == 0 and self.settings.order == "ours":
            order = unknowns(elimination_order(geometry.graph), geometry.block)
            self._position = np.empty(order.size, np.int32)
            self._position[order] = np.arange(1, order.size + 1)
            self.context.id.perm_in = self.context.cast_array(self._position)

    def _check_memory(self, geometry: Geometry) -> None:
        """Refuse on all ranks what does not fit a node: systems kill who takes too much.

        Raises:
            MemoryError: with what is needed and what is there.
        """
        from mpi4py import MPI

        neighbours = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        needed, free = neighbours.allreduce(self.needed), memory_limit()
        here, said = neighbours.size, (needed - free.amount, needed, free, neighbours.size)
        neighbours.Free()
        excess, needed, free, here = max(self.comm.allgather(said))
        if excess > 0:
            self.discard()
            raise MemoryError(
                f"MUMPS needs {needed / 1024:.1f} GB for the factor of dimension "
                f"{geometry.dimension} on the {here} of {self.comm.size} ranks that share a node, "
                f"{free.source} has {free.amount / 1024:.1f} GB free; try more ranks on other "
                "nodes, or solver shift-invert:mumps-single or shift-invert:mumps-disk"
            )

    def factorize(self, matrix: RankedRows, shift: float) -> bool:
        """H - shift into L D L^T; False where it is singular.

        Raises:
            MemoryError: there is no memory for it.
        """
        self.values[:] = matrix.rows.data[self.source]
        self.values[self.diagonal] -= shift
        for _ in range(MORE_WORKSPACE):
            self._lend_workspace()
            try:
                self.run(2)
            except MumpsFailed:
                code = self.context.get_infog(1)
                if code == SINGULAR:
                    return False
                if code not in LACKS_WORKSPACE:
                    raise
                self.context.set_icntl(14, 3 * self.context.get_icntl(14))
                self._room *= 1.5
            else:
                self._release_stack()
                return self.context.get_infog(28) == 0
        raise MemoryError(
            f"MUMPS lacks workspace for dimension {matrix.geometry.dimension} with "
            f"{self.context.get_icntl(14)} per cent beyond its estimate"
        )

    def _lend_workspace(self) -> None:
        """Give MUMPS the numbers it asks for: kept for the next matrix, and part of it released.

        A map of its own, so that the system takes back what is released.
        """
        if self.settings.on_disk:
            return
        asked = self.context.get_info(8)  # in millions where it is negative
        asked = asked if asked >= 0 else -asked * 10**6
        numbers = 10**6 * int(asked / 1e6 * self._room + 1)
        if self._space is None or len(self._space) < numbers * self.values.itemsize:
            self._space = None
            self._space = mmap.mmap(-1, numbers * self.values.itemsize)
            whole = np.frombuffer(self._space, np.uint8)
            self.context.id.wk_user = self.context.cast_array(whole)
            self.context.id.lwk_user = -(numbers // 10**6)

    def _release_stack(self) -> None:
        """Give back what only the factorization needed: behind the factor there is nothing left.

        MUMPS takes memory from both ends, for the factor from the first number on.
        """
        if self._space is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        stored = self.context.get_info(9)
        used = (stored if stored >= 0 else -stored * 10**6) * self.values.itemsize
        start = -(-used // mmap.PAGESIZE) * mmap.PAGESIZE
        if start < len(self._space):
            self._space.madvise(mmap.MADV_DONTNEED, start, len(self._space) - start)

    def run(self, job: int) -> None:
        """One of MUMPS's jobs, on all ranks.

        Raises:
            MemoryError: memory or disk could not be had.
            MumpsFailed: anything else.
        """
        try:
            self.context.run(job)
        except RuntimeError:
            code, detail = self.context.get_infog(1), self.context.get_infog(2)
            told = f"MUMPS stopped with INFOG(1) = {code}, INFOG(2) = {detail}"
            if code in NO_MEMORY:
                raise MemoryError(
                    f"no memory or disk for the factor: {told}; try more ranks on other nodes"
                ) from None
            raise MumpsFailed(told) from None

    def discard(self) -> None:
        """Free what MUMPS holds; all ranks do it together."""
        if self.context is not None:
            self.context.destroy()
            self.context = None

    def __del__(self) -> None:
        if getattr(self, "context", None) is not None:
            self.discard()


RELAXED = 15  # per cent
MORE_WORKSPACE = 6  # times that workspace is raised


def _abandon() -> None:
    """At the end MPI may be gone, or other ranks dead: nothing may wait for them any more."""
    for kept in _contexts:
        kept.context, context = None, kept.context
        if context is not None:
            context.id = context._refs = None


_contexts: list[Analysis] = []
atexit.register(_abandon)


@once_per_geometry(last=1)
def analysis(geometry: Geometry, handle: int, settings: Settings) -> Analysis:
    """The analysis on the communicator of a Fortran handle; the last one is kept, with its room."""
    from mpi4py import MPI

    made = Analysis(geometry, MPI.Comm.f2py(handle), settings)
    _contexts[:] = [made]
    return made


class MumpsMatrix(RankedRows):
    """H in rows over ranks, and its factors by MUMPS. A context manager."""

    def __init__(self, settings: Settings, hamiltonian: Hamiltonian, ranks: Ranks | None = None):
        if ranks is None:
            from mpi4py import MPI

            ranks = Ranks(MPI.COMM_SELF)
        super().__init__(hamiltonian, ranks)
        self.settings = settings
        self.counts_levels = settings.precision == "float64"
        self._open = ExitStack()

    def factorize(self, shift: float) -> "MumpsFactor":
        """The factor of H - shift, a context manager."""
        return MumpsFactor(self, shift)

    def __enter__(self) -> "MumpsMatrix":
        if self.ranks.size > 1 and not os.environ.get("OMP_NUM_THREADS", "").strip():
            share = max(1, available_cores() // self.ranks.neighbours())
            self._open.enter_context(threadpool_limits(share))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


class Route(NamedTuple):
    """How a solution goes from where MUMPS leaves it to the ranks that have its rows."""

    order: NDArray[np.int64]  # of what MUMPS left here, by rank
    sent_counts: NDArray[np.int64]  # (ranks,)
    received_counts: NDArray[np.int64]  # (ranks,)
    place: NDArray[np.int64]  # own row of each number received


class MumpsFactor:
    """(H - shift) = L D L^T by MUMPS on all ranks, ready to solve. A context manager.

    A factor in single precision is refined; its inertia is not that of H, so it is not offered.
    """

    name = "mumps"

    def __init__(self, matrix: MumpsMatrix, shift: float):
        self._matrix, self._shift = matrix, shift
        self._analysis = analysis(matrix.geometry, matrix.ranks.comm.py2f(), matrix.settings)
        self._regular = self._analysis.factorize(matrix, shift)
        self._analysis.holder = self
        context = self._analysis.context
        self.negative = int(context.get_infog(12))
        entries = context.get_infog(29)
        self.entries = entries if entries >= 0 else -entries * 10**6
        self.flops = int(context.get_rinfog(3))
        self._route: Route | None = None
        self._rows = np.empty(max(1, context.get_info(23)), np.int32)

    @property
    def sound(self) -> bool:
        """Whether solves are accurate: pivots that are bad are delayed instead."""
        if not self._regular or self._matrix.counts_levels:
            return self._regular
        matrix = self._matrix
        block = random_block(matrix.geometry.dimension, LANES, matrix.ranks, matrix.local)
        return makes_headway(self._substitute, self._applied, block, matrix.ranks.total)

    def solve(self, block: Array) -> Array:
        """(H - shift)^-1 times this rank's rows of a block.

        Raises:
            NotConverged: single precision does not do.
        """
        if self._matrix.counts_levels:
            return self._substitute(block)
        total = self._matrix.ranks.total
        return refined_or_refused(self._substitute, self._applied, block, total)

    def _applied(self, block: Array) -> Array:
        return self._matrix.apply(block) - self._shift * block

    def _substitute(self, block: Array) -> Array:
        """Forward and backward through the factor, a few columns at a time."""
        result = np.empty(block.shape)
        for start in range(0, block.shape[1], LANES):
            columns = slice(start, start + LANES)
            result[:, columns] = self._substituted(block[:, columns])
        return result

    def _substituted(self, block: Array) -> Array:
        if self._analysis.holder is not self:
            raise RuntimeError("this factor's memory serves a later one: MUMPS holds one at a time")
        context, width = self._analysis.context, block.shape[1]
        given = self._gathered(block)
        found = np.zeros((width, self._rows.size), self._matrix.settings.precision)
        context.id.nrhs, context.id.lrhs = width, self._matrix.geometry.dimension
        if given is not None:
            context.id.rhs = context.cast_array(given)
        context.id.lsol_loc = self._rows.size
        context.id.sol_loc = context.cast_array(found)
        context.id.isol_loc = context.cast_array(self._rows)
        self._analysis.run(3)
        return self._returned(found)

    def _gathered(self, block: Array) -> NDArray | None:
        """The whole block on the first rank, column by column as MUMPS wants it; elsewhere None."""
        ranks, n = self._matrix.ranks, self._matrix.geometry.dimension
        columns = np.ascontiguousarray(block.T, self._matrix.settings.precision)
        if ranks.size == 1:
            return columns
        counts, starts = np.diff(self._matrix.borders), self._matrix.borders[:-1]
        whole = np.empty((len(columns), n), columns.dtype) if ranks.rank == 0 else None
        for position, column in enumerate(columns):
            room = None if whole is None else [whole[position], (counts, starts)]
            ranks.comm.Gatherv(column, room)
        ranks.messages += len(columns) * (ranks.rank > 0)
        return whole

    def _returned(self, found: NDArray) -> Array:
        """What MUMPS left here and elsewhere, (k, rows), as this rank's rows of it."""
        if self._route is None:
            self._route = self._find_route()
        route, ranks, width = self._route, self._matrix.ranks, len(found)
        sent = np.ascontiguousarray(found[:, route.order].T)
        received = np.empty((self._matrix.local, width), sent.dtype)
        ranks.comm.Alltoallv(
            [sent, route.sent_counts * width], [received, route.received_counts * width]
        )
        ranks.messages += int(np.count_nonzero(route.sent_counts))
        result = np.empty(received.shape)
        result[route.place] = received
        return result

    def _find_route(self) -> Route:
        """Known once MUMPS has solved: pivots may be delayed to other ranks."""
        comm, edges = self._matrix.ranks.comm, self._matrix.borders
        rows = self._rows[: self._analysis.context.get_info(23)].astype(np.int64) - 1
        owner = np.searchsorted(edges, rows, side="right") - 1
        order = np.argsort(owner, kind="stable")
        counts = np.bincount(owner, minlength=comm.size)
        asked = comm.alltoall(np.split(rows[order], np.cumsum(counts)[:-1]))
        return Route(
            order=order,
            sent_counts=counts,
            received_counts=np.array([part.size for part in asked]),
            place=np.concatenate(asked) - self._matrix.start,
        )

    def __enter__(self) -> "MumpsFactor":
        return self

    def __exit__(self, *_: object) -> None:
        self._analysis.holder = None
