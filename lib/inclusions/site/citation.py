"""How to cite: BibTeX from CITATION.cff, with the repository's address where it has one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from inclusions.site.addresses import Address

JOURNALS = {"Physical Review B": "Phys. Rev. B"}


def entries(citation: Mapping[str, Any], address: Address | None = None) -> str:
    """BibTeX of this work and of the paper that it reproduces."""
    (paper,) = [one for one in citation["references"] if one["type"] == "article"]
    eprint = next(one["value"].split(":")[1] for one in paper["identifiers"])
    where = {"url": address.url} if address else {}
    released = str(citation["date-released"])
    return "\n".join([
        _entry("software", "ergodicinclusions", author=_people(citation["authors"]),
               title=citation["title"], version=citation["version"], year=released[:4],
               month=str(int(released[5:7])), **where,
               note="Reproduces and extends the paper below"),
        _entry("article", "colmenarez2024", author=_people(paper["authors"]),
               title=paper["title"], journal=JOURNALS.get(paper["journal"], paper["journal"]),
               volume=paper["volume"], pages=paper["start"], year=paper["year"],
               doi=paper["doi"], eprint=eprint, archivePrefix="arXiv"),
    ])  # fmt: skip


def of(sources: Path, address: Address | None) -> str:
    """The page's piece of Markdown: both entries, from the CITATION.cff of these sources."""
    citation = yaml.safe_load((sources / "CITATION.cff").read_text(encoding="utf-8"))
    return f"```bibtex\n{entries(citation, address)}```\n"


def _people(people: list[Mapping[str, str]]) -> str:
    """Names as BibTeX has them; that of a group is kept together by braces."""
    return " and ".join(
        f"{{{one['name']}}}" if "name" in one else f"{one['family-names']}, {one['given-names']}"
        for one in people
    )


def _entry(kind: str, key: str, **fields: Any) -> str:
    lines = [f"  {name} = {{{_kept(name, str(value))}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def _kept(name: str, text: str) -> str:
    """Capitals that a style must not lower: a title's names are in braces of their own."""
    return re.sub(r"(?<=: )(\w)", r"{\1}", text) if name == "title" else text
