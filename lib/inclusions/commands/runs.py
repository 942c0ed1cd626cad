"""Commands about campaigns: `run`, `status`."""

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from inclusions import account, ensemble
from inclusions import campaign as campaigns
from inclusions.commands import launch, terminal
from inclusions.eigen import choose

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", show_default=False)]
Data = Annotated[Path | None, typer.Option(help="Folder of results, instead of the campaign's.")]


def run(
    campaign: CampaignFile,
    workers: Annotated[int, typer.Option(min=1, help="Samples solved side by side.")] = 1,
    data: Data = None,
    recheck: Annotated[
        int, typer.Option(min=0, help="Recompute N random saved records instead, and compare.")
    ] = 0,
    solver: Annotated[
        str | None, typer.Option(help="Instead of the campaign's; auto for --recheck.")
    ] = None,
) -> None:
    """Compute what a campaign lacks. Stop it any way and start it again: it goes on."""
    plan = campaigns.load(campaign)
    folder = data or plan.data
    if solver is not None:
        choose(solver, 0)  # a wrong name is refused before anything is computed
        replaced = [one._replace(solver=solver) for one in plan.ensembles]
        plan = plan._replace(ensembles=replaced)
    comm = launch.world()
    if recheck:
        _recheck(plan, folder, recheck, solver or "auto")
        return
    for one in plan.ensembles if comm is None or comm.rank == 0 else []:
        for fault in ensemble.place_of(one, folder).set_damaged_aside(one.indices):
            print(f"set aside, to be computed again: {fault}")
    if comm is not None:
        _run_together(plan, folder, comm)
        return
    todo = ensemble.chunks(plan, folder)
    workers = launch.fitting(todo, workers)
    wanted = sum(one.realizations for one in plan.ensembles)
    missing = sum(len(chunk.indices) for chunk in todo)
    print(f"{plan.name}: {wanted - missing} of {wanted} realizations done, {missing} to go")
    # Slurm and Snakemake end a job with SIGTERM: like Ctrl-C, so that no worker outlives it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with terminal.progress(missing) as tell:
            fates = ensemble.run(plan, folder, workers, tell)
    except KeyboardInterrupt:
        terminal.complain("stopped; what is finished is saved, the same command goes on")
        raise SystemExit(130) from None
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
    """Recompute random saved records and compare."""
    done = different = 0
    for name, index, faults in account.recheck(plan, folder, number, solver):
        print(f"{name} {index}: {'differs in ' + ', '.join(faults) if faults else 'same'}")
        done += 1
        different += bool(faults)
    print(f"{done} records recomputed with {solver}, {different} differ")
    if different:
        raise SystemExit(1)


def status(
    campaign: CampaignFile,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what is done, missing and failed, for every model of a campaign."""
    plan = campaigns.load(campaign)
    folder = data or plan.data
    rows = account.progress(plan, folder)
    everything = account.total(rows)
    if as_json:
        sums = everything._asdict()
        del sums["ensemble"]
        print(json.dumps({"ensembles": [row._asdict() for row in rows], "all": sums}, indent=1))
        return
    table = Table(title=f"{plan.name} in {folder}", title_justify="left")
    for name in account.Progress._fields:
        table.add_column(
            name.replace("core_hours_", "core-hours\n").replace("_", " "),
            justify="left" if name == "ensemble" else "right",
            no_wrap=True,
        )
    for row in [*rows, everything]:
        if row is everything:
            table.add_section()
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row))
    terminal.show(table)
