"""SLEPc's Krylov-Schur with shift-and-invert: the independent peer, and the reference under MPI."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from inclusions.eigen.petsc import DistributedMatrix
from inclusions.eigen.types import (
    NOT_CHECKED,
    Eigenpairs,
    NotConverged,
    Report,
    check_count,
    check_reach,
    closest,
)
from inclusions.hamiltonian import Hamiltonian


def slepc_available() -> bool:
    """Whether petsc4py and slepc4py can be imported."""
    try:
        import petsc4py  # noqa: F401
        import slepc4py  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Slepc:
    """EPS Krylov-Schur, ST shift-invert, MUMPS L D L^T, on all ranks of a communicator."""

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    spare: int = 6
    factorization: str = "cholesky"  # PETSc's name for L D L^T; "lu" is what most codes run

    name = "slepc"

    def __call__(self, hamiltonian: Hamiltonian, count: int, comm=None) -> Eigenpairs:
        """The `count` levels closest to the target; every rank gets its own rows of the states.

        `hamiltonian` may hold all rows or this rank's: each rank assembles just its own.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            ImportError: petsc4py or slepc4py is not installed; `choose` says how to get them.
            NotConverged: fewer states than asked for; carries those that did converge.
        """
        check_count(count, hamiltonian.dimension)
        import slepc4py

        slepc4py.init([])
        from petsc4py import PETSc
        from slepc4py import SLEPc

        comm = PETSc.COMM_SELF if comm is None else comm
        report = Report(self.name)
        clock = perf_counter()

        def lap(phase: str) -> None:
            nonlocal clock
            now = perf_counter()
            report.seconds[phase] = now - clock
            clock = now

        n = hamiltonian.dimension
        distributed = DistributedMatrix(hamiltonian, comm)
        matrix = distributed.matrix
        lap("assembly")

        edges = []
        for which in (SLEPc.EPS.Which.SMALLEST_REAL, SLEPc.EPS.Which.LARGEST_REAL):
            eps = SLEPc.EPS().create(comm=comm)
            eps.setOperators(matrix)
            eps.setProblemType(SLEPc.EPS.ProblemType.HEP)
            eps.setWhichEigenpairs(which)
            eps.setDimensions(1, min(n, 40))
            eps.setTolerances(1e-9, 10000)
            eps.solve()
            edges.append(eps.getEigenvalue(0).real)
            eps.destroy()
        target = hamiltonian.target_energy(edges)
        lap("edges")

        wanted = min(count + self.spare, n)
        eps = SLEPc.EPS().create(comm=comm)
        eps.setOperators(matrix)
        eps.setProblemType(SLEPc.EPS.ProblemType.HEP)
        eps.setWhichEigenpairs(SLEPc.EPS.Which.TARGET_MAGNITUDE)
        # Never the middle itself: of a clean chain it is a level, and the factor singular.
        eps.setTarget(target + 0.027 / n)
        eps.setDimensions(wanted, min(n, 2 * wanted + 20))
        # SLEPc tests relative to |E|, which is small here: the residual test below decides.
        eps.setConvergenceTest(SLEPc.EPS.Conv.ABS)
        eps.setTolerances(1e-12, 1000)
        transform = eps.getST()
        transform.setType(SLEPc.ST.Type.SINVERT)
        ksp = transform.getKSP()
        ksp.setType(PETSc.KSP.Type.PREONLY)
        ksp.getPC().setType(self.factorization)
        ksp.getPC().setFactorSolverType("mumps")
        try:
            eps.solve()
        except PETSc.Error as error:
            reason = str(error).splitlines()[-1]
            raise NotConverged(f"SLEPc stopped: {reason}; try shift-invert") from None
        lap("krylov-schur")

        found = eps.getConverged()
        vector = matrix.createVecRight()
        image = vector.duplicate()
        energies, states, errors = np.empty(found), [], np.empty(found)
        for i in range(found):
            energies[i] = eps.getEigenpair(i, vector).real
            matrix.mult(vector, image)
            image.axpy(-energies[i], vector)
            errors[i] = image.norm()
            states.append(vector.getArray().copy())
        report.counts = {"iterations": eps.getIterationNumber(), "converged": found}
        for item in (eps, matrix, vector, image):
            item.destroy()
        chosen = closest(energies, target, min(count, found))
        good = chosen[errors[chosen] <= self.tolerance]
        local = np.column_stack(states) if states else np.empty((distributed.local, 0))
        lap("states")
        pairs = Eigenpairs(
            energies=energies[good],
            states=local[:, good],
            residuals=errors[good],
            edges=(float(edges[0]), float(edges[1])),
            target=target,
            certificate=NOT_CHECKED,
            report=report,
        )
        check_reach(pairs, hamiltonian)
        if good.size < count:
            raise NotConverged(f"{good.size} of {count} states converged in SLEPc", pairs)
        return pairs
