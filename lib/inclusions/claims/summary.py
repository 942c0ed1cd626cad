"""The scorecard at a glance: a bar of its verdicts."""

from collections.abc import Sequence

from inclusions.claims import Verdict
from inclusions.claims.report import MARKS, tally


def bar(verdicts: Sequence[Verdict], scorecard: str) -> str:
    """HTML: a bar of all verdicts, as wide as they are many, each claim linked to the scorecard.

    Identities stand apart, as in the tally.
    """
    judged = [one for one in verdicts if not one.identity]
    identities = [one for one in verdicts if one.identity]
    groups = [
        _group(
            verdict.replace(" ", "-"),
            f"{MARKS[verdict]} {count} {verdict}",
            [one for one in judged if one.verdict == verdict],
            scorecard,
        )
        for verdict, count in tally(verdicts).items()
        if count
    ]
    if identities:
        marks = "".join(MARKS[one.verdict] for one in identities)
        heading = f"{marks} identities, counted apart"
        groups.append(_group("identities", heading, identities, scorecard))
    return f'<ul class="verdict-bar">\n{"".join(groups)}\n</ul>\n'


def _group(name: str, heading: str, verdicts: Sequence[Verdict], scorecard: str) -> str:
    links = " ".join(
        f'<a href="{scorecard}#{one.id.lower()}" title="{one.claim}">{one.id}</a>'
        for one in verdicts
    )
    return (
        f'<li class="{name}" style="flex-grow: {len(verdicts)}">'
        f"<strong>{heading}</strong> <span>{links}</span></li>"
    )
