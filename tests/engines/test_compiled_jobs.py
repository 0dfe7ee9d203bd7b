"""Jobs in the compiled engine: rules worked out on paper, any blocks, and one job as a queue of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines import compiled
from simulator.engines.compiled.jobs import JobPool
from simulator.engines.pool import OnTimeout, Pool, Routing
from simulator.engines.served_otherwise import Jobs
from simulator.engines.tables import Demand, Outcome, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases, further_cases

SEED = 20261127
COMPLETED, TIMED_OUT = int(Outcome.COMPLETED), int(Outcome.TIMED_OUT)


def settled(pool: Pool, blocks: list[Demand], launches: Sequence[int] = (0,), room: int = 1024) -> list[Settled]:
    """What is given back after each block, and at the end."""

    def launch_times(n: int) -> NDArray[np.int64]:
        return np.resize(np.array(launches, np.int64), n)

    simulation = JobPool(pool, launch_times, room)
    return [*map(simulation.feed, blocks), simulation.finish()]


def pool(jobs: Jobs, **given: Any) -> Pool:
    fields = {"standing": 0, "launches": False, "routing": Routing.CENTRAL_QUEUE, "waits_for_capacity": True}
    return Pool(**{**fields, "jobs": jobs, **given})


def rows(run: Run) -> list[tuple[int, int, int]]:
    """(instance, start, release) of each request."""
    columns = (run.requests.instance, run.requests.start_ns, run.requests.release_ns)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def lives(run: Run) -> list[tuple[int, int, int]]:
    """(launch, ready, gone) of each instance."""
    columns = (run.instances.launch_ns, run.instances.ready_ns, run.instances.gone_ns)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def changes(run: Run) -> list[tuple[int, int]]:
    return list(zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True))


def test_a_job_serves_what_came_before_it_in_order_at_the_first_worker() -> None:
    """Jobs at 5, 15, 25, …, of two instances with two workers, ready after 1 and 3, then 0 and 0, then 2 and 9."""
    demand = Demand.from_arrays([0, 1, 4, 4, 5, 6, 25], [3, 4, 2, 9, 2, 2, 1])
    run = Run.joined(settled(pool(Jobs(5, 10, 2), places=2), [demand], [1, 3, 0, 0, 2, 9]))
    # Job at 5: instance 0 takes two at 6, and 1 two at 8. The arrival at 5 is for the job at 15, where instance 2 takes
    # both. Nothing came from 15 to 25, and the arrival at 25 is for the job at 35.
    expected = [(0, 6, 9), (0, 6, 10), (1, 8, 10), (1, 8, 17), (2, 15, 17), (2, 15, 17), (4, 37, 38)]
    assert expected == rows(run)
    # All go at the last release, or when the last is ready.
    assert [(5, 6, 17), (5, 8, 17), (15, 15, 17), (15, 15, 17), (35, 37, 44), (35, 44, 44)] == lives(run)
    assert [(5, 2), (15, 4), (17, 0), (35, 2), (44, 0)] == changes(run)


def test_at_one_instant_releases_come_before_instances_that_become_ready() -> None:
    """The worker of request 1, released at 4 like that of request 0, takes the fourth request; instance 1 the rest."""
    demand = Demand.from_arrays([0] * 5, [3, 3, 1, 1, 1])
    run = Run.joined(settled(pool(Jobs(1, 9, 2), places=2), [demand], [0, 3]))
    assert [(0, 1, 4), (0, 1, 4), (0, 4, 5), (0, 4, 5), (1, 4, 5)] == rows(run)


def test_jobs_that_overlap_share_nothing_and_a_change_of_nothing_is_no_row() -> None:
    """A job of each interval of 4: the first ends as the third begins, whose instance is free long before."""
    demand = Demand.from_arrays([0, 3, 5, 9], [8, 1, 1, 1])
    run = Run.joined(settled(pool(Jobs(4, 4, 1)), [demand]))
    # The job at 4 serves until 13 although the one at 8 is over at 9; that at 12 begins besides.
    assert [(0, 4, 12), (0, 12, 13), (1, 8, 9), (2, 12, 13)] == rows(run)
    assert [(4, 1), (8, 2), (9, 1), (12, 2), (13, 0)] == changes(run)
    run = Run.joined(settled(pool(Jobs(4, 4, 1)), [Demand.from_arrays([0, 4], 4)]))
    assert [(4, 1), (12, 0)] == changes(run)


@pytest.mark.parametrize(("on_timeout", "starts"), [(OnTimeout.SERVE_ON, [2, 7]), (OnTimeout.STOP, [2, 5])])
def test_the_timeout_runs_from_the_start(on_timeout: OnTimeout, starts: list[int]) -> None:
    """A service of 5 and a timeout of 3: the answer comes after 3, and the worker is free then or after 5."""
    demand = Demand.from_arrays([0, 0], [5, 3])
    run = Run.joined(settled(pool(Jobs(2, 9, 1), timeout_ns=3, on_timeout=on_timeout), [demand]))
    assert starts == run.requests.start_ns.tolist()
    assert [TIMED_OUT, COMPLETED] == run.requests.outcome.tolist()
    assert [5, starts[1] + 3] == run.requests.response_ns.tolist()
    assert starts[1] == run.requests.release_ns[0]


def test_what_is_given_back_after_each_block() -> None:
    """Requests once their job has begun, instances once they are gone, the changes of an instant once it is past."""
    demand = Demand.from_arrays([0, 4, 9, 9, 30], [7, 1, 1, 1, 1])
    parts = settled(pool(Jobs(5, 5, 1)), [demand.rows(i, i + 1) for i in range(5)])
    # Jobs at 5, until 13, at 10, until 12, and at 35, until 36.
    assert [0, 0, 2, 0, 2, 1] == [len(part.demand) for part in parts]
    assert [[], [], [5], [], [10], [35]] == [part.launched_ns.tolist() for part in parts]
    assert [[], [], [], [], [0, 1], [2]] == [part.gone_numbers.tolist() for part in parts]
    assert [[], [], [5], [], [10, 12, 13], [35, 36]] == [part.changes.at_ns.tolist() for part in parts]
    assert [0, 4, 9, 9, 30, FOREVER] == [part.until_ns for part in parts]


def test_one_job_is_a_central_queue_from_its_beginning() -> None:
    """100 random demands, all before the only job, whose instances are ready at once."""
    dice = random.Random(SEED)
    for further in further_cases.seeded(further_cases.jobs, SEED, 100):
        n = len(further.demand)
        if n == 0:
            continue
        begin, instances, places = int(further.demand.arrival_ns[-1]) + 1, dice.randint(2, 3), further.pool.places
        fields: dict[str, Any] = {"places": places, "timeout_ns": further.pool.timeout_ns}
        queue = Pool(standing=instances, launches=False, routing=Routing.CENTRAL_QUEUE, **fields)
        service_ns = further.demand.service_ns
        late = Demand.from_arrays(np.full(n, begin), service_ns)
        expected = compiled.simulate(queue, late).requests
        found = Run.joined(settled(pool(Jobs(begin, 1, instances), **fields), [further.demand])).requests
        for name in ("outcome", "start_ns", "response_ns", "release_ns"):
            assert getattr(expected, name).tolist() == getattr(found, name).tolist(), further


def test_no_row_depends_on_blocks() -> None:
    """300 random pools and demands, at once and in random blocks."""
    dice = random.Random(SEED)
    n_changes = 0
    for further in further_cases.seeded(further_cases.jobs, SEED + 1, 300):
        expected = Run.joined(settled(further.pool, [further.demand], further.launches))
        blocks = list(cases.blocks(dice, further.demand))
        parts = settled(further.pool, blocks, further.launches, room=1)
        found = Run.joined(parts)
        problem = cases.difference(expected, found)
        assert problem is None, f"{problem}\n{cases.described(further.pool, further.demand)}"
        until_ns = 0
        for part in parts:
            assert min([*part.launched_ns.tolist(), *part.gone.gone_ns.tolist(), part.until_ns]) >= until_ns
            until_ns = part.until_ns
        n_changes += len(found.changes)
        assert found.changes.capacity.tolist()[-1:] == [0] * bool(len(further.demand))
    assert n_changes > 1_500


def test_nobody_waits_for_ever() -> None:
    """One message says for what: a service, an instance, or a job."""
    with pytest.raises(InputError, match="a service that never ends"):
        settled(pool(Jobs(0, 5, 1)), [Demand.from_arrays([0, 0], [FOREVER, 1])])
    with pytest.raises(InputError, match="an instance never ready"):
        settled(pool(Jobs(0, 5, 1)), [Demand.from_arrays([0], 1)], [FOREVER])
    with pytest.raises(InputError, match="a job that never begins"):
        settled(pool(Jobs(0, FOREVER - 1, 1)), [Demand.from_arrays([FOREVER - 1], 1)])
