"""A campaign cut into the jobs of a queue: which realizations, how many ranks, time and memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from inclusions.campaign import Campaign, Ensemble
from inclusions.cost import affordable, predicted_memory, predicted_seconds
from inclusions.ensemble import lacking, place_of

MEMORY_MARGIN = 1.2
OVERHEAD_MB = 500  # papermill, the notebook's kernel and Snakemake itself
RANKS = (1, 2, 4, 8, 16, 32, 64, 128)


class Limits(NamedTuple):
    """What a machine or a queue offers; limits.yaml of a profile."""

    job_minutes: float  # of a job, about
    max_runtime: float  # minutes
    max_mem_mb: float  # of one process
    max_ranks: int
    launcher: str  # of MPI programs
    start_timeout: int = 600  # seconds that a kernel may take to start
    gres: str = ""  # Slurm's generic resource for a job that wants a GPU

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Limits":
        """The limits among some settings.

        Raises:
            ValueError: one is missing.
        """
        for name in cls._fields:
            if name not in settings and name not in cls._field_defaults:
                raise ValueError(f"the profile's limits.yaml has no {name}")
        return cls(**{name: settings[name] for name in cls._fields if name in settings})


def decided(campaign: Campaign, limits: Limits) -> Campaign:
    """The campaign with `auto` as the filter where no factor fits, on as many ranks as may be."""
    room = limits.max_mem_mb / MEMORY_MARGIN

    def solver(one: Ensemble) -> str:
        return affordable(one.solver, one.model, one.count, room, one.ranks or limits.max_ranks)

    ensembles = [one._replace(solver=solver(one)) for one in campaign.ensembles]
    return campaign._replace(ensembles=ensembles)


def on_gpu(one: Ensemble) -> bool:
    """Whether its jobs want a GPU."""
    return one.solver == "filter:gpu"


class Batch(NamedTuple):
    """Consecutive realizations of one ensemble that one job computes."""

    ensemble: Ensemble
    name: str  # of the ensemble
    first: int
    number: int
    ranks: int

    @property
    def page(self) -> str:
        """The executed page that the job leaves, in the folder of results."""
        tail = f"-ranks{self.ranks}" if self.ranks > 1 else ""
        return f"logs/{self.name}/{self.first}-{self.number}{tail}.ipynb"


def batches(campaign: Campaign, data: Path, limits: Limits) -> Iterator[Batch]:
    """What a campaign lacks, by what the shards say, in jobs of about `job_minutes`.

    Raises:
        ValueError: a sample does not fit the limits; the message says which and what it needs.
        DamagedFile: a consolidated file cannot be read.
    """
    for one in campaign.ensembles:
        ranks, place = ranks_for(one, limits), place_of(one, data)
        if 3 * minutes(one, 1, ranks) > limits.max_runtime:
            raise ValueError(
                f"{one.model.key}: one realization takes about {minutes(one, 1, ranks):.0f} "
                f"minutes, this profile's jobs end after {limits.max_runtime}"
            )
        size = min(max(1, round(limits.job_minutes / minutes(one, 1, ranks))), one.realizations)
        missing = lacking(one, data).runs
        spans = (range(run.start // size, (run.stop - 1) // size + 1) for run in missing)
        for block in sorted({block for span in spans for block in span}):
            first = max(block * size, one.first)
            number = min((block + 1) * size, one.indices.stop) - first
            yield Batch(one, place.name, first, number, ranks)


def ranks_for(one: Ensemble, limits: Limits) -> int:
    """MPI ranks of one sample: as the campaign says, else as few as its memory allows.

    Raises:
        ValueError: there are not as many, or they have not enough memory.
    """
    choices = [one.ranks] if one.ranks else [n for n in RANKS if n <= limits.max_ranks]
    if choices[-1] > limits.max_ranks:
        raise ValueError(
            f"{one.model.key}: ranks = {one.ranks}, this profile has {limits.max_ranks} at most"
        )
    for ranks in choices:
        need = predicted_memory(one.model, one.count, ranks, one.solver)
        if MEMORY_MARGIN * need <= limits.max_mem_mb:
            return ranks
    raise ValueError(
        f"{one.model.key} (dimension {one.model.dimension}) needs about {need / 1000:.1f} GB on "
        f"each of {choices[-1]} ranks, this profile has {limits.max_mem_mb / 1000:.1f} GB and "
        f"{limits.max_ranks} ranks"
    )


def minutes(one: Ensemble, realizations: int, ranks: int) -> float:
    """Predicted time of some realizations on so many cores."""
    each = predicted_seconds(one.model, one.count, one.certify, ranks, one.solver)
    return realizations * each / 60


def runtime(one: Ensemble, number: int, ranks: int, attempt: int, limits: Limits) -> float:
    """Minutes to ask for: three times the prediction and what starting takes, at each attempt."""
    return min(limits.max_runtime, round(attempt * (5 + 3 * minutes(one, number, ranks)) + 0.5))


def memory(one: Ensemble, ranks: int, attempt: int, limits: Limits) -> float:
    """MB to ask for on each rank."""
    needed = attempt * MEMORY_MARGIN * predicted_memory(one.model, one.count, ranks, one.solver)
    return min(limits.max_mem_mb, round(OVERHEAD_MB + needed))


def parameters(one: Ensemble, batch: Mapping[str, Any], chunk: int, data: Path) -> dict[str, Any]:
    """What the page ensemble.md is given for `first`, `realizations`, `ranks` and `launcher`."""
    names = ("seed", "states", "solver", "certify", "gap_ratios_only")
    method = {name: getattr(one, name) for name in names}
    more = {"observables": list(one.observables), "chunk": chunk, "workers": 1, "data": str(data)}
    return one.model.as_dict() | method | more | dict(batch)
