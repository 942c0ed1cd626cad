"""What every eigensolver returns, and how it says that it could not."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Certificate(NamedTuple):
    """How many levels the matrix has in the window of the returned ones (Sylvester's inertia)."""

    status: str  # "complete", "3 missing" or "not checked"
    window: tuple[float, float] | None = None  # units of J
    levels: int | None = None  # counted in the window

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


class Eigenpairs(NamedTuple):
    """The `count` levels closest to the middle of the spectrum."""

    energies: Array  # (count,), units of J, ascending
    states: Array  # (local rows, count), orthonormal
    residuals: Array  # (count,), |H psi - E psi|, units of J
    edges: tuple[float, float]  # lowest and highest level of the sector
    certificate: Certificate
    report: Report

    @property
    def target(self) -> float:
        """The middle of the spectrum, (E_min + E_max)/2."""
        return sum(self.edges) / 2


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


def residuals(matrix, energies: Array, states: Array) -> Array:
    """|H psi - E psi| of every state, shape (count,)."""
    return np.linalg.norm(matrix @ states - states * energies, axis=0)
