"""Files of records: written whole or not at all, sealed, and checked when they are read."""

import io
import json
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from inclusions.model import Model
from inclusions.store.records import (
    FIELDS,
    SCHEMA,
    batched,
    checksum,
    consecutive,
    ensemble_name,
    rounded,
    to_dataset,
)

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
        return sorted(filter(None, map(Shard.at, self.files(".nc"))), key=lambda s: s[1:3])

    def files(self, ending: str) -> list[Path]:
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
            for path in self.files(".failed")
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
                parts[number] = batched(part.sel(realization=fresh))
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
