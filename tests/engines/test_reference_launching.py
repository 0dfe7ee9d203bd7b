"""Pools that launch, with lines, claims, kills, buckets, patience and retries: runs worked out on paper."""

from __future__ import annotations

from types import ModuleType

import pytest

from simulator.engines.clients import Patience, Retries, jitter_draw
from simulator.engines.pool import AtLimit, Bucket, OnTimeout, WaitingRequests
from simulator.engines.tables import NONE, Demand, Reason
from simulator.units import FOREVER
from tests.engines.traces import (
    check,
    cold,
    each_engine,
    failed,
    late,
    launching,
    left,
    run_of,
    there,
    throttled,
    warm,
)

QUEUE, FIRST_FREE = AtLimit.QUEUE, WaitingRequests.FIRST_FREE


@each_engine
def test_queue_at_the_limit_and_full(engine: ModuleType) -> None:
    """One place, one may wait: the second waits until 15, the third finds the line full, the fourth waits until 25."""
    pool = launching(max_concurrency=1, at_limit=QUEUE, queue_limit=1)
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 2, 20], 10, startup_ns=5, idle_timeout_ns=100))
    check(run, [cold(5, 15, 0), warm(15, 25, 0), throttled(Reason.QUEUE_FULL), warm(25, 35, 0)], [(0, 5, 135)])


@each_engine
def test_first_free_place_sooner_than_the_own_instance(engine: ModuleType) -> None:
    """Request 1 launches instance 1, ready at 24, but takes the place freed at 10.

    Instance 1 finds nobody: idle from 24 with the idle timeout of request 1, until request 2 takes it at 26.
    """
    demand = Demand.from_arrays([0, 4, 26], [10, 3, 1], startup_ns=[0, 20, 0], idle_timeout_ns=[100, 7, 7])
    run = run_of(engine, launching(waiting_requests=FIRST_FREE), demand)
    check(run, [cold(0, 10, 0), cold(10, 13, 0), warm(26, 27, 1)], [(0, 0, 20), (4, 24, 34)])


@each_engine
def test_bound_waits_for_its_own_instance(engine: ModuleType) -> None:
    """The same with bound requests: request 1 waits until 24; instance 0, idle since 10, serves request 2 at 26."""
    demand = Demand.from_arrays([0, 4, 26], [10, 3, 1], startup_ns=[0, 20, 0], idle_timeout_ns=[100, 7, 7])
    run = run_of(engine, launching(), demand)
    check(run, [cold(0, 10, 0), cold(24, 27, 1), warm(26, 27, 0)], [(0, 0, 34), (4, 24, 34)])


@each_engine
def test_nobody_found_is_idle_by_the_request_launched_for(engine: ModuleType) -> None:
    """Found by nobody at 24, instance 1 is gone 7 later, the idle timeout of the request it was launched for."""
    demand = Demand.from_arrays([0, 4], [10, 3], startup_ns=[0, 20], idle_timeout_ns=[100, 7])
    check(run_of(engine, launching(waiting_requests=FIRST_FREE), demand), None, [(0, 0, 20), (4, 24, 31)])


@each_engine
def test_several_places_and_claims(engine: ModuleType) -> None:
    """Two places: request 1 claims the second of instance 0, request 2 launches instance 1; all start at 5.

    At 10 both instances hold one request: the lower number takes request 3. At 13 instance 0 is idle since 12 and
    instance 1 holds request 2: it takes request 4, before the idle one.
    """
    demand = Demand.from_arrays([0, 0, 0, 10, 13], [4, 6, 10, 2, 1], startup_ns=[5, 9, 5, 1, 1], idle_timeout_ns=50)
    run = run_of(engine, launching(places=2, waiting_requests=FIRST_FREE), demand)
    check(
        run,
        [cold(5, 9, 0), warm(5, 11, 0), cold(5, 15, 1), warm(10, 12, 0), warm(13, 14, 1)],
        [(0, 5, 62), (0, 5, 65)],
    )


@each_engine
def test_claims_count_as_occupied(engine: ModuleType) -> None:
    """Two claims on one starting instance are the limit of 2."""
    pool = launching(places=2, waiting_requests=FIRST_FREE, max_concurrency=2)
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 4], 3, startup_ns=5, idle_timeout_ns=50))
    check(run, [cold(5, 8, 0), warm(5, 8, 0), throttled(Reason.CONCURRENCY)], [(0, 5, 58)])


@each_engine
@pytest.mark.parametrize("patience", [Patience.WAITING, Patience.RESPONSE])
def test_patience_in_line(engine: ModuleType, patience: Patience) -> None:
    """Request 1 leaves at 5. Request 2 is handed the place at its very limit, 10.

    Patience for the wait is over then; patience for the response times it out in that instant, its service is wasted.
    """
    pool = launching(max_concurrency=1, at_limit=QUEUE, patience=patience)
    demand = Demand.from_arrays([0, 1, 2], 10, idle_timeout_ns=100, patience_ns=[FOREVER, 4, 8])
    last = warm(10, 20, 0) if patience is Patience.WAITING else late(10, 10, 20, 0)
    check(run_of(engine, pool, demand), [cold(0, 10, 0), left(5), last], [(0, 0, 120)])


