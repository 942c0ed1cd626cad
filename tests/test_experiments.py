"""Small samples solved live show what theory says of them."""

import numpy as np
import pytest

from inclusions import estimates, experiments, perturbation, statistics
from inclusions.basis import chain_states
from inclusions.model import Model
from inclusions.observables import reduced_densities


def test_purity_formula_holds_in_eigenstates_and_fails_between_sectors():
    table = experiments.partial_traces(Model(4, 3.0, bubble=2), count=8)
    exact = table[table.kind == "eigenstate"]
    assert len(exact) == 8 * 4
    np.testing.assert_allclose(exact.partial_trace, exact.formula, atol=1e-13)
    mixed = table[table.kind == "superposition"]
    assert (mixed.partial_trace - mixed.formula).max() > 0.01


def test_reduced_densities_are_those_of_a_bell_pair_and_a_product():
    model = Model(3, 1.0)
    states = np.zeros((8, 2))
    states[[0b001, 0b010], 0] = np.sqrt(0.5)  # sites 0 and 1 entangled, 2 down
    states[[0b000, 0b100], 1] = np.sqrt(0.5)  # site 2 along x
    densities = reduced_densities(model, states)
    half = np.eye(2) / 2
    np.testing.assert_allclose(densities[0, :2], [half, half], atol=1e-15)
    np.testing.assert_allclose(densities[0, 2], np.diag([1, 0]), atol=1e-15)
    np.testing.assert_allclose(densities[1, 2], np.full((2, 2), 0.5), atol=1e-15)


def test_product_states_of_the_whole_sector_give_the_formula():
    length = 10
    data = experiments.conserved_sample(length, 200.0, 300)
    assert data.states[0] == len(chain_states(length, 5))
    fixed = estimates.fixed_disorder_correlation(Model(length, 200.0), data)
    # bonds of a site have different couplings, so the formula for equal ones is an upper bound
    assert 0.5 < float(fixed.value) / perturbation.pearson_tail(length) < 1.0
    loss = float(data.linear_entropy.mean())
    assert loss == pytest.approx(np.pi / 800 * 10 / 9 * 9 / 10, rel=0.25)


def test_admixtures_agree_with_the_eigenstate_and_the_printed_ones_do_not():
    table = experiments.admixtures(Model(8, 60.0, anisotropy=12.0))
    assert len(table) >= 5
    np.testing.assert_allclose(table.formula, table["matrix"], rtol=1e-10)
    np.testing.assert_allclose(table.formula, table.exact, rtol=0.01)
    assert (np.sign(table.printed) == -np.sign(table.exact)).all()
    assert (abs(abs(table.printed / table.exact) - 1) > 0.05).all()


def test_only_the_real_exponential_keeps_the_norm_and_meets_the_eigenstate():
    table = experiments.exponentials(6, [50.0, 100.0])
    assert (table.real_norm < 1e-12).all() and (table.imaginary_norm > 1e-4).all()
    assert (table.real_off < 0.01 * table.imaginary_off).all()


def test_printed_prefactors_are_sixteen_and_eight_and_ours_one():
    table = experiments.prefactors(8, 200.0).set_index("formula")
    sixteen, nineteen, twentyone, ours = table.itertuples(index=False)
    assert tuple(sixteen) == pytest.approx((16, 16), rel=2e-3)
    assert tuple(nineteen) == pytest.approx((8, -8), rel=2e-3)
    assert tuple(twentyone) == pytest.approx((8, 8), rel=2e-3)
    assert tuple(ours) == pytest.approx((1, 1), rel=2e-3)


def test_the_expansion_holds_at_high_disorder_to_the_fourth_order():
    table = experiments.expansion(6, [16.0, 64.0], realizations=30)
    assert (table.clear_error < 0.05 * table.typical).all()
    assert (table.printed_error > 5 * table.clear_error).all()
    falls = [
        statistics.fall(table.disorder, table[name], table[f"{name}_error"]).last
        for name in ("error", "printed_error")
    ]
    assert falls[0] > 3 and 1.2 < falls[1] < 2.6
    np.testing.assert_allclose(table["mean"], table.mean_resolved, rtol=0.15)


def test_small_chains_have_the_tail_of_conservation():
    table = experiments.small_chain_correlations(6, [60.0], 60, anisotropies=[0.0])
    at = table[table.distance == 3].iloc[0]
    assert abs(at.fixed - at.expected) < 5 * at.fixed_error + 0.02
    assert table[table.distance == 0].fixed.item() == pytest.approx(1)
    assert table[table.distance < 3].expected.isna().all()
    # one bond at the far end: no coupling to average over
    assert table[table.distance == 5].expected.item() == pytest.approx(
        perturbation.pearson_tail(6, 1, 0)
    )


def test_random_vectors_have_a_purity_that_falls_with_the_dimension_itself():
    # E[x_i^4] of a unit vector gives 1/(d + 2) exactly: the power is -1, not the printed -1/2.
    excess, power = experiments.random_vectors()
    assert [d for d, _ in excess] == [20, 70, 252]
    assert [value for _, value in excess] == pytest.approx([1, 1, 1], abs=0.05)
    assert power == pytest.approx(-1, abs=0.03)


def test_the_first_commutator_of_a_conjugation_has_the_sign_of_its_right_factor():
    right, printed = experiments.conjugations()
    assert right < 1e-4 < 1e-3 < printed


def test_a_flip_costs_what_the_corrected_detuning_says():
    corrected, printed = experiments.flip_energies()
    assert corrected < 1e-12 < 1 < printed
