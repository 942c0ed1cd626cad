import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from full_space import sector_hamiltonian

from inclusions import store
from inclusions.commands import launch
from inclusions.disorder import draw
from inclusions.eigen import REGISTRY
from inclusions.hamiltonian import build
from inclusions.machine import Limit
from inclusions.model import Model

SMALL = ("spectrum", "--length", 6, "--disorder", 2)
CAMPAIGN = """name = "trial"
seed = 7
states = 5
{line}
[[ensemble]]
length = 4
disorder = 1.0
realizations = 2
"""


def process(*arguments, cwd, before="", **environment):
    """`python -m inclusions ...` as a user starts it, or the same after some lines of Python."""
    start = ["-m", "inclusions"]
    if before:
        start = ["-c", f"{before}\nfrom inclusions.__main__ import main; main()"]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        cwd=cwd, env=os.environ | environment, capture_output=True, timeout=300,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


# spectrum


def test_spectrum_of_given_fields_is_that_of_the_operator_of_the_paper(tmp_path, command_line):
    fields = np.random.default_rng(3).uniform(-4, 4, 12).round(3).tolist()
    (tmp_path / "fields.json").write_text(json.dumps(fields))
    ended = command_line(
        "spectrum", "--length", 12, "--disorder", 4, "--boundary", "periodic", "--count", 20,
        "--fields", "fields.json", "--json",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    given = json.loads(ended.out)
    model = Model(12, 4.0, boundary="periodic")
    levels = np.linalg.eigvalsh(sector_hamiltonian(draw(model, 0, 0, fields=fields)))
    middle = (levels[0] + levels[-1]) / 2
    expected = np.sort(levels[np.argsort(np.abs(levels - middle))[:20]])
    assert given["energies"] == pytest.approx(expected.tolist(), abs=1e-9)
    assert given["spectrum_edges"] == pytest.approx(levels[[0, -1]].tolist(), abs=1e-9)
    magnetization = np.array(given["magnetization"])
    assert magnetization.shape == (20, 12)
    assert magnetization.sum(axis=1) == pytest.approx(np.zeros(20), abs=1e-8)
    assert np.abs(magnetization).max() <= 0.5 + 1e-9
    assert len(given["residuals"]) == 20
    assert max(given["residuals"]) < 1e-9
    assert given["dimension"] == 924
    assert Model(**given["model"]) == model


def test_spectrum_as_json_says_all_there_is_to_know(command_line):
    ended = command_line(*SMALL, "--bubble", 3, "--seed", 4, "--index", 2, "--count", 5, "--json")
    given = json.loads(ended.out)
    assert {
        "model", "energies", "residuals", "magnetization", "certificate", "solver", "seconds",
        "peak_memory_MB", "seed", "index", "dimension", "spectrum_edges",
    } <= given.keys()  # fmt: skip
    assert given["model"] == Model(6, 2.0, bubble=3).as_dict()
    assert (given["seed"], given["index"]) == (4, 2)
    assert given["certificate"]["status"] == "complete"
    assert given["seconds"]["total"] >= 0
    levels = np.linalg.eigvalsh(sector_hamiltonian(draw(Model(6, 2.0, bubble=3), 4, 2)))
    assert np.abs(levels - np.array(given["energies"])[:, None]).min(axis=1).max() < 1e-9


def test_spectrum_as_a_table_shows_the_same_numbers(command_line):
    as_table = command_line(*SMALL, "--count", 5)
    given = json.loads(command_line(*SMALL, "--count", 5, "--json").out)
    assert (as_table.code, as_table.err) == (0, "")
    lines = as_table.out.splitlines()
    rows = {line[:15].strip(): line[15:].strip() for line in lines}
    assert rows["dimension"] == "20"
    assert rows["solver"] == given["solver"]
    assert rows["certificate"] == "complete"
    assert f"{given['energies'][0]:.10f} ... {given['energies'][-1]:.10f} J" == rows["energies"]
    assert rows["states"].startswith("5 closest to")
    gaps = np.diff(given["energies"])
    ratio = (np.minimum(gaps[1:], gaps[:-1]) / np.maximum(gaps[1:], gaps[:-1])).mean()
    assert rows["mean gap ratio"] == f"{ratio:.4f}"


@pytest.mark.parametrize("count", [1, 2])
def test_spectrum_of_too_few_levels_for_a_gap_ratio_shows_none(count, command_line):
    ended = command_line(*SMALL, "--count", count)
    assert ended.code == 0
    assert "mean gap ratio  -" in ended.out


@pytest.mark.parametrize("target", ["mean", "0.2", "0.75"])
@pytest.mark.parametrize(
    "kind", [("--bubble", 4), ("--boundary", "periodic")], ids=["bubble", "ring"]
)
def test_levels_at_a_target_are_those_of_lapack(kind, target, command_line):
    arguments = ("spectrum", "--length", 8 if "--bubble" in kind else 10, "--disorder", 3, *kind)
    given = json.loads(command_line(*arguments, "--target", target, "--count", 30, "--json").out)
    levels = np.linalg.eigvalsh(build(draw(Model(**given["model"]), 1, 0)).matrix.toarray())
    low, high = levels[[0, -1]]
    aim = levels.mean() if target == "mean" else low + float(target) * (high - low)
    expected = np.sort(levels[np.argsort(np.abs(levels - aim))[:30]])
    assert given["energies"] == pytest.approx(expected.tolist(), abs=1e-9)
    assert given["target_energy"] == pytest.approx(aim, abs=1e-9)
    assert given["certificate"]["status"] == "complete"


@pytest.mark.parametrize("solver", ["dense", "shift-invert:superlu", "shift-invert:ldl"])
def test_every_solver_can_be_asked_for(solver, command_line):
    if not REGISTRY[solver].here():
        pytest.skip("no C compiler when the package was installed")
    arguments = ("spectrum", "--length", 9, "--disorder", 3, "--count", 5, "--json")
    given = json.loads(command_line(*arguments, "--solver", solver).out)
    assert given["solver"].split(" ")[0] == solver.split(":")[0]
    levels = np.linalg.eigvalsh(build(draw(Model(9, 3.0), 1, 0)).matrix.toarray())
    middle = (levels[0] + levels[-1]) / 2
    expected = np.sort(levels[np.argsort(np.abs(levels - middle))[:5]])
    assert given["energies"] == pytest.approx(expected.tolist(), abs=1e-9)


# Wrong input: one line that says what, exit code 2, nothing written


WRONG = {
    "length is a text": ([*SMALL[:1], "--length", "ten", "--disorder", 1], ["--length"]),
    "length is no integer": ([*SMALL[:1], "--length", 4.5, "--disorder", 1], ["--length"]),
    "length is negative": ([*SMALL[:1], "--length", -4, "--disorder", 1], ["length", "-4"]),
    "length is zero": ([*SMALL[:1], "--length", 0, "--disorder", 1], ["length", "0"]),
    "length is beyond a word": ([*SMALL[:1], "--length", 70, "--disorder", 1], ["length", "70"]),
    "length is missing": ([*SMALL[:1], "--disorder", 1], ["--length"]),
    "disorder is missing": (["spectrum", "--length", 4], ["--disorder"]),
    "disorder is nan": ([*SMALL[:3], "--disorder", "nan"], ["disorder", "finite", "nan"]),
    "disorder is infinite": ([*SMALL[:3], "--disorder", "inf"], ["disorder", "finite", "inf"]),
    "disorder is negative": ([*SMALL[:3], "--disorder", -1], ["disorder", "at least 0", "-1"]),
    "disorder is a text": ([*SMALL[:3], "--disorder", "much"], ["--disorder"]),
    "bubble is negative": ([*SMALL, "--bubble", -3], ["bubble", "at least 1", "-3"]),
    "bubble is no integer": ([*SMALL, "--bubble", 2.5], ["--bubble"]),
    "coupling is nan": ([*SMALL, "--bubble", 2, "--coupling", "nan"], ["coupling", "nan"]),
    "bandwidth is negative": ([*SMALL, "--bubble", 2, "--bandwidth", -1], ["bandwidth", "-1"]),
    "bandwidth without a bubble": ([*SMALL, "--bandwidth", 1], ["bandwidth", "bubble"]),
    "boundary is unknown": ([*SMALL, "--boundary", "ring"], ["boundary", "open or periodic"]),
    "periodic with a bubble": (
        [*SMALL, "--bubble", 2, "--boundary", "periodic"], ["boundary", "bubble"],
    ),
    "no such sector": ([*SMALL, "--magnetization", 0.5], ["magnetization", "0.5"]),
    "target is an edge": ([*SMALL, "--target", 1], ["target", "between 0 and 1", "1.0"]),
    "target is nan": ([*SMALL, "--target", "nan"], ["target", "between 0 and 1", "nan"]),
    "target is unknown": ([*SMALL, "--target", "median"], ["target", '"mean"', "median"]),
    "target is a list": ([*SMALL, "--target", "0.2,0.4"], ["target", "one number", "0.2,0.4"]),
    "target near an edge": (
        [*SMALL, "--target", 0.01, "--count", 9], ["target 0.01", "lower edge", "9", "fewer"],
    ),
    "sample is unknown": ([*SMALL, "--sample", "common"], ["sample", "own or paired", "common"]),
    "bond without a ring": ([*SMALL, "--bond", 1], ["bond", "bubble of one state"]),
    "count larger than the sector": ([*SMALL, "--count", 21], ["count", "1 ... 20", "21"]),
    "count is zero": ([*SMALL, "--count", 0], ["count", "0"]),
    "seed is negative": ([*SMALL, "--seed", -1], ["seed", "at least 0", "-1"]),
    "index is negative": ([*SMALL, "--index", -1], ["index", "at least 0", "-1"]),
    "solver is unknown": ([*SMALL, "--solver", "magic"], ["solver", "auto, dense", "magic"]),
    "factorization is unknown": (
        [*SMALL, "--solver", "shift-invert:magic"], ["factorization", "superlu", "magic"],
    ),
    "fields are too few": ([*SMALL, "--fields", "five.json"], ["fields", "6", "5"]),
    "fields are no JSON": ([*SMALL, "--fields", "text.json"], ["text.json", "JSON list"]),
    "fields are no list": ([*SMALL, "--fields", "table.json"], ["table.json", "JSON list"]),
    "fields are texts": ([*SMALL, "--fields", "texts.json"], ["texts.json", "numbers"]),
    "fields are no text file": ([*SMALL, "--fields", "bytes.json"], ["bytes.json", "JSON list"]),
    "fields are nan": ([*SMALL, "--fields", "nan.json"], ["fields", "finite"]),
    "fields are missing": ([*SMALL, "--fields", "nowhere.json"], ["nowhere.json", "No such file"]),
    "fields are a folder": ([*SMALL, "--fields", "."], ["fields", "directory"]),
    "unknown option": ([*SMALL, "--bubbles", 2], ["--bubbles"]),
    "unknown command": (["spectra"], ["spectra"]),
    "campaign is missing": (["run", "nowhere.toml"], ["nowhere.toml", "No such file"]),
    "campaign has an unknown key": (["run", "typo.toml"], ["typo.toml", "stats", "allowed"]),
    "campaign is no TOML": (["status", "text.json"], ["text.json", "TOML"]),
    "campaign is not named": (["run"], ["CAMPAIGN"]),
    "no workers": (["run", "good.toml", "--workers", 0], ["--workers"]),
    "no folder to verify": (["verify", "--data", "nowhere"], ["nowhere"]),
}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """Files to give wrongly."""
    texts = {
        "five.json": "[1, 2, 3, 4, 5]",
        "text.json": "five fields",
        "table.json": '{"fields": [1, 2, 3, 4, 5, 6]}',
        "texts.json": '["1", "2", "3", "4", "5", "6"]',
        "nan.json": "[1, 2, 3, 4, 5, NaN]",
        "huge.json": f"[1, 2, 3, 4, 5, 1{'0' * 400}]",
        "typo.toml": CAMPAIGN.format(line="stats = 5"),
        "good.toml": CAMPAIGN.format(line=""),
        "magic.toml": CAMPAIGN.format(line='solver = "magic"'),
        "nothing.toml": CAMPAIGN.format(line="").replace("1.0", "[]"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe[1]")
    return tmp_path


def everything_in(folder):
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def refused(ended, words):
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("inclusions: ")
    assert ended.err.count("\n") == 1 and ended.err.endswith("\n")
    assert "Traceback" not in ended.err
    assert [word for word in words if word not in ended.err] == []


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_refused_in_one_line_and_nothing_is_written(what, files, command_line):
    arguments, words = WRONG[what]
    before = everything_in(files)
    refused(command_line(*arguments), words)
    assert everything_in(files) == before


@pytest.mark.parametrize("command", ["run", "status"])
@pytest.mark.parametrize("campaign", ["magic.toml", "nothing.toml"])
def test_a_campaign_that_cannot_be_run_is_refused_at_once(campaign, command, files, command_line):
    before = everything_in(files)
    refused(command_line(command, campaign), [campaign])
    assert everything_in(files) == before


def test_fields_beyond_all_numbers_are_refused(files, command_line):
    refused(command_line(*SMALL, "--fields", "huge.json"), ["huge.json"])


def test_the_commands_are_listed_when_none_is_given(command_line):
    ended = command_line()
    assert all(name in ended.out + ended.err for name in ("spectrum", "run", "status", "verify"))


@pytest.mark.parametrize("command", [[], ["spectrum"], ["run"], ["status"], ["verify"]])
def test_help_is_no_error(command, command_line):
    ended = command_line(*command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "--help" in ended.out


def test_solvers_says_which_are_found(command_line):
    ended = command_line("solvers")
    assert (ended.code, ended.err) == (0, "")
    lines = {line.split()[0]: line.split()[1] for line in ended.out.splitlines()}
    assert lines["dense"] == lines["shift-invert:superlu"] == "found"
    assert set(lines.values()) <= {"found", "missing"}


@pytest.mark.parametrize(
    ("module", "solver", "package"),
    [("slepc4py", "slepc", "slepc4py"), ("mumps", "shift-invert:mumps", "pymumps")],
)
def test_a_solver_that_is_not_installed_says_how_to_install_it(
    module, solver, package, command_line, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)  # as if not installed
    refused(command_line(*SMALL, "--count", 5, "--solver", solver), ["install", package])
    listed = command_line("solvers").out.splitlines()
    (line,) = [line for line in listed if line.split()[0] == solver]
    assert "missing" in line and package in line


# As a user starts it: a process of its own


def test_commands_go_on_beside_libraries_built_for_another_numpy(tmp_path):
    for name in ("mumps", "petsc4py"):
        (tmp_path / f"{name}.py").write_text("raise ValueError('numpy.dtype size changed')\n")
    (tmp_path / "good.toml").write_text(CAMPAIGN.format(line=""))
    at = {"cwd": tmp_path, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "4,2"}
    listed = process("solvers", **at)
    assert (listed.returncode, listed.stderr) == (0, "")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("slepc ")]
    assert "missing" in line and "size changed" in line and "install it anew" in line
    for command in ("run", "status"):
        ended = process(command, "good.toml", "--data", "results", **at)
        assert ended.returncode == 0 and "Traceback" not in ended.stdout + ended.stderr


def test_a_process_prints_json_and_nothing_else(tmp_path):
    ended = process(*SMALL, "--count", 5, "--json", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(json.loads(ended.stdout)["energies"]) == 5
    assert not list(tmp_path.iterdir())


def test_a_process_ends_with_code_two_and_one_line_when_the_input_is_wrong(tmp_path):
    ended = process(*SMALL, "--bubble", -3, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == "inclusions: bubble must be 0 or at least 1, got -3\n"


def test_without_any_compiled_library_the_process_solves_all_the_same(tmp_path):
    absent = ("mumps", "petsc4py", "slepc4py", "mpi4py")
    hide = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    arguments = ("spectrum", "--length", 12, "--disorder", 3, "--count", 5, "--json")
    ended = process(*arguments, "--solver", "shift-invert:superlu", cwd=tmp_path, before=hide)
    assert (ended.returncode, ended.stderr) == (0, "")
    levels = np.linalg.eigvalsh(build(draw(Model(12, 3.0), 1, 0)).matrix.toarray())
    middle = (levels[0] + levels[-1]) / 2
    expected = np.sort(levels[np.argsort(np.abs(levels - middle))[:5]])
    assert json.loads(ended.stdout)["energies"] == pytest.approx(expected.tolist(), abs=1e-9)


@pytest.mark.parametrize("library", ["typer", "numpy", "xarray"])
def test_a_program_stopped_while_it_loads_says_so_in_one_line(library, tmp_path):
    press = f"""
import sys
class Impatient:
    def find_spec(name, path=None, target=None):
        if name == "{library}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Impatient)"""
    ended = process("status", "any.toml", cwd=tmp_path, before=press)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "inclusions: stopped\n"


def test_consolidating_while_a_run_begins_an_ensemble_gathers_what_there_is(command_line, tmp_path):
    (tmp_path / "shards" / "bubble4-L8-W2.0-seed1-states50").mkdir(parents=True)
    assert command_line("consolidate", "--data", tmp_path).out.startswith("0 ensembles")


# Launchers set variables for one process as for many


ALONE = {
    "a step that Slurm starts with PMIx": {
        "PMIX_RANK": "0", "PMIX_NAMESPACE": "slurm.pmix.1.0", "SLURM_STEP_NUM_TASKS": "1",
    },
    "a step with PMI": {"PMIX_RANK": "0", "PMI_SIZE": "1", "PMI_RANK": "0"},
    "one rank of Open MPI": {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
    "one rank of MPICH": {"PMI_SIZE": "1", "MPI_LOCALNRANKS": "1"},
    "the batch script of a job of four tasks": {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
    "a rank without a number": {"PMIX_RANK": "0"},
    "a count that is none": {"PMI_SIZE": "", "MPI_LOCALNRANKS": "many"},
}  # fmt: skip


@pytest.mark.parametrize("where", ALONE)
def test_one_rank_needs_no_mpi(where, files, command_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)  # as if not installed
    for name, value in ALONE[where].items():
        monkeypatch.setenv(name, value)
    assert command_line(*SMALL, "--count", 5).code == 0
    assert "2 computed, 0 failed" in command_line("run", "good.toml").out


@pytest.mark.parametrize(
    "variables",
    [
        {"OMPI_COMM_WORLD_SIZE": "2"},
        {"PMI_SIZE": "2"},
        {"PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "2"},
        {"PMIX_RANK": "0", "PMI_SIZE": "1", "OMPI_COMM_WORLD_SIZE": "2"},  # mpiexec in a step
    ],
)
def test_several_ranks_do_need_it(variables, command_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused(command_line(*SMALL), ["several ranks", "mpi4py"])


# What is printed


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_output_fits_any_encoding(encoding, tmp_path):
    ended = process("claims", "--data", ".", cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "C16" in ended.stdout
    assert ("⟨r⟩" if encoding == "utf-8" else "<r>") in ended.stdout


def test_a_name_is_shown_as_it_is(files, command_line):
    text = (files / "good.toml").read_text().replace('"trial"', '"[bold]mine[/x] :cat:"')
    (files / "[x] {y} é.toml").write_text(text, encoding="utf-8")
    ended = command_line("status", "[x] {y} é.toml", "--data", "d [red]")
    assert (ended.code, ended.err) == (0, "")
    assert "[bold]mine[/x] :cat: in d [red]" in ended.out
    assert "[bold]mine[/x] :cat:: 0 of 2" in command_line("run", "[x] {y} é.toml").out


def test_a_solver_given_to_run_is_the_one_that_runs(files, command_line):
    (files / "good.toml").write_text(CAMPAIGN.format(line="").replace("length = 4", "length = 9"))
    assert command_line("run", "good.toml", "--solver", "shift-invert:superlu").code == 0
    (shard,) = files.glob("data/shards/*/*.nc")
    assert all(solver.startswith(b"shift-invert") for solver in store.read(shard).solver.values)
    refused(command_line("run", "good.toml", "--solver", "magic"), ["solver", "magic"])


# Faults of the program


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A program whose `status` fails in a way that nobody foresaw."""

    def fail(*_):
        raise KeyError("unforeseen")

    monkeypatch.setattr("inclusions.account.progress", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "logs"))
    (tmp_path / "logs").mkdir()


def test_an_unforeseen_error_is_one_line_with_the_command_and_a_log(broken, files, command_line):
    ended = command_line("status", "good.toml", "--data", "my data")
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    (log,) = files.glob("logs/*.log")
    told = ["KeyError: 'unforeseen'", "inclusions status good.toml --data 'my data'", str(log)]
    assert [words for words in told if words not in ended.err] == []
    assert "Traceback" in log.read_text() and "in fail" in log.read_text()


@pytest.mark.parametrize("place", [0, 2])
def test_debug_shows_where_an_error_arose(place, broken, files, command_line):
    arguments = ["status", "good.toml"]
    arguments.insert(place, "--debug")
    ended = command_line(*arguments)
    assert ended.code == 1
    assert "Traceback" in ended.err and "in fail" in ended.err
    assert ended.err.splitlines()[-1].startswith("inclusions: ")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (PermissionError(13, "Permission denied", "shut.nc"), "cannot read shut.nc"),
        (OSError(28, "No space left on device", "new.nc"), "cannot write new.nc"),
        (OSError(30, "Read-only file system", "shut.nc"), "cannot write shut.nc"),
        (PermissionError(13, "Permission denied", "new.nc"), "cannot write new.nc"),
    ],
)
def test_what_cannot_be_read_and_what_cannot_be_written_are_told_apart(
    fault, words, files, command_line, monkeypatch
):
    (files / "shut.nc").write_text("")

    def fail(*_):
        # root, too, who may all
        monkeypatch.setattr(os, "access", lambda _, mode: mode != os.R_OK)
        raise fault

    monkeypatch.setattr("inclusions.account.progress", fail)
    ended = command_line("status", "good.toml")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert words in ended.err


def test_what_is_in_a_folder_that_may_not_be_searched_is_one_line(files, command_line, monkeypatch):
    def closed(original, refused):
        def asked(path, *how, **more):
            return refused(path) if "shut" in str(path) else original(path, *how, **more)

        return asked

    def stat(path):
        raise PermissionError(13, "Permission denied", str(path))

    def fail(*_):  # root, too, who may all
        monkeypatch.setattr(os, "access", closed(os.access, lambda _: False))
        monkeypatch.setattr(os, "stat", closed(os.stat, stat))
        stat("shut/shard.nc")

    monkeypatch.setattr("inclusions.account.progress", fail)
    ended = command_line("status", "good.toml")
    assert (ended.code, ended.err) == (
        1, "inclusions: cannot read shut/shard.nc: Permission denied\n"
    )  # fmt: skip


# What a job may use is not what the machine has


GROUPS = {
    "cgroup v2": {"proc/self/cgroup": "0::/box\n", "sys/fs/cgroup/box/memory.max": "524288000\n",
                  "sys/fs/cgroup/box/memory.current": "104857600\n"},
    "cgroup v1": {"proc/self/cgroup": "4:memory:/box\n",
                  "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "524288000\n",
                  "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "104857600\n"},
    "Slurm": {},
}  # fmt: skip


@pytest.fixture(params=GROUPS)
def small_job(request, tmp_path, monkeypatch):
    """A container or job of 500 MB."""
    for name, text in GROUPS[request.param].items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("inclusions.machine.ROOT", tmp_path / "root")
    if request.param == "Slurm":
        monkeypatch.setenv("SLURM_MEM_PER_NODE", "500")
        # What the process of all tests holds is not the command's.
        monkeypatch.setattr("inclusions.machine._resident", lambda: 100 * 2**20)


@pytest.mark.parametrize("solver", ["dense", "shift-invert", "shift-invert:ldl"])
def test_a_sample_too_large_for_the_job_is_refused_in_one_line(solver, small_job, command_line):
    ended = command_line(
        "spectrum", "--length", 16, "--bubble", 4, "--disorder", 4, "--solver", solver
    )
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert "bubble4-L16-W4.0 (dimension 51480) needs about" in ended.err
    assert re.search(r"0\.\d GB are free \((control group|this Slurm job)", ended.err)
    assert "try" in ended.err


def test_auto_takes_the_filter_where_the_job_holds_no_factor(monkeypatch):
    monkeypatch.setattr(launch, "memory_limit", lambda: Limit(500.0, "this job"))
    large, small = Model(16, 4.0, bubble=4), Model(10, 4.0)
    assert launch.check_room(large, 50, "auto") == "filter"
    assert launch.check_room(small, 50, "auto") == "auto"


def test_workers_are_as_many_as_the_job_has_memory_for(small_job, files, command_line):
    text = (files / "good.toml").read_text()
    large = text.replace("states = 5", 'states = 5\nsolver = "shift-invert"')
    (files / "large.toml").write_text(large.replace("length = 4", "length = 16\nbubble = 4"))
    refused_run = command_line("run", "large.toml", "--workers", 4)
    assert refused_run.code == 1 and "are free (" in refused_run.err
    (files / "good.toml").write_text(text.replace("realizations = 2", "realizations = 30"))
    fewer = command_line("run", "good.toml", "--workers", 4)
    assert fewer.code == 0
    assert re.search(r"[1-3] workers instead of 4", fewer.out)
