"""What samples and campaigns cost, predicted: seconds, memory, core-hours.

The rates are fitted to saved benchmarks, `data/benchmarks/`, and kept beside this file, so that
the package predicts without them: `python -m inclusions.cost data/benchmarks` fits them anew.
"""

import json
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy

from inclusions.campaign import CERTIFIED_BELOW, Campaign, Ensemble
from inclusions.eigen import DENSE_BELOW
from inclusions.eigen.polynomial_filter import memory, steps
from inclusions.model import Model

RATES = Path(__file__).with_name("rates.json")


def affordable(solver: str, model: Model, count: int, room: float, ranks: int = 1) -> str:
    """The solver, `auto` being the filter where no factor fits into `room`, MB, for each rank."""
    fits = predicted_memory(model, count, ranks) <= room
    return "filter" if solver == "auto" and not fits else solver


def predicted_seconds(
    model: Model, count: int, certify: float = 0.05, ranks: int = 1, solver: str = "auto"
) -> float:
    """Time of one sample, s: within a factor 1.5 of benchmarks, averaged, of more than a second.

    `certify` is the share of samples whose levels are counted; `ranks`, of one core each, share it.
    `auto` stands for a factor, see `affordable`.
    """
    if solver.startswith("filter"):
        return _filter_seconds(model.dimension, count, certify, ranks)
    if model.dimension < DENSE_BELOW:
        return 0.002 + 5e-10 * model.dimension**3
    share = 1.0 if model.dimension <= CERTIFIED_BELOW else certify
    kind = "alone" if ranks == 1 else "on_ranks"
    return float(_work(model, count, share, ranks) @ rates()[f"seconds_{kind}"])


def predicted_hours(campaign: Campaign) -> float:
    """Core-hours of a whole campaign, by `predicted_seconds`."""
    return sum(map(_hours, campaign.ensembles))


def _hours(one: Ensemble) -> float:
    seconds = predicted_seconds(one.model, one.count, one.certify, solver=one.solver)
    return one.realizations * seconds / 3600


def by_system(campaign: Campaign) -> pd.DataFrame:
    """The same by system and length: bubble, boundary, length, dimension, realizations, hours."""
    rows = [
        one.model.as_dict()
        | {"dimension": one.model.dimension, "realizations": one.realizations, "hours": _hours(one)}
        for one in campaign.ensembles
    ]
    keys = ["bubble", "boundary", "length", "dimension"]
    return pd.DataFrame(rows).groupby(keys, as_index=False)[["realizations", "hours"]].sum()


NODE = (64, 256)
"""Cores and GB of a node."""


