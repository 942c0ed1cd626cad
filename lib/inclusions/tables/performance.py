"""Saved benchmarks as tables: what a sample costs with each solver, and how that grows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inclusions import campaign as campaigns
from inclusions import text
from inclusions.bench import PEERS
from inclusions.cost import factor_size, predicted_hours, predicted_memory, predicted_seconds
from inclusions.eigen.ordering import LANES
from inclusions.eigen.polynomial_filter import PolynomialFilter, vectors
from inclusions.model import Model
from inclusions.scaling import PEERS as SCALING
from inclusions.tables import Ensembles, merged
from inclusions.text import UNKNOWN, hours, power


def load(*paths: Path) -> dict[str, Any]:
    """Files that `inclusions bench` wrote, as one; the machine is the first file's.

    Raises:
        ValueError: a file is not of this kind.
    """
    whole: dict[str, Any] = {"machine": {}, "rows": [], "overhead": [], "workers": [], "ranks": []}
    for path in filter(Path.exists, paths):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            whole["machine"] = whole["machine"] or content["machine"]
            for part in ("rows", "overhead", "workers"):
                whole[part] = whole[part] + content[part]
            whole["ranks"] = whole["ranks"] + content.get("ranks", [])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} is not a file of benchmarks") from None
    return whole


def timings(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """One row for each finished run.

    Columns: peer, system, length, dimension, threads, seconds, first (with the analysis and the
    imports that only a first sample needs), memory (MB above what the process held with the
    matrix), analysis, factorization (seconds), entries, flops, dgemm (GFlop/s just after the run),
    rate (GFlop/s of the factorization).
    """
    rows = []
    for row in benchmarks["rows"]:
        if "failed" in row:
            continue
        model = Model(**row["model"])
        counts, phases = row["counts"], row["phases"]
        flops, factorization = counts.get("factor_flops"), phases.get("factorization")
        rows.append(
            {
                "peer": row["peer"],
                "system": "bubble" if model.bubble else "chain",
                "length": model.length,
                "dimension": model.dimension,
                "threads": row["threads"],
                "seconds": row["seconds"],
                "first": row["seconds_first"],
                "memory": row["memory_peak_MB"] - row["memory_before_MB"],
                "analysis": phases.get("analysis", 0.0),
                "factorization": factorization,
                "entries": counts.get("factor_entries"),
                "flops": flops,
                "dgemm": row["dgemm_GFlops"],
                "rate": flops / factorization / 1e9 if flops and factorization else None,
            }
        )
    columns = (
        "peer", "system", "length", "dimension", "threads", "seconds", "first", "memory",
        "analysis", "factorization", "entries", "flops", "dgemm", "rate",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def growth(timings: pd.DataFrame, column: str, peer: str = "inclusions") -> pd.DataFrame:
    """Exponents of column ∝ dimension^a by least squares on logarithms, from 3000 unknowns up."""
    rows = []
    chosen = timings[(timings.peer == peer) & (timings.dimension > 3000)].dropna(subset=[column])
    for system, part in chosen.groupby("system"):
        if len(part) > 1:
            logarithms = np.log(part[["dimension", column]].astype(float))
            slope, offset = np.polyfit(logarithms.dimension, logarithms[column], 1)
            rows.append({"system": system, "exponent": slope, "logarithm": offset})
    return pd.DataFrame(rows, columns=("system", "exponent", "logarithm"))


def ratios(timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds and memory of each peer over ours, on the same sample with the same threads.

    LAPACK, which gives all levels, is held against what `auto` chooses, certificate included.
    """
    ours = timings.set_index(["peer", "system", "length", "threads"])
    rows = []
    for row in timings[~timings.peer.str.startswith("inclusions")].itertuples():
        mine = "inclusions-certified" if row.peer == "lapack" else "inclusions"
        key = (mine, row.system, row.length, row.threads)
        if key in ours.index:
            mine = ours.loc[key]
            rows.append(
                {
                    "peer": row.peer,
                    "system": row.system,
                    "length": row.length,
                    "dimension": row.dimension,
                    "time": row.seconds / mine.seconds,
                    "memory": row.memory / max(mine.memory, 1.0),
                }
            )
    return pd.DataFrame(rows, columns=("peer", "system", "length", "dimension", "time", "memory"))


TARGETS = (
    # what is asked of the solver: peer, system, length, times faster, times less memory
    ("scipy", "bubble", 14, 12.0, 4.0),
    ("slepc", "bubble", 16, 3.5, 2.3),
    ("slepc", "chain", 18, 3.0, None),
    ("lapack", "bubble", 8, 1.0, None),
    ("lapack", "bubble", 10, 1.0, None),
)


