"""Draw, build, solve, measure, save: one realization, or all that a campaign lacks."""

import heapq
import os
import time
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from inclusions.campaign import CERTIFIED_BELOW, Campaign, Ensemble
from inclusions.cost import predicted_seconds
from inclusions.disorder import draw
from inclusions.eigen import Eigenpairs, MissingLevels, NotConverged, choose
from inclusions.eigen.types import Communicator
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.machine import peak_memory
from inclusions.model import Model
from inclusions.observables import OPTIONAL, magnetizations, measure
from inclusions.store import Store, claims
from inclusions.store.records import FULL, OBSERVABLES, Indices
from inclusions.workers import Loop, Stop, side_by_side, threads


class Solved(NamedTuple):
    """One sample solved and measured."""

    hamiltonian: Hamiltonian
    pairs: Eigenpairs
    magnetization: np.ndarray  # (count, L)
    seconds: float  # by the clock
    core_seconds: float  # of all threads of this process
    peak_memory: float  # MB, of this process so far
    retries: int  # solves beyond the first


def solve(
    model: Model,
    count: int,
    seed: int,
    index: int,
    solver: str = "auto",
    certify: bool = True,
    fields: ArrayLike | None = None,
    comm: Communicator | None = None,
) -> Solved:
    """Draw one realization and find its `count` levels closest to the middle.

    A sample that does not converge or misses a level is tried once more with a larger subspace.

    Raises:
        ValueError, NotConverged, MissingLevels, MissingSolver: as the solver does.
    """
    started, before = time.perf_counter(), time.process_time()
    ranks = 1 if comm is None else comm.size
    realization = draw(model, seed, index, fields)
    method = choose(solver, model.dimension, ranks)
    if not certify:
        method = method.uncounted()
    hamiltonian, retries = build(realization), 0
    try:
        pairs = method(hamiltonian, count, comm)
    except (NotConverged, MissingLevels):
        if (larger := method.enlarged(count)) is None:
            raise
        retries = 1
        pairs = larger(hamiltonian, count, comm)
    if comm is not None and comm.allreduce(pairs.states.shape[0]) == model.dimension:
        start = comm.exscan(pairs.states.shape[0]) or 0
        hamiltonian = build(realization, start, start + pairs.states.shape[0])
        magnetization = magnetizations(hamiltonian, pairs, comm)
    else:
        magnetization = magnetizations(hamiltonian, pairs)
    spent = time.perf_counter() - started, time.process_time() - before
    return Solved(hamiltonian, pairs, magnetization, *spent, peak_memory(), retries)


def record(ensemble: Ensemble, index: int, comm: Communicator | None = None) -> dict[str, Any]:
    """The record of one realization of an ensemble."""
    model = ensemble.model
    solved = solve(
        model, ensemble.count, ensemble.seed, index, ensemble.solver, certified(ensemble, index),
        comm=comm,
    )  # fmt: skip
    certificate, spent = solved.pairs.certificate, solved.core_seconds
    also = [OPTIONAL[name](solved.hamiltonian, solved.pairs, comm) for name in ensemble.observables]
    measured = measure(model, solved.pairs, solved.magnetization)
    if ensemble.gap_ratios_only:
        measured = {name: measured[name] for name in measured.keys() - OBSERVABLES[FULL]}
    return (
        measured
        | {
            "missing_levels": 0 if certificate.complete else -1,
            "count_error": certificate.error or np.nan,
            "seconds": spent if comm is None else comm.allreduce(spent),
            "peak_memory": solved.peak_memory,
            "solver": solved.pairs.report.solver,
            "retries": solved.retries,
        }
        | dict(ChainMap(*also))
    )


def certified(ensemble: Ensemble, index: int) -> bool:
    """Whether this realization's levels are counted: always for small sectors, else by lot."""
    if ensemble.model.dimension <= CERTIFIED_BELOW:
        return True
    lot = sha256(f"{ensemble.model.key} {ensemble.seed} {index}".encode()).digest()
    return int.from_bytes(lot[:8], "big") < ensemble.certify * 2**64


class Chunk(NamedTuple):
    """Consecutive realizations of one ensemble: what a process takes at a time."""

    store: Store
    ensemble: Ensemble
    indices: range


def place_of(ensemble: Ensemble, data: Path) -> Store:
    """Where the results of an ensemble go."""
    return Store(data, ensemble.model, ensemble.seed, ensemble.count)


