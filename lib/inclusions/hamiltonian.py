"""The Hamiltonian in its S^z sector: the pattern once per model, the values once per realization.

Product basis: the chain index runs slowly, the bubble index fast, so the matrix is made of
n_GOE x n_GOE blocks on the graph of chain states (Eqs. 1-3).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from inclusions.basis import chain_states, rank, spins
from inclusions.disorder import Realization
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.model import Model


@dataclass(frozen=True)
class Pattern:
    """Where the entries of rows [start, stop) stand, what each is made of; for all realizations."""

    indptr: NDArray[np.integer]  # (stop - start + 1,)
    indices: NDArray[np.integer]  # (entries,), ascending within a row
    hopping: NDArray[np.float64]  # (entries,): J/2 where a chain bond flips, 0 elsewhere
    diagonal: NDArray[np.int64]  # slots of the entries inside diagonal blocks
    diagonal_state: NDArray[np.int64]  # their chain states, counted from first_state
    diagonal_element: NDArray[np.int64]  # their flat positions in the n x n block
    ring: NDArray[np.int64]  # slots of the entries that flip both ends through the bubble
    ring_element: NDArray[np.int64]
    spins: NDArray[np.float64]  # (chain states, L): S^z_i of the local chain states
    first_state: int


def chain_bonds(model: Model | Geometry) -> list[tuple[int, int]]:
    """Pairs of neighbouring sites coupled by Eq. (2); the bubble's ring closure is not one."""
    bonds = [(i, i + 1) for i in range(model.length - 1)]
    return bonds + [(model.length - 1, 0)] if model.boundary == "periodic" else bonds


