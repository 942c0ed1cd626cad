"""The first screen and the correspondence say what the scorecard and the data say."""

import re
from pathlib import Path

import pandas as pd
import pytest

from inclusions import pages
from inclusions.claims import CLAIMS, NO_DRIFT, correspondence, report, scorecard, summary
from inclusions.tables import front

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """The scorecard of an empty folder: what needs no data is decided, the rest is open."""
    return scorecard(tmp_path_factory.mktemp("empty"))


def test_the_bar_has_every_claim_once_under_its_verdict(verdicts):
    html = summary.bar(verdicts, "reproduction.html")
    groups = {
        name: re.findall(r'href="reproduction.html#(c\d+)"', group)
        for name, group in re.findall(r'<li class="([\w-]+)"(.*?)</li>', html)
    }
    assert groups.pop("identities") == ["c4", "c13"]
    assert {name: len(claims) for name, claims in groups.items()} == {
        verdict.replace(" ", "-"): n for verdict, n in report.tally(verdicts).items() if n
    }
    listed = sum(groups.values(), ["c4", "c13"])
    assert sorted(listed) == sorted(one.id.lower() for one in verdicts)


@pytest.mark.parametrize(
    ("shift", "error", "said"),
    [
        (0.02, 0.002, "lowers the purity .* by 0.020\\(2\\) at .* up to .*8.*J.\\.$"),
        (0.001, 0.002, "cannot tell"),
    ],
)
def test_the_answer_follows_from_the_shifts(shift, error, said):
    rows = [("bubble", 14, w, shift, error) for w in (4.0, 5.2, 8.0)]
    table = pd.DataFrame(rows, columns=["system", "length", "disorder", "shift", "error"])
    assert re.search(said, front.answer(table))


def test_the_answer_does_not_call_ring_closure_ergodic():
    rows = [("bubble", 14, w, 0.02, 0.002) for w in (4.0, 5.2, 8.0)]
    rows += [("beyond", 14, w, 0.015 if w < 8 else 0.004, 0.002) for w in (4.0, 5.2, 8.0)]
    rows += [("beyond", 12, 10.0, 0.015, 0.002)]  # of another chain
    table = pd.DataFrame(rows, columns=["system", "length", "disorder", "shift", "error"])
    assert re.search("ring .* by 0.015\\(2\\).* up to .*W = 5.2.*J.\\.$", front.answer(table))


def test_every_figure_and_equation_of_the_paper_has_its_place():
    figures = " ".join(one.paper for one in correspondence.FIGURES)
    assert {int(n) for n in re.findall(r"Fig\. (\d+)", figures)} == set(range(1, 10))
    numbers = set()
    for number, *_ in correspondence.EQUATIONS:
        ends = [int(n) for n in re.findall(r"\d+", number)]
        numbers |= set(range(ends[0], ends[-1] + 1))
    assert numbers == set(range(1, 24))


def test_every_place_of_the_correspondence_is_in_the_book():
    pages = "\n".join(path.read_text("utf-8") for path in (ROOT / "book").glob("*.md"))
    labels = report.labels(ROOT)
    assert not {label for one in correspondence.FIGURES for label in one.labels.split()} - labels
    for _, _, label, _ in correspondence.EQUATIONS:
        assert f"({label})" in pages, label


def test_every_claim_is_in_the_correspondence_and_belongs_to_a_figure_or_to_none(verdicts):
    assert list(correspondence.claims(verdicts, ())[""].str.extract(r"`(C\d+) <c\d+>`")[0]) == [
        claim.id for claim in CLAIMS
    ]
    known = {claim.id for claim in CLAIMS}
    assert {id for one in correspondence.FIGURES for id in one.claims} <= known


def test_a_verdict_is_told_by_sign_and_word(verdicts):
    for one in verdicts:
        told = report.marked(one.verdict)
        assert re.fullmatch(r"\[[✓✗?]\s[a-z ]+\]\{\.verdict \.[a-z-]+\}", told)


# The pages

