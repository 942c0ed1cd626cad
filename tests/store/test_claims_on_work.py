"""Claims on work: nothing is computed twice, and nothing that was computed is lost."""

import os
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from made_up import record, save

from inclusions.store import claims

PATIENCE = 600


def test_a_journal_cut_in_mid_line_keeps_its_whole_lines(place):
    journal, _ = claims.claim(place, range(3), PATIENCE)
    claims.append(journal, 0, record(0))
    claims.append(journal, 1, record(1))
    os.truncate(journal, journal.stat().st_size - 5)
    found = claims.journalled(place, [0, 1, 2])
    assert list(found) == [0]
    assert found[0]["gap_ratio"] == record(0)["gap_ratio"]


@pytest.fixture
def stranger():
    """Another process of this host."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def claim_of(place, name, indices, owner, silent=0.0):
    place.folder.mkdir(parents=True, exist_ok=True)
    journal = place.folder / f"{name}.{owner}.part"
    journal.write_text("# claimed\n")
    for index in indices:
        claims.append(journal, index, record(index))
    os.utime(journal, (time.time() - silent,) * 2)
    return journal


@pytest.mark.parametrize("wanted", [range(0, 10), range(9, 12), range(5, 6)])
def test_what_a_living_process_has_in_work_is_not_taken(place, stranger, wanted):
    time.sleep(0.1)
    claim_of(place, "0-10", [0], f"{socket.gethostname()}-{stranger.pid}")
    assert claims.claim(place, wanted, PATIENCE) is None
    assert len(claims.journals(place)) == 1, "giving way must leave no claim behind"
    assert claims.claim(place, range(10, 12), PATIENCE) is not None


def test_the_work_of_a_dead_process_is_taken_over_and_its_records_kept(place, stranger):
    dead = claim_of(place, "0-10", [0, 1], f"{socket.gethostname()}-{stranger.pid}")
    stranger.kill()  # not waited for: a zombie is dead too
    time.sleep(0.2)
    journal, missing = claims.claim(place, range(10), PATIENCE)
    assert missing == list(range(10))
    found = claims.journalled(place, missing)
    assert set(found) == {0, 1}
    place.write_shard(found)
    claims.release(place, journal, PATIENCE)
    assert not dead.exists() and not claims.journals(place)


def test_a_run_goes_on_where_what_others_left_may_not_be_removed(place, stranger, monkeypatch):
    """As in a folder that all may write, with the sticky bit."""
    dead = claim_of(place, "0-9", [], "elsewhere-1", silent=2 * PATIENCE)
    stranger.kill()
    stranger.wait()
    half = place.folder / f".0-9-1.0s.nc.{socket.gethostname()}-{stranger.pid}"
    half.write_text("being written")
    for index in range(2):
        place.fail(index, "out of luck", "another run")
    theirs = {path: path.read_bytes() for path in place.folder.iterdir()}
    assert len(theirs) == 4 and {dead, half} < theirs.keys()

    def guarded(change):
        def changed(*paths, **how):
            if Path(paths[-1]) in theirs:
                raise PermissionError(1, "Operation not permitted", str(paths[0]))
            return change(*paths, **how)

        return changed

    monkeypatch.setattr(Path, "unlink", guarded(Path.unlink))
    monkeypatch.setattr(os, "replace", guarded(os.replace))
    journal, _ = claims.claim(place, range(3), PATIENCE)
    place.fail(1, "out of luck", "this run")
    assert place.failed_in("this run") == {1}, "it would be tried again"
    save(place, 0)
    save(place, 1)
    claims.release(place, journal, PATIENCE)
    assert place.done() == {0, 1} and not journal.exists()
    assert {path: path.read_bytes() for path in theirs} == theirs
    assert not [path for path in place.folder.iterdir() if path not in theirs
                and path.suffix != ".nc"]  # fmt: skip


def test_a_journal_with_unsaved_records_outlives_the_release_of_another(place):
    dead = claim_of(place, "0-10", [0, 9], "elsewhere-1", silent=2 * PATIENCE)
    journal, _ = claims.claim(place, range(2), PATIENCE)
    save(place, 0)
    claims.release(place, journal, PATIENCE)
    assert dead.exists()


def test_a_silent_claim_of_another_host_is_dead_only_after_the_patience(place):
    claim_of(place, "0-10", [], "elsewhere-1", silent=PATIENCE - 60)
    assert claims.claim(place, range(3, 4), PATIENCE) is None
    claim_of(place, "0-10", [], "elsewhere-1", silent=PATIENCE + 60)
    assert claims.claim(place, range(3, 4), PATIENCE) is not None


def test_a_claim_leaves_out_what_another_saved_meanwhile(place):
    save(place, 0, 1)
    _, missing = claims.claim(place, range(4), PATIENCE)
    assert missing == [2, 3]


SPACE, TOKEN = "0123abcd", "89abcdef"  # of a container that has this host's name


@pytest.mark.parametrize("pid", [None, 1, 2**22 + 1], ids=["the same", "another", "none here"])
def test_a_container_of_the_same_host_name_is_not_taken_for_this_one(place, pid):
    pid = pid or os.getpid()
    # Whether its process runs cannot be seen here: its last sign of life counts.
    owner = f"{socket.gethostname()}-{SPACE}-{TOKEN}-{pid}"
    claim_of(place, "0-10", [0], owner, silent=PATIENCE - 60)
    assert claims.claim(place, range(5), PATIENCE) is None
    claim_of(place, "0-10", [0], owner, silent=PATIENCE + 60)
    journal, missing = claims.claim(place, range(5), PATIENCE)
    assert missing == [0, 1, 2, 3, 4] and list(claims.journalled(place, missing)) == [0]
    theirs = claim_of(place, "0-5", [], owner)
    assert theirs != journal
    half = place.folder / f".0-5-1.0s.nc.{owner}"
    half.write_text("being written")
    claims.release(place, journal, PATIENCE)
    assert theirs.exists() and half.exists(), "release must leave to a container what is its own"


def test_no_two_processes_have_the_same_name(place):
    say = "from inclusions.store.files import owner; print(owner())"
    names = {
        subprocess.run([sys.executable, "-c", say], capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(names) == 2
    path, _ = claims.claim(place, range(3), PATIENCE)
    journal = claims.Journal.at(path)
    assert (journal.host, journal.pid) == (socket.gethostname(), os.getpid()) and journal.own


def test_a_claim_of_an_older_version_with_this_process_number_is_not_this_process(place):
    claim_of(place, "0-10", [0], f"{socket.gethostname()}-{os.getpid()}")
    assert claims.claim(place, range(5), PATIENCE) is None


def test_a_claim_that_is_given_up_is_free_with_what_it_has(place, stranger):
    time.sleep(0.1)
    journal = claim_of(place, "0-10", [0], f"{socket.gethostname()}-{stranger.pid}")
    assert claims.claim(place, range(5), PATIENCE) is None
    claims.give_up(journal)
    _, missing = claims.claim(place, range(5), PATIENCE)
    assert list(claims.journalled(place, missing)) == [0]


def test_lines_of_a_journal_of_another_version_are_passed_over(place):
    journal = claim_of(place, "0-10", [0], "elsewhere-1", silent=2 * PATIENCE)
    claims.append(journal, 1, {"gap_ratio": 0.5})  # without the other fields
    for text in ("[2]", '{"index": 2}', '[2, "record"]', "[2, {}, {}]", "null"):
        claims._append(journal, f"{zlib.crc32(text.encode()):08x} {text}\n")
    assert list(claims.journalled(place, range(10))) == [0]


def test_a_journal_without_the_observables_asked_for_saves_no_work(place):
    full = record(0)
    journal = claim_of(place, "0-10", [], "elsewhere-1", silent=2 * PATIENCE)
    claims.append(journal, 0, {k: v for k, v in full.items() if k != "kullback_leibler"})
    claims.append(journal, 1, full)
    assert list(claims.journalled(place, range(10))) == [0, 1]
    assert list(claims.journalled(place, range(10), ["entanglement"])) == [1]
