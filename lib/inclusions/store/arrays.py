"""Sealed arrays by name: what is kept beside the records, such as controls."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from inclusions.store.files import SEAL, DamagedFile, check_seal, content_of, write_atomically
from inclusions.store.records import code_version


def write_arrays(path: Path, arrays: dict[str, np.ndarray], attributes: dict[str, Any]) -> None:
    """Write arrays with attributes (texts and numbers) as HDF5 under a hash, whole or not at all.

    The file knows its name: under another one it counts as damaged.

    Raises:
        OSError: no space, no permission; nothing is left behind.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("v110", "v110"), track_order=True) as file:
        file.attrs.update(attributes | {"name": path.name, "inclusions": code_version()})
        for name, values in arrays.items():
            whole = {"chunks": values.shape, "compression": 9, "shuffle": True}
            file.create_dataset(name, data=values, **(whole if values.size else {}))
    content = buffer.getvalue()
    write_atomically(path, content + SEAL + sha256(content).hexdigest().encode())


def read_arrays(
    path: Path, expected: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and attributes of a file of `write_arrays`; checked, also against a SHA-256 if given.

    Raises:
        DamagedFile: it is not what was written, or, with a hash to match, it is not there.
        FileNotFoundError: it is not there.
    """
    try:
        content = content_of(path)
    except FileNotFoundError:
        if expected is None:
            raise
        raise DamagedFile(f"{path}: in the manifest, not there") from None
    if expected is not None and sha256(content).hexdigest() != expected:
        raise DamagedFile(f"{path}: differs from its hash in the manifest")
    check_seal(path, content)
    with h5py.File(io.BytesIO(content)) as file:
        attributes = dict(file.attrs)
        if attributes["name"] != path.name:
            raise DamagedFile(f"{path}: is {attributes['name']} under another name")
        return {name: values[()] for name, values in file.items()}, attributes
