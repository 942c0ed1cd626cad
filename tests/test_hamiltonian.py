from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from full_space import full_hamiltonian, in_sector, sector_hamiltonian
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import models, realizations

from inclusions.disorder import Realization, draw
from inclusions.hamiltonian import build, chain_graph, mean_energy
from inclusions.model import Model


def matrix(realization: Realization) -> np.ndarray:
    return build(realization).matrix.toarray()


def levels(realization: Realization) -> np.ndarray:
    return np.linalg.eigvalsh(matrix(realization))


# Against the same operator by Kronecker products


@given(realizations())
def test_matrix_is_the_operator_of_the_paper_in_the_stated_order(realization):
    expected = sector_hamiltonian(realization)
    assert matrix(realization) == pytest.approx(expected, abs=1e-13 * (1 + np.abs(expected).max()))


@given(realizations(models(lengths=st.integers(2, 4))))
def test_operator_leaves_every_sector(realization):
    whole = full_hamiltonian(realization).toarray()
    inside = np.isin(np.arange(len(whole)), in_sector(realization.model))
    assert not whole[np.ix_(inside, ~inside)].any()


@pytest.mark.parametrize("bubble", [1, 2, 3])
@pytest.mark.parametrize("up", [0, 1, 2])
def test_two_sites_add_the_chain_bond_and_the_ring(bubble, up):
    realization = draw(Model(2, 1.5, bubble=bubble, magnetization=up - 1), 1, 0)
    assert matrix(realization) == pytest.approx(sector_hamiltonian(realization), abs=1e-14)


# Laws


@given(realizations())
def test_matrix_is_exactly_symmetric_and_of_the_sectors_dimension(realization):
    dense = matrix(realization)
    assert dense.shape == (realization.model.dimension,) * 2
    assert np.array_equal(dense, dense.T)


@given(realizations(), st.integers(0, 3))
def test_matrix_free_product_is_that_of_the_matrix(realization, columns):
    hamiltonian = build(realization)
    n = hamiltonian.dimension
    vectors = np.random.default_rng(1).standard_normal((n, columns) if columns else n)
    product = hamiltonian.matrix @ vectors
    scale = 1e-13 * (1 + np.abs(hamiltonian.matrix).max()) * n
    assert hamiltonian.apply(vectors) == pytest.approx(product, abs=scale)


@given(realizations(), st.data())
def test_rows_of_the_ranks_stack_to_the_whole_matrix(realization, data):
    # Cuts fall anywhere: inside a block of bubble states, and on one another.
    n = realization.model.dimension
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=5)))
    parts = [build(realization, *ends).matrix for ends in zip([0, *cuts], [*cuts, n], strict=True)]
    whole = build(realization).matrix
    assert [part.shape[0] for part in parts] == np.diff([0, *cuts, n]).tolist()
    assert np.array_equal(np.concatenate([part.indices for part in parts]), whole.indices)
    # To rounding: BLAS adds up the fields of two rows in another order than those of ten.
    values = np.concatenate([part.data for part in parts])
    assert values == pytest.approx(whole.data, rel=1e-13, abs=1e-13)


@given(realizations())
def test_columns_ascend_within_rows_and_occur_once(realization):
    rows = build(realization).matrix
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        assert (np.diff(rows.indices[start:stop]) > 0).all()