@each_engine
@pytest.mark.parametrize("patience", [Patience.WAITING, Patience.RESPONSE])
def test_patience_of_a_bound_request(engine: ModuleType, patience: Patience) -> None:
    """A bound request has its place from the launch on: only patience for the response, over at 8, times it out."""
    demand = Demand.from_arrays([0], 5, startup_ns=10, idle_timeout_ns=1, patience_ns=8)
    row = cold(10, 15, 0) if patience is Patience.WAITING else late(10, 8, 15, 0, is_cold=True)
    check(run_of(engine, launching(patience=patience), demand), [row], [(0, 10, 16)])


@each_engine
def test_patience_of_a_failed_launch(engine: ModuleType) -> None:
    """The client goes at 3, the launch fails at its limit, 10."""
    pool = launching(patience=Patience.RESPONSE, startup_limit_ns=10)
    run = run_of(engine, pool, Demand.from_arrays([0], 5, startup_ns=20, patience_ns=3))
    check(run, [failed(3, 10, 0)], [(0, NONE, 10)])


@each_engine
def test_launch_goes_on_with_its_claim(engine: ModuleType) -> None:
    """Request 0 leaves at 4; its claim is occupied until 10, when the instance finds nobody and serves request 2."""
    pool = launching(max_concurrency=1, waiting_requests=FIRST_FREE, patience=Patience.WAITING)
    demand = Demand.from_arrays([0, 5, 10], 5, startup_ns=10, idle_timeout_ns=9, patience_ns=4)
    run = run_of(engine, pool, demand)
    check(run, [left(4, is_cold=True), throttled(Reason.CONCURRENCY), warm(10, 15, 0)], [(0, 10, 24)])


@each_engine
def test_stopped_instance_is_gone_and_the_first_in_line_launches(engine: ModuleType) -> None:
    """Killed at 7 = 2 + 5; request 1 launches then, ready at 10. Request 2 comes at 7, after that, and waits until 14.

    Its service takes exactly the timeout: completed.
    """
    pool = launching(max_concurrency=1, at_limit=QUEUE, timeout_ns=5, on_timeout=OnTimeout.STOP)
    demand = Demand.from_arrays([0, 1, 7], [9, 4, 5], startup_ns=[2, 3, 1], idle_timeout_ns=50)
    run = run_of(engine, pool, demand)
    check(run, [late(2, 7, 7, 0, is_cold=True), cold(10, 14, 1), warm(14, 19, 1)], [(0, 2, 7), (7, 10, 69)])


@each_engine
def test_stopped_standing_instance_is_free(engine: ModuleType) -> None:
    """The standing instance is free at 5 and takes the first in line."""
    pool = launching(standing=1, max_concurrency=1, at_limit=QUEUE, timeout_ns=5, on_timeout=OnTimeout.STOP)
    run = run_of(engine, pool, Demand.from_arrays([0, 1], [9, 2]))
    check(run, [late(0, 5, 5, 0), warm(5, 7, 0)], [there()])


@each_engine
def test_stopped_with_first_free_launches_for_the_first_in_line(engine: ModuleType) -> None:
    """Request 1 waits for instance 1, ready at 12; at the kill, 5, another is launched for it, and finds nobody."""
    pool = launching(waiting_requests=FIRST_FREE, timeout_ns=5, on_timeout=OnTimeout.STOP)
    demand = Demand.from_arrays([0, 2], [9, 1], startup_ns=[0, 10], idle_timeout_ns=50)
    run = run_of(engine, pool, demand)
    check(run, [late(0, 5, 5, 0, is_cold=True), cold(12, 13, 1)], [(0, 0, 5), (2, 12, 63), (5, 15, 65)])


@each_engine
def test_failed_launch_lets_the_first_in_line_launch(engine: ModuleType) -> None:
    """The launch fails at 4; request 1 launches then with its own startup time."""
    pool = launching(max_concurrency=1, at_limit=QUEUE, startup_limit_ns=4)
    run = run_of(engine, pool, Demand.from_arrays([0, 1], 2, startup_ns=[9, 3], idle_timeout_ns=6))
    check(run, [failed(4, 4, 0), cold(7, 9, 1)], [(0, NONE, 4), (4, 7, 15)])


@each_engine
def test_launch_rate(engine: ModuleType) -> None:
    """Two tokens at 0; the next is there at 10, not at 9."""
    pool = launching(launch_rate=Bucket(burst=2, interval_ns=10))
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 0, 9, 10], 100, idle_timeout_ns=5))
    turned_away = throttled(Reason.RATE)
    check(
        run,
        [cold(0, 100, 0), cold(0, 100, 1), turned_away, turned_away, cold(10, 110, 2)],
        [(0, 0, 105), (0, 0, 105), (10, 10, 115)],
    )


