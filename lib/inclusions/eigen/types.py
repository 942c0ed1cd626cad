"""What an eigensolver, a matrix and a factor are; what is returned; how failure is told."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter
from time import perf_counter
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from inclusions.hamiltonian import Hamiltonian

Array = NDArray[np.float64]
Sent = TypeVar("Sent")


class Communicator(Protocol):
    """What is asked of mpi4py's communicators; buffers are arrays, alone or with their counts."""

    @property
    def size(self) -> int: ...
    @property
    def rank(self) -> int: ...
    def bcast(self, obj: Sent, root: int = 0) -> Sent: ...
    def allgather(self, sendobj: Sent) -> list[Sent]: ...
    def alltoall(self, sendobj: Sequence[Sent]) -> list[Sent]: ...
    def scan(self, sendobj: int) -> int: ...
    def exscan(self, sendobj: int) -> int | None: ...
    def allreduce(self, sendobj: Sent) -> Sent: ...
    def gather(self, sendobj: Sent) -> list[Sent] | None: ...
    def Barrier(self) -> None: ...
    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> None: ...
    def Alltoallv(self, sendbuf: Any, recvbuf: Any) -> None: ...
    def Gatherv(self, sendbuf: Any, recvbuf: Any) -> None: ...
    def Split_type(self, split_type: int) -> "Communicator": ...
    def Free(self) -> None: ...
    def py2f(self) -> int: ...


class Certificate(NamedTuple):
    """How many levels the matrix has in the window of the returned ones.

    By Sylvester's inertia, exactly; without a factor by random vectors, with a standard error.
    """

    status: str  # "complete", "3 missing", "counted to ± 2" or "not checked"
    window: tuple[float, float] | None = None  # units of J
    levels: int | None = None  # counted in the window
    error: float = 0.0  # of that count, one standard deviation
    estimate: float | None = None  # of which the count is the nearest integer

    @property
    def complete(self) -> bool:
        return self.status == "complete"


NOT_CHECKED = Certificate("not checked")


def certify(found: int, levels: int, window: tuple[float, float]) -> Certificate:
    """Certificate for `found` levels where the inertia counts `levels`."""
    status = "complete" if levels == found else f"{levels - found} missing"
    return Certificate(status, window, levels)


@dataclass
class Report:
    """What a solve cost: seconds by phase, and counts that do not depend on the machine."""

    solver: str
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _clock: float = field(default_factory=perf_counter, repr=False)

    def lap(self, phase: str) -> None:
        """Book the time since the last lap, or since the start, on a phase."""
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._clock
        self._clock = now


class Eigenpairs(NamedTuple):
    """The `count` levels closest to the model's target, the middle of the spectrum by default."""

    energies: Array  # (count,), units of J, ascending
    states: Array  # (local rows, count), orthonormal
    residuals: Array  # (count,), |H psi - E psi|, units of J
    edges: tuple[float, float]  # lowest and highest level of the sector
    target: float  # units of J
    certificate: Certificate
    report: Report

    def kept(self, chosen: NDArray) -> "Eigenpairs":
        """Some of them: positions, or True where one is kept."""
        return self._replace(
            energies=self.energies[chosen],
            states=self.states[:, chosen],
            residuals=self.residuals[chosen],
        )


class Solver(Protocol):
    """Finds the levels closest to the target energy. Those that derive from it are frozen."""

    name: str

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the target, ascending; on ranks, each gets its own rows.

        Raises:
            ValueError: count is not within the sector.
            NotConverged: fewer states than asked for; carries those that did converge.
            MissingLevels: the inertia counts more levels than were found; carries those found.
        """
        ...

    def uncounted(self) -> "Solver":
        """The same, which spends no time on counting the levels of the window."""
        return self

    def enlarged(self, count: int) -> "Solver | None":
        """The same with more room, for a sample that failed; None where that would not help."""
        return None


class Factor(Protocol):
    """(H - shift) ready to solve; its context ends with the memory it holds."""

    name: str
    entries: int  # numbers stored, on all ranks together
    negative: int  # levels below the shift, where the matrix `counts_levels`

    @property
    def sound(self) -> bool:
        """Whether solves are accurate; else another shift is wanted."""
        ...

    def solve(self, block: Array) -> Array:
        """(H - shift)^-1 times this rank's rows of a block, (local, k)."""
        ...


class Matrix(Protocol):
    """H whole, or a rank's rows of it; its context ends with the memory it holds."""

    local: int  # rows here
    counts_levels: bool  # whether its factors know their inertia

    def apply(self, block: Array) -> Array:
        """H times a block, of which each rank has its own rows, (local, k)."""
        ...

    def factorize(self, shift: float) -> AbstractContextManager[Factor]:
        """The factor of H - shift."""
        ...


class NotConverged(RuntimeError):
    """Fewer states than asked for; `partial` holds those that did converge."""

    def __init__(self, message: str, partial: Eigenpairs | None = None):
        super().__init__(message)
        self.partial = partial


class MissingLevels(RuntimeError):
    """The inertia counts more levels in the window than were found; `partial` holds those."""

    def __init__(self, message: str, partial: Eigenpairs):
        super().__init__(message)
        self.partial = partial


class MissingSolver(RuntimeError):
    """A solver whose library is not installed; the message says how to get it."""


def closest(energies: Array, target: float, count: int) -> NDArray[np.intp]:
    """Positions of the `count` energies closest to `target`, in ascending order of energy.

    Of two equally close levels the lower is taken, so that all solvers choose alike.
    """
    # A tie is one to rounding: distances are compared on a grid far above it, far below any gap.
    distance = np.round(np.abs(energies - target), 10)
    chosen = np.lexsort((energies, distance))[:count]
    return chosen[np.argsort(energies[chosen])]


def check_count(count: int, dimension: int) -> None:
    """Refuse a number of states the sector does not have."""
    if not 1 <= count <= dimension:
        raise ValueError(f"count must be in 1 ... {dimension} (the sector), got {count}")


def check_reach(pairs: Eigenpairs, hamiltonian: Hamiltonian) -> None:
    """Refuse states that lie around their target on one side only, for want of others.

    Levels that are farther from the target than the nearer edge of the spectrum is have no
    counterpart beyond that edge. All levels of the sector may always be asked for.

    Raises:
        ValueError: a level is farther from the target than the nearer edge; one line.
    """
    low, high = pairs.edges
    side, reach = min(
        ("lower", pairs.target - low), ("upper", high - pairs.target), key=itemgetter(1)
    )
    near = int((np.abs(pairs.energies - pairs.target) <= reach + 1e-9).sum())
    if near < pairs.energies.size < hamiltonian.dimension:
        model = hamiltonian.model
        raise ValueError(
            f"target {model.target} of {model.key} is too near the {side} edge of the spectrum for "
            f"{pairs.energies.size} states around it, {near} exist; ask for fewer states or for a "
            "target farther inside"
        )


def residuals(matrix: sp.csr_array, energies: Array, states: Array) -> Array:
    """|H psi - E psi| of every state, shape (count,)."""
    return np.linalg.norm(matrix @ states - states * energies, axis=0)
