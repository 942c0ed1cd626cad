"""What the printed book has of its own: tables that fit their page, and no lines of data files."""

import re
from itertools import zip_longest

from docutils import nodes
from sphinx.application import Sphinx

FONTS = {"normalsize": 92, "small": 102, "footnotesize": 115, "scriptsize": 130, "tiny": 180}
"""Characters on a line of the page, by the size of the font."""
GAP = 2
"""Characters that the space between two columns takes."""
LONG, TALL = 12, 20
"""Rows that stay on one page, of a wide table and of a narrow one."""


def print_as_paper(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """What only paper needs, once all pages are one document."""
    if app.builder.format != "latex":
        return
    keep_data_for_the_appendix(doctree)
    leave_the_references_their_title(doctree)
    leave_to_the_screen_what_is_done_there(doctree)
    write_cards_out(doctree)
    for table in list(doctree.findall(nodes.table)):
        fit(table)


def keep_data_for_the_appendix(doctree: nodes.document) -> None:
    """The files behind a figure are left to the list of all data."""
    for opening in list(doctree.findall(lambda n: 'class="files"' in n.astext())):
        if opening.tagname != "raw":
            continue
        siblings = opening.parent.children
        first = siblings.index(opening)
        closing = (i for i in range(first, len(siblings)) if siblings[i].astext() == "</i>")
        del siblings[first : next(closing) + 1]


def leave_the_references_their_title(doctree: nodes.document) -> None:
    """LaTeX gives the list of references a chapter of its own, so their page, empty now, goes."""
    for page in list(doctree.findall(nodes.section)):
        title = page.next_node(nodes.title)
        if "references" in page["ids"] and title and page.astext().strip() == title.astext():
            page.parent.remove(page)


def leave_to_the_screen_what_is_done_there(doctree: nodes.document) -> None:
    """Nothing is moved or downloaded on paper."""
    for words in list(doctree.findall(nodes.inline)):
        if "onscreen" in words["classes"]:
            words.parent.remove(words)


def write_cards_out(doctree: nodes.document) -> None:
    """A card is a paragraph: its title, what it says, and the page that it leads to."""
    for card in list(doctree.findall(nodes.container)):
        if "sd-card" in card["classes"]:
            title, link = card.next_node(nodes.Text), list(card.findall(nodes.reference))[-1]
            said = [word for text in card.findall(nodes.paragraph) for word in text.children]
            name = nodes.strong("", f"{title}. ")
            card.replace_self(nodes.paragraph("", "", name, *said, nodes.Text(" "), link))


def fit(table: nodes.table) -> None:
    """Give a table that is wider than the page columns by their content, and a font that fits.

    A column is as wide as its longest word at least, and gets of what is left in proportion to
    its longest cell. A long one may break between pages, where it stands in the text by itself.
    """
    rows = [[printed(entry) for entry in row] for row in table.findall(nodes.row)]
    columns = list(zip_longest(*rows, fillvalue=""))
    whole = [max(map(len, column)) for column in columns]
    words = [max(len(word) for cell in column for word in cell.split() or [""])
             for column in columns]  # fmt: skip
    gaps = GAP * len(columns)
    wide = sum(whole) + gaps > FONTS["normalsize"]
    if len(rows) > (LONG if wide else TALL) and isinstance(table.parent, nodes.section):
        table["classes"].append("longtable")
    if not wide:
        return
    fitting = (f for f, line in FONTS.items() if 1.15 * sum(words) + gaps <= line)
    font = next(fitting, "tiny")
    spare = max(FONTS[font] - gaps - sum(words), 0) / max(sum(whole) - sum(words), 1)
    table["classes"] = [c for c in table["classes"] if c != "colwidths-auto"] + ["colwidths-given"]
    for column, word, cell in zip(table.findall(nodes.colspec), words, whole, strict=True):
        column["colwidth"] = round(10 * (word + spare * (cell - word) + GAP))
    place = table.parent.index(table)
    table.parent.insert(place + 1, nodes.raw("", r"\endgroup", format="latex"))
    narrow = rf"\begingroup\{font}\setlength{{\tabcolsep}}{{3pt}}\binoppenalty=10000"
    table.parent.insert(place, nodes.raw("", narrow, format="latex"))


def printed(entry: nodes.entry) -> str:
    """The text of a cell about as long as it is in print: formulas are shorter, code is wider."""
    text = entry.astext()
    for formula in entry.findall(nodes.math):
        short = re.sub(r"\\[a-z]+|[{}_^$\s\\]",
                       lambda m: "x" * (3 if m[0] == r"\times" else len(m[0]) > 1),
                       formula.astext())  # fmt: skip
        text = text.replace(formula.astext(), short)
    for code in entry.findall(nodes.literal):
        text = text.replace(code.astext(), code.astext() + "x" * (len(code.astext()) // 3))
    return text
