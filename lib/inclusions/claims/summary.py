"""The scorecard at a glance: a bar of its verdicts."""

from collections.abc import Sequence

from inclusions.claims import Verdict
from inclusions.claims.report import MARKS, tally


def bar(verdicts: Sequence[Verdict], scorecard: str) -> str:
    """HTML: a bar of all verdicts, as wide as they are many, each claim linked to the scorecard."""
    groups = []
    for verdict, count in tally(verdicts).items():
        if count:
            links = " ".join(
                f'<a href="{scorecard}#{one.id.lower()}" title="{one.claim}">{one.id}</a>'
                for one in verdicts
                if one.verdict == verdict
            )
            name = verdict.replace(" ", "-")
            groups.append(
                f'<li class="{name}" style="flex-grow: {count}">'
                f"<strong>{MARKS[verdict]} {count} {verdict}</strong> <span>{links}</span></li>"
            )
    return f'<ul class="verdict-bar">\n{"".join(groups)}\n</ul>\n'
