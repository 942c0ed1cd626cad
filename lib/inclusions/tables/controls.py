"""Control variates shown: what windows predict, what that gains, and the checks of it."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from inclusions import estimates, text
from inclusions.controls import Predictions
from inclusions.model import Model
from inclusions.statistics import Controls, sharpened
from inclusions.tables import Ensembles, entry, frame, merged
from inclusions.text import Column

QUANTITIES = {
    "middle": "purity at mid-chain",
    "first": "purity next to the bubble or an end",
    "second": "purity of the next site",
    "far": "C(r), mean over r = 3 … L/2",
}

GAIN = Column("gain", "gain", ".1f")
ROWS = (Column("quantity", "quantity", QUANTITIES.get), text.SYSTEM, text.LENGTH)


def predicted(model: Model, ensembles: Ensembles) -> pd.DataFrame:
    """Linear entropy farthest from the bubble or the ends: of each sample, and by its windows.

    No rows where the ensemble or its controls are not there.
    """
    rows: dict[str, Any] = {"window": [], "sample": [], "sharpened": []}
    records = ensembles.found.get(model)
    if records is not None and (known := estimates.predictions(model, records)):
        sample = _profile(records)[:, -1]
        left = sharpened(sample, known.purities().entry(-1))
        rows = {"window": known.windows[:, -1], "sample": sample, "sharpened": left}
        rows["sources"] = entry(model, records)["sources"]
    return pd.DataFrame(rows)


def gains(*ensembles: Ensembles) -> pd.DataFrame:
    """What controls gain, a row for each ensemble that has them and each of `QUANTITIES`.

    gain: variance of the plain mean over that of the sharpened one, with as many free coefficients
    taken off as there are controls.
    share: of the sharpened mean's error, what comes from the mean of the windows over disorder.
    deviation: of the windows' mean over these samples from that over disorder, in standard errors:
    a check, to be distributed as a standard normal number.
    """
    rows = []
    for model, records in merged(*ensembles).items():
        if (found := estimates.predictions(model, records)) is None:
            continue
        profile, controls = _profile(records), found.purities()
        places = {"first": 0, "second": 1, "middle": profile.shape[1] - 1}
        measured = {name: _gain(profile[:, at], controls.entry(at)) for name, at in places.items()}
        if model.length // 2 >= estimates.FAR:
            measured["far"] = _far_gain(records, found)
        rows += [
            entry(model, records, quantity=name, gain=gain, share=share, deviation=deviation)
            for name, (gain, share, deviation) in measured.items()
        ]
    return frame(rows, "quantity", "gain", "share", "deviation")


def readable_gains(table: pd.DataFrame) -> pd.DataFrame:
    """Gains by quantity, system and length, a column for each disorder."""
    order = table.quantity.map(list(QUANTITIES).index)
    table = table.assign(order=order).sort_values(["order", "bubble", "boundary", "length"])
    return text.crossed(table, ROWS, "disorder", "$W={:g}$", GAIN)


def gain_texts(table: pd.DataFrame, points: pd.DataFrame) -> dict[str, str]:
    """What the gains come to, and what the checks say."""
    if table.empty or points.empty:
        return dict.fromkeys(
            ("gained", "checked", "chi2", "probability", "share", "explained"), text.UNKNOWN
        )
    strong = table[(table.quantity == "middle") & (table.disorder >= 4)].gain
    # windows of neighbouring distances share their spins: one check for each ensemble
    checks = table[table.quantity == "middle"].deviation
    chi2 = float(np.square(checks).sum())
    return {
        "gained": f"{strong.min():.1f} to {strong.max():.0f}",
        "checked": str(len(checks)),
        "chi2": text.chi2(chi2, len(checks)),
        "probability": text.probability(float(stats.chi2.sf(chi2, len(checks)))),
        "share": text.percent(float(table.share.max())),
        "explained": text.percent(float(np.corrcoef(points.window, points["sample"])[0, 1] ** 2)),
    }


def _profile(records: xr.Dataset) -> np.ndarray:
    """Linear entropies by distance, shape (R, ceil(L/2))."""
    entropy = records.linear_entropy.values.astype(float)
    return 0.5 * (entropy + entropy[:, ::-1])[:, : (entropy.shape[1] + 1) // 2]


def _gain(values: np.ndarray, one: Controls) -> tuple[float, float, float]:
    """Gain, share and deviation of a mean, values (R,), with one control."""
    left = sharpened(values, one)
    realizations = len(values)
    spread, known = one.values[:, 0].std(ddof=1), float(one.error[0])
    if realizations < 4 or not spread:
        return 1.0, 0.0, 0.0
    error = left.std(ddof=2) / np.sqrt(realizations)
    from_mean = abs(np.polyfit(one.values[:, 0], values, 1)[0]) * known
    deviation = (one.values[:, 0].mean() - one.expected[0]) / np.hypot(
        spread / np.sqrt(realizations), known
    )
    whole = np.hypot(error, from_mean)
    gain = values.var(ddof=1) / realizations / whole**2
    return float(gain), float(from_mean / whole), float(deviation)


def _far_gain(records: xr.Dataset, found: Predictions) -> tuple[float, float, float]:
    """The same for the mean of C(r) over r = 3 ... L/2, linear in the moments, with three each."""
    influence, three = _influence(records), found.correlations()
    far = slice(*estimates.far(influence.shape[1]))
    left = sharpened(influence, three)[:, far].mean(axis=1)
    realizations = len(left)
    if realizations < 40:
        return 1.0, 0.0, 0.0
    product = three.values[:, far, 0].mean(axis=1)
    deviation = product.mean() / (product.std(ddof=1) / np.sqrt(realizations) or np.inf)
    gain = influence[:, far].mean(axis=1).var(ddof=1) / left.var(ddof=4)
    return float(gain), 0.0, float(deviation)


def _influence(records: xr.Dataset) -> np.ndarray:
    """What each realization adds to C(r) to first order, shape (R, L)."""
    mean = records.linear_entropy.values.astype(float)
    squared = records.linear_entropy_variance.values + mean**2
    product = records.linear_entropy_covariance.values + mean[:, [0, -1], None] * mean[:, None, :]
    first, second = 0.5 * (mean + mean[:, ::-1]), 0.5 * (squared + squared[:, ::-1])
    both = 0.5 * (product[:, 0] + product[:, 1, ::-1])
    m, s, p = first.mean(axis=0), second.mean(axis=0), both.mean(axis=0)
    variance = s - m**2
    scale = np.sqrt(variance[0] * variance)
    correlation = (p - m[0] * m) / scale
    change = second - s - 2 * m * (first - m)
    moved = both - p - m[0] * (first - m) - m * (first[:, :1] - m[0])
    return moved / scale - 0.5 * correlation * (change / variance + change[:, :1] / variance[0])