def on_nodes(models: Iterable[Model], count: int = 50) -> pd.DataFrame:
    """What large samples need, from counts: nodes whose memory holds them, a rank on every core.

    Columns: ensemble, dimension, entries and flops of the factor, alone (MB of one process),
    nodes, memory (MB of a rank), seconds. These are of operations shared evenly: a lower bound, as
    nodes talk to one another.
    """
    cores, memory = NODE
    rows = []
    for model in models:
        entries, flops = factor_size(model)
        nodes = 1
        while cores * predicted_memory(model, count, cores * nodes) > 1000 * memory:
            nodes *= 2
        alone, rank = (predicted_memory(model, count, ranks) for ranks in (1, cores * nodes))
        seconds = predicted_seconds(model, count, 0.0, cores * nodes)
        rows.append((model.key, model.dimension, entries, flops, alone, nodes, rank, seconds))
    columns = ["ensemble", "dimension", "entries", "flops", "alone", "nodes", "memory", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def predicted_memory(model: Model, count: int, ranks: int = 1, solver: str = "auto") -> float:
    """Peak memory of one worker or rank on one sample, MB: interpreter, factor, basis, matrix."""
    if solver.startswith("filter"):
        return 215 + 1e-6 * memory(model.dimension, count) / ranks
    kind = "alone" if ranks == 1 else "on_ranks"
    return float(_room(model, count, ranks, solver) @ rates()[f"memory_{kind}"])


def _filter_seconds(n: int, count: int, certify: float, ranks: int) -> float:
    """Time of the polynomial filter, s.

    Measured (data/benchmarks/filter.json): a step on a block costs 11 ns a row while the blocks
    are in a cache, and more as they outgrow it; a count of the levels takes four steps in 23.
    """
    share = 1.0 if n <= CERTIFIED_BELOW else certify
    row = 1.25e-8 * max(1.0, n / 13000) ** 0.3
    return 0.2 + (1 + 4 * share / 23) * steps(n, count) * n * row / ranks


def factor_size(model: Model) -> tuple[float, float]:
    """Entries and operations of the factor, by power laws in the number of chain states.

    Fitted to factors that were computed; to find another's structure would take seconds.
    """
    states = model.dimension / model.block
    sizes = [
        model.block**power * np.exp(np.polyval(rates()[f"{name}_{_graph(model)}"], np.log(states)))
        for name, power in (("factor_entries", 2), ("factor_flops", 3))
    ]
    return float(sizes[0]), float(sizes[1])


@lru_cache(maxsize=1)
def rates() -> dict[str, list[float]]:
    """What was fitted: a power law's coefficients, or seconds and MB for each unit of work."""
    return json.loads(RATES.read_text(encoding="utf-8"))


def _graph(model: Model) -> str:
    return "ring" if model.bubble or model.boundary == "periodic" else "open"


def _work(model: Model, count: int, share: float, ranks: int) -> np.ndarray:
    """Factorizations (1e9 operations), passes over the factor (1e6 entries), vectors, the rest."""
    entries, flops = factor_size(model)
    passes, vectors = count / 50 * entries / 1e6, count / 50 * model.dimension / 1e3
    return np.array([(1 + 2 * share) * flops / 1e9 / ranks, passes / ranks, vectors / ranks, 1.0])


def _room(model: Model, count: int, ranks: int, solver: str = "auto") -> np.ndarray:
    """A rank's part of the factor or the dense matrix, of the vectors and of the matrix; the rest.

    In 1e6 numbers.
    """
    n = model.dimension
    entries, vectors = factor_size(model)[0], n * (6.0 * count + 100 + 6 * model.length)
    if solver == "dense" or (solver == "auto" and n < DENSE_BELOW):
        entries, vectors = 4.0 * n * n, 0.0
    elif solver.endswith("-single"):
        entries /= 2
    return np.array([entries / ranks, vectors / ranks, 1e6]) / 1e6


def fit(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """The rates that rows of benchmarks give: own factor alone, MUMPS on ranks, 50 states.

    Power laws by least squares on logarithms, the rest by least squares on relative errors, none
    below zero. Runs on several threads, with more ranks than two cores or below a tenth of a
    second say nothing of these.
    """
    rows = [row for row in rows if "failed" not in row and row["dimension"] >= DENSE_BELOW]
    found = _powers(rows)
    _keep(found)
    for kind, peers in (
        ("alone", {"inclusions": 0.0, "inclusions-certified": 1.0}),
        ("on_ranks", {"mumps": 0.0}),
    ):
        chosen = [row for row in rows if row["peer"] in peers and row.get("threads", 1) == 1]
        chosen = [row for row in chosen if row.get("ranks", 1) == (1 if kind == "alone" else 2)]
        timed = [row for row in chosen if row["seconds"] > 0.1]
        work = [
            _work(Model(**row["model"]), 50, peers[row["peer"]], row.get("ranks", 1))
            for row in timed
        ]
        found[f"seconds_{kind}"] = _relative(work, [row["seconds"] for row in timed])
        room = [_room(Model(**row["model"]), 50, row.get("ranks", 1)) for row in chosen]
        found[f"memory_{kind}"] = _relative(
            room, [float(np.max(row["memory_peak_MB"])) for row in chosen]
        )
    return found


def _keep(found: dict[str, list[float]]) -> None:
    """Let `rates` give these: what follows is fitted on top of the power laws."""
    rates.cache_clear()
    rates().update(found)


def _powers(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Slope and offset of the logarithm of entries and operations, by graph."""
    found = {}
    for name, power in (("factor_entries", 2), ("factor_flops", 3)):
        for graph in ("ring", "open"):
            points = []
            for row in rows:
                model = Model(**row["model"])
                ours = row["peer"] in ("inclusions", "inclusions-certified", "mumps")
                if ours and _graph(model) == graph and name in row["counts"]:
                    size = row["counts"][name] / model.block**power
                    points.append((model.dimension / model.block, size))
            x, y = np.log(np.array([p for p in points if p[0] > 1000]).T)
            found[f"{name}_{graph}"] = np.polyfit(x, y, 1).tolist()
    return found


def _relative(units: list[np.ndarray], measured: list[float]) -> list[float]:
    weights = 1 / np.array(measured)
    found, _ = scipy.optimize.nnls(np.array(units) * weights[:, None], np.ones(len(measured)))
    return found.tolist()


def saved_rows(folder: Path) -> list[dict[str, Any]]:
    """All rows of the benchmarks of a folder, on ranks and in one process."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [row for file in files for row in [*file["rows"], *file.get("ranks", [])]]


if __name__ == "__main__":
    fitted = fit(saved_rows(Path(sys.argv[1])))
    RATES.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
