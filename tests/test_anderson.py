import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from samples import realizations
from scipy.special import gamma

from inclusions import anderson
from inclusions.hamiltonian import build
from inclusions.model import Model

NUMBERS = st.floats(-5, 5)
HOPPINGS = st.floats(0.5, 3)
FIELDS = st.lists(NUMBERS, min_size=2, max_size=6)


def box(disorder, *shape):
    """Fields of the book, uniform in [-W, W]."""
    return np.random.default_rng(7).uniform(-disorder, disorder, shape)


# The clean chain


@pytest.mark.parametrize("length", [1, 2, 5, 40])
@pytest.mark.parametrize("hopping", [0.5, -1.3])
def test_clean_levels_are_a_cosine_of_the_momentum(length, hopping):
    momenta = np.pi * np.arange(1, length + 1) / (length + 1)
    levels = np.linalg.eigvalsh(anderson.chain(np.zeros(length), hopping))
    assert levels == pytest.approx(np.sort(2 * hopping * np.cos(momenta)), abs=1e-13)


@pytest.mark.parametrize("length", [4, 10, 40])
def test_standing_waves_fill_two_thirds_of_the_chain(length):
    # Even lengths: for odd ones the middle wave is zero on every other site, and fills half.
    _, states = np.linalg.eigh(anderson.chain(np.zeros(length)))
    filled = anderson.participation(states)
    assert filled == pytest.approx(np.full(length, 2 * (length + 1) / 3), rel=1e-9)


@pytest.mark.parametrize("energy", [-0.9, 0.0, 0.3])
def test_nothing_grows_inside_the_clean_band(energy):
    assert abs(anderson.lyapunov(np.zeros(10_000), energy)) < 1e-3


@pytest.mark.parametrize("energy", [-4.0, 2.5])
@pytest.mark.parametrize("hopping", [0.5, 1.2])
def test_outside_the_clean_band_solutions_grow_as_those_of_a_barrier(energy, hopping):
    expected = np.arccosh(abs(energy) / (2 * hopping))
    assert anderson.lyapunov(np.zeros(10_000), energy, hopping) == pytest.approx(expected, abs=1e-3)


# One up spin over the polarized chain


ONE_UP = st.builds(
    lambda length, disorder, anisotropy: Model(
        length, disorder, anisotropy=anisotropy, magnetization=1 - length / 2
    ),
    st.integers(2, 12), st.floats(0, 10), st.floats(-3, 3),
)  # fmt: skip


@given(realizations(ONE_UP))
def test_one_up_spin_is_a_particle_whose_end_sites_are_lifted(realization):
    model, fields = realization.model, realization.fields.copy()
    # A bulk site breaks two bonds, an end site one: -Delta/2 each against the polarized chain.
    polarized = model.anisotropy * (model.length - 1) / 4 - fields.sum() / 2
    fields -= model.anisotropy
    fields[[0, -1]] += model.anisotropy / 2
    expected = anderson.chain(fields) + polarized * np.eye(model.length)
    assert build(realization).matrix.toarray() == pytest.approx(expected, abs=1e-12)


# Growth along the chain


@given(FIELDS, NUMBERS, HOPPINGS)
def test_growth_is_that_of_the_determinants(fields, energy, hopping):
    length = len(fields)
    shifted = energy * np.eye(length) - anderson.chain(fields, hopping)
    whole, shorter = (np.linalg.slogdet(shifted[:n, :n]).logabsdet for n in (length, length - 1))
    expected = np.logaddexp(2 * whole, 2 * (shorter + np.log(hopping))) / 2 - length * np.log(
        hopping
    )
    found = length * anderson.lyapunov(fields, energy, hopping)
    assert found == pytest.approx(expected, abs=1e-6)


@given(FIELDS, HOPPINGS, st.sampled_from([-1, 1]))
def test_growth_outside_the_spectrum_is_the_mean_logarithm_of_the_distance_to_its_levels(
    fields, hopping, side
):
    # There psi grows at every step, so the last but one amplitude adds ln(2)/2L at most.
    energy = side * (5 + 2 * hopping + 0.1)
    levels = np.linalg.eigvalsh(anderson.chain(fields, hopping))
    thouless = np.log(np.abs(energy - levels)).mean() - np.log(hopping)
    excess = anderson.lyapunov(fields, energy, hopping) - thouless
    assert -1e-12 < excess < np.log(2) / (2 * len(fields)) + 1e-12


@given(FIELDS, NUMBERS, HOPPINGS, NUMBERS, st.floats(0.1, 10))
def test_growth_depends_on_energies_relative_to_each_other(fields, energy, hopping, shift, scale):
    fields = np.array(fields)
    moved = anderson.lyapunov(scale * (fields + shift), scale * (energy + shift), scale * hopping)
    assert moved == pytest.approx(anderson.lyapunov(fields, energy, hopping), abs=1e-5)


