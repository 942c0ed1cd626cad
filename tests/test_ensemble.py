"""Running a campaign: the same records however it is cut, killed, shared or resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from itertools import count

import numpy as np
import pytest
import xarray as xr

from inclusions import account, campaign, ensemble, store
from inclusions.eigen import NotConverged
from inclusions.store import claims

CAMPAIGN = """
name = "test"
seed = 5
states = 20
chunk = {chunk}
[[ensemble]]
length = 8
bubble = 4
disorder = [1.0, 4.0]
realizations = {realizations}
"""


@pytest.fixture
def write(tmp_path):
    """A function that writes a campaign file."""

    def write(name="campaign.toml", chunk=5, realizations=12, text=CAMPAIGN):
        path = tmp_path / name
        path.write_text(text.format(chunk=chunk, realizations=realizations))
        return path

    return write


@pytest.fixture(scope="module")
def undisturbed(physics, tmp_path_factory):
    """What the campaign gives when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "campaign.toml"
    path.write_text(CAMPAIGN.format(chunk=5, realizations=12))
    ensemble.run(campaign.load(path), folder / "data")
    return physics(path, folder / "data")


def identical(these, those):
    assert these.keys() == those.keys()
    for name in these:
        xr.testing.assert_identical(these[name], those[name])
    return True


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "inclusions", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
    )  # fmt: skip


def finish(process):
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def wait_for(condition):
    for _ in range(12_000):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("nothing happened for minutes")


def computed(data):
    """How often each realization was computed and saved, by the shards."""
    counts = Counter()
    for path in data.glob("shards/*/*.nc"):
        counts.update((path.parent.name, index) for index in store.Shard.at(path).indices)
    return counts


def leftovers(data):
    return [path for path in data.glob("shards/*/*") if path.suffix != ".nc"]


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_records_do_not_depend_on_the_chunks(undisturbed, write, physics, tmp_path, chunk):
    path = write(chunk=chunk)
    ensemble.run(campaign.load(path), tmp_path / "data")
    assert identical(physics(path, tmp_path / "data"), undisturbed)


def test_records_do_not_depend_on_the_workers(undisturbed, write, physics, tmp_path):
    path = write()
    fates = ensemble.run(campaign.load(path), tmp_path / "data", workers=2)
    assert fates == {"computed": 24}
    assert identical(physics(path, tmp_path / "data"), undisturbed)


UNEVEN = """
name = "test"
seed = 5
states = 20
chunk = {chunk}
[[ensemble]]
length = [6, 14]
disorder = 4.0
realizations = {realizations}
"""


def test_a_worker_that_is_done_does_not_take_the_others_for_another_run(write, tmp_path):
    told = []
    ensemble.run(
        campaign.load(write(chunk=1, realizations=1, text=UNEVEN)),
        tmp_path / "data",
        2,
        told.append,
    )
    assert told == [ensemble.Fate.COMPUTED] * 2


def test_workers_say_that_they_wait_for_another_run(write, tmp_path):
    planned = campaign.load(write(chunk=1, realizations=1, text=UNEVEN))
    folder = ensemble.place_of(planned.ensembles[1], tmp_path / "data").folder
    folder.mkdir(parents=True)
    claimed = folder / f"0-1.{claims.owner()}.part"  # of this process, which is none of the workers
    claimed.write_text("# claimed\n")
    told = []

    def tell(fate):
        told.append(fate)
        if fate is ensemble.Fate.WAITING:
            claimed.unlink(missing_ok=True)

    ensemble.run(planned, tmp_path / "data", 2, tell)
    assert told.count(ensemble.Fate.COMPUTED) == 2 and ensemble.Fate.WAITING in told


def test_a_larger_campaign_computes_only_what_is_new(write, tmp_path):
    ensemble.run(campaign.load(write(realizations=4)), tmp_path / "data")
    fates = ensemble.run(campaign.load(write(realizations=6)), tmp_path / "data")
    assert fates == {"computed": 4}


def test_a_part_of_an_ensemble_is_what_the_whole_has(undisturbed, write, physics, tmp_path):
    text = CAMPAIGN + "first = 3\n"
    path = write(realizations=4, text=text)
    ensemble.run(campaign.load(path), tmp_path / "data")
    for name, dataset in physics(path, tmp_path / "data").items():
        assert dataset.realization.values.tolist() == [3, 4, 5, 6]
        whole = undisturbed[name].sel(realization=dataset.realization)
        assert dataset.gap_ratio.equals(whole.gap_ratio)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_at_any_moment_goes_on_where_it_stood(
    undisturbed, write, physics, tmp_path, workers
):
    path, data = write(chunk=12), tmp_path / "data"
    run = start("run", path, "--data", data, "--workers", workers)
    journal = wait_for(lambda: [p for p in data.glob("shards/*/*.part") if p.stat().st_size > 2000])
    run.kill()
    run.wait()
    saved = len(computed(data)) or len(list(claims.read_journal(journal[0])))
    assert saved
    # The workers end with their parent, after the realization they are at.
    code, output = finish(start("run", path, "--data", data, "--workers", workers))
    assert code == 0, output
    assert identical(physics(path, data), undisturbed)
    assert set(computed(data).values()) == {1}
    assert leftovers(data) == []
    assert "recovered" in output or "elsewhere" in output or " 0 of" not in output


