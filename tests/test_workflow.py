"""Snakemake started on a campaign, and followed; Snakemake itself is in tests/cluster."""

import json
import os
import shutil
import signal
import sys
import threading
import time

import pytest

from inclusions import campaign, ensemble
from inclusions.workflow import FailedWorkflow, Profile, Workflow

CAMPAIGN = """
name = "test"
seed = 5
states = 5
chunk = 2
[[ensemble]]
length = 6
disorder = 4.0
realizations = 6
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "campaign.toml").write_text(CAMPAIGN)
    return campaign.load(tmp_path / "campaign.toml")


@pytest.fixture
def flow(tmp_path, plan, monkeypatch):
    """A function: the workflow with some Python in Snakemake's place."""

    def flow(code):
        one = Workflow(tmp_path / "campaign.toml", plan, tmp_path / "data", Profile.at("laptop"))
        monkeypatch.setattr(Workflow, "_command", lambda self: [sys.executable, "-c", code])
        monkeypatch.setattr("inclusions.workflow.LOOKS", (0.1, 0.1))
        return one

    return flow


def test_what_is_done_is_told_as_the_shards_come(flow, plan, tmp_path):
    ended = tmp_path / "end"
    one = flow(f"import os, time\nwhile not os.path.exists({str(ended)!r}): time.sleep(0.02)")
    states = []

    def tell(state):
        states.append(state)
        if len(states) == 2:
            ensemble.run(plan, one.data)
        if state.progress.done == 6:
            ended.touch()

    one.run(tell)
    assert states[0].progress.done == 0 and states[0].seconds_left is None
    assert states[-1].progress.done == 6 and states[-1].seconds_left == 0


FAILS = """
import json, os
os.makedirs("logs/chain-open-L6-W4.0-seed5-states5")
place = "logs/chain-open-L6-W4.0-seed5-states5/0-6"
open(place + ".log", "w").write("Traceback\\n\\nlast of the log\\n\\n")
error = {"output_type": "error", "evalue": "inclusions: why"}
page = {"cells": [{}, {"outputs": [error]}]} if PAGE else {"cells": []}
open(place + ".ipynb", "w").write(json.dumps(page))
os.rename(place + ".ipynb", place + ".ipynb.failed")
print("its own words")
raise SystemExit(1)
"""


@pytest.mark.parametrize(("page", "reason"), [(True, "why"), (False, "last of the log")])
def test_a_job_that_fails_is_told_once_with_what_stopped_it(page, reason, flow):
    one = flow(f"PAGE = {page}\n{FAILS}")
    states = []
    with pytest.raises(FailedWorkflow) as failed:
        one.run(states.append)
    (line,) = [line for state in states for line in state.failures]
    log = one.data / "logs" / "chain-open-L6-W4.0-seed5-states5" / "0-6.log"
    assert line == f"chain-open-L6-W4.0-seed5-states5, realizations 0 to 5: {reason}; see {log}"
    assert "0 of 6 realizations are done, 1 of 1 jobs are not" in str(failed.value)
    assert str(one.log) in str(failed.value)
    assert one.log.read_text() == "its own words\n"


def test_a_workflow_that_fails_is_told_as_a_failure_and_not_as_a_fault_of_the_program(
    flow, tmp_path, command_line
):
    flow("raise SystemExit(1)")
    ended = command_line("workflow", tmp_path / "campaign.toml", "--data", tmp_path / "data")
    assert ended.code == 1
    assert "0 of 6 realizations are done" in ended.err and "fault" not in ended.err


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_withdraws_the_jobs_and_ends(handler, flow, request):
    before = signal.signal(signal.SIGINT, handler)  # ignored in the background of a script
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    one = flow(
        "import time, pathlib\ntry: pathlib.Path('on').touch(); time.sleep(60)\n"
        "except KeyboardInterrupt: print('withdrawn')"
    )

    def stop():
        while not (one.data / "on").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert one.log.read_text() == "withdrawn\n"


def test_campaigns_with_results_in_one_folder_keep_apart_what_their_jobs_read(flow, plan, tmp_path):
    one = flow("")
    ensemble.run(plan, one.data)
    other, fewer = tmp_path / "other.toml", CAMPAIGN.replace("realizations = 6", "realizations = 3")
    other.write_text(fewer)
    two = Workflow(other, campaign.load(other), one.data, Profile.at("laptop"))
    for workflow in (one, two):
        workflow.run()
    for workflow, text in ((one, CAMPAIGN), (two, fewer)):
        assert json.loads(workflow.settings.read_text())["campaign"] == text


def test_where_all_jobs_end_well_and_realizations_are_missing_that_is_said(
    flow, tmp_path, command_line
):
    flow("")
    ended = command_line("workflow", tmp_path / "campaign.toml", "--data", tmp_path / "data")
    assert ended.code == 1 and ended.err.count("\n") == 1
    assert "0 of 6 realizations are done, 1 of 1 jobs are not; see " in ended.err
    assert "all 6 realizations are in" not in ended.out


