"""From eigenpairs to the numbers of one realization: everything an ensemble keeps of it."""

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from inclusions.basis import chain_states, spins
from inclusions.eigen import Eigenpairs
from inclusions.eigen.types import Communicator
from inclusions.hamiltonian import Hamiltonian
from inclusions.model import Model
from inclusions.statistics import gap_ratios

HISTOGRAM_EDGES = np.linspace(-1, 1, 41)
"""Bins of 2<S^z>, the axis of the paper's Fig. 7."""
HISTOGRAM_CENTRES = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
"""Their centres."""


def magnetizations(
    hamiltonian: Hamiltonian, pairs: Eigenpairs, comm: Communicator | None = None
) -> NDArray[np.float64]:
    """<n|S^z_i|n> of every state and site, shape (count, L).

    Under MPI, `hamiltonian` and `pairs` hold this rank's rows and every rank gets the sum.
    """
    model = hamiltonian.model
    state = np.arange(hamiltonian.start, hamiltonian.stop) // model.block
    # A solver without a matrix has no pattern of it either: the chain states are enough.
    site_spins = spins(chain_states(model.length, model.up), model.length)
    total = (pairs.states**2).T @ site_spins[state]
    return total if comm is None else comm.allreduce(total)


def purities(magnetization: NDArray[np.float64]) -> NDArray[np.float64]:
    """Single-site purity gamma_i = 1/2 + 2 <S^z_i>^2 of Eq. (5), same shape.

    Exact because S^z is conserved: the reduced density matrix of a spin is then diagonal.
    """
    return 0.5 + 2 * np.square(magnetization)


