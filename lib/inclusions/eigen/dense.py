"""LAPACK on the whole matrix: the oracle, and the fastest way below a thousand or so."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from scipy.linalg import eigh

from inclusions.eigen.types import (
    Certificate,
    Eigenpairs,
    Report,
    check_count,
    closest,
    residuals,
)
from inclusions.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class Dense:
    """All levels by divide and conquer; complete by construction."""

    name = "dense"

    def __call__(self, hamiltonian: Hamiltonian, count: int, comm=None) -> Eigenpairs:
        """The `count` levels closest to the middle of the spectrum; every rank solves for itself.

        Raises:
            ValueError: count is not within the sector.
        """
        check_count(count, hamiltonian.dimension)
        started = perf_counter()
        energies, states = eigh(hamiltonian.matrix.toarray(), overwrite_a=True, driver="evd")
        edges = (energies[0], energies[-1])
        chosen = closest(energies, sum(edges) / 2, count)
        energies, states = energies[chosen], np.ascontiguousarray(states[:, chosen])
        seconds = {"diagonalization": perf_counter() - started}
        return Eigenpairs(
            energies=energies,
            states=states,
            residuals=residuals(hamiltonian.matrix, energies, states),
            edges=edges,
            certificate=Certificate("complete", (energies[0], energies[-1]), count),
            report=Report(self.name, seconds),
        )
