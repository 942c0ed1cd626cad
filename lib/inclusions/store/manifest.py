"""The manifest: which consolidated files there are, with their hashes; read here alone."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import xarray as xr

from inclusions.model import Model
from inclusions.store.arrays import read_arrays
from inclusions.store.files import (
    DamagedFile,
    Gathered,
    Store,
    UnreadableFile,
    content_of,
    parse,
    read,
    write_atomically,
)  # fmt: skip
from inclusions.store.records import FULL

MANIFEST = "manifest.json"


class Entry(TypedDict):
    """What the manifest says of one consolidated file."""

    sha256: str
    realizations: int
    states: int  # of all realizations together
    core_hours: float
    inclusions: str  # version that computed them
    gap_ratios_only: NotRequired[int]  # realizations that have nothing else; if there are any


class ControlsEntry(TypedDict):
    """What the manifest says of one file in controls/."""

    sha256: str
    core_hours: float
    inclusions: str


SECTIONS = {
    "files": {name: kind for name, kind in Entry.__annotations__.items()
              if name in Entry.__required_keys__},
    "controls": ControlsEntry.__annotations__,
}  # fmt: skip
"""What the manifest has an entry for: consolidated files and, in controls/, files of `arrays`."""


def stores(data: Path) -> list[Store]:
    """Every ensemble of a folder of results, whatever campaign it came from.

    What has a name that no ensemble has is left alone.

    Raises:
        UnreadableFile: a folder cannot be read.
    """
    names = {path.stem for path in _listed(data / "ensembles") if path.suffix == ".nc"}
    names |= {path.name for path in _listed(data / "shards") if path.is_dir()}
    return [place for name in sorted(names) if (place := store_of(data, name))]


def store_of(data: Path, name: str) -> Store | None:
    """The ensemble of a name, None if no ensemble has it: the inverse of `Store.name`."""
    match = re.fullmatch(r"(.+)-seed(\d+)-states(\d+)", name)
    try:
        return match and Store(data, Model.from_key(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _listed(folder: Path) -> list[Path]:
    """All that a folder has; nothing if it is not there.

    Raises:
        UnreadableFile: it cannot be read.
    """
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableFile(f"{folder}: cannot be read: {error.strerror}") from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return sha256(content_of(path)).hexdigest()


def read_listed(path: Path, expected: str) -> xr.Dataset:
    """A consolidated file, if its bytes have the SHA-256 that the manifest lists.

    Raises:
        DamagedFile: it is not there, or is another one.
    """
    try:
        content = content_of(path)
    except FileNotFoundError:
        raise DamagedFile(f"{path}: in the manifest, not there") from None
    if sha256(content).hexdigest() != expected:
        raise DamagedFile(f"{path}: differs from its hash in the manifest")
    return parse(path, content)


def read_manifest(data: Path, section: str = "files") -> dict[str, Any]:
    """The entries of a folder's manifest by name of the file; none if there is no manifest.

    `section` is one of `SECTIONS`.

    Raises:
        DamagedFile: it is not a manifest, or cannot be read.
    """
    path = data / MANIFEST
    try:
        files = {"controls": {}} | json.loads(content_of(path))
        if all(_is_entry(entry, SECTIONS[section]) for entry in files[section].values()):
            return files[section]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DamagedFile(
        f"{path}: not a manifest; where it is moved away inclusions consolidate writes it anew"
    )


def _is_entry(entry: Mapping[str, Any], kinds: Mapping[str, type]) -> bool:
    return all(
        isinstance(entry[name], (int, float) if kind is float else kind)
        for name, kind in kinds.items()
    )


def write_manifest(data: Path) -> int:
    """List every consolidated file and all controls: how many ensembles.

    Raises:
        DamagedFile: a file is not what was written, or was in the manifest and is gone; the others
            are listed.
        OSError: the manifest cannot be written.
    """
    ensembles, faults = _list(data, gathering=False)
    if faults:
        raise DamagedFile(faults[0])
    return ensembles


def gather(data: Path) -> tuple[int, list[str]]:
    """Consolidate and list every ensemble, and all controls: how many there are, and the faults.

    An entry is written right after its file, so that little is unlisted wherever this is stopped;
    what has a fault stays as it was listed.

    Raises:
        DamagedFile: what is there is not a manifest.
        OSError: a file cannot be written.
    """
    return _list(data, gathering=True)


def _list(data: Path, gathering: bool) -> tuple[int, list[str]]:
    listed, faults = read_manifest(data), []
    found: dict[Path, Entry] = {}
    for place in stores(data):
        path = place.consolidated
        try:
            if gathering and place.shards():
                place.consolidate()
            if not os.path.lexists(path):  # a run has only begun it
                continue
            found[path] = _entry(path)
        except DamagedFile as error:
            faults.append(str(error))
            continue
        if found[path] != listed.get(path.name):
            _put(data, "files", {path.name: found[path]})
    list_controls(data)
    now = read_manifest(data)  # another process may have put back what it had read before
    if lost := [path for path, entry in found.items() if now.get(path.name) != entry]:
        _put(data, "files", {path.name: _entry(path) for path in lost})
    faults += [
        f"{path}: in the manifest, not there; put it back, or if it is to go, move "
        f"{data / MANIFEST} away"
        for path in (data / "ensembles" / name for name in listed)
        if not os.path.lexists(path)
    ]
    return len(found), faults


def _entry(path: Path) -> Entry:
    """What the manifest is to say of a consolidated file.

    Raises:
        DamagedFile: it is not what was written.
    """
    content = content_of(path)
    dataset = parse(path, content)
    entry: Entry = {
        "sha256": sha256(content).hexdigest(),
        "realizations": int(dataset.sizes["realization"]),
        "states": int(dataset.states.sum()),
        "core_hours": round(float(dataset.seconds.sum()) / 3600, 4),
        "inclusions": str(dataset.attrs["inclusions"]),
    }
    held = Gathered.of(dataset)
    if less := len(held.indices) - len(held.observed[FULL]):
        entry["gap_ratios_only"] = less
    return entry


def list_controls(data: Path, *paths: Path) -> None:
    """Bring what the manifest says of these controls, or of all, in line; the rest stays.

    Of files that are damaged or gone it stays as well: `verify` tells of them.

    Raises:
        DamagedFile: what is there is not a manifest.
        OSError: the manifest cannot be written.
    """
    listed, entries = read_manifest(data, "controls"), {}
    for path in paths or _controls(data).values():
        try:
            attributes = read_arrays(path)[1]
        except DamagedFile:  # results do not wait for what sharpens them
            continue
        name = path.relative_to(data / "controls").as_posix()
        entry: ControlsEntry = {
            "sha256": file_hash(path),
            "core_hours": round(float(attributes["seconds"]) / 3600, 4),
            "inclusions": str(attributes["inclusions"]),
        }
        if entry != listed.get(name):
            entries[name] = entry
    _put(data, "controls", entries)


def _put(data: Path, section: str, entries: dict[str, Any]) -> None:
    """Put entries into the manifest as it is by now: another process may just have written it."""
    content = {one: read_manifest(data, one) for one in SECTIONS}
    content[section] = dict(sorted((content[section] | entries).items()))
    if not content["controls"]:
        del content["controls"]
    write_atomically(data / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())


def _controls(data: Path) -> dict[str, Path]:
    """Files of controls by the names that the manifest gives them.

    Raises:
        UnreadableFile: a folder cannot be read.
    """
    folder = data / "controls"
    paths = [*_listed(folder), *_listed(folder / "means")]
    return {path.relative_to(folder).as_posix(): path for path in paths if path.suffix == ".h5"}


def verify(data: Path) -> tuple[int, list[str]]:
    """Read all shards, consolidated files, controls and the manifest: how many, and the faults.

    What cannot be read is a fault, and so is a folder without results.
    """
    faults: list[str] = []
    checked = 0
    for path in _files(data, faults):
        checked += 1
        try:
            read_arrays(path) if path.suffix == ".h5" else read(path)
        except FileNotFoundError:
            checked -= 1  # a run has just set it aside
        except DamagedFile as error:
            faults.append(str(error))
    try:
        present = {path.name: path for path in _listed(data / "ensembles") if path.suffix == ".nc"}
        faults += _differences(data / "ensembles", present, read_manifest(data))
        faults += _differences(data / "controls", _controls(data), read_manifest(data, "controls"))
    except DamagedFile as error:
        faults.append(str(error))
    if not checked and not faults:
        faults.append(f"{data}: no results there, neither shards nor consolidated files")
    return checked, faults


def _files(data: Path, faults: list[str]) -> Iterator[Path]:
    """Every file of results, whatever its name; folders that cannot be read become faults."""
    folders = [data / "ensembles"]
    try:
        folders += [path for path in _listed(data / "shards") if path.is_dir()]
    except UnreadableFile as error:
        faults.append(str(error))
    for folder in folders:
        try:
            yield from (path for path in _listed(folder) if path.suffix == ".nc")
        except UnreadableFile as error:
            faults.append(str(error))
    try:
        yield from _controls(data).values()
    except UnreadableFile as error:
        faults.append(str(error))


def _differences(
    folder: Path, present: dict[str, Path], listed: Mapping[str, Any]
) -> Iterator[str]:
    """How the files of a folder differ from what the manifest lists."""
    manifest = folder.parent / MANIFEST
    if present and not manifest.exists():
        yield f"{manifest}: not there; inclusions consolidate writes it"
        return
    for name in sorted(set(present) | set(listed)):
        path = folder / name
        if name not in listed:
            yield f"{path}: not in the manifest"
        elif name not in present:
            yield f"{path}: in the manifest, not there"
        elif path.exists() and file_hash(path) != listed[name]["sha256"]:
            yield f"{path}: differs from its hash in the manifest"


class Listed(NamedTuple):
    """A consolidated file that the manifest lists."""

    path: Path
    model: Model
    seed: int
    states: int  # of a realization
    entry: Entry

    def load(self) -> xr.Dataset:
        """Its realizations.

        Raises:
            DamagedFile: the file is not the one in the manifest.
        """
        return read_listed(self.path, self.entry["sha256"])


class Selection(NamedTuple):
    """The ensembles of a folder that belong together, one of each model."""

    found: dict[Model, Listed]
    aside: dict[str, str]  # names of the files that were left aside, and why

    def left_aside(self) -> list[str]:
        """What was left aside, in a line for each reason: how many files, and the first's name."""
        lines = []
        for why in dict.fromkeys(self.aside.values()):
            first, *others = (name for name, reason in self.aside.items() if reason == why)
            files, more = ("files", ", …") if others else ("file", "")
            lines.append(f"{1 + len(others)} {files} with {why}: {first}{more}")
        return lines

    def find(self, **parameters: Any) -> list[Model]:
        """Models with these parameters, and the default of every other, by size.

        Length, disorder and bubble are any unless they are given.
        """
        found = []
        for model in self.found:
            size = {name: getattr(model, name) for name in ("length", "disorder", "bubble")}
            with suppress(ValueError):  # parameters that do not go together
                if Model(**size | parameters) == model:
                    found.append(model)
        return sorted(found, key=lambda model: (model.length, model.disorder))


def select(data: Path, states: int = 50, least: int = 2) -> Selection:
    """The ensembles that a comparison may be made of: the one loader of ensembles by the manifest.

    Each has the protocol's number of states in a sample, or all that a smaller sector has, and at
    least so many realizations. Of two of one model, under other seeds, the larger is taken.
    Nothing but the manifest is read; `Listed.load` reads a file. What is left aside is named, with
    the reason, for whoever shows what was compared.

    Raises:
        DamagedFile: the manifest is not one.
    """
    found: dict[Model, Listed] = {}
    aside: dict[str, str] = {}
    by_size = sorted(read_manifest(data).items(), key=lambda item: -item[1]["realizations"])
    for name, entry in by_size:
        place = store_of(data, name.removesuffix(".nc"))
        if place is None:
            aside[name] = "the name of no ensemble of this version"
        elif place.states != min(states, place.model.dimension):
            aside[name] = f"another number of states in a sample than {states}"
        elif entry["realizations"] < least:
            aside[name] = f"fewer than {least} realizations"
        elif place.model in found:
            aside[name] = "no more realizations than another of the same model"
        else:
            found[place.model] = Listed(
                place.consolidated, place.model, place.seed, place.states, entry
            )
    return Selection(found, aside)
