"""Draw, build, solve, measure, save: one realization, or all that a campaign lacks."""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from hashlib import sha256
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import psutil

from inclusions.campaign import Campaign, Ensemble
from inclusions.disorder import draw
from inclusions.eigen import Eigenpairs, MissingLevels, NotConverged, ShiftInvert, choose
from inclusions.eigen.ordering import library, structure
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.model import Model
from inclusions.observables import magnetizations, measure
from inclusions.store import Store, append, consecutive

CERTIFIED_BELOW = 5000  # dimension up to which counting the levels is cheap beside finding them


class Solved(NamedTuple):
    """One sample solved and measured."""

    hamiltonian: Hamiltonian
    pairs: Eigenpairs
    magnetization: np.ndarray  # (count, L)
    seconds: float
    peak_memory: float  # MB, of this process so far


def solve(
    model: Model,
    count: int,
    seed: int,
    index: int,
    solver: str = "auto",
    certify: bool = True,
    fields=None,
    comm=None,
) -> Solved:
    """Draw one realization and find its `count` levels closest to the middle.

    A sample that does not converge or misses a level is tried once more with a larger subspace.

    Raises:
        ValueError, NotConverged, MissingLevels, MissingSolver: as the solver does.
    """
    started = time.perf_counter()
    ranks = 1 if comm is None else comm.size
    realization = draw(model, seed, index, fields)
    method = choose(solver, model.dimension, ranks)
    if isinstance(method, ShiftInvert):
        method = replace(method, certify=certify)
    hamiltonian = build(realization)
    try:
        pairs = method(hamiltonian, count, comm)
    except (NotConverged, MissingLevels):
        if not isinstance(method, ShiftInvert):
            raise
        pairs = replace(method, spare=20 + count // 2, certify=True)(hamiltonian, count, comm)
    if comm is not None and pairs.states.shape[0] != model.dimension:
        start = comm.exscan(pairs.states.shape[0]) or 0
        hamiltonian = build(realization, start, start + pairs.states.shape[0])
        magnetization = magnetizations(hamiltonian, pairs, comm)
    else:
        magnetization = magnetizations(hamiltonian, pairs)
    return Solved(hamiltonian, pairs, magnetization, time.perf_counter() - started, peak_memory())


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def record(ensemble: Ensemble, index: int, comm=None) -> dict[str, Any]:
    """The record of one realization of an ensemble."""
    model = ensemble.model
    solved = solve(
        model, ensemble.count, ensemble.seed, index, ensemble.solver, certified(ensemble, index),
        comm=comm,
    )  # fmt: skip
    certificate = solved.pairs.certificate
    ranks = 1 if comm is None else comm.size
    return measure(model, solved.pairs, solved.magnetization) | {
        "missing_levels": 0 if certificate.complete else -1,
        "seconds": solved.seconds * ranks,
        "peak_memory": solved.peak_memory,
        "solver": solved.pairs.report.solver,
    }


def certified(ensemble: Ensemble, index: int) -> bool:
    """Whether this realization's levels are counted: always for small sectors, else by lot."""
    if ensemble.model.dimension <= CERTIFIED_BELOW:
        return True
    lot = sha256(f"{ensemble.model.key} {ensemble.seed} {index}".encode()).digest()
    return int.from_bytes(lot[:8], "big") < ensemble.certify * 2**64


class Chunk(NamedTuple):
    """Consecutive realizations of one ensemble: what a worker takes at a time."""

    store: Store
    ensemble: Ensemble
    indices: tuple[int, ...]


def chunks(campaign: Campaign, data) -> list[Chunk]:
    """All work a campaign lacks, such that the statistics of all its models grow evenly."""
    rounds: list[tuple[int, int, Chunk]] = []
    for position, ensemble in enumerate(campaign.ensembles):
        store = Store(data, ensemble.model, ensemble.seed, ensemble.count)
        missing = set(range(ensemble.realizations)) - store.done()
        for run in consecutive(missing):
            for start in range(0, len(run), campaign.chunk):
                part = tuple(run[start : start + campaign.chunk])
                rounds.append((part[0] // campaign.chunk, position, Chunk(store, ensemble, part)))
    return [chunk for _, _, chunk in sorted(rounds, key=lambda item: item[:2])]


def compute(chunk: Chunk, comm=None) -> tuple[int, int]:
    """Compute and save one chunk; how many realizations were computed, and how many failed.

    Each record goes to a journal as soon as it is there: a kill loses the realization in work.
    """
    store, root = chunk.store, comm is None or comm.rank == 0
    found = store.journalled(chunk.indices) if root else {}
    if comm is not None:
        found = comm.bcast(found)
    journal = store.journal(chunk.indices[0], len(chunk.indices))
    computed = failed = 0
    for index in chunk.indices:
        if index in found:
            continue
        try:
            found[index] = record(chunk.ensemble, index, comm)
        except (NotConverged, MissingLevels, MemoryError) as error:
            failed += 1
            if root:
                store.fail(index, f"{type(error).__name__}: {error}")
            continue
        computed += 1
        if root:
            append(journal, index, found[index])
    if root and found:
        store.write_shard(found)
        _drop_journals(store, set(found))
    return computed, failed


def _drop_journals(store: Store, saved: set[int]) -> None:
    """Remove journals of runs that are gone, when all they hold is saved in a shard."""
    for path in store.folder.glob("*.part"):
        first, count = map(int, path.name.split(".", 1)[0].split("-"))
        if set(range(first, first + count)) <= saved:
            path.unlink(missing_ok=True)


def predicted_memory(model: Model, count: int) -> float:
    """Peak memory of one worker on one sample, MB: interpreter, factor, basis and matrix."""
    n = model.dimension
    if n < 700 or library() is None:
        numbers = 4.0 * n * n if n < 700 else 40.0 * n * n**0.5
    else:
        numbers = structure(model).entries + n * (6.0 * count + 100 + 6 * model.length)
    return 150 + 8e-6 * numbers


def run(
    campaign: Campaign,
    data,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda computed, failed: None,
) -> tuple[int, int]:
    """Compute all that a campaign lacks; how many realizations were computed, and failed.

    With one worker the work is done in this process, otherwise in `workers` fresh ones, one
    thread each unless OMP_NUM_THREADS says otherwise. A worker that dies is replaced.
    """
    todo = chunks(campaign, data)
    totals = [0, 0]

    def count(result: tuple[int, int]) -> None:
        totals[0] += result[0]
        totals[1] += result[1]
        progress(*result)

    if workers == 1:
        for chunk in todo:
            count(compute(chunk))
        return totals[0], totals[1]
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    lost = 0
    while todo:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            pending, finished = {}, []
            queue = iter(todo)
            try:
                for chunk in _take(queue, workers):
                    pending[pool.submit(compute, chunk)] = chunk
                while pending:
                    for future in wait(pending, return_when=FIRST_COMPLETED).done:
                        chunk = pending.pop(future)
                        count(future.result())
                        finished.append(chunk)
                        for chunk in _take(queue, 1):
                            pending[pool.submit(compute, chunk)] = chunk
            except BrokenProcessPool:
                lost += 1
                if lost > 3:
                    raise RuntimeError(
                        "workers keep dying (out of memory?); what they finished is saved; "
                        "try fewer --workers"
                    ) from None
        done = {(c.store.name, c.indices) for c in finished}
        todo = [c for c in todo if (c.store.name, c.indices) not in done]
    return totals[0], totals[1]


def _take(queue: Iterator[Chunk], number: int) -> list[Chunk]:
    return [chunk for chunk, _ in zip(queue, range(number), strict=False)]


def available_memory() -> float:
    """Memory that can be had now, MB."""
    return psutil.virtual_memory().available / 2**20
