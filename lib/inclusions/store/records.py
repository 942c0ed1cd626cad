"""Records of realizations: their fields, types and rounding, and the datasets made of them."""

import json
import platform
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version

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
# would have to store. 8 bits are 2e-3, where a variance over 50 states is known to 0.2. The mean
# needs more: deep on the ergodic side realizations differ by 1e-4 and less, 18 bits are 2e-6.
ROUNDED = {
    "linear_entropy": 18, "linear_entropy_variance": 8, "linear_entropy_covariance": 8,
    "magnetization_error": 7, "residual": 7, "seconds": 10, "peak_memory": 10,
}  # fmt: skip

BATCH = 50  # realizations whose histograms a consolidated file adds up


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


def batched(shard: xr.Dataset) -> xr.Dataset:
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


def consecutive(indices: Iterable[int]) -> list[list[int]]:
    """Indices as runs of consecutive numbers, ascending."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
