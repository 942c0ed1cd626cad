"""Purities, correlations and magnetizations are those of the records, with honest verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import purity_store as synthetic
import pytest
import xarray as xr

from inclusions import estimates, experiments, perturbation, statistics, tables, text
from inclusions.model import Model
from inclusions.tables import correlations, purities
from inclusions.tables.model import bandwidth_texts, bandwidths_found


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


def test_two_lengths_give_an_exponent_but_no_fit():
    table = purities.exponents(power(0.5, (8, 10))).set_index("part")
    assert np.isnan(table.exponent["whole"])
    assert table["last"]["whole"] == pytest.approx(0.5)


def test_trends_are_lines_through_the_purities(parts):
    table = purities.trends(*parts)
    means = purities.mean_purities(*parts)
    row = at(table, bubble=4, disorder=4.0, distance=3).iloc[0]
    low, high = at(means, bubble=4, disorder=4.0, distance=3).sort_values("length").itertuples()
    assert row.slope == pytest.approx((high.purity - low.purity) / 2)
    assert row.error == pytest.approx(np.hypot(high.error, low.error) / 2, rel=0.1)
    assert at(table, bubble=4, distance=5).empty  # lengths 8 and 10 have no distance 5


def growing(bubble, distance, disorder, slope, error):
    return dict(bubble=bubble, boundary="open", distance=distance, disorder=disorder, slope=slope,
                error=error)  # fmt: skip


def test_growth_is_told_with_that_of_the_chain_over_disorders_that_both_have():
    rows = [growing(4, 5, w, 2e-3, 3e-4) for w in (4.0, 5.2, 8.0)]
    rows += [growing(0, 5, w, 0.5e-3, 4e-4) for w in (5.2, 8.0, 10.0)]
    rows += [growing(0, 3, w, 9e-3, 4e-4) for w in (5.2, 8.0)]
    texts = purities.growth_texts(pd.DataFrame(rows))
    assert texts["growth_bubble"] == text.number(2.0, 0.3 / 2**0.5)
    assert texts["growth_chain"] == text.number(0.5, 0.4 / 2**0.5)
    assert texts["growth_rest"] == text.number(1.5, 0.5 / 2**0.5)


def test_chains_of_pairs_lose_nothing_beyond_their_pairs():
    models = [Model(6, 50.0), Model(8, 50.0), Model(8, 15.0), Model(8, 50.0, bubble=4)]
    found = {}
    for model in models:
        pairs = experiments.conserved_sample(model.length, model.disorder, 150, 20, seed=7)
        more = 0.1 * perturbation.resonant_loss(model.length, 50.0) * (model.length == 8)
        index = np.arange(150)
        found[model] = pairs.assign_coords(realization=index).assign_attrs(seed=7, states=20)
        found[model]["linear_entropy"] = pairs.linear_entropy + more
    table = purities.losses_beyond_pairs(tables.Ensembles(None, found, {}, (), 150))
    assert table.disorder.tolist() == [50.0, 50.0] and set(table.bubble) == {0}
    assert table.set_index("length").rest.to_dict() == pytest.approx({6: 0.0, 8: 0.1})
    assert table.error.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)


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


def test_shifts_compare_middles_and_name_their_systems(source, parts):
    trivial = synthetic.load(source, bubble=1)
    table = purities.shifts(*parts, trivial)
    assert set(table.system) == {"bubble", "edges", "trivial", "beyond", "ring", "short"}
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
    assert rows["beyond"] == pytest.approx(far["bubble"] - far["trivial"], abs=1e-7)
    edges = far["bubble"] - entropy[Model(12, 4.0)].mean()
    assert rows["edges"] == pytest.approx(edges, abs=1e-7)


# Magnetization


def test_a_single_batch_of_a_histogram_tells_no_error(parts):
    begun = {model: data.isel(batch=[0]) for model, data in parts[0].found.items()}
    rows = purities.histograms(replace(parts[0], found=begun))
    assert np.isfinite(rows.density).all() and rows.error.isna().all()


def test_single_realizations_beside_a_few_batches_do_not_count_as_batches(parts):
    model = Model(8, 4.0, bubble=4)
    records = parts[0].found[model].drop_dims("batch")
    generator = np.random.default_rng(3)

    def density(*sizes):
        counts = np.stack([generator.poisson(100.0 * n, (4, 40)) for n in sizes])
        made = records.assign(magnetization_histogram=(("batch", "distance", "bin"), counts))
        plain = statistics.bootstrap(
            lambda m: m / m.sum(axis=-1, keepdims=True) / 0.05, counts.astype(float),
            seed=estimates.seed_of(model),
        )  # fmt: skip
        return estimates.magnetization_density(model, made).error / plain.error

    as_many = (4 * 50 + 12) ** 2 / (4 * 50**2 + 12)  # equal batches weigh the same: 4.5
    np.testing.assert_allclose(
        density(50, 50, 50, 50, *[1] * 12), estimates.student(as_many, 1), rtol=0.02
    )
    np.testing.assert_allclose(density(*[1] * 12), estimates.student(12, 1), rtol=0.02)
    assert np.isnan(density(50, 1, 1)).all()


def test_bins_taken_together_hold_the_same_weight(parts):
    fine, coarse = (
        at(purities.histograms(*parts, length=8, join=join), distance=1, disorder=4.0)
        for join in (1, 4)
    )
    assert set(fine.length) == set(coarse.length) == {8}
    assert len(coarse) == 10
    np.testing.assert_allclose(coarse.spin, fine.spin.values.reshape(10, 4).mean(axis=1))
    np.testing.assert_allclose(coarse.density, fine.density.values.reshape(10, 4).mean(axis=1))


def test_weights_shown_are_of_the_longest_chain_with_enough_realizations():
    table = pd.DataFrame({"disorder": 4.0, "length": [14, 16, 18], "realizations": [2000, 200, 5]})
    assert purities.longest_at(table, 4.0, 8.0).length.tolist() == [16]


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
    rows = at(
        correlations.enhancements(parts[:1], parts[1:2], *correlations.PARTS),
        length=10,
        disorder=5.2,
    )
    row = at(rows, part="whole").iloc[0]
    assert row.enhancement == pytest.approx(rows.enhancement[rows.part != "whole"].sum())
    bubble, chain = source[2][Model(10, 5.2, bubble=4)], source[2][Model(12, 5.2)]
    wanted = np.mean([pearson(bubble, r) - pearson(chain, r) for r in (3, 4, 5)])
    assert row.enhancement == pytest.approx(wanted, abs=5e-4)
    assert row.conserved == pytest.approx(
        perturbation.averaged_tail(10, 5.2, ring=True) - perturbation.averaged_tail(12, 5.2)
    )
    assert row.reference == "open"


# The artefact


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


def test_what_correlates_near_is_told_beside_what_does_at_half_the_chain(source, parts):
    few = correlations.approach_texts(*parts)
    assert set(few.values()) == {text.UNKNOWN}  # of less than a hundred realizations
    many = [replace(part, found={m: doubled(d) for m, d in part.found.items()}) for part in parts]
    texts = correlations.approach_texts(*many)
    assert (texts["approach_length"], texts["approach_disorder"]) == ("12", "1")
    entropy = source[2][Model(12, 1.0)]
    assert texts["approach_formula"] == f"{perturbation.averaged_tail(12, 1.0):.4f}"
    inner = entropy - entropy.mean(axis=1, keepdims=True)
    for name, r in (("near", 3), ("far", 6)):
        ends = [(inner[..., a] * inner[..., b]).mean() for a, b in ((0, r), (11, 11 - r))]
        first = entropy[..., [0, 11]].var()
        wanted = np.mean(ends) / np.sqrt(first * entropy[..., [r, 11 - r]].var())
        assert float(texts[f"approach_{name}"].split("(")[0].replace("−", "-")) == pytest.approx(
            wanted, abs=0.01
        )


def doubled(data):
    """The same realizations twice, as if there were as many again."""
    twice = xr.concat([data, data], dim="realization", data_vars="minimal")
    return twice.assign_coords(realization=np.arange(twice.sizes["realization"]))


# Fig. 6


# Missing data


# Exponents, sizes, shifts, histograms


def test_exponents_find_the_power():
    table = purities.exponents(power(0.5)).set_index("part")
    assert table.exponent["whole"] == pytest.approx(0.5, abs=1e-6)
    assert table["last"]["scatter"] == pytest.approx(1)
    assert table.degrees["whole"] == 1
    texts = purities.exponent_texts(table.reset_index())
    assert texts["whole_exponents"].startswith("0.5") and texts["scatter_exponents"][0] == "1"
    assert text.readable(table.reset_index(), purities.EXPONENTS)["$a$, all sizes"][0] == "0.500(3)"


def test_no_exponent_is_told_where_no_power_fits():
    bent = power(0.5)
    bent.loc[1, "excess"] *= 1.2
    shown = text.readable(purities.exponents(bent), purities.EXPONENTS).set_index("part")
    assert shown["$a$, all sizes"]["whole"] == "–" != shown["$a$, all sizes"]["scatter"]


def test_losses_that_follow_their_limit_agree_and_others_scatter():
    rows = [
        Model(n, w).as_dict()
        | {"loss": 0.7 * n / (n - 1) / w, "error": 0.001}
        | {"resonant": 0.7 * n / (n - 1) / w}
        for n in (8, 10)
        for w in (15.0, 25.0, 50.0)
    ]
    texts = purities.loss_texts(pd.DataFrame(rows))
    assert float(texts["loss_exponent"].split("(")[0]) == pytest.approx(1, abs=0.01)
    assert texts["loss_volume"] == "χ² = 0.0 for 1 (probability of more: 1.00)"
    assert texts["loss_ratio"].startswith("1.0")
    rows[-1]["loss"] += 0.02
    assert "<\xa00.001" in purities.loss_texts(pd.DataFrame(rows))["loss_volume"]


def test_bubble_sizes_take_the_longest_with_most_sizes_and_tuned_bandwidths(source):
    table = purities.bubble_sizes(synthetic.load(source))
    assert set(table.length) == {10}
    assert set(table.bubble) == {0, 1, 3, 4, 8}
    entropy = source[2][Model(10, 8.0, bubble=3)]
    row = at(table, bubble=3, disorder=8.0, distance=0).iloc[0]
    assert row.purity == pytest.approx(1 - entropy[..., [0, -1]].mean(), rel=1e-6)
    trends = purities.bubble_trends(synthetic.load(source))
    assert set(trends.disorder) == {4.0, 8.0}
    curve = at(table, disorder=8.0, distance=0)
    curve = curve[curve.bubble > 2]
    slope = np.polyfit(np.log(curve.bubble), curve.purity, 1, w=1 / curve.error)[0]
    assert at(trends, disorder=8.0, distance=0).slope.iloc[0] == pytest.approx(slope)
    assert len(text.readable(trends, purities.SLOPES)) == 2


def test_mean_shifts_are_of_the_longest_chain_at_disorders_all_have(source, parts):
    trivial = synthetic.load(source, bubble=1)
    table, texts = purities.shifts(*parts, trivial), purities.shift_texts(*parts, trivial)
    assert texts["shift_length"] == 10 and texts["shift_disorders"] == "4"
    for system in ("bubble", "edges", "trivial", "beyond", "ring", "short"):
        row = at(table, system=system, length=10, disorder=4.0).iloc[0]
        assert texts[f"shift_{system}"] == text.number(1e3 * row["shift"], 1e3 * row.error)
    assert len(text.readable(table, purities.SHIFTS)) == len(
        set(zip(table.system, table.length, strict=True))
    )


def test_histograms_are_densities_of_the_batches_of_the_longest_chain(parts):
    table = purities.histograms(*parts)
    assert set(zip(table.bubble, table.length, strict=True)) == {(4, 10), (0, 12)}
    rows = at(table, length=10, disorder=4.0, distance=1)
    assert (rows.density * 0.05).sum() == pytest.approx(1)
    data = parts[0].found[Model(10, 4.0, bubble=4)]
    counts = data.magnetization_histogram.values[:, 1].astype(float)
    np.testing.assert_allclose(rows.density, counts.sum(0) / counts.sum() / 0.05)
    assert (rows.error > 0).all()


def test_weights_are_shares_of_the_edges_and_the_centre(parts):
    row = at(purities.weights(*parts), length=10, disorder=4.0).iloc[0]
    rows = at(purities.histograms(*parts), length=10, disorder=4.0)
    far = rows[rows.distance >= 3]
    share = far.density * 0.05 / 2
    assert row.edge == pytest.approx(share[far.spin.abs() > 0.9].sum())
    assert row.centre == pytest.approx(share[far.spin.abs() < 0.5].sum())
    pair = parts[0].found[Model(10, 4.0, bubble=4)], parts[1].found[Model(12, 4.0)]
    both = (one.magnetization_histogram.values.sum(axis=0)[-2:] for one in pair)
    bubble, chain = ((h / h.sum(axis=-1, keepdims=True)).mean(axis=0) for h in both)
    assert row.moved == pytest.approx(np.maximum(bubble - chain, 0).sum()) and row.moved > 0
    assert row.noise == pytest.approx(row.moved, rel=0.3), "the made-up bubble changes nothing"
    assert row.width == pytest.approx(np.sqrt((share * far.spin**2).sum()))
    assert set(purities.weight_texts(purities.weights(*parts)[:0]).values()) == {text.UNKNOWN}


def test_rows_name_the_files_they_come_from_and_no_other(source, parts):
    table = purities.plateaus(parts[:1], parts[1:2])
    row = at(table, length=10, disorder=4.0).iloc[0]
    assert row.sources.split() == [
        "bubble4-L10-W4.0-seed5-states50.nc", "chain-open-L12-W4.0-seed5-states50.nc"
    ]  # fmt: skip
    every = tables.sources_of(
        *(
            make(*parts)
            for make in (purities.mean_purities, purities.losses, correlations.correlations)
        )
    )
    assert every == set.union(*(set(part.sources) for part in parts))
    assert tables.sources_of(pd.DataFrame({"length": [8]})) == set()


# Fig. 6


def test_a_sweep_of_the_bandwidth_has_its_best_and_what_is_lost(source):
    table = bandwidths_found(synthetic.load(source, bubble=6))
    assert table.empty  # three bandwidths are no sweep
    assert bandwidth_texts(table)["beta_peaks"] == text.UNKNOWN


# Missing data


def test_without_data_every_table_is_empty_and_every_text_says_so(source, tmp_path):
    none = nothing(source, tmp_path)
    one_each = (
        purities.mean_purities, purities.isolated_purities, purities.ergodic, purities.losses,
        purities.trends, purities.bubble_sizes, purities.bubble_trends, purities.shifts,
        purities.histograms, purities.weights, correlations.correlations, correlations.tails,
        correlations.conserved_tails, bandwidths_found,
    )  # fmt: skip
    made = {make.__name__: make(none) for make in one_each}
    for make in (purities.differences, purities.plateaus, correlations.enhancements):
        made[make.__name__] = make((none,), (none,))
    assert all(table.empty for table in made.values())
    exponents = purities.exponents(made["ergodic"])
    texts = (
        purities.exponent_texts(exponents) | purities.loss_texts(made["losses"])
        | purities.shift_texts(none) | correlations.conserved_texts(made["conserved_tails"])
        | bandwidth_texts(made["bandwidths_found"])
    )  # fmt: skip
    assert texts["whole_exponents"] == texts["artefact_all"] == text.UNKNOWN
    assert "nan" not in " ".join(map(str, texts.values()))
    for table, columns in (
        (exponents, purities.EXPONENTS), (made["trends"], purities.TRENDS),
        (made["plateaus"], purities.PLATEAUS), (made["weights"], purities.WEIGHTS),
        (made["conserved_tails"], correlations.CONSERVED),
    ):  # fmt: skip
        shown = text.readable(table, columns)
        assert shown.empty and list(shown) == [column.heading for column in columns]
    assert text.readable(made["shifts"], purities.SHIFTS).empty
    assert text.readable(made["enhancements"], correlations.ENHANCEMENTS).empty
