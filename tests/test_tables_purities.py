"""Purities, correlations and magnetizations are those of the records, with honest verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import purity_store as synthetic
import pytest

from inclusions import perturbation, tables
from inclusions.basis import chain_states
from inclusions.model import Model
from inclusions.tables import correlations, gap_ratios, purities
from inclusions.tables.model import bandwidth_texts

NAN = float("nan")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return synthetic.make(tmp_path_factory.mktemp("purities"))


@pytest.fixture(scope="module")
def parts(source):
    return synthetic.families(source)


def nothing(source, folder):
    return tables.load(source[0], folder)


def at(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


# Eq. (5)


def test_purity_formula_holds_in_eigenstates_and_fails_between_sectors():
    table = purities.partial_traces(Model(4, 3.0, bubble=2), count=8)
    exact = at(table, kind="eigenstate")
    assert len(exact) == 8 * 4
    np.testing.assert_allclose(exact.partial_trace, exact.formula, atol=1e-13)
    mixed = at(table, kind="superposition")
    assert (mixed.partial_trace - mixed.formula).max() > 0.01
    texts = purities.partial_trace_texts(table)
    assert texts["formula_verdict"] == "holds"
    spoilt = table.assign(formula=table.formula + 1e-9)
    assert purities.partial_trace_texts(spoilt)["formula_verdict"] == "does not hold"


def test_reduced_densities_are_those_of_a_bell_pair_and_a_product():
    model = Model(3, 1.0)
    states = np.zeros((8, 2))
    states[[0b001, 0b010], 0] = np.sqrt(0.5)  # sites 0 and 1 entangled, 2 down
    states[[0b000, 0b100], 1] = np.sqrt(0.5)  # site 2 along x
    densities = purities.reduced_densities(model, states)
    half = np.eye(2) / 2
    np.testing.assert_allclose(densities[0, :2], [half, half], atol=1e-15)
    np.testing.assert_allclose(densities[0, 2], np.diag([1, 0]), atol=1e-15)
    np.testing.assert_allclose(densities[1, 2], np.full((2, 2), 0.5), atol=1e-15)


# Means


def test_mean_purities_average_states_realizations_and_mirror_images(source, parts):
    table = purities.mean_purities(*parts)
    for model in (Model(8, 4.0, bubble=4), Model(10, 8.0), Model(12, 1.0, boundary="periodic")):
        entropy = source[2][model]
        mirrored = (entropy + entropy[..., ::-1]) / 2
        rows = at(table, bubble=model.bubble, length=model.length, disorder=model.disorder,
                  boundary=model.boundary)  # fmt: skip
        half = model.length // 2
        np.testing.assert_allclose(rows.purity, 1 - mirrored.mean((0, 1))[:half], rtol=1e-6)
        spread = mirrored.mean(1).std(0)[:half] / np.sqrt(synthetic.REALIZATIONS)
        np.testing.assert_allclose(rows.error, spread, rtol=0.15)


def test_isolated_purity_is_of_four_sites_in_the_middle_or_of_all(source, parts):
    table = purities.isolated_purities(parts[1])
    entropy = source[2][Model(10, 4.0)]
    rows = at(table, length=10, disorder=4.0).set_index("sites").purity
    assert rows["middle"] == pytest.approx(1 - entropy[..., 3:7].mean(), rel=1e-6)
    assert rows["all"] == pytest.approx(1 - entropy.mean(), rel=1e-6)


def test_a_model_of_two_campaigns_counts_once(parts):
    pd.testing.assert_frame_equal(
        purities.mean_purities(*parts), purities.mean_purities(*parts, *parts)
    )


@pytest.mark.parametrize(
    ("mean", "low", "high"), [(0, 0.65, 0.8), (1, 0.95, 1.05), (3, 0.95, 1.05)]
)
def test_scatter_recovers_the_variance_of_gaussian_magnetizations(mean, low, high):
    spins = np.random.default_rng(0).normal(0.02 * mean, 0.02, (5000, 50))
    gamma = 0.5 + 2 * spins**2
    part = purities.scatter(1 - gamma.mean(1), gamma.var(1)).mean()
    assert low < part / (2 * 0.02**2) < high


def test_ergodic_excess_and_exponent_are_those_of_the_records(source, parts):
    table = purities.ergodic(*parts)
    assert set(table.disorder) == {1.0}
    row = at(table, bubble=4, length=8).iloc[0]
    assert row.excess == pytest.approx(0.5 - source[2][Model(8, 1.0, bubble=4)].mean(), rel=1e-6)
    assert row.random == 1 / (4 * 70 + 2)


def power(exponent, lengths=(8, 10, 12)):
    rows = [
        Model(n, 1.0, bubble=4).as_dict()
        | {"dimension": 4.0**n, "excess": 4.0 ** (-exponent * n), "scatter": 4.0**-n}
        | {"error": 0.01 * 4.0 ** (-exponent * n), "scatter_error": 0.01 * 4.0**-n}
        for n in lengths
    ]
    return pd.DataFrame(rows)


def test_exponents_find_the_power_and_say_which_one_it_is():
    table = purities.exponents(power(0.5)).set_index("part")
    assert table.exponent["excess"] == pytest.approx(0.5, abs=1e-6)
    assert table["last"]["scatter"] == pytest.approx(1)
    assert table.degrees["excess"] == 1
    texts = purities.exponent_texts(table.reset_index())
    assert texts["excess_verdict"] == "agrees with 1 in 0 of 1 cases and 1/2 in 1 of 1 cases"
    assert texts["scatter_verdict"] == "agrees with 1 in 1 of 1 cases and 1/2 in 0 of 1 cases"
    assert texts["above_half"] == "1 of 1"


def test_two_lengths_give_an_exponent_but_no_fit():
    table = purities.exponents(power(0.5, (8, 10))).set_index("part")
    assert np.isnan(table.exponent["excess"])
    assert table["last"]["excess"] == pytest.approx(0.5)


def test_loss_at_strong_disorder_is_told_from_another_power():
    rows = [
        Model(n, w).as_dict() | {"loss": 0.7 * w**-power, "error": 0.001, "resonant": 0.7 / w}
        for n in (8, 10)
        for w, power in ((15.0, 1), (25.0, 1), (50.0, 1))
    ]
    texts = purities.loss_texts(pd.DataFrame(rows))
    assert float(texts["loss_exponent"].split("(")[0]) == pytest.approx(1, abs=0.01)
    assert texts["loss_volume"].startswith("agree")
    assert texts["loss_ratio"].startswith("1.0")
    rows[-1]["loss"] += 0.02
    assert purities.loss_texts(pd.DataFrame(rows))["loss_volume"].startswith("differ")


def test_trends_are_lines_through_the_purities(parts):
    table = purities.trends(*parts)
    means = purities.mean_purities(*parts)
    row = at(table, bubble=4, disorder=4.0, distance=3).iloc[0]
    low, high = at(means, bubble=4, disorder=4.0, distance=3).sort_values("length").itertuples()
    assert row.slope == pytest.approx((high.purity - low.purity) / 2)
    assert row.error == pytest.approx(np.hypot(high.error, low.error) / 2)
    assert at(table, bubble=4, distance=5).empty  # lengths 8 and 10 have no distance 5


@pytest.mark.parametrize(
    ("value", "verdict"), [(3.0, "grows"), (-3.0, "falls"), (1.0, "not decidable"),
                           (NAN, "not decidable")],
)  # fmt: skip
def test_a_sign_is_known_beyond_two_errors_only(value, verdict):
    assert tables.sign(value, 1.0) == verdict


def test_bubble_sizes_take_the_length_with_most_sizes_and_tuned_bandwidths(source):
    table = purities.bubble_sizes(synthetic.load(source))
    assert set(table.length) == {10}
    assert set(table.bubble) == {0, 1, 3, 4, 8}
    entropy = source[2][Model(10, 8.0, bubble=3)]
    row = at(table, bubble=3, disorder=8.0, distance=0).iloc[0]
    assert row.purity == pytest.approx(1 - entropy[..., [0, -1]].mean(), rel=1e-6)
    trends = purities.bubble_trends(table)
    assert set(trends.disorder) == {4.0, 8.0}
    curve = at(table, disorder=8.0, distance=0)
    curve = curve[curve.bubble > 2]
    slope = np.polyfit(np.log(curve.bubble), curve.purity, 1, w=1 / curve.error)[0]
    assert at(trends, disorder=8.0, distance=0).slope.iloc[0] == pytest.approx(slope)


def test_bubble_sizes_leave_a_length_aside_that_is_only_begun(source, monkeypatch):
    everything = synthetic.load(source)
    begun = {
        model: data.isel(realization=slice(30)) if model.length == 10 and model.bubble else data
        for model, data in everything.found.items()
    }
    monkeypatch.setattr(purities, "LEAST", 50)
    table = purities.bubble_sizes(replace(everything, found=begun))
    assert set(table.length) == {8}
    monkeypatch.setattr(purities, "LEAST", 20)
    assert set(purities.bubble_sizes(replace(everything, found=begun)).length) == {10}


# Differences


def test_differences_are_to_the_middle_of_the_chain_two_sites_longer(source, parts):
    table = purities.differences(parts[:1], parts[1:2])
    bubble, chain = source[2][Model(8, 4.0, bubble=4)], source[2][Model(10, 4.0)]
    rows = at(table, length=8, disorder=4.0)
    wanted = bubble[..., 3:5].mean() - chain[..., 3:7].mean()
    assert rows.difference.iloc[-1] == pytest.approx(wanted, abs=1e-7)
    whole = at(purities.differences(parts[:1], parts[1:2], "all"), length=8, disorder=4.0)
    assert whole.difference.iloc[-1] == pytest.approx(
        bubble[..., 3:5].mean() - chain.mean(), abs=1e-7
    )


def test_errors_of_independent_ensembles_add_in_squares(parts):
    row = at(purities.differences(parts[:1], parts[1:2]), length=8, disorder=4.0, distance=0).iloc[
        0
    ]
    one = at(purities.mean_purities(parts[0]), length=8, disorder=4.0, distance=0).error.iloc[0]
    other = at(purities.isolated_purities(parts[1]), length=10, disorder=4.0, sites="middle")
    assert row.error == pytest.approx(np.hypot(one, other.error.iloc[0]), rel=0.1)


def test_plateaus_are_fitted_with_and_without(parts):
    table = purities.plateaus(parts[:1], parts[1:2])
    assert len(table) == 8
    row = at(table, length=10, disorder=4.0).iloc[0]
    assert (row.degrees, row.degrees_zero) == (2, 3)
    assert row.chi2_zero >= row.chi2
    assert 0 <= row.p_plateau <= 1
    assert row.relative == pytest.approx(row.plateau / (row.plateau / row.relative))


def fit_rows(plateau, error, disorder=5.2, valid=True, length=12, realizations=tables.LEAST):
    return Model(length, disorder, bubble=4).as_dict() | {
        "plateau": plateau, "error": error, "relative": plateau / 0.8,
        "relative_error": error / 0.8, "valid": valid, "realizations": realizations,
    }  # fmt: skip


def test_a_longer_chain_that_is_only_begun_is_not_quoted():
    rows = [fit_rows(0.04, 0.01), fit_rows(-0.01, 0.05, length=16, realizations=50)]
    assert purities.plateau_texts(pd.DataFrame(rows))["plateau_length"] == "12"
    assert purities.plateau_texts(pd.DataFrame(rows[1:]))["plateau_length"] == "16"
    rows = [enhancement(12, 0.1), enhancement(16, 0.0, realizations=50)]
    texts = correlations.enhancement_texts(pd.DataFrame(rows))
    assert texts["enhanced_44"].startswith("yes, 0.100(10) at $L = 12$")


@pytest.mark.parametrize(
    ("plateau", "error", "verdict"),
    [
        (0.04, 0.004, "agrees with 5 % and differs from 0"),
        (0.01, 0.004, "agrees neither with 5 % nor with 0"),
        (0.001, 0.004, "does not agree with 5 % but with 0"),
        (0.01, 0.1, "agrees with 5 % and with 0 alike, so it is not decidable here"),
    ],
)
def test_the_verdict_on_five_percent_follows_the_numbers(plateau, error, verdict):
    table = pd.DataFrame([fit_rows(plateau, error)])
    assert purities.plateau_texts(table)["plateau_verdict"] == verdict


def test_fits_without_a_constraint_on_the_plateau_do_not_count():
    table = pd.DataFrame([fit_rows(0.5, 0.001, valid=False), fit_rows(0.0, 0.01, disorder=8.0)])
    texts = purities.plateau_texts(table)
    assert texts["plateau_52"] == tables.UNKNOWN
    assert texts["failed_plateaus"] == "1 of 2"
    assert texts["strong_plateaus"] == "1 of 1"


def test_shifts_compare_middles_and_name_their_systems(source, parts):
    trivial = synthetic.load(source, bubble=1)
    table = purities.shifts(*parts, trivial)
    assert set(table.system) == {"bubble", "edges", "trivial", "ring", "short"}
    entropy = source[2]
    middle = entropy[Model(12, 4.0)][..., 4:8].mean()
    far = {
        "bubble": entropy[Model(10, 4.0, bubble=4)][..., 3:7].mean(),
        "trivial": entropy[Model(10, 4.0, bubble=1)][..., 3:7].mean(),
        "ring": entropy[Model(12, 4.0, boundary="periodic")].mean(),
        "short": entropy[Model(10, 4.0)][..., 3:7].mean(),
    }
    rows = at(table, length=10, disorder=4.0).set_index("system")["shift"]
    for system, value in far.items():
        assert rows[system] == pytest.approx(value - middle, abs=1e-7), system
    edges = far["bubble"] - entropy[Model(12, 4.0)].mean()
    assert rows["edges"] == pytest.approx(edges, abs=1e-7)


@pytest.mark.parametrize(
    ("bubble", "ring", "verdict"),
    [
        (0.03, 0.01, "does more than close"),
        (0.03, 0.03, "explains the shift"),
        (0.01, 0.03, "alone does more"),
    ],
)
def test_the_verdict_on_ring_closure_follows_the_numbers(bubble, ring, verdict):
    rows = [
        {"system": system, "length": 10, "disorder": w, "shift": shift, "error": 0.002}
        | {"far": 0.8 - shift, "far_error": 0.002}
        for system, shift in (("bubble", bubble), ("ring", ring))
        for w in (4.4, 5.2)
    ]
    assert verdict in purities.shift_texts(pd.DataFrame(rows))["shift_verdict"]


def test_shifts_are_told_for_the_longest_chain_with_its_controls_at_disorders_all_have():
    having = {
        14: {"bubble": (4.0, 5.2, 6.0)},
        12: {"bubble": (4.0, 5.2, 6.0), "ring": (4.0, 5.2, 6.0), "trivial": (4.0, 6.0)},
        10: {"bubble": (4.0, 5.2, 6.0), "ring": (4.0, 5.2, 6.0), "trivial": (4.0, 6.0)},
    }
    rows = [
        {"system": system, "length": n, "disorder": w, "shift": 0.01 * w, "error": 0.003}
        | {"far": 0.8 - 0.01 * w, "far_error": 0.003}
        for n, systems in having.items()
        for system, disorders in systems.items()
        for w in disorders
    ]
    texts = purities.shift_texts(pd.DataFrame(rows))
    assert texts["shift_length"] == "12" and texts["shift_disorders"] == "4, 6"
    assert texts["shift_bubble"] == texts["shift_ring"] == texts["shift_trivial"] == "50(2)"
    assert texts["shift_short"] == texts["shift_edges"] == tables.UNKNOWN


# Magnetization


def test_the_reach_of_the_bubble_is_what_exceeds_its_error_in_the_longest_complete_chain():
    rows = [
        {"system": "bubble", "length": n, "disorder": w, "shift": shift, "error": 0.01}
        for n, w, shift in (
            (12, 4.0, 0.0), (12, 6.0, 0.0), (12, 8.0, 0.0),
            (14, 4.0, 0.05), (14, 6.0, 0.03), (14, 8.0, -0.05), (14, 2.0, 0.0), (16, 4.0, 0.0),
        )
    ]  # fmt: skip
    texts = purities.reach_texts(pd.DataFrame(rows))
    assert texts == {"reach_length": "14", "reach_beyond": "4, 6", "reach_within": "8"}


def test_histograms_are_densities_of_the_batches(source, parts):
    table = purities.histograms(parts[0])
    rows = at(table, length=8, disorder=4.0, distance=1)
    assert (rows.density * 0.05).sum() == pytest.approx(1)
    data = parts[0].found[Model(8, 4.0, bubble=4)]
    counts = data.magnetization_histogram.values[:, 1].astype(float)
    np.testing.assert_allclose(rows.density, counts.sum(0) / counts.sum() / 0.05)
    assert (rows.error > 0).all()


def test_a_single_batch_of_a_histogram_tells_no_error(parts):
    begun = {model: data.isel(batch=[0]) for model, data in parts[0].found.items()}
    rows = purities.histograms(replace(parts[0], found=begun))
    assert np.isfinite(rows.density).all() and rows.error.isna().all()


def test_shares_are_tabulated_for_the_longest_chain_that_may_decide():
    rows = [
        Model(length, w, bubble=4).as_dict()
        | dict.fromkeys(("edge_isolated", "edge_change", "centre_isolated", "centre_change"), 0.1)
        | {"edge_error": 0.01, "centre_error": 0.01, "realizations": realizations}
        for length, w, realizations in (
            (12, 6.0, 2000), (14, 6.0, 500), (16, 6.0, 50), (16, 8.0, 50),
        )
    ]  # fmt: skip
    shown = purities.readable_weights(pd.DataFrame(rows))
    assert list(shown["$W~(J)$"]) == ["6", "8"] and list(shown["$L$"]) == [14, 16]


def test_weights_are_shares_of_the_edges_and_the_centre(parts):
    row = at(purities.weights(*parts), length=8, disorder=4.0).iloc[0]
    rows = at(purities.histograms(parts[0]), length=8, disorder=4.0)
    far = rows[rows.distance >= 2]
    share = far.density * 0.05 / 2
    assert row.edge == pytest.approx(share[far.spin.abs() > 0.9].sum())
    assert row.centre == pytest.approx(share[far.spin.abs() < 0.5].sum())


@pytest.mark.parametrize(
    ("edge", "centre", "verdict"),
    [(-0.1, 0.1, "is seen"), (-0.1, 0.0, "half"), (0.1, -0.1, "is not seen")],
)
def test_the_verdict_on_the_peaks_follows_the_numbers(edge, centre, verdict):
    row = Model(12, 4.0, bubble=4).as_dict() | {
        "edge_change": edge, "edge_error": 0.01, "centre_change": centre, "centre_error": 0.01,
        "realizations": 2000,
    }  # fmt: skip
    assert verdict in purities.weight_texts(pd.DataFrame([row]))["weight_verdict"]


# Correlations


def pearson(entropy, r):
    """C(r) from all states, mirrored, without the package."""
    states = entropy.reshape(-1, entropy.shape[-1])
    both = np.concatenate([states, states[:, ::-1]])
    return np.corrcoef(both[:, 0], both[:, r])[0, 1]


def test_correlations_are_pearson_coefficients_of_all_states(source, parts):
    table = correlations.correlations(*parts)
    for model in (Model(8, 5.2, bubble=4), Model(12, 8.0)):
        rows = at(table, bubble=model.bubble, length=model.length, disorder=model.disorder,
                  boundary="open")  # fmt: skip
        assert list(rows.distance) == list(range(model.length // 2 + 1))
        wanted = [pearson(source[2][model], r) for r in rows.distance]
        np.testing.assert_allclose(rows.correlation, wanted, atol=2e-4)
        assert rows.correlation.iloc[0] == pytest.approx(1)


def test_enhancements_subtract_at_equal_distance(source, parts):
    row = at(correlations.enhancements(parts[:1], parts[1:2]), length=10, disorder=5.2).iloc[0]
    bubble, chain = source[2][Model(10, 5.2, bubble=4)], source[2][Model(12, 5.2)]
    wanted = np.mean([pearson(bubble, r) - pearson(chain, r) for r in (3, 4, 5)])
    assert row.enhancement == pytest.approx(wanted, abs=5e-4)
    assert row.conserved == pytest.approx(
        perturbation.averaged_tail(10, 5.2) - perturbation.averaged_tail(12, 5.2)
    )
    assert row.reference == "open"


def enhancement(length, value, disorder=4.4, conserved=0.0, realizations=tables.LEAST):
    return Model(length, disorder, bubble=4).as_dict() | {
        "enhancement": value, "error": 0.01, "reference": "open", "conserved": conserved,
        "realizations": realizations,
    }  # fmt: skip


def test_verdicts_on_enhancement_follow_the_numbers():
    table = pd.DataFrame([enhancement(8, 0.0), enhancement(12, 0.1), enhancement(12, 0.01, 8.0)])
    texts = correlations.enhancement_texts(table)
    assert texts["enhanced_44"].startswith("yes, 0.100(10) at $L = 12$")
    assert texts["grows_44"] == "grows"
    assert texts["enhanced_8"].startswith("not seen")
    assert texts["enhanced_6"] == tables.UNKNOWN
    claim = correlations.readable_claim(table)
    assert len(claim) == 4


@pytest.mark.parametrize(
    ("opened", "closed", "words"),
    [(0.1, 0.1, "survives"), (0.1, 0.0, "does not survive"), (0.0, 0.0, "Neither")],
)
def test_the_verdict_on_the_control_follows_the_numbers(opened, closed, words):
    one, other = (pd.DataFrame([enhancement(10, v, conserved=0.01)]) for v in (opened, closed))
    texts = correlations.tail_texts(one, other)
    assert words in texts["tail_verdict"]
    if opened:
        assert "10 %" in texts["mismatch_verdict"]


def test_the_control_is_read_off_the_longest_chain_that_has_one():
    opened = pd.DataFrame([enhancement(n, 0.1, conserved=0.01) for n in (10, 12)])
    closed = pd.DataFrame([enhancement(10, 0.1)])
    assert correlations.tail_texts(opened, closed)["tail_length"] == "10"
    alone = correlations.tail_texts(opened, closed[:0])
    assert alone["tail_length"] == "12" and "not computed" in alone["tail_verdict"]


# The artefact


def test_product_states_of_the_whole_sector_give_the_formula():
    length = 10
    data = correlations.conserved_sample(length, 200.0, 300)
    assert data.states[0] == len(chain_states(length, 5))
    fixed = correlations._fixed_disorder(Model(length, 200.0), data)
    # bonds of a site have different couplings, so the formula for equal ones is an upper bound
    assert 0.5 < float(fixed.value) / perturbation.pearson_tail(length) < 1.0
    loss = float(data.linear_entropy.mean())
    assert loss == pytest.approx(np.pi / 800 * 10 / 9 * 9 / 10, rel=0.25)


def test_conserved_tails_take_open_chains_and_measure_as_numpy_does(source, parts):
    table = correlations.conserved_tails(*parts, realizations=20, states=20)
    assert set(table.length) == {10, 12} and set(table.bubble) == {0}
    row = at(table, length=10, disorder=8.0, over="all").iloc[0]
    entropy = source[2][Model(10, 8.0)]
    wanted = np.mean([pearson(entropy, r) for r in (3, 4, 5)])
    assert row.measured == pytest.approx(wanted, abs=5e-4)
    fixed = at(table, length=10, disorder=8.0, over="fixed").iloc[0]
    per = [np.corrcoef(e.T) for e in entropy]
    wanted = np.mean([[c[0, 3:6], c[9, [6, 5, 4]]] for c in per])
    assert fixed.measured == pytest.approx(wanted, abs=1e-4)


def artefact(over, measured, sampled, length):
    return Model(length, 25.0).as_dict() | {
        "over": over, "measured": measured, "measured_error": 0.001, "sampled": sampled,
        "sampled_error": 0.0001, "formula": sampled,
    }  # fmt: skip


def test_verdicts_on_the_artefact_follow_the_numbers():
    table = pd.DataFrame([artefact("fixed", n**-2.0, n**-2.0, n) for n in (8, 10, 12)])
    texts = correlations.conserved_texts(table)
    assert texts["artefact_fixed_verdict"].startswith("is seen, and is as large")
    assert texts["artefact_exponent"].startswith("2.0")
    assert texts["artefact_formula_exponent"] == "2.0"
    assert texts["artefact_all_verdict"] == f"is {tables.UNKNOWN}"
    for measured, expected, words in (
        (0.0, 0.1, "is not seen, and the data differ"),
        (0.0, 0.001, "do not exclude"),
        (0.1, 0.01, "is seen, but is not what"),
    ):
        table = pd.DataFrame([artefact("all", measured, expected, n) for n in (8, 10, 12)])
        assert words in correlations.conserved_texts(table)["artefact_all_verdict"]


# Fig. 6


def test_the_bandwidth_is_on_the_plateau_or_not():
    rows = [
        {"bubble": 4, "disorder": 1.0, "length": 8, "bandwidth": b, "gap_ratio": r, "error": 0.01,
         "realizations": 9}
        for b, r in ((0.1, 0.4), (0.6, 0.5), (1.0, 0.51), (2.0, 0.4))
    ]  # fmt: skip
    texts = bandwidth_texts(pd.DataFrame(rows))
    assert (texts["beta_curves"], texts["beta_on_plateau"]) == (1, 1)
    rows[1]["gap_ratio"] = 0.42
    assert bandwidth_texts(pd.DataFrame(rows))["beta_on_plateau"] == 0


# Missing data


def test_without_data_every_table_is_empty_and_every_text_says_so(source, tmp_path):
    none = nothing(source, tmp_path)
    one_each = (
        purities.mean_purities, purities.isolated_purities, purities.ergodic, purities.losses,
        purities.trends, purities.bubble_sizes, purities.shifts, purities.histograms,
        purities.weights, correlations.correlations, correlations.tails,
        correlations.conserved_tails,
    )  # fmt: skip
    for make in one_each:
        assert make(none).empty, make.__name__
    for make in (purities.differences, purities.plateaus, correlations.enhancements):
        assert make((none,), (none,)).empty
    fits, enhanced = (
        purities.plateaus((none,), (none,)),
        correlations.enhancements((none,), (none,)),
    )
    exponents = purities.exponents(purities.ergodic(none))
    sizes = purities.bubble_sizes(none)
    texts = (
        purities.exponent_texts(exponents) | purities.loss_texts(purities.losses(none))
        | purities.trend_texts(purities.trends(none)) | purities.plateau_texts(fits)
        | purities.bubble_texts(sizes, purities.bubble_trends(sizes))
        | purities.shift_texts(purities.shifts(none)) | purities.reach_texts(purities.shifts(none))
        | purities.weight_texts(purities.weights(none))
        | correlations.enhancement_texts(enhanced) | correlations.tail_texts(enhanced, enhanced)
        | correlations.conserved_texts(correlations.conserved_tails(none))
        | bandwidth_texts(gap_ratios.means(none))
    )  # fmt: skip
    assert texts["plateau_52"] == texts["artefact_all"] == tables.UNKNOWN
    assert "nan" not in " ".join(map(str, texts.values()))
    for readable in (
        purities.readable_exponents(exponents), purities.readable_trends(purities.trends(none)),
        purities.readable_plateaus(fits), purities.readable_shifts(purities.shifts(none)),
        purities.readable_weights(purities.weights(none)),
        correlations.readable_enhancements(enhanced),
        correlations.readable_conserved(correlations.conserved_tails(none)),
    ):  # fmt: skip
        assert readable.empty
