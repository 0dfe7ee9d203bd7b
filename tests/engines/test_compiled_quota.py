"""The kernel of a quota: its rules worked out on paper, against plain whole numbers without a limit, and any blocks."""

from __future__ import annotations

import heapq
import itertools
import random
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Patience, Population, Retries, jitter_draw, retry_delay_ns
from simulator.engines.compiled.quota import QuotaPool
from simulator.engines.pool import Pool, Routing
from simulator.engines.served_otherwise import MINUTE_NS, Quota
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
COMPLETED, THROTTLED, TIMED_OUT, _ = map(int, Outcome)
SECOND = 10**9


def pool(requests: int = FOREVER, tokens: int = FOREVER, max_tokens: int = 1, burndown: int = 1, **rest: Any) -> Pool:
    quota = Quota(requests, tokens, max_tokens, burndown)
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, "quota": quota, **rest})


def run(its: Pool, demand: Demand, first_sends: tuple[int, ...] = ()) -> Run:
    """The tables of a run, which are the same one request at a time with arrays that have to grow."""
    firsts = np.array(first_sends, np.int64)
    whole = QuotaPool(its, firsts, 1024)
    at_once = Run.joined([whole.feed(demand), whole.finish()])
    by_one = QuotaPool(its, firsts, 1)
    parts = [by_one.feed(demand.rows(row, row + 1)) for row in range(len(demand))]
    parts.append(by_one.finish())
    assert cases.difference(at_once, Run.joined(parts)) is None
    for before, part in itertools.pairwise(parts):
        assert before.until_ns <= part.until_ns
    return at_once


def test_requests_come_back_evenly_and_not_at_the_turn_of_a_minute() -> None:
    """Two a minute: two of 0 go through, the third and one of 29.999 s do not, one of 30 s does, one of 45 s not."""
    at = [0, 0, 0, 30 * SECOND - 1, 30 * SECOND, 45 * SECOND, 60 * SECOND]
    found = run(pool(requests=2), Demand.from_arrays(at, 5 * SECOND)).requests
    assert [COMPLETED] * 2 + [THROTTLED] * 2 + [COMPLETED, THROTTLED, COMPLETED] == found.outcome.tolist()
    assert [0, 0, NONE, NONE, 30 * SECOND, NONE, 60 * SECOND] == found.start_ns.tolist()
    assert [5 * SECOND] * 2 == found.response_ns[:2].tolist() == found.release_ns[:2].tolist()
    assert [0, 0, NONE, NONE, 0, NONE, 0] == found.instance.tolist()
    assert [int(Reason.NONE)] * 2 + [int(Reason.QUOTA)] * 2 == found.reason[:4].tolist()
    assert not found.is_cold.any()


def test_what_was_reserved_and_not_used_comes_back_at_the_release() -> None:
    """100 tokens. The first takes 10 + 80 and uses 10 + 20, so 10 are left until it is released at 5, then 70.

    The second needs 90: not at 4, nor at 5 where 70 are there; 20 more flow in by 12 s after the release.
    """
    third = 5 + 12 * SECOND
    demand = Demand.from_arrays([0, 4, 5, third - 60, third], 5, tokens_in=10, tokens_out=20)
    # What flows in within 5 ns is less than a token, and is there besides: 60 ns before 12 s it is not enough.
    found = run(pool(tokens=100, max_tokens=80), demand).requests
    assert [COMPLETED, THROTTLED, THROTTLED, THROTTLED, COMPLETED] == found.outcome.tolist()


def test_a_release_comes_before_an_attempt_of_its_instant() -> None:
    """60 tokens, all reserved and none used: at 9 there are none, at the release of 10 all."""
    found = run(pool(tokens=60, max_tokens=60), Demand.from_arrays([0, 9, 10], 10)).requests
    assert [COMPLETED, THROTTLED, COMPLETED] == found.outcome.tolist()