@given(realizations())
def test_graph_of_chain_states_holds_every_block_of_the_matrix(realization):
    # Fill-reducing orderings work on this graph: an edge it lacks would be lost in the factor.
    model, n = realization.model, realization.model.block
    rows = build(realization).matrix.tocoo()
    graph = chain_graph(model).toarray()
    off = rows.row // n != rows.col // n
    assert graph[rows.row[off] // n, rows.col[off] // n].all()
    assert np.array_equal(graph != 0, graph.T != 0)
    assert not graph.diagonal().any()


@given(realizations())
def test_turning_all_spins_and_fields_over_keeps_the_levels(realization):
    model = realization.model
    turned = replace(model, magnetization=-model.magnetization)
    other = Realization(turned, -realization.fields, realization.bubble)
    scale = 1 + np.abs(levels(realization)).max()
    assert levels(other) == pytest.approx(levels(realization), abs=1e-12 * scale)


@given(realizations())
def test_reading_the_chain_from_its_other_end_keeps_the_levels(realization):
    # Sites 0 and L-1 couple to the bubble alike; R_2 is symmetric.
    other = Realization(realization.model, realization.fields[::-1].copy(), realization.bubble)
    scale = 1 + np.abs(levels(realization)).max()
    assert levels(other) == pytest.approx(levels(realization), abs=1e-12 * scale)


@pytest.mark.parametrize("rows", [(-1, 2), (0, 7), (4, 3)])
def test_rows_outside_the_matrix_are_refused(rows):
    with pytest.raises(ValueError, match=r"rows must lie within 0 \.\.\. 6, got \["):
        build(draw(Model(4, 1.0), 1, 0), *rows)


# Known answers


@pytest.mark.parametrize(
    ("boundary", "length", "energy_per_site"),
    [
        ("open", 2, -3 / 8),  # the singlet
        ("open", 4, -0.40400635),
        ("open", 6, -0.41559619),
        ("periodic", 4, -0.5),
        ("periodic", 6, -0.4671292730),
    ],
)
def test_clean_heisenberg_chain_has_the_known_ground_state(boundary, length, energy_per_site):
    clean = draw(Model(length, 0.0, boundary=boundary), 1, 0)
    assert levels(clean)[0] / length == pytest.approx(energy_per_site, abs=1e-8)


def test_three_sites_with_one_spin_up_are_the_known_block():
    # Known for J = 2: twice our matrix, whose J is 1, in half the fields.
    model = Model(3, 1.0, anisotropy=0.5, magnetization=-0.5)
    block = 2 * matrix(draw(model, 1, 0, fields=[0.15, -0.35, 0.55]))
    known = [[-0.05, 1, 0], [1, -1.55, 1], [0, 1, 0.75]]
    assert block == pytest.approx(np.array(known), abs=1e-14)


@pytest.mark.parametrize("length", [3, 4, 7, 12])
def test_one_magnon_on_a_clean_ring_has_the_energy_of_a_spin_wave(length):
    model = Model(length, 0.0, boundary="periodic", magnetization=1 - length / 2)
    momenta = 2 * np.pi * np.arange(length) / length
    expected = np.sort(length / 4 - 1 + np.cos(momenta))
    assert levels(draw(model, 1, 0)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(2, 10), st.floats(-3, 3), st.sampled_from([1, -1]))
def test_polarized_chain_has_the_energy_of_its_bonds_and_fields(length, anisotropy, sign):
    model = Model(length, 2.0, anisotropy=anisotropy, magnetization=sign * length / 2)
    realization = draw(model, 1, 0)
    expected = anisotropy * (length - 1) / 4 + sign * realization.fields.sum() / 2
    assert matrix(realization).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("boundary", ["open", "periodic"])
def test_levels_of_the_clean_chain_come_in_spin_multiplets(boundary):
    # Delta = 1 and no field: H commutes with S^+, so a sector holds all levels of the next.
    length = 6
    for total in range(length // 2):
        larger, smaller = (
            levels(draw(Model(length, 0.0, boundary=boundary, magnetization=m), 1, 0))
            for m in (total, total + 1)
        )
        unmatched = larger.tolist()
        for level in smaller:
            nearest = min(unmatched, key=lambda other: abs(other - level))
            assert nearest == pytest.approx(level, abs=1e-12)
            unmatched.remove(nearest)


def free_fermions(realization: Realization) -> tuple[np.ndarray, np.ndarray]:
    """Energies and orbitals of the L x L matrix of Delta = 0 (Jordan and Wigner 1928)."""
    model = realization.model
    hopping = 0.5 * (np.eye(model.length, k=1) + np.eye(model.length, k=-1))
    if model.boundary == "periodic":
        # Around the ring a fermion passes up - 1 others: antiperiodic for even numbers.
        hopping[0, -1] = hopping[-1, 0] = 0.5 * (-1) ** (model.up - 1)
    return np.linalg.eigh(hopping + np.diag(realization.fields))


FREE = st.builds(
    lambda length, boundary, up, disorder: Model(
        length, disorder, anisotropy=0.0, boundary=boundary,
        magnetization=min(up, length) - length / 2,
    ),
    st.integers(3, 8), st.sampled_from(["open", "periodic"]), st.integers(0, 8), st.floats(0, 10),
)  # fmt: skip


@given(realizations(FREE))
def test_every_level_without_interaction_is_one_of_free_fermions(realization):
    energies, _ = free_fermions(realization)
    chosen = combinations(energies, realization.model.up)
    expected = np.sort([sum(some) for some in chosen]) - realization.fields.sum() / 2
    assert levels(realization) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("boundary", ["open", "periodic"])
@pytest.mark.parametrize("up", [3, 4])
@pytest.mark.parametrize("index", range(3))
def test_every_magnetization_without_interaction_is_that_of_free_fermions(boundary, up, index):
    from inclusions.eigen import Dense
    from inclusions.observables import magnetizations

    model = Model(8, 2.0, anisotropy=0.0, boundary=boundary, magnetization=up - 4)
    realization = draw(model, 1, index)
    energies, orbitals = free_fermions(realization)
    sets = sorted(combinations(range(8), up), key=lambda some: energies[list(some)].sum())
    expected = [np.square(orbitals[:, some]).sum(axis=1) - 0.5 for some in sets]
    hamiltonian = build(realization)
    found = magnetizations(hamiltonian, Dense()(hamiltonian, model.dimension))
    assert found == pytest.approx(np.array(expected), abs=1e-8)


@given(realizations(models(bubbles=st.integers(1, 3)).map(lambda m: replace(m, coupling=0.0))))
def test_uncoupled_levels_are_all_sums_of_chain_and_bubble_levels(realization):
    model = realization.model
    chain = Model(
        model.length, model.disorder, anisotropy=model.anisotropy, magnetization=model.magnetization
    )
    alone = levels(Realization(chain, realization.fields, np.zeros((3, 0, 0))))
    of_bubble = np.linalg.eigvalsh(realization.bubble[0])
    expected = np.sort(np.add.outer(alone, of_bubble).ravel())
    scale = 1 + np.abs(expected).max()
    assert levels(realization) == pytest.approx(expected, abs=1e-12 * scale)


@given(models(lengths=st.integers(3, 6), bubbles=st.just(1)))
@settings(max_examples=50)
def test_one_bubble_state_closes_the_ring_by_one_modified_bond(model):
    # By hand, bit string by bit string: a bond of exchange 2 g R_2 and anisotropy g R_1, plus R_0.
    realization = draw(model, 1, 0)
    r0, r1, r2 = realization.bubble.ravel()
    last = model.length - 1
    bonds = {(i, i + 1): (0.5, model.anisotropy) for i in range(last)}
    bonds[0, last] = (model.coupling * r2, model.coupling * r1)
    states = [s for s in range(2**model.length) if s.bit_count() == model.up]
    expected = np.zeros((len(states),) * 2)
    for column, state in enumerate(states):
        spin = [(state >> i & 1) - 0.5 for i in range(model.length)]
        expected[column, column] = r0 + np.dot(realization.fields, spin)
        for (i, j), (hop, ising) in bonds.items():
            expected[column, column] += ising * spin[i] * spin[j]
            if spin[i] != spin[j]:
                expected[states.index(state ^ (1 << i) ^ (1 << j)), column] += hop
    scale = 1 + np.abs(expected).max()
    assert matrix(realization) == pytest.approx(expected, abs=1e-13 * scale)


@given(models(lengths=st.integers(3, 6), bubbles=st.just(0)))
def test_a_bubble_that_is_an_ordinary_bond_gives_the_periodic_chain(model):
    periodic = draw(replace(model, boundary="periodic"), 1, 0)
    closed = replace(model, boundary="open", bubble=1, bond=1.0, coupling=1.0)
    ring = draw(closed, 1, 0, fields=periodic.fields)
    assert matrix(ring) == pytest.approx(matrix(periodic), abs=1e-14 * (1 + model.disorder))


@given(realizations())
def test_mean_energy_is_the_trace_over_the_dimension(realization):
    dense = matrix(realization)
    scale = 1 + np.abs(dense).max()
    assert mean_energy(realization) == pytest.approx(np.diag(dense).mean(), abs=1e-13 * scale)


@pytest.mark.parametrize("target", [1e-9, 0.2, 0.5, 0.75])
def test_target_energy_lies_between_the_edges_as_its_name_says(target):
    hamiltonian = build(draw(Model(6, 2.0, target=target), 1, 0))
    assert hamiltonian.target_energy((-3.0, 5.0)) == pytest.approx(-3 + 8 * target, abs=1e-14)


def test_target_energy_at_the_mean_needs_no_edges():
    realization = draw(Model(6, 2.0, bubble=3, target="mean"), 1, 0)
    energy = build(realization).target_energy((-100.0, 0.0))
    assert energy == mean_energy(realization)
    assert energy == pytest.approx(levels(realization).mean(), abs=1e-12)
