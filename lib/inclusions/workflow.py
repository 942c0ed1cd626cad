"""Starts Snakemake on a campaign, and tells in a few lines how far it is."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from inclusions import account, places
from inclusions.batches import Batch, Limits, batches, decided
from inclusions.campaign import Campaign
from inclusions.ensemble import place_of
from inclusions.machine import available_cores, available_memory, last_words
from inclusions.store import write_atomically

LOG = Path("logs", "workflow.log")
GATHERING = Path("logs", "consolidate.log")  # of the job that is last
LOOKS = (2.0, 30.0)  # seconds between two looks: at least, at most


class FailedWorkflow(RuntimeError):
    """Jobs or their end failed; the message says what is done, and why or where its log is."""


class State(NamedTuple):
    """How far a campaign is, and what has gone wrong."""

    progress: account.Progress  # of all ensembles
    seconds_left: float | None  # None while nothing tells
    failures: list[str]  # of jobs, since the look before; a line each


Tell = Callable[[State], None]


class Profile(NamedTuple):
    """A folder with Snakemake's options, config.yaml, and what may be asked for, limits.yaml."""

    folder: Path
    options: dict[str, Any]
    settings: dict[str, Any]

    @classmethod
    def at(cls, name: str) -> "Profile":
        """The profile of the project with this name, or the one in the folder of this path.

        Raises:
            ValueError: there is none, or this machine cannot do what it says.
        """
        if importlib.util.find_spec("snakemake") is None:
            raise ValueError("a workflow needs Snakemake: pip install 'inclusions[runs]'")
        import yaml  # comes with Snakemake

        folder = Path(name) if "/" in name else places.runs_file("profiles") / name
        found = []
        # Limits are read as text, for YAML makes the number 86400 of 24:00:00.
        for file, loader in (("config.yaml", yaml.SafeLoader), ("limits.yaml", yaml.BaseLoader)):
            path = folder / file
            try:
                found.append(yaml.load(path.read_text(encoding="utf-8"), loader))
            except OSError as error:
                raise ValueError(f"no profile {path}: {error.strerror}") from None
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
            if not isinstance(found[-1], dict):
                raise ValueError(f"{path} must hold names and values")
        profile = cls(folder, *found)
        profile._check_executor()
        return profile

    @property
    def local(self) -> bool:
        """Whether jobs run on this machine."""
        return "executor" not in self.options

    @property
    def on_slurm(self) -> bool:
        """Whether jobs are Slurm's."""
        return self.options.get("executor") == "slurm"

    def _check_executor(self) -> None:
        if not self.on_slurm:
            return
        if "slurm-array-jobs" in self.options:
            raise ValueError(
                f"{self.folder / 'config.yaml'}: take slurm-array-jobs out: Snakemake's plugin "
                "loses jobs of arrays (its issue 473), and waits for them for ever"
            )
        if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
            raise ValueError("no Slurm executor: pip install snakemake-executor-plugin-slurm")
        if shutil.which("sbatch") is None:
            raise ValueError(
                "no sbatch on the path: is this a login node of a Slurm cluster? Profile laptop "
                "runs here"
            )
        # Where the first submissions fail Snakemake may wait for ever.
        if (fault := _fault_of("sinfo", "-h")) is not None:
            raise ValueError(f"no Slurm answers: {fault}")

    def status_command(self) -> list[str]:
        """Snakemake's option for asking after jobs: where Slurm keeps no accounts, squeue knows."""
        open_to_us = self.on_slurm and "slurm-status-command" not in self.options
        if open_to_us and _fault_of("sacct", "-n", "-X") is not None:
            return ["--slurm-status-command=squeue"]
        return []

    def limits(self) -> Limits:
        """What a job may ask for; where the profile leaves memory open, what is free here.

        Raises:
            ValueError: limits.yaml lacks one or has a wrong value.
        """
        free = {"max_mem_mb": int(0.9 * available_memory())}
        given = {name: v for name, v in self.settings.items() if v not in ("", "~", "null")}
        return Limits.of(free | given, str(self.folder / "limits.yaml"))


