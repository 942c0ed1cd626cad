"""The units of the course keep their form, and the student edition keeps its secrets."""

import ast
import re
from pathlib import Path

import pytest

from inclusions import student

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "book" / "course"
STEMS = [
    "anderson",
    "heisenberg",
    "level-statistics",
    "thermalization",
    "shift-invert",
    "disorder-statistics",
    "ergodic-inclusions",
    "project",
]
UNITS = [COURSE / f"{stem}.md" for stem in STEMS]
EVERY_UNIT = pytest.mark.parametrize("unit", UNITS, ids=STEMS)

SOLUTION = r"^:::\{solution-start\} (\S+)\n(.*?)^:::\{solution-end\}\n:::$"


def solutions(unit):
    """Label of the exercise and text of every worked solution."""
    found = re.findall(SOLUTION, unit.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) == unit.read_text(encoding="utf-8").count("{solution-start}")
    return found


def exercises(unit):
    return re.findall(
        r"^:::\{exercise\} (.+)\n:label: (\S+)$", unit.read_text(encoding="utf-8"), re.MULTILINE
    )


@EVERY_UNIT
def test_a_unit_says_what_one_learns_what_it_takes_and_what_to_read(unit):
    headings = re.findall(r"^## (.+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:3] == ["Learning goals", "Prerequisites", "Time"]
    assert headings[-2:] == ["Exercises", "What to read"]
    assert len(headings) >= 7


@EVERY_UNIT
def test_a_unit_has_four_exercises_from_warm_up_to_open_question(unit):
    titles = [title for title, _ in exercises(unit)]
    assert len(titles) >= 4
    assert titles[0].startswith("Warm-up:")
    assert any(title.startswith("Open question:") for title in titles)


@EVERY_UNIT
def test_every_exercise_has_one_worked_solution_folded_and_asserted(unit):
    labels = [label for _, label in exercises(unit)]
    assert [label for label, _ in solutions(unit)] == labels
    assert len(labels) == unit.read_text(encoding="utf-8").count("{exercise}")
    for label, text in solutions(unit):
        assert ":class: dropdown" in text, label
        code = "\n".join(re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", text, re.S | re.M))
        tree = ast.parse(re.sub(r"^:tags:.*$", "", code, flags=re.MULTILINE))
        asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        assert asserts, f"{label} asserts nothing"
        assert not any(isinstance(node.test, ast.Constant) for node in asserts), label


@EVERY_UNIT
def test_a_student_gets_the_exercises_and_no_solution(unit):
    text = student.without_solutions(unit.read_text(encoding="utf-8"))
    assert [label for _, label in exercises(unit)] == re.findall(r"^:label: (ex-\S+)$", text, re.M)
    for label, solution in solutions(unit):
        assert "solution" not in label
        assert solution not in text
    assert not re.search(r"\{solution|:label: sol-|`sol-", text)


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """The sources of the student edition."""
    folder = tmp_path_factory.mktemp("student") / "edition"
    student.write(ROOT, folder)
    return folder


def test_no_page_of_the_student_edition_holds_a_solution(edition):
    pages = sorted((edition / "book").rglob("*.md"))
    assert len(pages) == len(list((ROOT / "book").rglob("*.md")))
    told = r"\{solution|:label: sol-|\(#sol-|`sol-"
    assert [page.name for page in pages if re.search(told, page.read_text("utf-8"))] == []


def test_an_unclosed_solution_is_refused():
    with pytest.raises(ValueError, match="ex-a.*not closed"):
        student.without_solutions(":::{solution-start} ex-a\n:label: sol-a\n:::\n\nSecret.\n")
