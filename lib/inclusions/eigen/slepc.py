"""SLEPc's Krylov-Schur with shift-and-invert: the independent peer, and the reference under MPI."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS
from inclusions.eigen.kernels import newest_kernels
from inclusions.eigen.lanczos import random_block, spectrum_edges, total
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import (
    NOT_CHECKED,
    Array,
    Communicator,
    Eigenpairs,
    Factor,
    NotConverged,
    Report,
    Solver,
    check_count,
    check_reach,
    closest,
)
from inclusions.hamiltonian import Hamiltonian, build

if TYPE_CHECKING:
    from petsc4py import PETSc
    from slepc4py import SLEPc


def load() -> None:
    """Import PETSc and SLEPc, and start neither."""
    with newest_kernels():
        import petsc4py.lib
        import slepc4py.lib

        petsc4py.lib.ImportPETSc()
        slepc4py.lib.ImportSLEPc()


class DistributedMatrix:
    """H in PETSc's rows over ranks, each assembled by its owner. A context manager."""

    def __init__(self, hamiltonian: Hamiltonian, comm: Communicator | None = None):
        with newest_kernels():
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

    def __enter__(self) -> "DistributedMatrix":
        return self

    def __exit__(self, *_: object) -> None:
        self.matrix.destroy()


@dataclass(frozen=True)
class Slepc(Solver):
    """EPS Krylov-Schur, ST shift-invert, MUMPS L D L^T, on all ranks of a communicator."""

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    spare: int = 6
    factorization: str = "cholesky"  # PETSc's name for L D L^T; "lu" is what most codes run

    name = "slepc"

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the target; every rank gets its own rows of the states.

        `hamiltonian` may hold all rows or this rank's: each rank assembles just its own.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            ImportError: petsc4py or slepc4py is not installed; `choose` says how to get them.
            NotConverged: fewer states than asked for; carries those that did converge.
        """
        check_count(count, hamiltonian.dimension)
        with newest_kernels():
            import slepc4py

            slepc4py.init([])
        report = Report(self.name)
        with DistributedMatrix(hamiltonian, comm) as distributed:
            report.lap("assembly")
            edges = _edges(distributed)
            target = hamiltonian.target_energy(edges)
            report.lap("edges")
            energies, states, errors = self._iterate(distributed, target, count, report)
        chosen = closest(energies, target, min(count, energies.size))
        pairs = Eigenpairs(
            energies=energies,
            states=states,
            residuals=errors,
            edges=edges,
            target=target,
            certificate=NOT_CHECKED,
            report=report,
        ).kept(chosen[errors[chosen] <= self.tolerance])
        report.lap("states")
        check_reach(pairs, hamiltonian)
        if pairs.energies.size < count:
            raise NotConverged(f"{pairs.energies.size} of {count} states converged in SLEPc", pairs)
        return pairs

    def _iterate(
        self, distributed: DistributedMatrix, target: float, count: int, report: Report
    ) -> tuple[Array, Array, Array]:
        """Krylov-Schur on MUMPS's solves: energies, states and residuals of all that converged."""
        from slepc4py import SLEPc

        n = distributed.matrix.size[0]
        wanted = min(count + self.spare, n)
        eps = _problem(distributed)
        eps.setWhichEigenpairs(SLEPc.EPS.Which.TARGET_MAGNITUDE)
        # Never the middle itself: of a clean chain it is a level, and the factor singular.
        eps.setTarget(target + 0.027 / n)
        eps.setDimensions(wanted, min(n, 2 * wanted + 20))
        # SLEPc tests relative to |E|, which is small here: the residual test below decides.
        eps.setConvergenceTest(SLEPc.EPS.Conv.ABS)
        eps.setTolerances(1e-12, 1000)
        _shift_and_invert(eps, self.factorization)
        try:
            eps.solve()
        except distributed.library.Error as error:
            reason = str(error).splitlines()[-1]
            raise NotConverged(f"SLEPc stopped: {reason}; try shift-invert") from None
        report.lap("krylov-schur")
        report.counts = {
            "iterations": eps.getIterationNumber(),
            "converged": eps.getConverged(),
        }
        levels = _converged(eps, distributed)
        eps.destroy()
        return levels


def _problem(distributed: DistributedMatrix) -> "SLEPc.EPS":
    from slepc4py import SLEPc

    eps = SLEPc.EPS().create(comm=distributed.matrix.comm)
    eps.setOperators(distributed.matrix)
    eps.setProblemType(SLEPc.EPS.ProblemType.HEP)
    return eps


def _edges(distributed: DistributedMatrix) -> tuple[float, float]:
    """Lowest and highest level, by Krylov-Schur."""
    from slepc4py import SLEPc

    edges = []
    for which in (SLEPc.EPS.Which.SMALLEST_REAL, SLEPc.EPS.Which.LARGEST_REAL):
        eps = _problem(distributed)
        eps.setWhichEigenpairs(which)
        eps.setDimensions(1, min(distributed.matrix.size[0], 40))
        eps.setTolerances(1e-9, 10000)
        eps.solve()
        edges.append(float(eps.getEigenvalue(0).real))
        eps.destroy()
    return edges[0], edges[1]