def test_what_a_file_system_shows_late_is_done(flow, plan, monkeypatch):
    one = flow("")
    one.profile = one.profile._replace(options={"latency-wait": 60})
    monkeypatch.setattr("inclusions.workflow._runs", lambda process, _: process.wait() is None)
    states = []

    def tell(state):
        states.append(state.progress.done)
        if len(states) == 2:
            ensemble.run(plan, one.data)

    one.run(tell)
    assert states == [0, 0, 6]


def test_what_was_computed_before_is_no_job_and_damage_is_set_aside(flow, plan, tmp_path):
    ensemble.run(plan, tmp_path / "data")
    one = flow("")
    assert one.jobs == []
    (shard, *_) = sorted((tmp_path / "data").glob("shards/*/*.nc"))
    shard.write_bytes(shard.read_bytes()[:-100])
    assert len(one.set_damaged_aside()) == 1
    assert [(job.first, job.number) for job in one.jobs] == [(0, 6)]


@pytest.mark.parametrize(
    ("config", "limits", "words"),
    [
        (None, "a: 1", ["config.yaml", "No such file"]),
        ("a: 1", None, ["limits.yaml", "No such file"]),
        ("a: [1", "a: 1", ["config.yaml", "YAML"]),
        ("- a", "a: 1", ["config.yaml", "names and values"]),
    ],
)
def test_a_profile_that_is_none_is_named(config, limits, words, tmp_path):
    for name, text in (("config.yaml", config), ("limits.yaml", limits)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(ValueError) as refused:
        Profile.at(str(tmp_path))
    assert [word for word in words if word not in str(refused.value)] == []


LIMITS = {"job_minutes": "5", "max_runtime": "1440", "max_ranks": "4", "launcher": "mpiexec"}


@pytest.fixture
def limits(tmp_path):
    """A function: the limits of a profile, some of them as they are given."""

    def limits(**given):
        lines = [f"{name}: {value}\n" for name, value in (LIMITS | given).items()]
        (tmp_path / "limits.yaml").write_text("".join(lines))
        (tmp_path / "config.yaml").write_text("cores: 1")
        return Profile.at(str(tmp_path)).limits()

    return limits


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("job_minutes", "5m", "minutes, more than 0, got '5m'"),
        ("job_minutes", ".inf", "minutes, more than 0, got '.inf'"),
        ("max_runtime", "1-00:00:00", "whole minutes, 1 or more, got '1-00:00:00'"),
        ("max_runtime", "24:00:00", "whole minutes, 1 or more, got '24:00:00'"),
        ("max_mem_mb", "16G", "whole MB, 1 or more, got '16G'"),
        ("max_ranks", "four", "a whole number, 1 or more, got 'four'"),
        ("max_ranks", "0", "a whole number, 1 or more, got '0'"),
        ("launcher", "[srun, -n]", "text, got ['srun', '-n']"),
        ("launcher", "", "text, got nothing"),
    ],
)
def test_a_limit_that_is_none_is_named_with_its_file_and_what_it_must_be(
    name, value, what, limits, tmp_path
):
    with pytest.raises(ValueError) as refused:
        limits(**{name: value})
    assert str(refused.value) == f"{tmp_path / 'limits.yaml'}: {name} must be {what}"


def test_limits_are_numbers_and_memory_may_be_left_open(limits):
    assert limits(max_mem_mb="16_000 # of a node") == (5, 1440, 16000, 4, "mpiexec", 600, "")
    for nothing in ("", "~", "null"):
        assert limits(max_mem_mb=nothing).max_mem_mb > 0


def test_the_profiles_of_the_project_are_found_by_name():
    assert Profile.at("laptop").local
    with pytest.raises(ValueError, match="no profile"):
        Profile.at("nowhere")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"executor": "slurm"}, ["--slurm-status-command=squeue"]),
        ({"executor": "slurm", "slurm-status-command": "sacct"}, []),
        ({"executor": "lsf"}, []),
        ({}, []),
    ],
)
def test_where_slurm_keeps_no_accounts_squeue_is_asked(options, told, tmp_path, monkeypatch):
    sacct = tmp_path / "sacct"
    sacct.write_text("#!/bin/sh\necho Slurm accounting storage is disabled >&2\nexit 1\n")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert Profile(tmp_path, options, {}).status_command() == told
    sacct.write_text("#!/bin/sh\n")
    assert Profile(tmp_path, options, {}).status_command() == []


def test_a_profile_with_arrays_of_jobs_is_refused(tmp_path, pytestconfig):
    profile = tmp_path / "mine"
    shutil.copytree(pytestconfig.rootpath / "book" / "runs" / "profiles" / "slurm", profile)
    with open(profile / "config.yaml", "a") as file:
        file.write("slurm-array-jobs: all\n")
    with pytest.raises(ValueError, match=r"mine/config\.yaml: take slurm-array-jobs out"):
        Profile.at(str(profile))
