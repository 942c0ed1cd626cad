"""Commands about the paper and the code behind it: `claims`, `bench`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from inclusions.commands.sample import number_or_name
from inclusions.model import Model


def claims(
    data: Annotated[Path, typer.Option(help="Folder of results.")] = Path("data"),
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Score the paper's sixteen claims from the consolidated results."""
    if not data.is_dir():
        raise ValueError(f"no folder {data}")
    from inclusions import claims as scoring  # drags in all statistics: not for every command

    verdicts = scoring.scorecard(data)
    if as_json:
        print(json.dumps([asdict(one) for one in verdicts], indent=1))
        return
    for one in verdicts:
        print(f"{one.id:4} {one.verdict:15} {one.claim}")
        print(f"{'':20} {one.reason}")


def bench(
    peers: Annotated[
        str | None, typer.Option(help="Solvers to run, separated by commas; all by default.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="One sample of this length instead of the whole suite.")
    ] = None,
    bubble: Annotated[int, typer.Option(help="Bubble of that sample.")] = 4,
    target: Annotated[str, typer.Option(help="Target of that sample, as in spectrum.")] = "0.5",
    threads: Annotated[int, typer.Option(min=1, help="Threads of every solver.")] = 1,
    large: Annotated[
        bool, typer.Option(help="The largest samples instead, on two threads.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="File for the results, JSON.")] = None,
) -> None:
    """Time this project's solver beside those that others use, each in its own process."""
    from inclusions import bench as benchmarks

    chosen = list(benchmarks.PEERS) if peers is None else peers.split(",")
    unknown = [peer for peer in chosen if peer not in benchmarks.PEERS]
    if unknown:
        raise ValueError(f"peers must be of {', '.join(benchmarks.PEERS)}, got {unknown[0]!r}")
    print(f"{'sample':18} {'dimension':>9} {'solver':22} {'seconds':>9} {'MB':>7}  phases")
    if length is not None:
        disorder, where = benchmarks.SAMPLE["disorder"], number_or_name(target)
        model = Model(length, disorder, bubble=bubble, target=where)
        rows = benchmarks.compare(model, chosen, 50, threads, 3, 3600, _print_timing)
        results = {"machine": benchmarks.machine(), "rows": rows, "overhead": [], "workers": []}
    elif large:
        results = benchmarks.largest(_print_timing)
    else:
        results = benchmarks.suite(chosen, threads, _print_timing)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _print_timing(row: dict[str, Any]) -> None:
    model = Model(**row["model"])
    start = f"{model.key:18} {model.dimension:9} {row['peer']:22}"
    if "failed" in row:
        print(f"{start} {row['failed']}", flush=True)
        return
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["phases"].items())
    memory = row["memory_peak_MB"] - row["memory_before_MB"]
    print(f"{start} {row['seconds']:9.3f} {memory:7.0f}  {phases}", flush=True)