def test_both_or_neither() -> None:
    """Two requests and 10 tokens a minute: one that needs 11 tokens takes no request; there is one left for the next.

    Then there are tokens and no request, and none of either is taken: 5 s later there is a half request, still none.
    """
    demand = Demand.from_arrays([0, 0, 0, 1, 5 * SECOND], 1, tokens_in=[1, 10, 1, 0, 0], tokens_out=1)
    found = run(pool(requests=2, tokens=10, max_tokens=1), demand).requests
    assert [COMPLETED, THROTTLED, COMPLETED, THROTTLED, THROTTLED] == found.outcome.tolist()


def test_tokens_used_beyond_the_reserved_put_the_bucket_below_nothing() -> None:
    """60 tokens, one a second. One takes 10 and uses 5 · 20 = 100: at its release at 0 s there are 60 − 100 = −40.

    One that needs 10 is turned away until 50 s, when as many as 50 have flowed in.
    """
    demand = Demand.from_arrays([0, 1, 2, 50 * SECOND - 1, 50 * SECOND], 1, tokens_out=[20, 0, 0, 0, 0])
    found = run(pool(tokens=60, max_tokens=10, burndown=5), demand).requests
    assert [COMPLETED, THROTTLED, THROTTLED, THROTTLED, COMPLETED] == found.outcome.tolist()


def test_releases_of_an_instant_are_in_order_of_number() -> None:
    """100 tokens, all reserved by two and all back when both are released a minute later, by number.

    One gives 50 back to a full bucket and the other takes 30 more than it reserved: 70 are left. In the other order it
    is full again.
    """
    for out, left in (([0, 80], 70), ([80, 0], 100)):
        demand = Demand.from_arrays([0, 0, MINUTE_NS, MINUTE_NS], [MINUTE_NS, MINUTE_NS, 1, 1], tokens_out=[*out, 0, 0])
        at_least = Demand(**{**vars(demand), "tokens_in": np.array([0, 0, left - 49, left - 50], np.int64)})
        found = run(pool(tokens=100, max_tokens=50), at_least).requests
        assert [COMPLETED, COMPLETED, THROTTLED, COMPLETED] == found.outcome.tolist()


def test_the_limit_is_that_of_a_request_in_service() -> None:
    """Timed out at 5 by the invocation timeout or at 3 by patience; it serves on, and gives back at its release.

    One that needs as much is turned away at 5 and at 9, and goes through at 10. A response at the limit is in time.
    """
    demand = Demand.from_arrays([0, 5, 9, 10, 20], [10, 1, 1, 5, 1], patience_ns=[3, 9, 9, 9, 9], tokens_out=0)
    for patience, response in ((Patience.NONE, 5), (Patience.WAITING, 5), (Patience.RESPONSE, 3)):
        found = run(pool(tokens=7, max_tokens=7, timeout_ns=5, patience=patience), demand).requests
        assert [TIMED_OUT, THROTTLED, THROTTLED, COMPLETED, COMPLETED] == found.outcome.tolist()
        assert [response, NONE, NONE, 15, 21] == found.response_ns.tolist()
        assert [10, NONE, NONE, 15, 21] == found.release_ns.tolist()


def test_one_turned_away_is_tried_again_and_one_that_timed_out_holds_its_tokens_meanwhile() -> None:
    """A minute holds 10 tokens, an attempt takes 5 and uses none. Timeout 4, service 10, another attempt 2 later.

    The first goes through at 0 and, timed out, at 6; the second is turned away at 8, and at 10 there are 5 again.
    """
    its = pool(tokens=10, max_tokens=5, timeout_ns=4, retries=Retries(2, 2, jitter=False, after_timeout=True))
    found = run(its, Demand.from_arrays([0, 8], [10, 3]))
    assert [TIMED_OUT, COMPLETED] == found.requests.outcome.tolist()
    assert [6, 10] == found.requests.start_ns.tolist()
    assert [10, 13] == found.requests.response_ns.tolist()
    assert [16, 13] == found.requests.release_ns.tolist()
    tries = found.tries
    assert [0, 1] == tries.number.tolist()
    assert [0, 8] == tries.at_ns.tolist()
    assert [6, 10] == tries.next_ns.tolist()
    assert [TIMED_OUT, THROTTLED] == tries.outcome.tolist()
    assert [0, int(Reason.QUOTA)] == tries.reason.tolist()
    assert [4, NONE] == tries.response_ns.tolist()
    assert [10, NONE] == tries.release_ns.tolist()


