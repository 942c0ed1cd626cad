"""Saved benchmarks as tables: what a sample costs with each solver, and how that grows."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from inclusions.bench import PEERS
from inclusions.bench_filter import published
from inclusions.model import Model
from inclusions.scaling import PEERS as SCALING_PEERS
from inclusions.tables import Ensembles, each
from inclusions.text import (
    LENGTH,
    SYSTEM,
    UNKNOWN,
    Column,
    grouped,
    known,
    percent,
    power,
    rounded,
)

ENSEMBLE = Column("ensemble", "ensemble", str)  # its name has hyphens, no minus signs
DIMENSION = Column("dimension", "dimension")


def _met(measured: float, goal: float) -> str:
    if np.isnan(measured):
        return UNKNOWN
    return "reached" if round(measured, 1) >= goal else "short of it"


GOALS = (
    Column("peer", "against", lambda peer: PEERS[peer][0]),
    Column("system length", "sample", "{}, L\xa0=\xa0{}".format),
    Column("what", "ratio of"),
    Column("goal", "goal", "g"),
    Column("measured", "measured", known(".1f")),
    Column("measured goal", "outcome", _met),
)

PRECISIONS = (
    ENSEMBLE,
    DIMENSION,
    *(
        column
        for name in ("double", "single")
        for column in (
            Column(name, f"{name} (s)", lambda s: s if isinstance(s, str) else rounded(s, 3)),
            Column(f"{name}_memory", f"{name} (MB)", known(".0f", instead="–")),
        )
    ),
)

SCALING = (
    ENSEMBLE,
    Column("peer", "solver", lambda peer: SCALING_PEERS[peer][0]),
    Column("ranks", "ranks"),
    Column("factor_entries", "entries ($10^6$)", known(".0f", 1e6, "–")),
    Column("factor_flops", "operations ($10^9$)", known(".0f", 1e9, "–")),
    Column("factorization", "factor (s)", rounded),
    Column("seconds", "states (s)", partial(rounded, digits=3)),
    Column("time", "ratio", known(".2f", instead="–")),
    Column("peak", "peak (MB)", ".0f"),
    Column("memory", "ratio of peaks", known(".2f", instead="–")),
)

SIZES = (Model(18, 4.0, bubble=4), Model(20, 4.0), Model(20, 4.0, bubble=4), Model(22, 4.0))
"""Samples that no machine of one's own takes."""

NODES = (
    ENSEMBLE,
    DIMENSION,
    Column("entries", "entries ($10^9$)", lambda n: rounded(n / 1e9)),
    Column("flops", "operations ($10^{12}$)", lambda n: rounded(n / 1e12)),
    Column("alone", "one process (GB)", known(".0f", 1000)),
    Column("nodes", "nodes"),
    Column("memory", "a rank (GB)", lambda mb: rounded(mb / 1000)),
    Column("seconds", "at least (s)", ".0f"),
)

WORKERS = (
    ENSEMBLE,
    Column("one_worker_per_hour", "one worker", ".0f"),
    Column("two_workers_per_hour", "two workers", ".0f"),
    Column("one_worker_per_hour two_workers_per_hour", "ratio", lambda a, b: f"{b / a:.2f}"),
)


def _outside(inside: float, whole: float) -> str:
    """A share that two timings give; their noise may exceed it."""
    share = 1 - inside / whole
    return percent(share, ".0f") if share >= 0.01 else "under 1 %"


OVERHEAD = (
    ENSEMBLE,
    Column("seconds realizations", "ms a realization", lambda s, n: f"{1e3 * s / n:.1f}"),
    Column("seconds_in_solver seconds", "outside the solver", _outside),
)


def _within(spec: str, value: float, limit: float) -> str:
    """A number with what was asked of it, and whether it is met."""
    shown = format(value, spec)
    if np.isnan(limit):
        return shown
    return f"{shown} (goal {limit:g}: {'met' if value <= limit else 'missed'})"


def outcome(largest: pd.DataFrame) -> str:
    """How many of the goals for `bench.largest_samples` were met, in words."""
    met = np.array(
        [
            largest[name] <= largest[limit]
            for name, limit in (
                ("uncertified", "seconds_limit"), ("seconds", "seconds_limit"),
                ("memory", "memory_limit"),
            )
        ]
    )  # fmt: skip
    asked = largest[["seconds_limit", "seconds_limit", "memory_limit"]].notna().to_numpy().sum()
    return f"of which {met.sum()} of {asked} were met" if asked else UNKNOWN


LARGEST = (
    ENSEMBLE,
    DIMENSION,
    Column("factorization", "factor (s)", ".0f"),
    Column("uncertified seconds_limit", "all states (s)", lambda *v: _within(".0f", *v)),
    Column("seconds seconds_limit", "and certified (s)", lambda *v: _within(".0f", *v)),
    Column("memory memory_limit", "peak memory (GB)", lambda *v: _within(".1f", *v)),
    Column("residual", "worst residual (J)", power),
)


