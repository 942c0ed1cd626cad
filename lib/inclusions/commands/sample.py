"""Commands about one sample: `spectrum`, `solvers`."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from inclusions import ensemble
from inclusions.commands.launch import agree, check_room, tell_idle, world
from inclusions.eigen import solvers_found
from inclusions.model import Model
from inclusions.statistics import gap_ratios


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
    target: Annotated[
        str, typer.Option(help="Where in the spectrum: between 0 and 1, or mean for Tr H / d.")
    ] = "0.5",
    sample: Annotated[
        str, typer.Option(help="own, or paired: fields shared by all models of this L and W.")
    ] = "own",
    bond: Annotated[
        float | None, typer.Option(help="The ring's last bond, J, instead of a drawn one.")
    ] = None,
    count: Annotated[int, typer.Option(help="Levels closest to the target.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the ensemble.")] = 1,
    index: Annotated[int, typer.Option(help="Number of the realization.")] = 0,
    fields: Annotated[
        Path | None, typer.Option(help="JSON list of L fields, instead of drawn ones.")
    ] = None,
    solver: Annotated[
        str, typer.Option(help="auto, or one that `inclusions solvers` lists.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Solve one sample: the levels closest to a target, by default the middle of its spectrum."""
    typed: dict[str, Any] = {"boundary": boundary, "sample": sample}  # which the model checks
    model = Model(
        length, disorder, bubble, coupling, bandwidth, anisotropy, magnetization=magnetization,
        target=number_or_name(target), bond=bond, **typed,
    )  # fmt: skip
    comm = world()
    ranks = 1 if comm is None else comm.size
    given = _read_fields(fields)
    seen = {"the model": model, "the seed": (seed, index), "the fields": given}
    agree(comm, seen | {"the solver": (solver, count)})
    tell_idle(comm, model)
    solver = check_room(model, min(max(count, 1), model.dimension), solver, comm)
    solved = ensemble.solve(model, count, seed, index, solver, fields=given, comm=comm)
    if comm is None or comm.rank == 0:
        print_solved = _print_json if as_json else _print_lines
        print_solved(model, seed, index, ranks, solved)


def _print_json(model: Model, seed: int, index: int, ranks: int, solved: ensemble.Solved) -> None:
    pairs = solved.pairs
    content = {
        "model": model.as_dict(),
        "seed": seed,
        "index": index,
        "dimension": model.dimension,
        "energies": pairs.energies.tolist(),
        "residuals": pairs.residuals.tolist(),
        "magnetization": solved.magnetization.tolist(),
        "spectrum_edges": list(pairs.edges),
        "target_energy": pairs.target,
        "certificate": pairs.certificate._asdict(),
        "solver": pairs.report.solver,
        "ranks": ranks,
        "seconds": pairs.report.seconds | {"total": solved.seconds},
        "counts": pairs.report.counts,
        "peak_memory_MB": solved.peak_memory,
    }
    print(json.dumps(content, indent=1))


def _print_lines(model: Model, seed: int, index: int, ranks: int, solved: ensemble.Solved) -> None:
    pairs = solved.pairs
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
        ("solver", pairs.report.solver + (f" on {ranks} ranks" if ranks > 1 else "")),
        ("seconds", f"{solved.seconds:.3f} ({phases})"),
        ("peak memory", f"{solved.peak_memory:.0f} MB"),
    ):
        print(f"{name:15} {value}")


def number_or_name(text: str) -> Any:
    """A target as it is typed: a number if it is one; the model knows the names."""
    try:
        return float(text)
    except ValueError:
        return text


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


def solvers() -> None:
    """Show which solvers were found here, and how to get the others."""
    for name, found, remark in solvers_found():
        print(f"{name:22} {'found  ' if found else 'missing'} {remark}")
