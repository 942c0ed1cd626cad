"""The numbers behind the figures with sliders: every curve at every position of the sliders."""

import numpy as np
import pandas as pd


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


def rings(purities: pd.DataFrame, length: int = 14) -> pd.DataFrame:
    """How thermal each spin is, 2 - 2 gamma, with the bubble and in the isolated chain of L + 2.

    One row for each site and disorder that both have, with its place on a circle of radius 1 whose
    top belongs to the bubble. `purities` is that of `tables.purities.mean_purities`.
    """
    bubble = purities[(purities.bubble == 4) & (purities.length == length)]
    open_chain = purities[(purities.bubble == 0) & (purities.boundary == "open")]
    chain = open_chain[open_chain.length == length + 2]
    shared = set(bubble.disorder) & set(chain.disorder)
    parts = []
    for system, part in (("with bubble", bubble), ("isolated", chain)):
        part = part[part.disorder.isin(shared)]
        sites = int(part.length.max()) if len(part) else 0
        for mirrored in (False, True):
            site = sites - 1 - part.distance if mirrored else part.distance
            angle = 2 * np.pi * (site + 1) / (sites + 1)
            parts.append(
                pd.DataFrame(
                    {
                        "system": system, "disorder": part.disorder, "site": site,
                        "x": np.sin(angle), "y": np.cos(angle), "thermal": 2 - 2 * part.purity,
                        "sources": part.sources,
                    }
                )
            )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["system", "disorder", "site"], ignore_index=True)
