"""Files of the store: what is saved is whole, and what is damaged is named."""

import os
import re

import numpy as np
import pytest
import xarray as xr
from made_up import MODEL, record, save

from inclusions import store
from inclusions.model import Model
from inclusions.store import DamagedFile, Store, files, records


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
