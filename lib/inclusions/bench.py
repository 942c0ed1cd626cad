"""Side by side with the solvers others use: same matrices, same threads, one process each."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import psutil
import scipy.linalg.blas
from threadpoolctl import threadpool_info

from inclusions.disorder import draw
from inclusions.eigen import ShiftInvert, choose
from inclusions.eigen.dense import Dense
from inclusions.eigen.ordering import structure
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.machine import last_words, peak_memory
from inclusions.model import Model
from inclusions.workers import threads

SEED, DISORDER = 20230823, 4.0  # of the sample of every benchmark


def _scipy(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
    from scipy.sparse.linalg import eigsh

    return {"energies": eigsh(hamiltonian.matrix.tocsc(), count, sigma=target)[0]}


def _quimb(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
    import scipy.sparse as sp
    from quimb.linalg.slepc_linalg import eigs_slepc

    return {"energies": eigs_slepc(sp.csr_matrix(hamiltonian.matrix), count, sigma=target)[0]}


def _slepc(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
    """What dynamite and sinvert_mbl run: Krylov-Schur, MUMPS L U, SLEPc's own defaults."""
    import slepc4py

    from inclusions.eigen.slepc import DistributedMatrix

    slepc4py.init([])
    from slepc4py import SLEPc

    with DistributedMatrix(hamiltonian) as distributed:
        eps = SLEPc.EPS().create(comm=distributed.matrix.comm)
        eps.setOperators(distributed.matrix)
        eps.setProblemType(SLEPc.EPS.ProblemType.HEP)
        eps.setWhichEigenpairs(SLEPc.EPS.Which.TARGET_MAGNITUDE)
        eps.setTarget(target)
        eps.setDimensions(count)
        transform = eps.getST()
        transform.setType(SLEPc.ST.Type.SINVERT)
        ksp = transform.getKSP()
        ksp.setType("preonly")
        ksp.getPC().setType("lu")
        ksp.getPC().setFactorSolverType("mumps")
        started = perf_counter()
        eps.setUp()
        factorization = perf_counter() - started
        eps.solve()
        factor = ksp.getPC().getFactorMatrix()
        entries = factor.getMumpsInfog(29)
        flops = int(factor.getMumpsRinfog(3))
        levels = [eps.getEigenvalue(i).real for i in range(eps.getConverged())]
        eps.destroy()  # and with it the factor
        return {
            "energies": np.array(levels[:count]),
            "seconds": {"factorization": factorization},
            "counts": {
                "factor_entries": entries if entries >= 0 else -entries * 10**6,
                "factor_flops": flops,
            },
        }


