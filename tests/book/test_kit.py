"""The kits that the built book offers, on a machine with Python alone."""

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

WHOLE, STUDENTS = "inclusions-kit", "inclusions-student-kit"
UNITS = [name[5:] for name in contents() if name.startswith("book/course/")]
UNITS = [name for name in UNITS if not name.endswith(("index", "teachers-notes"))]
NOTEBOOKS = [*((STUDENTS, unit) for unit in UNITS), (WHOLE, "gap-ratios"), (WHOLE, "model")]


@pytest.fixture(scope="module")
def kits(html, tmp_path_factory):
    """The folder of both unpacked kits, and a Python in an environment of its own.

    It has the kit's package and what packages that needs, and knows of no repository and no proxy
    that would lead anywhere.
    """
    folder = tmp_path_factory.mktemp("kit")
    for archive in (html / f"{WHOLE}.zip", html.parent / f"{STUDENTS}.zip"):
        ZipFile(archive).extractall(folder)
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv").glob("lib/*/site-packages")
    (site / "needed.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")))
    (package,) = folder.glob(f"{WHOLE}/inclusions-*.tar.gz")
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", package]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    return folder, python


@pytest.mark.parametrize("kit", [WHOLE, STUDENTS])
def test_a_kit_says_in_five_lines_how_to_run_it(kit, kits):
    folder = kits[0] / kit
    lines = (folder / "README.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert "pip install" in lines[1] and "jupyter lab" in lines[2]
    assert (folder / re.search(r"inclusions-\S+\.tar\.gz", lines[1])[0]).exists()


@pytest.mark.parametrize("kit, name", NOTEBOOKS)
def test_a_notebook_of_a_kit_runs_where_only_the_kit_is(kit, name, kits, tmp_path, monkeypatch):
    folder, python = kits
    for variable in ("INCLUSIONS_DATA", "PYTHONPATH"):
        monkeypatch.delenv(variable, raising=False)
    for protocol in ("http", "https"):
        monkeypatch.setenv(f"{protocol}_proxy", "http://127.0.0.1:9")
    notebook = nbformat.read(folder / kit / "notebooks" / f"{name}.ipynb", as_version=4)
    where = "import inclusions, pathlib; print(pathlib.Path(inclusions.__file__).parent)"
    notebook.cells.append(nbformat.v4.new_code_cell(where))
    (tmp_path / "kernels" / "kit").mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "kit", "language": "python"}
    (tmp_path / "kernels" / "kit" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")])
    kernel = KernelManager(
        kernel_name="kit", kernel_spec_manager=specs, transport="ipc", ip=f"{tmp_path}/kernel"
    )
    home = {"metadata": {"path": str((folder / kit / "notebooks" / name).parent)}}
    try:
        done = NotebookClient(notebook, km=kernel, timeout=600, resources=home).execute()
    finally:
        kernel.shutdown_kernel(now=True)
    assert done.cells[-1].outputs[0].text.startswith(str(python.parents[1]))
    said = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [output.text for output in said if output.get("name") == "stderr"]
