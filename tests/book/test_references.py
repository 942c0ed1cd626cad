"""The bibliography is complete and well formed, and the project can be cited."""

import re
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_file
from pybtex.richtext import Text

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = ROOT / "book" / "references.bib"
CITATION = ROOT / "CITATION.cff"

NUMBER_OF_REFERENCES = 79
THE_PAPER = "colmenarez2023"

# How the journals of the American Physical Society are named in a DOI.
APS_JOURNALS = {
    "Phys. Rev.": "PhysRev",
    "Phys. Rev. A": "PhysRevA",
    "Phys. Rev. B": "PhysRevB",
    "Phys. Rev. E": "PhysRevE",
    "Phys. Rev. X": "PhysRevX",
    "Phys. Rev. Lett.": "PhysRevLett",
    "Phys. Rev. Res.": "PhysRevResearch",
    "Rev. Mod. Phys.": "RevModPhys",
}


@pytest.fixture(scope="module")
def entries():
    return parse_file(str(BIBLIOGRAPHY), bib_format="bibtex").entries


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def keywords(entry):
    return [word.strip() for word in entry.fields.get("keywords", "").split(",")]


def paper_numbers(entry):
    return [
        int(word.removeprefix("paper:")) for word in keywords(entry) if word.startswith("paper:")
    ]


def test_all_references_of_the_paper_are_in_the_bibliography(entries):
    numbers = Counter(number for entry in entries.values() for number in paper_numbers(entry))
    assert numbers == Counter(range(1, NUMBER_OF_REFERENCES + 1))


def test_the_comment_above_an_entry_gives_the_number_of_its_keyword(entries):
    text = BIBLIOGRAPHY.read_text(encoding="utf-8")
    commented = {
        key: int(number)
        for number, key in re.findall(
            r"^% \[(\d+)\] in the paper\n@\w+\{([^,\s]+),", text, re.MULTILINE
        )
    }
    assert commented == {key: n for key, entry in entries.items() for n in paper_numbers(entry)}


def test_every_entry_says_why_it_is_in_the_bibliography(entries):
    unclear = [
        key
        for key, entry in entries.items()
        if not paper_numbers(entry) and not {"methods", "reproduced"} & set(keywords(entry))
    ]
    assert not unclear


def test_the_paper_itself_is_in_the_bibliography_once(entries):
    assert [key for key, entry in entries.items() if "reproduced" in keywords(entry)] == [THE_PAPER]


def test_every_entry_has_authors_a_title_and_a_year(entries):
    lacking = [
        key
        for key, entry in entries.items()
        if not entry.persons.get("author")
        or not entry.fields.get("title")
        or not re.fullmatch(r"\d{4}", entry.fields.get("year", ""))
    ]
    assert not lacking


def test_every_article_can_be_found_by_journal_volume_and_page(entries):
    lacking = [
        key
        for key, entry in entries.items()
        if entry.type == "article"
        and not all(entry.fields.get(name) for name in ("journal", "volume", "pages"))
    ]
    assert not lacking


def test_no_entry_has_an_empty_field(entries):
    empty = [
        (key, name)
        for key, entry in entries.items()
        for name, value in entry.fields.items()
        if not value.strip(" {}\t\n")
    ]
    assert not empty


def test_keys_are_unique_whatever_their_case():
    keys = re.findall(
        r"^\s*@\w+\s*\{\s*([^,\s]+)\s*,", BIBLIOGRAPHY.read_text(encoding="utf-8"), re.MULTILINE
    )
    repeated = [key for key, count in Counter(key.lower() for key in keys).items() if count > 1]
    assert keys
    assert not repeated


def test_keys_are_of_lower_case_letters_and_a_year(entries):
    odd = [key for key in entries if not re.fullmatch(r"[a-z]+\d{4}[a-z]*", key)]
    assert not odd


def test_no_two_entries_share_a_doi_or_a_preprint(entries):
    for name in ("doi", "eprint"):
        values = Counter(
            entry.fields[name].lower() for entry in entries.values() if name in entry.fields
        )
        assert not [value for value, count in values.items() if count > 1]


def test_dois_are_bare(entries):
    odd = [
        key
        for key, entry in entries.items()
        if "doi" in entry.fields and not re.fullmatch(r"10\.\d{4,9}/\S+", entry.fields["doi"])
    ]
    assert not odd


def test_dois_of_the_physical_review_agree_with_volume_and_page(entries):
    wrong = {}
    for key, entry in entries.items():
        journal = APS_JOURNALS.get(entry.fields.get("journal"))
        if journal is None:
            continue
        first_page = entry.fields["pages"].split("--")[0]
        expected = f"10.1103/{journal}.{entry.fields['volume']}.{first_page}"
        if entry.fields.get("doi") != expected:
            wrong[key] = expected
    assert not wrong


def test_accents_in_names_and_titles_can_be_rendered(entries):
    unrendered = []
    for key, entry in entries.items():
        names = [str(person) for people in entry.persons.values() for person in people]
        for text in [*names, entry.fields["title"]]:
            if "\\" in str(Text.from_latex(text)):
                unrendered.append((key, text))
    assert not unrendered


def test_the_citation_file_has_what_a_citation_needs(citation):
    required = {
        "cff-version",
        "message",
        "title",
        "authors",
        "license",
        "version",
        "date-released",
        "references",
    }
    assert required <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] and citation["message"]
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])
    assert isinstance(citation["date-released"], date)


def test_the_citation_file_has_the_version_of_the_package(citation):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert str(citation["version"]) == project["version"]


def test_the_citation_file_refers_to_the_paper_as_the_bibliography_does(citation, entries):
    articles = [reference for reference in citation["references"] if reference["type"] == "article"]
    assert len(articles) == 1
    (article,) = articles
    paper = entries[THE_PAPER]
    assert article["doi"] == paper.fields["doi"]
    assert article["title"] == paper.fields["title"]
    assert str(article["year"]) == paper.fields["year"]
    assert [author["family-names"] for author in article["authors"]] == [
        " ".join(person.prelast_names + person.last_names) for person in paper.persons["author"]
    ]


def test_the_licence_covers_the_code_and_the_text(citation):
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert citation["license"] == "BSD-3-Clause"
    assert licence.startswith("BSD 3-Clause License")
    assert "https://creativecommons.org/licenses/by/4.0/" in licence
