"""A page of the book as a notebook for people: plain Markdown and cells that run anywhere.

Numbers in the text are those of the build, cells compute them again. Nothing is left of the book's
own markup: references carry the numbers that the book gave them, citations their links.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

PACKAGE = f"inclusions-{version('inclusions')}.tar.gz"

GUARD = f"""
try:
    import inclusions
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "this notebook needs the package inclusions: unpack the kit that the book offers for "
        "download, run `python -m pip install {PACKAGE} jupyterlab` in it, and start "
        "`jupyter lab` there"
    ) from None
""".strip()
"""The first cell that runs: without the package it says where that is."""

OPENING = f"""*From the book* Ergodic inclusions in many-body localized systems. *To run it: unpack
the kit that the book offers for download, and in its folder*

    python -m pip install {PACKAGE} jupyterlab
    jupyter lab

*Numbers in the text are those of the book; the cells compute them again. With the package, but
outside of the kit, set* `INCLUSIONS_DATA` *to the kit's folder* `data`."""


class Book(NamedTuple):
    """What pages refer to, each by its name or label."""

    texts: Mapping[str, str]  # glued texts and Markdown, of the page
    numbers: Mapping[str, str]  # "Fig. 2.1", "(2.3)", "Exercise 3.1", titles of sections
    citations: Mapping[str, str]  # Markdown: author and year, linked
    titles: Mapping[str, str]  # of pages, by the last part of their name
    notebooks: frozenset[str]  # pages that are notebooks, by the last part of their name


Instead = Callable[[re.Match[str], Book], str]

BLOCKS: tuple[tuple[str, Instead], ...] = (
    # a figure: its cell shows it
    (r"^:::\{glue:figure\} \S+\n---\nname: (\S+)\n.*?\n---\n\n?(.*?)\n\n\{glue:md\}[^\n]*\n:::\n",
     lambda m, book: f"**{book.numbers.get(m[1], 'Figure')}.** {m[2]}\n"),
    (r"^```\{glue:(?:md)?\} .*?^```\n", lambda m, book: ""),  # what a cell shows; sliders
    (r"^:::\{div\} provenance\n.*?^:::\n", lambda m, book: ""),
    (r"^:::\{table\} ([^\n]*)\n:name: (\S+)\n(.*?)^:::\n",
     lambda m, book: f"**{book.numbers.get(m[2], 'Table')}.** {m[1]}\n{m[3].rstrip()}\n"),
    (r"^:::\{exercise\} ([^\n]*)\n:label: (\S+)\n(.*?)^:::\n",
     lambda m, book: f"**{book.numbers.get(m[2], 'Exercise')}. {m[1]}**\n{m[3]}"),
    (r"^:::\{solution-start\} (\S+)\n.*?^:::\n",
     lambda m, book: f"**Solution of {book.numbers.get(m[1], 'the exercise').lower()}**\n"),
    (r"^:::\{solution-end\}\n:::\n", lambda m, book: ""),
    (r"^:::\{(?:admonition|dropdown)\} ([^\n]*)\n(?::class:[^\n]*\n)?(.*?)^:::\n",
     lambda m, book: _quoted(f"**{m[1]}**\n\n{m[2].strip()}")),
    (r"^:::\{grid-item-card\} ([^\n]*)\n((?::[^\n]*\n)*)(.*?)^:::\n",
     lambda m, book: f"**{m[1]}.** {m[3].strip()}\n"),
    (r"^::::\{(grid|dropdown)\} ([^\n]*)\n((?::[^\n]*\n)*)(.*?)^::::\n",
     lambda m, book: (f"**{m[2]}**\n\n" if m[1] == "dropdown" else "") + m[4].strip() + "\n"),
    (r"^\([\w-]+\)=\n|^\{\{ \w+ \}\}\n", lambda m, book: ""),  # names; what a build fills in
    (r"^\$\$ \((\S+)\)$",
     lambda m, book: f"\\tag{{{book.numbers.get(m[1], m[1]).strip('()')}}}\n$$"),
    (r"^(\[[^\n]*|\w[^\n]*)\n: ((?:[^\n]+\n?)+)", lambda m, book: f"- **{m[1]}**: {m[2]}"),
)  # fmt: skip
"""Directives, in this order, and what a notebook has instead."""

