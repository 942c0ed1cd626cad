"""Files of records: written whole or not at all, sealed, and checked when they are read."""

import io
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from uuid import getnode, uuid4

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from inclusions.model import Model
from inclusions.store.records import (
    FIELDS,
    FULL,
    OBSERVABLES,
    SCHEMA,
    YOUNGER,
    Indices,
    checksum,
    completed,
    described,
    ensemble_name,
    joined,
    observables_in,
    observed,
    rounded,
    telling,
    thinned,
    to_dataset,
)  # fmt: skip

# After the end of the HDF5 part, which its readers do not look at: every bit of it is under this
# hash, not only the values, which the checksum inside covers. Files of older versions lack it.
SEAL = b"sha256:"


GAPS = "-gaps"  # in the name of a shard whose records have gap ratios only


class DamagedFile(RuntimeError):
    """A file of the store that is not what was written: truncated, altered, or gone."""


class UnreadableFile(DamagedFile):
    """A file of the store that may be whole, but not read here and now."""


class OtherVersion(DamagedFile):
    """A file of the store that another version of the package wrote."""


class Shard(NamedTuple):
    """A shard, by its name alone."""

    path: Path
    first: int
    count: int  # type: ignore[assignment]  # nothing is counted in this tuple
    seconds: float | None  # of computing; older names do not tell
    observables: tuple[str, ...] = ()  # of `OBSERVABLES`, that all its records have

    @property
    def indices(self) -> range:
        return range(self.first, self.first + self.count)

    @classmethod
    def at(cls, path: Path) -> "Shard | None":
        """The shard a path names, None if it names none."""
        match = re.fullmatch(rf"(\d+)-(\d+)(?:-(\d+\.?\d*)s)?({GAPS})?((?:\+\w+)*)\.nc", path.name)
        if match is None:
            return None
        first, count, seconds, gaps, also = match.groups()
        cost = None if seconds is None else float(seconds)
        held = (*(() if gaps else (FULL,)), *also.split("+")[1:])
        return cls(path, int(first), int(count), cost, held)

    @staticmethod
    def name(indices: range, seconds: float, observables: Iterable[str]) -> str:
        """The name of a shard that cost so much, of records with these observables."""
        held = set(observables)
        also = "".join(f"+{name}" for name in sorted(held - {FULL}))
        gaps = "" if FULL in held else GAPS
        return f"{indices.start}-{len(indices)}-{seconds:.1f}s{gaps}{also}.nc"


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Where to write what then appears at `path` whole or not at all.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{owner()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        tidy(temporary)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            # Writing does not say where.
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def tidy(path: Path) -> None:
    """Remove what is of no more use; it may stay where nothing can be written, or be another's."""
    with suppress(OSError):
        path.unlink()


def write_atomically(path: Path, content: bytes, aside: bool = False) -> None:
    """Write, fsync, rename: the file exists whole or not at all.

    With `aside` what is there is damaged, and set aside once the new bytes are on the disk.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    with appearing(path) as temporary, open(temporary, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        if aside:
            set_aside(path)


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset with its checksum, whole or not at all.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    dataset = thinned(dataset)
    dataset = dataset.assign_attrs(checksum=checksum(dataset), sealed=1)
    # One chunk each: files are read whole.
    encoding = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        | {"chunksizes": variable.shape + _text_width(variable)}
        for name, variable in dataset.variables.items()
        if variable.size
    }
    # Built in memory, because the HDF5 library crashes the process when the disk is full; in the
    # format of HDF5 1.10, whose files are a third of the older one's size when they are small.
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w", libver=("v110", "v110")) as file:
        dataset.dump_to_store(H5NetCDFStore(file), encoding=encoding)
    content = buffer.getvalue()
    write_atomically(path, sealed(content))


def sealed(content: bytes) -> bytes:
    """The bytes of a file with their hash at the end."""
    return content + SEAL + sha256(content).hexdigest().encode()


def _text_width(variable: xr.Variable) -> tuple[int, ...]:
    """Texts are stored as characters, along one more dimension."""
    return (variable.dtype.itemsize,) if variable.dtype.kind == "S" else ()


def read(path: Path) -> xr.Dataset:
    """A shard or a consolidated file, checked against its name, schema and checksum.

    Raises:
        DamagedFile: it is not what was written, or cannot be read; the message says which.
        FileNotFoundError: it is not there.
    """
    return parse(path, content_of(path))


def content_of(path: Path) -> bytes:
    """The bytes of a file, read without HDF5, whose locks some file systems do not have.

    Raises:
        UnreadableFile: it is there and cannot be read.
        FileNotFoundError: it is not there.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            raise UnreadableFile(f"{path}: a link to what is not there") from None
        raise
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror}") from None


