"""Archives: all of it comes home, or nothing."""

import tarfile

import pytest
from made_up import MODEL, record, save

from inclusions import store
from inclusions.store import DamagedFile, Store
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
    with pytest.raises(ValueError, match="each hold realizations that the other lacks"):
        store.import_archive(here.data, tmp_path / "a.tar")


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


def test_what_is_no_archive_is_said_to_be_none(tmp_path):
    (tmp_path / "a.tar").write_text("no tar file")
    with pytest.raises(DamagedFile, match="not an archive"):
        store.import_archive(tmp_path, tmp_path / "a.tar")
