"""Campaign files and data are found wherever a page or a notebook is opened."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from inclusions import campaign, places, store

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder outside of the repository, as the working directory, and no INCLUSIONS_DATA."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INCLUSIONS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def alone(elsewhere, monkeypatch):
    """The same, with a package that was not installed from a repository."""
    monkeypatch.setattr(places, "REPOSITORY", elsewhere / "nowhere")
    return elsewhere


def folder_of_data(top):
    (top / "data").mkdir(parents=True)
    (top / "data" / "manifest.json").write_text('{"files": {}}')
    return top / "data"


def test_outside_the_repository_its_own_data_and_campaigns_are_found(elsewhere):
    assert places.data_folder() == TOP / "data"
    assert campaign.load(places.campaign_file("gap-ratios")).name == "gap-ratios"


def test_a_notebook_of_the_kit_finds_the_data_beside_its_folder(alone, monkeypatch):
    data = folder_of_data(alone)
    (alone / "notebooks" / "course").mkdir(parents=True)
    monkeypatch.chdir(alone / "notebooks" / "course")
    assert places.data_folder() == data


def test_the_variable_wins_and_must_name_a_folder(alone, monkeypatch):
    folder_of_data(alone)
    monkeypatch.setenv("INCLUSIONS_DATA", str(alone))
    assert places.data_folder() == alone
    monkeypatch.setenv("INCLUSIONS_DATA", str(alone / "gone"))
    with pytest.raises(places.NoData, match="INCLUSIONS_DATA is .*gone, which is no folder"):
        places.data_folder()


def test_without_data_it_says_what_to_do(alone):
    with pytest.raises(places.NoData, match="unpacked kit.* or set INCLUSIONS_DATA"):
        places.data_folder()


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (None, "no manifest.json: get data/ from the repository, set INCLUSIONS_DATA"),
        ("{", "manifest.json is damaged: it is no manifest. Restore it"),
        ('{"files": ["a.nc"]}', "manifest.json is damaged: it is no manifest. Restore it"),
        (
            '{"files": {"gone.nc": {"sha256": "0"}}}',
            "1 of 1 files .* not there, as .*gone.nc: restore them",
        ),
        (
            '{"files": {"half.nc": {"sha256": "0"}}}',
            "half.nc is damaged: it differs from its hash in the manifest. Restore it",
        ),
        (
            '{"files": {}, "controls": {"half.h5": {"sha256": "0"}}}',
            "half.h5 is damaged: it differs from its hash in the manifest. Restore it",
        ),
        ('{"files": {}}', "half.json is damaged: it is no JSON. Restore it"),
    ],
)
def test_a_build_without_its_data_does_not_begin(manifest, told, alone):
    if manifest:
        (alone / "manifest.json").write_text(manifest)
    for name in ("ensembles/half.nc", "controls/half.h5", "benchmarks/half.json"):
        (alone / name).parent.mkdir()
        (alone / name).write_text("{")
    begun = [sys.executable, "-m", "inclusions.places"]
    surroundings = os.environ | {"INCLUSIONS_DATA": str(alone)}
    done = subprocess.run(begun, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(told, done.stderr) and done.stderr.count("\n") == 1


def test_a_file_that_is_whole_and_newer_than_the_manifest_is_not_called_damaged(tmp_path):
    path = tmp_path / "controls" / "a.h5"
    for number in range(2):
        store.write_arrays(path, {"x": np.array([number])}, {"seconds": 0.0})
        if not number:
            store.list_controls(tmp_path)
    with pytest.raises(places.NoData, match=r"a\.h5 is whole.*: inclusions consolidate lists it"):
        places.check(tmp_path)
    store.gather(tmp_path)
    places.check(tmp_path)


@pytest.mark.parametrize("target", ["book", "kit", "pdf", "student"])
def test_what_is_made_of_data_says_first_that_there_are_none(target, elsewhere):
    made = ["make", "--silent", "--assume-old=setup", f"PYTHON={sys.executable}", target]
    surroundings = os.environ | {"INCLUSIONS_DATA": str(elsewhere)}
    done = subprocess.run(made, cwd=TOP, env=surroundings, capture_output=True, text=True,
                          check=False)  # fmt: skip
    said, failed = done.stderr.splitlines()
    assert said.startswith(f"{elsewhere} has no manifest.json: get data/ from the repository")
    assert re.match(r"make(\[\d+\])?: \*\*\*", failed) and not done.stdout


@pytest.mark.parametrize(
    ("told", "address"),
    [("", ""), ("https://example.org/book", "https://example.org/book/"),
     ("http://localhost:8000/", "http://localhost:8000/")],
)  # fmt: skip
def test_where_the_book_will_be_is_told_and_never_guessed(told, address, monkeypatch):
    monkeypatch.setenv("INCLUSIONS_SITE", told)
    assert places.published() == address


def test_a_site_that_is_no_web_address_is_refused(monkeypatch):
    monkeypatch.setenv("INCLUSIONS_SITE", "my site")
    with pytest.raises(ValueError, match="INCLUSIONS_SITE must be .*, got 'my site'"):
        places.published()


def test_an_unknown_campaign_is_answered_by_those_there_are(elsewhere):
    with pytest.raises(FileNotFoundError, match="called gap-ratio;.* gap-ratios, .*purities"):
        places.campaign_file("gap-ratio")


def test_a_source_distribution_and_what_it_installs_carry_the_campaigns(tmp_path):
    """And nothing of the data or the book, which are many times larger."""
    build = (
        "import sys; from setuptools import build_meta as b; out = sys.argv[1];"
        "b.build_sdist(out); b.build_wheel(out)"
    )
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=TOP, check=True, text=True,
                   capture_output=True)  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    (source,) = tmp_path.glob("*.tar.gz")
    assert source.stat().st_size < 2e6
    names = ZipFile(wheel).namelist()
    assert "inclusions/py.typed" in names
    with tarfile.open(source) as sources:
        assert any(name.endswith("/lib/inclusions/py.typed") for name in sources.getnames())
    campaigns = {path.name for path in (TOP / places.CAMPAIGNS).glob("*.toml")}
    assert {name for name in names if name.startswith("inclusions/campaigns/")} == {
        f"inclusions/campaigns/{name}" for name in campaigns
    }
