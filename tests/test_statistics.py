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
        statistics.mean(y, controls=statistics.Controls(*(part[..., chosen] for part in both)))
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
    first = np.stack([end + noise[0], far + noise[1]], axis=1)
    product = np.stack([first[:, :1] * first, first[:, 1:] * first], axis=1)
    parts = (end - 0.25, far - 0.25, (end - 0.25) * (far - 0.25))
    controls = statistics.Controls(
        np.stack([np.stack(parts, axis=-1)] * 2, axis=1), np.zeros((2, 3)), np.zeros((2, 3))
    )
    plain = statistics.purity_correlation(first, first**2, product)
    sharp = statistics.purity_correlation(first, first**2, product, controls=controls)
    assert sharp.error[1] < 0.3 * plain.error[1]
    assert abs(sharp.value[1]) < 4 * sharp.error[1]  # independent ends


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


# Purities


def purity_states(generator, realizations, length, scale=1.0):
    """Linear entropies of raw states, correlated along the chain, and their record fields."""
    sites = np.arange(length)
    correlation = np.exp(-abs(sites[:, None] - sites) / 2)
    correlation[0, -1] = correlation[-1, 0] = 0.6
    root = np.linalg.cholesky(correlation)
    states = []
    for count in generator.integers(20, 31, size=realizations):
        noise = (generator.standard_normal(length) + generator.standard_normal((count, length))) / 2
        states.append(scale * (1 + sites) / length / (2 + np.exp(noise @ root.T)))
    ends = [0, -1]
    fields = {
        "linear_entropy": np.array([x.mean(axis=0) for x in states]),
        "linear_entropy_squared": np.array([(x**2).mean(axis=0) for x in states]),
        "linear_entropy_product": np.array([(x[:, ends].T @ x) / len(x) for x in states]),
        "counts": np.array([len(x) for x in states]),
    }
    return np.concatenate(states), fields


@pytest.mark.parametrize("length", [5, 8])
def test_purity_by_distance_averages_each_site_with_its_mirror(length):
    states, fields = purity_states(np.random.default_rng(14), 200, length)
    estimate = statistics.purity_by_distance(fields["linear_entropy"], fields["counts"])
    purity = 1 - states.mean(axis=0)
    expected = [(purity[i] + purity[length - 1 - i]) / 2 for i in range(int(np.ceil(length / 2)))]
    assert estimate.value == pytest.approx(expected)
    assert estimate.covariance.shape == (len(expected), len(expected))
    assert np.all(estimate.error > 0)


@pytest.mark.parametrize("length", [5, 8])
def test_purity_correlation_is_the_pearson_coefficient_of_all_states(length):
    states, fields = purity_states(np.random.default_rng(15), 300, length)
    estimate = statistics.purity_correlation(**fields)
    purity = 1 - np.concatenate([states, states[:, ::-1]])  # both ends
    expected = np.corrcoef(purity, rowvar=False)[0]
    assert estimate.value == pytest.approx(expected, abs=1e-10)
    assert estimate.value[0] == pytest.approx(1)
    assert estimate.error[0] == pytest.approx(0, abs=1e-9)
    assert np.all(np.abs(estimate.samples) < 1 + 1e-9)


def test_purity_correlation_survives_single_precision_where_purities_are_close_to_1():
    states, fields = purity_states(np.random.default_rng(16), 300, 6, scale=1e-6)
    single = {name: values.astype(np.float32) for name, values in fields.items()}
    expected = np.corrcoef(np.concatenate([states, states[:, ::-1]]), rowvar=False)[0]
    assert statistics.purity_correlation(**single).value == pytest.approx(expected, abs=1e-5)


def test_purity_correlation_needs_double_precision_where_purities_are_close_to_one_half():
    states, fields = purity_states(np.random.default_rng(32), 300, 6, scale=1e-4)
    expected = np.corrcoef(np.concatenate([states, states[:, ::-1]]), rowvar=False)[0]
    # moments of 1/2 - x, from those of x
    first, second = fields["linear_entropy"], fields["linear_entropy_squared"]
    fields["linear_entropy"] = 0.5 - first
    fields["linear_entropy_squared"] = 0.25 - first + second
    both = first[:, [0, -1], None] + first[:, None]
    fields["linear_entropy_product"] = 0.25 - both / 2 + fields["linear_entropy_product"]
    assert statistics.purity_correlation(**fields).value == pytest.approx(expected, abs=1e-5)
    single = {name: values.astype(np.float32) for name, values in fields.items()}
    assert not np.allclose(statistics.purity_correlation(**single).value, expected, atol=0.1)


def test_error_of_a_purity_correlation_is_its_scatter_in_repeated_experiments():
    generator = np.random.default_rng(17)
    estimates = [
        statistics.purity_correlation(**purity_states(generator, 60, 6)[1], resamples=200)
        for _ in range(120)
    ]
    scatter = np.std([estimate.value for estimate in estimates], axis=0)[1:]
    stated = np.mean([estimate.error for estimate in estimates], axis=0)[1:]
    assert stated == pytest.approx(scatter, rel=0.25)  # 120 give the scatter to 6.5 %


