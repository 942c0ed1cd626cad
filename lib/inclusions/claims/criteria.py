"""What decides: the rules for one number, the readings of a claim, and the ensembles it may use.

A claim is judged by what it says. Errors decide; a tolerance does only where the paper states one.
"""

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr
from scipy import special

from inclusions import estimates
from inclusions.avalanche import AvalancheFit
from inclusions.model import Model, tuned_bandwidth
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO, Estimate, Mixture, line
from inclusions.store import Entry, read_listed, select
from inclusions.text import number, probability

SURE = 3.0
"""Standard errors that decide. Some hundred tests are made: at two, several would err by chance."""

CHANCE = 0.0027
"""Probability of a normal variable that far off: what chi2 must fall below to decide."""

TENTH = (GOE_GAP_RATIO - POISSON_GAP_RATIO) / 10
"""Tolerance of a mean gap ratio at its limits: a tenth of the way from GOE to Poisson."""

CROSSINGS = (3.5, 4.0)
"""Where the paper sees curves cross, units of J."""

FADES = (5.6, 6.0)
"""Where the paper sees the deficit at long distance sink into its errors, units of J."""

PAPER_REALIZATIONS, PAPER_STATES = 2000, 50

REACH = 2.0
"""A line over lengths is not followed beyond so many times the longest: no form is known there."""

BLUR = 1.1
"""Two errors are equal up to this factor: from 1000 resamples each is known to 2 %."""

ENOUGH = 100
"""Realizations from which on a length stands for the longest; lines and means take all there is."""

REPRODUCED, REFUTED, OPEN = "reproduced", "not reproduced", "not decidable"
VERDICTS: dict[bool | str | None, str] = {True: REPRODUCED, False: REFUTED, None: OPEN}
SAYS = {True: "yes", False: "no", None: "cannot tell"}


REJECTED, NO_AVALANCHE = "rejected", "no avalanche"


def regime(fit: AvalancheFit) -> str:
    """Which regime of Eq. (6) a fit prefers: by `SURE` errors, the root of a difference of chi2."""
    if fit.probability < CHANCE:
        return REJECTED
    if fit.p_high < 0.01:
        return NO_AVALANCHE
    if abs(fit.below - fit.above) < SURE**2:
        return OPEN
    return "II" if fit.below < fit.above else "I"


def two_components(found: Mixture) -> bool:
    """Whether there are two: very strong evidence (bic > 10), and apart (separation > 2).

    The second is needed since no purity is exactly beta distributed: with enough realizations two
    betas always fit better than one.
    """
    return found.bic > 10 and found.separation > 2


class Drift(NamedTuple):
    """How a number that decides changes with the length, and the length at which it would turn."""

    lengths: tuple[int, ...]
    slope: float  # a site; of 1/L where `inverse`
    error: float
    turns: float = np.inf  # length where the line through all of them meets what decides otherwise
    inverse: bool = False
    limit: float = np.nan  # for 1/L to 0 where `inverse` and the line fits
    limit_error: float = np.nan


class Part(NamedTuple):
    """One test: what was measured, and whether what the claim needs holds (None: cannot tell).

    Its name holds no number that the data decide, so that it is found again where the same is
    measured otherwise. `bounds` are the numbers at which the outcome would be another.
    """

    name: str
    value: float
    error: float
    holds: bool | None
    needed: float = 1.0  # times as many realizations decide, if the value stays
    rule: Callable[..., "Part"] | None = None  # judges the same with another error
    limits: tuple[float, ...] = ()  # of the rule
    bounds: tuple[float, ...] = ()
    drift: Drift | None = None
    form: Callable[[float, float], str] = number

    @property
    def shown(self) -> str:
        """The value with its error as text."""
        return self.form(self.value, self.error)

    def again(self, error: float) -> "Part":
        """The same value judged with another error."""
        if self.rule is None:
            return self
        return self.rule(self.name, self.value, error, *self.limits)._replace(drift=self.drift)


