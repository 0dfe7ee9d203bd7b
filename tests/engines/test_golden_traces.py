"""Tiny runs worked out on paper, every column, on both engines; times are whole nanoseconds.

The numbered ones are small classics of queues and idle timeouts; the others follow notes/model.md 1 to 4, rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER

Simulate = Callable[[Pool, Demand], Run]
Row = tuple[Any, ...]


@pytest.fixture(params=[reference, compiled], ids=["reference", "compiled"])
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """Each engine in turn."""
    engine: Simulate = request.param.simulate
    return engine


def serverless(**given: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **given})


def real_time(**given: Any) -> Pool:
    defaults = {"standing": 1, "launches": False, "routing": Routing.CENTRAL_QUEUE}
    return Pool(**{**defaults, "timeout_from": TimeoutFrom.ARRIVAL, **given})


def warm(start: int, release: int, instance: int) -> Row:
    """Completed on a warm instance or at a worker."""
    return Outcome.COMPLETED, Reason.NONE, start, release, release, instance, False


def cold(start: int, release: int, instance: int) -> Row:
    """Completed on the instance launched for it."""
    return Outcome.COMPLETED, Reason.NONE, start, release, release, instance, True


def late(start: int, response: int, release: int, instance: int, is_cold: bool = False) -> Row:
    """Timed out in service."""
    return Outcome.TIMED_OUT, Reason.NONE, start, response, release, instance, is_cold


def failed(limit: int, instance: int) -> Row:
    """Its launch failed."""
    return Outcome.TIMED_OUT, Reason.NONE, NONE, limit, limit, instance, True


def left(limit: int) -> Row:
    """Left the queue unserved at its limit."""
    return Outcome.TIMED_OUT, Reason.NONE, NONE, limit, NONE, NONE, False


def throttled(reason: Reason) -> Row:
    return Outcome.THROTTLED, reason, NONE, NONE, NONE, NONE, False


def rows(table: object) -> list[Row]:
    """The rows of a table, all columns."""
    return list(zip(*(getattr(table, f.name).tolist() for f in fields(table)), strict=True))  # type: ignore[arg-type]


def check(run: Run, requests: list[Row], instances: list[Row]) -> None:
    """Every column of both tables; instances are (launch, ready, gone)."""
    assert requests == rows(run.requests)
    assert instances == rows(run.instances)


NEVER_GONE = (0, 0, FOREVER)


@pytest.mark.parametrize("idle_timeout", [50_000, 90_000])
def test_1_idle_for_its_timeout_is_gone(simulate: Simulate, idle_timeout: int) -> None:
    """Idle age 9 is not below a timeout of 5 or 9: three cold starts."""
    run = simulate(serverless(), Demand.from_arrays([0, 100_000, 200_000], 10_000, idle_timeout_ns=idle_timeout))
    check(
        run,
        [cold(0, 10_000, 0), cold(100_000, 110_000, 1), cold(200_000, 210_000, 2)],
        [(t, t, t + 10_000 + idle_timeout) for t in (0, 100_000, 200_000)],
    )


def test_1_idle_for_less_than_its_timeout_is_reused(simulate: Simulate) -> None:
    """Idle age 9 is below 9.0001: one cold start."""
    run = simulate(serverless(), Demand.from_arrays([0, 100_000, 200_000], 10_000, idle_timeout_ns=90_001))
    check(
        run,
        [cold(0, 10_000, 0), warm(100_000, 110_000, 0), warm(200_000, 210_000, 0)],
        [(0, 0, 300_001)],
    )


def test_2_released_at_one_instant_idle_in_order_of_request(simulate: Simulate) -> None:
    """Three at 0, three at 2: the later request's instance is the more recently idle one."""
    run = simulate(serverless(), Demand.from_arrays([0, 0, 0, 2, 2, 2], 1, idle_timeout_ns=5))
    check(
        run,
        [cold(0, 1, 0), cold(0, 1, 1), cold(0, 1, 2), warm(2, 3, 2), warm(2, 3, 1), warm(2, 3, 0)],
        [(0, 0, 8)] * 3,
    )


def test_3_concurrency_limit(simulate: Simulate) -> None:
    """Five at 0 with max concurrency 3: two throttled."""
    run = simulate(serverless(max_concurrency=3), Demand.from_arrays([0] * 5, 1, idle_timeout_ns=5))
    check(
        run,
        [cold(0, 1, 0), cold(0, 1, 1), cold(0, 1, 2), *[throttled(Reason.CONCURRENCY)] * 2],
        [(0, 0, 6)] * 3,
    )


