from docutils import nodes
from docutils.core import publish_doctree

from inclusions.site.describe import LONGEST, opening, picture

LONG = "It asks whether a bubble of four states makes distant spins more thermal than they were."


def page(text):
    """A document with a title that is a section, as pages have it."""
    return publish_doctree(text, settings_overrides={"doctitle_xform": False})


def test_a_page_is_described_by_its_first_paragraph_of_some_length():
    assert opening(page(f"Title\n=====\n\nShort.\n\n{LONG}\n\nMore.")) == LONG


def test_of_a_paragraph_with_a_formula_the_sentences_before_it_describe_the_page():
    asked = "Does the bubble make distant spins more thermal? How thermal a spin is says"
    text = f"Title\n=====\n\n.. figure:: a.png\n\n   {LONG}\n\n{asked} :math:`x`. {LONG}"
    assert opening(page(text)) == "Does the bubble make distant spins more thermal?"


def test_a_long_opening_ends_with_a_sentence_or_a_word():
    assert opening(page(f"Title\n=====\n\n{LONG} {LONG} {LONG}")) == f"{LONG} {LONG}"
    words = opening(page("Title\n=====\n\n" + "many words without an end " * 20))
    assert words.endswith("words …") or words.endswith(" …")
    assert len(words) <= LONGEST + 2


def test_a_page_without_text_says_what_the_book_is():
    assert "reproducible" in opening(page("Title\n====="))


def test_the_picture_of_a_page_is_its_first_figure_that_was_drawn_for_it(tmp_path):
    drawn, out = tmp_path / "figures", tmp_path / "html"
    drawn.mkdir()
    out.mkdir()
    document = page("Title\n=====\n\nText.")
    document += [nodes.figure(ids=[f"fig-{name}"]) for name in "ab"]
    assert picture(document, drawn, out) == ""
    (drawn / "b.png").write_bytes(b"drawn")
    assert picture(document, drawn, out) == "_images/b.png"
    assert (out / "_images" / "b.png").read_bytes() == b"drawn"
