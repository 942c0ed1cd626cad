"""Records on disk: immutable shards, consolidated ensembles and their manifest.

A folder `data/` holds

    shards/<ensemble>/<first>-<count>-<seconds>s.nc   what runs write; whole or not there at all
    shards/<ensemble>/<first>-<count>.<owner>.part    a claim and its journal
    shards/<ensemble>/<index>.failed                  why a realization failed
    shards/<ensemble>/*.damaged                       shards found damaged, and computed again
    ensembles/<ensemble>.nc                           all realizations of a model, for the book
    manifest.json                                     hashes of the consolidated files

where <ensemble> is the model's key, the seed and the number of states. What a consolidated file
holds counts as done, so the shards behind it may go. A shard's name tells its cost too (older
ones lack it), so that nothing need be opened to add up what a campaign has taken.

Nothing is locked. A process claims realizations by creating its journal, whose name carries host
and process, and then looks who else claims some of them: whoever sees another living claim gives
way. So of two processes at least one gives way, and a realization is computed twice only if a
process stands still for longer than the others' patience, or the file system shows a file that
old to one host only. Even then nothing is wrong: a record depends on model, seed and index alone,
and a shard replaces another whole.
"""

import io
import json
import os
import platform
import re
import socket
import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np
import psutil
import xarray as xr
from xarray.backends import H5NetCDFStore

from inclusions.model import Model

SCHEMA = 1

# Name of a field: (type on disk, dimensions beside the realization, unit).
FIELDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "gap_ratio": ("f8", (), "1"),
    "states": ("u2", (), "1"),
    "linear_entropy": ("f4", ("site",), "1"),
    "linear_entropy_variance": ("f4", ("site",), "1"),  # within the realization
    "linear_entropy_covariance": ("f4", ("end", "site"), "1"),  # with site 0 and site L-1
    "magnetization_histogram": ("u2", ("distance", "bin"), "1"),
    "magnetization_error": ("f4", (), "1"),
    "energy_window": ("f8", ("side",), "J"),
    "energy_mean": ("f8", (), "J"),
    "spectrum_edges": ("f8", ("side",), "J"),
    "residual": ("f4", (), "J"),
    "missing_levels": ("i2", (), "1"),  # 0 is certified complete, -1 is not checked
    "seconds": ("f4", (), "s"),
    "peak_memory": ("f4", (), "MB"),
    "solver": ("S24", (), ""),
}

# Fields of which only so many bits of the mantissa are kept: the rest is noise that compression
# would have to store. 8 bits are 2e-3, where a variance over 50 states is known to 0.2. The mean
# needs more: deep on the ergodic side realizations differ by 1e-4 and less, 18 bits are 2e-6.
ROUNDED = {
    "linear_entropy": 18, "linear_entropy_variance": 8, "linear_entropy_covariance": 8,
    "magnetization_error": 7, "residual": 7, "seconds": 10, "peak_memory": 10,
}  # fmt: skip

BATCH = 50  # realizations whose histograms a consolidated file adds up


# After the end of the HDF5 part, which its readers do not look at: every bit of it is under this
# hash, not only the values, which the checksum inside covers. Files of older versions lack it.
SEAL = b"sha256:"


class DamagedFile(RuntimeError):
    """A file of the store that is truncated, altered or of another schema."""


class Shard(NamedTuple):
    """A shard, by its name alone."""

    path: Path
    first: int
    count: int
    seconds: float | None  # of computing; older names do not tell

    @property
    def indices(self) -> range:
        return range(self.first, self.first + self.count)

    @classmethod
    def at(cls, path: Path) -> "Shard | None":
        """The shard a path names, None if it names none."""
        match = re.fullmatch(r"(\d+)-(\d+)(?:-([\d.]+)s)?\.nc", path.name)
        if match is None:
            return None
        first, count, seconds = match.groups()
        return cls(path, int(first), int(count), None if seconds is None else float(seconds))


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


def ensemble_name(model: Model, seed: int, states: int) -> str:
    """Name of the ensemble's folder and file."""
    return f"{model.key}-seed{seed}-states{states}"


