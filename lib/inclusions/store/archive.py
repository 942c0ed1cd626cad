"""Archives: all results in one tar file, to bring them from one machine to another."""

import gzip
import io
import json
import lzma
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import xarray as xr

from inclusions.model import Model
from inclusions.store.files import (
    DamagedFile,
    Gathered,
    OtherVersion,
    Shard,
    Store,
    UnreadableFile,
    appearing,
    content_of,
    parse,
    read,
    write_atomically,
    write_dataset,
)  # fmt: skip
from inclusions.store.manifest import MANIFEST, stores
from inclusions.store.records import Indices, joined

NO_ARCHIVE = (tarfile.TarError, EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
"""What reading something else than a whole archive raises."""


def export(data: Path, archive: Path, force: bool = False) -> int:
    """Pack all results into one tar file with a manifest of their hashes; how many files.

    Shards that a consolidated file makes needless stay out. Only a new file is written, or with
    `force` an earlier archive replaced.

    Raises:
        DamagedFile: a file of results is not what was written, or cannot be read.
        FileNotFoundError: there are no results.
        ValueError: something else than an earlier archive is there.
        OSError: the archive cannot be written; nothing is left behind.
    """
    _check_target(data, archive, force)
    paths = []
    for place in stores(data):
        paths += [place.consolidated] if place.gathered().indices else []
        paths += [shard.path for shard in place.needed()]
    if not paths:
        raise FileNotFoundError(f"no results in {data}")
    hashes = {}
    with appearing(archive) as temporary:
        with tarfile.open(temporary, "x") as tar:  # the files are compressed inside
            for path in paths:
                content = content_of(path)
                parse(path, content)
                name = path.relative_to(data).as_posix()
                hashes[name] = sha256(content).hexdigest()
                _add(tar, name, content)
            _add(tar, MANIFEST, json.dumps({"files": hashes}, indent=1).encode())
        _check_target(data, archive, force)
    return len(paths)


def _check_target(data: Path, archive: Path, force: bool) -> None:
    """Refuse to write where anything is that no export has written."""
    folder = archive.parent.resolve()
    own = [(data / name).resolve() for name in ("shards", "ensembles")]
    if any(folder.is_relative_to(place) for place in own):
        raise ValueError(f"{archive}: among the results themselves; choose another folder")
    if not os.path.lexists(archive):
        return
    if archive.is_symlink() or not archive.is_file():
        raise ValueError(f"{archive}: not a plain file; only a new file or an archive is written")
    if not force:
        raise ValueError(f"{archive}: is there already; --force replaces an earlier archive")
    try:
        with tarfile.open(archive) as tar:
            _hashes(archive, tar)
    except (*NO_ARCHIVE, DamagedFile):
        raise ValueError(f"{archive}: not an archive of inclusions export: left alone") from None


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mtime = int(time.time())
    tar.addfile(member, io.BytesIO(content))


def _hashes(archive: Path, tar: tarfile.TarFile) -> dict[str, str]:
    """The hashes that an archive lists, of just the files it has.

    Raises:
        DamagedFile: it lists none, or those of other files.
    """
    # Of two with one name the last counts, here as for who unpacks it.
    names = [name for name, member in {m.name: m for m in tar}.items() if member.isfile()]
    if MANIFEST not in names:
        raise DamagedFile(f"{archive}: no {MANIFEST} inside")
    try:
        hashes = dict(json.loads(_content(archive, tar, MANIFEST))["files"])
        alike = hashes.keys() == set(names) - {MANIFEST}
    except (KeyError, TypeError, ValueError, RecursionError):
        raise DamagedFile(f"{archive}: its {MANIFEST} is none") from None
    if not alike:
        raise DamagedFile(f"{archive}: its files are not those of its {MANIFEST}")
    return hashes


def import_archive(data: Path, archive: Path) -> tuple[int, int]:
    """Merge an archive of `export` into a folder of results: files added, realizations gained.

    All of it is verified before anything is written. Files here that are damaged give way to those
    of the archive, and are set aside. Consolidated files that have no realization in common, as
    of groups that divided them, become one.

    Raises:
        DamagedFile: the archive or a file in it is not what was packed.
        ValueError: a consolidated file has some realizations of the one here, and lacks others.
        OSError: the archive cannot be read or the folder not written.
    """
    added: dict[str, tuple[Path, Store, xr.Dataset]] = {}
    try:
        with tarfile.open(archive) as tar:
            for name, dataset in _verified(archive, tar):
                # The file's own attributes say where it belongs: no path is taken on trust.
                seed, states = int(dataset.attrs["seed"]), int(dataset.attrs["states"])
                place = Store(data, Model(**json.loads(dataset.attrs["model"])), seed, states)
                target = _wanted(archive, name, dataset, place)
                if target is not None:
                    added[name] = target, place, dataset
            before = {place: _here(place).indices for _, place, _ in added.values()}
            for place in before:
                shards = [shard.indices for shard in place.shards()]
                before[place] = Indices([*before[place].runs, *shards])
            for name, (target, place, dataset) in added.items():
                if target == place.consolidated and not Gathered.of(dataset).includes(_here(place)):
                    write_dataset(target, joined([read(target), dataset]))
                    continue
                damaged = os.path.lexists(target) and not _whole(target)
                write_atomically(target, _content(archive, tar, name), aside=damaged)
    except NO_ARCHIVE as error:
        raise DamagedFile(f"{archive}: not an archive of inclusions export ({error})") from None
    gained = 0
    for place, had in before.items():
        new = [Indices.of(d.realization.values) for _, where, d in added.values() if where == place]
        gained += len(Indices([run for one in [had, *new] for run in one.runs])) - len(had)
    return len(added), gained


def _content(archive: Path, tar: tarfile.TarFile, name: str) -> bytes:
    """What a file of an archive holds."""
    file = tar.extractfile(name)
    assert file is not None, f"{archive}: {name} is no file"  # `_hashes` lists no others
    return file.read()


def _verified(archive: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, xr.Dataset]]:
    """The files of an archive by name, each what was packed."""
    for name, expected in _hashes(archive, tar).items():
        content = _content(archive, tar, name)
        if sha256(content).hexdigest() != expected:
            raise DamagedFile(f"{archive}: {name} differs from its hash")
        try:
            yield name, parse(Path(name), content)
        except DamagedFile as error:
            raise type(error)(f"{archive}: {error}") from None


