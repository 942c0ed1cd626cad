"""What decides: the rules for one number, and the ensembles that a claim may use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from inclusions import tables
from inclusions.model import Model, tuned_bandwidth
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO
from inclusions.store import Entry, read_listed, select
from inclusions.tables import LEAST

SURE = 3.0
"""Standard errors that decide. Some sixty tests are made: at two, three would err by chance."""

TENTH = (GOE_GAP_RATIO - POISSON_GAP_RATIO) / 10
"""Tolerance of a mean gap ratio: a tenth of the way from GOE to Poisson."""

CROSSING, NEAR = 3.75, 0.5
"""Middle of the paper's 3.5 ... 4, and how far off counts as there: twice its half width; J."""

NOTHING = 0.02
"""Purity too small to speak of: less than half of the 5 % that the paper finds weak."""

REPRODUCED, REFUTED, OPEN = "reproduced", "not reproduced", "not decidable"
VERDICTS = {True: REPRODUCED, False: REFUTED, None: OPEN}


class Part(NamedTuple):
    """One test: what was measured, and whether what the claim needs holds (None: cannot tell)."""

    name: str
    value: float
    error: float
    holds: bool | None
    needed: float = 1.0  # times as many realizations decide, if the value stays


def positive(name: str, value: float, error: float) -> Part:
    """A number that the claim needs above 0."""
    holds = None if not abs(value) > SURE * error else bool(value > 0)
    return Part(name, float(value), float(error), holds, _needed(value, error))


def small(name: str, value: float, error: float, tolerance: float) -> Part:
    """A number that the claim needs within -tolerance ... tolerance."""
    margin = tolerance - abs(value)
    holds = None if not abs(margin) > SURE * error else bool(margin > 0)
    return Part(name, float(value), float(error), holds, _needed(margin, error))


def _needed(margin: float, error: float) -> float:
    return max((SURE * error / margin) ** 2, 1.0) if margin else float("inf")


def judge(parts: Iterable[Part]) -> bool | None:
    """Whether all tests hold; False if one fails, else None if one cannot tell."""
    outcomes = {part.holds for part in parts}
    if False in outcomes:
        return False
    return None if None in outcomes or not outcomes else True


class Finding(NamedTuple):
    """What one claim's function found: the tests, the first of which heads the row."""

    parts: list[Part]
    models: list[Model]
    note: str = ""


class Missing(LookupError):
    """The ensembles a claim needs are not there; the message says which."""


# The data


@dataclass(frozen=True)
class Results:
    """The consolidated ensembles of a folder, each read when first asked for."""

    files: dict[Model, tuple[Path, Entry]]  # path, and entry of the manifest

    def __call__(self, model: Model) -> xr.Dataset:
        path, entry = self.files[model]
        return _read(path, entry["sha256"])

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
        return sorted(models, key=lambda model: (model.length, model.disorder))

    def ensembles(self, models: Iterable[Model]) -> tables.Ensembles:
        """These models as the tables take them."""
        return tables.Ensembles(Path(), {model: self(model) for model in models}, {}, (), 0)

    def realizations(self, model: Model) -> int:
        return self.files[model][1]["realizations"]

    def core_hours(self, models: Iterable[Model]) -> float:
        return sum(self.files[model][1]["core_hours"] for model in set(models))


def _tuned(bubble: int) -> float | None:
    return tuned_bandwidth(bubble) if bubble else None


_read = lru_cache(maxsize=1024)(read_listed)  # several claims ask for the same file


def results(data: Path) -> Results:
    """The ensembles of the paper's protocol that a folder has, of `LEAST` realizations or more."""
    chosen = select(data, least=LEAST)
    return Results({model: (one.path, one.entry) for model, one in chosen.found.items()})


def need(models: Sequence[Model], what: str) -> Sequence[Model]:
    if not models:
        raise Missing(f"there is no ensemble of {what} with {LEAST} realizations or more")
    return models
