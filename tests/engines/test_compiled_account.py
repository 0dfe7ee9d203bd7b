"""Pools that share the limit of an account in the compiled engine: traces on paper, any blocks, and pools alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled.account import SharedAccount
from simulator.engines.pool import OnTimeout, Pool, Routing
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Reason, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases, further_cases

SEED = 20261128
THROTTLED = int(Outcome.THROTTLED)
CONCURRENCY = int(Reason.CONCURRENCY)
NOTHING = Demand.from_arrays(np.empty(0, np.int64), 1)


def settled(
    pools: Sequence[Pool], limit: int, blocks: Sequence[tuple[Sequence[Demand], int]], room: int = 1024
) -> list[list[Settled]]:
    """What is given back of each pool after each block, which is fed with its end, and at the end."""
    account = SharedAccount(pools, limit, room=room)
    parts = [account.feed(demands, until_ns) for demands, until_ns in blocks]
    parts.append(account.finish())
    return [list(of_pool) for of_pool in zip(*parts, strict=True)]


def runs(pools: Sequence[Pool], limit: int, demands: Sequence[Demand], room: int = 1024) -> list[Run]:
    """The tables of each pool."""
    until_ns = 1 + max((int(demand.arrival_ns[-1]) for demand in demands if len(demand)), default=0)
    return [Run.joined(parts) for parts in settled(pools, limit, [(demands, until_ns)], room)]


def cut(dice: random.Random, demands: Sequence[Demand]) -> list[tuple[list[Demand], int]]:
    """The same demands up to random instants, some of them twice."""
    arrivals = sorted({int(time) + dice.choice([0, 1]) for demand in demands for time in demand.arrival_ns})
    ends = sorted(dice.choices(arrivals, k=dice.randint(1, 6))) if arrivals else [0]
    ends.append((arrivals or [0])[-1] + 1)
    starts = [0] * len(demands)
    blocks = []
    for until_ns in ends:
        stops = [int(np.searchsorted(demand.arrival_ns, until_ns)) for demand in demands]
        blocks.append(([d.rows(a, b) for d, a, b in zip(demands, starts, stops, strict=True)], until_ns))
        starts = stops
    return blocks


def pool(**given: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **given})


def test_provisioned_instances_count_whether_they_serve_or_not() -> None:
    """A limit of 3, one place of it reserved: two on demand at once, besides one on the provisioned instance."""
    pools = [pool(), pool(standing=1)]
    demands = [
        Demand.from_arrays([0, 1, 5, 10], [10, 10, 10, 10], startup_ns=2),
        Demand.from_arrays([1, 2, 10, 11], [20, 10, 10, 10], startup_ns=2),
    ]
    # At 0 and 1 pool 0 launches, and the limit is reached. The provisioned instance still serves pool 1 at 1. Until the
    # first release, at 12, all others are turned away.
    first, second = runs(pools, 3, demands)
    assert [0, 1, NONE, NONE] == first.requests.instance.tolist()
    assert [0, NONE, NONE, NONE] == second.requests.instance.tolist()
    assert [CONCURRENCY] * 2 == first.requests.reason.tolist()[2:]
    assert [CONCURRENCY] * 3 == second.requests.reason.tolist()[1:]
    # With a limit of 4 pool 1 launches at 2, and no more.
    first, second = runs(pools, 4, demands)
    assert [0, 1, NONE, NONE] == first.requests.instance.tolist()
    assert [0, 1, NONE, NONE] == second.requests.instance.tolist()


def test_a_release_makes_room_for_another_pool_at_its_instant_and_an_idle_instance_needs_it_too() -> None:
    """A limit of 1: who is idle is no help while the other pool has the place."""
    pools = [pool(), pool()]
    demands = [Demand.from_arrays([0, 4, 7], [3, 1, 1]), Demand.from_arrays([3, 5, 8], [3, 1, 2])]
    # Pool 1 launches at 3, when pool 0 is released; pool 0 has an idle instance at 4 and may not use it until 6.
    first, second = runs(pools, 1, demands)
    assert [0, NONE, 7] == [*first.requests.start_ns.tolist()]
    assert [0, NONE, 0] == first.requests.instance.tolist()
    assert [3, NONE, 8] == second.requests.start_ns.tolist()
    assert ([0], [3]) == (first.instances.launch_ns.tolist(), second.instances.launch_ns.tolist())


def test_at_one_instant_retries_come_first_and_pools_in_their_order() -> None:
    """A limit of 1 that everyone wants at 10, when it is free again."""
    retries = Retries(attempts=2, base_ns=6, jitter=False)
    pools = [pool(), pool(), pool(retries=retries)]
    demands = [Demand.from_arrays([0, 10], 10), Demand.from_arrays([10], 10), Demand.from_arrays([4], 10)]
    first, second, third = runs(pools, 1, demands)
    # Pool 2 was turned away at 4 and comes again at 10, before the arrivals of that instant.
    assert [0, NONE] == first.requests.start_ns.tolist()
    assert [NONE] == second.requests.start_ns.tolist()
    assert [10] == third.requests.start_ns.tolist()
    assert ([0], [4], [10], [THROTTLED]) == tuple(
        column.tolist() for column in (third.tries.number, third.tries.at_ns, third.tries.next_ns, third.tries.outcome)
    )
    # Without it pool 0 has the place, and with the pools the other way round pool 1.
    first, second = runs(pools[:2], 1, demands[:2])
    assert ([0, 10], [NONE]) == (first.requests.start_ns.tolist(), second.requests.start_ns.tolist())
    second, first = runs(pools[:2], 1, [demands[1], demands[0]])
    assert ([0, NONE], [10]) == (first.requests.start_ns.tolist(), second.requests.start_ns.tolist())


def test_failed_launches_and_clients_that_have_gone_hold_their_place() -> None:
    """A limit of 1; a launch that fails at 4, then a service whose client goes at 6, three before its end."""
    pools = [pool(startup_limit_ns=4), pool(patience=Patience.RESPONSE)]
    demands = [
        Demand.from_arrays([0, 8], 1, startup_ns=5),
        Demand.from_arrays([3, 4, 8, 9], [1, 5, 1, 1], patience_ns=2),
    ]
    first, second = runs(pools, 1, demands)
    assert [4, NONE] == first.requests.response_ns.tolist()
    assert [NONE, 4, NONE, 9] == second.requests.start_ns.tolist()
    assert [NONE, 6, NONE, 10] == second.requests.response_ns.tolist()
    assert ([0], [NONE], [4]) == tuple(getattr(first.instances, f.name).tolist() for f in fields(Instances))


@pytest.mark.parametrize(("limit", "room"), [(10_000, 1), (2**70, 64)])
def test_pools_that_never_meet_the_limit_are_as_if_alone(limit: int, room: int) -> None:
    """150 accounts, with retries, patience and warm starts, in random blocks."""
    dice = random.Random(SEED)
    n_gone = 0
    for account in further_cases.accounts(SEED, 150):
        parts = settled(account.pools, limit, cut(dice, account.demands), room)
        for own, demand, of_pool in zip(account.pools, account.demands, parts, strict=True):
            problem = cases.difference(compiled.simulate(own, demand), Run.joined(of_pool))
            assert problem is None, f"{problem}\n{cases.described(own, demand)}"
            n_gone += sum(len(part.gone) for part in of_pool[:-1])
    assert n_gone > 300


def test_one_plain_pool_alone_with_extreme_times() -> None:
    """300 plain pools whose sums of times have to saturate, each an account of its own."""
    for own, demand in cases.seeded(SEED, 300, launches=True):
        if len(demand) and int(demand.arrival_ns[-1]) == FOREVER:
            continue
        found = runs([own], FOREVER, [demand], room=1)[0]
        problem = cases.difference(compiled.simulate(own, demand), found)
        assert problem is None, f"{problem}\n{cases.described(own, demand)}"


def test_no_row_depends_on_blocks_or_on_room_where_the_limit_binds() -> None:
    """250 accounts at once and in random blocks with little room, and what `Settled` promises."""
    dice = random.Random(SEED)
    n_turned_away = 0
    for account in further_cases.accounts(SEED + 1, 250):
        at_once = runs(account.pools, account.limit, account.demands)
        blocks = cut(dice, account.demands)
        parts = settled(account.pools, account.limit, blocks, room=dice.choice([1, 8]))
        for own, run, demand, of_pool in zip(account.pools, at_once, account.demands, parts, strict=True):
            problem = cases.difference(run, Run.joined(of_pool))
            assert problem is None, f"{problem}\n{account}"
            until_ns = 0
            for part in of_pool:
                assert min([*part.launched_ns.tolist(), *part.gone.gone_ns.tolist(), part.until_ns]) >= until_ns
                until_ns = part.until_ns
            launched_ns = [time for part in of_pool for time in part.launched_ns.tolist()]
            assert launched_ns == run.instances.launch_ns.tolist()
            arrivals = [time for part in of_pool for time in part.demand.arrival_ns.tolist()]
            assert arrivals == demand.arrival_ns.tolist()
            alone = compiled.simulate(own, demand).requests.outcome
            n_turned_away += int((run.requests.outcome == THROTTLED).sum() - (alone == THROTTLED).sum())
    assert n_turned_away > 400


def test_the_limit_is_reached_and_never_passed() -> None:
    """200 accounts whose limit binds: places on demand, with the provisioned ones, counted at every start."""
    peaks = []
    for account in further_cases.accounts(SEED + 2, 200):
        pools = [replace(own, retries=None) for own in account.pools]
        found = runs(pools, account.limit, account.demands)
        reserved = sum(own.standing for own in pools)
        steps = []
        for own, run, demand in zip(pools, found, account.demands, strict=True):
            is_on_demand = run.requests.instance >= own.standing
            steps += [(int(time), 1) for time in demand.arrival_ns[is_on_demand]]
            steps += [(int(time), -1) for time in run.requests.release_ns[is_on_demand]]
        counted = peak = reserved
        for _, step in sorted(steps):
            counted += step
            peak = max(peak, counted)
        assert peak <= max(account.limit, reserved)
        peaks.append(peak - account.limit)
    assert peaks.count(0) > 50


def test_an_account_without_requests_has_its_standing_instances() -> None:
    """They are in the first table; a warm start needs a request."""
    parts = settled([pool(standing=2, starts_warm=True), pool()], 5, [([NOTHING, NOTHING], 10)])
    assert [[0, 0], []] == [part.launched_ns.tolist() for part in parts[0]]
    assert [0, 1] == parts[0][1].gone_numbers.tolist()
    assert [0, 0] == [len(part.gone) for part in parts[1]]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (pool(patience=Patience.WAITING), "pool 1: patience WAITING"),
        (pool(on_timeout=OnTimeout.STOP), "pool 1: an account needs plain pools"),
        (Pool(standing=1, launches=False, routing=Routing.RANDOM), "pool 1: an account needs plain pools that launch"),
    ],
)
def test_other_pools_are_refused(other: Pool, message: str) -> None:
    """What is not plain but for retries and patience for the response."""
    with pytest.raises(ValueError, match=message):
        SharedAccount([pool(), other], 5)


def test_bad_input_is_named() -> None:
    """A limit of nothing, time that goes back, arrivals outside the block."""
    with pytest.raises(ValueError, match="limit is 0, must be 1 or more"):
        SharedAccount([pool()], 0)
    account = SharedAccount([pool(), pool()], 1)
    with pytest.raises(ValueError, match="1 demands, must be one for each of 2 pools"):
        account.feed([NOTHING], 5)
    account.feed([NOTHING, NOTHING], 5)
    with pytest.raises(ValueError, match="until_ns is 4, must not be before 5"):
        account.feed([NOTHING, NOTHING], 4)
    for arrival in (4, 9):
        with pytest.raises(InputError, match=f"pool 1: arrival at {arrival} ns, must be at 5 ns or later and before 9"):
            account.feed([NOTHING, Demand.from_arrays([arrival], 1)], 9)
