"""Random pools and demands for both engines, and how two runs are compared.

Half of the cases have small whole-number times, so that several things happen at one instant; the others have
continuous times, which never tie. One generator serves seeded volume (`seeded`) and Hypothesis (`shrinking`), whose
`random.Random` shrinks a failure to its smallest case.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.engines.pool import IDLE_ROUTINGS, INSTANCE_ROUTINGS, OnGiveUp, Pool, TimeoutFrom
from simulator.engines.tables import Demand, Run
from simulator.units import FOREVER, NS_PER_SECOND

Case = tuple[Pool, Demand]
#: A duration between two bounds, in whole units (ties) or around them (continuous).
Duration = Callable[[int, int], int]
#: Two of these are more than int64 holds: sums have to saturate.
HALF = 2**62


def case(
    dice: random.Random,
    has_ties: bool | None = None,
    launches: bool | None = None,
    most_requests: int = 40,
    has_extremes: bool = True,
) -> Case:
    """A pool and a demand, every field of both varied; extremes are times whose sums have to saturate."""
    has_ties = dice.random() < 0.5 if has_ties is None else has_ties
    launches = dice.random() < 0.5 if launches is None else launches

    def duration(least: int, most: int) -> int:
        if has_ties:
            return dice.randint(least, most)
        return least + round(-math.log1p(-dice.random()) * most / 2 * NS_PER_SECOND)

    pool = launching_pool(dice, duration) if launches else standing_pool(dice, duration)
    # In a queue nobody may wait for a service that never ends, so only pools that launch see extremes.
    is_extreme = has_extremes and launches and dice.random() < 0.1
    return pool, _demand(dice, duration, has_ties, is_extreme, dice.randint(0, most_requests))


def launching_pool(dice: random.Random, duration: Duration) -> Pool:
    """A serverless pool."""
    standing = dice.choice([0, 0, 1, 2, 3])
    return Pool(
        standing=standing,
        launches=True,
        routing=dice.choice(sorted(IDLE_ROUTINGS)),
        max_concurrency=dice.choice([FOREVER, max(1, standing), standing + dice.randint(1, 4)]),
        starts_warm=dice.random() < 0.3,
        startup_limit_ns=_or_none(dice, duration, 0, 5),
        timeout_ns=_or_none(dice, duration, 1, 6),
    )


def standing_pool(dice: random.Random, duration: Duration) -> Pool:
    """A real-time pool."""
    return Pool(
        standing=dice.choice([0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4]),
        places=dice.choice([1, 1, 2, 3]),
        launches=False,
        routing=dice.choice(sorted(INSTANCE_ROUTINGS)),
        queue_limit=dice.choice([FOREVER, HALF, 0, 1, 2, 3, 1, 2]),
        timeout_ns=_or_none(dice, duration, 1, 9),
        timeout_from=dice.choice([TimeoutFrom.ARRIVAL, TimeoutFrom.ARRIVAL, TimeoutFrom.START]),
        on_give_up=dice.choice(list(OnGiveUp)),
    )


def _or_none(dice: random.Random, duration: Duration, least: int, most: int) -> int:
    """A duration, or none (or all but none) with one chance in three."""
    return dice.choice([FOREVER, FOREVER, FOREVER - 1]) if dice.random() < 1 / 3 else duration(least, most)


def _demand(dice: random.Random, duration: Duration, has_ties: bool, is_extreme: bool, n: int) -> Demand:
    mean_gap = dice.choice([1, 2, 3])
    longest_service, longest_idle = dice.choice([1, 3, 6]), dice.choice([2, 6, 12])

    def column(draw: Callable[[], Any]) -> Any:
        return [draw() for _ in range(n)] if dice.random() < 0.7 else draw()

    def time(draw: Callable[[], int]) -> Any:
        return column(lambda: dice.choice([HALF, HALF + 3, FOREVER]) if is_extreme and dice.random() < 0.2 else draw())

    gaps = [0 if has_ties and dice.random() < 0.4 else duration(0, 2 * mean_gap) for _ in range(n)]
    return Demand.from_arrays(
        arrival_ns=dice.choice([0, 0, 0, HALF]) * is_extreme + np.cumsum(np.array(gaps, np.int64)),
        service_ns=time(lambda: duration(1, longest_service)),
        startup_ns=time(lambda: dice.choice([0, duration(0, 3), duration(0, 6)])),
        idle_timeout_ns=time(lambda: FOREVER if dice.random() < 0.1 else duration(0, longest_idle)),
        lifetime_ns=time(lambda: FOREVER if dice.random() < 0.3 else duration(1, 15)),
        # Eighths put u·n on whole numbers; the largest draw of NumPy's uniform generator tests the upper end.
        routing=column(lambda: dice.choice([dice.randrange(8) / 8, dice.random(), 1.0 - 2.0**-53])),
    )


def seeded(seed: int, count: int, **kind: Any) -> Iterator[Case]:
    """That many cases, the same for the same seed."""
    dice = random.Random(seed)
    return (case(dice, **kind) for _ in range(count))


def shrinking(**kind: Any) -> st.SearchStrategy[Case]:
    """Cases that Hypothesis can shrink."""
    return st.randoms(use_true_random=False).map(lambda dice: case(dice, **kind))


def blocks(dice: random.Random, demand: Demand) -> Iterator[Demand]:
    """The same demand in blocks of random sizes, some empty."""
    start = 0
    while start < len(demand):
        size = dice.choice([0, 1, 1, 2, 5, 17])
        yield demand.rows(start, start + size)
        start += size


def difference(expected: Run, found: Run) -> str | None:
    """The first row in which two runs differ, in words; None if they are the same in every column and type."""
    for table in ("requests", "instances", "tries", "changes"):
        left, right = getattr(expected, table), getattr(found, table)
        if len(left) != len(right):
            return f"{table}: {len(left)} rows expected, {len(right)} found"
        names = [f.name for f in fields(left)]
        for name in names:
            types = getattr(left, name).dtype, getattr(right, name).dtype
            if types[0] != types[1]:
                return f"{table}.{name}: {types[0]} expected, {types[1]} found"
        rows = [np.flatnonzero(getattr(left, name) != getattr(right, name)) for name in names]
        first = min((int(r[0]) for r in rows if len(r)), default=None)
        if first is not None:
            lines = [f"{name}: {getattr(left, name)[first]} | {getattr(right, name)[first]}" for name in names]
            return f"{table}, row {first}, expected | found:\n    " + "\n    ".join(lines)
    if expected.standing_numbers.tolist() != found.standing_numbers.tolist():
        return f"standing_numbers: {expected.standing_numbers} expected, {found.standing_numbers} found"
    for left, right in [(expected.sent, found.sent)]:
        if left is not None and right is not None and left.arrival_ns.tolist() != right.arrival_ns.tolist():
            return f"sent: {left.arrival_ns} expected, {right.arrival_ns} found"
    return None


def described(pool: Pool, demand: Demand, rows: int = 60) -> str:
    """A case as Python that builds it again, for the message of a failed assertion."""
    if len(demand) > rows:
        return f"{pool}\n{demand}"
    columns = ",\n    ".join(f"{f.name}={getattr(demand, f.name).tolist()}" for f in fields(demand))
    return f"{pool}\nDemand.from_arrays(\n    {columns},\n)"