INLINE: tuple[tuple[str, Instead], ...] = (
    (r"\{glue:(?:text|md)\}`([\w-]+)(?::[^`]*)?`", lambda m, book: book.texts.get(m[1], "…")),
    (r"\{cite(?::\w)?\}`([^`]+)`",
     lambda m, book: ", ".join(book.citations.get(k.strip(), k) for k in m[1].split(","))),
    (r"\{(?:eq|numref|ref)\}`(?:[^`<]*<)?([\w-]+)>?`",
     lambda m, book: book.numbers.get(m[1], m[1])),
    (r"\[[^\]]*\]\{\.onscreen\}\s?", lambda m, book: ""),  # what sliders do
    (r"\{(su[bp])\}`([^`]*)`", lambda m, book: f"<{m[1]}>{m[2]}</{m[1]}>"),
    (r"\{download\}`([^`<]*?) *<[^`]*>`", lambda m, book: m[1]),
    (r"\{[\w:+-]+\}`~?([^`]*)`", lambda m, book: f"`{m[1]}`"),
    (r"\[([^\]\n]*)\]\((?:[\w./-]*/)?([\w-]+)\.md(?:#[\w-]*)?\)", lambda m, book: _page(m, book)),
    (r"\[([^\]\n]*)\]\(#?([a-z]+-[\w-]+)\)",
     lambda m, book: m[1] or book.numbers.get(m[2], m[2])),
)  # fmt: skip
"""Roles and links inside the book."""


def plain(text: str, book: Book) -> str:
    """Markdown of a page as every notebook shows it."""
    text += "\n"
    for rules, flags in ((BLOCKS, re.MULTILINE | re.DOTALL), (INLINE, re.NOFLAG)):
        for pattern, instead in rules:
            text = re.sub(pattern, partial(_replaced, instead, book), text, flags=flags)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines()) + "\n"


def _page(match: re.Match, book: Book) -> str:
    """A link to another page: to its notebook, where it is one."""
    text = match[1] or book.titles.get(match[2], match[2])
    if match[2] not in book.notebooks:
        return text
    return match[0].replace(f"[{match[1]}]", f"[{text}]").replace(".md", ".ipynb")


def notebook(executed: Mapping[str, Any], book: Book) -> dict[str, Any]:
    """A clean notebook, without outputs, from the executed one of a page (nbformat 4).

    A cell of parameters stays one, so that papermill replaces them in the notebook too.
    """
    cells = [_cell("markdown", OPENING), _cell("code", GUARD)]
    for cell in executed["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = plain(source, book)
        if source:
            kept = PARAMETERS & set(cell.get("metadata", {}).get("tags", ()))
            cells.append(_cell(cell["cell_type"], source, tags=kept))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4,
    }  # fmt: skip


PARAMETERS = frozenset({"parameters"})  # the tag that papermill looks for

MARKS = r"^:::\{solution-(start|end)\}.*?^:::\n?"


def without_solutions(executed: Mapping[str, Any]) -> dict[str, Any]:
    """The executed notebook of a page less what stands between solution-start and solution-end."""
    cells, inside = [], False
    for cell in executed["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts = re.split(MARKS, f"{text}\n", flags=re.MULTILINE | re.DOTALL)
            kept = [] if inside else [parts[0]]
            for mark, after in zip(parts[1::2], parts[2::2], strict=True):
                inside = mark == "start"
                kept += [] if inside else [after]
            text = "".join(kept).strip("\n")
        elif inside:
            text = ""
        if text:
            cells.append({**cell, "source": text})
    return {**executed, "cells": cells}


def _replaced(instead: Instead, book: Book, match: re.Match[str]) -> str:
    return instead(match, book)


def _cell(kind: str, source: str, tags: Iterable[str] = ()) -> dict[str, Any]:
    more: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    metadata = {"tags": [*tags]} if tags else {}
    return {"cell_type": kind, "metadata": metadata, "source": source, **more}