def demonstrations(*ensembles: Ensembles) -> pd.DataFrame:
    """What samples of an ensemble took, each on one thread; seconds, memory (MB), residual (J).

    A record has the peak of its process so far, larger samples before included: the least counts.
    """
    return each(
        "ensemble dimension seconds memory residual",
        lambda model, data: {
            "ensemble": model.key, "dimension": model.dimension,
            "seconds": float(data.seconds.mean()), "memory": float(data.peak_memory.min()),
            "residual": float(data.residual.max()),
        },
        *ensembles,
    )  # fmt: skip


DEMONSTRATIONS = (
    ENSEMBLE,
    DIMENSION,
    Column("realizations", "samples"),
    Column("seconds", "seconds a sample", ".0f"),
    Column("memory", "peak memory (GB)", known(".1f", 1000)),
    Column("residual", "worst residual $(J)$", power),
)


def described(benchmarks: dict[str, Any]) -> str:
    """The machine in words."""
    machine = benchmarks["machine"]
    if not machine:
        return UNKNOWN
    versions = ", ".join(f"{name} {value}" for name, value in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_GB']} GB, "
        f"Python {machine['python']}, {'; '.join(machine['blas'])}; {versions}"
    )


PROGRAMME = (
    SYSTEM,
    LENGTH,
    DIMENSION,
    Column("realizations", "realizations"),
    Column("hours", "core-hours", rounded),
)


def exponents(growth: pd.DataFrame, timings: pd.DataFrame) -> dict[str, str]:
    """Exponents of `bench.growth` by system, and those of the last step of its timings, to glue."""
    steps = {}
    for system, part in timings[timings.peer == "inclusions"].groupby("system"):
        largest = part[part.seconds.notna()].nlargest(2, "dimension")
        if len(largest) == 2:
            steps[system] = np.divide(*np.diff(np.log(largest[["seconds", "dimension"]].T))[:, 0])
    fitted = dict(zip(growth.system, growth.exponent, strict=True))
    return {
        f"{name}_{system}": f"{found[system]:.2f}" if system in found else UNKNOWN
        for name, found in (("exponent", fitted), ("exponent_last", steps))
        for system in ("bubble", "chain")
    }


def _timed(value: float, less: bool, word: str) -> str:
    """Seconds or MB to three digits, and in a word what is not measured whole."""
    shown = rounded(value, 3) if value < 1000 else grouped(float(f"{value:.3g}"))
    return f"{shown} ({word})" if less else shown


COMPARED = (
    Column("system", "system"),
    Column("length", "L"),
    DIMENSION,
    Column("states", "states"),
    Column("seconds_factor seconds", "faster", lambda a, b: "L D Lᵀ" if a < b else "filter"),
    Column("seconds_factor predicted", "L D Lᵀ, CPU-s", partial(_timed, word="predicted")),
    Column("seconds whole", "filter, CPU-s", lambda s, whole: _timed(s, not whole, "share")),
    Column("memory_factor predicted", "L D Lᵀ, MB", partial(_timed, word="predicted")),
    Column("memory", "filter, MB", grouped),
    Column("products", "products", lambda n: power(n, 3)),
)


def ways(rows: pd.DataFrame, beyond: pd.DataFrame) -> dict[str, str]:
    """What the comparison says in numbers, for the text."""
    if rows.empty:
        names = ("slower", "leaner", "published", "largest", "hours", "bandwidth", "gpu")
        unknown = {f"filter_{name}": UNKNOWN for name in names}
        return unknown | {"factor_largest": UNKNOWN}
    whole = rows[rows.whole.astype(bool) & (rows.dimension > 3000)]
    keys = ["system", "length", "states"]
    both = whole[whole.way == "filter"].merge(whole[whole.way == "factor"], on=keys)
    slower, leaner = both.seconds_x / both.seconds_y, both.memory_y / both.memory_x
    large = rows[(~rows.whole.astype(bool)) & (rows.dimension > 400_000)]
    factor = beyond[beyond.dimension > 400_000]
    share = (rows.GB_a_second / rows.triad)[rows.dimension > 100_000].astype(float)
    gpu = rows[rows.way == "filter (GPU)"]
    other = published().merge(whole[whole.way == "filter"], on=["system", "length", "states"])
    return {
        "filter_published": f"{(other.seconds_x / other.seconds_y).iloc[0]:.2g}",
        "filter_slower": f"{slower.min():.2g} to {slower.max():.2g}",
        "filter_leaner": f"{leaner.min():.2g} to {leaner.max():.2g}",
        "filter_largest": f"{large.memory.max() / 1000:.1f}",
        "filter_hours": f"{large.seconds.max() / 3600:.0f}",
        "factor_largest": f"{factor.memory.max() / 1000:.0f}",
        "filter_bandwidth": f"{100 * share.min():.0f} to {100 * share.max():.0f}",
        "filter_gpu": "has not been measured" if gpu.empty else f"was run on {len(gpu)} samples",
    }
