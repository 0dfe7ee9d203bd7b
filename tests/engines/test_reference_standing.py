"""Standing instances with limits of waiting, stops, shared cores, batches and retries: runs worked out on paper."""

from __future__ import annotations

from types import ModuleType

import pytest

from simulator.engines.clients import Patience, Retries
from simulator.engines.pool import Batching, OnGiveUp, OnTimeout, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Reason
from simulator.units import FOREVER
from tests.engines.traces import check, each_engine, expired, late, left, run_of, standing, there, throttled, warm

ARRIVAL, SERVE_ON, STOP = TimeoutFrom.ARRIVAL, OnGiveUp.SERVE_ON, OnTimeout.STOP


@each_engine
def test_time_to_live_and_patience(engine: ModuleType) -> None:
    """Time to live 6: request 1 expires at 7, request 2 at 8, when its patience is over too; request 3 leaves at 7."""
    pool = standing(time_to_live_ns=6, patience=Patience.WAITING)
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 2, 3], 20, patience_ns=[1, FOREVER, 6, 4]))
    check(run, [warm(0, 20, 0), expired(7), expired(8), left(7)], [there()])


@each_engine
def test_serve_on_until_the_time_to_live(engine: ModuleType) -> None:
    """Timeout 5 from arrival, time to live 12; clients go at 5, 6, 7 and 13.

    Request 1 is served from 10 to 19 for nobody. Request 2 is off the queue at 14. Request 3 would be at 20, is served
    from 19.
    """
    pool = standing(timeout_ns=5, timeout_from=ARRIVAL, on_give_up=SERVE_ON, time_to_live_ns=12)
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 2, 8], [10, 9, 1, 1]))
    check(run, [late(0, 5, 10, 0), late(10, 6, 19, 0), left(7), late(19, 13, 20, 0)], [there()])


@each_engine
def test_serve_on_after_patience(engine: ModuleType) -> None:
    """Patience for the wait is over at 3: served from 10 for nobody, though its service has no limit."""
    pool = standing(on_give_up=SERVE_ON, patience=Patience.WAITING)
    run = run_of(engine, pool, Demand.from_arrays([0, 1], [10, 4], patience_ns=2))
    check(run, [warm(0, 10, 0), late(10, 3, 14, 0)], [there()])


@each_engine
def test_stopped_at_the_timeout_from_arrival(engine: ModuleType) -> None:
    """Request 0 is stopped at 5; request 1 gets the worker at its very limit and is released in that instant.

    Request 2 starts at 5 and is stopped at 6, request 3 is served from 6.
    """
    pool = standing(timeout_ns=5, timeout_from=ARRIVAL, on_timeout=STOP)
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 1, 4], [9, 3, 3, 2]))
    check(run, [late(0, 5, 5, 0), late(5, 5, 5, 0), late(5, 6, 6, 0), warm(6, 8, 0)], [there()])


@each_engine
def test_stopped_at_the_timeout_from_the_start(engine: ModuleType) -> None:
    """Stopped 5 after its start; the next waits for it, its own timeout runs from 5."""
    run = run_of(engine, standing(timeout_ns=5, on_timeout=STOP), Demand.from_arrays([0, 0], [9, 5]))
    check(run, [late(0, 5, 5, 0), warm(5, 10, 0)], [there()])


@each_engine
def test_patience_never_stops_a_service(engine: ModuleType) -> None:
    """The client goes at 2, the worker is free at the invocation timeout, 5."""
    pool = standing(timeout_ns=5, on_timeout=STOP, patience=Patience.RESPONSE)
    check(run_of(engine, pool, Demand.from_arrays([0], 9, patience_ns=2)), [late(0, 2, 5, 0)], [there()])


@each_engine
def test_shared_cores(engine: ModuleType) -> None:
    """Three workers on two cores: the third takes 10 · 3/2.

    At 10 request 0 is released, request 3 starts as the third: 5 · 3/2 = 7.5 → 8; then request 1, request 4 starts as
    the third: 3 · 3/2 = 4.5 → 4.
    """
    pool = standing(places=3, cores=2, routing=Routing.RANDOM)
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 0, 5, 6], [10, 10, 10, 5, 3]))
    check(run, [warm(0, 10, 0), warm(0, 10, 0), warm(0, 15, 0), warm(10, 18, 0), warm(10, 14, 0)], [there()])


def batching(most: int, delay: int, growth: float) -> dict[str, object]:
    """Fields of a pool that batches."""
    return {"routing": Routing.RANDOM, "batching": Batching(most, delay, growth)}


@each_engine
def test_batches_full_and_delayed(engine: ModuleType) -> None:
    """Three at most, delay 4, α = 1/2.

    Full at 2: 10 · (1 + 1/2 · 2) = 20, released at 22. Then request 3 has waited for more than the delay: with
    request 4, 8 · 3/2 = 12, until 34. Request 5 waits until 44, alone; request 6 comes at 44, after that, and has
    waited 5 when the worker is free at 49.
    """
    demand = Demand.from_arrays([0, 1, 2, 5, 20, 40, 44], [6, 10, 4, 8, 6, 5, 5])
    run = run_of(engine, standing(**batching(3, 4, 0.5)), demand)
    check(run, [warm(2, 22, 0)] * 3 + [warm(22, 34, 0)] * 2 + [warm(44, 49, 0), warm(49, 54, 0)], [there()])


