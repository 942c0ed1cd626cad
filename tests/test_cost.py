"""What samples and campaigns are predicted to cost."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from inclusions import cost
from inclusions.model import Model

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
