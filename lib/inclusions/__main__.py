"""The command line: `inclusions`, also `python -m inclusions`."""

import errno
import json
import os
import signal
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import numpy as np
import typer
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

from inclusions import campaign as campaigns
from inclusions import ensemble, store
from inclusions.eigen import MissingLevels, MissingSolver, NotConverged, solvers_found
from inclusions.model import Model
from inclusions.statistics import gap_ratios

app = typer.Typer(
    help="Mid-spectrum eigenstates of disordered spin chains coupled to an ergodic bubble.",
    rich_markup_mode=None,
    add_completion=False,
)
console = Console(highlight=False)
UsageError = typer.BadParameter.__bases__[0]  # of whichever click typer brings

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", show_default=False)]
Archive = Annotated[Path, typer.Argument(metavar="ARCHIVE.tar", show_default=False)]
Data = Annotated[Path | None, typer.Option(help="Folder of results, instead of the campaign's.")]


def world():
    """The MPI world if this process was launched in one of several ranks, else None."""
    launched = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")
    if not any(name in os.environ for name in launched):
        return None
    try:
        from mpi4py import MPI
    except ImportError:
        raise MissingSolver("several ranks need mpi4py: install python3-mpi4py or mpi4py") from None
    return MPI.COMM_WORLD if MPI.COMM_WORLD.size > 1 else None


