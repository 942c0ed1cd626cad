"""Cached ensembles as tables: one row for each point of a figure, with its error.

Here is what all chapters share; a module holds what one of them shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import campaign as campaigns
from inclusions.model import PARAMETERS, Model
from inclusions.statistics import mean
from inclusions.store import Entry, Store, read_listed, read_manifest

SYSTEM = tuple(name for name in PARAMETERS if name not in ("length", "disorder", "magnetization"))
"""Parameters that curves of one family share."""

SIGNIFICANT = 2.0
"""Standard errors from which a sign counts as known."""

LEAST = 250
"""Realizations below which an ensemble decides nothing: an eighth of the paper's, so that its
errors are at most three times as large. It is drawn and tabulated all the same."""


@dataclass(frozen=True)
class Ensembles:
    """Ensembles of one campaign as the consolidated files have them."""

    campaign: Path
    found: dict[Model, xr.Dataset]
    sources: dict[str, Entry]  # entries of the manifest by name of the file
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
    listed = read_manifest(data)
    found, sources, missing = {}, {}, []
    for one in {(one.model, one.count): one for one in plan}.values():
        path = Store(data, one.model, one.seed, one.count).consolidated
        if path.name not in listed or listed[path.name]["realizations"] < 2:
            missing.append(path.stem)
            continue
        sources[path.name] = listed[path.name]
        found[one.model] = read_listed(path, listed[path.name]["sha256"])
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


def settled(rows: pd.DataFrame) -> pd.DataFrame:
    """Those rows that may decide, with `LEAST` realizations or more; all if there are none."""
    enough = rows[rows.realizations >= LEAST]
    return enough if len(enough) else rows


def seed_of(model: Model) -> int:
    """Seed for resampling this ensemble, so that independent ensembles are resampled apart."""
    return crc32(model.key.encode())


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
        "core-hours": hours(data.seconds.values.sum() / 3600),
        "peak memory": f"{data.peak_memory.values.max():.0f} MB",
    }
    return pd.DataFrame({"value": rows.values()}, index=list(rows))


# Rows and tables


def entry(model: Model, data: xr.Dataset | None = None, **more: float) -> dict:
    """A row of a table: the parameters of a model, more columns, the number of realizations."""
    size = {} if data is None else {"realizations": data.sizes["realization"]}
    return model.as_dict() | more | size


def frame(rows: list[dict], *columns: str) -> pd.DataFrame:
    """Rows made by `entry` as a table, which has its columns even without rows."""
    return pd.DataFrame(rows, columns=[*PARAMETERS, *columns])


def stacked(*parts: pd.DataFrame) -> pd.DataFrame:
    """Tables of one kind as one; empty ones drop out."""
    filled = [table for table in parts if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def partners(
    probes: dict[Model, xr.Dataset], references: dict[Model, xr.Dataset]
) -> Iterator[tuple[Model, Model]]:
    """Each system with the isolated chain two sites longer, at the same disorder."""
    isolated = {
        (model.length - 2, model.disorder): model for model in references if not model.bubble
    }
    for model in probes:
        if (partner := isolated.get((model.length, model.disorder))) is not None:
            yield model, partner


def weighted_line(x: pd.Series, y: pd.Series, error: pd.Series) -> tuple[float, float, float]:
    """Slope of the weighted line through independent points, its error, and chi2."""
    x, y, error = (np.asarray(a, float) for a in (x, y, error))
    coefficients, covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    chi2 = np.sum(((y - np.polyval(coefficients, x)) / error) ** 2)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0])), float(chi2)


# Numbers and words for reading


UNKNOWN = "(not computed)"  # what a number is called that the data do not give


def number(value: float, error: float = float("nan"), digits: int = 4) -> str:
    """A value with its error in parentheses, 2.31(4), or to so many significant digits."""
    if not np.isfinite(value):
        return UNKNOWN
    if not np.isfinite(error) or error <= 0:
        mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
        return mantissa.replace("-", "−") + (_of_ten(exponent) if exponent else "")
    # two digits of an error that begins with 1, which one digit would blur
    sign, value = "−" if value < 0 else "", abs(value)
    places = int(-np.floor(np.log10(error)))
    places += round(error * 10**places, 1) < 2
    shown = f"{value:.{max(places, 0)}f}"
    sign = sign if float(shown) else ""
    last = f"{error:.0f}" if places <= 0 else round(error * 10**places)
    return f"{sign}{shown}({last})"


def hours(value: float) -> str:
    """Core-hours to two digits; predictions are good to a factor of two."""
    return f"{float(f'{value:.2g}'):.9g}" if np.isfinite(value) else "–"


def grouped(value: float) -> str:
    """A number without decimals, in groups of three digits."""
    return f"{value:,.0f}".replace(",", "\u202f")


def magnitude(value: float) -> str:
    """A small number to one digit, as 2 × 10⁻¹⁵; lines do not break inside."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return digit + _of_ten(exponent)


def _of_ten(exponent: str) -> str:
    return f"\xa0×\xa010{str(int(exponent)).translate(SUPERSCRIPT)}"


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float, digits: int = 1, plain: int = 0) -> str:
    """A number as Markdown, digits and a power of ten; between 1 and 10^plain as it is."""
    if not np.isfinite(value):
        return UNKNOWN
    if value == 0 or 1 <= abs(value) < 10**plain:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"${mantissa} \\times 10^{{{int(exponent)}}}$"


def chi2_text(chi2: float, degrees: int) -> str:
    """chi2 over its degrees of freedom, 9.7/6."""
    return f"{chi2:.1f}/{degrees}" if np.isfinite(chi2) else "–"


def probability_text(p: float) -> str:
    """A probability to two digits or three places; what is below 0.001 says just that."""
    if not np.isfinite(p):
        return "–"
    return "<\xa00.001" if p < 1e-3 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def sign(value: float, error: float) -> str:
    """ "grows", "falls" or "not decidable" by whether the sign of a slope is known."""
    if not np.isfinite(value) or abs(value) <= SIGNIFICANT * error:
        return "not decidable"
    return "grows" if value > 0 else "falls"


def name_of(bubble: int, boundary: str) -> str:
    """What the text calls a system."""
    return f"bubble, n\xa0=\xa0{bubble}" if bubble else f"isolated, {boundary}"
