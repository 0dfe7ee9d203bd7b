"""Scaling where the answer is known: bounds that meet, an instance for each request, and the sum of all lives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Adjustment, Metric, Scaling, Step, StepScaling, TargetTracking
from simulator.engines.tables import Demand, Run
from simulator.measures.tally import Tally
from simulator.units import FOREVER, NS_PER_SECOND, array_to_ns
from tests.engines import cases, later_cases
from tests.engines.later_cases import Later
from tests.measures.made_up import settled_of
from tests.oracles import draws
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate

each_engine = pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])
SEED = 20261125


def policies_that_would(period_ns: int) -> tuple[TargetTracking | StepScaling, ...]:
    """Some that ask for more at every point, some for less."""
    every = (Step(-float("inf"), float("inf"), 0),)
    return (
        TargetTracking(Metric.BACKLOG_PER_INSTANCE, 0.5, period_ns, 0, 1, 1, 0),
        StepScaling(Metric.INVOCATIONS_PER_INSTANCE, 0.0, True, every, Adjustment.EXACT, 1, 1, period_ns, 0, 0),
        TargetTracking(Metric.CONCURRENT_REQUESTS_PER_INSTANCE, 0.5, period_ns, 0, 1, 1, 0),
    )


@each_engine
@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_bounds_that_meet_change_nothing(engine: ModuleType, has_ties: bool) -> None:
    """With minimum = maximum every row of 150 random pools is that of the pool that does not scale."""
    asked = 0
    for pool, demand in cases.seeded(SEED + has_ties, 150, launches=False, has_ties=has_ties):
        period_ns = 2 if has_ties else NS_PER_SECOND
        horizon_ns = int(demand.arrival_ns[-1]) + 3 if len(demand) else 3
        scaling = Scaling(pool.standing, pool.standing, horizon_ns, policies_that_would(period_ns))
        plain = engine.simulate(pool, demand)
        found = engine.simulate(replace(pool, scaling=scaling), demand, lambda n: np.zeros(n, np.int64))
        problem = cases.difference(plain, found)
        assert problem is None, f"{problem}\n{cases.described(pool, demand)}"
        asked += horizon_ns // period_ns
    assert asked > 500


#: From one decision to the next, for the limit of an instance for each request. [ns]
SLOT = NS_PER_SECOND // 2


def an_instance_each(horizon_s: float) -> Pool:
    """At the end of every slot as many instances as there are requests, one at least."""
    policy = TargetTracking(Metric.BACKLOG_PER_INSTANCE, 1.0, SLOT, 0, 1, 1, 0)
    scaling = Scaling(1, 10_000, int(horizon_s * NS_PER_SECOND) + 2 * SLOT, (policy,))
    return Pool(1, False, Routing.CENTRAL_QUEUE, waits_for_capacity=True, scaling=scaling)


def slotted(rng: np.random.Generator, rate: float, horizon_s: float) -> Demand:
    """Poisson arrivals, each moved to 1 ns before the end of its slot; exponential service of 1 s."""
    slots = np.floor(draws.poisson(rng, rate, horizon_s) * NS_PER_SECOND / SLOT).astype(np.int64)
    arrivals = (slots + 1) * SLOT - 1
    return Demand.from_arrays(arrivals, array_to_ns(rng.exponential(1.0, len(arrivals)), 1))


@both_sizes
def test_an_instance_for_each_request(size: Size) -> None:
    """Points without delay, launches without time, target 1: M/M/∞.

    A request comes 1 ns before the end of a slot. It starts at once, or is counted and starts 1 ns later on an instance
    launched for it: all are served as they come, and the mean number busy is that of the 4 erlangs.
    """
    rate, initial_s = 4.0, 20.0
    horizon_s = initial_s + 2e5 * size.requests / REPLICATIONS / rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        demand = slotted(rng, rate, horizon_s)
        run = compiled.simulate(an_instance_each(horizon_s), demand, lambda n: np.zeros(n, np.int64))
        assert {0, 1} == set(np.unique(run.requests.start_ns - demand.arrival_ns).tolist())
        instants = np.arange(initial_s, horizon_s, 1.5) * NS_PER_SECOND + SLOT // 2
        busy = np.searchsorted(run.requests.start_ns, instants, "right")
        busy = busy - np.searchsorted(np.sort(run.requests.release_ns), instants, "right")
        return {"busy": float(busy.mean())}

    # In the middle of a slot: those of the last slot are 1/2 slot old, those before one slot more each.
    slot_s = SLOT / NS_PER_SECOND
    seen = rate * slot_s * np.exp(-slot_s / 2) / -np.expm1(-slot_s)
    exact = {"busy": Exact(float(seen), 0.01, {"a slot later": float(seen * np.exp(-slot_s))})}
    check(replicate(one, 50), exact, size)


def test_an_instance_for_each_request_on_both_engines() -> None:
    """The reference engine gives the rows of the compiled one."""
    demand = slotted(generator(50, 90, 0), 4.0, 60.0)
    at_once = [
        e.simulate(an_instance_each(60.0), demand, lambda n: np.zeros(n, np.int64)) for e in (reference, compiled)
    ]
    assert cases.difference(*at_once) is None


def scaled_cases() -> Iterator[Later]:
    """Random pools that scale, with and without ties."""
    for has_ties in (True, False):
        yield from later_cases.seeded(SEED + 60 + has_ties, 100, launches=False, scales=True, has_ties=has_ties)


def drained_ns(pool: Pool, run: Run) -> dict[int, int]:
    """When each instance that was taken out of service was, by number: the highest numbers in service go first."""
    in_service, launched, drained = list(range(pool.standing)), pool.standing, {}
    for at_ns, capacity in zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True):
        for _ in range(capacity - len(in_service)):
            in_service.append(launched)
            launched += 1
        for _ in range(len(in_service) - capacity):
            drained[in_service.pop()] = at_ns
    assert launched == len(run.instances)
    return drained


@each_engine
def test_lives_of_instances_are_the_changes_of_capacity(engine: ModuleType) -> None:
    """Instance-seconds are the integral of capacity and the time of draining, to the nanosecond.

    An instance is gone when it is taken out of service or, if it holds requests, at the end of the last of them.
    """
    seen = 0
    for later in scaled_cases():
        run: Run = engine.simulate(later.pool, later.demand, later.launch_times)
        lives, drained = run.instances, drained_ns(later.pool, run)
        until_ns = 1 + max(
            [0, *later.demand.arrival_ns.tolist(), *run.requests.release_ns.tolist(), *run.tries.release_ns.tolist()]
            + run.changes.at_ns.tolist()
            + [gone for gone in lives.gone_ns.tolist() if gone < FOREVER]
        )
        steps = np.concatenate([[0], run.changes.at_ns, [until_ns]])
        capacity = np.concatenate([[later.pool.standing], run.changes.capacity])
        served = int((np.diff(steps) * capacity).sum())
        draining = sum(int(lives.gone_ns[number]) - at_ns for number, at_ns in drained.items())
        assert served + draining == int((np.minimum(lives.gone_ns, until_ns) - lives.launch_ns).sum())
        assert set(drained) == set(np.flatnonzero(lives.gone_ns < FOREVER).tolist())

        has_queue = later.pool.routing is not Routing.CENTRAL_QUEUE
        for number, at_ns in drained.items():
            ends = [
                *run.requests.release_ns[run.requests.instance == number].tolist(),
                *run.tries.release_ns[run.tries.instance == number].tolist(),
            ]
            last_ns = max([at_ns, *ends])
            gone_ns = int(lives.gone_ns[number])
            # Where an instance has a queue of its own, the last that it held may have left that unserved.
            assert last_ns == gone_ns or (has_queue and last_ns < gone_ns), cases.described(later.pool, later.demand)
            seen += 1
    assert seen > 150


def test_a_minute_at_least_is_billed() -> None:
    """Billed are max(life, 1 min) of each instance, as far as it lies in the run, whatever the scaling does.

    In many of the runs that is another sum than that of the lives alone.
    """
    differs = 0
    dice = random.Random(SEED)
    for later in later_cases.seeded(SEED + 70, 100, launches=False, scales=True, has_ties=False):
        run = compiled.simulate(later.pool, later.demand, later.launch_times)
        lives = run.instances
        until_ns = dice.randrange(1, 200 * NS_PER_SECOND)
        tally = Tally(later.pool, from_ns=0, until_ns=until_ns, granularity_ns=0)
        for part in settled_of(later.demand, run):
            tally.add(part)
        usage = tally.finish().usage

        def lived(gone_ns: np.ndarray, launch_ns: np.ndarray = lives.launch_ns, until_ns: int = until_ns) -> int:
            return int(np.maximum(np.minimum(gone_ns, until_ns) - launch_ns, 0).sum())

        least = np.maximum(lives.gone_ns, lives.launch_ns + 60 * NS_PER_SECOND)
        assert lived(least) == usage.instance_ns
        differs += lived(least) != lived(lives.gone_ns)
    assert differs > 10
