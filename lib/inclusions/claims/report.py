"""The scorecard for reading: tables, lists, details, and what more computing would decide."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inclusions import campaign
from inclusions.claims import Verdict
from inclusions.claims.criteria import (
    ENOUGH,
    OPEN,
    PAPER_REALIZATIONS,
    PAPER_STATES,
    REACH,
    REFUTED,
    REPRODUCED,
    SAYS,
    SURE,
    VERDICTS,
)
from inclusions.cost import predicted_hours, predicted_memory, predicted_seconds
from inclusions.model import Model
from inclusions.places import campaign_file
from inclusions.text import markdown, number, rounded, system


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
            "verdict": marked(one.verdict) if markdown else one.verdict,
        }
        for one in verdicts
    )


def _reference(one: Verdict, labels: set[str]) -> str:
    """The reference to where the book shows a claim, empty where it has no such label."""
    return f"{{numref}}`{one.label}`" if one.label in labels else ""


def as_tests(*verdicts: Verdict) -> pd.DataFrame:
    """The tests of claims as Markdown: value, its error without controls, its drift over lengths.

    What stands beside the tests, and decides nothing, follows them.
    """
    return pd.DataFrame(
        [
            {
                "claim": one.id,
                "test": escaped(test["name"]),
                "value": escaped(test["shown"]),
                "error without controls": rounded(test["plain_error"] or np.nan),
                "drift with L": _drift(test["drift"]),
                "in favour": re.sub("^no", "**no**", test["says"]) or "–",
            }
            for one in verdicts
            for test in (*sorted(one.tests, key=_disorder), *sorted(one.beside, key=_disorder))
        ],
        columns=["claim", "test", "value", "error without controls", "drift with L", "in favour"],
    )


def sensitivity(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """What each other choice makes of each verdict, as signs; a dot where it leaves too little."""
    judged = [one for one in verdicts if one.choices]
    names = dict.fromkeys(name for one in judged for name in one.choices)
    rows = [("as it is", {one.id: one.verdict for one in judged})]
    rows += [(name, {one.id: one.choices.get(name, "") for one in judged}) for name in names]
    return pd.DataFrame(
        [{"choice": name} | {id: MARKS.get(said, "·") for id, said in row.items()}
         for name, row in rows]
    )  # fmt: skip


def _disorder(test: dict[str, Any]) -> float:
    """The disorder that a test's name gives, for their order; those of none come first."""
    found = re.search(r"\bW = ([\d.]+\d|\d)", test["name"])
    return float(found[1]) if found else 0.0


def _drift(one: dict[str, Any] | None) -> str:
    """The slope over lengths, and the length where it turns the test."""
    if one is None:
        return "–"
    turns = f"; turns at L = {one['turns']:.0f}" if one["turns"] else ""
    slope = number(one["slope"], one["error"])
    return f"{slope} {'in 1/L' if one['of'] == '1/L' else 'a site'}{turns}"


def words(*verdicts: Verdict) -> dict[str, str]:
    """What a page may say of claims, to glue as texts: `c7_verdict`, `c7_here` and `c7_paper`.

    `here` is the verdict of the lengths that there are, with no drift followed, and `paper` the
    same with the errors of the paper's statistics.
    """
    return {
        f"{one.id.lower()}_{name}": outcome
        for one in verdicts
        for name, outcome in (
            ("verdict", one.verdict), ("here", one.here), ("paper", one.at_the_papers_errors),
        )
    }  # fmt: skip


def sections(verdicts: Sequence[Verdict], labels: Iterable[str] = ()) -> dict[str, str]:
    """What the scorecard has in full on each claim as Markdown, to glue as claim-c1 and so on."""
    labels = set(labels)
    return {f"claim-{one.id.lower()}": _details(one, labels) for one in verdicts}


