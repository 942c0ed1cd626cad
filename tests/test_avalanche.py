import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inclusions import avalanche

XI_STAR = 1.4426950408889634  # log2(e)

below = st.floats(0.05, 0.97 * XI_STAR)
above = st.floats(XI_STAR, 20)
xis = st.floats(0.05, 20)
bubbles = st.integers(1, 64)
lengths = st.integers(1, 40)
distances = st.floats(0, 20)
fractions = st.floats(0, 1)
purities = st.floats(0.5, 1)
exponents = st.sampled_from([0.5, 1.0])


def test_critical_length_halves_the_coupling_per_site():
    assert avalanche.CRITICAL_LENGTH == pytest.approx(XI_STAR, rel=1e-15)
    assert math.exp(-1 / avalanche.CRITICAL_LENGTH) == pytest.approx(0.5, rel=1e-15)


def test_known_values_for_a_bubble_of_four():
    # xi = xi_*/2: l_c = 1/2 ln 4 / ln 2 = 1, d_therm = 4 * 4 = 16, and e^(-2i/xi) = 16^-i
    xi = XI_STAR / 2
    assert avalanche.resonance_ratio(0, xi, 4) == pytest.approx(2)
    assert avalanche.resonance_ratio(3, xi, 4) == pytest.approx(2 * 2.0**-3)
    assert avalanche.thermalized_distance(xi, 4) == pytest.approx(1)
    assert avalanche.thermal_dimension(xi, 4, 16) == pytest.approx(16)
    assert avalanche.effective_dimension(0.5, xi, 4, 16) == pytest.approx(4)
    # e^(-i/xi) = 1/2: 1/2 + 1/2 (1/2) 0.4 + 1/2 (1/4), and with the printed exponent the
    # ergodic part 4^(-1/2) is cut to 0.4
    assert avalanche.mean_purity(0.5, xi, 0.5, 4, 16, 0.9) == pytest.approx(0.725)
    assert avalanche.mean_purity(0.5, xi, 0.5, 4, 16, 0.9, exponent=0.5) == pytest.approx(0.8)


@given(xi=below, bubble=bubbles)
def test_the_avalanche_stops_where_the_resonance_ratio_is_one(xi, bubble):
    reach = avalanche.thermalized_distance(xi, bubble)
    assert avalanche.resonance_ratio(reach, xi, bubble) == pytest.approx(1, rel=1e-9)


def test_the_printed_exponent_runs_past_the_resonance_and_misses_the_stated_power():
    xi, bubble = 0.5, 4
    printed = (1 / xi - math.log(2)) ** -0.5 * math.log(bubble)
    right = avalanche.thermalized_distance(xi, bubble)
    assert printed / right == pytest.approx(2 * math.sqrt(2 - math.log(2)))
    assert avalanche.resonance_ratio(printed, xi, bubble) < 0.5
    stated = bubble ** (1 / (1 - xi / XI_STAR))
    assert bubble * 4**printed / stated == pytest.approx(2.575, rel=1e-3)


@given(xi=below, bubble=bubbles)
def test_thermal_dimension_is_the_power_the_paper_states(xi, bubble):
    assert avalanche.thermal_dimension(xi, bubble) == pytest.approx(
        bubble ** (1 / (1 - xi / XI_STAR)), rel=1e-9
    )


@given(xi=above, bubble=bubbles, length=lengths)
def test_an_unstoppable_avalanche_swallows_the_chain(xi, bubble, length):
    assert avalanche.thermalized_distance(xi, bubble) == math.inf
    assert avalanche.thermalized_distance(xi, bubble, length) == length / 2
    assert avalanche.thermal_dimension(xi, bubble, length) == bubble * 2.0**length


def test_thermalized_distance_diverges_at_the_critical_length_and_not_before():
    xi = XI_STAR * (1 - np.logspace(-1, -12, 12))
    reach = avalanche.thermalized_distance(xi, 4)
    assert np.isfinite(reach).all()
    # l_c = 1/2 ln n xi_* (1 - eps) / eps
    np.testing.assert_allclose(reach * (1 - xi / XI_STAR) / xi, math.log(2), rtol=1e-3)
    assert avalanche.thermalized_distance(np.nextafter(avalanche.CRITICAL_LENGTH, 0), 4) < math.inf
    assert avalanche.thermalized_distance(avalanche.CRITICAL_LENGTH, 4) == math.inf


def test_nothing_is_thermalized_at_strong_localization():
    assert avalanche.thermalized_distance(1e-9, 8) == pytest.approx(0, abs=1e-8)
    assert avalanche.thermal_dimension(1e-9, 8, 16) == pytest.approx(8)
    assert avalanche.resonance_ratio(1, 1e-3, 8) == 0


def test_a_bubble_of_one_level_starts_nothing_below_the_critical_length():
    xi = np.array([0.1, 1.0, XI_STAR * (1 - 1e-15)])
    np.testing.assert_array_equal(avalanche.thermalized_distance(xi, 1), 0)
    np.testing.assert_array_equal(avalanche.thermal_dimension(xi, 1, 16), 1)