PAGES = sorted((ROOT / "book").glob("*.md")) + sorted((ROOT / "book" / "course").glob("*.md"))
EXPLAIN = {"index", "introduction", "reproduction", "notation", "changelog", "ergodic-inclusions"}
"""Pages that say what the three verdicts mean, or how many there are."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_types_no_verdict_and_glues_those_it_has_asked_the_scorecard_for(page):
    source = page.read_text(encoding="utf-8")
    glued = set(re.findall(r"\{glue:(?:text|md)\}`(c\d+)-(?:verdict|paper|reason)", source))
    asked = re.findall(r"pages\.verdicts\(([^)]*)\)", source)
    known = {id.lower() for one in asked for id in re.findall(r"C\d+", one)}
    assert glued <= known, f"{page.name} glues {sorted(glued - known)} of no scorecard"
    if page.stem not in EXPLAIN:
        prose = re.sub(r"```\{code-cell\}.*?```", "", source, flags=re.DOTALL)
        typed = re.findall(r"\*?(?:not reproduced|is reproduced|are reproduced)\b", prose)
        assert not typed, f"{page.name} types a verdict: {typed}"


def test_what_pages_glue_is_what_the_scorecard_says(verdicts, tmp_path, monkeypatch):
    said = {}
    monkeypatch.setattr(pages, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(pages, "_glue", lambda name, *bundle, **_: said.update({name: bundle[1]}))
    pages.verdicts("C7", "C13")
    for one in verdicts:
        if one.id in ("C7", "C13"):
            name = one.id.lower()
            assert said[f"{name}-verdict"] == repr(one.verdict)
            assert said[f"{name}-paper"] == repr(one.at_the_papers_errors)
            assert said[f"{name}-here"] == repr(one.choices.get(NO_DRIFT, one.verdict))
            assert said[f"{name}-reason"] == report.escaped(one.reason)
    assert {name.split("-")[0] for name in said} == {"c7", "c13"}


def test_no_room_but_claims_has_a_threshold_that_decides():
    """Who says yes or no takes the rule from `claims`: no other knows of standard errors."""
    for path in (ROOT / "lib" / "inclusions").rglob("*.py"):
        if path.parent.name != "claims":
            source = path.read_text(encoding="utf-8")
            found = re.findall(
                r"(?:abs\([^)]*\)|value|shift)\s*[<>]=?\s*[\d.]+ \* \S*error", source
            )
            assert not found, f"{path.name} decides by itself: {found}"


@pytest.fixture
def bare_book(tmp_path, monkeypatch):
    """The folder of a book without pages and data, in which the test runs."""
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "_build").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_one_page_has_judged_another_reads_until_data_or_code_change(bare_book, monkeypatch):
    asked = []

    def judge(data, *ids):
        asked.append(ids)
        return scorecard(bare_book / "empty", *ids)

    monkeypatch.setattr("inclusions.claims.scorecard", judge)
    first = pages.scorecard("C13")
    assert pages.scorecard("C13") == first
    assert [one.id for one in pages.scorecard("C4", "C13")] == ["C4", "C13"]
    assert asked == [("C13",), ("C4",)]
    (bare_book / "data" / "manifest.json").write_text("{ }")
    pages.scorecard("C13")
    assert asked[2:] == [("C13",)]


def test_pages_side_by_side_share_the_work(bare_book, monkeypatch):
    """While one page judges a claim another judges others, and nothing is lost or done twice."""
    asked = []

    def judge(data, *ids):
        asked.append(ids)
        if len(asked) == 1:  # meanwhile, in another process
            monkeypatch.setattr("os.getpid", lambda: 2)
            pages.scorecard(*({"C4", "C7", "C13"} - {*ids}))
        return scorecard(bare_book / "empty", *ids)

    monkeypatch.setattr("inclusions.claims.scorecard", judge)
    assert [one.id for one in pages.scorecard("C13", "C7", "C4")] == ["C13", "C7", "C4"]
    assert sorted(asked) == [("C13",), ("C4",), ("C7",)]
