"""What the kit packs of a folder of results."""

import json
import os
from zipfile import ZipFile

import pytest

from inclusions.site import kit


@pytest.fixture
def data(tmp_path):
    """Cached data in a folder where campaigns run, too."""
    entry = {"sha256": "0"}
    listed = {"files": {"a.nc": entry}, "controls": {"a.h5": entry, "means/m.h5": entry}}
    of_runs = [
        "ensembles/.b.nc.host-1", "ensembles/b.nc", "ensembles/a.nc.damaged", "controls/b.h5",
        "shards/a/0-1-1.0s.nc", "logs/workflow.log", "reports/mine/report.html",
        ".snakemake/log/1.log", ".ipynb_checkpoints/x.json", ".DS_Store",
    ]  # fmt: skip
    for name in [*CACHED, *of_runs]:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(listed))
    return tmp_path / "data"


CACHED = ["benchmarks/ranks.json", "controls/a.h5", "controls/means/m.h5", "ensembles/a.nc",
          "manifest.json"]  # fmt: skip


def test_the_kit_has_what_is_listed_and_nothing_that_runs_leave_beside_it(data, tmp_path):
    (tmp_path / "package.tar.gz").touch()
    os.utime(data / "ensembles" / "a.nc", (0, 0))  # before 1980, where dates in a zip begin
    kit.pack(tmp_path / "kit.zip", {"a.ipynb": "{}"}, data, "it", tmp_path / "package.tar.gz")
    names = ZipFile(tmp_path / "kit.zip").namelist()
    assert [name[9:] for name in names if name.startswith("kit/data/")] == CACHED
    assert set(names) > {"kit/README.txt", "kit/package.tar.gz", "kit/notebooks/a.ipynb"}