def wanted(ensemble: Ensemble) -> tuple[str, ...]:
    """What the records of an ensemble are to have, of `store.OBSERVABLES`."""
    return (*(() if ensemble.gap_ratios_only else (FULL,)), *ensemble.observables)


def lacking(ensemble: Ensemble, data: Path) -> Indices:
    """Realizations of an ensemble that are not saved with all it asks for.

    Raises:
        DamagedFile: a consolidated file is damaged or cannot be read.
    """
    return place_of(ensemble, data).done(wanted(ensemble)).lacking(ensemble.indices)


def chunks(campaign: Campaign, data: Path) -> Iterator[Chunk]:
    """All work a campaign lacks, such that the statistics of all its models grow evenly.

    Raises:
        DamagedFile: a consolidated file is damaged or cannot be read.
    """

    def cut(position: int, ensemble: Ensemble) -> Iterator[tuple[int, int, Chunk]]:
        store = place_of(ensemble, data)
        for run in lacking(ensemble, data).runs:
            for start in range(run.start, run.stop, campaign.chunk):
                part = range(start, min(start + campaign.chunk, run.stop))
                yield start // campaign.chunk, position, Chunk(store, ensemble, part)

    rounds = [cut(position, one) for position, one in enumerate(campaign.ensembles)]
    for _, _, chunk in heapq.merge(*rounds, key=lambda item: item[:2]):
        yield chunk


class Fate(StrEnum):
    """What becomes of a realization in a run; the last two are said of the run itself."""

    COMPUTED = "computed"
    FAILED = "failed"
    RECOVERED = "recovered"  # from the journal of an interrupted run
    ELSEWHERE = "elsewhere"  # computed by another run meanwhile
    WAITING = "waiting"  # all that is left is in work in another run
    DIED = "died"  # a worker, whose work the others take over


Tell = Callable[[Fate], None]
"""Called with the fate of each realization, as soon as it is known."""

HEARTBEAT = 60  # seconds between the signs of life of a claim
POLL = 1.0  # seconds between looks at what other processes have in work


class Run(NamedTuple):
    """What belongs to one run of a campaign, in each of its processes."""

    id: str  # what has failed under it is not tried again
    tell: Tell
    comm: Communicator | None = None  # of the ranks that share every sample

    def first(self, call: Callable[[], Any]) -> Any:
        """What a call gives on the first rank, on every rank."""
        if self.comm is None:
            return call()
        return self.comm.bcast(call() if self.comm.rank == 0 else None)


class _Taken(NamedTuple):
    journal: Path
    todo: list[int]
    found: dict[int, dict]  # in the journals of interrupted runs
    elsewhere: int  # how many were saved meanwhile


def compute(chunk: Chunk, run: Run) -> bool:
    """Compute and save one chunk; False if another process has some of it in work.

    Each record goes to a journal as soon as it is there: a kill loses the realization in work.

    Raises:
        OSError: the results cannot be written; what is saved stays.
        DamagedFile: the consolidated file is damaged or cannot be read.
    """
    # A solver may hold Python's lock, and the heartbeat with it, for as long as a sample takes.
    one = chunk.ensemble
    patience = 10 * HEARTBEAT + 3 * predicted_seconds(one.model, one.count, solver=one.solver)
    taken = run.first(lambda: _take(chunk, run, patience))
    if taken is None:
        return False
    for fate, number in ((Fate.ELSEWHERE, taken.elsewhere), (Fate.RECOVERED, len(taken.found))):
        for _ in range(number):
            run.tell(fate)
    try:
        with _heartbeat(taken.journal):
            for index in taken.todo:
                run.tell(_one_more(chunk, index, taken, run))
            run.first(lambda: chunk.store.write_shard(taken.found))
    except BaseException:
        claims.give_up(taken.journal)
        raise
    run.first(lambda: claims.release(chunk.store, taken.journal, patience))
    return True


def _take(chunk: Chunk, run: Run, patience: float) -> _Taken | None:
    """Claim a chunk; None if another process has some of it in work."""
    store, observables = chunk.store, wanted(chunk.ensemble)
    claim = claims.claim(store, chunk.indices, patience, observables)
    if claim is None:
        return None
    journal, missing = claim
    found = claims.journalled(store, missing, observables)
    failed = store.failed_in(run.id)
    todo = [index for index in missing if index not in found and index not in failed]
    return _Taken(journal, todo, found, len(chunk.indices) - len(missing))


