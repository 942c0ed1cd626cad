"""What a realization is does not depend on the number of ranks, nor on how runs are cut up."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inclusions import campaign, ensemble, store
from inclusions.eigen import REGISTRY

ranks_needed = pytest.mark.skipif(
    shutil.which("mpiexec") is None or not REGISTRY["shift-invert:mumps"].here(),
    reason="needs mpiexec and PyMUMPS",
)
slepc_needed = pytest.mark.skipif(not REGISTRY["slepc"].here(), reason=REGISTRY["slepc"].lacks())

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
    """`mpiexec -n NUMBER python -m inclusions ...`."""
    process = launched(number, "-m", "inclusions", *arguments, cwd=cwd)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.terminate()  # not killed: it has ranks to end
        process.communicate(timeout=30)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def launched(number: int, *arguments, cwd: Path, **more: str) -> subprocess.Popen:
    """`mpiexec -n NUMBER python ...`, on any number of cores, as any user."""
    environment = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMPI_MCA_mpi_yield_when_idle": "1",  # others need the cores, too
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        ["mpiexec", "-n", str(number), sys.executable, *map(str, arguments)], cwd=cwd,
        env=environment | more, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def program_on_ranks(number: int, text: str, cwd: Path, patience: int = 300) -> str:
    """What a program prints that all ranks run; after so many seconds it hangs."""
    process = launched(number, "-c", text, cwd=cwd)
    out, err = process.communicate(timeout=patience)
    assert process.returncode == 0, err
    return out


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
    ("ranks", "solver"),
    [
        *(pytest.param(ranks, "slepc", marks=slepc_needed) for ranks in (1, 2, 3)),
        (3, "auto"),
        (2, "shift-invert:mumps-single"),
        (2, "shift-invert:mumps-disk"),
        (3, "filter"),
    ],
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


# Even and odd lengths, every sector, open, periodic and with bubbles; the last one has two chain
# states, so that of more ranks some have no rows.
SAMPLES = """
from inclusions.model import Model
SAMPLES = [
    *(Model(8, 2.0, magnetization=m) for m in (-2, -1, 0, 1, 2)),
    *(Model(9, 3.0, magnetization=m) for m in (-2.5, -0.5, 0.5, 1.5)),
    Model(9, 3.0, boundary="periodic"), Model(7, 2.0, bubble=3), Model(6, 1.0, bubble=4),
    Model(7, 5.0, bubble=2, magnetization=-1.5), Model(2, 1.0, bubble=20),
]
"""
DEVIATIONS = (
    SAMPLES
    + """
