import numpy as np
import pytest
from full_space import in_sector
from hypothesis import given
from samples import models, realizations

from inclusions import store
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.observables import distances, magnetizations, measure, purities

OF_THE_RUN = {"missing_levels", "seconds", "peak_memory", "solver"}  # added by the ensemble


def solve(realization, count=None):
    hamiltonian = build(realization)
    pairs = Dense()(hamiltonian, count or hamiltonian.dimension)
    return pairs, magnetizations(hamiltonian, pairs)


def reduced_density_matrix(state: np.ndarray, model: Model, site: int) -> np.ndarray:
    """Of one spin, by tracing out all others and the bubble, shape (2, 2)."""
    whole = np.zeros(2**model.length * model.block)
    whole[in_sector(model)] = state
    # Site i is bit i of the chain state: the axes run from the last site to the first.
    tensor = whole.reshape((2,) * model.length + (model.block,))
    tensor = np.moveaxis(tensor, model.length - 1 - site, 0).reshape(2, -1)
    return tensor @ tensor.T


@given(realizations())
def test_purity_is_that_of_the_explicit_partial_trace(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    found = purities(magnetization)
    for n in {0, model.dimension // 2, model.dimension - 1}:
        for site in range(model.length):
            rho = reduced_density_matrix(pairs.states[:, n], model, site)
            assert np.trace(rho @ rho) == pytest.approx(found[n, site], abs=1e-12)
            # Up is bit 1, and S^z = +1/2.
            assert (rho[1, 1] - rho[0, 0]) / 2 == pytest.approx(magnetization[n, site], abs=1e-12)


@given(realizations())
def test_magnetizations_of_a_state_sum_to_the_sectors(realization):
    _, magnetization = solve(realization)
    total = magnetization.sum(axis=1)
    assert total == pytest.approx(np.full(total.shape, realization.model.magnetization), abs=1e-8)
    assert (np.abs(magnetization) <= 0.5 + 1e-12).all()


@given(models())
def test_magnetizations_of_all_states_sum_to_those_of_the_basis(model):
    # The trace of S^z_i over a sector knows neither H nor the site.
    _, magnetization = solve(draw(model, 1, 0))
    each = model.dimension * model.magnetization / model.length
    assert magnetization.sum(axis=0) == pytest.approx(np.full(model.length, each), abs=1e-9)


@pytest.mark.parametrize("cut", [0, 1, 5, 17, 60])
def test_rows_on_two_ranks_add_up_to_the_magnetizations(cut):
    realization = draw(Model(6, 2.0, bubble=3), 1, 0)
    pairs, expected = solve(realization, 7)
    parts = [
        magnetizations(build(realization, *rows), pairs._replace(states=pairs.states[slice(*rows)]))
        for rows in ((0, cut), (cut, 60))
    ]
    assert sum(parts) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("length", "expected"), [(6, [0, 1, 2, 2, 1, 0]), (5, [0, 1, 2, 1, 0])])
def test_distance_is_to_the_nearer_end(length, expected):
    assert distances(length).tolist() == expected


@pytest.mark.parametrize("bubble", [0, 2])
@pytest.mark.parametrize("length", [2, 5, 6])
@pytest.mark.parametrize("count", [1, 2])
def test_measured_fields_are_those_of_the_store(length, bubble, count):
    model = Model(length, 2.0, bubble=bubble)
    pairs, magnetization = solve(draw(model, 1, 0), count)
    record = measure(model, pairs, magnetization)
    sizes = store.dimensions(model)
    assert set(record) | OF_THE_RUN == set(store.FIELDS)
    for name, value in record.items():
        assert np.shape(value) == tuple(sizes[d] for d in store.FIELDS[name][1]), name
        assert np.isfinite(value).all() or name == "gap_ratio", name
    assert record["states"] == count
    assert np.isnan(record["gap_ratio"])  # needs three levels


@given(realizations())
def test_moments_of_the_linear_entropy_are_numpys(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    record = measure(model, pairs, magnetization)
    entropy = 1 - purities(magnetization)
    assert record["linear_entropy"] == pytest.approx(entropy.mean(axis=0), abs=1e-12)
    assert record["linear_entropy_variance"] == pytest.approx(entropy.var(axis=0), abs=1e-12)
    covariance = np.cov(entropy.T, bias=True).reshape((model.length,) * 2)
    ends = covariance[[0, -1]]
    assert record["linear_entropy_covariance"] == pytest.approx(ends, abs=1e-12)


def test_variance_at_high_disorder_does_not_drown_in_rounding():
    model = Model(6, 1e5)
    pairs, magnetization = solve(draw(model, 1, 0))
    record = measure(model, pairs, magnetization)
    exact = (0.5 - 2 * magnetization.astype(np.longdouble) ** 2).var(axis=0)
    assert np.median(exact) < 1e-17  # less than the rounding of a purity, which is close to 1
    assert record["linear_entropy_variance"] == pytest.approx(exact.astype(float), rel=1e-3, abs=0)


@given(realizations())
def test_magnetization_histogram_counts_every_state_and_site_at_its_distance(realization):
    model = realization.model
    pairs, magnetization = solve(realization)
    histogram = measure(model, pairs, magnetization)["magnetization_histogram"]
    assert histogram.sum() == magnetization.size
    for distance, row in enumerate(histogram):
        sites = np.flatnonzero(distances(model.length) == distance)
        assert row.sum() == len(sites) * model.dimension
        # Bins of 2 <S^z> between -1 and 1, 0.05 wide.
        wanted = np.clip(2 * magnetization[:, sites], -1, 1)
        assert np.array_equal(row, np.histogram(wanted, bins=np.linspace(-1, 1, 41))[0])


def test_polarized_state_falls_into_the_last_bin():
    model = Model(4, 1.0, magnetization=2)
    record = measure(model, *solve(draw(model, 1, 0)))
    assert record["magnetization_histogram"][:, -1].tolist() == [2, 2]
    assert record["linear_entropy"] == pytest.approx(np.zeros(4))
    assert record["magnetization_error"] < 1e-12


def test_record_tells_the_window_of_energies_it_stands_for():
    model = Model(8, 2.0)
    realization = draw(model, 1, 0)
    levels = np.linalg.eigvalsh(build(realization).matrix.toarray())
    record = measure(model, *solve(realization, 10))
    middle = (levels[0] + levels[-1]) / 2
    window = np.sort(levels[np.argsort(np.abs(levels - middle))[:10]])
    assert record["spectrum_edges"] == pytest.approx(levels[[0, -1]], abs=1e-10)
    assert record["energy_window"] == pytest.approx(window[[0, -1]], abs=1e-10)
    assert record["energy_mean"] == pytest.approx(window.mean(), abs=1e-10)
    gaps = np.diff(window)
    ratios = np.minimum(gaps[1:], gaps[:-1]) / np.maximum(gaps[1:], gaps[:-1])
    assert record["gap_ratio"] == pytest.approx(ratios.mean(), rel=1e-8)