def _one_more(chunk: Chunk, index: int, taken: _Taken, run: Run) -> Fate:
    """Compute one realization and note it in the journal, or why it failed."""
    # A rank that alone is short of memory cannot go on alone.
    expected = (NotConverged, MissingLevels) + ((MemoryError,) if run.comm is None else ())
    try:
        taken.found[index] = record(chunk.ensemble, index, run.comm)
    except expected as error:
        reason = f"{type(error).__name__}: {error}"
        run.first(lambda: chunk.store.fail(index, reason, run.id))
        return Fate.FAILED
    run.first(lambda: claims.append(taken.journal, index, taken.found[index]))
    return Fate.COMPUTED


@contextmanager
def _heartbeat(journal: Path) -> Iterator[None]:
    """Touch a journal now and then, so that other hosts know its owner alive."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT):
            with suppress(OSError):  # a lost beat harms nobody
                os.utime(journal)

    Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def run(
    campaign: Campaign,
    data: Path,
    workers: int = 1,
    tell: Tell = lambda fate: None,
    comm: Communicator | None = None,
) -> Counter[Fate]:
    """Compute all that a campaign lacks; how many realizations met which fate.

    Each worker is a process with the same loop over all that is missing; their claims on work
    keep them apart, as they do other runs. One worker is this process itself, several are fresh
    ones, of one thread each unless OMP_NUM_THREADS says otherwise. What another process has in
    work is waited for, and taken over if that process dies. With a communicator all its ranks
    call this, and share each sample.

    Raises:
        OSError: the results cannot be written; what is saved stays.
        DamagedFile: a consolidated file is damaged or cannot be read.
        RuntimeError: all workers died.
        KeyboardInterrupt: by Ctrl-C or SIGTERM; what is finished is saved.
    """
    totals: Counter[Fate] = Counter()
    loop = partial(_loop, campaign, data, uuid4().hex)
    with Stop() as stop:

        def hear(fate: Fate) -> None:
            totals[fate] += 1
            tell(fate)
            stop.look()

        if workers == 1 or comm is not None:
            with threadpool_limits(threads()):
                loop(hear, comm=comm)
        else:
            twice = _share_out(loop, campaign, data, workers, hear, stop)
            totals -= Counter({Fate.RECOVERED: twice})
    del totals[Fate.WAITING]
    return totals


def _loop(
    campaign: Campaign,
    data: Path,
    run_id: str,
    tell: Tell,
    share: tuple[int, int] = (0, 1),
    comm: Communicator | None = None,
) -> None:
    """Compute whatever is missing and not in work elsewhere, until nothing is missing.

    Of several workers each begins with its share, (number, of how many), and then looks for what
    the others have not come to.
    """
    (number, workers), run = share, Run(run_id, tell, comm)

    def refused(todo: Iterable[Chunk]) -> list[Chunk]:
        known = iter(todo)
        given = iter(lambda: run.first(lambda: next(known, None)), None)
        return [chunk for chunk in given if not compute(chunk, run)]

    busy = refused(islice(chunks(campaign, data), number, None, workers))
    if workers > 1:
        busy = refused(chunks(campaign, data))
    while busy:
        if workers == 1 or not all(map(_with_siblings, busy)):
            tell(Fate.WAITING)
        time.sleep(POLL)
        busy = refused(busy)


def _with_siblings(chunk: Chunk) -> bool:
    """Whether none but other workers of this run have a chunk in work."""
    now, held = time.time(), claims.overlapping(chunk.store, chunk.indices)
    return all(one.sibling for one in held if one.alive(now, 10 * HEARTBEAT))


def _share_out(
    loop: Loop, campaign: Campaign, data: Path, workers: int, hear: Tell, stop: Stop
) -> int:
    """The loop in several processes, none without work to begin with.

    How many realizations it told of twice: computed by a worker that died, recovered by another.
    """
    wanted = sum(len(lacking(one, data)) for one in campaign.ensembles)
    workers = sum(1 for _ in islice(chunks(campaign, data), workers))
    met: Counter[Fate] = Counter()

    def count(fate: Fate) -> None:
        met[fate] += 1
        if fate is not Fate.ELSEWHERE:  # what one worker finds saved another has computed
            hear(fate)

    died = side_by_side(loop, workers, count, stop)
    if died and died == workers:
        raise RuntimeError(
            f"all {workers} workers died (out of memory?); what is finished is saved; try fewer "
            "--workers"
        )
    elsewhere = wanted - met[Fate.COMPUTED] - met[Fate.FAILED] - met[Fate.RECOVERED]
    for _ in range(elsewhere):
        hear(Fate.ELSEWHERE)
    for _ in range(died):
        hear(Fate.DIED)
    return max(-elsewhere, 0)
