import numpy as np
import pytest
from full_space import in_sector
from hypothesis import given
from hypothesis import strategies as st
from samples import models, realizations

from inclusions import store
from inclusions.basis import chain_states, rank
from inclusions.disorder import Realization, draw
from inclusions.eigen import Dense, choose
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.observables import (
    LEAST_WEIGHT,
    distances,
    entanglement,
    entanglement_entropy,
    kullback_leibler,
    magnetizations,
    measure,
    page_entropy,
    purities,
)

OF_THE_RUN = {"missing_levels", "seconds", "peak_memory", "solver"}  # added by the ensemble


def solve(realization, count=None):
    hamiltonian = build(realization)
    pairs = Dense()(hamiltonian, count or hamiltonian.dimension)
    return pairs, magnetizations(hamiltonian, pairs)


def reduced_density_matrix(state: np.ndarray, model: Model, site: int) -> np.ndarray:
    """Of one spin, by tracing out all others and the bubble, shape (2, 2)."""
    whole = np.zeros(2**model.length * model.block)
    whole[in_sector(model)] = state
    # Site i is bit i of the chain state: the axes run from the last site to the first.
    tensor = whole.reshape((2,) * model.length + (model.block,))
    tensor = np.moveaxis(tensor, model.length - 1 - site, 0).reshape(2, -1)
    return tensor @ tensor.T


