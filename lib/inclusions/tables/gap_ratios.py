"""The chapter on gap ratios: means, where curves cross, where they are halfway."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from inclusions.model import PARAMETERS, Model
from inclusions.statistics import (
    DOUBTFUL,
    GOE_GAP_RATIO,
    POISSON_GAP_RATIO,
    Estimate,
    crossing,
    mean,
)
from inclusions.tables import SYSTEM, UNKNOWN, Ensembles, merged, name_of, number, seed_of


def means(ensembles: Ensembles) -> pd.DataFrame:
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
            "$W_{1/2}$ $(J)$": number(row.disorder, row.error),
        }
        for row in midpoints.itertuples()
    )
