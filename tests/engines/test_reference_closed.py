"""Closed populations: runs worked out on paper, and rates that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Patience, Population, Retries
from simulator.engines.pool import Pool
from simulator.engines.scaling import Scaling, ScheduledAction
from simulator.engines.tables import Demand, Outcome, Reason, Run
from simulator.errors import InputError
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.traces import check, cold, each_engine, late, launching, rows, standing, there, throttled, warm

SECOND = NS_PER_SECOND
MILLISECOND = SECOND // 1000
#: A think time that is none to speak of.
AT_ONCE = 1


def offered(count: int, service: object, **given: Any) -> Demand:
    """Rows for clients to send."""
    return Demand.from_arrays(np.zeros(count, np.int64), service, **given)


def closed(engine: ModuleType, pool: Pool, demand: Demand, first_sends: Sequence[int]) -> tuple[list[int], Run]:
    """Arrivals and the run, the same at once and fed row by row; no launch by scaling takes time."""
    first_sends_ns = np.array(first_sends, np.int64)

    def launch_times(n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.zeros(n, np.int64)

    at_once = engine.simulate(pool, demand, launch_times, first_sends_ns)
    simulation = engine.Simulation(pool, launch_times, first_sends_ns)
    parts = []
    for row in range(len(demand)):
        if simulation.wants_rows:
            parts.append(simulation.feed(demand.rows(row, row + 1)))
    in_blocks = Run.joined([*parts, simulation.finish()])
    for name in ("requests", "instances", "tries", "changes"):
        assert rows(getattr(at_once, name)) == rows(getattr(in_blocks, name))
    assert at_once.sent is not None
    assert in_blocks.sent is not None
    arrivals = at_once.sent.arrival_ns.tolist()
    assert arrivals == in_blocks.sent.arrival_ns.tolist()
    return arrivals, at_once


def until(until_ns: int, overhead_ns: int = 0) -> Population:
    """A population that sends until then."""
    return Population(until_ns, overhead_ns)


# Rates that are known beforehand.


@each_engine
def test_30_clients_below_a_limit_of_40(engine: ModuleType) -> None:
    """Each sends every 0.2 s + 1 ns: 50 times in 10 s, 150 requests a second; nobody is throttled."""
    pool = launching(max_concurrency=40, population=until(10 * SECOND))
    demand = offered(1_600, SECOND // 5, think_ns=AT_ONCE)
    run = engine.simulate(pool, demand, None, np.zeros(30, np.int64))
    assert 10 * 150 == len(run.requests)
    assert (run.requests.outcome == Outcome.COMPLETED).all()
    assert 30 == len(run.instances)


@each_engine
def test_60_clients_above_a_limit_of_40(engine: ModuleType) -> None:
    """0.2 s of service and 10 ms of thought, staggered by 1 ms, so that whoever is free has somebody to take it.

    From 1 to 3 s 40 are in service all the time: 200 starts a second. The other 20 clients try every 10 ms, 2000 times
    a second, 200 times with success.
    """
    pool = launching(max_concurrency=40, population=until(3 * SECOND))
    demand = offered(7_000, SECOND // 5, think_ns=10 * MILLISECOND)
    run = engine.simulate(pool, demand, None, np.arange(60) * MILLISECOND)
    assert run.sent is not None
    requests, sent_ns = run.requests, run.sent.arrival_ns
    assert len(sent_ns) < len(demand)
    is_inside = (sent_ns >= SECOND) & (sent_ns < 3 * SECOND)
    assert 2 * 200 == np.count_nonzero(is_inside & (requests.outcome == Outcome.COMPLETED))
    assert 2 * 1_800 == np.count_nonzero(is_inside & (requests.reason == Reason.CONCURRENCY))
    served = requests.outcome == Outcome.COMPLETED
    starts, ends = (np.clip(column[served], SECOND, 3 * SECOND) for column in (requests.start_ns, requests.release_ns))
    assert 40 * 2 * SECOND == (ends - starts).sum()


@each_engine
def test_50_clients_on_50_places(engine: ModuleType) -> None:
    """0.1645 s each: 61 sendings of every client in 61 · 0.1645 s, 304 a second."""
    service = SECOND * 1645 // 10_000
    pool = standing(places=50, population=until(61 * service))
    run = engine.simulate(pool, offered(4_000, service, think_ns=AT_ONCE), None, np.zeros(50, np.int64))
    assert 61 * 50 == len(run.requests)
    assert 304 == round(len(run.requests) / (61 * service / SECOND))
    assert (run.requests.outcome == Outcome.COMPLETED).all()


# When the next is sent.


@each_engine
def test_think_time_and_overhead_after_a_completed_one(engine: ModuleType) -> None:
    """Ready at 4, served until 14; 2 of overhead and 3 of thought: 19, warm until 29, then 34 is too late."""
    pool = launching(population=until(34, overhead_ns=2))
    arrivals, run = closed(engine, pool, offered(3, 10, startup_ns=4, idle_timeout_ns=100, think_ns=3), [0])
    assert [0, 19] == arrivals
    check(run, [cold(4, 14, 0), warm(19, 29, 0)], [(0, 4, 129)])


@each_engine
def test_nothing_is_sent_at_the_end_itself(engine: ModuleType) -> None:
    """Sent at 0 and 13; at 26 it is over, a nanosecond before it is not."""
    demand = offered(5, 10, think_ns=3)
    assert [0, 13] == closed(engine, standing(population=until(26)), demand, [0])[0]
    assert [0, 13, 26] == closed(engine, standing(population=until(27)), demand, [0])[0]
    assert [] == closed(engine, standing(population=until(0)), demand, [0])[0]


@each_engine
def test_think_time_after_a_timeout(engine: ModuleType) -> None:
    """The client goes after 5 and thinks for 3, while its first service goes on: the second takes an instance anew."""
    pool = launching(patience=Patience.RESPONSE, population=until(9, overhead_ns=100))
    arrivals, run = closed(engine, pool, offered(9, 20, think_ns=3, patience_ns=5), [0])
    assert [0, 8] == arrivals
    check(run, [late(0, 5, 20, 0, is_cold=True), late(8, 13, 28, 1, is_cold=True)], [there(), there(8, 8)])


@each_engine
def test_think_time_after_the_invocation_timeout(engine: ModuleType) -> None:
    """The response is at 7, the release at 20: sent again at 10, it waits until 20 and is served until 24."""
    pool = standing(timeout_ns=7, population=until(11))
    arrivals, run = closed(engine, pool, offered(2, [20, 4], think_ns=3), [0])
    assert [0, 10] == arrivals
    check(run, [late(0, 7, 20, 0), warm(20, 24, 0)], [there()])


@each_engine
def test_think_time_after_it_was_throttled(engine: ModuleType) -> None:
    """Client 1 is turned away at 1, 5 and 9 and served at 13: overhead is only after a completed one."""
    pool = launching(max_concurrency=1, population=until(14, overhead_ns=50))
    arrivals, run = closed(engine, pool, offered(9, 12, idle_timeout_ns=99, think_ns=4), [0, 1])
    assert [0, 1, 5, 9, 13] == arrivals
    turned_away = [throttled(Reason.CONCURRENCY)] * 3
    check(run, [cold(0, 12, 0), *turned_away, warm(13, 25, 0)], [(0, 0, 124)])


@each_engine
def test_think_time_after_the_last_attempt(engine: ModuleType) -> None:
    """Client 1 tries at 1, 6 and 11, then thinks for 4: it sends at 15, in the middle of the service of client 0."""
    retries = Retries(attempts=3, base_ns=5, multiplier=1.0, jitter=False)
    pool = launching(max_concurrency=1, retries=retries, population=until(16))
    arrivals, run = closed(engine, pool, offered(3, 40, idle_timeout_ns=9, think_ns=4), [0, 1])
    assert [0, 1, 15] == arrivals
    away = throttled(Reason.CONCURRENCY)
    tries = [(1, 1, 6, *away), (1, 6, 11, *away), (2, 15, 20, *away), (2, 20, 25, *away)]
    check(run, [cold(0, 40, 0), away, away], [(0, 0, 49)], tries)


@each_engine
def test_two_sent_at_one_instant_take_two_rows_in_order(engine: ModuleType) -> None:
    """Client 1 sends at 0 and again at 5, when client 0 sends its first: row 1 is served from 5 to 7, row 2 then."""
    pool = standing(population=until(6))
    arrivals, run = closed(engine, pool, offered(3, [2, 2, 9], think_ns=3), [5, 0])
    assert [0, 5, 5] == arrivals
    check(run, [warm(0, 2, 0), warm(5, 7, 0), warm(7, 16, 0)], [there()])


@each_engine
def test_sent_after_whatever_else_happens_at_its_instant(engine: ModuleType) -> None:
    """Released at 10, rank 10, the worker is free for who sends at 10, rank 60."""
    pool = standing(queue_limit=0, population=until(11))
    arrivals, run = closed(engine, pool, offered(2, [10, 1], think_ns=FOREVER), [0, 10])
    assert [0, 10] == arrivals
    check(run, [warm(0, 10, 0), warm(10, 11, 0)], [there()])


@each_engine
def test_thought_of_no_time_is_a_nanosecond_and_one_for_ever_is_the_last(engine: ModuleType) -> None:
    """Think times that sum beyond all time saturate: nothing is sent any more."""
    pool = standing(population=until(FOREVER))
    assert [0, 3] == closed(engine, pool, offered(2, 2, think_ns=[1, FOREVER - 1]), [0])[0]


@each_engine
def test_warm_start_with_the_first_row(engine: ModuleType) -> None:
    """Its idle timeout, 6, and lifetime: there from 0 to 6, before anybody sends. With no sending there is none."""
    demand = offered(1, 5, idle_timeout_ns=6, think_ns=9)
    check(
        closed(engine, launching(starts_warm=True, population=until(9)), demand, [8])[1], None, [(0, 0, 6), (8, 8, 19)]
    )
    check(closed(engine, launching(starts_warm=True, population=until(9)), demand, [9])[1], [], [])


@each_engine
def test_with_scaling(engine: ModuleType) -> None:
    """Nothing is in service until 10: turned away at 0 and 6, served at 12; gone at 15 all the same, in the end."""
    scaling = Scaling(0, 1, 99, actions=(ScheduledAction(10, minimum=1), ScheduledAction(15, minimum=0, maximum=0)))
    pool = standing(0, scaling=scaling, population=until(13))
    arrivals, run = closed(engine, pool, offered(5, 2, think_ns=6), [0])
    assert [0, 6, 12] == arrivals
    away = throttled(Reason.NO_CAPACITY)
    check(run, [away, away, warm(12, 14, 0)], [(10, 10, 15)], changes=[(10, 1), (15, 0)])


# How it is fed.


@each_engine
def test_fed_on_where_rows_ran_short(engine: ModuleType) -> None:
    """It stops before each sending without a row, and says so; what was decided is given back, in order of sending."""
    simulation = engine.Simulation(standing(population=until(30)), None, np.array([0, 4]))
    demand = offered(9, 3, think_ns=8)  # sent at 0, 4, 11, 15, 22 and 26
    given = []
    for start, stop in [(0, 0), (0, 1), (1, 4), (4, 9)]:
        assert simulation.wants_rows
        given.append(simulation.feed(demand.rows(start, stop)))
    assert not simulation.wants_rows
    given.append(simulation.finish())
    assert [[], [0], [4, 11, 15], [22, 26], []] == [part.demand.arrival_ns.tolist() for part in given]
    assert [warm(at, at + 3, 0) for at in [0, 4, 11, 15, 22, 26]] == rows(Run.joined(given).requests)


@each_engine
def test_what_is_given_is_left_as_it_was(engine: ModuleType) -> None:
    """Arrivals are those of the run, not written into the demand that was fed."""
    demand = offered(3, 3, think_ns=8)
    engine.simulate(standing(population=until(30)), demand, None, np.array([5]))
    assert [0, 0, 0] == demand.arrival_ns.tolist()


@each_engine
def test_finished_with_rows_short(engine: ModuleType) -> None:
    """Nothing more is sent, what was sent drains, and nothing is wanted any more."""
    simulation = engine.Simulation(standing(population=until(30)), None, np.array([0, 1]))
    part = simulation.feed(offered(1, 50))
    assert simulation.wants_rows
    run = Run.joined([part, simulation.finish()])
    check(run, [warm(0, 50, 0)], [there()])
    assert not simulation.wants_rows


@each_engine
def test_waits_for_ever(engine: ModuleType) -> None:
    """Capacity never comes: no row is wanted although both clients may still send, and the end says what is wrong."""
    simulation = engine.Simulation(standing(0, waits_for_capacity=True, population=until(30)), None, np.array([0, 1]))
    simulation.feed(offered(2, 50))
    assert not simulation.wants_rows
    with pytest.raises(InputError, match="wait for ever"):
        simulation.finish()


@each_engine
def test_first_sends_are_needed(engine: ModuleType) -> None:
    """A population without them is refused; without a population no row is ever wanted."""
    with pytest.raises(ValueError, match="first sending"):
        engine.Simulation(standing(population=until(30)))
    assert not engine.Simulation(standing()).wants_rows