@each_engine
def test_request_rate(engine: ModuleType) -> None:
    """Credit in ns, 10 at most: 5 at 5; 10 at 12, spent though the limit turns it away; 8 at 20; 10 at 30."""
    pool = launching(max_concurrency=1, request_rate=Bucket(burst=1, interval_ns=10))
    run = run_of(engine, pool, Demand.from_arrays([0, 5, 12, 20, 30], 30, idle_timeout_ns=100))
    rate, limit = throttled(Reason.RATE), throttled(Reason.CONCURRENCY)
    check(run, [cold(0, 30, 0), rate, limit, rate, warm(30, 60, 0)], [(0, 0, 160)])


def turned_away(number: int, at: int, then: int, reason: Reason = Reason.CONCURRENCY) -> tuple[int, ...]:
    """An earlier attempt that was throttled."""
    return number, at, then, *throttled(reason)


@each_engine
def test_retries_after_throttling(engine: ModuleType) -> None:
    """Delays 4 and 8. Request 1 at 1, 5 and 13, served; request 2 at 2, 6 and 14, given up."""
    pool = launching(max_concurrency=1, retries=Retries(attempts=3, base_ns=4, jitter=False))
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 2], 10, idle_timeout_ns=100))
    check(
        run,
        [cold(0, 10, 0), warm(13, 23, 0), throttled(Reason.CONCURRENCY)],
        [(0, 0, 123)],
        [turned_away(1, 1, 5), turned_away(1, 5, 13), turned_away(2, 2, 6), turned_away(2, 6, 14)],
    )


@each_engine
def test_retries_with_a_cap_and_half_to_even(engine: ModuleType) -> None:
    """Delays 1, 1.5 → 2, 2.25 → 2, capped at 2: attempts at 0, 1, 3 and 5 past the first."""
    retries = Retries(attempts=4, base_ns=1, cap_ns=2, multiplier=1.5, jitter=False)
    run = run_of(
        engine, launching(max_concurrency=1, retries=retries), Demand.from_arrays([0, 1], 10, idle_timeout_ns=5)
    )
    check(
        run,
        [cold(0, 10, 0), throttled(Reason.CONCURRENCY)],
        [(0, 0, 15)],
        [turned_away(1, 1, 2), turned_away(1, 2, 4), turned_away(1, 4, 6)],
    )


@each_engine
def test_retries_with_jitter(engine: ModuleType) -> None:
    """The delay of 1,000 is multiplied by the draw of (key, request, attempt)."""
    pool = launching(max_concurrency=1, retries=Retries(attempts=2, base_ns=1_000))
    run = run_of(engine, pool, Demand.from_arrays([0, 1], 10_000, idle_timeout_ns=5, retry_key=2**63 + 9))
    then = 1 + max(1, round(1_000 * jitter_draw(2**63 + 9, 1, 1)))
    check(run, [cold(0, 10_000, 0), throttled(Reason.CONCURRENCY)], [(0, 0, 10_005)], [turned_away(1, 1, then)])


@each_engine
def test_retry_before_an_arrival_of_its_instant(engine: ModuleType) -> None:
    """At 10 the place is freed, then request 1 tries again, then request 2 arrives."""
    pool = launching(max_concurrency=1, retries=Retries(attempts=2, base_ns=9, jitter=False))
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 10], 10, idle_timeout_ns=100))
    check(
        run,
        [cold(0, 10, 0), warm(10, 20, 0), throttled(Reason.CONCURRENCY)],
        [(0, 0, 120)],
        [turned_away(1, 1, 10), turned_away(2, 10, 19)],
    )


@each_engine
def test_two_attempts_overlap(engine: ModuleType) -> None:
    """Timed out at 5, tried again at 7 while the first attempt holds instance 0 until 8: instance 1 is launched."""
    retries = Retries(attempts=2, base_ns=2, jitter=False, after_timeout=True)
    run = run_of(engine, launching(timeout_ns=5, retries=retries), Demand.from_arrays([0], 8, idle_timeout_ns=50))
    check(
        run,
        [late(7, 12, 15, 1, is_cold=True)],
        [(0, 0, 58), (7, 7, 65)],
        [(0, 0, 7, *late(0, 5, 8, 0, is_cold=True))],
    )


@each_engine
def test_no_retry_after_a_timeout_unless_told(engine: ModuleType) -> None:
    """`after_timeout` is false by default."""
    pool = launching(timeout_ns=5, retries=Retries(attempts=2, base_ns=2, jitter=False))
    run = run_of(engine, pool, Demand.from_arrays([0], 8, idle_timeout_ns=50))
    check(run, [late(0, 5, 8, 0, is_cold=True)], [(0, 0, 58)])


@each_engine
def test_a_retry_that_never_comes_is_none(engine: ModuleType) -> None:
    """A delay that saturates leaves the throttled attempt the last."""
    retries = Retries(attempts=2, base_ns=FOREVER, jitter=False)
    run = run_of(
        engine, launching(max_concurrency=1, retries=retries), Demand.from_arrays([0, 1], 9, idle_timeout_ns=5)
    )
    check(run, [cold(0, 9, 0), throttled(Reason.CONCURRENCY)], [(0, 0, 14)])
