"""Requests that are tried again, stopped, batched, or served where a place is free first: by hand and plainly."""

from __future__ import annotations

import pickle
import random
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simulator.endpoints import Function
from simulator.engines import compiled
from simulator.engines.clients import Retries
from simulator.engines.pool import Batching, Bucket, OnTimeout, Pool, Routing, WaitingRequests
from simulator.engines.tables import Demand, Outcome, Reason, Requests, Run
from simulator.measures.attempts import launches_are_known
from simulator.measures.billed_time import usage_of
from simulator.measures.catalogue import MEASURES
from simulator.measures.cold_starts import ColdTally
from simulator.measures.identities import BrokenIdentityError
from simulator.measures.measured import Measured
from simulator.measures.tally import Tally
from simulator.measures.timeline import TimelineTally
from simulator.units import FOREVER
from tests.engines import cases, later_cases
from tests.measures import made_up, plain
from tests.measures.made_up import attempt, run_of, settled_of, throttled

SEED = 20261125
SECOND = 10**9
MINUTE = 60 * SECOND
TRIES = Retries(attempts=3, base_ns=SECOND)


def tallied(pool: Pool, demand: Demand, run: Run, cuts: tuple[int, ...] = (), **settings: Any) -> Measured:
    """What a tally measures of a run that is added in pieces."""
    tally = Tally(pool, **{"from_ns": 0, "until_ns": 100 * SECOND, **settings})
    for part in settled_of(demand, run, cuts):
        tally.add(part)
    return tally.finish()


KINDS = [(True, False), (True, True), (False, False)]


@pytest.mark.parametrize(("launches", "first_free"), KINDS, ids=["bound", "first-free", "scaled"])
def test_every_sum_agrees_with_plain_arithmetic(launches: bool, first_free: bool) -> None:
    """Every field of what is measured: made-up runs with retries and with an initial transient, cut anywhere."""
    dice = random.Random(SEED)
    seen = dict.fromkeys(("tries", "retried", "throttled_tries", "client_gone_ns", "launched", "timed_out"), 0)
    for _ in range(200):
        pool, demand, run = made_up.case(dice, launches=launches, first_free=first_free)
        settings: dict[str, Any] = {"from_ns": dice.choice([0, 0, 20]), "until_ns": dice.choice([61, 75, 200])}
        settings |= {"overhead_ns": dice.choice([0, 2]), "limits_ns": (3, 8)}
        expected = plain.attempted(pool, demand, run, **settings)
        cuts = tuple(dice.randint(0, len(demand)) for _ in range(dice.choice([0, 1, 4])))
        found = tallied(pool, demand, run, cuts, **settings)
        assert {} == {n: (v, getattr(found, n)) for n, v in expected.items() if v != getattr(found, n)}, settings
        assert found == tallied(pool, demand, run, **settings)
        for name in seen:
            seen[name] += getattr(found, name)
    assert min(seen.values()) > 0, seen


