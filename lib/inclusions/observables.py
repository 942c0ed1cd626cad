"""From eigenpairs to the numbers of one realization: everything an ensemble keeps of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inclusions.eigen import Eigenpairs
from inclusions.hamiltonian import Hamiltonian
from inclusions.model import Model
from inclusions.statistics import gap_ratios

HISTOGRAM_EDGES = np.linspace(-1, 1, 41)
"""Bins of 2<S^z>, the axis of the paper's Fig. 7."""


def magnetizations(hamiltonian: Hamiltonian, pairs: Eigenpairs, comm=None) -> NDArray[np.float64]:
    """<n|S^z_i|n> of every state and site, shape (count, L).

    Under MPI, `hamiltonian` and `pairs` hold this rank's rows and every rank gets the sum.
    """
    state = np.arange(hamiltonian.start, hamiltonian.stop) // hamiltonian.model.block
    pattern = hamiltonian.pattern
    total = (pairs.states**2).T @ pattern.spins[state - pattern.first_state]
    return total if comm is None else comm.allreduce(total)


def purities(magnetization: NDArray[np.float64]) -> NDArray[np.float64]:
    """Single-site purity gamma_i = 1/2 + 2 <S^z_i>^2 of Eq. (5), same shape.

    Exact because S^z is conserved: the reduced density matrix of a spin is then diagonal.
    """
    return 0.5 + 2 * np.square(magnetization)


def distances(length: int) -> NDArray[np.int64]:
    """Distance of every site from the nearer end, hence from the bubble, shape (L,)."""
    site = np.arange(length)
    return np.minimum(site, length - 1 - site)


def measure(model: Model, pairs: Eigenpairs, magnetization: NDArray[np.float64]) -> dict[str, Any]:
    """The reduced observables of one realization; names and shapes are those of `store.FIELDS`.

    1 - gamma and its covariances within the realization are kept, not gamma and its squares: at
    high disorder, and on the ergodic side, the variance would drown in rounding.
    """
    entropy = 1 - purities(magnetization)  # linear entropy of a site, (count, L)
    deviation = entropy - entropy.mean(axis=0)
    ratios = gap_ratios(pairs.energies) if pairs.energies.size > 2 else np.array([])
    distance = np.broadcast_to(distances(model.length), entropy.shape)
    histogram = np.histogram2d(
        distance.ravel(),
        np.clip(2 * magnetization, -1, 1).ravel(),
        bins=[np.arange(-(-model.length // 2) + 1) - 0.5, HISTOGRAM_EDGES],
    )[0]
    return {
        "gap_ratio": ratios.mean() if ratios.size else np.nan,
        "states": pairs.energies.size,
        "linear_entropy": entropy.mean(axis=0),
        "linear_entropy_variance": np.square(deviation).mean(axis=0),
        "linear_entropy_covariance": deviation[:, [0, -1]].T @ deviation / len(deviation),
        "magnetization_histogram": histogram,
        "magnetization_error": np.abs(magnetization.sum(axis=1) - model.magnetization).max(),
        "energy_window": pairs.energies[[0, -1]],
        "energy_mean": pairs.energies.mean(),
        "spectrum_edges": pairs.edges,
        "residual": pairs.residuals.max(),
    }
