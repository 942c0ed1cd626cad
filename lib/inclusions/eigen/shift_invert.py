"""Block Lanczos on (H - shift)^-1: the spectral transform that brings the target to the edge."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS, best_available
from inclusions.eigen.lanczos import (
    Ritz,
    block_lanczos,
    random_block,
    spectrum_edges,
    tall_qr,
    total,
)
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import (
    NOT_CHECKED,
    Array,
    Certificate,
    Communicator,
    Eigenpairs,
    Factor,
    Matrix,
    MissingLevels,
    NotConverged,
    Report,
    Solver,
    certify,
    check_count,
    check_reach,
    closest,
)
from inclusions.hamiltonian import Hamiltonian


class _Sample(NamedTuple):
    """What all steps of one solve share."""

    matrix: Matrix
    ranks: Ranks | None
    dimension: int
    wanted: int
    target: float
    report: Report


@dataclass(frozen=True)
class ShiftInvert(Solver):
    """The levels closest to a target inside the spectrum, by shift and invert.

    On one process, or with the factor and the vectors spread over the ranks of a communicator.
    """

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    block: int = 8  # right-hand sides solved at once
    factorization: str = "auto"  # a name of FACTORIZATIONS; auto is the best there is
    certify: bool = True  # count the levels of the window by inertia: two more factorizations
    max_restarts: int = 10
    spare: int = 6  # states sought beyond `count`, so that the window's edge is known

    name = "shift-invert"

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the model's target, with residuals and a certificate.

        With a communicator every rank gets its own rows of the states.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            NotConverged: some residual stays above `tolerance`; carries those below.
            MissingLevels: the inertia counts more levels than were found; carries those found.
        """
        n = hamiltonian.dimension
        check_count(count, n)
        if 4 * (count + self.spare) > n:
            # The basis would span most of the space: the whole matrix is less work.
            return Dense()(hamiltonian, count)
        ranks = None if comm is None else Ranks(comm)
        kind = self.factorization
        kind = best_available(1 if ranks is None else ranks.size) if kind == "auto" else kind
        report = Report(f"{self.name} ({kind})")
        with FACTORIZATIONS[kind].matrix(hamiltonian, ranks) as matrix:
            report.lap("assembly")
            edges = spectrum_edges(matrix.apply, random_block(n, 1, ranks, matrix.local), ranks)
            target = hamiltonian.target_energy(edges)
            report.lap("edges")
            sample = _Sample(matrix, ranks, n, count, target, report)
            energies, states, errors = self._iterate(sample)
            chosen = closest(energies, target, count)
            pairs = Eigenpairs(
                energies=energies[chosen],
                states=states[:, chosen],
                residuals=errors[chosen],
                edges=edges,
                target=target,
                certificate=NOT_CHECKED,
                report=report,
            )
            report.lap("states")
            check_reach(pairs, hamiltonian)
            self._check_residuals(pairs)
            if not (self.certify and matrix.counts_levels):
                return pairs
            pairs = pairs._replace(certificate=_count_levels(sample, energies, self.tolerance))
            report.lap("certificate")
            _check_levels(pairs)
            return pairs

    def uncounted(self) -> "ShiftInvert":
        """The same without the two factorizations that count the levels of the window."""
        return replace(self, certify=False)

    def enlarged(self, count: int) -> "ShiftInvert":
        """The same with a larger subspace, its levels counted."""
        return replace(self, spare=20 + count // 2, certify=True)

    def _iterate(self, sample: _Sample) -> tuple[Array, Array, Array]:
        """Factorize, and find more levels than wanted: energies, states and residuals."""
        matrix, ranks, n, count, target, report = sample
        with _factorize(matrix, target, n) as (factor, shift):
            report.counts["factor_entries"] = factor.entries
            if hasattr(factor, "flops"):
                report.counts["factor_flops"] = factor.flops
            report.lap("factorization")
            ritz = self._lanczos(sample, factor, shift)
            report.counts |= {
                "solves": ritz.applications,
                "vectors": ritz.basis,
                "restarts": ritz.restarts,
            }
            if ranks is not None:
                report.counts |= {"reductions": ranks.reductions, "messages": ranks.messages}
            report.lap("lanczos")
            states = ritz.vectors
            energies, errors = _levels(matrix, states, ranks)
            if ritz.converged == len(energies) and errors.max() > self.tolerance:
                # What Lanczos saw converge is as good as its solves: do better ones once.
                states = _polished(matrix, factor, shift, states, ranks)
                energies, errors = _levels(matrix, states, ranks)
                report.counts["solves"] += 2
        return energies, states, errors

    def _lanczos(self, sample: _Sample, factor: Factor, shift: float) -> Ritz:
        """Block Lanczos on the factor's solves, its residuals those of H."""
        matrix, ranks, n, count, target, _ = sample

        def residuals(values: Array, coefficients: Array, following: Array) -> Array:
            # (H - shift) times what sticks out of the basis is the residual in H; its triangular
            # factor has the same norms and is small.
            beyond = matrix.apply(following) - shift * following
            return np.linalg.norm(tall_qr(beyond, ranks)[1] @ coefficients / values, axis=0)

        return block_lanczos(
            factor.solve,
            random_block(n, self.block, ranks, matrix.local),
            wanted=count + self.spare,
            order=lambda values: np.argsort(np.abs(shift + 1 / values - target)),
            measure=residuals,
            tolerance=self.tolerance / 2,
            capacity=max(4 * count + 20 * self.block, 160),
            max_restarts=self.max_restarts,
            first_check=int(4.28 * (count + self.spare)),
            ranks=ranks,
        )

    def _check_residuals(self, pairs: Eigenpairs) -> None:
        good = pairs.residuals <= self.tolerance
        if not good.all():
            raise NotConverged(
                f"{good.sum()} of {good.size} states after {pairs.report.counts['restarts']} "
                f"restarts; worst residual {pairs.residuals.max():.1e} J; try "
                "another solver, which `inclusions solvers` lists",
                pairs.kept(good),
            )


def _check_levels(pairs: Eigenpairs) -> None:
    certificate = pairs.certificate
    if certificate.window is not None and not certificate.complete:
        low, high = certificate.window
        raise MissingLevels(
            f"the inertia counts {certificate.levels} levels between {low:.6f} and {high:.6f} J, "
            f"where {certificate.status}",
            pairs,
        )


ATTEMPTS = 6  # shifts tried


@contextmanager
def _factorize(matrix: Matrix, target: float, dimension: int) -> Iterator[tuple[Factor, float]]:
    """The factor at `target`, or a little beside it where that hits a level of some block."""
    for attempt in range(ATTEMPTS):
        # A fraction of the mean level spacing: far below the distance to the window's edge.
        # Never the middle itself: of a clean chain it is a level, often of many states.
        shift = target + (attempt + 0.027) * (-1) ** attempt / dimension
        with matrix.factorize(shift) as factor:
            if factor.sound or attempt == ATTEMPTS - 1:
                yield factor, shift
                return


def _levels(matrix: Matrix, states: Array, ranks: Ranks | None) -> tuple[Array, Array]:
    """Rayleigh quotients of orthonormal states, and the norms of their residuals."""
    image = matrix.apply(states)
    energies = total(np.einsum("nk,nk->k", states, image), ranks)
    return energies, np.sqrt(total(np.square(image - states * energies).sum(axis=0), ranks))


def _polished(
    matrix: Matrix, factor: Factor, shift: float, states: Array, ranks: Ranks | None
) -> Array:
    """The states after one step of subspace iteration with refined solves, and Rayleigh-Ritz."""
    image = factor.solve(states)
    image += factor.solve(states - (matrix.apply(image) - shift * image))
    basis, _ = tall_qr(image, ranks)
    projected = total(basis.T @ matrix.apply(basis), ranks)
    return basis @ np.linalg.eigh((projected + projected.T) / 2)[1]


def _count_levels(sample: _Sample, energies: Array, error: float) -> Certificate:
    """Count the levels between two shifts around the window, in the widest gap beyond it."""
    target, count = sample.target, sample.wanted
    distances = np.sort(np.abs(energies - target))
    beyond = count - 1 + np.argmax(np.diff(distances[count - 1 :]))
    if distances[beyond + 1] - distances[beyond] < 10 * error:
        return NOT_CHECKED  # one multiplet fills the window and all that is known beyond it
    radius = (distances[beyond] + distances[beyond + 1]) / 2
    window = (float(target - radius), float(target + radius))
    below = []
    for shift in window:
        with sample.matrix.factorize(shift) as factor:
            below.append(factor.negative)
    return certify(int(beyond) + 1, below[1] - below[0], window)
