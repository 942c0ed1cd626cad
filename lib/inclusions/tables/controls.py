"""Control variates shown: what windows predict, what that gains, and the checks of it."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from inclusions import estimates, statistics, text
from inclusions.model import Model
from inclusions.statistics import sharpened
from inclusions.tables import Ensembles, entry, frame, merged
from inclusions.text import Column

QUANTITIES = {
    "middle": "purity at mid-chain",
    "first": "purity next to the bubble or an end",
    "second": "purity of the next site",
    "far": "C(r), mean over r = 3 … L/2",
}

GAINS = text.Crossed(
    (Column("quantity", "quantity", QUANTITIES.get), text.SYSTEM, text.LENGTH),
    "disorder", "$W={:g}$", Column("gain", "gain", ".1f"),
)  # fmt: skip
"""By quantity, system and length, a column for each disorder."""


def predicted(model: Model, ensembles: Ensembles) -> pd.DataFrame:
    """Linear entropy farthest from the bubble or the ends: of each sample, and by its windows.

    No rows where the ensemble or its controls are not there.
    """
    rows: dict[str, Any] = {"window": [], "sample": [], "sharpened": []}
    records = ensembles.found.get(model)
    if records is not None and (known := estimates.predictions(model, records)):
        sample = estimates.mirrored(records)[:, -1]
        left = sharpened(sample, known.purities().entry(-1))
        rows = {"window": known.windows[:, -1], "sample": sample, "sharpened": left}
        rows["sources"] = entry(model, records)["sources"]
    return pd.DataFrame(rows)


def gains(*ensembles: Ensembles) -> pd.DataFrame:
    """`estimates.gains`, a row for each ensemble that has controls and each of `QUANTITIES`."""
    found = {pair[0]: (pair, estimates.gains(*pair)) for pair in merged(*ensembles).items()}
    rows = [
        entry(*pair, quantity=quantity) | gains[quantity]._asdict()
        for quantity in QUANTITIES
        for pair, gains in found.values()
        if quantity in gains
    ]
    return frame(rows, "quantity gain share deviation")


def gain_texts(table: pd.DataFrame, points: pd.DataFrame) -> dict[str, str]:
    """What the gains come to, and what the checks say."""
    if table.empty or points.empty:
        return dict.fromkeys(
            ("gained", "checked", "chi2", "probability", "share", "fitted_from", "explained"),
            text.UNKNOWN,
        )
    strong = table[(table.quantity == "middle") & (table.disorder >= 4)].gain
    # windows of neighbouring distances share their spins: one check for each ensemble
    checks = table[table.quantity == "middle"].deviation
    chi2 = float(np.square(checks).sum())
    return {
        "gained": f"{strong.min():.1f} to {strong.max():.0f}",
        "checked": str(len(checks)),
        "chi2": text.chi2(chi2, len(checks)),
        "probability": text.probability(float(special.chdtrc(len(checks), chi2))),
        "share": text.percent(float(table.share.max())),
        "fitted_from": str(statistics.REALIZATIONS_PER_CONTROL),
        "explained": text.percent(float(np.corrcoef(points.window, points["sample"])[0, 1] ** 2)),
    }
