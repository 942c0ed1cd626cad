"""A full disk and a read-only folder: one clear line, nothing half-written, and it goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from inclusions import campaign, ensemble, store

CAMPAIGN = """
name = "test"
seed = 5
states = 20
chunk = 8
[[ensemble]]
length = 8
bubble = 4
disorder = [1.0, 2.0, 4.0]
realizations = 24
"""


@pytest.fixture
def disk(tmp_path):
    """A small disk, and a function to mount it anew with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        return subprocess.run(command, capture_output=True, text=True)

    done = mount("size=100k")
    if done.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {done.stderr.strip()}")
    yield folder, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_text(CAMPAIGN)
    return path


def run(path, data, workers):
    command = [sys.executable, "-m", "inclusions", "run", path, "--data", data]
    done = subprocess.run(
        [*map(str, command), "--workers", str(workers)], capture_output=True, text=True
    )
    return done.returncode, done.stderr


def files(folder: Path) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_leaves_whole_shards_and_the_run_goes_on(
    disk, path, physics, tmp_path, workers
):
    folder, remount = disk
    code, told = run(path, folder / "data", workers)
    assert code == 1
    assert told.count("\n") == 1 and "No space left on device" in told
    names = [file.name for file in files(folder)]
    assert any(name.endswith(".nc") for name in names), "it was to fill up in mid-run"
    assert not [name for name in names if name.startswith(".")]
    assert store.verify(folder / "data")[1] == []
    remount("size=50m")
    assert run(path, folder / "data", workers) == (0, "")
    ensemble.run(campaign.load(path), tmp_path / "undisturbed")
    undisturbed = physics(path, tmp_path / "undisturbed")
    for name, dataset in physics(path, folder / "data").items():
        xr.testing.assert_identical(dataset, undisturbed[name])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_read_only_folder_is_said_at_once_and_left_as_it_is(disk, path, workers):
    folder, remount = disk
    (folder / "data").mkdir()
    remount("ro")
    code, told = run(path, folder / "data", workers)
    assert code == 1
    assert told.count("\n") == 1 and "Read-only file system" in told
    assert os.listdir(folder / "data") == []