def test_4_provisioned_first_highest_number_first(simulate: Simulate) -> None:
    """Three at 0 on two provisioned instances never used: numbers 1, 0, then a launch."""
    run = simulate(serverless(standing=2), Demand.from_arrays([0] * 3, 1, idle_timeout_ns=5))
    check(run, [warm(0, 1, 1), warm(0, 1, 0), cold(0, 1, 2)], [NEVER_GONE, NEVER_GONE, (0, 0, 6)])


def test_5_most_recently_idle_lets_the_other_expire(simulate: Simulate) -> None:
    """Instance 0 is never picked again and expires at 9: three cold starts."""
    run = simulate(serverless(), Demand.from_arrays([0, 0, 2, 6, 10, 10], 1, idle_timeout_ns=8))
    check(
        run,
        [cold(0, 1, 0), cold(0, 1, 1), warm(2, 3, 1), warm(6, 7, 1), warm(10, 11, 1), cold(10, 11, 2)],
        [(0, 0, 9), (0, 0, 19), (10, 10, 19)],
    )


def test_5_least_recently_idle_keeps_both(simulate: Simulate) -> None:
    """The two take turns: two cold starts."""
    pool = serverless(routing=Routing.LEAST_RECENTLY_IDLE)
    run = simulate(pool, Demand.from_arrays([0, 0, 2, 6, 10, 10], 1, idle_timeout_ns=8))
    check(
        run,
        [cold(0, 1, 0), cold(0, 1, 1), warm(2, 3, 0), warm(6, 7, 1), warm(10, 11, 0), warm(10, 11, 1)],
        [(0, 0, 19), (0, 0, 19)],
    )


def test_6_one_worker(simulate: Simulate) -> None:
    """Service 5, arrivals 0, 1, 2: waits 0, 4, 8."""
    run = simulate(real_time(), Demand.from_arrays([0, 1, 2], 5))
    check(run, [warm(0, 5, 0), warm(5, 10, 0), warm(10, 15, 0)], [NEVER_GONE])


def test_6_one_place_in_the_queue(simulate: Simulate) -> None:
    """The third finds the queue full."""
    run = simulate(real_time(queue_limit=1), Demand.from_arrays([0, 1, 2], 5))
    check(run, [warm(0, 5, 0), warm(5, 10, 0), throttled(Reason.QUEUE_FULL)], [NEVER_GONE])


def test_6_limit_from_arrival(simulate: Simulate) -> None:
    """Limit 3 from arrival: the second leaves at 4, the third is handed the worker at its very limit 5."""
    run = simulate(real_time(timeout_ns=3), Demand.from_arrays([0, 1, 2], 5))
    check(run, [late(0, 3, 5, 0), left(4), late(5, 5, 10, 0)], [NEVER_GONE])


@pytest.mark.parametrize(("idle_timeout", "is_reused"), [(1, True), (0, False)])
def test_7_released_at_the_instant_of_an_arrival(simulate: Simulate, idle_timeout: int, is_reused: bool) -> None:
    """The instance is reused if its idle timeout is above 0; with 0 it is gone before the arrival."""
    run = simulate(serverless(), Demand.from_arrays([0, 1], 1, idle_timeout_ns=idle_timeout))
    if is_reused:
        check(run, [cold(0, 1, 0), warm(1, 2, 0)], [(0, 0, 3)])
    else:
        check(run, [cold(0, 1, 0), cold(1, 2, 1)], [(0, 0, 1), (1, 1, 2)])


def test_a_request_is_bound_to_its_launch(simulate: Simulate) -> None:
    """Request 1 waits for its own instance until 11, though instance 0 is idle from 8."""
    run = simulate(serverless(), Demand.from_arrays([0, 1, 6], 2, startup_ns=[4, 10, 9], idle_timeout_ns=100))
    check(run, [cold(4, 6, 0), cold(11, 13, 1), warm(6, 8, 0)], [(0, 4, 108), (1, 11, 113)])


def test_places_are_occupied_while_starting(simulate: Simulate) -> None:
    """Max concurrency counts a starting instance; the place is free at the release, before an arrival."""
    run = simulate(serverless(max_concurrency=1), Demand.from_arrays([0, 3, 6], 2, 4, idle_timeout_ns=10))
    check(run, [cold(4, 6, 0), throttled(Reason.CONCURRENCY), warm(6, 8, 0)], [(0, 4, 18)])


