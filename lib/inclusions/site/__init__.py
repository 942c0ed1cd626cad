"""What the book's HTML has beyond its theme, as a Sphinx extension that _config.yml names.

Where the project has an address, pages link their source there, Binder and Colab (`addresses`), and
the citation has it (`citation`). Each page that computes is offered as a notebook that runs
anywhere (`notebooks`), all of them with package and data as one zip (`kit`). A page describes
itself (`describe`), and is mended after the build (`mend`). Paper has its own needs (`paper`).
"""

import ast
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from inclusions.machine import available_cores
from inclusions.places import BUILDER, data_folder, published
from inclusions.site import addresses, kit
from inclusions.site.describe import describe
from inclusions.site.fill import (
    PDF,
    as_text,
    fill,
    keep_together,
    with_named_defaults,
    without_aliases,
    without_raw_values,
)
from inclusions.site.lean import lighten
from inclusions.site.mend import mend_pages
from inclusions.site.notebooks import Book, notebook, without_solutions
from inclusions.site.paper import print_as_paper

Doctree = nodes.document | None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("config-inited", link_source)
    app.connect("builder-inited", name_builder)
    app.connect("builder-inited", read_side_by_side)
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", as_text, priority=400)  # before napoleon reads it
    app.connect("autodoc-process-signature", with_named_defaults)
    app.connect("autodoc-skip-member", without_aliases)
    app.connect("doctree-read", settle_exercises, priority=100)  # before code is linked
    app.connect("doctree-read", without_raw_values)
    app.connect("doctree-resolved", keep_together)
    app.connect("doctree-resolved", print_as_paper)
    app.connect("html-page-context", offer_notebook, priority=400)  # before the theme's buttons
    app.connect("html-page-context", offer_notebook, priority=900)  # which copy the executed one
    app.connect("html-page-context", offer_colab, priority=900)
    app.connect("html-page-context", describe)
    app.connect("build-finished", offer_kit)
    app.connect("build-finished", finish, priority=900)  # when MathJax is there
    return {"parallel_read_safe": True, "parallel_write_safe": True}


MOST = 4  # pages read at a time; each has a kernel of its own, with up to a gigabyte


def read_side_by_side(app: Sphinx) -> None:
    """Read pages, which runs them, on several cores: each has a serial kernel.

    Sphinx does so where every extension says that it is safe. Those that say nothing copy files
    or name classes, and read no page. It forks, which is safe on Linux alone.
    """
    if sys.platform != "linux":
        return
    app.parallel = min(MOST, available_cores())
    for extension in app.extensions.values():
        if extension.parallel_read_safe is None:
            extension.parallel_read_safe = True


def name_builder(app: Sphinx) -> None:
    """Tell the kernels of pages what the book is built for: only LaTeX needs figures as PDF."""
    os.environ[BUILDER] = app.builder.name


LINKED = {"github.com": "github", "gitlab.com": "gitlab"}
"""Hosts that the theme knows how to link."""


def link_source(app: Sphinx, config: Config) -> None:
    """Source, edit, issue and Binder links, where the repository has an address.

    Raises:
        SystemExit: INCLUSIONS_URL or INCLUSIONS_SITE is no address; an error would be told with the
            fifty lines of its way through Sphinx and Jupyter Book.
    """
    try:
        address, said = addresses.of(Path(app.srcdir))
        config.html_baseurl = published()
    except ValueError as error:
        sys.exit(str(error))
    config.inclusions_address = address
    if said:
        logging.getLogger(__name__).info(said)
    if address is None or address.host not in LINKED:
        return
    buttons = ("repository", "source", "edit_page", "issues")
    config.html_theme_options = {
        **config.html_theme_options,
        **{f"use_{name}_button": True for name in buttons},
        "repository_url": address.url,
        "repository_branch": BRANCH,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab",
        },
    }  # fmt: skip


BRANCH, NOTEBOOKS = "main", "notebooks"  # what is published: sources, and notebooks for Colab


