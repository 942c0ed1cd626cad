"""The examples of the documentation run and show what they say."""

import doctest
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import inclusions

TOP = Path(__file__).resolve().parents[1]
NO_LIBRARIES = ("__main__", "_ldl", "_products", "_windows")  # a program, and those in C
MODULES = [
    "inclusions",
    *(found.name for found in pkgutil.walk_packages(inclusions.__path__, "inclusions.")
      if not found.name.endswith(NO_LIBRARIES)),
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_show(name, monkeypatch):
    monkeypatch.chdir(TOP)
    assert doctest.testmod(import_module(name)).failed == 0


def test_the_examples_of_the_readme_run(monkeypatch):
    monkeypatch.chdir(TOP)
    parts = (TOP / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    examples = [part.split("```")[0] for part in parts]
    assert examples
    for code in examples:
        exec(compile(code, "README.md", "exec"), {})


def test_every_public_name_is_there_and_only_these():
    for name in inclusions.__all__:
        assert getattr(inclusions, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        inclusions.nothing  # noqa: B018
