"""Pages are mended where they lie, without Sphinx itself."""

import re
from pathlib import Path

import pytest

from inclusions.site import mend

SIDE = '<div class="bd-sidebar-primary bd-sidebar hide">'


def test_mending_twice_is_mending_once():
    page = (
        '<link rel="preload" as="font" type="font/woff2" crossorigin href="a.woff2" />\n'
        f'{SIDE}<div role="list" class="citation-list"><div role="doc-biblioentry">'
    )
    once = mend.mended(page)
    assert "preload" not in once and "biblioentry" not in once and 'role="list"' not in once
    assert 'role="complementary"' in once
    assert mend.mended(once) == once


def test_the_logo_has_the_shape_that_its_drawing_has():
    page = mend.mended('<img src="../_static/logo.svg" class="logo__image only-light" alt="Home"/>')
    width, height = re.search(r'<img width="(\d+)" height="(\d+)" src=', page).groups()
    logo = Path(__file__).resolve().parents[2] / "book" / "_static" / "logo.svg"
    assert f'viewBox="0 0 {width} {height}"' in logo.read_text(encoding="utf-8")
    assert mend.mended(page) == page


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


def test_pages_are_mended_where_they_lie(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(SIDE)
    mend.mend_pages(tmp_path)
    assert page.read_text() == mend.mended(SIDE) != SIDE


def test_the_first_cell_of_a_row_heads_it_and_a_cell_alone_does_not():
    row = '<tr class="row-even"><td><p>3</p></td>\n<td><p>0.55</p></td>\n</tr>'
    alone = '<tr class="row-odd"><td><p>only</p></td>\n</tr>'
    once = mend.mended(f"{alone}\n{row}")
    assert once.startswith(alone)
    assert '<th scope="row"><p>3</p></th>\n<td><p>0.55</p></td>' in once
    assert mend.mended(once) == once


def test_what_folds_has_no_links():
    page = '<details><summary class="a">Of <a href="#x">Fig. 1</a></summary><a href="#y">it</a>'
    assert mend.mended(page) == (
        '<details><summary class="a">Of Fig. 1</summary><a href="#y">it</a>'
    )


def test_what_folds_is_called_what_it_says():
    page = '<summary aria-label="Toggle hidden content">Show code</summary>'
    assert mend.mended(page) == "<summary>Show code</summary>"


def test_a_link_to_an_exercise_begins_with_its_first_word():
    title = '<p class="title">Solution to<a class="internal" href="#one"> Exercise 1.1</a></p>'
    assert 'Solution to <a class="internal" href="#one">Exercise 1.1</a>' in mend.mended(title)


def test_exercises_share_no_name():
    page = '<div class="compound" id="exercise-content"><div class="a" id="solution-content">'
    assert mend.mended(page) == '<div class="compound"><div class="a">'


def test_the_data_of_a_figure_are_a_line_that_opens():
    page = '<p>Data: 2 ensembles. <i class="files"><a href="d">f</a> (1).</i> Download: SVG.</p>'
    assert mend.mended(page) == (
        '<details class="data"><summary>Data: 2 ensembles. </summary>'
        '<p><a href="d">f</a> (1).</p></details><p> Download: SVG.</p>'
    )


def test_drawings_have_their_size_and_open_large(tmp_path):
    (tmp_path / "a.svg").write_text('<svg xmlns="x" width="504pt" height="243.9pt" viewBox="0">')
    page = '<figure><img alt="Two curves" src="a.svg" /></figure>'
    once = mend.sized(page, tmp_path)
    assert 'width="672" height="325"' in once and 'loading="lazy"' in once
    assert '<a class="enlarge" href="a.svg"' in once
    assert mend.sized(once, tmp_path) == once


def table_of(rows):
    body = "".join(f"<tr><th>{n}</th><td>a</td></tr>\n" for n in range(rows))
    return (
        '<div class="pst-scrollable-table-container"><table class="table" id="tab-a">\n'
        '<caption>All <b>of <a href="#x">it</a></b>.'
        '<a class="headerlink" href="#tab-a">#</a></caption>\n'
        f"<thead>\n<tr><td></td></tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>"
    )


def test_a_long_table_folds_under_its_caption_and_keeps_its_name():
    assert "<details" not in mend.mended(table_of(mend.LONG))
    once = mend.mended(table_of(36))
    assert '<details class="long" id="tab-a"><summary>' in once
    assert ">All <b>of it</b>.</span>" in once and "36 rows</span></summary>" in once
    assert once.count('id="tab-a"') == 1 and "headerlink" not in once


def test_folding_twice_is_folding_once_with_a_caption_or_without():
    bare = re.sub(' id="tab-a"|<caption>.*?</caption>\n', "", table_of(72))
    for page in (table_of(36), bare):
        once = mend.mended(page)
        assert once.count("<details") == 1 and mend.mended(once) == once


@pytest.mark.parametrize("end", [" />", "/>"])
def test_a_drawing_has_its_size_and_a_link_however_its_tag_ends(end, tmp_path):
    (tmp_path / "a.svg").write_text('<svg width="300pt" height="150.5pt">')
    page = mend.sized(f'<img alt="what it shows" src="a.svg"{end}', tmp_path)
    (tmp_path / "logo.svg").write_text('<svg viewBox="0 0 3 3">')
    logo = f'<img alt="the logo" src="logo.svg"{end}'
    assert mend.sized(logo, tmp_path) == logo
    assert 'width="400" height="201"' in page and '<a class="enlarge" href="a.svg"' in page
