"""Provisioned concurrency that changes: spillover, allocation, places and identities, by hand and plainly."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.endpoints import Function, RunLength
from simulator.engines import reference
from simulator.engines.pool import OnTimeout, Pool, Routing
from simulator.engines.scaling import Scaling, ScheduledAction
from simulator.engines.tables import Demand, Run
from simulator.measures.billed_time import usage_of
from simulator.measures.identities import BrokenIdentityError
from simulator.measures.measured import Measured
from simulator.measures.standing import Capacity, StandingInstances
from simulator.measures.tally import Tally
from simulator.measures.timeline import TimelineTally
from simulator.units import NS_PER_SECOND
from tests.engines import cases, further_cases
from tests.measures import plain
from tests.measures.made_up import settled_of

SEED = 20261126
S = NS_PER_SECOND


def tallied(pool: Pool, demand: Demand, run: Run, cuts: tuple[int, ...] = (), **settings: Any) -> Measured:
    """What a tally measures of a run that is added in pieces."""
    tally = Tally(pool, **{"from_ns": 0, "until_ns": 100 * S, **settings})
    for part in settled_of(demand, run, cuts):
        tally.add(part)
    return tally.finish()


def by_hand() -> tuple[Pool, Demand, Run]:
    """One provisioned instance; from 10 s on two, the second ready at 13 s; from 20 s on none.

    Each request takes 4 s and a launch 1 s. 0 s: on the provisioned one. 2 s: that is busy, so launched (spillover).
    12 s: on the provisioned one. 12.5 s: the second is still starting, so the idle launched one serves (spillover).
    18 s: on the second, which is the last to have become idle. 21 s: capacity is 0, so the launched one, no spillover.
    """
    scaling = Scaling(1, 1, 100 * S, actions=(ScheduledAction(10 * S, 2, 2), ScheduledAction(20 * S, 0, 0)))
    pool = Pool(standing=1, launches=True, routing=Routing.MOST_RECENTLY_IDLE, scaling=scaling)
    demand = Demand.from_arrays(np.array([0, 2, 12, 12.5, 18, 21]) * S, 4 * S, startup_ns=1 * S, idle_timeout_ns=60 * S)
    return pool, demand, reference.simulate(pool, demand, lambda n: np.full(n, 3 * S))


def test_a_schedule_by_hand() -> None:
    """Spillover, launches, time starting, allocation and places of the run above."""
    pool, demand, run = by_hand()
    assert [2] == run.standing_numbers.tolist()
    found = tallied(pool, demand, run, granularity_ns=1)
    assert (6, 2, 1) == (found.completed, found.spillover, found.cold_starts)
    assert (1, 1, 2) == (found.scale_outs, found.scale_ins, found.launched)
    assert 10 * 1 + 10 * 2 == found.usage.instance_ns / S
    assert (3 * 4, 3 * 4) == (found.usage.on_demand_ns / S, found.usage.standing_ns / S)
    assert (1 + 3, 1) == (found.starting_ns / S, found.starting_for_requests_ns / S)
    # The first provisioned instance goes at 20 s, the second when it is released at 22 s; the launched one is there
    # from 2 s until 60 s after its release at 25 s. Places: without the 3 s of a start for nobody.
    assert (20 + 12 + 83 - 3) == found.places_ns / S
    assert pytest.approx((6 * 4 + 1) / 100) == found.values()["concurrency_mean"]
    assert 2 == found.concurrency_max


def test_a_window_takes_its_part_of_the_allocation() -> None:
    """5 s to 15 s: one instance for 5 s, two for 5 s."""
    pool, demand, run = by_hand()
    assert 15 == tallied(pool, demand, run, from_ns=5 * S, until_ns=15 * S).usage.instance_ns / S


def test_a_launch_of_scaling_that_is_not_told_breaks_an_identity() -> None:
    """Were the second provisioned instance taken for one launched for a request, the tally would say so."""
    pool, demand, run = by_hand()
    with pytest.raises(BrokenIdentityError, match="capacity grows by the instances launched"):
        tallied(pool, demand, replace(run, standing_numbers=np.empty(0, np.int64)))


def test_every_sum_agrees_with_plain_arithmetic() -> None:
    """Random pools that scale, as the engine settles blocks and cut anywhere; the timeline adds up to the same."""
    dice = random.Random(SEED)
    seen = dict.fromkeys(("spillover", "scale_outs", "scale_ins", "starting_for_requests_ns", "tries"), 0)
    for further in further_cases.seeded(further_cases.provisioned, SEED, 150):
        pool, demand = further.pool, further.demand
        run = reference.simulate(pool, demand, further.launch_times)
        last = int(demand.arrival_ns[-1]) if len(demand) else 0
        settings: dict[str, Any] = {"from_ns": dice.choice([0, last // 2]), "until_ns": last + 3}
        simulation = reference.Simulation(pool, further.launch_times)
        tally, timeline = Tally(pool, **settings), TimelineTally(pool, last + 3)
        for part in [*(simulation.feed(block) for block in cases.blocks(dice, demand)), simulation.finish()]:
            tally.add(part)
            timeline.add(part)
        found, series = tally.finish(), timeline.finish()
        cuts = tuple(dice.randint(0, len(demand)) for _ in range(2))
        assert tallied(pool, demand, run, cuts, **settings) == found
        expected = plain.attempted(pool, demand, run, **settings)
        assert {} == {n: (v, getattr(found, n)) for n, v in expected.items() if v != getattr(found, n)}, pool
        assert series.capacity_ns is not None
        if settings["from_ns"] == 0:
            occupied_ns = found.in_service_ns + found.starting_for_requests_ns
            assert (occupied_ns, found.busy_ns) == (series.occupied_ns.sum(), series.busy_ns.sum())
            assert found.usage.instance_ns == series.capacity_ns.sum()
        for name in seen:
            seen[name] += getattr(found, name)
    assert min(seen.values()) > 0, seen


def test_usage_agrees_with_the_plain_reference() -> None:
    """Duration by place and allocation, reckoned request by request and change by change."""
    dice = random.Random(SEED)
    function = Function(name="f", memory_size="1024MB")
    standing = on_demand = 0
    for further in further_cases.seeded(further_cases.provisioned, SEED + 1, 100):
        pool, demand = further.pool, further.demand
        run = reference.simulate(pool, demand, further.launch_times)
        last = int(demand.arrival_ns[-1]) if len(demand) else 0
        window = dice.choice([0, last // 2]), last + 3
        expected = usage_of(function, pool, demand, run.requests, run.instances, window, run.tries, run)
        tally = Tally.of(function, from_ns=window[0], until_ns=window[1], pool=pool)
        for part in settled_of(demand, run):
            tally.add(part)
        assert expected == tally.finish().usage
        standing += expected.standing_ns
        on_demand += expected.on_demand_ns
    assert min(standing, on_demand) > 0


def test_numbers_of_standing_instances() -> None:
    """Below the first ones, or told; everything else was launched for a request."""
    pool, demand, run = by_hand()
    standing = StandingInstances(pool)
    assert [True, False, False] == standing.holds(np.array([0, 1, 2])).tolist()
    for part in settled_of(demand, run):
        standing.add(part)
    assert [True, False, True, False] == standing.holds(np.array([0, 1, 2, 7])).tolist()
    assert [False, False, True] == standing.launched_of(np.array([0, 1, 2])).tolist()


def test_capacity_forgets_what_no_instant_needs() -> None:
    """Its integral and its values stay the same, whenever it forgets."""
    dice = random.Random(SEED)
    pool, _, run = by_hand()
    for _ in range(20):
        capacity = Capacity(pool.standing, 5 * S, 15 * S)
        capacity.add(run.changes)
        capacity.forget(dice.randint(0, 30) * S)
        assert [0] == capacity.at(np.array([30 * S])).tolist()
        assert 15 * S == capacity.finish()


def test_a_stopped_service_frees_its_provisioned_instance() -> None:
    """A function stops at its timeout: its provisioned instance serves the next request and the identities hold."""
    function = Function(
        name="f",
        memory_size="1024MB",
        provisioned_concurrency=1,
        max_concurrency=5,
        invocation_timeout="2s",
        autoscaling={"max_capacity": 2},
    )
    pool = function.pool(RunLength(100 * S))
    assert (OnTimeout.STOP, False) == (pool.on_timeout, pool.scaling is not None and pool.scaling.counts_spillover)
    demand = Demand.from_arrays(np.array([0, 3]) * S, np.array([9, 1]) * S, startup_ns=S)
    run = reference.simulate(pool, demand, lambda n: np.full(n, S))
    found = tallied(pool, demand, run)
    assert (1, 1, 0) == (found.completed, found.timed_out, found.spillover)
    assert [0, 0] == run.requests.instance.tolist()
