"""Processes side by side: what they say is heard, and what ends them ends the run."""

import os
import signal
import time

import pytest

from inclusions.workers import Stop, side_by_side, threads


def count_to_three(say, share):
    for number in range(3):
        say((share[0], number))


def fail(say, share):
    raise OSError(28, "No space left on device", "a shard")


def die_unless_first(say, share):
    if share[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    say(share)


def work_for_ever(say, share):
    while True:
        say(os.getpid())
        time.sleep(0.05)


def test_every_word_of_every_worker_is_heard():
    heard = []
    with Stop() as stop:
        assert side_by_side(count_to_three, 2, heard.append, stop) == 0
    assert sorted(heard) == [(worker, number) for worker in range(2) for number in range(3)]


def test_what_a_worker_raises_is_raised():
    with pytest.raises(OSError, match="No space left on device"), Stop() as stop:
        side_by_side(fail, 2, print, stop)


def test_a_worker_that_is_killed_is_counted_and_the_others_go_on():
    heard = []
    with Stop() as stop:
        assert side_by_side(die_unless_first, 2, heard.append, stop) == 1
    assert heard == [(0, 2)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_destructor_is_not_lost(number):
    class Ending:
        def __del__(self):
            os.kill(os.getpid(), number)
            time.sleep(0.01)  # the handler runs here, and Python drops what it raises

    with Stop() as stop:
        stop.look()
        ending = Ending()
        del ending
        with pytest.raises(KeyboardInterrupt):
            stop.look()


def test_a_run_that_is_told_to_stop_takes_its_workers_along():
    heard = set()

    def hear(pid):
        heard.add(pid)
        if len(heard) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), Stop() as stop:
        side_by_side(work_for_ever, 2, hear, stop)
    for pid in heard:
        for _ in range(6000):
            try:
                os.kill(pid, 0)
                os.waitpid(pid, os.WNOHANG)
            except (ProcessLookupError, ChildProcessError):
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"worker {pid} lives")


def test_handlers_of_before_are_back_afterwards():
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with Stop():
        pass
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(
    ("value", "expected"), [("4", 4), ("4,2", 4), ("", 1), (" 2 ", 2), ("many", 1), ("0", 1)]
)
def test_threads_are_what_the_environment_says_of_the_outermost_level(value, expected, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads() == expected
