"""What a campaign has, lacks, has taken and will take; and whether its records come out again."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inclusions.campaign import Campaign, Ensemble
from inclusions.cost import predicted_seconds
from inclusions.ensemble import lacking, place_of, record, wanted
from inclusions.store import FIELDS, ROUNDED
from inclusions.store.records import YOUNGER


class Progress(NamedTuple):
    """How far one ensemble of a campaign is, or several together."""

    ensemble: str
    wanted: int  # realizations
    done: int
    missing: int
    failed: int
    core_hours_spent: float
    core_hours_to_go: float  # by the measured cost of a realization, else by the predicted one


def progress(campaign: Campaign, data: Path) -> list[Progress]:
    """How far each ensemble of a campaign is, in the campaign's order; files are not opened.

    Raises:
        DamagedFile: a consolidated file cannot be read.
    """
    return [progress_of(one, data) for one in campaign.ensembles]


def progress_of(one: Ensemble, data: Path) -> Progress:
    """How far one ensemble is."""
    place = place_of(one, data)
    saved, seconds = place.cost()
    missing = lacking(one, data)
    done = one.realizations - len(missing)
    each = (
        seconds / len(saved)
        if saved
        else predicted_seconds(one.model, one.count, one.certify, solver=one.solver)
    )
    return Progress(
        ensemble=place.name,
        wanted=one.realizations,
        done=done,
        missing=len(missing),
        failed=sum(index in missing for index in place.failures()),
        core_hours_spent=each * done / 3600,  # others may be of another table
        core_hours_to_go=each * len(missing) / 3600,
    )


def total(rows: list[Progress]) -> Progress:
    """All ensembles of a campaign together."""
    names = Progress._fields[1:]
    return Progress("all", *(sum(getattr(row, name) for row in rows) for name in names))


INCIDENTAL = {"seconds", "peak_memory", "solver", "missing_levels", "residual", "retries",
              "count_error", "magnetization_error", "magnetization_histogram"}  # fmt: skip
"""Fields that differ between solvers and machines, or that are kept for batches only."""


def recheck(
    campaign: Campaign, data: Path, number: int, solver: str
) -> Iterator[tuple[str, int, list[str]]]:
    """Recompute random saved records; (ensemble, index, fields that differ) of each as it comes.

    Energies must agree to 1e-9 J, rounded fields to their last bit, integers exactly; what a
    campaign asks for by name, whose logarithms feel the smallest amplitudes, to a thousandth.

    Raises:
        ValueError: nothing is saved.
        DamagedFile: a file is not what was written.
    """
    saved = []
    for one in campaign.ensembles:
        place = place_of(one, data)
        saved += [(one, place, index) for index in place.done(wanted(one))]
    if not saved:
        raise ValueError(f"no saved records of {campaign.name} in {data}")
    for pick in sorted(np.random.default_rng().permutation(len(saved))[:number]):
        one, place, index = saved[pick]
        old = place.load().sel(realization=index)
        new = record(one._replace(solver=solver), index)
        faults = [
            name
            for name, (kind, _, unit) in (FIELDS | YOUNGER).items()
            if name in new and name not in INCIDENTAL
            and not np.allclose(
                np.asarray(new[name], dtype=float), old[name].values.astype(float),
                rtol=2.0 ** -ROUNDED[name] if name in ROUNDED else 1e-3 if name in YOUNGER else 0,
                atol=0 if kind[0] == "u" else 1e-9 if unit == "J" else 1e-7,
                equal_nan=True,
            )
        ]  # fmt: skip
        yield place.name, index, faults
