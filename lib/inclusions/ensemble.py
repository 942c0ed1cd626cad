"""Draw, build, solve, measure, save: one realization, or all that a campaign lacks."""

import os
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from inclusions.campaign import CERTIFIED_BELOW, Campaign, Ensemble
from inclusions.cost import predicted_seconds
from inclusions.disorder import draw
from inclusions.eigen import Eigenpairs, MissingLevels, NotConverged, choose
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.machine import peak_memory
from inclusions.model import Model
from inclusions.observables import magnetizations, measure
from inclusions.store import Store, claims
from inclusions.store.records import consecutive


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
    if not certify:
        method = method.uncounted()
    hamiltonian = build(realization)
    try:
        pairs = method(hamiltonian, count, comm)
    except (NotConverged, MissingLevels):
        if (larger := method.enlarged(count)) is None:
            raise
        pairs = larger(hamiltonian, count, comm)
    if comm is not None and comm.allreduce(pairs.states.shape[0]) == model.dimension:
        start = comm.exscan(pairs.states.shape[0]) or 0
        hamiltonian = build(realization, start, start + pairs.states.shape[0])
        magnetization = magnetizations(hamiltonian, pairs, comm)
    else:
        magnetization = magnetizations(hamiltonian, pairs)
    return Solved(hamiltonian, pairs, magnetization, time.perf_counter() - started, peak_memory())


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


def place_of(ensemble: Ensemble, data: Path) -> Store:
    """Where the results of an ensemble go."""
    return Store(data, ensemble.model, ensemble.seed, ensemble.count)


def chunks(campaign: Campaign, data: Path) -> list[Chunk]:
    """All work a campaign lacks, such that the statistics of all its models grow evenly.

    Raises:
        DamagedFile: a consolidated file cannot be opened.
    """
    rounds: list[tuple[int, int, Chunk]] = []
    for position, ensemble in enumerate(campaign.ensembles):
        store = place_of(ensemble, data)
        missing = set(ensemble.indices) - store.done()
        for run in consecutive(missing):
            for start in range(0, len(run), campaign.chunk):
                part = tuple(run[start : start + campaign.chunk])
                rounds.append((part[0] // campaign.chunk, position, Chunk(store, ensemble, part)))
    return [chunk for _, _, chunk in sorted(rounds, key=lambda item: item[:2])]


HEARTBEAT = 60  # seconds between the signs of life of a claim

Tell = Callable[[str], None]
"""Called for each realization with what became of it: computed, failed, recovered (from the
journal of an interrupted run) or elsewhere (computed by another run meanwhile); and with "waiting"
when another process has some of them in work."""


def compute(chunk: Chunk, comm=None, tell: Tell = lambda what: None) -> bool:
    """Compute and save one chunk; False if another process has some of it in work.

    Each record goes to a journal as soon as it is there: a kill loses the realization in work.

    Raises:
        OSError: the results cannot be written; what is saved stays.
    """
    store, root = chunk.store, comm is None or comm.rank == 0
    # A solver may hold Python's lock, and the heartbeat with it, for as long as a sample takes.
    patience = 10 * HEARTBEAT + 3 * predicted_seconds(chunk.ensemble.model, chunk.ensemble.count)
    claim, found = None, {}
    if root:
        claim = claims.claim(store, chunk.indices, patience)
        if claim is not None:
            found = claims.journalled(store, claim[1])
    if comm is not None:
        claim, found = comm.bcast((claim, found))
    if claim is None:
        return False
    journal, missing = claim
    for what, number in (
        ("elsewhere", len(chunk.indices) - len(missing)),
        ("recovered", len(found)),
    ):
        for _ in range(number):
            tell(what)
    with _heartbeat(journal) if root else nullcontext():
        for index in missing:
            if index in found:
                continue
            try:
                found[index] = record(chunk.ensemble, index, comm)
            except (NotConverged, MissingLevels, MemoryError) as error:
                if root:
                    store.fail(index, f"{type(error).__name__}: {error}")
                tell("failed")
                continue
            if root:
                claims.append(journal, index, found[index])
            tell("computed")
        if root:
            store.write_shard(found)
    if root:
        claims.release(store, journal, patience)
    return True


@contextmanager
def _heartbeat(journal: Path):
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
    campaign: Campaign, data: Path, workers: int = 1, tell: Tell = lambda what: None
) -> Counter[str]:
    """Compute all that a campaign lacks; how many realizations met which fate, see `Tell`.

    With one worker the work is done in this process, otherwise in `workers` fresh ones, one
    thread each unless OMP_NUM_THREADS says otherwise. A worker that dies is replaced. What
    another process has in work is waited for, and taken over if that process dies.

    Raises:
        OSError: the results cannot be written; what is saved stays.
        RuntimeError: one chunk has killed three workers.
    """
    totals: Counter[str] = Counter()

    def count(what: str) -> None:
        totals[what] += 1
        tell(what)

    todo = deque(chunks(campaign, data))
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    if workers == 1:
        with threadpool_limits(int(threads)):
            refused = 0
            while todo:
                chunk = todo.popleft()
                if compute(chunk, tell=count):
                    refused = 0
                    continue
                todo.append(chunk)
                refused += 1
                if refused >= len(todo):
                    tell("waiting")
                    time.sleep(POLL)
        return totals
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    crew = [_Worker() for _ in range(min(workers, len(todo)))]
    deaths: Counter[tuple] = Counter()
    try:
        while todo or any(worker.chunk for worker in crew):
            now = time.monotonic()
            for worker in crew:
                if worker.chunk is None and todo and now >= worker.rests_until:
                    worker.give(todo.popleft())
            for pipe in wait([worker.pipe for worker in crew], timeout=POLL):
                worker = next(worker for worker in crew if worker.pipe is pipe)
                try:
                    message = pipe.recv()
                except (EOFError, ConnectionResetError):
                    crew[crew.index(worker)] = _Worker()
                    if worker.chunk is None:
                        continue
                    todo.appendleft(worker.chunk)
                    place = (worker.chunk.store.name, worker.chunk.indices)
                    deaths[place] += 1
                    if deaths[place] == 3:
                        raise RuntimeError(
                            f"three workers died on {place[0]}, realizations {place[1][0]} to "
                            f"{place[1][-1]} (out of memory?); what is finished is saved; try "
                            "fewer --workers"
                        ) from None
                    continue
                if isinstance(message, Exception):
                    raise message
                if isinstance(message, str):
                    count(message)
                    continue
                if not message:  # in work elsewhere: later
                    tell("waiting")
                    todo.append(worker.chunk)
                    worker.rests_until = now + POLL
                worker.chunk = None
    finally:
        for worker in crew:
            worker.process.terminate()
    return totals


POLL = 1.0  # seconds between looks at what other processes have in work


class _Worker:
    """A process that computes one chunk after the other, for as long as its parent lives."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # so that its death ends the pipe
        self.chunk: Chunk | None = None
        self.rests_until = 0.0

    def give(self, chunk: Chunk) -> None:
        self.chunk = chunk
        try:
            self.pipe.send(chunk)
        except BrokenPipeError:
            pass  # it died idle: its end of the pipe tells


def _serve(pipe: Connection) -> None:
    """Compute what comes through a pipe; says what became of each realization and chunk."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what a Ctrl-C ends
    try:
        while True:
            chunk = pipe.recv()
            try:
                answer = compute(chunk, tell=pipe.send)
            except BrokenPipeError:
                raise
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = error
            pipe.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone: what is computed is in the journal
