"""Interior eigenpairs: the levels closest to an energy within the spectrum, by several solvers."""

from numbers import Integral

from inclusions.eigen.dense import Dense
from inclusions.eigen.registry import DENSE_BELOW, REGISTRY, check_name, choose, solvers_found
from inclusions.eigen.shift_invert import ShiftInvert
from inclusions.eigen.slepc import Slepc
from inclusions.eigen.types import (
    Certificate,
    Eigenpairs,
    MissingLevels,
    MissingSolver,
    NotConverged,
    Solver,
)
from inclusions.hamiltonian import Hamiltonian

__all__ = [
    "Certificate", "DENSE_BELOW", "Dense", "Eigenpairs", "MissingLevels", "MissingSolver",
    "NotConverged", "REGISTRY", "ShiftInvert", "Slepc", "Solver", "check_name", "choose", "solve",
    "solvers_found",
]  # fmt: skip


def solve(hamiltonian: Hamiltonian, count: int = 50, solver: str = "auto") -> Eigenpairs:
    """The `count` eigenpairs closest to the middle of the sample's spectrum.

        >>> from inclusions import Model, build, draw, solve
        >>> pairs = solve(build(draw(Model(length=8, disorder=3.0), seed=1, index=0)), 20)
        >>> pairs.energies.shape, pairs.states.shape
        ((20,), (70, 20))

    Raises:
        TypeError: it is no Hamiltonian, or count no whole number.
        ValueError: no solver has that name (`choose`).
        MissingSolver: its library is not installed.
        NotConverged, MissingLevels: it failed; the error carries what it found.
    """
    if not isinstance(hamiltonian, Hamiltonian):
        raise TypeError(f"solve takes a Hamiltonian of build, got {type(hamiltonian).__name__}")
    if not isinstance(count, Integral):
        raise TypeError(f"count must be a whole number, got {count!r}")
    return choose(solver, hamiltonian.dimension)(hamiltonian, int(count))