def test_the_others_do_the_work_of_a_worker_that_is_killed(undisturbed, write, physics, tmp_path):
    path, data = write(chunk=12), tmp_path / "data"
    run = start("run", path, "--data", data, "--workers", 2)
    (journal, *_) = wait_for(lambda: list(data.glob("shards/*/*.part")))
    os.kill(store.Journal.at(journal).pid, signal.SIGKILL)
    code, output = finish(run)
    assert code == 0, output
    assert "0 failed" in output and "1 workers died" in output
    told = re.findall(r"(\d+) (?:computed|recovered)", output.split("workers died")[0])
    assert sum(map(int, told)) == len(computed(data))  # those of the dead worker but once
    assert identical(physics(path, data), undisturbed)
    assert set(computed(data).values()) == {1}
    assert leftovers(data) == []


def test_a_run_that_is_told_to_end_takes_its_workers_along(write, tmp_path):
    path, data = write(chunk=200, realizations=2000), tmp_path / "data"
    run = start("run", path, "--data", data, "--workers", 2)
    claims = wait_for(lambda: (found := list(data.glob("shards/*/*.part")))[1:] and found)
    run.terminate()
    code, output = finish(run)
    assert code == 130
    assert output.endswith("what is finished is saved, the same command goes on\n")
    for claim in claims:
        journal = store.Journal.at(claim)
        wait_for(lambda journal=journal: not journal.alive(time.time(), 0))


def test_overlapping_campaigns_at_once_compute_nothing_twice(undisturbed, write, physics, tmp_path):
    data = tmp_path / "data"
    path, other = write(chunk=5), write("other.toml", chunk=7, realizations=9)
    runs = [start("run", p, "--data", data, "--workers", 2) for p in (path, other)]
    for run in runs:
        code, output = finish(run)
        assert code == 0, output
    assert identical(physics(path, data), undisturbed)
    assert set(computed(data).values()) == {1}
    assert leftovers(data) == []


def test_a_damaged_shard_is_named_and_computed_again(
    undisturbed, write, physics, command_line, tmp_path
):
    path, data = write(), tmp_path / "data"
    ensemble.run(campaign.load(path), data)
    broken, cut, *_ = sorted(data.glob("shards/*/*.nc"))
    broken.write_bytes(b"")
    os.truncate(cut, 1000)
    output = command_line("run", path, "--data", data).out.replace("\n", "")
    assert str(broken) in output and str(cut) in output
    assert "7 computed" in output  # five and the last two of twelve
    assert identical(physics(path, data), undisturbed)


def test_a_realization_that_fails_is_told_and_tried_again(write, tmp_path, monkeypatch):
    plan, data = campaign.load(write(realizations=3)), tmp_path / "data"
    original = ensemble.record

    def reluctant(one, index, comm=None):
        if index == 1:
            raise NotConverged("12 of 20 states", None)
        return original(one, index, comm)

    monkeypatch.setattr(ensemble, "record", reluctant)
    assert ensemble.run(plan, data) == {"computed": 4, "failed": 2}
    place = ensemble.place_of(plan.ensembles[0], data)
    assert place.failures() == {1: "NotConverged: 12 of 20 states"}
    monkeypatch.undo()
    assert ensemble.run(plan, data) == {"computed": 2}
    assert place.failures() == {}


def test_a_run_whose_workers_all_die_says_so(write, tmp_path):
    # As when memory is short: the kernel kills whoever computes this.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading, sys\n"
        "if '--multiprocessing-fork' in sys.argv:\n"
        "    threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()\n"
    )
    run = start(
        "run", write(realizations=4000, chunk=4000), "--data", tmp_path / "data", "--workers", 2,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    code, output = finish(run)
    assert code == 1
    assert "all 2 workers died" in output
    assert "Traceback" not in output


def test_what_failed_is_tried_once_in_a_run_of_several_workers(write, tmp_path):
    # Each worker comes upon what another one failed at: it is not to try again.
    path, data = write(realizations=3, chunk=1), tmp_path / "data"
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if '--multiprocessing-fork' in sys.argv:\n"
        "    from inclusions import ensemble\n"
        "    from inclusions.eigen import NotConverged\n"
        "    def record(*_):\n"
        "        raise NotConverged('12 of 20 states', None)\n"
        "    ensemble.record = record\n"
    )
    code, output = finish(
        start("run", path, "--data", data, "--workers", 2,
              env=os.environ | {"PYTHONPATH": str(tmp_path)})
    )  # fmt: skip
    assert code == 1 and "0 computed, 6 failed" in output


