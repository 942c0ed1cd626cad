"""The command line: `inclusions`, also `python -m inclusions`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from inclusions import campaign as campaigns
from inclusions import ensemble, store
from inclusions.eigen import MissingLevels, MissingSolver, NotConverged, solvers_found
from inclusions.model import Model
from inclusions.statistics import gap_ratios

app = typer.Typer(
    help="Mid-spectrum eigenstates of disordered spin chains coupled to an ergodic bubble.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)
console = Console(highlight=False)
UsageError = typer.BadParameter.__bases__[0]  # of whichever click typer brings

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", show_default=False)]
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
    solved = ensemble.solve(
        model, count, seed, index, solver, fields=_read_fields(fields), comm=comm
    )
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
    return np.array(values, dtype=float)


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
    if comm is not None:
        _run_together(plan, folder, comm)
        return
    workers = _fitting(plan, workers)
    todo = sum(len(chunk.indices) for chunk in ensemble.chunks(plan, folder))
    wanted = sum(one.realizations for one in plan.ensembles)
    print(f"{plan.name}: {wanted - todo} of {wanted} realizations done, {todo} to go")
    with _progress(todo) as advance:
        computed, failed = ensemble.run(plan, folder, workers, advance)
    print(f"{computed} computed, {failed} failed, results in {folder}")
    if failed:
        raise SystemExit(1)


def _progress(total: int):
    """A progress bar with rate and time left; where there is no terminal, a line now and then."""
    from contextlib import contextmanager

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    @contextmanager
    def bar():
        columns = (
            TextColumn("realizations"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("elapsed,"), TimeRemainingColumn(), TextColumn("left"),
            TextColumn("{task.fields[failures]}"),
        )  # fmt: skip
        with Progress(*columns, console=console, speed_estimate_period=600) as shown:
            task = shown.add_task("", total=total, failures="")
            failures = 0

            def advance(computed: int, failed: int) -> None:
                nonlocal failures
                failures += failed
                text = f"{failures} failed" if failures else ""
                shown.update(task, advance=computed + failed, failures=text)

            yield advance

    return bar()


def _fitting(plan: campaigns.Campaign, workers: int) -> int:
    """As many workers as the memory holds for the plan's largest model; says so if fewer."""
    largest = max(plan.ensembles, key=lambda one: one.model.dimension)
    each = ensemble.predicted_memory(largest.model, largest.count)
    room = ensemble.available_memory()
    fitting = int(room // each)
    if fitting < 1:
        raise MemoryError(
            f"{largest.model.key} (dimension {largest.model.dimension}) needs about "
            f"{each / 1000:.1f} GB, {room / 1000:.1f} GB are free; try more MPI ranks on other "
            "nodes or a smaller length"
        )
    if fitting < workers:
        print(
            f"{fitting} workers instead of {workers}: each needs up to {each / 1000:.1f} GB for "
            f"{largest.model.key}, {room / 1000:.1f} GB are free"
        )
    return min(workers, fitting)


def _run_together(plan: campaigns.Campaign, folder: Path, comm) -> None:
    """All ranks on one sample after the other."""
    todo = comm.bcast(ensemble.chunks(plan, folder) if comm.rank == 0 else None)
    results = [ensemble.compute(chunk, comm) for chunk in todo]
    if comm.rank == 0:
        computed, failed = (sum(side) for side in zip(*results, strict=True)) if results else (0, 0)
        print(f"{computed} computed on {comm.size} ranks, {failed} failed, results in {folder}")


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
                rtol=1e-4 if name in store.ROUNDED else 0,
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
        place = store.Store(folder, one.model, one.seed, one.count)
        done = place.done() & set(range(one.realizations))
        rows.append(
            {
                "ensemble": place.name,
                "wanted": one.realizations,
                "done": len(done),
                "missing": one.realizations - len(done),
                "failed": len(place.failures()),
            }
        )
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(title=f"{plan.name} in {folder}", title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "ensemble" else "right")
    for row in rows:
        table.add_row(*map(str, row.values()))
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name != "ensemble"}
    table.add_section()
    table.add_row("all", *map(str, total.values()))
    console.print(table)


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
    gathered = [place.consolidate() for place in store.stores(data)]
    store.write_manifest(data)
    print(f"{len(gathered)} ensembles in {data / 'ensembles'}")


@app.command()
def solvers() -> None:
    """Show which solvers were found here, and how to get the others."""
    for name, found, remark in solvers_found():
        print(f"{name:22} {'found  ' if found else 'missing'} {remark}")


def main() -> NoReturn:
    """Run the command line; an error is one line on stderr, exit code 2 for wrong input."""
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
    except KeyboardInterrupt:
        code = _complain("stopped; what is finished is saved, the same command goes on", 130)
    except (NotConverged, MissingLevels, MemoryError, store.DamagedFile, OSError) as error:
        code = _complain(str(error) or type(error).__name__, 1)
    except RuntimeError as error:
        code = _complain(str(error), 1)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str, code: int) -> int:
    print(f"inclusions: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
