"""Random pools with the rules that make one row depend on later ones: lines, claims, retries, batches, scaling.

As in `cases`, half of them have small whole-number times, so that several things happen at one instant.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience, Retries
from simulator.engines.pool import (
    IDLE_ROUTINGS,
    INSTANCE_ROUTINGS,
    AtLimit,
    Batching,
    Bucket,
    OnGiveUp,
    OnTimeout,
    Pool,
    Routing,
    TimeoutFrom,
    WaitingRequests,
)
from simulator.engines.scaling import (
    PROVISIONED_METRICS,
    Adjustment,
    Metric,
    Scaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
)
from simulator.engines.tables import Demand
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.cases import Duration

#: Launch times that are there to be asked for; after them they begin anew.
_LAUNCHES = 257


@dataclass(frozen=True)
class Later:
    """A pool, its demand, and the launch times of its instances."""

    pool: Pool
    demand: Demand
    launches: tuple[int, ...]

    def launch_times(self, n: int) -> NDArray[np.int64]:
        """Those of the first n launches."""
        return np.resize(np.array(self.launches, np.int64), n)


def seeded(seed: int, count: int, **kind: Any) -> Iterator[Later]:
    """That many cases, the same for the same seed."""
    dice = random.Random(seed)
    return (case(dice, **kind) for _ in range(count))


def case(
    dice: random.Random, *, launches: bool, scales: bool = False, has_ties: bool | None = None, most_requests: int = 40
) -> Later:
    """A pool that is not plain, and a demand for it."""
    has_ties = dice.random() < 0.5 if has_ties is None else has_ties

    def duration(least: int, most: int) -> int:
        if has_ties:
            return dice.randint(least, most)
        return least + round(-math.log1p(-dice.random()) * most / 2 * NS_PER_SECOND)

    n = dice.randint(0, most_requests)
    while True:
        pool = _launching(dice, duration) if launches else _standing(dice, duration, scales=scales, n=n)
        if not pool.is_plain:
            break
    times = tuple(dice.choice([0, duration(0, 3), duration(0, 12)]) for _ in range(_LAUNCHES))
    return Later(pool, demand(dice, duration, has_ties=has_ties, n=n), times)


def _launching(dice: random.Random, duration: Duration) -> Pool:
    places = dice.choice([1, 1, 1, 2, 3])
    first_free = places > 1 or dice.random() < 0.4
    standing = dice.choice([0, 0, 0, 1, 2])
    queues = dice.random() < 0.5
    most = dice.choice([FOREVER, max(1, standing), standing + dice.randint(1, 4)])
    return Pool(
        standing=standing,
        launches=True,
        places=places,
        routing=dice.choice(sorted(IDLE_ROUTINGS)),
        max_concurrency=FOREVER if most == FOREVER else most * places,
        starts_warm=dice.random() < 0.3,
        startup_limit_ns=FOREVER if first_free or dice.random() < 0.5 else duration(0, 5),
        timeout_ns=FOREVER if dice.random() < 0.4 else duration(1, 6),
        at_limit=AtLimit.QUEUE if queues else AtLimit.THROTTLE,
        queue_limit=dice.choice([FOREVER, 0, 1, 2, 4]) if queues else FOREVER,
        waiting_requests=WaitingRequests.FIRST_FREE if first_free else WaitingRequests.BOUND,
        on_timeout=OnTimeout.STOP if places == 1 and dice.random() < 0.4 else OnTimeout.SERVE_ON,
        request_rate=bucket(dice, duration),
        launch_rate=None if queues else bucket(dice, duration),
        retries=retries(dice, duration),
        patience=dice.choice(list(Patience)),
    )


def _standing(dice: random.Random, duration: Duration, *, scales: bool, n: int) -> Pool:
    routing = dice.choice(sorted(INSTANCE_ROUTINGS))
    central = routing is Routing.CENTRAL_QUEUE
    waits = central and dice.random() < 0.4
    scaling = scaling_of(dice, duration, n) if scales else None
    standing = dice.choice([0, 1, 1, 2, 3]) if scaling is None else dice.randint(scaling.minimum, scaling.maximum)
    stops = dice.random() < 0.3
    cores = dice.choice([0, 0, 1, 2])
    batches = not central and not stops and not cores and dice.random() < 0.5
    # Whoever waits has to be served in the end, or to give up.
    has_end = standing > 0 and scaling is None
    return Pool(
        standing=standing,
        places=dice.choice([1, 1, 2, 3]),
        launches=False,
        routing=routing,
        queue_limit=FOREVER if waits else dice.choice([FOREVER, 0, 1, 2, 3, 5]),
        timeout_ns=FOREVER if dice.random() < 0.3 else duration(1, 9),
        timeout_from=dice.choice([TimeoutFrom.ARRIVAL, TimeoutFrom.START]),
        on_give_up=dice.choice(list(OnGiveUp)),
        on_timeout=OnTimeout.STOP if stops else OnTimeout.SERVE_ON,
        waits_for_capacity=waits,
        time_to_live_ns=FOREVER if has_end and dice.random() < 0.5 else duration(1, 20),
        cores=cores,
        batching=Batching(dice.randint(2, 4), dice.choice([0, duration(0, 3)]), dice.choice([0.0, 0.25, 1.0]))
        if batches
        else None,
        scaling=scaling,
        retries=retries(dice, duration),
        patience=dice.choice(list(Patience)),
    )


def bucket(dice: random.Random, duration: Duration) -> Bucket | None:
    """A rate limit, or none."""
    return Bucket(dice.randint(1, 4), duration(1, 5)) if dice.random() < 0.3 else None


def retries(dice: random.Random, duration: Duration) -> Retries | None:
    """How clients try again, or not at all."""
    if dice.random() < 0.5:
        return None
    base = duration(1, 4)
    return Retries(
        attempts=dice.randint(2, 5),
        base_ns=base,
        cap_ns=dice.choice([FOREVER, base, base + duration(0, 6)]),
        multiplier=dice.choice([1.0, 1.5, 2.0]),
        jitter=dice.random() < 0.5,
        after_timeout=dice.random() < 0.6,
    )


def scaling_of(dice: random.Random, duration: Duration, n: int) -> Scaling:
    """Bounds, scheduled actions and policies of instances that do not launch."""
    minimum = dice.choice([0, 0, 1, 1, 2])
    maximum = minimum + dice.choice([0, 1, 2, 4, 8])
    horizon = duration(5, 20 + 4 * n)
    actions = []
    at, low, high = 0, minimum, maximum
    for _ in range(dice.choice([0, 0, 0, 1, 2, 3])):
        at += dice.choice([0, duration(0, 15)])
        low, high = sorted((dice.randint(0, 4), dice.randint(0, 8)))
        actions.append(ScheduledAction(at, minimum=low, maximum=high))
    policies = tuple(_policy(dice, duration) for _ in range(dice.choice([0, 1, 1, 1, 2, 2, 3])))
    return Scaling(minimum, maximum, horizon, policies, tuple(actions), grows_while_updating=dice.random() < 0.4)


def _policy(dice: random.Random, duration: Duration) -> TargetTracking | StepScaling:
    period, delay = duration(1, 4), dice.choice([0, duration(0, 4)])
    if dice.random() < 0.6:
        return TargetTracking(
            metric=Metric(dice.randrange(3)),
            target=dice.choice([0.5, 1.0, 1.5, 2.0, 3.0]),
            period_ns=period,
            delay_ns=delay,
            points_out=dice.randint(1, 3),
            points_in=dice.randint(1, 4),
            scale_in_cooldown_ns=dice.choice([0, duration(0, 12)]),
            scales_in=dice.random() < 0.8,
        )
    adjustment = dice.choice(list(Adjustment))
    above = dice.random() < 0.6
    bounds = [-math.inf, *sorted(dice.sample([-2.0, -1.0, 0.0, 1.0, 2.0, 4.0], dice.randint(0, 3))), math.inf]
    changes = {
        Adjustment.CHANGE: [-2, -1, 0, 1, 2, 3],
        Adjustment.EXACT: [0, 1, 2, 5],
        Adjustment.PERCENT: [-100, -50, -10, 10, 50, 150],
    }[adjustment]
    steps = [Step(low, high, dice.choice(changes)) for low, high in pairwise(bounds)]
    if len(steps) > 1 and dice.random() < 0.3:
        steps.pop(dice.randrange(len(steps)))
    return StepScaling(
        metric=dice.choice(sorted(set(Metric) - PROVISIONED_METRICS)),
        threshold=dice.choice([0.0, 0.5, 1.0, 2.0]),
        above=above,
        steps=tuple(steps),
        adjustment=adjustment,
        least_change=dice.choice([1, 1, 2]),
        points=dice.randint(1, 3),
        period_ns=period,
        delay_ns=delay,
        cooldown_ns=dice.choice([0, duration(0, 12)]),
    )


def demand(dice: random.Random, duration: Duration, *, has_ties: bool, n: int) -> Demand:
    """Requests, every column varied."""
    mean_gap = dice.choice([1, 2, 3])
    longest_service, longest_idle = dice.choice([1, 3, 6]), dice.choice([2, 6, 12])

    def column(draw: Any) -> Any:
        return [draw() for _ in range(n)] if dice.random() < 0.7 else draw()

    gaps = [0 if has_ties and dice.random() < 0.4 else duration(0, 2 * mean_gap) for _ in range(n)]
    return Demand.from_arrays(
        arrival_ns=np.cumsum(np.array(gaps, np.int64)),
        service_ns=column(lambda: duration(1, longest_service)),
        startup_ns=column(lambda: dice.choice([0, duration(0, 3), duration(0, 6)])),
        idle_timeout_ns=column(lambda: FOREVER if dice.random() < 0.1 else duration(0, longest_idle)),
        lifetime_ns=column(lambda: FOREVER if dice.random() < 0.3 else duration(1, 15)),
        routing=column(lambda: dice.choice([dice.randrange(8) / 8, dice.random(), 1.0 - 2.0**-53])),
        patience_ns=column(lambda: FOREVER if dice.random() < 0.3 else duration(1, 6)),
        retry_key=dice.getrandbits(64),
    )
