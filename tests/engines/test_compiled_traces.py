"""The compiled engine against traces worked by hand. One unit is 1 ns; service is 1 unless said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.engines.compiled import simulate
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason
from simulator.units import FOREVER


def on_demand(routing: Routing = Routing.MOST_RECENTLY_IDLE, **fields: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": routing, **fields})


def one_worker(**fields: Any) -> Pool:
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, **fields})


@pytest.mark.parametrize(("timeout", "cold"), [(5, [0, 1, 2]), (9, [0, 1, 2]), (10, [0])])
def test_an_idle_instance_serves_only_before_its_timeout(timeout: int, cold: list[int]) -> None:
    """Arrivals 0, 10, 20: the idle age at each is 9, which is not less than 9."""
    run = simulate(on_demand(), Demand.from_arrays([0, 10, 20], 1, idle_timeout_ns=timeout))
    assert cold == np.flatnonzero(run.requests.is_cold).tolist()
    assert [1 + timeout, 11 + timeout, 21 + timeout][-len(cold) :] == run.instances.gone_ns.tolist()


def test_three_at_once_and_three_later_find_them_idle() -> None:
    """Three at 0 are cold, three at 2 are warm, three instances live; the last idle one is taken first."""
    run = simulate(on_demand(), Demand.from_arrays([0, 0, 0, 2, 2, 2], 1, idle_timeout_ns=5))
    assert [True] * 3 + [False] * 3 == run.requests.is_cold.tolist()
    assert [0, 1, 2, 2, 1, 0] == run.requests.instance.tolist()
    assert [8, 8, 8] == run.instances.gone_ns.tolist()


def test_above_the_limit_requests_are_throttled() -> None:
    """Five at 0 with a limit of three."""
    run = simulate(on_demand(max_concurrency=3), Demand.from_arrays([0] * 5, 1))
    assert [0, 0, 0, 1, 1] == run.requests.outcome.tolist()
    assert [0, 0, 0, int(Reason.CONCURRENCY)] == run.requests.reason.tolist()[:4]
    assert [0, 1, 2, NONE, NONE] == run.requests.instance.tolist()
    assert [1, 1, 1, NONE, NONE] == run.requests.response_ns.tolist()


def test_standing_instances_serve_first() -> None:
    """Three at 0 with two standing: the highest never used first, then one launch."""
    run = simulate(on_demand(standing=2), Demand.from_arrays([0, 0, 0], 1, startup_ns=4, idle_timeout_ns=3))
    assert [1, 0, 2] == run.requests.instance.tolist()
    assert [False, False, True] == run.requests.is_cold.tolist()
    assert [0, 0, 4] == run.requests.start_ns.tolist()
    assert [FOREVER, FOREVER, 8] == run.instances.gone_ns.tolist()
    assert [0, 0, 4] == run.instances.ready_ns.tolist()


@pytest.mark.parametrize(
    ("routing", "instances", "gone"),
    [
        (Routing.MOST_RECENTLY_IDLE, [0, 1, 1, 1, 1, 2], [9, 19, 19]),
        (Routing.LEAST_RECENTLY_IDLE, [0, 1, 0, 1, 0, 1], [19, 19]),
        (Routing.NEWEST_CREATED, [0, 1, 1, 1, 1, 2], [9, 19, 19]),
    ],
)
def test_routing_decides_who_retires(routing: Routing, instances: list[int], gone: list[int]) -> None:
    """Two at 0, one at 2, one at 6, two at 10, idle timeout 8: three cold or two."""
    run = simulate(on_demand(routing), Demand.from_arrays([0, 0, 2, 6, 10, 10], 1, idle_timeout_ns=8))
    assert instances == run.requests.instance.tolist()
    assert gone == run.instances.gone_ns.tolist()


@pytest.mark.parametrize(("draw", "taken"), [(0.0, 0), (0.333, 0), (0.334, 1), (0.99, 2)])
def test_random_idle_routing_takes_a_position_in_order_of_number(draw: float, taken: int) -> None:
    """Of three idle instances, position ⌊3·draw⌋."""
    run = simulate(on_demand(Routing.RANDOM_IDLE), Demand.from_arrays([0, 0, 0, 5], 1, routing=[0, 0, 0, draw]))
    assert taken == run.requests.instance[3]


def test_one_worker_serves_in_order() -> None:
    """Service 5, arrivals 0, 1, 2: they wait 0, 4, 8."""
    run = simulate(one_worker(), Demand.from_arrays([0, 1, 2], 5))
    assert [0, 5, 10] == run.requests.start_ns.tolist()


def test_a_full_queue_throttles() -> None:
    """The same with one place in the queue: the third is turned away."""
    run = simulate(one_worker(queue_limit=1), Demand.from_arrays([0, 1, 2], 5))
    assert [0, 5, NONE] == run.requests.start_ns.tolist()
    assert [0, 0, int(Reason.QUEUE_FULL)] == run.requests.reason.tolist()


def test_a_request_leaves_the_queue_at_its_limit_or_takes_the_worker_then() -> None:
    """Limits 3, 4, 5: the second leaves at 4, the third is handed the worker at its very limit and times out."""
    pool = one_worker(timeout_ns=3, timeout_from=TimeoutFrom.ARRIVAL)
    requests = simulate(pool, Demand.from_arrays([0, 1, 2], 5)).requests
    assert [int(Outcome.TIMED_OUT)] * 3 == requests.outcome.tolist()
    assert [0, NONE, 5] == requests.start_ns.tolist()
    assert [3, 4, 5] == requests.response_ns.tolist()
    assert [5, NONE, 10] == requests.release_ns.tolist()
    assert [0, NONE, 0] == requests.instance.tolist()


def test_a_request_that_is_served_on_keeps_its_place() -> None:
    """The same where clients' leaving goes unnoticed: the second is served from 5, the third from 10, both in vain."""
    pool = one_worker(timeout_ns=3, timeout_from=TimeoutFrom.ARRIVAL, on_give_up=OnGiveUp.SERVE_ON)
    requests = simulate(pool, Demand.from_arrays([0, 1, 2], 5)).requests
    assert [int(Outcome.TIMED_OUT)] * 3 == requests.outcome.tolist()
    assert [0, 5, 10] == requests.start_ns.tolist()
    assert [3, 4, 5] == requests.response_ns.tolist()
    assert [5, 10, 15] == requests.release_ns.tolist()


