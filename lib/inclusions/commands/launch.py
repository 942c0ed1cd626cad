"""Where a command runs: on how many ranks, and whether what it is to do fits the memory."""

import os

from inclusions import cost
from inclusions.campaign import Ensemble
from inclusions.eigen import MissingSolver
from inclusions.machine import available_memory
from inclusions.model import Model


def ranks() -> int:
    """MPI ranks this process was launched as one of; 1 if it was launched alone.

    Launchers, and Slurm in every step of a job, set variables for one process as for many, so
    only counts are looked at.
    """
    counts = ["OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"]
    if "PMIX_RANK" in os.environ:  # PMIx tells no number; the step that Slurm starts does
        counts.append("SLURM_STEP_NUM_TASKS")
    values = (os.environ.get(name, "") for name in counts)
    return max([1, *(int(value) for value in values if value.isascii() and value.isdigit())])


def world():
    """The MPI world if this process is one of several ranks, else None.

    Raises:
        MissingSolver: there are several ranks and mpi4py is not installed.
    """
    if ranks() == 1:
        return None
    try:
        from mpi4py import MPI
    except ImportError:
        raise MissingSolver("several ranks need mpi4py: install python3-mpi4py or mpi4py") from None
    return MPI.COMM_WORLD if MPI.COMM_WORLD.size > 1 else None


def check_room(model: Model, count: int, ranks: int) -> None:
    """Refuse a sample that does not fit the memory.

    Raises:
        MemoryError: it needs more than there is; the message says how much and what to try.
    """
    needed = cost.predicted_memory(model, count, ranks)
    room = available_memory()
    if needed > room:
        raise too_large(model, needed, room, "more MPI ranks, or solver shift-invert:ldl-single")


def fitting(todo: list[Ensemble], workers: int) -> int:
    """As many workers as the memory holds for the largest model to do; says so if fewer.

    Raises:
        MemoryError: it does not hold one.
    """
    if not todo:
        return 1
    largest = max(todo, key=lambda one: one.model.dimension)
    each = cost.predicted_memory(largest.model, largest.count)
    room = available_memory()
    fitting = int(room // each)
    if fitting < 1:
        advice = "more MPI ranks on other nodes or a smaller length"
        raise too_large(largest.model, each, room, advice)
    if fitting < workers:
        print(
            f"{fitting} workers instead of {workers}: each needs up to {each / 1000:.1f} GB for "
            f"{largest.model.key}, {room / 1000:.1f} GB are free"
        )
    return min(workers, fitting)


def too_large(model: Model, needed: float, room: float, advice: str) -> MemoryError:
    """What to raise when a sample needs more MB than there are."""
    return MemoryError(
        f"{model.key} (dimension {model.dimension}) needs about {needed / 1000:.1f} GB, "
        f"{room / 1000:.1f} GB are free; try {advice}"
    )
