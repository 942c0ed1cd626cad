from docutils.core import publish_doctree

from inclusions.site.describe import LONGEST, opening

LONG = "It asks whether a bubble of four states makes distant spins more thermal than they were."


def test_a_page_is_described_by_its_first_paragraph_of_some_length_without_a_formula():
    page = publish_doctree(f"Title\n=====\n\nShort.\n\nIt is :math:`x` {LONG}\n\n{LONG}\n\nMore.")
    assert opening(page) == LONG


def test_a_long_opening_ends_with_a_sentence_or_a_word():
    assert opening(publish_doctree(f"{LONG} {LONG} {LONG}")) == f"{LONG} {LONG}"
    words = opening(publish_doctree("many words without an end " * 20))
    assert words.endswith("words …") or words.endswith(" …")
    assert len(words) <= LONGEST + 2


def test_a_page_without_text_says_what_the_book_is():
    assert "reproducible" in opening(publish_doctree("Title\n====="))
