"""Archives: all results in one tar file, to bring them from one machine to another."""

import io
import json
import os
import tarfile
import time
from hashlib import sha256
from pathlib import Path

from inclusions.model import Model
from inclusions.store.files import DamagedFile, Shard, Store, parse, write_atomically
from inclusions.store.manifest import MANIFEST, stores


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
