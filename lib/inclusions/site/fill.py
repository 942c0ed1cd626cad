"""Parts of pages that are written when the book is read, so that they have headings and labels.

A page holds {{ name }} where such a part goes: `bibtex`, the entries to cite; `claims`, a section
for each claim of the scorecard, whose text a cell of the page glues; `data`, all cached ensembles;
`api`, the package's modules from their docstrings; `pdf`, a link to the book on paper.
"""

import ast
import json
import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import inclusions
from inclusions.claims import CLAIMS
from inclusions.claims.report import escaped
from inclusions.pages import by_numbers, family, family_label
from inclusions.places import data_folder
from inclusions.site import citation
from inclusions.text import grouped, rounded, spread


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Write the parts that a page asks for."""
    parts: dict[str, Callable[[], str]] = {
        "bibtex": lambda: citation.of(Path(app.srcdir), app.config.inclusions_address),
        "claims": claims,
        "data": lambda: data(data_folder()),
        "api": api,
        "pdf": lambda: pdf(Path(app.outdir).parent),
    }
    for name, write in parts.items():
        place = f"{{{{ {name} }}}}"
        if place in source[0]:
            source[0] = source[0].replace(place, write())


def pdf(build: Path) -> str:
    """A link to the PDF, if `make pdf` has made it."""
    if not (build / PDF).exists():
        return ""
    return f'To print: <a href="../{PDF}">the book as PDF</a>.'


PDF = "inclusions.pdf"


def claims() -> str:
    """A section for each claim; a cell of the page glues `claim-c1` and so on."""
    return "\n".join(
        f"({claim.id.lower()})=\n### {claim.id}. {escaped(claim.claim)}\n\n"
        f"```{{glue:md}} claim-{claim.id.lower()}\n:format: myst\n```\n"
        for claim in CLAIMS
    )


def data(folder: Path) -> str:
    """A section for each system and length, with size, cost and hash of each of its files."""
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    families = defaultdict(list)
    for name in sorted(listed, key=by_numbers):
        families[family(name)].append(name)
    sections = []
    for title, names in families.items():
        entries = [listed[name] for name in names]
        rows = [
            f"| `{name.removeprefix(title).removeprefix('-')}` | {entry['realizations']} "
            f"| {rounded(entry['core_hours'])} | `{entry['sha256'][:16]}` |"
            for name, entry in zip(names, entries, strict=True)
        ]
        counts = spread([entry["realizations"] for entry in entries])
        cost = rounded(sum(entry["core_hours"] for entry in entries))
        total = grouped(sum(entry["realizations"] for entry in entries))
        sections.append("\n".join([
            f"({family_label(title)})=", f"## {title}", "",
            f"{len(names)} file{'s' * (len(names) > 1)} of {counts} realizations"
            f"{f', {total} in all' * (len(names) > 1)}, {cost} core-hours.", "",
            ":::{dropdown} Files", "",
            "| file | realizations | core-hours | SHA-256 begins |", "| --- | --- | --- | --- |",
            *rows, ":::", "",
        ]))  # fmt: skip
    return "\n".join(sections)


def api() -> str:
    """A section for each module of the package, written by autodoc."""
    found = (one.name for one in pkgutil.walk_packages(inclusions.__path__, "inclusions."))
    return "\n".join(
        f"## {module.removeprefix('inclusions.')}\n\n"
        f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n"
        for module in found
        if not re.search(INSIDE, module)
    )


INSIDE = r"\.(site|commands|__main__|_\w+)\b|\.(eigen|store|controls)\.|kernels"
"""Modules that no reader of a page meets, or whose package shows what is in them."""


def as_text(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Docstrings are plain text with code in single backticks: nothing else in them is markup.

    Of a module the first sentence is told, which the list of rooms has too. What a constant is may
    have a colon, before which Napoleon would see a type if the text did not begin with a comment.
    """
    if what == "module":
        del lines[1:]
    if what in ("data", "attribute", "property"):
        lines[:0] = ["..", ""]
    for number, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        parts = re.split(r"(`[^`]+`)", line.replace("```", ""))
        parts[::2] = [re.sub(r"([*|\\]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(f"`{part}`" if part[:1] == "`" else part for part in parts)


def without_aliases(
    app: Sphinx, what: str, name: str, obj: object, skipped: bool, options: object
) -> bool | None:
    """Leave out fields of named tuples, of which Python says no more than their signature does."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") else None


def with_named_defaults(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Call a function that is a default by its name, and one without a name by an ellipsis."""
    if signature:
        signature = re.sub(UNNAMED, "...", signature)
        signature = re.sub(NAMED, r"\1", signature)
    return signature, returns


UNNAMED, NAMED = r"<function [\w.]*<lambda>>", r"<function ([\w.]+)>"


def without_raw_values(app: Sphinx, doctree: nodes.document) -> None:
    """Leave out what constants are if it fills lines, or is this machine's or no number or text."""
    for value in list(doctree.findall(addnodes.desc_annotation)):
        sign, told = value.astext().strip()[:1], value.astext().strip()[1:].strip()
        if sign == "=" and not (len(told) < LINE and _literal(told)):
            value.parent.remove(value)


APART = re.compile(r"(?<=\w) ([=≤≥<>≈]) (?=[−\d])|(?<=[\d)]) (?=J\b)")


VERBATIM = (nodes.literal, nodes.math, nodes.FixedTextElement)  # with blocks of code and raw HTML


def keep_together(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """No line ends between a symbol and its number, nor between a number and J."""
    for words in list(doctree.findall(nodes.Text)):
        if not isinstance(words.parent, VERBATIM) and APART.search(words):
            together = APART.sub(lambda found: found[0].replace(" ", "\xa0"), words)
            words.parent.replace(words, nodes.Text(together))


LINE = 90  # characters


def _literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
