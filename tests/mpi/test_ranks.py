"""What a realization is does not depend on the number of ranks, nor on how runs are cut up."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inclusions import campaign, ensemble, store

needed = ["mpi4py", "petsc4py", "slepc4py"]
absent = [name for name in needed if importlib.util.find_spec(name) is None]
ranks_needed = pytest.mark.skipif(
    shutil.which("mpiexec") is None or bool(absent),
    reason=f"needs mpiexec and {', '.join(needed)}",
)

SPECTRUM = ("spectrum", "--length", 6, "--disorder", 2, "--bubble", 3, "--count", 7, "--json")
CAMPAIGN = """name = "trial"
seed = 11
states = 5
solver = "{solver}"
chunk = {chunk}

[[ensemble]]
length = 6
bubble = 3
disorder = 2.0
realizations = 3

[[ensemble]]
length = 8
boundary = ["open", "periodic"]
disorder = 5.0
target = "mean"
sample = "paired"
realizations = 2
"""
# Not of the physics, or said of the solver and not of the sample.
OF_THE_RUN = {"seconds", "peak_memory", "solver", "residual", "magnetization_error"}


def on_ranks(number: int, *arguments, cwd: Path, timeout: float = 300):
    """`mpiexec -n NUMBER python -m inclusions ...`, on any number of cores, as any user."""
    environment = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = ["mpiexec", "-n", str(number), sys.executable, "-m", "inclusions"]
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.terminate()  # not killed: it has ranks to end
        process.communicate(timeout=30)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def plan_in(folder: Path, solver: str = "auto", chunk: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "campaign.toml"
    path.write_text(CAMPAIGN.format(solver=solver, chunk=chunk))
    return path


def records(path: Path, data: Path):
    """All records of a campaign, by ensemble."""
    return {
        one.model.key: ensemble.place_of(one, data).load() for one in campaign.load(path).ensembles
    }


def files(data: Path):
    """Names of all files, without the time that a shard's name ends with."""
    names = (str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())
    return sorted(re.sub(r"-[\d.]+s\.nc$", ".nc", name) for name in names)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The campaign computed in this process: its file and its results."""
    folder = tmp_path_factory.mktemp("serial")
    path = plan_in(folder, "dense")
    ensemble.run(campaign.load(path), folder / "data")
    return path, folder / "data"


@ranks_needed
@pytest.mark.parametrize(
    ("ranks", "solver"), [(1, "slepc"), (2, "slepc"), (3, "slepc"), (3, "auto")]
)
def test_levels_do_not_depend_on_the_number_of_ranks(ranks, solver, tmp_path, command_line):
    # Three ranks of twenty rows cut the blocks of three bubble states.
    expected = json.loads(command_line(*SPECTRUM, "--solver", "dense").out)
    ended = on_ranks(ranks, *SPECTRUM, "--solver", solver, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)  # printed once
    assert found["ranks"] == ranks
    assert found["energies"] == pytest.approx(expected["energies"], abs=1e-9)
    assert found["spectrum_edges"] == pytest.approx(expected["spectrum_edges"], abs=1e-9)
    magnetization = np.array(found["magnetization"])
    assert magnetization == pytest.approx(np.array(expected["magnetization"]), abs=1e-8)
    assert max(found["residuals"]) < 1e-9
    if solver == "auto":
        assert found["certificate"]["status"] == "complete"


@ranks_needed
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_records_do_not_depend_on_the_number_of_ranks(ranks, tmp_path, serial):
    path = plan_in(tmp_path / "campaign")
    data = tmp_path / "data"
    ended = on_ranks(ranks, "run", path, "--data", data, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert files(data) == files(serial[1])  # one set of shards, and nothing left over
    assert "7 computed" in ended.stdout
    found, expected = records(path, data), records(*serial)
    assert found.keys() == expected.keys()
    for name, one in found.items():
        for field, (kind, _, _) in store.FIELDS.items():
            if field in OF_THE_RUN:
                continue
            exact = kind[0] in "ui"
            coarse = 1e-3 if field in store.ROUNDED else 1e-6 if kind == "f4" else 0
            np.testing.assert_allclose(
                one[field].values, expected[name][field].values,
                rtol=0 if exact else coarse, atol=0 if exact else 1e-9,
                err_msg=f"{name} {field}",
            )  # fmt: skip


@ranks_needed
def test_wrong_input_on_several_ranks_ends_all_of_them(tmp_path):
    ended = on_ranks(2, "spectrum", "--length", 4, "--disorder", "nan", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "inclusions: disorder must be a finite number" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@ranks_needed
def test_a_rank_that_cannot_write_ends_all_of_them(tmp_path):
    # Only the first rank writes: the others wait for it, and must not wait for ever.
    path = plan_in(tmp_path / "campaign")
    (tmp_path / "data").write_text("a file where the folder should be")
    ended = on_ranks(2, "run", path, "--data", "data", cwd=tmp_path)
    assert ended.returncode not in (0, 2)
    assert "inclusions: " in ended.stderr
    assert "Traceback" not in ended.stderr


@ranks_needed
def test_a_rank_that_cannot_read_ends_all_of_them(tmp_path):
    path = plan_in(tmp_path / "campaign")
    first = campaign.load(path).ensembles[0]
    consolidated = ensemble.place_of(first, tmp_path / "data").consolidated
    consolidated.parent.mkdir(parents=True)
    consolidated.write_text("not what was written")
    ended = on_ranks(2, "run", path, "--data", "data", cwd=tmp_path)
    assert ended.returncode not in (0, 2)
    assert str(consolidated.name) in ended.stderr
    assert "Traceback" not in ended.stderr


@ranks_needed
@pytest.mark.parametrize(
    ("ranks", "sector"),
    [(3, ("--length", 2, "--count", 2)),
     (2, ("--length", 4, "--magnetization", 2, "--count", 1))],
    ids=["two states on three ranks", "one state on two ranks"],
)  # fmt: skip
def test_more_ranks_than_states_solve_a_tiny_sector(ranks, sector, tmp_path):
    ended = on_ranks(
        ranks, "spectrum", *sector, "--disorder", 1, "--solver", "slepc", "--json", cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    total = np.sum(found["magnetization"], axis=1)
    assert total == pytest.approx(found["model"]["magnetization"], abs=1e-8)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_records_do_not_depend_on_how_a_run_is_cut_up(chunk, tmp_path, serial):
    path = plan_in(tmp_path / "campaign", "dense", chunk)
    ensemble.run(campaign.load(path), tmp_path / "data")
    found, expected = records(path, tmp_path / "data"), records(*serial)
    for name, one in found.items():
        for field in store.FIELDS.keys() - {"seconds", "peak_memory"}:
            assert one[field].values.tobytes() == expected[name][field].values.tobytes(), field


@pytest.mark.parametrize("solver", ["shift-invert:superlu", "auto"])
def test_records_do_not_depend_on_the_order_of_the_realizations(solver, tmp_path):
    # What a solver keeps from one sample to the next must not show.
    (one, *_) = campaign.load(plan_in(tmp_path / "campaign", solver)).ensembles
    forth = [ensemble.record(one, index) for index in range(3)]
    back = [ensemble.record(one, index) for index in reversed(range(3))][::-1]
    for first, second in zip(forth, back, strict=True):
        for field in store.FIELDS.keys() - {"seconds", "peak_memory"}:
            np.testing.assert_array_equal(first[field], second[field], err_msg=field)
