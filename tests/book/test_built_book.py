"""The whole book is built, and a browser opens every page from disk as a reader would.

Each page is visited once, in light and dark, wide and narrow; the tests look at what was seen.
"""

import ast
import json
import re
import shutil
from functools import cache
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from sources import ROOT, contents, figures_of

from inclusions import avalanche, estimates, pages, tables, text
from inclusions.claims import criteria, report
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.observables import magnetizations

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = 1280, 390

CHAPTERS = contents()
EVERY_CHAPTER = pytest.mark.parametrize("name", CHAPTERS)
EVERY_PAGE = pytest.mark.parametrize("name", [*CHAPTERS, "search", "genindex"])

LOADED = """Promise.all([...document.images].map(image => {
  image.loading = "eager";
  return image.decode().catch(() => null);
}))"""
"""Loads what a browser leaves until it is scrolled to."""

LOOK = """() => ({
  title: document.title,
  language: document.documentElement.lang,
  headings: [...document.querySelectorAll("main h1")].filter(e => e.checkVisibility()).length,
  links: [...document.querySelectorAll("a[href]")].map(a => a.href),
  ids: [...document.querySelectorAll("body [id]:not(svg [id], mjx-container [id])")].map(e => e.id),
  names: [...document.querySelectorAll("[id], a[name]")].map(e => e.id || e.name),
  images: [...document.images].map(i => ({ source: i.src, alt: i.alt, width: i.naturalWidth })),
  formulas: document.querySelectorAll(".math").length,
  untypeset: [...document.querySelectorAll(".math")]
    .filter(e => !e.querySelector("mjx-container") || e.querySelector("mjx-merror, [data-mjx-error]"))
    .map(e => e.textContent.slice(0, 80)),
  next: document.querySelector("a.right-next")?.href,
  previous: document.querySelector("a.left-prev")?.href,
  figures: [...document.querySelectorAll("figure")].map(f => ({
    id: f.id, files: [...f.querySelectorAll("a.download")].map(a => a.href),
  })),
  sources: [...document.querySelectorAll(".dropdown-download-buttons a")].map(a => a.href),
})"""  # noqa: E501

SPILLS = """() => {
  const width = document.documentElement.clientWidth;
  const wider = (e, box) => e.getBoundingClientRect().right > box.getBoundingClientRect().right + 2;
  const cut = [...document.querySelectorAll(":is(p, li, dd) span.math > mjx-container")]
    .filter(e => e.checkVisibility() && wider(e, e.closest("p, li, dd")) && !e.closest("table"))
    .map(e => e.textContent);
  if (document.documentElement.scrollWidth <= width) return cut;
  return [...document.querySelectorAll("body *")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > width + 1)
    .map(e => e.outerHTML.slice(0, 100));
}"""