@pytest.mark.parametrize(("timeout", "second"), [(1, False), (0, True)])
def test_a_release_comes_before_an_arrival_of_the_same_instant(timeout: int, second: bool) -> None:
    """A release at 1 and an arrival at 1: the instance is reused, unless it retires at its release."""
    run = simulate(on_demand(max_concurrency=1), Demand.from_arrays([0, 1], 1, idle_timeout_ns=timeout))
    assert [True, second] == run.requests.is_cold.tolist()
    assert [0, 0] == run.requests.outcome.tolist()


def test_the_release_outlasts_the_response_of_a_timeout() -> None:
    """Service 7, timeout 3, from the start: response at 3, but the place is free at 7 only."""
    pool = on_demand(max_concurrency=1, timeout_ns=3)
    requests = simulate(pool, Demand.from_arrays([0, 6, 7], [7, 3, 4], idle_timeout_ns=9)).requests
    assert [int(Outcome.TIMED_OUT), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)] == requests.outcome.tolist()
    assert [3, NONE, 10] == requests.response_ns.tolist()
    assert [7, NONE, 11] == requests.release_ns.tolist()


def test_a_launch_fails_at_the_startup_limit_and_takes_a_number() -> None:
    """Startup 5, limit 4: timed out at 4, its place occupied until then, its instance never ready."""
    pool = on_demand(max_concurrency=1, startup_limit_ns=4)
    run = simulate(pool, Demand.from_arrays([0, 3, 4], 1, startup_ns=[5, 5, 4], idle_timeout_ns=2))
    assert [int(Outcome.TIMED_OUT), int(Outcome.THROTTLED), int(Outcome.COMPLETED)] == run.requests.outcome.tolist()
    assert [NONE, NONE, 8] == run.requests.start_ns.tolist()
    assert [4, NONE, 9] == run.requests.response_ns.tolist()
    assert [4, NONE, 9] == run.requests.release_ns.tolist()
    assert [0, NONE, 1] == run.requests.instance.tolist()
    assert [True, False, True] == run.requests.is_cold.tolist()
    assert [NONE, 8] == run.instances.ready_ns.tolist()
    assert [4, 11] == run.instances.gone_ns.tolist()


