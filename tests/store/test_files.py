"""Files of the store: what is saved is whole, and what is damaged is named."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from made_up import MODEL, record, save

from inclusions import observables, store
from inclusions.model import Model
from inclusions.store import (
    DamagedFile,
    Indices,
    OtherVersion,
    Store,
    UnreadableFile,
    claims,
    files,
    records,
)  # fmt: skip


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def alter_a_value(path):
    """By a tool that does not know of the hash at the end."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset = dataset.load()
    dataset.gap_ratio[0] += 1e-12
    path.write_bytes(bytes(dataset.to_netcdf(engine="h5netcdf")))


def alter_a_value_and_seal(path):
    alter_a_value(path)
    path.write_bytes(files.sealed(path.read_bytes()))


def empty(path):
    path.write_bytes(b"")


def of_another_schema(path):
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset = dataset.load().assign_attrs(schema=store.SCHEMA + 1)
    path.write_bytes(files.sealed(bytes(dataset.to_netcdf(engine="h5netcdf"))))


def of_another_model(path):
    other = store.to_dataset(
        Model(6, 3.0, bubble=4), 7, 50, {index: record(index) for index in (0, 1, 2)}
    )
    store.write_dataset(path, other)


DAMAGES = [truncate, flip_a_bit, alter_a_value, empty, of_another_model]


def test_a_shard_gives_back_what_was_saved(place):
    save(place, 4, 5, 6)
    dataset = place.load()
    assert dataset.realization.values.tolist() == [4, 5, 6]
    assert dataset.gap_ratio.values[1] == record(5)["gap_ratio"]


@pytest.mark.parametrize("name", store.ROUNDED)
def test_numbers_keep_the_stated_bits_whatever_older_shards_had(place, name, monkeypatch):
    save(place, 1)
    with monkeypatch.context() as patch:
        patch.setattr(records, "ROUNDED", {})
        save(place, 0)
    place.consolidate()
    found = store.read(place.consolidated)[name].values
    exact = np.array([record(index)[name] for index in (0, 1)])
    np.testing.assert_allclose(found, exact, rtol=2.0 ** -(store.ROUNDED[name] + 1))
    _, exponent = np.frexp(found.astype(float))
    assert np.all(np.ldexp(found.astype(float), store.ROUNDED[name] + 1 - exponent) % 1 == 0)
    assert np.any(found != exact)


@pytest.mark.parametrize("damage", [*DAMAGES, alter_a_value_and_seal, of_another_schema])
def test_verify_names_a_damaged_shard_and_nothing_reads_it(place, damage):
    save(place, 3, 4)
    path = save(place, 0, 1, 2)
    damage(path)
    checked, faults = store.verify(place.data)
    assert checked == 2
    (fault,) = faults
    assert str(path) in fault and "\n" not in fault
    with pytest.raises(DamagedFile, match=re.escape(path.name)):
        place.load()
    with pytest.raises(DamagedFile, match=re.escape(path.name)):
        place.consolidate()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_set_aside_and_no_longer_counts(place, damage):
    save(place, 3, 4)
    path = save(place, 0, 1, 2)
    damage(path)
    (fault,) = place.set_damaged_aside(range(5))
    assert path.name in fault
    assert place.done() == {3, 4}
    assert path.with_name(path.name + ".damaged").exists()


def test_what_was_set_aside_before_stays(place):
    contents = []
    for damage in (truncate, flip_a_bit, empty):
        path = save(place, 0, 1)
        damage(path)
        contents.append(path.read_bytes())
        place.set_damaged_aside(range(2))
    aside = [one.read_bytes() for one in place.folder.glob("*.damaged")]
    assert sorted(aside) == sorted(contents)


def test_a_damaged_shard_that_is_not_needed_any_more_stops_nothing(place):
    path = save(place, 0, 1)
    place.consolidate()
    DAMAGES[0](path)
    save(place, 2)
    place.consolidate()
    assert list(place.load().realization.values) == [0, 1, 2]


def test_a_flipped_bit_is_found_wherever_it_is(place):
    path = save(place, 0, 1)
    content = path.read_bytes()
    for position in range(0, len(content), 89):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(DamagedFile):
            files.parse(path, bytes(flipped))


def test_what_is_read_is_what_xarray_reads(place):
    shard = save(place, 0, 1, 2)
    for path in (shard, place.consolidate()):
        with xr.open_dataset(path, engine="h5netcdf") as expected:
            found = store.read(path)
            xr.testing.assert_identical(found, expected.load())
            types = [{k: v.dtype for k, v in d.variables.items()} for d in (found, expected)]
            assert types[0] == types[1]


