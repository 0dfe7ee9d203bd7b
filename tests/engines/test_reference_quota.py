"""A quota of requests and tokens: runs worked out on paper.

600 tokens a minute are 10 a second. A request is served for 1 s and gives back what it reserved, unless told otherwise.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Patience, Population, Retries
from simulator.engines.pool import Pool
from simulator.engines.served_otherwise import Quota
from simulator.engines.tables import Demand, Outcome, Reason
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.traces import check, each_engine, late, run_of, standing, there, throttled, warm

SECOND = NS_PER_SECOND
TURNED_AWAY = throttled(Reason.QUOTA)


def api(requests: int = FOREVER, tokens: int = FOREVER, most: int = 100, burndown: int = 1, **given: Any) -> Pool:
    """An API with a quota for each minute."""
    return standing(quota=Quota(requests, tokens, most, burndown), **given)


def asked(arrivals: list[int], tokens_in: object, tokens_out: object = 0, service: object = SECOND) -> Demand:
    """Requests with their tokens."""
    return Demand.from_arrays(arrivals, service, tokens_in=tokens_in, tokens_out=tokens_out)


@each_engine
def test_no_limit_lets_everything_through_at_once(engine: ModuleType) -> None:
    """Twenty at one instant, on one instance without end of places."""
    run = run_of(engine, api(), asked([5] * 20, 10**6))
    check(run, [warm(5, 5 + SECOND, 0)] * 20, [there()])


@each_engine
def test_requests_of_a_minute_flow_in_evenly(engine: ModuleType) -> None:
    """Two a minute: one is there again after 30 s, not a nanosecond before, and takes the bucket to 0."""
    arrivals = [0, 0, 0, 30 * SECOND - 1, 30 * SECOND, 30 * SECOND]
    run = run_of(engine, api(requests=2), asked(arrivals, 0))
    first, second = warm(0, SECOND, 0), warm(30 * SECOND, 31 * SECOND, 0)
    check(run, [first, first, TURNED_AWAY, TURNED_AWAY, second, TURNED_AWAY])


@each_engine
def test_reservation_and_settlement(engine: ModuleType) -> None:
    """500 + 100 are reserved: nothing is left. At 10 s 100 have flowed in and 600 − 540 come back: 160, not 161."""
    demand = asked([0, 1, 10 * SECOND, 10 * SECOND], [500, 0, 61, 60], 40, 10 * SECOND)
    run = run_of(engine, api(tokens=600), demand)
    check(run, [warm(0, 10 * SECOND, 0), TURNED_AWAY, TURNED_AWAY, warm(10 * SECOND, 20 * SECOND, 0)])


@each_engine
def test_output_burns_down_five_times_and_below_0(engine: ModuleType) -> None:
    """At 6 s: 60 flowed in, 600 back, 500 + 5 · 100 used: −340. 101 are there 44.1 s later."""
    at = 50 * SECOND + SECOND // 10
    demand = asked([0, at - 1, at], [500, 1, 1], 100, 6 * SECOND)
    run = run_of(engine, api(tokens=600, burndown=5), demand)
    check(run, [warm(0, 6 * SECOND, 0), TURNED_AWAY, warm(at, at + 6 * SECOND, 0)])


@each_engine
def test_flows_in_to_the_nanosecond(engine: ModuleType) -> None:
    """Seven a minute: one after 60/7 s = 8571428571.43 ns."""
    at = 8_571_428_572
    demand = asked([0, at - 1, at], [6, 0, 0], service=100 * SECOND)
    run = run_of(engine, api(tokens=7, most=1), demand)
    check(run, [warm(0, 100 * SECOND, 0), TURNED_AWAY, warm(at, at + 100 * SECOND, 0)])


@each_engine
def test_never_more_than_it_holds(engine: ModuleType) -> None:
    """Full again after 60 s, what comes back then is lost: 10 are there, not 20."""
    run = run_of(engine, api(tokens=10, most=10), asked([0, 60 * SECOND, 60 * SECOND], 0, service=60 * SECOND))
    check(run, [warm(0, 60 * SECOND, 0), warm(60 * SECOND, 120 * SECOND, 0), TURNED_AWAY])


@each_engine
def test_flow_is_cut_off_before_the_settlement(engine: ModuleType) -> None:
    """40 of 100 taken; full again long before 60 s, where 40 come back and 50 go: 90 are left, not 100."""
    demand = asked([0, 60 * SECOND, 60 * SECOND], [30, 81, 80], [20, 0, 0], [60 * SECOND, 1, 1])
    run = run_of(engine, api(tokens=100, most=10), demand)
    check(run, [warm(0, 60 * SECOND, 0), TURNED_AWAY, warm(60 * SECOND, 60 * SECOND + 1, 0)])


@each_engine
def test_without_tokens_no_request_is_taken(engine: ModuleType) -> None:
    """More tokens than the bucket ever holds: the one request of the minute is there for the next."""
    run = run_of(engine, api(requests=1, tokens=600), asked([0, 0, 0], [501, 500, 0]))
    check(run, [TURNED_AWAY, warm(0, SECOND, 0), TURNED_AWAY])


@each_engine
def test_without_a_request_no_tokens_are_taken(engine: ModuleType) -> None:
    """Request 1 is turned away with 90 of its 90 tokens there.

    At 30 s the bucket of 100 is full, 10 come back and 5 · 20 go: 10, and 60 at 60 s, which request 2 asks for. Had
    request 1 taken its 90, it would hold 50 at 30 s and 10 at 60 s.
    """
    demand = asked([0, SECOND, 60 * SECOND], [0, 80, 50], [20, 0, 0], [30 * SECOND, 1, 1])
    run = run_of(engine, api(requests=1, tokens=100, most=10, burndown=5), demand)
    check(run, [warm(0, 30 * SECOND, 0), TURNED_AWAY, warm(60 * SECOND, 60 * SECOND + 1, 0)])


@each_engine
def test_clients_try_again(engine: ModuleType) -> None:
    """Turned away at 0 and at 20 s, let through at 60 s; the third attempt is of the same row."""
    pool = api(requests=1, retries=Retries(attempts=3, base_ns=20 * SECOND, jitter=False))
    run = run_of(engine, pool, asked([0, 0], 0))
    tries = [
        (1, 0, 20 * SECOND, *TURNED_AWAY),
        (1, 20 * SECOND, 60 * SECOND, *TURNED_AWAY),
    ]
    check(run, [warm(0, SECOND, 0), warm(60 * SECOND, 61 * SECOND, 0)], None, tries)


@each_engine
@pytest.mark.parametrize("limit", ["timeout", "patience"])
def test_timed_out_and_settled_at_its_release(engine: ModuleType, limit: str) -> None:
    """Its client goes at 5 s; the only token comes back at 10 s, not before: by then a sixth has flowed in."""
    given: dict[str, Any] = {"timeout_ns": 5 * SECOND} if limit == "timeout" else {"patience": Patience.RESPONSE}
    demand = Demand.from_arrays(
        [0, 10 * SECOND - 1, 10 * SECOND], [10 * SECOND, 1, 1], patience_ns=5 * SECOND, tokens_in=0, tokens_out=0
    )
    run = run_of(engine, api(tokens=1, most=1, **given), demand)
    check(run, [late(0, 5 * SECOND, 10 * SECOND, 0), TURNED_AWAY, warm(10 * SECOND, 10 * SECOND + 1, 0)])


@each_engine
def test_one_client_of_a_closed_population(engine: ModuleType) -> None:
    """One request a minute, 10 s of thought: served at 0, turned away at 11, 21, … 51 s, served at 61 s."""
    pool = api(requests=1, population=Population(until_ns=70 * SECOND))
    demand = Demand.from_arrays([0] * 20, SECOND, think_ns=10 * SECOND)
    run = engine.simulate(pool, demand, None, np.zeros(1, np.int64))
    assert run.sent is not None
    assert [0, *(s * SECOND for s in range(11, 70, 10))] == run.sent.arrival_ns.tolist()
    ends = [Outcome.COMPLETED, *[Outcome.THROTTLED] * 5, Outcome.COMPLETED]
    assert ends == run.requests.outcome.tolist()
