"""The chapter on gap ratios: means, where curves cross, where they are halfway."""

import numpy as np
import pandas as pd

from inclusions import estimates, statistics, text
from inclusions.statistics import Estimate
from inclusions.tables import Ensembles, each, entry, frame, merged, valued
from inclusions.text import LENGTH, UNKNOWN, Column, listed, number


def means(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean gap ratio of each ensemble with its standard error."""
    table = each(
        "gap_ratio error", lambda *pair: valued("gap_ratio", estimates.gap_ratio(*pair)), *ensembles
    )
    return table.sort_values(["length", "disorder"])


def crossings(*ensembles: Ensembles) -> pd.DataFrame:
    """Where the gap ratios of L and L + 2 cross, for every pair with two disorders in common.

    `disorder`, nan if they do not cross; `low`, `high` (68 %), `spread` over other fits and
    `bounded` as in `statistics.Crossing`; `length` is that of the shorter chain.
    """
    rows = []
    for lengths in estimates.curves(merged(*ensembles)).values():
        for length, small in lengths.items():
            large = lengths.get(length + 2, {})
            common = sorted(set(small) & set(large))
            if len(common) < 2:
                continue
            place = estimates.crossing(small, large)
            used = [curve[w] for curve in (small, large) for w in common]
            rows.append(
                entry(*used[0], *used[1:], larger=length + 2, points=len(common))
                | {"disorder": place.value, "bounded": place.bounded}
                | {name: getattr(place, name) for name in ("low", "high", "spread")}
            )
    return frame(rows, "larger points low high spread bounded")


def _interval(low: float, high: float) -> str:
    if np.isnan(low):
        return "–"
    if np.isfinite(low) and np.isfinite(high):
        return f"{low:.2f} … {high:.2f}"
    if np.isfinite(low):
        return f"above {low:.2f}"
    return f"below {high:.2f}" if np.isfinite(high) else "anywhere"


CROSSINGS = (
    text.SYSTEM,
    Column("length larger", "lengths", "{}, {}".format),
    Column("disorder", "crossing at $W~(J)$", lambda w: f"{w:.2f}" if np.isfinite(w) else "none"),
    Column("low high", "68 % interval", _interval),
    Column("spread", "spread over fits", lambda s: f"{s:.2f}" if np.isfinite(s) else "–"),
    Column("points", "points"),
)


def boundary_texts(table: pd.DataFrame) -> dict[str, str]:
    """Where `crossings` of periodic chains lie, and how far above open ones of equal pairs, J.

    The latter is the weighted mean over the pairs that the data bound.
    """
    bounded = table[(table.bubble == 0) & table.bounded.astype(bool)]
    error = np.hypot((bounded.high - bounded.low) / 2, bounded.spread)
    places = bounded.assign(error=error).pivot_table(
        index="length", columns="boundary", values=["disorder", "error"]
    )
    if places.empty or places["disorder"].shape[1] < 2:
        return dict.fromkeys(("ring_places", "ring_higher"), UNKNOWN)
    periodic = places["disorder"]["periodic"].dropna()
    above = (places["disorder"]["periodic"] - places["disorder"]["open"]).dropna()
    weights = 1 / (places["error"] ** 2).sum(axis=1)[above.index]
    mean = float(np.average(above, weights=weights)) if len(above) else np.nan
    return {
        "ring_places": ", ".join(f"{w:.2f}" for w in periodic),
        "ring_higher": number(mean, float(weights.sum() ** -0.5)) if len(above) else UNKNOWN,
    }


def midpoints(*ensembles: Ensembles) -> pd.DataFrame:
    """Disorder at which each curve is halfway between GOE and Poisson, nan where none is."""
    rows = []
    for lengths in estimates.curves(merged(*ensembles)).values():
        for curve in lengths.values():
            used = [curve[w] for w in sorted(curve)]
            rows.append(entry(*used[0], *used[1:]) | valued("disorder", estimates.midpoint(curve)))
    return frame(rows, "error")


MIDPOINTS = (text.SYSTEM, LENGTH, Column("disorder error", "$W_{1/2}$ $(J)$", number))


SHIFTS = {
    "bubble": ("open", "bubble"), "ring": ("open", "periodic"),
    "single": ("open", "single"), "beyond": ("single", "bubble"),
    "beyond_ring": ("periodic", "bubble"),
}  # fmt: skip


def shift_texts(*ensembles: Ensembles) -> dict[str, str]:
    """`estimates.midpoint_shifts` of the `SHIFTS`: mean over lengths, at the first and the last.

    `shift_lengths` are those of the isolated chains.
    """
    moved = {
        name: estimates.midpoint_shifts(merged(*ensembles), *systems)
        for name, systems in SHIFTS.items()
    }
    texts = {
        name: _told(statistics.average(*by_length.values())) if by_length else UNKNOWN
        for name, by_length in moved.items()
    }
    for name, by_length in moved.items():
        places, told = [*by_length.values()], [UNKNOWN] * 3
        if places:
            change = statistics.combine(np.subtract, places[-1], places[0])
            told = [_told(one) for one in (places[0], places[-1], change)]
        texts |= dict(zip((f"{name}_first", f"{name}_last", f"{name}_change"), told, strict=True))
    return texts | {"shift_lengths": listed(list(moved["bubble"]))}


def _told(moved: Estimate) -> str:
    return number(float(moved.value), float(moved.error))


def ends(ratios: pd.DataFrame) -> pd.DataFrame:
    """Mean gap ratios at the ends of each curve of `means`, minus their limits.

    Columns: bubble, boundary, length; then disorder, ratio, error and off of both, `low_` and
    `high_`; sources.
    """
    limits = {"low": (0, statistics.GOE_GAP_RATIO), "high": (-1, statistics.POISSON_GAP_RATIO)}
    rows = []
    for (bubble, boundary, length), curve in ratios.groupby(["bubble", "boundary", "length"]):
        curve = curve.sort_values("disorder")
        row = {"bubble": bubble, "boundary": boundary, "length": length}
        for side, (place, limit) in limits.items():
            end = curve.iloc[place]
            row |= {
                f"{side}_disorder": end.disorder, f"{side}_ratio": end.gap_ratio,
                f"{side}_error": end.error, f"{side}_off": end.gap_ratio - limit,
            }  # fmt: skip
        rows.append(row | {"sources": " ".join(curve.sources.iloc[[0, -1]])})
    return pd.DataFrame(rows)


ENDS = (
    text.SYSTEM,
    LENGTH,
    *(
        column
        for side, limit in (("low", "0.5307"), ("high", "0.3863"))
        for column in (
            Column(f"{side}_disorder", f"{side} $W~(J)$", "g"),
            Column(f"{side}_ratio {side}_error", rf"$\langle r\rangle$ at {side} $W$", number),
            Column(f"{side}_off {side}_error", f"minus {limit}", number),
        )
    ),
)
