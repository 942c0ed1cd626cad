"""Records of realizations: their fields, types and rounding, and the datasets made of them."""

import json
import platform
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

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

YOUNGER: dict[str, tuple[str, tuple[str, ...], str]] = {
    "retries": ("i2", (), "1"),  # solves beyond the first: not converged, or levels missing
    "count_error": ("f4", (), "1"),  # of levels counted by random vectors, one sigma
    "half_chain_entropy": ("f4", (), "1"),  # nat
    "half_chain_entropy_variance": ("f4", (), "1"),  # within the realization
    "kullback_leibler": ("f4", (), "1"),  # nat
}
"""Fields that records of this schema may lack, because they are older or were not asked for it.

They read as missing then: nan, -1 or an empty text, whose types are f, i and S. Nothing is computed
again for a new one, and nothing refused. The seal of a file covers them, its checksum does not, so
that versions that do not know them read the rest.
"""

FULL = "full"

OBSERVABLES: dict[str, tuple[str, ...]] = {
    FULL: (
        "energy_mean", "magnetization_error", "energy_window", "spectrum_edges", "linear_entropy",
        "linear_entropy_variance", "linear_entropy_covariance", "magnetization_histogram",
    ),
    "entanglement": ("half_chain_entropy", "half_chain_entropy_variance", "kullback_leibler"),
}  # fmt: skip
"""The fields that belong together, which a record has all or none of.

Those of a `FULL` record every campaign wants but one of gap ratios only, whose records take a
fifth of the space. The others are `YOUNGER`, and campaigns ask for them by name; the function that
computes them is in `inclusions.observables.OPTIONAL`."""

MISSING: dict[str, Any] = {"f": np.nan, "i": -1, "u": 0, "S": b""}
"""What stands for a value that a record lacks, by the kind of its type."""

LONG_NAMES = {
    "gap_ratio": "mean ratio of adjacent gaps",
    "states": "eigenstates found",
    "linear_entropy": "1 - purity of a site, mean over states",
    "linear_entropy_variance": "variance of 1 - purity over states",
    "linear_entropy_covariance": "covariance of 1 - purity with site 0 and site L-1, over states",
    "magnetization_histogram": "states and sites by 2<S^z>, in 40 bins from -1 to 1",
    "magnetization_error": "largest deviation of total S^z from the sector's",
    "energy_window": "lowest and highest energy found",
    "energy_mean": "mean energy of the states found",
    "spectrum_edges": "lowest and highest energy of all",
    "residual": "largest norm of H x - E x",
    "missing_levels": "levels missing in the window by inertia; -1 is not counted",
    "seconds": "core-seconds",
    "peak_memory": "peak memory of the process",
    "solver": "solver",
    "half_chain_entropy": "entropy of half the chain, mean over states",
    "half_chain_entropy_variance": "variance of the entropy of half the chain over states",
    "kullback_leibler": "divergence of states from the next in energy, mean",
    "retries": "solves beyond the first; -1 is not recorded",
    "count_error": "levels of the window were counted to this, without a factor; nan is not so",
}

# Fields of which only so many bits of the mantissa are kept: the rest is noise that compression
# would have to store. 8 bits are 2e-3, where a variance over 50 states is known to 0.2. The mean
# needs more: deep on the ergodic side realizations differ by 1e-4 and less, 18 bits are 2e-6.
ROUNDED = {
    "linear_entropy": 18, "linear_entropy_variance": 8, "linear_entropy_covariance": 8,
    "magnetization_error": 7, "residual": 7, "seconds": 10, "peak_memory": 10,
}  # fmt: skip

BATCH = 50  # realizations whose histograms a consolidated file adds up
APART = 10 * BATCH  # of fewer it keeps that of each: their errors take it


