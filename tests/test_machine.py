"""What a process may use is what the tightest of those over it allows."""

import resource
import subprocess
import sys

import pytest

from inclusions import machine

GB = 2**30
WHOLE = 64 * GB


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A function: files of a system, by path and content, of a machine with 64 GB and 16 cores."""
    free = type("Memory", (), {"available": WHOLE})
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE",
                 "SLURM_CPUS_PER_TASK"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


# A job's step in a group of version 2: the limit stands at the job, two levels up.
V2 = {
    "proc/self/cgroup": "0::/slurm/job_7/step_0/task_0",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory",
    "sys/fs/cgroup/slurm/memory.max": "max",
    "sys/fs/cgroup/slurm/job_7/memory.max": 8 * GB,
    "sys/fs/cgroup/slurm/job_7/memory.current": 3 * GB,
    "sys/fs/cgroup/slurm/job_7/memory.stat": f"anon {GB}\nfile {2 * GB}\ninactive_file {GB}",
    "sys/fs/cgroup/slurm/job_7/cpu.max": "400000 100000",
    "sys/fs/cgroup/slurm/job_7/step_0/task_0/memory.max": "max",
    "sys/fs/cgroup/slurm/job_7/step_0/task_0/cpu.max": "max 100000",
}
# The same in version 1, where each controller has a tree of its own.
V1 = {
    "proc/self/cgroup": "9:cpu,cpuacct:/job_7\n4:memory:/job_7/step_0\n1:name=systemd:/job_7",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712,
    "sys/fs/cgroup/memory/job_7/memory.limit_in_bytes": 8 * GB,
    "sys/fs/cgroup/memory/job_7/memory.usage_in_bytes": 3 * GB,
    "sys/fs/cgroup/memory/job_7/memory.stat": f"cache {2 * GB}\ntotal_inactive_file {GB}",
    "sys/fs/cgroup/memory/job_7/step_0/memory.limit_in_bytes": 9223372036854771712,
    "sys/fs/cgroup/cpu,cpuacct/job_7/cpu.cfs_quota_us": 400000,
    "sys/fs/cgroup/cpu,cpuacct/job_7/cpu.cfs_period_us": 100000,
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": -1,
}
# A container: what /proc names is the host's, what is mounted is the container's own.
CONTAINER = {
    "proc/self/cgroup": "0::/docker/0123",
    "sys/fs/cgroup/memory.max": 8 * GB,
    "sys/fs/cgroup/memory.current": 2 * GB,
    "sys/fs/cgroup/cpu.max": "400000 100000",
}


@pytest.mark.parametrize("files", [V2, V1, CONTAINER], ids=["v2", "v1", "container"])
def test_a_control_group_limits_memory_and_cores(files, system):
    system(files)
    assert machine.available_memory() == 6 * 1024
    assert machine.available_cores() == 4
    assert "control group" in machine.memory_limit().source


def test_without_limits_all_that_is_free_can_be_had(system):
    assert machine.available_memory() == WHOLE / 2**20
    assert machine.available_cores() == 16
    assert machine.memory_limit().source == "this machine"


def test_half_a_core_is_one(system):
    system(CONTAINER | {"sys/fs/cgroup/cpu.max": "50000 100000"})
    assert machine.available_cores() == 1


@pytest.mark.parametrize(
    ("environment", "most"),
    [
        ({"SLURM_MEM_PER_NODE": "4096"}, 4096),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "2"}, 2048),
        ({"SLURM_MEM_PER_NODE": "0"}, None),  # --mem=0: all there is
        ({"SLURM_MEM_PER_CPU": "1024"}, None),
    ],
)
def test_a_slurm_job_limits_memory(environment, most, system, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    limit = machine.memory_limit()
    if most is None:
        assert limit.source == "this machine"
    else:  # what this process already holds counts
        held = machine._resident() / 2**20
        assert limit.amount == pytest.approx(max(most - held, 0.0), abs=50)
        assert limit.source == "this Slurm job"


def test_a_slurm_task_limits_cores(system, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "8")
    assert machine.available_cores() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert machine.core_limit() == (2, "this Slurm job")


def test_ulimit_limits_memory(system, monkeypatch):
    held = machine.psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (held + 2**30, resource.RLIM_INFINITY))
    assert machine.available_memory() == pytest.approx(1024, abs=200)
    assert machine.memory_limit().source == "ulimit -v"


def test_a_group_that_holds_more_than_its_limit_has_nothing_left(system):
    system(CONTAINER | {"sys/fs/cgroup/memory.current": 9 * GB})
    assert machine.available_memory() == 0


def test_the_peak_covers_what_was_held():
    code = (
        "from inclusions.machine import peak_memory; before = peak_memory(); "
        "block = b'x' * (300 * 2**20); del block; print(peak_memory() - before)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(told.stdout) > 250