def flips(
    states: NDArray[np.int64], length: int, bond: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of `states` the exchange on `bond` flips (positions), and the ranks of the results."""
    first, second = bond
    flippable = np.flatnonzero((states >> first ^ states >> second) & 1)
    mask = np.int64((1 << first) | (1 << second))
    return flippable, rank(states[flippable] ^ mask, length)


def chain_graph(model: Model | Geometry) -> sp.csr_array:
    """Adjacency of the chain states: which configurations one term of H connects.

    Square, symmetric, no diagonal; a bubble and a periodic boundary give the same graph.
    """
    states = chain_states(model.length, model.up)
    bonds = chain_bonds(model)
    if model.bubble and model.length > 2:
        bonds = [*bonds, (model.length - 1, 0)]
    pairs = [flips(states, model.length, bond) for bond in bonds]
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    graph = sp.coo_array((np.ones(rows.size, np.int8), (rows, columns)), shape=(states.size,) * 2)
    return graph.tocsr()


@once_per_geometry()
def pattern(geometry: Geometry, start: int, stop: int) -> Pattern:
    """The pattern of rows [start, stop); kept, so every realization of a model shares it."""
    length, n = geometry.length, geometry.block
    first, last = start // n, -(-stop // n)
    states = chain_states(length, geometry.up)[first:last]
    k, m = (index.ravel() for index in np.indices((n, n)))

    here = np.arange(first, last)
    rows, columns = [unknowns(here, n, k)], [unknowns(here, n, m)]
    sources = [np.full(rows[0].size, -1)]  # -1: inside a diagonal block
    for bond in chain_bonds(geometry):
        position, partner = flips(states, length, bond)
        rows.append(unknowns(here[position], n))
        columns.append(unknowns(partner, n))
        sources.append(np.full(rows[-1].size, -2))  # -2: a chain bond flips
    if geometry.bubble:
        position, partner = flips(states, length, (length - 1, 0))
        rows.append(unknowns(here[position], n, k))
        columns.append(unknowns(partner, n, m))
        sources.append(np.tile(np.arange(n * n), position.size))  # element of R_2
    row, column, source = map(np.concatenate, (rows, columns, sources))
    if start % n or stop % n:
        local = (row >= start) & (row < stop)
        row, column, source = row[local], column[local], source[local]

    # On two sites a chain bond and the ring meet in the same entries: the duplicates are merged.
    order = np.lexsort((column, row))
    row, column, source = row[order], column[order], source[order]
    new = np.r_[True, (np.diff(row) != 0) | (np.diff(column) != 0)][: row.size]
    slot = np.cumsum(new) - 1
    hopping = np.zeros(new.sum())
    hopping[slot[source == -2]] = 0.5
    diagonal = source == -1
    ring = source >= 0
    counts = np.bincount(row[new] - start, minlength=stop - start)
    index = np.int32 if max(geometry.dimension, new.sum()) < 2**31 else np.int64
    return Pattern(
        indptr=np.r_[0, np.cumsum(counts)].astype(index),
        indices=column[new].astype(index),
        hopping=hopping,
        diagonal=slot[diagonal],
        diagonal_state=row[diagonal] // n - first,
        diagonal_element=(row[diagonal] % n) * n + column[diagonal] % n,
        ring=slot[ring],
        ring_element=source[ring],
        spins=spins(states, length),
        first_state=first,
    )


def unknowns(
    states: NDArray[np.int64], block: int, element: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Unknowns of chain states: all `block` of each, or those that `element` picks, in a row."""
    element = np.arange(block) if element is None else element
    return (states[:, None] * block + element).ravel()


@dataclass(frozen=True)
class Hamiltonian:
    """H of one realization: rows [start, stop) of a real symmetric matrix, units of J."""

    realization: Realization
    start: int
    stop: int

    @property
    def model(self) -> Model:
        return self.realization.model

    @property
    def dimension(self) -> int:
        return self.model.dimension

    @cached_property
    def pattern(self) -> Pattern:
        """Shared by all realizations of the model: built once and cached."""
        return pattern(self.model.geometry, self.start, self.stop)

    @cached_property
    def matrix(self) -> sp.csr_array:
        """The assembled rows, shape (stop - start, dimension)."""
        pattern, model = self.pattern, self.model
        values = pattern.hopping.copy()
        energies = chain_energies(self.realization, pattern.spins)
        if model.bubble:
            r0, r1, r2 = self.realization.bubble
            ends = pattern.spins[:, 0] * pattern.spins[:, -1]
            state, element = pattern.diagonal_state, pattern.diagonal_element
            inside = r0.ravel()[element] + model.coupling * ends[state] * r1.ravel()[element]
            on_diagonal = element % (model.bubble + 1) == 0
            inside[on_diagonal] += energies[state[on_diagonal]]
            values[pattern.diagonal] = inside
            values[pattern.ring] += model.coupling * r2.ravel()[pattern.ring_element]
        else:
            values[pattern.diagonal] = energies[pattern.diagonal_state]
        shape = (self.stop - self.start, self.dimension)
        matrix = sp.csr_array((values, pattern.indices, pattern.indptr), shape=shape)
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix

    def target_energy(self, edges: tuple[float, float]) -> float:
        """The energy, in J, around which the model wants its states; `edges` as a solver has them.

        E_min + eps (E_max - E_min), or Tr H / d if the target is "mean".
        """
        target = self.model.target
        if target == "mean":
            return mean_energy(self.realization)
        low, high = edges
        return float(low + target * (high - low))

    def apply(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """H times vectors of shape (dimension,) or (dimension, k), without a stored matrix."""
        model, n = self.model, self.model.block
        states = chain_states(model.length, model.up)
        site_spins = spins(states, model.length)
        x = vectors.reshape(states.size, n, -1)
        y = chain_energies(self.realization, site_spins)[:, None, None] * x
        for bond in chain_bonds(model):
            position, partner = flips(states, model.length, bond)
            y[position] += 0.5 * x[partner]
        if model.bubble:
            r0, r1, r2 = self.realization.bubble
            ends = site_spins[:, 0] * site_spins[:, -1]
            y += r0 @ x + model.coupling * ends[:, None, None] * (r1 @ x)
            position, partner = flips(states, model.length, (model.length - 1, 0))
            y[position] += model.coupling * (r2 @ x[partner])
        return y.reshape(vectors.shape)


def chain_energies(
    realization: Realization, site_spins: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Diagonal of Eq. (2) for rows of S^z values: Delta sum S^z_i S^z_j + sum h_i S^z_i, in J."""
    model = realization.model
    bonds = np.array(chain_bonds(model))
    ising = np.einsum("sb,sb->s", site_spins[:, bonds[:, 0]], site_spins[:, bonds[:, 1]])
    return model.anisotropy * ising + site_spins @ realization.fields


def mean_energy(realization: Realization) -> float:
    """Tr H / d in the sector, in J, without any matrix: the mean of all levels.

    Over all states with L spins and total m, the mean of S^z_i is m/L and, for two sites,
    that of S^z_i S^z_j is (m^2 - L/4)/(L (L - 1)); what flips spins has no diagonal.
    """
    model = realization.model
    length, m = model.length, model.up - model.length / 2
    pair = (m**2 - length / 4) / (length * (length - 1))
    energy = model.anisotropy * len(chain_bonds(model)) * pair
    energy += m / length * realization.fields.sum()
    if model.bubble:
        r0, r1, _ = realization.bubble
        energy += (np.trace(r0) + model.coupling * pair * np.trace(r1)) / model.bubble
    return float(energy)


def build(realization: Realization, start: int = 0, stop: int | None = None) -> Hamiltonian:
    """The Hamiltonian of one realization, or its rows [start, stop) for one of several ranks.

    Raises:
        TypeError: it is no realization.
        ValueError: the rows are not within 0 ... dimension.
    """
    if not isinstance(realization, Realization):
        raise TypeError(f"build takes a realization of draw, got {type(realization).__name__}")
    dimension = realization.model.dimension
    stop = dimension if stop is None else stop
    if not 0 <= start <= stop <= dimension:
        raise ValueError(f"rows must lie within 0 ... {dimension}, got [{start}, {stop})")
    return Hamiltonian(realization, start, stop)