def check_seal(path: Path, content: bytes) -> None:
    """Refuse bytes that do not end in their hash: no library that parses files is given those.

    HDF5 may not return from what was altered.

    Raises:
        DamagedFile: the bytes have no hash at their end, or another.
    """
    if not content:
        raise DamagedFile(f"{path}: empty")
    body, seal = content[: -len(SEAL) - 64], content[-len(SEAL) - 64 :]
    if not seal.startswith(SEAL):
        raise DamagedFile(f"{path}: no hash at its end: cut short, or no file of this package")
    if seal != SEAL + sha256(body).hexdigest().encode():
        raise DamagedFile(f"{path}: its bytes differ from the hash at its end")


def _vouched(shard: Shard, content: bytes) -> bool:
    """Whether the hash at a shard's end and its head already say that it is what its name says.

    A tenth of the work of `parse`, which a campaign of many shards would feel at every start.

    Raises:
        DamagedFile: the hash is not that of the bytes.
    """
    check_seal(shard.path, content)
    try:
        with h5py.File(io.BytesIO(content)) as file:
            head = _attributes(file)
            model = Model(**json.loads(head["model"]))
            name = ensemble_name(model, head["seed"], head["states"])
            indices = file["realization"][:]
    except Exception:  # of another version, or none of ours: `parse` says which
        return False
    return (
        head["schema"] == SCHEMA
        and name == shard.path.parent.name
        and np.array_equal(indices, shard.indices)
    )


def _attributes(file: h5py.File) -> dict[str, Any]:
    """The attributes that `to_dataset` and `write_dataset` gave, without netCDF's own."""
    return {
        name: value if isinstance(value, str) else np.ravel(value)[0]
        for name, value in file.attrs.items()
        if not name.startswith("_")
    }


def _decoded(content: bytes) -> xr.Dataset:
    """What `write_dataset` wrote: the dataset that xarray reads, in a tenth of the time.

    A page of the book reads hundreds of files, whose dimensions `records` has.
    """
    with h5py.File(io.BytesIO(content)) as file:
        attributes = _attributes(file)
        axes = [name for name in ("realization", "batch") if name in file]
        data = {}
        for name, (kind, dims, _) in (FIELDS | YOUNGER).items():
            if name not in file:
                continue
            values = file[name][:]
            if kind[0] == "S":  # stored letter by letter
                values = values.view(f"S{values.shape[-1]}")[..., 0]
            first = axes[-1] if name == "magnetization_histogram" else "realization"
            data[name] = ((first, *dims), values, described(name))
        return xr.Dataset(data, {name: file[name][:] for name in axes}, attributes)


def parse(path: Path, content: bytes) -> xr.Dataset:
    """The dataset in the bytes of a file of that name; checked.

    Raises:
        DamagedFile: it is not what was written; the message names the file and the fault.
    """
    check_seal(path, content)
    try:
        dataset = _decoded(content)
    except Exception as error:  # h5py raises many kinds for what is no file of ours
        raise DamagedFile(f"{path}: not a file of results ({type(error).__name__})") from None
    if dataset.attrs.get("schema") != SCHEMA:
        found = dataset.attrs.get("schema", "none")
        raise OtherVersion(f"{path}: schema {found}, this version reads {SCHEMA}")
    absent = [name for name in FIELDS if name not in dataset]
    if absent and set(absent) != set(OBSERVABLES[FULL]):
        raise OtherVersion(f"{path}: no field {', '.join(absent)}")
    try:
        model = Model(**json.loads(dataset.attrs["model"]))
    except (KeyError, TypeError, ValueError) as error:
        raise OtherVersion(f"{path}: of a model that this version does not have: {error}") from None
    if checksum(dataset) != dataset.attrs.get("checksum"):
        raise DamagedFile(f"{path}: checksum differs from the one inside")
    shard = Shard.at(path)
    name = path.stem if shard is None else path.parent.name
    if name != ensemble_name(model, dataset.attrs["seed"], dataset.attrs["states"]):
        raise DamagedFile(f"{path}: holds realizations of {model.key}, another ensemble")
    if shard and not np.array_equal(dataset.realization, shard.indices):
        raise DamagedFile(f"{path}: holds other realizations than its name says")
    return completed(model, dataset)


@lru_cache(maxsize=1)
def _token(pid: int) -> str:
    return uuid4().hex[:8]


