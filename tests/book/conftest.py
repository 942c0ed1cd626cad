"""The whole book, built once for all tests that look at it."""

import re
import shutil
import subprocess

import pytest
from sources import ROOT, copy_sources, environment


def pytest_collection_modifyitems(items):
    """Whichever test comes first waits for the whole book."""
    for item in items:
        if "book" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The book built from the committed data, by the command of `make book`; and its _build."""
    folder = copy_sources(tmp_path_factory.mktemp("book"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"jupyter-book build (.*) \.$", makefile, re.MULTILINE)[1].split()
    tool = shutil.which("jupyter-book", path=environment()["PATH"])
    done = subprocess.run(
        [tool, "build", *options, "."],
        cwd=folder, env=environment(INCLUSIONS_DATA=ROOT / "data"), capture_output=True, text=True,
    )  # fmt: skip
    return done, folder / "_build"
