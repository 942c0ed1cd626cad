import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inclusions import perturbation
from inclusions.disorder import draw
from inclusions.hamiltonian import build
from inclusions.model import Model

# units of J; neighbours differ by 31 at least, second neighbours by 11
FIELDS = np.array([31.0, -14.0, 42.0, 9.0, -37.0, 22.0, -9.0, 47.0])
CONFIGURATIONS = [
    [1, -1, 1, -1, 1, -1],
    [1, 1, 1, -1, -1, -1],
    [-1, 1, 1, -1, -1, 1],
    [1, -1, 1, 1, -1, -1, 1, -1],
    [-1, -1, 1, 1, -1, 1, -1, 1],
]


def pauli_eigenstate(fields, configuration, hopping, ising):
    """The eigenvector of Eq. (9) that overlaps most with a configuration, site 0 slowest."""
    length = len(configuration)
    raising = np.array([[0.0, 1.0], [0.0, 0.0]])
    sigma = np.diag([1.0, -1.0])

    def embed(site, operator):
        return np.kron(np.kron(np.eye(2**site), operator), np.eye(2 ** (length - site - 1)))

    z = [embed(i, sigma) for i in range(length)]
    up = [embed(i, raising) for i in range(length)]
    h = sum(field * operator for field, operator in zip(fields, z, strict=True))
    for i in range(length - 1):
        h = h + hopping * (up[i] @ up[i + 1].T + up[i].T @ up[i + 1]) + ising * z[i] @ z[i + 1]
    _, states = np.linalg.eigh(h)
    index = int("".join("0" if spin > 0 else "1" for spin in configuration), 2)
    state = states[:, np.argmax(np.abs(states[index]))]
    return state * np.sign(state[index]), index, np.array([np.diag(operator) for operator in z])


def chain_purity_exact(fields, configuration, anisotropy):
    """Purities of an eigenstate of Eq. (2) from S^z by bit loops, apart from all Pauli formulas."""
    length = len(configuration)
    spins = np.array([[(n >> i & 1) - 0.5 for i in range(length)] for n in range(2**length)])
    h = np.diag(spins @ fields + anisotropy * (spins[:, 1:] * spins[:, :-1]).sum(1))
    for n in range(2**length):
        for i in range(length - 1):
            if (n >> i & 1) != (n >> (i + 1) & 1):
                h[n, n ^ (3 << i)] = 0.5
    _, states = np.linalg.eigh(h)
    index = sum(1 << i for i, spin in enumerate(configuration) if spin > 0)
    weights = states[:, np.argmax(np.abs(states[index]))] ** 2
    return 0.5 + 2 * (weights @ spins) ** 2