@app.command()
def spectrum(
    length: Annotated[int, typer.Option(help="Spins in the chain.")],
    disorder: Annotated[float, typer.Option(help="Half-width W of the fields, units of J.")],
    bubble: Annotated[int, typer.Option(help="States of the bubble, n_GOE; 0 is no bubble.")] = 0,
    coupling: Annotated[float, typer.Option(help="Chain-bubble coupling g.")] = 1.0,
    bandwidth: Annotated[
        float | None, typer.Option(help="beta of the GOE matrices; tuned by default.")
    ] = None,
    anisotropy: Annotated[float, typer.Option(help="Delta.")] = 1.0,
    boundary: Annotated[str, typer.Option(help="open or periodic.")] = "open",
    magnetization: Annotated[
        float | None, typer.Option(help="Total S^z; 0 or 1/2 by default.")
    ] = None,
    count: Annotated[int, typer.Option(help="Levels closest to the middle.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the ensemble.")] = 1,
    index: Annotated[int, typer.Option(help="Number of the realization.")] = 0,
    fields: Annotated[
        Path | None, typer.Option(help="JSON list of L fields, instead of drawn ones.")
    ] = None,
    solver: Annotated[
        str, typer.Option(help="auto, dense, shift-invert[:ldl|mumps|superlu] or slepc.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Solve one sample: the levels closest to the middle of its spectrum."""
    model = Model(
        length, disorder, bubble, coupling, bandwidth, anisotropy, boundary, magnetization
    )
    comm = world()
    given = _read_fields(fields)
    states = min(max(count, 1), model.dimension)
    needed = ensemble.predicted_memory(model, states, 1 if comm is None else comm.size)
    room = ensemble.available_memory()
    if needed > room:
        raise _too_large(model, needed, room, "more MPI ranks, or solver shift-invert:ldl-single")
    solved = ensemble.solve(model, count, seed, index, solver, fields=given, comm=comm)
    if comm is not None and comm.rank > 0:
        return
    pairs = solved.pairs
    if as_json:
        print(
            json.dumps(
                {
                    "model": model.as_dict(),
                    "seed": seed,
                    "index": index,
                    "dimension": model.dimension,
                    "energies": pairs.energies.tolist(),
                    "residuals": pairs.residuals.tolist(),
                    "magnetization": solved.magnetization.tolist(),
                    "spectrum_edges": list(pairs.edges),
                    "certificate": pairs.certificate._asdict(),
                    "solver": pairs.report.solver,
                    "ranks": 1 if comm is None else comm.size,
                    "seconds": pairs.report.seconds | {"total": solved.seconds},
                    "counts": pairs.report.counts,
                    "peak_memory_MB": solved.peak_memory,
                },
                indent=1,
            )
        )
        return
    ratio = f"{gap_ratios(pairs.energies).mean():.4f}" if pairs.energies.size > 2 else "-"
    phases = ", ".join(f"{name} {time:.3f}" for name, time in pairs.report.seconds.items())
    for name, value in (
        ("ensemble", f"{model.key}, seed {seed}, realization {index}"),
        ("dimension", str(model.dimension)),
        ("spectrum", f"{pairs.edges[0]:.10f} ... {pairs.edges[1]:.10f} J"),
        ("states", f"{pairs.energies.size} closest to {pairs.target:.10f} J"),
        ("energies", f"{pairs.energies[0]:.10f} ... {pairs.energies[-1]:.10f} J"),
        ("mean gap ratio", ratio),
        ("worst residual", f"{pairs.residuals.max():.1e} J"),
        ("certificate", pairs.certificate.status),
        ("solver", pairs.report.solver),
        ("seconds", f"{solved.seconds:.3f} ({phases})"),
        ("peak memory", f"{solved.peak_memory:.0f} MB"),
    ):
        print(f"{name:15} {value}")


def _read_fields(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"fields file {path}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"fields file {path} must be a JSON list of numbers") from None
    numbers = isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    if not numbers:
        raise ValueError(f"fields file {path} must be a JSON list of numbers")
    try:
        return np.array(values, dtype=float)
    except OverflowError:
        raise ValueError(f"fields file {path} has a number beyond all floats") from None


@app.command()
def run(
    campaign: CampaignFile,
    workers: Annotated[int, typer.Option(min=1, help="Samples solved side by side.")] = 1,
    data: Data = None,
    recheck: Annotated[
        int, typer.Option(min=0, help="Recompute N random saved records instead, and compare.")
    ] = 0,
    solver: Annotated[str, typer.Option(help="Solver for --recheck.")] = "auto",
) -> None:
    """Compute what a campaign lacks. Stop it any way and start it again: it goes on."""
    plan = campaigns.load(campaign)
    folder = data or plan.data
    comm = world()
    if recheck:
        _recheck(plan, folder, recheck, solver)
        return
    for one in plan.ensembles if comm is None or comm.rank == 0 else []:
        for fault in ensemble.place_of(one, folder).set_damaged_aside(one.indices):
            print(f"set aside, to be computed again: {fault}")
    if comm is not None:
        _run_together(plan, folder, comm)
        return
    todo = ensemble.chunks(plan, folder)
    workers = _fitting(todo, workers)
    wanted = sum(one.realizations for one in plan.ensembles)
    missing = sum(len(chunk.indices) for chunk in todo)
    print(f"{plan.name}: {wanted - missing} of {wanted} realizations done, {missing} to go")
    # Slurm and Snakemake end a job with SIGTERM: like Ctrl-C, so that no worker outlives it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _progress(missing) as tell:
            fates = ensemble.run(plan, folder, workers, tell)
    except KeyboardInterrupt:
        raise SystemExit(
            _complain("stopped; what is finished is saved, the same command goes on", 130)
        ) from None
    extra = "".join(
        f", {fates[what]} {text}"
        for what, text in (
            ("recovered", "recovered from interrupted runs"),
            ("elsewhere", "computed by another run meanwhile"),
        )
        if fates[what]
    )
    print(f"{fates['computed']} computed, {fates['failed']} failed{extra}, results in {folder}")
    if fates["failed"]:
        raise SystemExit(1)


@contextmanager
def _progress(total: int):
    """A progress bar with rate and time left; where there is no terminal, a line a minute."""
    fates: Counter[str] = Counter()
    started = shown_at = time.monotonic()
    said: list[str] = []
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

        def tell(what: str) -> None:
            nonlocal shown_at
            if what == "waiting":
                if not said:
                    print("some are in work in another run: they are left to it", flush=True)
                said.append(what)
                return
            fates[what] += 1
            now = time.monotonic()
            rate = fates["computed"] / max(now - started, 1e-9)
            failures = f"{fates['failed']} failed" if fates["failed"] else ""
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


def _fitting(todo: list[ensemble.Chunk], workers: int) -> int:
    """As many workers as the memory holds for the largest model to do; says so if fewer."""
    if not todo:
        return 1
    largest = max((chunk.ensemble for chunk in todo), key=lambda one: one.model.dimension)
    each = ensemble.predicted_memory(largest.model, largest.count)
    room = ensemble.available_memory()
    fitting = int(room // each)
    if fitting < 1:
        advice = "more MPI ranks on other nodes or a smaller length"
        raise _too_large(largest.model, each, room, advice)
    if fitting < workers:
        print(
            f"{fitting} workers instead of {workers}: each needs up to {each / 1000:.1f} GB for "
            f"{largest.model.key}, {room / 1000:.1f} GB are free"
        )
    return min(workers, fitting)


def _too_large(model: Model, needed: float, room: float, advice: str) -> MemoryError:
    """What to raise when a sample needs more MB than there are."""
    return MemoryError(
        f"{model.key} (dimension {model.dimension}) needs about {needed / 1000:.1f} GB, "
        f"{room / 1000:.1f} GB are free; try {advice}"
    )


def _run_together(plan: campaigns.Campaign, folder: Path, comm) -> None:
    """All ranks on one sample after the other."""
    todo = comm.bcast(ensemble.chunks(plan, folder) if comm.rank == 0 else None)
    fates: Counter[str] = Counter()
    while todo:
        todo = [
            chunk
            for chunk in todo
            if not ensemble.compute(chunk, comm, lambda what: fates.update([what]))
        ]
        if todo:
            time.sleep(ensemble.POLL)
    if comm.rank == 0:
        print(
            f"{fates['computed']} computed on {comm.size} ranks, {fates['failed']} failed, "
            f"{fates['recovered']} recovered, results in {folder}"
        )
    if fates["failed"]:
        raise SystemExit(1)


def _recheck(plan: campaigns.Campaign, folder: Path, number: int, solver: str) -> None:
    """Recompute random saved records and compare: energies to 1e-9 J, integers exactly."""
    saved = []
    for one in plan.ensembles:
        place = store.Store(folder, one.model, one.seed, one.count)
        saved += [(one, place, index) for index in sorted(place.done())]
    if not saved:
        raise ValueError(f"no saved records of {plan.name} in {folder}")
    picks = np.random.default_rng().permutation(len(saved))[:number]
    different = 0
    for pick in sorted(picks):
        one, place, index = saved[pick]
        old = place.load().sel(realization=index)
        new = ensemble.record(one._replace(solver=solver), index)
        faults = [
            name
            for name, (kind, _, unit) in store.FIELDS.items()
            if name not in ("seconds", "peak_memory", "solver", "missing_levels", "residual",
                            "magnetization_error", "magnetization_histogram")
            and not np.allclose(
                np.asarray(new[name], dtype=float), old[name].values.astype(float),
                rtol=2.0 ** -store.ROUNDED[name] if name in store.ROUNDED else 0,
                atol=0 if kind[0] == "u" else 1e-9 if unit == "J" else 1e-7,
                equal_nan=True,
            )
        ]  # fmt: skip
        different += bool(faults)
        print(f"{place.name} {index}: {'differs in ' + ', '.join(faults) if faults else 'same'}")
    print(f"{len(picks)} records recomputed with {solver}, {different} differ")
    if different:
        raise SystemExit(1)


@app.command()
def status(
    campaign: CampaignFile,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what is done, missing and failed, for every model of a campaign."""
    plan = campaigns.load(campaign)
    folder = data or plan.data
    rows = []
    for one in plan.ensembles:
        place = ensemble.place_of(one, folder)
        saved, seconds = place.cost()
        done = len(saved.intersection(one.indices))
        missing = one.realizations - done
        each = (
            seconds / len(saved)
            if saved
            else ensemble.predicted_seconds(one.model, one.count, one.certify)
        )
        rows.append(
            {
                "ensemble": place.name,
                "wanted": one.realizations,
                "done": done,
                "missing": missing,
                "failed": len(place.failures().keys() & set(one.indices) - saved),
                "core_hours_spent": round(seconds / 3600, 4),
                "core_hours_to_go": round(each * missing / 3600, 4),
            }
        )
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name != "ensemble"}
    if as_json:
        print(json.dumps({"ensembles": rows, "all": total}, indent=1))
        return
    table = Table(title=f"{plan.name} in {folder}", title_justify="left")
    for name in rows[0]:
        table.add_column(
            name.replace("core_hours_", "core-hours\n").replace("_", " "),
            justify="left" if name == "ensemble" else "right",
            no_wrap=True,
        )
    for row in [*rows, {"ensemble": "all"} | total]:
        if row["ensemble"] == "all":
            table.add_section()
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    # A pipe or a log has no width: nothing is to be cut off there.
    (console if console.is_terminal else Console(width=120)).print(table)


@app.command()
def verify(data: Annotated[Path, typer.Option(help="Folder of results.")] = Path("data")) -> None:
    """Check every shard, every consolidated file and the manifest."""
    if not data.is_dir():
        raise ValueError(f"no folder {data}")
    checked, faults = store.verify(data)
    for fault in faults:
        print(fault)
    print(f"{checked} files checked, {len(faults)} faults")
    if faults:
        raise SystemExit(1)


@app.command()
def consolidate(
    data: Annotated[Path, typer.Option(help="Folder of results.")] = Path("data"),
) -> None:
    """Gather shards into one file per model, and write the manifest."""
    if not data.is_dir():
        raise ValueError(f"no folder {data}")
    # An ensemble that a run has only begun has nothing to gather yet.
    places = [one for one in store.stores(data) if one.consolidated.exists() or one.shards()]
    gathered = [place.consolidate() for place in places]
    store.write_manifest(data)
    print(f"{len(gathered)} ensembles in {data / 'ensembles'}")


@app.command()
def export(
    archive: Archive,
    data: Annotated[Path, typer.Option(help="Folder of results.")] = Path("data"),
) -> None:
    """Pack all results into one archive with a manifest, to bring them home."""
    print(f"{store.export(data, archive)} files in {archive}")


@app.command("import")
def import_(
    archive: Archive,
    data: Annotated[Path, typer.Option(help="Folder of results.")] = Path("data"),
) -> None:
    """Verify an archive of `inclusions export` and merge it into the results here."""
    files, gained = store.import_archive(data, archive)
    print(f"{files} files added, {gained} realizations gained; inclusions consolidate is next")


@app.command()
def solvers() -> None:
    """Show which solvers were found here, and how to get the others."""
    for name, found, remark in solvers_found():
        print(f"{name:22} {'found  ' if found else 'missing'} {remark}")


@app.command()
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


@app.command()
def bench(
    peers: Annotated[
        str | None, typer.Option(help="Solvers to run, separated by commas; all by default.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="One sample of this length instead of the whole suite.")
    ] = None,
    bubble: Annotated[int, typer.Option(help="Bubble of that sample.")] = 4,
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

    def report(row: dict) -> None:
        model = Model(**row["model"])
        start = f"{model.key:18} {model.dimension:9} {row['peer']:22}"
        if "failed" in row:
            print(f"{start} {row['failed']}", flush=True)
            return
        phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["phases"].items())
        memory = row["memory_peak_MB"] - row["memory_before_MB"]
        print(f"{start} {row['seconds']:9.3f} {memory:7.0f}  {phases}", flush=True)

    if length is not None:
        model = Model(length, benchmarks.SAMPLE["disorder"], bubble=bubble)
        rows = benchmarks.compare(model, chosen, 50, threads, 3, 3600, report)
        results = {"machine": benchmarks.machine(), "rows": rows, "overhead": [], "workers": []}
    elif large:
        results = benchmarks.largest(report)
    else:
        results = benchmarks.suite(chosen, threads, report)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main() -> NoReturn:
    """Run the command line; an error is one line on stderr, exit code 2 for wrong input."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except typer.Exit as error:
        code = error.exit_code
    except typer.Abort:
        code = _complain("stopped", 130)
    except UsageError as error:
        code = _complain(error.format_message().replace("\n", " "), 2)
    except (ValueError, MissingSolver) as error:
        code = _complain(str(error), 2)
    except OSError as error:
        code = _complain(_unwritable(error), 1)
    except (NotConverged, MissingLevels, MemoryError, store.DamagedFile) as error:
        code = _complain(str(error) or type(error).__name__, 1)
    except RuntimeError as error:
        code = _complain(str(error), 1)
    code = code if isinstance(code, int) else 0
    mpi = sys.modules.get("mpi4py.MPI")
    if code and mpi and mpi.COMM_WORLD.size > 1:
        sys.stderr.flush()
        mpi.COMM_WORLD.Abort(code)  # the other ranks may wait for this one
    sys.exit(code)


def _unwritable(error: OSError) -> str:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        return str(error)
    return (
        f"cannot write {error.filename}: {error.strerror}; what is saved stays whole, the same "
        "command goes on once this is mended"
    )


def _complain(message: str, code: int) -> int:
    print(f"inclusions: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
