"""A closed population at standing instances: traces worked out on paper, finite-source queues, Little's law, blocks."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines.clients import Population, Retries
from simulator.engines.compiled.standing_calendar import StandingCalendar
from simulator.engines.pool import Batching, OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.scaling import Scaling, ScheduledAction
from simulator.engines.tables import NONE, Demand, Outcome, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
COMPLETED, THROTTLED, TIMED_OUT, EXPIRED = map(int, Outcome)
ROUTINGS = (Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE)


def launch_times(n: int) -> NDArray[np.int64]:
    """Ten each."""
    return np.full(n, 10, np.int64)


def pool(until: int, overhead: int = 0, **rest: Any) -> Pool:
    fields = {"standing": 1, "launches": False, "routing": Routing.RANDOM, "population": Population(until, overhead)}
    return Pool(**{**fields, **rest})


def rows(service: object, think: object, n: int = 9, **rest: Any) -> Demand:
    """Rows whose arrivals mean nothing, more of them than are sent."""
    return Demand.from_arrays([99] * n, service, think_ns=think, **rest)


def thinks(*first: int) -> list[int]:
    """Think times of nine rows; after those that are given they are longer than anything."""
    return [*first, *[FOREVER] * (9 - len(first))]


def in_blocks(its: Pool, demand: Demand, first_sends: NDArray[np.int64], room: int, sizes: list[int]) -> list[Settled]:
    """What the calendar gives back after each block, as long as it wants rows, and at the end."""
    calendar = StandingCalendar(its, launch_times, first_sends, room)
    parts, start = [], 0
    for size in sizes:
        if not calendar.wants_rows:
            break
        parts.append(calendar.feed(demand.rows(start, start + size)))
        start += size
    return [*parts, calendar.finish()]


def run(its: Pool, demand: Demand, *first_sends: int) -> Run:
    """The tables of a run, which are the same one row at a time with arrays that have to grow."""
    firsts = np.array(first_sends, np.int64)
    at_once = Run.joined(in_blocks(its, demand, firsts, 1024, [len(demand)]))
    parts = in_blocks(its, demand, firsts, 1, [1] * len(demand))
    assert cases.difference(at_once, Run.joined(parts)) is None
    for before, part in itertools.pairwise(parts):
        assert min([*part.launched_ns.tolist(), *part.gone.gone_ns.tolist(), part.until_ns]) >= before.until_ns
    return at_once


def sent_ns(found: Run) -> list[int]:
    """When requests were sent."""
    assert found.sent is not None
    sent: list[int] = found.sent.arrival_ns.tolist()
    return sent


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_client_thinks_when_it_has_its_response(routing: Routing) -> None:
    """One worker, service 10, overhead 2, two clients at 0 and 1.

    Client 0 has its responses at 12 and 32, thinks 5 and 3, and sends at 17 and 35; client 1 at 22, thinks 7, and sends
    at 29. Its next would be at 42 + 1, after `until`; so would that of client 0.
    """
    found = run(pool(36, 2, routing=routing), rows(10, thinks(5, 7, 3, 1, 1)), 0, 1)
    assert [0, 1, 17, 29, 35] == sent_ns(found)
    assert [0, 10, 20, 30, 40] == found.requests.start_ns.tolist()
    assert [10, 20, 30, 40, 50] == found.requests.response_ns.tolist()


def test_a_client_that_is_turned_away_thinks_at_once_and_without_overhead() -> None:
    """No queue. Turned away at 1 and 3 client 1 thinks 2 and 7, and at 10 finds the worker free in that instant.

    Client 0 sends at 10 + 100 of overhead + 1; client 1, served until 20, would send at 20 + 100 + 5, not before 125.
    """
    found = run(pool(125, 100, queue_limit=0), rows(10, thinks(1, 2, 7, 5, 20)), 0, 1)
    assert [0, 1, 3, 10, 111] == sent_ns(found)
    assert [COMPLETED, THROTTLED, THROTTLED, COMPLETED, COMPLETED] == found.requests.outcome.tolist()


def test_without_capacity_a_client_is_turned_away_each_time() -> None:
    """No instance: attempts at 0, 4 and 8, and the one of 12 is not before `until`."""
    found = run(pool(12, standing=0), rows(10, 4), 0)
    assert [0, 4, 8] == sent_ns(found)
    assert [THROTTLED] * 3 == found.requests.outcome.tolist()


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_client_that_timed_out_thinks_from_the_limit_on(routing: Routing) -> None:
    """One client, one worker, service 20, limit 5 from the arrival.

    Served from 0 it times out at 5, and sends at 5 + 2; that waits until its limit at 12, and the next is sent at
    12 + 3; its limit is 20, the next is sent at 20 + 1. With `serve_on` they are all served one after another; else the
    second leaves at 12, and the third is taken at 20, at its very limit, and the last leaves at 26.
    """
    limits: dict[str, Any] = {"timeout_ns": 5, "timeout_from": TimeoutFrom.ARRIVAL, "routing": routing}
    for on_give_up, starts in ((OnGiveUp.SERVE_ON, [0, 20, 40, 60]), (OnGiveUp.LEAVE, [0, NONE, 20, NONE])):
        found = run(pool(22, 7, on_give_up=on_give_up, **limits), rows(20, thinks(2, 3, 1)), 0)
        assert [0, 7, 15, 21] == sent_ns(found)
        assert [TIMED_OUT] * 4 == found.requests.outcome.tolist()
        assert [5, 12, 20, 26] == found.requests.response_ns.tolist()
        assert starts == found.requests.start_ns.tolist()
        assert [NONE if start == NONE else start + 20 for start in starts] == found.requests.release_ns.tolist()


def test_a_client_thinks_after_its_last_attempt_even_if_that_keeps_its_place() -> None:
    """Limit 5, another attempt 1 after it, service 20, places are kept.

    Attempts of row 0 at 0 and 6; the second waits until 11, so row 1 is sent at 11 + 2, with attempts at 13 and 19;
    the last limit is 24, and 24 + 2 is not before `until`. Services begin at 0, 20, 40 and 60.
    """
    its = pool(
        26,
        timeout_ns=5,
        timeout_from=TimeoutFrom.ARRIVAL,
        on_give_up=OnGiveUp.SERVE_ON,
        retries=Retries(2, 1, jitter=False, after_timeout=True),
    )
    found = run(its, rows(20, 2), 0)
    assert [0, 13] == sent_ns(found)
    assert [11, 24] == found.requests.response_ns.tolist()
    assert [20, 60] == found.requests.start_ns.tolist()
    assert [40, 80] == found.requests.release_ns.tolist()
    assert [0, 13] == found.tries.at_ns.tolist()
    assert [6, 19] == found.tries.next_ns.tolist()
    assert [0, 40] == found.tries.start_ns.tolist()
    assert [5, 18] == found.tries.response_ns.tolist()
    assert [20, 60] == found.tries.release_ns.tolist()


@pytest.mark.parametrize("on_give_up", list(OnGiveUp))
def test_time_to_live_runs_from_the_sending(on_give_up: OnGiveUp) -> None:
    """Two clients at 3; the second expires at 3 + 5, thinks 1, and is taken at 13 when the worker is free."""
    found = run(pool(50, time_to_live_ns=5, on_give_up=on_give_up), rows(10, [99, 1, *[99] * 7]), 3, 3)
    assert [3, 3, 9] == sent_ns(found)
    assert [COMPLETED, EXPIRED, COMPLETED] == found.requests.outcome.tolist()
    assert [13, 8, 23] == found.requests.response_ns.tolist()


def test_one_whose_limit_passed_in_its_place_thinks_once_though_it_then_expires() -> None:
    """Limit 2, time to live 5: client 1 of 0 thinks 1 from 2 on, and sends row 2 at 3; row 1 leaves at 5, timed out."""
    its = pool(
        4,
        timeout_ns=2,
        timeout_from=TimeoutFrom.ARRIVAL,
        on_give_up=OnGiveUp.SERVE_ON,
        time_to_live_ns=5,
    )
    found = run(its, rows(10, [9, 1, 9, *[9] * 6]), 0, 0)
    assert [0, 0, 3] == sent_ns(found)
    assert [TIMED_OUT] * 3 == found.requests.outcome.tolist()
    assert [2, 2, 5] == found.requests.response_ns.tolist()
    assert [0, NONE, NONE] == found.requests.start_ns.tolist()


def test_requests_of_a_batch_end_together() -> None:
    """Two, or after 4: those of 0 and 1 from 1 to 11; then client 1 sends at 12, and client 0 at 13 fills a batch."""
    its = pool(14, batching=Batching(2, 4, 0.0))
    found = run(its, rows(10, thinks(2, 1)), 0, 1)
    assert [0, 1, 12, 13] == sent_ns(found)
    assert [1, 1, 13, 13] == found.requests.start_ns.tolist()
    late = run(pool(13, batching=Batching(2, 4, 0.0)), rows(10, thinks(2, 1)), 0, 1)
    assert [1, 1, 16] == late.requests.start_ns.tolist()


def test_clients_wait_for_capacity_that_scaling_launches() -> None:
    """Nobody sends before the instance is there: launched at 5, ready at 15, it serves until 25; 3 later, until 38."""
    scaling = Scaling(0, 2, 100, actions=(ScheduledAction(5, minimum=1),))
    its = pool(30, standing=0, routing=Routing.CENTRAL_QUEUE, waits_for_capacity=True, scaling=scaling)
    found = run(its, rows(10, 3), 0)
    assert [0, 28] == sent_ns(found)
    assert [15, 28] == found.requests.start_ns.tolist()
    assert [5] == found.changes.at_ns.tolist()
    assert [1] == found.changes.capacity.tolist()


def test_rows_are_wanted_as_long_as_somebody_may_send() -> None:
    """One client at 0: the service of 10 and a think time of 2 lead to 12."""
    for until, wants_more in ((12, False), (13, True)):
        calendar = StandingCalendar(pool(until), launch_times, np.array([0]), 1)
        assert calendar.wants_rows
        settled = calendar.feed(rows(10, 2, n=1))
        assert wants_more == calendar.wants_rows
        assert [10] == settled.requests.response_ns.tolist()
        assert 0 == len(calendar.finish().requests)
        assert not calendar.wants_rows
    nobody = StandingCalendar(pool(5), launch_times, np.array([5, 6]), 1)
    assert not nobody.wants_rows
    assert 0 == len(nobody.feed(rows(10, 2)).requests) + len(nobody.finish().requests)


def test_rows_left_over_are_not_given_back_and_no_fault() -> None:
    """Three rows for one request, and another pool where a request that was sent waits for ever, which is one."""
    assert 1 == len(run(pool(5), rows(10, 2, n=3), 0).requests)
    with pytest.raises(InputError, match="wait for ever"):
        run(pool(5), rows(FOREVER, 2), 0, 0)


def test_what_is_left_is_served_when_a_simulation_is_ended_early() -> None:
    """Two rows for two clients: at 0 both, one waits until 10; then nobody sends, though there is time."""
    found = run(pool(1000), rows(10, 1, n=2), 0, 0)
    assert [0, 0] == sent_ns(found)
    assert [10, 20] == found.requests.response_ns.tolist()


def random_case(dice: random.Random) -> tuple[Pool, Demand, list[int]]:
    """Small whole-number times, so that much happens at one instant."""
    n = dice.randint(1, 25)
    routing = dice.choice(ROUTINGS)
    batching = None if routing is Routing.CENTRAL_QUEUE else dice.choice([None, Batching(2, dice.randint(0, 4), 0.5)])
    its = pool(
        dice.randint(1, 60),
        dice.randint(0, 2),
        standing=dice.randint(1, 3),
        places=dice.randint(1, 2),
        routing=routing,
        queue_limit=dice.choice([FOREVER, 0, 1, 2]),
        timeout_ns=dice.choice([FOREVER, dice.randint(1, 9)]),
        timeout_from=dice.choice(list(TimeoutFrom)),
        on_give_up=dice.choice(list(OnGiveUp)),
        time_to_live_ns=dice.choice([FOREVER, dice.randint(1, 9)]),
        batching=batching,
        retries=dice.choice([None, Retries(3, 2, after_timeout=True)]),
    )
    demand = rows(
        [dice.randint(1, 12) for _ in range(n)],
        [dice.randint(1, 9) for _ in range(n)],
        n=n,
        routing=[dice.random() for _ in range(n)],
        retry_key=dice.randrange(2**64),
    )
    return its, demand, [dice.randint(0, 5) for _ in range(dice.randint(1, 6))]


def test_no_row_depends_on_blocks_or_room_and_each_client_has_one_request_at_a_time() -> None:
    """300 random pools. As many requests are open at any time as there are clients, at most.

    A request is open from its sending to the end of its last attempt, the time of that attempt if it was turned away.
    """
    dice = random.Random(SEED)
    for _ in range(300):
        its, demand, first_sends = random_case(dice)
        found = run(its, demand, *first_sends)
        last_ns = np.array(sent_ns(found), np.int64)
        np.maximum.at(last_ns, found.tries.number, found.tries.next_ns)
        ended = np.where(found.requests.outcome == THROTTLED, last_ns, found.requests.response_ns)
        # A client sends 1 later than its last request ended at least, so at one instant sendings are counted first.
        events = sorted([(at, 0, 1) for at in sent_ns(found)] + [(at, 1, -1) for at in ended.tolist()])
        most = max(itertools.accumulate(step for _, _, step in events), default=0)
        assert most <= len(first_sends)


def finite_source(clients: int, servers: int, per_think: float, per_service: float) -> float:
    """Throughput of M/M/c//N, from its stationary distribution (Gross & Harris, finite-source queues)."""
    ratio = per_think / per_service
    weights = [
        math.perm(clients, k) * ratio**k / (math.factorial(min(k, servers)) * servers ** max(0, k - servers))
        for k in range(clients + 1)
    ]
    return per_service * sum(min(k, servers) * weight for k, weight in enumerate(weights)) / sum(weights)


