"""What several test files share."""

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from inclusions import campaign, ensemble, workers
from inclusions.__main__ import main

# The problems are small: several threads would only wait for one another.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # for libraries and processes to come
threadpool_limits(workers.threads())

settings.register_profile("inclusions", deadline=None)  # no test asserts a time
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "inclusions")

LONGEST = ("test_built_book.py", "test_slurm.py", "test_pages.py", "test_course.py", "test_kit.py")


def pytest_collection_modifyitems(items):
    """The files that take longest begin first: none is left to run alone at the end."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session")
def physics():
    """A function: all that a campaign has in a folder of results, without times and memory."""

    def gather(path, data):
        return {
            place.name: place.load().drop_vars(["seconds", "peak_memory"]).drop_attrs()
            for one in campaign.load(path).ensembles
            for place in [ensemble.place_of(one, data)]
        }

    return gather


class Outcome(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def command_line(capfd, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """A function: runs `inclusions ARGUMENTS` in this process, in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["inclusions", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    return run