def test_releases_are_ordered_by_request_not_by_scheduling(simulate: Simulate) -> None:
    """Both released at 5, the release of request 1 scheduled first: still instance 1 is the last to become idle."""
    demand = Demand.from_arrays([0, 1, 5], [1, 4, 1], startup_ns=[4, 0, 0], idle_timeout_ns=10)
    run = simulate(serverless(), demand)
    check(run, [cold(4, 5, 0), cold(1, 5, 1), warm(5, 6, 1)], [(0, 4, 15), (1, 1, 16)])


def test_failed_launch(simulate: Simulate) -> None:
    """A startup above the limit 4 fails at 4, which frees the place before an arrival; a startup of 4 does not."""
    pool = serverless(max_concurrency=1, startup_limit_ns=4)
    run = simulate(pool, Demand.from_arrays([0, 3, 4], 1, startup_ns=[5, 0, 4], idle_timeout_ns=7))
    check(
        run,
        [failed(4, 0), throttled(Reason.CONCURRENCY), cold(8, 9, 1)],
        [(0, NONE, 4), (4, 8, 16)],
    )


def test_launch_that_fails_at_once(simulate: Simulate) -> None:
    """With startup limit 0 a launch fails in its instant: the next arrival of that instant finds the place free."""
    pool = serverless(max_concurrency=1, startup_limit_ns=0)
    run = simulate(pool, Demand.from_arrays([2, 2, 2], 3, startup_ns=[1, 0, 0], idle_timeout_ns=1))
    check(run, [failed(2, 0), cold(2, 5, 1), throttled(Reason.CONCURRENCY)], [(2, NONE, 2), (2, 2, 6)])


def test_a_failed_launch_never_becomes_idle(simulate: Simulate) -> None:
    """After it the next request launches again, on the next number."""
    pool = serverless(startup_limit_ns=1)
    run = simulate(pool, Demand.from_arrays([0, 5], 1, startup_ns=[FOREVER, 1], idle_timeout_ns=50))
    check(run, [failed(1, 0), cold(6, 7, 1)], [(0, NONE, 1), (5, 6, 57)])


def test_timed_out_in_service(simulate: Simulate) -> None:
    """Timeout 4 from the start, startup not counted; the place is occupied until the service is over."""
    pool = serverless(timeout_ns=4, max_concurrency=1)
    demand = Demand.from_arrays([0, 8, 9], [6, 1, 4], startup_ns=3, idle_timeout_ns=10)
    check(simulate(pool, demand), [late(3, 7, 9, 0, True), throttled(Reason.CONCURRENCY), warm(9, 13, 0)], [(0, 3, 23)])


def test_lifetime_over_while_busy(simulate: Simulate) -> None:
    """Launched at 0 with lifetime 3, released at 5: gone at 5, before the arrival at 5."""
    run = simulate(serverless(), Demand.from_arrays([0, 5], 5, idle_timeout_ns=100, lifetime_ns=[3, FOREVER]))
    check(run, [cold(0, 5, 0), cold(5, 10, 1)], [(0, 0, 5), (5, 5, 110)])


def test_lifetime_over_while_idle(simulate: Simulate) -> None:
    """Launched at 1 with lifetime 8: reused at 8, gone at 9 before the arrival at 9; counted from the launch."""
    demand = Demand.from_arrays([1, 8, 9], [2, 1, 1], startup_ns=2, idle_timeout_ns=100, lifetime_ns=[8, 50, 50])
    check(simulate(serverless(), demand), [cold(3, 5, 0), warm(8, 9, 0), cold(11, 12, 1)], [(1, 3, 9), (9, 11, 59)])


def test_idle_timeout_of_the_request_released(simulate: Simulate) -> None:
    """The idle timeout comes from the row just released, the lifetime from the row launched for."""
    demand = Demand.from_arrays([0, 3, 6], 1, idle_timeout_ns=[4, 2, 3], lifetime_ns=[20, 1, 5])
    check(simulate(serverless(), demand), [cold(0, 1, 0), warm(3, 4, 0), cold(6, 7, 1)], [(0, 0, 6), (6, 6, 10)])