import json
import numpy as np
from mpi4py import MPI
from inclusions import build, draw
from inclusions.eigen import Dense, ShiftInvert
from inclusions.observables import magnetizations
comm = MPI.COMM_WORLD
found = {}
for model in SAMPLES:
    whole = build(draw(model, 5, 0))
    count = max(1, model.dimension // 4 - 6)
    pairs = ShiftInvert(factorization="mumps")(whole, count, comm)
    start = comm.scan(len(pairs.states)) - len(pairs.states)
    rows = build(whole.realization, start, start + len(pairs.states))
    spins = magnetizations(rows, pairs, comm)
    oracle = Dense()(whole, count)
    found[model.key] = [
        float(np.abs(pairs.energies - oracle.energies).max()),
        float(np.abs(spins - magnetizations(whole, oracle)).max()),
        pairs.certificate.status,
        pairs.report.solver,
    ]
if comm.rank == 0:
    print(json.dumps(found))
"""
)


@ranks_needed
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 8])
def test_every_kind_of_sample_is_solved_as_by_lapack(ranks, tmp_path):
    found = json.loads(program_on_ranks(ranks, DEVIATIONS, tmp_path))
    assert len(found) == 14
    for name, (energy, spin, certificate, solver) in found.items():
        assert energy < 1e-9, name
        assert spin < 1e-7, name
        assert (certificate, solver) == ("complete", "shift-invert (mumps)"), name


@ranks_needed
def test_a_rank_that_is_killed_in_mid_factorization_ends_the_job(tmp_path):
    program = """
import os
from mpi4py import MPI
from inclusions import Model, build, draw
from inclusions.eigen.mumps import MumpsMatrix, Settings
from inclusions.eigen.ranks import Ranks
ranks = Ranks(MPI.COMM_WORLD)
with MumpsMatrix(Settings(), build(draw(Model(13, 3.0, bubble=4), 1, 0)), ranks) as matrix:
    while True:
        with matrix.factorize(0.01):
            if ranks.rank:
                print(os.getpid(), flush=True)
"""
    process = launched(2, "-c", program, cwd=tmp_path)
    victim = int(process.stdout.readline())
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "signal 9" in err


@pytest.mark.timeout(1300)  # 200 samples, while others may have the cores
@ranks_needed
def test_memory_of_ranks_is_flat_over_an_ensemble(tmp_path):
    program = """
import psutil
from mpi4py import MPI
from inclusions import Model
from inclusions.campaign import Ensemble
from inclusions.ensemble import record
comm = MPI.COMM_WORLD
one = Ensemble(Model(8, 4.0, bubble=4), 0, 200, 20, 1, "shift-invert", 1.0, 2)
held = []
for index in range(200):
    record(one, index, comm)
    if index in (49, 199):
        held.append(psutil.Process().memory_info().rss)
worst = comm.reduce(held[1] - held[0], MPI.MAX)
if comm.rank == 0:
    print(worst)
"""
    worst = program_on_ranks(2, program, tmp_path, patience=1200)
    assert int(worst) < 4 * 2**20


@ranks_needed
def test_no_rank_holds_more_than_its_rows(tmp_path):
    program = """
from mpi4py import MPI
from inclusions import Model, build, draw, hamiltonian
from inclusions.eigen import ShiftInvert
comm = MPI.COMM_WORLD
sizes, pattern = [], hamiltonian.pattern
model = Model(10, 3.0, bubble=4)
sample = build(draw(model, 1, 0))
pairs = ShiftInvert(factorization="mumps")(sample, 20, comm)
assert "matrix" not in vars(sample) and "pattern" not in vars(sample)
stop = comm.scan(len(pairs.states))
kept = hamiltonian.pattern(model.geometry, stop - len(pairs.states), stop)
share = comm.gather(kept.indices.size)
misses = hamiltonian.pattern.cache_info().misses
counts = pairs.report.counts
if comm.rank == 0:
    print(misses, max(share) / sum(share), counts["reductions"], counts["solves"])
"""
    misses, share, reductions, solves = program_on_ranks(4, program, tmp_path).split()
    assert int(misses) == 1  # one pattern was made: that of its rows
    assert float(share) < 0.3
    # Two sums in each step towards the edges, four for each block of Lanczos.
    assert int(reductions) < 4 * int(solves) + 250


@ranks_needed
def test_ranks_that_see_different_input_are_told_so_by_the_first(tmp_path):
    # As on disks of their own: each rank finds another file under the same name.
    program = """
import os, sys
from pathlib import Path
from inclusions.__main__ import main
rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"]
Path(rank).mkdir()
os.chdir(rank)
Path("fields.json").write_text(str([float(rank)] * 6))
sys.argv = "inclusions spectrum --length 6 --disorder 1 --fields fields.json".split()
main()
"""
    process = launched(3, "-c", program, cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    complaints = [line for line in err.splitlines() if line.startswith("inclusions: ")]
    assert len(complaints) == 1
    assert "ranks 0 and 1 see the fields differently" in complaints[0]


@ranks_needed
def test_a_launcher_of_another_mpi_is_told_from_ours(tmp_path, command_line, monkeypatch):
    # What the launcher sets without being one of ours: MPI then sees one rank alone.
    monkeypatch.setenv("PMI_SIZE", "4")
    program = "from inclusions.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "spectrum", "--length", "6", "--disorder", "1"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "launched as 4 ranks, but MPI sees 1" in ended.stderr
    assert ended.stderr.count("\n") == 1


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
@pytest.mark.parametrize("error", ["KeyError", "MemoryError", "OverflowError"])
def test_any_error_on_one_rank_ends_all_of_them(error, tmp_path):
    path = plan_in(tmp_path / "campaign")
    program = (
        "import sys\nfrom mpi4py import MPI\nfrom inclusions import ensemble\n"
        "from inclusions.__main__ import main\n"
        f"def record(*_): raise {error}('of one rank')\n"
        "if MPI.COMM_WORLD.rank == 1: ensemble.record = record\n"
        f"sys.argv = ['inclusions', 'run', {str(path)!r}, '--data', {str(tmp_path / 'data')!r}]\n"
        "main()\n"
    )
    process = launched(2, "-c", program, cwd=tmp_path)
    _, told = process.communicate(timeout=300)
    assert process.returncode != 0 and "of one rank" in told


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
@slepc_needed
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
    assert f"{ranks} ranks share the {ranks - 1} rows" in ended.stderr
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


@ranks_needed
def test_records_are_rechecked_by_one_process_and_ranks_are_told_so(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_text(CAMPAIGN.format(solver="auto", chunk=2))
    ended = on_ranks(2, "run", path, "--data", tmp_path / "data", "--recheck", 1, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("--recheck is of one process") == 1