def test_many_chains_and_energies_at_once_are_those_one_by_one():
    fields, energies = box(2.0, 3, 50), np.array([-0.4, 0.0, 0.1, 1.7])
    together = anderson.lyapunov(fields[:, None], energies)
    alone = [[anderson.lyapunov(row, energy) for energy in energies] for row in fields]
    assert together == pytest.approx(np.array(alone), abs=1e-13)


# Known exponents of infinite chains, met within five standard errors


def check_exponent(growth, expected, beyond=0.0):
    """`beyond`: what the formula itself may be off by, relative."""
    error = growth.std(ddof=1) / np.sqrt(growth.size)
    assert abs(growth.mean() - expected) < 5 * error + beyond * expected
    assert error < 0.02 * expected


@pytest.mark.parametrize("energy", [0.3, -0.5, 0.7])
def test_weak_disorder_localizes_as_thouless_says(energy):
    disorder, hopping = 0.2, 0.5
    growth = anderson.lyapunov(box(disorder, 500, 4000), energy, hopping)
    variance = disorder**2 / 3
    check_exponent(growth, variance / (2 * (4 * hopping**2 - energy**2)), beyond=0.01)


@pytest.mark.parametrize("hopping", [0.5, 2.0])
def test_at_the_band_centre_the_exponent_is_the_anomalous_one(hopping):
    # Kappus and Wegner (1981); the closed form is that of Derrida and Gardner (1984).
    disorder = 0.4 * hopping
    growth = anderson.lyapunov(box(disorder, 500, 4000), 0.0, hopping)
    expected = disorder**2 / 3 / hopping**2 * (gamma(3 / 4) / gamma(1 / 4)) ** 2
    check_exponent(growth, expected, beyond=0.01)
    assert growth.mean() < 0.96 * disorder**2 / 3 / (8 * hopping**2)


@pytest.mark.parametrize("energy", [0.0, 0.6, 1.4])
@pytest.mark.parametrize("width", [0.3, 2.0])
def test_fields_of_lloyd_localize_as_his_exact_solution_says(energy, width):
    # Cauchy fields: the averaged Green's function is the clean one at E + i width (Lloyd 1969).
    hopping = 0.5
    fields = width * np.random.default_rng(3).standard_cauchy((200, 2000))
    distances = np.hypot(2 * hopping + energy, width) + np.hypot(2 * hopping - energy, width)
    check_exponent(
        anderson.lyapunov(fields, energy, hopping), np.arccosh(distances / (4 * hopping))
    )


def test_strong_disorder_leaves_the_mean_logarithm_of_the_field():
    growth = anderson.lyapunov(box(64.0, 20, 20_000), 0.0)  # e^77000: no overflow
    check_exponent(growth, np.log(64.0 / 0.5) - 1, beyond=0.01)


# Participation


STATES = arrays(float, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=NUMBERS)


@given(STATES.filter(lambda states: np.all(np.abs(states).max(axis=0) > 1e-9)))
def test_a_state_fills_at_least_one_site_and_at_most_all(states):
    filled = anderson.participation(states)
    assert filled.shape == states.shape[1:]
    assert np.all((filled >= 1 - 1e-12) & (filled <= len(states) + 1e-12))
    assert anderson.participation(3e-200 * states[::-1]) == pytest.approx(filled, rel=1e-9)
    assert anderson.participation(states[:, 0]) == pytest.approx(filled[0])


@pytest.mark.parametrize("sites", [1, 3, 7])
def test_a_state_of_equal_weight_on_some_sites_fills_those(sites):
    state = np.zeros(9, complex)
    state[:sites] = np.exp(1j * np.arange(sites))
    assert anderson.participation(state) == pytest.approx(sites)


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: anderson.chain([]), "fields must hold at least one site"),
        (lambda: anderson.chain([[1.0, 2.0]]), "fields must be a list of L numbers"),
        (lambda: anderson.chain([0.0, np.nan]), "fields must be finite"),
        (lambda: anderson.chain([0.0], "1"), "hopping must be a finite number, got '1'"),
        (lambda: anderson.lyapunov(1.0, 0.0), "fields must hold at least one site"),
        (lambda: anderson.lyapunov([1.0], np.inf), "energy must be finite"),
        (lambda: anderson.lyapunov([1.0], 0.0, 0.0), "hopping must not be 0"),
        (lambda: anderson.lyapunov([1.0], 0.0, np.nan), "hopping must be a finite number, got nan"),
        (lambda: anderson.lyapunov(np.ones((2, 4)), np.ones(3)), "shape mismatch"),
        (lambda: anderson.participation(1.0), r"states must have shape \(L,\) or \(L, count\)"),
        (lambda: anderson.participation(np.zeros((0, 2))), "states must have shape"),
        (lambda: anderson.participation([[1.0, 0.0], [0.0, 0.0]]), "must not be zero everywhere"),
        (lambda: anderson.participation([1.0, np.nan]), "states must be finite"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
