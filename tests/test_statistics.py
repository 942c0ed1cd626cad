"""Estimates against known limits, brute force on raw states, and repeated synthetic experiments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inclusions import statistics

levels = arrays(np.int64, st.integers(3, 30), elements=st.integers(-1000, 1000)).map(np.sort)


def gaussian_matrices(generator, count, size):
    matrices = generator.standard_normal((count, size, size))
    return matrices + matrices.transpose(0, 2, 1)


# Gap ratios


def test_gap_ratios_of_a_hand_made_spectrum():
    assert statistics.gap_ratios([0.0, 1.0, 3.0, 3.0, 3.0, 4.0]) == pytest.approx([0.5, 0, 0, 0])
    assert statistics.mean_gap_ratio([[0, 1, 3, 4], [0, 1, 2, 3]]) == pytest.approx([0.5, 1.0])
    assert statistics.gap_ratios(np.zeros((5, 2, 7)).cumsum(axis=-1)).shape == (5, 2, 5)


def test_independent_levels_have_the_poisson_gap_ratio():
    energies = np.sort(np.random.default_rng(1).random((4000, 52)), axis=1)
    estimate = statistics.mean(statistics.mean_gap_ratio(energies))
    assert estimate.error < 0.001
    assert abs(estimate.value - statistics.POISSON_GAP_RATIO) < 4 * estimate.error
    assert pytest.approx(0.386294, abs=1e-6) == statistics.POISSON_GAP_RATIO


def test_three_by_three_goe_matrices_have_the_gap_ratio_of_the_surmise():
    energies = np.linalg.eigvalsh(gaussian_matrices(np.random.default_rng(3), 100_000, 3))
    estimate = statistics.mean(statistics.mean_gap_ratio(energies), resamples=100)
    assert estimate.error < 0.001
    assert abs(estimate.value - statistics.GOE_SURMISE_GAP_RATIO) < 4 * estimate.error
    assert pytest.approx(0.535898, abs=1e-6) == statistics.GOE_SURMISE_GAP_RATIO


def test_large_goe_matrices_have_the_goe_gap_ratio():
    energies = np.linalg.eigvalsh(gaussian_matrices(np.random.default_rng(4), 500, 200))
    estimate = statistics.mean(statistics.mean_gap_ratio(energies[:, 70:130]))
    assert estimate.error < 0.0025
    assert abs(estimate.value - statistics.GOE_GAP_RATIO) < 4 * estimate.error


@given(levels)
def test_gap_ratios_lie_between_0_and_1(energies):
    ratios = statistics.gap_ratios(energies)
    assert ratios.shape == (len(energies) - 2,)
    assert np.all((ratios >= 0) & (ratios <= 1))


@given(levels, st.floats(0.01, 100), st.floats(-100, 100))
def test_gap_ratios_do_not_depend_on_scale_shift_and_direction(energies, scale, shift):
    ratios = statistics.gap_ratios(energies)
    assert statistics.gap_ratios(scale * energies) == pytest.approx(ratios, abs=1e-9)
    assert statistics.gap_ratios(energies + shift) == pytest.approx(ratios, abs=1e-9)
    assert statistics.gap_ratios(-energies[::-1]) == pytest.approx(ratios[::-1])


@pytest.mark.parametrize(
    ("energies", "message"),
    [
        ([0.0, 1.0], "at least 3 levels, got 2"),
        (3.0, "at least 3 levels, got 0"),
        ([0.0, 2.0, 1.0], "must ascend, got a step of -1"),
        ([0.0, np.nan, 1.0], "must be finite, got 1 of 3"),
    ],
)
def test_spectra_without_gap_ratios_are_refused(energies, message):
    with pytest.raises(ValueError, match=message) as caught:
        statistics.gap_ratios(energies)
    assert "\n" not in str(caught.value)


def test_surmise_is_normalised_and_has_its_mean():
    points, weights = np.polynomial.legendre.leggauss(60)
    r, weights = (points + 1) / 2, weights / 2
    density = statistics.gap_ratio_surmise(r)
    assert weights @ density == pytest.approx(1)
    assert weights @ (r * density) == pytest.approx(statistics.GOE_SURMISE_GAP_RATIO)
    assert statistics.gap_ratio_surmise([0, 1]) == pytest.approx([0, 13.5 / 9**1.25])
    assert statistics.gap_ratio_surmise(np.zeros((2, 3))).shape == (2, 3)


def test_gap_ratios_of_three_by_three_matrices_follow_the_surmise():
    energies = np.linalg.eigvalsh(gaussian_matrices(np.random.default_rng(5), 50_000, 3))
    r = statistics.gap_ratios(energies)[:, 0]
    edges = np.linspace(0, 1, 21)
    counts = np.histogram(r, edges)[0]
    # Simpson's rule over each bin
    low, middle, high = (
        statistics.gap_ratio_surmise(x) for x in (edges[:-1], edges[:-1] + 0.025, edges[1:])
    )
    expected = len(r) * 0.05 * (low + 4 * middle + high) / 6
    assert (np.square(counts - expected) / expected).sum() < 43.8  # 99.9 % of chi2, 19 degrees


@pytest.mark.parametrize("ratio", [-0.1, 1.1, np.nan])
def test_surmise_refuses_what_is_no_gap_ratio(ratio):
    with pytest.raises(ValueError, match=r"in \[0, 1\]|finite"):
        statistics.gap_ratio_surmise([0.5, ratio])


# Bootstrap


def test_each_resample_draws_as_many_realizations_as_there_are():
    weights = statistics.resample(50, 200, np.random.default_rng(5))
    assert weights.shape == (201, 50)
    assert np.all(weights[0] == 1)
    assert np.all(weights.sum(axis=1) == 50)
    # multinomial: variance 1 - 1/n of each count, covariance -1/n of two
    weights = statistics.resample(10, 20_000, np.random.default_rng(5))[1:]
    expected = np.eye(10) - 0.1
    assert np.cov(weights, rowvar=False) == pytest.approx(expected, abs=0.05)


def test_error_of_a_mean_is_the_standard_error():
    values = np.random.default_rng(6).exponential(size=(2000, 16))
    estimate = statistics.mean(values)
    assert estimate.value == pytest.approx(values.mean(axis=0))
    standard = values.std(axis=0, ddof=1) / np.sqrt(2000)
    assert (estimate.error / standard).mean() == pytest.approx(1, abs=0.05)
    one = statistics.mean(values[:, 0], resamples=4000)
    assert one.error == pytest.approx(standard[0], rel=0.05)


def test_interval_of_a_mean_holds_the_stated_fraction_of_repeated_experiments():
    generator = np.random.default_rng(7)
    held = 0
    for seed in range(400):
        estimate = statistics.mean(generator.exponential(size=100), resamples=200, seed=seed)
        low, high = estimate.interval()
        held += low <= 1 <= high
    assert 0.60 < held / 400 < 0.75


def test_states_of_one_realization_do_not_count_as_independent():
    generator = np.random.default_rng(8)
    states = generator.standard_normal((1000, 1)) + 0.1 * generator.standard_normal((1000, 50))
    naive = states.std() / np.sqrt(states.size)
    error = statistics.mean(states.mean(axis=1)).error
    assert error == pytest.approx(1 / np.sqrt(1000), rel=0.1)
    assert error > 5 * naive


def test_counts_weigh_realizations_by_their_states():
    generator = np.random.default_rng(9)
    counts = generator.integers(1, 9, size=300)
    states = [generator.random(n) for n in counts]
    means = [group.mean() for group in states]
    pooled = np.concatenate(states).mean()
    assert statistics.mean(means, counts=counts).value == pytest.approx(pooled)
    # a realization without states does not exist
    some = statistics.mean([*means, 1e6], counts=[*counts, 0])
    assert some.value == pytest.approx(pooled)
    assert some.error < 0.1


def test_bootstrap_is_set_by_its_seed():
    values = np.random.default_rng(10).random((40, 3))
    first, second = statistics.mean(values, seed=1), statistics.mean(values, seed=1)
    assert np.array_equal(first.samples, second.samples)
    assert not np.array_equal(first.samples, statistics.mean(values, seed=2).samples)


# Control variates


def skewed(generator, realizations, error=0.0):
    """Numbers of mean 0.3 and a control that explains most of them, neither Gaussian nor linear."""
    x = generator.gamma(2.0, 1.0, (realizations, 1))
    y = 0.3 + 0.5 * (x[:, 0] - 2) + 0.02 * (np.square(x[:, 0] - 2) - 2)
    y += 0.2 * (generator.exponential(1.0, realizations) - 1)
    known = np.array([2.0 + error * generator.standard_normal()])
    return y, statistics.Controls(x, known, np.array([error]))


@pytest.mark.parametrize(("realizations", "error"), [(60, 0.0), (400, 0.0), (400, 0.05)])
def test_intervals_of_sharpened_means_cover_68_percent(realizations, error):
    generator = np.random.default_rng(realizations)
    inside, gain, bias = [], [], []
    for seed in range(400):
        y, controls = skewed(generator, realizations, error)
        sharp = statistics.mean(y, controls=controls, resamples=200, seed=seed)
        inside.append(abs(sharp.value - 0.3) < sharp.error)
        bias.append((sharp.value - 0.3) / sharp.error)
        gain.append(statistics.mean(y, resamples=200, seed=seed).error / sharp.error)
    assert (
        abs(np.mean(inside) - statistics.ONE_SIGMA) < 0.075
    )  # 3 standard deviations of 400 trials
    assert abs(np.mean(bias)) < 0.2
    assert np.mean(gain) > (2.5 if error == 0 else 1.2)


def test_two_controls_sharpen_more_than_one_and_their_order_does_not_matter():
    generator = np.random.default_rng(1)
    x = generator.standard_normal((300, 2))
    y = x @ [1.0, 0.5] + 0.1 * generator.standard_normal(300)
    both = statistics.Controls(x, np.zeros(2), np.zeros(2))
    one, two, swapped = (
        statistics.mean(y, controls=statistics.Controls(*(part[..., chosen] for part in both[:3])))
        for chosen in ([0], [0, 1], [1, 0])
    )
    assert two.error < 0.4 * one.error
    np.testing.assert_allclose(swapped.value, two.value, rtol=1e-6)


def test_a_profile_is_sharpened_entry_by_entry_and_keeps_its_covariance():
    generator = np.random.default_rng(2)
    x = generator.standard_normal((500, 3, 1))
    common = 0.2 * generator.standard_normal((500, 1))
    y = x[..., 0] * [1.0, -2.0, 0.5] + common + 0.05 * generator.standard_normal((500, 3))
    sharp = statistics.mean(y, controls=statistics.Controls(x, np.zeros((3, 1)), np.zeros((3, 1))))
    np.testing.assert_allclose(sharp.error, np.hypot(0.2, 0.05) / np.sqrt(500), rtol=0.2)
    correlation = sharp.covariance[0, 1] / (sharp.error[0] * sharp.error[1])
    assert abs(correlation - 0.04 / 0.0425) < 0.05


def test_the_mean_of_sharpened_realizations_is_the_sharpened_mean():
    y, controls = skewed(np.random.default_rng(6), 200)
    values = statistics.sharpened(y, controls)
    assert values.mean() == pytest.approx(float(statistics.mean(y, controls=controls).value))
    assert values.std() < 0.5 * y.std()


def test_controls_that_do_not_vary_or_of_few_realizations_change_nothing():
    y = np.random.default_rng(3).standard_normal(40)
    constant = statistics.Controls(np.full((40, 1), 0.25), np.array([0.25]), np.array([0.0]))
    np.testing.assert_allclose(
        statistics.mean(y, controls=constant).samples, statistics.mean(y).samples, atol=1e-12
    )
    few = statistics.Controls(y[:19, None], np.zeros(1), np.zeros(1))
    np.testing.assert_array_equal(
        statistics.mean(y[:19], controls=few).samples, statistics.mean(y[:19]).samples
    )


def test_a_mean_of_few_realizations_takes_a_coefficient_that_need_not_be_fitted():
    generator = np.random.default_rng(12)
    means, errors = [], []
    for seed in range(300):
        x = generator.standard_normal((6, 2, 1))
        y = x[..., 0] * [1.0, 0.8] + 0.1 * generator.standard_normal((6, 2)) + [0.3, 0.6]
        known = statistics.Controls(x, np.zeros((2, 1)), np.full((2, 1), 0.02), slope=1.0)
        one = statistics.mean(y, controls=known, resamples=200, seed=seed)
        means.append(one.value)
        errors.append(one.error)
    left = np.hypot([0.0, 0.2], 0.1)  # scatter of y - x
    scatter = np.std(means, axis=0)
    np.testing.assert_allclose(np.mean(means, axis=0), [0.3, 0.6], atol=4 * max(left) / 42)
    np.testing.assert_allclose(scatter, left / np.sqrt(6), rtol=0.15)
    resampled = np.sqrt(5 / 6) * left / np.sqrt(6)  # the scatter of a sample is about its own mean
    errors = np.sqrt(np.mean(np.square(errors), axis=0))
    np.testing.assert_allclose(errors, np.hypot(resampled, 0.02), rtol=0.1)


def test_controls_of_other_realizations_or_of_another_shape_are_refused():
    y = np.random.default_rng(4).standard_normal((40, 2))
    with pytest.raises(ValueError, match="controls of 40 realizations must have shapes"):
        statistics.mean(
            y, controls=statistics.Controls(np.zeros((39, 1)), np.zeros(1), np.zeros(1))
        )
    wide = statistics.Controls(y[:, :1, None].repeat(3, axis=1), np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="do not fit values of shape"):
        statistics.mean(y, controls=wide)
    with pytest.raises(ValueError, match="controls must be finite"):
        statistics.mean(
            y, controls=statistics.Controls(np.full((40, 1), np.nan), np.zeros(1), np.zeros(1))
        )


def test_a_control_of_the_product_sharpens_a_correlation():
    generator = np.random.default_rng(5)
    end, far = generator.uniform(0.1, 0.4, (2, 600))
    noise = generator.uniform(-0.02, 0.02, (2, 600))
    x, y = end + noise[0], far + noise[1]
    parts = (end - 0.25, far - 0.25, (end - 0.25) * (far - 0.25))
    controls = statistics.Controls(np.stack(parts, axis=-1), np.zeros(3), np.zeros(3))

    def pearson(x, y, xx, yy, xy):
        return (xy - x * y) / np.sqrt((xx - x**2) * (yy - y**2))

    plain, sharp = (
        statistics.bootstrap(pearson, x, y, x**2, y**2, x * y, controls=one)
        for one in (None, controls)
    )
    assert sharp.error < 0.3 * plain.error
    assert abs(sharp.value) < 4 * sharp.error  # independent ends


def test_error_of_a_ratio_uses_the_correlation_of_its_arrays():
    generator = np.random.default_rng(11)
    x = generator.uniform(1, 2, size=2000)
    y = 3 * x + 0.001 * generator.standard_normal(2000)
    ratio = statistics.bootstrap(lambda a, b: a / b, y, x)
    assert ratio.value == pytest.approx(y.mean() / x.mean())
    assert ratio.error == pytest.approx(0.001 / 1.5 / np.sqrt(2000), rel=0.1)


def test_combined_errors_know_which_ensembles_are_the_same():
    generator = np.random.default_rng(12)
    x = generator.standard_normal(2000)
    y = 3 + 2 * generator.standard_normal(1500)
    standard = 1 / np.sqrt(2000), 2 / np.sqrt(1500)
    difference = statistics.combine(np.subtract, statistics.mean(x), statistics.mean(y, seed=1))
    assert difference.value == pytest.approx(x.mean() - y.mean())
    assert difference.error == pytest.approx(np.hypot(*standard), rel=0.1)
    same = statistics.combine(np.subtract, statistics.mean(x), statistics.mean(x))
    assert same.error == 0
    other = statistics.combine(np.subtract, statistics.mean(x), statistics.mean(x, seed=1))
    assert other.error == pytest.approx(np.sqrt(2) * standard[0], rel=0.1)


def test_errors_of_many_ensembles_of_one_size_add_in_squares():
    generator = np.random.default_rng(14)
    ensembles = generator.standard_normal((60, 400))
    means = [statistics.mean(values, seed=seed) for seed, values in enumerate(ensembles)]
    total = statistics.combine(lambda *rows: np.sum(rows, axis=0), *means)
    assert total.error == pytest.approx(np.sqrt(60 / 400), rel=0.1)


def test_an_entry_of_an_estimate_is_what_a_function_of_the_whole_would_pick():
    values = np.random.default_rng(3).standard_normal((50, 3, 4))
    whole = statistics.mean(values)
    for place in ((1,), (slice(None), 2), (0, 3), (slice(1, 3), slice(2))):
        picked = statistics.combine(lambda v, p=place: v[(slice(None), *p)], whole)
        for one, other in zip(whole.entry(*place), picked, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_number_minus_an_array_is_taken_at_every_entry():
    generator = np.random.default_rng(13)
    sites = statistics.mean(generator.random((500, 4)))
    number = statistics.mean(generator.random(700))
    difference = statistics.combine(np.subtract, number, sites)
    assert difference.value == pytest.approx(number.value - sites.value)
    # what all entries share is the variance of the number
    expected = sites.covariance + number.error**2
    assert difference.covariance == pytest.approx(expected, abs=0.15 * number.error**2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.mean([1.0]), "at least 2 realizations, got 1"),
        (lambda: statistics.mean([1.0, np.nan, np.inf]), "finite, got 2 of 3"),
        (lambda: statistics.mean([1.0, 2.0], counts=[1, 2, 3]), r"realizations, got \[2, 3\]"),
        (lambda: statistics.mean([1.0, 2.0], counts=[1, -1]), "must not be negative"),
        (
            lambda: statistics.combine(
                np.add, statistics.mean([1, 2], resamples=5), statistics.mean([1, 2], resamples=7)
            ),
            r"equally many resamples, got \[5, 7\]",
        ),
    ],
)
def test_resampling_refuses_what_it_cannot_resample(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Lines and means of estimates


def test_the_slope_of_a_line_and_its_error_are_those_of_weighted_least_squares():
    x, error = np.array([8.0, 10, 12, 16]), np.array([0.01, 0.02, 0.01, 0.05])
    points = [
        statistics.normal(0.8 + 0.002 * n, e, seed=int(n)) for n, e in zip(x, error, strict=True)
    ]
    found = statistics.line(x, *points)
    coefficients, covariance = np.polyfit(
        x, [p.value for p in points], 1, w=1 / error, cov="unscaled"
    )
    assert found.slope.value == pytest.approx(coefficients[0])
    assert found.slope.error == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.1)
    assert found.degrees == 2 and found.chi2 == pytest.approx(0, abs=1e-12)
    assert found.at(0).value == pytest.approx(coefficients[1])
    assert found.at(0).error == pytest.approx(np.sqrt(covariance[1, 1]), rel=0.1)


def test_a_point_of_few_samples_moves_a_line_as_little_as_its_weight_says():
    points = [statistics.normal(0.0, 0.01, seed=n) for n in (0, 1, 2)]
    vague = statistics.normal(100.0, 1e3, seed=3)
    slope = statistics.line([8, 10, 12, 16], *points, vague).slope
    assert abs(slope.value) < 0.01 * slope.error + 1e-3


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [([8.0], 0.1, "at least 2"), ([8.0, 8.0], 0.1, "at least 2"), ([8.0, 10.0], 0.0, "above 0")],
)
def test_a_line_needs_two_points_with_errors(x, error, message):
    with pytest.raises(ValueError, match=message):
        statistics.line(x, *(statistics.normal(1.0, error) for _ in x))


def test_means_of_estimates_know_what_they_share():
    values = np.random.default_rng(3).standard_normal((2, 400))
    one, other = (statistics.mean(v, seed=i) for i, v in enumerate(values))
    assert statistics.average(one, one).error == pytest.approx(one.error)
    apart = statistics.average(one, other).error
    assert apart == pytest.approx(np.hypot(one.error, other.error) / 2, rel=0.1)
    sharp = statistics.normal(5.0, 1e-6)
    assert statistics.weighted(one, sharp).value == pytest.approx(5.0, abs=1e-6)


def test_values_that_agree_within_their_errors_have_their_degrees_as_chi2():
    generator = np.random.default_rng(4)
    drawn = [statistics.agreement(generator.normal(2, 0.1, 5), np.full(5, 0.1)) for _ in range(500)]
    assert np.mean([chi2 for chi2, _ in drawn]) == pytest.approx(4, abs=0.5)
    assert np.mean([p < 0.1 for _, p in drawn]) == pytest.approx(0.1, abs=0.05)


# Crossings


def heights(disorder, length, kind):
    """Height of the gap ratio from Poisson (0) to GOE (1) on curves whose crossings are known."""
    place, steep = {
        "sharp": (3.5, 0.25 * length),
        "drifting": (3.0 + 0.03 * length, 0.18 * length),
        "merging": (3.4 - 0.01 * length, 1.0 + 0.02 * length),
    }[kind]
    return 1 / (1 + np.exp(steep * (disorder - place)))


def curves(generator, disorder, kind, error, lengths=(8, 10)):
    step = statistics.GOE_GAP_RATIO - statistics.POISSON_GAP_RATIO
    return [
        [
            statistics.Estimate(np.asarray(value), np.asarray(error), np.zeros(2))
            for value in statistics.POISSON_GAP_RATIO
            + step * heights(disorder, length, kind)
            + error * generator.standard_normal(len(disorder))
        ]
        for length in lengths
    ]


def truth(kind, lengths=(8, 10)):
    fine = np.linspace(1, 9, 200_001)
    difference = np.subtract(*(heights(fine, n, kind) for n in reversed(lengths)))
    return fine[np.flatnonzero((difference[:-1] > 0) & (difference[1:] <= 0))[-1]]


OLD = np.array([1, 1.5, 2, 2.5, 3, 3.5, 4, 4.4, 4.8, 5.2, 5.6, 6, 7, 8, 10])
FINE = np.sort(np.concatenate([OLD, [2.2, 2.4, 2.6, 2.8, 3.2, 3.4, 3.6, 3.8, 4.2]]))


@pytest.mark.parametrize("disorder", [OLD, FINE], ids=["coarse", "fine"])
@pytest.mark.parametrize(
    ("kind", "error"), [("sharp", 0.0012), ("sharp", 0.003), ("drifting", 0.0012),
                        ("merging", 0.0012), ("merging", 0.003)],
)  # fmt: skip
def test_intervals_of_crossings_cover_as_often_as_they_say_also_where_curves_merge(
    disorder, kind, error
):
    generator, place, held = np.random.default_rng(21), truth(kind), []
    for _ in range(300):
        found = statistics.crossing(disorder, *curves(generator, disorder, kind, error))
        if np.isfinite(found.value):
            held.append(found.low <= place <= found.high)
    assert len(held) > 200
    assert 0.60 < np.mean(held) < 0.78


def test_the_error_of_a_crossing_is_its_scatter_where_curves_cross_steeply():
    generator = np.random.default_rng(5)
    found = [
        statistics.crossing(FINE, *curves(generator, FINE, "sharp", 0.0012)) for _ in range(200)
    ]
    assert all(one.bounded for one in found)
    scatter = np.std([one.value for one in found])
    assert scatter == pytest.approx(np.median([(c.high - c.low) / 2 for c in found]), rel=0.2)
    assert abs(np.mean([one.value for one in found]) - 3.5) < 0.2 * scatter


def test_merging_curves_bound_their_crossing_worse_than_steep_ones():
    generator = np.random.default_rng(6)
    steep, merging = (
        [statistics.crossing(FINE, *curves(generator, FINE, kind, 0.0012)) for _ in range(50)]
        for kind in ("sharp", "merging")
    )
    assert np.mean([c.bounded for c in merging]) < np.mean([c.bounded for c in steep])
    assert np.isinf(next(c.error for c in merging if np.isfinite(c.value) and not c.bounded))


def test_curves_that_do_not_cross_are_reported_as_such():
    generator = np.random.default_rng(22)
    short = [curves(generator, OLD, "sharp", 1e-4, (n,))[0] for n in (8, 8)]
    above = [e._replace(value=e.value + 0.02) for e in short[1]]
    for pair in ((short[0], above), (above, short[0])):
        found = statistics.crossing(OLD, *pair)
        assert np.isnan([found.value, found.low, found.high, found.spread]).all()
        assert not found.bounded


def test_levels_of_a_short_chain_that_repel_a_little_at_any_disorder_do_not_move_a_crossing():
    pair = curves(np.random.default_rng(7), OLD, "sharp", 0.0012)
    beyond = {15.0: (0.02, 0.01), 50.0: (0.11, 0.03)}  # heights of the shorter and the longer
    step = statistics.GOE_GAP_RATIO - statistics.POISSON_GAP_RATIO
    longer = [
        curve
        + [
            statistics.normal(statistics.POISSON_GAP_RATIO + step * height[place], 0.0012)
            for height in beyond.values()
        ]
        for place, curve in enumerate(pair)
    ]
    known = statistics.crossing(OLD, *pair)
    assert statistics.crossing([*OLD, *beyond], *longer) == known


def test_two_points_around_a_crossing_are_interpolated():
    half = (statistics.GOE_GAP_RATIO + statistics.POISSON_GAP_RATIO) / 2
    small = [statistics.normal(half, 1e-3), statistics.normal(half, 1e-3)]
    large = [statistics.normal(half + 3e-3, 1e-3), statistics.normal(half - 1e-3, 1e-3)]
    assert statistics.crossing([1.0, 2.0], small, large).value == pytest.approx(1.75, abs=0.01)


@pytest.mark.parametrize(
    ("disorder", "small", "message"),
    [
        ([2.0, 1.0], [(0, 1), (0, 1)], "2 ascending numbers"),
        ([1.0, 2.0], [(0, 1)], "equally long, got 2, 1, 2"),
        ([1.0, 2.0], [(0, 1), (np.nan, 1)], "finite, got 1 of 4"),
        ([1.0, 2.0], [(0, 1), (1, 0)], "do not vary at disorder"),
    ],
)
def test_crossing_refuses_curves_without_errors(disorder, small, message):
    with pytest.raises(ValueError, match=message):
        large = [statistics.normal(1, 1), statistics.normal(2, 1)]
        statistics.crossing(disorder, [statistics.normal(*one) for one in small], large)


# Fits

DISTANCE = np.arange(9.0)
DISTANCES = abs(DISTANCE[:, None] - DISTANCE)
COVARIANCE = 0.002**2 * np.exp(-DISTANCES / 3)  # neighbours vary together


def test_plateau_fit_returns_the_parameters_of_exact_data():
    value = statistics.plateau(DISTANCE, 0.05, 0.2, 1.5)
    fit = statistics.fit_plateau(DISTANCE, value, COVARIANCE)
    assert fit.valid
    assert fit.values == pytest.approx({"plateau": 0.05, "amplitude": 0.2, "length": 1.5}, rel=1e-3)
    assert fit.chi2 < 1e-3
    assert fit.degrees == 6
    assert fit.errors == pytest.approx(
        dict(zip(fit.values, np.sqrt(np.diag(fit.covariance)), strict=True)), rel=1e-3
    )


def test_standard_errors_are_a_diagonal_covariance():
    generator = np.random.default_rng(25)
    value = statistics.plateau(DISTANCE, 0.05, 0.2, 1.5) + 0.002 * generator.standard_normal(9)
    errors = statistics.fit_plateau(DISTANCE, value, np.full(9, 0.002))
    matrix = statistics.fit_plateau(DISTANCE, value, 0.002**2 * np.eye(9))
    assert errors.values == pytest.approx(matrix.values)
    assert errors.chi2 == pytest.approx(matrix.chi2)


def test_plateau_fit_is_the_least_of_the_correlated_chi2():
    generator = np.random.default_rng(26)
    value = statistics.plateau(DISTANCE, 0.05, 0.2, 1.5)
    value = value + np.linalg.cholesky(COVARIANCE) @ generator.standard_normal(9)
    fit = statistics.fit_plateau(DISTANCE, value, COVARIANCE)

    def chi2(**parameters):
        residuals = value - statistics.plateau(DISTANCE, **parameters)
        return residuals @ np.linalg.solve(COVARIANCE, residuals)

    assert chi2(**fit.values) == pytest.approx(fit.chi2)
    for name, error in fit.errors.items():
        for sign in (-1, 1):
            moved = fit.values | {name: fit.values[name] + 0.3 * sign * error}
            assert chi2(**moved) > fit.chi2


def test_plateau_errors_and_p_values_hold_in_repeated_experiments():
    generator = np.random.default_rng(27)
    root = np.linalg.cholesky(COVARIANCE)
    pulls, p_values, drops = [], [], []
    for _ in range(200):
        value = statistics.plateau(DISTANCE, 0.0, 0.2, 1.5) + root @ generator.standard_normal(9)
        fit = statistics.fit_plateau(DISTANCE, value, COVARIANCE)
        without = statistics.fit_plateau(DISTANCE, value, COVARIANCE, fixed=0)
        assert fit.valid and without.valid
        assert without.values["plateau"] == 0
        assert without.degrees == fit.degrees + 1
        pulls.append(fit.values["plateau"] / fit.errors["plateau"])
        p_values.append(fit.p_value)
        drops.append(without.chi2 - fit.chi2)
    assert np.std(pulls) == pytest.approx(1, abs=0.2)
    assert abs(np.mean(pulls)) < 0.3
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    assert np.mean(drops) == pytest.approx(1, abs=0.4)  # chi2 of one degree of freedom
    assert min(drops) > -1e-3


def test_a_length_at_its_limit_is_not_a_valid_fit():
    fit = statistics.fit_plateau(DISTANCE, 1 - 0.01 * DISTANCE - 0.001 * DISTANCE**2, COVARIANCE)
    assert not fit.valid


def test_a_fall_has_the_exponent_of_all_points_and_of_the_last_two():
    x = np.array([2.0, 4.0, 8.0, 16.0])
    exact = statistics.fall(x, 3 * x**-1.5, 0.01 * x**-1.5)
    assert exact.exponent == pytest.approx(1.5) and exact.last == pytest.approx(1.5)
    assert exact.degrees == 2 and exact.chi2 == pytest.approx(0, abs=1e-9)
    bent = statistics.fall(x, np.append(3 * x[:3] ** -1.5, 0.01), 0.01 * x**-1.5)
    assert bent.last == pytest.approx(np.log2(3 * 8**-1.5 / 0.01)) and bent.p_value < 1e-6
    two = statistics.fall(x[:2], [1.0, 0.5], [0.03, 0.02])
    assert np.isnan(two.exponent) and two.last == pytest.approx(1)
    assert two.last_error == pytest.approx(np.hypot(0.03, 0.04) / np.log(2))


def test_power_law_fit_is_the_weighted_line_through_the_logarithms():
    generator = np.random.default_rng(28)
    dimension = np.array([280, 1008, 3696, 13728, 51480])
    error = 3 / dimension * np.array([0.01, 0.02, 0.03, 0.02, 0.05])
    value = 3 / dimension + error * generator.standard_normal(5)
    fit = statistics.fit_power_law(dimension, value, error)
    weights = value / error
    (slope, intercept), covariance = np.polyfit(
        np.log(dimension), np.log(value), 1, w=weights, cov="unscaled"
    )
    assert fit.valid
    assert fit.values == pytest.approx({"log_amplitude": intercept, "exponent": -slope}, abs=1e-5)
    assert fit.errors["exponent"] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-3)
    assert abs(fit.values["exponent"] - 1) < 4 * fit.errors["exponent"]
    assert fit.degrees == 3
    assert 1e-3 < fit.p_value < 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.fit_plateau([0, 1, 2], [3, 2, 1], [1, 1, 1]), "at least 4 .* got 3"),
        (lambda: statistics.fit_plateau([0, 1, 2, 2], [3, 2, 1, 1], 4 * [1]), "4 .* got 3"),
        (lambda: statistics.fit_plateau([0, 1, 2, 3], [3, 2, 1, 1], [1, 1]), r"\(2,\) that differ"),
        (lambda: statistics.fit_plateau(range(4), range(4), np.ones((4, 4))), "must be positive"),
        (lambda: statistics.fit_plateau(range(4), range(4), np.zeros(4)), "must be positive"),
        (lambda: statistics.fit_power_law([1, 2], [1, 2], [1, 1]), "at least 3 points, got 2"),
        (lambda: statistics.fit_power_law([1, 2, 3], [1, -2, 3], 3 * [1]), "positive .* got -2"),
    ],
)
def test_fits_refuse_what_does_not_determine_them(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Mixture


def thermalized(generator, fraction, realizations=500):
    thermal = generator.random(realizations) < fraction
    linear_entropy = generator.beta(2, 10, realizations)
    linear_entropy[thermal] = generator.beta(40, 4, realizations)[thermal]
    return linear_entropy / 2, thermal.mean()


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.8])
def test_mixture_finds_the_fraction_of_thermalized_realizations(fraction):
    linear_entropy, drawn = thermalized(np.random.default_rng(29), fraction)
    found = statistics.mixture(linear_entropy)
    assert found.bic > 100 and found.separation > 2
    assert abs(found.fraction.value - fraction) < 4 * found.fraction.error
    assert found.fraction.value == pytest.approx(drawn, abs=0.01)  # they hardly overlap
    assert found.fraction.error == pytest.approx(np.sqrt(fraction * (1 - fraction) / 500), rel=0.2)
    assert found.means == pytest.approx([20 / 44, 1 / 12], rel=0.1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator: generator.beta(2, 10, 1000),
        lambda generator: generator.beta(0.5, 0.8, 1000),
        lambda generator: 1 - generator.beta(1, 1000, 1000),
    ],
    ids=["localized", "broad", "ergodic"],
)
def test_one_component_is_reported_as_one(draw):
    found = statistics.mixture(draw(np.random.default_rng(30)) / 2, resamples=20)
    assert found.bic < 0


@pytest.mark.parametrize(
    ("linear_entropy", "message"),
    [
        (np.zeros((30, 2)), r"at least 20 realizations, got \(30, 2\)"),
        (np.zeros(5), r"at least 20 realizations, got \(5,\)"),
        (np.linspace(0.1, 0.9, 30), r"in \[0, 0.5\], got 0.1, 0.9"),
        (np.full(30, np.nan), "finite, got 30 of 30"),
        (np.full(30, 0.2), "must vary, got 0.2 for all"),
    ],
)
def test_mixture_refuses_what_is_not_linear_entropies(linear_entropy, message):
    with pytest.raises(ValueError, match=message):
        statistics.mixture(linear_entropy)


def test_two_samples_tell_one_distribution_from_two():
    rng = np.random.default_rng(3)
    one, other = rng.uniform(size=(2, 1000))
    same = statistics.two_samples(one, other)
    assert same.p_value > 0.01
    assert same.least == 0
    mixed = np.where(rng.uniform(size=1000) < 0.3, -1.0, other)  # a share of 0.3 is elsewhere
    found = statistics.two_samples(one, mixed)
    assert found.p_value < 1e-6
    assert found.distance == pytest.approx(0.3, abs=0.06)
    assert 0.1 < found.least < 0.3


def test_the_lower_bound_of_a_distance_holds_as_often_as_it_says():
    rng = np.random.default_rng(4)
    exceeded = 0
    for _ in range(200):
        one, other = rng.uniform(size=(2, 100))
        exceeded += statistics.two_samples(one, np.where(other < 0.2, -1.0, other)).least > 0.2
    assert exceeded <= 200 * 0.05


def test_median_and_its_error_are_those_of_the_samples():
    values = np.random.default_rng(5).standard_normal(401)
    found = statistics.median(values, seed=1)
    assert found.value == np.median(values)
    assert found.error == pytest.approx(np.sqrt(np.pi / 2 / 401), rel=0.3)  # of a normal variable
