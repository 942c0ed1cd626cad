"""The commands of the command line: arguments in, one call, text out; a module for each kind."""

from typing import Annotated

import typer

from inclusions.commands import files, runs, sample, science

app = typer.Typer(
    help="Mid-spectrum eigenstates of disordered spin chains coupled to an ergodic bubble.",
    rich_markup_mode=None,
    add_completion=False,
)

for command in (
    sample.spectrum, runs.run, runs.workflow, runs.status, runs.report, runs.controls, files.show,
    files.verify, files.consolidate, files.export, files.import_, sample.solvers, science.claims,
    science.bench,
):  # fmt: skip
    app.command(command.__name__.rstrip("_"))(command)


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the program an error arose.")
    ] = False,
) -> None:
    """What holds for every command: main() looks for it, wherever it stands."""