def _wanted(archive: Path, name: str, dataset: xr.Dataset, place: Store) -> Path | None:
    """Where a file of an archive goes; None if all it has is here."""
    here, shard = _here(place), Shard.at(Path(name))
    if shard:
        target = place.folder / shard.path.name
        return None if here.covers(shard) or _whole(target) else target
    new = Gathered.of(dataset)
    if here.includes(new):
        return None
    both = Indices([*new.indices.runs, *here.indices.runs])
    common = len(new.indices) + len(here.indices) - len(both)
    if common and not new.includes(here):
        raise ValueError(
            f"{archive}: {name} and {place.consolidated} have {common} realizations in common, and "
            "each some that the other lacks; import it into a folder of its own"
        )
    return place.consolidated


def _here(place: Store) -> Gathered:
    """What the consolidated file has; a damaged one has nothing."""
    try:
        return place.gathered()
    except (UnreadableFile, OtherVersion):
        raise
    except DamagedFile:
        return Gathered(Indices(), 0.0, {})


def _whole(path: Path) -> bool:
    """Whether a file is there and what was written.

    Raises:
        UnreadableFile: it cannot be read; it may be whole.
    """
    try:
        parse(path, content_of(path))
    except (OtherVersion, FileNotFoundError):
        return path.exists()
    except UnreadableFile:
        raise
    except DamagedFile:
        return False
    return True
