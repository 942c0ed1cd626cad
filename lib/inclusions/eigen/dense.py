"""LAPACK on the whole matrix: the oracle, and the fastest way below a thousand or so."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from inclusions.eigen.types import (
    Certificate,
    Communicator,
    Eigenpairs,
    Report,
    Solver,
    check_count,
    check_reach,
    closest,
    residuals,
)
from inclusions.hamiltonian import Hamiltonian


@dataclass(frozen=True)
class Dense(Solver):
    """All levels by divide and conquer; complete by construction."""

    name = "dense"

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the model's target; every rank solves for itself.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
        """
        check_count(count, hamiltonian.dimension)
        report = Report(self.name)
        energies, states = eigh(hamiltonian.matrix.toarray(), overwrite_a=True, driver="evd")
        edges = (energies[0], energies[-1])
        target = hamiltonian.target_energy(edges)
        chosen = closest(energies, target, count)
        energies, states = energies[chosen], np.ascontiguousarray(states[:, chosen])
        report.lap("diagonalization")
        pairs = Eigenpairs(
            energies=energies,
            states=states,
            residuals=residuals(hamiltonian.matrix, energies, states),
            edges=edges,
            target=target,
            certificate=Certificate("complete", (energies[0], energies[-1]), count),
            report=report,
        )
        check_reach(pairs, hamiltonian)
        return pairs
