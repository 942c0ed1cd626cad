"""The kit that the built book offers, on a machine with Python alone."""

import json
import re
import subprocess
import sys
import venv
from zipfile import ZipFile

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from sources import contents

pytestmark = pytest.mark.timeout(1800)  # the first test may wait for the whole book

UNITS = [name for name in contents() if name.startswith("book/course/")]
UNITS = [name for name in UNITS if not name.endswith(("index", "teachers-notes"))]
RUN_FROM_THE_KIT = [*UNITS, "book/gap-ratios", "book/model"]


@pytest.fixture(scope="module")
def kit(html, tmp_path_factory):
    """The unpacked kit, and a Python in an environment of its own.

    It has the kit's package and what packages that needs, and knows of no repository and no proxy
    that would lead anywhere.
    """
    folder = tmp_path_factory.mktemp("kit")
    with ZipFile(html / "inclusions-kit.zip") as archive:
        archive.extractall(folder)
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv").glob("lib/*/site-packages")
    (site / "needed.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")))
    (package,) = folder.glob("*/inclusions-*.tar.gz")
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", package]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    return folder / "inclusions-kit", python


def test_the_kit_says_in_five_lines_how_to_run_it(kit):
    folder, _ = kit
    lines = (folder / "README.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert "pip install" in lines[1] and "jupyter lab" in lines[2]
    assert (folder / re.search(r"inclusions-\S+\.tar\.gz", lines[1])[0]).exists()


@pytest.mark.parametrize("name", RUN_FROM_THE_KIT)
def test_a_notebook_of_the_kit_runs_where_only_the_kit_is(name, kit, tmp_path, monkeypatch):
    folder, python = kit
    for variable in ("INCLUSIONS_DATA", "PYTHONPATH"):
        monkeypatch.delenv(variable, raising=False)
    for protocol in ("http", "https"):
        monkeypatch.setenv(f"{protocol}_proxy", "http://127.0.0.1:9")
    notebook = nbformat.read(folder / "notebooks" / f"{name[5:]}.ipynb", as_version=4)
    where = "import inclusions, pathlib; print(pathlib.Path(inclusions.__file__).parent)"
    notebook.cells.append(nbformat.v4.new_code_cell(where))
    (tmp_path / "kernels" / "kit").mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "kit", "language": "python"}
    (tmp_path / "kernels" / "kit" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")])
    kernel = KernelManager(kernel_name="kit", kernel_spec_manager=specs)
    home = {"metadata": {"path": str((folder / "notebooks" / name[5:]).parent)}}
    try:
        done = NotebookClient(notebook, km=kernel, timeout=600, resources=home).execute()
    finally:
        kernel.shutdown_kernel(now=True)
    assert done.cells[-1].outputs[0].text.startswith(str(python.parents[1]))