def dimensions(model: Model) -> dict[str, int]:
    """Lengths of the dimensions of a record."""
    return {
        "site": model.length, "end": 2, "side": 2, "distance": -(-model.length // 2), "bin": 40,
    }  # fmt: skip


def code_version() -> str:
    """Version of the package that computes."""
    return version("inclusions")


def to_dataset(model: Model, seed: int, states: int, records: dict[int, dict]) -> xr.Dataset:
    """Records by index as one dataset, typed and ordered as `FIELDS` says."""
    indices = sorted(records)
    data = {}
    for name, (kind, dims, unit) in FIELDS.items():
        shape = tuple(dimensions(model)[d] for d in dims)
        values = np.array([records[i][name] for i in indices]).astype(kind)
        data[name] = (("realization", *dims), values.reshape(-1, *shape), {"units": unit})
    attributes = {
        "schema": SCHEMA, "model": json.dumps(model.as_dict()), "seed": seed, "states": states,
        "inclusions": code_version(), "numpy": np.__version__, "python": platform.python_version(),
    }  # fmt: skip
    return rounded(xr.Dataset(data, {"realization": np.array(indices, np.int64)}, attributes))


def rounded(dataset: xr.Dataset) -> xr.Dataset:
    """The same records with the bits that `ROUNDED` keeps."""
    return dataset.assign(
        {name: dataset[name].copy(data=round_mantissa(dataset[name].values, bits))
         for name, bits in ROUNDED.items()}
    )  # fmt: skip


def round_mantissa(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 values rounded to `bits` bits of mantissa."""
    drop = 23 - bits
    raw = values.astype("f4").view("u4")
    rounded = (raw + np.uint32(1 << (drop - 1))) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return np.where(np.isfinite(values), rounded.view("f4"), values.astype("f4"))


def checksum(dataset: xr.Dataset) -> str:
    """SHA-256 of all values and of the attributes that say what they are."""
    digest = sha256()
    for name in ("model", "seed", "states", "schema"):
        digest.update(str(dataset.attrs[name]).encode())
    digest.update(np.ascontiguousarray(dataset.realization.values, dtype="<i8").tobytes())
    for name, (kind, _, _) in FIELDS.items():
        values = np.ascontiguousarray(dataset[name].values)
        digest.update(values.astype("<" + (kind if kind[0] != "u" else "u4")).tobytes())
    return digest.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write, fsync, rename: the file exists whole or not at all.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}")
    try:
        with open(temporary, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # writing does not say where
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset with its checksum, whole or not at all.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
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
    write_atomically(path, content + SEAL + sha256(content).hexdigest().encode())


def _text_width(variable: xr.Variable) -> tuple[int, ...]:
    """Texts are stored as characters, along one more dimension."""
    return (variable.dtype.itemsize,) if variable.dtype.kind == "S" else ()


def read(path: Path) -> xr.Dataset:
    """A shard or a consolidated file, checked against its name, schema and checksum.

    Raises:
        DamagedFile: it is not what was written; the message names the file and the fault.
        OSError: it is not there or may not be read.
    """
    return parse(path, path.read_bytes())


def _sealed(path: Path, content: bytes) -> bool:
    """Whether a file ends in the hash of its bytes, which then say that it is whole.

    Raises:
        DamagedFile: the bytes have another hash.
    """
    body, seal = content[: -len(SEAL) - 64], content[-len(SEAL) - 64 :]
    if not seal.startswith(SEAL):
        return False
    if seal != SEAL + sha256(body).hexdigest().encode():
        raise DamagedFile(f"{path}: its bytes differ from the hash at its end")
    return True


def _vouched(shard: Shard, content: bytes) -> bool:
    """Whether the hash at a shard's end and its head already say that it is what its name says.

    A tenth of the work of `parse`, which a campaign of many shards would feel at every start.
    """
    if not _sealed(shard.path, content):
        return False
    with h5py.File(io.BytesIO(content)) as file:
        head = _attributes(file)
        model = Model(**json.loads(head["model"]))
        name = ensemble_name(model, head["seed"], head["states"])
        indices = file["realization"][:]
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

    A page of the book reads hundreds of files, whose dimensions `FIELDS` has.
    """
    with h5py.File(io.BytesIO(content)) as file:
        attributes = _attributes(file)
        axes = [name for name in ("realization", "batch") if name in file]
        data = {}
        for name, (kind, dims, unit) in FIELDS.items():
            if name not in file:
                continue
            values = file[name][:]
            if kind[0] == "S":  # stored letter by letter
                values = values.view(f"S{values.shape[-1]}")[..., 0]
            first = axes[-1] if name == "magnetization_histogram" else "realization"
            data[name] = ((first, *dims), values, {"units": unit})
        return xr.Dataset(data, {name: file[name][:] for name in axes}, attributes)


def parse(path: Path, content: bytes) -> xr.Dataset:
    """The dataset in the bytes of a file of that name; checked.

    Raises:
        DamagedFile: it is not what was written; the message names the file and the fault.
    """
    if not content:
        raise DamagedFile(f"{path}: empty")
    sealed = _sealed(path, content)
    try:
        dataset = _decoded(content)
    except Exception as error:  # h5py raises many kinds for a broken file
        raise DamagedFile(f"{path}: cannot be read ({type(error).__name__})") from None
    if dataset.attrs.get("schema") != SCHEMA:
        found = dataset.attrs.get("schema", "none")
        raise DamagedFile(f"{path}: schema {found}, this version reads {SCHEMA}")
    absent = [name for name in FIELDS if name not in dataset]
    if absent:
        raise DamagedFile(f"{path}: no field {', '.join(absent)}")
    if dataset.attrs.get("sealed") and not sealed:
        raise DamagedFile(f"{path}: the hash at its end is gone")
    if checksum(dataset) != dataset.attrs.get("checksum"):
        raise DamagedFile(f"{path}: checksum differs from the one inside")
    shard = Shard.at(path)
    name = path.stem if shard is None else path.parent.name
    model = Model(**json.loads(dataset.attrs["model"]))
    if name != ensemble_name(model, dataset.attrs["seed"], dataset.attrs["states"]):
        raise DamagedFile(f"{path}: holds realizations of {model.key}, another ensemble")
    if shard and not np.array_equal(dataset.realization, shard.indices):
        raise DamagedFile(f"{path}: holds other realizations than its name says")
    return dataset


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
        return sorted(filter(None, map(Shard.at, self._files(".nc"))), key=lambda s: s[1:3])

    def journals(self) -> list[Journal]:
        """Every claim, living or not."""
        return [journal for path in self._files(".part") if (journal := Journal.at(path))]

    def _files(self, ending: str) -> list[Path]:
        # Not glob: a folder may hold thousands, a campaign a hundred thousand.
        folder = self.folder
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return []
        return [folder / name for name in sorted(names) if name.endswith(ending)]

    def gathered(self) -> tuple[set[int], float]:
        """Indices in the consolidated file, and the seconds they took.

        Raises:
            DamagedFile: it cannot be opened.
        """
        try:
            with h5py.File(self.consolidated) as file:
                return set(file["realization"][:].tolist()), float(file["seconds"][:].sum())
        except FileNotFoundError:
            return set(), 0.0
        except (OSError, KeyError):
            raise DamagedFile(
                f"{self.consolidated}: cannot be read; put back a good copy or delete it"
            ) from None

    def done(self) -> set[int]:
        """Indices of the realizations that are saved, by the names of the shards.

        Raises:
            DamagedFile: the consolidated file cannot be opened.
        """
        indices, _ = self.gathered()
        return indices.union(*(shard.indices for shard in self.shards()))

    def cost(self) -> tuple[set[int], float]:
        """Indices that are saved, and the core-seconds they took.

        Shards of older versions do not tell their cost: one of them is opened for all.

        Raises:
            DamagedFile: the consolidated file cannot be opened.
        """
        indices, seconds = self.gathered()
        each = None
        for shard in self.shards():
            before = len(indices)
            indices.update(shard.indices)
            fresh = len(indices) - before
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

    def set_damaged_aside(self, wanted: Iterable[int]) -> list[str]:
        """Rename damaged shards among those of `wanted`, so that a run computes them again.

        Shards whose realizations are all in the consolidated file are not needed and not read.

        Raises:
            DamagedFile: the consolidated file is damaged; no run can mend what may be the only
                copy.
        """
        wanted, faults = set(wanted), []
        if self.consolidated.exists():
            wanted -= set(read(self.consolidated).realization.values.tolist())
        for shard in self.shards():
            if wanted.isdisjoint(shard.indices):
                continue
            try:
                content = shard.path.read_bytes()
                if not _vouched(shard, content):
                    parse(shard.path, content)
            except DamagedFile as error:
                faults.append(str(error))
                shard.path.replace(shard.path.with_name(shard.path.name + ".damaged"))
            except FileNotFoundError:
                pass  # another run has just set it aside
        return faults

    def failures(self) -> dict[int, str]:
        """Why each failed realization failed."""
        return {
            int(path.stem): path.read_text(encoding="utf-8").strip()
            for path in self._files(".failed")
        }

    def fail(self, index: int, reason: str) -> None:
        """Note that a realization failed; the next run tries it again."""
        write_atomically(self.folder / f"{index}.failed", f"{reason}\n".encode())

    def write_shard(self, records: dict[int, dict]) -> list[Path]:
        """Save records, one shard for each run of consecutive indices, and drop their failures.

        Raises:
            OSError: no space, no permission; no shard is left half-written.
        """
        paths = []
        for run in consecutive(records):
            seconds = sum(float(records[index]["seconds"]) for index in run)
            path = self.folder / f"{run[0]}-{len(run)}-{seconds:.1f}s.nc"
            chosen = {index: records[index] for index in run}
            write_dataset(path, to_dataset(self.model, self.seed, self.states, chosen))
            paths.append(path)
            for index in run:
                (self.folder / f"{index}.failed").unlink(missing_ok=True)
        return paths

    def claim(self, indices: Iterable[int], patience: float) -> tuple[Path, list[int]] | None:
        """Take realizations into work: this process's journal, and which of them are not saved.

        None if another process has some of them in work. A claim is dead when its process is, or
        on other hosts when it was silent for `patience` seconds. `release` ends a claim.

        Raises:
            OSError: the folder of results cannot be written.
        """
        first, last = min(indices), max(indices)
        owner = f"{socket.gethostname()}-{os.getpid()}"
        path = self.folder / f"{first}-{last - first + 1}.{owner}.part"
        self.folder.mkdir(parents=True, exist_ok=True)
        # A line that is no record; it also finds out at once that a disk is full.
        try:
            _append(path, f"# claimed {time.strftime('%F %T%z')}\n")
        except OSError:
            path.unlink(missing_ok=True)
            raise
        now = path.stat().st_mtime  # by the clock of the file server, like all the others
        for journal in self.journals():
            overlapping = journal.indices.start <= last and first < journal.indices.stop
            if journal.path != path and overlapping and journal.alive(now, patience):
                path.unlink()
                return None
        # Only now: whoever gave up a claim before had saved its shard by then.
        saved = self.done()
        return path, [index for index in indices if index not in saved]

    def journalled(self, indices: Iterable[int]) -> dict[int, dict]:
        """Records that interrupted runs left in journals, of the given indices."""
        wanted, records = set(indices), {}
        for journal in self.journals():
            for index, record in _read_journal(journal.path):
                if index in wanted:
                    records[index] = record
        return records

    def release(self, path: Path, patience: float) -> None:
        """Drop a claim, and what dead processes left once all of it is saved."""
        path.touch()
        now = path.stat().st_mtime
        path.unlink()
        saved = self.done()
        for journal in self.journals():
            held = {index for index, _ in _read_journal(journal.path)}
            if held <= saved and not journal.alive(now, patience):
                journal.path.unlink(missing_ok=True)
        here = socket.gethostname()
        for name in os.listdir(self.folder):
            # A write cut short by a kill, on this host: elsewhere it may still be going on.
            match = re.fullmatch(rf"\..+\.{re.escape(here)}-(\d+)", name)
            if match and not psutil.pid_exists(int(match[1])):
                (self.folder / name).unlink(missing_ok=True)

    def load(self) -> xr.Dataset:
        """All realizations, by index; shards and the consolidated file together.

        Raises:
            DamagedFile: some file is not what was written.
            FileNotFoundError: there are none.
        """
        paths = [
            *([self.consolidated] if self.consolidated.exists() else []),
            *(shard.path for shard in self.shards()),
        ]
        if not paths:
            raise FileNotFoundError(f"no realizations of {self.name} in {self.data}")
        parts = [read(path) for path in paths]
        taken: set[int] = set()
        for number, part in enumerate(parts):
            fresh = [int(i) for i in part.realization.values if int(i) not in taken]
            taken.update(fresh)
            if "batch" not in part.dims:
                parts[number] = _batched(part.sel(realization=fresh))
        parts = [part for part in parts if part.sizes["realization"]]
        histogram = xr.concat([part.magnetization_histogram for part in parts], "batch")
        whole = xr.concat(
            [part.drop_dims("batch") for part in parts],
            "realization", combine_attrs="override", data_vars="all",
        ).sortby("realization")  # fmt: skip
        # A batch that several shards share is added up.
        batches, place = np.unique(histogram.batch.values, return_inverse=True)
        total = np.zeros((batches.size, *histogram.shape[1:]), np.uint32)
        np.add.at(total, place, histogram.values)
        return whole.assign(
            magnetization_histogram=(histogram.dims, total, {"units": "1"})
        ).assign_coords(batch=batches)

    def consolidate(self) -> Path:
        """Write all realizations into the one file the book reads; the shards stay.

        Where that file has all of them its hash is checked, and nothing else read or written.

        Raises:
            DamagedFile: some file is not what was written.
            FileNotFoundError: there are none.
        """
        gathered, _ = self.gathered()
        if not gathered or not all(gathered.issuperset(one.indices) for one in self.shards()):
            write_dataset(self.consolidated, rounded(self.load()))  # older shards have more bits
        else:
            _sealed(self.consolidated, self.consolidated.read_bytes())
        return self.consolidated


def _batched(shard: xr.Dataset) -> xr.Dataset:
    """A shard with its histograms added up over batches of realizations."""
    batch = shard.realization.values // BATCH
    batches, place = np.unique(batch, return_inverse=True)
    histogram = shard.magnetization_histogram.values
    total = np.zeros((batches.size, *histogram.shape[1:]), np.uint32)
    np.add.at(total, place, histogram)
    return (
        shard.drop_vars("magnetization_histogram")
        .assign(magnetization_histogram=(("batch", "distance", "bin"), total, {"units": "1"}))
        .assign_coords(batch=batches)
    )


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


def _read_journal(path: Path) -> Iterator[tuple[int, dict]]:
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


def consecutive(indices: Iterable[int]) -> list[list[int]]:
    """Indices as runs of consecutive numbers, ascending."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def stores(data: Path) -> list[Store]:
    """Every ensemble of a folder of results, whatever campaign it came from."""
    names = {path.stem for path in (data / "ensembles").glob("*.nc")}
    names |= {path.name for path in (data / "shards").glob("*") if path.is_dir()}
    found = []
    for name in sorted(names):
        try:
            key, seed, states = name.rsplit("-", 2)
            model = model_of(key)
            found.append(
                Store(
                    data, model, int(seed.removeprefix("seed")), int(states.removeprefix("states"))
                )
            )
        except (ValueError, KeyError):
            continue  # not ours: left alone
    return found


def model_of(key: str) -> Model:
    """The model with a given key: the inverse of `Model.key`."""
    pieces = key.split("-")
    values: dict[str, Any] = {}
    if pieces[0] == "chain":
        values["boundary"] = pieces[1]
        pieces = pieces[2:]
    else:
        values["bubble"] = int(pieces[0].removeprefix("bubble"))
        pieces = pieces[1:]
    # A minus sign or an exponent splits a number in two: glue it back.
    glued: list[str] = []
    for piece in pieces:
        if glued and (piece[:1].isdigit() or glued[-1][-1:] == "e"):
            glued[-1] += "-" + piece
        else:
            glued.append(piece)
    names = {
        "L": ("length", int), "W": ("disorder", float), "g": ("coupling", float),
        "beta": ("bandwidth", float), "Delta": ("anisotropy", float),
        "Sz": ("magnetization", float),
    }  # fmt: skip
    for piece in glued:
        letters = piece[: len(piece) - len(piece.lstrip("LWgbetaDlSz"))]
        name, kind = names[letters]
        values[name] = kind(piece.removeprefix(letters))
    model = Model(**values)
    if model.key != key:
        raise ValueError(f"no model has the key {key!r}")
    return model


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return sha256(path.read_bytes()).hexdigest()


def read_listed(path: Path, expected: str) -> xr.Dataset:
    """A consolidated file, if its bytes have the SHA-256 that the manifest lists.

    Raises:
        DamagedFile: it is not there, or is another one.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedFile(f"{path}: in the manifest, not there") from None
    if sha256(content).hexdigest() != expected:
        raise DamagedFile(f"{path}: differs from its hash in the manifest")
    return parse(path, content)


def write_manifest(data: Path) -> Path:
    """List every consolidated file with its hash, size of ensemble and cost."""
    entries = {}
    for path in sorted((data / "ensembles").glob("*.nc")):
        dataset = read(path)
        entries[path.name] = {
            "sha256": file_hash(path),
            "realizations": int(dataset.sizes["realization"]),
            "states": int(dataset.states.sum()),
            "core_hours": round(float(dataset.seconds.sum()) / 3600, 4),
            "inclusions": str(dataset.attrs["inclusions"]),
        }
    path = data / "manifest.json"
    write_atomically(path, (json.dumps({"files": entries}, indent=1) + "\n").encode())
    return path


def verify(data: Path) -> tuple[int, list[str]]:
    """Read every shard, consolidated file and the manifest; the number checked and the faults."""
    faults, checked = [], 0
    for path in sorted([*data.glob("shards/*/*.nc"), *data.glob("ensembles/*.nc")]):
        checked += 1
        try:
            read(path)
        except (DamagedFile, OSError) as error:
            faults.append(str(error))
    manifest = data / "manifest.json"
    if manifest.exists():
        try:
            listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        except (ValueError, KeyError, TypeError):
            return checked, [*faults, f"{manifest}: not a manifest"]
        present = {path.name for path in (data / "ensembles").glob("*.nc")}
        faults += [
            f"{data / 'ensembles' / n}: in the manifest, not there"
            for n in sorted(set(listed) - present)
        ]
        faults += [
            f"{data / 'ensembles' / n}: not in the manifest" for n in sorted(present - set(listed))
        ]
        faults += [
            f"{data / 'ensembles' / name}: differs from its hash in the manifest"
            for name in sorted(present & set(listed))
            if file_hash(data / "ensembles" / name) != listed[name]["sha256"]
        ]
    elif (data / "ensembles").exists():
        faults.append(f"{manifest}: not there; inclusions consolidate writes it")
    return checked, faults


def export(data: Path, archive: Path) -> int:
    """Pack all results into one tar file with a manifest of their hashes; how many files.

    Shards that a consolidated file makes needless stay out.

    Raises:
        DamagedFile: one is not what was written.
        OSError: the archive cannot be written; nothing is left behind.
    """
    paths = []
    for place in stores(data):
        gathered, _ = place.gathered()
        paths += [place.consolidated] if gathered else []
        paths += [s.path for s in place.shards() if not gathered.issuperset(s.indices)]
    if not paths:
        raise FileNotFoundError(f"no results in {data}")
    hashes = {}
    temporary = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        with tarfile.open(temporary, "w") as tar:  # the files are compressed inside
            for path in paths:
                content = path.read_bytes()
                parse(path, content)
                name = path.relative_to(data).as_posix()
                hashes[name] = sha256(content).hexdigest()
                _add(tar, name, content)
            _add(tar, MANIFEST, json.dumps({"files": hashes}, indent=1).encode())
        os.replace(temporary, archive)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(paths)


MANIFEST = "manifest.json"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mtime = int(time.time())
    tar.addfile(member, io.BytesIO(content))


def import_archive(data: Path, archive: Path) -> tuple[int, int]:
    """Merge an archive of `export` into a folder of results: files added, realizations gained.

    All of it is verified before anything is written.

    Raises:
        DamagedFile: the archive or a file in it is not what was packed.
        ValueError: a consolidated file shares only some realizations with the one here.
        OSError: the archive cannot be read or the folder not written.
    """
    added: list[tuple[Path, str, Store]] = []
    try:
        with tarfile.open(archive) as tar:
            members = {member.name: member for member in tar if member.isfile()}
            bytes_of = lambda name: tar.extractfile(members[name]).read()  # noqa: E731
            if MANIFEST not in members:
                raise DamagedFile(f"{archive}: no {MANIFEST} inside")
            hashes = json.loads(bytes_of(MANIFEST))["files"]
            if set(hashes) != set(members) - {MANIFEST}:
                raise DamagedFile(f"{archive}: its files are not those of its {MANIFEST}")
            for name, expected in hashes.items():
                content = bytes_of(name)
                if sha256(content).hexdigest() != expected:
                    raise DamagedFile(f"{archive}: {name} differs from its hash")
                # The file's own attributes say where it belongs: no path is taken on trust.
                dataset = parse(Path(name), content)
                seed, states = int(dataset.attrs["seed"]), int(dataset.attrs["states"])
                place = Store(data, Model(**json.loads(dataset.attrs["model"])), seed, states)
                shard = Shard.at(Path(name))
                target = place.folder / Path(name).name if shard else place.consolidated
                have, _ = place.gathered()
                new = set(dataset.realization.values.tolist())
                if new <= have or (shard and target.exists()):
                    continue
                if not shard and not have <= new:
                    raise ValueError(
                        f"{archive}: {name} and {target} each hold realizations that the other "
                        "lacks; import shards instead, or into a folder of its own"
                    )
                added.append((target, name, place))
            before = {place: len(place.done()) for _, _, place in added}
            for target, name, _ in added:
                write_atomically(target, bytes_of(name))
    except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError) as error:
        if type(error) is ValueError:
            raise
        raise DamagedFile(f"{archive}: not an archive of inclusions export ({error})") from None
    return len(added), sum(len(place.done()) - count for place, count in before.items())
