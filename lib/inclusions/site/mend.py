"""Mends the pages of a finished build: what breaks from disk, what a screen reader stumbles over.

Formulas stay on the line of the number or the punctuation they touch. Images have their sizes, and
a link to be enlarged by. The first cell of a row heads it. A long table folds under its caption.
"""

import re
from pathlib import Path

MENDED = (
    # Icons are rules of a style sheet (`lean`), not a script and three fonts.
    (r'<link rel="preload" as="font"[^>]*>\n?', ""),
    (r'<script src="[^"]*fontawesome[^"]*"></script>\n?', ""),
    (r'<link href="([^"]*)_static/vendor/fontawesome[^"]*" rel="stylesheet" />',
     r'<link href="\1_static/icons.css" rel="stylesheet" />'),
    (r'<i class="(fa[^"]*)"></i>', r'<i class="\1" aria-hidden="true"></i>'),
    # Where the data of a figure come from is one line, and opens to files and hashes.
    (r'<p>(Data: (?:(?!</p>|<i ).)*)<i class="files">(.*?)</i>(.*?)</p>',
     r'<details class="data"><summary>\1</summary><p>\2</p></details><p>\3</p>'),
    # Exercises and solutions all give one name to what they hold.
    (r' id="(?:exercise|solution)-content"', ""),
    # A link begins with its first word.
    (r'<a ([^>]*)> (?=Exercise)', r' <a \1>'),
    # What folds is called what it says.
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # The logo has its shape before it is there; its style sets how wide it is.
    (r'<img (src="[^"]*_static/logo\.svg" class)', r'<img width="260" height="64" \1'),
    # The search page has the theme's field and its own.
    (r'(id="search-input".*?) id="search-input"', r"\1"),
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
    (r'<th class="head([^"]*)">', r'<th class="head\1" scope="col">'),
    (r'(<tr class="row-(?:odd|even)">)<td([^>]*)>((?:(?!</tr>).)*?)</td>(?=\s*<td)',
     r'\1<th scope="row"\2>\3</th>'),
)  # fmt: skip
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


def mend_pages(out: Path) -> None:
    """Mend every page of a folder of built HTML."""
    for page in out.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        if (better := sized(mended(html), page.parent)) != html:
            page.write_text(better, encoding="utf-8")


def mended(html: str) -> str:
    """A page with all this done; doing it again changes nothing."""
    for pattern, replacement in MENDED:
        html = re.sub(pattern, replacement, html, flags=re.DOTALL)
    html = re.sub(TABLE, _folded, html, flags=re.DOTALL)
    html = re.sub(r"<summary.*?</summary>", _unlinked, html, flags=re.DOTALL)
    return re.sub(TOUCHING, _kept_together, html)


def _unlinked(match: re.Match) -> str:
    """What folds at a click is no place for links."""
    return re.sub(r"</?a\b[^>]*>", "", match[0])


LONG = 24  # rows; a table of more is opened by who wants it
TABLE = (
    r'<div class="pst-scrollable-table-container"><table class="table"(?: id="([^"]+)")?>\n'
    r'(?:<caption>((?:(?!</caption>|<a class="headerlink").)*)(?:<a class="headerlink".*?</a>)?'
    r"</caption>\n)?((?:(?!</table>).)*)</table>\n</div>"
)


def _folded(match: re.Match) -> str:
    """A table of many rows under a fold that has its caption, its name and its number of rows."""
    name, caption, content = match.groups()
    if (rows := content.count("<tr") - content.count("<thead")) <= LONG:
        return match[0]
    fold, label, said = "", f' aria-label="{rows} rows"', "A table of"
    if name and caption:
        fold, label = f' id="{name}"', f' aria-labelledby="{name}-caption"'
        said = f'<span id="{name}-caption">{caption}</span>'
    return (
        f'<details class="long"{fold}><summary>{said} <span class="rows">{rows} rows</span>'
        '</summary>\n<div class="pst-scrollable-table-container">'
        f'<table class="table"{label}>\n{content}</table>\n</div></details>'
    )


IMAGE = r'<img alt="([^"]*)" src="([^"]+\.svg)" ?/>'


def sized(html: str, folder: Path) -> str:
    """A page of this folder whose drawings have width and height, and a link to the drawing."""

    def with_size(image: re.Match) -> str:
        alt, source = image.groups()
        head = (folder / source).read_text(encoding="utf-8")[:2000]
        if (found := re.search(SIZE, head)) is None:
            return image[0]  # as the logo: it fills the width that it is given
        width, height = (round(float(n) * 4 / 3) for n in found.groups())  # pt
        size = f'width="{width}" height="{height}" style="--natural: {width}px"'
        drawn = f'<img alt="{alt}" src="{source}" {size} loading="lazy">'
        return f'<a class="enlarge" href="{source}" title="Enlarge">{drawn}</a>'

    return re.sub(IMAGE, with_size, html)


SIZE = r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"'


def _kept_together(match: re.Match) -> str:
    done, before, formula, after = (part or "" for part in match.groups())
    if not before and not after:
        return done + formula
    return f"{TOGETHER}{before}{formula}{after}</span>"
