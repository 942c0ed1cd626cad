"""The student edition: the sources of the book with the solutions of its course cut out.

    python -m inclusions.student _build/student
    python -m inclusions.student --handouts _build/student

The first writes the sources, which `make student` then builds; the second prints each unit of what
was built as a PDF, if there is a Chromium browser.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from inclusions.machine import last_words
from inclusions.places import root


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


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def handouts(folder: Path) -> str:
    """Print every unit of a built student edition; what was done, in a sentence.

    Raises:
        FileNotFoundError: the edition is not built.
        ChildProcessError: the browser does not print a unit.
    """
    course = folder / "_build" / "html" / "book" / "course"
    units = [page for page in sorted(course.glob("*.html")) if page.stem not in OTHERS]
    if not units:
        raise FileNotFoundError(f"no units in {course}: make student builds them")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return "no handouts: they are printed by a Chromium browser (Debian: chromium)"
    target = folder / "handouts"
    target.mkdir(exist_ok=True)
    for page in units:
        paper = target / f"{page.stem}.pdf"
        print_page = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
            "--virtual-time-budget=30000", f"--print-to-pdf={paper}", page.resolve().as_uri(),
        ]  # fmt: skip
        done = subprocess.run(print_page, check=False, capture_output=True, text=True)
        if done.returncode or not paper.exists():
            why = last_words(done.stderr, "it says nothing")
            raise ChildProcessError(f"{browser} does not print {page}: {why}")
    return f"{len(units)} handouts in {target}"


OTHERS = ("index", "teachers-notes")  # pages of the course that are no units

if __name__ == "__main__":
    try:
        if sys.argv[1] == "--handouts":
            print(handouts(Path(sys.argv[2])))
        else:
            write(root(), Path(sys.argv[1]))
    except (OSError, ValueError) as error:
        sys.exit(f"{error}")
