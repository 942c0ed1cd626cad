"""Filters, windows and densities in Chebyshev's polynomials, against numbers known otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import chebval

from inclusions.eigen import chebyshev

TARGETS = st.floats(-0.9, 0.9)


@pytest.mark.parametrize("kind", chebyshev.DAMPINGS)
@given(target=st.floats(-0.6, 0.6), half_width=st.floats(1e-3, 0.01))
def test_a_filter_is_one_at_its_target_and_falls_to_the_ratio_at_the_windows_edge(
    kind, target, half_width
):
    bell = chebyshev.filter_of(target, half_width, kind, 0.5)
    assert bell(np.array([target])) == pytest.approx(1)
    edges = bell(target + half_width * np.array([-1, 1]))
    assert edges == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("kind", chebyshev.DAMPINGS)
@given(target=TARGETS, degree=st.integers(20, 300))
def test_a_filter_is_larger_than_its_side_lobes_on_one_interval_alone(kind, target, degree):
    bell = chebyshev.delta(target, degree, kind)
    energies = np.cos(np.linspace(np.pi, 0, 8001))
    # On a grid of its own the side lobes' tops are missed by a little.
    large = np.flatnonzero(np.abs(bell(energies)) > 1.02 * bell.side + 1e-12)
    assert (np.diff(large) == 1).all()
    assert energies[large[0]] <= target + 1e-3 and energies[large[-1]] >= target - 1e-3
    within = energies[np.abs(energies - target) < bell.lobe - 0.2 / degree]
    assert bell(within).min(initial=1) > 0.95 * bell.side


def test_dampings_trade_the_width_of_the_lobe_for_the_height_of_the_others():
    sides = [chebyshev.delta(0.0, 400, kind).side for kind in ("none", "lanczos", "jackson")]
    widths = [chebyshev.reach(kind, 0.5) for kind in ("none", "lanczos", "jackson")]
    assert sides == sorted(sides, reverse=True)
    assert widths == sorted(widths)
    # Dirichlet's kernel: sin(x)/x is 1/2 at 1.8955 and -0.2172 at its first minimum.
    assert widths[0] == pytest.approx(1.8955, abs=0.002)
    assert sides[0] == pytest.approx(0.2172, abs=0.001)


def test_jacksons_factors_are_those_of_the_literature():
    # Eq. (71) of Weisse et al. at N = 3: g_0 = 1, g_1 = cos(pi/4), g_2 by hand.
    step = np.pi / 4
    second = (2 * np.cos(2 * step) + np.sin(2 * step) / np.tan(step)) / 4
    expected = [1, np.cos(step), second]
    assert chebyshev.damping("jackson", 2) == pytest.approx(expected)


def test_an_unknown_damping_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="damping must be one of none, lanczos, .*, got 'box'"):
        chebyshev.damping("box", 10)


@given(target=st.floats(-0.5, 0.5), half_width=st.floats(0.05, 0.3))
def test_a_window_is_one_inside_and_nothing_outside(target, half_width):
    coefficients = chebyshev.window(target, half_width, 600)
    inside = target + half_width * np.linspace(-0.8, 0.8, 21)
    outside = np.r_[target - half_width - 0.03, target + half_width + 0.03, -1, 1]
    assert chebval(inside, coefficients) == pytest.approx(1, abs=0.02)
    assert chebval(outside, coefficients) == pytest.approx(0, abs=0.02)


def test_the_density_of_a_semicircle_is_found():
    # (1 - T_2)/2 times 2/pi ... : 2/pi sqrt(1 - x^2) has the moments 1, 0, -1/2, 0, 0, ...
    moments = np.zeros(64)
    moments[[0, 2]] = 1, -0.5
    density = chebyshev.density(moments, 1000)
    below = 0.5 + (0.3 * np.sqrt(1 - 0.09) + np.arcsin(0.3)) / np.pi
    assert density.between(-1, 1) == pytest.approx(1000)
    assert density.between(-1, 0.3) == pytest.approx(1000 * below, rel=2e-3)
    assert density.half_width(0.0, 10) == pytest.approx(10 / (2 * 1000 * 2 / np.pi), rel=2e-2)


def test_a_window_in_a_gap_reaches_to_the_levels_beyond():
    # Half of the levels at -1/2 and half at 1/2.
    k = np.arange(256)
    moments = (np.cos(k * 2 * np.pi / 3) + np.cos(k * np.pi / 3)) / 2
    density = chebyshev.density(moments, 1000)
    assert density.half_width(0.0, 100) == pytest.approx(0.5, abs=0.05)
    assert density.half_width(0.5, 100) < 0.02
