"""Processes that run one loop side by side, and what ends them; knows nothing of physics."""

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from threadpoolctl import threadpool_limits

Say = Callable[[Any], None]
Loop = Callable[[Say, tuple[int, int]], None]
"""Called with what takes its words, and with its share: (number, of how many)."""

PATIENCE = 1.0  # seconds between looks at whether to stop


class Stop:
    """Ctrl-C or SIGTERM, with which Slurm and Snakemake end a job, while its context lasts.

    What a signal's handler raises is lost where Python is just ending an object: so the handler
    notes it as well, and loops look.
    """

    def __init__(self) -> None:
        self.told = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        if current_thread() is main_thread():  # others get no signals
            for one in (signal.SIGINT, signal.SIGTERM):
                self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.told = True
        raise KeyboardInterrupt

    def look(self) -> None:
        """Raise KeyboardInterrupt if the signal came."""
        if self.told:
            raise KeyboardInterrupt


def threads() -> int:
    """Threads of a process: what OMP_NUM_THREADS says of the outermost level, else 1."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else 1


def side_by_side(loop: Loop, workers: int, hear: Say, stop: Stop) -> int:
    """Run a loop in fresh processes, and hear what they say; how many of them died.

    Raises:
        Exception: what a loop raised; the other processes are ended.
        KeyboardInterrupt: as `stop` says.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads()))
    crew = dict(_start(loop, (number, workers)) for number in range(workers))
    died = 0
    try:
        while crew:
            ready = wait(list(crew), timeout=PATIENCE)
            for pipe in [pipe for pipe in crew if pipe in ready]:
                try:
                    said = pipe.recv()
                except (EOFError, OSError):  # it ended, perhaps in mid-word
                    process = crew.pop(pipe)
                    process.join()
                    died += process.exitcode != 0
                    continue
                if isinstance(said, Exception):
                    raise said
                hear(said)
            stop.look()
    finally:
        for process in crew.values():
            process.terminate()
        for process in crew.values():
            process.join()
    return died


def _start(loop: Loop, share: tuple[int, int]) -> tuple[Connection, Any]:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(loop, share, theirs), daemon=True)
    process.start()
    theirs.close()  # so that its end ends the pipe
    return ours, process


def _serve(loop: Loop, share: tuple[int, int], pipe: Connection) -> None:
    """The loop of one worker, for as long as its parent lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what a Ctrl-C ends
    try:
        with threadpool_limits(threads()):
            loop(pipe.send, share)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    except Exception as error:
        error.add_note(traceback.format_exc())
        pipe.send(error)
