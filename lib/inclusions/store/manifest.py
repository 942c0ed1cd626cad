"""The manifest: which consolidated files there are, with their hashes; read here alone."""

import json
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

import xarray as xr

from inclusions.model import Model
from inclusions.store.files import DamagedFile, Store, parse, read, write_atomically

MANIFEST = "manifest.json"


def stores(data: Path) -> list[Store]:
    """Every ensemble of a folder of results, whatever campaign it came from."""
    names = {path.stem for path in (data / "ensembles").glob("*.nc")}
    names |= {path.name for path in (data / "shards").glob("*") if path.is_dir()}
    found = []
    for name in sorted(names):
        try:
            key, seed, states = name.rsplit("-", 2)
            model = Model.from_key(key)
            found.append(
                Store(
                    data, model, int(seed.removeprefix("seed")), int(states.removeprefix("states"))
                )
            )
        except ValueError:
            continue  # not ours: left alone
    return found


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


class Entry(TypedDict):
    """What the manifest says of one consolidated file."""

    sha256: str
    realizations: int
    states: int  # of all realizations together
    core_hours: float
    inclusions: str  # version that computed them


def read_manifest(data: Path) -> dict[str, Entry]:
    """The entries of a folder's manifest by name of the file; none if there is no manifest.

    Raises:
        DamagedFile: it is not a manifest.
    """
    path = data / MANIFEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(f"{path}: not a manifest") from None


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
    path = data / MANIFEST
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
    if (data / MANIFEST).exists():
        try:
            faults += _differences(data, read_manifest(data))
        except DamagedFile as error:
            faults.append(str(error))
    elif (data / "ensembles").exists():
        faults.append(f"{data / MANIFEST}: not there; inclusions consolidate writes it")
    return checked, faults


def _differences(data: Path, listed: dict[str, Entry]) -> list[str]:
    """How the consolidated files differ from what the manifest lists."""
    folder = data / "ensembles"
    present = {path.name for path in folder.glob("*.nc")}
    return [
        *(f"{folder / n}: in the manifest, not there" for n in sorted(set(listed) - present)),
        *(f"{folder / n}: not in the manifest" for n in sorted(present - set(listed))),
        *(
            f"{folder / name}: differs from its hash in the manifest"
            for name in sorted(present & set(listed))
            if file_hash(folder / name) != listed[name]["sha256"]
        ),
    ]