def reduced_densities(model: Model, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density matrix of every spin in every state by partial trace, shape (k, L, 2, 2).

    `states`, shape (2^L n, k), on all configurations of chain and bubble, not only a sector's.
    """
    length, block = model.length, model.block
    densities = np.empty((states.shape[1], length, 2, 2))
    for site in range(length):
        # the spin, and all else: higher spins, lower spins and the bubble
        tensor = states.T.reshape(-1, 2 ** (length - 1 - site), 2, 2**site * block)
        densities[:, site] = np.einsum("kasb,katb->kst", tensor, tensor)
    return densities


def entanglement_entropy(
    model: Model, states: NDArray[np.inexact], cut: int | None = None
) -> NDArray[np.float64]:
    """Von Neumann entropy of sites 0 ... cut - 1 in each state, shape (count,), in nats.

    S = -sum p ln p over the squared Schmidt coefficients p between these sites and all else, which
    is the other spins and the bubble, if there is one. `states`, shape (dimension, count), are
    normalised columns in the model's basis, real or complex; `cut` is L // 2 if not given. Because
    S^z is conserved, the coefficients fall into blocks by the number of up spins left of the cut,
    and each block is decomposed alone.

    Raises:
        ValueError: not all rows of the sector (one rank's share, say), a state that is not
            normalised, or a cut outside 0 ... L.
    """
    cut = _checked_cut(model, cut)
    if states.ndim != 2 or states.shape[0] != model.dimension:
        raise ValueError(f"states must have shape ({model.dimension}, count), got {states.shape}")
    excess = np.abs(np.linalg.norm(states, axis=0) - 1).max(initial=0)
    if not excess <= 1e-6:
        raise ValueError(f"states must be normalised, got a norm that is off by {excess:.2g}")
    left = (spins(chain_states(model.length, model.up), cut) > 0).sum(axis=1)
    amplitudes = states.reshape(left.size, model.block, -1)
    entropy = np.zeros(states.shape[1])
    for up in np.unique(left):
        # The sites left of the cut are the low bits, so they run faster than the others.
        block = amplitudes[left == up].reshape(-1, comb(cut, up), model.block, states.shape[1])
        block = np.moveaxis(block, (3, 1), (0, 1)).reshape(states.shape[1], comb(cut, up), -1)
        schmidt = np.linalg.svd(block, compute_uv=False)
        entropy += special.entr(np.square(schmidt)).sum(axis=1)
    return np.maximum(entropy, 0)  # rounding leaves a product state just below


def page_entropy(model: Model, cut: int | None = None) -> float:
    """Mean of `entanglement_entropy` over random complex vectors of the model's sector, in nats.

    Page's value, PRL 71, 1291 (1993), for vectors with a definite S^z, exact at any size: Bianchi
    and Donà, PRD 100, 105010 (2019). Real vectors have slightly less.

    Raises:
        ValueError: a cut outside 0 ... L.
    """
    cut = _checked_cut(model, cut)
    ups = range(max(0, model.up - model.length + cut), min(cut, model.up) + 1)
    left = np.array([comb(cut, up) for up in ups], dtype=float)
    right = model.block * np.array([comb(model.length - cut, model.up - up) for up in ups], float)
    small, large = np.minimum(left, right), np.maximum(left, right)
    share = small * large / model.dimension
    deficit = special.digamma(large + 1) + (small - 1) / (2 * large)
    return float(special.digamma(model.dimension + 1) - share @ deficit)


LEAST_WEIGHT = 1e-20
"""Smallest weight of a basis state that eigenvectors of residual 1e-9 J know."""


def kullback_leibler(
    states: NDArray[np.float64], comm: Communicator | None = None
) -> NDArray[np.float64]:
    """Divergence of each state from the next one in the basis of the model, shape (count - 1,).

    KL = sum_i p_i ln(p_i / q_i) with p_i = |<i|n>|^2 and q_i = |<i|n+1>|^2, which is 2 for
    eigenvectors of the GOE, 2 - 2/d at dimension d, and grows with the length of a localized
    chain: Luitz, Laflorencie and Alet, PRB 91, 081103 (2015). `states`, shape (rows, count), are
    columns by ascending energy; under MPI, this rank's rows, and every rank gets the sum.

    Weights below `LEAST_WEIGHT` count as that: what a solver gives for them is its rounding, and
    0 would make the divergence infinite. Up to W = 5 or so none matters; at W = 8 and L = 12 the
    divergence is thereby some per cent smaller.
    """
    weight = np.maximum(np.square(states), LEAST_WEIGHT)
    total = special.rel_entr(weight[:, :-1], weight[:, 1:]).sum(axis=0)
    return total if comm is None else comm.allreduce(total)


def entanglement(
    hamiltonian: Hamiltonian, pairs: Eigenpairs, comm: Communicator | None = None
) -> dict[str, Any]:
    """How far the states are from products, and neighbours in energy from each other.

    `half_chain_entropy` and its variance are over the states, of the cut through the middle of the
    chain; `kullback_leibler` is the mean over neighbours, nan of one state alone. Under MPI every
    rank holds all states for a moment.
    """
    model, states = hamiltonian.model, pairs.states
    if comm is not None and states.shape[0] < model.dimension:
        states = np.concatenate(comm.allgather(states))
    entropy = entanglement_entropy(model, states)
    divergence = kullback_leibler(states)
    return {
        "half_chain_entropy": entropy.mean(),
        "half_chain_entropy_variance": entropy.var(),
        "kullback_leibler": divergence.mean() if divergence.size else np.nan,
    }


OPTIONAL: dict[str, Callable[[Hamiltonian, Eigenpairs, Communicator | None], dict[str, Any]]] = {
    "entanglement": entanglement,
}
"""Observables that a campaign asks for by name, `observables = [...]`: (Hamiltonian, eigenpairs,
communicator) to the fields that `store.records.OBSERVABLES` lists under the same name. Under MPI
the first two hold this rank's rows, and every rank returns the same."""


def _checked_cut(model: Model, cut: int | None) -> int:
    cut = model.length // 2 if cut is None else cut
    if not 0 <= cut <= model.length:
        raise ValueError(f"cut must be in 0 ... {model.length}, got {cut}")
    return cut


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
    histogram = np.histogramdd(
        (distance.ravel(), np.clip(2 * magnetization, -1, 1).ravel()),
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