def _shift_and_invert(eps: "SLEPc.EPS", factorization: str) -> None:
    """Solve with MUMPS, once a step and exactly."""
    from slepc4py import SLEPc

    transform = eps.getST()
    transform.setType(SLEPc.ST.Type.SINVERT)
    ksp = transform.getKSP()
    ksp.setType("preonly")
    ksp.getPC().setType(factorization)
    ksp.getPC().setFactorSolverType("mumps")


def _converged(eps: "SLEPc.EPS", distributed: DistributedMatrix) -> tuple[Array, Array, Array]:
    """Energies, states (this rank's rows) and residuals of all that converged."""
    found = eps.getConverged()
    vector = distributed.matrix.createVecRight()
    image = vector.duplicate()
    energies, errors = np.empty(found), np.empty(found)
    states = np.empty((distributed.local, found), order="F")
    for i in range(found):
        energies[i] = eps.getEigenpair(i, vector).real
        distributed.matrix.mult(vector, image)
        image.axpy(-energies[i], vector)
        errors[i] = image.norm()
        states[:, i] = vector.getArray()
    vector.destroy(), image.destroy()
    return energies, states, errors


@dataclass(frozen=True)
class SlepcShell(Solver):
    """EPS Krylov-Schur on this project's factor: SLEPc sees (H - shift)^-1 as a shell matrix.

    Real arithmetic, L D L^T in our elimination order, inertia at hand; the vectors are SLEPc's.
    """

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    spare: int = 6

    name = "slepc:shell"

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the target; every rank gets its own rows of the states.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            NotConverged: fewer states than asked for; carries those that did converge.
        """
        n = hamiltonian.dimension
        check_count(count, n)
        if 2 * (count + self.spare) > n:
            return Dense()(hamiltonian, count)
        report, ranks = Report(self.name), None if comm is None else Ranks(comm)
        with FACTORIZATIONS["mumps"].matrix(hamiltonian, ranks) as matrix:
            report.lap("assembly")
            edges = spectrum_edges(matrix.apply, random_block(n, 1, ranks, matrix.local), ranks)
            target = hamiltonian.target_energy(edges)
            report.lap("edges")
            shift = target + 0.027 / n
            with matrix.factorize(shift) as factor:
                report.lap("factorization")
                states, inverse = _leading(factor, matrix.local, n, count + self.spare, comm)
            energies = shift + 1 / inverse
            image = matrix.apply(states)
            errors = np.sqrt(total(np.square(image - states * energies).sum(axis=0), ranks))
        chosen = closest(energies, target, min(count, energies.size))
        report.lap("krylov-schur")
        pairs = Eigenpairs(
            energies=energies,
            states=states,
            residuals=errors,
            edges=edges,
            target=target,
            certificate=NOT_CHECKED,
            report=report,
        ).kept(chosen[errors[chosen] <= self.tolerance])
        check_reach(pairs, hamiltonian)
        if pairs.energies.size < count:
            raise NotConverged(f"{pairs.energies.size} of {count} states converged in SLEPc", pairs)
        return pairs


class _Shell:
    """What PETSc calls for a product with (H - shift)^-1."""

    def __init__(self, factor: Factor):
        self._factor = factor

    def mult(self, _: "PETSc.Mat", given: "PETSc.Vec", result: "PETSc.Vec") -> None:
        result.getArray()[:] = self._factor.solve(given.getArray(readonly=True)[:, None])[:, 0]


def _leading(
    factor: Factor, local: int, n: int, wanted: int, comm: Communicator | None
) -> tuple[Array, Array]:
    """Eigenvectors (this rank's rows) and eigenvalues of largest modulus of (H - shift)^-1."""
    with newest_kernels():
        import slepc4py

        slepc4py.init([])
    from petsc4py import PETSc
    from slepc4py import SLEPc

    comm = PETSc.COMM_SELF if comm is None else comm
    sizes = ((local, n), (local, n))
    shell = PETSc.Mat().createPython(sizes, context=_Shell(factor), comm=comm)
    shell.setUp()
    eps = SLEPc.EPS().create(comm=comm)
    eps.setOperators(shell)
    eps.setProblemType(SLEPc.EPS.ProblemType.HEP)
    eps.setWhichEigenpairs(SLEPc.EPS.Which.LARGEST_MAGNITUDE)
    eps.setDimensions(wanted, min(n, 2 * wanted + 20))
    eps.setTolerances(1e-12, 1000)
    eps.solve()
    found = eps.getConverged()
    vector, states = shell.createVecRight(), np.empty((local, found), order="F")
    values = np.empty(found)
    for i in range(found):
        values[i] = eps.getEigenpair(i, vector).real
        states[:, i] = vector.getArray()
    for item in (vector, eps, shell):
        item.destroy()
    return states, values
