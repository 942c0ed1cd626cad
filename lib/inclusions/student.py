"""The student edition: the sources of the book with the solutions of its course cut out.

    python -m inclusions.student _build/student

`make student` then builds it as HTML and as notebooks to work in.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from inclusions.pages import root


def without_solutions(text: str) -> str:
    """A page without what stands between its solution-start and solution-end, both included.

    Raises:
        ValueError: a solution is not closed.
    """
    start = r"^:::\{solution-start\} (\S+)\n"
    text = re.sub(start + r".*?^:::\{solution-end\}\n:::\n+", "", text, flags=re.M | re.S)
    if left := re.search(start, text, re.MULTILINE):
        raise ValueError(f"the solution to {left[1]} is not closed by solution-end")
    return text


def copy(sources: Path, folder: Path) -> None:
    """Copy the sources of the book, with the files its pages include, into a folder."""
    shutil.copytree(sources / "book", folder / "book")
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(sources / name, folder)


def write(sources: Path, folder: Path) -> None:
    """Copy the sources of the book into a new folder, every page without solutions.

    The cached data are linked, not copied.

    Raises:
        ValueError: a solution is not closed; the page is named.
    """
    shutil.rmtree(folder, ignore_errors=True)
    copy(sources, folder)
    (folder / "data").symlink_to(os.path.relpath(sources / "data", folder))
    for page in folder.rglob("*.md"):
        try:
            text = without_solutions(page.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{page.relative_to(folder)}: {error}") from None
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(root(), Path(sys.argv[1]))