def positive(name: str, value: float, error: float) -> Part:
    """A number that the claim needs above 0: a sign counts from `SURE` standard errors on."""
    holds = None if not abs(value) > SURE * error else bool(value > 0)
    return Part(name, float(value), float(error), holds, _needed(value, error), positive,
                bounds=(0.0,))  # fmt: skip


def small(name: str, value: float, error: float, tolerance: float) -> Part:
    """A number that the claim needs within -tolerance ... tolerance."""
    margin = tolerance - abs(value)
    holds = None if not abs(margin) > SURE * error else bool(margin > 0)
    return Part(name, float(value), float(error), holds, _needed(margin, error), small,
                (tolerance,), (-tolerance, tolerance))  # fmt: skip


def vanishes(name: str, value: float, error: float) -> Part:
    """A number that the claim says is within its error of 0: no from `SURE` of them on.

    Yes only if our error is not larger than the paper's, which `looked_at` knows.
    """
    if not (np.isfinite(value) and np.isfinite(error)):
        return Part(name, float(value), float(error), None, np.inf, vanishes)
    holds = bool(abs(value) <= SURE * error)
    bounds = (-SURE * error, SURE * error) if holds else (0.0,)
    return Part(name, float(value), float(error), holds, 1.0, vanishes, bounds=bounds)


def inside(name: str, value: float, error: float, low: float, high: float) -> Part:
    """A number that the paper puts between two: inside or outside with all of its `SURE` errors."""
    off = max(low - value, value - high)
    holds = None if not abs(off) > SURE * error else bool(off < 0)
    return Part(name, float(value), float(error), holds, _needed(off, error), inside,
                (low, high), (low, high))  # fmt: skip


def agree(name: str, p_value: float) -> Part:
    """Numbers that the claim says are one: no if their chi2 is as improbable as `SURE` errors.

    No number of realizations makes a form fit that does not.
    """
    return Part(name, float(p_value), np.nan, bool(p_value > CHANCE), np.inf,
                form=lambda p, _: probability(p))  # fmt: skip


def lacking(name: str) -> Part:
    """A test whose data are not there."""
    return Part(name, np.nan, np.nan, None, np.inf)


def _needed(margin: float, error: float) -> float:
    return max((SURE * error / margin) ** 2, 1.0) if margin else float("inf")


def by(
    rule: Callable[..., Part],
    name: str,
    estimate: Estimate,
    *limits: float,
    over: Mapping[int, Estimate] | None = None,
    inverse: bool = False,
) -> Part:
    """A rule applied to an estimate of shape (), with its drift `over` lengths where it has one."""
    part = rule(name, float(estimate.value), float(estimate.error), *limits)
    return part._replace(drift=drift(part, over or {}, inverse))


def drift(part: Part, series: Mapping[int, Estimate], inverse: bool = False) -> Drift | None:
    """The weighted line through a number at three lengths or more, and where it turns a test.

    In L, or in 1/L if `inverse`. It turns nowhere (inf) unless it fits, its slope is `SURE`
    standard errors from 0, and from the longest on it meets one of the test's bounds within
    `REACH`: a line that its chi2 rules out says nothing of longer chains.
    """
    series = {n: one for n, one in series.items() if np.isfinite(one.value) and one.error > 0}
    if len(series) < 3:
        return None
    lengths = [*series]
    fit = line([1 / n if inverse else n for n in lengths], *series.values())
    slope = fit.slope
    found = Drift(tuple(lengths), float(slope.value), float(slope.error), inverse=inverse)
    if special.chdtrc(fit.degrees, fit.chi2) <= CHANCE:
        return found
    if inverse:
        limit = fit.at(0.0)
        found = found._replace(limit=float(limit.value), limit_error=float(limit.error))
    if not abs(found.slope) > SURE * found.error:
        return found
    level = float(fit.level.value)
    places = [fit.centre + (bound - level) / found.slope for bound in part.bounds]
    ahead = [1 / x if inverse else x for x in places if x > 0]
    last = max(lengths)
    ahead = [place for place in ahead if last < place <= REACH * last]
    return found._replace(turns=float(min(ahead, default=np.inf)))


