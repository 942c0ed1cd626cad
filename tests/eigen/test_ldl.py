"""Our own L D L^T, and the factorizations that may stand in its place."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from samples import models
from threadpoolctl import threadpool_limits

from inclusions.disorder import draw
from inclusions.eigen import ldl, ordering
from inclusions.eigen.factorization import FACTORIZATIONS
from inclusions.eigen.ldl import LDL, SingleLDL
from inclusions.eigen.ordering import nested_dissection, structure
from inclusions.eigen.shift_invert import ShiftInvert
from inclusions.eigen.types import MissingSolver
from inclusions.geometry import forget_geometries
from inclusions.hamiltonian import build, chain_graph
from inclusions.model import Model

compiled = pytest.mark.skipif(
    not ldl.available(), reason="no C compiler when the package was installed"
)
MODELS = [
    Model(8, 2.0),
    Model(9, 2.0, boundary="periodic"),
    Model(8, 2.0, bubble=1),
    Model(7, 2.0, bubble=3),
    Model(8, 2.0, bubble=4),  # its last supernode is wider than a chunk of pivots
    Model(5, 2.0, bubble=8),
    Model(10, 0.0),
    Model(8, 100.0, bubble=2),
    Model(2, 1.0),
    Model(2, 1.0, bubble=2),
    Model(4, 1.0, magnetization=2),
    Model(4, 1.0, bubble=3, magnetization=-2),
]
some_models = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)


def dense(hamiltonian, shift: float) -> np.ndarray:
    return hamiltonian.matrix.toarray() - shift * np.eye(hamiltonian.dimension)


def panels(factor: LDL):
    """The supernodes: (first column, end, rows below, panel of shape (end - first + rows, ...))."""
    form = factor.structure
    for s in range(form.first.size - 1):
        start, stop = form.first[s : s + 2]
        rows = form.rows[form.row_start[s] : form.row_start[s + 1]]
        panel = factor.factor[form.offset[s] : form.offset[s + 1]]
        yield start, stop, rows, panel.reshape(-1, stop - start, order="F")


def multiplied_out(factor: LDL) -> np.ndarray:
    """L D L^T from the panels, in the order of the matrix that was factorized."""
    n = factor.structure.permutation.size
    lower, middle = np.zeros((n, n)), np.zeros((n, n))
    for start, stop, rows, panel in panels(factor):
        width = stop - start
        pivots = start + factor.order[start:stop]  # pivoting moves rows within a diagonal block
        lower[pivots, start:stop] = np.tril(panel[:width], -1) + np.eye(width)
        lower[rows, start:stop] = panel[width:]
    middle[range(n), range(n)] = factor.d
    for j in np.flatnonzero(factor.e):
        middle[j, j + 1] = middle[j + 1, j] = factor.e[j]
    product = lower @ middle @ lower.T
    result = np.empty((n, n))
    order = factor.structure.permutation
    result[np.ix_(order, order)] = product
    return result


@compiled
@some_models
@pytest.mark.parametrize("shift", [0.0, 0.37, -1.9])
def test_factor_multiplied_out_is_the_shifted_matrix(model, shift):
    hamiltonian = build(draw(model, 1, 0))
    with LDL(hamiltonian, shift) as factor:
        found = multiplied_out(factor)
        growth = max(1.0, factor.growth)
    expected = dense(hamiltonian, shift)
    scale = np.abs(expected).max() * growth**2
    assert found == pytest.approx(expected, abs=1e-14 * scale * len(expected) ** 0.5)


@compiled
@given(models(lengths=st.integers(2, 7), bubbles=st.integers(0, 4)), st.floats(-20, 20))
def test_inertia_counts_the_levels_below_any_shift(model, shift):
    hamiltonian = build(draw(model, 1, 0))
    levels = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    assume(np.abs(levels - shift).min() > 1e-6)
    with LDL(hamiltonian, shift) as factor:
        assume(factor.growth < 1e7)  # as the solver does, which then moves the shift
        assert factor.negative == (levels < shift).sum()


@compiled
@some_models
def test_inertia_counts_one_more_between_every_two_levels(model):
    hamiltonian = build(draw(model, 1, 0))
    levels = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    gaps = np.flatnonzero(np.diff(levels) > 1e-6)
    for below in gaps[:: max(1, gaps.size // 40)]:
        with LDL(hamiltonian, (levels[below] + levels[below + 1]) / 2) as factor:
            assert factor.negative == below + 1


@compiled
@given(
    models(lengths=st.integers(2, 7), bubbles=st.integers(0, 4)),
    st.floats(-20, 20),
    st.integers(1, 19),
)
def test_solutions_solve_for_any_model_shift_and_number_of_right_hand_sides(model, shift, width):
    hamiltonian = build(draw(model, 1, 0))
    matrix = dense(hamiltonian, shift)
    assume(np.abs(np.linalg.eigvalsh(matrix)).min() > 1e-6)
    block = np.random.default_rng(1).standard_normal((len(matrix), width))
    with LDL(hamiltonian, shift) as factor:
        assume(factor.growth < 1e5)
        solution = factor.solve(block)
    scale = np.linalg.norm(matrix, 2) * np.linalg.norm(solution, axis=0)
    errors = np.linalg.norm(matrix @ solution - block, axis=0)
    assert (errors <= 1e-10 * scale).all()


@pytest.mark.parametrize("kind", FACTORIZATIONS)
@pytest.mark.parametrize("model", MODELS[:8], ids=lambda model: model.key)
def test_every_factorization_solves(kind, model):
    if not FACTORIZATIONS[kind].here():
        pytest.skip(f"{kind} is not installed")
    hamiltonian = build(draw(model, 1, 0))
    matrix = dense(hamiltonian, 0.0123)
    block = np.random.default_rng(1).standard_normal((len(matrix), 5))
    given_block = block.copy()
    with (
        FACTORIZATIONS[kind].matrix(hamiltonian) as whole,
        whole.factorize(0.0123) as factor,
    ):
        solution = factor.solve(block)
        if whole.counts_levels:
            assert factor.negative == (np.linalg.eigvalsh(matrix) < 0).sum()
        assert factor.entries >= len(matrix)
    assert np.array_equal(block, given_block)  # the right-hand side is left alone
    scale = np.linalg.norm(matrix, 2) * np.linalg.norm(solution, axis=0)
    errors = np.linalg.norm(matrix @ solution - block, axis=0)
    assert (errors <= 1e-10 * scale).all()


# The structure


def eliminated(matrix: np.ndarray) -> np.ndarray:
    """Where the factor of a matrix may be filled: by eliminating one unknown after the other."""
    filled = np.tril(matrix != 0)
    for j in range(len(filled)):
        below = np.flatnonzero(filled[j + 1 :, j]) + j + 1
        filled[np.ix_(below, below)] |= np.tri(len(below), dtype=bool)
    return filled | np.eye(len(filled), dtype=bool)


def stored(form) -> np.ndarray:
    """Where the panels have room, the upper triangles of the diagonal blocks left out."""
    n = form.permutation.size
    room = np.zeros((n, n), dtype=bool)
    for s in range(form.first.size - 1):
        start, stop = form.first[s : s + 2]
        room[start:stop, start:stop] = np.tri(stop - start, dtype=bool)
        room[form.rows[form.row_start[s] : form.row_start[s + 1]], start:stop] = True
    return room


@compiled
@given(models(lengths=st.integers(2, 8), bubbles=st.integers(0, 4)))
@settings(max_examples=50)
def test_structure_has_room_for_all_fill_in(model):
    form = structure(model.geometry)
    n = model.dimension
    assert np.array_equal(np.sort(form.permutation), np.arange(n))
    assert form.first[-1] == n
    assert np.array_equal(
        form.owner, np.repeat(np.arange(form.first.size - 1), np.diff(form.first))
    )
    graph = chain_graph(model).toarray() + np.eye(n // model.block, dtype=int)
    pattern = np.kron(graph, np.ones((model.block, model.block), dtype=int))
    fill = eliminated(pattern[np.ix_(form.permutation, form.permutation)])
    assert not (fill & ~stored(form)).any()


@compiled
@some_models
def test_rows_ascend_and_lie_below_their_supernode(model):
    form = structure(model.geometry)
    for s in range(form.first.size - 1):
        rows = form.rows[form.row_start[s] : form.row_start[s + 1]]
        assert (np.diff(rows) > 0).all()
        assert rows.size == 0 or rows[0] >= form.first[s + 1]


@compiled
@some_models
def test_entries_and_flops_are_those_counted_one_by_one(model):
    form = structure(model.geometry)
    heights = np.diff(form.first) + np.diff(form.row_start)
    assert form.entries == (np.diff(form.first) * heights).sum()
    # Eliminating a column with c entries below the diagonal changes c (c + 1) / 2 entries, one
    # multiplication and one addition each, and scales the c: c^2 in all, to leading order.
    assert form.flops == (np.square(stored(form).sum(axis=0) - 1)).sum()


@compiled
@pytest.mark.parametrize(
    "model", [Model(12, 1.0), Model(12, 1.0, boundary="periodic"), Model(10, 1.0, bubble=4)],
    ids=lambda model: model.key,
)  # fmt: skip
def test_ordering_fills_less_than_the_order_of_the_basis(model):
    natural = eliminated(chain_graph(model).toarray()).sum() * model.block**2
    assert structure(model.geometry).entries < 0.7 * natural


@compiled
@given(models(lengths=st.integers(2, 8), bubbles=st.just(0)), st.integers(0, 99))
@settings(max_examples=50)
def test_column_counts_are_those_of_the_elimination_game(model, seed):
    graph = chain_graph(model)
    order = np.random.default_rng(seed).permutation(graph.shape[0])
    filled = eliminated((graph.toarray() + np.eye(order.size, dtype=int))[np.ix_(order, order)])
    assert np.array_equal(ordering.column_counts(graph, order), filled.sum(axis=0))


@compiled
def test_a_star_fills_when_its_centre_goes_first_and_not_when_it_goes_last():
    star = np.zeros((6, 6), dtype=np.int8)
    star[0, 1:] = star[1:, 0] = 1
    first, last = np.arange(6), np.roll(np.arange(6), -1)
    assert ordering.column_counts(sp.csr_array(star), first).tolist() == [6, 5, 4, 3, 2, 1]
    assert ordering.column_counts(sp.csr_array(star), last).tolist() == [2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("order", [[0, 1, 1], [0, 1], [1, 2, 3]])
def test_column_counts_refuse_what_is_no_permutation(order):
    with pytest.raises(ValueError, match="each of the 3 vertices once"):
        ordering.column_counts(sp.csr_array((3, 3), dtype=np.int8), np.array(order))


def test_column_counts_say_that_they_need_the_compiled_part(monkeypatch):
    monkeypatch.setattr(ordering, "library", lambda: None)
    with pytest.raises(MissingSolver, match="C compiler"):
        ordering.column_counts(sp.csr_array((3, 3), dtype=np.int8), np.arange(3))


@pytest.mark.parametrize("model", [Model(9, 1.0, bubble=4), Model(18, 1.0, bubble=4)])
def test_every_entry_has_a_place_of_its_own_in_the_panel_of_its_column(model):
    """The larger model is one where (supernode, row) pairs are too many for 32 bits."""
    form, place = structure(model.geometry), ldl.slots(model.geometry)
    within = np.arange(model.dimension) - form.first[form.owner]
    heights = form.heights[form.owner].astype(np.int64)
    assert np.array_equal(place.diagonal, form.offset[form.owner] + within * (heights + 1))
    assert np.unique(place.target).size == place.target.size == place.source.size
    panel = np.searchsorted(form.offset, place.target, side="right") - 1
    columns = (place.target - form.offset[panel]) // form.heights[panel]
    rows = (place.target - form.offset[panel]) % form.heights[panel]
    assert (rows > columns).all()
    # The row that stands there is that of the entry.
    width = np.diff(form.first)[panel]
    under = rows >= width
    found = form.first[panel] + rows
    found[under] = form.rows[(form.row_start[panel] + rows - width)[under]]
    shape = build(draw(model, seed=1, index=0)).matrix
    of_row = np.repeat(np.arange(model.dimension), np.diff(shape.indptr))[place.source]
    assert np.array_equal(form.permutation[found], of_row)
    of_column = shape.indices[place.source]
    assert np.array_equal(form.permutation[form.first[panel] + columns], of_column)


def factor_of(hamiltonian, threads: int, precision: type) -> LDL:
    """What is left of a factor when its memory went back: its pivots, order and counts."""
    with threadpool_limits(threads, user_api="blas"):
        with LDL(hamiltonian, 0.1, precision) as factor:
            assert ldl.threads() == threads
            return factor


@compiled
@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("seed", [5, 6])  # the second has a small pivot, of few correct digits
def test_several_threads_make_the_factor_that_one_makes(seed, threads):
    """Sums in another order may round otherwise, and no further off than those of one thread."""
    hamiltonian = build(draw(Model(12, 3.0, bubble=4), seed=seed, index=0))
    exact, double = (factor_of(hamiltonian, n, np.float64) for n in (1, threads))
    assert double.d == pytest.approx(exact.d, rel=1e-8)
    rounded, single = (factor_of(hamiltonian, n, np.float32) for n in (1, threads))
    assert np.linalg.norm(single.d - exact.d) <= 10 * np.linalg.norm(rounded.d - exact.d)
    for factor, alone in ((double, exact), (single, rounded)):
        assert factor.negative == alone.negative
        assert factor.growth == pytest.approx(alone.growth, rel=1e-2)
        assert np.array_equal(factor.order, alone.order)


def test_nested_dissection_is_a_permutation_of_any_graph():
    for graph in (
        chain_graph(Model(8, 1.0)),
        chain_graph(Model(2, 1.0)),
        chain_graph(Model(4, 1.0, magnetization=2)),  # one state
        sp.csr_array((5, 5), dtype=np.int8),  # no edges
    ):
        order = nested_dissection(graph)
        assert np.array_equal(np.sort(order), np.arange(graph.shape[0]))


# Once per model


@compiled
def test_one_symbolic_analysis_serves_all_realizations_of_a_model():
    forget_geometries()
    for disorder in (1.0, 3.0):
        for index in range(3):
            model = Model(8, disorder, bubble=2)
            ShiftInvert(factorization="ldl")(build(draw(model, 1, index)), 5)
    assert structure.cache_info().misses == 1
    assert ldl.slots.cache_info().misses == 1


@compiled
def test_memory_of_a_factor_serves_the_next_realization():
    model = Model(9, 2.0)
    addresses = set()
    for index in range(4):
        with LDL(build(draw(model, 1, index)), 0.1) as factor:
            addresses.add(factor.factor.ctypes.data)
        assert not hasattr(factor, "factor")
    assert len(addresses) == 1
    assert sum(array.size for array in ldl._spare) == structure(model.geometry).entries


@compiled
def test_two_factors_at_a_time_do_not_share_memory():
    one, other = (build(draw(Model(8, 2.0), 1, index)) for index in (0, 1))
    block = np.random.default_rng(1).standard_normal((70, 3))
    with LDL(one, 0.1) as first, LDL(other, 0.1) as second:
        assert not np.shares_memory(first.factor, second.factor)
        assert dense(one, 0.1) @ first.solve(block) == pytest.approx(block, abs=1e-9)
        assert dense(other, 0.1) @ second.solve(block) == pytest.approx(block, abs=1e-9)


def level_of_the_leading_block(hamiltonian) -> float:
    """That of the first supernode, eliminated first, which is nearest to the middle."""
    form = structure(hamiltonian.model.geometry)
    block = form.permutation[: form.first[1]]
    inside = np.linalg.eigvalsh(hamiltonian.matrix[block][:, block].toarray())
    middle = np.median(hamiltonian.matrix.diagonal())
    return inside[np.argmin(np.abs(inside - middle))]


@compiled
@pytest.mark.parametrize("model", [Model(9, 2.0), Model(8, 2.0, bubble=3)], ids=lambda m: m.key)
def test_a_shift_on_a_level_of_a_leading_block_is_noticed_and_moved(model, monkeypatch):
    # The structure is fixed, so pivots are sought within a block: one of them is zero there.
    hamiltonian = build(draw(model, 1, 0))
    levels = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    shift = level_of_the_leading_block(hamiltonian)
    with LDL(hamiltonian, shift) as factor:
        assert not factor.growth < 1e7
    edges = np.array([shift - 10, shift + 10])
    monkeypatch.setattr("inclusions.eigen.shift_invert.spectrum_edges", lambda *_: edges)
    pairs = ShiftInvert(factorization="ldl")(hamiltonian, 6)
    nearest = np.sort(levels[np.argsort(np.abs(levels - shift))[:6]])
    assert pairs.energies == pytest.approx(nearest, abs=1e-9)
    assert pairs.certificate.complete


@compiled
@pytest.mark.parametrize("model", [Model(9, 2.0), Model(10, 2.0, bubble=4)], ids=lambda m: m.key)
@pytest.mark.parametrize("distance", [1e-5, 1e-7])
def test_single_precision_solves_where_rounding_has_spoilt_its_factor(model, distance):
    hamiltonian = build(draw(model, 1, 0))
    shift = level_of_the_leading_block(hamiltonian) + distance
    block = np.random.default_rng(1).standard_normal((hamiltonian.dimension, 8))
    with SingleLDL(hamiltonian, shift) as factor:
        assert factor.sound
        solution = factor.solve(block)
    errors = np.linalg.norm(dense(hamiltonian, shift) @ solution - block, axis=0)
    assert (errors <= 2e-9 * np.linalg.norm(block, axis=0)).all()


@compiled
def test_single_precision_solves_a_block_with_a_column_of_zeros():
    hamiltonian = build(draw(Model(9, 2.0), 1, 0))
    block = np.random.default_rng(1).standard_normal((hamiltonian.dimension, 3))
    block[:, 1] = 0
    with SingleLDL(hamiltonian, 0.1) as factor:
        solution = factor.solve(block)
    assert not solution[:, 1].any()
    assert dense(hamiltonian, 0.1) @ solution == pytest.approx(block, abs=1e-7)


@compiled
def test_states_of_inaccurate_solves_are_polished_until_their_residuals_are_small(monkeypatch):
    hamiltonian = build(draw(Model(10, 2.0, bubble=4), seed=3, index=0))
    expected = ShiftInvert()(hamiltonian, 20)
    exact, noise = LDL.solve, np.random.default_rng(0)

    def inaccurate(factor, block):
        solution = exact(factor, block)
        return solution * (1 + 3e-10 * noise.standard_normal(solution.shape))

    monkeypatch.setattr(LDL, "solve", inaccurate)
    found = ShiftInvert()(hamiltonian, 20)
    assert found.residuals.max() <= 1e-9
    assert found.energies == pytest.approx(expected.energies, abs=1e-12)
    assert found.certificate.complete
    assert np.allclose(found.states.T @ found.states, np.eye(20), atol=1e-12)
