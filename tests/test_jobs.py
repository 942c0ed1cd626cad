"""One ensemble as papermill's page runs it."""

import sys
import tomllib

import numpy as np
import pytest

from inclusions.jobs import METHOD, START, WANTED, FailedRun, Job, given

PARAMETERS = {
    "length": 6, "disorder": 3, "bubble": 2, "coupling": 1.0, "bandwidth": None, "anisotropy": 1.0,
    "boundary": "open", "magnetization": None, "first": 0, "realizations": 2, "states": 5,
    "seed": 7, "chunk": 2, "solver": "auto", "certify": 0.05, "workers": 1, "ranks": 1,
    "launcher": "mpiexec -n {ranks}", "data": "data", "observables": [],
}  # fmt: skip


def job(**changed):
    return Job.of(PARAMETERS | changed)


def test_what_a_page_was_given_is_what_came_after_its_first_cell():
    before = {"In": [], "Out": {}, "jobs": Job, "tables": np}
    wrong = {"length": 6, "lenght": 7, "tables": 3, "_seed": 4}
    of_ipython = {"_i": "", "_i12": "", "_ii": "", "_3": 2, "__": 1, "_dh": [], "__file__": ""}
    assert given(before | of_ipython | {"_before": before} | wrong, before) == wrong


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"lenght": 6}, ["lenght", "did you mean length?"]),
        ({"banana": 6}, ["banana", "known: length"]),
        ({"data": 2024}, ["data", "2024", "-r data"]),
        ({"data": None}, ["data", "None"]),
        ({"disorder": [1.0, 2.0]}, ["disorder", "one number", "[1.0, 2.0]"]),
        ({"disorder": float("inf")}, ["disorder", "finite", "inf"]),
        ({"disorder": "much"}, ["disorder", "much"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"solver": "magic"}, ["solver", "magic"]),
        ({"boundary": "twisted"}, ["boundary", "twisted"]),
        ({"realizations": 0}, ["realizations", "0"]),
        ({"observables": ["magic"]}, ["observables", "entanglement", "magic"]),
        ({"ranks": "two"}, ["ranks", "whole number", "two"]),
        ({"ranks": 0}, ["ranks", "1 or more", "0"]),
        ({"workers": -3}, ["workers", "1 or more", "-3"]),
        ({"data": ""}, ["data", "''"]),
        ({"launcher": 3}, ["launcher", "text", "3"]),
        ({"launcher": "mpiexec 'x", "ranks": 2}, ["launcher", "mpiexec 'x", "quotation"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_parameter_is_named_and_nothing_is_run(wrong, words):
    with pytest.raises(ValueError) as refused:
        job(**wrong)
    assert [word for word in words if word not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def test_the_campaign_file_of_a_job_says_the_same_as_its_parameters():
    one = job(bandwidth=0.3, solver="shift-invert:superlu", certify=1)
    content = tomllib.loads(one.text)
    assert content["ensemble"] == [
        {name: value for name, value in PARAMETERS.items()
         if name in ("length", "bubble", "disorder", "coupling", "anisotropy", "boundary", "first",
                     "realizations")} | {"bandwidth": 0.3}
    ]  # fmt: skip
    assert (content["solver"], content["certify"], content["seed"]) == (one.ensemble.solver, 1, 7)


@pytest.mark.parametrize("name", ["with space", "[x] {y} {ranks}", "é ⟨r⟩ 𝛽", "1e5", "-x", "a'b"])
def test_a_run_leaves_its_results_in_a_folder_of_any_name(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    one = job(data=name)
    one.run()
    assert "2 computed, 0 failed" in capfd.readouterr().out
    assert one.results.load().sizes["realization"] == 2
    assert [path.name for path in (tmp_path / name).iterdir()] == ["shards"]


def test_an_optional_observable_is_computed(tmp_path):
    one = job(data=str(tmp_path), observables="entanglement")
    one.run()
    assert np.isfinite(one.results.load().half_chain_entropy).all()


def test_ranks_are_started_by_the_launcher_whatever_its_quotes():
    command = job(ranks=3, launcher="mpi 'my run' -n {ranks} {other}").command
    assert command[:5] == ["mpi", "my run", "-n", "3", "{other}"]
    assert job(launcher="mpi -n {ranks}").command[0] == sys.executable


def test_a_run_that_fails_is_an_error_with_its_own_last_line(tmp_path):
    one = job(data=str(tmp_path))
    one.run()
    saved = one.results.consolidate()
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(FailedRun) as failed:
        job(data=str(tmp_path), realizations=4).run()
    assert str(failed.value).startswith("inclusions: ") and str(saved) in str(failed.value)


def test_of_a_run_that_fails_its_own_words_count_not_those_of_what_launched_it(tmp_path):
    code = "print('inclusions: why', 'ended by the launcher', '------', sep='\\n'); exit(1)"
    one = job(data=str(tmp_path))._replace(command=[sys.executable, "-c", code])
    with pytest.raises(FailedRun, match="^inclusions: why$"):
        one.run()


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit(3)"])
def test_a_run_that_dies_without_a_word_is_an_error(code, tmp_path):
    one = job(data=str(tmp_path))._replace(command=[sys.executable, "-c", code])
    with pytest.raises(FailedRun, match="ended by signal or code (-9|3)"):
        one.run()


def test_the_page_has_the_parameters_of_a_job_and_they_can_be_run(pytestconfig):
    page = pytestconfig.rootpath / "book" / "runs" / "ensemble.md"
    cell = page.read_text(encoding="utf-8").split(":tags: [parameters]")[1].split("```")[0]
    names: dict = {}
    exec(cell, {}, names)
    assert names.keys() == {*WANTED, *METHOD, *START}
    assert Job.of(names).ensemble.model.key == "bubble4-L10-W4.4"
