"""One sample on the ranks of a communicator: who has which rows, sums over all, products with H."""

import os
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from inclusions.eigen.types import Array, Communicator
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.hamiltonian import Hamiltonian, build, pattern

# A process alone needs no daemon of Open MPI, which it would start, and which outlives it: whoever
# reads its output would wait for that.
os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")


@dataclass
class Ranks:
    """The ranks that share a sample, what they add up and send counted."""

    comm: Communicator
    reductions: int = 0  # sums over all ranks
    messages: int = 0  # blocks of rows that this rank sent to another

    @property
    def size(self) -> int:
        return self.comm.size

    @property
    def rank(self) -> int:
        return self.comm.rank

    @overload
    def total(self, part: float) -> float: ...
    @overload
    def total(self, part: Array) -> Array: ...
    def total(self, part: float | Array) -> float | Array:
        """The sum of every rank's part, an array or a number."""
        from mpi4py import MPI

        self.reductions += 1
        whole = np.array(part, dtype=np.float64)
        self.comm.Allreduce(MPI.IN_PLACE, whole)
        return whole if whole.ndim else float(whole)

    def start(self, local: int) -> int:
        """Rows of all ranks before this one, which has `local`."""
        return self.comm.scan(local) - local

    def neighbours(self) -> int:
        """Ranks on this rank's node, itself among them."""
        from mpi4py import MPI

        here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        number = here.size
        here.Free()
        return number

    def gathered(self, part: Array) -> list[Array]:
        """Every rank's part, on every rank."""
        self.reductions += 1
        return self.comm.allgather(part)


def borders(geometry: Geometry, size: int) -> NDArray[np.int64]:
    """First row of every rank, and the dimension: (size + 1,); no chain state is cut.

    With more ranks than chain states some have no rows.
    """
    states = geometry.dimension // geometry.block
    return geometry.block * (states * np.arange(size + 1) // size)


class Exchange(NamedTuple):
    """What a rank's product with H needs of the others; kept for all realizations.

    A rank's vectors are extended by the rows it needs of others, so that its rows of H are a small
    matrix of their own.
    """

    indices: NDArray[np.int32]  # columns of this rank's entries: its own rows, then others'
    wanted: int  # rows of others
    sent: NDArray[np.int64]  # own rows that others need, in the order of those who do
    sent_counts: NDArray[np.int64]  # (ranks,)
    received_counts: NDArray[np.int64]  # (ranks,)


@once_per_geometry()
def exchange(geometry: Geometry, handle: int) -> Exchange:
    """Who sends which rows to whom, on the communicator of a Fortran handle; kept."""
    from mpi4py import MPI

    comm = MPI.Comm.f2py(handle)
    edges = borders(geometry, comm.size)
    start, stop = edges[comm.rank : comm.rank + 2]
    columns = pattern(geometry, start, stop).indices
    own = (columns >= start) & (columns < stop)
    others = np.unique(columns[~own])
    indices = np.empty(columns.size, np.int32)
    indices[own] = columns[own] - start
    indices[~own] = stop - start + np.searchsorted(others, columns[~own])
    cuts = np.searchsorted(others, edges)
    asked = comm.alltoall([others[a:b] for a, b in zip(cuts[:-1], cuts[1:], strict=True)])
    return Exchange(
        indices=indices,
        wanted=others.size,
        sent=np.concatenate(asked).astype(np.int64) - start,
        sent_counts=np.array([rows.size for rows in asked]),
        received_counts=np.diff(cuts),
    )


class RankedRows:
    """A rank's rows of H, and its part of products with H. Of no other rows is anything kept."""

    def __init__(self, hamiltonian: Hamiltonian, ranks: Ranks):
        geometry = hamiltonian.model.geometry
        self.ranks, self.geometry = ranks, geometry
        self.borders = borders(geometry, ranks.size)
        self.start, stop = map(int, self.borders[ranks.rank : ranks.rank + 2])
        self.local = stop - self.start
        self.rows = build(hamiltonian.realization, self.start, stop).matrix
        self._exchange = exchange(geometry, ranks.comm.py2f())
        shape = (self.local, self.local + self._exchange.wanted)
        parts = (self.rows.data, self._exchange.indices, self.rows.indptr)
        self._extended = sp.csr_array(parts, shape=shape)

    def apply(self, block: Array) -> Array:
        """H times a block of which each rank has its rows: one exchange for all its columns."""
        plan, width = self._exchange, block.shape[1]
        extended = np.empty((self.local + plan.wanted, width))
        extended[: self.local] = block
        if self.ranks.size > 1:
            self.ranks.messages += int(np.count_nonzero(plan.sent_counts))
            given = np.ascontiguousarray(block[plan.sent])
            self.ranks.comm.Alltoallv(
                [given, plan.sent_counts * width],
                [extended[self.local :], plan.received_counts * width],
            )
        return self._extended @ extended