def test_a_second_try_is_counted_in_the_record(write, monkeypatch):
    (one, *_) = campaign.load(write()).ensembles
    assert ensemble.record(one, 0)["retries"] == 0
    tried = []
    original = ensemble.choose

    def reluctant(*given):
        method = original("shift-invert", *given[1:])
        found = method.enlarged(one.count)

        class Reluctant:
            def __call__(self, *rest):
                tried.append(rest)
                raise NotConverged("12 of 20 states", None)

            def enlarged(self, count):
                return found

        return Reluctant()

    monkeypatch.setattr(ensemble, "choose", reluctant)
    assert ensemble.record(one, 0)["retries"] == 1 and len(tried) == 1


def test_only_realizations_that_lack_an_observable_are_computed_where_it_is_asked_for(
    write, tmp_path
):
    data = tmp_path / "data"
    ensemble.run(campaign.load(write(realizations=3)), data)
    asking = 'observables = ["entanglement"]\n' + CAMPAIGN
    plan = campaign.load(write("asking.toml", realizations=3, text=asking))
    first, second = plan.ensembles
    ensemble.run(plan._replace(ensembles=[first]), data)
    assert len(ensemble.lacking(first, data)) == 0
    assert len(ensemble.lacking(second, data)) == 3
    assert ensemble.run(plan, data) == {"computed": 3}
    assert ensemble.run(campaign.load(write(realizations=3)), data) == {}
    records = ensemble.place_of(first, data).load()
    assert records.sizes["realization"] == 3
    assert 0 < float(records.half_chain_entropy.min()) < 8


def test_a_billion_realizations_cost_status_no_memory(write, tmp_path):
    plan = campaign.load(write(realizations=10**9))
    tracemalloc.start()
    rows = account.progress(plan, tmp_path / "data")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [row.missing for row in rows] == [10**9] * 2
    assert peak < 10 * 2**20
    assert next(ensemble.chunks(plan, tmp_path / "data")).indices == range(5)


def test_core_hours_of_a_model_in_two_tables_are_counted_once(write, tmp_path, monkeypatch):
    plan, data = campaign.load(write(realizations=4)), tmp_path / "data"
    ensemble.run(plan, data)
    monkeypatch.setattr(store.Store, "cost", lambda _: (range(4), 7200.0))
    parts = [plan.ensembles[0]._replace(first=first, realizations=2) for first in (0, 2, 4)]
    spent = [account.progress_of(one, data).core_hours_spent for one in (*plan.ensembles, *parts)]
    assert spent == pytest.approx([2, 2, 1, 1, 0])


def test_status_tells_done_missing_failed_and_core_hours(write, command_line, tmp_path):
    path, data = write(realizations=4), tmp_path / "data"
    ensemble.run(campaign.load(path), data)
    larger = campaign.load(write("larger.toml", realizations=10))
    place = ensemble.place_of(larger.ensembles[1], data)
    place.fail(7, "NotConverged: 12 of 20 states")
    told = json.loads(
        command_line("status", tmp_path / "larger.toml", "--data", data, "--json").out
    )
    assert [row["failed"] for row in told["ensembles"]] == [0, 1]
    total = told["all"]
    assert (total["wanted"], total["done"], total["missing"], total["failed"]) == (20, 8, 12, 1)
    assert total["core_hours_spent"] >= 0 and total["core_hours_to_go"] >= 0


