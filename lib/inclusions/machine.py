"""What this process may use: memory, cores, and modules compiled apart.

Memory and cores are limited by machine, control group, Slurm job and ulimit.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path("/")  # where /proc and /sys are; another place in the tests
UNLIMITED = 2**60  # bytes or more: how control groups of version 1 say that there is no limit


class Limit(NamedTuple):
    """How much of something there is, and who says so."""

    amount: float
    source: str


def last_words(stderr: str, instead: str) -> str:
    r"""The last line with a word in it of what a process complained of; `instead` if it did not.

    >>> last_words("It failed.\n-----\n", "exit code 1")
    'It failed.'
    """
    said = [line.strip() for line in stderr.splitlines() if any(map(str.isalnum, line))]
    return said[-1] if said else instead


def lacks(load: Callable[[], object], how_to_get: str) -> str:
    """Empty where a module loads that is compiled apart from us; else one line, why and what to do.

    Args:
        load: imports it.
        how_to_get: said of a module that is not installed, and of one that cannot be used: built
            for another NumPy or MPI it raises what it likes, and NumPy prints pages besides.
    """
    try:
        with redirect_stderr(StringIO()):
            load()
    except ModuleNotFoundError:
        return how_to_get
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        return (
            f"{how_to_get}; what is installed does not load ({type(error).__name__}: {first}): "
            "install it anew, built for this NumPy and this MPI"
        )
    return ""


def available_memory() -> float:
    """Memory that can be had now, MB: the least of `memory_limits`."""
    return memory_limit().amount


def memory_limit() -> Limit:
    """The tightest of `memory_limits`, to be named in a message."""
    return min(memory_limits())


def memory_limits() -> list[Limit]:
    """What is free, MB, by everyone who may refuse more or end who takes it.

    The machine's free memory; control groups, of version 1 and 2, with all above them; the memory
    of the Slurm job on this node; `ulimit -v`. Limits that hold for several processes hold for all
    of them together.
    """
    limits = [Limit(psutil.virtual_memory().available / 2**20, "this machine")]
    limits += [Limit(free / 2**20, f"control group {path}") for path, free in _group_memory()]
    if (job := _slurm_memory(os.environ)) is not None:
        limits.append(Limit(job - _resident() / 2**20, "this Slurm job"))
    space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if space != resource.RLIM_INFINITY:
        free = space - psutil.Process().memory_info().vms
        limits.append(Limit(free / 2**20, "ulimit -v"))
    return [Limit(max(limit.amount, 0.0), limit.source) for limit in limits]


def available_cores() -> int:
    """Cores that can be kept busy: the least of `core_limits`, at least 1."""
    return max(1, int(core_limit().amount))


def core_limit() -> Limit:
    """The tightest of `core_limits`, to be named in a message."""
    return min(core_limits())


def core_limits() -> list[Limit]:
    """Cores by everyone who may give fewer: affinity, control groups, the task of a Slurm job."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    limits = [Limit(cores, "this machine")]
    limits += [Limit(share, f"control group {path}") for path, share in _group_cores()]
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if (number := _number(os.environ.get(name, ""))) is not None and number > 0:
            limits.append(Limit(number, "this Slurm job"))
            break
    return limits


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB."""
    try:
        # Not getrusage: on Linux it starts from what the parent held.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 2**10
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _resident() -> float:
    """Bytes that this process and its children hold."""
    this = psutil.Process()
    total = this.memory_info().rss
    for child in this.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _slurm_memory(environment: Mapping[str, str]) -> float | None:
    """MB of the job on this node; None outside of a job, or where it has all the node's memory."""
    if (whole := _number(environment.get("SLURM_MEM_PER_NODE", ""))) is not None:
        return whole or None  # 0 is all there is
    each = _number(environment.get("SLURM_MEM_PER_CPU", ""))
    cores = _number(environment.get("SLURM_CPUS_ON_NODE", ""))
    return each * cores if each and cores else None


def _group_memory() -> Iterator[tuple[str, float]]:
    """Control groups with a limit of memory: name, and bytes free below it.

    Files in the page cache that were not used lately give way to whoever needs memory, so they
    count as free.
    """
    for folder in _groups("memory"):
        for most, used, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, current = _read(folder / most), _read(folder / used)
            if limit is None or limit >= UNLIMITED:
                continue
            idle = _listed(folder / "memory.stat").get(cache, 0.0)
            yield str(folder), limit - max(0.0, (current or 0.0) - idle)


def _group_cores() -> Iterator[tuple[str, float]]:
    """Control groups with a quota of processor time: name, and how many cores it is worth."""
    for folder in _groups("cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        words = _text(folder / "cpu.max").split()
        if len(words) == 2:
            quota, period = map(_number, words)
        if quota and period and quota > 0:
            yield str(folder), quota / period


def _groups(controller: str) -> Iterator[Path]:
    """Folders of this process's control groups and of all above them.

    Within a container the names in /proc/self/cgroup may be those of the host: what is not there
    is passed over, and the top of what is mounted remains.
    """
    top = ROOT / "sys/fs/cgroup"
    for line in _text(ROOT / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = [top / controllers, top / controller] if controllers else [top, top / "unified"]
        mount = next((one for one in mounts if one.is_dir()), None)
        if mount is None:
            continue
        parts = [part for part in name.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            folder = mount.joinpath(*parts[:depth])
            if folder.is_dir():
                yield folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _listed(path: Path) -> dict[str, float]:
    """The numbers of a file of names and numbers, a pair a line."""
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read(path: Path) -> float | None:
    """The one number of a file; None where there is no such file, or it says max."""
    return _number(_text(path).strip())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
