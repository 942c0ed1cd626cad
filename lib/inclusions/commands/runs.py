"""Commands about campaigns: `run`, `status`, `controls`."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from inclusions import account, ensemble, store
from inclusions import campaign as campaigns
from inclusions import workflow as workflows
from inclusions.commands import launch, terminal
from inclusions.eigen import choose
from inclusions.ensemble import Fate

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
    launch.agree(comm, {"the campaign": plan, "the folder of results": folder})
    if recheck:
        if comm is not None and comm.size > 1:
            raise ValueError("--recheck is of one process: start it without ranks")
        _recheck(plan, folder, recheck, solver or "auto")
        return
    launch.tell_idle(comm, *(one.model for one in plan.ensembles))
    plan = launch.with_solvers(plan, comm)
    for one in plan.ensembles if comm is None or comm.rank == 0 else []:
        for fault in ensemble.place_of(one, folder).set_damaged_aside(one.indices):
            print(f"set aside, to be computed again: {fault}")
    try:
        if comm is None:
            fates = _run(plan, folder, workers)
        else:
            fates = ensemble.run(plan, folder, comm=comm)
    except KeyboardInterrupt:
        terminal.complain("stopped; what is finished is saved, the same command goes on")
        raise SystemExit(130) from None
    if comm is None or comm.rank == 0:
        where = "" if comm is None else f" on {comm.size} ranks"
        extra = "".join(f", {fates[fate]} {text}" for fate, text in MORE.items() if fates[fate])
        computed, failed = fates[Fate.COMPUTED], fates[Fate.FAILED]
        print(f"{computed} computed{where}, {failed} failed{extra}, results in {folder}")
    if fates[Fate.FAILED]:
        raise SystemExit(1)


MORE = {
    Fate.RECOVERED: "recovered from interrupted runs",
    Fate.ELSEWHERE: "computed by another run meanwhile",
    Fate.DIED: "workers died (out of memory?), the others did their work",
}


def _run(plan: campaigns.Campaign, folder: Path, workers: int) -> Counter[Fate]:
    """Run in one process or several, as the memory allows, and show how it goes."""
    lacking = {one: len(ensemble.lacking(one, folder)) for one in plan.ensembles}
    workers = launch.fitting([one for one, missing in lacking.items() if missing], workers)
    wanted, missing = sum(one.realizations for one in plan.ensembles), sum(lacking.values())
    print(f"{plan.name}: {wanted - missing} of {wanted} realizations done, {missing} to go")
    with terminal.progress(missing) as tell:
        return ensemble.run(plan, folder, workers, tell)


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


def workflow(
    campaign: CampaignFile,
    profile: Annotated[
        str, typer.Option(help="laptop, slurm, or the path of a profile of your own.")
    ] = "laptop",
    data: Data = None,
) -> None:
    """Compute what a campaign lacks as jobs, here or on a cluster, and gather the results."""
    plan = campaigns.load(campaign)
    flow = workflows.Workflow(campaign, plan, data or plan.data, workflows.Profile.at(profile))
    for fault in flow.set_damaged_aside():
        print(f"set aside, to be computed again: {fault}")
    before = account.total(account.progress(plan, flow.data))
    print(
        f"{plan.name}: {before.done} of {before.wanted} realizations done, {before.missing} to go "
        f"in {len(flow.jobs)} jobs, about {before.core_hours_to_go:.2g} core-hours; "
        f"Snakemake's own lines are in {flow.log}",
        flush=True,
    )
    try:
        with terminal.overview(before.wanted) as tell:
            flow.run(tell)
    except KeyboardInterrupt:
        terminal.complain("stopped; what is finished is saved, the same command goes on")
        raise SystemExit(130) from None
    print(f"all {before.wanted} realizations are in {flow.data / 'ensembles'}")


def report(
    campaign: CampaignFile,
    data: Data = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report; by default in that of the results.")
    ] = None,
) -> None:
    """Draw what a campaign has found so far: a page of figures, with the numbers of each."""
    from inclusions import reports  # drags in all figures: not for every command

    folder = data or campaigns.load(campaign).data
    print(reports.write(campaign, folder, output or folder / "reports" / campaign.stem))


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
        *plain, sums = [
            {name: round(v, 4) if isinstance(v, float) else v for name, v in row._asdict().items()}
            for row in [*rows, everything]
        ]
        del sums["ensemble"]
        print(json.dumps({"ensembles": plain, "all": sums}, indent=1))
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


def controls(campaign: CampaignFile, data: Data = None) -> None:
    """Compute the controls that sharpen the means of a campaign, of what is saved of it.

    Stop it any way and start it again: it goes on after the last ensemble that it finished.
    """
    from inclusions import controls as sharpening  # drags in all statistics: not for every command

    plan = campaigns.load(campaign)
    folder = data or plan.data
    wanted: dict[tuple, set[int]] = {}  # ensembles of different targets have the same samples
    for one in plan.ensembles:
        if one.controls and (saved := ensemble.place_of(one, folder).done()):
            wanted.setdefault((one.model.untargeted, one.seed), set()).update(saved)
    todo = {}
    for (model, seed), indices in wanted.items():
        before = sharpening.saved(folder, model, seed)
        if missing := indices - set([] if before is None else before.indices.tolist()):
            todo[model, seed] = missing
    count = sum(map(len, todo.values()))
    done = sum(map(len, wanted.values())) - count
    print(f"{plan.name}: controls of {done} of {done + count} saved realizations, {count} to go")
    if todo:
        print("Means over disorder come first, once for each; with a bubble they take minutes.")
    with terminal.progress(count) as tell:
        for (model, seed), missing in todo.items():
            sharpening.compute(
                folder, model, seed, missing, tell=lambda: tell(ensemble.Fate.COMPUTED)
            )
    for model, _ in wanted:
        sharpening.known_means(folder, model)  # a damaged file is made again
    if wanted:
        store.list_controls(folder)
    print(f"{count} computed, controls of {len(wanted)} ensembles in {folder / 'controls'}")