def judge(parts: Iterable[Part]) -> bool | None:
    """Whether all tests hold; False if one fails, else None if one cannot tell."""
    outcomes = {part.holds for part in parts}
    if False in outcomes:
        return False
    return None if None in outcomes or not outcomes else True


class Finding(NamedTuple):
    """What one claim's function found.

    `parts` are tests that all readings share; `readings` are what the paper's words may mean, each
    with tests of its own: where their outcomes differ, nothing is decided. What stands `beside`
    is shown with them and decides nothing.
    """

    parts: list[Part]
    models: list[Model]
    note: str = ""
    readings: dict[str, list[Part]] = {}  # noqa: RUF012
    beside: list[Part] = []  # noqa: RUF012

    @property
    def outcomes(self) -> dict[str, bool | None]:
        """What follows from each reading; from the only one, by no name."""
        readings = self.readings or {"": []}
        return {name: judge([*self.parts, *own]) for name, own in readings.items()}

    @property
    def tests(self) -> list[Part]:
        """All tests that decide, each once."""
        every = [*self.parts, *(part for own in self.readings.values() for part in own)]
        return list({part.name: part for part in every}.values())

    @property
    def holds(self) -> bool | None:
        outcomes = set(self.outcomes.values())
        return outcomes.pop() if len(outcomes) == 1 else None

    def each(self, change: Callable[[Part], Part]) -> "Finding":
        """The same with each of its tests changed."""
        return self._replace(
            parts=[change(part) for part in self.parts],
            readings={name: [change(p) for p in own] for name, own in self.readings.items()},
        )

    def looked_at(self, paper: Mapping[str, float]) -> "Finding":
        """What the errors of the paper's statistics, by test, and the drifts leave decided.

        That a number is within an error larger than the paper's says nothing, and what the drift
        with the length would turn is not decided. What is open without it does not turn.
        """

        def checked(part: Part) -> Part:
            limit = paper.get(part.name, np.inf)
            if part.rule is vanishes and part.holds and part.error > BLUR * limit:
                part = part._replace(holds=None, needed=(part.error / limit) ** 2)
            if part.drift is None or not np.isfinite(part.drift.turns):
                return part
            if part.holds is None:
                return part._replace(drift=part.drift._replace(turns=np.inf))
            return part._replace(holds=None, needed=np.inf)

        return self.each(checked)

    def at(self, paper: Mapping[str, float]) -> "Finding":
        """What our values would have said with the errors of the paper's statistics.

        There what is within two of them of 0 counts as consistent with it, and no drift is
        followed: the paper follows none.
        """

        def seen(part: Part) -> Part:
            if part.name not in paper:
                return part
            if part.rule is vanishes:
                return part._replace(holds=bool(abs(part.value) <= 2 * paper[part.name]))
            return part.again(paper[part.name])

        return self.each(seen)


class Missing(LookupError):
    """The ensembles a claim needs are not there; the message says which."""


# The data


