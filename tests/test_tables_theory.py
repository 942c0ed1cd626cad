"""The tables of theory hold what theory says, and find again what is put into the data."""

import math

import numpy as np
import pandas as pd
import pytest

from inclusions import avalanche, campaign, ensemble, perturbation, store, tables
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.disorder import draw
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.statistics import Estimate
from inclusions.tables import avalanche as tables_avalanche
from inclusions.tables import perturbation as tables_perturbation

CAMPAIGN = """
name = "tiny"
seed = 7
states = 10

[[ensemble]]
length = 6
bubble = 4
disorder = [3.0, 9.0]
realizations = 24

[[ensemble]]
length = 8
disorder = [3.0, 9.0]
realizations = 24
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theory")
    file, data = folder / "tiny.toml", folder / "data"
    file.write_text(CAMPAIGN)
    ensemble.run(campaign.load(file), data)
    for place in store.stores(data):
        place.consolidate()
    store.write_manifest(data)
    return tables.load(file, data)


@pytest.fixture
def nothing(loaded, tmp_path):
    return tables.load(loaded.campaign, tmp_path)


# --- avalanche theory -----------------------------------------------------------------------


def test_only_the_corrected_distance_meets_both_conditions():
    table = tables_avalanche.distance_checks([0.5, 0.8, 0.95], bubble=4)
    right = table[table.kind == "factor 1/2"]
    np.testing.assert_allclose(right.resonance, 1)
    np.testing.assert_allclose(right.dimension, right.stated)
    wrong = table[table.kind != "factor 1/2"]
    assert (abs(wrong.resonance - 1) > 0.1).all()
    assert (abs(np.log(wrong.dimension / wrong.stated)) > 0.5).all()


@pytest.mark.parametrize("bubble", [2, 4, 8])
def test_an_avalanche_crosses_from_the_length_the_text_derives(bubble):
    sizes = tables_avalanche.finite_sizes(bubble, [10, 16, 20])
    expected = 1 / (1 + math.log2(bubble) / sizes.length)
    np.testing.assert_allclose(sizes.swallows, expected, rtol=1e-9)
    np.testing.assert_allclose(sizes.dimension, bubble * 2.0**sizes.length)
    np.testing.assert_allclose(sizes.centre, bubble)


def test_the_printed_term_leaves_the_allowed_range_and_the_bounded_one_does_not():
    table = tables_avalanche.ergodic_terms(0.6, 4, 16, 0.85, [1.0, 0.5])
    assert (table.groupby("exponent").printed.max() > 10).all()
    assert table.bounded.max() == pytest.approx(0.35)
    same = table[table.printed < 0.35]
    np.testing.assert_allclose(same.bounded, same.printed)


def test_regime_one_keeps_a_plateau_and_regime_two_does_not():
    table = tables_avalanche.regimes([0.6, 3.0], 0.3, 4, [64], 0.85, [1.0])
    last = table[table.distance == 31].set_index("ratio").difference
    assert last[3.0] == pytest.approx(0.3 * 0.35, rel=5e-3)
    assert last[0.6] < 1e-6
    at_zero = table[(table.distance == 0) & (table.ratio == 3.0)]
    assert at_zero.without.item() == pytest.approx(0.35)


def response_of(xi, p, exponent, noise=0.002):
    """What `responses` gives for data that follow Eq. (6) exactly, L = 12, gamma_XXZ = 0.85."""
    distance = np.arange(1, 7)
    truth = 0.85 - avalanche.mean_purity(distance, xi, p, 4, 12, 0.85, exponent)
    samples = truth + noise * np.random.default_rng(1).standard_normal((400, 6))
    return Estimate(truth, samples.std(axis=0), samples)


@pytest.mark.parametrize("exponent", [1.0, 0.5])
@pytest.mark.parametrize(("ratio", "p"), [(0.6, 0.3), (1.5, 0.2), (2.0, 0.6)])
def test_a_fit_finds_what_the_data_were_made_of(ratio, p, exponent):
    xi = ratio * CRITICAL_LENGTH
    model = Model(12, 5.0, bubble=4)
    fit = tables_avalanche.fit_avalanche(response_of(xi, p, exponent), 0.85, model, exponent, 1)
    assert fit["chi2"] < 0.5 and fit["degrees"] == 4
    assert fit["xi_low"] <= xi * 1.01 and xi * 0.99 <= fit["xi_high"]
    assert fit["p_low"] - 0.01 <= p <= fit["p_high"] + 0.01
    assert fit["xi_high"] - fit["xi_low"] < xi
    assert (fit["below"] < fit["above"]) == (ratio < 1)


def fit_row(**values):
    row = {"probability": 0.5, "p_high": 0.4, "below": 3.0, "above": 3.0}
    return pd.Series(row | values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "not decidable"),
        ({"above": 8.0}, "II"),
        ({"below": 8.0}, "I"),
        ({"below": 8.0, "probability": 0.001}, "rejected"),
        ({"above": 8.0, "p_high": 0.005}, "no avalanche"),
    ],
)
def test_a_regime_is_named_only_where_the_other_is_worse(values, said):
    assert tables_avalanche.regime(fit_row(**values)) == said


def test_bubbles_are_compared_with_the_chain_two_sites_longer(loaded):
    pairs = tables_avalanche.responses(loaded)
    assert [(m.length, m.disorder) for m in pairs] == [(6, 3.0), (6, 9.0)]
    isolated, response = pairs[Model(6, 9.0, bubble=4)]
    chain = loaded.found[Model(8, 9.0)].linear_entropy.values
    assert isolated.value == pytest.approx(1 - chain[:, 2:6].mean(), rel=1e-6)
    bubble = loaded.found[Model(6, 9.0, bubble=4)].linear_entropy.values
    assert response.value[0] == pytest.approx(
        isolated.value - 1 + bubble[:, [0, 5]].mean(), rel=1e-6
    )


def test_every_bubble_is_fitted_with_both_exponents(loaded):
    # three distances only: what counts is that rows are there, not what they say
    fits = tables_avalanche.avalanche_fits(loaded)
    assert sorted(zip(fits.disorder, fits.exponent, strict=True)) == [
        (3.0, 0.5), (3.0, 1.0), (9.0, 0.5), (9.0, 1.0),
    ]  # fmt: skip
    assert (fits.p_low <= fits.p).all() and (fits.p <= fits.p_high).all()
    points, curves = tables_avalanche.avalanche_curves(fits, loaded)
    assert len(points) == 6 and len(curves) == 4 * 61
    assert len(tables_avalanche.readable_fits(fits)) == 4
    assert tables_avalanche.fit_texts(fits)["fits"] == "4"


def test_the_mixture_has_one_row_an_ensemble_and_names_no_fraction_without_two(loaded):
    mixtures = tables_avalanche.mixtures(loaded, length=6)
    assert len(mixtures) == 4
    shown = tables_avalanche.readable_mixtures(mixtures)["fraction $p$"]
    for decided, text in zip(mixtures.decidable, shown, strict=True):
        assert decided or text == "–"


@pytest.mark.parametrize(
    ("bubble", "isolated", "words"),
    [
        ([False], [False], "not decidable"),
        ([True], [True], "is not what"),
        ([True], [False], "can be read off"),
        ([], [False], "cannot be told"),
    ],
)
def test_a_fraction_needs_two_components_that_the_control_lacks(bubble, isolated, words):
    table = pd.DataFrame(
        {
            "bubble": [4] * len(bubble) + [0] * len(isolated),
            "decidable": np.array([*bubble, *isolated], bool),
        }
    )
    assert words in tables_avalanche.mixture_texts(table)["verdict"]


def test_without_data_tables_are_empty_and_texts_say_so(nothing):
    fits = tables_avalanche.avalanche_fits(nothing)
    assert fits.empty and tables_avalanche.fit_texts(fits)["fits"] == "0"
    assert all(table.empty for table in tables_avalanche.avalanche_curves(fits, nothing))
    assert (
        "cannot be told"
        in tables_avalanche.mixture_texts(tables_avalanche.mixtures(nothing, length=6))["verdict"]
    )
    assert tables_perturbation.ensemble_tails(nothing).empty
    assert (
        tables_perturbation.tail_texts(tables_perturbation.ensemble_tails(nothing))["bubble_count"]
        == "0"
    )
    assert tables_avalanche.first_site(nothing)["share_range"] == tables.UNKNOWN


# --- the expansion --------------------------------------------------------------------------


def test_the_generator_is_antisymmetric_and_holds_the_corrected_admixtures():
    model = Model(6, 20.0)
    sample = draw(model, 1, 0)
    hamiltonian = build(sample)
    a = tables_perturbation.generator(hamiltonian)
    np.testing.assert_array_equal(a, -a.T)
    matrix = hamiltonian.matrix.toarray()
    diagonal = np.diag(np.diag(matrix))
    np.testing.assert_allclose(a @ diagonal - diagonal @ a, matrix - diagonal, atol=1e-12)
    eta = 2 * hamiltonian.pattern.spins
    formula = perturbation.admixture(sample.fields / 2, eta, 0.5, 0.25)
    for row, bonds in zip(a, formula, strict=True):
        np.testing.assert_allclose(np.sort(row[row != 0]), np.sort(bonds[bonds != 0]))


def test_admixtures_agree_with_the_eigenstate_and_the_printed_ones_do_not():
    table = tables_perturbation.admixtures(Model(8, 60.0, anisotropy=12.0))
    assert len(table) >= 5
    np.testing.assert_allclose(table.formula, table["matrix"], rtol=1e-10)
    np.testing.assert_allclose(table.formula, table.exact, rtol=0.01)
    assert (np.sign(table.printed) == -np.sign(table.exact)).all()
    assert (abs(abs(table.printed / table.exact) - 1) > 0.05).all()


def test_only_the_real_exponential_keeps_the_norm_and_meets_the_eigenstate():
    table = tables_perturbation.exponentials(6, [50.0, 100.0])
    assert (table.real_norm < 1e-12).all() and (table.imaginary_norm > 1e-4).all()
    assert (table.real_off < 0.01 * table.imaginary_off).all()


def test_printed_prefactors_are_sixteen_and_eight_and_ours_one():
    table = tables_perturbation.prefactors(8, 200.0).set_index("formula")
    sixteen, nineteen, twentyone, ours = table.itertuples(index=False)
    assert tuple(sixteen) == pytest.approx((16, 16), rel=2e-3)
    assert tuple(nineteen) == pytest.approx((8, -8), rel=2e-3)
    assert tuple(twentyone) == pytest.approx((8, 8), rel=2e-3)
    assert tuple(ours) == pytest.approx((1, 1), rel=2e-3)


def test_a_bond_as_two_levels_is_exact_for_two_spins_and_second_order_far_away():
    fields, eta = np.array([0.3, 2.1]), np.array([1, -1])
    # two levels of distance D = h_1 - h_0, coupling 1/2: S^z = D / 2 sqrt(D^2 + 1)
    detuning = 1.8
    exact = 0.5 - 0.5 * detuning**2 / (detuning**2 + 1)
    np.testing.assert_allclose(tables_perturbation.resolved_loss(fields, eta, 1.0), exact)
    far = np.array([0.0, 300.0, -500.0, 900.0])
    eta = np.array([1, -1, 1, -1])
    np.testing.assert_allclose(
        tables_perturbation.resolved_loss(far, eta, 1.0),
        1 - perturbation.chain_purity(far, eta),
        rtol=1e-4,
    )


def test_the_expansion_holds_at_high_disorder_to_the_fourth_order():
    table = tables_perturbation.expansion(6, [16.0, 64.0], realizations=30)
    assert (table.clear_error < 0.05 * table.typical).all()
    assert (table.printed_error > 5 * table.clear_error).all()
    assert tables_perturbation.local_slope(table, "error") < -3
    assert -2.6 < tables_perturbation.local_slope(table, "printed_error") < -1.2
    np.testing.assert_allclose(table["mean"], table.mean_resolved, rtol=0.15)


# --- conservation ---------------------------------------------------------------------------


def test_the_bracket_is_counted_where_the_closed_form_says():
    table = tables_perturbation.brackets([7, 8, 10], [20])
    counted = table.dropna()
    np.testing.assert_allclose(counted.counted, counted.exact, rtol=1e-12)
    assert table.counted.isna().tolist() == [False, False, False, True]
    assert (table.exact > table.printed).all()


def test_the_averaged_tail_falls_with_one_power_of_the_disorder():
    limits = tables_perturbation.tail_limits(12, 2000.0)
    assert limits["ratio"] == pytest.approx(1, abs=0.01)
    assert limits["power"] == pytest.approx(-1, abs=0.01)


def test_small_chains_have_the_tail_of_conservation():
    table = tables_perturbation.small_chain_correlations(6, [60.0], 60, anisotropies=[0.0])
    at = table[table.distance == 3].iloc[0]
    assert abs(at.fixed - at.expected) < 5 * at.fixed_error + 0.02
    assert table[table.distance == 0].fixed.item() == pytest.approx(1)
    assert table[table.distance < 3].expected.isna().all()
    # one bond at the far end: no coupling to average over
    assert table[table.distance == 5].expected.item() == pytest.approx(
        perturbation.pearson_tail(6, 1, 0)
    )


def test_tails_within_realizations_leave_the_means_out(loaded):
    table = tables_perturbation.ensemble_tails(loaded)
    assert len(table) == 4
    row = table[(table.bubble == 0) & (table.disorder == 9.0)].iloc[0]
    data = loaded.found[Model(8, 9.0)]
    entropy = data.linear_entropy.values.astype(float)
    second = data.linear_entropy_variance.values + entropy**2
    covariance = data.linear_entropy_covariance.values.mean(axis=0)
    mirrored = 0.5 * (covariance[0, 4] + covariance[1, 3])
    variance = [
        0.5 * (second[:, i] + second[:, 7 - i]).mean()
        - (0.5 * (entropy[:, i] + entropy[:, 7 - i]).mean()) ** 2
        for i in (0, 4)
    ]
    assert row.within == pytest.approx(mirrored / math.sqrt(math.prod(variance)), rel=1e-5)
    assert row.conserved == perturbation.averaged_tail(8, 9.0)
