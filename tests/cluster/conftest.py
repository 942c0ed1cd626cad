"""A Slurm of one node, of this machine, in a temporary folder, for as long as the tests run."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MpiDefault=pmix
ReturnToService=2
MinJobAge=300
KillWait=2
InactiveLimit=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(number):
    """Ports below those that systems hand out, so that nobody gets them before the daemons do."""
    found = set()
    while len(found) < number:
        port = random.randrange(15000, 30000)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


class Slurm:
    """The daemons, and what tests do to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "OMPI_MCA_mpi_yield_when_idle": "1",  # two ranks may share a core with others here
        }
        # Snakemake's job step keeps SLURM_CONF from the srun it starts, for clusters have theirs
        # in /etc.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)

    def start(self, name: str, *command: str, **options) -> None:
        with open(self.folder / f"{name}.out", "a") as log:
            self.daemons[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, **options
            )

    def start_slurmd(self) -> None:
        self.start("slurmd", shutil.which("slurmd"), "-D", start_new_session=True)

    def stop(self, name: str, with_signal=signal.SIGTERM) -> None:
        daemon = self.daemons.pop(name)
        daemon.send_signal(with_signal)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def __call__(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout if done.returncode == 0 else ""

    def jobs(self) -> list[str]:
        """Ids of the jobs that run, an array's tasks one by one."""
        return self("squeue", "-h", "-r", "-t", "R", "-o", "%i").split()

    def last_words(self) -> str:
        logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
        return "\n".join(f"{log.name}: {log.read_text()[-600:]}" for log in logs)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no Slurm here ({', '.join(missing)}): apt-get install slurm-wlm munge")
    if os.getuid() != 0:
        pytest.skip("only root can start the daemons of Slurm")
    folder = Path("/tmp") / f"slurm-{os.getpid()}"  # short: the path of a socket is limited
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    # munged reads and writes as its own user, and trusts no folder that others may write.
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    folder.chmod(0o755)
    for path in (folder, key):
        shutil.chown(path, "munge", "munge")
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=socket.gethostname(),
            folder=folder,
            ports=free_ports(2),
            cpus=os.cpu_count(),
        )
    )
    # In /tmp, what another Slurm left of a job of the same number keeps steps from starting.
    (folder / "pmix").mkdir()
    (folder / "mpi.conf").write_text(f"PMIxCliTmpDirBase={folder}/pmix\n")
    cluster = Slurm(folder)
    try:
        cluster.start(
            "munged", shutil.which("munged"), "--foreground", f"--key-file={key}",
            f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
            user="munge", group="munge",
        )  # fmt: skip
        cluster.start("slurmctld", shutil.which("slurmctld"), "-D", "-i")
        cluster.start_slurmd()
        for _ in range(120):
            if "idle" in cluster("sinfo", "-h", "-o", "%T"):
                break
            time.sleep(0.25)
        else:
            pytest.fail(f"Slurm does not start:\n{cluster.last_words()}")
        yield cluster
    finally:
        cluster("scancel", "-u", "root")
        for _ in range(40):
            if not cluster("squeue", "-h").strip():
                break
            time.sleep(0.25)
        for name in list(cluster.daemons):
            cluster.stop(name)
        shutil.rmtree(folder, ignore_errors=True)
