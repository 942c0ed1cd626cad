"""The scorecard for reading: tables, lists, details, and what more computing would decide."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inclusions import campaign, tables
from inclusions.claims import Verdict
from inclusions.claims.criteria import OPEN, SURE, VERDICTS
from inclusions.cost import predicted_hours, predicted_memory, predicted_seconds
from inclusions.model import Model
from inclusions.places import campaign_file
from inclusions.tables import LEAST


def as_table(
    verdicts: Sequence[Verdict], labels: Iterable[str] = (), markdown: bool = True
) -> pd.DataFrame:
    """The scorecard in short, one row a claim, as Markdown or as plain text.

    `where` becomes a reference where the book has the claim's label.
    """
    labels = set(labels)
    return pd.DataFrame(
        {
            "": one.id,
            "claim": escaped(one.claim) if markdown else one.claim,
            "where": _reference(one, labels) or one.where,
            "verdict": one.verdict,
        }
        for one in verdicts
    )


def _reference(one: Verdict, labels: set[str]) -> str:
    """The reference to where the book shows a claim, empty where it has no such label."""
    return f"{{numref}}`{one.label}`" if one.label in labels else ""


def as_lists(verdicts: Sequence[Verdict], labels: Iterable[str] = ()) -> str:
    """The scorecard in a screenful of Markdown: the claims of each verdict."""
    labels = set(labels)
    parts = []
    for verdict, count in tally(verdicts).items():
        parts.append(f"**{verdict.capitalize()}: {count or 'none'}**\n")
        for one in verdicts:
            if one.verdict == verdict:
                see = _reference(one, labels)
                parts.append(f"- {escaped(one.claim)}{see and f' ({see})'}")
        parts.append("")
    return "\n".join(parts)


def as_details(verdicts: Sequence[Verdict], labels: Iterable[str] = ()) -> str:
    """The scorecard in full as Markdown: a section for each claim."""
    labels = set(labels)
    sections = []
    for one in verdicts:
        see = _reference(one, labels) or one.where
        tests = [
            f"| {escaped(test['name'])} | {shown(test['value'], test['error'])} "
            f"| {SAYS[test['holds']]} |"
            for test in one.tests
        ]
        table = ["| test | value | in favour |", "| --- | --- | --- |", *tests, ""]
        used = "none yet" if one.command else "solved live, or exact; none cached"
        if one.sizes:
            used = (
                f"$L = {', '.join(map(str, one.sizes))}$; "
                f"{' to '.join(map(str, sorted(set(one.realizations))))} realizations"
            )
        sections.append(
            "\n".join(
                [
                    f"**{one.id}. {escaped(one.claim)}.** See {see}.",
                    "",
                    f"*Criterion:* {escaped(one.criterion)}.",
                    "",
                    *(table if tests else []),
                    f"*Data:* {used}.",
                    "",
                    f"*Verdict:* **{one.verdict}**. {escaped(one.reason)}",
                    "",
                ]
            )
        )
    return "\n".join(sections)


SIGNS = {
    "gamma": "γ", "beta": "β", "xi": "ξ", "chi2": "χ²",
    ">=": "≥", "<=": "≤", "+-": "±",
}  # fmt: skip


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it, with signs for words, and indices as indices."""
    text = text.replace(" - ", " − ")
    for word, sign in SIGNS.items():
        text = re.sub(rf"(?<![a-z]){re.escape(word)}(?![a-z])", sign, text)
    text = re.sub(r"(?<![\w^])(\w)_([A-Za-z0-9]+|\*)", r"\1{sub}`\2`", text)
    text = re.sub(r"\^\(([^)]*)\)|\^(\w)", r"{sup}`\1\2`", text)
    parts = re.split(r"(\{su[bp]\}`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*_|<^])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


SAYS = {True: "yes", False: "**no**", None: "cannot tell"}


def shown(value: float | None, error: float | None) -> str:
    value = np.nan if value is None else value
    if not error and 0 < abs(value) < 1e-6:
        return tables.magnitude(value)
    return tables.number(value, np.nan if error is None else error)


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have each verdict."""
    return {name: sum(one.verdict == name for one in verdicts) for name in VERDICTS.values()}


def texts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The tally and the rules as a page says them."""
    counts = {f"count_{k.replace(' ', '_')}": v or "no" for k, v in tally(verdicts).items()}
    tests = sum(len(one.tests) for one in verdicts)
    return counts | {
        "sure": f"{SURE:g}",
        "least": LEAST,
        "tests": tests,
        "paper_realizations": PAPER_REALIZATIONS,
        "paper_states": PAPER_STATES,
    }


def labels(root: Path) -> set[str]:
    """Labels of figures, tables and sections on the pages that the book's contents list.

    None where there is no book, as in the kit.
    """
    listed = root / "_toc.yml"
    contents = listed.read_text(encoding="utf-8") if listed.exists() else ""
    found: set[str] = set()
    for name in re.findall(r"(?:root|file): *(\S+)", contents):
        path = root / f"{name}.md"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            pairs = re.findall(r"^:?name: *(\S+)$|^\((\S+)\)=$", text, re.MULTILINE)
            found.update(one or other for one, other in pairs)
    return found


def outlook(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """What would decide the undecided claims, and its cost in core-hours.

    If ensembles are there: so many times their realizations, if the values stay; the cost is that
    of the ensembles so far, scaled. If they are not: the campaigns, as far as not done, predicted.
    """
    rows = []
    for one in verdicts:
        if one.verdict != OPEN:
            continue
        names = [Path(word).stem for word in one.command.split() if word.endswith(".toml")]
        if one.needed is None:
            what, hours = (
                ", ".join(f"{name}.toml" for name in names),
                sum(predicted_hours(campaign.load(campaign_file(n))) for n in names),
            )
        else:
            what = (
                f"{one.needed:.1f} times the realizations"
                if one.needed < 100
                else ("larger systems, not more realizations")
            )
            hours = (one.needed - 1) * one.core_hours if one.needed < 100 else np.nan
        rows.append({"": one.id, "takes": what, "core-hours": tables.hours(hours)})
    return pd.DataFrame(rows, columns=["", "takes", "core-hours"])


PAPER_REALIZATIONS, PAPER_STATES = 2000, 50


def cost_of_the_paper() -> pd.DataFrame:
    """Predicted core-hours of one disorder of the paper's largest systems, and memory a worker."""
    models = [Model(n, 5.2, bubble=4) for n in (14, 16, 18)]
    models += [Model(n, 5.2) for n in (16, 18, 20)]
    return pd.DataFrame(
        {
            "system": tables.name_of(model.bubble, model.boundary),
            "$L$": model.length,
            "dimension": model.dimension,
            "core-hours": tables.hours(
                PAPER_REALIZATIONS * predicted_seconds(model, PAPER_STATES) / 3600
            ),
            "memory (GB)": f"{predicted_memory(model, PAPER_STATES) / 1000:.2g}",
        }
        for model in models
    )
