"""Estimates against brute force on raw states, repeated experiments, and what they refuse."""

import hashlib
import shutil

import numpy as np
import pytest
import xarray as xr

from inclusions import campaign, controls, ensemble, estimates, store, tables
from inclusions.controls.files import path_of
from inclusions.model import Model
from inclusions.statistics import (
    GOE_GAP_RATIO,
    POISSON_GAP_RATIO,
    Estimate,
    combine,
    mean,
    normal,
)

MODEL = Model(8, 4.0)


def raw_states(generator, realizations, length, scale=1.0):
    """Linear entropies of raw states, correlated along the chain and over realizations."""
    sites = np.arange(length)
    correlation = np.exp(-abs(sites[:, None] - sites) / 2)
    correlation[0, -1] = correlation[-1, 0] = 0.6
    root = np.linalg.cholesky(correlation)
    states = []
    for count in generator.integers(20, 31, size=realizations):
        noise = (generator.standard_normal(length) + generator.standard_normal((count, length))) / 2
        states.append(scale * (1 + sites) / length / (2 + np.exp(noise @ root.T)))
    return states


def recorded(states, kind=float):
    """The record fields of some states, a list of arrays (k, L), in single or double precision."""
    away = [x - x.mean(axis=0) for x in states]
    fields = {
        "linear_entropy": (("realization", "site"), [x.mean(axis=0) for x in states]),
        "linear_entropy_variance": (("realization", "site"), [(x**2).mean(axis=0) for x in away]),
        "linear_entropy_covariance": (
            ("realization", "end", "site"), [x[:, [0, -1]].T @ x / len(x) for x in away],
        ),
    }  # fmt: skip
    records = xr.Dataset({n: (d, np.asarray(v, kind)) for n, (d, v) in fields.items()})
    return records.assign(states=("realization", [len(x) for x in states]))


def gap_ratios(values, states=50):
    values = np.asarray(values, float)
    return xr.Dataset(
        {
            "gap_ratio": ("realization", values),
            "states": ("realization", np.full(len(values), states)),
        }
    )


# Purities


