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
from inclusions.workflow import State

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
                left = f", {duration((total - fates.total()) / rate)} left" if rate else ""
                print(
                    f"{fates.total()} of {total}, {60 * rate:.3g} a minute{left} {failures}",
                    flush=True,
                )

        yield tell


@contextmanager
def overview(total: int) -> Iterator[Callable[[State], None]]:
    """Progress of a workflow: a bar; where there is no terminal a line when something is new.

    What it gives takes what `workflow.Workflow.run` tells.
    """
    columns = (
        TextColumn("realizations"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("elapsed{task.fields[left]}{task.fields[failed]}"),
    )  # fmt: skip
    said: int | None = None
    said_at = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=total, left="", failed="")

        def tell(state: State) -> None:
            nonlocal said, said_at
            for line in state.failures:
                console.print(f"job failed: {line}", soft_wrap=True)
            now, all_of = time.monotonic(), state.progress
            left = "" if state.seconds_left is None else f", {duration(state.seconds_left)} left"
            failed = f", {all_of.failed} failed" if all_of.failed else ""
            shown.update(task, completed=all_of.done, left=left, failed=failed)
            if said is None:  # what there was before is known
                said = all_of.done
            done = all_of.done == total
            if console.is_terminal or all_of.done == said or (now < said_at + 60 and not done):
                return
            said, said_at = all_of.done, now
            left = "" if done else left
            print(f"{said} of {total} done, {all_of.missing} to go{left}{failed}", flush=True)

        yield tell


def duration(seconds: float) -> str:
    """A time as people say it: 40 seconds, 12 minutes, 3.5 hours, 4 days."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            number = seconds / size
            return f"{number:.0f} {unit}s" if number >= 10 else f"{number:.2g} {unit}s"
    return f"{seconds:.0f} seconds"
