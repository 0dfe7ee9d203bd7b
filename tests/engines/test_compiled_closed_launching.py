"""Closed populations before pools that launch, against traces worked by hand (model.md 4.5); one unit is 1 ns."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Patience, Population, Retries
from simulator.engines.compiled import Simulation, simulate
from simulator.engines.pool import IDLE_ROUTINGS, AtLimit, OnTimeout, Pool, Routing, WaitingRequests
from simulator.engines.scaling import Metric, Scaling, ScheduledAction, TargetTracking
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
DONE, AWAY, LATE = int(Outcome.COMPLETED), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)


def closed(until_ns: int = 100, overhead_ns: int = 0, **given: Any) -> Pool:
    given = {"standing": 0, "routing": Routing.MOST_RECENTLY_IDLE, **given}
    return Pool(launches=True, population=Population(until_ns, overhead_ns), **given)


def rows(n: int, service_ns: object = 5, think_ns: object = 3, **given: Any) -> Demand:
    return Demand.from_arrays(np.zeros(n, np.int64), service_ns, think_ns=think_ns, **given)


def run_of(pool: Pool, demand: Demand, *first_sends_ns: int) -> Run:
    return simulate(pool, demand, lambda n: np.full(n, 2, np.int64), np.array(first_sends_ns, np.int64))


def sent(run: Run) -> list[int]:
    assert run.sent is not None
    times: list[int] = run.sent.arrival_ns.tolist()
    return times


def column(run: Run, name: str) -> list[int]:
    values: list[int] = getattr(run.requests, name).tolist()
    return values


def test_a_client_sends_a_think_time_after_the_end_of_its_last() -> None:
    """Startup 2 and service 5 from 0, think time 3: sent at 10; warm then, served until 15; sent at 18, and at 26."""
    run = run_of(closed(30), rows(9, startup_ns=2), 0)
    assert [0, 10, 18, 26] == sent(run)
    assert [2, 10, 18, 26] == column(run, "start_ns")
    assert [1, 0, 0, 0] == column(run, "is_cold")


def test_rows_are_taken_in_order_of_sending() -> None:
    """Client 2 sends at 0 with row 0, and again at 0 + 1 + 6 = 7; clients 0 and 1 send at 7 too, with other rows."""
    demand = rows(4, [1, 20, 30, 40], [6, 1, 1, 1])
    run = run_of(closed(8), demand, 7, 7, 0)
    assert [0, 7, 7, 7] == sent(run)
    assert [1, 27, 37, 47] == column(run, "response_ns")


def test_nothing_is_sent_at_the_end_or_later() -> None:
    """First sendings at 9, 10 and 11 with until 10: one request only; its successor would come at 17."""
    assert [9] == sent(run_of(closed(10), rows(9), 10, 9, 11))


def test_the_overhead_is_that_of_completed_requests() -> None:
    """One place: client 0 is served from 0 to 5 and hears of it at 9; client 1 is throttled at 1 and thinks from then.

    So client 1 is back at 4, throttled again, and at 7, when it is served until 12; client 0 sends at 12.
    """
    run = run_of(closed(13, 4, max_concurrency=1), rows(9), 0, 1)
    assert [0, 1, 4, 7, 12] == sent(run)
    assert [DONE, AWAY, AWAY, DONE, DONE] == column(run, "outcome")


def test_the_end_is_that_of_the_last_attempt() -> None:
    """Throttled at 1, again at 4, at 8 on a free place until 13; the next is sent at 16."""
    retries = Retries(3, 3, multiplier=4 / 3, jitter=False)
    run = run_of(closed(17, max_concurrency=1, retries=retries), rows(4, [7, 5, 5, 5], [99, 3, 3, 3]), 0, 1)
    assert [0, 1, 16] == sent(run)
    assert [1, 1] == run.tries.number.tolist()
    assert [1, 4] == run.tries.at_ns.tolist()


def test_who_gives_up_thinks_while_its_place_serves_on() -> None:
    """Patience 2 with a service of 5 and think time 1: sent at 0, 3, 6; every place is busy but the first at 6."""
    pool = closed(7, patience=Patience.RESPONSE)
    run = run_of(pool, rows(9, 5, 1, patience_ns=2), 0)
    assert [0, 3, 6] == sent(run)
    assert [LATE, LATE, LATE] == column(run, "outcome")
    assert [0, 1, 0] == column(run, "instance")
    assert [5, 8, 11] == column(run, "release_ns")


def test_a_stopped_service_ends_at_its_timeout() -> None:
    """Timeout 4 of a service of 9: instance 0 is gone at 4, the client sends at 7 and gets another."""
    run = run_of(closed(8, timeout_ns=4, on_timeout=OnTimeout.STOP), rows(9, 9), 0)
    assert [0, 7] == sent(run)
    assert [4, 11] == run.instances.gone_ns.tolist()


def test_who_waits_in_the_line_sends_nothing_else() -> None:
    """One place and three clients: the line serves them in turn, five each; each is back three after its own."""
    run = run_of(closed(20, max_concurrency=1, at_limit=AtLimit.QUEUE), rows(9), 0, 0, 0)
    assert [0, 0, 0, 8, 13, 18] == sent(run)
    assert [0, 5, 10, 15, 20, 25] == column(run, "start_ns")


def test_the_smallest_and_the_largest_think_time() -> None:
    """After a think time of 1 a request comes at the next instant; after one for ever never."""
    assert [0, 6] == sent(run_of(closed(100), rows(9, 5, [1, FOREVER, 1, 1, 1, 1, 1, 1, 1]), 0))


def test_what_the_demand_says_of_arrivals_is_not_looked_at_nor_written() -> None:
    """The same with other arrivals, and the table that was given stays as it was."""
    demand = Demand.from_arrays([3, 3, 50, 70], 5, think_ns=3)
    run = run_of(closed(20), demand, 0)
    assert [0, 8, 16] == sent(run)
    assert [3, 3, 50, 70] == demand.arrival_ns.tolist()


def test_a_warm_instance_is_there_if_anybody_sends() -> None:
    """One client that sends finds it; one that would send too late leaves nothing behind."""
    warm = run_of(closed(9, starts_warm=True), rows(2), 4)
    assert [0] == column(warm, "is_cold")
    assert 1 == len(warm.instances)
    assert 0 == len(run_of(closed(4, starts_warm=True), rows(2), 4).instances)


def test_rows_are_wanted_as_long_as_somebody_may_send() -> None:
    """Three are sent, at 0, 8 and 16; the fourth would be at 24. It is known only once the third has ended."""
    simulation = Simulation(closed(20), first_sends_ns=np.array([0]))
    assert simulation.wants_rows
    assert [0] == simulation.feed(rows(1)).demand.arrival_ns.tolist()
    assert simulation.wants_rows
    assert [8] == simulation.feed(rows(1)).demand.arrival_ns.tolist()
    assert simulation.wants_rows
    assert [16] == simulation.feed(rows(2)).demand.arrival_ns.tolist()
    assert not simulation.wants_rows
    assert 0 == len(simulation.finish().demand)


def test_after_the_end_nothing_more_is_sent() -> None:
    """Fed one row of three that two clients could use: the second client never sends."""
    simulation = Simulation(closed(20), first_sends_ns=np.array([0, 3]))
    parts = [simulation.feed(rows(1)), simulation.finish()]
    assert [0] == sent(Run.joined(parts))
    assert not simulation.wants_rows


def test_nobody_sends_anything() -> None:
    """Without clients no row is wanted and none is given back."""
    simulation = Simulation(closed(20), first_sends_ns=np.empty(0, np.int64))
    assert not simulation.wants_rows
    assert 0 == len(Run.joined([simulation.feed(rows(3)), simulation.finish()]).requests)


def test_waiting_for_ever_is_refused_at_the_end() -> None:
    """The second client waits behind a service that never ends."""
    simulation = Simulation(closed(20, max_concurrency=1, at_limit=AtLimit.QUEUE), first_sends_ns=np.array([0, 1]))
    simulation.feed(rows(3, FOREVER))
    assert not simulation.wants_rows
    with pytest.raises(InputError, match="wait for ever"):
        simulation.finish()


def test_scaling_goes_on_while_clients_think() -> None:
    """An instance is added at 6, ready at 8: the request of 8 finds it instead of the one launched at 0."""
    pool = closed(9, scaling=Scaling(0, 2, 50, actions=(ScheduledAction(6, minimum=1), ScheduledAction(30, 2, 2))))
    run = run_of(pool, rows(4, startup_ns=0), 0)
    assert [0, 8] == sent(run)
    assert [0, 1] == column(run, "instance")
    assert [1, 2] == run.standing_numbers.tolist()
    assert [(6, 1), (30, 2)] == list(zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True))


def kinds(routing: Routing) -> list[Pool]:
    """Pools that between them use most rules."""
    retries = Retries(3, 5, 40, after_timeout=True)
    policy = TargetTracking(Metric.PROVISIONED_UTILIZATION_MAXIMUM, 0.7, 10, 5, 1, 2, 20)
    return [
        closed(500, 2, routing=routing, max_concurrency=4, retries=retries, patience=Patience.RESPONSE),
        closed(500, 1, routing=routing, max_concurrency=4, at_limit=AtLimit.QUEUE, queue_limit=3, starts_warm=True),
        closed(
            *(500, 0),
            routing=routing,
            places=2,
            max_concurrency=6,
            at_limit=AtLimit.QUEUE,
            waiting_requests=WaitingRequests.FIRST_FREE,
            patience=Patience.WAITING,
        ),
        closed(500, 3, routing=routing, standing=1, max_concurrency=6, scaling=Scaling(0, 5, 600, (policy,))),
    ]


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS))
@pytest.mark.parametrize("kind", range(4))
def test_neither_blocks_nor_room_matter(routing: Routing, kind: int) -> None:
    """Every table is the same in blocks of 1 to 30, with arrays that begin with room for 1 and for 1024."""
    dice = random.Random(SEED)
    pool = kinds(routing)[kind]

    def times(least: int, most: int) -> list[int]:
        return [dice.randint(least, most) for _ in range(600)]

    draws = [dice.random() for _ in range(600)]
    demand = rows(600, times(1, 15), times(1, 25), startup_ns=times(0, 6), idle_timeout_ns=times(0, 30), routing=draws)
    demand = Demand(**{**demand.__dict__, "patience_ns": np.array(times(1, 20))})
    first_sends_ns = np.array([dice.randint(0, 9) for _ in range(9)])
    launches = np.array(times(0, 15))

    def begun(room: int) -> Simulation:
        return Simulation(pool, lambda n: np.resize(launches, n), first_sends_ns, room=room)

    whole = begun(1024)
    expected = Run.joined([whole.feed(demand), whole.finish()])
    assert 100 < len(expected.requests) < 600
    for room in (1, 1024):
        for most in (1, 30):
            simulation, parts, fed = begun(room), [], 0
            while simulation.wants_rows:
                size = dice.randint(1, most)
                parts.append(simulation.feed(demand.rows(fed, fed + size)))
                fed += size
            assert cases.difference(expected, Run.joined([*parts, simulation.finish()])) is None
            assert len(expected.requests) <= fed < len(expected.requests) + most


def test_memory_does_not_follow_the_requests_sent() -> None:
    """20,000 requests of ten clients, in blocks of 100: all but the last are given back, the arrays stay small."""
    simulation = Simulation(closed(FOREVER), first_sends_ns=np.arange(10), room=1)
    given = sum(len(simulation.feed(rows(100, 5, 7, startup_ns=1)).demand) for _ in range(200))
    calendar: Any = simulation._pool
    assert 19_980 <= given
    assert 300 > max(len(array) for array in (*calendar._fleet.state, calendar._senders))
    assert simulation.wants_rows
    assert NONE not in simulation.finish().requests.response_ns.tolist()


def test_the_reason_of_a_throttled_request_is_given() -> None:
    """As for any pool that launches."""
    run = run_of(closed(2, max_concurrency=1), rows(2), 0, 1)
    assert [0, int(Reason.CONCURRENCY)] == column(run, "reason")
