"""Claims on work: who computes which realizations, and what it has of them so far."""

import json
import os
import re
import socket
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from inclusions.store.files import Store, content_of, owner, process_space, tidy
from inclusions.store.records import FIELDS, FULL, OBSERVABLES, observables_in


class Journal(NamedTuple):
    """The claim of one process on a run of realizations, and what it has saved of them."""

    path: Path
    indices: range
    host: str
    space: str  # see `files.process_space`; of older versions empty, as is the token
    token: str
    pid: int

    @classmethod
    def at(cls, path: Path) -> "Journal | None":
        """The journal a path names, None if it names none."""
        match = re.fullmatch(rf"(\d+)-(\d+)\.{OWNER}\.part", path.name)
        if match is None:
            return None
        first, count, host, space, token, pid = match.groups(default="")
        indices = range(int(first), int(first) + int(count))
        return cls(path, indices, host, space, token, int(pid))

    @property
    def own(self) -> bool:
        """Whether it is of this very process."""
        return self.path.name.endswith(f".{owner()}.part")

    @property
    def sibling(self) -> bool:
        """Whether it is of a process with this one's parent, as workers of one run have it."""
        if not self.space or self.space != process_space():
            return False
        try:
            return psutil.Process(self.pid).ppid() == os.getppid()
        except psutil.NoSuchProcess:
            return False

    def alive(self, now: float, patience: float) -> bool:
        """Whether its owner works on: its process runs, or elsewhere it wrote lately."""
        try:
            written = self.path.stat().st_mtime
        except FileNotFoundError:
            return False
        here = self.space == process_space() if self.space else self.host == socket.gethostname()
        if not here or (self.pid == os.getpid() and not self.space):
            return now - written < patience
        if self.pid == os.getpid():  # or of one before it, that had its number
            return self.own and written > GIVEN_UP
        return _runs(self.pid, written)


# The owner of a journal or of a file half written, as `files.owner` names it; older versions had
# the host and the process alone.
OWNER = r"(.+?)(?:-([0-9a-f]{8})-([0-9a-f]{8}))?-(\d+)"

GIVEN_UP = 1.0  # s since 1970: what a claim is dated that nobody works on, though its owner lives


def _runs(pid: int, written: float) -> bool:
    """Whether the process that wrote at some time still runs."""
    try:
        process = psutil.Process(pid)
        # Started after the last sign of life, it is another process with the same number; start
        # times are known to a second or so.
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < written + 2
    except psutil.NoSuchProcess:
        return False


def journals(store: Store) -> list[Journal]:
    """Every claim, living or not.

    Raises:
        UnreadableFile: the folder cannot be read.
    """
    return [journal for path in store.files(".part") if (journal := Journal.at(path))]


def overlapping(store: Store, indices: range) -> Iterator[Journal]:
    """Every claim on some of these realizations, living or not; otherwise as `journals`."""
    for journal in journals(store):
        if journal.indices.start < indices.stop and indices.start < journal.indices.stop:
            yield journal


def claim(
    store: Store, indices: range, patience: float, observables: Iterable[str] = ()
) -> tuple[Path, list[int]] | None:
    """Take realizations into work: this process's journal, and which of them are not saved.

    None if another process has some of them in work. A claim is dead when its process is, or
    elsewhere when it was silent for `patience` seconds. `release` or `give_up` end a claim.
    Realizations that lack one of the observables are not saved.

    Raises:
        DamagedFile: the consolidated file is damaged or cannot be read.
        OSError: the folder of results cannot be written.
    """
    path = store.folder / f"{indices.start}-{len(indices)}.{owner()}.part"
    store.folder.mkdir(parents=True, exist_ok=True)
    # A line that is no record; it also finds out at once that a disk is full.
    try:
        _append(path, f"# claimed {time.strftime('%F %T%z')}\n")
    except OSError:
        path.unlink(missing_ok=True)
        raise
    now = path.stat().st_mtime  # by the clock of the file server, like all the others
    for journal in overlapping(store, indices):
        if not journal.own and journal.alive(now, patience):
            path.unlink(missing_ok=True)
            return None
    # Only now: whoever gave up a claim before had saved its shard by then.
    return path, list(store.done(observables).lacking(indices))


def give_up(path: Path) -> None:
    """Leave a claim to whoever comes, and what it has saved with it."""
    with suppress(OSError):
        os.utime(path, (0, 0))


def journalled(
    store: Store, indices: Iterable[int], observables: Iterable[str] = ()
) -> dict[int, dict]:
    """Records that interrupted runs left in journals, of the given indices.

    What lacks a field, as of another version or without these observables, is left out.
    """
    wanted, records = set(indices), {}
    always = FIELDS.keys() - OBSERVABLES[FULL]
    fields = {*always, *(field for name in observables for field in OBSERVABLES[name])}
    for journal in journals(store):
        for index, record in read_journal(journal.path):
            if index in wanted and fields <= record.keys():
                records[index] = record
    return records


def release(store: Store, path: Path, patience: float) -> None:
    """Drop a claim, and what dead processes left once all of it is saved."""
    path.touch()
    now = path.stat().st_mtime
    path.unlink(missing_ok=True)
    for journal in journals(store):
        if not journal.alive(now, patience) and _saved(store, journal):
            tidy(journal.path)
    for name in os.listdir(store.folder):
        # A write cut short by a kill, here: elsewhere it may still be going on.
        match = re.fullmatch(rf"\..+\.{OWNER}", name)
        if match and _written_here(*match.groups(default="")):
            tidy(store.folder / name)


def _saved(store: Store, journal: Journal) -> bool:
    """Whether shards have all that a journal has."""
    held = defaultdict(list)
    for index, record in read_journal(journal.path):
        held[observables_in(record)].append(index)
    saved = {names: store.done(names) for names in held}
    return all(index in saved[names] for names, indices in held.items() for index in indices)


def _written_here(host: str, space: str, token: str, pid: str) -> bool:
    """Whether a file half written is of a process of this machine that is gone."""
    here = space == process_space() if space else host == socket.gethostname()
    return here and not psutil.pid_exists(int(pid))


def append(journal: Path, index: int, record: dict[str, Any]) -> None:
    """Add one record to a journal as a line that carries its own checksum.

    Raises:
        OSError: no space, no permission; the journal is as it was.
    """
    plain = {
        k: v.tolist() if isinstance(v, np.ndarray | np.generic) else v for k, v in record.items()
    }
    text = json.dumps([index, plain])
    _append(journal, f"{zlib.crc32(text.encode()):08x} {text}\n")


def _append(path: Path, line: str) -> None:
    content = line.encode()
    with open(path, "ab", buffering=0) as handle:
        before = handle.tell()
        try:
            while content:  # a disk that fills up takes a part first
                content = content[handle.write(content) :]
        except OSError as error:
            handle.truncate(before)
            raise OSError(error.errno, error.strerror, str(path)) from None


def read_journal(path: Path) -> Iterator[tuple[int, dict]]:
    """The whole lines of a journal; one cut short by a kill fails its checksum: skipped.

    Raises:
        UnreadableFile: it is there and cannot be read.
    """
    try:
        lines = content_of(path).decode(errors="replace").splitlines()
    except FileNotFoundError:  # its owner has just turned it into a shard
        return
    for line in lines:
        code, _, text = line.partition(" ")
        if code == f"{zlib.crc32(text.encode()):08x}":
            match json.loads(text):
                case [int(index), dict(record)]:  # else of another version
                    yield index, record
