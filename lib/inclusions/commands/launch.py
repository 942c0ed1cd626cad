"""Where a command runs: on how many ranks, and whether what it is to do fits the memory."""

import os
import time
from hashlib import sha256
from importlib.metadata import version

from inclusions import cost
from inclusions.campaign import Campaign, Ensemble
from inclusions.commands.terminal import complain
from inclusions.eigen import MissingSolver
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import Communicator
from inclusions.machine import Limit, lacks, memory_limit
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


def _load() -> None:
    from mpi4py import MPI  # noqa: F401


def world() -> Communicator | None:
    """The MPI world if this process is one of several ranks, else None.

    Raises:
        MissingSolver: there are several ranks and mpi4py is not installed.
        ValueError: the ranks do not see one another, or run different versions.
    """
    if (launched := ranks()) == 1:
        return None
    if why := lacks(_load, "several ranks need mpi4py: install python3-mpi4py or mpi4py"):
        raise MissingSolver(why)
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size != launched:
        built = MPI.Get_library_version().split(",")[0].strip("\0 ")
        raise ValueError(
            f"launched as {launched} ranks, but MPI sees {comm.size}: mpi4py is built for {built}, "
            "and this launcher is another's; start with the mpiexec of that MPI, or build mpi4py "
            "for this one"
        )
    installed = ("inclusions", "numpy", "scipy", "mpi4py")
    agree(comm, {f"the version of {name}": version(name) for name in installed})
    return comm


def let_the_first_speak() -> None:
    """Wait, on ranks other than the first: what all of them complain of it says for all.

    It ends the others meanwhile; where it has nothing to complain of, they then do.
    """
    names = ("OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
    if ranks() > 1 and any(os.environ.get(name, "0") != "0" for name in names):
        time.sleep(PATIENCE)


PATIENCE = 3.0  # seconds


def agree(comm: Communicator | None, seen: dict[str, object]) -> None:
    """Refuse to go on if ranks see different things, such as files of other disks.

    Raises:
        ValueError: on the first rank, which ends all; the others wait for that.
    """
    if comm is None:
        return
    told = comm.gather({name: repr(what) for name, what in seen.items()}) or []
    faults = []
    for rank, others in enumerate(told):
        faults += [(name, rank) for name, what in others.items() if what != told[0][name]]
    fault = comm.bcast(faults[0] if faults else None)
    if fault is None:
        return
    if comm.rank:
        comm.Barrier()  # never passed
    name, rank = fault
    values = " and ".join(
        text if len(text) <= 60 else f"sha256 {sha256(text.encode()).hexdigest()[:12]}"
        for text in (told[0][name], told[rank][name])
    )
    raise ValueError(f"ranks 0 and {rank} see {name} differently: {values}")


def tell_idle(comm: Communicator | None, *models: Model) -> None:
    """Say, on the first rank, that a sample has fewer rows than there are ranks to hold them."""
    if comm is None or comm.rank or not models:
        return
    least = min(models, key=lambda model: model.dimension)
    if least.dimension < comm.size:
        complain(
            f"{comm.size} ranks share the {least.dimension} rows of {least.key}: "
            "start fewer, some have nothing to do"
        )


def check_room(model: Model, count: int, solver: str, comm: Communicator | None = None) -> str:
    """The solver, for a sample that fits the memory of this node with all its ranks.

    Where no factor fits, `auto` is the filter.

    Raises:
        MemoryError: it needs more than there is; the message says how much and what to try.
    """
    ranks, here = (1, 1) if comm is None else (comm.size, Ranks(comm).neighbours())

    def needed(name: str) -> float:
        return here * cost.predicted_memory(model, count, ranks, name)

    limit = memory_limit()
    solver = cost.affordable(solver, model, count, limit.amount / here, ranks)
    if comm is not None:
        solver = comm.bcast(solver)  # ranks may see a little more or less
    if needed(solver) > limit.amount:
        others = [name for name in ("shift-invert", *SMALLER) if needed(name) <= limit.amount]
        advice = f"solver {others[0]}" if others else "more MPI ranks on other nodes"
        raise too_large(model, needed(solver), limit, advice)
    return solver


SMALLER = ("shift-invert:ldl-single", "filter")
"""Solvers that need less memory and more time."""


def with_solvers(plan: Campaign, comm: Communicator | None = None) -> Campaign:
    """The campaign with every `auto` decided that memory decides, once for all that run it."""
    ranks, here = (1, 1) if comm is None else (comm.size, Ranks(comm).neighbours())
    room = memory_limit().amount / here
    solvers = [
        cost.affordable(one.solver, one.model, one.count, room, ranks) for one in plan.ensembles
    ]
    solvers = solvers if comm is None else comm.bcast(solvers)
    decided = zip(plan.ensembles, solvers, strict=True)
    return plan._replace(ensembles=[one._replace(solver=solver) for one, solver in decided])


def fitting(todo: list[Ensemble], workers: int) -> int:
    """As many workers as the memory holds for the largest model to do; says so if fewer.

    Raises:
        MemoryError: it does not hold one.
    """
    if not todo:
        return 1

    def memory(one: Ensemble) -> float:
        return cost.predicted_memory(one.model, one.count, 1, one.solver)

    largest = max(todo, key=memory)
    each = memory(largest)
    limit = memory_limit()
    fitting = int(limit.amount // each)
    if fitting < 1:
        advice = "more MPI ranks on other nodes or a smaller length"
        raise too_large(largest.model, each, limit, advice)
    if fitting < workers:
        print(
            f"{fitting} workers instead of {workers}: each needs up to {each / 1000:.1f} GB for "
            f"{largest.model.key}, {limit.amount / 1000:.1f} GB are free ({limit.source})"
        )
    return min(workers, fitting)


def too_large(model: Model, needed: float, limit: Limit, advice: str) -> MemoryError:
    """What to raise when a sample needs more MB than there are."""
    return MemoryError(
        f"{model.key} (dimension {model.dimension}) needs about {needed / 1000:.1f} GB, "
        f"{limit.amount / 1000:.1f} GB are free ({limit.source}); try {advice}"
    )
