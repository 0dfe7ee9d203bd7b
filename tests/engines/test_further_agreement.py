"""The two engines agree on what came last: provisioned scaling, closed populations, quotas, jobs, models, accounts.

Both were written apart from `notes/model.md` 3.2, 4.5 to 4.7, 7.1 and 7.2.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.compiled.account import SharedAccount as CompiledAccount
from simulator.engines.reference.account import SharedAccount as ReferenceAccount
from simulator.engines.tables import Outcome, Reason, Run, Settled
from tests.engines import cases, further_cases
from tests.engines.further_cases import Account, Further, Make

SEED = 20261126
KINDS: dict[str, Make] = {
    "provisioned": further_cases.provisioned,
    "closed": further_cases.closed,
    "quota": further_cases.quota,
    "jobs": further_cases.jobs,
    "shared models": further_cases.shared_models,
}
#: How requests have to be seen to end among a few hundred cases of a kind, so that agreement says something.
ENDS: dict[str, set[tuple[Outcome, Reason]]] = {
    "provisioned": {(Outcome.THROTTLED, Reason.CONCURRENCY), (Outcome.THROTTLED, Reason.RATE)},
    "closed": {
        (Outcome.THROTTLED, Reason.CONCURRENCY),
        (Outcome.THROTTLED, Reason.QUEUE_FULL),
        (Outcome.THROTTLED, Reason.QUOTA),
        (Outcome.EXPIRED, Reason.NONE),
    },
    "quota": {(Outcome.THROTTLED, Reason.QUOTA)},
    "jobs": set(),
    "shared models": {(Outcome.THROTTLED, Reason.NO_CAPACITY), (Outcome.THROTTLED, Reason.QUEUE_FULL)},
}


def at_once(engine: ModuleType, further: Further) -> Run:
    """An engine's run of the whole demand."""
    run: Run = engine.simulate(further.pool, further.demand, further.launch_times, further.first_sends_ns)
    return run


def in_blocks(engine: ModuleType, further: Further, dice: random.Random, **room: int) -> Run:
    """The same, fed in blocks of random sizes."""
    simulation = engine.Simulation(further.pool, further.launch_times, further.first_sends_ns, **room)
    parts = []
    is_closed = further.pool.population is not None
    for block in cases.blocks(dice, further.demand):
        if is_closed and not simulation.wants_rows:
            break
        parts.append(simulation.feed(block))
        assert is_closed or not simulation.wants_rows
    return Run.joined([*parts, simulation.finish()])


def assert_agree(further: Further, dice: random.Random) -> Run:
    """Both engines agree, both also in blocks; their rows come back."""
    expected = at_once(reference, further)
    for way, found in [
        ("compiled at once", at_once(compiled, further)),
        ("compiled in blocks, with little room", in_blocks(compiled, further, dice, room=1)),
        ("reference in blocks", in_blocks(reference, further, dice)),
    ]:
        problem = cases.difference(expected, found)
        if problem is not None:
            told = f"{cases.described(further.pool, further.demand)}\nlaunch times {further.launches[:12]}"
            pytest.fail(f"{way}: {problem}\n{told}\nfirst sends {further.first_sends}")
    return expected


def assert_all_agree(kind: str, drawn: Iterator[Further]) -> Counter[str]:
    """Both engines agree on many cases of a kind; how requests ended, and what else was seen, is counted."""
    counts: Counter[str] = Counter()
    seen: set[tuple[Outcome, Reason]] = set()
    dice = random.Random(SEED)
    for further in drawn:
        run = assert_agree(further, dice)
        rows = run.requests
        seen |= {(Outcome(o), Reason(r)) for o, r in zip(rows.outcome, rows.reason, strict=True)}
        counts["requests"] += len(rows)
        counts["tries"] += len(run.tries)
        counts["changes"] += len(run.changes)
        counts["cold"] += int(rows.is_cold.sum())
        counts["launched by scaling"] += len(run.standing_numbers)
    wanted = ENDS[kind] | {(Outcome.COMPLETED, Reason.NONE), (Outcome.TIMED_OUT, Reason.NONE)}
    assert wanted <= seen, wanted - seen
    return counts


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_small_cases(kind: str) -> None:
    """220 small cases of each kind, half of them full of ties."""
    counts = assert_all_agree(kind, further_cases.seeded(KINDS[kind], SEED + 4, 220))
    if kind == "provisioned":
        assert counts["launched by scaling"] > 100
    if kind == "shared models":
        assert counts["cold"] > 500


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_longer_cases(kind: str) -> None:
    """10 cases of each kind of up to 600 requests: structures that grow, wrap and are compacted."""
    dice = random.Random(SEED)
    for further in further_cases.seeded(KINDS[kind], SEED + 1, 10, most_requests=600):
        assert_agree(further, dice)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_many_cases(kind: str) -> None:
    """10,000 small cases of each kind."""
    assert_all_agree(kind, further_cases.seeded(KINDS[kind], SEED + 2, 10_000))


def account_runs(engine: Any, account: Account, stops_ns: Sequence[int]) -> list[Run]:
    """What an engine makes of an account, fed up to some instants one after another."""
    shared = engine(account.pools, account.limit)
    parts: list[list[Settled]] = []
    fed = [0] * len(account.pools)
    for until_ns in stops_ns:
        blocks = []
        for number, demand in enumerate(account.demands):
            stop = int(np.searchsorted(demand.arrival_ns, until_ns))
            blocks.append(demand.rows(fed[number], stop))
            fed[number] = stop
        parts.append(shared.feed(blocks, until_ns))
    parts.append(shared.finish())
    return [Run.joined(list(of_one)) for of_one in zip(*parts, strict=True)]


def assert_accounts_agree(drawn: Iterator[Account]) -> Counter[str]:
    """Both engines agree on accounts, fed at once and bit by bit."""
    dice = random.Random(SEED)
    counts: Counter[str] = Counter()
    for account in drawn:
        last_ns = 1 + max((int(one.arrival_ns[-1]) for one in account.demands if len(one)), default=0)
        some = sorted(dice.randint(0, last_ns) for _ in range(dice.randint(0, 5)))
        expected = account_runs(ReferenceAccount, account, [last_ns])
        for way, found in [
            ("compiled at once", account_runs(CompiledAccount, account, [last_ns])),
            ("compiled in blocks", account_runs(CompiledAccount, account, [*some, last_ns])),
            ("reference in blocks", account_runs(ReferenceAccount, account, [*some, last_ns])),
        ]:
            for number, (left, right) in enumerate(zip(expected, found, strict=True)):
                problem = cases.difference(left, right)
                if problem is not None:
                    told = "\n".join(map(cases.described, account.pools, account.demands))
                    pytest.fail(f"{way}, pool {number}: {problem}\nlimit {account.limit}\n{told}")
        for number, run in enumerate(expected):
            alone = compiled.simulate(account.pools[number], account.demands[number])
            is_turned_away = run.requests.reason == Reason.CONCURRENCY
            counts["more turned away"] += int(is_turned_away.sum() > (alone.requests.reason == 1).sum())
            counts["as alone"] += cases.difference(alone, run) is None
    return counts


def test_accounts() -> None:
    """200 accounts of 1 to 4 pools, whose limit binds in many and in many not."""
    counts = assert_accounts_agree(further_cases.accounts(SEED, 200))
    assert counts["more turned away"] > 50
    assert counts["as alone"] > 100


@pytest.mark.slow
def test_many_accounts() -> None:
    """10,000 accounts."""
    assert_accounts_agree(further_cases.accounts(SEED + 1, 10_000))
