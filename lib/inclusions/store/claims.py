"""Claims on work: who computes which realizations, and what it has of them so far."""

import json
import os
import re
import socket
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from inclusions.store.files import Store


class Journal(NamedTuple):
    """The claim of one process on a run of realizations, and what it has saved of them."""

    path: Path
    indices: range
    host: str
    pid: int

    @classmethod
    def at(cls, path: Path) -> "Journal | None":
        """The journal a path names, None if it names none."""
        match = re.fullmatch(r"(\d+)-(\d+)\.(.+)-(\d+)\.part", path.name)
        if match is None:
            return None
        first, count, host, pid = match.groups()
        return cls(path, range(int(first), int(first) + int(count)), host, int(pid))

    def alive(self, now: float, patience: float) -> bool:
        """Whether its owner works on: its process runs, or on other hosts it wrote lately."""
        try:
            written = self.path.stat().st_mtime
        except FileNotFoundError:
            return False
        if self.host != socket.gethostname():
            return now - written < patience
        try:
            process = psutil.Process(self.pid)
            # Started after the last sign of life, it is another process with the same number;
            # start times are known to a second or so.
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() < written + 2
        except psutil.NoSuchProcess:
            return False


def journals(store: Store) -> list[Journal]:
    """Every claim, living or not."""
    return [journal for path in store.files(".part") if (journal := Journal.at(path))]


def claim(store: Store, indices: Iterable[int], patience: float) -> tuple[Path, list[int]] | None:
    """Take realizations into work: this process's journal, and which of them are not saved.

    None if another process has some of them in work. A claim is dead when its process is, or
    on other hosts when it was silent for `patience` seconds. `release` ends a claim.

    Raises:
        OSError: the folder of results cannot be written.
    """
    first, last = min(indices), max(indices)
    owner = f"{socket.gethostname()}-{os.getpid()}"
    path = store.folder / f"{first}-{last - first + 1}.{owner}.part"
    store.folder.mkdir(parents=True, exist_ok=True)
    # A line that is no record; it also finds out at once that a disk is full.
    try:
        _append(path, f"# claimed {time.strftime('%F %T%z')}\n")
    except OSError:
        path.unlink(missing_ok=True)
        raise
    now = path.stat().st_mtime  # by the clock of the file server, like all the others
    for journal in journals(store):
        overlapping = journal.indices.start <= last and first < journal.indices.stop
        if journal.path != path and overlapping and journal.alive(now, patience):
            path.unlink()
            return None
    # Only now: whoever gave up a claim before had saved its shard by then.
    saved = store.done()
    return path, [index for index in indices if index not in saved]


def journalled(store: Store, indices: Iterable[int]) -> dict[int, dict]:
    """Records that interrupted runs left in journals, of the given indices."""
    wanted, records = set(indices), {}
    for journal in journals(store):
        for index, record in read_journal(journal.path):
            if index in wanted:
                records[index] = record
    return records


def release(store: Store, path: Path, patience: float) -> None:
    """Drop a claim, and what dead processes left once all of it is saved."""
    path.touch()
    now = path.stat().st_mtime
    path.unlink()
    saved = store.done()
    for journal in journals(store):
        held = {index for index, _ in read_journal(journal.path)}
        if held <= saved and not journal.alive(now, patience):
            journal.path.unlink(missing_ok=True)
    here = socket.gethostname()
    for name in os.listdir(store.folder):
        # A write cut short by a kill, on this host: elsewhere it may still be going on.
        match = re.fullmatch(rf"\..+\.{re.escape(here)}-(\d+)", name)
        if match and not psutil.pid_exists(int(match[1])):
            (store.folder / name).unlink(missing_ok=True)


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
    """The whole lines of a journal; one cut short by a kill fails its checksum: skipped."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # its owner has just turned it into a shard
        return
    for line in lines:
        code, _, text = line.partition(" ")
        if code == f"{zlib.crc32(text.encode()):08x}":
            index, record = json.loads(text)
            yield index, record
