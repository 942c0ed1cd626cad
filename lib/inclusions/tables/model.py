"""The chapter on the model: its spectrum and the bandwidth of the bubble."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from inclusions import estimates, text
from inclusions.tables import Ensembles, entry, frame, merged, valued
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column, number


def bandwidths(tuned: Mapping[int, float]) -> pd.DataFrame:
    """Tuned beta by size of the bubble, as the page shows it."""
    return pd.DataFrame(
        {"$n_\\mathrm{GOE}$": tuned.keys(), r"$\beta$ $(J)$": [f"{b:.2f}" for b in tuned.values()]}
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


# Fig. 6: bandwidth


def bandwidths_found(*ensembles: Ensembles) -> pd.DataFrame:
    """The best beta of each sweep of the bandwidth, and what the chosen one gives away against it.

    Columns: those of the model; best and its error, J; lost and its error, in the gap ratio.
    """
    rows = []
    for curve in estimates.sweeps(merged(*ensembles)):
        used = [curve[beta] for beta in sorted(curve)]
        best, lost = estimates.best_bandwidth(curve), estimates.lost_at_chosen(curve)
        rows.append(
            entry(*used[0], *used[1:], lost=float(lost.value), lost_error=float(lost.error))
            | valued("best", best)
        )
    return frame(rows, "best", "error", "lost", "lost_error")


BANDWIDTHS = (
    Column("bubble", "$n_\\mathrm{GOE}$"),
    LENGTH,
    DISORDER,
    Column("best error", r"best $\beta$ $(J)$", number),
    Column("lost lost_error", r"$\langle r\rangle$ lost at the chosen $\beta$", number),
)


def bandwidth_texts(table: pd.DataFrame) -> dict[str, str]:
    """The range of the best beta and the lengths and realizations behind it."""
    if table.empty:
        names = ("curves", "peaks", "length", "realizations", "deficit")
        return {f"beta_{name}": UNKNOWN for name in names}
    worst = table.loc[(table.lost / table.lost_error).idxmax()]
    return {
        "beta_curves": len(table),
        "beta_peaks": f"{table.best.min():.2g} … {table.best.max():.2g}",
        "beta_deficit": number(worst.lost, worst.lost_error),
        "beta_length": text.listed(table.length),
        "beta_realizations": text.listed(table.realizations),
    }