def test_credit_is_exact_after_long_gaps_and_far_below_nothing() -> None:
    """The largest quota after 292 years of nothing is full and no more; a response of 2⁶² tokens is never paid back."""
    late = FOREVER - 10
    most = pool(tokens=10**8, max_tokens=10**8)
    demand = Demand.from_arrays([0, 1, late, late, late + 2], 1, tokens_out=[0, 10**8, 0, 10**8, 0])
    found = run(most, demand).requests
    assert [COMPLETED, COMPLETED, COMPLETED, THROTTLED, COMPLETED] == found.outcome.tolist()
    found = run(most, Demand.from_arrays([0, 2, late], 1, tokens_out=[2**62, 0, 0])).requests
    assert [COMPLETED, THROTTLED, THROTTLED] == found.outcome.tolist()


def test_the_instance_is_there_all_the_time() -> None:
    """One, number 0, given back at the end; nothing else is launched."""
    its = QuotaPool(pool(requests=1), np.empty(0, np.int64), 1)
    first, second, last = its.feed(Demand.from_arrays([3], 1)), its.feed(Demand.from_arrays([4], 1)), its.finish()
    assert [0] == first.launched_ns.tolist()
    assert [3, 4, FOREVER] == [part.until_ns for part in (first, second, last)]
    assert 0 == len(second.launched_ns) + len(last.launched_ns) + len(first.gone) + len(second.gone)
    assert [0] == last.gone_numbers.tolist()
    assert [(0, 0, FOREVER)] == list(zip(last.gone.launch_ns, last.gone.ready_ns, last.gone.gone_ns, strict=True))


def test_requests_that_can_not_be_are_refused() -> None:
    """A block that begins in the past, and an arrival at the time that stands for never."""
    its = QuotaPool(pool(requests=1), np.empty(0, np.int64), 1)
    its.feed(Demand.from_arrays([3], 1))
    with pytest.raises(InputError, match="block begins at 2 ns, must not be before 3 ns"):
        its.feed(Demand.from_arrays([2], 1))
    with pytest.raises(InputError, match="stands for never"):
        its.feed(Demand.from_arrays([FOREVER], 1))


def test_clients_send_when_their_last_request_has_ended() -> None:
    """Two clients at 0 and 1, one request a minute, overhead 2.

    Client 0 takes row 0: completed at 10, it thinks 5 from 12 on. Client 1 takes row 1, turned away at 1, and sends
    row 2 at 1 + 7 = 8, turned away, and then row 3 at 8 + 9 = 17; client 0 at 17 as well, and is first in order.
    The think times after rows 3 and 4 lead to 17 + 4 and 17 + 3, which is `until`, and so is never sent.
    """
    demand = Demand.from_arrays(np.zeros(5, np.int64), 10, think_ns=[5, 7, 9, 3, 4])
    its = QuotaPool(pool(requests=1, population=Population(20, 2)), np.array([0, 1]), 1)
    assert its.wants_rows
    parts = []
    for row in range(5):
        assert its.wants_rows
        parts.append(its.feed(demand.rows(row, row + 1)))
    assert not its.wants_rows
    found = Run.joined([*parts, its.finish()])
    assert found.sent is not None
    assert [0, 1, 8, 17, 17] == found.sent.arrival_ns.tolist()
    assert [5, 7, 9, 3, 4] == found.sent.think_ns.tolist()
    assert [COMPLETED] + [THROTTLED] * 4 == found.requests.outcome.tolist()


