"""Benchmarks as tables: the ratios and goals follow from the saved rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from inclusions import bench, bench_filter, cost, text
from inclusions.figures import performance as figures
from inclusions.model import Model
from inclusions.tables import Ensembles
from inclusions.tables import performance as tables


def _row(peer, model, seconds, memory, **counts):
    return {
        "peer": peer, "model": model.as_dict(), "dimension": model.dimension, "count": 50,
        "threads": 1, "seconds": seconds, "seconds_first": 2 * seconds, "repeats": 1,
        "phases": {"factorization": seconds / 2}, "counts": counts, "residual": 1e-11,
        "memory_before_MB": 100.0, "memory_peak_MB": 100.0 + memory, "dgemm_GFlops": 50.0,
    }  # fmt: skip


def _benchmarks():
    rows = []
    for length in (12, 14, 16):
        model = Model(length, 4.0, bubble=4)
        cost = model.dimension**2.5 * 1e-9
        entries = model.dimension**2
        rows.append(_row("inclusions", model, cost, 50, factor_entries=entries, factor_flops=10**9))
        rows.append(_row("slepc", model, 4 * cost, 150, factor_entries=3 * entries))
    rows.append(
        {"peer": "scipy", "model": Model(14, 4.0, bubble=4).as_dict(), "failed": "over 1 s"}
    )
    return {"machine": {}, "rows": rows, "overhead": [], "workers": []}


def test_ratios_are_those_of_the_rows():
    ratios = bench.ratios(bench.timings(_benchmarks()))
    assert set(ratios.peer) == {"slepc"}
    assert ratios.time.to_numpy() == pytest.approx(4)
    assert ratios.memory.to_numpy() == pytest.approx(3)


def _goals(benchmarks):
    return text.readable(bench.goals(bench.timings(benchmarks)), tables.GOALS)


def test_goals_say_reached_short_or_not_measured():
    benchmarks = _benchmarks()
    goals = _goals(benchmarks).set_index(["sample", "ratio of"])
    assert goals.loc[("bubble, L\xa0=\xa016", "time"), "outcome"] == "reached"
    assert goals.loc[("bubble, L\xa0=\xa016", "memory"), "outcome"] == "reached"
    assert goals.loc[("bubble, L\xa0=\xa014", "time"), "outcome"] == text.UNKNOWN
    for row in benchmarks["rows"]:
        if row["peer"] == "slepc":
            row["seconds"] /= 2
    goals = _goals(benchmarks).set_index(["sample", "ratio of"])
    assert goals.loc[("bubble, L\xa0=\xa016", "time"), "outcome"] == "short of it"


def test_growth_finds_the_power_that_the_rows_follow():
    growth = bench.growth(bench.timings(_benchmarks()), "seconds")
    assert growth.exponent.to_numpy() == pytest.approx(2.5)


def test_figures_draw_every_peer_and_take_an_empty_file(tmp_path):
    timings = bench.timings(_benchmarks())
    figure = figures.cost(timings, bench.growth(timings, "seconds"))
    drawn = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert drawn["SLEPc, MUMPS LU"].get_ydata() == pytest.approx(
        timings[timings.peer == "slepc"].seconds.to_numpy()
    )
    nothing = bench.timings(bench.load(tmp_path / "none.json"))
    assert nothing.empty
    figures.cost(nothing, bench.growth(nothing, "seconds"))
    figures.factor(nothing)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps([1, 2]))
    with pytest.raises(ValueError, match="is not a file of benchmarks"):
        bench.load(path)


def test_rate_is_flops_over_the_seconds_of_the_factorization():
    timings = bench.timings(_benchmarks())
    ours = timings[timings.peer == "inclusions"]
    assert ours.rate.astype(float).to_numpy() == pytest.approx(
        (1 / ours.factorization).to_numpy(float)
    )
    assert np.isnan(timings[timings.peer == "slepc"].rate.astype(float)).all()


def test_samples_of_an_ensemble_are_summed_up_in_a_row():
    values = {"seconds": [500.0, 700.0, 600.0], "peak_memory": [8000.0, 9000.0, 8500.0]}
    data = xr.Dataset({name: ("realization", column) for name, column in values.items()})
    data["residual"] = ("realization", [1e-12, 3e-11, 2e-12])
    model = Model(18, 5.2, bubble=4)
    table = tables.demonstrations(Ensembles(Path(), {model: data}, {}, (), 3))
    (row,) = text.readable(table, tables.DEMONSTRATIONS).itertuples()
    assert row[1:] == (model.key, "194480", "3", "600", "8.0", r"$3 \times 10^{-11}$")


SAVED = Path(__file__).parents[1] / "data" / "benchmarks"


def test_with_a_factor_and_without_are_compared_size_by_size():
    rows = bench_filter.without_factor(bench.load(SAVED / "filter.json"))
    beyond = bench_filter.factor_beyond(rows)
    table = bench_filter.compared(rows, beyond)
    sizes = list(zip(table.system, table.length, strict=True))
    assert len(sizes) == len(set(sizes))
    for one in table.itertuples():
        part = rows[
            (rows.system == one.system) & (rows.length == one.length) & (rows.way == "filter")
        ]
        assert one.dimension in set(part.dimension)
    measured = rows[rows.whole & (rows.way == "filter") & (rows.dimension == 48620)].iloc[0]
    assert measured.states == 100 and measured.seconds < 200  # what was asked of it
    largest = rows[(rows.system == "bubble") & (rows.length == 20)].iloc[0]
    assert largest.memory < 2500 and not largest.whole
    assert set(beyond.length) == {18, 20, 22}


def test_the_three_ways_are_drawn_in_both_panels():
    rows = bench_filter.without_factor(bench.load(SAVED / "filter.json"))
    one = rows.iloc[[0]].assign(way="filter (GPU)")
    drawn = figures.ways(pd.concat([rows, one]), bench_filter.factor_beyond(rows))
    assert [axes.get_title() for axes in drawn.axes] == ["seconds", "memory (MB)"]
    names = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert "L D Lᵀ" in names and "polynomial filter" in names


def test_a_gpu_that_was_not_measured_is_said_to_be_so():
    rows = bench_filter.without_factor(bench.load(SAVED / "filter.json"))
    words = tables.ways(rows, bench_filter.factor_beyond(rows))
    assert words["filter_gpu"] == "has not been measured"
    one = rows.iloc[[0]].assign(way="filter (GPU)")
    words = tables.ways(pd.concat([rows, one]), bench_filter.factor_beyond(rows))
    assert words["filter_gpu"] == "was run on 1 samples"


def test_samples_too_large_for_a_node_are_given_as_many_as_hold_them():
    table = cost.on_nodes(tables.SIZES)
    cores, memory = cost.NODE
    assert (cores * table.memory <= 1000 * memory).all()
    for model, nodes in zip(tables.SIZES, table.nodes, strict=True):
        half = cost.predicted_memory(model, 50, cores * nodes // 2)
        assert nodes == 1 or cores * half > 1000 * memory, "half as many do not"


def test_goals_of_the_largest_samples_are_counted():
    limits = {"seconds_limit": [480.0, np.nan], "memory_limit": [16.0, np.nan]}
    largest = pd.DataFrame(
        {"uncertified": [244.0, 1.0], "seconds": [636.0, 1.0], "memory": [6.5, 1.0]} | limits
    )
    assert tables.outcome(largest) == "of which 2 of 3 were met"
    assert tables.outcome(largest[1:]) == text.UNKNOWN