def _fault_of(*command: str) -> str | None:
    """What a command of Slurm complains of; None if it works."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return last_words(done.stderr, f"code {done.returncode}") if done.returncode else None


class Workflow:
    """A campaign on its way through Snakemake."""

    def __init__(self, path: Path, campaign: Campaign, data: Path, profile: Profile) -> None:
        """Plan the jobs; nothing is written yet.

        Raises:
            ValueError: the profile's limits are wrong, or a sample does not fit them.
            DamagedFile: a consolidated file is damaged.
        """
        self.data = data.resolve()
        self.profile, self.limits = profile, profile.limits()
        self.campaign = decided(campaign, self.limits)
        self.jobs: list[Batch] = list(batches(self.campaign, self.data, self.limits))
        told = {"campaign": path.read_text("utf-8"), "data": str(self.data)}
        told |= self.limits._asdict()
        self.told = (json.dumps(told, indent=1) + "\n").encode()  # to its jobs

    @property
    def settings(self) -> Path:
        """Where its jobs read that: in a file of its own, as others may share its results."""
        return self.log.parent / f"workflow-{sha256(self.told).hexdigest()[:12]}.json"

    @property
    def log(self) -> Path:
        """Where Snakemake's own lines go."""
        return self.data / LOG

    def set_damaged_aside(self) -> list[str]:
        """Rename damaged shards, so that they are computed again; what was wrong with each."""
        faults = []
        for one in self.campaign.ensembles:
            faults += place_of(one, self.data).set_damaged_aside(one.indices)
        if faults:
            self.jobs = list(batches(self.campaign, self.data, self.limits))
        return faults

    def run(self, tell: Tell = lambda state: None) -> None:
        """Run Snakemake to its end, and tell how far it is whenever there is something new.

        Raises:
            FailedWorkflow: some jobs failed, or realizations are missing all the same.
            KeyboardInterrupt: stopped, by Ctrl-C or SIGTERM; Snakemake has ended, too.
        """
        write_atomically(self.settings, self.told)
        gathering = self.data / GATHERING
        gathering.unlink(missing_ok=True)
        watch = _Watch(self.campaign, self.data, self.jobs)
        with open(self.log, "a", encoding="utf-8") as log, _terminable():
            # In the folder of results, so that all paths are relative: Snakemake reads braces.
            process = _start(
                self._command(), cwd=self.data, stdout=log, stderr=log, env=self._environment()
            )
            try:
                while _runs(process, watch.pause):
                    tell(watch.look())
            except KeyboardInterrupt as stop:
                _end(process, isinstance(stop, _Terminated))
                raise
        tell(last := watch.look())
        if not process.returncode:  # a shared file system may be late to show what nodes wrote
            until = time.monotonic() + int(self.profile.options.get("latency-wait") or 0)
            while last.progress.missing and time.monotonic() < until:
                time.sleep(watch.pause)
                tell(last := watch.look())
            if not last.progress.missing:
                return
        done = f"{last.progress.done} of {last.progress.wanted} realizations are done"
        if not last.progress.missing and gathering.exists():
            rest = f"not all could be gathered: {_last_line(gathering)}; see {gathering}"
        else:
            rest = (
                f"{watch.unfinished()} of {len(self.jobs)} jobs are not; see {self.log}. What is "
                "finished is saved, the same command does the rest, and inclusions consolidate "
                "gathers what there is"
            )
        raise FailedWorkflow(f"{self.campaign.name}: {done}, {rest}")

    def _command(self) -> list[str]:
        command = [
            sys.executable, "-m", "snakemake", "--nocolor",
            "--snakefile", str(places.runs_file("Snakefile")),
            "--profile", str(self.profile.folder.resolve()),
            "--configfile", str(self.settings),
            *self.profile.status_command(),
        ]  # fmt: skip
        if self.profile.local:
            command += ["--resources", f"mem_mb={self.limits.max_mem_mb}"]
            if self.profile.options.get("cores") == "all":  # of a container or a job, too
                command += ["--cores", str(available_cores())]
        return command

    def _environment(self) -> Mapping[str, str]:
        """Snakemake's own caches lie with the results: HOME may not be writable."""
        return os.environ | {"XDG_CACHE_HOME": str(self.data / ".snakemake" / "cache")}


def _start(command: list[str], **how: Any) -> subprocess.Popen:
    """Start a process that SIGINT ends, though this one ignores it, as scripts' background does.

    Then it has a group of its own, which a Ctrl-C at the terminal does not reach either.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        return subprocess.Popen(command, **how)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, process_group=0, **how)
    finally:
        signal.signal(signal.SIGINT, before)


def _runs(process: subprocess.Popen, seconds: float) -> bool:
    """Whether a process still runs after so many seconds; returns at once when it ends."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which unlike Ctrl-C only this process has received."""


def _end(process: subprocess.Popen, terminated: bool) -> None:
    """Wait until Snakemake has withdrawn its jobs; SIGTERM would let it finish them."""
    if terminated or _runs(process, 60):
        process.send_signal(signal.SIGINT)
    process.wait()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends this like Ctrl-C, so that Snakemake ends with its parent."""

    def stop(*_: Any) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Watch:
    """Looks at the shards and at what jobs left."""

    def __init__(self, campaign: Campaign, data: Path, jobs: list[Batch]) -> None:
        self.campaign, self.data, self.jobs = campaign, data, jobs
        self.started, self.since = time.monotonic(), time.time()
        self.to_go: float | None = None
        self.pause = LOOKS[0]
        self.told: dict[Path, float] = {}

    def look(self) -> State:
        """How far it is now."""
        began = time.monotonic()
        progress = account.total(account.progress(self.campaign, self.data))
        # A campaign of hundreds of ensembles on a slow file system is not looked at all the time.
        self.pause = min(max(LOOKS[0], 20 * (time.monotonic() - began)), LOOKS[1])
        return State(progress, self._seconds_left(progress.core_hours_to_go), self._failures())

    def _seconds_left(self, to_go: float) -> float | None:
        if self.to_go is None:
            self.to_go = to_go
        gained = self.to_go - to_go
        return (time.monotonic() - self.started) * to_go / gained if gained > 0 else None

    def _failures(self) -> list[str]:
        """Jobs that failed since the look before, each with the last line of its log."""
        lines = []
        for job in self.jobs:
            page = self.data / f"{job.page}.failed"
            try:
                written = page.stat().st_mtime
            except OSError:
                continue
            if written < self.since - 2 or self.told.get(page) == written:
                continue
            self.told[page] = written
            last = job.first + job.number - 1
            log = (self.data / job.page).with_suffix(".log")
            reason = _error_of(page) or _last_line(log)
            lines.append(f"{job.name}, realizations {job.first} to {last}: {reason}; see {log}")
        return lines

    def unfinished(self) -> int:
        """Jobs whose page is not there."""
        return sum(not (self.data / job.page).exists() for job in self.jobs)


def _error_of(page: Path) -> str | None:
    """What stopped an executed page; None if it says nothing, as when its kernel was killed."""
    try:
        cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return None
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    errors = [output["evalue"] for output in outputs if output["output_type"] == "error"]
    return errors[-1].removeprefix("inclusions: ") if errors else None


def _last_line(log: Path) -> str:
    """The last line of a log that says something; it may be that of the attempt after."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"no log ({error.strerror})"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "empty log")
    return last.removeprefix("inclusions: ")