# Folded code and solutions are part of the page.
UNFOLD = """() => {
  document.querySelectorAll("details").forEach(e => (e.open = true));
  document.querySelectorAll("button.toggle-button").forEach(e => e.click());
}"""
# Of all texts of one look, axe needs one: to see what is behind each it takes minutes.
MARK = """() => {
  const known = new Set();
  document.querySelectorAll(".of-its-look").forEach(e => e.classList.remove("of-its-look"));
  for (const text of document.querySelectorAll("body *")) {
    if (![...text.childNodes].some(e => e.nodeType === Node.TEXT_NODE && e.data.trim())) continue;
    const { color, fontSize, fontWeight, textDecorationLine } = getComputedStyle(text);
    const look = [text.tagName, color, fontSize, fontWeight, textDecorationLine];
    for (let e = text; e; e = e.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(e);
      look.push(backgroundColor, backgroundImage, opacity);
    }
    look.push(getComputedStyle(text.parentElement).color, text.checkVisibility());
    const kind = [...look].join();
    if (!known.has(kind)) text.classList.add("of-its-look");
    known.add(kind);
  }
}"""
# What fades in is there, and what watches sizes has seen the last one.
SETTLE = """async () => {
  document.getAnimations().forEach(a => a.finish());
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""

TYPESET = "async () => { if (window.MathJax) await MathJax.startup.promise; }"
AXE = {"resultTypes": ["violations"], "preload": False}  # preloading asks for style sheets
OF_COLOUR = ["color-contrast", "link-in-text-block"]  # what differs in the dark
COLOURS = AXE | {"runOnly": OF_COLOUR}
THE_REST = AXE | {"rules": {rule: {"enabled": False} for rule in OF_COLOUR}}


pytestmark = pytest.mark.timeout(1800)  # the first test waits for the whole book


def html_pages(build):
    return {
        name: (build / "html" / f"{name}.html").read_text(encoding="utf-8") for name in contents()
    }


def test_book_builds_without_a_warning(book):
    done, build = book
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (build / "html" / "index.html").exists()
    assert html_pages(build)


def test_every_built_figure_is_numbered_described_and_there(book):
    _, build = book
    seen = 0
    for name, html in html_pages(build).items():
        for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
            seen += 1
            source = re.search(r'src="([^"]+\.svg)"', figure)[1]
            assert (build / "html" / name).parent.joinpath(source).resolve().exists()
            assert len(re.search(r'alt="([^"]*)"', figure)[1].split()) >= 10
            assert re.search(r'caption-number">Fig\. \d', figure)
    assert seen == sum(len(figures_of(ROOT / f"{name}.md")) for name in contents()) > 0


def test_the_book_is_light(book):
    """Without the kit, whose data are what it is for."""
    html = book[1] / "html"
    files = [path for path in html.rglob("*") if path.is_file() and path.suffix != ".zip"]
    size = sum(path.stat().st_size for path in files)
    assert size < 20e6


def test_what_the_menu_of_a_formula_loads_is_there(book):
    """To speak a formula and to fold it; the bundle says what each part needs."""
    mathjax = book[1] / "html" / "_static" / "mathjax"
    bundle = (mathjax / "tex-chtml.js").read_text(encoding="utf-8")
    there = re.search(r"preLoad\(([^)]*)\)", bundle)[1]
    found = re.findall(r'"(a11y/[\w-]+)":\[([^]]*)\]', bundle)
    parts = {part for name, needed in found for part in (name, *re.findall(r'"([^"]+)"', needed))}
    assert "input/mml" in parts
    assert {
        p for p in parts if f'"{p}"' not in there and not (mathjax / f"{p}.js").exists()
    } == set()


def test_every_download_of_the_built_book_is_there(book):
    _, build = book
    links = [
        (build / "html" / name).parent / link
        for name, html in html_pages(build).items()
        for link in re.findall(
            r'class="reference download internal" download="" href="([^"]+)"', html
        )
    ]
    assert {link.suffix for link in links} >= {".svg", ".csv"}
    assert [link for link in links if not link.resolve().exists()] == []


def test_every_table_for_download_says_what_its_columns_are(book):
    lacking = {}
    for file in (book[1] / "html" / "_downloads").rglob("*.csv"):
        table = pd.read_csv(file, comment="#")
        said = "".join(line for line in file.open(encoding="utf-8") if line.startswith("# "))
        assert said == text.legend(table, file.stem)
        lacking[file.stem] = [c for c in table.columns if not text.meaning(c, file.stem)]
    assert len(lacking) > 50
    assert {file: columns for file, columns in lacking.items() if columns} == {}


def test_no_figure_of_a_fresh_build_is_stale(book):
    _, build = book
    assert pages.stale(build, ROOT / "data") == []


def test_the_reference_says_what_a_constant_is_and_no_field_twice(book):
    page = html_pages(book[1])["book/api"]
    assert "t of one up spin, J/2: the exchange" in page
    assert "Alias for field number" not in page
    told = plain(page)
    assert "CRITICAL_LENGTH = 1.44" in told
    assert not re.search(r"[A-Z] = (?:\w*Path\(|array\(|[^\n]{100})|<function|<built-in", told)


# What the built pages say of a claim


@pytest.fixture(scope="module")
def judged(book):
    """The scorecard by claim; what the build has judged is not judged again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "root", lambda: book[1].parent)
        patch.setattr(pages, "data_folder", lambda: ROOT / "data")
        return {one.id: one for one in pages.scorecard()}


