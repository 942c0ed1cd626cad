"""Mends the pages of a finished build: what breaks from disk, what a screen reader stumbles over.

Formulas stay on the line of the number or the punctuation they touch.
"""

import re
from pathlib import Path

MENDED = (
    # Fonts of icons: the page draws its icons from a script, and a preload from disk is an error.
    (r'<link rel="preload" as="font"[^>]*>\n?', ""),
    # The side bar is a landmark, or what stands beside its navigation is in none.
    (
        r'<div class="bd-sidebar-primary bd-sidebar',
        '<div role="complementary" aria-label="Book" class="bd-sidebar-primary bd-sidebar',
    ),
    # A role that ARIA has given up, in a list that may not hold it.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r' role="doc-biblioentry"', ""),
    # An empty head of a column heads nothing.
    (r'<th class="head">(?:<p></p>)?</th>', '<td class="head"></td>'),
)
"""Patterns of HTML, and what stands there instead."""

TOGETHER = '<span class="together">'
TOUCHING = (
    # what is together already, with formulas and numbers in it
    rf"({TOGETHER}(?:[^<]|<span[^>]*>[^<]*</span>)*</span>)"
    # a number or text without a space, a formula, text without a space
    r'|(<span class="pasted-text">[^<]*</span>|[^\s<>]{1,30})?'
    r'(<span class="math[^>]*>[^<]*</span>)'
    r'(<span class="pasted-text">[^<]*</span>|[^\s<]{1,30})?'
)
"""Formulas and what they touch: "(p < 0.05)", "1.25 J", "L.". Lines break beside a formula, and
neither a space that does not break nor a word joiner stops browsers from it."""


def mend_pages(app, exception: Exception | None) -> None:
    """Mend every HTML page of a build that succeeded."""
    if exception or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        if (better := mended(html)) != html:
            page.write_text(better, encoding="utf-8")


def mended(html: str) -> str:
    """A page with all this done; doing it again changes nothing."""
    for pattern, replacement in MENDED:
        html = re.sub(pattern, replacement, html)
    return re.sub(TOUCHING, _kept_together, html)


def _kept_together(match: re.Match) -> str:
    done, before, formula, after = (part or "" for part in match.groups())
    if not before and not after:
        return done + formula
    return f"{TOGETHER}{before}{formula}{after}</span>"
