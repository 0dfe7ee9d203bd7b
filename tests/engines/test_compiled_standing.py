"""The calendar of standing instances: its rules worked out on paper, any blocks, and plain pools as the plain kernels.

Scaling is in `test_compiled_scaling`.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines import compiled
from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled.standing_calendar import StandingCalendar
from simulator.engines.pool import Batching, OnGiveUp, OnTimeout, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run, Settled
from simulator.errors import InputError
from tests.engines import cases

SEED = 20261125
COMPLETED, THROTTLED, TIMED_OUT, EXPIRED = map(int, Outcome)


def settled(pool: Pool, blocks: list[Demand], launches: tuple[int, ...] = (), room: int = 1) -> list[Settled]:
    """What the calendar gives back after each block, and at the end."""

    def launch_times(n: int) -> NDArray[np.int64]:
        return np.resize(np.array(launches or (0,), np.int64), n)

    calendar = StandingCalendar(pool, launch_times, np.empty(0, np.int64), room)
    return [*map(calendar.feed, blocks), calendar.finish()]


def run(pool: Pool, demand: Demand, launches: tuple[int, ...] = ()) -> Run:
    """The tables of a run, which are the same one request at a time with arrays that have to grow."""
    at_once = Run.joined(settled(pool, [demand], launches, room=1024))
    parts = settled(pool, [demand.rows(i, i + 1) for i in range(len(demand))], launches)
    assert cases.difference(at_once, Run.joined(parts)) is None
    for before, part in itertools.pairwise(parts):
        assert min([*part.launched_ns.tolist(), *part.gone.gone_ns.tolist(), part.until_ns]) >= before.until_ns
    return at_once


def pool(**fields: Any) -> Pool:
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, **fields})


def test_plain_pools_have_the_rows_of_the_plain_kernels() -> None:
    """2,000 pools without any of the later rules, in random blocks, with little room and with much."""
    dice = random.Random(SEED)
    for plain, demand in cases.seeded(SEED, 2_000, launches=False):
        expected = compiled.simulate(plain, demand)
        found = Run.joined(settled(plain, list(cases.blocks(dice, demand)), room=dice.choice([1, 64])))
        problem = cases.difference(expected, found)
        assert problem is None, f"{problem}\n{cases.described(plain, demand)}"


def test_a_throttled_request_is_tried_again_until_a_worker_is_free() -> None:
    """Served until 10; turned away at 1 and, five later, at 6; at 11 the worker is free."""
    requests = run(
        pool(queue_limit=0, retries=Retries(3, 5, multiplier=1.0, jitter=False)), Demand.from_arrays([0, 1], 10)
    )
    assert [0, 11] == requests.requests.start_ns.tolist()
    assert [10, 21] == requests.requests.response_ns.tolist()
    assert [1, 1] == requests.tries.number.tolist()
    assert [1, 6] == requests.tries.at_ns.tolist()
    assert [6, 11] == requests.tries.next_ns.tolist()
    assert [THROTTLED] * 2 == requests.tries.outcome.tolist()
    assert [int(Reason.QUEUE_FULL)] * 2 == requests.tries.reason.tolist()


def test_delays_grow_and_the_last_attempt_is_the_end() -> None:
    """Attempts at 1, 1 + 2 and 3 + 4, all while the worker is busy."""
    found = run(pool(queue_limit=0, retries=Retries(3, 2, jitter=False)), Demand.from_arrays([0, 1], 10))
    assert [COMPLETED, THROTTLED] == found.requests.outcome.tolist()
    assert [3, 7] == found.tries.next_ns.tolist()


def test_an_attempt_that_timed_out_holds_its_worker_while_the_next_is_made() -> None:
    """Timed out at 3 and again at 8; two workers are held until 10 and 15, so who comes at 9 finds none, at 10 one."""
    two = pool(
        places=2,
        queue_limit=0,
        timeout_ns=3,
        timeout_from=TimeoutFrom.ARRIVAL,
        retries=Retries(2, 2, jitter=False, after_timeout=True),
    )
    found = run(two, Demand.from_arrays([0, 10], [10, 1]))
    assert [TIMED_OUT, COMPLETED] == found.requests.outcome.tolist()
    assert [5, 10] == found.requests.start_ns.tolist()
    assert [8, 11] == found.requests.response_ns.tolist()
    assert [15, 11] == found.requests.release_ns.tolist()
    tries = found.tries
    row = [
        tries.at_ns,
        tries.next_ns,
        tries.outcome,
        tries.start_ns,
        tries.response_ns,
        tries.release_ns,
        tries.instance,
    ]
    assert [0, 5, TIMED_OUT, 0, 3, 10, 0] == [int(column[0]) for column in row]
    late = run(two, Demand.from_arrays([0, 9], [10, 1]))
    assert [9] == late.tries.at_ns[1:].tolist()
    assert [11] == late.requests.start_ns[1:].tolist()


def test_attempts_that_keep_their_place_are_served_after_the_next_was_made() -> None:
    """One worker until 20; it then serves the first attempt of 1, the second of 0 and the second of 1, all in vain."""
    found = run(
        pool(
            timeout_ns=5,
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=OnGiveUp.SERVE_ON,
            retries=Retries(2, 4, jitter=False, after_timeout=True),
        ),
        Demand.from_arrays([0, 1], [20, 2]),
    )
    assert [TIMED_OUT] * 2 == found.requests.outcome.tolist()
    assert [22, 42] == found.requests.start_ns.tolist()
    assert [14, 15] == found.requests.response_ns.tolist()
    assert [42, 44] == found.requests.release_ns.tolist()
    assert [0, 1] == found.tries.number.tolist()
    assert [0, 20] == found.tries.start_ns.tolist()
    assert [5, 6] == found.tries.response_ns.tolist()
    assert [20, 22] == found.tries.release_ns.tolist()
    assert [9, 10] == found.tries.next_ns.tolist()


def test_a_request_expires_in_the_queue_and_not_in_a_worker() -> None:
    """Time to live 5 and service 10: the second expires at 6, the third is taken at 10 and outlives its time."""
    requests = run(pool(time_to_live_ns=5), Demand.from_arrays([0, 1, 6], 10)).requests
    assert [COMPLETED, EXPIRED, COMPLETED] == requests.outcome.tolist()
    assert [10, 6, 20] == requests.response_ns.tolist()
    assert [0, NONE, 10] == requests.start_ns.tolist()
    assert [0, NONE, 0] == requests.instance.tolist()


@pytest.mark.parametrize(("timeout", "outcome", "response"), [(5, EXPIRED, 6), (4, TIMED_OUT, 5), (6, EXPIRED, 6)])
@pytest.mark.parametrize("on_give_up", list(OnGiveUp))
def test_the_earliest_limit_counts(timeout: int, outcome: int, response: int, on_give_up: OnGiveUp) -> None:
    """With a time to live of 5 the second is never served, wherever it waits until then; a tie expires."""
    limited = pool(time_to_live_ns=5, timeout_ns=timeout, timeout_from=TimeoutFrom.ARRIVAL, on_give_up=on_give_up)
    requests = run(limited, Demand.from_arrays([0, 1], 10)).requests
    assert outcome == requests.outcome[1]
    assert response == requests.response_ns[1]
    assert [NONE, NONE] == [requests.start_ns[1], requests.release_ns[1]]


def test_an_attempt_that_has_outlived_its_time_may_start_but_not_wait() -> None:
    """Tried again at 6, after its time to live: it expires there if the worker is busy, and is served if it is free."""
    tried = pool(queue_limit=1, time_to_live_ns=4, retries=Retries(2, 5, jitter=False))
    requests = run(tried, Demand.from_arrays([0, 0, 1], [8, 1, 1])).requests
    assert [COMPLETED, EXPIRED, EXPIRED] == requests.outcome.tolist()
    assert [8, 4, 6] == requests.response_ns.tolist()
    assert 6 == run(tried, Demand.from_arrays([0, 0, 1], [5, 1, 1])).requests.start_ns[2]


def test_requests_wait_for_capacity_that_never_comes() -> None:
    """Without any instance a request expires; without a time to live it would wait for ever."""
    waits = {"standing": 0, "routing": Routing.CENTRAL_QUEUE, "waits_for_capacity": True}
    requests = run(pool(**waits, time_to_live_ns=5), Demand.from_arrays([2], 1)).requests
    assert [EXPIRED, 7] == [requests.outcome[0], requests.response_ns[0]]
    with pytest.raises(InputError, match="wait for ever"):
        settled(pool(**waits), [Demand.from_arrays([2], 1)])


def test_blocks_come_in_order_and_arrivals_come() -> None:
    """A block before the last one, and an arrival at the end of time, are refused."""
    with pytest.raises(InputError, match="block begins at 1 ns, must not be before 2 ns"):
        settled(pool(cores=1), [Demand.from_arrays([2], 1), Demand.from_arrays([1], 1)])
    with pytest.raises(InputError, match="stands for never"):
        settled(pool(cores=1), [Demand.from_arrays([2**63 - 1], 1)])


@pytest.mark.parametrize(("patience", "third"), [(Patience.WAITING, COMPLETED), (Patience.RESPONSE, TIMED_OUT)])
def test_patience_while_a_request_waits_and_until_its_response(patience: Patience, third: int) -> None:
    """The second leaves at 5; the third gets the worker at 10, its very limit, which is over then or passes then."""
    requests = run(pool(patience=patience), Demand.from_arrays([0, 1, 2], 10, patience_ns=[99, 4, 8])).requests
    assert [COMPLETED, TIMED_OUT, third] == requests.outcome.tolist()
    assert [10, 5, 20 if third == COMPLETED else 10] == requests.response_ns.tolist()
    assert [10, NONE, 20] == requests.release_ns.tolist()


def test_a_service_is_stopped_at_its_timeout() -> None:
    """Timeout 3 from the start: the worker is free at 3 and 6, and serves the third to its end."""
    stops = pool(on_timeout=OnTimeout.STOP, timeout_ns=3)
    requests = run(stops, Demand.from_arrays([0, 1, 2], [10, 10, 2])).requests
    assert [TIMED_OUT, TIMED_OUT, COMPLETED] == requests.outcome.tolist()
    assert [0, 3, 6] == requests.start_ns.tolist()
    assert [3, 6, 8] == requests.response_ns.tolist() == requests.release_ns.tolist()


def test_a_request_that_gets_a_worker_at_its_very_limit_is_stopped_in_that_instant() -> None:
    """Timeout 3 from the arrival: the second starts and is released at 3, and the third starts at 3 too."""
    stops = pool(on_timeout=OnTimeout.STOP, timeout_ns=3, timeout_from=TimeoutFrom.ARRIVAL)
    requests = run(stops, Demand.from_arrays([0, 0, 2], [10, 10, 1])).requests
    assert [TIMED_OUT, TIMED_OUT, COMPLETED] == requests.outcome.tolist()
    assert [0, 3, 3] == requests.start_ns.tolist()
    assert [3, 3, 4] == requests.release_ns.tolist()


def test_patience_never_stops_a_service() -> None:
    """Patience 2 until the response, timeout 5: response at 2, but the worker is stopped at 5."""
    stops = pool(on_timeout=OnTimeout.STOP, timeout_ns=5, patience=Patience.RESPONSE)
    requests = run(stops, Demand.from_arrays([0], 9, patience_ns=2)).requests
    assert [TIMED_OUT, 2, 5] == [requests.outcome[0], requests.response_ns[0], requests.release_ns[0]]


@pytest.mark.parametrize(("service", "third"), [(10, 15), (5, 8), (3, 4)])
def test_workers_share_cores(service: int, third: int) -> None:
    """On two cores the third worker takes 3/2 of the service, half to even: 15, 7.5 and 4.5."""
    requests = run(pool(places=3, cores=2), Demand.from_arrays([0, 0, 0], service)).requests
    assert [service, service, third] == requests.release_ns.tolist()


def test_a_batch_begins_when_it_is_full_or_its_oldest_has_waited() -> None:
    """Full at 2 with a longest service of 4, times 1 + 0.5 · 2; the next waits until 10, the last one exactly 5."""
    batches = pool(batching=Batching(3, 5, 0.5))
    requests = run(batches, Demand.from_arrays([0, 1, 2, 3, 20, 25], [2, 4, 3, 4, 1, 1])).requests
    assert [2, 2, 2, 10, 25, 30] == requests.start_ns.tolist()
    assert [10, 10, 10, 14, 26, 31] == requests.release_ns.tolist()


def test_a_batch_that_begins_at_once_needs_no_room_in_the_queue() -> None:
    """With room for one, two make a batch at 1; then one waits and one is turned away."""
    batches = pool(batching=Batching(2, 10, 0.0), queue_limit=1)
    requests = run(batches, Demand.from_arrays([0, 1, 2, 3], 5)).requests
    assert [COMPLETED, COMPLETED, COMPLETED, THROTTLED] == requests.outcome.tolist()
    assert [1, 1, 12, NONE] == requests.start_ns.tolist()


def test_without_a_delay_a_free_worker_begins_at_once_and_later_takes_all() -> None:
    """One alone at 0; the three that came meanwhile together at 4, where one has timed out since its arrival."""
    batches = pool(batching=Batching(4, 0, 1.0), timeout_ns=8, timeout_from=TimeoutFrom.ARRIVAL)
    requests = run(batches, Demand.from_arrays([0, 1, 2, 3], [4, 1, 2, 1])).requests
    assert [0, 4, 4, 4] == requests.start_ns.tolist()
    assert [4, 10, 10, 10] == requests.release_ns.tolist()
    assert [COMPLETED, TIMED_OUT, COMPLETED, COMPLETED] == requests.outcome.tolist()
    assert 9 == requests.response_ns[1]