@pytest.mark.parametrize("launches", [True, False])
@pytest.mark.parametrize("has_ties", [True, False])
def test_plain_pools_measured_attempt_by_attempt_are_what_they_were(launches: bool, has_ties: bool) -> None:
    """Two ways to add up the runs of plain pools give the same numbers, but for what instances are billed."""
    dice = random.Random(SEED)
    for pool, demand in cases.seeded(SEED, 200, launches=launches, has_ties=has_ties, has_extremes=False):
        if pool.startup_limit_ns == 0:
            continue  # instances whose launch fails at once are there for no time: the two differ in their maximum
        run = compiled.simulate(pool, demand)
        last = int(demand.arrival_ns[-1]) if len(demand) else 0
        settings = {"from_ns": dice.choice([0, last // 2]), "until_ns": last + 3}
        cuts = tuple(dice.randint(0, len(demand)) for _ in range(2))
        expected = tallied(pool, demand, run, cuts, **settings)
        found = tallied(pool, demand, run, cuts, **settings, bills_instances=True, granularity_ns=1)
        same = [f.name for f in fields(Measured) if f.name not in {"usage", "launched"}]
        assert [] == [name for name in same if getattr(expected, name) != getattr(found, name)], pool
        assert (expected.usage.served, expected.usage.data_in_bytes) == (found.usage.served, found.usage.data_in_bytes)


@pytest.mark.parametrize(("launches", "first_free"), KINDS, ids=["bound", "first-free", "scaled"])
def test_periods_of_a_timeline_add_up_to_the_tally(launches: bool, first_free: bool) -> None:
    """Times of instances and places, attempts that were made in time; waiting, one attempt after the other."""
    dice = random.Random(SEED + 1)
    for _ in range(100):
        pool, demand, run = made_up.case(dice, launches=launches, first_free=first_free)
        measured = tallied(pool, demand, run, until_ns=75)
        tally = TimelineTally(pool, 75)
        for part in settled_of(demand, run, (dice.randint(0, len(demand)),)):
            tally.add(part)
        series = tally.finish()
        occupied = measured.in_service_ns + (measured.starting_ns if launches else 0)
        assert occupied == series.occupied_ns.sum()
        assert (measured.busy_ns, measured.there_ns) == (series.busy_ns.sum(), series.there_ns.sum())
        at = demand.arrival_ns.tolist()
        for number, after in zip(run.tries.number.tolist(), run.tries.next_ns.tolist(), strict=True):
            at[number] = after
        made = [(a, run.requests, i) for i, a in enumerate(at)]
        made += [(a, run.tries, k) for k, a in enumerate(run.tries.at_ns.tolist())]
        assert series.attempts is not None
        assert series.throttled_attempts is not None
        assert series.waiting_ns is not None
        assert sum(a < 75 for a, _, _ in made) == series.attempts.sum()
        assert sum(a < 75 and of.outcome[k] == Outcome.THROTTLED for a, of, k in made) == (
            series.throttled_attempts.sum()
        )
        ends = [max(a, int((of.start_ns if of.start_ns[k] >= 0 else of.response_ns)[k])) for a, of, k in made]
        assert sum(max(0, min(75, e) - a) for (a, _, _), e in zip(made, ends, strict=True)) == series.waiting_ns.sum()


@pytest.mark.parametrize("kind", ["launching", "standing", "scaling"])
def test_runs_of_the_engine_agree_with_plain_arithmetic(kind: str) -> None:
    """Lines, claims, stops, patience, cores, scaling: every field and every identity, as the engine settles blocks.

    Batches occupy fewer places than requests, never more than there are workers. The timeline adds up to the same.
    """
    dice = random.Random(SEED)
    for later in later_cases.seeded(SEED, 150, launches=kind == "launching", scales=kind == "scaling"):
        pool, demand = later.pool, later.demand
        run = compiled.simulate(pool, demand, later.launch_times)
        last = int(demand.arrival_ns[-1]) if len(demand) else 0
        known = launches_are_known(pool)
        settings: dict[str, Any] = {"from_ns": dice.choice([0, last // 2 if known else 0]), "until_ns": last + 3}
        simulation = compiled.Simulation(pool, later.launch_times)
        tally, timeline = Tally(pool, **settings), TimelineTally(pool, last + 3)
        for part in [*(simulation.feed(block) for block in cases.blocks(dice, demand)), simulation.finish()]:
            tally.add(part)
            timeline.add(part)
        found, series = tally.finish(), timeline.finish()
        assert tallied(pool, demand, run, **settings) == found
        expected = plain.attempted(pool, demand, run, **settings)
        if pool.batching is not None:
            assert found.in_service_ns <= expected.pop("in_service_ns")
            assert found.concurrency_max <= min(expected.pop("concurrency_max"), pool.places * found.instances_max)
        assert {} == {n: (v, getattr(found, n)) for n, v in expected.items() if v != getattr(found, n)}, pool
        if settings["from_ns"] == 0:
            occupied_ns = found.in_service_ns + (found.starting_ns if pool.launches else 0)
            assert (occupied_ns, found.busy_ns) == (series.occupied_ns.sum(), series.busy_ns.sum())


def by_hand() -> tuple[Pool, Demand, Run]:
    """Two requests on one standing place of 2 s service.

    The first comes at 1 s, is turned away twice, and is served 6-8 s. The second comes at 2 s, times out in service at
    5 s (served 3-5 s, its client goes at 4 s), tries again at 7 s and is turned away for good.
    """
    pool = Pool(1, True, Routing.MOST_RECENTLY_IDLE, max_concurrency=1, retries=TRIES)
    demand = Demand.from_arrays([SECOND, 2 * SECOND], 2 * SECOND, payload_in_bytes=[10, 100], payload_out_bytes=1)
    ends = [attempt(Outcome.COMPLETED, 6 * SECOND, 8 * SECOND, 8 * SECOND, 0), throttled(Reason.RATE)]
    tries = [
        (0, SECOND, 4 * SECOND, throttled()),
        (0, 4 * SECOND, 6 * SECOND, throttled()),
        (1, 2 * SECOND, 7 * SECOND, attempt(Outcome.TIMED_OUT, 3 * SECOND, 4 * SECOND, 5 * SECOND, 0)),
    ]
    return pool, demand, run_of(ends, [(0, 0, FOREVER)], tries)


def test_attempts_and_requests_are_told_apart() -> None:
    """5 attempts of 2 requests, 3 of them turned away; one request throttled, one completed, both tried again."""
    found = tallied(*by_hand(), until_ns=10 * SECOND)
    values = found.values()
    expected = {
        "requests": 2,
        "completed": 1,
        "throttled": 1,
        "throttled_rate": 1,
        "throttled_concurrency": 0,
        "attempts": 5,
        "attempts_per_request": 2.5,
        "throttled_attempts": 3,
        "retried_fraction": 1.0,
        "goodput": 0.1,
        "mean_latency": 7000.0,
        "mean_waiting_time": 5000.0,
        "concurrency_mean": 0.4,
        "client_gone_mean": 0.1,
        "client_gone_max": 1,
        "capacity_changes": None,
    }
    assert expected == {name: values[name] for name in expected}
    assert values.keys() <= MEASURES.keys()


def test_every_attempt_that_was_served_is_billed() -> None:
    """4 s of service, two attempts, the bytes of both; throttled attempts cost nothing."""
    usage = tallied(*by_hand(), until_ns=10 * SECOND).usage
    assert (2, 4 * SECOND, 0, 110, 1) == (
        usage.served,
        usage.standing_ns,
        usage.on_demand_ns,
        usage.data_in_bytes,
        usage.data_out_bytes,
    )


def test_goodput_leaves_out_what_is_beyond_the_loosest_limit() -> None:
    """One request completed after 7 s: none in time for limits of 2 s and 7 s, one for 2 s and 8 s."""
    for loosest, expected in ((7, 0.0), (8, 0.1)):
        limits = (2 * SECOND, loosest * SECOND)
        assert expected == tallied(*by_hand(), until_ns=10 * SECOND, limits_ns=limits).values()["goodput"]


def test_plain_requests_are_tried_once() -> None:
    """Attempts are requests, nobody tries again, and nothing of it is counted a second time."""
    pool = Pool(1, False, Routing.CENTRAL_QUEUE, queue_limit=0)
    demand = Demand.from_arrays([0, 1, 2 * SECOND], SECOND)
    values = tallied(pool, demand, compiled.simulate(pool, demand)).values()
    assert (3, 1.0, 1, 0.0, 0.02) == tuple(
        values[name]
        for name in ("attempts", "attempts_per_request", "throttled_attempts", "retried_fraction", "goodput")
    )


def function(**changes: Any) -> Function:
    """A function of 1,024 MB."""
    return Function.model_validate({"name": "f", "memory_size": "1024MB", **changes})


@pytest.mark.parametrize("billed_time", ["service", "service_and_startup"])
@pytest.mark.parametrize("launches_first", [True, False])
def test_usage_agrees_with_its_plain_reference(billed_time: str, launches_first: bool) -> None:
    """Billed time of made-up runs with retries, startups and provisioned instances, for each switch."""
    dice = random.Random(SEED)
    for _ in range(100):
        pool, demand, run = made_up.case(dice, launches=True, first_free=launches_first)
        endpoint = function(billed_time=billed_time, billing_granularity="1us")
        tally = Tally.of(endpoint, from_ns=10, until_ns=75, pool=pool)
        for part in settled_of(demand, run):
            tally.add(part)
        expected = usage_of(endpoint, pool, demand, run.requests, run.instances, (10, 75), run.tries)
        assert expected == tally.finish().usage


def test_a_stopped_service_is_billed_until_it_is_stopped() -> None:
    """Timeout 3 s, service 10 s, startup 1 s: 4 s with the startup, 3 s without; the instance is gone then."""
    pool = Pool(
        0, True, Routing.MOST_RECENTLY_IDLE, timeout_ns=3 * SECOND, on_timeout=OnTimeout.STOP,
        request_rate=Bucket(1, 1),
    )  # fmt: skip
    demand = Demand.from_arrays([0], 10 * SECOND, startup_ns=SECOND)
    ends = [attempt(Outcome.TIMED_OUT, SECOND, 4 * SECOND, 4 * SECOND, 0, is_cold=True)]
    run = run_of(ends, [(0, SECOND, 4 * SECOND)])
    for bills_startup, expected in ((False, 3 * SECOND), (True, 4 * SECOND)):
        found = tallied(pool, demand, run, bills_startup=bills_startup)
        assert (expected, 1, 1) == (found.usage.on_demand_ns, found.timed_out, found.launched)
        assert (0, 3 * SECOND) == (found.client_gone_ns, found.busy_ns)


def test_a_cold_request_may_be_served_elsewhere() -> None:
    """First free: the second request causes a launch until 12 s and is served at 6 s by the instance of the first.

    Startups 5 s and 10 s, services 1 s: occupied 0-5 and 5-6 by the first, 2-12 by the launch of the second, which is
    idle from then on, and 6-7 by the second itself.
    """
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE, waiting_requests=WaitingRequests.FIRST_FREE)
    demand = Demand.from_arrays([0, 2 * SECOND], SECOND, startup_ns=[5 * SECOND, 10 * SECOND])
    ends = [
        attempt(Outcome.COMPLETED, 5 * SECOND, 6 * SECOND, 6 * SECOND, 0, is_cold=True),
        attempt(Outcome.COMPLETED, 6 * SECOND, 7 * SECOND, 7 * SECOND, 0, is_cold=True),
    ]
    run = run_of(ends, [(0, 5 * SECOND, 20 * SECOND), (2 * SECOND, 12 * SECOND, 20 * SECOND)])
    found = tallied(pool, demand, run, until_ns=20 * SECOND)
    assert (2 * SECOND, 15 * SECOND, 2) == (found.in_service_ns, found.starting_ns, found.concurrency_max)
    assert (2, 9 * SECOND, 2) == (found.cold_starts, found.penalty_ns, found.launched)
    assert 17 / 38 == found.values()["utilization"]


def batched(delay_ns: int = SECOND, places: int = 2) -> Pool:
    """One instance whose workers take up to three requests at once."""
    return Pool(1, False, Routing.RANDOM, places=places, batching=Batching(3, delay_ns, 0.5))


def batch_run(starts: list[int], service: int, arrivals: list[int]) -> tuple[Demand, Run]:
    """Requests that start at instants and are all served for some seconds."""
    demand = Demand.from_arrays([a * SECOND for a in arrivals], SECOND)
    ends = [attempt(Outcome.COMPLETED, s * SECOND, (s + service) * SECOND, (s + service) * SECOND, 0) for s in starts]
    return demand, run_of(ends, [(0, 0, FOREVER)])


@pytest.mark.parametrize(
    ("delay_ns", "arrivals", "starts", "workers"),
    [
        (SECOND, [0, 0, 0], [1, 1, 1], 1),
        (SECOND, [0, 0, 0, 1], [1, 1, 1, 1], 2),
        (SECOND, [0, 0, 0, 0, 0, 0], [1] * 6, 2),
        (SECOND, [0, 0, 5], [1, 1, 6], 1),
        (0, [0, 0, 1, 1], [1, 1, 1, 1], 3),
        (0, [1, 1], [1, 1], 2),
    ],
    ids=["full", "one-more", "two-full", "one-after-another", "alone-beside", "each-alone"],
)
def test_a_batch_is_one_worker(delay_ns: int, arrivals: list[int], starts: list[int], workers: int) -> None:
    """However many requests it has; batches that begin together are told apart by their number of requests.

    Without a delay a request that finds a free worker is a batch of its own.
    """
    demand, run = batch_run(starts, 2, arrivals)
    for cuts in ((), (1, 2), tuple(range(len(starts)))):
        found = tallied(batched(delay_ns, places=3), demand, run, cuts)
        instants = len(set(starts))
        batches = workers * instants if instants > 1 else workers
        assert (workers, 2 * SECOND * batches) == (found.concurrency_max, found.in_service_ns)
        assert 2 * SECOND * instants == found.busy_ns


def test_a_shared_core_makes_a_service_longer_never_shorter() -> None:
    """4 s in place of 2 s is right, 1 s in place of 2 s is a fault; the longer one is what occupies the place."""
    pool = Pool(1, False, Routing.CENTRAL_QUEUE, places=2, cores=1)
    demand = Demand.from_arrays([0], 2 * SECOND)
    for seconds in (4, 1):
        ends = [attempt(Outcome.COMPLETED, 0, seconds * SECOND, seconds * SECOND, 0)]
        run = run_of(ends, [(0, 0, FOREVER)])
        if seconds == 4:
            assert 4 * SECOND == tallied(pool, demand, run).in_service_ns
            continue
        with pytest.raises(BrokenIdentityError, match="service time"):
            tallied(pool, demand, run)


def test_an_engine_that_loses_something_is_caught() -> None:
    """A release too early, an attempt after a good one, launches nobody made, too many places occupied."""
    pool, demand, run = by_hand()
    early = replace(run.requests, release_ns=run.requests.release_ns - np.array([1, 0]))
    with pytest.raises(BrokenIdentityError, match="service time"):
        tallied(pool, demand, replace(run, requests=early))
    good = replace(run.tries, outcome=np.array([1, 1, 0], np.int8))
    with pytest.raises(BrokenIdentityError, match="that another follows ended badly"):
        tallied(pool, demand, replace(run, tries=good))
    cold = replace(run.requests, is_cold=np.array([True, False]))
    with pytest.raises(BrokenIdentityError, match="launched for each cold attempt"):
        tallied(pool, demand, replace(run, requests=cold))
    short = replace(run.instances, gone_ns=np.array([3 * SECOND]))
    with pytest.raises(BrokenIdentityError, match="places are there while they are occupied"):
        tallied(pool, demand, replace(run, instances=short))


def test_a_late_startup_is_caught() -> None:
    """An instance that is ready later than the request that it was launched for says."""
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE, waiting_requests=WaitingRequests.FIRST_FREE)
    demand = Demand.from_arrays([0], SECOND, startup_ns=5 * SECOND)
    ends = [attempt(Outcome.COMPLETED, 5 * SECOND, 6 * SECOND, 6 * SECOND, 0, is_cold=True)]
    with pytest.raises(BrokenIdentityError, match="Little"):
        tallied(pool, demand, run_of(ends, [(0, 5 * SECOND + 1, 20 * SECOND)]))


def test_cold_starts_by_hour_wait_from_their_last_attempt() -> None:
    """A request of 0 s that is tried again at 50 s and waits 2 s for its launch: a penalty of 2 s, not of 52 s."""
    demand = Demand.from_arrays([0], SECOND, startup_ns=2 * SECOND)
    ends = [attempt(Outcome.COMPLETED, 52 * SECOND, 53 * SECOND, 53 * SECOND, 0, is_cold=True)]
    run = run_of(ends, [(50 * SECOND, 52 * SECOND, FOREVER)], [(0, 0, 50 * SECOND, throttled())])
    tally = ColdTally(0, 0)
    for part in settled_of(demand, run):
        tally.add(part)
    penalties = tally.finish().penalties
    assert 1 == penalties.total
    assert 2 * SECOND == pytest.approx(penalties.quantile_ns(Fraction(1)), rel=0.004)


def test_memory_does_not_follow_the_attempts() -> None:
    """A tally of 40 equal blocks holds as much as one of 4, and so does a timeline."""
    pool = Pool(1, False, Routing.CENTRAL_QUEUE, places=2, retries=TRIES)
    sizes = []
    for repeats in (4, 40):
        tally, timeline = Tally(pool, from_ns=0, until_ns=FOREVER, keep=1000), TimelineTally(pool, 10**15)
        for block in range(repeats):
            at = (block * 1000 + np.arange(1000)) * SECOND
            demand = Demand.from_arrays(at, SECOND // 2)
            requests = Requests.empty(1000)
            for name, column in (("start_ns", at + 1), ("response_ns", at + 1 + SECOND // 2)):
                getattr(requests, name)[:] = column
            requests.release_ns[:], requests.instance[:] = requests.response_ns, 0
            part = settled_of(demand, Run(requests, run_of([], [(0, 0, FOREVER)]).instances))[0]
            tally.add(part)
            timeline.add(part)
        sizes.append(len(pickle.dumps(tally)) + len(pickle.dumps(timeline)))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