@pytest.mark.parametrize("length", [5, 8])
def test_a_profile_averages_each_site_with_its_mirror_image(length):
    states = raw_states(np.random.default_rng(14), 200, length)
    found = estimates.purity_profile(Model(length, 4.0), recorded(states))
    purity = 1 - np.concatenate(states).mean(axis=0)
    expected = [(purity[i] + purity[length - 1 - i]) / 2 for i in range(-(-length // 2))]
    assert found.value == pytest.approx(expected)
    assert found.covariance.shape == (len(expected), len(expected))
    assert np.all(found.error > 0)


def test_the_purity_of_the_middle_is_of_four_sites_and_that_of_a_ring_of_all():
    states = raw_states(np.random.default_rng(3), 50, 8)
    records, purity = recorded(states), 1 - np.concatenate(states).mean(axis=0)
    assert estimates.purity(MODEL, records).value == pytest.approx(purity[2:6].mean())
    for model, sites in ((MODEL, "all"), (Model(8, 4.0, boundary="periodic"), "middle")):
        assert estimates.purity(model, records, sites).value == pytest.approx(purity.mean())


def test_a_deficit_is_the_isolated_chains_purity_minus_the_profile():
    rng = np.random.default_rng(5)
    short, long = (recorded(raw_states(rng, 80, n)) for n in (8, 10))
    model, chain = Model(8, 4.0, bubble=4), Model(10, 4.0)
    found = estimates.deficit(model, short, chain, long)
    level, profile = estimates.purity(chain, long), estimates.purity_profile(model, short)
    assert found.value == pytest.approx(level.value - profile.value)
    assert found.error == pytest.approx(np.hypot(level.error, profile.error), rel=0.1)
    middle = estimates.middle_deficit(model, short, chain, long)
    assert middle.value == pytest.approx(level.value - profile.value[-2:].mean())


def test_a_bubble_without_its_chain_of_two_more_sites_is_told_so_in_a_line():
    model = Model(8, 4.0, bubble=4)
    with pytest.raises(
        LookupError, match=r"no open chain of L \+ 2 = 10 at W = 4; add chain-open-L10-W4.0"
    ):
        estimates.partner(model, {model: None, Model(12, 4.0): None})
    assert estimates.partner(model, {Model(10, 4.0): None}) == Model(10, 4.0)


@pytest.mark.parametrize("count", [0, 1])
def test_an_estimate_of_no_or_one_realization_is_refused_in_a_line(count):
    records = recorded(raw_states(np.random.default_rng(1), 3, 8)).isel(realization=slice(count))
    with pytest.raises(
        ValueError, match=f"at least 2 realizations of chain-open-L8-W4.0, got {count}: comp"
    ):
        estimates.purity_profile(MODEL, records)


# Correlations


@pytest.mark.parametrize("length", [5, 8])
def test_a_correlation_is_the_pearson_coefficient_of_all_states(length):
    states = raw_states(np.random.default_rng(15), 300, length)
    found = estimates.correlation(Model(length, 4.0), recorded(states))
    both = np.concatenate([1 - x for one in states for x in (one, one[:, ::-1])])
    assert found.value[0] == pytest.approx(np.corrcoef(both, rowvar=False)[0], abs=1e-10)
    assert found.value[0, 0] == pytest.approx(1)
    assert found.error[0, 0] == pytest.approx(0, abs=1e-9)
    assert np.all(np.abs(found.samples[:, 0]) < 1 + 1e-9)


def test_a_correlation_is_the_sum_of_its_parts_within_and_between_realizations():
    states = raw_states(np.random.default_rng(16), 300, 8)
    equal = [x[:20] for x in states]
    whole, within, between = estimates.correlation(MODEL, recorded(equal)).value
    assert whole == pytest.approx(within + between)
    both = np.array([np.concatenate([x, x[:, ::-1]]) for x in equal])
    width = both.reshape(-1, 8).std(axis=0)
    inner = np.array([np.cov(x.T, bias=True)[0] for one in equal for x in (one, one[:, ::-1])])
    assert within == pytest.approx(inner.mean(axis=0) / (width[0] * width))


def test_states_of_one_realization_alike_leave_all_correlation_between_realizations():
    states = [np.repeat(x[:1], 20, axis=0) for x in raw_states(np.random.default_rng(2), 100, 8)]
    whole, within, between = estimates.correlation(MODEL, recorded(states)).value
    assert within == pytest.approx(np.zeros(8), abs=1e-12)
    assert between == pytest.approx(whole)


def test_a_correlation_survives_single_precision_where_purities_are_close_to_1():
    states = raw_states(np.random.default_rng(16), 300, 6, scale=1e-6)
    both = np.concatenate([x for one in states for x in (one, one[:, ::-1])])
    found = estimates.correlation(Model(6, 4.0), recorded(states, np.float32))
    assert found.value[0] == pytest.approx(np.corrcoef(both, rowvar=False)[0], abs=1e-5)


def test_the_error_of_a_correlation_is_its_scatter_in_repeated_experiments():
    generator, model = np.random.default_rng(17), Model(6, 4.0)
    found = [
        estimates.correlation(model, recorded(raw_states(generator, 60, 6))) for _ in range(120)
    ]
    scatter = np.std([one.value[0] for one in found], axis=0)[1:]
    stated = np.mean([one.error[0] for one in found], axis=0)[1:]
    assert stated == pytest.approx(scatter, rel=0.25)  # 120 give the scatter to 6.5 %


def test_a_correlation_is_nan_where_a_purity_does_not_vary():
    states = [0 * x for x in raw_states(np.random.default_rng(18), 20, 5)]
    assert np.all(np.isnan(estimates.correlation(Model(5, 4.0), recorded(states)).value))


# Gap ratios


def test_independent_ensembles_are_resampled_apart():
    models = [Model(8, w, bubble=n) for w in (1.0, 2.0, 3.0) for n in (0, 2, 4)]
    assert len({estimates.seed_of(model) for model in models}) == 9


def test_another_salt_is_another_resampling_of_the_same_value():
    records = gap_ratios(np.random.default_rng(0).random(100))
    one, other = (estimates.gap_ratio(MODEL, records, salt=salt) for salt in (0, 1))
    assert one.value == other.value
    assert one.error != other.error and one.error == pytest.approx(other.error, rel=0.15)


def test_the_error_of_as_many_realizations_falls_with_their_square_root():
    records = gap_ratios(np.random.default_rng(0).random(100))
    found = estimates.gap_ratio(MODEL, records)
    wide = estimates.gap_ratio(MODEL, records, as_many=25)
    # the error of 100 is a hundredth wider than their scatter, as that of a hundred should be
    assert wide.value == found.value and wide.error == pytest.approx(2 * found.error, rel=0.015)
    assert wide.samples.std(ddof=1) == pytest.approx(float(wide.error))


@pytest.mark.parametrize("realizations", [3, 5, 50])
def test_error_bars_of_few_realizations_hold_as_often_as_those_of_many(realizations):
    generator = np.random.default_rng(realizations)
    drawn = 0.5 + 0.01 * generator.standard_normal((600, realizations))
    found = [estimates.gap_ratio(MODEL, gap_ratios(values)) for values in drawn]
    covered = np.mean([abs(one.value - 0.5) < one.error for one in found])
    assert abs(covered - 0.683) < 4 * np.sqrt(0.683 * 0.317 / 600)


@pytest.mark.parametrize(
    ("heights", "place"),
    [((0.9, 0.7, 0.3), 1.5), ((0.9, 0.5, 0.1), 1.0), ((0.4, 0.3, 0.2), np.nan),
     ((0.9, 0.8, 0.6), np.nan), ((0.1, 0.3, 0.6), np.nan)],
)  # fmt: skip
def test_a_midpoint_is_where_a_curve_falls_through_the_half_and_else_nowhere(heights, place):
    means = POISSON_GAP_RATIO + (GOE_GAP_RATIO - POISSON_GAP_RATIO) * np.array(heights)
    curve = {float(w): (Model(8, w), gap_ratios([mean] * 3)) for w, mean in enumerate(means)}
    assert estimates.midpoint(curve).value == pytest.approx(place, nan_ok=True)


@pytest.mark.parametrize("disorders", [(1.0, 2.0, 3.0, 4.0, 8.0), np.arange(1.0, 8.1, 0.2)])
def test_a_midpoint_is_found_between_disorders_far_apart_as_between_near_ones(disorders):
    """Of a curve with the form of those measured; a straight line is off by 0.04 J."""
    rng = np.random.default_rng(6)
    curve = {}
    for w in map(float, disorders):
        mean = POISSON_GAP_RATIO + (GOE_GAP_RATIO - POISSON_GAP_RATIO) / (1 + (w / 2.6) ** 3)
        curve[w] = (Model(8, w), gap_ratios(mean + 1e-3 * rng.standard_normal(400)))
    found = estimates.midpoint(curve)
    assert found.value == pytest.approx(2.6, abs=0.01)
    assert found.error < 0.002


def test_midpoints_lie_halfway_between_goe_and_poisson():
    rng, half = np.random.default_rng(7), (GOE_GAP_RATIO + POISSON_GAP_RATIO) / 2
    means = {1.0: half + 0.06, 3.0: half + 0.02, 4.0: half - 0.02, 8.0: half - 0.05}
    curve = {
        w: (Model(8, w), gap_ratios(mean + 1e-3 * rng.standard_normal(400)))
        for w, mean in means.items()
    }
    found = estimates.midpoint(curve)
    assert found.value == pytest.approx(3.5, abs=0.01)
    # an error of the height over the slope of the polygon, 0.04 J^-1
    assert found.error == pytest.approx(np.hypot(0.5, 0.5) * 1e-3 / 20 / 0.04, rel=0.3)


def test_shifts_of_midpoints_add_up_over_the_lengths_that_all_systems_have():
    rng, half = np.random.default_rng(8), (GOE_GAP_RATIO + POISSON_GAP_RATIO) / 2
    falls = {"open": 2.0, "periodic": 2.8, "single": 2.5, "bubble": 3.2}
    kinds = {
        "open": ((8, 10, 12), {}), "periodic": ((8, 10, 12), {"boundary": "periodic"}),
        "single": ((8, 10), {"bubble": 1}), "bubble": ((6, 8, 10), {"bubble": 4}),
    }  # fmt: skip
    found = {
        Model(length, w, **kind): gap_ratios(
            half - 0.02 * (w - falls[name]) + 1e-3 * rng.standard_normal(400)
        )
        for name, (lengths, kind) in kinds.items()
        for length in lengths
        for w in (1.0, 4.0)
    }
    moved = {
        pair: estimates.midpoint_shifts(found, *pair)
        for pair in (("open", "bubble"), ("open", "single"), ("single", "bubble"))
    }
    for one in moved.values():
        assert list(one) == [10, 12]  # as long as no bubble of one state, the chain of 8 has none
    for length in (10, 12):
        whole, ring, beyond = (one[length].value for one in moved.values())
        assert whole == pytest.approx(ring + beyond)
        assert whole == pytest.approx(1.2, abs=0.03)
    assert estimates.midpoint_shifts({MODEL: found[Model(8, 1.0)]}, "open", "bubble") == {}


def test_a_crossing_needs_two_disorders_that_both_lengths_have():
    curve = {
        1.0: (Model(8, 1.0), gap_ratios([0.4, 0.5])),
        2.0: (Model(8, 2.0), gap_ratios([0.4, 0.5])),
    }
    other = {2.0: curve[2.0], 3.0: curve[1.0]}
    with pytest.raises(ValueError, match=r"two disorders that both have, got \[2.0\]"):
        estimates.crossing(curve, other)


def bandwidths(place, width=1.5, count=300):
    rng = np.random.default_rng(1)
    betas = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1, 1.5, 2.0)
    curve = {}
    for beta in betas:
        height = 0.4 + 0.1 * np.exp(-((np.log(beta / place) / width) ** 2))
        model = Model(8, 2.0, bubble=4, bandwidth=beta)
        curve[beta] = (model, gap_ratios(height + 0.01 * rng.standard_normal(count)))
    return curve


def test_the_best_bandwidth_is_the_top_of_the_curve_within_its_error():
    found = estimates.best_bandwidth(bandwidths(0.5))
    assert abs(np.log(found.value / 0.5)) < 4 * found.error / found.value + 0.02
    assert found.error < 0.1
    assert estimates.lost_at_chosen(bandwidths(0.6)).value < 0.002
    assert estimates.lost_at_chosen(bandwidths(2.0)).value > 0.01
    assert estimates.fall_to_ends(bandwidths(0.5)).value > 0.04


# Parts of a purity


@pytest.mark.parametrize(
    ("mean", "low", "high"), [(0, 0.65, 0.8), (1, 0.95, 1.05), (3, 0.95, 1.05)]
)
def test_scatter_recovers_the_variance_of_gaussian_magnetizations(mean, low, high):
    spins = np.random.default_rng(0).normal(0.02 * mean, 0.02, (5000, 50))
    gamma = 0.5 + 2 * spins**2
    part = estimates.scattered(1 - gamma.mean(1), gamma.var(1)).mean()
    assert low < part / (2 * 0.02**2) < high


# Controls


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of a short chain with controls of its ensemble at W = 5 and none at W = 3."""
    place = tmp_path_factory.mktemp("controls")
    (place / "tiny.toml").write_text(
        'name = "tiny"\nseed = 5\nstates = 20\n\n[[ensemble]]\nlength = 8\n'
        "disorder = [3.0, 5.0]\nrealizations = 120\n"
    )
    ensemble.run(campaign.load(place / "tiny.toml"), place / "data")
    for one in store.stores(place / "data"):
        one.consolidate()
    with pytest.MonkeyPatch.context() as patch:  # integrals by few points: their errors say so
        patch.setattr("inclusions.controls.means.POINTS", 256)
        controls.compute(place / "data", Model(8, 5.0), 5, range(120))
    store.write_manifest(place / "data")
    return tables.load(place / "tiny.toml", place / "data")


def test_controls_sharpen_purities_and_leave_the_plain_value_to_those_who_ask(folder):
    model = Model(8, 5.0)
    records = folder.found[model]
    for function in (estimates.purity_profile, estimates.purity):
        sharp, plain = function(model, records), function(model, records, plain=True)
        assert np.all(sharp.error < 0.6 * plain.error)
        assert np.all(np.abs(sharp.value - plain.value) < 4 * plain.error)
        without = function(model, records.drop_attrs())
        np.testing.assert_array_equal(without.samples, plain.samples)
    sharp = estimates.correlation(model, records)
    assert sharp.value[0, 0] == pytest.approx(1) and sharp.value.shape == (3, 8)


def test_missing_controls_leave_the_plain_value_and_say_why_in_a_line(folder):
    model = Model(8, 3.0)
    records = folder.found[model]
    found = estimates.purity(model, records)
    assert found.error == estimates.purity(model, records, plain=True).error
    (why,) = folder.why_plain()
    assert why == estimates.why_plain(model, records) and "\n" not in why
    assert "inclusions controls CAMPAIGN.toml computes them" in why


def test_damaged_or_foreign_controls_leave_the_plain_value_and_say_so_in_a_line(folder, tmp_path):
    first = next(iter(folder.found.values()))
    shutil.copytree(first.attrs["data"], tmp_path / "data")
    model = Model(8, 5.0)
    path = path_of(tmp_path / "data", model, 5)
    records = folder.found[model].assign_attrs(data=str(tmp_path / "data"), checksum="")
    plain = estimates.purity(model, records, plain=True)
    good, listed = path.read_bytes(), tmp_path / "data" / "manifest.json"
    path.write_bytes(good[:-100])
    found = estimates.purity(model, records)
    assert found.error == plain.error
    assert "differs from its hash" in (why := estimates.why_plain(model, records))
    assert "\n" not in why
    # a file of another ensemble, which the manifest takes for this one's
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inclusions.controls.means.POINTS", 256)
        other = controls.compute(tmp_path / "other", Model(8, 4.0), 5, range(3))
    path.write_bytes(other.read_bytes())
    hashes = hashlib.sha256(good).hexdigest(), hashlib.sha256(path.read_bytes()).hexdigest()
    listed.write_text(listed.read_text().replace(*hashes))
    records = records.assign_attrs(data=str(tmp_path / "data" / "."))
    estimates._loaded.cache_clear()
    assert "under another name" in estimates.why_plain(model, records)


def test_a_length_without_its_partner_is_named_with_what_to_add():
    with pytest.raises(LookupError, match=r"no open chain of L \+ 2 = 10 at W = 4; add ") as error:
        estimates.partner(Model(8, 4.0, bubble=4), {Model(8, 4.0): None})
    assert "\n" not in str(error.value)


def test_growth_is_the_slope_of_the_purity_at_one_distance():
    profiles = {
        n: combine(lambda y, n=n: np.stack([y - 0.01 * n, y], -1), normal(0.8 + 0.01 * n, 0.01, n))
        for n in (8, 10, 12)
    }
    assert float(estimates.growth(profiles, 1).slope.value) == pytest.approx(0.01)
    assert float(estimates.growth(profiles, 0).slope.value) == pytest.approx(0.0, abs=1e-12)


def test_a_plateau_is_not_fitted_with_the_covariance_of_a_few_realizations():
    distance = np.arange(8)
    values = 0.02 + 0.05 * np.exp(-distance / 2)
    generator = np.random.default_rng(0)
    samples = values + 0.001 * generator.standard_normal((1000, 8))
    deficit = Estimate(values, samples.std(axis=0), samples)
    assert estimates.plateau(deficit, 16).values["plateau"] == pytest.approx(0.02, abs=0.003)
    with pytest.raises(ValueError, match="8 distances takes at least 16 realizations, got 15"):
        estimates.plateau(deficit, 15)


def test_errors_of_a_plateau_hold_where_the_covariance_is_from_as_few_realizations_as_may_be():
    """Repeated experiments of 18 realizations of 9 correlated distances."""
    distance, experiments = np.arange(9), 200
    apart = np.abs(distance[:, None] - distance)
    root = np.linalg.cholesky(0.02**2 * (0.3 + 0.7 * 0.5**apart))
    generator = np.random.default_rng(5)
    pulls, drops = [], []
    for _ in range(experiments):
        deficits = 0.2 * np.exp(-distance / 1.5) + generator.standard_normal((18, 9)) @ root.T
        free, zero, _ = estimates.plateau_test(mean(deficits), 18)
        pulls.append(free.values["plateau"] / free.errors["plateau"])
        drops.append(zero.chi2 - free.chi2)
    assert 0.62 < np.mean(np.abs(pulls) < 1) < 0.80  # 68 %, 3.3 % the error of a share of 200
    assert np.mean(np.abs(pulls) > 2) < 0.1
    assert np.mean(drops) < 1.5  # a plateau that is not there gains no more than chi2 of one
