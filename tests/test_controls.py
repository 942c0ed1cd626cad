"""Windows as control variates: what they predict, the mean of that, and what is kept of it."""

from itertools import combinations

import numpy as np
import pytest

from inclusions import controls, statistics, store
from inclusions.controls import files, spectra, windows
from inclusions.disorder import draw
from inclusions.ensemble import solve
from inclusions.hamiltonian import build
from inclusions.model import Model

MODELS = [
    Model(6, 3.0),
    Model(7, 1.0, anisotropy=0.4),
    Model(6, 3.0, boundary="periodic"),
    Model(7, 2.0, boundary="periodic", magnetization=-1.5),
    Model(5, 3.0, bubble=3),
    Model(6, 2.0, bubble=2, coupling=0.7, bandwidth=0.9),
    Model(6, 2.0, bubble=1, bond=1.0),
    Model(2, 1.0, bubble=2),
]
LARGER = [
    Model(10, 4.0),
    Model(11, 5.0),
    Model(12, 3.0, boundary="periodic"),
    Model(8, 4.0, bubble=2),
    Model(9, 6.0, bubble=1),
    Model(14, 4.0),
    Model(16, 4.0, boundary="periodic"),
    Model(13, 4.0, bubble=1),
]
key = lambda model: model.key  # noqa: E731


@pytest.fixture(autouse=True, scope="module")
def quick():
    """Integrals by few points: their errors say so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inclusions.controls.means.POINTS", 256)
        yield


def of(model, realizations, seed=1):
    """Predictions of the first realizations, without files."""
    means = {kind: controls.mean_over_disorder(kind, model) for kind in controls.kinds(model)}
    samples = [draw(model, seed, index) for index in range(realizations)]
    found = controls.predict(model, samples, means)
    known = controls.expected(model, means)
    return controls.Predictions(model, seed, np.arange(realizations), *found, known)


# Windows


@pytest.mark.parametrize("model", MODELS, ids=key)
def test_a_window_of_the_whole_chain_is_the_average_over_all_its_states_by_lapack(model):
    sample = draw(model, 1, 0)
    hamiltonian = build(sample)
    states = np.linalg.eigh(hamiltonian.matrix.toarray())[1]
    spins = np.repeat(hamiltonian.pattern.spins, model.block, axis=0)
    entropy = (0.5 - 2 * np.square(np.square(states).T @ spins)).mean(axis=0)
    kind = controls.window(model, range(model.length))
    found = controls.entropies(kind, model, sample.fields[None], sample.bubble[None])
    np.testing.assert_allclose(controls.averaged_over_sectors(model, found)[0], entropy, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3, 20, 35, 80])
def test_the_compiled_windows_agree_with_lapack(size):
    generator = np.random.default_rng(size)
    matrices = generator.standard_normal((19, size, size))
    matrices += matrices.transpose(0, 2, 1)
    matrices[0] = np.diag(generator.standard_normal(size))  # nothing to do
    matrices[1] = np.diag(generator.standard_normal(size) * 1e8)
    matrices[2, : size // 2, size // 2 :] = matrices[2, size // 2 :, : size // 2] = 0  # falls apart
    matrices[3] *= 1e-9
    operators = generator.standard_normal((4, size))
    found = spectra.mean_squares(matrices, operators)
    np.testing.assert_allclose(found, spectra.lapack_mean_squares(matrices, operators), atol=1e-12)


def test_windows_without_a_compiler_are_the_same(monkeypatch):
    model, kind = Model(8, 4.0), controls.segment(5)
    fields = np.array([draw(model, 1, index).fields[:5] for index in range(4)])
    bubbles = np.zeros((4, 3, 0, 0))
    compiled = controls.entropies(kind, model, fields, bubbles)
    monkeypatch.setattr(spectra, "library", lambda: None)
    np.testing.assert_allclose(
        controls.entropies(kind, model, fields, bubbles), compiled, atol=1e-13
    )


def test_without_interaction_a_window_is_made_of_orbitals():
    model, count = Model(9, 3.0, anisotropy=0.0), 6
    fields = draw(model, 3, 0).fields[:count]
    hopping = np.diag(fields) + 0.5 * (np.eye(count, k=1) + np.eye(count, k=-1))
    weight = np.square(np.linalg.eigh(hopping)[1])  # of orbitals on sites, transposed
    found = controls.entropies(
        controls.segment(count), model, fields[None], np.zeros((1, 3, 0, 0))
    )[0]
    for up in range(count + 1):
        spin = [weight[:, list(some)].sum(axis=1) - 0.5 for some in combinations(range(count), up)]
        np.testing.assert_allclose(found[up], 0.5 - 2 * np.square(spin).mean(axis=0), atol=1e-12)


def test_at_infinite_disorder_windows_say_that_spins_are_pure():
    for model in (Model(8, 1e9), Model(8, 1e9, bubble=1)):
        predictions = of(model, 20)
        assert predictions.windows.max() < 1e-6
        assert predictions.expected.max() < 1e-6


@pytest.mark.parametrize("model", MODELS + LARGER, ids=key)
def test_the_two_windows_of_a_product_have_no_spin_and_no_bubble_in_common(model):
    for distance in range(model.length // 2 + 1):
        pair = windows.sites_of_pair(model, distance)
        if pair is None:
            continue
        first, second = pair
        assert not set(first) & set(second)
        assert 0 in first and distance in second
        assert not controls.window(model, second).bubble
        last = set(range(model.length)) - set(first) - set(second)
        assert len(first) + len(second) + len(last) == model.length


# Means over disorder


@pytest.mark.parametrize("model", LARGER[:5], ids=key)
def test_means_over_disorder_are_those_of_the_ensemble_within_errors(model):
    found = of(model, 600)
    for part in (found.purities(), found.correlations()):
        mean = part.values.mean(axis=0)
        error = np.hypot(part.values.std(axis=0) / np.sqrt(600), part.error)
        assert np.all(np.abs(mean - part.expected) < 4.5 * error + 1e-12)


def test_products_of_windows_vary_with_the_sample_and_not_in_the_mean():
    found = of(Model(14, 5.0), 800)
    product = found.correlations().values[:, :, 0]
    assert (product[:, 3:8].std(axis=0) > 1e-4).all() and not product[:, :3].any()
    error = product[:, 3:8].std(axis=0) / np.sqrt(800)
    assert np.all(np.abs(product[:, 3:8].mean(axis=0)) < 4.5 * error)


def test_the_error_of_a_mean_over_disorder_is_its_scatter(monkeypatch):
    model, kind = Model(10, 5.0), controls.segment(5)
    few = controls.averaged_over_sectors(model, controls.mean_over_disorder(kind, model))
    monkeypatch.setattr("inclusions.controls.means.POINTS", 1 << 11)
    monkeypatch.setattr("inclusions.controls.means.TOLERANCE", 0.0)
    many = controls.averaged_over_sectors(model, controls.mean_over_disorder(kind, model))
    error = few.std(axis=0, ddof=1) / np.sqrt(len(few))
    assert np.all(np.abs(few.mean(axis=0) - many.mean(axis=0)) < 4.5 * error)
    assert np.all(many.std(axis=0) < 0.7 * few.std(axis=0))


# What they sharpen


@pytest.fixture(scope="module")
def small(quick):
    """An isolated chain: every sample's linear entropies, and the predictions."""
    model, realizations = Model(8, 5.0), 2000
    entropy = []
    for index in range(realizations):
        solved = solve(model, 20, 5, index, "dense")
        entropy.append((0.5 - 2 * np.square(solved.magnetization)).mean(axis=0))
    return np.array(entropy), of(model, realizations, seed=5)


