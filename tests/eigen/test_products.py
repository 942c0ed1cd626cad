"""Products with H without its entries: equal to the matrix's, compiled and on any arrays."""

import device
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import chebval
from samples import models
from threadpoolctl import threadpool_limits

from inclusions.disorder import draw
from inclusions.eigen import products
from inclusions.eigen.devices import to_host
from inclusions.eigen.products import ArrayProducts, CompiledProducts
from inclusions.hamiltonian import build
from inclusions.model import Model

compiled = pytest.mark.skipif(products.library() is None, reason="no C compiler at installation")
WAYS = [
    pytest.param(CompiledProducts, id="compiled", marks=compiled),
    pytest.param(ArrayProducts, id="numpy"),
]


def random(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, columns))


@pytest.mark.parametrize("way", WAYS)
@given(model=models(bubbles=st.integers(0, 11)), width=st.integers(1, 20), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_products_are_those_of_the_matrix(way, model, width, seed):
    hamiltonian = build(draw(model, seed, 0))
    block = random(model.dimension, width)
    expected = hamiltonian.matrix @ block
    made = way(hamiltonian)
    for _ in range(2):
        assert made.apply(block) == pytest.approx(expected, abs=1e-12 * (1 + abs(expected).max()))
        made.rescale((-7.0, 50.0))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "model", [Model(8, 3.0), Model(6, 2.0, bubble=4), Model(5, 2.0, bubble=11)], ids=lambda m: m.key
)
def test_a_polynomial_acts_on_every_level_as_on_a_number(way, model):
    hamiltonian = build(draw(model, 1, 0))
    levels, states = np.linalg.eigh(hamiltonian.matrix.toarray())
    made = way(hamiltonian)
    made.rescale(levels[[0, -1]])
    coefficients = np.random.default_rng(1).standard_normal(41)
    coefficients[3] = 0  # a step that adds nothing
    values = chebval((levels - made.centre) / made.radius, coefficients)
    block = random(model.dimension, 11)
    expected = states @ (values[:, None] * (states.T @ block))
    assert made.polynomial(coefficients, block) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_moments_are_traces_of_chebyshevs_polynomials(way):
    hamiltonian = build(draw(Model(8, 3.0), 1, 0))
    levels, states = np.linalg.eigh(hamiltonian.matrix.toarray())
    made, block = way(hamiltonian), random(70, 8)
    made.rescale(levels[[0, -1]])
    weights = np.square(states.T @ block).sum(axis=1)
    angles = np.arccos(np.clip((levels - made.centre) / made.radius, -1, 1))
    expected = [(weights * np.cos(k * angles)).sum() / weights.sum() for k in range(21)]
    before = made.applied
    assert made.moments(block, 21) == pytest.approx(expected, abs=1e-9)
    assert made.applied - before <= 8 * 11  # two moments a product


@compiled
@pytest.mark.parametrize("model", [Model(14, 3.0), Model(10, 2.0, bubble=4)], ids=lambda m: m.key)
def test_threads_do_not_change_a_bit(model):
    hamiltonian = build(draw(model, 1, 0))
    block, coefficients = random(model.dimension, 8), np.ones(20)
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            made = CompiledProducts(hamiltonian)
            made.rescale((-20, 20))
            results.append(made.polynomial(coefficients, block))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_what_runs_on_arrays_runs_on_a_device():
    model = Model(6, 2.0, bubble=4)
    hamiltonian = build(draw(model, 1, 0))
    block, coefficients = random(model.dimension, 11), np.arange(9.0)
    here, there = ArrayProducts(hamiltonian), ArrayProducts(hamiltonian, device.DEVICE)
    given = device.asarray(block)
    for one in (here, there):
        one.rescale((-10.0, 12.0))
    assert to_host(there.apply(given)) == pytest.approx(here.apply(block), abs=1e-12)
    found = to_host(there.polynomial(coefficients, given))
    assert found == pytest.approx(here.polynomial(coefficients, block), abs=1e-9)
    assert there.moments(given, 12) == pytest.approx(here.moments(block, 12), abs=1e-12)


def test_the_recurrence_is_one_kernel_on_a_device():
    device.fused.clear()
    ArrayProducts(build(draw(Model(6, 2.0), 1, 0)), device.DEVICE)
    assert len(device.fused) == 1
    image, older, start = (random(5, 2) for _ in range(3))
    assert device.fused[0](image, older, start, 0.5) == pytest.approx(image - older + start / 2)
