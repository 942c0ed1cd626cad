"""Interior eigenpairs: the levels closest to the middle of the spectrum, by several solvers."""

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS, best_available, mumps_available
from inclusions.eigen.ldl import available as ldl_available
from inclusions.eigen.petsc import petsc_available
from inclusions.eigen.shift_invert import ShiftInvert
from inclusions.eigen.slepc import Slepc, slepc_available
from inclusions.eigen.types import (
    Certificate,
    Eigenpairs,
    MissingLevels,
    MissingSolver,
    NotConverged,
)
from inclusions.hamiltonian import Hamiltonian

__all__ = [
    "Certificate", "Dense", "Eigenpairs", "MissingLevels", "MissingSolver", "NotConverged",
    "ShiftInvert", "Slepc", "choose", "solve", "solvers_found",
]  # fmt: skip

SOLVERS = ("auto", "dense", "shift-invert", "slepc")
DENSE_BELOW = 700  # measured: LAPACK on the whole matrix is faster up to about here


def choose(name: str, dimension: int, ranks: int = 1, **knobs) -> Dense | ShiftInvert | Slepc:
    """The solver called `name`; `auto` decides by dimension and number of ranks.

    `name` may end in a factorization, as in `shift-invert:mumps`.

    Raises:
        ValueError: no solver has that name.
        MissingSolver: its library is not installed.
    """
    solver, _, factorization = name.partition(":")
    if solver not in SOLVERS or (factorization and solver != "shift-invert"):
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {name!r}")
    if solver == "dense" or (solver == "auto" and ranks == 1 and dimension < DENSE_BELOW):
        return Dense()
    if (solver == "slepc" and not slepc_available()) or (ranks > 1 and not petsc_available()):
        raise MissingSolver(HOW_TO_GET["slepc"])
    if solver == "slepc":
        return Slepc()
    if factorization:
        if factorization not in FACTORIZATIONS:
            raise ValueError(
                f"factorization must be one of {', '.join(FACTORIZATIONS)}, got {factorization!r}"
            )
        library = factorization.removesuffix("-single")
        if not {"ldl": ldl_available, "mumps": mumps_available}.get(library, lambda: True)():
            raise MissingSolver(HOW_TO_GET[library])
        knobs["factorization"] = factorization
    return ShiftInvert(**knobs)


def solve(hamiltonian: Hamiltonian, count: int = 50, solver: str = "auto") -> Eigenpairs:
    """The `count` eigenpairs closest to the middle of the sample's spectrum.

        >>> from inclusions import Model, build, draw, solve
        >>> pairs = solve(build(draw(Model(length=8, disorder=3.0), seed=1, index=0)), 20)
        >>> pairs.energies.shape, pairs.states.shape
        ((20,), (70, 20))

    Raises:
        ValueError: no solver has that name (`choose`).
        MissingSolver: its library is not installed.
        NotConverged, MissingLevels: it failed; the error carries what it found.
    """
    return choose(solver, hamiltonian.dimension)(hamiltonian, count)


HOW_TO_GET = {
    "slepc": "several ranks and solver slepc need petsc4py and slepc4py: install "
    "python3-petsc4py-real and python3-slepc4py-real (Debian, Ubuntu) or slepc4py (conda-forge)",
    "ldl": "factorization ldl needs a C compiler when the package is installed: pip install -e .",
    "mumps": "factorization mumps needs python-mumps: install libmumps-seq-dev (Debian, Ubuntu) "
    "and run pip install python-mumps, or get python-mumps from conda-forge",
}


def solvers_found() -> list[tuple[str, bool, str]]:
    """Every solver and factorization: (name, whether it is here, what it is or how to get it)."""
    ldl, mumps, slepc = ldl_available(), mumps_available(), slepc_available()
    auto = f"dense below dimension {DENSE_BELOW}, then shift-invert:{best_available()}"
    return [
        ("dense", True, "LAPACK on the whole matrix"),
        ("shift-invert:ldl", ldl, "own L D L^T" if ldl else HOW_TO_GET["ldl"]),
        ("shift-invert:ldl-single", ldl, "the same, factor in float32, solves refined"),
        ("shift-invert:mumps", mumps, "MUMPS L D L^T" if mumps else HOW_TO_GET["mumps"]),
        ("shift-invert:superlu", True, "SciPy's SuperLU ordered by METIS; no certificate"),
        ("slepc", slepc, "SLEPc Krylov-Schur with MUMPS" if slepc else HOW_TO_GET["slepc"]),
        ("auto", True, f"{auto}; on several MPI ranks shift-invert:petsc"),
    ]