def offer_colab(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Colab opens notebooks only, so its link is to those that the book's workflow publishes."""
    address = app.config.inclusions_address
    for group in context.get("header_buttons", ()):
        if group.get("label") == "launch-buttons" and address.host == "github.com":
            where = f"{address.owner}/{address.name}/blob/{NOTEBOOKS}/{pagename}.ipynb"
            group["buttons"].append({
                "type": "link", "text": "Colab", "tooltip": "Launch on Colab",
                "icon": "_static/images/logo_colab.png",
                "url": f"https://colab.research.google.com/github/{where}",
            })  # fmt: skip


def settle_exercises(app: Sphinx, doctree: nodes.document) -> None:
    """What an exercise or a solution says is no section of the page: all would have one id."""
    for node in list(doctree.findall(nodes.section)):
        if {"exercise-content", "solution-content"} & set(node["ids"]):
            node.replace_self(nodes.compound("", *node.children))


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Make the pages of a build that succeeded light and whole."""
    if not exception and app.builder.format == "html":
        if (paper := Path(app.outdir).parent / PDF).exists():
            shutil.copy(paper, app.outdir)
        lighten(Path(app.outdir))
        mend_pages(Path(app.outdir))


def executed(app: Sphinx, pagename: str) -> dict[str, Any] | None:
    """The executed notebook of a page; None if it computes nothing."""
    path = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def offer_notebook(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Put the page's notebook beside its source, where the theme's button links it."""
    if doctree is None or (page := executed(app, pagename)) is None:
        return
    copy = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(json.dumps(notebook(page, references(app, pagename)), indent=1), "utf-8")
    context["ipynb_source"] = f"{pagename}.ipynb"


def offer_kit(app: Sphinx, exception: Exception | None) -> None:
    """Write the kit into the book, and beside the book the one without solutions.

    Raises:
        SystemExit: a part of the kit is not there.
    """
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    whole, student = {}, {}
    for name in sorted(app.env.found_docs):
        if (page := executed(app, name)) is None:
            continue
        book = references(app, name)
        path = f"{name.removeprefix('book/')}.ipynb"
        whole[path] = json.dumps(notebook(page, book), indent=1)
        if name.startswith("book/course/") and not name.endswith("teachers-notes"):
            student[path] = json.dumps(notebook(without_solutions(page), book), indent=1)
    try:
        with tempfile.TemporaryDirectory() as place:
            package = kit.source_distribution(Path(place))
            kit.pack(out / f"{kit.NAME}.zip", whole, data_folder(), "the book's notebooks", package)
            kit.pack(
                out.parent / f"{kit.STUDENT}.zip", student, data_folder(),
                "the course without solutions", package,
            )  # fmt: skip
    except FileNotFoundError as error:
        sys.exit(str(error))


def references(app: Sphinx, pagename: str) -> Book:
    """What the text of a page refers to."""
    titles = {name.split("/")[-1]: title.astext() for name, title in app.env.titles.items()}
    return Book(
        texts=glued(Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.glue.json"),
        numbers=numbers(app.env),
        citations=citations(app.env),
        titles=titles,
        notebooks=frozenset(n.split("/")[-1] for n in app.env.found_docs if executed(app, n)),
    )


def glued(path: Path) -> dict[str, str]:
    """Texts and Markdown that a page has glued, by name."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    texts = {}
    for name, output in content.items():
        data = {kind.split("record/")[-1]: text for kind, text in output["data"].items()}
        if "text/markdown" in data:
            texts[name] = "".join(data["text/markdown"])
        elif "text/plain" in data:
            text = "".join(data["text/plain"])
            texts[name] = str(ast.literal_eval(text)) if text[:1] in "'\"" else text
    return texts


def numbers(env: BuildEnvironment) -> dict[str, str]:
    """The number as in "Fig. 2.1", "Table 3.2", "(2.4)", or the title of a section, by label."""
    standard = env.domaindata["std"]
    found = {label: title for label, (_, _, title) in standard["labels"].items()}
    for label, (page, anchor) in standard["anonlabels"].items():
        for kind, placed in env.toc_fignumbers.get(page, {}).items():
            if anchor in placed:
                form = env.config.numfig_format.get(kind, f"{kind.capitalize()} %s")
                found[label] = form % ".".join(map(str, placed[anchor]))
    for label, (page, counted) in env.domaindata["math"]["objects"].items():
        placed = env.toc_fignumbers.get(page, {}).get("displaymath", {})
        number = placed.get(f"equation-{label}", (counted,))
        found[label] = f"({'.'.join(map(str, number))})"
    return found


def citations(env: BuildEnvironment) -> dict[str, str]:
    """Author and year of each entry of the bibliography, linked to its DOI or preprint."""
    found = {}
    for one in env.domaindata["cite"]["citations"]:
        entry = one.entry
        people = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
        who = people[0] if len(people) == 1 else f"{people[0]} and {people[1]}"
        who = f"{people[0]} et al." if len(people) > 2 else who
        text = re.sub(r"[{}\\]", "", f"{who} {entry.fields.get('year', '')}")
        if doi := entry.fields.get("doi"):
            text = f"[{text}](https://doi.org/{doi})"
        elif eprint := entry.fields.get("eprint"):
            text = f"[{text}](https://arxiv.org/abs/{eprint})"
        found[one.key] = text
    return found
