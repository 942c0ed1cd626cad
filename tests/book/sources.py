"""The sources of the book for tests: where they are, a copy of them, the environment of a build."""

import os
import re
import sys
from pathlib import Path

import yaml

from inclusions import student

ROOT = Path(__file__).resolve().parents[2]


def environment(**more):
    """The environment in which pages and their tools run."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        **{name: str(value) for name, value in more.items()},
    }


def copy_sources(folder):
    """The sources of the book in another folder, with the files its pages include."""
    student.copy(ROOT, folder)
    return folder


def contents():
    """Names of all pages, without suffix, in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *chapters]


def figures_of(page):
    """Name glued, options and text of every figure of a page."""
    text = page.read_text(encoding="utf-8")
    pattern = r"^:::\{glue:figure\} (\S+)\n---\n(.*?)\n---\n(.*?)^:::$"
    found = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    assert len(found) == text.count("{glue:figure}"), "a figure is not written as pages.py says"
    return [(name, yaml.safe_load(options), body.strip()) for name, options, body in found]
