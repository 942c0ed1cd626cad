"""What windows predict of cached samples, what that gains, and what is said without them."""

from pathlib import Path

import numpy as np
import pytest

from inclusions import controls, estimates, store, tables, text
from inclusions.figures.controls import prediction
from inclusions.model import Model
from inclusions.tables.controls import GAINS, gain_texts, gains, predicted

ROOT = Path(__file__).parents[1]
MODEL, COUNT = Model(8, 5.2), 240


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """Some realizations of a cached ensemble with their controls, and another without."""
    folder = tmp_path_factory.mktemp("data")
    records = store.read(store.Store(ROOT / "data", MODEL, 20230823, 50).consolidated)
    records = records.isel(realization=slice(COUNT)).assign_attrs(data=str(folder), checksum="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inclusions.controls.means.POINTS", 256)
        controls.compute(folder, MODEL, 20230823, range(COUNT))
    store.list_controls(folder)
    found = {MODEL: records, Model(8, 6.0): records}
    return tables.Ensembles(Path("made-up.toml"), found, {}, (), COUNT)


def test_gains_are_the_ratios_of_bootstrapped_variances_of_ensembles_that_have_controls(some):
    found = gains(some)
    assert set(found.disorder) == {5.2}
    gain = found.set_index("quantity").gain
    plain, sharp = (
        estimates.purity_profile(MODEL, some.found[MODEL], plain=plain).error
        for plain in (True, False)
    )
    ratio = np.square(plain / sharp)
    for name, place in (("first", 0), ("second", 1), ("middle", 3)):
        assert gain[name] == pytest.approx(ratio[place], rel=0.25)
        assert gain[name] > 8
    far = [
        estimates.far_correlation(MODEL, some.found[MODEL], plain=plain).error[0]
        for plain in (True, False)
    ]
    assert gain["far"] == pytest.approx((far[0] / far[1]) ** 2, rel=0.35)
    assert found.deviation.abs().max() < 4.5 and found.share.between(0, 1).all()


def test_sharpened_samples_scatter_less_and_have_the_sharpened_mean(some):
    table = predicted(MODEL, some)
    sharp = estimates.purity_profile(MODEL, some.found[MODEL])
    assert 1 - table.sharpened.mean() == pytest.approx(sharp.value[-1], abs=1e-9)
    assert table.sharpened.std() < 0.4 * table["sample"].std()
    left, right = prediction(table).axes
    assert len(left.lines[0].get_xdata()) == COUNT
    drawn = [patch.get_data().values.sum() for patch in right.patches]
    assert drawn == [COUNT, COUNT]


def test_what_was_never_predicted_leaves_no_row_and_breaks_no_page(some):
    nothing = predicted(Model(8, 6.0), some)
    assert nothing.empty and len(prediction(nothing).axes) == 2
    texts = gain_texts(gains(), nothing)
    assert set(texts.values()) == {text.UNKNOWN}
    assert set(gain_texts(gains(some), predicted(MODEL, some))) == set(texts)


def test_gains_are_read_a_row_for_each_quantity_and_a_column_for_each_disorder(some):
    shown = text.readable(gains(some), GAINS)
    assert list(shown.columns) == ["quantity", "system", "$L$", "$W=5.2$"]
    assert len(shown) == 4 and shown.quantity.iloc[0] == "purity at mid-chain"


def test_cached_controls_reach_what_the_book_says_of_them():
    """Variance of the plain mean over the sharpened one: what makes 2000 samples worth 15,000."""
    path = ROOT / "book" / "runs" / "campaigns" / "gap-ratios.toml"
    wanted = [Model(14, 5.2, bubble=4), Model(14, 8.0, bubble=4), Model(16, 5.2), Model(16, 8.0)]
    found = tables.load(path, ROOT / "data", disorder=[5.2, 8.0], length=[14, 16])
    table = gains(tables.Ensembles(path, {m: found.found[m] for m in wanted}, {}, (), 0))
    gain = table.set_index(["bubble", "disorder", "quantity"]).gain
    assert gain[4, 5.2, "middle"] > 8 and gain[4, 8.0, "middle"] > 15
    assert gain[0, 5.2, "middle"] > 15 and gain[0, 8.0, "middle"] > 20
    assert gain[4, 5.2, "first"] > 7 and gain[4, 5.2, "second"] > 5
    assert gain[0, 5.2, "far"] > 2.5 and gain[4, 5.2, "far"] > 2
    assert table.share.max() < 0.15
