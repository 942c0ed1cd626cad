from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import models
from scipy import stats

from inclusions.disorder import Realization, draw, goe
from inclusions.model import Model

CHAIN = Model(10, 3.0)
BUBBLE = Model(6, 3.0, bubble=4)
numbers = st.integers(0, 2**70)


def same(one: Realization, other: Realization) -> bool:
    return np.array_equal(one.fields, other.fields) and np.array_equal(one.bubble, other.bubble)


def alike(one: Realization, other: Realization) -> bool:
    """Whether any field or any matrix is that of the other."""
    return bool(np.isin(one.fields, other.fields).any() or np.isin(one.bubble, other.bubble).any())


@given(models(), numbers, numbers)
def test_a_realization_is_a_function_of_model_seed_and_index(model, seed, index):
    assert same(draw(model, seed, index), draw(Model(**model.as_dict()), seed, index))


def test_a_realization_does_not_depend_on_what_was_drawn_before():
    alone = draw(BUBBLE, 1, 5)
    for index in (7, 5, 4):
        draw(BUBBLE, 1, index)
        draw(CHAIN, 1, index)
    assert same(draw(BUBBLE, 1, 5), alone)


def test_a_realization_neither_knows_nor_moves_the_global_generator():
    alone = draw(BUBBLE, 1, 0)
    np.random.seed(1)  # noqa: NPY002
    assert same(draw(BUBBLE, 1, 0), alone)
    after = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == after  # noqa: NPY002


@given(numbers, numbers, numbers, numbers)
def test_another_seed_or_index_gives_another_realization(seed, index, other_seed, other_index):
    if (seed, index) != (other_seed, other_index):
        assert not alike(draw(BUBBLE, seed, index), draw(BUBBLE, other_seed, other_index))


@pytest.mark.parametrize(
    ("seed", "index", "other_seed", "other_index"),
    [(1, 0, 0, 1), (2**32, 0, 0, 0), (2**32 + 1, 0, 1, 1), (2**64, 0, 0, 0), (1, 2**32, 1, 0)],
)
def test_seed_and_index_are_not_mixed_up_or_cut(seed, index, other_seed, other_index):
    assert not alike(draw(BUBBLE, seed, index), draw(BUBBLE, other_seed, other_index))


