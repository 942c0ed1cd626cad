"""The factorizations of H - shift a spectral transform can stand on, each named once."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from inclusions.eigen import ldl
from inclusions.eigen.ldl import LDL, SingleLDL
from inclusions.eigen.ordering import elimination_order
from inclusions.eigen.petsc import DistributedMatrix, petsc_available
from inclusions.eigen.types import Matrix
from inclusions.hamiltonian import Hamiltonian, unknowns


def _shifted(hamiltonian: Hamiltonian, shift: float) -> sp.csc_array:
    identity = sp.eye_array(hamiltonian.dimension, format="csr")
    return (hamiltonian.matrix - shift * identity).tocsc()


class Mumps:
    """MUMPS through python-mumps: L D L^T with threshold pivoting, ordered by SCOTCH or METIS."""

    name = "mumps"
    sound = True  # bad pivots are delayed instead

    def __init__(self, hamiltonian: Hamiltonian, shift: float):
        import mumps

        best = next((o for o in ("metis", "scotch") if o in mumps.possible_orderings()), "auto")
        self._context = mumps.Context()
        self._context.set_matrix(_shifted(hamiltonian, shift), symmetric=True)
        self._context.factor(ordering=best)  # asks for more workspace itself when MUMPS does
        infog = self._context.mumps_instance.infog  # numbered from 1, as in MUMPS's manual
        self.negative = int(infog[12])
        self.entries = int(infog[29]) if infog[29] >= 0 else -int(infog[29]) * 10**6

    def solve(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._context.solve(np.asfortranarray(block))

    def __enter__(self) -> "Mumps":
        return self

    def __exit__(self, *_) -> None:
        self._context = None


class SuperLU:
    """SciPy's SuperLU, ordered by METIS in symmetric mode: needs nothing but SciPy."""

    name = "superlu"
    sound = True  # rows are exchanged instead

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

    def __exit__(self, *_) -> None:
        self._lu = None


def mumps_available() -> bool:
    """Whether python-mumps can be imported."""
    try:
        import mumps  # noqa: F401
    except ImportError:
        return False
    return True


class LocalMatrix:
    """H whole in one process, and its factorizations of one kind."""

    def __init__(self, factor: Callable, counts_levels: bool, hamiltonian: Hamiltonian, comm=None):
        self._factor, self.counts_levels = factor, counts_levels
        self.hamiltonian, self.matrix = hamiltonian, hamiltonian.matrix
        self.local = hamiltonian.dimension

    def apply(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times a block."""
        return self.matrix @ block

    def factorize(self, shift: float):
        """The factor of H - shift, a context manager."""
        return self._factor(self.hamiltonian, shift)

    def __enter__(self) -> "LocalMatrix":
        return self

    def __exit__(self, *_) -> None:
        pass


class Factorization(NamedTuple):
    """One way to factorize H - shift: how to call it, whether it is here, how to get it."""

    what: str
    matrix: Callable[..., Matrix]  # of (hamiltonian, communicator or None)
    counts_levels: bool  # whether it knows the inertia: L U does not, nor does rounded L D L^T
    on_ranks: bool
    here: Callable[[], bool]
    how_to_get: str = ""


def _local(what, factor, counts_levels, here=lambda: True, how_to_get="") -> Factorization:
    matrix = partial(LocalMatrix, factor, counts_levels)
    return Factorization(what, matrix, counts_levels, False, here, how_to_get)


def _compiled() -> bool:
    return ldl.available()


COMPILER = "factorization ldl needs a C compiler when the package is installed: pip install -e ."
FACTORIZATIONS = {
    "ldl": _local("own L D L^T", LDL, True, _compiled, COMPILER),
    "ldl-single": _local(
        "the same, factor in float32, solves refined", SingleLDL, False, _compiled, COMPILER
    ),
    "mumps": _local(
        "MUMPS L D L^T", Mumps, True, mumps_available,
        "factorization mumps needs python-mumps: install libmumps-seq-dev (Debian, Ubuntu) and run "
        "pip install python-mumps, or get python-mumps from conda-forge",
    ),
    "superlu": _local("SciPy's SuperLU ordered by METIS; no certificate", SuperLU, False),
    "petsc": Factorization(
        "MUMPS L D L^T through PETSc", DistributedMatrix, True, True, petsc_available,
        "several ranks need petsc4py: install python3-petsc4py-real (Debian, Ubuntu) or petsc4py "
        "(conda-forge)",
    ),
}  # fmt: skip


def best_available(ranks: int = 1) -> str:
    """Our own L D L^T, MUMPS where it was not compiled, SuperLU where there is neither."""
    if ranks > 1:
        return "petsc"
    return next(name for name in ("ldl", "mumps", "superlu") if FACTORIZATIONS[name].here())
