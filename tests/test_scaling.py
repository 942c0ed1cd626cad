"""One sample on several numbers of ranks, measured as it is used."""

import json
import shutil

import pytest

from inclusions import bench, scaling, text
from inclusions.eigen import REGISTRY
from inclusions.tables import performance

pytestmark = pytest.mark.skipif(
    shutil.which("mpiexec") is None or not REGISTRY["shift-invert:mumps"].here(),
    reason="needs mpiexec and PyMUMPS",
)


def test_bench_on_ranks_measures_each_path_on_each_number_of_ranks(
    command_line, tmp_path, monkeypatch
):
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.setenv(name, "1")
    output = tmp_path / "ranks.json"
    ended = command_line("bench", "--ranks", "1,2", "--length", 8, "--output", output)
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(output.read_text())["ranks"]
    peers = ["mumps", "pord", "slepc", "slepc-shell"]
    assert [row["peer"] for row in rows] == ["inclusions", *peers, *peers]
    ours, pord = (row for row in rows if row["peer"] in ("mumps", "pord") and row["ranks"] == 2)
    assert len(ours["memory_peak_MB"]) == 2
    assert ours["counts"]["factor_flops"] < pord["counts"]["factor_flops"]
    table = text.readable(scaling.beside_one_process(bench.load(output)), performance.SCALING)
    assert set(table.ranks) == {"1", "2"}


@pytest.mark.parametrize("ranks", ["two", "0", "1,,2", ""])
def test_ranks_that_are_no_numbers_are_refused(ranks, command_line):
    ended = command_line("bench", "--ranks", ranks)
    assert ended.code == 2
    assert "ranks must be numbers of at least 1" in ended.err


def test_peers_of_a_comparison_on_ranks_are_chosen_by_name(command_line, tmp_path, monkeypatch):
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.setenv(name, "1")
    output = tmp_path / "ranks.json"
    asked = ("bench", "--ranks", "2", "--length", 8, "--peers")
    assert command_line(*asked, "mumps", "--output", output).code == 0
    table = text.readable(scaling.beside_one_process(bench.load(output)), performance.SCALING)
    assert list(table["ratio"]) == ["–"], "nothing to compare with"
    ended = command_line(*asked, "lapack")
    assert ended.code == 2
    assert "peers must be of inclusions, mumps" in ended.err


@pytest.mark.parametrize(
    ("asked", "unused"),
    [
        (("--ranks", "1", "--threads", 2), "--threads has no meaning for bench --ranks"),
        (("--filter", "--peers", "mumps"), "--peers has no meaning for bench --filter"),
        (("--large", "--target", "0.2"), "--target has no meaning for bench --large"),
        (("--bubble", 0), "--bubble has no meaning for bench"),
        (("--length", 6, "--filter"), "--filter has no meaning for bench --length"),
    ],
)
def test_an_option_that_a_benchmark_does_not_use_is_refused(asked, unused, command_line):
    ended = command_line("bench", *asked)
    assert (ended.code, ended.err) == (2, f"inclusions: {unused}\n")


def test_a_benchmark_refuses_a_wrong_target_and_a_folder_for_its_file(command_line, tmp_path):
    ended = command_line("bench", "--ranks", "1", "--length", 6, "--bubble", 0, "--target", "7")
    assert ended.code == 2 and "target" in ended.err
    ended = command_line("bench", "--length", 6, "--output", tmp_path)
    assert ended.code == 2 and "is a folder" in ended.err
