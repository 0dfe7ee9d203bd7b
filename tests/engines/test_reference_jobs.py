"""Jobs: runs worked out on paper.

In the tables of the docstrings an instant is written with what happens then, in order of rank.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines import reference
from simulator.engines.pool import OnTimeout, Pool
from simulator.engines.reference.jobs import JobEndpoint
from simulator.engines.served_otherwise import Jobs
from simulator.engines.tables import Demand
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines.traces import check, each_engine, late, run_of, standing, warm


def jobs(first: int, interval: int, instances: int = 1, **given: Any) -> Pool:
    """A pool whose jobs serve what has come, one worker per instance."""
    return standing(0, waits_for_capacity=True, jobs=Jobs(first, interval, instances), **given)


@each_engine
def test_a_job_serves_what_came_before(engine: ModuleType) -> None:
    """Jobs at 10, 20, 30, 40; one instance; launch times 3, 4, 5.

    | instant | what |
    |---|---|
    | 1, 9 | requests 0 and 1 come |
    | 10 | job with 0 and 1, instance 0; then request 2 comes, too late for it |
    | 13 | instance 0 ready, takes 0 until 15, then 1 until 17 |
    | 17 | all released: gone |
    | 20 | job with request 2, instance 1, ready at 24, released and gone at 26 |
    | 30 | nothing came: no job |
    | 33 | request 3 comes |
    | 40 | the last job, instance 2, ready at 45, gone at 47 |
    """
    run = run_of(engine, jobs(10, 10), Demand.from_arrays([1, 9, 10, 33], 2), [3, 4, 5])
    check(
        run,
        [warm(13, 15, 0), warm(15, 17, 0), warm(24, 26, 1), warm(45, 47, 2)],
        [(10, 13, 17), (20, 24, 26), (40, 45, 47)],
        changes=[(10, 1), (17, 0), (20, 1), (26, 0), (40, 1), (47, 0)],
    )


@each_engine
def test_instances_take_from_the_head_as_they_are_ready(engine: ModuleType) -> None:
    """Two instances of two workers, launch times 5 and 2; requests 0 to 5 came at 0, service 4, 4, 9, 1, 1, 1.

    | instant | instance 0 | instance 1 |
    |---|---|---|
    | 1 | launched | launched |
    | 3 | | ready, takes 0 until 7 and 1 until 7 |
    | 6 | ready, takes 2 until 15 and 3 until 7 | |
    | 7 | 3 is released after 0 and 1 | 0 is released: 4 until 8; 1 is released: 5 until 8 |
    | 8 | | idle, but the job is not over |
    | 15 | gone | gone |
    """
    demand = Demand.from_arrays([0] * 6, [4, 4, 9, 1, 1, 1])
    run = run_of(engine, jobs(1, 100, instances=2, places=2), demand, [5, 2])
    check(
        run,
        [warm(3, 7, 1), warm(3, 7, 1), warm(6, 15, 0), warm(6, 7, 0), warm(7, 8, 1), warm(7, 8, 1)],
        [(1, 6, 15), (1, 3, 15)],
        changes=[(1, 2), (15, 0)],
    )


@each_engine
def test_two_ready_at_one_instant_take_by_number(engine: ModuleType) -> None:
    """Both ready at 5: instance 0 takes request 0, instance 1 request 1."""
    run = run_of(engine, jobs(3, 9, instances=2), Demand.from_arrays([0, 0], [2, 3]), [2, 2])
    check(run, [warm(5, 7, 0), warm(5, 8, 1)], [(3, 5, 8), (3, 5, 8)], changes=[(3, 2), (8, 0)])


@each_engine
def test_instances_are_gone_when_all_were_ready(engine: ModuleType) -> None:
    """The only request is released at 4, instance 1 is ready at 9 and finds nobody: both are gone at 9."""
    run = run_of(engine, jobs(2, 100, instances=2), Demand.from_arrays([0], 1), [1, 7])
    check(run, [warm(3, 4, 0)], [(2, 3, 9), (2, 9, 9)], changes=[(2, 2), (9, 0)])


@each_engine
def test_jobs_that_overlap_share_nothing(engine: ModuleType) -> None:
    """Jobs at 5 and 10. Instance 1 is free at 12 and done; request 1 waits for instance 0 all the same.

    | instant | job of 5 | job of 10 | instances |
    |---|---|---|---|
    | 5 | requests 0 and 1, instance 0, ready, takes 0 until 15 | | 1 |
    | 10 | | request 2, instance 1, ready at 11, until 12 | 2 |
    | 12 | | gone | 1 |
    | 15 | takes 1 until 25 | | |
    | 25 | gone | | 0 |
    """
    run = run_of(engine, jobs(5, 5), Demand.from_arrays([0, 0, 6], [10, 10, 1]), [0, 1])
    check(
        run,
        [warm(5, 15, 0), warm(15, 25, 0), warm(11, 12, 1)],
        [(5, 5, 25), (10, 11, 12)],
        changes=[(5, 1), (10, 2), (12, 1), (25, 0)],
    )


@each_engine
def test_changes_of_one_instant_are_one_row(engine: ModuleType) -> None:
    """A job ends as the next begins, at 10: no row. At 25 two end and one begins: one row. Launch times are 0.

    | instant | ends | begins | instances |
    |---|---|---|---|
    | 0 | | request 0 (service 5) came at 0, not before: no job | 0 |
    | 5 | | job of request 0: until 10 | 1 |
    | 10 | that one | job of request 1, which came at 5: until 25 | 1, no row |
    | 15 | | job of request 2, which came at 11: until 25 | 2 |
    | 25 | both | job of request 3, which came at 21: until 26 | 1 |
    | 26 | that one | | 0 |
    """
    demand = Demand.from_arrays([0, 5, 11, 21], [5, 15, 10, 1])
    check(
        run_of(engine, jobs(0, 5), demand),
        [warm(5, 10, 0), warm(10, 25, 1), warm(15, 25, 2), warm(25, 26, 3)],
        [(5, 5, 10), (10, 10, 25), (15, 15, 25), (25, 25, 26)],
        changes=[(5, 1), (15, 2), (25, 1), (26, 0)],
    )


@each_engine
@pytest.mark.parametrize("on_timeout", list(OnTimeout))
def test_timeout_runs_from_the_start_of_service(engine: ModuleType, on_timeout: OnTimeout) -> None:
    """Timeout 5, service 5 and 8 on one worker, ready at 10: request 1 is late at 20 and released at 23, or stopped."""
    stops = on_timeout is OnTimeout.STOP
    run = run_of(engine, jobs(10, 10, timeout_ns=5, on_timeout=on_timeout), Demand.from_arrays([0, 1], [5, 8]))
    end = 20 if stops else 23
    check(run, [warm(10, 15, 0), late(15, 20, end, 0)], [(10, 10, end)], changes=[(10, 1), (end, 0)])


def test_jobs_are_done_as_far_as_they_were_fed() -> None:
    """The job of 10 is over at 12, before the arrival of 19; the last one, of 20, comes with the end of the run."""
    simulation = reference.Simulation(jobs(10, 10), lambda n: np.ones(n, np.int64))
    first = simulation.feed(Demand.from_arrays([3, 19], 1))
    assert [12] == first.gone.gone_ns.tolist()
    assert [10, 12] == first.changes.at_ns.tolist()
    assert [12] == first.requests.release_ns.tolist()
    last = simulation.finish()
    assert [20] == last.launched_ns.tolist()
    assert [22] == last.requests.release_ns.tolist()


@each_engine
def test_launches_that_never_end(engine: ModuleType) -> None:
    """With another instance ready the job is served; the one that never is keeps both, for ever."""
    run = run_of(engine, jobs(2, 2, instances=2), Demand.from_arrays([0], 1), [FOREVER, 1])
    check(run, [warm(3, 4, 1)], [(2, FOREVER, FOREVER), (2, 3, FOREVER)], changes=[(2, 2)])
    with pytest.raises(InputError, match="wait for ever"):
        engine.simulate(jobs(2, 2), Demand.from_arrays([0], 1), lambda n: np.full(n, FOREVER))


def test_launch_times_are_needed() -> None:
    """Without them there is no telling when an instance is ready."""
    with pytest.raises(ValueError, match="launch times"):
        JobEndpoint(jobs(0, 1), None)
