"""Where the book's sources, its campaign files, what runs them, and the cached data are.

A page runs in the repository, as a notebook of the kit (`make kit`), or as a notebook that was
downloaded from the book. What reads data checks them by their hash; here it is only seen to that
they are there. `python -m inclusions.places` says what is wrong before a build begins.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parents[1]
"""The top of the repository, if the package is installed from it in place (`make setup`)."""

RUNS = Path("book", "runs")
CAMPAIGNS = RUNS / "campaigns"

BUILDER = "INCLUSIONS_BUILDER"
"""Environment variable by which a build of the book tells its pages what they are built for."""


class NoData(FileNotFoundError):
    """There is no folder of cached data; the message says how to get one."""


def root() -> Path:
    """The top of the book's sources that the working directory lies in, else that directory."""
    return next((d for d in _upwards() if (d / "_toc.yml").exists()), Path.cwd())


def data_folder() -> Path:
    """The folder of cached data.

    It is what INCLUSIONS_DATA names; else the first folder `data` with a manifest in the working
    directory or above it, as in the repository and in the kit; else that of the repository that
    the package was installed from.

    Raises:
        NoData: there is none.
    """
    if wanted := os.environ.get("INCLUSIONS_DATA"):
        if not Path(wanted).is_dir():
            raise NoData(f"INCLUSIONS_DATA is {wanted}, which is no folder")
        return Path(wanted)
    for top in (*_upwards(), REPOSITORY):
        if (top / "data" / "manifest.json").exists():
            return top / "data"
    raise NoData(
        f"no cached data: no folder data/ with a manifest.json in {Path.cwd()} or above it. In a "
        "copy of the repository, git checkout -- data brings it back. Elsewhere, open the notebook "
        "in the unpacked kit, which the book offers for download, or set INCLUSIONS_DATA to the "
        "folder data/ of either"
    )


def listed_files(data: Path) -> list[Path]:
    """The files that the manifest lists, ensembles and controls; all of them are there.

    Raises:
        NoData: there is no manifest, or a file that it lists is not there.
    """
    return list(_listed(data))


def check(data: Path) -> None:
    """See that all that the manifest lists is there, and as it was written.

    Raises:
        NoData: it is not; the message says what is wrong, and what to do.
    """
    for path, known in _listed(data).items():
        content = path.read_bytes()
        if _hash(content) == known:
            continue
        body, _, seal = content.rpartition(b"sha256:")
        if seal == _hash(body).encode():  # the hash at its own end
            raise NoData(
                f"{path} is whole, but not the file that the manifest lists: inclusions "
                "consolidate lists it anew"
            )
        raise NoData(f"{path} is damaged: it differs from its hash in the manifest. {RESTORE}")
    for path in sorted((data / "benchmarks").glob("*.json")):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise NoData(f"{path} is damaged: it is no JSON. {RESTORE}") from None


RESTORE = "Restore it from version control: git checkout -- data"


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _listed(data: Path) -> dict[Path, str]:
    """Files that the manifest lists, all of which are there, with their hashes."""
    manifest = data / "manifest.json"
    if not manifest.exists():
        raise NoData(
            f"{data} has no manifest.json: get data/ from the repository, set INCLUSIONS_DATA to a "
            "folder that has one, or write one for your own results: inclusions consolidate"
        )
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        sections = {"ensembles": content["files"], "controls": content.get("controls", {})}
        hashes = {
            data / folder / name: str(entry["sha256"])
            for folder, section in sections.items()
            for name, entry in section.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoData(f"{manifest} is damaged: it is no manifest. {RESTORE}") from None
    if lost := [path for path in hashes if not path.exists()]:
        raise NoData(
            f"{len(lost)} of {len(hashes)} files that {manifest} lists are not there, as {lost[0]}:"
            " restore them from version control (git checkout -- data); if they are to go, move "
            "the manifest away and run inclusions consolidate"
        )
    return hashes


def published() -> str:
    """Where the book will be published, as INCLUSIONS_SITE says, with a slash at its end; or "".

    Raises:
        ValueError: it is no web address.
    """
    address = os.environ.get("INCLUSIONS_SITE", "")
    if address and not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/\S*)?", address):
        raise ValueError(
            "INCLUSIONS_SITE must be the web address where the book will be, as "
            f"https://host/name/, got {address!r}"
        )
    return f"{address.rstrip('/')}/" if address else ""


def campaign_file(name: str) -> Path:
    """The campaign file of this name, of the book's sources or as the package carries it.

    Raises:
        FileNotFoundError: there is no such campaign; the message lists those there are.
    """
    folders = [*(d / CAMPAIGNS for d in _upwards()), PACKAGE / "campaigns", REPOSITORY / CAMPAIGNS]
    for folder in folders:
        if (path := folder / f"{name}.toml").exists():
            return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    raise FileNotFoundError(f"no campaign is called {name}; there are {', '.join(known) or 'none'}")


def runs_file(name: str) -> Path:
    """A file or folder of book/runs: pages, what executes them, the Snakefile, the profiles.

    Raises:
        FileNotFoundError: there is none.
    """
    folders = [*(d / RUNS for d in _upwards()), PACKAGE / "runs", REPOSITORY / RUNS]
    for folder in folders:
        if (path := folder / name).exists():
            return path
    raise FileNotFoundError(f"no {RUNS / name}, neither here nor in the package")


def _upwards() -> Iterator[Path]:
    """The working directory and those above it."""
    here = Path.cwd()
    yield here
    yield from here.parents


if __name__ == "__main__":  # the first step of every build
    try:
        check(data_folder())
    except OSError as error:  # NoData, or what may not be read
        sys.exit(f"{error}")
