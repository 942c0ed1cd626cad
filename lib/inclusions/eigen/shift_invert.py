"""Block Lanczos on (H - shift)^-1: the spectral transform that brings the target to the edge."""

from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import LocalMatrix, best_available
from inclusions.eigen.lanczos import block_lanczos, random_block, spectrum_edges, tall_qr, total
from inclusions.eigen.petsc import DistributedMatrix
from inclusions.eigen.types import (
    NOT_CHECKED,
    Array,
    Certificate,
    Eigenpairs,
    MissingLevels,
    NotConverged,
    Report,
    certify,
    check_count,
    check_reach,
    closest,
)
from inclusions.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class ShiftInvert:
    """The levels closest to a target inside the spectrum, by shift and invert.

    On one process, or with the factor and the vectors spread over the ranks of a communicator.
    """

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    block: int = 8  # right-hand sides solved at once
    factorization: str = "auto"  # ldl, ldl-single, mumps, superlu; petsc, and that on several ranks
    certify: bool = True  # count the levels of the window by inertia: two more factorizations
    max_restarts: int = 10
    spare: int = 6  # states sought beyond `count`, so that the window's edge is known

    name = "shift-invert"

    def __call__(self, hamiltonian: Hamiltonian, count: int, comm=None) -> Eigenpairs:
        """The `count` levels closest to the model's target, with residuals and a certificate.

        With a communicator every rank gets its own rows of the states.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            NotConverged: some residual stays above `tolerance`; carries those below.
            MissingLevels: the inertia counts more levels than were found; carries those found.
        """
        n = hamiltonian.dimension
        check_count(count, n)
        kind = best_available() if self.factorization == "auto" else self.factorization
        kind = "petsc" if comm is not None else kind
        if 4 * (count + self.spare) > n:
            # The basis would span most of the space: the whole matrix is less work.
            return Dense()(hamiltonian, count)
        report = Report(f"{self.name} ({kind})")
        clock = perf_counter()

        def lap(phase: str) -> None:
            nonlocal clock
            now = perf_counter()
            report.seconds[phase] = report.seconds.get(phase, 0.0) + now - clock
            clock = now

        matrix = (
            DistributedMatrix(hamiltonian, comm)
            if kind == "petsc"
            else LocalMatrix(hamiltonian, kind)
        )
        with matrix:
            lap("assembly")
            edges = spectrum_edges(matrix.apply, random_block(n, 1, comm, matrix.local), comm)
            target = hamiltonian.target_energy(edges)
            lap("edges")
            with self._factorize(matrix, target, n) as (factor, shift):
                report.counts["factor_entries"] = factor.entries
                lap("factorization")
                ritz = block_lanczos(
                    factor.solve,
                    random_block(n, self.block, comm, matrix.local),
                    wanted=count + self.spare,
                    order=lambda values: np.argsort(np.abs(shift + 1 / values - target)),
                    measure=lambda values, coefficients, following: np.linalg.norm(
                        # (H - shift) times what sticks out of the basis is the residual in H;
                        # its triangular factor has the same norms and is small.
                        tall_qr(matrix.apply(following) - shift * following, comm)[1]
                        @ coefficients
                        / values,
                        axis=0,
                    ),
                    tolerance=self.tolerance / 2,
                    capacity=max(4 * count + 20 * self.block, 160),
                    max_restarts=self.max_restarts,
                    first_check=int(4.28 * (count + self.spare)),
                    comm=comm,
                )
                report.counts |= {
                    "solves": ritz.applications,
                    "vectors": ritz.basis,
                    "restarts": ritz.restarts,
                }
                lap("lanczos")
                states = ritz.vectors
                energies, errors = _levels(matrix, states, comm)
                if ritz.converged == len(energies) and errors.max() > self.tolerance:
                    # What Lanczos saw converge is as good as its solves: do better ones once.
                    states = _polished(matrix, factor, shift, states, comm)
                    energies, errors = _levels(matrix, states, comm)
                    report.counts["solves"] += 2
            chosen = closest(energies, target, count)
            pairs = Eigenpairs(
                energies=energies[chosen],
                states=states[:, chosen],
                residuals=errors[chosen],
                edges=(float(edges[0]), float(edges[1])),
                target=target,
                certificate=NOT_CHECKED,
                report=report,
            )
            lap("states")
            check_reach(pairs, hamiltonian)
            good = pairs.residuals <= self.tolerance
            if not good.all():
                raise NotConverged(
                    f"{good.sum()} of {count} states after {ritz.restarts} restarts; worst "
                    f"residual {pairs.residuals.max():.1e} J; raise max_restarts or tolerance",
                    pairs._replace(
                        energies=pairs.energies[good],
                        states=pairs.states[:, good],
                        residuals=pairs.residuals[good],
                    ),
                )
            if not (self.certify and matrix.counts_levels):
                return pairs
            certificate = _count_levels(matrix, target, energies, count, self.tolerance)
            lap("certificate")
            pairs = pairs._replace(certificate=certificate)
            if certificate.levels is not None and not certificate.complete:
                raise MissingLevels(
                    f"the inertia counts {certificate.levels} levels between "
                    f"{certificate.window[0]:.6f} and {certificate.window[1]:.6f} J, "
                    f"where {certificate.status}",
                    pairs,
                )
            return pairs

    @contextmanager
    def _factorize(self, matrix: LocalMatrix | DistributedMatrix, target: float, dimension: int):
        """The factor at `target`, or a little beside it where that hits a level of some block."""
        for attempt in range(ATTEMPTS):
            # A fraction of the mean level spacing: far below the distance to the window's edge.
            # Never the middle itself: of a clean chain it is a level, often of many states.
            shift = target + (attempt + 0.027) * (-1) ** attempt / dimension
            with matrix.factorize(shift) as factor:
                if factor.sound or attempt == ATTEMPTS - 1:
                    yield factor, shift
                    return


ATTEMPTS = 6  # shifts tried


def _levels(matrix, states: Array, comm) -> tuple[Array, Array]:
    """Rayleigh quotients of orthonormal states, and the norms of their residuals."""
    image = matrix.apply(states)
    energies = total(np.einsum("nk,nk->k", states, image), comm)
    return energies, np.sqrt(total(np.square(image - states * energies).sum(axis=0), comm))


def _polished(matrix, factor, shift: float, states: Array, comm) -> Array:
    """The states after one step of subspace iteration with refined solves, and Rayleigh-Ritz."""
    image = factor.solve(states)
    image += factor.solve(states - (matrix.apply(image) - shift * image))
    basis, _ = tall_qr(image, comm)
    projected = total(basis.T @ matrix.apply(basis), comm)
    return basis @ np.linalg.eigh((projected + projected.T) / 2)[1]


def _count_levels(
    matrix: LocalMatrix | DistributedMatrix,
    target: float,
    energies: Array,
    count: int,
    error: float,
) -> Certificate:
    """Count the levels between two shifts around the window, in the widest gap beyond it."""
    distances = np.sort(np.abs(energies - target))
    beyond = count - 1 + np.argmax(np.diff(distances[count - 1 :]))
    if distances[beyond + 1] - distances[beyond] < 10 * error:
        return NOT_CHECKED  # one multiplet fills the window and all that is known beyond it
    radius = (distances[beyond] + distances[beyond + 1]) / 2
    window = (float(target - radius), float(target + radius))
    below = []
    for shift in window:
        with matrix.factorize(shift) as factor:
            below.append(factor.negative)
    return certify(int(beyond) + 1, below[1] - below[0], window)
