"""A campaign of one's own: what its sweep gave, how good it is, what it cost, what is missing."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import estimates
from inclusions.account import Progress, progress_of
from inclusions.campaign import Campaign, Ensemble
from inclusions.ensemble import place_of
from inclusions.model import PARAMETERS, Model
from inclusions.statistics import Estimate
from inclusions.store import DamagedFile, ensemble_name
from inclusions.store.records import may_lack, recorded
from inclusions.text import percent

QUANTITIES = {
    "gap_ratio": "mean gap ratio ⟨r⟩",
    "purity": "purity γ in the middle of the chain",
    "far_correlation": "mean C(r) for r = 3 … L/2",
}
"""What is shown against every swept parameter: column of `sweep`, and what it is."""


@dataclass(frozen=True)
class Results:
    """What a folder of results holds of a campaign, in shards and consolidated files."""

    campaign: Campaign
    data: Path
    found: Mapping[Ensemble, xr.Dataset]  # with two realizations or more
    progress: list[Progress]
    faults: Mapping[Ensemble, str]  # why an ensemble is left out


def results(campaign: Campaign, data: Path) -> Results:
    """Read the ensembles of a campaign: each once, with all that is saved of it."""
    found, faults, progress, seen = {}, {}, [], set()
    for one in campaign.ensembles:
        try:
            progress.append(progress_of(one, data))
            place = place_of(one, data)
            if place.name in seen:  # another table asks for more of its realizations
                continue
            seen.add(place.name)
            records = place.load()
        except FileNotFoundError:
            continue
        except (DamagedFile, OSError) as error:
            faults[one] = str(error)
            continue
        if records.sizes["realization"] < 2:
            faults[one] = "one realization has no error bar: compute more"
            continue
        found[one] = records.assign_attrs(data=str(data))  # where its controls are
    return Results(campaign, data, found, progress, faults)


def swept(models: Iterable[Model]) -> list[str]:
    """Parameters of which there are several values; what only follows from others is none."""
    values = [_given(model) for model in models]
    return [name for name in PARAMETERS if len({one[name] for one in values}) > 1]


def _given(model: Model) -> dict[str, Any]:
    """The parameters, those at a default that depends on others as None."""
    default = Model(**(model.as_dict() | {"bandwidth": None, "magnetization": None}))
    return {
        name: None if name in ("bandwidth", "magnetization") and value == getattr(default, name)
        else value
        for name, value in model.as_dict().items()
    }  # fmt: skip


def sweep(results: Results) -> pd.DataFrame:
    """One row an ensemble: its parameters, `QUANTITIES` with their errors, realizations.

    `sharpened` says whether controls sharpen its means, or they are plain.
    """
    rows = []
    for one, records in results.found.items():
        model = one.model
        row = {"states": one.count, "realizations": records.sizes["realization"]}
        row["sharpened"] = not estimates.why_plain(model, records)
        for name, estimate in (
            ("gap_ratio", _gap_ratio),
            ("purity", _of_full(estimates.purity)),
            ("far_correlation", _of_full(estimates.far_correlation)),
        ):
            found = estimate(model, records)
            row[name], row[f"{name}_error"] = np.ravel(found.value)[0], np.ravel(found.error)[0]
        rows.append(_given(model) | row)
    errors = [f"{name}_error" for name in QUANTITIES]
    return pd.DataFrame(
        rows, columns=[*PARAMETERS, "states", "realizations", "sharpened", *QUANTITIES, *errors]
    )


def readable(sweep: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """A sweep for reading: what is swept, and each quantity with its error."""
    shown = sweep[[*swept, "realizations"]].copy()
    for name, label in QUANTITIES.items():
        pairs = zip(sweep[name], sweep[f"{name}_error"], strict=True)
        shown[label] = [f"{v:.4f} ± {e:.4f}" if np.isfinite(v) else "–" for v, e in pairs]
    return shown


def profiles(results: Results) -> pd.DataFrame:
    """Purity by distance from the bubble, or the nearer end; one row a distance."""
    return _by_distance(results, "purity", estimates.purity_profile, 0)


def correlations(results: Results) -> pd.DataFrame:
    """C(r) of Eq. (7) for r = 1 ... L/2; one row a distance."""

    def whole(model: Model, records: xr.Dataset) -> Estimate:
        return estimates.correlation(model, records, (1, model.length // 2 + 1)).entry(0)

    return _by_distance(results, "correlation", whole, 1)


def _by_distance(
    results: Results, name: str, function: Callable[[Model, xr.Dataset], Estimate], first: int
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for one, records in results.found.items():
        if not estimates.holds(one.model, records):
            continue
        start, found = _given(one.model) | {"states": one.count}, function(one.model, records)
        rows += [
            start | {"distance": distance, name: value, "error": error}
            for distance, (value, error) in enumerate(zip(*found[:2], strict=True), first)
        ]
    return pd.DataFrame(rows, columns=[*PARAMETERS, "states", "distance", name, "error"])


Function = Callable[[Model, xr.Dataset], Estimate]

UNKNOWN = Estimate(*(np.array(np.nan),) * 2, np.full(1000, np.nan))


def _gap_ratio(model: Model, records: xr.Dataset) -> Estimate:
    """As `estimates.gap_ratio`; nan where samples have fewer than three states."""
    return UNKNOWN if (records.states <= 2).any() else estimates.gap_ratio(model, records)


def _of_full(estimate: Function) -> Function:
    """The same estimate; nan where records have gap ratios only."""

    def known(model: Model, records: xr.Dataset) -> Estimate:
        return estimate(model, records) if estimates.holds(model, records) else UNKNOWN

    return known


def quality(results: Results) -> pd.DataFrame:
    """How good each ensemble is: residuals, levels counted, magnetization conserved."""
    return pd.DataFrame(
        {
            "ensemble": place_of(one, results.data).name,
            "realizations": records.sizes["realization"],
            "worst residual (J)": float(records.residual.max()),
            "levels counted": percent(float((records.missing_levels == 0).mean()), ".0f"),
            "largest error of the total S^z": float(records.magnetization_error.max()),
            "solver": ", ".join(sorted({name.decode() for name in records.solver.values})),
        }
        for one, records in results.found.items()
    )


def cost(results: Results) -> pd.DataFrame:
    """What each ensemble took: core-hours, core-seconds a realization, memory."""
    return pd.DataFrame(
        {
            "ensemble": place_of(one, results.data).name,
            "dimension": one.model.dimension,
            "realizations": records.sizes["realization"],
            "core-hours": float(records.seconds.sum()) / 3600,
            "core-seconds a realization": float(records.seconds.mean()),
            "peak memory (MB)": float(records.peak_memory.max()),
        }
        for one, records in results.found.items()
    )


def missing(results: Results) -> pd.DataFrame:
    """Ensembles that are not whole: realizations done, failed and to go, and why if it is known."""
    faults = {place_of(one, results.data).name: text for one, text in results.faults.items()}
    rows = [
        {
            "ensemble": row.ensemble,
            "wanted": row.wanted,
            "done": row.done,
            "failed": row.failed,
            "core-hours to go": row.core_hours_to_go,
            "remark": faults.get(row.ensemble, ""),
        }
        for row in results.progress
        if row.missing or row.ensemble in faults
    ]
    known = {row["ensemble"] for row in rows}
    rows += [{"ensemble": n, "remark": text} for n, text in faults.items() if n not in known]
    columns = ["ensemble", "wanted", "done", "failed", "core-hours to go", "remark"]
    return pd.DataFrame(rows, columns=columns)


# One file


def contents(records: xr.Dataset) -> dict[str, str]:
    """What a file of results holds, by name: its model, means with errors, quality and cost."""
    model = Model(**json.loads(records.attrs["model"]))
    indices = records.realization.values
    told = {
        "ensemble": ensemble_name(model, records.attrs["seed"], records.attrs["states"]),
        "parameters": ", ".join(f"{k} {v}" for k, v in model.as_dict().items() if v is not None),
        "dimension": str(model.dimension),
        "realizations": f"{indices.size}, numbers {indices.min()} to {indices.max()}",
        "states": f"{int(records.states.sum())}, at most {int(records.states.max())} in each",
    }
    if indices.size > 1:
        wanted = {"mean gap ratio": _gap_ratio, "middle purity": _of_full(estimates.purity)}
        for name, estimate in wanted.items():
            found = estimate(model, records)
            told[name] = f"{float(found.value):.4f} ± {float(found.error):.4f}"
    if not estimates.holds(model, records):
        told["middle purity"] = "none: records have gap ratios only"
    return told | {
        "worst residual": f"{float(records.residual.max()):.1e} J",
        "levels counted": percent(float((records.missing_levels == 0).mean()), ".0f"),
        "core-hours": f"{float(records.seconds.sum()) / 3600:.3g}",
        "peak memory": f"{float(records.peak_memory.max()):.0f} MB",
        "computed by": f"inclusions {records.attrs['inclusions']}",
    }


def fields(records: xr.Dataset) -> pd.DataFrame:
    """The fields of a file of results that some record has: name, dimensions, unit, meaning."""
    return pd.DataFrame(
        {
            "field": str(name),
            "dimensions": " × ".join(f"{d} {records.sizes[d]}" for d in field.dims),
            "unit": field.attrs.get("units", ""),
            "meaning": field.attrs.get("long_name", ""),
        }
        for name, field in records.data_vars.items()
        if name not in may_lack() or recorded(str(name), field.values).any()
    )
