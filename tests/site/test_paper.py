"""On paper a table fits its page."""

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from inclusions.site import paper


def page(*rows):
    """A document with a table of these rows, the first of them its head."""
    lines = [f"   * - {row[0]}\n" + "".join(f"     - {cell}\n" for cell in row[1:]) for row in rows]
    table = ".. list-table::\n   :header-rows: 1\n   :widths: auto\n\n" + "".join(lines)
    return publish_doctree(f"Before.\n\n{table}\nAfter.\n")


def printed(document):
    """The first table, widths of its columns as shares of the page, and what LaTeX is told."""
    (table,) = document.findall(nodes.table)
    paper.fit(table)
    widths = [column["colwidth"] for column in table.findall(nodes.colspec)]
    raw = [node.astext() for node in document.findall(nodes.raw)]
    return table, [width / sum(widths) for width in widths], raw


def test_a_table_that_fits_is_left_alone():
    table, _, raw = printed(page(["a", "b"], ["one", "two"]))
    assert "colwidths-given" not in table["classes"] and raw == []


def test_a_wide_table_breaks_its_long_cells_and_no_word():
    long = "many words that need not stand on one line of the page " * 3
    table, shares, raw = printed(page(["L", "text"], ["8", long], ["a-longer-name", long]))
    assert "colwidths-given" in table["classes"] and "colwidths-auto" not in table["classes"]
    assert shares[0] * paper.FONTS["normalsize"] >= len("a-longer-name")
    assert shares[1] > 0.7
    assert raw == [
        r"\begingroup\normalsize\setlength{\tabcolsep}{3pt}\binoppenalty=10000",
        r"\endgroup",
    ]


@pytest.mark.parametrize(
    ("columns", "font"), [(9, "footnotesize"), (10, "scriptsize"), (30, "tiny")]
)
def test_a_table_of_many_columns_has_the_largest_font_that_fits(columns, font):
    _, _, raw = printed(page(["12345678"] * columns, ["0.0123(4)"] * columns))
    assert raw[0].startswith(rf"\begingroup\{font}\set")


def test_a_long_one_in_the_text_may_break_between_pages():
    long = ["many words that need not stand on one line of the page " * 3]
    section, quoted = (printed(publish_doctree(
        f"Title\n=====\n\nText.\n\n{indent}.. list-table::\n{indent}   :widths: auto\n\n"
        + f"{indent}   * - {long[0]}\n" * (paper.LONG + 1),
        settings_overrides={"doctitle_xform": False},
    ))[0] for indent in ("", "   "))  # fmt: skip
    assert "longtable" in section["classes"] and "longtable" not in quoted["classes"]


def test_a_tall_narrow_one_may_break_too():
    tall = printed(publish_doctree(
        "Title\n=====\n\nText.\n\n.. list-table::\n\n" + "   * - 8\n" * (paper.TALL + 1),
        settings_overrides={"doctitle_xform": False},
    ))[0]  # fmt: skip
    assert "longtable" in tall["classes"]


def test_a_formula_is_as_wide_as_in_print():
    document = page(["a", "b"], ["1", r":math:`\gamma_\mathrm{XXZ}`"])
    entry = list(document.findall(nodes.entry))[-1]
    assert len(paper.printed(entry)) < 8


def test_a_power_of_ten_stays_on_one_line():
    long = "many words that need not stand on one line of the page " * 3
    _, shares, raw = printed(page(["n", "text"], [r":math:`1.23 \times 10^4`", long]))
    assert shares[0] * paper.FONTS["normalsize"] >= len("1.23 x 10") and "binoppenalty" in raw[0]


def test_code_is_wider_than_text():
    document = page(["a", "b"], ["1", "``abcdef``"])
    entry = list(document.findall(nodes.entry))[-1]
    assert len(paper.printed(entry)) == 8


def test_what_is_done_on_a_screen_is_not_asked_for_on_paper():
    document = publish_doctree(".. role:: onscreen\n\nCurves. :onscreen:`Move them.` So.")
    paper.leave_to_the_screen_what_is_done_there(document)
    assert document.astext() == "Curves.  So."


def test_a_card_is_a_paragraph():
    link = nodes.reference("", "", nodes.inline("", "Introduction"), refid="introduction")
    title = nodes.container("", nodes.TextElement("", "Read"))
    body = nodes.container("", title, nodes.paragraph("", "All anew."))
    document = publish_doctree("")
    document += nodes.container("", body, nodes.TextElement("", "", link), classes=["sd-card"])
    paper.write_cards_out(document)
    (card,) = document.children
    assert isinstance(card, nodes.paragraph) and card.astext() == "Read. All anew. Introduction"
    assert isinstance(card[0], nodes.strong) and card[-1] is link


def test_the_references_have_one_title():
    text = "Book\n====\n\nText.\n\nReferences\n----------\n\n{}\n\nEnd\n---\n"
    for content, kept in (("", []), ("A text.", ["References"])):
        document = publish_doctree(
            text.format(content), settings_overrides={"doctitle_xform": False}
        )
        paper.leave_the_references_their_title(document)
        titles = [title.astext() for title in document.findall(nodes.title)]
        assert titles == ["Book", *kept, "End"]