@given(realizations())
def test_purity_is_that_of_the_explicit_partial_trace(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    found = purities(magnetization)
    for n in {0, model.dimension // 2, model.dimension - 1}:
        for site in range(model.length):
            rho = reduced_density_matrix(pairs.states[:, n], model, site)
            assert np.trace(rho @ rho) == pytest.approx(found[n, site], abs=1e-12)
            # Up is bit 1, and S^z = +1/2.
            assert (rho[1, 1] - rho[0, 0]) / 2 == pytest.approx(magnetization[n, site], abs=1e-12)


@given(realizations())
def test_magnetizations_of_a_state_sum_to_the_sectors(realization):
    _, magnetization = solve(realization)
    total = magnetization.sum(axis=1)
    assert total == pytest.approx(np.full(total.shape, realization.model.magnetization), abs=1e-8)
    assert (np.abs(magnetization) <= 0.5 + 1e-12).all()


@given(models())
def test_magnetizations_of_all_states_sum_to_those_of_the_basis(model):
    # The trace of S^z_i over a sector knows neither H nor the site.
    _, magnetization = solve(draw(model, 1, 0))
    each = model.dimension * model.magnetization / model.length
    assert magnetization.sum(axis=0) == pytest.approx(np.full(model.length, each), abs=1e-9)


@pytest.mark.parametrize("cut", [0, 1, 5, 17, 60])
def test_rows_on_two_ranks_add_up_to_the_magnetizations(cut):
    realization = draw(Model(6, 2.0, bubble=3), 1, 0)
    pairs, expected = solve(realization, 7)
    parts = [
        magnetizations(build(realization, *rows), pairs._replace(states=pairs.states[slice(*rows)]))
        for rows in ((0, cut), (cut, 60))
    ]
    assert sum(parts) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("length", "expected"), [(6, [0, 1, 2, 2, 1, 0]), (5, [0, 1, 2, 1, 0])])
def test_distance_is_to_the_nearer_end(length, expected):
    assert distances(length).tolist() == expected


@pytest.mark.parametrize("bubble", [0, 2])
@pytest.mark.parametrize("length", [2, 5, 6])
@pytest.mark.parametrize("count", [1, 2])
def test_measured_fields_are_those_of_the_store(length, bubble, count):
    model = Model(length, 2.0, bubble=bubble)
    pairs, magnetization = solve(draw(model, 1, 0), count)
    record = measure(model, pairs, magnetization)
    sizes = store.dimensions(model)
    assert set(record) | OF_THE_RUN == set(store.FIELDS)
    for name, value in record.items():
        assert np.shape(value) == tuple(sizes[d] for d in store.FIELDS[name][1]), name
        assert np.isfinite(value).all() or name == "gap_ratio", name
    assert record["states"] == count
    assert np.isnan(record["gap_ratio"])  # needs three levels


@given(realizations())
def test_moments_of_the_linear_entropy_are_numpys(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    record = measure(model, pairs, magnetization)
    entropy = 1 - purities(magnetization)
    assert record["linear_entropy"] == pytest.approx(entropy.mean(axis=0), abs=1e-12)
    assert record["linear_entropy_variance"] == pytest.approx(entropy.var(axis=0), abs=1e-12)
    covariance = np.cov(entropy.T, bias=True).reshape((model.length,) * 2)
    ends = covariance[[0, -1]]
    assert record["linear_entropy_covariance"] == pytest.approx(ends, abs=1e-12)


def test_variance_at_high_disorder_does_not_drown_in_rounding():
    model = Model(6, 1e5)
    pairs, magnetization = solve(draw(model, 1, 0))
    record = measure(model, pairs, magnetization)
    exact = (0.5 - 2 * magnetization.astype(np.longdouble) ** 2).var(axis=0)
    assert np.median(exact) < 1e-17  # less than the rounding of a purity, which is close to 1
    assert record["linear_entropy_variance"] == pytest.approx(exact.astype(float), rel=1e-3, abs=0)


@given(realizations())
def test_magnetization_histogram_counts_every_state_and_site_at_its_distance(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    histogram = measure(model, pairs, magnetization)["magnetization_histogram"]
    assert histogram.sum() == magnetization.size
    for distance, row in enumerate(histogram):
        sites = np.flatnonzero(distances(model.length) == distance)
        assert row.sum() == len(sites) * model.dimension
        # Bins of 2 <S^z> between -1 and 1, 0.05 wide.
        wanted = np.clip(2 * magnetization[:, sites], -1, 1)
        assert np.array_equal(row, np.histogram(wanted, bins=np.linspace(-1, 1, 41))[0])


def test_polarized_state_falls_into_the_last_bin():
    model = Model(4, 1.0, magnetization=2)
    record = measure(model, *solve(draw(model, 1, 0)))
    assert record["magnetization_histogram"][:, -1].tolist() == [2, 2]
    assert record["linear_entropy"] == pytest.approx(np.zeros(4))
    assert record["magnetization_error"] < 1e-12


def test_record_tells_the_window_of_energies_it_stands_for():
    model = Model(8, 2.0)
    realization = draw(model, 1, 0)
    levels = np.linalg.eigvalsh(build(realization).matrix.toarray())
    record = measure(model, *solve(realization, 10))
    middle = (levels[0] + levels[-1]) / 2
    window = np.sort(levels[np.argsort(np.abs(levels - middle))[:10]])
    assert record["spectrum_edges"] == pytest.approx(levels[[0, -1]], abs=1e-10)
    assert record["energy_window"] == pytest.approx(window[[0, -1]], abs=1e-10)
    assert record["energy_mean"] == pytest.approx(window.mean(), abs=1e-10)
    gaps = np.diff(window)
    ratios = np.minimum(gaps[1:], gaps[:-1]) / np.maximum(gaps[1:], gaps[:-1])
    assert record["gap_ratio"] == pytest.approx(ratios.mean(), rel=1e-8)


# Entanglement


def entropy_of(rho: np.ndarray) -> float:
    levels = np.linalg.eigvalsh(rho)
    levels = levels[levels > 1e-14]
    return -(levels * np.log(levels)).sum()


def both_sides(state: np.ndarray, model: Model, cut: int) -> tuple[float, float]:
    """Entropies of sites 0 ... cut - 1 and of all else, each with the other traced out."""
    whole = np.zeros(2**model.length * model.block)
    whole[in_sector(model)] = state
    # The low bits of the chain state are the sites left of the cut: the middle axis.
    tensor = whole.reshape(2 ** (model.length - cut), 2**cut, model.block)
    left = np.einsum("hln,hmn->lm", tensor, tensor)
    right = np.einsum("hln,gls->hngs", tensor, tensor)
    return entropy_of(left), entropy_of(
        right.reshape([2 ** (model.length - cut) * model.block] * 2)
    )


def random_vectors(model: Model, count: int, seed: int = 1) -> np.ndarray:
    """Complex vectors from the unit sphere of the sector, shape (dimension, count)."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, model.dimension, count))
    vectors = parts[0] + 1j * parts[1]
    return vectors / np.linalg.norm(vectors, axis=0)


@given(realizations(), st.data())
def test_entropy_is_that_of_either_side_of_the_cut_by_explicit_partial_trace(realization, data):
    model = realization.model
    cut = data.draw(st.integers(0, model.length))
    pairs, _ = solve(realization)
    found = entanglement_entropy(model, pairs.states, cut)
    assert found.shape == (model.dimension,)
    for n in {0, model.dimension // 2, model.dimension - 1}:
        left, right = both_sides(pairs.states[:, n], model, cut)
        assert left == pytest.approx(right, abs=1e-9)
        assert found[n] == pytest.approx(left, abs=1e-9)


@given(models(bubbles=st.just(0)), st.data())
def test_entropy_of_a_mirrored_chain_is_that_of_the_mirrored_cut(model, data):
    cut = data.draw(st.integers(0, model.length))
    states = random_vectors(model, 3)
    bits = chain_states(model.length, model.up)
    mirrored = sum(((bits >> i) & 1) << (model.length - 1 - i) for i in range(model.length))
    turned = states[rank(mirrored, model.length)]
    expected = entanglement_entropy(model, states, cut)
    assert entanglement_entropy(model, turned, model.length - cut) == pytest.approx(expected)


@given(models(), st.data())
def test_entropy_lies_between_0_and_the_logarithm_of_the_smaller_side(model, data):
    cut = data.draw(st.integers(0, model.length))
    entropy = entanglement_entropy(model, random_vectors(model, 3), cut)
    largest = np.log(min(2.0**cut, model.block * 2.0 ** (model.length - cut)))
    assert np.all((entropy >= 0) & (entropy <= largest + 1e-9))


def test_basis_states_are_not_entangled():
    for model in (Model(6, 1.0), Model(5, 1.0, bubble=3)):
        for cut in range(model.length + 1):
            assert not entanglement_entropy(model, np.eye(model.dimension), cut).any()


def test_a_chain_that_does_not_know_of_the_bubble_is_not_entangled_with_it():
    model = Model(5, 1.0, bubble=3, coupling=0.0)
    pairs, _ = solve(draw(model, 1, 0))
    assert entanglement_entropy(model, pairs.states, 5) == pytest.approx(np.zeros(30), abs=1e-9)
    coupled = Model(5, 1.0, bubble=3)
    pairs, _ = solve(draw(coupled, 1, 0))
    assert entanglement_entropy(coupled, pairs.states, 5).mean() > 0.1


@pytest.mark.parametrize(("cut", "cuts"), [(1, 1), (2, 0), (3, 1), (4, 0), (5, 1), (6, 0)])
def test_a_cut_through_a_singlet_costs_ln_2(cut, cuts):
    # Singlets on sites 01, 23 and 45.
    model = Model(6, 1.0)
    state = np.zeros(model.dimension)
    for bits in range(8):
        flags = [(bits >> bond) & 1 for bond in range(3)]
        word = sum(1 << (2 * bond + flag) for bond, flag in enumerate(flags))
        state[rank(np.array([word]), 6)] = (-1) ** sum(flags) / np.sqrt(8)
    entropy = entanglement_entropy(model, state[:, None], cut)
    assert entropy == pytest.approx([cuts * np.log(2)], abs=1e-12)


def test_half_of_the_chain_is_cut_if_nothing_is_said():
    for length in (5, 6):
        states = random_vectors(Model(length, 1.0), 2)
        expected = entanglement_entropy(Model(length, 1.0), states, length // 2)
        assert np.array_equal(entanglement_entropy(Model(length, 1.0), states), expected)


def test_two_coupled_spins_have_the_entropy_of_a_two_level_system():
    # Levels h = (h_0 - h_1)/2 and -h apart by the exchange 1/2: mixing angle tan(2a) = 1/(2h).
    realization = Realization(Model(2, 1.0), np.array([0.9, -0.3]), np.zeros((3, 0, 0)))
    pairs, _ = solve(realization)
    share = np.cos(np.arctan2(0.5, 0.6) / 2) ** 2
    expected = -share * np.log(share) - (1 - share) * np.log(1 - share)
    found = entanglement_entropy(realization.model, pairs.states)
    assert found == pytest.approx([expected, expected])


@pytest.mark.parametrize(
    ("states", "cut", "message"),
    [
        (np.eye(20), -1, "cut must be in 0 ... 6, got -1"),
        (np.eye(20), 7, "cut must be in 0 ... 6, got 7"),
        (np.eye(20)[:10], 3, r"shape \(20, count\), got \(10, 20\)"),
        (np.eye(20)[0], 3, r"shape \(20, count\), got \(20,\)"),
        (2 * np.eye(20), 3, "normalised, got a norm that is off by 1"),
        (np.full((20, 1), np.nan), 3, "normalised, got a norm that is off by nan"),
    ],
)
def test_states_without_an_entropy_are_refused(states, cut, message):
    with pytest.raises(ValueError, match=message) as caught:
        entanglement_entropy(Model(6, 1.0), states, cut)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "cut"),
    [
        (Model(6, 1.0), 3),
        (Model(7, 1.0), 2),
        (Model(6, 1.0, magnetization=-2), 3),
        (Model(4, 1.0, bubble=3), 3),
    ],
    ids=lambda value: getattr(value, "key", str(value)),
)
def test_page_entropy_is_the_mean_over_random_vectors_of_the_sector(model, cut):
    entropy = entanglement_entropy(model, random_vectors(model, 4000), cut)
    error = entropy.std() / np.sqrt(entropy.size)
    assert error < 0.01
    assert abs(page_entropy(model, cut) - entropy.mean()) < 4 * error


def test_page_entropy_of_two_spins_is_one_half():
    # A random point of the Bloch sphere: p uniform in [0, 1], and the mean of -2 p ln p is 1/2.
    assert page_entropy(Model(2, 1.0)) == pytest.approx(0.5)


def test_page_entropy_of_chain_and_bubble_is_pages_own():
    # The two states of the chain against the seven of the bubble: one block, m = 2 and n = 7.
    model = Model(2, 1.0, bubble=7)
    page = sum(1 / k for k in range(8, 15)) - 1 / 14
    assert page_entropy(model, 2) == pytest.approx(page)


def test_page_entropy_has_the_constants_of_long_chains():
    # Bianchi et al., PRX Quantum 3, 030201 (2022): half of the chain at half filling.
    constant = (0.5 + np.log(0.5)) / 2 - 0.5
    deficits = [page_entropy(Model(n, 1.0)) - n / 2 * np.log(2) - constant for n in (20, 60)]
    assert np.abs(deficits) == pytest.approx([0, 0], abs=0.02)
    assert abs(deficits[1]) < 0.4 * abs(deficits[0])


def test_page_entropy_refuses_a_cut_outside_the_chain():
    with pytest.raises(ValueError, match="cut must be in 0 ... 6, got 7"):
        page_entropy(Model(6, 1.0), 7)


def test_divergence_of_random_vectors_is_that_of_the_gaussian_ensemble():
    # Two independent points of the unit sphere in d dimensions: 2 - 2/d, and 2 for large d.
    for dimension in (2, 5, 400):
        vectors = np.random.default_rng(5).standard_normal(
            (dimension, 4000 if dimension < 9 else 80)
        )
        divergence = kullback_leibler(vectors / np.linalg.norm(vectors, axis=0))
        error = divergence.std() / np.sqrt(len(divergence) / 2)  # neighbours share a vector
        assert abs(divergence.mean() - (2 - 2 / dimension)) < 4 * error


def test_divergence_of_ergodic_eigenstates_comes_near_two():
    model = Model(12, 0.5, target="mean")
    states = choose("auto", model.dimension)(build(draw(model, 1, 0)), 50).states
    assert kullback_leibler(states).mean() == pytest.approx(2, abs=0.15)


def test_divergence_by_hand():
    states = np.sqrt([[0.5, 0.25], [0.5, 0.75], [0.0, 0.0]])
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert kullback_leibler(states) == pytest.approx([expected])


def test_states_without_a_common_basis_state_diverge_as_far_as_weights_are_known():
    assert kullback_leibler(np.eye(3)) == pytest.approx(np.full(2, -np.log(LEAST_WEIGHT)))


@pytest.mark.parametrize("disorder", [2.0, 8.0])
def test_divergence_does_not_depend_on_the_solver(disorder):
    hamiltonian = build(draw(Model(10, disorder), 1, 1))
    found = [
        entanglement(hamiltonian, choose(name, 10**6)(hamiltonian, 20))
        for name in ("dense", "shift-invert:superlu")
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_divergence_of_a_state_from_itself_is_zero_and_else_positive():
    states = random_vectors(Model(6, 1.0), 4).real
    twice = np.repeat(states / np.linalg.norm(states, axis=0), 2, axis=1)
    divergence = kullback_leibler(twice)
    assert divergence[::2] == pytest.approx(np.zeros(4), abs=1e-14)
    assert (divergence[1::2] > 0).all()


def test_entanglement_of_a_sample_is_the_mean_over_its_states():
    hamiltonian = build(draw(Model(6, 2.0, bubble=2), 1, 0))
    pairs = Dense()(hamiltonian, 9)
    found = entanglement(hamiltonian, pairs)
    entropy = [both_sides(state, hamiltonian.model, 3)[0] for state in pairs.states.T]
    assert found["half_chain_entropy"] == pytest.approx(np.mean(entropy), abs=1e-9)
    assert found["half_chain_entropy_variance"] == pytest.approx(np.var(entropy), abs=1e-9)
    divergence = kullback_leibler(pairs.states)
    assert divergence.shape == (8,)
    assert found["kullback_leibler"] == pytest.approx(divergence.mean())


def test_one_state_has_an_entropy_and_no_neighbour():
    hamiltonian = build(draw(Model(6, 2.0), 1, 0))
    found = entanglement(hamiltonian, Dense()(hamiltonian, 1))
    assert found["half_chain_entropy"] > 0
    assert np.isnan(found["kullback_leibler"])
