"""Cached ensembles as tables: one row for each point of a figure, with its error."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from inclusions import campaign as campaigns
from inclusions.model import PARAMETERS, Model
from inclusions.statistics import (
    DOUBTFUL,
    GOE_GAP_RATIO,
    POISSON_GAP_RATIO,
    Estimate,
    crossing,
    mean,
)
from inclusions.store import DamagedFile, Store, file_hash, read

SYSTEM = tuple(name for name in PARAMETERS if name not in ("length", "disorder", "magnetization"))
"""Parameters that curves of one family share."""


@dataclass(frozen=True)
class Ensembles:
    """Ensembles of one campaign as the consolidated files have them."""

    campaign: Path
    found: dict[Model, xr.Dataset]
    sources: dict[str, dict[str, Any]]  # entries of the manifest by name of the file
    missing: tuple[str, ...]  # names of wanted ensembles that are not there
    wanted: int  # realizations the campaign asks for

    @property
    def realizations(self) -> int:
        return sum(entry["realizations"] for entry in self.sources.values())


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
    manifest = data / "manifest.json"
    listed = json.loads(manifest.read_text(encoding="utf-8"))["files"] if manifest.exists() else {}
    found, sources, missing = {}, {}, []
    for one in {(one.model, one.count): one for one in plan}.values():
        path = Store(data, one.model, one.seed, one.count).consolidated
        if path.name not in listed or listed[path.name]["realizations"] < 2:
            missing.append(path.stem)
            continue
        if not path.exists():
            raise DamagedFile(f"{path}: in the manifest, not there")
        if file_hash(path) != listed[path.name]["sha256"]:
            raise DamagedFile(f"{path}: differs from its hash in the manifest")
        found[one.model], sources[path.name] = read(path), listed[path.name]
    return Ensembles(
        campaign, found, sources, tuple(missing), sum(one.realizations for one in plan)
    )


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
        f"L = {', '.join(lengths)}; {spread(counts)} realizations of {spread(states)} states each"
    )


def spread(counts: Sequence[int]) -> str:
    """Whole numbers as one, or as smallest to largest."""
    if not counts:
        return "no"
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def longest(points: pd.DataFrame) -> int:
    """The longest chain among those with as many disorders as any; 0 if there is none."""
    counts = points.groupby("length").disorder.nunique()
    return int(counts.index[counts == counts.max()].max()) if len(counts) else 0


def seed_of(model: Model) -> int:
    """Seed for resampling this ensemble, so that independent ensembles are resampled apart."""
    return crc32(model.key.encode())


def gap_ratios(ensembles: Ensembles) -> pd.DataFrame:
    """Mean gap ratio of each ensemble with its standard error."""
    rows = []
    for model, data in ensembles.found.items():
        estimate = _estimate(model, data)
        rows.append(
            model.as_dict()
            | {
                "gap_ratio": float(estimate.value),
                "error": float(estimate.error),
                "realizations": data.sizes["realization"],
            }
        )
    columns = [*PARAMETERS, "gap_ratio", "error", "realizations"]
    return pd.DataFrame(rows, columns=columns).sort_values(["length", "disorder"])


def crossings(*ensembles: Ensembles) -> pd.DataFrame:
    """Where the gap ratios of L and L + 2 cross, for every pair with two disorders in common.

    `disorder`, nan if they do not cross; `low`, `high` (68 %) and `missing` as in
    `statistics.Crossing`; `length` is that of the shorter chain.
    """
    found = merged(*ensembles)
    ratios = {model: data.gap_ratio.values for model, data in found.items()}
    rows = []
    for kind, lengths in _curves(found).items():
        for length in sorted(lengths):
            small, large = lengths[length], lengths.get(length + 2, {})
            common = sorted(set(small) & set(large))
            if len(common) < 2:
                continue
            place = crossing(
                common,
                [ratios[small[w]] for w in common],
                [ratios[large[w]] for w in common],
                seed=seed_of(small[common[0]]),
            )
            rows.append(
                dict(zip(SYSTEM, kind, strict=True))
                | {"length": length, "larger": length + 2, "points": len(common)}
                | {"disorder": place.value}
                | {name: getattr(place, name) for name in ("median", "low", "high", "missing")}
            )
    columns = [*SYSTEM, "length", "larger", "points", "disorder"]
    return pd.DataFrame(rows, columns=[*columns, "median", "low", "high", "missing"])


def midpoints(*ensembles: Ensembles) -> pd.DataFrame:
    """Disorder at which each curve is halfway between GOE and Poisson, with its standard error.

    Linear interpolation between the two disorders that enclose it; nan where no two do.
    """
    half = (GOE_GAP_RATIO + POISSON_GAP_RATIO) / 2
    found, rows = merged(*ensembles), []
    for kind, lengths in _curves(found).items():
        for length, curve in sorted(lengths.items()):
            disorder = sorted(curve)
            means = [_estimate(curve[w], found[curve[w]]) for w in disorder]
            values = np.array([[e.value, *e.samples] for e in means]).T  # (resamples, disorders)
            roots = np.array([_falls_below(half, disorder, row) for row in values])
            rows.append(
                dict(zip(SYSTEM, kind, strict=True))
                | {"length": length, "disorder": roots[0], "error": roots[1:].std(ddof=1)}
            )
    return pd.DataFrame(rows, columns=[*SYSTEM, "length", "disorder", "error"])


def _falls_below(level: float, x: list[float], y: np.ndarray) -> float:
    """First place where the polygon through (x, y) falls through `level`; nan if none."""
    steps = np.flatnonzero((y[:-1] >= level) & (y[1:] < level))
    if not steps.size:
        return np.nan
    i = steps[0]
    return x[i] + (x[i + 1] - x[i]) * (y[i] - level) / (y[i] - y[i + 1])


def _estimate(model: Model, data: xr.Dataset) -> Estimate:
    return mean(data.gap_ratio.values, counts=data.states - 2, seed=seed_of(model))


def _curves(models: Iterable[Model]) -> dict[tuple, dict[int, dict[float, Model]]]:
    """Models by system (the values of SYSTEM), then length, then disorder."""
    curves: dict[tuple, dict[int, dict[float, Model]]] = {}
    for model in models:
        kind = tuple(getattr(model, name) for name in SYSTEM)
        curves.setdefault(kind, {}).setdefault(model.length, {})[model.disorder] = model
    return curves


def shift(midpoints: pd.DataFrame, start: str, end: str) -> str:
    """How far W_1/2 moves from one system to another, mean over lengths, as a text.

    Systems are "open", "periodic", "single" (a bubble of one state) and "bubble"; a bubble is
    compared with the isolated chain two sites longer, as the paper does. Curves are independent,
    so errors add in squares.
    """
    kinds = midpoints.boundary.where(midpoints.bubble == 0, "bubble")
    kinds = kinds.where(midpoints.bubble != 1, "single")
    sizes = midpoints.length + 2 * (midpoints.bubble > 0)
    first, last = (
        midpoints.assign(size=sizes)[kinds == kind].set_index("size")[["disorder", "error"]]
        for kind in (start, end)
    )
    both = first.join(last, lsuffix="_first", rsuffix="_last", how="inner").dropna()
    if both.empty:
        return UNKNOWN
    difference = (both.disorder_last - both.disorder_first).mean()
    error = np.sqrt((both.error_first**2 + both.error_last**2).sum()) / len(both)
    return number(difference, error)


def reaching(crossings: pd.DataFrame, low: float, high: float) -> pd.Series:
    """Whether each crossing is within two standard deviations of the range [low, high].

    That is, whether its 68 % interval, made twice as wide, overlaps the range; never without a
    crossing.
    """
    margin = (crossings.high - crossings.low) / 2
    overlaps = (crossings.low - margin <= high) & (crossings.high + margin >= low)
    return overlaps & crossings.disorder.notna()


def possible_boundary(crossings: pd.DataFrame, low: float, high: float) -> str:
    """Which isolated chain can have crossings in [low, high], as the end of a sentence.

    A crossing counts if it is within two standard deviations of the range, as in `reaching`. One
    that more than `DOUBTFUL` of the resamples lack decides nothing, for or against.
    """
    able = {}
    for boundary in ("open", "periodic"):
        chains = crossings[(crossings.bubble == 0) & (crossings.boundary == boundary)]
        if chains.empty:
            return "cannot be told before both boundaries are computed"
        reach, doubt = reaching(chains, low, high), chains.missing > DOUBTFUL
        able[boundary] = (
            True if (reach & ~doubt).any() else None if (reach & doubt).any() else False
        )
    unsure = [boundary for boundary, found in able.items() if found is None]
    if unsure:
        return (
            f"cannot be decided from these data: the crossings of the {' and the '.join(unsure)} "
            "chain that reach the range are such as some resamples lack"
        )
    which = [boundary for boundary, found in able.items() if found]
    if len(which) == 2:
        return "cannot be decided from these data: crossings of both boundaries reach the range"
    if not which:
        return "can be neither at these sizes and statistics: no crossing reaches the range"
    return f"can only be the {which[0]} chain: no crossing of the other boundary reaches the range"


def summary(results: Store) -> pd.DataFrame:
    """What a run of one ensemble has to show for itself, one row for each quantity.

    Raises:
        FileNotFoundError: there are no realizations yet.
    """
    data = results.load()
    ratios = data.gap_ratio.values
    ratio = f"{ratios[0]:.4g}"
    if len(ratios) > 1:
        counts = (data.states - 2).values
        estimate = mean(ratios, counts=counts, seed=seed_of(results.model))
        ratio = number(float(estimate.value), float(estimate.error))
    rows = {
        "ensemble": results.name,
        "realizations": len(ratios),
        "failures": len(results.failures()),
        "mean gap ratio": ratio,
        "worst residual": f"{data.residual.values.max():.1e} J",
        "certified": f"{100 * (data.missing_levels.values == 0).mean():.0f} %",
        "core-hours": f"{data.seconds.values.sum() / 3600:.2g}",
        "peak memory": f"{data.peak_memory.values.max():.0f} MB",
    }
    return pd.DataFrame({"value": rows.values()}, index=list(rows))


# Numbers and tables for reading


UNKNOWN = "(not computed)"  # what a number is called that the data do not give


def number(value: float, error: float = float("nan"), digits: int = 4) -> str:
    """A value with its error in parentheses, 2.31(4), or to so many significant digits."""
    if not np.isfinite(value):
        return UNKNOWN
    if not np.isfinite(error) or error <= 0:
        return f"{value:.{digits}g}".replace("-", "−")
    # two digits of an error that begins with 1, which one digit would blur
    sign, value = "−" if value < 0 else "", abs(value)
    places = int(-np.floor(np.log10(error)))
    places += round(error * 10**places, 1) < 2
    shown = f"{value:.{max(places, 0)}f}"
    sign = sign if float(shown) else ""
    last = f"{error:.0f}" if places <= 0 else round(error * 10**places)
    return f"{sign}{shown}({last})"


def magnitude(value: float) -> str:
    """A small number to one digit, as 2 × 10⁻¹⁵; lines do not break inside."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}\xa0×\xa010{str(int(exponent)).translate(SUPERSCRIPT)}"


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def name_of(bubble: int, boundary: str) -> str:
    """What the text calls a system."""
    return f"bubble, n\xa0=\xa0{bubble}" if bubble else f"isolated, {boundary}"


