"""`make campaign` without a cluster: the laptop profile, and what is refused before a job is."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from inclusions import campaign, ensemble, store

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


BROKEN = """
import os, sys
if "run" in sys.orig_argv:
    sys.stderr.write("inclusions: no luck today\\n")
    sys.stderr.flush()
    os._exit(2)
"""
EMPTIED = """
import os, sys
if "snakemake" in sys.orig_argv:
    open(os.environ["CAMPAIGN"], "w").close()
"""
SMALL = CAMPAIGN.format(length=8)


def make(tmp_path, *options, text=SMALL, name="campaign.toml", data="data", **changed):
    """`make campaign`: its exit code, and all it says."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-s", "campaign", f"CAMPAIGN={path}", f"DATA={tmp_path / data}", *options],
        cwd=TOP, env=environment | changed, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def at_start(tmp_path, code):
    """The PYTHONPATH on which every Python runs some code when it starts."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(code)
    return str(tmp_path / "lib")


def complaints(told):
    return [line for line in told.splitlines() if line.startswith(("inclusions: ", "campaign: "))]


def test_a_campaign_ends_in_consolidated_files_and_a_manifest(tmp_path, physics):
    code, told = make(tmp_path)
    assert code == 0, told
    (dataset,) = physics(tmp_path / "campaign.toml", tmp_path / "data").values()
    assert dataset.sizes["realization"] == 12
    assert (tmp_path / "data" / "manifest.json").exists()
    assert len(list((tmp_path / "data").glob("logs/*/*.ipynb"))) == 1
    assert store.verify(tmp_path / "data")[1] == []
    first, *between, last = [line for line in told.splitlines() if "setup" not in line]
    assert first.startswith("test: 0 of 12 realizations done, 12 to go in 1 jobs")
    assert last == f"all 12 realizations are in {tmp_path / 'data' / 'ensembles'}"
    assert len(between) <= 2
    log = tmp_path / "data" / "logs" / "workflow.log"
    assert "localrule consolidate" in log.read_text()


@pytest.mark.parametrize("name", ["my [x] {y} é ⟨r⟩; a'b", "1e5"])
def test_a_campaign_of_any_name_in_any_folder_needs_no_home(name, tmp_path):
    text = SMALL.replace('"test"', f'"{name}"').replace("= 12", "= 2")
    code, told = make(tmp_path, text=text, name=f"{name}.toml", data=name, HOME="/proc/nowhere")
    assert code == 0, told
    assert f"{name}: 0 of 2 realizations done" in told
    assert store.verify(tmp_path / name) == (2, [])
    assert {path.name for path in (tmp_path / name).iterdir()} <= {
        ".snakemake", "ensembles", "logs", "manifest.json", "shards",
    }  # fmt: skip


def test_runs_that_fail_make_the_workflow_fail_and_say_why(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_text(SMALL.replace("= 12", "= 4"))
    ensemble.run(campaign.load(path), tmp_path / "data")  # a part is done
    code, told = make(tmp_path, PYTHONPATH=at_start(tmp_path, BROKEN))
    assert code != 0
    failed = [line for line in told.splitlines() if line.startswith("job failed: ")]
    assert failed and all("no luck today; see " in line for line in failed)
    (last,) = complaints(told)
    assert "4 of 12 realizations are done, 1 of 1 jobs are not" in last
    assert not (tmp_path / "data" / "manifest.json").exists()


def test_what_cannot_be_gathered_is_named_and_all_else_is_listed(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    path, data = tmp_path / "campaign.toml", tmp_path / "data"

    def computed(text):
        path.write_text(text.replace("= 12", "= 2"))
        plan = campaign.load(path)
        ensemble.run(plan, data)
        return ensemble.place_of(plan.ensembles[0], data)

    computed(SMALL).consolidate()
    store.write_manifest(data)
    (known,) = json.loads((data / "manifest.json").read_text())["files"]
    (shard,) = computed(SMALL.replace("4.0", "2.0")).shards()  # of another campaign
    shard.path.write_bytes(shard.path.read_bytes()[:-100])
    code, told = make(tmp_path, text=SMALL.replace("= 12", "= 3"))
    assert code != 0
    listed = json.loads((data / "manifest.json").read_text())["files"]
    assert {name: one["realizations"] for name, one in listed.items()} == {known: 3}
    (last,) = complaints(told)
    assert f"3 of 3 realizations are done, not all could be gathered: {shard.path}: no hash" in last
    assert "the same command" not in last


def test_jobs_are_of_the_campaign_as_it_was_when_they_were_asked_for(tmp_path):
    code, told = make(tmp_path, PYTHONPATH=at_start(tmp_path, EMPTIED))
    assert code == 0, told
    assert (tmp_path / "campaign.toml").read_text() == ""
    assert told.splitlines()[-1].startswith("all 12 realizations are in")


def test_of_two_tables_of_one_model_each_gets_what_it_asks_for(tmp_path):
    table = SMALL[SMALL.index("[[ensemble]]") :].replace("= 12", "= 3")
    text = SMALL.replace("= 12", "= 4") + table + "first = 4\ngap_ratios_only = true\n"
    code, told = make(tmp_path, text=text)
    assert code == 0, told
    first, _ = campaign.load(tmp_path / "campaign.toml").ensembles
    place = ensemble.place_of(first, tmp_path / "data")
    assert place.done() == set(range(7)) and place.done((store.FULL,)) == set(range(4))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SMALL + "memory = 3\n", "unknown key ensemble.1.memory"),
        (SMALL + "ranks = 1000\n", "ranks = 1000, this profile has"),
        (CAMPAIGN.format(length=30), "this profile has"),
    ],
    ids=["unknown key", "impossible resource", "too large a model"],
)
def test_what_no_job_can_do_is_refused_in_one_line(tmp_path, text, complaint):
    code, told = make(tmp_path, text=text)
    assert code == 2
    (line,) = complaints(told)
    assert complaint in line
    assert not (tmp_path / "data").exists()


def test_a_machine_without_slurm_is_told_so(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "bash", "make", "grep", "id", "sed", "dirname", "touch", "python3", "ls"):
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    code, told = make(tmp_path, "PROFILE=slurm", PATH=str(tools))
    assert code == 2
    (line,) = complaints(told)
    assert "no sbatch on the path" in line