def _dense(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
    return {"energies": Dense()(hamiltonian, count).energies}


def _ours(factorization: str) -> Callable:
    def solve(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
        started = perf_counter()
        counts = {}
        if factorization.startswith("ldl"):
            counts["factor_flops"] = structure(hamiltonian.model.geometry).flops
        analysis = perf_counter() - started
        solver = ShiftInvert(factorization=factorization, certify=False)
        pairs = solver(hamiltonian, count)
        return {
            "energies": pairs.energies,
            "seconds": {"analysis": analysis} | pairs.report.seconds,
            "counts": counts | pairs.report.counts,
            "residual": pairs.residuals.max(),
        }

    return solve


def _certified(hamiltonian: Hamiltonian, target: float, count: int) -> dict:
    pairs = choose("auto", hamiltonian.dimension)(hamiltonian, count)
    return {
        "energies": pairs.energies,
        "seconds": pairs.report.seconds,
        "counts": pairs.report.counts,
        "residual": pairs.residuals.max(),
    }


PEERS: dict[str, tuple[str, Callable]] = {
    "inclusions": ("this project: block Lanczos on its own L D L^T", _ours("ldl")),
    "inclusions-certified": ("the same, chosen by auto, levels counted by inertia", _certified),
    "inclusions-single": ("the same with the factor in float32", _ours("ldl-single")),
    "inclusions-mumps": ("the same on MUMPS's L D L^T", _ours("mumps")),
    "slepc": ("SLEPc Krylov-Schur, MUMPS LU, defaults (dynamite, sinvert_mbl)", _slepc),
    "quimb": ("quimb with its SLEPc backend", _quimb),
    "scipy": ("SciPy eigsh with a shift (QuSpin)", _scipy),
    "lapack": ("LAPACK on the whole matrix", _dense),
}


def measure(peer: str, model: Model, index: int, count: int, repeats: int) -> dict[str, Any]:
    """Run one peer on one sample in this process.

    The matrix and the target are there before the clock starts, so peers that do not look for the
    edges of the spectrum are not charged for it; ours always find them themselves.
    """
    hamiltonian = build(draw(model, SEED, index))
    entries = hamiltonian.matrix.nnz
    target = float(os.environ["INCLUSIONS_TARGET"])
    memory = psutil.Process().memory_info().rss / 2**20
    results, peak = [], 0.0
    for _ in range(repeats):
        started = perf_counter()
        result = PEERS[peer][1](hamiltonian, target, count)
        results.append((perf_counter() - started, result))
        peak = peak if len(results) > 1 else peak_memory()  # of one sample: repeats may leak
    seconds = [total for total, _ in results]
    result = results[-1][1]
    energies = np.sort(np.asarray(result["energies"]))
    return {
        "peer": peer,
        "model": model.as_dict(),
        "dimension": model.dimension,
        "matrix_entries": int(entries),
        "count": count,
        "threads": threads(),
        "seconds_first": seconds[0],
        "seconds": median(seconds[1:] or seconds),
        "repeats": repeats,
        "phases": result.get("seconds", {}),
        "counts": result.get("counts", {}),
        "residual": result.get("residual"),
        "memory_before_MB": memory,
        "memory_peak_MB": peak,
        "energies": [energies[0], energies[-1]],
    }


def dgemm_rate(precision: type = np.float64) -> float:
    """Multiplications and additions a second of the BLAS the factorization calls, GFlop/s."""
    n = 1500
    product = scipy.linalg.blas.dgemm if precision is np.float64 else scipy.linalg.blas.sgemm
    random = np.random.default_rng(0).standard_normal((n, n))
    matrix: np.ndarray = np.asfortranarray(random, precision)
    product(1.0, matrix, matrix)
    times = []
    for _ in range(3):
        started = perf_counter()
        product(1.0, matrix, matrix)
        times.append(perf_counter() - started)
    return 2e-9 * n**3 / median(times)


def machine() -> dict[str, Any]:
    """What the timings were taken on."""
    versions = {}
    names = ("inclusions", "numpy", "scipy", "pymetis", "petsc4py", "slepc4py", "quimb")
    for name in (*names, "pymumps"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            processor = next(line for line in lines if line.startswith("model name"))
            processor = processor.split(":")[1].strip()
    except (OSError, StopIteration):
        pass
    libraries = threadpool_info()
    return {
        "processor": processor,
        "cores": psutil.cpu_count(),
        "memory_GB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas": sorted({f"{b['internal_api']} {b['version']} {b.get('architecture', '')}"
                        for b in libraries if b["user_api"] == "blas"}),
        "versions": versions,
    }  # fmt: skip


def target(model: Model, index: int) -> float:
    """The sample's target, the middle of its spectrum by default; units of J."""
    from inclusions.eigen.lanczos import random_block, spectrum_edges

    hamiltonian = build(draw(model, SEED, index))
    matrix, start = hamiltonian.matrix, random_block(model.dimension, 1)
    return hamiltonian.target_energy(spectrum_edges(lambda x: matrix @ x, start))


def compare(
    model: Model,
    peers: Iterable[str],
    count: int,
    threads: int,
    repeats: int,
    timeout: float,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict[str, Any]]:
    """Run peers one after the other on the same sample, each in a process of its own.

    `report` is called with every row as it comes. A peer that fails, or takes longer than
    `timeout` seconds, gives a row that says so.
    """
    environment = os.environ | {
        "INCLUSIONS_TARGET": repr(target(model, 0)),
        **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")},
    }
    rows = []
    for peer in peers:
        job = json.dumps([peer, model.as_dict(), count, repeats])
        command = [sys.executable, "-m", "inclusions.bench", job]
        told = {"peer": peer, "model": model.as_dict()}
        rows.append(told_by(command, environment, timeout, told))
        report(rows[-1])
    return rows


def told_by(
    command: list[str], environment: dict[str, str], timeout: float, told: dict[str, Any]
) -> dict[str, Any]:
    """The row that a process prints last; if it fails or takes too long, what was `told` and why.

    It has no input: a launcher of ranks would wait for the terminal where it runs behind another.
    """
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return told | {"failed": f"over {timeout:.0f} s"}
    if done.returncode:
        return told | {"failed": last_words(done.stderr, f"exit code {done.returncode}")}
    return json.loads(done.stdout.splitlines()[-1])


BUBBLES = [Model(length, DISORDER, bubble=4) for length in (8, 10, 12, 14, 16)]
CHAINS = [Model(length, DISORDER) for length in (10, 12, 14, 16, 18)]
LARGE = [Model(18, DISORDER, bubble=4), Model(20, DISORDER)]
LARGEST = {"lapack": 4000, "scipy": 15000, "quimb": 15000, "slepc": 60000}
"""Dimension up to which a peer is run: beyond it would take the suite hours or all memory."""


def largest(report: Callable[[dict], None]) -> dict[str, Any]:
    """The samples that no peer is run on, on two threads; `report` is called with every row."""
    rows = []
    for model in LARGE:
        rows += compare(model, ["inclusions-certified"], 50, 2, 1, 3000, report)
    return {"machine": machine(), "rows": rows, "overhead": [], "workers": []}


def suite(peers: Iterable[str], threads: int, report: Callable[[dict], None]) -> dict[str, Any]:
    """The whole comparison; `report` is called with every row as it comes."""
    rows = []
    for model in [*BUBBLES, *CHAINS]:
        chosen = [p for p in peers if model.dimension <= LARGEST.get(p, 10**9)]
        repeats = 6 if model.dimension < 1500 else 3 if model.dimension < 15000 else 2
        rows += compare(model, chosen, 50, threads, repeats, 1200, report)
    return {
        "machine": machine(),
        "rows": rows,
        "overhead": [overhead(model) for model in BUBBLES[:2]],
        "workers": [two_workers(model) for model in BUBBLES[2:4]],
    }


def overhead(model: Model, realizations: int = 40) -> dict[str, Any]:
    """Share of an ensemble's time that is not spent in the solver."""
    from inclusions.campaign import Ensemble
    from inclusions.ensemble import record

    whole = Ensemble(
        model, 0, realizations, states=50, seed=SEED, solver="auto", certify=0.05, ranks=1
    )
    solver = choose("auto", model.dimension)
    record(whole, 0)
    started = perf_counter()
    for index in range(realizations):
        record(whole, index)
    total = perf_counter() - started
    samples = [build(draw(model, SEED, index)) for index in range(realizations)]
    started = perf_counter()
    for sample in samples:
        solver(sample, 50)
    inside = perf_counter() - started
    return {
        "model": model.as_dict(),
        "realizations": realizations,
        "seconds": total,
        "seconds_in_solver": inside,
    }


def two_workers(model: Model, seconds: float = 40.0) -> dict[str, Any]:
    """Realizations an hour of one worker, and of two side by side."""
    program = (
        "import sys, time, json\n"
        "from inclusions.campaign import Ensemble\n"
        "from inclusions.ensemble import record\n"
        "from inclusions.model import Model\n"
        "job = json.loads(sys.argv[1])\n"
        "one = Ensemble(Model(**job['model']), 0, 1, 50, job['seed'], 'auto', 0.05, 1)\n"
        "record(one, 0); print('ready', flush=True); sys.stdin.readline()\n"
        "end, n = time.perf_counter() + job['seconds'], 0\n"
        "while time.perf_counter() < end: n += 1; record(one, n)\n"
        "print(n / (time.perf_counter() - end + job['seconds']))\n"
    )
    job = json.dumps({"model": model.as_dict(), "seed": SEED, "seconds": seconds})
    environment = os.environ | {f"{n}_NUM_THREADS": "1" for n in ("OMP", "OPENBLAS", "MKL")}
    rates = []
    for workers in (1, 2, 1, 2):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", program, job], env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for _ in range(workers)
        ]  # fmt: skip
        for child in started:
            assert child.stdin and child.stdout  # they are pipes
            child.stdout.readline()
        for child in started:
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
        rates.append(sum(float(child.communicate()[0]) for child in started))
    return {
        "model": model.as_dict(),
        "one_worker_per_hour": 3600 * (rates[0] + rates[2]) / 2,
        "two_workers_per_hour": 3600 * (rates[1] + rates[3]) / 2,
    }


# Saved benchmarks read


def load(*paths: Path) -> dict[str, Any]:
    """Files that `inclusions bench` wrote, as one; the machine is the first file's.

    Raises:
        ValueError: a file is not of this kind.
    """
    whole: dict[str, Any] = {"machine": {}, "rows": [], "overhead": [], "workers": [], "ranks": []}
    for path in filter(Path.exists, paths):
        try:
            content = {"ranks": []} | json.loads(path.read_text(encoding="utf-8"))
            whole["machine"] = whole["machine"] or content["machine"]
            whole |= {part: whole[part] + content[part] for part in [*whole][1:]}
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} is not a file of benchmarks") from None
    return whole


SAVED = (
    "peer", "threads", "seconds", "memory_before_MB", "memory_peak_MB", "dimension", "model",
    "ensemble", "system", "length", "factorization", "certificate", "factor_entries",
    "factor_flops", "reductions",
)  # fmt: skip


def finished(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Runs that did not fail, a row each, from one part of a file of benchmarks.

    Columns: what was saved, each phase (s) and count in one of its own, nan where a run has none;
    and model, as `Model`, ensemble (its key), system ("bubble" or "chain"), length. Those of
    `SAVED` are always there.
    """
    found = []
    for row in rows:
        if "failed" not in row:
            model = Model(**row["model"])
            named = {"model": model, "ensemble": model.key, "length": model.length}
            named["system"] = "bubble" if model.bubble else "chain"
            found.append(row | row.get("phases", {}) | row.get("counts", {}) | named)
    table = pd.DataFrame(found)
    return table.reindex(columns=table.columns.union(SAVED, sort=False))


def timings(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """One row for each finished run.

    Columns: peer, system, length, dimension, threads, seconds, first (with the analysis and the
    imports that only a first sample needs), memory (MB above what the process held with the
    matrix), analysis, factorization (seconds), entries, flops, dgemm (GFlop/s just after the run),
    rate (GFlop/s of the factorization).
    """
    names = {
        "peer": "peer", "system": "system", "length": "length", "dimension": "dimension",
        "threads": "threads", "seconds": "seconds", "seconds_first": "first",
        "memory_peak_MB": "memory", "analysis": "analysis", "factorization": "factorization",
        "factor_entries": "entries", "factor_flops": "flops", "dgemm_GFlops": "dgemm",
    }  # fmt: skip
    runs = finished(benchmarks["rows"]).reindex(columns=[*names, "memory_before_MB"])
    texts = {"peer": object, "system": object}  # of no runs they would be numbers
    table = runs[[*names]].rename(columns=names).astype(texts)
    table["memory"] -= runs.memory_before_MB
    table["analysis"] = table.analysis.fillna(0.0)
    return table.assign(rate=table.flops / table.factorization / 1e9)


def growth(timings: pd.DataFrame, column: str, peer: str = "inclusions") -> pd.DataFrame:
    """Exponents of column ∝ dimension^a by least squares on logarithms, from 3000 unknowns up.

    Columns: system, exponent, logarithm (of what a dimension of 1 would have).
    """
    rows = []
    chosen = timings[(timings.peer == peer) & (timings.dimension > 3000)].dropna(subset=[column])
    for system, part in chosen.groupby("system"):
        if len(part) > 1:
            logarithms = np.log(part[["dimension", column]].astype(float))
            slope, offset = np.polyfit(logarithms.dimension, logarithms[column], 1)
            rows.append((system, slope, offset))
    return pd.DataFrame(rows, columns=("system", "exponent", "logarithm"))


def ratios(timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds and memory of each peer over ours, on the same sample with the same threads.

    LAPACK, which gives all levels, is held against what `auto` chooses, certificate included.
    Columns: peer, system, length, dimension, time, memory.
    """
    same = ["system", "length", "threads"]
    peers = timings[~timings.peer.str.startswith("inclusions")]
    ours = np.where(peers.peer == "lapack", "inclusions-certified", "inclusions")
    mine = timings.rename(columns={"peer": "ours"})
    both = peers.assign(ours=ours).merge(mine, on=["ours", *same], suffixes=("", "_ours"))
    time, memory = both.seconds / both.seconds_ours, both.memory / both.memory_ours.clip(lower=1.0)
    return both[["peer", *same[:2], "dimension"]].assign(time=time, memory=memory)


GOALS = (
    ("scipy", "bubble", 14, "time", 12.0),
    ("scipy", "bubble", 14, "memory", 4.0),
    ("slepc", "bubble", 16, "time", 3.5),
    ("slepc", "bubble", 16, "memory", 2.3),
    ("slepc", "chain", 18, "time", 3.0),
    ("lapack", "bubble", 8, "time", 1.0),
    ("lapack", "bubble", 10, "time", 1.0),
)
"""What is asked of the solver: peer, system, length, times less of what."""


def goals(timings: pd.DataFrame) -> pd.DataFrame:
    """The project's own goals for `ratios` beside what was measured, nan where nothing was.

    Columns: peer, system, length, what ("time" or "memory"), goal, measured.
    """
    same = ["peer", "system", "length"]
    found = ratios(timings).drop_duplicates(same)
    measured = found.melt(same, ["time", "memory"], "what", "measured")
    return pd.DataFrame(GOALS, columns=[*same, "what", "goal"]).merge(measured, how="left")


def precisions(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """Samples with the factor in double and in single precision, one thread, from 3000 unknowns up.

    Columns: ensemble, dimension, then double and single, seconds or why there are none, and
    double_memory and single_memory, MB.
    """
    found: dict[Model, dict[str, Any]] = {}
    names = {"inclusions": "double", "inclusions-single": "single"}
    for row in benchmarks["rows"]:
        if (name := names.get(row["peer"])) and row.get("threads", 1) == 1:
            model = Model(**row["model"])
            cells = found.setdefault(model, {"ensemble": model.key, "dimension": model.dimension})
            if "failed" in row:
                cells[name] = row["failed"].split(": ", 1)[-1]
            else:
                cells[name] = row["seconds"]
                cells[f"{name}_memory"] = row["memory_peak_MB"] - row["memory_before_MB"]
    columns = ["ensemble", "dimension", "double", "double_memory", "single", "single_memory"]
    table = pd.DataFrame([*found.values()], columns=columns).dropna(subset=["double", "single"])
    return table[table.dimension >= 3000]


LIMITS = {(18, 4): (480.0, 16.0), (20, 0): (240.0, np.nan)}
"""What is asked of the largest samples, by length and bubble: seconds and GB on two threads."""


def largest_samples(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """The largest samples, solved whole on this machine and certified.

    Columns beside those of `finished`: uncertified (s), memory (GB), and the limits on them,
    seconds_limit and memory_limit.
    """
    runs = finished(benchmarks["rows"])
    runs = runs[runs.dimension >= 100_000]
    limits = [LIMITS.get((m.length, m.bubble), (np.nan, np.nan)) for m in runs.model]
    return runs.assign(
        uncertified=runs.seconds - runs.certificate.fillna(0.0), memory=runs.memory_peak_MB / 1000,
        seconds_limit=[time for time, _ in limits], memory_limit=[space for _, space in limits],
    )  # fmt: skip


def main() -> None:
    """Entry of the child process: one peer on one sample, the result as JSON."""
    peer, parameters, count, repeats = json.loads(sys.argv[1])
    result = measure(peer, Model(**parameters), 0, count, repeats)
    result["dgemm_GFlops"] = dgemm_rate()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
