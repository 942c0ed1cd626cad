"""Archives: all of it comes home, or nothing."""

import bz2
import gzip
import lzma
import os
import tarfile

import pytest
from made_up import MODEL, record, save

from inclusions import store
from inclusions.store import DamagedFile, Store, UnreadableFile
from inclusions.store import archive as archives


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
    with pytest.raises(ValueError, match="1 realizations in common, and each some that the other"):
        store.import_archive(here.data, tmp_path / "a.tar")


def test_consolidated_files_of_groups_that_divided_the_realizations_become_one(place, tmp_path):
    save(place, 0, 1)
    place.consolidate()
    store.export(place.data, tmp_path / "a.tar")
    here = Store(tmp_path / "home", MODEL, 7, 50)
    save(here, 2, 3, 4)
    here.consolidate()
    counted = sum(int(one.load().magnetization_histogram.sum()) for one in (place, here))
    assert store.import_archive(here.data, tmp_path / "a.tar") == (1, 2)
    whole = here.load()
    assert list(whole.realization.values) == [0, 1, 2, 3, 4]
    assert int(whole.magnetization_histogram.sum()) == counted
    store.export(here.data, tmp_path / "b.tar")  # all of it replaces a part, and is not added
    assert store.import_archive(place.data, tmp_path / "b.tar") == (1, 3)
    assert int(place.load().magnetization_histogram.sum()) == counted
    assert store.import_archive(here.data, tmp_path / "a.tar") == (0, 0)


def repack(archive, change):
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    with tarfile.open(archive, "w") as tar:
        for name, content in change(files).items():
            archives._add(tar, name, content)


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


@pytest.mark.parametrize(
    "kind",
    [tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE],
)
def test_an_archive_in_which_a_name_is_a_file_and_something_else_is_refused(kind, place, tmp_path):
    save(place, 0, 1)
    archive, home = tmp_path / "a.tar", tmp_path / "home"
    store.export(place.data, archive)
    with tarfile.open(archive, "a") as tar:
        twin = tarfile.TarInfo(next(name for name in tar.getnames() if name.endswith(".nc")))
        twin.type, twin.linkname = kind, twin.name
        tar.addfile(twin)
    with pytest.raises(DamagedFile, match=r"a\.tar: its files are not those of its manifest"):
        store.import_archive(home, archive)
    assert not home.exists()


def test_what_is_no_archive_is_said_to_be_none(tmp_path):
    (tmp_path / "a.tar").write_text("no tar file")
    with pytest.raises(DamagedFile, match="not an archive"):
        store.import_archive(tmp_path, tmp_path / "a.tar")


@pytest.mark.parametrize("squeeze", [gzip, bz2, lzma])
def test_a_compressed_archive_comes_home_and_a_damaged_one_is_said_to_be_none(
    squeeze, place, tmp_path
):
    save(place, 0, 1)
    archive, home = tmp_path / "a.tar", tmp_path / "home"
    store.export(place.data, archive)
    archive.write_bytes(squeeze.compress(archive.read_bytes()))
    assert store.import_archive(home, archive) == (1, 2)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 99] = bytes(99)
    archive.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.tar: "):
        store.import_archive(tmp_path / "other", archive)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return bytes(content)


def test_a_good_file_of_an_archive_takes_the_place_of_a_damaged_one(place, tmp_path):
    archive = tmp_path / "a.tar"
    shard = save(place, 0, 1)
    store.export(place.data, archive)
    damaged = flip_a_bit(shard)
    assert store.import_archive(place.data, archive)[0] == 1
    assert place.load().sizes["realization"] == 2
    assert shard.with_name(shard.name + ".damaged").read_bytes() == damaged

    whole = place.consolidate()
    store.export(place.data, tmp_path / "b.tar")
    damaged = flip_a_bit(whole)
    assert store.import_archive(place.data, tmp_path / "b.tar")[0] == 1
    assert place.done() == {0, 1}
    assert whole.with_name(whole.name + ".damaged").read_bytes() == damaged


