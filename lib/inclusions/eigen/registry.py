"""The solvers, each named once: how to call it, whether it is here or what it lacks."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from inclusions.eigen import devices, slepc
from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS, best_available
from inclusions.eigen.polynomial_filter import PolynomialFilter
from inclusions.eigen.shift_invert import ShiftInvert
from inclusions.eigen.slepc import Slepc, SlepcShell
from inclusions.eigen.types import MissingSolver, Solver
from inclusions.machine import lacks


class Entry(NamedTuple):
    """A solver: how to call it, whether it counts levels, whether it is here or what it lacks."""

    what: str
    make: Callable[..., Solver]
    counts_levels: bool
    on_ranks: bool  # whether it takes several ranks for one sample
    lacks: Callable[[], str] = str  # what keeps it from being here, and how to get it; else empty

    def here(self) -> bool:
        """Whether it can be used."""
        return not self.lacks()


def _no_slepc() -> str:
    return lacks(
        slepc.load,
        "solver slepc needs petsc4py and slepc4py: install python3-petsc4py-real and "
        "python3-slepc4py-real (Debian, Ubuntu) or slepc4py (conda-forge)",
    )


def _no_shell() -> str:
    return _no_slepc() or FACTORIZATIONS["mumps"].lacks()


def _no_cupy() -> str:
    return lacks(devices.load, devices.HOW_TO_GET)


REGISTRY: dict[str, Entry] = {
    "dense": Entry("LAPACK on the whole matrix", Dense, counts_levels=True, on_ranks=True),
    **{
        f"shift-invert:{name}": Entry(
            kind.what,
            partial(ShiftInvert, factorization=name),
            kind.counts_levels,
            kind.on_ranks,
            kind.lacks,
        )
        for name, kind in FACTORIZATIONS.items()
    },
    "filter": Entry(
        "block Lanczos on a polynomial of H: no factor; levels counted with an error",
        PolynomialFilter, False, True,
    ),
    "filter:gpu": Entry(
        "the same on a GPU, by CuPy", partial(PolynomialFilter, device="gpu"), False, False,
        _no_cupy,
    ),
    "slepc": Entry(
        "SLEPc Krylov-Schur with MUMPS", Slepc, False, True, _no_slepc,
    ),
    "slepc:shell": Entry(
        "the same on this project's factor by MUMPS", SlepcShell, False, True, _no_shell,
    ),
}  # fmt: skip

DENSE_BELOW = 700  # measured: LAPACK on the whole matrix is faster up to about here


def check_name(name: str) -> None:
    """Refuse a name that no solver has; whether the solver is here is not asked.

    Raises:
        ValueError: with the names there are.
    """
    solver, _, factorization = name.partition(":")
    known = ["auto", *dict.fromkeys(one.partition(":")[0] for one in REGISTRY)]
    if name in known or name in REGISTRY:
        return
    if solver == "shift-invert":
        allowed = ", ".join(FACTORIZATIONS)
        raise ValueError(f"factorization must be one of {allowed}, got {factorization!r}")
    raise ValueError(f"solver must be one of {', '.join(known)}, got {name!r}")


def decide(name: str, dimension: int, ranks: int = 1) -> str:
    """The entry of the registry that a name stands for.

    | name | in one process | on ranks |
    | --- | --- | --- |
    | auto | dense below DENSE_BELOW, then shift-invert | shift-invert |
    | shift-invert | own L D L^T, else MUMPS, else SuperLU | MUMPS |
    """
    if name == "auto":
        small = ranks == 1 and dimension < DENSE_BELOW
        name = "dense" if small else "shift-invert"
    return f"shift-invert:{best_available(ranks)}" if name == "shift-invert" else name


def choose(name: str, dimension: int, ranks: int = 1, **knobs: Any) -> Solver:
    """The solver called `name`, see `REGISTRY`; `auto` and `shift-invert` leave the choice.

    Raises:
        ValueError: no solver has that name, or it does not work on several ranks.
        MissingSolver: its library is not installed.
    """
    check_name(name)
    decided = decide(name, dimension, ranks)
    entry = REGISTRY[decided]
    if why := entry.lacks():
        raise MissingSolver(why)
    if ranks > 1 and not entry.on_ranks:
        able = ", ".join(name for name, entry in REGISTRY.items() if entry.on_ranks)
        raise ValueError(f"solver {decided} works in one process; on {ranks} ranks take {able}")
    return entry.make(**knobs)


def solvers_found() -> list[tuple[str, bool, str]]:
    """Every solver and factorization: (name, whether it is here, what it is or what it lacks)."""
    rows = []
    for name, entry in REGISTRY.items():
        why = entry.lacks()
        rows.append((name, not why, why or entry.what))
    alone, shared = (decide("shift-invert", 0, ranks) for ranks in (1, 2))
    auto = f"dense below dimension {DENSE_BELOW}, then {alone}; on several MPI ranks {shared}"
    return [*rows, ("auto", True, auto)]
