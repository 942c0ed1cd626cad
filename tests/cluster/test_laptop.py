"""`make campaign` without a cluster: the laptop profile, and what is refused before a job is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from inclusions import store

TOP = Path(__file__).resolve().parents[2]

CAMPAIGN = """
name = "test"
seed = 5
states = 20
[[ensemble]]
length = {length}
bubble = 4
disorder = 4.0
realizations = 12
"""


SMALL = CAMPAIGN.format(length=8)


def make(tmp_path, *options, text=SMALL, **changed):
    path = tmp_path / "campaign.toml"
    path.write_text(text)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-s", "campaign", f"CAMPAIGN={path}", f"DATA={tmp_path / 'data'}", *options],
        cwd=TOP, env=environment | changed, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, [
        line for line in done.stderr.splitlines() if line.startswith("campaign")
    ] or done.stderr


def test_a_campaign_ends_in_consolidated_files_and_a_manifest(tmp_path, physics):
    code, told = make(tmp_path)
    assert code == 0, told
    (dataset,) = physics(tmp_path / "campaign.toml", tmp_path / "data").values()
    assert dataset.sizes["realization"] == 12
    assert (tmp_path / "data" / "manifest.json").exists()
    assert len(list((tmp_path / "data").glob("logs/*/*.ipynb"))) == 1
    assert store.verify(tmp_path / "data")[1] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SMALL + "memory = 3\n", "unknown key ensemble.1.memory"),
        (SMALL + "ranks = 1000\n", "ranks = 1000, this profile has"),
        (CAMPAIGN.format(length=26), "this profile has"),
    ],
    ids=["unknown key", "impossible resource", "too large a model"],
)
def test_what_no_job_can_do_is_refused_in_one_line(tmp_path, text, complaint):
    code, told = make(tmp_path, text=text)
    assert code == 2
    assert len(told) == 1 and complaint in told[0]
    assert not (tmp_path / "data").exists()


def test_a_machine_without_slurm_is_told_so(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "bash", "make", "grep", "id", "sed", "dirname", "touch", "python3", "ls"):
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    code, told = make(tmp_path, "PROFILE=slurm", PATH=str(tools))
    assert code == 2
    assert len(told) == 1 and "no sbatch on the path" in told[0]
