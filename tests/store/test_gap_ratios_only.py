"""Records of gap ratios only: a fifth of the space, and never taken for full ones."""

import numpy as np
import pytest
from made_up import MODEL, record

from inclusions import store
from inclusions.store import FULL, OBSERVABLES, Store


@pytest.fixture
def place(tmp_path):
    return Store(tmp_path / "data", MODEL, 7, 50)


def lean(index):
    return {k: v for k, v in record(index).items() if k not in OBSERVABLES[FULL]}


def test_a_file_without_the_rest_has_the_gap_ratios_and_reads_as_missing(place):
    (shard,) = place.write_shard({i: lean(i) for i in range(4)})
    assert "-gaps" in shard.name and store.Shard.at(shard).observables == ("entanglement",)
    assert place.done() == {0, 1, 2, 3} and place.done([FULL]) == set()
    for path in (shard, place.consolidate()):
        dataset = store.read(path)
        assert dataset.gap_ratio.values.tolist() == [record(i)["gap_ratio"] for i in range(4)]
        for name in OBSERVABLES[FULL]:
            values = dataset[name].values
            assert not values.any() if values.dtype.kind == "u" else np.isnan(values).all()
    for path in place.folder.iterdir():
        path.unlink()
    assert place.done() == {0, 1, 2, 3} and place.done([FULL]) == set()
    store.write_manifest(place.data)
    assert store.verify(place.data) == (1, [])
    (entry,) = store.read_manifest(place.data).values()
    assert entry["realizations"] == entry["gap_ratios_only"] == 4


def test_it_takes_a_fraction_of_the_space(place, tmp_path):
    """Less than a third of what a full one takes, for a chain as short as 6 at that."""
    other = Store(tmp_path / "full", MODEL, 7, 50)
    sizes = []
    for where, make in ((place, lean), (other, record)):
        usual = {
            i: {k: v for k, v in make(i).items() if k not in OBSERVABLES["entanglement"]}
            for i in range(500)
        }
        sizes.append(where.write_shard(usual)[0].stat().st_size)
    assert 3 * sizes[0] < sizes[1]


@pytest.mark.parametrize("gathered", [False, True], ids=["shards", "consolidated"])
def test_full_records_take_the_place_of_those_and_are_counted_once(place, tmp_path, gathered):
    """In whatever order they come, the file is that of the full records alone."""
    place.write_shard({i: lean(i) for i in range(4)})
    place.write_shard({i: record(i) for i in (4, 5)})
    if gathered:
        place.consolidate()
    place.write_shard({i: record(i) for i in range(4)})
    assert place.done([FULL]) == set(range(6))
    place.consolidate()
    other = Store(tmp_path / "other", MODEL, 7, 50)
    other.write_shard({i: record(i) for i in range(6)})
    other.consolidate()
    found, expected = (store.read(one.consolidated) for one in (place, other))
    assert found.attrs["checksum"] == expected.attrs["checksum"]
    assert found.magnetization_histogram.values.any()
    store.write_manifest(place.data)
    assert "gap_ratios_only" not in store.read_manifest(place.data)[place.consolidated.name]


def test_gap_ratios_alone_never_take_the_place_of_full_records(place):
    place.write_shard({i: record(i) for i in range(4)})
    before = store.read(place.consolidate()).attrs["checksum"]
    place.write_shard({i: lean(i) for i in range(2)})
    assert place.done([FULL]) == {0, 1, 2, 3}
    assert store.read(place.consolidate()).attrs["checksum"] == before


def test_some_of_either_are_told_apart(place):
    place.write_shard({i: lean(i) for i in range(3)})
    place.write_shard({i: record(i) for i in (3, 4)})
    place.consolidate()
    assert place.done() == {0, 1, 2, 3, 4} and place.done([FULL]) == {3, 4}
    dataset = store.read(place.consolidated)
    expected = sum(record(i)["magnetization_histogram"].astype(int) for i in (3, 4))
    np.testing.assert_array_equal(dataset.magnetization_histogram.values.sum(axis=0), expected)


def test_an_archive_brings_full_records_over_those_and_not_the_other_way(place, tmp_path):
    full = Store(tmp_path / "full", MODEL, 7, 50)
    for where, make in ((place, lean), (full, record)):
        where.write_shard({i: make(i) for i in range(3)})
        where.consolidate()
        store.export(where.data, where.data.with_suffix(".tar"))
    store.import_archive(full.data, place.data.with_suffix(".tar"))
    assert full.done([FULL]) == {0, 1, 2}
    store.import_archive(place.data, full.data.with_suffix(".tar"))
    assert place.done([FULL]) == {0, 1, 2}