@lru_cache(maxsize=1)
def process_space() -> str:
    """A name for what gives processes their numbers here: this boot of a machine, or a container.

    Containers may share a host's name, and number their processes from 1 each.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        space = f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # not Linux, which alone has such containers
        space = f"{socket.gethostname()} {getnode()}"
    return sha256(space.encode()).hexdigest()[:8]


def owner() -> str:
    """This process, by a name that no other one has."""
    pid = os.getpid()
    return f"{socket.gethostname()}-{process_space()}-{_token(pid)}-{pid}"


def set_aside(path: Path) -> None:
    """Rename a damaged file, so that it no longer counts; nothing is deleted."""
    aside = path.with_name(f"{path.name}.damaged")
    if os.path.lexists(aside):  # of an earlier fault
        aside = path.with_name(f"{path.name}.{uuid4().hex[:8]}.damaged")
    path.replace(aside)


class Gathered(NamedTuple):
    """What a consolidated file has."""

    indices: Indices
    seconds: float
    observed: dict[str, Indices]  # by observable

    @classmethod
    def of(cls, dataset: xr.Dataset) -> "Gathered":
        """What a dataset has."""
        indices = dataset.realization.values
        values = {name: dataset[name].values for name in chain(*telling().values())}
        seconds = float(dataset.seconds.sum())
        return cls(Indices.of(indices), seconds, observed(indices, values))

    def includes(self, other: "Gathered") -> bool:
        """Whether it has all that another one has."""
        return other.indices <= self.indices and all(
            held <= self.observed.get(name, Indices()) for name, held in other.observed.items()
        )

    def covers(self, shard: Shard) -> bool:
        """Whether it has all that a shard has."""
        parts = [self.indices, *(self.observed.get(n, Indices()) for n in shard.observables)]
        return all(part.covers(shard.indices) for part in parts)


@dataclass(frozen=True)
class Store:
    """All results of one ensemble in one folder of results."""

    data: Path
    model: Model
    seed: int
    states: int  # per realization

    @property
    def name(self) -> str:
        return ensemble_name(self.model, self.seed, self.states)

    @property
    def folder(self) -> Path:
        return self.data / "shards" / self.name

    @property
    def consolidated(self) -> Path:
        return self.data / "ensembles" / f"{self.name}.nc"

    def shards(self) -> list[Shard]:
        """Every shard by its name, in order."""
        return sorted(filter(None, map(Shard.at, self.files(".nc"))), key=lambda s: s[1:3])

    def files(self, ending: str) -> list[Path]:
        """Files of the ensemble's folder; a link to nowhere is none.

        Raises:
            UnreadableFile: the folder cannot be read.
        """
        # Not glob: a folder may hold thousands, a campaign a hundred thousand.
        try:
            with os.scandir(self.folder) as entries:
                names = [e.name for e in entries if e.name.endswith(ending) and e.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnreadableFile(f"{self.folder}: cannot be read: {error.strerror}") from None
        return [self.folder / name for name in sorted(names)]

    def gathered(self) -> Gathered:
        """What the consolidated file has; nothing if there is none.

        Raises:
            DamagedFile: it is damaged or cannot be read.
        """
        path = self.consolidated
        try:
            content = content_of(path)
        except FileNotFoundError:
            return Gathered(Indices(), 0.0, {})
        check_seal(path, content)
        try:
            with h5py.File(io.BytesIO(content)) as file:
                indices, names = file["realization"][:], chain(*telling().values())
                held = {name: file[name][:] for name in names if name in file}
                seconds = float(file["seconds"][:].sum())
                return Gathered(Indices.of(indices), seconds, observed(indices, held))
        except (OSError, KeyError):
            raise OtherVersion(f"{path}: not a consolidated file of this version") from None

    def done(self, observables: Iterable[str] = ()) -> Indices:
        """Realizations that are saved, with these observables, by the names of the shards.

        Raises:
            DamagedFile: the consolidated file is damaged or cannot be read.
        """
        gathered, shards = self.gathered(), self.shards()
        found = Indices([*gathered.indices.runs, *(shard.indices for shard in shards)])
        for name in observables:
            held = [shard.indices for shard in shards if name in shard.observables]
            those = Indices([*gathered.observed.get(name, Indices()).runs, *held])
            found = Indices(run for one in those.runs for run in found.within(one).runs)
        return found

    def needed(self) -> list[Shard]:
        """Shards that have what the consolidated file lacks.

        Raises:
            DamagedFile: the consolidated file is damaged or cannot be read.
        """
        gathered = self.gathered()
        return [shard for shard in self.shards() if not gathered.covers(shard)]

    def cost(self) -> tuple[Indices, float]:
        """Realizations that are saved, and the core-seconds they took.

        Shards of older versions do not tell their cost: one of them is opened for all.

        Raises:
            DamagedFile: the consolidated file is damaged or cannot be read.
        """
        indices, seconds, _ = self.gathered()
        each = None
        for shard in self.shards():
            fresh = len(indices.lacking(shard.indices))
            indices = Indices([*indices.runs, shard.indices])
            if shard.seconds is not None:
                seconds += shard.seconds * fresh / shard.count
            elif fresh:
                if each is None:
                    try:
                        each = float(read(shard.path).seconds.mean())
                    except DamagedFile:
                        continue
                seconds += each * fresh
        return indices, seconds

    def set_damaged_aside(self, wanted: range) -> list[str]:
        """Rename damaged shards among those of `wanted`, so that a run computes them again.

        Shards of which the consolidated file has all are not needed and not read.

        Raises:
            DamagedFile: the consolidated file is damaged, which no run can mend: it may be the
                only copy; or a shard cannot be read, or is of another version.
        """
        faults = []
        if os.path.lexists(self.consolidated):
            read(self.consolidated)
        for shard in self.needed():
            if not Indices([shard.indices]).within(wanted):
                continue
            try:
                content = content_of(shard.path)
                if not _vouched(shard, content):
                    parse(shard.path, content)
            except (UnreadableFile, OtherVersion):
                raise
            except DamagedFile as error:
                faults.append(str(error))
                set_aside(shard.path)
            except FileNotFoundError:
                pass  # another run has just set it aside
        return faults

    def failures(self) -> dict[int, str]:
        """Why each failed realization failed."""
        return {index: reason for index, (reason, _) in self._failed()}

    def _failed(self) -> Iterator[tuple[int, tuple[str, str]]]:
        for path in self.files(".failed"):
            if (index := path.name.split(".")[0]).isdecimal():
                yield int(index), _reason(path)

    def fail(self, index: int, reason: str, run: str = "") -> None:
        """Note that a realization failed in some run; the next run tries it again."""
        note = f"{reason}\n# in {run}\n".encode()
        common, own = self._notes(index)
        try:
            write_atomically(common, note)
        except PermissionError:  # another user has noted it before
            write_atomically(own, note)

    def _notes(self, index: int) -> tuple[Path, Path]:
        """Where it is noted that a realization failed: by all processes, and by this one alone."""
        return self.folder / f"{index}.failed", self.folder / f"{index}.{owner()}.failed"

    def failed_in(self, run: str) -> set[int]:
        """Realizations that failed in this very run."""
        return {index for index, (_, when) in self._failed() if when == run}

    def write_shard(self, records: dict[int, dict]) -> list[Path]:
        """Save records, one shard for each run of consecutive indices, and drop their failures.

        Raises:
            OSError: no space, no permission; no shard is left half-written.
        """
        paths = []
        for run in Indices.of(list(records)).runs:
            seconds = sum(float(records[index]["seconds"]) for index in run)
            held = [set(observables_in(records[index])) for index in run]
            path = self.folder / Shard.name(run, seconds, set.intersection(*held))
            chosen = {index: records[index] for index in run}
            write_dataset(path, to_dataset(self.model, self.seed, self.states, chosen))
            paths.append(path)
            for note in chain.from_iterable(map(self._notes, run)):
                tidy(note)
        return paths

    def load(self) -> xr.Dataset:
        """All realizations, by index; the consolidated file, and shards that have what it lacks.

        Raises:
            DamagedFile: one of these files is not what was written.
            FileNotFoundError: there are none.
        """
        paths = [
            *([self.consolidated] if os.path.lexists(self.consolidated) else []),
            *(shard.path for shard in self.needed()),
        ]
        if not paths:
            raise FileNotFoundError(f"no realizations of {self.name} in {self.data}")
        return joined([read(path) for path in paths])

    def consolidate(self) -> Path:
        """Write all realizations into the one file the book reads; the shards stay.

        Where that file has all of them its hash is checked, and nothing else read or written.

        Raises:
            DamagedFile: some file is not what was written.
            FileNotFoundError: there are none.
        """
        if self.needed() or not self.gathered().indices:
            write_dataset(self.consolidated, rounded(self.load()))  # older shards have more bits
        return self.consolidated


def _reason(path: Path) -> tuple[str, str]:
    """Why a realization failed, and in which run."""
    try:
        text = content_of(path).decode(errors="replace")
    except FileNotFoundError:
        return "", ""
    reason, _, run = text.rpartition("\n# in ")
    return (reason or text).strip(), run.strip()