def reached(timings: pd.DataFrame) -> pd.DataFrame:
    """The project's own goals beside what was measured; "reached" or "short of it"."""
    measured = ratios(timings)
    rows = []
    for peer, system, length, faster, smaller in TARGETS:
        found = measured[
            (measured.peer == peer) & (measured.system == system) & (measured.length == length)
        ]
        for what, goal in (("time", faster), ("memory", smaller)):
            if goal is None:
                continue
            value = None if found.empty else float(found[what].iloc[0])
            verdict = UNKNOWN
            if value is not None:
                verdict = "reached" if round(value, 1) >= goal else "short of it"
            rows.append(
                {
                    "against": PEERS[peer][0],
                    "sample": f"{system}, L\xa0=\xa0{length}",
                    "ratio of": what,
                    "goal": f"{goal:g}",
                    "measured": UNKNOWN if value is None else f"{value:.1f}",
                    "": verdict,
                }
            )
    return pd.DataFrame(rows)


def readable(timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds and memory by sample and peer, for a page."""
    rows = []
    for (system, length, dimension), part in timings.groupby(["system", "length", "dimension"]):
        for row in part.itertuples():
            rows.append(
                {
                    "sample": f"{system}, L\xa0=\xa0{length}",
                    "dimension": dimension,
                    "solver": row.peer,
                    "threads": row.threads,
                    "seconds": f"{row.seconds:.3g}",
                    "first sample": f"{row.first:.3g}",
                    "memory (MB)": f"{row.memory:.0f}",
                }
            )
    return pd.DataFrame(rows)


def single(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """Samples with the factor in double and in single precision, for a page."""
    found: dict[tuple[str, int], dict] = {}
    for row in benchmarks["rows"]:
        if row["peer"] in ("inclusions", "inclusions-single") and row.get("threads", 1) == 1:
            model = Model(**row["model"])
            found.setdefault((model.key, model.dimension), {})[row["peer"]] = row
    rows = []
    for (key, dimension), pair in found.items():
        if len(pair) < 2 or dimension < 3000:
            continue
        cells = {"ensemble": key, "dimension": dimension}
        for peer, name in (("inclusions", "double"), ("inclusions-single", "single")):
            row = pair[peer]
            if "failed" in row:
                cells |= {f"{name} (s)": row["failed"].split(": ", 1)[-1], f"{name} (MB)": "–"}
            else:
                memory = row["memory_peak_MB"] - row["memory_before_MB"]
                cells |= {f"{name} (s)": f"{row['seconds']:.3g}", f"{name} (MB)": f"{memory:.0f}"}
        rows.append(cells)
    return pd.DataFrame(rows)


def scaling(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """One sample on several numbers of ranks, beside one process, for a page."""
    found = [row for row in benchmarks["ranks"] if "failed" not in row]
    alone = {Model(**row["model"]): row for row in found if row["peer"] == "inclusions"}
    rows = []
    for row in found:
        model, counts = Model(**row["model"]), row["counts"]
        own, peak = alone.get(model), max(row["memory_peak_MB"])
        ratios = (UNKNOWN, UNKNOWN)
        if own is not None:
            seconds, memory = row["seconds"] / own["seconds"], peak / max(own["memory_peak_MB"])
            ratios = (f"{seconds:.2f}", f"{memory:.2f}")
        rows.append(
            {
                "ensemble": model.key,
                "solver": SCALING[row["peer"]][0],
                "ranks": row["ranks"],
                "factor ($10^6$ entries)": _millions(counts.get("factor_entries"), 1e6),
                "($10^9$ operations)": _millions(counts.get("factor_flops"), 1e9),
                "factor (s)": f"{row['phases'].get('factorization', np.nan):.2g}",
                "states (s)": f"{row['seconds']:.3g}",
                "over one process": ratios[0],
                "peak of a rank (MB)": f"{peak:.0f}",
                "over its peak": ratios[1],
                "sums": counts.get("reductions", UNKNOWN),
            }
        )
    return pd.DataFrame(rows).replace("nan", UNKNOWN)


def _millions(number: float | None, unit: float) -> str:
    return UNKNOWN if number is None else f"{number / unit:.0f}"


NODE = (64, 256)  # cores and GB of a node
SIZES = (Model(18, 4.0, bubble=4), Model(20, 4.0), Model(20, 4.0, bubble=4), Model(22, 4.0))


def nodes(models: tuple[Model, ...] = SIZES) -> pd.DataFrame:
    """What large samples need, from counts: nodes whose memory holds them, a rank on every core.

    Seconds are those of operations shared evenly: a lower bound, as nodes talk to one another.
    """
    cores, memory = NODE
    rows = []
    for model in models:
        entries, flops = factor_size(model)
        number = 1
        while cores * predicted_memory(model, 50, cores * number) > 1000 * memory:
            number *= 2
        rows.append(
            {
                "ensemble": model.key,
                "dimension": model.dimension,
                "factor ($10^9$ entries)": f"{entries / 1e9:.2g}",
                "($10^{12}$ operations)": f"{flops / 1e12:.2g}",
                "one process (GB)": f"{predicted_memory(model, 50) / 1000:.0f}",
                "nodes": number,
                "a rank (GB)": f"{predicted_memory(model, 50, cores * number) / 1000:.2g}",
                "at least (s)": f"{predicted_seconds(model, 50, 0.0, cores * number):.0f}",
            }
        )
    return pd.DataFrame(rows)


def workers(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """Realizations an hour of one serial worker and of two side by side, for a page."""
    return pd.DataFrame(
        {
            "ensemble": Model(**row["model"]).key,
            "one worker": f"{row['one_worker_per_hour']:.0f}",
            "two workers": f"{row['two_workers_per_hour']:.0f}",
            "ratio": f"{row['two_workers_per_hour'] / row['one_worker_per_hour']:.2f}",
        }
        for row in benchmarks["workers"]
    )


def overhead(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """Share of an ensemble's time outside the solver, for a page."""
    return pd.DataFrame(
        {
            "ensemble": Model(**row["model"]).key,
            "ms a realization": f"{1e3 * row['seconds'] / row['realizations']:.1f}",
            "outside the solver": _percent(1 - row["seconds_in_solver"] / row["seconds"]),
        }
        for row in benchmarks["overhead"]
    )


LIMITS = {(18, 4): (480, 16), (20, 0): (240, None)}
"""What is asked of the largest samples, by length and bubble: seconds and GB on two threads."""


def large(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """The largest samples, solved whole on this machine and certified, for a page."""
    rows = []
    for row in benchmarks["rows"]:
        if "failed" in row or row["dimension"] < 100_000:
            continue
        phases, model = row["phases"], Model(**row["model"])
        seconds, memory = row["seconds"], row["memory_peak_MB"] / 1000
        states = seconds - phases.get("certificate", 0.0)
        time, space = LIMITS.get((model.length, model.bubble), (None, None))
        rows.append(
            {
                "ensemble": model.key,
                "dimension": row["dimension"],
                "factor (s)": f"{phases.get('factorization', 0):.0f}",
                "all states (s)": _within(states, time, 0),
                "and certified (s)": _within(seconds, time, 0),
                "peak memory (GB)": _within(memory, space, 1),
                "worst residual (J)": power(row["residual"]),
            }
        )
    return pd.DataFrame(rows)


def demonstrations(*ensembles: Ensembles) -> pd.DataFrame:
    """What samples of an ensemble took, each on one thread, for a page.

    A record has the peak of its process so far, larger samples before included: the least counts.
    """
    return pd.DataFrame(
        {
            "ensemble": model.key,
            "dimension": model.dimension,
            "samples": data.sizes["realization"],
            "seconds a sample": f"{float(data.seconds.mean()):.0f}",
            "peak memory (GB)": f"{float(data.peak_memory.min()) / 1000:.1f}",
            "worst residual $(J)$": power(float(data.residual.max())),
        }
        for model, data in merged(*ensembles).items()
    )


def _percent(share: float) -> str:
    """A share that two timings give; their noise may exceed it."""
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _within(value: float, limit: float | None, places: int) -> str:
    """A number with what was asked of it, and whether it is met."""
    if limit is None:
        return f"{value:.{places}f}"
    return f"{value:.{places}f} (goal {limit}: {'met' if value <= limit else 'missed'})"


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


def programme(campaign: Path) -> pd.DataFrame:
    """Predicted cost of a campaign by system and length, for a page."""
    rows: dict[tuple, dict] = {}
    for one in campaigns.load(campaign).ensembles:
        model = one.model
        row = rows.setdefault((model.bubble, model.boundary, model.length), {
            "system": text.system(model.bubble, model.boundary),
            "$L$": model.length, "dimension": model.dimension,
            "realizations": 0, "hours": 0.0,
        })  # fmt: skip
        row["realizations"] += one.realizations
        seconds = predicted_seconds(model, one.count, one.certify)
        row["hours"] += one.realizations * seconds / 3600
    table = pd.DataFrame([rows[key] for key in sorted(rows)])
    return table.assign(hours=table.hours.map(hours)).rename(columns={"hours": "core-hours"})


def programme_total(campaign: Path) -> dict[str, str]:
    """Predicted core-hours of a whole campaign, to glue."""
    return {"programme_total": hours(predicted_hours(campaigns.load(campaign)))}


def exponents(growth: pd.DataFrame) -> dict[str, str]:
    """Fitted exponents by system, to glue."""
    found = dict(zip(growth.system, growth.exponent, strict=True))
    return {
        f"exponent_{system}": f"{found[system]:.2f}" if system in found else UNKNOWN
        for system in ("bubble", "chain")
    }


PUBLISHED = ((18, 434.0), (20, 14138.0))
"""Length of a chain and CPU-s for some 100 states: Polfed.jl, by its authors (arXiv:2605.10191)."""


def published() -> pd.DataFrame:
    """What the authors of Polfed.jl give for it, on other machines; columns of `without_factor`."""
    chains = [(Model(length, 4.0), seconds) for length, seconds in PUBLISHED]
    return pd.DataFrame(
        {"way": "Polfed.jl", "system": "chain", "length": model.length,
         "dimension": model.dimension, "states": 100, "seconds": seconds, "memory": np.nan,
         "whole": True}
        for model, seconds in chains
    )  # fmt: skip


WAYS = (
    "way", "system", "length", "dimension", "states", "seconds", "memory", "products", "whole",
    "GB_a_second", "triad",
)  # fmt: skip


def without_factor(benchmarks: dict[str, Any]) -> pd.DataFrame:
    """The filter beside L D L^T, one thread: what was run whole, and what a share of it says.

    Columns: way ("factor", "filter", "filter (GPU)"), system, length, dimension, states, seconds
    (of processor time; of the clock on a GPU), memory (MB above the interpreter's), products (of H
    with a vector), whole (False where seconds are those of a share, over it), GB_a_second (of the
    recurrence), triad (GB/s of the memory, in the same process).
    """
    rows = []
    for row in benchmarks["rows"]:
        if "failed" in row or row["threads"] > 1:
            continue
        model = Model(**row["model"])
        gpu = row["peer"] == "filter:gpu"
        way = "filter (GPU)" if gpu else "filter" if row["peer"] == "filter" else "factor"
        applications = vectors(row["count"] + PolynomialFilter.spare) / PolynomialFilter.block
        steps = row.get("degree", 0) * applications
        whole = row["kind"] == "solve"
        seconds = row["seconds" if gpu else "cpu_seconds"] if whole else None
        rows.append(
            {
                "way": way,
                "system": "bubble" if model.bubble else "chain",
                "length": model.length,
                "dimension": model.dimension,
                "states": row["count"],
                "seconds": seconds if whole else steps * row["cpu_seconds_a_step"],
                "memory": row["memory_peak_MB"] - row["memory_before_MB"],
                "products": row["counts"].get("products") if whole else steps * LANES,
                "whole": whole,
                "GB_a_second": row.get("GB_a_second"),
                "triad": row.get("triad_GB_a_second"),
            }
        )
    return pd.DataFrame(rows, columns=WAYS)


def factor_beyond(rows: pd.DataFrame) -> pd.DataFrame:
    """What L D L^T is predicted to take where only the filter was run, in part.

    Columns: system, length, dimension, seconds, memory (MB).
    """
    run = set(rows[rows.way == "factor"][["system", "length"]].itertuples(index=False, name=None))
    found = []
    for row in rows[~rows.whole.astype(bool)].itertuples():
        if (row.system, row.length) in run:
            continue
        model = Model(row.length, 4.0, bubble=4 if row.system == "bubble" else 0)
        seconds = predicted_seconds(model, row.states, 0.0)
        memory = predicted_memory(model, row.states)
        found.append((row.system, row.length, row.dimension, seconds, memory))
    return pd.DataFrame(found, columns=("system", "length", "dimension", "seconds", "memory"))


def compared(rows: pd.DataFrame, beyond: pd.DataFrame) -> pd.DataFrame:
    """A row for each size as a reader sees it: both ways' seconds and memory, and who is ahead."""
    table = []
    keys = ["system", "length", "dimension", "states"]
    for key, part in rows.sort_values(["system", "dimension"]).groupby(keys, sort=False):
        filtered = part[part.way == "filter"].sort_values("whole").iloc[-1]
        factor, source = part[part.way == "factor"], ""
        if factor.empty:
            source = " (predicted)"
            same = (beyond.system == key[0]) & (beyond.length == key[1])
            factor = beyond[same]
        if factor.empty:
            continue
        one = factor.iloc[0]
        table.append(
            {
                "system": key[0], "L": key[1], "dimension": key[2], "states": key[3],
                "L D Lᵀ, CPU-s": f"{one.seconds:.3g}{source}",
                "filter, CPU-s": f"{filtered.seconds:.3g}" + ("" if filtered.whole else " (share)"),
                "L D Lᵀ, MB": f"{one.memory:.0f}{source}",
                "filter, MB": f"{filtered.memory:.0f}",
                "products": f"{filtered.products:.3g}",
                "faster": "L D Lᵀ" if one.seconds < filtered.seconds else "filter",
            }
        )  # fmt: skip
    return pd.DataFrame(table)


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