def test_rows_left_over_are_nobodys_and_a_simulation_may_be_ended_early() -> None:
    """Row 1 would be sent at 12 and `until` is 12, so it is not; nor is anything after the end of a simulation."""
    demand = Demand.from_arrays([0, 0], 10, think_ns=2)
    sent = run(pool(requests=9, population=Population(12)), demand, (0,)).sent
    assert sent is not None
    assert [0] == sent.arrival_ns.tolist()
    its = QuotaPool(pool(requests=9, population=Population(13)), np.array([0]), 1)
    its.feed(demand.rows(0, 1))
    assert its.wants_rows
    assert 0 == len(its.finish().requests)
    assert not its.wants_rows


def test_a_client_that_tries_again_thinks_after_its_last_attempt() -> None:
    """Turned away at 0 and at 3, it thinks 4 from then on; timed out at 5 of 10, it thinks from 5 on."""
    its = pool(tokens=1, max_tokens=2, population=Population(15), retries=Retries(2, 3, jitter=False))
    sent = run(its, Demand.from_arrays([0] * 9, 1, think_ns=4), (0,)).sent
    assert sent is not None
    assert [0, 7, 14] == sent.arrival_ns.tolist()
    its = pool(requests=9, timeout_ns=5, population=Population(25, 100))
    sent = run(its, Demand.from_arrays([0] * 9, 10, think_ns=4), (0,)).sent
    assert sent is not None
    assert [0, 9, 18] == sent.arrival_ns.tolist()


def by_hand(its: Pool, demand: Demand, first_sends: list[int]) -> dict[str, list[tuple[int, ...]]]:
    """Requests sent and tries, from a heap of events and whole numbers of Python."""
    quota, population, retries = its.quota, its.population, its.retries
    assert quota is not None
    capacity = [quota.requests_per_minute, quota.tokens_per_minute]
    credit, looked = [c * MINUTE_NS for c in capacity], [0, 0]
    events: list[tuple[int, int, int, int, int]] = []
    if population is None:
        events = [(at, 60, row, 1, row) for row, at in enumerate(demand.arrival_ns.tolist())]
    else:
        events = [(at, 60, client, 1, client) for client, at in enumerate(first_sends) if at < population.until_ns]
    heapq.heapify(events)
    sent: list[tuple[int, ...]] = []
    ends: dict[int, tuple[int, ...]] = {}
    tries: list[tuple[int, ...]] = []
    while events:
        now, rank, number, attempt, extra = heapq.heappop(events)
        for bucket in range(2):
            flow = capacity[bucket] * (now - looked[bucket])
            credit[bucket], looked[bucket] = min(capacity[bucket] * MINUTE_NS, credit[bucket] + flow), now
        if rank == 10:
            credit[1] = min(capacity[1] * MINUTE_NS, credit[1] + extra * MINUTE_NS)
            continue
        if rank == 60:
            if len(sent) == len(demand):
                continue
            number = len(sent)
            sent.append((now,))
        service, patience, think, tokens_in, tokens_out = (
            int(demand.column(name)[number])
            for name in ("service_ns", "patience_ns", "think_ns", "tokens_in", "tokens_out")
        )
        needed = tokens_in + quota.max_tokens
        end = (THROTTLED, int(Reason.QUOTA), NONE, NONE, NONE, NONE)
        ended = now
        if credit[0] >= MINUTE_NS and (capacity[1] == FOREVER or credit[1] >= needed * MINUTE_NS):
            credit[0] -= MINUTE_NS
            credit[1] -= needed * MINUTE_NS
            release = now + service
            limit = min(now + its.timeout_ns, now + patience if its.patience is Patience.RESPONSE else FOREVER)
            ended = min(release, limit)
            end = (COMPLETED if release <= limit else TIMED_OUT, int(Reason.NONE), now, ended, release, 0)
            back = quota.max_tokens - tokens_out * quota.burndown
            heapq.heappush(events, (release, 10, number, attempt, back))
        bad = end[0] == THROTTLED or (retries is not None and retries.after_timeout and end[0] == TIMED_OUT)
        if retries is not None and bad and attempt < retries.attempts:
            draw = jitter_draw(int(demand.retry_key[0]), number, attempt) if retries.jitter else 1.0
            later = ended + retry_delay_ns(retries.delays_ns()[attempt - 1], draw)
            tries.append((number, attempt, now, later, *end))
            heapq.heappush(events, (later, 55, number, attempt + 1, extra))
            continue
        ends[number] = end
        if population is not None:
            ended += think + (population.overhead_ns if end[0] == COMPLETED else 0)
            if ended < population.until_ns:
                heapq.heappush(events, (ended, 60, extra, 1, extra))
    return {
        "sent": sent,
        "ends": [ends[number] for number in range(len(sent))],
        "tries": [(row[0], *row[2:]) for row in sorted(tries)],
    }


