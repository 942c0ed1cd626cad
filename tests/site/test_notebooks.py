"""Pages become notebooks that every program shows and that run, or say what they need."""

import json
import re
import subprocess
import sys

import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from inclusions import site
from inclusions.site import notebooks
from inclusions.site.notebooks import Book, notebook, plain, without_solutions

BOOK = Book(
    texts={"ratio": "0.53(1)"},
    numbers={"fig-a": "Fig. 2.1", "eq-a": "(2.3)", "ex-a": "Exercise 3.1", "sec-a": "Ends"},
    citations={"atas2013": "[Atas et al. 2013](https://doi.org/10.1103/PhysRevLett.110.084101)"},
    titles={"model": "The model", "running": "Running it"},
    notebooks=frozenset({"model"}),
)


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("it is {glue:text}`ratio`.", "it is 0.53(1)."),
        ("{numref}`fig-a` and Eq. {eq}`eq-a`", "Fig. 2.1 and Eq. (2.3)"),
        ("see {cite}`atas2013`", f"see {BOOK.citations['atas2013']}"),
        ("[](../model.md), [it](running.md)", "[The model](../model.ipynb), it"),
        ("[the end](sec-a), [](sec-a)", "the end, Ends"),
        ("γ{sub}`5`", "γ<sub>5</sub>"),
        ("Curves. [Move\nit.]{.onscreen} So.", "Curves. So."),
        ("$$\na = b\n$$ (eq-a)", "$$\na = b\n\\tag{2.3}\n$$"),
        ("(sec-a)=\n## Ends", "## Ends"),
        ("It ends.\n\n{{ claims }}\n\nSo.", "It ends.\n\nSo."),
        ("To read\n: [The model](model.md)", "- **To read**: [The model](model.ipynb)"),
        (":::{admonition} Erratum: x\n:class: warning\n\nNo.\n:::", "> **Erratum: x**\n>\n> No."),
        (":::{exercise} Warm-up\n:label: ex-a\n\nDo.\n:::", "**Exercise 3.1. Warm-up**\n\nDo."),
        (
            ":::{solution-start} ex-a\n:label: sol-a\n:class: dropdown\n:::\n\nSo.\n\n"
            ":::{solution-end}\n:::",
            "**Solution of exercise 3.1**\n\nSo.",
        ),
        (
            ":::{glue:figure} a\n---\nname: fig-a\nalt: >\n  Words.\n---\n\nCurves.\n\n"
            "{glue:md}`a-provenance:myst`\n:::",
            "**Fig. 2.1.** Curves.",
        ),
        (":::{table} Slopes.\n:name: tab-b\n\n```{glue:md} b\n:format: myst\n```\n:::",
         "**Table.** Slopes."),
        ("::::{grid} 1 3\n:gutter: 3\n\n:::{grid-item-card} Read\n:link: model\n\nAll.\n:::\n::::",
         "**Read.** All."),
        ("::::{dropdown} More\n:::{table} Slopes.\n:name: tab-b\n\nNone.\n:::\n::::",
         "**More**\n\n**Table.** Slopes.\n\nNone."),
        ("as $x_{a}$ or `{glue}` has it", "as $x_{a}$ or `{glue}` has it"),
    ],
)  # fmt: skip
def test_markup_of_the_book_becomes_plain_markdown(page, shown):
    assert plain(page, BOOK) == shown


def cell(kind, source):
    return {"cell_type": kind, "source": source, "metadata": {}, "outputs": ["old"]}


PAGE = {
    "cells": [
        cell("markdown", "# Title\n\n:::{solution-start} ex-a\n:label: s\n:::\n\nSecret one."),
        cell("code", "secret = 1"),
        cell("markdown", "More.\n\n:::{solution-end}\n:::\n\nAfter."),
        cell("code", "x = 1"),
    ]
}


def test_a_notebook_opens_with_how_to_run_it_and_has_no_outputs():
    made = notebook(PAGE, BOOK)
    assert "pip install" in made["cells"][0]["source"]
    code = [one for one in made["cells"] if one["cell_type"] == "code"]
    assert [one["source"] for one in code] == [notebooks.GUARD, "secret = 1", "x = 1"]
    assert not any(one["outputs"] for one in code)


def test_papermill_finds_the_cell_of_parameters_in_a_notebook_of_a_page(tmp_path):
    parameters = cell("code", "length = 6") | {"metadata": {"tags": ["parameters", "hide-input"]}}
    page = {"cells": [*PAGE["cells"], parameters, cell("code", "print(length)")]}
    for one in (page, without_solutions(page)):
        (tmp_path / "page.ipynb").write_text(json.dumps(notebook(one, BOOK)))
        opened = load_notebook_node(str(tmp_path / "page.ipynb"))
        filled = parameterize_notebook(opened, {"length": 10})
        last = [one.source for one in filled.cells[-3:]]
        assert last[::2] == ["length = 6", "print(length)"] and "length = 10" in last[1]


def test_a_student_gets_what_stands_outside_of_solutions():
    made = notebook(without_solutions(PAGE), BOOK)
    text = "\n".join(one["source"] for one in made["cells"])
    assert "# Title" in text and "After." in text and "x = 1" in text
    assert not re.search("secret|Secret|More", text)


def test_without_the_package_the_first_cell_says_where_it_is(tmp_path):
    """In a Python that has no packages at all."""
    bare = [sys.executable, "-S", "-I", "-c", notebooks.GUARD]
    done = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "ModuleNotFoundError" in last and f"pip install {notebooks.PACKAGE}" in last


def test_what_a_page_glued_is_read_as_it_reads(tmp_path):
    prefix = "application/papermill.record/"
    outputs = {
        "number": {"data": {f"{prefix}text/plain": "'2.31(4)'"}},
        "line": {"data": {"text/markdown": ["a\n", "b"]}},
    }
    (tmp_path / "page.glue.json").write_text(json.dumps(outputs))
    assert site.glued(tmp_path / "page.glue.json") == {"number": "2.31(4)", "line": "a\nb"}
    assert site.glued(tmp_path / "none.glue.json") == {}
