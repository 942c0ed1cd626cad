"""Interior eigenpairs: the levels closest to the middle of the spectrum, by several solvers."""

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS, best_available, mumps_available
from inclusions.eigen.ldl import available as ldl_available
from inclusions.eigen.shift_invert import ShiftInvert
from inclusions.eigen.slepc import Slepc, slepc_available
from inclusions.eigen.types import (
    Certificate,
    Eigenpairs,
    MissingLevels,
    MissingSolver,
    NotConverged,
)

__all__ = [
    "Certificate", "Dense", "Eigenpairs", "MissingLevels", "MissingSolver", "NotConverged",
    "ShiftInvert", "Slepc", "choose", "solvers_found",
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
    if solver == "auto":
        solver = "slepc" if ranks > 1 else "dense" if dimension < DENSE_BELOW else "shift-invert"
    if solver == "dense":
        return Dense()
    if solver == "slepc":
        if not slepc_available():
            raise MissingSolver(
                "solver slepc needs petsc4py and slepc4py: install python3-slepc4py-real "
                "(Debian, Ubuntu) or slepc4py (conda-forge)"
            )
        return Slepc()
    if factorization:
        found = {"ldl": ldl_available(), "mumps": mumps_available(), "superlu": True}
        if factorization not in FACTORIZATIONS:
            raise ValueError(
                f"factorization must be one of {', '.join(FACTORIZATIONS)}, got {factorization!r}"
            )
        if not found[factorization]:
            raise MissingSolver(HOW_TO_GET[factorization])
        knobs["factorization"] = factorization
    return ShiftInvert(**knobs)


HOW_TO_GET = {
    "ldl": "factorization ldl needs a C compiler when the package is installed: pip install -e .",
    "mumps": "factorization mumps needs python-mumps: install libmumps-seq-dev (Debian, Ubuntu) "
    "and run pip install python-mumps, or get python-mumps from conda-forge",
}


def solvers_found() -> list[tuple[str, bool, str]]:
    """Every solver and factorization: (name, whether it is here, what it is or how to get it)."""
    slepc = (
        "SLEPc Krylov-Schur with MUMPS, any number of MPI ranks"
        if slepc_available()
        else "install python3-slepc4py-real (Debian, Ubuntu) or slepc4py (conda-forge)"
    )
    return [
        ("dense", True, "LAPACK on the whole matrix"),
        ("shift-invert:ldl", ldl_available(), "own L D L^T" if ldl_available() else HOW_TO_GET["ldl"]),
        ("shift-invert:mumps", mumps_available(),
         "MUMPS L D L^T" if mumps_available() else HOW_TO_GET["mumps"]),
        ("shift-invert:superlu", True, "SciPy's SuperLU ordered by METIS; no certificate"),
        ("slepc", slepc_available(), slepc),
        ("auto", True, f"dense below dimension {DENSE_BELOW}, then shift-invert:{best_available()}"),
    ]  # fmt: skip