class Indices(Set[int]):
    """Numbers of realizations, kept as runs of consecutive ones: a billion take no memory."""

    def __init__(self, runs: Iterable[range] = ()) -> None:
        joined: list[range] = []
        for run in sorted((run for run in runs if run), key=lambda run: run.start):
            if joined and run.start <= joined[-1].stop:
                joined[-1] = range(joined[-1].start, max(joined[-1].stop, run.stop))
            else:
                joined.append(run)
        self.runs = tuple(joined)

    @classmethod
    def of(cls, numbers: ArrayLike) -> "Indices":
        """These numbers, in any order."""
        ordered = np.unique(np.asarray(numbers, dtype=np.int64))
        breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
        parts = [part for part in np.split(ordered, breaks) if part.size]
        return cls(range(int(part[0]), int(part[-1]) + 1) for part in parts)

    @classmethod
    def _from_iterable(  # type: ignore[override]  # of numbers, not of anything
        cls, numbers: Iterable[int]
    ) -> "Indices":
        return cls.of(list(numbers))

    def __contains__(self, index: object) -> bool:
        if not isinstance(index, int | np.integer):
            return False
        place = bisect_right(self.runs, index, key=lambda run: run.start)
        return place > 0 and index in self.runs[place - 1]

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.runs)

    def __len__(self) -> int:
        return sum(len(run) for run in self.runs)

    def within(self, whole: range) -> "Indices":
        """Those that lie in a run."""
        return Indices(
            range(max(run.start, whole.start), min(run.stop, whole.stop)) for run in self.runs
        )

    def lacking(self, whole: range) -> "Indices":
        """What a run has beside them."""
        inside = self.within(whole).runs
        starts = [whole.start, *(run.stop for run in inside)]
        stops = [*(run.start for run in inside), whole.stop]
        return Indices(map(range, starts, stops))

    def covers(self, whole: range) -> bool:
        """Whether all of a run is among them."""
        return not self.lacking(whole).runs


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


def may_lack() -> set[str]:
    """The fields that a record, and a file of such records, may lack."""
    return {*YOUNGER, *OBSERVABLES[FULL]}


def to_dataset(model: Model, seed: int, states: int, records: dict[int, dict]) -> xr.Dataset:
    """Records by index as one dataset, typed and ordered as `FIELDS` and `YOUNGER` say.

    Of the fields that a record may lack it has those that some record has.
    """
    indices = sorted(records)
    held = {name for record in records.values() for name in record}
    optional, data = may_lack(), {}
    for name, (kind, dims, _) in (FIELDS | YOUNGER).items():
        if name in optional and name not in held:
            continue
        shape = tuple(dimensions(model)[d] for d in dims)
        lacking = np.full(shape, MISSING[kind[0]]) if name in optional else None
        values = [records[i].get(name, lacking) for i in indices]
        whole = np.array(values).astype(kind).reshape(-1, *shape)
        data[name] = (("realization", *dims), whole, described(name))
    attributes = {
        "schema": SCHEMA, "model": json.dumps(model.as_dict()), "seed": seed, "states": states,
        "inclusions": code_version(), "numpy": np.__version__, "python": platform.python_version(),
    }  # fmt: skip
    return rounded(xr.Dataset(data, {"realization": np.array(indices, np.int64)}, attributes))


def described(name: str) -> dict[str, str]:
    """The attributes of a field: its unit, and what it is."""
    unit = (FIELDS | YOUNGER)[name][2]
    return {"units": unit} | ({"long_name": LONG_NAMES[name]} if name in LONG_NAMES else {})


def recorded(name: str, values: np.ndarray) -> np.ndarray:
    """Of which realizations a field that may be lacking has values, shape (R,)."""
    kind = (FIELDS | YOUNGER)[name][0][0]
    there = ~np.isnan(values) if kind == "f" else values != MISSING[kind]
    return there.reshape(len(values), -1).any(axis=1)


def telling() -> dict[str, list[str]]:
    """The fields that tell whether a record has an observable: those of one number, by its name."""
    fields = FIELDS | YOUNGER
    return {name: [f for f in held if not fields[f][1]] for name, held in OBSERVABLES.items()}


def having(observable: str, values: Mapping[Any, Any]) -> np.ndarray:
    """Of which realizations the fields that `telling` names have values, shape (R,)."""
    fields = [name for name in telling()[observable] if name in values]
    return np.all([recorded(name, np.asarray(values[name])) for name in fields], axis=0)


def observed(indices: np.ndarray, values: Mapping[str, np.ndarray]) -> dict[str, Indices]:
    """Of which realizations there is an observable, by its name."""
    held = {
        name: having(name, values)
        for name, fields in telling().items()
        if all(field in values for field in fields)
    }
    return {name: Indices.of(indices[there]) for name, there in held.items()}


