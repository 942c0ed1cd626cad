"""Cached ensembles as tables: one row for each point of a figure, with its error.

Here is what all chapters share; a module holds what one of them shows.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import campaign as campaigns
from inclusions import estimates, text
from inclusions.estimates import Pair
from inclusions.model import PARAMETERS, Model
from inclusions.statistics import Estimate
from inclusions.store import Entry, Store, ensemble_name, read_listed, read_manifest


@dataclass(frozen=True)
class Ensembles:
    """Ensembles of one campaign as the consolidated files have them."""

    campaign: Path
    found: dict[Model, xr.Dataset]
    sources: dict[str, Entry]  # entries of the manifest by name of the file
    missing: tuple[str, ...]  # names of wanted ensembles that are not there
    wanted: int  # realizations the campaign asks for
    uncontrolled: frozenset[Model] = frozenset()  # of which it wants no controls

    @property
    def realizations(self) -> int:
        return sum(entry["realizations"] for entry in self.sources.values())

    def why_plain(self) -> list[str]:
        """Why means are not sharpened by controls, a line for each ensemble that wants them."""
        wanted = ((m, data) for m, data in self.found.items() if m not in self.uncontrolled)
        return [reason for one in wanted if (reason := estimates.why_plain(*one))]

    def only(self, names: Collection[str]) -> "Ensembles":
        """Those of these files; what is missing and wanted stays."""
        return replace(
            self,
            found={m: data for m, data in self.found.items() if source(m, data) in names},
            sources={name: entry for name, entry in self.sources.items() if name in names},
        )


def load(campaign: Path, data: Path, **parameters: Any) -> Ensembles:
    """The campaign's ensembles whose model has these parameters, each one value or a list.

    Only files the manifest lists are read. One with fewer than two realizations, which give no
    error bar, counts as missing.

    Raises:
        ValueError: no ensemble of the campaign is of this kind.
        DamagedFile: a file is not the one in the manifest.
    """
    plan = [one for one in campaigns.load(campaign).ensembles if _matches(one.model, parameters)]
    if not plan:
        raise ValueError(f"campaign file {campaign} has no ensemble with {parameters}")
    listed = read_manifest(data)
    found, sources, missing = {}, {}, []
    for one in {(one.model, one.count): one for one in plan}.values():
        path = Store(data, one.model, one.seed, one.count).consolidated
        if path.name not in listed or listed[path.name]["realizations"] < 2:
            missing.append(path.stem)
            continue
        sources[path.name] = listed[path.name]
        records = read_listed(path, listed[path.name]["sha256"])
        found[one.model] = records.assign_attrs(data=str(data))  # where its controls are
    return Ensembles(
        campaign, found, sources, tuple(missing), sum(one.realizations for one in plan),
        frozenset(one.model for one in plan if not one.controls),
    )  # fmt: skip


def _matches(model: Model, parameters: Mapping[str, Any]) -> bool:
    unknown = set(parameters) - set(PARAMETERS)
    if unknown:
        raise ValueError(f"a model has no {', '.join(sorted(unknown))}")
    return all(
        getattr(model, name) in (value if isinstance(value, list | tuple) else [value])
        for name, value in parameters.items()
    )


def merged(*ensembles: Ensembles) -> dict[Model, xr.Dataset]:
    """All ensembles by model; of a model that several campaigns have, the one with most samples."""
    found: dict[Model, xr.Dataset] = {}
    for part in ensembles:
        for model, data in part.found.items():
            if model not in found or found[model].sizes["realization"] < data.sizes["realization"]:
                found[model] = data
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def open_chains(*ensembles: Ensembles, least: int = 0) -> dict[Model, xr.Dataset]:
    """The isolated open chains among them that have so many realizations at `least`."""
    return {
        model: data
        for model, data in merged(*ensembles).items()
        if not model.bubble and model.boundary == "open" and data.sizes["realization"] >= least
    }


def _order(model: Model) -> tuple:
    return model.bubble, model.boundary, model.length, model.disorder, model.bandwidth or 0.0


def extent(*ensembles: Ensembles) -> str:
    """For captions: lengths, realizations and states of some ensembles."""
    found = merged(*ensembles)
    if not found:
        return "no realizations yet"
    kinds = {"with bubble": True, "isolated": False}
    sizes = {
        kind: sorted({model.length for model in found if (model.bubble > 0) == bubble})
        for kind, bubble in kinds.items()
    }
    lengths = [f"{', '.join(map(str, n))} ({kind})" for kind, n in sizes.items() if n]
    counts = [data.sizes["realization"] for data in found.values()]
    states = [int(n) for data in found.values() for n in (data.states.min(), data.states.max())]
    return (
        f"L = {', '.join(lengths)}; {text.spread(counts)} realizations of "
        f"{text.spread(states)} states each"
    )


def longest(points: pd.DataFrame) -> int:
    """The longest chain among those with as many disorders as any; 0 if there is none."""
    counts = points.groupby("length").disorder.nunique()
    return int(counts.index[counts == counts.max()].max()) if len(counts) else 0


def summary(results: Store) -> pd.DataFrame:
    """What a run of one ensemble has to show for itself, one row for each quantity.

    Raises:
        FileNotFoundError: there are no realizations yet.
    """
    data = results.load()
    ratios = data.gap_ratio.values
    ratio = f"{ratios[0]:.4g}"
    if len(ratios) > 1:
        estimate = estimates.gap_ratio(results.model, data)
        ratio = text.number(float(estimate.value), float(estimate.error))
    rows = {
        "ensemble": results.name,
        "realizations": len(ratios),
        "failures": len(results.failures()),
        "mean gap ratio": ratio,
        "worst residual": f"{data.residual.values.max():.1e} J",
        "certified": text.percent((data.missing_levels.values == 0).mean(), ".0f"),
        "core-hours": text.rounded(data.seconds.values.sum() / 3600),
        "peak memory": f"{data.peak_memory.values.max():.0f} MB",
    }
    return pd.DataFrame({"value": rows.values()}, index=list(rows))


# Rows and tables


def entry(model: Model, data: xr.Dataset, *others: tuple[Model, xr.Dataset], **more: Any) -> dict:
    """A row of a table: the parameters of a model, more columns, what it was computed from.

    `sources` has the names of the files of this ensemble and of the `others` that enter the row.
    """
    sources = " ".join(source(*one) for one in ((model, data), *others))
    return model.as_dict() | more | {"realizations": data.sizes["realization"], "sources": sources}


def fewest(*pairs: Pair) -> int:
    """The realizations of the ensemble that has least."""
    return min(records.sizes["realization"] for _, records in pairs)


def source(model: Model, data: xr.Dataset) -> str:
    """The name of the consolidated file that holds an ensemble."""
    return f"{ensemble_name(model, data.attrs.get('seed', 0), data.attrs.get('states', 0))}.nc"


def sources_of(*tables: pd.DataFrame) -> set[str]:
    """The files that the rows of some tables come from; of tables that know of none, none."""
    named = (table.sources for table in tables if "sources" in table)
    return {name for column in named for names in column for name in names.split()}


def valued(names: str, estimate: Estimate) -> dict[str, float]:
    """As `named`, but the error of the first is `error`."""
    columns, (first, *_) = named(names, estimate), names.split()
    error = columns.pop(f"{first}_error")
    return columns | {"error": error}


def named(names: str, estimate: Estimate) -> dict[str, float]:
    """The columns of an estimate's entries, as many as names: each, and its error NAME_error."""
    entries = zip(names.split(), np.ravel(estimate.value), np.ravel(estimate.error), strict=False)
    return {
        column: float(number)
        for name, value, error in entries
        for column, number in ((name, value), (f"{name}_error", error))
    }


