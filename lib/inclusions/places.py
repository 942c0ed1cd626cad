"""Where the book's sources, its campaign files, what runs them, and the cached data are.

A page runs in the repository, as a notebook of the kit (`make kit`), or as a notebook that was
downloaded from the book. What reads data checks them by their hash; here it is only seen to that
they are there. `python -m inclusions.places` says what is wrong before a build begins.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parents[1]
"""The top of the repository, if the package is installed from it in place (`make setup`)."""

RUNS = Path("book", "runs")
CAMPAIGNS = RUNS / "campaigns"


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
        f"no cached data: no folder data/ with a manifest.json in {Path.cwd()} or above it. Open "
        "the notebook in the unpacked kit, which the book offers for download, or set "
        "INCLUSIONS_DATA to the folder data/ of a copy of the repository"
    )


def listed_files(data: Path) -> list[Path]:
    """The consolidated ensembles that the manifest lists; all of them are there.

    Raises:
        NoData: there is no manifest, or a file that it lists is not there.
    """
    manifest = data / "manifest.json"
    if not manifest.exists():
        raise NoData(
            f"{data} has no manifest.json: get data/ from the repository, set INCLUSIONS_DATA to a "
            "folder that has one, or write one for your own results: inclusions consolidate"
        )
    names = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    paths = [data / "ensembles" / name for name in names]
    if lost := [path for path in paths if not path.exists()]:
        raise NoData(
            f"{len(lost)} of {len(paths)} files that {manifest} lists are not there, as {lost[0]}: "
            "restore them from version control, or list what is there: inclusions consolidate"
        )
    return paths


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
    """A file or folder of book/runs: a page for papermill, the Snakefile, the profiles.

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
        listed_files(data_folder())
    except NoData as error:
        sys.exit(f"{error}")
