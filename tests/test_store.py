"""The store: what is saved is whole, what is damaged is named, and claims spare double work."""

import os
import socket
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
import xarray as xr

from inclusions import store
from inclusions.model import Model
from inclusions.store import DamagedFile, Store

MODEL = Model(6, 2.0, bubble=4)
PATIENCE = 600


def record(index: int) -> dict:
    rng = np.random.default_rng(index)
    sizes = store.dimensions(MODEL)
    return {
        name: "test"
        if kind[0] == "S"
        else (100 * rng.random([sizes[d] for d in dims])).astype(kind)
        for name, (kind, dims, _) in store.FIELDS.items()
    }


@pytest.fixture
def place(tmp_path):
    return Store(tmp_path / "data", MODEL, 7, 50)


def save(place, *indices):
    (path,) = place.write_shard({index: record(index) for index in indices})
    return path


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def alter_a_value(path):
    """As a file without the hash at its end, of an older version, may be altered."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset = dataset.load()
    del dataset.attrs["sealed"]
    dataset.gap_ratio[0] += 1e-12
    path.write_bytes(bytes(dataset.to_netcdf(engine="h5netcdf")))


def empty(path):
    path.write_bytes(b"")


def of_another_schema(path):
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset = dataset.load().assign_attrs(schema=store.SCHEMA + 1)
    path.write_bytes(bytes(dataset.to_netcdf(engine="h5netcdf")))


def of_another_model(path):
    other = store.to_dataset(
        Model(6, 3.0, bubble=4), 7, 50, {index: record(index) for index in (0, 1, 2)}
    )
    store.write_dataset(path, other)


DAMAGES = [truncate, flip_a_bit, alter_a_value, empty, of_another_schema, of_another_model]


def test_a_shard_gives_back_what_was_saved(place):
    save(place, 4, 5, 6)
    dataset = place.load()
    assert dataset.realization.values.tolist() == [4, 5, 6]
    assert dataset.gap_ratio.values[1] == record(5)["gap_ratio"]


@pytest.mark.parametrize("name", store.ROUNDED)
def test_numbers_keep_the_stated_bits_whatever_older_shards_had(place, name, monkeypatch):
    save(place, 1)
    with monkeypatch.context() as patch:
        patch.setattr(store, "ROUNDED", {})
        save(place, 0)
    place.consolidate()
    found = store.read(place.consolidated)[name].values
    exact = np.array([record(index)[name] for index in (0, 1)])
    np.testing.assert_allclose(found, exact, rtol=2.0 ** -(store.ROUNDED[name] + 1))
    _, exponent = np.frexp(found.astype(float))
    assert np.all(np.ldexp(found.astype(float), store.ROUNDED[name] + 1 - exponent) % 1 == 0)
    assert np.any(found != exact)


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_names_a_damaged_shard_and_nothing_reads_it(place, damage):
    save(place, 3, 4)
    path = save(place, 0, 1, 2)
    damage(path)
    checked, faults = store.verify(place.data)
    assert checked == 2
    (fault,) = faults
    assert str(path) in fault and "\n" not in fault
    with pytest.raises(DamagedFile, match=path.name):
        place.load()
    with pytest.raises(DamagedFile, match=path.name):
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
            store.parse(path, bytes(flipped))


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
    monkeypatch.setattr(store, "parse", lambda *_: pytest.fail("a shard was opened"))
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


def test_a_journal_cut_in_mid_line_keeps_its_whole_lines(place):
    journal, _ = place.claim([0, 1, 2], PATIENCE)
    store.append(journal, 0, record(0))
    store.append(journal, 1, record(1))
    os.truncate(journal, journal.stat().st_size - 5)
    found = place.journalled([0, 1, 2])
    assert list(found) == [0]
    assert found[0]["gap_ratio"] == record(0)["gap_ratio"]


@pytest.fixture
def stranger():
    """Another process of this host."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def claim_of(place, name, indices, owner, silent=0.0):
    place.folder.mkdir(parents=True, exist_ok=True)
    journal = place.folder / f"{name}.{owner}.part"
    journal.write_text("# claimed\n")
    for index in indices:
        store.append(journal, index, record(index))
    os.utime(journal, (time.time() - silent,) * 2)
    return journal


@pytest.mark.parametrize("wanted", [range(0, 10), range(9, 12), range(5, 6)])
def test_what_a_living_process_has_in_work_is_not_taken(place, stranger, wanted):
    time.sleep(0.1)
    claim_of(place, "0-10", [0], f"{socket.gethostname()}-{stranger.pid}")
    assert place.claim(wanted, PATIENCE) is None
    assert len(place.journals()) == 1, "giving way must leave no claim behind"
    assert place.claim(range(10, 12), PATIENCE) is not None