def test_consolidating_again_writes_only_what_is_new(place):
    save(place, 0, 1)
    first = place.consolidate().stat()
    again = place.consolidate().stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    save(place, 2, 3)
    assert place.consolidate().stat().st_ino != first.st_ino
    assert store.read(place.consolidated).realization.values.tolist() == [0, 1, 2, 3]


def test_histograms_of_few_realizations_stay_apart_and_those_of_many_are_added_up(
    place, monkeypatch
):
    monkeypatch.setattr(records, "BATCH", 2)
    monkeypatch.setattr(records, "APART", 5)
    save(place, 1, 2)
    place.consolidate()
    save(place, 0)
    place.consolidate()  # of a file that has them apart, and of a shard
    each = np.array([record(index)["magnetization_histogram"] for index in range(5)])
    found = store.read(place.consolidated)
    assert found.batch.values.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.magnetization_histogram, each[:3])
    save(place, 3, 4)
    place.consolidate()
    found = store.read(place.consolidated)
    assert found.batch.values.tolist() == [0, 1, 2]
    pairs = [each[:2].sum(axis=0), each[2:4].sum(axis=0), each[4]]
    np.testing.assert_array_equal(found.magnetization_histogram, pairs)


def test_histograms_once_added_up_stay_so(place, monkeypatch):
    monkeypatch.setattr(records, "BATCH", 2)
    monkeypatch.setattr(records, "APART", 2)
    save(place, 0, 1)
    place.consolidate()
    monkeypatch.setattr(records, "APART", 10)
    save(place, 2, 3)
    place.consolidate()
    each = [record(index)["magnetization_histogram"] for index in range(4)]
    found = store.read(place.consolidated)
    assert found.batch.values.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(
        found.magnetization_histogram, [each[0] + each[1], each[2], each[3]]
    )


def test_consolidating_again_notices_a_damaged_file(place):
    save(place, 0, 1)
    content = bytearray(place.consolidate().read_bytes())
    content[-100] ^= 1
    place.consolidated.write_bytes(content)
    with pytest.raises(DamagedFile, match=place.consolidated.name):
        place.consolidate()


def test_a_damaged_consolidated_file_is_named_and_left_alone(place):
    save(place, 0, 1)
    truncate(place.consolidate())
    for use in (place.done, lambda: place.set_damaged_aside([0])):
        with pytest.raises(DamagedFile, match=place.consolidated.name):
            use()
    assert place.consolidated.exists()


def test_a_shard_under_the_name_of_other_realizations_is_damaged(place):
    path = save(place, 0, 1)
    path.rename(path.with_name("5-2-1.0s.nc"))
    with pytest.raises(DamagedFile, match="other realizations"):
        place.load()


def test_shards_named_without_their_cost_count_and_cost(place):
    path = save(place, 0, 1)
    old = path.rename(path.with_name("0-2.nc"))
    save(place, 2, 3)
    indices, seconds = place.cost()
    assert indices == {0, 1, 2, 3}
    paid = sum(float(record(index)["seconds"]) for index in range(4))
    assert seconds == pytest.approx(paid, rel=1e-2)
    assert store.read(old).sizes["realization"] == 2


def test_cost_counts_no_realization_twice_after_consolidation(place):
    save(place, 0, 1)
    _, before = place.cost()
    place.consolidate()
    save(place, 2)
    _, after = place.cost()
    added = float(record(2)["seconds"])
    assert after == pytest.approx(before + added, rel=1e-2)