@given(xi=xis, bubble=bubbles, length=lengths)
def test_thermal_dimension_lies_between_the_bubble_and_the_whole_system(xi, bubble, length):
    dimension = avalanche.thermal_dimension(xi, bubble, length)
    assert bubble <= dimension <= bubble * 2.0**length


@given(bubble=bubbles, length=lengths)
def test_thermal_dimension_grows_with_the_localization_length_without_a_jump(bubble, length):
    dimension = avalanche.thermal_dimension(np.linspace(0.05, 3, 2000), bubble, length)
    assert (np.diff(dimension) >= 0).all()
    # the steepest slope of ln d is that of ln n / (1 - xi/xi_*) where the cap is reached
    steepest = (math.log(bubble) + length * math.log(2)) ** 2 / XI_STAR
    step = 2.95 / 1999
    if bubble > 1:
        bound = 1.5 * steepest / math.log(bubble) * step + 1e-12
        assert np.diff(np.log(dimension)).max() <= bound


@given(xi=xis, bubble=bubbles, length=lengths, part=fractions)
def test_effective_dimension_is_at_least_one_inside_the_avalanche(xi, bubble, length, part):
    distance = part * avalanche.thermalized_distance(xi, bubble, length)
    assert avalanche.effective_dimension(distance, xi, bubble, length) >= 1 - 1e-9


@given(xi=below, bubble=st.integers(2, 64), beyond=st.floats(0.01, 10))
def test_effective_dimension_is_below_one_beyond_the_avalanche(xi, bubble, beyond):
    distance = avalanche.thermalized_distance(xi, bubble) + beyond
    assert avalanche.effective_dimension(distance, xi, bubble) < 1


@given(distance=distances, xi=xis, bubble=bubbles, length=lengths, isolated=purities)
def test_without_avalanches_only_the_tail_of_the_bubble_remains(
    distance, xi, bubble, length, isolated
):
    expected = 0.5 + (1 - math.exp(-distance / xi)) * (isolated - 0.5)
    purity = avalanche.mean_purity(distance, xi, 0, bubble, length, isolated)
    assert purity == pytest.approx(expected, rel=1e-12)


