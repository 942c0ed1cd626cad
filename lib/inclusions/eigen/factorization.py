"""The factorizations of H - shift a spectral transform can stand on, under one interface.

Each is a context manager made from (hamiltonian, shift) with `solve(block)`, the number of
`entries` it stores and whether it is `sound`: else another shift is wanted. Those that know the
inertia have the number of `negative` pivots.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from inclusions.eigen.ldl import LDL, SingleLDL
from inclusions.eigen.ldl import available as ldl_available
from inclusions.eigen.ordering import nested_dissection
from inclusions.hamiltonian import Hamiltonian, chain_graph, unknowns


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
        order = nested_dissection(chain_graph(hamiltonian.model))
        self._order = unknowns(order, hamiltonian.model.block)
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


FACTORIZATIONS = {"ldl": LDL, "ldl-single": SingleLDL, "mumps": Mumps, "superlu": SuperLU}


def best_available() -> str:
    """Our own L D L^T, MUMPS where it was not compiled, SuperLU where there is neither."""
    return "ldl" if ldl_available() else "mumps" if mumps_available() else "superlu"


class LocalMatrix:
    """H whole in one process, and its factorizations of one kind."""

    def __init__(self, hamiltonian: Hamiltonian, kind: str):
        self.hamiltonian, self.kind = hamiltonian, kind
        self.matrix = hamiltonian.matrix
        self.local = hamiltonian.dimension
        self.counts_levels = kind in ("ldl", "mumps")  # L U has no inertia, nor has rounded L D L^T

    def apply(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times a block."""
        return self.matrix @ block

    def factorize(self, shift: float):
        """The factor of H - shift, a context manager."""
        return FACTORIZATIONS[self.kind](self.hamiltonian, shift)

    def __enter__(self) -> "LocalMatrix":
        return self

    def __exit__(self, *_) -> None:
        pass
