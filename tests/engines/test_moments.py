"""The heap of moments of the calendars, and when a client tries again, against Python's own numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from simulator.engines.clients import Retries, jitter_draw, retry_delay_ns
from simulator.engines.compiled import moments
from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.retrying import (
    Retrying,
    jitter_of,
    next_attempt_ns,
    nothing_tried,
    retrying_of,
    take_tries,
    tries_again,
    with_more_tries,
    write_try,
)
from simulator.engines.compiled.rows import End
from simulator.engines.tables import Outcome
from simulator.units import FOREVER

Moment = tuple[int, int, int, int, int, int]


@njit(_nrt=False)  # type: ignore[untyped-decorator]
def first_of(heap: NDArray[np.int64]) -> Moment:
    """Time, rank, id, order and the two numbers of the first moment."""
    return (
        heap[0, moments.AT],
        moments.rank_of(heap),
        moments.id_of(heap),
        heap[0, moments.ORDER],
        heap[0, moments.WHO],
        heap[0, moments.VALUE],
    )


def test_moments_come_in_order_of_time_rank_id_and_order() -> None:
    """Waves of random moments with many ties, added and taken off, in an array that grows from one row."""
    dice, heap, size = random.Random(20261125), moments.no_moments(1), 0
    expected: list[Moment] = []
    added = taken = 0
    for wave in range(60):
        for _ in range(dice.randrange(60)):
            moment = (dice.randrange(4), dice.choice([10, 20, 50, 55]), dice.randrange(5), added, wave, -taken)
            if size == len(heap):
                heap = doubled(heap)
            size = moments.add_moment(heap, size, *moment)
            expected.append(moment)
            added += 1
        expected.sort()
        for _ in range(dice.randrange(len(expected) + 1)):
            assert expected.pop(0) == first_of(heap)
            size = moments.drop_first(heap, size)
            taken += 1
        assert len(expected) == size
    assert taken > 1_000


def test_void_moments_are_dropped_at_once() -> None:
    """Those that are kept still come in order; ids and ranks of all rows are those that went in."""
    dice, heap = random.Random(7), moments.no_moments(64)
    expected = [(dice.randrange(9), dice.choice([10, 63]), dice.randrange(2**57), i, i, 0) for i in range(64)]
    for size, moment in enumerate(expected):
        moments.add_moment(heap, size, *moment)
    assert sorted((rank, number) for _, rank, number, *_ in expected) == sorted(
        zip(moments.ranks_of(heap).tolist(), moments.ids_of(heap).tolist(), strict=True)
    )
    size = moments.keep_moments(heap, 64, heap[:, moments.WHO] % 3 == 0)
    kept = sorted(moment for moment in expected if moment[4] % 3 == 0)
    assert len(kept) == size
    for moment in kept:
        assert moment == first_of(heap)
        size = moments.drop_first(heap, size)


def test_times_may_be_the_last_and_ids_large() -> None:
    """For ever comes after everything, and an id of 57 bits does not reach into the rank."""
    heap, size = moments.no_moments(3), 0
    rows = [(FOREVER, 10, 0, 1, 0, 0), (FOREVER - 1, 60, 2**57 - 1, 1, 0, 0), (FOREVER - 1, 60, 0, 1, 0, 0)]
    for moment in rows:
        size = moments.add_moment(heap, size, *moment)
    for moment in sorted(rows):
        assert moment == first_of(heap)
        size = moments.drop_first(heap, size)


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
def test_draws_are_those_of_the_clients(key: int) -> None:
    """The same 53 bits for numbers up to 2⁵⁷ and attempts up to 1,000."""
    dice = random.Random(key)
    for number in [0, 1, 2**40, 2**57 - 1, *(dice.randrange(2**30) for _ in range(50))]:
        for attempt in (1, 2, dice.randrange(1_000)):
            assert jitter_draw(key, number, attempt) == jitter_of(np.uint64(key), number, attempt)


@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("base_ns", [1, 7, 10**9, 2**62, FOREVER])
def test_delays_are_those_of_the_clients(base_ns: int, jitter: bool) -> None:
    """Half to even, one at least, and for ever at most, also where the sum is."""
    retries = Retries(attempts=6, base_ns=base_ns, multiplier=1.5, jitter=jitter)
    retrying = retrying_of(retries)
    for number in range(200):
        for attempt, delay_ns in enumerate(retries.delays_ns(), start=1):
            draw = jitter_draw(9, number, attempt) if jitter else 1.0
            expected = min(FOREVER, 3 + retry_delay_ns(delay_ns, draw))
            assert expected == next_attempt_ns(retrying, np.uint64(9), number, attempt, 3)


@pytest.mark.parametrize(
    ("outcome", "attempt", "after_timeout", "expected"),
    [
        (Outcome.THROTTLED, 1, False, True),
        (Outcome.THROTTLED, 3, False, False),
        (Outcome.TIMED_OUT, 1, False, False),
        (Outcome.TIMED_OUT, 2, True, True),
        (Outcome.TIMED_OUT, 3, True, False),
        (Outcome.EXPIRED, 1, True, False),
        (Outcome.COMPLETED, 1, True, False),
    ],
)
def test_who_tries_again(outcome: Outcome, attempt: int, after_timeout: bool, expected: bool) -> None:
    """Of three attempts: the throttled always, the timed out by field, the last never."""
    retrying: Retrying = retrying_of(Retries(attempts=3, base_ns=1, after_timeout=after_timeout))
    assert expected == tries_again(retrying, int(outcome), attempt)
    assert not tries_again(retrying_of(None), int(outcome), 1)


def test_tries_are_given_away_in_order_of_request_and_attempt() -> None:
    """Rows of settled requests go, the others stay in their order; the array grows from one row."""
    tried = nothing_tried(1)
    rows = [(4, 10), (2, 11), (4, 12), (7, 13), (2, 14), (7, 15)]
    for row, (number, at_ns) in enumerate(rows):
        if row == len(tried.number):
            tried = with_more_tries(tried)
        write_try(tried, row, number, at_ns, at_ns + 5, End(1, 4, -1, -1, -1, -1, False))
    tries, size = take_tries(tried, len(rows), below=5)
    assert [(2, 11), (2, 14), (4, 10), (4, 12)] == list(zip(tries.number.tolist(), tries.at_ns.tolist(), strict=True))
    assert ([16, 19, 15, 17], [4] * 4) == (tries.next_ns.tolist(), tries.reason.tolist())
    rest, size = take_tries(tried, size, below=8)
    assert ([7, 7], [13, 15], 0) == (rest.number.tolist(), rest.at_ns.tolist(), size)
    assert 0 == len(take_tries(tried, 0, below=9)[0])
