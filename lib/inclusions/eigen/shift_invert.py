"""Block Lanczos on (H - shift)^-1: the spectral transform that brings the middle to the edge."""

from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from inclusions.eigen.dense import Dense
from inclusions.eigen.factorization import FACTORIZATIONS, best_available
from inclusions.eigen.lanczos import block_lanczos, spectrum_edges
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
    closest,
    residuals,
)
from inclusions.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class ShiftInvert:
    """The levels closest to the middle of the spectrum, by shift and invert on one process."""

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    block: int = 8  # right-hand sides solved at once
    factorization: str = "auto"  # ldl, mumps or superlu
    certify: bool = True  # count the levels of the window by inertia: two more factorizations
    max_restarts: int = 10
    spare: int = 6  # states sought beyond `count`, so that the window's edge is known

    @property
    def name(self) -> str:
        return "shift-invert"

    def __call__(self, hamiltonian: Hamiltonian, count: int, comm=None) -> Eigenpairs:
        """The `count` levels closest to the middle, with residuals and a certificate.

        Raises:
            ValueError: count is not within the sector.
            NotConverged: some residual stays above `tolerance`; carries those below.
            MissingLevels: the inertia counts more levels than were found; carries those found.
        """
        check_count(count, hamiltonian.dimension)
        kind = best_available() if self.factorization == "auto" else self.factorization
        if 4 * (count + self.spare) > hamiltonian.dimension:
            # The basis would span most of the space: the whole matrix is less work.
            return Dense()(hamiltonian, count)
        report = Report(f"{self.name} ({kind})")
        clock = perf_counter()

        def lap(phase: str) -> None:
            nonlocal clock
            now = perf_counter()
            report.seconds[phase] = report.seconds.get(phase, 0.0) + now - clock
            clock = now

        matrix = hamiltonian.matrix
        lap("assembly")
        edges = spectrum_edges(lambda x: matrix @ x, hamiltonian.dimension)
        target = edges.sum() / 2
        lap("edges")
        with self._factorize(kind, hamiltonian, target) as (factor, shift):
            report.counts["factor_entries"] = factor.entries
            lap("factorization")
            ritz = block_lanczos(
                factor.solve,
                _start_block(hamiltonian.dimension, self.block),
                wanted=count + self.spare,
                order=lambda values: np.argsort(np.abs(shift + 1 / values - target)),
                measure=lambda values, coefficients, following: np.linalg.norm(
                    # H - shift of the part that sticks out of the basis: the residual in H
                    (matrix @ following - shift * following) @ coefficients / values,
                    axis=0,
                ),
                tolerance=self.tolerance / 2,
                capacity=max(4 * count + 20 * self.block, 160),
                max_restarts=self.max_restarts,
                first_check=int(3.2 * (count + self.spare)),
            )
        lap("lanczos")
        energies, states = shift + 1 / ritz.values, ritz.vectors
        energies = np.einsum("nk,nk->k", states, matrix @ states)  # Rayleigh: error of order res^2
        errors = residuals(matrix, energies, states)
        report.counts |= {
            "solves": ritz.applications,
            "vectors": ritz.basis,
            "restarts": ritz.restarts,
        }
        converged = errors <= self.tolerance
        chosen = closest(energies, target, count)
        pairs = Eigenpairs(
            energies=energies[chosen],
            states=states[:, chosen],
            residuals=errors[chosen],
            edges=(float(edges[0]), float(edges[1])),
            certificate=NOT_CHECKED,
            report=report,
        )
        lap("states")
        if not converged[chosen].all():
            good = chosen[converged[chosen]]
            raise NotConverged(
                f"{good.size} of {count} states after {ritz.restarts} restarts; worst residual "
                f"{errors[chosen].max():.1e} J; raise max_restarts or tolerance",
                pairs._replace(
                    energies=energies[good], states=states[:, good], residuals=errors[good]
                ),
            )
        if self.certify:
            certificate = self._count_levels(kind, hamiltonian, target, energies, count)
            lap("certificate")
            pairs = pairs._replace(certificate=certificate)
            if certificate.levels is not None and not certificate.complete:
                raise MissingLevels(
                    f"the inertia counts {certificate.levels} levels in "
                    f"[{certificate.window[0]:.6f}, {certificate.window[1]:.6f}] J where "
                    f"{count} were found",
                    pairs,
                )
        return pairs

    @contextmanager
    def _factorize(self, kind: str, hamiltonian: Hamiltonian, target: float):
        """The factor at `target`, or a little beside it where that hits a level of some block."""
        spacing = 1.0 / hamiltonian.dimension  # far below the distance to the window's edge
        for attempt in range(6):
            shift = target + spacing * attempt * (-1) ** attempt
            with FACTORIZATIONS[kind](hamiltonian, shift) as factor:
                last = attempt == 5 or factor.growth is None
                if last or factor.growth < GROWTH_LIMIT:
                    yield factor, shift
                    return

    def _count_levels(
        self, kind: str, hamiltonian: Hamiltonian, target: float, energies: Array, count: int
    ) -> Certificate:
        """Count levels between two shifts around the window, in the widest gap beyond it."""
        distances = np.sort(np.abs(energies - target))
        beyond = count - 1 + np.argmax(np.diff(distances[count - 1 :]))
        radius = (distances[beyond] + distances[beyond + 1]) / 2
        window = (target - radius, target + radius)
        below = []
        for shift in window:
            with FACTORIZATIONS[kind](hamiltonian, shift) as factor:
                if factor.negative is None:
                    return NOT_CHECKED
                below.append(factor.negative)
        return certify(int(beyond) + 1, below[1] - below[0], window)


GROWTH_LIMIT = 1e7  # beyond it the residuals of the solves would show: the shift is moved


def _start_block(dimension: int, width: int) -> Array:
    # Fixed: the result of a realization must not depend on what was computed before it.
    return np.random.default_rng(dimension).standard_normal((dimension, width))
