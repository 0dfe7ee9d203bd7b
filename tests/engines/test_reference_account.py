"""Pools under one limit of the account: runs worked out on paper.

In the tables of the docstrings an instant is written with what happens then, in order of rank and pool; *counted* is
what the limit counts from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines import reference
from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled.account import SharedAccount as CompiledAccount
from simulator.engines.pool import IDLE_ROUTINGS, AtLimit, OnTimeout, Pool
from simulator.engines.reference.account import SharedAccount
from simulator.engines.tables import NONE, Demand, Reason, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines.traces import check, cold, failed, late, launching, rows, standing, there, throttled, warm

each_account = pytest.mark.parametrize(
    "shared_account", [SharedAccount, CompiledAccount], ids=["reference", "compiled"]
)
BUSY = throttled(Reason.CONCURRENCY)


def windows(account: Any, demands: Sequence[Demand], edges: Sequence[int]) -> list[list[Settled]]:
    """What an account settles of each pool, fed from each edge to the next, then the rest."""
    parts: list[list[Settled]] = [[] for _ in demands]
    before = 0
    for until in edges:
        cuts = [np.searchsorted(demand.arrival_ns, [before, until]).tolist() for demand in demands]
        blocks = [demand.rows(*cut) for demand, cut in zip(demands, cuts, strict=True)]
        for part, settled in zip(parts, account.feed(blocks, until), strict=True):
            part.append(settled)
        before = until
    for part, settled in zip(parts, account.finish(), strict=True):
        part.append(settled)
    return parts


def runs_of(shared_account: Any, pools: Sequence[Pool], limit: int, demands: Sequence[Demand]) -> list[Run]:
    """The run of each pool, the same fed at once and instant by instant."""
    end = 1 + max([0, *(int(demand.arrival_ns[-1]) for demand in demands if len(demand))])
    at_once = [Run.joined(parts) for parts in windows(shared_account(pools, limit), demands, [end])]
    by_instant = windows(shared_account(pools, limit), demands, range(1, end + 1))
    for run, parts in zip(at_once, by_instant, strict=True):
        for earlier, later in pairwise(parts):
            happened = [*later.launched_ns.tolist(), *later.gone.gone_ns.tolist()]
            assert earlier.until_ns <= min(happened, default=FOREVER)
        joined = Run.joined(parts)
        for name in ("requests", "instances", "tries", "changes", "sent"):
            assert rows_of(run, name) == rows_of(joined, name)
    return at_once


def rows_of(run: Run, name: str) -> object:
    """The rows of a table; of what was sent the arrivals."""
    return run.sent.arrival_ns.tolist() if name == "sent" and run.sent else rows(getattr(run, name))


def demand(arrivals: Sequence[int], services: object, startups: object = 0, **given: Any) -> Demand:
    """Demand whose instances are idle for 100, unless told."""
    return Demand.from_arrays(np.array(arrivals, np.int64), services, startups, **{"idle_timeout_ns": 100, **given})


@each_account
def test_the_limit_binds_two_endpoints(shared_account: Any) -> None:
    """A limit of 2; startup 2 at a, 3 at b.

    | instant | a | b | counted |
    |---|---|---|---|
    | 0 | request 0, cold, starts at 2, until 12 | | 1 |
    | 1 | | request 0, cold, starts at 4, until 8 | 2 |
    | 3 | request 1: throttled, also by a place that still starts | | 2 |
    | 8 | | request 0 released | 1 |
    | 8 | request 2, cold, starts at 10, until 15 | request 1, after a: throttled, though instance 0 is idle | 2 |
    | 12 | request 0 released | request 2, on instance 0, until 16 | 2 |
    """
    a, b = runs_of(
        shared_account,
        [launching(), launching()],
        2,
        [demand([0, 3, 8], [10, 1, 5], 2), demand([1, 8, 12], 4, 3)],
    )
    check(a, [cold(2, 12, 0), BUSY, cold(10, 15, 1)], [(0, 2, 112), (8, 10, 115)])
    check(b, [cold(4, 8, 0), BUSY, warm(12, 16, 0)], [(1, 4, 116)])


@each_account
def test_provisioned_instances_count_always_and_still_serve(shared_account: Any) -> None:
    """A limit of 2; a has one provisioned instance, b none.

    | instant | a | b | counted |
    |---|---|---|---|
    | 0 | idle provisioned: 1 | request 0, cold, until 10 | 2 |
    | 1 | | request 1: throttled | 2 |
    | 2 | request 0, on the provisioned one, until 12 | | 2 |
    | 3 | request 1: throttled, no provisioned one is idle | | 2 |
    | 10 | | request 0 released | 1 |
    | 10 | request 2, cold, until 20 | request 2: throttled | 2 |
    | 12 | request 0 released, the provisioned one is idle | | 2 |
    | 13 | | request 3: throttled | 2 |
    | 14 | request 3, on the provisioned one, until 24 | | 2 |
    """
    a, b = runs_of(
        shared_account,
        [launching(standing=1), launching()],
        2,
        [demand([2, 3, 10, 14], 10), demand([0, 1, 10, 13], 10)],
    )
    check(a, [warm(2, 12, 0), BUSY, cold(10, 20, 1), warm(14, 24, 0)], [there(), (10, 10, 120)])
    check(b, [cold(0, 10, 0), BUSY, BUSY, BUSY], [(0, 0, 110)])


@each_account
def test_more_provisioned_than_the_limit(shared_account: Any) -> None:
    """Two provisioned instances under a limit of 1: they serve, nothing goes on demand."""
    a, b = runs_of(shared_account, [launching(standing=2), launching()], 1, [demand([0, 0, 0], 5), demand([9], 5)])
    check(a, [warm(0, 5, 1), warm(0, 5, 0), BUSY], [there(), there()])
    check(b, [BUSY], [])


@each_account
def test_the_limit_of_the_pool_holds_besides(shared_account: Any) -> None:
    """The account has room for 3; a for 1 of them."""
    a, b = runs_of(
        shared_account,
        [launching(max_concurrency=1), launching()],
        3,
        [demand([0, 0], 5), demand([0, 0, 0], 5)],
    )
    check(a, [cold(0, 5, 0), BUSY], [(0, 0, 105)])
    check(b, [cold(0, 5, 0), cold(0, 5, 1), BUSY], [(0, 0, 105), (0, 0, 105)])


@each_account
def test_rank_comes_before_pool(shared_account: Any) -> None:
    """A limit of 1. At 7 b tries again (rank 55) before a request comes to a (rank 60).

    | instant | a | b |
    |---|---|---|
    | 0 | request 0, until 5 | |
    | 3 | | request 0: throttled, again 4 later |
    | 5 | released | |
    | 7 | request 1, after b: throttled | second attempt, cold, until 12 |
    | 12 | request 2, once b has released: warm, until 17 | released |
    """
    retries = Retries(attempts=2, base_ns=4, jitter=False)
    a, b = runs_of(
        shared_account, [launching(), launching(retries=retries)], 1, [demand([0, 7, 12], 5), demand([3], 5)]
    )
    check(a, [cold(0, 5, 0), BUSY, warm(12, 17, 0)], [(0, 0, 117)])
    check(b, [cold(7, 12, 0)], [(7, 7, 112)], [(0, 3, 7, *BUSY)])


@each_account
def test_at_one_instant_and_rank_pools_come_before_numbers(shared_account: Any) -> None:
    """Request 1 of a comes before request 0 of b, both at 6; one place of two is left."""
    a, b = runs_of(shared_account, [launching(), launching()], 2, [demand([0, 6], 10), demand([6], 10)])
    check(a, [cold(0, 10, 0), cold(6, 16, 1)], [(0, 0, 110), (6, 6, 116)])
    check(b, [BUSY], [])


@each_account
def test_a_place_is_occupied_for_a_client_that_has_gone(shared_account: Any) -> None:
    """A limit of 1; the client of a goes at 4, its instance is ready at 10 and serves until 15.

    b is turned away at 14, and served at 15.
    """
    a, b = runs_of(
        shared_account,
        [launching(patience=Patience.RESPONSE), launching()],
        1,
        [demand([0], 5, 10, patience_ns=4), demand([14, 15], 2)],
    )
    check(a, [late(10, 4, 15, 0, is_cold=True)], [(0, 10, 115)])
    check(b, [BUSY, cold(15, 17, 0)], [(15, 15, 117)])


@each_account
def test_a_failed_launch_is_counted_until_its_limit(shared_account: Any) -> None:
    """A limit of 1; a launch of a fails at 6. b is turned away at 5, and served at 6."""
    a, b = runs_of(
        shared_account,
        [launching(startup_limit_ns=6), launching()],
        1,
        [demand([0], 5, 20), demand([5, 6], 2)],
    )
    check(a, [failed(6, 6, 0)], [(0, NONE, 6)])
    check(b, [BUSY, cold(6, 8, 0)], [(6, 6, 108)])


@each_account
@pytest.mark.parametrize(
    ("idle_timeout", "lifetime", "row", "instances"),
    [
        (15, FOREVER, cold(20, 21, 1), [(0, 0, 15), (20, 20, 36)]),
        (20, FOREVER, cold(20, 21, 1), [(0, 0, 20), (20, 20, 41)]),
        (30, 18, cold(20, 21, 1), [(0, 0, 18), (20, 20, 38)]),
        (21, FOREVER, warm(20, 21, 0), [(0, 0, 42)]),
        (30, 25, warm(20, 21, 0), [(0, 0, 25)]),
    ],
)
def test_warm_start_of_a_pool_that_is_used_late(
    shared_account: Any, idle_timeout: int, lifetime: int, row: Any, instances: Any
) -> None:
    """Its instance is idle from 0, with the first row's idle timeout and lifetime, though that row comes at 20.

    Idle for 15 or 20, or with a lifetime of 18, it is gone by 20; idle for 21 it serves, and again is gone 21 after
    21; with a lifetime of 25 it is gone at 25. The other pool is used at 1, so that 0 is over when b is first fed.
    """
    a, b = runs_of(
        shared_account,
        [launching(), launching(starts_warm=True)],
        5,
        [demand([1], 1), demand([20], 1, idle_timeout_ns=idle_timeout, lifetime_ns=lifetime)],
    )
    check(a, [cold(1, 2, 0)], [(1, 1, 102)])
    check(b, [row], instances)


def one_of_each(dice: np.random.Generator) -> tuple[list[Pool], list[Demand]]:
    """A pool for each idle routing, with clients of each kind; small whole times, so that much is at one instant."""

    def times(most: int, n: int) -> NDArray[np.int64]:
        return dice.integers(1, most, n)

    pools, demands = [], []
    for number, routing in enumerate(sorted(IDLE_ROUTINGS)):
        n = int(dice.integers(0, 60))
        pools.append(
            launching(
                standing=number % 3,
                routing=routing,
                starts_warm=number % 2 == 1,
                max_concurrency=3 + number,
                timeout_ns=8,
                startup_limit_ns=6,
                retries=Retries(attempts=3, base_ns=4, after_timeout=True) if number % 2 else None,
                patience=Patience.RESPONSE if number > 1 else Patience.NONE,
            )
        )
        demands.append(
            Demand.from_arrays(
                np.cumsum(times(4, n) - 1),
                times(10, n),
                times(8, n),
                times(12, n),
                times(30, n),
                dice.random(n),
                patience_ns=times(20, n),
                retry_key=7 + number,
            )
        )
    return pools, demands


@each_account
@pytest.mark.parametrize("seed", range(10))
def test_a_limit_that_never_binds_changes_nothing(shared_account: Any, seed: int) -> None:
    """Every row of every pool is that of its own run; so it is with a limit of 18, the limits of all pools together."""
    pools, demands = one_of_each(np.random.default_rng(seed))
    for limit in (18, FOREVER):
        for pool, asked, run in zip(pools, demands, runs_of(shared_account, pools, limit, demands), strict=True):
            alone = reference.simulate(pool, asked)
            check(run, rows(alone.requests), rows(alone.instances), rows(alone.tries))


@each_account
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [4, 7])
def test_the_limit_is_kept(shared_account: Any, seed: int, limit: int) -> None:
    """Just after each attempt that was served on demand, all that is counted is within the limit."""
    pools, demands = one_of_each(np.random.default_rng(seed))
    provisioned = sum(pool.standing for pool in pools)
    held = []  # from when to when a place was occupied on demand
    for pool, asked, run in zip(pools, demands, runs_of(shared_account, pools, limit, demands), strict=True):
        last = dict(zip(run.tries.number, run.tries.next_ns, strict=True))
        begun = [last.get(number, at_ns) for number, at_ns in enumerate(asked.arrival_ns)]
        for at_ns, table in ((begun, run.requests), (run.tries.at_ns, run.tries)):
            is_on_demand = table.instance >= pool.standing
            held += list(zip(np.array(at_ns)[is_on_demand], table.release_ns[is_on_demand], strict=True))
    assert held
    for at_ns, _ in held:
        assert sum(begin <= at_ns < end for begin, end in held) + provisioned <= limit


@pytest.mark.parametrize(
    "pool",
    [
        standing(),
        launching(patience=Patience.WAITING),
        launching(on_timeout=OnTimeout.STOP),
        launching(max_concurrency=5, at_limit=AtLimit.QUEUE),
    ],
)
def test_pools_with_other_rules_are_refused(pool: Pool) -> None:
    """The second is named, and what is allowed."""
    with pytest.raises(ValueError, match="pool 1 must be a plain pool that launches"):
        SharedAccount([launching(), pool], 1)


def test_what_is_fed_has_to_be_in_its_window() -> None:
    """One block per pool, a limit of 1 or more, and windows that follow each other."""
    with pytest.raises(ValueError, match="limit is 0"):
        SharedAccount([launching()], 0)
    account = SharedAccount([launching()], 1)
    nothing = demand([], 1)
    with pytest.raises(ValueError, match="0 blocks of demand, must be 1"):
        account.feed([], 5)
    with pytest.raises(InputError, match="from 0 ns on and before 5 ns"):
        account.feed([demand([5], 1)], 5)
    account.feed([nothing], 5)
    with pytest.raises(InputError, match="demand of pool 0: arrivals from 4 to 6 ns"):
        account.feed([demand([4, 6], 1)], 8)
    with pytest.raises(ValueError, match="until_ns is 4, must not be before 5"):
        account.feed([nothing], 4)
