"""Campaign files: which ensembles, how many realizations, under which seed."""

import tomllib
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from inclusions.eigen import check_name
from inclusions.model import MIDDLE, PARAMETERS, Model
from inclusions.observables import OPTIONAL

CERTIFIED_BELOW = 5000  # dimension up to which counting the levels is cheap beside finding them


class Ensemble(NamedTuple):
    """One model of a campaign and how much of it is wanted."""

    model: Model
    first: int  # index of the first realization
    realizations: int
    states: int  # wanted in each; a smaller sector gives all it has
    seed: int
    solver: str
    certify: float  # share of the realizations certified where that is not cheap
    ranks: int | None  # MPI ranks of one sample; None is as many as its memory needs
    observables: tuple[str, ...] = ()  # wanted beside the usual ones, see `observables.OPTIONAL`
    controls: bool = True  # whether `inclusions controls` predicts it, to sharpen its means
    gap_ratios_only: bool = False  # records leave out all else that is measured

    @property
    def indices(self) -> range:
        """The realizations wanted."""
        return range(self.first, self.first + self.realizations)

    @property
    def count(self) -> int:  # type: ignore[override]  # nothing is counted in this tuple
        """States computed in each realization."""
        return min(self.states, self.model.dimension)


MOST = 2**63 - 1
"""Largest seed and number of a realization: they are stored in 64 bits."""

FEWEST_STATES, MOST_STATES = 3, 2**15 - 1
"""States in a sample: two gaps make a ratio; a histogram's bin counts in 16 bits, at two sites."""

MOST_IN_CHUNK = 100_000

Positive = Annotated[int, Field(ge=1, le=MOST)]
States = Annotated[int, Field(ge=FEWEST_STATES, le=MOST_STATES)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    length: list
    disorder: list
    bubble: list = [0]
    coupling: list = [1.0]
    bandwidth: list = [None]
    anisotropy: list = [1.0]
    boundary: list = ["open"]
    magnetization: list = [None]
    target: list = [MIDDLE]
    sample: list = ["own"]
    bond: list = [None]
    first: Annotated[int, Field(ge=0, le=MOST)] = 0
    realizations: Positive
    ranks: Positive | None = None
    states: States | None = None
    certify: Share | None = None
    observables: list[str] | None = None
    controls: bool = True
    gap_ratios_only: bool | None = None

    @field_validator(*PARAMETERS, mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> list:
        if value == []:
            raise ValueError("a sweep needs at least one value")
        return value if isinstance(value, list) else [value]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    seed: Annotated[int, Field(ge=0, le=MOST)]
    states: States = 50
    solver: str = "auto"
    certify: Share = 0.05
    chunk: Annotated[int, Field(ge=1, le=MOST_IN_CHUNK)] = 25
    observables: list[str] = []
    gap_ratios_only: bool = False
    data: str = "data"
    ensemble: Annotated[list[_Table], Field(min_length=1)]


class Campaign(NamedTuple):
    """A campaign file, checked."""

    name: str
    ensembles: list[Ensemble]
    chunk: int  # realizations a shard holds at most
    data: Path  # where the results go


def load(path: str | Path) -> Campaign:
    """Read and check a campaign file.

    A parameter that is a list is swept; several lists make all combinations.

    Raises:
        ValueError: the file is missing, is not TOML, or has a wrong key or value; one line.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"campaign file {path}: {error.strerror}") from None
    except ValueError as error:  # of TOML, of the encoding, or of a number too long to read
        raise ValueError(f"campaign file {path} is not TOML: {error}") from None
    return checked(content, f"campaign file {path}")


def checked(content: dict[str, Any], source: str) -> Campaign:
    """The campaign that the content of a file describes; `source` is what errors call it.

    Raises:
        ValueError: a wrong key or value; one line.
    """
    try:
        file = _File(**content)
    except ValidationError as error:
        raise ValueError(f"{source}: {_first(error)}") from None
    if not file.name.isprintable():
        raise ValueError(f"{source}: name must be text that can be printed, got {file.name!r}")
    try:
        check_name(file.solver)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    ensembles: dict[tuple, list[Ensemble]] = {}
    for number, table in enumerate(file.ensemble, 1):
        for values in product(*(getattr(table, name) for name in PARAMETERS)):
            try:
                model = Model(**dict(zip(PARAMETERS, values, strict=True)))
            except ValueError as error:
                raise ValueError(f"{source}, ensemble {number}: {error}") from None
            one = Ensemble(
                model=model,
                first=table.first,
                realizations=table.realizations,
                states=table.states or file.states,
                seed=file.seed,
                solver=file.solver,
                certify=file.certify if table.certify is None else table.certify,
                ranks=table.ranks,
                observables=_observables(source, file, table),
                controls=table.controls,
                gap_ratios_only=(
                    file.gap_ratios_only if table.gap_ratios_only is None else table.gap_ratios_only
                ),
            )
            if complaint := _beyond(one):
                raise ValueError(f"{source}, ensemble {number}: {complaint}")
            ensembles.setdefault((model.key, one.count), []).append(one)
    united = [one for named in ensembles.values() for one in _united(named)]
    return Campaign(file.name, united, file.chunk, Path(file.data))


def _united(named: list[Ensemble]) -> list[Ensemble]:
    """Ensembles of one model, those that share realizations as one: as the larger is computed."""
    found: list[Ensemble] = []
    for one in sorted(named, key=lambda it: it.first):
        if found and one.first < found[-1].indices.stop:
            last = found.pop()
            stop = max(one.indices.stop, last.indices.stop)
            one = max(last, one, key=lambda it: it.realizations)._replace(
                first=last.first, realizations=stop - last.first,
                observables=tuple(sorted({*last.observables, *one.observables})),
                gap_ratios_only=last.gap_ratios_only and one.gap_ratios_only,
            )  # fmt: skip
        found.append(one)
    return found


def _observables(source: str, file: _File, table: _Table) -> tuple[str, ...]:
    """The optional observables of one table, each once, in order of their names."""
    names = file.observables if table.observables is None else table.observables
    for name in names:
        if name not in OPTIONAL:
            known = ", ".join(sorted(OPTIONAL))
            raise ValueError(f"{source}: observables must be of {known}, got {name!r}")
    return tuple(sorted(set(names)))


def _beyond(one: Ensemble) -> str:
    """What of an ensemble is beyond what can be computed or stored, if anything is."""
    model = one.model
    if one.first + one.realizations > MOST:
        return f"first + realizations must be at most {MOST}, got {one.first + one.realizations}"
    if model.dimension < FEWEST_STATES:
        return (
            f"{model.key} has a sector of {model.dimension}, a gap ratio takes {FEWEST_STATES} "
            "states; choose a longer chain or another magnetization"
        )
    if model.dimension > MOST:
        return f"{model.key} has a sector of {model.dimension}, beyond all that is numbered here"
    return ""


def _first(error: ValidationError) -> str:
    """The first complaint of pydantic as one line: where, what was got, what is allowed."""
    detail = error.errors()[0]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        allowed = (_Table if len(detail["loc"]) > 1 else _File).model_fields
        return f"unknown key {place}; allowed: {', '.join(allowed)}"
    if place == "ensemble" and detail["type"] == "list_type":
        return "ensemble: write [[ensemble]], with two brackets, before each"
    if detail["type"] == "missing":
        return f"missing key {place}"
    return f"{place}: {detail['msg'][0].lower()}{detail['msg'][1:]}, got {detail['input']!r}"