def test_provisioned_and_spillover(simulate: Simulate) -> None:
    """The provisioned instance first, though the on-demand one is more recently idle; both count at the limit."""
    pool = serverless(standing=1, max_concurrency=2)
    demand = Demand.from_arrays([0, 0, 0, 4, 4], [1, 2, 1, 1, 1], startup_ns=1, idle_timeout_ns=10, lifetime_ns=2)
    check(
        simulate(pool, demand),
        [warm(0, 1, 0), cold(1, 3, 1), throttled(Reason.CONCURRENCY), warm(4, 5, 0), cold(5, 6, 2)],
        [NEVER_GONE, (0, 1, 3), (4, 5, 6)],
    )
    demand = Demand.from_arrays([0, 0, 4, 4], [1, 2, 1, 1], startup_ns=1, idle_timeout_ns=10)
    check(
        simulate(pool, demand),
        [warm(0, 1, 0), cold(1, 3, 1), warm(4, 5, 0), warm(4, 5, 1)],
        [NEVER_GONE, (0, 1, 15)],
    )


def test_provisioned_most_recently_idle_then_never_used(simulate: Simulate) -> None:
    """Used ones before those never used, whatever the routing; the last released first."""
    pool = serverless(standing=3, routing=Routing.LEAST_RECENTLY_IDLE)
    run = simulate(pool, Demand.from_arrays([0, 0, 3, 3, 3], [2, 1, 1, 1, 1], idle_timeout_ns=0, lifetime_ns=1))
    check(
        run,
        [warm(0, 2, 2), warm(0, 1, 1), warm(3, 4, 2), warm(3, 4, 1), warm(3, 4, 0)],
        [NEVER_GONE] * 3,
    )


@pytest.mark.parametrize(
    ("arrival", "idle_timeout", "lifetime", "gone"),
    [(5, 5, FOREVER, 5), (5, FOREVER, 4, 4), (0, 0, FOREVER, 0)],
    ids=["idle timeout", "lifetime", "idle timeout 0"],
)
def test_warm_start_is_retired(simulate: Simulate, arrival: int, idle_timeout: int, lifetime: int, gone: int) -> None:
    """The instance of a warm start lives as if launched and released at 0 with the first row's columns."""
    demand = Demand.from_arrays(
        [arrival, arrival], 1, idle_timeout_ns=[idle_timeout, 9], lifetime_ns=[lifetime, FOREVER]
    )
    run = simulate(serverless(starts_warm=True, max_concurrency=1), demand)
    first_gone = min(arrival + 1 + idle_timeout, max(arrival + 1, arrival + lifetime), FOREVER)
    check(
        run,
        [cold(arrival, arrival + 1, 1), throttled(Reason.CONCURRENCY)],
        [(0, 0, gone), (arrival, arrival, first_gone)],
    )


def test_warm_start_serves(simulate: Simulate) -> None:
    """It is numbered after the provisioned one, is used after it, and is the first to have become idle."""
    pool = serverless(starts_warm=True, standing=1, routing=Routing.LEAST_RECENTLY_IDLE)
    demand = Demand.from_arrays([0, 0, 0, 2, 2], 1, idle_timeout_ns=[5, 6, 7, 8, 9], lifetime_ns=[6, 1, 9, 9, 9])
    check(
        simulate(pool, demand),
        [warm(0, 1, 0), warm(0, 1, 1), cold(0, 1, 2), warm(2, 3, 0), warm(2, 3, 1)],
        [NEVER_GONE, (0, 0, 6), (0, 0, 8)],
    )


def test_warm_start_without_a_request(simulate: Simulate) -> None:
    """An empty demand has no first row: no instance, no row."""
    check(simulate(serverless(starts_warm=True, standing=1), Demand.from_arrays([], 1)), [], [NEVER_GONE])


# Four instances, released in the order 2, 0, 3, 1; then one request.
FOUR_IDLE = {"arrival_ns": [0, 0, 0, 0, 9], "service_ns": [2, 4, 1, 3, 1]}


@pytest.mark.parametrize(
    ("routing", "draw", "instance"),
    [
        (Routing.MOST_RECENTLY_IDLE, 0.0, 1),
        (Routing.LEAST_RECENTLY_IDLE, 0.99, 2),
        (Routing.NEWEST_CREATED, 0.0, 3),
        (Routing.RANDOM_IDLE, 0.0, 0),
        (Routing.RANDOM_IDLE, 0.249, 0),
        (Routing.RANDOM_IDLE, 0.25, 1),
        (Routing.RANDOM_IDLE, 0.5, 2),
        (Routing.RANDOM_IDLE, 1.0 - 2.0**-53, 3),
    ],
)
def test_idle_routings(simulate: Simulate, routing: Routing, draw: float, instance: int) -> None:
    """Which of four idle instances serves."""
    demand = Demand.from_arrays(**FOUR_IDLE, routing=[0, 0, 0, 0, draw])
    run = simulate(serverless(routing=routing), demand)
    check(
        run,
        [cold(0, 2, 0), cold(0, 4, 1), cold(0, 1, 2), cold(0, 3, 3), warm(9, 10, instance)],
        [NEVER_GONE] * 4,
    )