@pytest.mark.parametrize(
    "change",
    [{"length": 8}, {"disorder": 3.5}, {"bubble": 3}, {"coupling": 0.5}, {"anisotropy": 0.5},
     {"magnetization": 1.0}, {"bandwidth": 0.7}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_another_model_gives_another_realization(change):
    one, other = draw(BUBBLE, 1, 0), draw(replace(BUBBLE, **change), 1, 0)
    assert not alike(one, other)


@pytest.mark.parametrize("model", [CHAIN, BUBBLE, Model(9, 2.0, bubble=1, bandwidth=0.7)])
@pytest.mark.parametrize("target", [0.1, 0.9, "mean"])
def test_a_target_leaves_the_sample_as_it_is(model, target):
    assert same(draw(model, 1, 4), draw(replace(model, target=target), 1, 4))


def test_samples_of_the_first_version_are_still_the_same():
    # Known from its data: a change would make every cached ensemble another one.
    assert draw(CHAIN, 1, 0).fields[:2].tolist() == [2.633150390583449, 2.845266375386309]
    assert draw(BUBBLE, 1, 0).bubble[2, 0, :2].tolist() == [0.29294445910421224, -0.491370377246641]


PAIRED = [
    Model(10, 3.0, sample="paired"),
    Model(10, 3.0, boundary="periodic", sample="paired"),
    Model(10, 3.0, bubble=1, sample="paired"),
    Model(10, 3.0, bubble=1, bond=1.9, sample="paired"),
    Model(10, 3.0, bubble=4, sample="paired"),
    Model(10, 3.0, bubble=4, bandwidth=1.2, coupling=0.5, sample="paired"),
    Model(10, 3.0, bubble=4, target="mean", sample="paired"),
]


@given(numbers, numbers)
def test_paired_models_have_their_fields_in_common_whatever_closes_the_chain(seed, index):
    fields = [draw(model, seed, index).fields for model in PAIRED]
    assert all(np.array_equal(fields[0], other) for other in fields)


def test_paired_bubbles_of_one_size_have_their_normal_numbers_in_common():
    one, twice, mean = (draw(model, 1, 3).bubble for model in PAIRED[-3:])
    assert np.array_equal(2 * one, twice)  # bandwidth 1.2 is twice the tuned one
    assert np.array_equal(one, mean)


@pytest.mark.parametrize("change", [{"length": 8}, {"disorder": 3.5}, {"sample": "own"}])
def test_other_lengths_and_disorders_are_not_paired(change):
    paired = Model(6, 3.0, bubble=4, sample="paired")
    assert not alike(draw(paired, 1, 0), draw(replace(paired, **change), 1, 0))


def test_paired_fields_are_uniform_too():
    fields = np.array([draw(PAIRED[0], 1, index).fields for index in range(400)])
    assert stats.kstest(fields.ravel(), stats.uniform(-3.0, 6.0).cdf).pvalue > 1e-3


def test_open_and_periodic_chains_are_drawn_apart():
    assert not alike(draw(CHAIN, 1, 0), draw(replace(CHAIN, boundary="periodic"), 1, 0))


def test_writing_out_a_default_does_not_change_the_realization():
    written = Model(6, 3.0, bubble=4, bandwidth=0.6, magnetization=0.0)
    assert same(draw(BUBBLE, 1, 0), draw(written, 1, 0))


@given(models(), numbers)
def test_fields_stay_within_the_disorder(model, seed):
    fields = draw(model, seed, 0).fields
    assert fields.shape == (model.length,)
    assert (np.abs(fields) <= model.disorder).all()


def test_fields_are_uniform_on_every_site():
    fields = np.array([draw(CHAIN, 1, index).fields for index in range(400)])
    uniform = stats.uniform(-3.0, 6.0)
    assert stats.kstest(fields.ravel(), uniform.cdf).pvalue > 1e-3
    for site in range(10):
        assert stats.kstest(fields[:, site], uniform.cdf).pvalue > 1e-4
    correlation = np.corrcoef(fields.T) - np.eye(10)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(400)


def test_given_fields_replace_the_drawn_ones_and_leave_the_bubble():
    drawn, own = draw(BUBBLE, 1, 3), [0.1, -0.2, 5.0, 0, 1, 2]
    replaced = draw(BUBBLE, 1, 3, fields=own)
    assert replaced.fields.tolist() == own
    assert np.array_equal(replaced.bubble, drawn.bubble)


def test_bubble_matrices_are_symmetric_and_three_different_ones():
    r0, r1, r2 = draw(BUBBLE, 1, 0).bubble
    for matrix in (r0, r1, r2):
        assert np.array_equal(matrix, matrix.T)
    assert not (np.isin(r0, r1).any() or np.isin(r1, r2).any() or np.isin(r0, r2).any())


def test_no_bubble_has_no_matrices():
    assert draw(CHAIN, 1, 0).bubble.shape == (3, 0, 0)


def test_matrices_have_the_stated_normalization():
    # A variance estimated from N normal numbers has the relative error sqrt(2 / N); five of them.
    number, beta = 4000, 0.6
    generator = np.random.default_rng(1)
    matrices = np.array([goe(generator, 4, beta) for _ in range(number)])
    expected = beta**2 / 2 * (1 + np.eye(4))
    error = expected * np.sqrt(2 / number)
    assert (np.abs((matrices**2).mean(axis=0) - expected) < 5 * error).all()
    assert (np.abs(matrices.mean(axis=0)) < 5 * np.sqrt(expected / number)).all()


def test_drawn_matrices_have_the_tuned_normalization():
    number = 1000
    r = np.array([draw(BUBBLE, 1, index).bubble for index in range(number)])
    expected = 0.6**2 / 2 * (1 + np.eye(4))
    assert (np.abs((r**2).mean(axis=0) - expected) < 5 * expected * np.sqrt(2 / number)).all()
    # R_0, R_1 and R_2 are independent: no element of one knows that of another.
    elements = r.reshape(number, 3, 16)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        correlation = np.mean(elements[:, one] * elements[:, other], axis=0) / expected.ravel()
        assert np.abs(correlation).max() < 5 / np.sqrt(number)


def test_levels_of_a_large_matrix_fill_the_semicircle():
    n, beta = 500, 0.55
    radius = beta * np.sqrt(2 * n)
    levels = np.linalg.eigvalsh(goe(np.random.default_rng(2), n, beta)) / radius
    assert levels[[0, -1]] == pytest.approx([-1, 1], abs=0.03)
    # Half of a semicircle lies within 0.40397 of its radius.
    assert np.mean(np.abs(levels) < 0.40397) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1), (1.5, 0), (0, "1"), (None, 0)])
def test_what_is_no_number_of_a_seed_or_realization_is_refused(seed, index):
    with pytest.raises(ValueError, match="must be a whole number of at least 0, got"):
        draw(CHAIN, seed, index)


@pytest.mark.parametrize("fields", [[], [1.0] * 9, [1.0] * 11, [np.nan] * 10, [np.inf] * 10])
def test_fields_that_do_not_fit_are_refused(fields):
    with pytest.raises(ValueError, match="^fields") as refused:
        draw(CHAIN, 1, 0, fields=fields)
    assert "\n" not in str(refused.value)


def test_bubble_matrices_that_do_not_fit_are_refused():
    fields = np.zeros(6)
    with pytest.raises(ValueError, match=r"bubble must have shape \(3, 4, 4\)"):
        Realization(BUBBLE, fields, np.zeros((3, 3, 3)))
    with pytest.raises(ValueError, match="finite"):
        Realization(BUBBLE, fields, np.full((3, 4, 4), np.nan))