def said_beside(page):
    """Pairs of a claim's number on a page and the verdict marked next after it, as three tell it.

    Its class, which gives it its colour, its sign, and its word.
    """
    pattern = r'\b(C\d+)\b|<span class="verdict ([a-z-]+)">(\S)\s([a-z ]+)</span>'
    last = None
    for claim, *marked in re.findall(pattern, page):
        if claim:
            last = claim
        else:
            yield last, marked


def test_beside_the_number_of_a_claim_stands_the_verdict_of_the_scorecard(book, judged):
    found = {name: list(said_beside(page)) for name, page in html_pages(book[1]).items()}
    for name, pairs in found.items():
        for claim, marked in pairs:
            word = judged[claim].verdict
            assert marked == [word.replace(" ", "-"), report.MARKS[word], word], (name, claim)
    for name in ("book/reproduction", "book/correspondence"):
        assert {claim for claim, _ in found[name]} == set(judged)
    assert all(  # in the table, and in full
        [claim for claim, _ in found["book/reproduction"]].count(id) == 2 for id in judged
    )


def test_a_crossing_is_at_one_place_on_every_page(book, judged):
    table = pd.read_csv(book[1] / "figures" / "gap-ratios-crossings.csv", comment="#")
    told = {one["name"]: one["value"] for one in judged["C2"].beside}
    for row in table[table.bounded & table.bubble.isin([0, 4])].itertuples():
        kind = "bubble" if row.bubble else row.boundary
        name = f"{kind}, crossing of L = {row.length} and {row.larger}, J"
        assert told[name] == pytest.approx(row.disorder, rel=1e-6)


def test_the_bar_of_the_first_page_has_every_claim_under_its_verdict(book, judged):
    groups = re.findall(
        r'<li class="([\w-]+)"(.*?)</li>', html_pages(book[1])["book/index"], re.DOTALL
    )
    under = {id: name for name, group in groups for id in re.findall(r">(C\d+)</a>", group)}
    assert under == {
        id: "identities" if one.identity else one.verdict.replace(" ", "-")
        for id, one in judged.items()
    }


def test_sentences_about_claims_have_the_words_of_the_scorecard(book, judged):
    words = "|".join(criteria.VERDICTS.values())
    count = 0
    for name, page in html_pages(book[1]).items():
        source = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        glued = re.findall(r"\{glue:text\}`(c\d+)-(verdict|here|paper)`", source)
        expected = [report.words(judged[id.upper()])[f"{id}_{which}"] for id, which in glued]
        assert re.findall(rf'<span class="pasted-text">({words})</span>', page) == expected, name
        count += len(expected)
    assert count > 10


RAW = re.compile(r"""\{['"(\d]|\[?array\(|np\.|<\S+ object|dict_|\[\(""")


def test_no_page_shows_the_raw_form_of_an_object(book):
    shown = re.compile(r'<div class="output (?:text_plain|stream)[^>]*>(.*?)</pre>', re.DOTALL)
    found = [
        (name, output[:60])
        for name, html in html_pages(book[1]).items()
        for output in map(plain, shown.findall(html))
        if RAW.match(output)
    ]
    assert not found


def plain(markup):
    """The text of a piece of a page."""
    return unescape(re.sub(r"<[^>]+>", "", markup)).strip()


