"""One sample on several numbers of MPI ranks: this project's path, and what stands beside it."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable
from time import perf_counter
from typing import Any

import pandas as pd

from inclusions.bench import SEED, finished, machine, told_by
from inclusions.disorder import draw
from inclusions.eigen import MissingSolver, ShiftInvert, Slepc, Solver
from inclusions.eigen.kernels import NAME, newest
from inclusions.eigen.slepc import SlepcShell
from inclusions.hamiltonian import build
from inclusions.machine import peak_memory
from inclusions.model import Model

PEERS: dict[str, tuple[str, Solver]] = {
    "inclusions": ("ours, one process", ShiftInvert(factorization="ldl", certify=False)),
    "mumps": ("MUMPS, our order", ShiftInvert(factorization="mumps", certify=False)),
    "pord": ("MUMPS, its order", ShiftInvert(factorization="mumps-pord", certify=False)),
    "slepc": ("SLEPc, PETSc's factor", Slepc()),
    "slepc-shell": ("SLEPc, our factor", SlepcShell()),
}


def scaling(
    model: Model,
    ranks: Iterable[int],
    peers: Collection[str],
    repeats: int,
    report: Callable[[dict], None],
) -> dict[str, Any]:
    """Every peer on every number of ranks, in turns in one run; `report` is called with each row.

    "inclusions" is one process and comes once.

    Raises:
        MissingSolver: there is no mpiexec.
    """
    if shutil.which("mpiexec") is None:
        raise MissingSolver("several ranks need mpiexec: install openmpi-bin or openmpi")
    alone = [("inclusions", 1)] if "inclusions" in peers else []
    spread = [(peer, number) for number in ranks for peer in peers if peer != "inclusions"]
    rows = []
    for peer, number in alone + spread:
        rows.append(_launched(model, peer, number, repeats))
        report(rows[-1])
    return {"machine": machine(), "rows": [], "overhead": [], "workers": [], "ranks": rows}


PATIENCE = 3600  # seconds for one peer


def _launched(model: Model, peer: str, ranks: int, repeats: int) -> dict[str, Any]:
    """One peer in processes of its own; a row that says so if it fails."""
    environment = os.environ | {
        **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    if (kernels := newest()) is not None:
        environment.setdefault(NAME, kernels)  # the same for all
    job = json.dumps([peer, model.as_dict(), repeats])
    program = [sys.executable, "-m", "inclusions.scaling", job]
    launcher = [] if peer == "inclusions" else ["mpiexec", "-n", str(ranks)]
    told = {"peer": peer, "model": model.as_dict(), "ranks": ranks}
    return told_by([*launcher, *program], environment, PATIENCE, told)


def measure(peer: str, model: Model, repeats: int) -> dict[str, Any] | None:
    """One peer on the ranks this process was launched as one of; the row, on the first."""
    comm = None
    if peer != "inclusions":
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
    solver, sample = PEERS[peer][1], build(draw(model, SEED, 0))
    before, seconds, peaks = peak_memory(), [], []
    for _ in range(repeats):
        started = perf_counter()
        pairs = solver(sample, 50, comm)
        seconds.append(perf_counter() - started)
        peaks.append(peak_memory())
    memory = [[before, peaks[0]]] if comm is None else comm.gather([before, peaks[0]])
    if memory is None:
        return None
    return {
        "peer": peer,
        "model": model.as_dict(),
        "dimension": model.dimension,
        "ranks": len(memory),
        "seconds_first": seconds[0],
        "seconds": min(seconds),
        "phases": pairs.report.seconds,
        "counts": pairs.report.counts,
        "memory_before_MB": [one[0] for one in memory],
        "memory_peak_MB": [one[1] for one in memory],
        "residual": float(pairs.residuals.max()),
    }


def beside_one_process(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """Saved runs on several ranks, beside one process with its own factor.

    Columns beside those of `bench.finished`: peak (MB, of the largest rank), time and memory, over
    those of the one process, nan where it was not run.
    """
    runs = finished(benchmarks["ranks"])
    runs = runs.assign(peak=runs.memory_peak_MB.map(max))
    alone = runs[runs.peer == "inclusions"].drop_duplicates("ensemble", keep="last")
    own = alone.set_index("ensemble")[["seconds", "peak"]].reindex(runs.ensemble).to_numpy(float)
    return runs.assign(time=runs.seconds / own[:, 0], memory=runs.peak / own[:, 1])


def main() -> None:
    """Entry of the child processes: the result as JSON."""
    peer, parameters, repeats = json.loads(sys.argv[1])
    row = measure(peer, Model(**parameters), repeats)
    if row is not None:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