@pytest.fixture
def full_disk(monkeypatch):
    """A function: until it is called with False, nothing new has room."""

    def fill(full=True):
        def fsync(_):
            if full:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fsync)

    fill()
    return fill


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_a_consolidated_file_stays_until_what_replaces_it_is_written(
    damaged, place, tmp_path, request
):
    save(place, 0, 1)
    place.consolidate()
    store.export(place.data, tmp_path / "a.tar")
    here = Store(tmp_path / "home", MODEL, 7, 50)
    save(here, 0)
    whole = here.consolidate()
    earlier = whole.with_name(whole.name + ".damaged")
    earlier.write_text("of an earlier accident")
    before = flip_a_bit(whole) if damaged else whole.read_bytes()
    fill = request.getfixturevalue("full_disk")
    with pytest.raises(OSError, match="No space left on device"):
        store.import_archive(here.data, tmp_path / "a.tar")
    assert set(whole.parent.iterdir()) == {whole, earlier} and whole.read_bytes() == before
    fill(False)
    store.import_archive(here.data, tmp_path / "a.tar")
    assert store.read(whole).realization.values.tolist() == [0, 1]
    aside = set(whole.parent.iterdir()) - {whole, earlier}
    assert [path.read_bytes() for path in aside] == ([before] if damaged else [])
    assert earlier.read_text() == "of an earlier accident"


def test_a_shard_that_cannot_be_read_is_not_set_aside_by_an_import(place, tmp_path):
    shard = save(place, 0, 1)
    store.export(place.data, tmp_path / "a.tar")
    shard.unlink()
    shard.symlink_to(tmp_path / "a disk that is not mounted")
    with pytest.raises(UnreadableFile, match="a link to what is not there"):
        store.import_archive(place.data, tmp_path / "a.tar")
    assert shard.is_symlink()


def test_only_a_new_file_or_an_earlier_archive_is_written(place, tmp_path, command_line):
    save(place, 0, 1)
    text, link, pipe = tmp_path / "text", tmp_path / "link", tmp_path / "pipe"
    text.write_text("a thesis")
    link.symlink_to(tmp_path / "new")
    os.mkfifo(pipe)
    for target in (text, link, pipe, tmp_path, "/dev/null", *place.folder.iterdir()):
        for force in ([], ["--force"]):
            ended = command_line("export", target, "--data", place.data, *force)
            assert ended.code == 2 and str(target) in ended.err and ended.err.count("\n") == 1
    assert text.read_text() == "a thesis" and link.is_symlink() and pipe.is_fifo()
    inside = place.consolidated.parent / "a.tar"
    assert command_line("export", inside, "--data", place.data).code == 2
    assert place.load().sizes["realization"] == 2

    archive = tmp_path / "a.tar"
    assert store.export(place.data, archive) == 1
    save(place, 2)
    ended = command_line("export", archive, "--data", place.data)
    assert ended.code == 2 and "--force replaces an earlier archive" in ended.err
    assert command_line("export", archive, "--data", place.data, "--force").code == 0
    assert store.import_archive(tmp_path / "home", archive) == (2, 3)


def test_an_archive_in_a_new_folder_makes_it_and_one_in_a_file_is_refused_by_name(
    place, tmp_path, command_line
):
    save(place, 0, 1)
    (tmp_path / "file").touch()
    assert command_line("export", tmp_path / "new" / "a.tar", "--data", place.data).code == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.tar"]
    ended = command_line("export", tmp_path / "file" / "a.tar", "--data", place.data)
    assert ended.code == 1 and ended.err == f"inclusions: {tmp_path / 'file'}: File exists\n"


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b'{"files": 3}', b'{"files": [1]}', b"[" * 100000]
)
def test_an_archive_whose_manifest_is_none_is_named(place, tmp_path, manifest):
    save(place, 0)
    store.export(place.data, tmp_path / "a.tar")
    repack(tmp_path / "a.tar", lambda files: files | {"manifest.json": manifest})
    with pytest.raises(DamagedFile, match="a.tar"):
        store.import_archive(tmp_path / "home", tmp_path / "a.tar")


def test_observables_come_home_with_their_shards(place, tmp_path):
    plain = {k: v for k, v in record(0).items() if k not in store.OBSERVABLES["entanglement"]}
    place.write_shard({0: plain})
    place.consolidate()
    save(place, 0)
    assert store.export(place.data, tmp_path / "a.tar") == 2
    store.import_archive(tmp_path / "home", tmp_path / "a.tar")
    assert Store(tmp_path / "home", MODEL, 7, 50).done(["entanglement"]) == {0}
