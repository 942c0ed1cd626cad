"""Where the book's sources, its campaign files and the cached data are.

A page runs in the repository, as a notebook of the kit (`make kit`), or as a notebook that was
downloaded from the book. Nothing here reads a file; what reads data checks them by their hash.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parents[1]
"""The top of the repository, if the package is installed from it in place (`make setup`)."""

CAMPAIGNS = Path("book", "runs", "campaigns")


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


def _upwards() -> Iterator[Path]:
    """The working directory and those above it."""
    here = Path.cwd()
    yield here
    yield from here.parents
