"""What decides: the rules for one number, the readings of a claim, and the ensembles it may use.

A claim is judged by what it says. Errors decide; a tolerance does only where the paper states one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from inclusions import estimates
from inclusions.model import Model, tuned_bandwidth
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO, Estimate, line
from inclusions.store import Entry, read_listed, select

SURE = 3.0
"""Standard errors that decide. Some hundred tests are made: at two, several would err by chance."""

TENTH = (GOE_GAP_RATIO - POISSON_GAP_RATIO) / 10
"""Tolerance of a mean gap ratio at its limits: a tenth of the way from GOE to Poisson."""

CROSSINGS = (3.5, 4.0)
"""Where the paper sees curves cross, units of J; half a J is also what it calls little drift."""

PAPER_REALIZATIONS, PAPER_STATES = 2000, 50

REPRODUCED, REFUTED, OPEN = "reproduced", "not reproduced", "not decidable"
VERDICTS = {True: REPRODUCED, False: REFUTED, None: OPEN}
SAYS = {True: "yes", False: "no", None: "cannot tell"}


class Part(NamedTuple):
    """One test: what was measured, and whether what the claim needs holds (None: cannot tell).

    Its name holds no number that the data decide, so that it is found again where the same is
    measured otherwise.
    """

    name: str
    value: float
    error: float
    holds: bool | None
    needed: float = 1.0  # times as many realizations decide, if the value stays
    rule: Callable[..., "Part"] | None = None  # judges the same with another error
    limits: tuple[float, ...] = ()  # of the rule

    def again(self, error: float) -> "Part":
        """The same value judged with another error."""
        if self.rule is None:
            return self
        return self.rule(self.name, self.value, error, *self.limits)


def positive(name: str, value: float, error: float) -> Part:
    """A number that the claim needs above 0: a sign counts from `SURE` standard errors on."""
    holds = None if not abs(value) > SURE * error else bool(value > 0)
    return Part(name, float(value), float(error), holds, _needed(value, error), positive)


def small(name: str, value: float, error: float, tolerance: float) -> Part:
    """A number that the claim needs within -tolerance ... tolerance."""
    margin = tolerance - abs(value)
    holds = None if not abs(margin) > SURE * error else bool(margin > 0)
    return Part(name, float(value), float(error), holds, _needed(margin, error), small,
                (tolerance,))  # fmt: skip


def within_error(name: str, value: float, error: float) -> Part:
    """A number that the claim says is within its error of 0: no from `SURE` of them on."""
    holds = bool(abs(value) <= SURE * error) if np.isfinite(value) and np.isfinite(error) else None
    return Part(name, float(value), float(error), holds, 1.0, within_error)


def inside(name: str, value: float, error: float, low: float, high: float) -> Part:
    """A number that the claim puts between two: no if `SURE` errors off, yes if it is inside.

    It cannot tell where the error would cover the whole of the range.
    """
    off = max(low - value, value - high)
    holds = None
    if off > SURE * error:
        holds = False
    elif off <= 0 and error <= high - low:
        holds = True
    margin = off if off > 0 else high - low
    return Part(name, float(value), float(error), holds, _needed(margin, error), inside,
                (low, high))  # fmt: skip


def _needed(margin: float, error: float) -> float:
    return max((SURE * error / margin) ** 2, 1.0) if margin else float("inf")


def by(rule: Callable[..., Part], name: str, estimate: Estimate, *limits: float) -> Part:
    """A rule applied to an estimate of shape ()."""
    return rule(name, float(estimate.value), float(estimate.error), *limits)


def judge(parts: Iterable[Part]) -> bool | None:
    """Whether all tests hold; False if one fails, else None if one cannot tell."""
    outcomes = {part.holds for part in parts}
    if False in outcomes:
        return False
    return None if None in outcomes or not outcomes else True


class Drift(NamedTuple):
    """How a number that decides changes with the length, and the length at which it would turn."""

    name: str
    lengths: tuple[int, ...]
    slope: float  # a site
    error: float
    turns: float  # length where the line through all of them meets what would decide otherwise


def drift(name: str, series: Mapping[int, Estimate], bound: float = 0.0) -> Drift | None:
    """The weighted line through a number at three lengths or more, and where it meets `bound`.

    It turns nowhere (inf) unless its slope is `SURE` standard errors from 0 and leads there.
    """
    series = {n: one for n, one in series.items() if np.isfinite(one.value + one.error)}
    if len(series) < 3:
        return None
    lengths, found = [*series], [*series.values()]
    slope = line(lengths, *found).slope
    last = max(lengths)
    away = bound - float(series[last].value)
    sure = abs(slope.value) > SURE * slope.error
    turns = last + away / float(slope.value) if sure and away * slope.value > 0 else np.inf
    return Drift(name, tuple(lengths), float(slope.value), float(slope.error), float(turns))


class Finding(NamedTuple):
    """What one claim's function found.

    `parts` are tests that all readings share; `readings` are what the paper's words may mean, each
    with tests of its own: where their outcomes differ, nothing is decided.
    """

    parts: list[Part]
    models: list[Model]
    note: str = ""
    readings: dict[str, list[Part]] = {}  # noqa: RUF012
    drifts: list[Drift] = []  # noqa: RUF012

    @property
    def outcomes(self) -> dict[str, bool | None]:
        """What follows from each reading; from the only one, by no name."""
        readings = self.readings or {"": []}
        return {name: judge([*self.parts, *own]) for name, own in readings.items()}

    @property
    def tests(self) -> list[Part]:
        """All tests, each once."""
        every = [*self.parts, *(part for own in self.readings.values() for part in own)]
        return list({part.name: part for part in every}.values())

    @property
    def holds(self) -> bool | None:
        outcomes = set(self.outcomes.values())
        return outcomes.pop() if len(outcomes) == 1 else None


class Missing(LookupError):
    """The ensembles a claim needs are not there; the message says which."""


# The data


@dataclass(frozen=True)
class Results:
    """The consolidated ensembles of a folder, each read when first asked for.

    How they are looked at is part of it, so that a claim can be measured again under another
    choice: `how` goes to every estimate, `sites` are those of gamma_XXZ, `shorter` leaves the
    longest chains out.
    """

    files: dict[Model, tuple[Path, Entry]]  # path, and entry of the manifest
    how: Mapping[str, Any] = field(default_factory=dict)
    sites: str = "middle"
    shorter: bool = False

    def __call__(self, model: Model) -> xr.Dataset:
        path, entry = self.files[model]
        return _read(path, entry["sha256"]).assign_attrs(data=str(path.parents[1]))

    def under(self, **choice: Any) -> "Results":
        """The same results looked at otherwise."""
        other = copy(self)
        for name, value in choice.items():
            object.__setattr__(other, name, value)
        return other

    def estimate(self, function: Callable[..., Estimate], *models: Model, **more) -> Estimate:
        """An estimate of these models' ensembles."""
        given = [part for model in models for part in (model, self(model))]
        return function(*given, **more, **self.how)

    def curve(self, models: Iterable[Model], key: str = "disorder") -> dict:
        """Ensembles as the estimates of a curve take them, by disorder or bandwidth."""
        return {getattr(model, key): (model, self(model)) for model in models}

    def find(self, **parameters: Any) -> list[Model]:
        """Models with these parameters, and the tuned or default value of each other, by size."""
        names = ("coupling", "anisotropy", "boundary", "target", "sample", "bond")
        usual = {one.name: one.default for one in fields(Model) if one.name in names} | parameters
        models = [
            model
            for model in self.files
            if all(getattr(model, name) == value for name, value in usual.items())
            and model.magnetization == (model.length % 2) / 2
        ]
        if "bandwidth" not in parameters:
            models = [m for m in models if m.bandwidth == _tuned(m.bubble)]
        if self.shorter and models:
            longest = max(model.length for model in models)
            models = [model for model in models if model.length < longest]
        return sorted(models, key=lambda model: (model.length, model.disorder))

    def realizations(self, model: Model) -> int:
        return self.files[model][1]["realizations"]

    def core_hours(self, models: Iterable[Model]) -> float:
        return sum(self.files[model][1]["core_hours"] for model in set(models))


def _tuned(bubble: int) -> float | None:
    return tuned_bandwidth(bubble) if bubble else None


_read = lru_cache(maxsize=1024)(read_listed)  # several claims ask for the same file


def results(data: Path) -> Results:
    """The ensembles of the paper's protocol that a folder has, two realizations or more."""
    chosen = select(data, least=2)
    return Results({model: (one.path, one.entry) for model, one in chosen.found.items()})


def need(models: Sequence[Model], what: str) -> Sequence[Model]:
    """The models, of which there must be one."""
    if not models:
        raise Missing(f"there is no ensemble of {what}")
    return models


def pairs(results: Results, **parameters: Any) -> list[tuple[Model, Model]]:
    """Each bubble of these parameters that has its open chain of L + 2, with it; by length."""
    chains = {model: None for model in results.find(bubble=0)}
    return estimates.partners({m: None for m in results.find(**parameters)}, chains)
