"""What commands write to: a console, a progress bar, text where the encoding has few letters."""

import codecs
import io
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from inclusions.ensemble import Fate

# Names are shown as they are: "[x]" is no markup and ":x:" no picture.
console = Console(highlight=False, markup=False, emoji=False)

PLAIN = str.maketrans({
    "⟨": "<", "⟩": ">", "−": "-", "×": "x", "·": ".", "–": "-", "—": "-", "≈": "~", "≤": "<=",
    "≥": ">=", "→": "->", "∞": "infinity", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta",
    "Δ": "Delta", "σ": "sigma", "ξ": "xi", "χ": "chi", "ℓ": "l", "∝": "~", "√": "sqrt", "’": "'",
    "±": "+-",
})  # fmt: skip
"""Letters of the claims and of physics, for terminals and logs whose encoding lacks them."""


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """A handler of encoding errors: says in ASCII what the encoding cannot."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    plain = unicodedata.normalize("NFKD", text).translate(PLAIN)
    return plain.encode("ascii", "replace").decode(), error.end


def accept_any_letter() -> None:
    """Let stdout and stderr take text that their encoding does not have."""
    codecs.register_error("plain letters", _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain letters")


def complain(message: str) -> None:
    """Say in one line on stderr what went wrong."""
    print(f"inclusions: {' '.join(message.split())}", file=sys.stderr)


def show(table: Table) -> None:
    """Print a table; a pipe or a log has no width, so nothing is cut off there."""
    if console.is_terminal:
        console.print(table)
    else:
        Console(highlight=False, markup=False, emoji=False, width=120).print(table)


@contextmanager
def progress(total: int) -> Iterator[Callable[[Fate], None]]:
    """A progress bar with rate and time left; where there is no terminal, a line a minute.

    What it gives takes the fates of realizations, as `ensemble.Tell` says.
    """
    fates: Counter[Fate] = Counter()
    started = shown_at = time.monotonic()
    said: list[Fate] = []
    columns = (
        TextColumn("realizations"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("elapsed,"), TimeRemainingColumn(), TextColumn("left"),
        TextColumn("{task.fields[failures]}"),
    )  # fmt: skip
    with Progress(
        *columns, console=console, speed_estimate_period=600, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task("", total=total, failures="", rate="")

        def tell(fate: Fate) -> None:
            nonlocal shown_at
            if fate in (Fate.WAITING, Fate.DIED):
                if fate is Fate.WAITING and not said:
                    print("some are in work in another run: they are left to it", flush=True)
                    said.append(fate)
                return
            fates[fate] += 1
            now = time.monotonic()
            rate = fates[Fate.COMPUTED] / max(now - started, 1e-9)
            failures = f"{fates[Fate.FAILED]} failed" if fates[Fate.FAILED] else ""
            shown.update(task, advance=1, failures=failures, rate=f"{60 * rate:.3g} a minute")
            if not console.is_terminal and now > shown_at + 60:
                shown_at = now
                left = (total - fates.total()) / rate / 60 if rate else float("inf")
                print(
                    f"{fates.total()} of {total}, {60 * rate:.3g} a minute, {left:.0f} minutes "
                    f"left {failures}",
                    flush=True,
                )

        yield tell