def bandwidths(tuned: Mapping[int, float]) -> pd.DataFrame:
    """Tuned beta by size of the bubble, as the page shows it."""
    return pd.DataFrame(
        {"$n_\\mathrm{GOE}$": tuned.keys(), r"$\beta$ ($J$)": [f"{b:.2f}" for b in tuned.values()]}
    )


class Spectrum(NamedTuple):
    """All levels of a sample as a table, and its middle in words."""

    levels: pd.DataFrame
    texts: dict[str, str]


def spectrum(energies: ArrayLike, count: int) -> Spectrum:
    """Levels of one sample with the `count` closest to (E_min + E_max)/2 marked."""
    energies = np.sort(np.asarray(energies))
    middle = (energies[0] + energies[-1]) / 2
    near = np.sort(np.argsort(np.abs(energies - middle), kind="stable")[:count])
    chosen = np.isin(np.arange(len(energies)), near)
    share = np.ptp(energies[near]) / np.ptp(energies)
    return Spectrum(
        pd.DataFrame({"energy": energies, "closest": chosen}),
        {
            "levels": str(len(energies)),
            "near": str(len(near)),
            "middle": number(middle, digits=3),
            "mean": number(energies.mean(), digits=3),
            "share": f"{100 * share:.1f} %",
        },
    )


def readable_crossings(crossings: pd.DataFrame) -> pd.DataFrame:
    """Crossings as the page shows them: one row for each pair of lengths."""
    return pd.DataFrame(
        {
            "system": name_of(row.bubble, row.boundary),
            "lengths": f"{row.length}, {row.larger}",
            "crossing at $W~(J)$": (f"{row.disorder:.2f}" if np.isfinite(row.disorder) else "none"),
            "68 % interval": f"{row.low:.2f} … {row.high:.2f}" if np.isfinite(row.low) else "–",
            "no crossing": f"{100 * row.missing:.0f} %",
        }
        for row in crossings.itertuples()
    )


def readable_midpoints(midpoints: pd.DataFrame) -> pd.DataFrame:
    """Midpoints as the page shows them: one row for each curve."""
    return pd.DataFrame(
        {
            "system": name_of(row.bubble, row.boundary),
            "$L$": row.length,
            "$W_{1/2}$ ($J$)": number(row.disorder, row.error),
        }
        for row in midpoints.itertuples()
    )
