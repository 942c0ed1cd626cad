"""The kit: one zip with package, notebooks and data, for a machine with Python alone."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from inclusions.places import CAMPAIGNS, REPOSITORY, listed_files

NAME, STUDENT = "inclusions-kit", "inclusions-student-kit"

README = """\
Ergodic inclusions in many-body localized systems: {what}, with data.
1. In this folder:  python -m pip install {package} jupyterlab
2. Then:            jupyter lab         (open a notebook; from here on no network is needed)
   Python 3.11 or later; a C compiler makes the package's own solver, which is faster than SciPy's.
   A copy of this folder on another machine works alike: data are found in data/, by their hash.
"""

SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CITATION.cff")


class NoKit(FileNotFoundError):
    """A part of the kit is not there; the message says which, and what to do."""


def source_distribution(folder: Path, repository: Path = REPOSITORY) -> Path:
    """Build the package's source distribution into a folder, from a copy of its sources.

    Raises:
        NoKit: the package was not installed from its repository, or does not build.
    """
    if missing := [name for name in SOURCES if not (repository / name).exists()]:
        raise NoKit(
            f"the kit holds the package's sources, and {repository} has no {', '.join(missing)}: "
            "build the book in a copy of the repository, after `make setup`"
        )
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "inclusions"
        built = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
        shutil.copytree(repository / "lib", copy / "lib", ignore=built)
        shutil.copytree(repository / CAMPAIGNS, copy / CAMPAIGNS)
        for name in SOURCES:
            shutil.copy(repository / name, copy)
        build = "import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", build, folder.resolve()],
            cwd=copy, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise NoKit(f"the package does not build: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("inclusions-*.tar.gz"))


def cached(data: Path) -> list[Path]:
    """The cached data: the manifest, what it lists, and benchmarks; nothing else of the folder.

    Raises:
        NoData: there is no manifest, or a file that it lists is not there.
    """
    benchmarks = (data / "benchmarks").glob("*.json")
    return sorted([data / "manifest.json", *listed_files(data), *benchmarks])


def pack(file: Path, notebooks: Mapping[str, str], data: Path, what: str, package: Path) -> None:
    """Write the zip: package, notebooks (text by path), data, README; all in one folder.

    The file appears whole or not at all.
    """
    top, part = file.stem, file.with_suffix(".part")
    with ZipFile(part, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
        readme = README.format(what=what, package=package.name)
        archive.writestr(f"{top}/README.txt", readme)
        archive.write(package, f"{top}/{package.name}")
        for name, text in sorted(notebooks.items()):
            archive.writestr(f"{top}/notebooks/{name}", text)
        for path in cached(data):  # compressed already
            archive.write(path, f"{top}/data/{path.relative_to(data)}", ZIP_STORED)
    part.replace(file)
