"""Records on disk: immutable shards, consolidated ensembles and their manifest.

A folder `data/` holds

    shards/<ensemble>/<first>-<count>.nc       what runs write; whole or not there at all
    shards/<ensemble>/<first>-<count>.*.part   a run's journal: one checked line a realization
    shards/<ensemble>/<index>.failed           why a realization failed
    ensembles/<ensemble>.nc                    all realizations of a model, for the book
    manifest.json                              hashes of the consolidated files

where <ensemble> is the model's key, the seed and the number of states. What a consolidated file
holds counts as done, so the shards behind it may go.
"""

import json
import os
import platform
import socket
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

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
# would have to store. 13 bits are 1e-4, far below any statistical error.
ROUNDED = {
    "linear_entropy_variance": 13, "linear_entropy_covariance": 13,
    "magnetization_error": 7, "residual": 7, "seconds": 10, "peak_memory": 10,
}  # fmt: skip

BATCH = 50  # realizations whose histograms a consolidated file adds up


class DamagedFile(RuntimeError):
    """A file of the store that is truncated, altered or of another schema."""


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
        if name in ROUNDED:
            values = round_mantissa(values, ROUNDED[name])
        data[name] = (("realization", *dims), values.reshape(-1, *shape), {"units": unit})
    attributes = {
        "schema": SCHEMA, "model": json.dumps(model.as_dict()), "seed": seed, "states": states,
        "inclusions": code_version(), "numpy": np.__version__, "python": platform.python_version(),
    }  # fmt: skip
    return xr.Dataset(data, {"realization": np.array(indices, np.int64)}, attributes)


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


def write_atomically(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset with its checksum: write, fsync, rename. The file exists whole or not at all.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = dataset.assign_attrs(checksum=checksum(dataset))
    encoding = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        for name in dataset.data_vars
        if dataset[name].dtype.kind != "S"
    }
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}")
    try:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> xr.Dataset:
    """A shard or a consolidated file, checked against its schema and checksum.

    Raises:
        DamagedFile: it is not what was written; the message names the file and the fault.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as handle:
            dataset = handle.load()
    except FileNotFoundError:
        raise
    except Exception as error:  # h5py raises many kinds for a broken file
        raise DamagedFile(f"{path}: cannot be read ({type(error).__name__})") from None
    if dataset.attrs.get("schema") != SCHEMA:
        found = dataset.attrs.get("schema", "none")
        raise DamagedFile(f"{path}: schema {found}, this version reads {SCHEMA}")
    absent = [name for name in FIELDS if name not in dataset]
    if absent:
        raise DamagedFile(f"{path}: no field {', '.join(absent)}")
    if checksum(dataset) != dataset.attrs.get("checksum"):
        raise DamagedFile(f"{path}: checksum differs from the one inside")
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

    def shards(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-*.nc"))

    def done(self) -> set[int]:
        """Indices of the realizations that are saved, by the names of the files alone."""
        indices: set[int] = set()
        if self.consolidated.exists():
            with xr.open_dataset(self.consolidated, engine="h5netcdf") as dataset:
                indices.update(map(int, dataset.realization.values))
        for shard in self.shards():
            first, count = map(int, shard.stem.split("-"))
            indices.update(range(first, first + count))
        return indices

    def failures(self) -> dict[int, str]:
        """Why each failed realization failed."""
        return {
            int(path.stem): path.read_text(encoding="utf-8").strip()
            for path in sorted(self.folder.glob("*.failed"))
        }

    def fail(self, index: int, reason: str) -> None:
        """Note that a realization failed; the next run tries it again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{index}.failed").write_text(reason + "\n", encoding="utf-8")

    def write_shard(self, records: dict[int, dict]) -> list[Path]:
        """Save records, one shard for each run of consecutive indices, and drop their failures."""
        paths = []
        for run in consecutive(records):
            path = self.folder / f"{run[0]}-{len(run)}.nc"
            chosen = {index: records[index] for index in run}
            write_atomically(path, to_dataset(self.model, self.seed, self.states, chosen))
            paths.append(path)
            for index in run:
                (self.folder / f"{index}.failed").unlink(missing_ok=True)
        return paths

    def journal(self, first: int, count: int) -> Path:
        """This process's journal for a chunk of realizations."""
        name = f"{first}-{count}.{socket.gethostname()}-{os.getpid()}.part"
        return self.folder / name

    def journalled(self, indices: Iterable[int]) -> dict[int, dict]:
        """Records that interrupted runs left in journals, of the given indices."""
        wanted, records = set(indices), {}
        for path in sorted(self.folder.glob("*.part")):
            for index, record in _read_journal(path):
                if index in wanted:
                    records[index] = record
        return records

    def load(self) -> xr.Dataset:
        """All realizations, by index; shards and the consolidated file together.

        Raises:
            DamagedFile: some file is not what was written.
            FileNotFoundError: there are none.
        """
        paths = [*([self.consolidated] if self.consolidated.exists() else []), *self.shards()]
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
        """Write all realizations into the one file the book reads; the shards stay."""
        if self.shards() or not self.consolidated.exists():
            write_atomically(self.consolidated, self.load())
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
    """Add one record to a journal as a line that carries its own checksum."""
    plain = {
        k: v.tolist() if isinstance(v, np.ndarray | np.generic) else v for k, v in record.items()
    }
    text = json.dumps([index, plain])
    journal.parent.mkdir(parents=True, exist_ok=True)
    with open(journal, "a", encoding="utf-8") as handle:
        handle.write(f"{zlib.crc32(text.encode()):08x} {text}\n")


def _read_journal(path: Path) -> Iterator[tuple[int, dict]]:
    """The whole lines of a journal; a line cut short by a kill fails its checksum and is skipped."""
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
    temporary = path.with_name(f".manifest.{os.getpid()}")
    temporary.write_text(json.dumps({"files": entries}, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
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
