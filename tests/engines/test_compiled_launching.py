"""The calendar of pools that launch, against traces worked by hand from the rules; one unit is 1 ns."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.engines.clients import Patience, Retries, jitter_draw, retry_delay_ns
from simulator.engines.compiled import simulate
from simulator.engines.pool import AtLimit, Bucket, OnTimeout, Pool, Routing, WaitingRequests
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER

DONE, AWAY, LATE = int(Outcome.COMPLETED), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
CONCURRENCY, QUEUE_FULL, RATE = int(Reason.CONCURRENCY), int(Reason.QUEUE_FULL), int(Reason.RATE)


def on_demand(**fields: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **fields})


def queue(limit: int = FOREVER, **fields: Any) -> Pool:
    """One place at most, and a line before it."""
    return on_demand(**{"max_concurrency": 1, "at_limit": AtLimit.QUEUE, "queue_limit": limit, **fields})


def first_free(**fields: Any) -> Pool:
    return on_demand(waiting_requests=WaitingRequests.FIRST_FREE, **fields)


def column(run: Run, name: str) -> list[int]:
    values: list[int] = getattr(run.requests, name).tolist()
    return values


def tries(run: Run) -> list[tuple[int, ...]]:
    """(request, when, next) of each attempt that did not end its request."""
    return list(zip(*(getattr(run.tries, n).tolist() for n in ("number", "at_ns", "next_ns")), strict=True))


# At the limit.


def test_who_comes_at_the_limit_waits_and_is_turned_away_if_the_line_is_full() -> None:
    """Service 5, arrivals 0, 1, 2, 6: the second starts at 5, the third finds one waiting, the fourth none."""
    run = simulate(queue(1), Demand.from_arrays([0, 1, 2, 6], 5))
    assert [0, 5, NONE, 10] == column(run, "start_ns")
    assert [0, 0, QUEUE_FULL, 0] == column(run, "reason")
    assert [True, False, False, False] == column(run, "is_cold")
    assert [0, 0, NONE, 0] == column(run, "instance")


def test_a_queue_limit_of_none_at_all() -> None:
    """With room for nobody every request at the limit is turned away, as one whose queue is full."""
    run = simulate(queue(0), Demand.from_arrays([0, 1, 5], 5))
    assert [0, QUEUE_FULL, 0] == column(run, "reason")


def test_the_line_takes_a_place_before_its_instance_is_idle() -> None:
    """With an idle timeout of 0 the instance goes on from request to request, and is gone after the last."""
    run = simulate(queue(), Demand.from_arrays([0, 1, 2], 5, idle_timeout_ns=0))
    assert [0, 0, 0] == column(run, "instance")
    assert [15] == run.instances.gone_ns.tolist()


def test_a_failed_launch_lets_the_line_launch_with_its_own_startup() -> None:
    """The first launch fails at 3; the request that waits since 1 launches then, and starts 2 later."""
    run = simulate(queue(startup_limit_ns=3), Demand.from_arrays([0, 1], 1, startup_ns=[9, 2], idle_timeout_ns=4))
    assert [LATE, DONE] == column(run, "outcome")
    assert [NONE, 5] == column(run, "start_ns")
    assert [3, 6] == column(run, "response_ns")
    assert [True, True] == column(run, "is_cold")
    assert [0, 3] == run.instances.launch_ns.tolist()
    assert [3, 10] == run.instances.gone_ns.tolist()


def test_a_place_that_is_stopped_lets_the_line_launch() -> None:
    """Service 9, stopped at 3: the instance is gone, and the request that waits launches another."""
    pool = queue(timeout_ns=3, on_timeout=OnTimeout.STOP)
    run = simulate(pool, Demand.from_arrays([0, 1], [9, 3], startup_ns=[0, 2], idle_timeout_ns=4))
    assert [LATE, DONE] == column(run, "outcome")
    assert [3, 8] == column(run, "response_ns") == column(run, "release_ns")
    assert [0, 1] == column(run, "instance")
    assert [3, 12] == run.instances.gone_ns.tolist()


def test_the_head_that_launches_keeps_its_place_in_the_line() -> None:
    """First free: stopped at 2; the second launches then, ready at 7, and still counts as waiting at the limit."""
    pool = queue(1, timeout_ns=2, on_timeout=OnTimeout.STOP, waiting_requests=WaitingRequests.FIRST_FREE)
    run = simulate(pool, Demand.from_arrays([0, 1, 3, 8], [9, 1, 1, 1], startup_ns=[0, 5, 0, 0]))
    assert [0, 7, NONE, 8] == column(run, "start_ns")
    assert [0, 0, QUEUE_FULL, 0] == column(run, "reason")
    assert [True, True, False, False] == column(run, "is_cold")


@pytest.mark.parametrize(("on_timeout", "second"), [(OnTimeout.STOP, (3, 1)), (OnTimeout.SERVE_ON, (NONE, NONE))])
def test_stopping_frees_the_place_but_not_the_instance(on_timeout: OnTimeout, second: tuple[int, int]) -> None:
    """One place, timeout 3, service 9: a request at 3 launches anew, or is turned away until 9."""
    pool = on_demand(max_concurrency=1, timeout_ns=3, on_timeout=on_timeout)
    run = simulate(pool, Demand.from_arrays([0, 3], [9, 1]))
    assert second == (column(run, "start_ns")[1], column(run, "instance")[1])
    assert [3, 9][on_timeout is OnTimeout.SERVE_ON] == column(run, "release_ns")[0]


def test_a_stopped_provisioned_instance_is_free() -> None:
    """It serves the next request in the instant in which it is stopped, and never goes."""
    pool = on_demand(standing=1, timeout_ns=3, on_timeout=OnTimeout.STOP)
    run = simulate(pool, Demand.from_arrays([0, 3], [9, 3]))
    assert [0, 0] == column(run, "instance")
    assert [LATE, DONE] == column(run, "outcome")
    assert [FOREVER] == run.instances.gone_ns.tolist()


# Rates.


def test_a_bucket_gains_a_token_each_interval() -> None:
    """Two tokens, one more each 10: credit 20 at 0, 11 at 1, 2 at 2, 9 at 9, 10 at 10, 9 at 19, 10 at 20."""
    pool = on_demand(request_rate=Bucket(2, 10))
    run = simulate(pool, Demand.from_arrays([0, 1, 2, 9, 10, 19, 20], 1))
    assert [0, 0, RATE, RATE, 0, RATE, 0] == column(run, "reason")


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    """After a long time two pass at once, not three, and half an interval later none."""
    run = simulate(on_demand(request_rate=Bucket(2, 10)), Demand.from_arrays([1000, 1000, 1000, 1005, 1010], 1))
    assert [0, 0, RATE, RATE, 0] == column(run, "reason")


def test_a_token_is_spent_on_who_is_turned_away_at_the_limit() -> None:
    """Two tokens: the second request is turned away for concurrency, the third for the rate."""
    run = simulate(on_demand(max_concurrency=1, request_rate=Bucket(2, 100)), Demand.from_arrays([0, 1, 2], 9))
    assert [0, CONCURRENCY, RATE] == column(run, "reason")


def test_only_launches_spend_tokens_of_the_launch_rate() -> None:
    """One each 10: at 0 the second is turned away; at 6 an idle instance serves; at 7 credit is 7, at 10 it is 10."""
    pool = on_demand(launch_rate=Bucket(1, 10))
    run = simulate(pool, Demand.from_arrays([0, 0, 6, 7, 10], 5))
    assert [0, RATE, 0, RATE, 0] == column(run, "reason")
    assert [0, NONE, 0, NONE, 1] == column(run, "instance")


# First free.


@pytest.mark.parametrize(
    ("waiting", "start", "instance"), [(WaitingRequests.FIRST_FREE, 4, 0), (WaitingRequests.BOUND, 11, 1)]
)
def test_the_first_place_that_is_free_takes_the_head(waiting: WaitingRequests, start: int, instance: int) -> None:
    """Instance 0 is released at 4, instance 1 ready at 11, where first free finds it idle until 11 + 6."""
    pool = on_demand(waiting_requests=waiting, retries=Retries(2, 1))
    run = simulate(pool, Demand.from_arrays([0, 2, 12], [3, 1, 1], startup_ns=[1, 9, 0], idle_timeout_ns=[50, 6, 50]))
    assert [1, start, 12] == column(run, "start_ns")
    assert [0, instance, 1] == column(run, "instance")
    assert [True, True, False] == column(run, "is_cold")
    assert [1, 11] == run.instances.ready_ns.tolist()


def test_an_instance_that_nobody_waits_for_retires_by_the_row_it_was_launched_for() -> None:
    """Ready at 11 with an idle timeout of 6 from the row of the second request; with lifetime 10 at 12."""
    for lifetime, gone in ((FOREVER, 17), (10, 12), (3, 11)):
        demand = Demand.from_arrays(
            [0, 2], [3, 1], startup_ns=[1, 9], idle_timeout_ns=[50, 6], lifetime_ns=[99, lifetime]
        )
        assert gone == simulate(first_free(), demand).instances.gone_ns[1]


def test_a_claim_is_occupied_until_the_instance_is_ready() -> None:
    """Two places: at 5 one serves the second request, the other is still starting for it; at 11 it is idle."""
    pool = first_free(max_concurrency=2)
    run = simulate(pool, Demand.from_arrays([0, 2, 5, 11], [3, 9, 1, 1], startup_ns=[1, 9, 0, 0]))
    assert [0, 0, CONCURRENCY, 0] == column(run, "reason")
    assert [1, 4, NONE, 11] == column(run, "start_ns")
    assert [0, 0, NONE, 1] == column(run, "instance")


def test_starting_requests_wait_in_order() -> None:
    """Launched at 0, ready at 5, and at 1, ready at 2: the first request takes the second instance."""
    run = simulate(first_free(), Demand.from_arrays([0, 1], 9, startup_ns=[5, 1]))
    assert [2, 5] == column(run, "start_ns")
    assert [1, 0] == column(run, "instance")


@pytest.mark.parametrize(
    ("routing", "taken"),
    [(Routing.MOST_RECENTLY_IDLE, 0), (Routing.LEAST_RECENTLY_IDLE, 1), (Routing.NEWEST_CREATED, 1)],
)
def test_becoming_idle_by_release_and_by_being_ready_is_one_order(routing: Routing, taken: int) -> None:
    """At 5 instance 0 is released by request 2, and 1, launched for request 1, is ready: 1 comes first in the order."""
    demand = Demand.from_arrays([0, 1, 4, 6], [3, 1, 1, 1], startup_ns=[0, 4, 0, 0], idle_timeout_ns=100)
    run = simulate(first_free(routing=routing), demand)
    assert [0, 0, 0, taken] == column(run, "instance")


# Several places.


def test_a_starting_instance_takes_claims_as_many_as_it_has_places() -> None:
    """Two places: the second request claims, the third launches; both start at 3, and the third takes a place at 6."""
    demand = Demand.from_arrays([0, 1, 2, 7, 7], 3, startup_ns=[3, 0, 5, 0, 0])
    run = simulate(first_free(places=2), demand)
    assert [3, 3, 6, 7, 7] == column(run, "start_ns")
    assert [True, False, True, False, False] == column(run, "is_cold")
    # At 7 instance 0 holds the third request, so it comes before instance 1, which is idle.
    assert [0, 0, 0, 0, 1] == column(run, "instance")


def test_provisioned_instances_first_and_those_that_hold_a_request_before_idle_ones() -> None:
    """At 3: a place of 0, a place of 1, a launch. At 6: 0 is idle, 1 holds a request, and 0 comes first."""
    demand = Demand.from_arrays([0, 0, 0, 3, 3, 3, 6], [5, 2, 9, 1, 1, 1, 1])
    run = simulate(first_free(standing=1, places=2), demand)
    assert [0, 0, 1, 0, 1, 2, 0] == column(run, "instance")
    assert [False, False, True, False, False, True, False] == column(run, "is_cold")


def test_an_instance_is_idle_once_all_its_places_are_free() -> None:
    """Released at 2 and at 5: it retires by the row of the later release, 5 + 4."""
    run = simulate(first_free(places=2), Demand.from_arrays([0, 0], [5, 2], idle_timeout_ns=[4, 1]))
    assert [9] == run.instances.gone_ns.tolist()


def test_the_limit_counts_places_not_instances() -> None:
    """Four places on two instances: the fifth request is turned away."""
    run = simulate(first_free(places=2, max_concurrency=4), Demand.from_arrays([0] * 5, 2, startup_ns=1))
    assert [0, 0, 0, 0, CONCURRENCY] == column(run, "reason")
    assert [0, 0, 1, 1, NONE] == column(run, "instance")
    assert [True, False, True, False, False] == column(run, "is_cold")


# Patience.


@pytest.mark.parametrize("patience", [Patience.WAITING, Patience.RESPONSE])
def test_who_has_waited_long_enough_leaves_the_line(patience: Patience) -> None:
    """Patience 3 from 1: gone at 4; the one behind, who waits longer, gets the place at 9."""
    run = simulate(
        queue(2, patience=patience), Demand.from_arrays([0, 1, 2, 5], [9, 1, 1, 1], patience_ns=[50, 3, 50, 50])
    )
    assert [DONE, LATE, DONE, DONE] == column(run, "outcome")
    assert [0, NONE, 9, 10] == column(run, "start_ns")
    assert [9, 4, 10, 11] == column(run, "response_ns")
    assert [9, NONE, 10, 11] == column(run, "release_ns")
    assert [0, NONE, 0, 0] == column(run, "instance")


@pytest.mark.parametrize(
    ("patience", "outcome", "response"), [(Patience.WAITING, DONE, 5), (Patience.RESPONSE, LATE, 4)]
)
def test_a_place_in_the_very_instant_comes_first(patience: Patience, outcome: int, response: int) -> None:
    """Released at 4, patience over at 4: it starts; patience for waiting is over then, that for the response passes."""
    run = simulate(queue(patience=patience), Demand.from_arrays([0, 1], [4, 1], patience_ns=[50, 3]))
    assert (4, outcome, response, 5) == tuple(
        column(run, name)[1] for name in ("start_ns", "outcome", "response_ns", "release_ns")
    )


def test_patience_for_the_response_passes_in_service_and_the_place_serves_on() -> None:
    """Service 9, patience 3: response 3, place taken until 9. Patience 9 is enough."""
    pool = on_demand(max_concurrency=1, patience=Patience.RESPONSE)
    run = simulate(pool, Demand.from_arrays([0, 5, 9], 9, patience_ns=[3, 3, 9]))
    assert [LATE, AWAY, DONE] == column(run, "outcome")
    assert [3, NONE, 18] == column(run, "response_ns")
    assert [9, NONE, 18] == column(run, "release_ns")


def test_patience_for_the_response_passes_while_bound_to_a_starting_instance() -> None:
    """Startup 5, or one that fails at 7: response 3, start and release as if it were not; for waiting it is over."""
    demand = Demand.from_arrays([0, 20], 1, startup_ns=[5, 9], idle_timeout_ns=0, patience_ns=3)
    run = simulate(on_demand(patience=Patience.RESPONSE, startup_limit_ns=7), demand)
    assert [LATE, LATE] == column(run, "outcome")
    assert [5, NONE] == column(run, "start_ns")
    assert [3, 23] == column(run, "response_ns")
    assert [6, 27] == column(run, "release_ns")
    run = simulate(on_demand(patience=Patience.WAITING, startup_limit_ns=7), demand)
    assert [6, 27] == column(run, "response_ns")


def test_a_launch_goes_on_with_its_claim_when_its_request_has_left() -> None:
    """Ready at 5, left at 2: at 3 its place is claimed, at 5 it is idle and serves who comes."""
    pool = first_free(max_concurrency=1, patience=Patience.WAITING)
    run = simulate(pool, Demand.from_arrays([0, 3, 5], 1, startup_ns=5, idle_timeout_ns=4, patience_ns=2))
    assert [LATE, AWAY, DONE] == column(run, "outcome")
    assert [NONE, NONE, 5] == column(run, "start_ns")
    assert [2, NONE, 6] == column(run, "response_ns")
    assert [NONE, NONE, 0] == column(run, "instance")
    assert [True, False, False] == column(run, "is_cold")
    assert [10] == run.instances.gone_ns.tolist()


def test_patience_and_stopping_together() -> None:
    """Stopped at 5 after the client left at 3: response 3, release 5, and the instance is gone at 5."""
    pool = on_demand(timeout_ns=5, on_timeout=OnTimeout.STOP, patience=Patience.RESPONSE)
    run = simulate(pool, Demand.from_arrays([0], 9, patience_ns=3))
    assert ([3], [5], [5]) == (column(run, "response_ns"), column(run, "release_ns"), run.instances.gone_ns.tolist())


# Clients that try again.


@pytest.mark.parametrize(("cap", "last"), [(FOREVER, 10), (4, 8)])
def test_who_is_turned_away_tries_again_later_and_later(cap: int, last: int) -> None:
    """Busy until 9; away at 1, again at 1 + 3, again at 4 + 6 (or 4 + 4, too early, which is the last attempt)."""
    pool = on_demand(max_concurrency=1, retries=Retries(3, 3, cap, jitter=False))
    run = simulate(pool, Demand.from_arrays([0, 1], [9, 1]))
    assert [(1, 1, 4), (1, 4, last)] == tries(run)
    assert [CONCURRENCY] * 2 == run.tries.reason.tolist()
    assert [NONE] * 2 == run.tries.response_ns.tolist()
    assert [DONE, DONE if last == 10 else AWAY] == column(run, "outcome")
    assert [9, 11 if last == 10 else NONE] == column(run, "response_ns")


def test_another_attempt_comes_before_a_new_request_of_the_same_instant() -> None:
    """Free at 3; at 4 request 1 tries again and request 2 arrives: request 1 gets the place."""
    pool = on_demand(max_concurrency=1, retries=Retries(2, 3, jitter=False))
    run = simulate(pool, Demand.from_arrays([0, 1, 4], [3, 1, 1]))
    assert [0, 4, 5 + 2] == column(run, "start_ns")
    assert [(1, 1, 4), (2, 4, 7)] == tries(run)


@pytest.mark.parametrize("after_timeout", [True, False])
def test_a_client_that_timed_out_tries_again_while_its_place_is_still_held(after_timeout: bool) -> None:
    """Patience 2, service 5: timed out at 2, again at 3 on an instance of its own, timed out at 5."""
    retries = Retries(2, 1, jitter=False, after_timeout=after_timeout)
    run = simulate(on_demand(patience=Patience.RESPONSE, retries=retries), Demand.from_arrays([0], 5, patience_ns=2))
    assert ([(0, 0, 3)] if after_timeout else []) == tries(run)
    assert [LATE] == column(run, "outcome")
    assert [5 if after_timeout else 2] == column(run, "response_ns")
    assert [int(after_timeout)] == column(run, "instance")
    if after_timeout:
        one = (run.tries.outcome, run.tries.start_ns, run.tries.response_ns, run.tries.release_ns, run.tries.instance)
        assert [LATE, 0, 2, 5, 0] == [int(value[0]) for value in one]
        assert run.tries.is_cold[0]


def test_an_attempt_joins_the_line_anew_with_patience_from_then() -> None:
    """Patience 2 in line: 1 to 3, again 4 to 6, again 7: then the place is free at 8."""
    pool = queue(patience=Patience.WAITING, retries=Retries(3, 1, 1, jitter=False, after_timeout=True))
    run = simulate(pool, Demand.from_arrays([0, 1], [8, 1], patience_ns=2))
    assert [(1, 1, 4), (1, 4, 7)] == tries(run)
    assert [3, 6] == run.tries.response_ns.tolist()
    assert [0, 8] == column(run, "start_ns")


def test_every_attempt_costs_a_token_and_draws_as_before() -> None:
    """One token each 4; random routing by the request's own draw, the upper of the two that are idle."""
    pool = on_demand(routing=Routing.RANDOM_IDLE, request_rate=Bucket(2, 4), retries=Retries(4, 2, 2, jitter=False))
    run = simulate(pool, Demand.from_arrays([0, 0, 1], 1, startup_ns=1, routing=[0.0, 0.0, 0.9]))
    assert [(2, 1, 3), (2, 3, 5)] == tries(run)
    assert [RATE, RATE] == run.tries.reason.tolist()
    assert [0, 1, 1] == column(run, "instance")


def test_jitter_is_drawn_by_key_request_and_attempt() -> None:
    """Every delay is that of `clients`, half to even, 1 at least."""
    retries, key = Retries(4, 50), 2**64 - 7
    run = simulate(
        on_demand(max_concurrency=1, retries=retries), Demand.from_arrays([0, *range(1, 40)], 10**6, retry_key=key)
    )
    assert 39 * 3 == len(run.tries)
    attempts: dict[int, int] = {}
    for number, at_ns, next_ns in tries(run):
        attempt = attempts[number] = attempts.get(number, 0) + 1
        delay = retry_delay_ns(retries.delays_ns()[attempt - 1], jitter_draw(key, number, attempt))
        assert at_ns + delay == next_ns


def test_an_attempt_that_would_never_be_made_is_not() -> None:
    """A delay that ends at the last instant: the request ends as its attempt did."""
    pool = on_demand(max_concurrency=1, retries=Retries(2, FOREVER, jitter=False))
    run = simulate(pool, Demand.from_arrays([0, 1], 5))
    assert [DONE, AWAY] == column(run, "outcome")
    assert [] == tries(run)