@dataclass(frozen=True)
class Results:
    """The consolidated ensembles of a folder, each read when first asked for.

    How they are looked at is part of it, so that a claim can be measured again under another
    choice: `how` goes to every estimate; `without` leaves out the "shortest" or "longest" of the
    lengths that a claim may choose among, and `half`, 0 or 1, takes every second of the disorders.
    """

    files: dict[Model, tuple[Path, Entry]]  # path, and entry of the manifest
    how: Mapping[str, Any] = field(default_factory=dict)
    without: str = ""
    half: int | None = None

    def __call__(self, model: Model) -> xr.Dataset:
        path, entry = self.files[model]
        return _read(path, entry["sha256"])

    def under(self, **choice: Any) -> "Results":
        """The same results looked at otherwise."""
        return replace(self, **choice)

    def estimate(self, function: Callable[..., Estimate], *models: Model, **more: Any) -> Estimate:
        """An estimate of these models' ensembles, with errors that hold threefold too."""
        given = [part for model in models for part in (model, self(model))]
        found = function(*given, **more, **self.how)
        if "as_many" in self.how:
            return found
        fewest = min(map(self.realizations, models))
        wider = estimates.student(fewest, SURE) / estimates.student(fewest, 1)
        return estimates.scaled(found, wider)

    def longest(self, found: Mapping[int, Any]) -> int:
        """The longest of the lengths whose models, one or a pair, have `ENOUGH` realizations."""
        enough = [
            length
            for length, models in found.items()
            if min(self.realizations(m) for m in np.ravel(models)) >= ENOUGH
        ]
        return max(enough or found)

    def curve(self, models: Iterable[Model], key: str = "disorder") -> dict:
        """Ensembles as the estimates of a curve take them, by disorder or bandwidth."""
        return {getattr(model, key): (model, self(model)) for model in models}

    def find(self, full: bool = True, **parameters: Any) -> list[Model]:
        """Models with these parameters, and the tuned or default value of each other, by size.

        Those of which all records are `full`; else those with gap ratios only, too.
        """
        names = ("coupling", "anisotropy", "boundary", "target", "sample", "bond")
        usual = {one.name: one.default for one in fields(Model) if one.name in names} | parameters
        models = [
            model
            for model in self.files
            if all(getattr(model, name) == value for name, value in usual.items())
            and model.magnetization == (model.length % 2) / 2
            and not (full and self.files[model][1].get("gap_ratios_only", 0))
        ]
        if "bandwidth" not in parameters:
            tuned = {m.bubble: tuned_bandwidth(m.bubble) for m in models if m.bubble}
            models = [m for m in models if m.bandwidth == tuned.get(m.bubble)]
        return sorted(models, key=lambda model: (model.length, model.disorder))

    def lengths(self, found: Mapping[int, Any]) -> dict[int, Any]:
        """What is there by length, in ascending order, as far as the choice takes it."""
        chosen = sorted(found)
        if self.without:
            chosen = chosen[1:] if self.without == "shortest" else chosen[:-1]
        return {length: found[length] for length in chosen}

    def disorders(self, found: Iterable[float], *named: float) -> list[float]:
        """Disorders in ascending order as far as the choice takes them; those `named` stay."""
        free = sorted(set(found) - set(named))
        if self.half is not None:
            free = free[self.half :: 2]
        return sorted({*free, *(set(found) & set(named))})

    def realizations(self, model: Model) -> int:
        return self.files[model][1]["realizations"]

    def core_hours(self, models: Iterable[Model]) -> float:
        return sum(self.files[model][1]["core_hours"] for model in set(models))


@lru_cache(maxsize=1024)  # several claims ask for the same file
def _read(path: Path, sha256: str) -> xr.Dataset:
    return read_listed(path, sha256).assign_attrs(data=str(path.parents[1]))


def results(data: Path) -> Results:
    """The ensembles of the paper's protocol that a folder has, two realizations or more."""
    chosen = select(data, least=2)
    return Results({model: (one.path, one.entry) for model, one in chosen.found.items()})


Some = TypeVar("Some", bound=Sized)


def need(found: Some, what: str) -> Some:
    """The models or what else was found, of which there must be one."""
    if not found:
        raise Missing(f"there is no ensemble of {what}")
    return found


def by_length(models: Iterable[Model]) -> dict[int, list[Model]]:
    """The models of each length."""
    found: dict[int, list[Model]] = {}
    for model in models:
        found.setdefault(model.length, []).append(model)
    return found


def in_the_middle(model: Model) -> bool:
    """Whether the paper's 50 states are the middle of the spectrum: a tenth of it at most."""
    return PAPER_STATES <= 0.1 * model.dimension


def pairs(results: Results, **parameters: Any) -> list[tuple[Model, Model]]:
    """Each bubble of these parameters that has its open chain of L + 2, with it; by length."""
    return estimates.partners(results.find(**parameters), results.find(bubble=0))
