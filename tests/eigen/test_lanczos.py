"""Block Lanczos by itself, on operators whose levels are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inclusions.eigen.lanczos import block_lanczos, random_block, spectrum_edges
from inclusions.eigen.types import NotConverged


def operator(levels, seed=0):
    """A symmetric operator with these levels and random eigenvectors."""
    n = len(levels)
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    matrix = basis * np.asarray(levels, dtype=float) @ basis.T
    return lambda block: matrix @ block


def largest(apply, n, wanted, block, capacity=10**9, max_restarts=200, start=None):
    """The largest levels in magnitude."""
    return block_lanczos(
        apply,
        random_block(n, block) if start is None else start,
        wanted=wanted,
        order=lambda values: np.argsort(-np.abs(values), kind="stable"),
        measure=lambda values, coefficients, following: np.linalg.norm(coefficients, axis=0),
        tolerance=1e-10,
        capacity=capacity,
        max_restarts=max_restarts,
        first_check=wanted,
    )


def check(levels, found, wanted):
    """The wanted levels, with orthonormal vectors that solve the problem."""
    expected = np.sort(np.abs(levels))[::-1][:wanted]
    assert np.abs(found.values) == pytest.approx(expected, abs=1e-9)
    overlaps = found.vectors.T @ found.vectors
    assert overlaps == pytest.approx(np.eye(len(expected)), abs=1e-12)
    errors = operator(levels)(found.vectors) - found.vectors * found.values
    assert np.linalg.norm(errors, axis=0).max() < 1e-9


# No level is repeated: a Krylov space holds as many copies of one as its block has vectors.
spectra = st.lists(st.integers(-1000, 1000), min_size=2, max_size=60, unique=True)


@given(spectra.filter(lambda levels: len(levels) >= 30), st.integers(1, 8), st.integers(1, 6))
@settings(max_examples=25)
def test_leading_levels_are_found(levels, block, wanted):
    levels = np.array(levels) / 100
    check(levels, largest(operator(levels), levels.size, wanted, block), wanted)


@given(spectra, st.integers(1, 8), st.integers(1, 60))
@settings(max_examples=25)
def test_leading_levels_are_found_in_a_space_hardly_larger_than_a_block(levels, block, wanted):
    levels = np.array(levels) / 100
    wanted = min(wanted, levels.size)
    found = largest(operator(levels), levels.size, wanted, min(block, levels.size))
    check(levels, found, wanted)


@given(spectra.filter(lambda levels: len(levels) >= 30), st.integers(1, 8), st.integers(1, 6))
@settings(max_examples=25)
def test_what_is_called_converged_after_restarts_has_the_residual_it_says(levels, block, wanted):
    levels = np.array(levels) / 100
    apply = operator(levels)
    found = largest(apply, levels.size, wanted, block, capacity=0, max_restarts=20)
    errors = np.linalg.norm(apply(found.vectors) - found.vectors * found.values, axis=0)
    assert found.residuals == pytest.approx(errors, rel=1e-3, abs=1e-12)
    if found.converged == wanted:
        check(levels, found, wanted)


@pytest.mark.parametrize("block", [1, 3, 8])
def test_restarts_do_not_change_the_levels(block):
    levels = np.r_[np.linspace(0, 1, 280), 1.2 + 0.1 * np.arange(20)]
    found = largest(operator(levels), 300, 12, block, capacity=0)
    assert found.restarts > 0
    assert found.basis <= 12 + 3 * block
    check(levels, found, 12)


@pytest.mark.parametrize(("block", "multiplicity"), [(3, 2), (3, 3), (8, 2), (8, 7), (8, 8)])
def test_a_block_finds_as_many_copies_of_a_level_as_it_has_vectors(block, multiplicity):
    levels = np.repeat(np.arange(1.0, 11.0), multiplicity)
    found = largest(operator(levels), levels.size, 2 * multiplicity, block)
    check(levels, found, 2 * multiplicity)


@pytest.mark.parametrize("block", [1, 3, 8])
def test_a_multiple_of_the_identity_has_one_level(block):
    check(np.full(30, 4.0), largest(operator(np.full(30, 4.0)), 30, 12, block), 12)


def test_it_says_how_many_pairs_converged_where_not_all_did():
    levels = np.r_[np.linspace(0, 1, 300), 1e3, 1e5]
    found = largest(operator(levels), 302, 10, 4, capacity=0, max_restarts=0)
    assert found.restarts == 0
    assert found.values[:2] == pytest.approx([1e5, 1e3], abs=1e-6)
    assert 1 <= found.converged < 10
    assert found.converged == (found.residuals <= 1e-10).sum()


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_edges_of_any_spectrum_are_exact(levels):
    edges = spectrum_edges(operator(levels), random_block(len(levels), 1))
    assert edges == pytest.approx([min(levels), max(levels)], abs=1e-9)


def test_edges_are_found_where_the_basis_must_be_restarted():
    levels = np.linspace(-1, 1, 1000)
    edges = spectrum_edges(lambda block: levels[:, None] * block, random_block(1000, 1))
    assert edges == pytest.approx([-1, 1], abs=1e-9)


def test_edges_that_do_not_converge_are_not_claimed():
    def noise(block):
        return np.random.default_rng().standard_normal(block.shape)

    with pytest.raises(NotConverged, match="edges of the spectrum: residual"):
        spectrum_edges(noise, random_block(400, 1))
