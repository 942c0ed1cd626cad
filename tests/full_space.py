"""Eqs. (1)-(3) built over again, by Kronecker products over all 2^L n states.

Shares nothing with the package but the order of the basis: bit i of a chain state is spin i,
1 is up, and the bubble's index runs fastest.
"""

import numpy as np
import scipy.sparse as sp

SZ = sp.diags_array([-0.5, 0.5])
RAISE = sp.csr_array([[0.0, 0.0], [1.0, 0.0]])  # from down, 0, to up, 1


def on_site(operator, site: int, length: int):
    """A spin operator on one site of a chain; site 0 is the lowest bit, the last factor."""
    return sp.kron(sp.eye_array(2 ** (length - 1 - site)), sp.kron(operator, sp.eye_array(2**site)))


def exchange(first: int, second: int, length: int):
    """S^+_first S^-_second."""
    return on_site(RAISE, first, length) @ on_site(RAISE, second, length).T


def full_hamiltonian(realization):
    """H on all 2^L n states, sparse."""
    model = realization.model
    length, n = model.length, model.block
    bonds = [(i, i + 1) for i in range(length - 1)]
    if model.boundary == "periodic":
        bonds.append((length - 1, 0))
    chain = sp.csr_array((2**length, 2**length))
    for i, j in bonds:
        flip = exchange(i, j, length)
        chain = chain + 0.5 * (flip + flip.T)
        chain = chain + model.anisotropy * on_site(SZ, i, length) @ on_site(SZ, j, length)
    for i, field in enumerate(realization.fields):
        chain = chain + field * on_site(SZ, i, length)
    if not model.bubble:
        return chain.tocsr()
    r0, r1, r2 = realization.bubble
    ends = on_site(SZ, 0, length) @ on_site(SZ, length - 1, length)
    ring = sp.kron(exchange(0, length - 1, length), r2)
    return (
        sp.kron(chain, sp.eye_array(n))
        + sp.kron(sp.eye_array(2**length), r0)
        + model.coupling * (sp.kron(ends, r1) + ring + ring.T)
    ).tocsr()


def in_sector(model) -> np.ndarray:
    """Which of the 2^L n states have the model's total S^z, ascending."""
    up = np.array([bin(state).count("1") for state in range(2**model.length)])
    chosen = np.flatnonzero(up - model.length / 2 == model.magnetization)
    return (chosen[:, None] * model.block + np.arange(model.block)).ravel()


def sector_hamiltonian(realization) -> np.ndarray:
    """H on the states of the model's sector, dense."""
    chosen = in_sector(realization.model)
    return full_hamiltonian(realization)[chosen][:, chosen].toarray()