def observables_in(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The observables of which one record has all fields."""
    return tuple(
        name for name, fields in OBSERVABLES.items() if all(field in record for field in fields)
    )


def completed(model: Model, dataset: xr.Dataset) -> xr.Dataset:
    """The same records with every field, missing where it is not there."""
    sizes = dimensions(model) | dict(dataset.sizes)
    absent = {}
    for name, (kind, dims, _) in (FIELDS | YOUNGER).items():
        if name not in dataset:
            batched = name == "magnetization_histogram" and "batch" in dataset.sizes
            axes = ("batch" if batched else "realization", *dims)
            values = np.full([sizes[d] for d in axes], MISSING[kind[0]]).astype(kind)
            absent[name] = (axes, values, described(name))
    return dataset.assign(absent)


def thinned(dataset: xr.Dataset) -> xr.Dataset:
    """The same records without the fields of `FULL` ones, if none is."""
    fields = [name for name in OBSERVABLES[FULL] if name in dataset]
    full = any(recorded(name, dataset[name].values).any() for name in fields)
    return dataset if full else dataset.drop_vars(fields)


def rounded(dataset: xr.Dataset) -> xr.Dataset:
    """The same records with the bits that `ROUNDED` keeps."""
    return dataset.assign(
        {name: dataset[name].copy(data=round_mantissa(dataset[name].values, bits))
         for name, bits in ROUNDED.items() if name in dataset}
    )  # fmt: skip


def round_mantissa(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 values rounded to `bits` bits of mantissa."""
    drop = 23 - bits
    raw = values.astype("f4").view("u4")
    rounded = (raw + np.uint32(1 << (drop - 1))) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return np.where(np.isfinite(values), rounded.view("f4"), values.astype("f4"))


def checksum(dataset: xr.Dataset) -> str:
    """SHA-256 of the values of the `FIELDS` there, and of the attributes that say what they are."""
    digest = sha256()
    for name in ("model", "seed", "states", "schema"):
        digest.update(str(dataset.attrs[name]).encode())
    digest.update(np.ascontiguousarray(dataset.realization.values, dtype="<i8").tobytes())
    for name, (kind, _, _) in FIELDS.items():
        if name not in dataset:
            continue
        values = np.ascontiguousarray(dataset[name].values)
        digest.update(values.astype("<" + (kind if kind[0] != "u" else "u4")).tobytes())
    return digest.hexdigest()


def joined(parts: list[xr.Dataset]) -> xr.Dataset:
    """Records of one ensemble as one dataset, by index, histograms added up over batches.

    Of a realization that several parts have the first counts; fields that it lacks are taken from
    the others. `batch` counts `BATCH` realizations each; or single ones, by the first
    of a batch, if there are fewer than `APART`: then the attribute `batch_unit` is 1.
    """
    taken: set[int] = set()
    first = []
    for part in parts:
        fresh = [int(i) for i in part.realization.values if int(i) not in taken]
        taken.update(fresh)
        if fresh:
            first.append(part if "batch" in part.dims else part.sel(realization=fresh))
    unit = 1 if len(taken) < APART else BATCH
    batches = np.unique(np.concatenate([*map(_begins, first)]) // unit)
    total = _histograms(parts, batches, unit)
    whole = xr.concat(
        [part.drop_vars(["magnetization_histogram", "batch"], errors="ignore") for part in first],
        "realization", combine_attrs="override", data_vars="all",
    ).sortby("realization")  # fmt: skip
    for name in ("checksum", "batch_unit"):  # they were those of one part
        whole.attrs.pop(name, None)
    if unit == 1:
        whole.attrs["batch_unit"] = 1
    dims = "batch", *FIELDS["magnetization_histogram"][1]
    return (
        _filled(whole, parts)
        .assign(magnetization_histogram=(dims, total, described("magnetization_histogram")))
        .assign_coords(batch=batches)
    )


def _histograms(parts: list[xr.Dataset], batches: np.ndarray, unit: int) -> np.ndarray:
    """The histograms of some parts added up by batch, that of each realization once."""
    shape = parts[0].magnetization_histogram.shape[1:]
    total = np.zeros((batches.size, *shape), np.uint32)
    counted: set[int] = set()
    for part in parts:
        indices = part.realization.values
        fresh = np.array([int(i) not in counted for i in indices])
        counts = part.magnetization_histogram.values
        begins = _begins(part)
        if "batch" not in part.dims:
            counts, begins = counts[fresh], begins[fresh]
        elif not fresh.any():
            continue
        np.add.at(total, np.searchsorted(batches, begins // unit), counts)
        counted.update(indices[fresh & having(FULL, part)].tolist())
    return total


def _begins(part: xr.Dataset) -> np.ndarray:
    """The first realization of each histogram of a shard or a consolidated file."""
    if "batch" not in part.dims:
        return part.realization.values
    return part.batch.values * int(part.attrs.get("batch_unit", BATCH))


def _filled(whole: xr.Dataset, parts: list[xr.Dataset]) -> xr.Dataset:
    """The same records with the fields that any part has, but histograms."""
    changed = {}
    for name in may_lack() - {"magnetization_histogram"} if len(parts) > 1 else ():
        values, attributes = whole[name].values.copy(), whole[name].attrs
        for part in parts:
            place = np.searchsorted(whole.realization.values, part.realization.values)
            new = recorded(name, part[name].values) & ~recorded(name, values[place])
            values[place[new]] = part[name].values[new]
        changed[name] = (whole[name].dims, values, attributes)
    return whole.assign(changed)