def test_random_idle_counts_only_the_idle(simulate: Simulate) -> None:
    """Of instances 0, 1, 2 the first is retired, the second busy: every draw finds the third."""
    pool = serverless(routing=Routing.RANDOM_IDLE)
    demand = Demand.from_arrays([0, 0, 0, 5], [1, 9, 1, 1], idle_timeout_ns=[4, 9, 9, 9], routing=0.0)
    check(
        simulate(pool, demand),
        [cold(0, 1, 0), cold(0, 9, 1), cold(0, 1, 2), warm(5, 6, 2)],
        [(0, 0, 5), (0, 0, 18), (0, 0, 15)],
    )


def test_never_retired(simulate: Simulate) -> None:
    """No idle timeout and no lifetime, or sums beyond the largest time: never gone."""
    demand = Demand.from_arrays([0, 0, 0], 1, 0, [FOREVER, FOREVER - 1, FOREVER], [FOREVER, FOREVER, FOREVER - 1])
    run = simulate(serverless(), demand)
    check(
        run,
        [cold(0, 1, 0), cold(0, 1, 1), cold(0, 1, 2)],
        [(0, 0, FOREVER), (0, 0, FOREVER), (0, 0, FOREVER - 1)],
    )


def test_random_routing_looks_at_no_queue(simulate: Simulate) -> None:
    """Position ⌊u·n⌋, though that instance is full and the other idle."""
    pool = real_time(standing=2, routing=Routing.RANDOM, queue_limit=1)
    run = simulate(pool, Demand.from_arrays([0, 1, 2, 2], 5, routing=[0.5, 0.75, 0.99, 0.49]))
    check(
        run,
        [warm(0, 5, 1), warm(5, 10, 1), throttled(Reason.QUEUE_FULL), warm(2, 7, 0)],
        [NEVER_GONE] * 2,
    )


def test_least_outstanding_requests(simulate: Simulate) -> None:
    """Among the fewest outstanding, waiting or in a worker, position ⌊u·k⌋ in order of number."""
    pool = real_time(standing=3, routing=Routing.LEAST_OUTSTANDING_REQUESTS)
    demand = Demand.from_arrays(
        [0, 0, 0, 0, 0, 3, 4], [9, 9, 3, 9, 1, 9, 1], routing=[0.34, 0.5, 0.9, 0.0, 0.99, 0.0, 0.0]
    )
    # 0 → 1 of {0, 1, 2}; 1 → 2 of {0, 2}; 2 → 0; 3 → 0 of three; 4 → 2 of {1, 2}; at 3 instance 0 releases 2 and starts
    # 3, so 0 and 1 have one, 2 has two: 5 → 0, waits; 6 → 1, waits.
    check(
        simulate(pool, demand),
        [warm(0, 9, 1), warm(0, 9, 2), warm(0, 3, 0), warm(3, 12, 0), warm(9, 10, 2), warm(12, 21, 0), warm(9, 10, 1)],
        [NEVER_GONE] * 3,
    )


def test_least_outstanding_counts_those_whose_client_has_gone(simulate: Simulate) -> None:
    """A request timed out in a worker is outstanding until its service is over; one that left the queue is not."""
    pool = real_time(standing=2, routing=Routing.LEAST_OUTSTANDING_REQUESTS, timeout_ns=2)
    demand = Demand.from_arrays([0, 0, 0, 2, 3], [9, 3, 9, 1, 1], routing=[0.0, 0.0, 0.5, 0.0, 0.0])
    # 2 waits at instance 1 and leaves at 2; at 2 both have one outstanding, so 3 → 0 and waits; at 3 request 1 is
    # released, so 4 → 1.
    check(
        simulate(pool, demand),
        [late(0, 2, 9, 0), late(0, 2, 3, 1), left(2), left(4), warm(3, 4, 1)],
        [NEVER_GONE] * 2,
    )


def test_central_queue_takes_the_lowest_number(simulate: Simulate) -> None:
    """Workers of instance 0, then of 1; a free worker of 0 is found again before one of 1."""
    pool = real_time(standing=2, places=2)
    run = simulate(pool, Demand.from_arrays([0, 0, 0, 1, 4], [2, 1, 3, 9, 1]))
    check(run, [warm(0, 2, 0), warm(0, 1, 0), warm(0, 3, 1), warm(1, 10, 0), warm(4, 5, 0)], [NEVER_GONE] * 2)


