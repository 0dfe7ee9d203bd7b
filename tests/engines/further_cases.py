"""Random pools with what came last: provisioned instances that scale, closed populations, quotas, jobs, shared models.

As in `cases`, half of them have small whole-number times, so that several things happen at one instant.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience, Population, Retries
from simulator.engines.pool import IDLE_ROUTINGS, OnTimeout, Pool, Routing, TimeoutFrom
from simulator.engines.scaling import PROVISIONED_METRICS, Missing, StepScaling, TargetTracking
from simulator.engines.served_otherwise import Jobs, Models, Quota
from simulator.engines.tables import Demand
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines import later_cases
from tests.engines.cases import Duration


@dataclass(frozen=True)
class Further:
    """A pool, its demand, the launch times of its instances, and when clients send first, if they are a population."""

    pool: Pool
    demand: Demand
    launches: tuple[int, ...] = (0,)
    first_sends: tuple[int, ...] | None = None

    def launch_times(self, n: int) -> NDArray[np.int64]:
        """Those of the first n launches."""
        return np.resize(np.array(self.launches, np.int64), n)

    @property
    def first_sends_ns(self) -> NDArray[np.int64] | None:
        """As engines take them [ns]."""
        return None if self.first_sends is None else np.array(self.first_sends, np.int64)


Make = Callable[[random.Random, bool, int], Further]


def seeded(make: Make, seed: int, count: int, most_requests: int = 40) -> Iterator[Further]:
    """That many cases of one kind, half of them with ties; the same for the same seed."""
    dice = random.Random(seed)
    return (make(dice, number % 2 == 0, dice.randint(0, most_requests)) for number in range(count))


def _durations(dice: random.Random, has_ties: bool, unit_ns: int = 1) -> Duration:
    def duration(least: int, most: int) -> int:
        if has_ties:
            return unit_ns * dice.randint(least, most)
        return least + round(-math.log1p(-dice.random()) * most / 2 * NS_PER_SECOND)

    return duration


def provisioned(dice: random.Random, has_ties: bool, n: int) -> Further:
    """A pool that launches and whose standing instances follow their load."""
    duration = _durations(dice, has_ties)
    scaling = later_cases.scaling_of(dice, duration, n)
    policies = tuple(_provisioned_policy(dice, one) for one in scaling.policies)
    scaling = replace(scaling, policies=policies, counts_spillover=dice.random() < 0.6)
    highest = max([scaling.maximum, *(action.maximum or 0 for action in scaling.actions)])
    pool = Pool(
        standing=dice.randint(scaling.minimum, scaling.maximum),
        launches=True,
        routing=dice.choice(sorted(IDLE_ROUTINGS)),
        max_concurrency=dice.choice([FOREVER, max(1, highest), highest + dice.randint(1, 4)]),
        starts_warm=dice.random() < 0.3,
        startup_limit_ns=FOREVER if dice.random() < 0.5 else duration(0, 5),
        timeout_ns=FOREVER if dice.random() < 0.4 else duration(1, 6),
        on_timeout=dice.choice(list(OnTimeout)),
        request_rate=later_cases.bucket(dice, duration),
        launch_rate=later_cases.bucket(dice, duration),
        retries=later_cases.retries(dice, duration),
        patience=dice.choice(list(Patience)),
        scaling=scaling,
    )
    times = tuple(dice.choice([0, duration(0, 3), duration(0, 12)]) for _ in range(61))
    return Further(pool, later_cases.demand(dice, duration, has_ties=has_ties, n=n), times)


def _provisioned_policy(dice: random.Random, policy: TargetTracking | StepScaling) -> TargetTracking | StepScaling:
    metric = dice.choice(sorted(PROVISIONED_METRICS))
    if isinstance(policy, StepScaling):
        return replace(policy, metric=metric)
    return replace(policy, metric=metric, target=dice.choice([0.3, 0.5, 0.7, 1.0]), missing=dice.choice(list(Missing)))


def closed(dice: random.Random, has_ties: bool, n: int) -> Further:
    """A closed population at a pool of any of the earlier kinds, or at one that scales its standing instances."""
    kind = dice.choice(["launching", "standing", "scaling", "provisioned", "plain", "quota"])
    if kind == "provisioned":
        further = provisioned(dice, has_ties, n)
    elif kind == "quota":
        further = quota(dice, has_ties, n)
    else:
        is_launching = kind == "launching" or (kind == "plain" and dice.random() < 0.5)
        later = later_cases.case(
            dice, launches=is_launching, scales=kind == "scaling", has_ties=has_ties, most_requests=n
        )
        pool = later.pool
        if kind == "plain":
            pool = replace(pool, retries=None, patience=Patience.NONE)
        further = Further(pool, later.demand, later.launches)
    return _populated(dice, has_ties, further)


def _populated(dice: random.Random, has_ties: bool, further: Further) -> Further:
    duration = _durations(dice, has_ties, NS_PER_SECOND if further.pool.quota else 1)
    n = len(further.demand)
    demand = replace(
        further.demand,
        arrival_ns=np.zeros(n, np.int64),
        think_ns=np.array([dice.choice([1, duration(1, 4), duration(1, 12)]) for _ in range(n)], np.int64),
    )
    sends = tuple(dice.choice([0, duration(0, 6)]) for _ in range(dice.choice([1, 1, 2, 3, 5, 8])))
    until_ns = dice.choice([duration(0, 6 + n), duration(4 + n, 9 + 4 * n)])
    population = Population(until_ns, dice.choice([0, 0, duration(0, 3)]))
    return replace(further, pool=replace(further.pool, population=population), demand=demand, first_sends=sends)


def quota(dice: random.Random, has_ties: bool, n: int) -> Further:
    """A managed API; where there are ties, times are whole seconds, in which a bucket gains whole tokens, or parts."""
    duration = _durations(dice, has_ties, NS_PER_SECOND)
    pool = Pool(
        standing=1,
        launches=False,
        routing=Routing.CENTRAL_QUEUE,
        timeout_ns=FOREVER if dice.random() < 0.4 else duration(1, 6),
        timeout_from=dice.choice(list(TimeoutFrom)),
        retries=later_cases.retries(dice, duration),
        patience=dice.choice(list(Patience)),
        quota=Quota(
            requests_per_minute=dice.choice([FOREVER, 1, 2, 3, 7, 30]),
            tokens_per_minute=dice.choice([FOREVER, 3, 8, 20, 60, 120]),
            max_tokens=dice.choice([1, 2, 5, 9]),
            burndown=dice.choice([1, 1, 5]),
        ),
    )
    demand = later_cases.demand(dice, duration, has_ties=has_ties, n=n)
    tokens = [np.array([dice.choice([0, dice.randint(0, 8)]) for _ in range(n)], np.int64) for _ in range(2)]
    return Further(pool, replace(demand, tokens_in=tokens[0], tokens_out=tokens[1]))


def jobs(dice: random.Random, has_ties: bool, n: int) -> Further:
    """Batch transform."""
    duration = _durations(dice, has_ties)
    pool = Pool(
        standing=0,
        launches=False,
        routing=Routing.CENTRAL_QUEUE,
        places=dice.choice([1, 1, 2, 3]),
        timeout_ns=FOREVER if dice.random() < 0.4 else duration(1, 6),
        timeout_from=TimeoutFrom.START,
        waits_for_capacity=True,
        on_timeout=dice.choice(list(OnTimeout)),
        jobs=Jobs(duration(0, 9), duration(1, 9), dice.randint(1, 3)),
    )
    times = tuple(dice.choice([0, duration(0, 3), duration(0, 12)]) for _ in range(61))
    return Further(pool, later_cases.demand(dice, duration, has_ties=has_ties, n=n), times)


def shared_models(dice: random.Random, has_ties: bool, n: int) -> Further:
    """Models that share instances."""
    duration = _durations(dice, has_ties)
    number = dice.randint(1, 7)
    memory = dice.choice([3, 6, 10, 100])
    pool = Pool(
        standing=dice.choice([1, 1, 2, 3, 4, 0]),
        launches=False,
        routing=Routing.BY_MODEL,
        places=dice.choice([1, 1, 2, 3]),
        queue_limit=dice.choice([FOREVER, 0, 1, 2, 5]),
        timeout_ns=FOREVER if dice.random() < 0.3 else duration(1, 9),
        timeout_from=dice.choice(list(TimeoutFrom)),
        retries=later_cases.retries(dice, duration),
        patience=dice.choice(list(Patience)),
        models=Models(
            sizes_bytes=tuple(dice.randint(1, 5) for _ in range(number)),
            load_ns=tuple(dice.choice([0, duration(0, 3)]) for _ in range(number)),
            download_ns=tuple(dice.choice([0, duration(0, 5)]) for _ in range(number)),
            memory_bytes=memory,
            disk_bytes=dice.choice([memory, memory + dice.randint(0, 8), FOREVER]),
            copies_from=dice.choice([FOREVER, 1, 2, 3]),
        ),
    )
    demand = later_cases.demand(dice, duration, has_ties=has_ties, n=n)
    models = np.array([min(dice.randrange(number), dice.randrange(number)) for _ in range(n)], np.int64)
    return Further(pool, replace(demand, model=models))


@dataclass(frozen=True)
class Account:
    """Pools that share a limit, and the demand of each."""

    pools: tuple[Pool, ...]
    demands: tuple[Demand, ...]
    limit: int


def accounts(seed: int, count: int, most_requests: int = 40) -> Iterator[Account]:
    """That many accounts, the same for the same seed."""
    dice = random.Random(seed)
    return (_account(dice, number % 2 == 0, most_requests) for number in range(count))


def _account(dice: random.Random, has_ties: bool, most_requests: int) -> Account:
    duration = _durations(dice, has_ties)
    pools, demands = [], []
    for _ in range(dice.randint(1, 4)):
        standing = dice.choice([0, 0, 0, 1, 2])
        tries: Retries | None = later_cases.retries(dice, duration)
        pools.append(
            Pool(
                standing=standing,
                launches=True,
                routing=dice.choice(sorted(IDLE_ROUTINGS)),
                max_concurrency=dice.choice([FOREVER, max(1, standing), standing + dice.randint(1, 4)]),
                starts_warm=dice.random() < 0.3,
                startup_limit_ns=FOREVER if dice.random() < 0.5 else duration(0, 5),
                timeout_ns=FOREVER if dice.random() < 0.4 else duration(1, 6),
                retries=tries,
                patience=dice.choice([Patience.NONE, Patience.RESPONSE]),
            )
        )
        demands.append(later_cases.demand(dice, duration, has_ties=has_ties, n=dice.randint(0, most_requests)))
    reserved = sum(pool.standing for pool in pools)
    return Account(tuple(pools), tuple(demands), dice.choice([max(1, reserved), reserved + dice.randint(1, 4), 10_000]))
