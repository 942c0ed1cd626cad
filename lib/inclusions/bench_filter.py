"""The polynomial filter beside L D L^T: seconds, products, memory, and a share of the largest.

Each measurement runs in a process of its own, in turns, in one run of `inclusions bench --filter`
(or, with a GPU, `--gpu`).
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from inclusions.bench import DISORDER, SEED, finished, machine
from inclusions.cost import predicted_memory, predicted_seconds
from inclusions.disorder import draw
from inclusions.eigen import MissingSolver, NotConverged, choose
from inclusions.eigen.chebyshev import density, filter_of
from inclusions.eigen.devices import gpu
from inclusions.eigen.lanczos import random_block, spectrum_edges
from inclusions.eigen.ordering import LANES, pointer
from inclusions.eigen.polynomial_filter import MOMENTS, PolynomialFilter, capacity, vectors
from inclusions.eigen.products import CompiledProducts, library
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.machine import last_words, peak_memory
from inclusions.model import Model


class Job(NamedTuple):
    """One measurement: of a solver, or of a share of what a sample takes."""

    kind: str  # "solve" or "share"
    solver: str
    model: Model
    count: int  # type: ignore[assignment]  # nothing is counted in this tuple
    threads: int


def chain(length: int) -> Model:
    """The chain alone, at the disorder of every benchmark."""
    return Model(length, DISORDER)


def bubble(length: int) -> Model:
    """The chain with the paper's bubble, at the disorder of every benchmark."""
    return Model(length, DISORDER, bubble=4)


def whole_samples() -> Iterable[Job]:
    """Both ways to whole samples, on one thread and on two."""
    small = [(chain(12), 50), (chain(14), 50), (bubble(10), 50), (bubble(12), 50), (bubble(14), 50)]
    large = [(chain(16), 50), (bubble(16), 50), (chain(18), 100)]
    for threads, samples in ((1, small + large), (2, large)):
        for model, count in samples:
            for solver in ("shift-invert:ldl", "filter"):
                yield Job("solve", solver, model, count, threads)


def shares() -> Iterable[Job]:
    """A share of what larger samples take."""
    for model in (chain(18), bubble(16), bubble(18), bubble(20), chain(22)):
        yield Job("share", "filter", model, 50, 1)


def everything() -> Iterable[Job]:
    """What the performance chapter shows."""
    return [*whole_samples(), *shares()]


def on_gpu() -> Iterable[Job]:
    """What a GPU is asked: minutes but for the last, which is run if time allows.

    Raises:
        MissingSolver: there is no GPU, or no CuPy.
    """
    gpu()  # refused in one line where there is none
    for model in (*map(bubble, (10, 12, 14, 16)), chain(18), bubble(18), bubble(20)):
        yield Job("solve", "filter:gpu", model, 50, 1)


def run(jobs: Iterable[Job], report: Callable[[dict], None]) -> dict[str, Any]:
    """Every job in a process of its own; `report` is called with every row as it comes."""
    rows = []
    for job in jobs:
        environment = os.environ | {
            f"{name}_NUM_THREADS": str(job.threads) for name in ("OMP", "OPENBLAS", "MKL")
        }
        given = json.dumps(job._asdict() | {"model": job.model.as_dict()})
        command = [sys.executable, "-m", "inclusions.bench_filter", given]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        row = {"peer": job.solver, "model": job.model.as_dict(), "threads": job.threads}
        if done.returncode:
            row["failed"] = last_words(done.stderr, f"exit code {done.returncode}")
        else:
            row |= json.loads(done.stdout.splitlines()[-1])
        rows.append(row)
        report(row)
    return {"machine": machine(), "rows": rows, "overhead": [], "workers": []}


def solved(job: Job, hamiltonian: Hamiltonian) -> dict[str, Any]:
    """A whole sample: the count of levels left out, as it is for L D L^T."""
    solver = choose(job.solver, hamiltonian.dimension).uncounted()
    started, processor = perf_counter(), process_time()
    pairs = solver(hamiltonian, job.count)
    return {
        "seconds": perf_counter() - started,
        "cpu_seconds": process_time() - processor,
        "phases": pairs.report.seconds,
        "counts": pairs.report.counts,
        "residual": float(pairs.residuals.max()),
        "levels": pairs.energies.tolist(),
    }


def share(job: Job, hamiltonian: Hamiltonian, seconds: float = 20.0) -> dict[str, Any]:
    """What a whole sample would take: its degree, the time of a step, and the memory.

    Steps of the recurrence are timed for some seconds beside the machine's memory; then Lanczos
    fills its basis under a filter of low degree, which takes the memory of the whole.
    """
    n = hamiltonian.dimension
    products = CompiledProducts(hamiltonian)
    start = random_block(n, LANES)
    edges = spectrum_edges(products.apply, start[:, :1])
    products.rescale(edges)
    target = (hamiltonian.target_energy(edges) - products.centre) / products.radius
    wanted = job.count + PolynomialFilter.spare
    levels = density(products.moments(start, MOMENTS), n)
    half_width = levels.half_width(target, wanted)
    bell = filter_of(target, half_width, PolynomialFilter.damping, PolynomialFilter.ratio)
    steps, spent, processor = 0, 0.0, 0.0
    part = bell.coefficients[: min(bell.degree + 1, max(2, int(2e8 / n)))]
    while spent < seconds:
        began, before = perf_counter(), process_time()
        products.polynomial(part, start)
        spent, processor = spent + perf_counter() - began, processor + process_time() - before
        steps += len(part)
    rate, memory = products.bytes_a_step * steps / processor / 1e9, peak_memory()
    del start, products
    try:
        PolynomialFilter(degree=12, attempts=1, max_restarts=0, certify=False)(
            hamiltonian, job.count
        )
    except NotConverged:
        pass  # as meant: its basis is full
    return {
        "degree": bell.degree,
        "vectors": capacity(wanted, LANES),
        "density": wanted / (2 * half_width),
        "steps": steps,
        "cpu_seconds_a_step": processor / steps,
        "GB_a_second": rate,
        "memory_peak_MB": max(memory, peak_memory()),
        "triad_GB_a_second": triad(),
    }


