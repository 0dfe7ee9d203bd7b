"""Golden traces of scaling on both engines: every change of capacity, when instances are ready and gone."""

from __future__ import annotations

import random
from types import ModuleType

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Metric, Scaling, TargetTracking
from simulator.engines.tables import Demand
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.cases import described, difference
from tests.engines.scaling_by_hand import GOLDEN, Golden, Later
from tests.engines.traces import rows, run_of

SEED = 20261125
each_engine = pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])


@each_engine
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.words.partition(".")[0][:60])
def test_changes_of_capacity(golden: Golden, engine: ModuleType) -> None:
    """Every change, and every instance, as worked out beside the case."""
    run = run_of(engine, golden.later.pool, golden.later.demand, golden.later.launches)
    assert golden.changes == rows(run.changes)
    if golden.instances is not None:
        expected = [(launch, ready, FOREVER if gone is None else gone) for launch, ready, gone in golden.instances]
        assert expected == rows(run.instances)


@each_engine
def test_instance_seconds_of_the_golden_trace(engine: ModuleType) -> None:
    """2400 s of the one that stays, 9 × (2100 - 480) s of the others: 16,980 instance-seconds."""
    later: Later = GOLDEN[0].later
    run = engine.simulate(later.pool, later.demand, later.launch_times)
    ends = np.minimum(run.instances.gone_ns, 2400 * NS_PER_SECOND)
    assert (2400 + 9 * 1620) * NS_PER_SECOND == int((ends - run.instances.launch_ns).sum())


def large(dice: random.Random) -> Later:
    """Tens of instances under bursts, targets that are no round numbers, two policies on one metric or on two."""

    def policy() -> TargetTracking:
        return TargetTracking(
            metric=Metric(dice.randrange(3)),
            target=dice.choice([0.3, 0.7, 0.9, 1.1, 2.0]),
            period_ns=dice.randint(2, 4),
            delay_ns=dice.randint(0, 2),
            points_out=dice.randint(1, 2),
            points_in=dice.randint(1, 2),
            scale_in_cooldown_ns=dice.choice([0, 0, 5]),
        )

    standing = dice.randint(5, 30)
    scaling = Scaling(
        *(dice.randint(1, 5), dice.randint(30, 60), 90),
        policies=tuple(policy() for _ in range(dice.choice([1, 1, 2]))),
        grows_while_updating=dice.random() < 0.5,
    )
    routing = dice.choice([Routing.CENTRAL_QUEUE, Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS])
    n = dice.randint(60, 150)
    gaps = [0 if dice.random() < 0.8 else dice.randint(1, 5) for _ in range(n)]
    service, draws = [dice.randint(1, 25) for _ in range(n)], [dice.random() for _ in range(n)]
    demand = Demand.from_arrays(np.cumsum(gaps), service, routing=draws)
    pool = Pool(standing, False, routing, places=dice.choice([1, 2]), queue_limit=3, scaling=scaling)
    return Later(pool, demand, tuple(dice.randint(0, 6) for _ in range(7)))


def test_large_capacities_agree() -> None:
    """Both engines give the same rows for 80 pools of tens of instances; 90 % of a target lies between two loads."""
    dice, changes = random.Random(SEED), 0
    for _ in range(80):
        later = large(dice)
        runs = [engine.simulate(later.pool, later.demand, later.launch_times) for engine in (reference, compiled)]
        problem = difference(*runs)
        assert problem is None, f"{problem}\n{described(later.pool, later.demand)}\n{later.launches}"
        changes += len(runs[0].changes)
    assert changes > 400