def sector(length):
    """All configurations with S^z = 0 (even length) or +1/2 (odd), as rows of +1 and -1."""
    rows = -np.ones((math.comb(length, length // 2), length))
    for row, up in zip(rows, itertools.combinations(range(length), (length + 1) // 2), strict=True):
        row[list(up)] = 1
    return rows


# --- known values ---------------------------------------------------------------------------


def test_known_values_of_one_bond():
    # Delta = 4 - 1 + 0.5 (-1 - 1) = 2 for the middle bond of up, up, down, down
    fields, configuration = [0.0, 1.0, 4.0, 9.0], [1, 1, -1, -1]
    np.testing.assert_allclose(perturbation.detuning(fields, configuration, 0.5), [0.5, 2, 4.5])
    np.testing.assert_allclose(perturbation.admixture(fields, configuration, 0.4, 0.5), [0, 0.1, 0])
    np.testing.assert_allclose(
        perturbation.magnetization_shift(fields, configuration, 0.4, 0.5), [0, -0.02, 0.02, 0]
    )
    np.testing.assert_allclose(
        perturbation.magnetization(fields, configuration, 0.4, 0.5), [1, 0.98, -0.98, -1]
    )
    np.testing.assert_allclose(
        perturbation.purity_pauli(fields, configuration, 0.4, 0.5), [1, 0.96, 0.96, 1]
    )
    np.testing.assert_allclose(
        perturbation.purity(fields, configuration, 0.4, 0.5), [1, 0.98, 0.98, 1]
    )
    # chain: 4 - 1 + 1/2 (-1 - 1) = 2, half the inverse square
    np.testing.assert_allclose(
        perturbation.chain_purity(fields, configuration), [1, 0.875, 0.875, 1]
    )


@pytest.mark.parametrize("detuning", [3.0, -8.0, 50.0])
def test_two_spins_follow_the_exact_two_level_solution(detuning):
    # P = Delta^2 / (Delta^2 + J^2) exactly, so the error is (J/Delta)^4 and no more
    exact = detuning**2 / (detuning**2 + 1)
    found = perturbation.purity_pauli([0.0, detuning], [1, -1], 1.0, 0.3)
    assert np.abs(found - exact).max() <= detuning**-4
    assert np.abs(found - exact).max() >= 0.5 * detuning**-4


# --- against exact diagonalization ----------------------------------------------------------


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_detuning_is_half_the_energy_of_a_flip(configuration):
    configuration = np.array(configuration)
    fields = FIELDS[: len(configuration)]
    ising = 0.7

    def energy(eta):
        return fields @ eta + ising * eta[1:] @ eta[:-1]

    for bond, delta in enumerate(perturbation.detuning(fields, configuration, ising)):
        if configuration[bond] != configuration[bond + 1]:
            flipped = configuration.copy()
            flipped[bond : bond + 2] *= -1
            change = energy(flipped) - energy(configuration)
            assert change == pytest.approx(2 * configuration[bond] * delta, rel=1e-12)


@pytest.mark.parametrize("configuration", CONFIGURATIONS[:3])
def test_admixtures_are_the_components_of_the_eigenstate(configuration):
    fields = FIELDS[:6]
    state, index, _ = pauli_eigenstate(fields, configuration, 0.05, 0.5)
    bits = [1 << 5 - i for i in range(6)]
    components = np.array(
        [
            state[index ^ bits[i] ^ bits[i + 1]] if configuration[i] != configuration[i + 1] else 0
            for i in range(5)
        ]
    )
    expected = -perturbation.admixture(fields, configuration, 0.05, 0.5)
    assert np.abs(expected).max() > 5e-4
    np.testing.assert_allclose(components / state[index], expected, atol=1e-7)


@pytest.mark.parametrize("configuration", CONFIGURATIONS[:3])
def test_magnetization_is_exact_up_to_the_fourth_order(configuration):
    def error(hopping):
        state, _, z = pauli_eigenstate(FIELDS[:6], configuration, hopping, 3.0)
        found = perturbation.magnetization(FIELDS[:6], configuration, hopping, 3.0)
        return np.abs(found - z @ state**2).max()

    # only even orders occur, so the ratio is 16 up to some (1/11)^2
    assert error(1.0) / error(0.5) == pytest.approx(16, rel=0.05)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("anisotropy", [0.0, 1.0])
def test_chain_purity_is_exact_up_to_the_fourth_order(configuration, anisotropy):
    fields = FIELDS[: len(configuration)]

    def error(scale, anisotropy):
        exact = chain_purity_exact(scale * fields, configuration, anisotropy)
        return perturbation.chain_purity(scale * fields, configuration, anisotropy) - exact

    # all energies doubled is J halved: only even orders occur, so 16 up to some (1/11)^2 / 4
    whole = np.abs(error(1, anisotropy)).max() / np.abs(error(2, 2 * anisotropy)).max()
    assert whole == pytest.approx(16, rel=0.005)
    # the fields alone doubled: the detunings double up to anisotropy / 31
    alone = np.abs(error(1, anisotropy)).max() / np.abs(error(2, anisotropy)).max()
    assert alone == pytest.approx(16, rel=0.01 + 2 * anisotropy / 31)
    # two bonds of detuning 31 would leave 2 (1/31)^4
    assert np.abs(error(1, anisotropy)).max() < 2 * 31.0**-4
    assert (1 - perturbation.chain_purity(fields, configuration, anisotropy)).max() > 4e-4


def test_printed_formulas_miss_the_exact_purity():
    configuration = [1, 1, -1, -1]
    fields, hopping, ising = np.array([10.0, -30.0, 20.0, 0.0]), 1.0, 2.0
    state, _, z = pauli_eigenstate(fields, configuration, hopping, ising)
    magnetization = z @ state**2
    lost = 1 - magnetization[1] ** 2
    printed = 2 * (2 * hopping / (50 - 4 * ising)) ** 2  # Eq. (19), first bracket
    assert printed / lost == pytest.approx(8 * (46 / 42) ** 2, rel=0.01)
    # Eq. (16), first bracket, has the same size
    assert printed / (1 - magnetization[1]) == pytest.approx(16 * (46 / 42) ** 2, rel=0.01)
    # Eq. (19) has its left bond raise the purity of site 2: it lowers it as much
    assert 1 - magnetization[2] ** 2 == pytest.approx(lost, rel=0.01)


# --- laws -----------------------------------------------------------------------------------

chains = st.integers(2, 9).flatmap(
    lambda length: st.tuples(
        st.lists(st.floats(-50, 50), min_size=length, max_size=length),
        st.lists(st.sampled_from([-1, 1]), min_size=length, max_size=length),
    )
)


@given(chains, st.floats(0.01, 2), st.floats(-1, 1))
def test_purity_sees_no_global_flip_and_no_mirror(chain, hopping, ising):
    fields, eta = np.array(chain[0]), np.array(chain[1])
    if np.abs(perturbation.detuning(fields, eta, ising)).min() < 1e-3:
        return
    purity = perturbation.purity(fields, eta, hopping, ising)
    assert (purity <= 1).all()
    flipped = perturbation.purity(-fields, -eta, hopping, ising)
    np.testing.assert_allclose(flipped, purity, rtol=1e-9, atol=1e-9)
    mirrored = perturbation.purity(fields[::-1], eta[::-1], hopping, ising)[::-1]
    np.testing.assert_allclose(mirrored, purity, rtol=1e-9, atol=1e-9)


@given(chains, st.floats(0.01, 2))
def test_the_free_formula_is_the_general_one_without_interaction(chain, hopping):
    fields, eta = np.array(chain[0]), np.array(chain[1])
    if np.abs(np.diff(fields)).min() < 1e-3:
        return
    free = perturbation.free_purity_pauli(fields, eta, hopping)
    general = perturbation.purity_pauli(fields, eta, hopping, 0.0)
    np.testing.assert_allclose(free, general, rtol=1e-12, atol=1e-12)


@given(chains, st.floats(0, 2))
def test_a_polarized_chain_is_pure(chain, anisotropy):
    up = np.ones(len(chain[0]))
    np.testing.assert_array_equal(perturbation.chain_purity(chain[0], up, anisotropy), 1)


def test_fields_and_configurations_broadcast():
    eta = sector(6)
    fields = np.stack([FIELDS[:6], 2 * FIELDS[:6]])
    table = perturbation.chain_purity(fields[:, None], eta)
    assert table.shape == (2, 20, 6)
    np.testing.assert_array_equal(table[1, 7], perturbation.chain_purity(fields[1], eta[7]))
    assert perturbation.admixture(fields[:, None], eta, 1.0, 0.0).shape == (2, 20, 5)


def test_inputs_are_left_alone():
    fields, eta = FIELDS[:6].copy(), np.array(CONFIGURATIONS[0])
    perturbation.chain_purity(fields, eta)
    np.testing.assert_array_equal(fields, FIELDS[:6])
    np.testing.assert_array_equal(eta, CONFIGURATIONS[0])


# --- correlations ---------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(1, 11))
def test_spin_moments_are_those_of_the_enumerated_sector(length):
    eta = sector(length)
    for count in range(length + 1):
        expected = eta[:, :count].prod(axis=1).mean()
        assert perturbation.spin_moment(length, count) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("length", [5, 8, 9, 10, 12])
def test_correlation_bracket_is_that_of_the_enumerated_sector(length):
    eta = sector(length)
    bonds = eta[:, :-1] * eta[:, 1:]
    expected = np.cov(bonds[:, 0], bonds[:, -1], ddof=0)[0, 1]
    assert perturbation.correlation_bracket(length) == pytest.approx(expected, rel=1e-12)


@given(st.integers(2, 500).map(lambda half: 2 * half))
def test_correlation_bracket_has_its_closed_form(length):
    expected = 2 * length / ((length - 1) ** 2 * (length - 3))
    assert perturbation.correlation_bracket(length) == pytest.approx(expected, rel=1e-8)


def test_correlation_bracket_tends_to_the_printed_value_from_far_above():
    ratio = {n: perturbation.correlation_bracket(n) * n**2 / 2 for n in (8, 16, 20, 2000)}
    assert ratio[8] == pytest.approx(512 / 245)
    assert ratio[16] == pytest.approx(4096 / 2925)
    assert ratio[20] == pytest.approx(8000 / 6137)
    assert ratio[2000] == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize("length", [8, 9, 10, 12])
@pytest.mark.parametrize("couplings", [(1.0, 1.0), (0.2, 3.0), (1.0, 0.0), (0.0, 7.0)])
def test_pearson_tail_is_that_of_the_enumerated_sector(length, couplings):
    eta = sector(length)
    loss = 1 - eta[:, :-1] * eta[:, 1:]
    near = 1 - 0.37 * loss[:, 0]
    for site in range(3, length - 1):
        far = 1 - couplings[0] * loss[:, site - 1] - couplings[1] * loss[:, site]
        found = perturbation.pearson_tail(length, *couplings)
        assert found == pytest.approx(np.corrcoef(near, far)[0, 1], rel=1e-10)


def test_pearson_tail_is_that_of_the_perturbative_purities():
    eta, fields = sector(8), FIELDS
    purity = perturbation.chain_purity(fields, eta, 0.0)
    for site in range(3, 7):
        left, right = 1 / np.diff(fields)[site - 1 : site + 1] ** 2
        found = perturbation.pearson_tail(8, left, right)
        assert found == pytest.approx(np.corrcoef(purity[:, 0], purity[:, site])[0, 1], rel=1e-9)
    far_end = np.corrcoef(purity[:, 0], purity[:, 7])[0, 1]
    assert perturbation.pearson_tail(8, 1.0, 0.0) == pytest.approx(far_end, rel=1e-9)


@given(st.integers(3, 500).map(lambda half: 2 * half))
def test_pearson_tail_of_equal_couplings_has_its_closed_form(length):
    expected = 2 * math.sqrt(2) / math.sqrt((length - 2) * (length - 3) ** 3)
    assert perturbation.pearson_tail(length) == pytest.approx(expected, rel=1e-7)


@given(st.integers(5, 60), st.floats(0, 10), st.floats(0.01, 10), st.floats(0.01, 100))
def test_pearson_tail_depends_on_the_ratio_of_the_couplings_only(length, left, right, scale):
    found = perturbation.pearson_tail(length, scale * left, scale * right)
    assert found == pytest.approx(perturbation.pearson_tail(length, left, right), rel=1e-9)
    assert found == pytest.approx(perturbation.pearson_tail(length, right, left), rel=1e-12)
    assert 0 < found <= 1


@pytest.mark.parametrize("length, ring", [(6, False), (8, False), (9, False), (8, True), (9, True)])
@pytest.mark.parametrize("disorder", [0.5, 3.0, 8.0])
def test_averaged_tail_is_the_average_over_fields_and_states(length, ring, disorder):
    # no formula for moments here: Gauss-Legendre over the fields of both sites, enumerated states
    nodes, weights = np.polynomial.legendre.leggauss(120)
    nodes, weights = disorder * nodes, weights / 2
    loss = 0.5 / (1 + (nodes[:, None] - nodes) ** 2)
    eta = sector(length)
    near, far, near_square, far_square = (np.empty(len(eta)) for _ in range(4))
    for k, row in enumerate(eta):
        before = loss * (1 - row[-1] * row[0]) * ring
        end = before[:, :, None] + loss * (1 - row[0] * row[1])
        near[k] = np.einsum("i,j,k,ijk", weights, weights, weights, end, optimize=True)
        near_square[k] = np.einsum("i,j,k,ijk", weights, weights, weights, end**2, optimize=True)
        left, right = loss * (1 - row[3] * row[4]), loss * (1 - row[4] * row[5])
        bulk = left[:, :, None] + right[None]
        far[k] = np.einsum("i,j,k,ijk", weights, weights, weights, bulk, optimize=True)
        far_square[k] = np.einsum("i,j,k,ijk", weights, weights, weights, bulk**2, optimize=True)
    covariance = (near * far).mean() - near.mean() * far.mean()
    variances = (near_square.mean() - near.mean() ** 2) * (far_square.mean() - far.mean() ** 2)
    expected = covariance / math.sqrt(variances)
    assert perturbation.averaged_tail(length, disorder, ring) == pytest.approx(expected, rel=1e-6)


def test_averaged_tail_tends_to_its_two_limits():
    # weak disorder: every coupling is 1/2, nothing fluctuates but the state
    assert perturbation.averaged_tail(10, 1e-3) == pytest.approx(
        perturbation.pearson_tail(10), rel=1e-5
    )
    # strong disorder: sqrt(2) pi / W (L-1) (L-3), approached as ln W / W
    strong = [
        perturbation.averaged_tail(10, w) * 63 * w / (math.sqrt(2) * math.pi) for w in (1e3, 1e5)
    ]
    assert strong == pytest.approx([1, 1], rel=1e-2)
    assert abs(strong[1] - 1) < 0.02 * abs(strong[0] - 1)
    # in a ring 2 pi, where both sites have two bonds
    ring = perturbation.averaged_tail(10, 1e5, ring=True)
    assert ring * 63 * 1e5 / (2 * math.pi) == pytest.approx(1, rel=1e-2)


def test_what_joins_the_ends_of_a_chain_gives_it_the_tail_of_a_ring():
    ring = perturbation.averaged_tail(8, 6.0, ring=True)
    closed = (Model(8, 6.0, bubble=4), Model(8, 6.0, boundary="periodic"))
    assert [perturbation.conserved_tail(model) for model in closed] == [ring, ring]
    assert perturbation.conserved_tail(Model(8, 6.0)) == perturbation.averaged_tail(8, 6.0) < ring
    assert np.isnan([perturbation.conserved_tail(m) for m in (Model(4, 6.0), Model(8, 0))]).all()


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: perturbation.chain_purity([1, 2, 3], [1, -1]),
            "fields and configuration must have the same number of sites, at least 2, "
            "got shapes (3,) and (2,)",
        ),
        (
            lambda: perturbation.chain_purity([1], [1]),
            "fields and configuration must have the same number of sites, at least 2, "
            "got shapes (1,) and (1,)",
        ),
        (
            lambda: perturbation.chain_purity([1, 2], [0.5, -0.5]),
            "configuration must hold +1 and -1 only, got 0.5",
        ),
        (
            lambda: perturbation.chain_purity([1, math.nan], [1, -1]),
            "fields must be finite, got nan",
        ),
        (
            lambda: perturbation.chain_purity([1, 2], [1, -1], math.inf),
            "anisotropy must be finite, got inf",
        ),
        (
            lambda: perturbation.purity([1, 2], [1, -1], math.nan, 0),
            "hopping must be finite, got nan",
        ),
        (
            lambda: perturbation.purity([3, 1, 1], [1, 1, -1], 1, 0),
            "detuning of a flippable bond must not be 0, got 0 at bond 1",
        ),
        (
            lambda: perturbation.free_purity_pauli([3, 1, 1], [1, 1, -1], 1),
            "neighbouring fields must differ, got equal ones at bond 1",
        ),
        (
            lambda: perturbation.spin_moment(6, 7),
            "count must be a whole number of at least 0 and at most 6, got 7",
        ),
        (
            lambda: perturbation.correlation_bracket(3),
            "length must be a whole number of at least 4, got 3",
        ),
        (
            lambda: perturbation.pearson_tail(8.5),
            "length must be a whole number of at least 5, got 8.5",
        ),
        (
            lambda: perturbation.averaged_tail(math.inf, 4.0),
            "length must be a whole number of at least 5, got inf",
        ),
        (
            lambda: perturbation.pearson_tail(8, 0, 0),
            "couplings must be finite, at least 0 and not both 0, got 0 and 0",
        ),
        (
            lambda: perturbation.averaged_tail(8, 0),
            "disorder must be finite and above 0, got 0",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError) as refusal:
        call()
    assert str(refusal.value) == message


def test_the_generator_is_antisymmetric_and_holds_the_corrected_admixtures():
    model = Model(6, 20.0)
    sample = draw(model, 1, 0)
    hamiltonian = build(sample)
    a = perturbation.generator(hamiltonian)
    np.testing.assert_array_equal(a, -a.T)
    matrix = hamiltonian.matrix.toarray()
    diagonal = np.diag(np.diag(matrix))
    np.testing.assert_allclose(a @ diagonal - diagonal @ a, matrix - diagonal, atol=1e-12)
    eta = 2 * hamiltonian.pattern.spins
    formula = perturbation.admixture(sample.fields / 2, eta, 0.5, 0.25)
    for row, bonds in zip(a, formula, strict=True):
        np.testing.assert_allclose(np.sort(row[row != 0]), np.sort(bonds[bonds != 0]))


def test_a_bond_as_two_levels_is_exact_for_two_spins_and_second_order_far_away():
    fields, eta = np.array([0.3, 2.1]), np.array([1, -1])
    # two levels of distance D = h_1 - h_0, coupling 1/2: S^z = D / 2 sqrt(D^2 + 1)
    detuning = 1.8
    exact = 0.5 - 0.5 * detuning**2 / (detuning**2 + 1)
    np.testing.assert_allclose(perturbation.resolved_loss(fields, eta, 1.0), exact)
    far = np.array([0.0, 300.0, -500.0, 900.0])
    eta = np.array([1, -1, 1, -1])
    np.testing.assert_allclose(
        perturbation.resolved_loss(far, eta, 1.0),
        1 - perturbation.chain_purity(far, eta),
        rtol=1e-4,
    )


def test_the_averaged_tail_falls_with_one_power_of_the_disorder():
    limits = perturbation.tail_limits(12, 2000.0)
    assert limits["ratio"] == pytest.approx(1, abs=0.01)
    assert limits["power"] == pytest.approx(-1, abs=0.01)