def triad(numbers: int = 2**25) -> float:
    """GB/s of a = b + c d on arrays far larger than caches, one thread, as STREAM counts them."""
    if (compiled := library()) is None:
        raise MissingSolver("no triad without a C compiler when the package is installed")
    a, b, d = (np.ones((numbers // LANES, LANES)) for _ in range(3))
    times = []
    for _ in range(4):
        began = process_time()
        given = map(pointer, (a, b, d))
        compiled.triad(ctypes.c_int64(numbers // LANES), *given, ctypes.c_double(0.5))
        times.append(process_time() - began)
    return 3 * 8 * numbers / min(times) / 1e9


# Saved benchmarks read


WAYS = (
    "way", "system", "length", "dimension", "states", "seconds", "memory", "products", "whole",
    "GB_a_second", "triad",
)  # fmt: skip


def without_factor(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """The filter beside L D L^T, one thread: what was run whole, and what a share of it says.

    Columns: way ("factor", "filter", "filter (GPU)"), system, length, dimension, states, seconds
    (of processor time; of the clock on a GPU), memory (MB above the interpreter's), products (of H
    with a vector), whole (False where seconds are those of a share, over it), GB_a_second (of the
    recurrence), triad (GB/s of the memory, in the same process).
    """
    rows = []
    for row in finished(benchmarks["rows"]).to_dict("records"):
        if row["threads"] > 1:
            continue
        way = {"filter": "filter", "filter:gpu": "filter (GPU)"}.get(row["peer"], "factor")
        seconds, products = row["seconds" if "GPU" in way else "cpu_seconds"], row.get("products")
        if not (whole := row["kind"] == "solve"):
            applications = vectors(row["count"] + PolynomialFilter.spare) / PolynomialFilter.block
            steps = row["degree"] * applications
            seconds, products = steps * row["cpu_seconds_a_step"], steps * LANES
        memory = row["memory_peak_MB"] - row["memory_before_MB"]
        same = (row[name] for name in ("system", "length", "dimension", "count"))
        rates = (row.get(name) for name in ("GB_a_second", "triad_GB_a_second"))
        rows.append((way, *same, seconds, memory, products, whole, *rates))
    return pd.DataFrame(rows, columns=WAYS)


def factor_beyond(rows: pd.DataFrame) -> pd.DataFrame:
    """What L D L^T is predicted to take where only the filter was run, in part.

    Columns: system, length, dimension, seconds, memory (MB).
    """
    run = set(rows[rows.way == "factor"][["system", "length"]].itertuples(index=False, name=None))
    found = []
    for row in rows[~rows.whole.astype(bool)].itertuples():
        if (row.system, row.length) not in run:
            model = bubble(row.length) if row.system == "bubble" else chain(row.length)
            seconds = predicted_seconds(model, row.states, 0.0)
            memory = predicted_memory(model, row.states)
            found.append((row.system, row.length, row.dimension, seconds, memory))
    return pd.DataFrame(found, columns=("system", "length", "dimension", "seconds", "memory"))


PUBLISHED = ((18, 434.0), (20, 14138.0))
"""Length of a chain and CPU-s for some 100 states: Polfed.jl, by its authors (arXiv:2605.10191)."""


def published() -> pd.DataFrame:
    """What the authors of Polfed.jl give for it, on other machines; columns of `without_factor`."""
    rows = [
        ("Polfed.jl", "chain", length, chain(length).dimension, 100, seconds, np.nan, True)
        for length, seconds in PUBLISHED
    ]
    names = [name for name in WAYS if name not in ("products", "GB_a_second", "triad")]
    return pd.DataFrame(rows, columns=names)


def compared(rows: pd.DataFrame, beyond: pd.DataFrame) -> pd.DataFrame:
    """A row for each size that the filter was run at, whole or in part, and L D L^T beside it.

    Columns: those of `without_factor` for the filter, and seconds_factor, memory_factor, predicted
    (of the factor, by `factor_beyond`).
    """
    keys = ["system", "length", "dimension", "states"]
    filtered = rows[rows.way == "filter"].sort_values("whole").drop_duplicates(keys, keep="last")
    run = rows[rows.way == "factor"].drop_duplicates(keys)[[*keys, "seconds", "memory"]]
    names = {"seconds": "seconds_factor", "memory": "memory_factor"}
    measured = filtered.merge(run.rename(columns=names), on=keys)
    expected = filtered.merge(beyond.rename(columns=names), on=keys[:3])
    table = pd.concat([measured.assign(predicted=False), expected.assign(predicted=True)])
    return table.sort_values(["system", "dimension", "states"])


def main() -> None:
    """Entry of the child process: one job, its row as JSON."""
    given = json.loads(sys.argv[1])
    job = Job(**given | {"model": Model(**given["model"])})
    hamiltonian = build(draw(job.model, SEED, 0))
    before = peak_memory()
    with threadpool_limits(job.threads):
        row = {"solve": solved, "share": share}[job.kind](job, hamiltonian)
    row = {"memory_before_MB": before, "memory_peak_MB": peak_memory()} | row
    print(
        json.dumps(row | {"kind": job.kind, "count": job.count, "dimension": job.model.dimension})
    )


if __name__ == "__main__":
    main()