def _details(one: Verdict, labels: set[str]) -> str:
    used = "none yet" if one.command else "solved live, or exact; none cached"
    if one.sizes:
        used = (
            f"$L = {', '.join(map(str, one.sizes))}$; "
            f"{' to '.join(map(str, sorted(set(one.realizations))))} realizations"
        )
        drifts = {n for test in one.tests if test["drift"] for n in test["drift"]["lengths"]}
        if drifts - set(one.sizes):
            used += f"; drifts over $L = {', '.join(map(str, sorted(drifts)))}$"
    lines = [
        f"{marked(one.verdict)}. {escaped(one.reason)}",
        f"*In the paper:* {one.where}. *Here:* {_reference(one, labels) or 'computed below'}.",
        f"*Criterion:* {escaped(one.criterion)}.",
        markdown(as_tests(one).drop(columns="claim")) if one.tests else "",
        f"*Data:* {used}.",
        _sentence("Readings", one.readings),
        _sentence("Under other choices", one.choices),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _sentence(title: str, outcomes: dict[str, str]) -> str:
    """Each outcome, and in parentheses where it comes about."""
    groups: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        groups.setdefault(outcome, []).append(escaped(name))
    listed = "; ".join(f"{outcome} ({_gathered(names)})" for outcome, names in groups.items())
    return f"*{title}:* {listed}." if groups else ""


def _gathered(names: Sequence[str]) -> str:
    """Names in a row, those of seeds as their number."""
    others = [name for name in names if not name.startswith("seed ")]
    seeds = len(names) - len(others)
    if seeds > 1:
        return "; ".join([f"{seeds} seeds", *others])
    return "; ".join(names)


MARKS = {REPRODUCED: "✓", REFUTED: "✗", OPEN: "?"}
"""A verdict is known by its sign and its word, not by its colour alone."""


def marked(verdict: str) -> str:
    """A verdict as Markdown with a class for its colour."""
    return f"[{MARKS[verdict]}\xa0{verdict}]{{.verdict .{verdict.replace(' ', '-')}}}"


SIGNS = {
    "gamma": "γ", "beta": "β", "xi": "ξ", "chi2": "χ²",
    ">=": "≥", "<=": "≤", "+-": "±",
}  # fmt: skip


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it, with signs for words, and indices as indices."""
    text = re.sub(r" ([=≈<>≤≥]) ", "\u00a0\\1\u00a0", text.replace(" - ", " − "))
    for word, sign in SIGNS.items():
        text = re.sub(rf"(?<![a-z]){re.escape(word)}(?![a-z])", sign, text)
    text = re.sub(r"(?<![\w^])(\w)_([A-Za-z0-9]+|\*)", r"\1{sub}`\2`", text)
    text = re.sub(r"\^\(([^)]*)\)|\^(\w)", r"{sup}`\1\2`", text)
    parts = re.split(r"(\{su[bp]\}`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*_|<^])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have each verdict; identities are counted apart."""
    judged = [one.verdict for one in verdicts if not one.identity]
    return {name: judged.count(name) for name in VERDICTS.values()}


def texts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The tally and the rules as a page says them."""
    counts = {f"count_{k.replace(' ', '_')}": v or "no" for k, v in tally(verdicts).items()}
    identities = [one for one in verdicts if one.identity]
    changed = [f"{one.id} {one.here}" for one in verdicts if one.here != one.verdict]
    return counts | {
        "without_drift": ", ".join(changed) or "none otherwise",
        "sure": f"{SURE:g}",
        "reach": f"{REACH:g}",
        "enough": ENOUGH,
        "tests": sum(len(one.tests) for one in verdicts),
        "identities": len(identities),
        "identities_hold": sum(one.verdict == REPRODUCED for one in identities),
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

    If ensembles are there: so many times their realizations, if the values stay and nothing but
    the number of samples is in the error; the cost is that of the ensembles so far, scaled. If
    they are not: the campaigns, as far as not done, predicted. Under `SOON`, with the command. No
    column of costs where realizations decide nothing.
    """
    rows = []
    for one in verdicts:
        if one.verdict != OPEN:
            continue
        what, cost = _takes(one)
        if cost < SOON:
            what += f"; now: `{one.command}`"
        rows.append((one.id, what, cost))
    table = pd.DataFrame(rows, columns=["", "takes", "core-hours"])
    if not table["core-hours"].notna().any():
        return table[["", "takes"]]
    return table.assign(**{"core-hours": table["core-hours"].map(rounded)})


SOON = 10.0
"""Core-hours that are better spent than announced."""


def _takes(one: Verdict) -> tuple[str, float]:
    """What would decide a claim, and its core-hours; nan where no number of them does."""
    names = [Path(word).stem for word in one.command.split() if word.endswith(".toml")]
    if not one.sizes:
        cost = sum(predicted_hours(campaign.load(campaign_file(name))) for name in names)
        return ", ".join(f"{name}.toml" for name in names), cost
    if {REPRODUCED, REFUTED} <= set(one.readings.values()):
        return "a word of the authors: its readings differ", np.nan
    undecided = [test for test in one.tests if test["says"] == SAYS[None]]
    turns = [test["drift"]["turns"] for test in one.tests if test["drift"]]
    if any(turns):
        what = f"chains longer than L = {max(filter(None, turns)):.0f}"
        rest = [test["name"] for test in undecided if not (test["drift"] or {}).get("turns")]
        if rest:
            more = f" and {len(rest) - 1} more are" if rest[1:] else " is"
            what += f"; “{escaped(rest[0])}”{more} open beside"
        return what, np.nan
    if lack := [test["name"] for test in one.tests if test["value"] is None]:
        return f"data that lack: {escaped(lack[0])}", np.nan
    if one.needed is None or one.needed > 100:
        return "larger systems, or a form that fits: not more realizations", np.nan
    if one.needed < 1.05:
        what = "twice the realizations: a test is so near its limit that a seed may turn it"
        return what, one.core_hours
    cost = (one.needed - 1) * one.core_hours
    return f"{one.needed:.1f} times the realizations, if the values stay", cost


def cost_of_the_paper() -> pd.DataFrame:
    """Predicted core-hours of one disorder of the paper's largest systems, and memory a worker."""
    models = [Model(n, 5.2, bubble=4) for n in (14, 16, 18)]
    models += [Model(n, 5.2) for n in (16, 18, 20)]
    return pd.DataFrame(
        {
            "system": system(model.bubble, model.boundary),
            "$L$": model.length,
            "dimension": model.dimension,
            "core-hours": rounded(
                PAPER_REALIZATIONS * predicted_seconds(model, PAPER_STATES) / 3600
            ),
            "memory (GB)": f"{predicted_memory(model, PAPER_STATES) / 1000:.2g}",
        }
        for model in models
    )
