"""The chapter on the model: its spectrum and the bandwidth of the bubble."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from inclusions import estimates, text
from inclusions.model import tuned_bandwidth
from inclusions.tables import Ensembles, entry, frame, merged, named, valued
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
            "share": text.percent(share, ".1f"),
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
        rows.append(entry(*used[0], *used[1:]) | valued("best", best) | named("lost", lost))
    return frame(rows, "best error lost lost_error")


BANDWIDTHS = (
    Column("bubble", "$n_\\mathrm{GOE}$"),
    LENGTH,
    DISORDER,
    Column("best error", r"best $\beta$ $(J)$", number),
    Column("lost lost_error", r"$\langle r\rangle$ lost at the chosen $\beta$", number),
)


def bandwidth_texts(table: pd.DataFrame) -> dict[str, str | int]:
    """The range of the best beta and the lengths and realizations behind it."""
    if table.empty:
        names = ("curves", "peaks", "length", "realizations", "deficit")
        return {f"beta_{name}": UNKNOWN for name in names}
    worst = table.loc[(table.lost / table.lost_error).idxmax()]
    return {
        "beta_curves": len(table),
        "beta_peaks": text.span(table.best, ".2g"),
        "beta_deficit": number(worst.lost, worst.lost_error),
        "beta_length": text.listed(table.length),
        "beta_realizations": text.listed(table.realizations),
    }


def closure_texts(bubble: int, weak: float = 0.25) -> dict[str, str]:
    """How often the bond through a bubble of one state is weak, and how much stronger another is.

    The exchange 2 R_2 of one state is normal with standard deviation 2 beta (Eq. 4). Of n states,
    a flip leads from each to all n with a total strength of beta sqrt((n + 1)/2), root mean square.
    """
    one, many = tuned_bandwidth(1), tuned_bandwidth(bubble)
    share = special.erf(weak / (2 * one) / np.sqrt(2))
    return {
        "closure_weak": text.percent(share, ".0f"),
        "closure_ratio": f"{many / one * np.sqrt((bubble + 1) / 2):.1f}",
    }


def offset_texts(offsets: pd.DataFrame) -> dict[str, str]:
    """How far the middle between the edges lies from the mean energy, `experiments.offsets`."""

    def shown(name: str) -> str:
        return ", ".join(map(text.number, offsets[name], offsets[f"{name}_error"]))

    return {
        "offset_lengths": ", ".join(map(str, offsets.length)),
        "offset_values": shown("energy"),
        "offset_relative": shown("share"),
        "offset_scatter": text.span(offsets.energy_scatter),
    }
