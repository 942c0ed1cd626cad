"""A campaign cut into the jobs of a queue: which realizations, how many ranks, time and memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from inclusions.campaign import Campaign, Ensemble
from inclusions.cost import affordable, predicted_memory, predicted_seconds
from inclusions.ensemble import lacking, place_of

MEMORY_MARGIN = 1.2
OVERHEAD_MB = 500  # papermill, the notebook's kernel and Snakemake itself

Whole = Annotated[int, Field(ge=1)]


class Limits(NamedTuple):
    """What a machine or a queue offers, limits.yaml of a profile; in words what each must be."""

    job_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False), "minutes, more than 0"]  # about
    max_runtime: Annotated[Whole, "whole minutes, 1 or more"]
    max_mem_mb: Annotated[Whole, "whole MB, 1 or more"]  # of one process
    max_ranks: Annotated[Whole, "a whole number, 1 or more"]
    launcher: Annotated[str, "text"]  # of MPI programs
    start_timeout: Annotated[Whole, "whole seconds, 1 or more"] = 600  # of a kernel, to start
    gres: Annotated[str, "text"] = ""  # Slurm's generic resource for a job that wants a GPU

    @classmethod
    def of(cls, settings: Mapping[str, Any], source: str) -> "Limits":
        """The limits among some settings, numbers also as text; `source` is what errors call them.

        Raises:
            ValueError: one is missing or has a wrong value; one line.
        """
        known = {name: settings[name] for name in cls._fields if name in settings}
        try:
            return TypeAdapter(cls).validate_python(known)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            what = cls.__annotations__[name].__metadata__[-1]
            got = repr(known[name]) if name in known else "nothing"
            raise ValueError(f"{source}: {name} must be {what}, got {got}") from None


def decided(campaign: Campaign, limits: Limits) -> Campaign:
    """The campaign with `auto` as the filter where no factor fits, on as many ranks as may be."""
    room = limits.max_mem_mb / MEMORY_MARGIN

    def solver(one: Ensemble) -> str:
        tried = (
            affordable(one.solver, one.model, one.count, room, ranks)
            for ranks in _choices(one, limits)
        )
        return one.solver if one.solver in tried else "filter"

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


def _choices(one: Ensemble, limits: Limits) -> list[int]:
    """MPI ranks that one sample may get: as the campaign says, else doubled up to all there are."""
    if one.ranks:
        return [one.ranks]
    return [*(2**n for n in range((limits.max_ranks - 1).bit_length())), limits.max_ranks]


def ranks_for(one: Ensemble, limits: Limits) -> int:
    """MPI ranks of one sample: as the campaign says, else as few as its memory allows.

    Raises:
        ValueError: there are not as many, or they have not enough memory.
    """
    choices = _choices(one, limits)
    if choices[-1] > limits.max_ranks:
        raise ValueError(
            f"{one.model.key}: ranks = {one.ranks}, this profile has {limits.max_ranks} at most"
        )
    for ranks in choices:
        need = predicted_memory(one.model, one.count, ranks, one.solver)
        if need <= limits.max_mem_mb / MEMORY_MARGIN:
            return ranks
    raise ValueError(
        f"{one.model.key} (dimension {one.model.dimension}) needs about "
        f"{MEMORY_MARGIN * need / 1000:.1f} GB on each of {choices[-1]} ranks, this profile has "
        f"{limits.max_mem_mb / 1000:.1f} GB and {limits.max_ranks} ranks"
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