@given(xi=above, bubble=st.integers(3, 64), length=st.integers(4, 40), exponent=exponents)
def test_with_certain_avalanches_the_chain_is_ergodic(xi, bubble, length, exponent):
    distance = np.arange(length // 2)
    dimension = bubble * 2.0**length * np.exp(-2 * distance / xi)
    purity = avalanche.mean_purity(distance, xi, 1, bubble, length, 1.0, exponent)
    expected = 0.5 + np.minimum(dimension**-exponent, 0.5)
    np.testing.assert_allclose(purity, expected, rtol=1e-12)


@given(xi=xis, p=fractions, bubble=bubbles, length=lengths, isolated=purities, exponent=exponents)
def test_purity_rises_with_distance_up_to_the_isolated_value(
    xi, p, bubble, length, isolated, exponent
):
    purity = avalanche.mean_purity(np.arange(60), xi, p, bubble, length, isolated, exponent)
    assert (purity >= 0.5).all()
    assert (purity <= isolated + 1e-12).all()
    assert (np.diff(purity) >= -1e-12).all()


@given(xi=below, p=fractions, bubble=bubbles, exponent=exponents)
def test_the_bubble_is_forgotten_at_large_distance_below_the_critical_length(
    xi, p, bubble, exponent
):
    purity = avalanche.mean_purity(1e4, xi, p, bubble, math.inf, 0.9, exponent)
    assert purity == pytest.approx(0.9, rel=1e-12)


@given(xi=st.floats(1.5, 20), p=fractions)
def test_a_fraction_p_stays_ergodic_at_any_distance_above_the_critical_length(xi, p):
    length = 1000
    purity = avalanche.mean_purity(length / 2, xi, p, 4, length, 0.9)
    localized = (1 - math.exp(-length / 2 / xi)) * 0.4
    assert purity == pytest.approx(0.5 + (1 - p) * localized, abs=1e-9)


def test_random_matrix_exponent_is_the_default():
    arguments = (0, 2.0, 1.0, 4, 10, 0.9)
    assert avalanche.mean_purity(*arguments) == pytest.approx(0.5 + 1 / 4096)
    assert avalanche.mean_purity(*arguments, exponent=0.5) == pytest.approx(0.5 + 1 / 64)


def test_arguments_broadcast():
    xi = np.array([[0.5], [1.0], [2.0]])
    distance = np.arange(8)
    for table in (
        avalanche.resonance_ratio(distance, xi, 4),
        avalanche.effective_dimension(distance, xi, 4, 16),
        avalanche.mean_purity(distance, xi, 0.1, 4, 16, 0.9),
    ):
        assert table.shape == (3, 8)
    table = avalanche.mean_purity(distance, xi, 0.1, 4, 16, 0.9)
    assert table[1, 3] == avalanche.mean_purity(3, 1.0, 0.1, 4, 16, 0.9)
    assert avalanche.thermal_dimension(xi, [3, 4, 5, 6, 8], 16).shape == (3, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: avalanche.resonance_ratio(1, 0, 4), "xi must be finite and above 0, got 0.0"),
        (lambda: avalanche.thermalized_distance(-1, 4), "xi must be finite and above 0, got -1.0"),
        (
            lambda: avalanche.thermalized_distance([1, math.nan], 4),
            "xi must be finite and above 0, got nan",
        ),
        (
            lambda: avalanche.thermal_dimension(1, 0.5, 16),
            "bubble must be finite and at least 1, got 0.5",
        ),
        (lambda: avalanche.thermal_dimension(1, 4, 0), "length must be at least 1, got 0.0"),
        (
            lambda: avalanche.effective_dimension(-2, 1, 4, 16),
            "distance must be finite and at least 0, got -2.0",
        ),
        (
            lambda: avalanche.mean_purity(1, 1, 1.2, 4, 16, 0.9),
            "p must be in [0, 1], got 1.2",
        ),
        (
            lambda: avalanche.mean_purity(1, 1, math.nan, 4, 16, 0.9),
            "p must be in [0, 1], got nan",
        ),
        (
            lambda: avalanche.mean_purity(1, 1, 0.1, 4, 16, 0.4),
            "isolated must be in [0.5, 1], got 0.4",
        ),
        (
            lambda: avalanche.mean_purity(1, 1, 0.1, 4, 16, 0.9, exponent=0),
            "exponent must be finite and above 0, got 0.0",
        ),
        (
            lambda: avalanche.mean_purity(1, 1, 0.1, 0, 16, 0.9),
            "bubble must be finite and at least 1, got 0.0",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError) as refusal:
        call()
    assert str(refusal.value) == message


# Fits of Eq. (6)


@pytest.mark.parametrize("exponent", [1.0, 0.5])
@pytest.mark.parametrize(("ratio", "p"), [(0.6, 0.3), (1.5, 0.2), (2.0, 0.6)])
def test_a_fit_finds_what_the_data_were_made_of(ratio, p, exponent):
    xi, distance = ratio * XI_STAR, np.arange(1, 7)
    truth = 0.85 - avalanche.mean_purity(distance, xi, p, 4, 12, 0.85, exponent)
    noise = 0.002 * np.random.default_rng(1).standard_normal((400, 6))
    fit = avalanche.fit(truth, np.cov(noise, rowvar=False), 0.85, 4, 12, exponent)
    assert fit.chi2 < 0.5 and fit.degrees == 4
    assert fit.xi_low <= xi * 1.01 and xi * 0.99 <= fit.xi_high
    assert fit.p_low - 0.01 <= p <= fit.p_high + 0.01
    assert fit.xi_high - fit.xi_low < xi
    assert (fit.below < fit.above) == (ratio < 1)


# --- the theory in numbers -------------------------------------------------------------------


def test_only_the_corrected_distance_meets_both_conditions():
    table = avalanche.distance_checks([0.5, 0.8, 0.95], bubble=4)
    right = table[table.kind == "factor 1/2"]
    np.testing.assert_allclose(right.resonance, 1)
    np.testing.assert_allclose(right.dimension, right.stated)
    wrong = table[table.kind != "factor 1/2"]
    assert (abs(wrong.resonance - 1) > 0.1).all()
    assert (abs(np.log(wrong.dimension / wrong.stated)) > 0.5).all()


@pytest.mark.parametrize("bubble", [2, 4, 8])
def test_an_avalanche_crosses_from_the_length_the_text_derives(bubble):
    sizes = avalanche.finite_sizes(bubble, [10, 16, 20])
    expected = 1 / (1 + math.log2(bubble) / sizes.length)
    np.testing.assert_allclose(sizes.swallows, expected, rtol=1e-9)
    there = avalanche.resonance_ratio(sizes.length / 2, sizes.swallows * XI_STAR, bubble)
    np.testing.assert_allclose(there, 1, rtol=1e-9)
    np.testing.assert_allclose(sizes.dimension, bubble * 2.0**sizes.length)
    np.testing.assert_allclose(sizes.centre, bubble)


def test_the_printed_term_leaves_the_allowed_range_and_the_bounded_one_does_not():
    table = avalanche.ergodic_terms(0.6, 4, 16, 0.85, [1.0, 0.5])
    assert (table.groupby("exponent").printed.max() > 10).all()
    assert table.bounded.max() == pytest.approx(0.35)
    same = table[table.printed < 0.35]
    np.testing.assert_allclose(same.bounded, same.printed)


def test_regime_one_keeps_a_plateau_and_regime_two_does_not():
    table = avalanche.regimes([0.6, 3.0], 0.3, 4, [64], 0.85, [1.0])
    last = table[table.distance == 31].set_index("ratio").difference
    assert last[3.0] == pytest.approx(0.3 * 0.35, rel=5e-3)
    assert last[0.6] < 1e-6
    at_zero = table[(table.distance == 0) & (table.ratio == 3.0)]
    assert at_zero.without.item() == pytest.approx(0.35)