@each_engine
def test_batches_without_delay(engine: ModuleType) -> None:
    """A free worker begins at once, alone; at 5 it takes the first three: 4 · 2 = 8; then the last."""
    demand = Demand.from_arrays([0, 1, 2, 3, 4], [5, 3, 3, 4, 3])
    run = run_of(engine, standing(**batching(3, 0, 0.5)), demand)
    check(run, [warm(0, 5, 0), *[warm(5, 13, 0)] * 3, warm(13, 16, 0)], [there()])


@each_engine
def test_batches_and_a_full_queue(engine: ModuleType) -> None:
    """One may wait. Request 1 finds it full, but makes a batch of two at 1; request 3 finds no worker for one.

    Request 2 has waited 9 when the worker is free at 11, and begins at 12.
    """
    run = run_of(engine, standing(queue_limit=1, **batching(2, 10, 0.0)), Demand.from_arrays([0, 1, 2, 3], 10))
    check(run, [warm(1, 11, 0), warm(1, 11, 0), warm(12, 22, 0), throttled(Reason.QUEUE_FULL)], [there()])


@each_engine
def test_limits_in_a_batch_are_those_of_each(engine: ModuleType) -> None:
    """A batch from 3 to 9; timeout 8 from arrival: request 0 is late, request 1 is not."""
    pool = standing(timeout_ns=8, timeout_from=ARRIVAL, **batching(2, 4, 0.0))
    check(run_of(engine, pool, Demand.from_arrays([0, 3], 6)), [late(3, 8, 9, 0), warm(3, 9, 0)], [there()])


@each_engine
def test_delay_of_the_next_oldest(engine: ModuleType) -> None:
    """Request 0 leaves at 2; request 1 is the oldest then and begins 4 after it came."""
    pool = standing(patience=Patience.WAITING, **batching(3, 4, 0.0))
    run = run_of(engine, pool, Demand.from_arrays([0, 1], 3, patience_ns=[2, FOREVER]))
    check(run, [left(2), warm(5, 8, 0)], [there()])


@each_engine
def test_requests_of_batches_are_outstanding_singly(engine: ModuleType) -> None:
    """Instance 0 serves two as one batch, instance 1 one: the next goes to instance 1."""
    pool = standing(2, routing=Routing.LEAST_OUTSTANDING_REQUESTS, batching=Batching(2, 3, 0.0))
    # Position ⌊u · k⌋ of those with the fewest. Request 0: instance 0. Request 1: instance 1, the only one with none.
    # Request 2: both have one, u = 0: instance 0, a batch of two at 1. Instance 1 begins alone at 3. Request 3 at 4.
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 1, 4], 20, routing=0.0))
    check(run, [warm(1, 21, 0), warm(3, 23, 1), warm(1, 21, 0), warm(23, 43, 1)], [there(), there()])


@each_engine
def test_retry_after_the_time_to_live(engine: ModuleType) -> None:
    """Request 1 expires at 6. Request 2 finds the queue full, tries again at 8, has to wait, and expires at once.

    Its time to live ran from its first arrival and was over at 7.
    """
    pool = standing(queue_limit=1, time_to_live_ns=5, retries=Retries(attempts=2, base_ns=6, jitter=False))
    run = run_of(engine, pool, Demand.from_arrays([0, 1, 2], [20, 1, 1]))
    tries = [(2, 2, 8, *throttled(Reason.QUEUE_FULL))]
    check(run, [warm(0, 20, 0), expired(6), expired(8)], [there()], tries)


@each_engine
def test_attempts_of_clients_that_have_gone_are_served_on(engine: ModuleType) -> None:
    """Timeout 4 from the attempt, tried again 2 later; the queue keeps every attempt.

    Queue at 10: first of request 1 (from 1), second of request 0 (from 6), second of request 1 (from 7); clients gone
    at 5, 10 and 11. They are served at 10, 11 and 21.
    """
    retries = Retries(attempts=2, base_ns=2, jitter=False, after_timeout=True)
    pool = standing(timeout_ns=4, timeout_from=ARRIVAL, on_give_up=SERVE_ON, retries=retries)
    run = run_of(engine, pool, Demand.from_arrays([0, 1], [10, 1]))
    check(
        run,
        [late(11, 10, 21, 0), late(21, 11, 22, 0)],
        [there()],
        [(0, 0, 6, *late(0, 4, 10, 0)), (1, 1, 7, *late(10, 5, 11, 0))],
    )


@each_engine
@pytest.mark.parametrize("waits", [True, False])
def test_no_instance(engine: ModuleType, waits: bool) -> None:
    """With nothing there a request is throttled, or waits for capacity until its time to live."""
    pool = standing(0, waits_for_capacity=waits, time_to_live_ns=5)
    run = run_of(engine, pool, Demand.from_arrays([1], 1))
    check(run, [expired(6) if waits else throttled(Reason.NO_CAPACITY)], [])
