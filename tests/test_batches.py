"""A campaign cut into the jobs of a queue."""

import pytest

from inclusions import campaign, ensemble
from inclusions.batches import (
    MEMORY_MARGIN,
    Limits,
    batches,
    decided,
    memory,
    minutes,
    on_gpu,
    runtime,
)
from inclusions.cost import predicted_memory

LIMITS = Limits(5, 1000, 4000, 8, "mpiexec -n {ranks}")
CAMPAIGN = """
name = "test"
seed = 5
states = 20
chunk = 4
[[ensemble]]
length = {length}
bubble = 4
disorder = 4.0
realizations = 12
{more}
"""


@pytest.fixture
def load(tmp_path):
    def load(length=8, more=""):
        path = tmp_path / "campaign.toml"
        path.write_text(CAMPAIGN.format(length=length, more=more))
        return campaign.load(path)

    return load


def indices(jobs):
    return [index for job in jobs for index in range(job.first, job.first + job.number)]


def test_jobs_hold_every_missing_realization_once(load, tmp_path):
    plan = load()
    (one,) = plan.ensembles
    short = LIMITS._replace(job_minutes=minutes(one, 5, 1))
    jobs = list(batches(plan, tmp_path, short))
    assert [(job.first, job.number) for job in jobs] == [(0, 5), (5, 5), (10, 2)]
    place = ensemble.place_of(one, tmp_path)
    ensemble.run(load(more="first = 5"), tmp_path)
    assert place.done() == set(range(5, 17))
    assert indices(batches(load(), tmp_path, short)) == [0, 1, 2, 3, 4]
    assert list(batches(load(more="first = 5"), tmp_path, short)) == []


def test_a_sample_gets_as_few_ranks_as_its_memory_allows(load, tmp_path):
    serial = list(batches(load(14), tmp_path, LIMITS))
    assert {job.ranks for job in serial} == {1}
    tight = LIMITS._replace(max_mem_mb=0.9 * memory(serial[0].ensemble, 1, 1, LIMITS) - 500)
    spread = list(batches(load(14), tmp_path, tight))
    assert min(job.ranks for job in spread) > 1
    assert spread[0].page.endswith(f"-ranks{spread[0].ranks}.ipynb")
    (demanded, *_) = batches(load(more="ranks = 3"), tmp_path, LIMITS)
    assert demanded.ranks == 3


@pytest.mark.parametrize(
    ("length", "more", "limits", "words"),
    [
        (8, "ranks = 9", {}, ["ranks = 9", "has 8 at most"]),
        (22, "", {}, ["L22", "GB on each of 8 ranks", "4.0 GB and 8 ranks"]),
        (16, "", {"max_runtime": 0.1}, ["L16", "minutes", "end after 0.1"]),
    ],
)
def test_what_no_job_can_do_is_refused(length, more, limits, words, load, tmp_path):
    with pytest.raises(ValueError) as refused:
        list(batches(load(length, more), tmp_path, LIMITS._replace(**limits)))
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_repeated_job_asks_for_more_but_never_beyond_the_limits(load):
    (one,) = load(16).ensembles
    for ask in (
        lambda attempt: runtime(one, 10, 1, attempt, LIMITS),
        lambda attempt: memory(one, 1, attempt, LIMITS),
    ):
        assert ask(1) < ask(2)
    assert runtime(one, 10**6, 1, 1, LIMITS) == LIMITS.max_runtime
    assert memory(one, 1, 100, LIMITS) == LIMITS.max_mem_mb


def test_limits_that_a_profile_lacks_are_named():
    settings = LIMITS._asdict()
    assert Limits.of(settings | {"other": 1}, "limits.yaml") == LIMITS
    del settings["max_ranks"]
    with pytest.raises(ValueError, match="limits.yaml: max_ranks must be .*, got nothing"):
        Limits.of(settings, "limits.yaml")


def test_where_no_factor_fits_jobs_take_the_filter(load, tmp_path):
    small = LIMITS._replace(max_mem_mb=3000, max_ranks=1, max_runtime=10**6)
    (one,) = decided(load(20), small).ensembles
    assert one.solver == "filter"
    assert memory(one, 1, 1, small) < 3000
    jobs = list(batches(decided(load(20), small), tmp_path, small))
    assert {job.ranks for job in jobs} == {1}
    assert decided(load(8), small).ensembles[0].solver == "auto"


@pytest.mark.parametrize(
    ("most", "fits", "taken"), [(48, 33, 48), (48, 32, 32), (256, 129, 256), (2, 1, 1), (3, 3, 3)]
)
def test_a_factor_is_taken_where_it_fits_on_any_number_of_ranks_that_a_profile_has(
    most, fits, taken, load, tmp_path
):
    plan = load(18)
    (one,) = plan.ensembles
    room = 1.000001 * MEMORY_MARGIN * predicted_memory(one.model, one.count, fits)
    limits = LIMITS._replace(max_ranks=most, max_mem_mb=room, max_runtime=10**6)
    assert decided(plan, limits) == plan
    assert {job.ranks for job in batches(plan, tmp_path, limits)} == {taken}


def test_jobs_that_want_a_gpu_are_known(load):
    (one,) = load().ensembles
    assert not on_gpu(one)
    assert on_gpu(one._replace(solver="filter:gpu"))
