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
    check_reach,
    closest,
    residuals,
)
from inclusions.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class Dense:
    """All levels by divide and conquer; complete by construction."""

    name = "dense"

    def __call__(self, hamiltonian: Hamiltonian, count: int, comm=None) -> Eigenpairs:
        """The `count` levels closest to the model's target; every rank solves for itself.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
        """
        check_count(count, hamiltonian.dimension)
        started = perf_counter()
        energies, states = eigh(hamiltonian.matrix.toarray(), overwrite_a=True, driver="evd")
        edges = (energies[0], energies[-1])
        target = hamiltonian.target_energy(edges)
        chosen = closest(energies, target, count)
        energies, states = energies[chosen], np.ascontiguousarray(states[:, chosen])
        seconds = {"diagonalization": perf_counter() - started}
        pairs = Eigenpairs(
            energies=energies,
            states=states,
            residuals=residuals(hamiltonian.matrix, energies, states),
            edges=edges,
            target=target,
            certificate=Certificate("complete", (energies[0], energies[-1]), count),
            report=Report(self.name, seconds),
        )
        check_reach(pairs, hamiltonian)
        return pairs
