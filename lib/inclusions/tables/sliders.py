"""The numbers behind the figures with sliders: every curve at every position of the sliders."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from inclusions import avalanche
from inclusions.avalanche import CRITICAL_LENGTH
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.observables import magnetizations, purities


def profiles(
    ratios: Sequence[float],
    probabilities: Sequence[float],
    bubbles: Sequence[int],
    length: int,
    isolated: float,
    exponents: Sequence[float],
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i of Eq. (6) on every site of half the chain, and how far it is thermal.

    Localization lengths are in units of xi_*. `reach` is l_c, in sites, of the same row.
    """
    ratio, p, bubble, exponent, distance = (
        grid.ravel()
        for grid in np.meshgrid(
            ratios, probabilities, bubbles, exponents, np.arange(length // 2), indexing="ij"
        )
    )
    xi = ratio * CRITICAL_LENGTH
    gamma = avalanche.mean_purity(distance, xi, p, bubble, length, isolated, exponent)
    return pd.DataFrame(
        {
            "ratio": ratio, "p": p, "bubble": bubble.astype(int), "exponent": exponent,
            "distance": distance.astype(int), "difference": isolated - gamma,
            "reach": avalanche.thermalized_distance(xi, bubble, length),
        }
    )  # fmt: skip


def by_size(gap_ratios: pd.DataFrame) -> pd.DataFrame:
    """Mean gap ratios with their `system` (bubble, open or periodic) and the `size` of its curve.

    The size is what the page compares at: a bubble's chain, an isolated chain less two sites.
    """
    bubble = gap_ratios.bubble > 0
    table = gap_ratios.assign(
        system=gap_ratios.boundary.where(~bubble, "bubble"),
        size=gap_ratios.length.where(bubble, gap_ratios.length - 2),
    )
    return table.sort_values(["system", "size", "disorder"])


class Sweep(NamedTuple):
    """One sample at growing disorder: a row for each level, and for each chosen state and site."""

    levels: pd.DataFrame  # disorder, energy (J), place, purity (mean over sites), chosen
    sites: pd.DataFrame  # disorder, state (0 ... chosen - 1), site, magnetization


def sweep(model: Model, disorders: Sequence[float], seed: int, chosen: int = 3) -> Sweep:
    """All levels of one sample whose random numbers stay the same while W grows.

    Fields are those drawn for `model`, scaled by W; the bubble's matrices do not change. `chosen`
    states closest to the middle of the spectrum are shown site by site. `place` runs from 0 at the
    lowest level to 1 at the highest.
    """
    drawn = draw(model, seed, 0)
    levels, sites = [], []
    for disorder in disorders:
        sample = replace(
            drawn,
            model=replace(model, disorder=disorder),
            fields=drawn.fields * (disorder / model.disorder),
        )
        hamiltonian = build(sample)
        pairs = Dense()(hamiltonian, hamiltonian.dimension)
        spin = magnetizations(hamiltonian, pairs)
        middle = np.argsort(np.abs(pairs.energies - pairs.target), kind="stable")[:chosen]
        levels.append(
            pd.DataFrame(
                {
                    "disorder": disorder,
                    "energy": pairs.energies,
                    "place": (pairs.energies - pairs.edges[0]) / np.ptp(pairs.edges),
                    "purity": purities(spin).mean(axis=1),
                    "chosen": np.isin(np.arange(len(pairs.energies)), middle),
                }
            )
        )
        sites += [
            pd.DataFrame(
                {
                    "disorder": disorder,
                    "state": state,
                    "site": np.arange(model.length),
                    "magnetization": spin[number],
                }
            )
            for state, number in enumerate(np.sort(middle))
        ]
    return Sweep(pd.concat(levels, ignore_index=True), pd.concat(sites, ignore_index=True))
