"""Campaigns through `make campaign` on a real Slurm, undisturbed and disturbed."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import xarray as xr
import yaml

from inclusions import campaign, cost, ensemble, store

TOP = Path(__file__).resolve().parents[2]
PROFILE = TOP / "book" / "runs" / "profiles" / "slurm"

SMALL = """
name = "test"
seed = 5
states = 20
chunk = 20
[[ensemble]]
length = 10
bubble = 4
disorder = 4.0
realizations = {realizations}
"""
MPI = """
[[ensemble]]
length = 8
bubble = 4
disorder = 2.0
realizations = 2
ranks = 2
"""


class Workflow:
    """`make campaign` on a campaign file, running."""

    def __init__(
        self, slurm, folder: Path, text: str, data: Path, options: dict | None = None, **limits
    ) -> None:
        folder.mkdir()
        self.path, self.data = folder / "campaign.toml", data
        self.path.write_text(text)
        # The project's own profile, told of this Slurm and made to look often.
        profile = (
            yaml.safe_load((PROFILE / "config.yaml").read_text())
            | {
                "default-resources": ["mem_mb=1000", "runtime=10", "slurm_partition=test"],
                "slurm-init-seconds-before-status-checks": 1,
                "seconds-between-status-checks": 1,
                "latency-wait": 5,
            }
            | (options or {})
        )
        (folder / "config.yaml").write_text(yaml.safe_dump(profile))
        offered = yaml.safe_load((PROFILE / "limits.yaml").read_text()) | limits
        (folder / "limits.yaml").write_text(yaml.safe_dump(offered))
        self.output = folder / "output"
        environment = {
            name: value for name, value in slurm.environment.items() if not name.startswith("MAKE")
        }
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                ["make", "campaign", f"CAMPAIGN={self.path}", f"PROFILE={folder}", f"DATA={data}"],
                stdout=output, stderr=output, cwd=TOP, env=environment, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        """Snakemake's own lines."""
        return self.data / "logs" / "workflow.log"

    def finish(self) -> None:
        self.process.wait(500)
        told = self.output.read_text()
        assert self.process.returncode == 0, told + self.log.read_text()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def submit(slurm, tmp_path):
    """A function that starts a workflow; what it started ends with the test."""
    workflows = []

    def submit(text, data=tmp_path / "data", **how):
        folder = tmp_path / f"workflow{len(workflows)}"
        workflows.append(Workflow(slurm, folder, text, data, **how))
        return workflows[-1]

    yield submit
    for workflow in workflows:
        if workflow.process.poll() is None:
            workflow.kill()
    slurm("scancel", "-u", "root")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The realizations of SMALL, computed here with nothing in between."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "campaign.toml"
    path.write_text(SMALL.format(realizations=80))
    ensemble.run(campaign.load(path), folder / "data")
    return folder / "data"


def same(physics, workflow, undisturbed, realizations=80):
    """Whether all is there, equal bit for bit, and no realization was computed twice."""
    path = workflow.path
    (here,) = physics(path, workflow.data).values()
    (there,) = physics(path, undisturbed).values()
    xr.testing.assert_identical(here, there)
    counts = Counter()
    for shard in workflow.data.glob("shards/*/*.nc"):
        counts.update(store.Shard.at(shard).indices)
    assert counts == Counter(range(realizations))
    assert not list(workflow.data.glob("shards/*/*.part"))
    assert store.verify(workflow.data)[1] == []
    return True


def wait_for(workflow, condition):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if found := condition():
            return found
        assert workflow.process.poll() is None, workflow.output.read_text()
        time.sleep(0.05)
    raise AssertionError(workflow.output.read_text())


def at_work(workflow):
    """Journals with records, of jobs that run."""
    journals = map(store.Journal.at, workflow.data.glob("shards/*/*.part"))
    return [journal for journal in journals if journal.path.stat().st_size > 2000]


def job_of(journal):
    """The id of the job that a journal's owner belongs to; none if it is at its end."""
    with suppress(psutil.NoSuchProcess, KeyError):
        return psutil.Process(journal.pid).environ()["SLURM_JOB_ID"]


def test_where_no_slurm_answers_nothing_is_submitted_and_it_is_said(
    slurm, tmp_path, command_line, monkeypatch
):
    (tmp_path / "slurm.conf").touch()  # of no cluster
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    (tmp_path / "campaign.toml").write_text(SMALL.format(realizations=2))
    given = ("campaign.toml", "--data", "data", "--profile", "slurm")
    ended = command_line("workflow", *given)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert ended.err.startswith("inclusions: no Slurm answers: ")
    assert not (tmp_path / "data").exists()