def test_purity_correlation_is_nan_where_a_purity_does_not_vary():
    _, fields = purity_states(np.random.default_rng(18), 20, 5)
    fields = {name: 0 * values if name != "counts" else values for name, values in fields.items()}
    assert np.all(np.isnan(statistics.purity_correlation(**fields).value))


def test_purity_correlation_refuses_moments_that_do_not_belong_together():
    _, fields = purity_states(np.random.default_rng(19), 20, 5)
    fields["linear_entropy_product"] = fields["linear_entropy_product"][:, 0]
    with pytest.raises(ValueError, match=r"must be \(R, L\), \(R, L\), \(R, 2, L\), got"):
        statistics.purity_correlation(**fields)


# Crossings


def ensembles(generator, disorder, length, critical=3.1, realizations=100, spread=0.02):
    """Gap ratios of realizations that fall from GOE to Poisson, the faster the longer the chain."""
    step = statistics.GOE_GAP_RATIO - statistics.POISSON_GAP_RATIO
    means = statistics.POISSON_GAP_RATIO + step / (1 + np.exp((disorder - critical) * length / 4))
    return [mean + spread * generator.standard_normal(realizations) for mean in means]


def test_crossing_finds_the_crossing_among_sign_changes_by_noise():
    generator = np.random.default_rng(20)
    disorder = np.arange(0.0, 9.0, 0.5)  # both ends are flat: there, signs are noise
    small, large = (ensembles(generator, disorder, n, realizations=1000) for n in (8, 10))
    difference = np.array([b.mean() - a.mean() for a, b in zip(small, large, strict=True)])
    assert np.sum(np.diff(np.sign(difference)) < 0) > 1
    found = statistics.crossing(disorder, small, large)
    assert found.missing == 0
    assert found.error < 0.1
    assert abs(found.value - 3.1) < 4 * found.error
    assert found.low < found.median < found.high


def test_interval_of_a_crossing_holds_the_truth_in_two_thirds_of_repeated_experiments():
    generator = np.random.default_rng(21)
    disorder = np.arange(1.0, 6.0, 0.4)
    held, values, errors = 0, [], []
    for seed in range(200):
        small, large = (ensembles(generator, disorder, n) for n in (8, 10))
        found = statistics.crossing(disorder, small, large, resamples=200, seed=seed)
        held += found.low <= 3.1 <= found.high
        values.append(found.value)
        errors.append(found.error)
    assert 0.5 < held / 200 < 0.85
    assert np.std(values) / np.median(errors) == pytest.approx(1, abs=0.3)
    assert abs(np.mean(values) - 3.1) < 0.3 * np.std(values)


def test_curves_that_do_not_cross_are_reported_as_such():
    generator = np.random.default_rng(22)
    disorder = np.arange(2.0, 5.0, 0.25)
    above = ensembles(generator, disorder, 8, critical=4.0)
    below = ensembles(generator, disorder, 8, critical=3.0)
    for small, large in ((above, below), (below, above)):
        found = statistics.crossing(disorder, small, large)
        assert found.missing == 1
        assert np.isnan([found.value, found.median, found.low, found.high]).all()


def test_crossing_in_the_noise_is_missing_from_many_resamples():
    generator = np.random.default_rng(23)
    disorder = np.arange(3.0, 4.0, 0.25)
    missing = [
        statistics.crossing(
            disorder,
            [generator.standard_normal(100) for _ in disorder],
            [generator.standard_normal(100) for _ in disorder],
            resamples=200,
        ).missing
        for _ in range(20)
    ]
    assert np.mean(missing) > 0.25


@pytest.mark.parametrize("realizations", [(100, 100), (30, 3000)])
def test_two_points_around_a_crossing_are_interpolated(realizations):
    generator = np.random.default_rng(24)
    values = [generator.standard_normal(n) for n in realizations]
    zero = [v - v.mean() for v in values]
    found = statistics.crossing([1.0, 2.0], zero, [zero[0] + 3, zero[1] - 1])
    assert found.value == pytest.approx(1.75)


@pytest.mark.parametrize(
    ("disorder", "small", "message"),
    [
        ([2.0, 1.0], [[0, 1], [0, 1]], "2 ascending numbers"),
        ([1.0, 2.0], [[0, 1]], "equally long, got 2, 1, 2"),
        ([1.0, 2.0], [[0, 1], [0, np.nan]], "finite, got 1 of 2"),
        ([1.0, 2.0], [[0, 1], [0]], "at least 2 realizations"),
        ([1.0, 2.0], [[0, 1], [1, 1]], "do not vary at disorder 2.0"),
    ],
)
def test_crossing_refuses_curves_without_errors(disorder, small, message):
    with pytest.raises(ValueError, match=message):
        statistics.crossing(disorder, small, [[1, 2], [1, 1]])


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
    assert found.decidable
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
    assert not found.decidable


def test_one_peak_that_is_not_beta_distributed_is_not_taken_for_two():
    logits = np.random.default_rng(31).standard_normal(2000) - 2
    found = statistics.mixture(0.5 / (1 + np.exp(-logits)), resamples=20)
    assert not found.decidable


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