@pytest.mark.parametrize("solver", ["auto", "shift-invert:superlu", "dense"])
def test_records_computed_again_are_the_same_with_every_solver(
    solver, write, command_line, tmp_path
):
    path, data = write(realizations=2), tmp_path / "data"
    ensemble.run(campaign.load(path), data)
    ended = command_line("run", path, "--data", data, "--recheck", 9, "--solver", solver)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count(": same\n") == 4
    assert f"4 records recomputed with {solver}, 0 differ" in ended.out


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("linear_entropy", 1e-5), ("energy_mean", 1e-8), ("gap_ratio", 1e-6), ("states", -1),
        ("half_chain_entropy", 0.01), ("half_chain_entropy_variance", 0.01),
        ("kullback_leibler", 0.1),
    ],
)  # fmt: skip
def test_records_that_are_not_what_the_code_gives_are_named(
    name, change, write, command_line, tmp_path
):
    asked = CAMPAIGN.replace("seed", 'observables = ["entanglement"]\nseed')
    path, data = write(realizations=3, text=asked), tmp_path / "data"
    plan = campaign.load(path)
    ensemble.run(plan, data)
    place = ensemble.place_of(plan.ensembles[0], data)
    records = place.load()
    records[name][1] = records[name][1].values + change
    store.write_dataset(place.consolidated, records)
    ended = command_line("run", path, "--data", data, "--recheck", 6)
    assert ended.code == 1
    assert f"{place.name} 1: differs in {name}\n" in ended.out
    assert "6 records recomputed with auto, 1 differ\n" in ended.out


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("workers = 2", "unknown key ensemble.1.workers"),
        ("ranks = 0", "ensemble.1.ranks"),
        ("first = -1", "ensemble.1.first"),
        ("states = 0", "ensemble.1.states"),
    ],
)
def test_a_wrong_campaign_file_is_one_line_and_nothing_is_written(
    write, command_line, tmp_path, line, complaint
):
    path = write(text=CAMPAIGN + line + "\n")
    ended = command_line("run", path, "--data", tmp_path / "data")
    assert ended.code == 2 and ended.out == ""
    assert complaint in ended.err and ended.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_without_a_factor_a_record_says_how_well_its_levels_were_counted(write):
    text = CAMPAIGN.replace("states = 20", 'states = 20\nsolver = "filter"')
    path = write(text=text, realizations=2)
    (one, _) = campaign.load(path).ensembles
    found = ensemble.record(one, 0)
    exact = ensemble.record(one._replace(solver="shift-invert"), 0)
    assert found["solver"] == "filter"
    assert found["missing_levels"] == -1  # never said to be complete
    assert 0 < found["count_error"] < 2
    assert exact["missing_levels"] == 0 and not exact["count_error"] > 0
    assert found["gap_ratio"] == pytest.approx(exact["gap_ratio"], abs=1e-9)


def test_a_record_has_the_core_seconds_of_all_threads_and_no_pause(write, monkeypatch):
    """A process that is stopped, or waits for a core, spends nothing meanwhile."""
    (one, *_) = campaign.load(write()).ensembles
    spent, clock = count(0.0, 2.5), count(0.0, 1000.0)
    monkeypatch.setattr(ensemble.time, "process_time", lambda: next(spent))
    monkeypatch.setattr(ensemble.time, "perf_counter", lambda: next(clock))
    assert ensemble.record(one, 0)["seconds"] == 2.5


# Gap ratios only

LEAN = """
name = "lean"
seed = 5
states = 20
chunk = 5
[[ensemble]]
length = 8
bubble = 4
disorder = [1.0, 4.0]
realizations = 12
gap_ratios_only = {only}
"""


def test_gap_ratios_alone_are_those_of_the_full_records_which_take_their_place(
    write, undisturbed, physics, tmp_path, command_line
):
    only, full = (write(f"{o}.toml", text=LEAN.replace("{only}", o)) for o in ("true", "false"))
    data = tmp_path / "data"
    assert ensemble.run(campaign.load(only), data)["computed"] == 24
    for name, found in physics(only, data).items():
        np.testing.assert_array_equal(found.gap_ratio, undisturbed[name].gap_ratio)
        assert np.isnan(found.linear_entropy).all()
    ended = command_line("run", only, "--data", data, "--recheck", 4)
    assert (ended.code, ended.err) == (0, "") and "differ" in ended.out
    # What is there suffices for one campaign, and not for the other.
    assert ensemble.run(campaign.load(only), data)["computed"] == 0
    missing = [row.missing for row in account.progress(campaign.load(full), data)]
    assert missing == [12, 12]
    command_line("consolidate", "--data", data)
    assert ensemble.run(campaign.load(full), data)["computed"] == 24
    assert identical(physics(full, data), undisturbed)


def test_a_killed_run_of_gap_ratios_only_goes_on_from_its_journal(write, tmp_path):
    path, data = write(text=LEAN.replace("{only}", "true")), tmp_path / "data"
    plan = campaign.load(path)
    calls = count()

    def stop_at_the_third(fate):
        if next(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensemble.run(plan, data, tell=stop_at_the_third)
    totals = ensemble.run(plan, data)
    assert totals[ensemble.Fate.RECOVERED] == 3 and totals[ensemble.Fate.COMPUTED] == 21


def test_tables_that_share_realizations_keep_all_that_either_asks_for(write):
    text = LEAN.replace("{only}", "true") + LEAN[LEAN.index("[[") :].replace("{only}", "false")
    both = campaign.load(write(text=text)).ensembles
    assert [one.gap_ratios_only for one in both] == [False, False]
