"""The factorizations of H - shift a spectral transform can stand on, each named once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from inclusions.eigen import ldl, mumps
from inclusions.eigen.ldl import LDL, SingleLDL
from inclusions.eigen.mumps import Settings
from inclusions.eigen.ordering import COMPILER, elimination_order
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import Factor, Matrix
from inclusions.hamiltonian import Hamiltonian, unknowns
from inclusions.machine import lacks


def _shifted(hamiltonian: Hamiltonian, shift: float) -> sp.csc_array:
    identity = sp.eye_array(hamiltonian.dimension, format="csr")
    return (hamiltonian.matrix - shift * identity).tocsc()


class SuperLU:
    """SciPy's SuperLU, ordered by METIS in symmetric mode: needs nothing but SciPy."""

    name = "superlu"
    sound = True  # rows are exchanged instead
    negative = 0  # not known: its matrix does not count levels

    def __init__(self, hamiltonian: Hamiltonian, shift: float):
        geometry = hamiltonian.model.geometry
        self._order = unknowns(elimination_order(geometry.graph), geometry.block)
        matrix = _shifted(hamiltonian, shift)[self._order][:, self._order].tocsc()
        self._lu = splu(
            matrix, permc_spec="NATURAL", diag_pivot_thresh=0.01, options={"SymmetricMode": True}
        )
        self.entries = int(self._lu.nnz)

    def solve(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.empty(block.shape)
        result[self._order] = self._lu.solve(np.asfortranarray(block[self._order]))
        return result

    def __enter__(self) -> "SuperLU":
        return self

    def __exit__(self, *_: object) -> None:
        del self._lu


class LocalMatrix:
    """H whole in one process, and its factorizations of one kind."""

    def __init__(
        self,
        factor: Callable[[Hamiltonian, float], AbstractContextManager[Factor]],
        counts_levels: bool,
        hamiltonian: Hamiltonian,
        ranks: Ranks | None = None,
    ):
        self._factor, self.counts_levels = factor, counts_levels
        self.hamiltonian, self.matrix = hamiltonian, hamiltonian.matrix
        self.local = hamiltonian.dimension

    def apply(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times a block."""
        return self.matrix @ block

    def factorize(self, shift: float) -> AbstractContextManager[Factor]:
        """The factor of H - shift, a context manager."""
        return self._factor(self.hamiltonian, shift)

    def __enter__(self) -> "LocalMatrix":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Factorization(NamedTuple):
    """One way to factorize H - shift: how to call it, whether it is here, how to get it."""

    what: str
    matrix: Callable[..., AbstractContextManager[Matrix]]  # of (hamiltonian, `Ranks` or None)
    counts_levels: bool  # whether it knows the inertia: L U does not, nor does rounded L D L^T
    on_ranks: bool
    lacks: Callable[[], str] = str  # what keeps it from being here, and how to get it; else empty

    def here(self) -> bool:
        """Whether it can be used."""
        return not self.lacks()


def _local(
    what: str,
    factor: Callable[[Hamiltonian, float], AbstractContextManager[Factor]],
    counts_levels: bool,
    lacks: Callable[[], str] = str,
) -> Factorization:
    matrix = partial(LocalMatrix, factor, counts_levels)
    return Factorization(what, matrix, counts_levels, False, lacks)


def _mumps(what: str, settings: Settings) -> Factorization:
    counts, matrix = settings.precision == "float64", partial(mumps.MumpsMatrix, settings)
    return Factorization(what, matrix, counts, True, _no_mumps)


def _no_mumps() -> str:
    return lacks(mumps.load, PYMUMPS)


PYMUMPS = (
    "factorization mumps, and with it several ranks, needs PyMUMPS: install libmumps-dev and "
    "python3-mpi4py (Debian, Ubuntu) and run pip install pymumps, or get pymumps from conda-forge"
)


def _not_compiled() -> str:
    return "" if ldl.available() else COMPILER


FACTORIZATIONS = {
    "ldl": _local("own L D L^T", LDL, True, _not_compiled),
    "ldl-single": _local(
        "the same, factor in float32, solves refined", SingleLDL, False, _not_compiled
    ),
    "mumps": _mumps("MUMPS L D L^T in our order, on any number of ranks", Settings()),
    "mumps-single": _mumps("the same, factor in float32, solves refined", Settings("float32")),
    "mumps-disk": _mumps("the same, factor in files of TMPDIR", Settings(on_disk=True)),
    "mumps-pord": _mumps("the same in MUMPS's own order, to compare", Settings(order="pord")),
    "superlu": _local("SciPy's SuperLU ordered by METIS; no certificate", SuperLU, False),
}  # fmt: skip


def best_available(ranks: int = 1) -> str:
    """Our own L D L^T, MUMPS where it was not compiled, SuperLU where there is neither."""
    if ranks > 1:
        return "mumps"
    return next(name for name in ("ldl", "mumps", "superlu") if FACTORIZATIONS[name].here())
