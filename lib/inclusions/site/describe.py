"""What a page says of itself to search engines and to those who are sent a link to it."""

import shutil
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # characters, about what is shown of a description


def describe(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Put description, title and kind of a page into its head, and where its source is.

    Where it is known where the book will be (INCLUSIONS_SITE), also its address and a picture.
    """
    if doctree is None:
        return
    title = doctree.next_node(nodes.title)
    tags = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": title.astext() if title else app.config.html_title,
        "og:description": opening(doctree),
    }
    if address := app.config.inclusions_address:
        tags["og:see_also"] = address.url
    if base := app.config.html_baseurl:
        tags["og:url"] = f"{base}{pagename}.html"
        if name := picture(doctree, Path(app.srcdir) / "_build" / "figures", Path(app.outdir)):
            tags |= {"og:image": f"{base}{name}", "twitter:card": "summary_large_image"}
    lines = [f'<meta name="description" content="{escape(tags["og:description"])}" />']
    lines += [f'<meta property="{name}" content="{escape(text)}" />' for name, text in tags.items()]
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def picture(doctree: nodes.document, drawn: Path, out: Path) -> str:
    """Copy a page's first figure that was drawn as PNG into the book: its place there, or ""."""
    for figure in doctree.findall(nodes.figure):
        for label in figure["ids"]:
            if (source := drawn / f"{label.removeprefix('fig-')}.png").exists():
                (out / "_images").mkdir(exist_ok=True)
                shutil.copy(source, out / "_images")
                return f"_images/{source.name}"
    return ""


def opening(doctree: nodes.document) -> str:
    """The first sentences of a page's text, up to a whole sentence or word.

    Of a paragraph with a formula these are the sentences before it. Captions open no page, nor do
    fewer than forty characters.
    """
    for paragraph in doctree.findall(nodes.paragraph):
        text = _before_formulas(paragraph)
        if isinstance(paragraph.parent, nodes.section) and len(text) >= 40:
            break
    else:
        return "A reproducible paper: every figure and number computed while the book is built."
    if len(text) <= LONGEST:
        return text
    short = text[:LONGEST]
    if (end := max(short.rfind(mark) for mark in (". ", "? "))) > LONGEST // 3:
        return short[: end + 1]
    return f"{short.rsplit(' ', 1)[0].rstrip(',;:')} …"


def _before_formulas(paragraph: nodes.paragraph) -> str:
    """The text of a paragraph, or its whole sentences before the first formula."""
    formula = paragraph.next_node(nodes.math)
    text, found = paragraph.astext(), formula is not None
    if found:
        text = text[: text.find(formula.astext())]
        text = text[: max(text.rfind(mark) for mark in (". ", "? ", ".\n", "?\n")) + 1]
    return " ".join(text.split())
