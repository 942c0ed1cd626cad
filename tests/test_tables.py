"""Tables hold what the ensembles of a campaign say, and say what is missing."""

import json

import numpy as np
import pandas as pd
import pytest

from inclusions import campaign, ensemble, store, tables, text
from inclusions.model import Model
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO
from inclusions.store import DamagedFile, Store
from inclusions.tables import gap_ratios

CAMPAIGN = """
name = "tiny"
seed = 7
states = 10

[[ensemble]]
length = [4, 6]
bubble = 2
disorder = [0.5, 3.0, 9.0]
realizations = 5

[[ensemble]]
length = 6
disorder = 3.0
realizations = 5
"""
NAN = float("nan")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A campaign file and a folder with all it asks for."""
    folder = tmp_path_factory.mktemp("tables")
    file, data = folder / "tiny.toml", folder / "data"
    file.write_text(CAMPAIGN)
    plan = campaign.load(file)
    ensemble.run(plan, data)
    for place in store.stores(data):
        place.consolidate()
    store.write_manifest(data)
    return file, data


@pytest.fixture
def copy(source, tmp_path):
    """The same, to be spoilt."""
    file, data = source
    (tmp_path / "ensembles").mkdir()
    for path in (data / "ensembles").iterdir():
        (tmp_path / "ensembles" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "manifest.json").write_bytes((data / "manifest.json").read_bytes())
    return file, tmp_path


def test_all_ensembles_of_a_campaign_are_found(source):
    loaded = tables.load(*source)
    assert len(loaded.found) == len(loaded.sources) == 7
    assert loaded.missing == ()
    assert loaded.realizations == loaded.wanted == 35


def test_parameters_choose_among_the_ensembles(source):
    loaded = tables.load(*source, bubble=2, disorder=[3.0, 9.0])
    assert {(m.bubble, m.disorder) for m in loaded.found} == {(2, 3.0), (2, 9.0)}


def test_a_kind_that_the_campaign_does_not_have_is_an_error(source):
    with pytest.raises(ValueError, match="no ensemble"):
        tables.load(*source, bubble=5)
    with pytest.raises(ValueError, match="no lenght"):
        tables.load(*source, lenght=6)


def test_what_is_not_in_the_manifest_is_missing(copy):
    file, data = copy
    manifest = json.loads((data / "manifest.json").read_text())
    manifest["files"].pop("bubble2-L6-W3.0-seed7-states10.nc")
    (data / "manifest.json").write_text(json.dumps(manifest))
    loaded = tables.load(file, data)
    assert loaded.missing == ("bubble2-L6-W3.0-seed7-states10",)
    assert len(loaded.found) == 6


def test_without_any_data_all_is_missing_and_tables_are_empty(source, tmp_path):
    loaded = tables.load(source[0], tmp_path)
    assert len(loaded.missing) == 7
    for make in (gap_ratios.means, gap_ratios.crossings, gap_ratios.midpoints):
        assert make(loaded).empty


def test_a_file_that_is_not_the_one_in_the_manifest_is_refused(copy):
    file, data = copy
    path = data / "ensembles" / "bubble2-L6-W3.0-seed7-states10.nc"
    other = Store(data, Model(6, 3.0, bubble=2), 7, 10).load()
    store.write_dataset(path, other.isel(realization=slice(0, 4)))
    with pytest.raises(DamagedFile, match="differs from its hash in the manifest"):
        tables.load(file, data)
    path.unlink()
    with pytest.raises(DamagedFile, match="not there"):
        tables.load(file, data)


def test_gap_ratios_are_the_means_over_realizations(source):
    loaded = tables.load(*source)
    table = gap_ratios.means(loaded)
    assert len(table) == 7
    for row in table.itertuples():
        model = Model(row.length, row.disorder, bubble=row.bubble)
        data = loaded.found[model]
        weights = data.states.values - 2
        assert row.gap_ratio == pytest.approx(np.average(data.gap_ratio, weights=weights))
        # Student's t at one standard deviation, four degrees of freedom
        spread = 1.1416 * data.gap_ratio.values.std(ddof=1) / np.sqrt(5)
        assert row.error == pytest.approx(spread, rel=0.15)  # of a thousand resamples


def test_crossings_of_rings_and_chains_are_compared_at_equal_pairs():
    rows = [
        ("open", 8, 1.7, 1.6, 1.8, True), ("open", 10, 2.2, 2.1, 2.3, True),
        ("open", 12, 2.7, 2.6, np.inf, False), ("periodic", 8, 2.0, 1.9, 2.1, True),
        ("periodic", 10, 2.7, 2.6, 2.8, True), ("periodic", 12, 3.0, 2.9, 3.1, True),
    ]  # fmt: skip
    names = ["boundary", "length", "disorder", "low", "high", "bounded"]
    table = pd.DataFrame(rows, columns=names).assign(bubble=0, spread=0.0)
    said = gap_ratios.boundary_texts(table)
    # 0.3 and 0.5 above, each known to 0.1 times the root of 2
    assert said == {"ring_places": "2.00, 2.70, 3.00", "ring_higher": "0.40(10)"}
    assert "not computed" in gap_ratios.boundary_texts(table[:0])["ring_higher"]


def test_crossings_pair_lengths_that_differ_by_two(source):
    table = gap_ratios.crossings(tables.load(*source))
    assert list(zip(table.bubble, table.length, table.larger, strict=True)) == [(2, 4, 6)]
    assert table.points.tolist() == [3]


def test_midpoints_lie_halfway_between_goe_and_poisson(source):
    loaded = tables.load(*source)
    half = (GOE_GAP_RATIO + POISSON_GAP_RATIO) / 2
    ratios = gap_ratios.means(loaded)
    midpoints = gap_ratios.midpoints(loaded).dropna(subset="disorder")
    assert len(midpoints)
    for row in midpoints.itertuples():
        curve = ratios[(ratios.bubble == row.bubble) & (ratios.length == row.length)]
        before = curve.gap_ratio[curve.disorder <= row.disorder].iloc[-1]
        after = curve.gap_ratio[curve.disorder > row.disorder].iloc[0]
        assert before >= half > after


def test_the_extent_of_ensembles_names_lengths_realizations_and_states(source):
    both = tables.extent(tables.load(*source))
    assert both.startswith("L = 4, 6 (with bubble), 6 (isolated); 5 realizations of 10 states")
    isolated = tables.load(*source, bubble=0)
    assert tables.extent(isolated).startswith("L = 6 (isolated); 5 realizations of 10 states")


def test_the_extent_of_nothing_says_so(source, tmp_path):
    assert tables.extent(tables.load(source[0], tmp_path)) == "no realizations yet"


def test_the_summary_of_a_run_counts_what_its_folder_holds(source):
    _, data = source
    results = Store(data, Model(6, 3.0, bubble=2), 7, 10)
    summary = tables.summary(results).value
    assert summary["realizations"] == 5
    assert summary["failures"] == 0
    assert summary["certified"] == "100\xa0%"
    results.fail(9, "NotConverged: for a test")
    assert tables.summary(results).value["failures"] == 1


def test_a_bubble_is_compared_with_the_chain_two_sites_longer(source):
    loaded = tables.load(*source)
    midpoints = gap_ratios.midpoints(loaded)
    assert set(midpoints.length[midpoints.bubble == 2]) == {4, 6}
    assert set(gap_ratios.shift_texts(loaded).values()) == {text.UNKNOWN}  # one W makes no curve


def test_ensembles_keep_what_is_missing_when_few_of_their_files_are_shown(source):
    loaded = tables.load(*source)
    name = "bubble2-L6-W3.0-seed7-states10.nc"
    part = loaded.only({name})
    assert list(part.sources) == [name] and list(part.found) == [Model(6, 3.0, bubble=2)]
    assert part.wanted == loaded.wanted
