"""Commands about the paper and the code behind it: `claims`, `bench`."""

import json
import tempfile
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from inclusions.commands.sample import number_or_name
from inclusions.model import Model
from inclusions.store import select, write_atomically


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
        other = [f"{name}: {said}" for name, said in one.choices.items() if said != one.verdict]
        if other:
            print(f"{'':20} Under other choices {'; '.join(other)}.")
    for line in select(data).left_aside():
        print(f"left aside: {line}")


def bench(
    context: typer.Context,
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
    ranks: Annotated[
        str | None, typer.Option(help="MPI ranks to share one sample, as in 1,2,4; by --length.")
    ] = None,
    factorless: Annotated[
        bool, typer.Option("--filter", help="The polynomial filter beside L D L^T instead.")
    ] = False,
    gpu: Annotated[bool, typer.Option(help="The filter on a GPU instead, some minutes.")] = False,
    output: Annotated[Path | None, typer.Option(help="File for the results, JSON.")] = None,
) -> None:
    """Time this project's solver beside those that others use, each in its own process."""
    kinds = {"--ranks": ranks, "--length": length, "--filter": factorless, "--gpu": gpu,
             "--large": large}  # fmt: skip
    kind = next((name for name, given in kinds.items() if given not in (None, False)), "")
    for option in context.command.params:
        asked = context.get_parameter_source(option.name or "")
        if asked and asked.name == "COMMANDLINE" and option.name not in OF_A_BENCH[kind]:
            raise ValueError(f"{option.opts[-1]} has no meaning for bench {kind}".rstrip())
    from inclusions import bench as benchmarks
    from inclusions import scaling

    if output is not None:  # what cannot be written is told before the work, not after it
        if output.is_dir():
            raise ValueError(f"{output} is a folder, not a file")
        output.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output.parent).close()
    if ranks is not None:
        where = number_or_name(target)
        model = Model(length or 14, benchmarks.DISORDER, bubble=bubble, target=where)
        repeats = 1 if model.dimension > 20_000 else 2
        beside = _chosen(peers, scaling.PEERS)
        _write(scaling.scaling(model, _numbers(ranks), beside, repeats, _print_ranks), output)
        return
    chosen = _chosen(peers, benchmarks.PEERS)
    print(f"{'sample':18} {'dimension':>9} {'solver':22} {'seconds':>9} {'MB':>7}  phases")
    if length is not None:
        disorder, where = benchmarks.DISORDER, number_or_name(target)
        model = Model(length, disorder, bubble=bubble, target=where)
        rows = benchmarks.compare(model, chosen, 50, threads, 3, 3600, _print_timing)
        results = {"machine": benchmarks.machine(), "rows": rows, "overhead": [], "workers": []}
    elif factorless or gpu:
        from inclusions import bench_filter

        jobs = bench_filter.on_gpu() if gpu else bench_filter.everything()
        results = bench_filter.run(jobs, _print_timing)
    elif large:
        results = benchmarks.largest(_print_timing)
    else:
        results = benchmarks.suite(chosen, threads, _print_timing)
    _write(results, output)


OF_A_BENCH = {
    "--ranks": {"ranks", "peers", "length", "bubble", "target", "output"},
    "--length": {"peers", "length", "bubble", "target", "threads", "output"},
    "--filter": {"factorless", "output"}, "--gpu": {"gpu", "output"},
    "--large": {"large", "output"},
    "": {"peers", "threads", "output"},
}  # fmt: skip
"""What each kind of benchmark is told; without any it is the whole suite."""


def _write(results: dict[str, Any], output: Path | None) -> None:
    if output is not None:
        write_atomically(output, json.dumps(results, indent=1).encode() + b"\n")


def _chosen(peers: str | None, known: Collection[str]) -> list[str]:
    chosen = list(known) if peers is None else peers.split(",")
    unknown = [peer for peer in chosen if peer not in known]
    if unknown:
        raise ValueError(f"peers must be of {', '.join(known)}, got {unknown[0]!r}")
    return chosen


def _numbers(ranks: str) -> list[int]:
    words = ranks.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) for word in words):
        raise ValueError(f"ranks must be numbers of at least 1, separated by commas, got {ranks!r}")
    return [int(word) for word in words]


def _print_ranks(row: dict[str, Any]) -> None:
    start = f"{Model(**row['model']).key:18} {row['peer']:12} {row['ranks']:3} ranks"
    if "failed" in row:
        print(f"{start} {row['failed']}", flush=True)
        return
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["phases"].items())
    print(
        f"{start} {row['seconds']:9.2f} s {max(row['memory_peak_MB']):7.0f} MB a rank  {phases}",
        flush=True,
    )


def _print_timing(row: dict[str, Any]) -> None:
    model = Model(**row["model"])
    start = f"{model.key:18} {model.dimension:9} {row['peer']:22}"
    if "failed" in row:
        print(f"{start} {row['failed']}", flush=True)
        return
    memory = row["memory_peak_MB"] - row["memory_before_MB"]
    if "phases" not in row:  # a share of a sample
        step = 1e3 * row["cpu_seconds_a_step"]
        print(f"{start} {step:7.3f}ms {memory:7.0f}  a step, of {row['degree']} to a filter")
        return
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["phases"].items())
    print(f"{start} {row['seconds']:9.3f} {memory:7.0f}  {phases}", flush=True)