def test_where_nothing_can_be_written_or_removed_the_file_is_named(tmp_path, monkeypatch):
    def refuse(self, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr("builtins.open", lambda path, mode: refuse(path))
    with pytest.raises(OSError, match=r"Read-only file system: '.*/manifest\.json'"):
        store.write_atomically(tmp_path / "manifest.json", b"")


def test_status_needs_the_names_of_the_shards_only(tmp_path, monkeypatch):
    place = Store(tmp_path, MODEL, 7, 50)
    place.folder.mkdir(parents=True)
    for first in range(0, 20_000, 20):
        (place.folder / f"{first}-20-36.0s.nc").touch()
    monkeypatch.setattr(files, "parse", lambda *_: pytest.fail("a shard was opened"))
    indices, seconds = place.cost()
    assert len(indices) == 20_000
    assert seconds == pytest.approx(1000 * 36)


def test_what_fills_the_disk_leaves_nothing_half_written(place, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    save(place, 0)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device.*1-1"):
        save(place, 1)
    assert len(list(place.folder.iterdir())) == 1


def zero_the_seal_and_an_early_sector(path):
    content = bytearray(path.read_bytes())
    content[512:1024] = bytes(512)
    content[-71:] = bytes(71)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [zero_the_seal_and_an_early_sector, alter_a_value, flip_a_bit])
def test_hdf5_is_given_no_file_without_a_valid_seal(place, damage, monkeypatch):
    # Its library may not return from such a file, and no Ctrl-C ends that.
    shard, whole = save(place, 0, 1), place.consolidate()
    for path in (shard, whole):
        damage(path)
    monkeypatch.setattr(h5py, "File", lambda *_: pytest.fail("HDF5 was given the file"))
    for path in (shard, whole):
        with pytest.raises(DamagedFile, match=re.escape(path.name)):
            store.read(path)
    with pytest.raises(DamagedFile, match=whole.name):
        place.done()
    faults = " ".join(store.verify(place.data)[1])
    assert str(shard) in faults and str(whole) in faults


def test_a_file_that_another_process_has_open_is_read_all_the_same(place):
    save(place, 0, 1)
    whole = place.consolidate()
    # Locked as HDF5 locks what it has open; a file system without locks refuses them likewise.
    hold = (
        f"import fcntl; file = open({str(whole)!r}, 'rb'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        assert place.done() == {0, 1}
        assert place.load().sizes["realization"] == 2
        other.kill()


@pytest.fixture
def forbidden(monkeypatch):
    """A function: from then on, this file may not be read."""
    closed, original = set(), Path.read_bytes

    def read_bytes(path):
        if path in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return closed.add


def test_what_may_not_be_read_is_not_called_damaged_nor_set_aside(place, forbidden):
    shard = save(place, 0, 1)
    forbidden(shard)
    with pytest.raises(UnreadableFile, match="cannot be read: Permission denied"):
        place.set_damaged_aside(range(2))
    assert shard.exists()
    whole = place.consolidated
    whole.parent.mkdir()
    whole.write_bytes(shard.with_name(shard.name).name.encode())
    forbidden(whole)
    for use in (place.done, place.cost, place.load, place.consolidate):
        with pytest.raises(UnreadableFile) as told:
            use()
        assert "delete" not in str(told.value) and whole.name in str(told.value)


def test_a_link_to_nowhere_is_no_realization_and_is_named(place):
    path = save(place, 0, 1)
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)
    assert place.done() == {0, 1}
    moved.unlink()
    assert place.done() == set()
    checked, (fault,) = store.verify(place.data)
    assert checked == 1 and path.name in fault and "link" in fault
    place.consolidated.parent.mkdir()
    place.consolidated.symlink_to(moved)
    with pytest.raises(UnreadableFile, match="link"):
        place.done()


def test_a_file_of_another_version_is_named_and_stays_where_it_is(place):
    path = save(place, 0, 1)
    of_another_schema(path)
    with pytest.raises(OtherVersion, match="schema 2, this version reads 1"):
        place.set_damaged_aside(range(2))
    assert path.exists()


def test_what_is_not_ours_among_the_results_is_left_alone(place):
    save(place, 0)
    place.folder.joinpath("notes.failed").write_text("by hand")
    place.folder.joinpath("0-5.part").mkdir()
    place.folder.joinpath("1-1-1.0s.nc").mkdir()
    place.folder.joinpath("4-1-many.nc").write_text("not ours")
    place.data.joinpath("shards", "notes").mkdir()
    place.data.joinpath("shards", "table.txt").write_text("not ours")
    place.data.joinpath("ensembles").mkdir()
    place.data.joinpath("ensembles", "table.nc").write_text("not ours")
    assert place.done() == {0}
    assert place.failures() == {}
    assert claims.journals(place) == []
    assert [one.name for one in store.stores(place.data)] == [place.name]
    place.consolidate()
    store.write_manifest(place.data)
    assert list(store.read_manifest(place.data)) == [place.consolidated.name]
    assert all("not ours" in fault or "table.nc" in fault or "4-1-many.nc" in fault
               or "1-1-1.0s.nc" in fault for fault in store.verify(place.data)[1])  # fmt: skip


# A field may be younger than a file


@pytest.fixture
def younger(monkeypatch):
    """A field and an observable that files of before lack."""
    monkeypatch.setitem(records.YOUNGER, "novelty", ("f4", ("site",), "1"))
    monkeypatch.setitem(records.YOUNGER, "novelties", ("i2", (), "1"))
    monkeypatch.setitem(records.OBSERVABLES, "novelty", ("novelty", "novelties"))
    return {"novelty": np.linspace(0, 1, MODEL.length), "novelties": 3}


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def test_files_without_a_younger_field_read_as_missing_and_stay_as_they_are(place, request):
    old = without(record(0), *records.YOUNGER)
    (shard,) = place.write_shard({0: old})
    whole = place.consolidate()
    before = whole.read_bytes()
    request.getfixturevalue("younger")
    for path in (shard, whole):
        dataset = store.read(path)
        assert np.isnan(dataset.novelty.values).all() and dataset.novelty.dims[1:] == ("site",)
        assert dataset.novelties.values.tolist() == [-1]
        assert dataset.retries.values.tolist() == [-1]
        assert dataset.gap_ratio.values[0] == old["gap_ratio"]
    assert store.verify(place.data)[1] == [
        f"{place.data / 'manifest.json'}: not there; inclusions consolidate writes it"
    ]
    assert place.set_damaged_aside(range(1)) == []
    assert place.done() == {0}
    assert place.consolidate().read_bytes() == before


def test_files_of_younger_versions_are_read_by_older_ones(place, monkeypatch, younger):
    (shard,) = place.write_shard({0: record(0) | younger})
    for name in list(records.YOUNGER):
        monkeypatch.delitem(records.YOUNGER, name)
    monkeypatch.delitem(records.OBSERVABLES, "entanglement")
    monkeypatch.delitem(records.OBSERVABLES, "novelty")
    assert store.read(shard).gap_ratio.values[0] == record(0)["gap_ratio"]


def test_only_what_has_an_observable_is_done_where_it_is_asked_for(place, younger):
    place.write_shard({index: without(record(index), *younger) for index in range(4)})
    assert place.done() == {0, 1, 2, 3}
    assert place.done(["novelty"]) == set()
    (shard,) = place.write_shard({index: record(index) | younger for index in (1, 2)})
    assert store.Shard.at(shard).observables == ("full", "entanglement", "novelty")
    assert place.done(["novelty"]) == {1, 2}
    place.consolidate()
    assert place.done(["novelty"]) == {1, 2}
    for path in place.folder.iterdir():
        path.unlink()
    assert place.done() == {0, 1, 2, 3} and place.done(["novelty"]) == {1, 2}
    place.write_shard({3: record(3) | younger})
    assert place.done(["novelty"]) == {1, 2, 3}
    place.consolidate()
    dataset = store.read(place.consolidated)
    assert dataset.novelties.values.tolist() == [-1, 3, 3, 3]
    assert np.isnan(dataset.novelty.values[0]).all()
    np.testing.assert_allclose(dataset.novelty.values[3], younger["novelty"], rtol=1e-6)
    assert dataset.gap_ratio.values.tolist() == [record(i)["gap_ratio"] for i in range(4)]


def test_every_younger_field_can_be_missing():
    for name, (kind, _, _) in records.YOUNGER.items():
        assert kind[0] in records.MISSING, name
    named = records.OBSERVABLES.keys() - {records.FULL}
    assert {field for name in named for field in records.OBSERVABLES[name]} <= set(records.YOUNGER)
    assert named == observables.OPTIONAL.keys()
    assert set(records.OBSERVABLES[records.FULL]) <= set(records.FIELDS)
    assert all(records.telling().values())
    assert records.LONG_NAMES.keys() == records.FIELDS.keys() | records.YOUNGER.keys()


# Numbers of realizations


RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=6)


@given(RUNS, st.integers(0, 45), st.integers(0, 20))
def test_indices_are_a_set(runs, start, length):
    ranges, whole = [range(a, a + n) for a, n in runs], range(start, start + length)
    found, expected = Indices(ranges), set().union(*ranges)
    assert found == expected and list(found) == sorted(expected) and len(found) == len(expected)
    assert found.within(whole) == expected & set(whole)
    assert found.lacking(whole) == set(whole) - expected
    assert found.covers(whole) == (set(whole) <= expected)
    assert Indices.of(list(expected)).runs == found.runs
    assert found & Indices([whole]) == expected & set(whole)
    assert (start in found) == (start in expected)


def test_a_billion_realizations_take_no_memory():
    found = Indices([range(10**9)])
    assert len(found) == 10**9 and 10**9 - 1 in found
    assert found.lacking(range(10**9 + 5)) == set(range(10**9, 10**9 + 5))