def test_a_life_that_is_over_in_service_ends_at_the_release() -> None:
    """Launched at 0 with lifetime 3, released at 5: gone at 5; with lifetime 6: at 6, before its idle timeout."""
    for lifetime, gone in ((3, 5), (6, 6), (9, 7)):
        run = simulate(on_demand(), Demand.from_arrays([0], 5, idle_timeout_ns=2, lifetime_ns=lifetime))
        assert [gone] == run.instances.gone_ns.tolist()


def test_a_warm_start_has_one_instance_from_the_first_row() -> None:
    """Three at 2: one takes the standing, one the warm instance, one launches; without demand none is warm."""
    pool = on_demand(standing=1, starts_warm=True)
    run = simulate(pool, Demand.from_arrays([2, 2, 2], 1, idle_timeout_ns=[3, 4, 5]))
    assert [0, 1, 2] == run.requests.instance.tolist()
    assert [False, False, True] == run.requests.is_cold.tolist()
    assert [FOREVER, 7, 8] == run.instances.gone_ns.tolist()
    assert [FOREVER] == simulate(pool, Demand.from_arrays(np.zeros(0), 1)).instances.gone_ns.tolist()


def test_without_instances_there_is_no_capacity() -> None:
    """A pool that neither has nor launches any instance throttles all."""
    pool = Pool(standing=0, launches=False, routing=Routing.CENTRAL_QUEUE)
    run = simulate(pool, Demand.from_arrays([0, 1], 1))
    assert [int(Outcome.THROTTLED)] * 2 == run.requests.outcome.tolist()
    assert [int(Reason.NO_CAPACITY)] * 2 == run.requests.reason.tolist()
    assert 0 == len(run.instances)


def test_a_central_queue_hands_out_workers_in_order_of_release_then_request() -> None:
    """Two instances, released at 4 together: the head takes the worker of the earlier request, which is instance 1."""
    pool = Pool(standing=2, launches=False, routing=Routing.CENTRAL_QUEUE)
    # Request 0 leaves instance 0 at 1; 1 goes to instance 1 until 4; 2 to instance 0 from 1 until 4; 3 and 4 wait.
    run = simulate(pool, Demand.from_arrays([0, 0, 1, 2, 3], [1, 4, 3, 5, 5]))
    assert [0, 1, 0, 1, 0] == run.requests.instance.tolist()
    assert [0, 0, 1, 4, 4] == run.requests.start_ns.tolist()


def test_least_outstanding_counts_those_who_wait_and_those_whose_client_has_gone() -> None:
    """Instance 0 holds one request timed out at 2 but served until 9, so instance 1 is taken, and then 0 of both."""
    pool = Pool(
        standing=2,
        launches=False,
        routing=Routing.LEAST_OUTSTANDING_REQUESTS,
        timeout_ns=2,
        timeout_from=TimeoutFrom.ARRIVAL,
    )
    requests = simulate(pool, Demand.from_arrays([0, 3, 3, 9], [9, 1, 1, 1], routing=[0.0, 0.9, 0.0, 0.6])).requests
    # At 3 both hold one, so the third draws 0, where it waits until its limit, 5. At 9 both are empty again.
    assert [0, 1, NONE, 1] == requests.instance.tolist()
    assert [2, 4, 5, 10] == requests.response_ns.tolist()
