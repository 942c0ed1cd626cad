"""PETSc's distributed matrix and MUMPS factor: one sample on all ranks of a communicator."""

import numpy as np
from numpy.typing import NDArray

from inclusions.hamiltonian import Hamiltonian, build


def petsc_available() -> bool:
    """Whether petsc4py can be imported."""
    try:
        import petsc4py  # noqa: F401
    except ImportError:
        return False
    return True


class DistributedMatrix:
    """H in rows spread over ranks, each assembled by its owner. A context manager."""

    counts_levels = True

    def __init__(self, hamiltonian: Hamiltonian, comm=None):
        import petsc4py

        petsc4py.init([])
        from petsc4py import PETSc

        self.library = petsc = PETSc
        n = hamiltonian.dimension
        self.matrix = petsc.Mat().create(comm=petsc.COMM_SELF if comm is None else comm)
        self.matrix.setSizes([n, n])
        self.matrix.setType("aij")
        self.matrix.setUp()
        rows = build(hamiltonian.realization, *self.matrix.getOwnershipRange()).matrix
        self.local = rows.shape[0]
        index = petsc.IntType
        self.matrix.setPreallocationCSR(
            (rows.indptr.astype(index), rows.indices.astype(index), rows.data)
        )
        self.matrix.assemble()
        self.matrix.setOption(petsc.Mat.Option.SYMMETRIC, True)

    def dense(self, block: NDArray[np.float64]):
        """A PETSc dense matrix over this rank's rows of a block, whose memory it shares."""
        sizes = ((self.local, None), (None, block.shape[1]))
        return self.library.Mat().createDense(sizes, array=block, comm=self.matrix.comm)

    def apply(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times this rank's rows of a block, shape (local rows, k)."""
        given, result = self.matrix.createVecs()
        image = np.empty(block.shape, order="F")
        for column in range(block.shape[1]):
            given.getArray()[:] = block[:, column]
            self.matrix.mult(given, result)
            image[:, column] = result.getArray()
        given.destroy(), result.destroy()
        return image

    def factorize(self, shift: float) -> "PetscFactor":
        """The factor of H - shift, a context manager."""
        return PetscFactor(self, shift)

    def __enter__(self) -> "DistributedMatrix":
        return self

    def __exit__(self, *_) -> None:
        self.matrix.destroy()


class PetscFactor:
    """(H - shift) = L D L^T by MUMPS on all ranks, ready to solve. A context manager."""

    name = "petsc"
    sound = True  # MUMPS delays bad pivots instead

    def __init__(self, distributed: DistributedMatrix, shift: float):
        petsc = distributed.library
        self._distributed = distributed
        self._shifted = distributed.matrix.copy()
        self._shifted.shift(-shift)
        self._shifted.setOption(petsc.Mat.Option.SYMMETRIC, True)
        for room in (50, 200, 800):  # per cent of workspace beyond MUMPS's own guess
            self._ksp = petsc.KSP().create(comm=distributed.matrix.comm)
            self._ksp.setOperators(self._shifted)
            self._ksp.setType(petsc.KSP.Type.PREONLY)
            pc = self._ksp.getPC()
            pc.setType("cholesky")  # PETSc's name for L D L^T
            pc.setFactorSolverType("mumps")
            pc.setFactorSetUpSolverType()
            self._factor = pc.getFactorMatrix()
            self._factor.setMumpsIcntl(24, 1)  # both are needed for the inertia
            self._factor.setMumpsIcntl(13, 1)
            self._factor.setMumpsIcntl(14, room)
            self._ksp.setUp()
            status = self._factor.getMumpsInfog(1)
            if status == 0:
                break
            self._ksp.destroy()
            if status not in (-8, -9):  # anything but too little workspace
                raise MemoryError(
                    f"MUMPS fails on dimension {self._shifted.size[0]} with INFOG(1) = {status}"
                )
        else:
            raise MemoryError(f"MUMPS lacks workspace on dimension {self._shifted.size[0]}")
        self.negative = int(self._factor.getInertia()[0])
        entries = self._factor.getMumpsInfog(29)
        self.entries = entries if entries >= 0 else -entries * 10**6

    def solve(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """(H - shift)^-1 times this rank's rows of a block."""
        result = np.zeros(block.shape, order="F")
        given = self._distributed.dense(np.asfortranarray(block))
        solution = self._distributed.dense(result)
        self._factor.matSolve(given, solution)
        given.destroy(), solution.destroy()
        return result

    def __enter__(self) -> "PetscFactor":
        return self

    def __exit__(self, *_) -> None:
        self._ksp.destroy()
        self._shifted.destroy()