def throughput(its: Pool, clients: int, think: float, service: float, rng: np.random.Generator) -> float:
    """Requests sent in a time unit until `until`; Little's law is checked on the way."""
    assert its.population is not None
    until = its.population.until_ns
    n = 2 * int(clients * until / (think + service)) + 100
    demand = Demand.from_arrays(
        np.zeros(n, np.int64),
        1 + rng.exponential(service, n).astype(np.int64),
        think_ns=1 + rng.exponential(think, n).astype(np.int64),
        routing=rng.random(n),
    )
    first_sends = rng.exponential(think, clients).astype(np.int64)
    calendar = StandingCalendar(its, launch_times, first_sends, 64)
    parts = [calendar.feed(demand)]
    assert not calendar.wants_rows
    found = Run.joined([*parts, calendar.finish()])
    assert found.sent is not None
    # N = X (R + Z): all clients' time is spent in requests and thinking, but for the cycle that `until` cuts off.
    cycles = found.requests.response_ns - found.sent.arrival_ns + found.sent.think_ns
    spent = int(cycles.sum()) + int(first_sends.sum())
    assert clients * until <= spent < clients * (until + int(cycles.max()))
    return len(found.requests) / until


@pytest.mark.parametrize(
    ("clients", "standing", "places", "routing"),
    [(1, 1, 1, Routing.RANDOM), (5, 1, 1, Routing.RANDOM), (6, 1, 2, Routing.RANDOM), (9, 3, 1, Routing.CENTRAL_QUEUE)],
)
def test_throughput_is_that_of_the_finite_source_queue(
    clients: int, standing: int, places: int, routing: Routing
) -> None:
    """Exponential times, mean think 3 µs and service 1 µs: 20 runs of about 5,000 requests, within 4 standard errors.

    With one server it is μ (1 − p₀), p₀ = 1/Σ N!/(N − k)! (λ/μ)^k; with more it is that of the machine-repair model.
    """
    rng = np.random.default_rng([SEED, clients])
    think, service = 3e3, 1e3
    expected = finite_source(clients, standing * places, 1 / think, 1 / service)
    if standing * places == 1:
        p0 = 1 / sum(math.perm(clients, k) * (service / think) ** k for k in range(clients + 1))
        assert expected == pytest.approx((1 - p0) / service, rel=1e-12)
    its = pool(int(5_000 / expected), standing=standing, places=places, routing=routing)
    runs = [throughput(its, clients, think, service, rng) for _ in range(20)]
    error = np.std(runs, ddof=1) / math.sqrt(len(runs))
    # Whole nanoseconds, rounded up: half a nanosecond in a thousand longer.
    assert abs(np.mean(runs) - expected) < 4 * error + expected * 1e-3


def test_with_a_place_for_each_client_throughput_is_that_of_the_means() -> None:
    """N/(R + Z) = 8/(7 + 3), whatever the routing, as nobody ever waits."""
    for routing in ROUTINGS:
        its = pool(1_000, routing=routing, places=8)
        found = run(its, rows(7, 3, n=900), *range(8))
        # Client k sends at k, k + 10, …: a hundred times.
        assert 800 == len(found.requests)
        assert (found.requests.response_ns - np.array(sent_ns(found)) == 7).all()