def points(
    model: Model, data: xr.Dataset, name: str, estimate: Estimate, *others: tuple[Model, xr.Dataset]
) -> list[dict]:
    """Rows of an estimate along the chain, shape (n,): one for each `distance`."""
    pairs = zip(estimate.value, estimate.error, strict=True)
    return [
        entry(model, data, *others, distance=i) | {name: float(value), "error": float(error)}
        for i, (value, error) in enumerate(pairs)
    ]


def frame(rows: list[dict], columns: str) -> pd.DataFrame:
    """Rows made by `entry` as a table, which has its columns even without rows."""
    return pd.DataFrame(rows, columns=[*PARAMETERS, *columns.split(), "realizations", "sources"])


def each(
    columns: str, row: Callable[[Model, xr.Dataset], dict | None], *ensembles: Ensembles
) -> pd.DataFrame:
    """A row for each ensemble, with what `row` makes of its model and records, if anything."""
    made = ((pair, row(*pair)) for pair in merged(*ensembles).items())
    return frame([entry(*pair) | more for pair, more in made if more is not None], columns)


def compared(
    probes: Mapping[Model, xr.Dataset], references: Mapping[Model, xr.Dataset]
) -> list[tuple[Pair, Pair]]:
    """Each system, model and records, that has an isolated chain of L + 2, with that chain."""
    return [
        ((model, probes[model]), (chain, references[chain]))
        for model, chain in estimates.partners(probes, references)
    ]


def bubbles(*ensembles: Ensembles) -> list[tuple[Pair, Pair]]:
    """Each chain with a bubble that has its open chain of L + 2, with that chain."""
    found = merged(*ensembles)
    chains = {model: data for model, data in found.items() if model.boundary == "open"}
    return compared({model: data for model, data in found.items() if model.bubble}, chains)


def stacked(*parts: pd.DataFrame) -> pd.DataFrame:
    """Tables of one kind as one; empty ones drop out."""
    filled = [table for table in parts if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
