"""What samples and campaigns are predicted to cost."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from inclusions import campaign, cost
from inclusions.eigen import polynomial_filter
from inclusions.model import Model
from inclusions.places import campaign_file

BENCHMARKS = Path(__file__).resolve().parents[1] / "data" / "benchmarks"
CERTIFIED = {"inclusions": 0.0, "inclusions-certified": 1.0, "mumps": 0.0}


def measured():
    """Saved runs on one thread a rank, the same sample together: times vary twofold by the hour."""
    runs = defaultdict(list)
    for row in cost.saved_rows(BENCHMARKS):
        ranks = row.get("ranks", 1)
        ours = row["peer"] in CERTIFIED and "failed" not in row
        same = ranks == (2 if row["peer"] == "mumps" else 1) and row.get("threads", 1) == 1
        if ours and same and row["dimension"] > 3000:
            key = (Model(**row["model"]), CERTIFIED[row["peer"]], ranks)
            runs[key].append((row["seconds"], np.max(row["memory_peak_MB"])))
    return {key: np.exp(np.log(found).mean(axis=0)) for key, found in runs.items()}


def test_rates_are_those_of_the_saved_benchmarks():
    fitted = cost.fit(cost.saved_rows(BENCHMARKS))
    cost.rates.cache_clear()
    assert cost.rates().keys() == fitted.keys()
    for name, values in fitted.items():
        assert cost.rates()[name] == pytest.approx(values, rel=1e-6, abs=1e-9), name


def test_predictions_are_within_a_factor_of_what_was_measured():
    wrong = []
    for (model, share, ranks), (seconds, memory) in measured().items():
        memory = cost.predicted_memory(model, 50, ranks) / memory
        ratio = cost.predicted_seconds(model, 50, share, ranks) / seconds
        if not 1 / 1.5 < memory < 1.5 or (seconds > 1 and not 1 / 1.5 < ratio < 1.5):
            wrong.append((model.key, share, ranks, ratio, memory))
    assert not wrong


def test_predictions_grow_with_the_model_and_ranks_share_memory():
    sizes = [Model(length, 4.0, bubble=4) for length in range(6, 21, 2)]
    seconds = [cost.predicted_seconds(model, 50) for model in sizes]
    memory = [cost.predicted_memory(model, 50) for model in sizes]
    assert seconds == sorted(seconds) and memory == sorted(memory)
    alone, shared = (cost.predicted_memory(sizes[-1], 50, ranks) for ranks in (1, 16))
    assert shared < alone / 4


def filter_rows(kind: str) -> list[dict]:
    file = Path(__file__).parents[1] / "data/benchmarks/filter.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if row["kind"] == kind and row["peer"] == "filter"]


def test_the_filters_cost_is_what_was_measured():
    for row in filter_rows("solve"):
        if row["threads"] > 1:
            continue  # threads that wait for each other on a busy machine spend processor time
        model = Model(**row["model"])
        seconds = cost.predicted_seconds(model, row["count"], 0.0, solver="filter")
        if row["cpu_seconds"] > 1:
            assert 0.5 < row["cpu_seconds"] / seconds < 2, model.key
        if model.dimension > 10_000:  # beyond what the interpreter holds
            memory = row["memory_peak_MB"] - row["memory_before_MB"]
            predicted = polynomial_filter.memory(model.dimension, row["count"]) / 1e6
            assert 0.5 < memory / predicted < 1.5
    for row in filter_rows("share"):
        model = Model(**row["model"])
        assert row["memory_peak_MB"] < 1.5 * cost.predicted_memory(model, 50, solver="filter")


def test_where_no_factor_fits_auto_is_the_filter():
    model = Model(20, 4.0, bubble=4)
    assert cost.affordable("auto", model, 50, room=4e3) == "filter"
    assert cost.affordable("auto", model, 50, room=1e6) == "auto"
    assert cost.affordable("auto", Model(12, 4.0), 50, room=4e3) == "auto"
    assert cost.affordable("shift-invert:mumps", model, 50, room=4e3) == "shift-invert:mumps"
    assert cost.predicted_memory(model, 50, solver="filter") < 2500


def test_ranks_share_the_filters_time_and_memory():
    model = Model(18, 4.0, bubble=4)
    for predicted in (cost.predicted_seconds, cost.predicted_memory):
        alone, shared = (predicted(model, 50, ranks=r, solver="filter") for r in (1, 8))
        assert shared < alone / 2


def test_hours_by_system_and_length_add_up_to_the_campaigns():
    paper = campaign.load(campaign_file("paper"))
    table = cost.by_system(paper)
    assert not table.duplicated(["bubble", "boundary", "length"]).any()
    assert table.hours.sum() == pytest.approx(cost.predicted_hours(paper))
    assert table.realizations.sum() == sum(one.realizations for one in paper.ensembles)
