"""What a page says of itself to search engines and to those who are sent a link to it."""

from html import escape
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
    """Put description, title and kind of a page into its head, and where its source is."""
    if doctree is None:
        return
    title = doctree.next_node(nodes.title)
    tags = {
        "og:type": "article",
        "og:site_name": app.config.project,
        "og:title": title.astext() if title else app.config.project,
        "og:description": opening(doctree),
    }
    if address := app.config.inclusions_address:
        tags["og:see_also"] = address.url
    lines = [f'<meta name="description" content="{escape(tags["og:description"])}" />']
    lines += [f'<meta property="{name}" content="{escape(text)}" />' for name, text in tags.items()]
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def opening(doctree: nodes.document) -> str:
    """The first sentences of a page's text, without formulas, up to a whole sentence or word.

    A paragraph of fewer than sixty characters, or with a formula, opens no page.
    """
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) >= 60 and paragraph.next_node(nodes.math) is None:
            break
    else:
        return "A reproducible paper: every figure and number computed while the book is built."
    if len(text) <= LONGEST:
        return text
    short = text[:LONGEST]
    if (end := max(short.rfind(mark) for mark in (". ", "? "))) > LONGEST // 3:
        return short[: end + 1]
    return f"{short.rsplit(' ', 1)[0].rstrip(',;:')} …"
