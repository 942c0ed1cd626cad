"""What a public project has besides its code: one story in every file that tells it."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_string

from inclusions.site import citation
from inclusions.site.addresses import parse

TOP = Path(__file__).resolve().parents[1]
CFF = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
(PAPER,) = [one for one in CFF["references"] if one["type"] == "article"]


def read(name):
    return json.loads((TOP / name).read_text(encoding="utf-8"))


def test_zenodo_has_what_the_citation_file_has():
    record = read(".zenodo.json")
    for name in ("title", "version", "license", "keywords"):
        assert record[name] == CFF[name]
    assert [one["name"] for one in record["creators"]] == [one["name"] for one in CFF["authors"]]
    (related,) = record["related_identifiers"]
    assert (related["identifier"], related["relation"]) == (PAPER["doi"], "isSupplementTo")


def test_codemeta_has_what_the_citation_file_has():
    record = read("codemeta.json")
    assert record["name"] == CFF["title"]
    assert (record["version"], record["keywords"]) == (CFF["version"], CFF["keywords"])
    assert record["license"].endswith(f"/{CFF['license']}")
    assert [one["name"] for one in record["author"]] == [one["name"] for one in CFF["authors"]]
    paper = record["referencePublication"]
    assert (paper["name"], paper["identifier"]) == (
        PAPER["title"], f"https://doi.org/{PAPER['doi']}",
    )  # fmt: skip
    assert [(one["familyName"], one["givenName"]) for one in paper["author"]] == [
        (one["family-names"], one["given-names"]) for one in PAPER["authors"]
    ]


def test_this_work_is_by_its_contributors_and_the_paper_by_its_authors():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {one["name"] for one in (*CFF["authors"], *project["authors"])} == {"The contributors"}
    assert len(PAPER["authors"]) == 3


def test_the_bibtex_of_the_citing_page_is_valid_and_complete():
    entries = parse_string(citation.entries(CFF), "bibtex").entries
    work, paper = entries["ergodicinclusions"], entries["colmenarez2024"]
    assert "url" not in work.fields
    assert work.fields["version"] == CFF["version"]
    assert paper.fields["doi"] == PAPER["doi"]
    assert [p.last_names for p in paper.persons["author"]] == [
        one["family-names"].split() for one in PAPER["authors"]
    ] or len(paper.persons["author"]) == 3


def test_with_an_address_the_citation_has_its_url():
    address = parse("https://example.org/some/where")
    entries = parse_string(citation.entries(CFF, address), "bibtex").entries
    assert entries["ergodicinclusions"].fields["url"] == address.url


@pytest.mark.parametrize("path", sorted((TOP / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_workflows_and_templates_are_whole_and_call_what_there_is(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text("utf-8"), re.M))
    if path.parent.name == "workflows":
        runs = [step["run"] for job in content["jobs"].values() for step in job["steps"]
                if "run" in step]  # fmt: skip
        called = {target for run in runs for target in re.findall(r"make ([a-z]+)", run)}
        assert called <= targets | {"gcc"} and runs
    elif path.name != "config.yml":
        assert {"name", "description", "body"} <= content.keys()
        assert all({"type", "id", "attributes"} <= part.keys() for part in content["body"])


def test_the_workflows_test_on_linux_macos_and_conda():
    jobs = yaml.safe_load((TOP / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    systems = jobs["test"]["strategy"]["matrix"]["system"]
    assert {name.split("-")[0] for name in systems} == {"ubuntu", "macos"}
    assert "environment.yml" in str(jobs["conda"])


def test_binder_installs_what_the_lock_names_and_the_package():
    listed = (TOP / "binder" / "requirements.txt").read_text(encoding="utf-8")
    (lock,) = re.findall(r"^-r (\S+)$", listed, re.MULTILINE)
    assert (TOP / "binder" / lock).resolve() == TOP / "requirements.lock"
    assert "--editable ." in (TOP / "binder" / "postBuild").read_text(encoding="utf-8")


def test_no_file_names_a_repository_that_there_may_not_be():
    """The address is read when the book is built."""
    hosts = r"github\.com/(?!\$)[\w-]+/[\w-]+|gitlab\.com/\w+|mybinder\.org/v2/\w+"
    texts = {
        path: path.read_text(encoding="utf-8", errors="ignore")
        for folder in (".github", "binder", "book", "lib")
        for path in (TOP / folder).rglob("*")
        if path.is_file() and path.suffix in (".yml", ".md", ".py", ".json", ".txt", ".js")
    }
    found = {path.name: re.findall(hosts, text) for path, text in texts.items()}
    assert {name: urls for name, urls in found.items() if urls} == {}
