"""The whole book, built once for all that look at it."""

import fcntl
import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from sources import ROOT, copy_sources, environment


@pytest.fixture(scope="session")
def book(tmp_path_factory, worker_id):
    """The book built from the committed data, by the command of `make book`; and its _build.

    Where tests run side by side the first that asks for it builds it, and the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    told, folder = shared / "book.json", shared / "book"
    with open(shared / "book.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(json.dumps(_build(folder)))
    return SimpleNamespace(**json.loads(told.read_text())), folder / "_build"


def _build(folder):
    """The book in a new folder: what the command ended with, and said."""
    folder.mkdir()
    copy_sources(folder)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"jupyter-book build (.*) \.$", makefile, re.MULTILINE)[1].split()
    tool = shutil.which("jupyter-book", path=environment()["PATH"])
    done = subprocess.run(
        [tool, "build", *options, "."],
        cwd=folder, env=environment(INCLUSIONS_DATA=ROOT / "data"), capture_output=True, text=True,
    )  # fmt: skip
    return {"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture(scope="session")
def html(book):
    """The folder of the built pages."""
    done, made = book
    assert (made / "html" / "index.html").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return made / "html"
