"""Products of tall matrices: the compiled loops against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inclusions.eigen import tall


@given(n=st.integers(1, 700), m=st.integers(0, 40), skipped=st.integers(0, 20), b=st.integers(1, 9))
def test_products_are_those_of_numpy_for_any_shape(n, m, skipped, b):
    rng = np.random.default_rng(n)
    # A part of the columns, as Lanczos passes its last two blocks.
    basis = np.asfortranarray(rng.standard_normal((n, skipped + m + 3)))[:, skipped : skipped + m]
    block = rng.standard_normal((n, b))
    coefficients = tall.overlap(basis, block)
    assert coefficients == pytest.approx(basis.T @ block, abs=1e-11)
    expected = block - basis @ coefficients
    assert tall.subtract(block.copy(), basis, coefficients) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_memory_order_is_understood(order):
    rng = np.random.default_rng(1)
    basis = np.array(rng.standard_normal((300, 16)), order=order)
    block = np.array(rng.standard_normal((300, 8)), order=order)
    coefficients = np.array(rng.standard_normal((16, 8)), order=order)
    assert tall.overlap(basis, block) == pytest.approx(basis.T @ block, abs=1e-11)
    expected = block - basis @ coefficients
    assert tall.subtract(block, basis, coefficients) == pytest.approx(expected, abs=1e-11)
