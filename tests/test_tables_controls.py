"""What windows predict of cached samples, what that gains, and what is said without them."""

from pathlib import Path

import pytest

from inclusions import controls, statistics, store, tables
from inclusions.figures.controls import prediction
from inclusions.model import Model
from inclusions.tables.controls import gains, predicted

DATA = Path(__file__).parents[1] / "data"
MODEL, COUNT = Model(8, 5.2), 240


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """Some realizations of a cached ensemble, and a folder with their controls."""
    folder = tmp_path_factory.mktemp("data")
    records = store.read(store.Store(DATA, MODEL, 20230823, 50).consolidated)
    records = records.isel(realization=slice(COUNT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inclusions.controls.means.POINTS", 256)
        controls.compute(folder, MODEL, 20230823, range(COUNT))
    store.list_controls(folder)
    other = {MODEL: records, Model(8, 6.0): records}  # the second has no controls
    return folder, tables.Ensembles(Path("made-up.toml"), other, {}, (), COUNT)


def profile(entropy, known=None):
    """Mean purity by distance, as `estimates` forms it."""
    mirrored = 0.5 * (entropy + entropy[:, ::-1])[:, : -(-entropy.shape[1] // 2)]
    return statistics.bootstrap(lambda m: 1 - m, mirrored, controls=known)


def test_gains_are_the_ratios_of_bootstrapped_variances_of_ensembles_that_have_controls(some):
    folder, ensembles = some
    found = gains(folder, ensembles)
    assert set(found.disorder) == {5.2}
    gain = found.set_index("quantity").gain
    entropy = ensembles.found[MODEL].linear_entropy.values
    purities = controls.load(folder, MODEL, 20230823, range(COUNT)).purities()
    plain, sharp = profile(entropy), profile(entropy, purities)
    ratio = (plain.error / sharp.error) ** 2
    for name, place in (("first", 0), ("second", 1), ("middle", 3)):
        assert gain[name] == pytest.approx(ratio[place], rel=0.25)
        assert gain[name] > 8
    assert gain["far"] > 1.5
    assert found.deviation.abs().max() < 4.5 and found.share.between(0, 1).all()


def test_sharpened_samples_scatter_less_and_have_the_sharpened_mean(some):
    folder, ensembles = some
    table = predicted(MODEL, ensembles.found[MODEL], folder)
    purities = controls.load(folder, MODEL, 20230823, range(COUNT)).purities()
    sharp = profile(ensembles.found[MODEL].linear_entropy.values, purities)
    assert 1 - table.sharpened.mean() == pytest.approx(sharp.value[-1], abs=1e-9)
    assert table.sharpened.std() < 0.4 * table["sample"].std()
    left, right = prediction(table).axes
    assert len(left.lines[0].get_xdata()) == COUNT
    drawn = [patch.get_data().values.sum() for patch in right.patches]
    assert drawn == [COUNT, COUNT]


def test_what_was_never_predicted_is_named(some):
    folder, ensembles = some
    with pytest.raises(controls.NoControls, match="inclusions controls CAMPAIGN.toml"):
        predicted(Model(8, 6.0), ensembles.found[MODEL], folder)


def test_cached_controls_reach_what_the_book_says_of_them():
    """Variance of the plain mean over the sharpened one: what makes 2000 samples worth 15,000."""
    path = Path(__file__).parents[1] / "book" / "runs" / "campaigns" / "gap-ratios.toml"
    wanted = [Model(14, 5.2, bubble=4), Model(14, 8.0, bubble=4), Model(16, 5.2), Model(16, 8.0)]
    found = tables.load(path, DATA, disorder=[5.2, 8.0], length=[14, 16])
    found = tables.Ensembles(path, {m: found.found[m] for m in wanted}, {}, (), 0)
    table = gains(DATA, found).set_index(["bubble", "disorder", "quantity"]).gain
    assert table[4, 5.2, "middle"] > 8 and table[4, 8.0, "middle"] > 15
    assert table[0, 5.2, "middle"] > 15 and table[0, 8.0, "middle"] > 20
    assert table[4, 5.2, "first"] > 7 and table[4, 5.2, "second"] > 5
    assert table[0, 5.2, "far"] > 2.5 and table[4, 5.2, "far"] > 2
    assert gains(DATA, found).share.max() < 0.15
