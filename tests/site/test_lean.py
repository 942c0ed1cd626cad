"""A finished book loses what nobody loads, and keeps what its pages show."""

import json
import re

import pytest

from inclusions.site import lean

DRAWINGS = (
    'a={"github":[496,512,[],"f09b","M1 1"]};b={"file":[384,512,[],"f15b","M2 2"]};'
    'c={"file":[384,512,[],"f15b","M3 3"],bars:[448,512,["navicon"],"f0c9","M4 4"]'
    + "".join(f',"{name}":[1,1,[],"f0","M5"]' for name in set(lean.BY_PSEUDO_ELEMENT.values()))
    + "}"
)
PAGE = """<html><head></head><body><i class="fas fa-file"></i><i class="fab fa-github"></i>
<article class="a"><section id="one"><h1>One<a class="headerlink" href="#">#</a></h1>
<p>A word &amp; more.</p><pre>code</pre></section>
<img src="../_images/0a.svg"><a href="../_downloads/1/name.svg">SVG</a></article></body></html>"""


@pytest.fixture
def out(tmp_path):
    """A folder as Sphinx leaves it, with one page."""
    files = {
        "book/page.html": PAGE,
        "search.html": "<head></head>",
        "_static/vendor/fontawesome/6.5.2/js/all.min.js": DRAWINGS,
        "_static/mathjax/tex-chtml.js": "",
        "_static/mathjax/tex-svg.js": "",
        "_static/mathjax/input/mml.js": "",
        "_static/mathjax/input/tex/extensions/physics.js": "",
        "_static/mathjax/output/chtml/fonts/woff-v2/a.woff": "",
        "_static/scripts/bootstrap.js.map": "",
        "_static/locales/de.po": "",
        "_images/0a.svg": "<svg/>\n",
        "_downloads/1/name.svg": "<svg/>",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lean.lighten(tmp_path)
    return tmp_path


def test_what_no_page_loads_goes_and_what_pages_load_stays(out):
    left = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    loaded = ("tex-chtml.js", "input/mml.js", "output/chtml/fonts/woff-v2/a.woff")
    assert {f"_static/mathjax/{name}" for name in loaded} <= left
    assert not re.findall(r"fontawesome|tex-svg|\.map|locales|physics", " ".join(left))


def test_every_icon_of_a_page_is_drawn_solid_or_by_its_brand(out):
    rules = (out / "_static" / "icons.css").read_text()
    assert re.search(r"\.fa-file \{[^}]*M3 3", rules)
    assert re.search(r"\.fa-github \{[^}]*M1 1", rules)


def test_a_drawing_is_there_once(out):
    assert 'img src="../_downloads/1/name.svg"' in (out / "book" / "page.html").read_text()
    assert not list((out / "_images").glob("*.svg"))


def test_the_search_has_the_words_of_every_page(out):
    script = (out / "_static" / "pages.js").read_text()
    texts = json.loads(re.search(r"const PAGES = (.*);", script)[1])
    assert texts["book/page.html"].startswith('<section id="one"> One')
    assert "A word &amp; more." in texts["book/page.html"]
    assert "code" not in texts["book/page.html"]
    assert (out / "search.html").read_text().count("_static/pages.js") == 1


def test_doing_it_twice_is_doing_it_once(out):
    def state():
        return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    before = state()
    lean.lighten(out)
    assert state() == before