def test_central_queue_hands_over_in_order_of_request(simulate: Simulate) -> None:
    """Two workers free at 5: the head goes to that of the lower request number, here instance 1's first."""
    pool = real_time(standing=2)
    run = simulate(pool, Demand.from_arrays([0, 0, 1, 2, 3, 3], [3, 1, 4, 2, 1, 1]))
    # 2 → 1 at 1 until 5; 3 waits from 2, starts on 0 at 3 until 5; at 5 request 2 (instance 1) goes before 3.
    check(
        run,
        [warm(0, 3, 0), warm(0, 1, 1), warm(1, 5, 1), warm(3, 5, 0), warm(5, 6, 1), warm(5, 6, 0)],
        [NEVER_GONE] * 2,
    )


def test_central_queue_holds_instances_times_limit(simulate: Simulate) -> None:
    """Two instances with limit 1: two wait, the third is turned away."""
    run = simulate(real_time(standing=2, queue_limit=1), Demand.from_arrays([0, 0, 1, 1, 1], [4, 6, 1, 1, 1]))
    check(
        run,
        [warm(0, 4, 0), warm(0, 6, 1), warm(4, 5, 0), warm(5, 6, 0), throttled(Reason.QUEUE_FULL)],
        [NEVER_GONE] * 2,
    )


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_handed_a_worker_at_its_very_limit(simulate: Simulate, routing: Routing) -> None:
    """It starts, times out in that instant and wastes its service; a response at the limit is completed."""
    run = simulate(real_time(timeout_ns=5, routing=routing), Demand.from_arrays([0, 0, 6], [5, 3, 3]))
    check(run, [warm(0, 5, 0), late(5, 5, 8, 0), warm(8, 11, 0)], [NEVER_GONE])


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_leaving_frees_the_place_in_the_queue(simulate: Simulate, routing: Routing) -> None:
    """Request 1 leaves at 3, before the arrival at 3, which takes its place in the queue."""
    pool = real_time(timeout_ns=3, queue_limit=1, routing=routing)
    run = simulate(pool, Demand.from_arrays([0, 0, 2, 3], [4, 1, 1, 2]))
    check(run, [late(0, 3, 4, 0), left(3), throttled(Reason.QUEUE_FULL), warm(4, 6, 0)], [NEVER_GONE])


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_serve_on_keeps_the_place_in_the_queue(simulate: Simulate, routing: Routing) -> None:
    """The same with serve_on: request 1 stays in the queue and is served for nobody."""
    pool = real_time(timeout_ns=3, queue_limit=1, on_give_up=OnGiveUp.SERVE_ON, routing=routing)
    run = simulate(pool, Demand.from_arrays([0, 0, 2, 3, 4], [4, 1, 1, 2, 2]))
    check(
        run,
        [late(0, 3, 4, 0), late(4, 3, 5, 0), *[throttled(Reason.QUEUE_FULL)] * 2, warm(5, 7, 0)],
        [NEVER_GONE],
    )


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_no_queue(simulate: Simulate, routing: Routing) -> None:
    """Queue limit 0: a busy worker turns away at once, one free at the instant of the arrival does not."""
    run = simulate(real_time(queue_limit=0, routing=routing), Demand.from_arrays([0, 1, 2], 2))
    check(run, [warm(0, 2, 0), throttled(Reason.QUEUE_FULL), warm(2, 4, 0)], [NEVER_GONE])


@pytest.mark.parametrize("on_give_up", list(OnGiveUp))
def test_timeout_from_start_has_no_limit_on_waiting(simulate: Simulate, on_give_up: OnGiveUp) -> None:
    """Timeout 2 from the start: request 1 waits 5 and is completed, request 2 times out in service."""
    pool = real_time(timeout_ns=2, timeout_from=TimeoutFrom.START, on_give_up=on_give_up)
    run = simulate(pool, Demand.from_arrays([0, 0, 0], [5, 2, 3]))
    check(run, [late(0, 2, 5, 0), warm(5, 7, 0), late(7, 9, 10, 0)], [NEVER_GONE])


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_no_instance(simulate: Simulate, routing: Routing) -> None:
    """Nothing in service: throttled for want of capacity."""
    run = simulate(real_time(standing=0, routing=routing), Demand.from_arrays([0, 7], 1, routing=0.5))
    check(run, [throttled(Reason.NO_CAPACITY)] * 2, [])
