"""Pages are mended where they lie, without Sphinx itself."""

from types import SimpleNamespace

import pytest

from inclusions.site import mend

SIDE = '<div class="bd-sidebar-primary bd-sidebar hide">'


@pytest.fixture
def app(tmp_path):
    (tmp_path / "html").mkdir()
    return SimpleNamespace(outdir=str(tmp_path / "html"), builder=SimpleNamespace(format="html"))


def test_mending_twice_is_mending_once():
    page = (
        '<link rel="preload" as="font" type="font/woff2" crossorigin href="a.woff2" />\n'
        f'{SIDE}<div role="list" class="citation-list"><div role="doc-biblioentry">'
    )
    once = mend.mended(page)
    assert "preload" not in once and "biblioentry" not in once and 'role="list"' not in once
    assert 'role="complementary"' in once
    assert mend.mended(once) == once


FORMULA = r'<span class="math notranslate nohighlight">\(p\)</span>'
VALUE = '<span class="pasted-text">1.25(3)</span>'


@pytest.mark.parametrize(
    ("html", "joined"),
    [
        (f"p: ({FORMULA}) is", f"p: {{({FORMULA})}} is"),
        (f"<p>{FORMULA}.</p>", f"<p>{{{FORMULA}.}}</p>"),
        (f"by {VALUE}{FORMULA}; or", f"by {{{VALUE}{FORMULA};}} or"),
        (f"{FORMULA}{VALUE}", f"{{{FORMULA}{VALUE}}}"),
        (f"by {FORMULA} and <em>{FORMULA}</em>", f"by {FORMULA} and <em>{FORMULA}</em>"),
    ],
)
def test_a_formula_stays_on_the_line_of_what_it_touches(html, joined):
    once = mend.mended(html)
    assert once == joined.replace("{", '<span class="together">').replace("}", "</span>")
    assert mend.mended(once) == once


def test_pages_are_mended_where_they_lie_and_only_after_a_build_that_succeeded(app, tmp_path):
    page = tmp_path / "html" / "page.html"
    page.write_text(SIDE)
    mend.mend_pages(app, ValueError("no"))
    assert page.read_text() == SIDE
    mend.mend_pages(app, None)
    assert page.read_text() == mend.mended(SIDE) != SIDE
