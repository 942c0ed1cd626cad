"""The first screen and the correspondence say what the scorecard and the data say."""

import re
from pathlib import Path

import pandas as pd
import pytest

from inclusions.claims import CLAIMS, correspondence, report, scorecard, summary
from inclusions.tables import front

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """The scorecard of an empty folder: what needs no data is decided, the rest is open."""
    return scorecard(tmp_path_factory.mktemp("empty"))


def test_the_bar_has_every_claim_once_under_its_verdict(verdicts):
    html = summary.bar(verdicts, "reproduction.html")
    assert (
        re.findall(r'href="reproduction.html#(c\d+)"', html).sort()
        == [one.id.lower() for one in verdicts].sort()
    )
    for verdict, count in report.tally(verdicts).items():
        assert (f"{count} {verdict}</strong>" in html) == bool(count)


@pytest.mark.parametrize(
    ("shift", "error", "said"),
    [
        (0.02, 0.002, "lowers the purity .* by 0.020\\(2\\) at .* up to .*8"),
        (0.001, 0.002, "cannot tell"),
    ],
)
def test_the_answer_follows_from_the_shifts(shift, error, said):
    rows = [("bubble", 14, w, shift, error) for w in (4.0, 5.2, 8.0)]
    table = pd.DataFrame(rows, columns=["system", "length", "disorder", "shift", "error"])
    assert re.search(said, front.answer(table))


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
    assert [one.label for one in correspondence.FIGURES if one.label not in labels] == []
    for _, _, label, _ in correspondence.EQUATIONS:
        assert f"({label})" in pages, label


def test_every_claim_is_in_the_correspondence_and_belongs_to_a_figure_or_to_none(verdicts):
    assert list(correspondence.claims(verdicts, ())[""].str.extract(r"\[(C\d+)\]")[0]) == [
        claim.id for claim in CLAIMS
    ]
    known = {claim.id for claim in CLAIMS}
    assert {id for one in correspondence.FIGURES for id in one.claims} <= known


def test_a_verdict_is_told_by_sign_and_word(verdicts):
    for one in verdicts:
        told = report.marked(one.verdict)
        assert re.fullmatch(r"\[[✓✗?]\s[a-z ]+\]\{\.verdict \.[a-z-]+\}", told)