def test_the_work_of_a_dead_process_is_taken_over_and_its_records_kept(place, stranger):
    dead = claim_of(place, "0-10", [0, 1], f"{socket.gethostname()}-{stranger.pid}")
    stranger.kill()  # not waited for: a zombie is dead too
    time.sleep(0.2)
    journal, missing = place.claim(range(10), PATIENCE)
    assert missing == list(range(10))
    found = place.journalled(missing)
    assert set(found) == {0, 1}
    place.write_shard(found)
    place.release(journal, PATIENCE)
    assert not dead.exists() and not place.journals()


def test_a_journal_with_unsaved_records_outlives_the_release_of_another(place):
    dead = claim_of(place, "0-10", [0, 9], "elsewhere-1", silent=2 * PATIENCE)
    journal, _ = place.claim([0, 1], PATIENCE)
    save(place, 0)
    place.release(journal, PATIENCE)
    assert dead.exists()


def test_a_silent_claim_of_another_host_is_dead_only_after_the_patience(place):
    claim_of(place, "0-10", [], "elsewhere-1", silent=PATIENCE - 60)
    assert place.claim([3], PATIENCE) is None
    claim_of(place, "0-10", [], "elsewhere-1", silent=PATIENCE + 60)
    assert place.claim([3], PATIENCE) is not None


def test_a_claim_leaves_out_what_another_saved_meanwhile(place):
    save(place, 0, 1)
    _, missing = place.claim(range(4), PATIENCE)
    assert missing == [2, 3]


def test_an_archive_brings_everything_home_and_merges(place, tmp_path):
    save(place, 0, 1)
    save(place, 2, 3)
    archive, home = tmp_path / "results.tar", tmp_path / "home"
    assert store.export(place.data, archive) == 2
    here = Store(home, MODEL, 7, 50)
    save(here, 2, 3, 4)
    assert store.import_archive(home, archive) == (2, 2)
    assert here.done() == {0, 1, 2, 3, 4}
    assert store.verify(home)[1] == []
    for index in range(5):
        ratio = here.load().gap_ratio.sel(realization=index)
        assert ratio == record(index)["gap_ratio"]


def test_a_consolidated_file_comes_home_too(place, tmp_path):
    save(place, 0, 1)
    place.consolidate()
    store.export(place.data, tmp_path / "a.tar")
    assert store.import_archive(tmp_path / "home", tmp_path / "a.tar") == (1, 2)
    assert store.import_archive(tmp_path / "home", tmp_path / "a.tar") == (0, 0)


def test_consolidated_files_that_cannot_be_merged_are_refused(place, tmp_path):
    save(place, 0, 1)
    place.consolidate()
    store.export(place.data, tmp_path / "a.tar")
    here = Store(tmp_path / "home", MODEL, 7, 50)
    save(here, 1, 2)
    here.consolidate()
    with pytest.raises(ValueError, match="each hold realizations that the other lacks"):
        store.import_archive(here.data, tmp_path / "a.tar")


def repack(archive, change):
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    with tarfile.open(archive, "w") as tar:
        for name, content in change(files).items():
            store._add(tar, name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {k: v[:-10] if k.endswith(".nc") else v for k, v in files.items()},
        lambda files: {k: v for k, v in files.items() if not k.endswith(".nc")},
        lambda files: {k: v for k, v in files.items() if k.endswith(".nc")},
        lambda files: files | {"../../outside.nc": b"x"},
    ],
    ids=["altered", "incomplete", "no manifest", "extra file"],
)
def test_nothing_of_a_damaged_archive_is_merged(place, tmp_path, change):
    save(place, 0, 1)
    archive, home = tmp_path / "a.tar", tmp_path / "home"
    store.export(place.data, archive)
    repack(archive, change)
    with pytest.raises(DamagedFile, match="a.tar"):
        store.import_archive(home, archive)
    assert not home.exists()


def test_what_is_no_archive_is_said_to_be_none(tmp_path):
    (tmp_path / "a.tar").write_text("no tar file")
    with pytest.raises(DamagedFile, match="not an archive"):
        store.import_archive(tmp_path, tmp_path / "a.tar")


def test_a_key_names_its_model():
    for model in (
        MODEL,
        Model(7, 1e-07, bubble=5, coupling=-0.5, bandwidth=0.25, anisotropy=2.0),
        Model(8, 4.4, boundary="periodic", magnetization=-1.0),
    ):
        assert store.model_of(model.key) == model
