"""Commands about files of results: `show`, `verify`, `consolidate`, `export`, `import`."""

from pathlib import Path
from typing import Annotated

import typer

from inclusions import store
from inclusions.commands import terminal

Archive = Annotated[Path, typer.Argument(metavar="ARCHIVE.tar", show_default=False)]
Folder = Annotated[Path, typer.Option(help="Folder of results.")]


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE.nc", show_default=False)],
) -> None:
    """Say in a screen what a file of results holds: model, realizations, means, fields."""
    from inclusions.tables import runs  # drags in the statistics: not for every command

    records = store.read(file)
    for name, value in runs.contents(records).items():
        print(f"{name:17} {value}")
    print()
    for row in runs.fields(records).itertuples():
        print(f"{row.field:28} {row.dimensions:35} {row.unit:4} {row.meaning}".rstrip())


def verify(data: Folder = Path("data")) -> None:
    """Check every shard, every consolidated file and the manifest."""
    if not data.is_dir():
        raise ValueError(f"no folder {data}")
    checked, faults = store.verify(data)
    for fault in faults:
        print(fault)
    print(f"{checked} files checked, {len(faults)} faults")
    if faults:
        raise SystemExit(1)


def consolidate(data: Folder = Path("data")) -> None:
    """Gather shards into one file per model, and list each in the manifest."""
    if not data.is_dir():
        raise ValueError(f"no folder {data}")
    ensembles, faults = store.gather(data)
    print(f"{ensembles} ensembles in {data / 'ensembles'}", flush=True)  # before the faults
    for fault in faults:
        terminal.complain(fault)
    if faults:
        raise SystemExit(1)


def export(
    archive: Archive,
    data: Folder = Path("data"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier archive.")] = False,
) -> None:
    """Pack all results into one archive with a manifest, to bring them home."""
    print(f"{store.export(data, archive, force)} files in {archive}")


def import_(archive: Archive, data: Folder = Path("data")) -> None:
    """Verify an archive of `inclusions export` and merge it into the results here."""
    files, gained = store.import_archive(data, archive)
    print(f"{files} files added, {gained} realizations gained; inclusions consolidate is next")