def test_serial_jobs_and_an_mpi_job_end_in_a_manifest(submit, physics, undisturbed, tmp_path):
    model = campaign.load(undisturbed.parent / "campaign.toml").ensembles[0].model
    half = 10 * cost.predicted_seconds(model, 20) / 60
    workflow = submit(SMALL.format(realizations=20) + MPI, job_minutes=half)
    workflow.finish()
    results = physics(workflow.path, workflow.data)
    serial, parallel = results.values()
    (reference,) = physics(undisturbed.parent / "campaign.toml", undisturbed).values()
    part = reference.sel(realization=serial.realization)
    for name in ("gap_ratio", "linear_entropy", "energy_mean", "residual"):
        assert np.array_equal(serial[name], part[name]), name
    (page,) = workflow.data.glob("logs/*/*-ranks2.ipynb")
    assert "2 computed on 2 ranks" in page.read_text()
    one = campaign.load(workflow.path).ensembles[1]
    alone = ensemble.record(one._replace(solver="auto"), 1)
    assert alone["gap_ratio"] == pytest.approx(parallel.gap_ratio.values[1], abs=1e-7)
    assert (workflow.data / "manifest.json").exists()
    assert store.verify(workflow.data)[1] == []


def test_a_campaign_of_more_jobs_than_the_queue_may_hold_is_computed_whole(
    submit, physics, undisturbed
):
    model = campaign.load(undisturbed.parent / "campaign.toml").ensembles[0].model
    short = 10 * cost.predicted_seconds(model, 20) / 60
    workflow = submit(SMALL.format(realizations=40), options={"jobs": 2}, job_minutes=short)
    workflow.finish()
    (found,) = physics(workflow.path, workflow.data).values()
    assert found.sizes["realization"] == 40
    assert len(list(workflow.data.glob("logs/*/*.ipynb"))) > 2


def test_a_cancelled_job_and_one_past_its_time_limit_are_taken_up_again(
    submit, slurm, physics, undisturbed
):
    model = campaign.load(undisturbed.parent / "campaign.toml").ensembles[0].model
    half = 40 * cost.predicted_seconds(model, 20) / 60
    workflow = submit(SMALL.format(realizations=80), job_minutes=half)
    stuck, *_ = wait_for(workflow, lambda: at_work(workflow))
    psutil.Process(stuck.pid).suspend()  # so that it runs into the limit, the shortest there is
    late = job_of(stuck)
    slurm("scontrol", "update", f"JobId={late}", "TimeLimit=1")

    def others():
        jobs = (job_of(journal) for journal in at_work(workflow) if journal.pid != stuck.pid)
        return [job for job in jobs if job]

    slurm("scancel", wait_for(workflow, others)[0])
    wait_for(workflow, lambda: late not in slurm.jobs())
    with suppress(psutil.NoSuchProcess):  # without cgroups, what is suspended may outlive its job
        psutil.Process(stuck.pid).kill()
    workflow.finish()
    told = workflow.log.read_text()
    ends = re.findall(r"SLURM status is: '(\w+)'", told)
    assert sorted(ends) == ["CANCELLED", "TIMEOUT"], told  # no job failed for another reason
    assert told.count("Trying to restart job") == 2
    assert same(physics, workflow, undisturbed)


def test_a_workflow_killed_and_started_again_goes_on(submit, slurm, physics, undisturbed):
    workflow = submit(SMALL.format(realizations=80))
    wait_for(workflow, lambda: at_work(workflow))
    workflow.kill()
    assert slurm.jobs(), "its jobs go on"
    again = submit(SMALL.format(realizations=80), data=workflow.data)
    again.finish()
    assert same(physics, again, undisturbed)


def test_two_overlapping_campaigns_outlive_a_restart_of_slurmd_and_compute_nothing_twice(
    submit, slurm, physics, undisturbed
):
    smaller = submit(SMALL.format(realizations=50).replace("chunk = 20", "chunk = 15"))
    workflow = submit(SMALL.format(realizations=80))
    wait_for(workflow, lambda: at_work(workflow))
    slurm.stop("slurmd", signal.SIGKILL)
    time.sleep(1)
    slurm.start_slurmd()
    smaller.finish()
    workflow.finish()
    assert same(physics, workflow, undisturbed)