def profile(entropy, controls=None):
    """Mean purity by distance, as `estimates` forms it."""
    mirrored = 0.5 * (entropy + entropy[:, ::-1])[:, : -(-entropy.shape[1] // 2)]
    return statistics.bootstrap(lambda m: 1 - m, mirrored, controls=controls)


def test_sharpened_means_agree_with_an_ensemble_ten_times_larger(small):
    entropy, predictions = small
    whole = profile(entropy)
    scores, gains = [], []
    for part in np.split(np.arange(2000), 10):
        some = predictions.at(part)
        sharp = profile(entropy[part], some.purities())
        plain = profile(entropy[part])
        # the part is in the whole, whose own error counts less for that
        error = np.sqrt(sharp.error**2 + whole.error**2 * (1 - 2 * 0.1))
        scores.append((sharp.value - whole.value) / error)
        gains.append((plain.error / sharp.error) ** 2)
    scores = np.array(scores)
    assert np.abs(scores).max() < 4.5
    assert 0.4 < np.square(scores).mean() < 2  # errors are neither too small nor too large
    assert np.mean(gains, axis=0).min() > 4


def test_one_number_for_the_middle_of_the_chain_is_sharpened_too(small):
    entropy, predictions = small
    weights = np.zeros(8)
    weights[[2, 3, 4, 5]] = 0.25
    sharp = statistics.mean(entropy @ weights, controls=predictions.weighted(weights))
    plain = statistics.mean(entropy @ weights)
    assert sharp.error < 0.5 * plain.error
    assert abs(sharp.value - plain.value) < 4 * plain.error
    profile = predictions.purities()
    middle = predictions.weighted(weights)
    np.testing.assert_allclose(middle.expected, [profile.expected[2:, 0].mean()], rtol=1e-12)


def test_predictions_are_given_in_the_order_asked_for(small):
    _, predictions = small
    some = predictions.at([7, 3])
    np.testing.assert_array_equal(some.windows, predictions.windows[[7, 3]])
    with pytest.raises(KeyError, match="2000"):
        predictions.at([2000])


# Files


MODEL = Model(8, 4.0)


def test_what_is_computed_is_loaded_and_goes_on_where_it_stopped(tmp_path):
    told = []
    controls.compute(tmp_path, MODEL, 1, range(3), lambda: told.append(1))
    controls.compute(tmp_path, MODEL, 1, range(5), lambda: told.append(1))
    controls.compute(tmp_path, MODEL, 1, range(5), lambda: told.append(1))
    store.list_controls(tmp_path)
    assert len(told) == 5
    found = controls.load(tmp_path, MODEL, 1, [4, 0])
    means = controls.known_means(tmp_path, MODEL)
    exact = controls.predict(MODEL, [draw(MODEL, 1, 4), draw(MODEL, 1, 0)], means)
    np.testing.assert_allclose(found.windows, exact[0], rtol=2**-9)
    np.testing.assert_allclose(found.products, exact[1], rtol=2**-6)
    assert store.verify(tmp_path) == (2, [])


CAMPAIGN = """name = "two"
seed = 1
states = 5
[[ensemble]]
length = 6
disorder = {}
realizations = {}
"""


def test_an_interrupted_command_leaves_all_that_it_extended_listed(
    tmp_path, command_line, monkeypatch
):
    plan, original = tmp_path / "two.toml", files.predict
    plan.write_text(CAMPAIGN.format([3.0], 2))
    assert command_line("run", plan).code == command_line("controls", plan).code == 0
    plan.write_text(CAMPAIGN.format([3.0, 4.0], 3))
    assert command_line("run", plan).code == 0

    def stopped(model, *given):
        if model.disorder == 4.0:
            raise KeyboardInterrupt
        return original(model, *given)

    monkeypatch.setattr(files, "predict", stopped)
    assert command_line("controls", plan).code == 130
    assert store.verify(tmp_path / "data")[1] == []
    found = controls.load(tmp_path / "data", Model(6, 3.0), 1, [0, 1, 2])
    assert found.indices.tolist() == [0, 1, 2]


def test_a_target_shares_the_controls_of_its_samples(tmp_path):
    controls.compute(tmp_path, Model(8, 4.0, target="mean"), 1, range(2))
    store.list_controls(tmp_path)
    assert controls.load(tmp_path, MODEL, 1, [1]).indices.tolist() == [1]


def test_missing_controls_name_the_command_that_computes_them(tmp_path):
    with pytest.raises(controls.NoControls, match="inclusions controls CAMPAIGN.toml computes"):
        controls.load(tmp_path, MODEL, 1, [0])
    controls.compute(tmp_path, MODEL, 1, range(2))
    store.list_controls(tmp_path)
    with pytest.raises(controls.NoControls, match=r"realization 2 of .*inclusions controls"):
        controls.load(tmp_path, MODEL, 1, [0, 1, 2])


def test_damaged_or_foreign_controls_are_refused_and_computed_again(tmp_path):
    path = controls.compute(tmp_path, MODEL, 1, range(2))
    other = controls.compute(tmp_path, Model(8, 5.0), 1, range(2))
    store.list_controls(tmp_path)
    good = path.read_bytes()
    for content, what in (
        (good[:-100], "no hash at its end"),
        (good[:200] + bytes([good[200] ^ 1]) + good[201:], "differ from the hash at its end"),
        (other.read_bytes(), "another name"),
        (b"", "empty"),
    ):
        path.write_bytes(content)
        with pytest.raises(store.DamagedFile, match="differs from its hash in the manifest"):
            controls.load(tmp_path, MODEL, 1, [0])
        _, faults = store.verify(tmp_path)
        assert any(what in fault for fault in faults), faults
        store.list_controls(tmp_path)  # it stays listed as it was, and results do not wait for it
        assert store.verify(tmp_path)[1]
    controls.compute(tmp_path, MODEL, 1, range(2))
    store.list_controls(tmp_path)
    assert path.read_bytes()[-64:] and controls.load(tmp_path, MODEL, 1, [0, 1])
    path = controls.compute(tmp_path, MODEL, 1, [2**40, 2**40 + 1])  # no number is another's
    assert set(controls.saved(tmp_path, MODEL, 1).indices) == {0, 1, 2**40, 2**40 + 1}
    path.unlink()
    with pytest.raises(store.DamagedFile, match="in the manifest, not there"):
        controls.load(tmp_path, MODEL, 1, [0])