# In a browser


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def tab(browser):
    """A page of the browser, and what it complains of."""
    context = browser.new_context(reduced_motion="reduce", viewport={"width": WIDE, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    heard = SimpleNamespace(requests=[], errors=[])
    page.on("request", lambda request: heard.requests.append(request.url))
    page.on("pageerror", lambda error: heard.errors.append(str(error)))
    page.on("requestfailed", lambda request: heard.errors.extend(failure(request)))
    page.on(
        "console",
        lambda said: heard.errors.append(said.text) if said.type == "error" else None,
    )
    yield page, heard
    context.close()


@pytest.fixture(scope="module")
def at(html, tab):
    """Opens a page of the book, by its name, wide and light."""
    page, heard = tab

    def go(name, query=""):
        heard.requests.clear(), heard.errors.clear()
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto((html / f"{name}.html").as_uri() + query)
        page.evaluate(TYPESET)
        return page

    return go


@pytest.fixture(scope="module")
def seen(at, tab):
    """What there is to see on a page, by its name; each page is visited once."""
    page, heard = tab

    @cache
    def visit(name):
        at(name)
        page.evaluate(LOADED)
        look = SimpleNamespace(**page.evaluate(LOOK), spills={}, faults=[])
        look.requests, look.errors = list(heard.requests), list(heard.errors)
        page.evaluate(UNFOLD)
        runs = {"light": ((None, THE_REST), (".of-its-look", COLOURS))}
        runs["dark"] = runs["light"][1:]
        for scheme in runs:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
            for width in (PHONE, WIDE):
                page.set_viewport_size({"width": width, "height": 900})
                look.spills[scheme, width] = page.evaluate(SPILLS)
            page.evaluate(SETTLE)
            page.evaluate(MARK)
            for part, rules in runs[scheme]:
                look.faults += [f"{scheme}: {fault}" for fault in faults(page, part, rules)]
        return look

    return visit


def failure(request):
    """What to say of a request that failed, unless a page that was left cut it short."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"failed: {request.url}"]


def faults(page, part, rules):
    """What axe finds serious on a page, or in a part of it."""
    return [
        f"{fault['id']}: {node['html'][:100]}: {node['failureSummary']}"
        for fault in Axe().run(page, part, rules).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def local(address):
    """The file that an address stands for."""
    return Path(unquote(urlsplit(address).path))


# Every page


@EVERY_PAGE
def test_a_page_asks_for_nothing_outside_the_book(name, seen, html):
    inside = (f"{html.as_uri()}/", "data:", "blob:")
    assert [url for url in seen(name).requests if not url.startswith(inside)] == []


@EVERY_PAGE
def test_a_page_opens_without_an_error(name, seen):
    assert seen(name).errors == []


@EVERY_PAGE
def test_a_page_says_what_it_is_and_in_which_language(name, seen):
    assert seen(name).title.split("—")[0].strip()
    assert seen(name).language == "en"
    assert seen(name).headings == 1


def test_no_two_chapters_have_the_same_title(seen):
    titles = [seen(name).title for name in CHAPTERS]
    assert len(titles) == len(set(titles))


@EVERY_PAGE
def test_every_link_inside_the_book_leads_somewhere(name, seen, html):
    broken = []
    for link in set(seen(name).links):
        address, anchor = urldefrag(link)
        if urlsplit(address).scheme != "file":
            continue
        target = local(address)
        if not (target.is_file() and target.is_relative_to(html)):
            broken.append(link)
        elif anchor and target.suffix == ".html":
            page = str(target.relative_to(html).with_suffix(""))
            if unquote(anchor) not in seen(page).names:
                broken.append(link)
    assert broken == []


@EVERY_PAGE
def test_every_image_is_there_and_described(name, seen):
    images = seen(name).images
    assert [image["source"] for image in images if not image["width"]] == []
    assert [image["source"][:100] for image in images if not image["alt"]] == []


@EVERY_PAGE
def test_every_formula_is_typeset(name, seen):
    assert seen(name).untypeset == []


def test_the_book_has_formulas(seen):
    assert sum(seen(name).formulas for name in CHAPTERS) > 100


@EVERY_PAGE
def test_no_page_is_wider_than_its_window_and_no_formula_than_its_text(name, seen):
    assert {where: what for where, what in seen(name).spills.items() if what} == {}


@EVERY_PAGE
def test_axe_finds_no_serious_fault_in_light_or_dark(name, seen):
    assert seen(name).faults == []


# Finding one's way


def test_next_leads_through_the_whole_book_and_previous_back(seen, html):
    addresses = [(html / f"{name}.html").as_uri() for name in CHAPTERS]
    assert [seen(name).next for name in CHAPTERS] == [*addresses[1:], None]
    assert [seen(name).previous for name in CHAPTERS] == [None, *addresses[:-1]]


def test_the_search_finds_a_page_by_a_word_of_it(at, tab, html):
    page, heard = at("search", "?q=avalanche"), tab[1]
    page.wait_for_selector("#search-results .search-summary:has-text('found')")
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert (html / "book" / "avalanche.html").as_uri() in {
        urldefrag(a)[0].split("?")[0] for a in links
    }
    assert heard.errors == []
    found = page.locator("#search-results li:not(:has(> span))")
    assert found.locator("p.context").count() == found.count() > 0


@pytest.mark.parametrize("where", ["on disk", "on a server"])
def test_the_search_quotes_the_text_of_a_page_without_its_buttons_and_code(where, tab, html):
    page, heard = tab
    heard.errors.clear()
    address = html.as_uri() if where == "on disk" else "http://book.test"
    page.route(
        "http://book.test/**",
        lambda route: route.fulfill(path=html / urlsplit(route.request.url).path.lstrip("/")),
    )
    page.goto(f"{address}/search.html?q=purity")
    page.wait_for_selector("#search-results .search-summary:has-text('found')")
    page.wait_for_selector("#search-results li:has-text('Avalanches') p.context")
    quoted = page.locator("#search-results p.context").all_inner_texts()
    assert len(quoted) > 5 and heard.errors == []
    strange = r"\.ipynb|\.pdf|\bContents\b|pages\.|import |\\[()]| [,.;)]"
    assert [words for words in quoted if re.search(strange, words)] == []


@EVERY_CHAPTER
def test_the_way_through_a_page_by_tab_has_no_stop_in_a_formula(name, at):
    page = at(name)
    assert page.locator("mjx-container[tabindex='0']").count() == 0


def test_the_buttons_of_the_header_show_that_they_have_the_focus(at):
    page = at("book/model")
    buttons = page.locator(".article-header-buttons button:visible")
    assert buttons.count() >= 3
    page.keyboard.press("Tab")
    for number in range(buttons.count()):
        buttons.nth(number).focus()
        width = buttons.nth(number).evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)")
        assert width >= 2


def test_folded_code_is_called_show_code(at):
    summary = at("book/model").locator("details:has(.cell_input) > summary").first
    assert summary.inner_text() == "Show code"
    assert summary.get_attribute("aria-label") is None


@EVERY_CHAPTER
def test_no_two_elements_of_a_page_have_one_id(name, seen):
    names = seen(name).ids
    assert sorted({one for one in names if names.count(one) > 1}) == []


def test_a_figure_opens_large_and_closes_by_the_keyboard(at):
    page = at("book/model")
    link = page.locator("a.enlarge:visible").first
    link.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog.enlarged img").is_visible()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.enlarged", state="detached")
    assert link.evaluate("e => e === document.activeElement")


def focused(page, attribute):
    return page.evaluate("name => document.activeElement.getAttribute(name)", attribute)


def test_the_keyboard_skips_to_the_text_or_goes_through_the_contents(at):
    page = at("book/model")
    page.keyboard.press("Tab")
    assert focused(page, "href") == "#main-content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")
    page = at("book/model")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(focused(page, "href"))
    assert {"#main-content", "gap-ratios.html", "avalanche.html"} <= reached


def test_folded_code_opens_and_closes_by_the_keyboard(at):
    page = at("book/model")
    fold = page.locator("details:has(.cell_input)").first
    fold.locator("summary").focus()
    assert not fold.locator("pre").first.is_visible()
    page.keyboard.press("Enter")
    assert fold.locator("pre").first.is_visible()
    page.keyboard.press("Enter")
    assert not fold.locator("pre").first.is_visible()


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        ("book/variations", "details:has(caption, .caption-number)"),
        ("book/course/heisenberg", "details.sd-dropdown"),
    ],
)
def test_tables_and_answers_that_fold_on_a_screen_are_whole_on_paper(name, folds, at):
    page = at(name)
    folded = page.locator(folds)
    assert folded.count() > 0
    for event, everything in (("beforeprint", True), ("afterprint", False)):
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
        assert set(folded.evaluate_all("all => all.map(one => one.open)")) == {everything}


@pytest.mark.parametrize(
    "name", ["book/methods", "book/reproduction", "book/course/thermalization"]
)
def test_from_a_dark_page_paper_is_the_same_as_from_a_light_one(name, at):
    page = at(name)
    printed = {}
    for scheme in ("light", "dark"):
        page.emulate_media(media="print", color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        printed[scheme] = page.evaluate("""() => [...document.querySelectorAll("article *")]
          .filter(e => e.checkVisibility() && !e.closest("svg, mjx-container"))
          .map(e => [e.tagName, e.className, getComputedStyle(e).color])""")
    page.emulate_media(media="screen")
    pairs = zip(printed["light"], printed["dark"], strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


def test_paper_has_no_buttons_and_a_long_solution_begins_where_there_is_room(at):
    page = at("book/course/heisenberg")
    page.emulate_media(media="print")
    try:
        assert (
            page.locator("article :is(button, .sd-summary-state-marker) >> visible=true").count()
            == 0
        )
        inside = "all => all.map(one => getComputedStyle(one).breakInside)"
        assert set(page.locator(".admonition.solution").evaluate_all(inside)) == {"auto"}
    finally:
        page.emulate_media(media="screen")


def test_no_figure_fills_a_sheet_of_paper_and_open_code_may_stand_on_the_one_before(at):
    page = at("book/purities")
    page.emulate_media(media="print")
    try:
        heights = "all => all.map(one => one.getBoundingClientRect().height / 96 * 25.4)"
        assert 80 < max(page.locator("a.enlarge img").evaluate_all(heights)) < 125
        cell = page.locator(".cell.tag_hide-input").first
        after = "cell => getComputedStyle(cell).breakAfter"
        assert cell.evaluate(after) == "avoid"
        cell.locator("details").evaluate("code => (code.open = true)")
        assert cell.evaluate(after) == "auto"
    finally:
        page.emulate_media(media="screen")


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("book/avalanche", "div.math > mjx-container"),
        ("book/performance", ".pst-scrollable-table-container"),
        ("book/performance", "a.enlarge"),
        ("book/course/anderson", "pre"),
        ("book/course/level-statistics", "div.text_html"),
    ],
)
def test_what_goes_on_beyond_the_edge_of_a_phone_fades_there(name, box, at):
    page = at(name)
    page.set_viewport_size({"width": PHONE, "height": 844})
    first = page.wait_for_selector(f"{box}.more-after")
    assert first.evaluate("e => getComputedStyle(e).maskImage").startswith("linear-gradient")
    first.evaluate("e => (e.scrollLeft = e.scrollWidth)")
    page.wait_for_function("e => e.matches('.more-before:not(.more-after)')", arg=first)


# Downloads


@EVERY_CHAPTER
def test_a_page_offers_its_source_and_if_it_computes_a_notebook_that_all_programs_show(name, seen):
    files = {local(link).suffix: local(link) for link in seen(name).sources if "_sources" in link}
    source = ROOT / f"{name}.md"
    assert files[".md"].read_text(encoding="utf-8") == source.read_text(encoding="utf-8")
    cells = [
        cell for cell in jupytext.read(source, fmt="md:myst").cells if cell.cell_type == "code"
    ]
    assert (".ipynb" in files) == bool(cells)
    if cells:
        notebook = nbformat.read(files[".ipynb"], as_version=4)
        nbformat.validate(notebook)
        opening, *made = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert "import inclusions" in opening.source
        assert [cell.source for cell in made] == [cell.source for cell in cells]
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        markup = r"^:::.*|^```\{.*|^\{\{.*|\{[a-z:]+\}`[^`]*`|<<.*?>>"
        assert re.findall(markup, text, re.MULTILINE) == []


def tables_behind(name):
    """For every figure of a page, how many tables its cell gives to it."""
    code = "\n".join(c.source for c in jupytext.read(ROOT / f"{name}.md", fmt="md:myst").cells
                     if c.cell_type == "code")  # fmt: skip
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return {
        call.args[1].value: len([k for k in call.keywords if k.arg != "computed"])
        for call in calls
        if ast.unparse(call.func) in ("pages.show", "pages.explore")
    }


@EVERY_CHAPTER
def test_every_figure_offers_its_drawing_and_its_numbers(name, seen):
    offered = {
        local(figure["files"][0]).stem: [local(file).suffix for file in figure["files"]]
        for figure in seen(name).figures
    }
    for figure, count in tables_behind(name).items():
        assert offered[figure].count(".svg") == 1, figure
        assert offered[figure].count(".csv") == count, figure


CUT = """() => {
  const svg = document.querySelector("svg"), box = svg.getBoundingClientRect();
  const cut = (one) => {
    const b = one.getBoundingClientRect();
    return b.width && (b.left < box.left - 1 || b.right > box.right + 1
      || b.top < box.top - 1 || b.bottom > box.bottom + 1);
  };
  return [...svg.querySelectorAll('g[id^="legend_"], g[id^="text_"]')].filter(cut).map(g => g.id);
}"""
"""Legends and texts that end outside of the figure."""


def test_no_legend_and_no_label_is_cut_by_the_edge_of_its_figure(book, browser):
    page = browser.new_page(viewport={"width": WIDE, "height": 2000})
    figures = sorted((book[1] / "figures").glob("*.svg"))
    assert len(figures) > 40
    cut = {}
    for path in figures:
        drawing = path.read_text(encoding="utf-8")
        page.set_content(drawing[drawing.index("<svg") :])
        if found := page.evaluate(CUT):
            cut[path.name] = found
    page.close()
    assert cut == {}


# Sliders

SLIDERS = {
    "explore-purity": "book/avalanche",
    "gap-ratios-by-length": "book/gap-ratios",
    "one-sample": "book/model",
    "rings": "book/index",
    "purities-by-disorder": "book/purities",
    "correlations-by-disorder": "book/correlations",
    "deficits": "book/purities",
}
EVERY_SLIDER = pytest.mark.parametrize(("figure", "name"), SLIDERS.items())
CURVES = """id => [...document.querySelectorAll(`#fig-${id} .series path`)]
  .map(path => ["d", "transform", "fill-opacity"].map(name => path.getAttribute(name)).join())"""


def test_these_are_all_figures_with_sliders():
    explored = {
        figure: name
        for name in CHAPTERS
        for figure in re.findall(
            r'pages\.explore\([^"]*"([\w-]+)"', (ROOT / f"{name}.md").read_text(encoding="utf-8")
        )
    }
    assert explored == SLIDERS


@EVERY_SLIDER
def test_every_slider_moves_the_curves_by_the_keyboard_and_back(figure, name, at, tab):
    page = at(name)
    sliders = page.locator(f"#fig-{figure} input[type=range]")
    assert sliders.count() > 0
    for number in range(sliders.count()):
        slider = sliders.nth(number)
        label = page.locator(f"label[for={slider.get_attribute('id')}]")
        output = page.locator(f"output[for={slider.get_attribute('id')}]")
        assert label.inner_text().strip()
        before, told = page.evaluate(CURVES, figure), output.inner_text()
        slider.focus()
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(CURVES, figure) != before
        assert output.inner_text() != told
        assert slider.get_attribute("aria-valuetext") == output.inner_text()
        page.keyboard.press("ArrowRight")
        assert page.evaluate(CURVES, figure) == before
        assert output.inner_text() == told
    assert tab[1].errors == []


@EVERY_SLIDER
def test_a_figure_with_sliders_fits_a_phone_and_follows_the_theme(figure, name, at):
    page = at(name)
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.wait_for_function(
        "id => [...document.querySelectorAll(`#fig-${id} .panel > div > svg`)]"
        f".every(svg => svg.getBoundingClientRect().right <= {PHONE})",
        arg=figure,
    )
    colour = f"getComputedStyle(document.querySelector('#fig-{figure} .marker')).stroke"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {colour} !== light", arg=light)


@EVERY_SLIDER
def test_without_javascript_the_drawing_stands_in_for_the_sliders(figure, name, browser, html):
    page = browser.new_page(java_script_enabled=False)
    page.goto((html / f"{name}.html").as_uri())
    assert page.locator(f"#fig-{figure} img").is_visible()
    assert page.locator(f"#fig-{figure} input").count() == 0
    page.emulate_media(media="print")
    told = page.locator(f"#fig-{figure} .onscreen")  # to move sliders, and what is there to fetch
    assert told.count() == 2 and not any(one.is_visible() for one in told.all())
    page.close()


@EVERY_SLIDER
def test_a_page_with_sliders_stays_below_a_megabyte(figure, name, html):
    assert (html / f"{name}.html").stat().st_size < 1e6


@pytest.fixture
def embedded(html):
    """What a page holds for a figure with sliders, by the figure's name."""

    def read(figure):
        text = (html / f"{SLIDERS[figure]}.html").read_text(encoding="utf-8")
        content = re.search(rf'data-figure="fig-{figure}"[^>]*>(.*?)</script>', text, re.DOTALL)[1]
        return json.loads(content)

    return read


def rows(content, panel, label, **position):
    """x and y of a series where the sliders have these values."""
    (series,) = [s for s in content["panels"][panel]["series"] if s["label"] == label]
    place = 0
    for number in series["controls"]:
        values = content["controls"][number]["values"]
        place = place * len(values) + values.index(position[content["controls"][number]["label"]])
    nested = {k: bool(series[k]) and isinstance(series[k][0], list) for k in ("x", "y")}
    return [np.array(series[k][place] if nested[k] else series[k], float) for k in ("x", "y")]


@pytest.mark.parametrize("ratio", [0.3, 0.8, 1.0, 3.0])
@pytest.mark.parametrize(("p", "bubble"), [(0.0, 2), (0.3, 4), (1.0, 8)])
def test_the_slider_of_the_purity_holds_equation_6(ratio, p, bubble, embedded):
    content = embedded("explore-purity")
    xi = ratio * avalanche.CRITICAL_LENGTH
    for label, exponent in (("exponent 1", 1.0), ("exponent 1/2, as printed", 0.5)):
        where = {
            "localization length ξ/ξ_{*}": ratio,
            "samples with avalanche p": p,
            "states of the bubble n_{GOE}": bubble,
        }
        distance, difference = rows(content, 0, label, **where)
        gamma = avalanche.mean_purity(np.arange(8), xi, p, bubble, 16, 0.85, exponent)
        np.testing.assert_array_equal(distance, np.arange(8))
        np.testing.assert_allclose(difference, 0.85 - gamma, rtol=1e-4, atol=1e-12)


@pytest.fixture(scope="module")
def found():
    campaigns = ROOT / "book/runs/campaigns"
    both = (
        tables.load(campaigns / f"{n}.toml", ROOT / "data") for n in ("gap-ratios", "crossings")
    )
    return tables.merged(*both)


@pytest.mark.parametrize("length", [8, 10, 12])
def test_the_slider_of_the_gap_ratios_holds_the_cached_ensembles(length, embedded, found):
    content = embedded("gap-ratios-by-length")
    systems = {
        "with bubble, L spins": {"length": length, "bubble": 4},
        "isolated, open, L + 2 spins": {"length": length + 2, "boundary": "open"},
        "isolated, periodic, L + 2 spins": {"length": length + 2, "boundary": "periodic"},
    }
    for label, parameters in systems.items():
        disorder, ratio = rows(content, 0, label, **{"chain length L": length})
        assert len(disorder) > 5
        models = [Model(disorder=w, **parameters) for w in disorder]
        means = [float(estimates.gap_ratio(model, found[model]).value) for model in models]
        np.testing.assert_allclose(ratio, means, rtol=1e-4)


@pytest.mark.parametrize("disorder", [1.0, 10.0])
def test_the_slider_of_the_sample_holds_one_sample_with_its_fields_scaled(disorder, embedded):
    drawn = draw(Model(8, 1.0, bubble=4), seed=1, index=0)
    sample = draw(Model(8, disorder, bubble=4), 1, 0, fields=disorder * drawn.fields)
    sample = sample.__class__(sample.model, sample.fields, drawn.bubble)
    hamiltonian = build(sample)
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    content = embedded("one-sample")
    place, _ = rows(content, 0, "all levels", **{"disorder W": disorder})
    expected = (pairs.energies - pairs.edges[0]) / (pairs.edges[1] - pairs.edges[0])
    np.testing.assert_allclose(place, expected, atol=2e-5)
    middle = Dense()(hamiltonian, 3)
    for state, spins in enumerate(magnetizations(hamiltonian, middle)):
        _, shown = rows(content, 1, f"state {state + 1}", **{"disorder W": disorder})
        np.testing.assert_allclose(shown, spins, atol=2e-5)