def random_case(dice: random.Random) -> tuple[Pool, Demand, list[int]]:
    """A small quota, times of seconds (many at one instant) or of nanoseconds, all rules of clients."""
    n, unit = dice.randint(1, 30), dice.choice([SECOND, SECOND, 1, 977_777_777])

    def times(most: int, least: int = 1) -> list[int]:
        return [unit * dice.randint(least, most) for _ in range(n)]

    its = pool(
        requests=dice.choice([FOREVER, dice.randint(1, 20)]),
        tokens=dice.choice([FOREVER, dice.randint(10, 300)]),
        max_tokens=dice.randint(1, 40),
        burndown=dice.choice([1, 1, 5]),
        timeout_ns=dice.choice([FOREVER, unit * dice.randint(1, 9)]),
        patience=dice.choice(list(Patience)),
        population=dice.choice([None, Population(unit * dice.randint(1, 60), unit * dice.choice([0, 1]))]),
        retries=dice.choice(
            [None, Retries(dice.randint(2, 4), unit, jitter=dice.random() < 0.5, after_timeout=dice.random() < 0.5)]
        ),
    )
    demand = Demand.from_arrays(
        sorted(times(60, 0)),
        times(9),
        patience_ns=times(9),
        retry_key=dice.randrange(2**64),
        think_ns=times(9),
        tokens_in=[dice.randint(0, 20) for _ in range(n)],
        tokens_out=[dice.randint(0, 50) for _ in range(n)],
    )
    return its, demand, [unit * dice.randint(0, 5) for _ in range(dice.randint(1, 4))]


def test_random_pools_are_as_plain_whole_numbers_say() -> None:
    """600 small cases: requests sent, how each ended and each earlier attempt, one request at a time and at once."""
    dice = random.Random(SEED)
    for _ in range(600):
        its, demand, first_sends = random_case(dice)
        expected = by_hand(its, demand, first_sends)
        found = run(its, demand, tuple(first_sends) if its.population else ())
        requests, tries, sent = found.requests, found.tries, found.sent
        assert sent is not None
        ends = (requests.outcome, requests.reason, requests.start_ns, requests.response_ns, requests.release_ns)
        tried = (tries.number, tries.at_ns, tries.next_ns, tries.outcome, tries.reason, tries.start_ns)
        tried = (*tried, tries.response_ns, tries.release_ns, tries.instance)
        assert expected["sent"] == list(zip(sent.arrival_ns.tolist(), strict=True)), its
        assert expected["ends"] == list(zip(*(c.tolist() for c in (*ends, requests.instance)), strict=True)), its
        assert expected["tries"] == list(zip(*(c.tolist() for c in tried), strict=True)), its


def test_what_is_let_through_is_at_most_what_flows_in() -> None:
    """Of Poisson attempts at three times the quota so many go through as a full bucket and 100 minutes hold."""
    rng = np.random.default_rng(SEED)
    at = np.cumsum(rng.exponential(SECOND / 3, 18_000)).astype(np.int64)
    found = run(pool(requests=60), Demand.from_arrays(at, 1)).requests
    # Offered three times as much the bucket never is full again, so all that flowed in by the last attempt but the
    # less than one request that is left of it was taken.
    let_through = int((found.outcome == COMPLETED).sum())
    flowed_in = 60 + int(at[-1]) / SECOND
    assert flowed_in - 1 < let_through <= flowed_in
