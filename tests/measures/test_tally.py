"""The tally agrees with plain arithmetic on random runs, however they are cut into blocks, and checks its engine."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.endpoints import RealTime, Serverless
from simulator.engines import compiled
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Reason, Requests, Run
from simulator.measures.billed_time import usage_of
from simulator.measures.histogram import BINS, Histogram
from simulator.measures.identities import BrokenIdentityError
from simulator.measures.latency_percentiles import select
from simulator.measures.measured import Measured
from simulator.measures.percentiles import LEVELS, Level, level, rank
from simulator.measures.tally import Tally
from simulator.units import FOREVER
from tests.engines import cases
from tests.engines.settled import settled_of
from tests.measures import plain

SEED = 20261125
SECOND = 10**9
FEW_LEVELS: tuple[Level, ...] = (*LEVELS, level("p(1)"), level("p97.5"))


def rows_of(requests: Requests, start: int, stop: int) -> Requests:
    """Some rows."""
    return Requests(*(getattr(requests, name)[start:stop] for name in Requests.__dataclass_fields__))


def tallied(pool: Pool, demand: Demand, run: Run, cuts: list[int], **settings: Any) -> Measured:
    """What a tally measures of a run that is added in pieces."""
    tally = Tally(pool, **settings)
    for part in settled_of(demand, run, cuts):
        tally.add(part)
    return tally.finish()


def differences(expected: dict[str, Any], found: Measured) -> dict[str, tuple[Any, Any]]:
    """Fields that differ."""
    return {name: (value, getattr(found, name)) for name, value in expected.items() if value != getattr(found, name)}


@pytest.mark.parametrize("launches", [True, False])
@pytest.mark.parametrize("has_ties", [True, False])
def test_random_runs_agree_with_plain_arithmetic(launches: bool, has_ties: bool) -> None:
    """Every count, sum, percentile and maximum, with and without an initial transient, cut anywhere."""
    dice = random.Random(SEED)
    kinds = set()
    for pool, demand in cases.seeded(SEED, 400, launches=launches, has_ties=has_ties, has_extremes=False):
        run = compiled.simulate(pool, demand)
        last = int(demand.arrival_ns[-1]) if len(demand) else 0
        scale = 1 if has_ties else SECOND
        from_ns = dice.choice([0, 0, dice.randint(0, last + scale)])
        settings: dict[str, Any] = {
            "from_ns": from_ns,
            "until_ns": max(last, from_ns) + dice.choice([1, 3 * scale]),
            "overhead_ns": dice.choice([0, 2 * scale]),
            "limits_ns": (3 * scale, 5 * scale),
            "levels": FEW_LEVELS,
        }
        cuts = [dice.randint(0, len(demand)) for _ in range(dice.choice([0, 1, 4]))]
        found = tallied(pool, demand, run, cuts, **settings)
        assert {} == differences(plain.measured(pool, demand, run, **settings), found), (pool, settings)
        assert found == tallied(pool, demand, run, [], **settings)
        kinds |= {name for name in ("spillover", "failed_launches", "client_gone_max") if getattr(found, name)}
        kinds |= {reason.name for reason in Reason if found.throttled[reason]}
    expected = {"spillover", "failed_launches", "CONCURRENCY"} if launches else {"QUEUE_FULL", "NO_CAPACITY"}
    assert expected | {"client_gone_max"} == kinds


def busy_run(n: int, launches: bool) -> tuple[Pool, Demand, Run]:
    """A run with more requests than a stretch of the compiled loops, nearly all plain, some cold or timed out."""
    rng = np.random.default_rng(SEED)
    demand = Demand.from_arrays(
        np.cumsum(rng.exponential(0.1 * SECOND, n)).astype(np.int64),
        rng.lognormal(-0.5, 0.6, n) * SECOND // 1 + 1,
        startup_ns=4 * SECOND,
        idle_timeout_ns=20 * SECOND,
        routing=rng.random(n),
        payload_in_bytes=rng.integers(0, 10**6, n),
        payload_out_bytes=500,
    )
    pool = (
        Pool(2, True, Routing.MOST_RECENTLY_IDLE, timeout_ns=2 * SECOND)
        if launches
        else Pool(5, False, Routing.RANDOM, places=4, queue_limit=10, timeout_ns=2 * SECOND,
                  timeout_from=TimeoutFrom.ARRIVAL)
    )  # fmt: skip
    return pool, demand, compiled.simulate(pool, demand)


@pytest.mark.parametrize("launches", [True, False])
def test_long_runs_agree_with_plain_arithmetic(launches: bool) -> None:
    """Stretches of plain rows take another path through the kernel; the sums are the same."""
    pool, demand, run = busy_run(4000, launches)
    settings: dict[str, Any] = {
        "from_ns": 10 * SECOND,
        "until_ns": int(demand.arrival_ns[-1]) + 1,
        "limits_ns": (SECOND, 3 * SECOND),
        "levels": FEW_LEVELS,
    }
    found = tallied(pool, demand, run, [1, 700, 3000], **settings)
    assert {} == differences(plain.measured(pool, demand, run, **settings), found)
    assert found.timed_out > 0
    assert found.cold_starts > 0 or not launches


@pytest.mark.parametrize("billed_time", ["service", "service_and_overhead", "service_and_startup"])
@pytest.mark.parametrize("granularity", ["1ms", "100ms", "7us"])
def test_usage_agrees_with_its_plain_reference(billed_time: str, granularity: str) -> None:
    """What is billed is what `usage_of` reckons from the whole tables, for every switch."""
    endpoint = Serverless.model_validate(
        {
            "name": "a",
            "platform": "generic",
            "memory_size": "2048MB",
            "max_concurrency": "none",
            "provisioned_concurrency": 2,
            "invocation_timeout": "2s",
            "overhead": "30ms",
            "billed_time": billed_time,
            "billing_granularity": granularity,
        }
    )
    _, demand, run = busy_run(4000, launches=True)
    window = (10 * SECOND, int(demand.arrival_ns[-1]) + 1)
    tally = Tally.of(endpoint, from_ns=window[0], until_ns=window[1])
    for part in settled_of(demand, run):
        tally.add(part)
    expected = usage_of(endpoint, endpoint.pool(), demand, run.requests, run.instances, window)
    assert expected == tally.finish().usage
    assert expected.standing_ns > 0
    assert expected.on_demand_ns > 0


def test_a_real_time_endpoint_bills_no_request() -> None:
    """Its usage is that of the reference: time of instances and bytes, no time of requests."""
    endpoint = RealTime.model_validate(
        {"name": "b", "instance_type": "ml.m5.xlarge", "initial_instance_count": 5, "workers_per_instance": 4}
    )
    _, demand, _ = busy_run(4000, launches=False)
    run = compiled.simulate(endpoint.pool(), demand)
    window = (10 * SECOND, int(demand.arrival_ns[-1]) + 1)
    tally = Tally.of(endpoint, from_ns=window[0], until_ns=window[1])
    for part in settled_of(demand, run):
        tally.add(part)
    expected = usage_of(endpoint, endpoint.pool(), demand, run.requests, run.instances, window)
    assert expected == tally.finish().usage
    assert (0, 5 * (window[1] - window[0])) == (expected.standing_ns, expected.instance_ns)


def test_sums_beyond_int64_are_exact() -> None:
    """Services that never end: sums of half of int64 and more carry over, to the last nanosecond."""
    settings: dict[str, Any] = {"from_ns": 0, "until_ns": FOREVER}
    checked = 0
    for pool, demand in cases.seeded(SEED + 1, 300, launches=True):
        run = compiled.simulate(pool, demand)
        if len(demand) and int(demand.arrival_ns[-1]) < FOREVER and (run.requests.release_ns >= cases.HALF).sum() > 3:
            found = tallied(pool, demand, run, [], **settings)
            expected = plain.measured(pool, demand, run, **settings)
            # The plain reckoning takes off the service asked for, which is longer than what saturated.
            del expected["waiting_ns"], expected["penalty_ns"]
            assert {} == differences(expected, found)
            checked += found.in_service_ns > FOREVER
    assert checked >= 5


@pytest.mark.parametrize("granularity_ns", [1, 3, 7_777_777, 10**6, 2**51 - 1, 2**62])
@pytest.mark.parametrize("billed_overhead_ns", [0, 12_345_678_901])
@pytest.mark.parametrize("longest_ns", [10**12, 2**51 - 1, 2**53 + 1])
def test_billed_time_is_rounded_up_exactly(granularity_ns: int, billed_overhead_ns: int, longest_ns: int) -> None:
    """Services just below, at and just above multiples of the granularity, where floating point could be off by one."""
    services = [service for service in (1, longest_ns) if service > 0]
    for k in (1, 2, 3, 1000, longest_ns // granularity_ns):
        services += [k * granularity_ns - billed_overhead_ns + d for d in (-1, 0, 1)]
    services = [service for service in services if 0 < service <= longest_ns] * 200
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    demand = Demand.from_arrays(np.arange(len(services)), services)
    found = tallied(
        *(pool, demand, compiled.simulate(pool, demand), []),
        from_ns=0,
        until_ns=FOREVER,
        granularity_ns=granularity_ns,
        billed_overhead_ns=billed_overhead_ns,
    )
    units = [-(-(service + billed_overhead_ns) // granularity_ns) for service in services]
    assert sum(min(n * granularity_ns, FOREVER) for n in units) == found.usage.on_demand_ns


def test_a_service_that_begins_at_the_end_of_time_costs_nothing() -> None:
    """A startup that saturates leaves no time to serve, and none to be billed."""
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    demand = Demand.from_arrays([SECOND, 2 * SECOND], SECOND, startup_ns=[FOREVER - 1, 0])
    found = tallied(pool, demand, compiled.simulate(pool, demand), [], from_ns=0, until_ns=FOREVER)
    assert (2, SECOND) == (found.usage.served, found.usage.on_demand_ns)


def one_instance(services: int) -> tuple[Pool, Demand, Run]:
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    demand = Demand.from_arrays(np.arange(1, services + 1) * SECOND, SECOND // 2, startup_ns=SECOND // 4)
    return pool, demand, compiled.simulate(pool, demand)


def test_beyond_what_is_kept_percentiles_come_from_the_histogram_and_say_so() -> None:
    """With room for 3,000 latencies, 4,000 give percentiles within 0.4 % of the exact ones."""
    pool, demand, run = busy_run(4000, launches=True)
    settings: dict[str, Any] = {"from_ns": 0, "until_ns": int(demand.arrival_ns[-1]) + 1}
    exact = tallied(pool, demand, run, [], **settings)
    near = tallied(pool, demand, run, [1500, 2999], keep=3000, **settings)
    assert (True, False) == (exact.exact, near.exact)
    assert exact.histogram == near.histogram
    for (_, expected), (_, found) in zip(exact.percentiles_ns, near.percentiles_ns, strict=True):
        assert expected == pytest.approx(found, rel=0.004)
    assert exact.percentiles_ns != near.percentiles_ns


def test_the_histogram_of_the_kernel_is_that_of_numpy() -> None:
    """Same bins, integer for integer, and percentiles of 10,000 latencies up to p99.9."""
    pool, demand, run = busy_run(11_000, launches=True)
    done = run.requests.outcome == 0
    latencies = (run.requests.response_ns - demand.arrival_ns)[done]
    found = tallied(pool, demand, run, [], from_ns=0, until_ns=int(demand.arrival_ns[-1]) + 1)
    assert Histogram.of(latencies) == found.histogram
    for one in LEVELS:
        expected = np.quantile(latencies, float(one.share), method="inverted_cdf")
        assert expected == found.percentile_ns(one.share)


def test_selection_by_bins_is_selection() -> None:
    """Values of any rank, also where all are equal."""
    rng = np.random.default_rng(SEED)
    for values in (rng.lognormal(18, 2, 5000).astype(np.int64) + 1, np.full(100, 7)):
        dense = np.zeros(BINS, np.int64)
        histogram = Histogram.of(values)
        dense[histogram.bins] = histogram.counts
        ranks = [1, 2, len(values) // 2, rank(level("p99").share, len(values)), len(values)]
        assert [int(np.sort(values)[r - 1]) for r in ranks] == select(values, dense, ranks)


def test_nothing_at_all() -> None:
    """Without a request every count is 0 and every mean is None, never NaN."""
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    found = Tally(pool, from_ns=0, until_ns=SECOND).finish()
    values = found.values()
    assert (0, 0, None, None) == (found.requests, found.completed, found.least_ns, values["mean_latency"])
    assert None is values["cold_start_fraction"] is values["utilization"]
    assert 0 == values["concurrency_mean"]
    assert not [name for name, value in values.items() if value != value]


def test_a_year_of_nanoseconds() -> None:
    """Case C45: two requests 1 ms apart at 365 days, 0.5 ms of work: no wait, latency 0.5 ms."""
    year = 365 * 86_400 * SECOND
    pool = Pool(1, False, Routing.CENTRAL_QUEUE)
    demand = Demand.from_arrays([year, year + 1_000_000], 500_000)
    found = tallied(pool, demand, compiled.simulate(pool, demand), [], from_ns=0, until_ns=year + SECOND)
    values = found.values()
    assert (0.5, 0.0, 0.5) == (values["mean_latency"], values["mean_waiting_time"], values["p99"])


def test_an_engine_that_loses_service_is_caught() -> None:
    """A release 1 ns early, and a launch that the instances do not know, break an identity."""
    pool, demand, run = one_instance(3)
    early = replace(run.requests, release_ns=run.requests.release_ns - np.array([0, 0, 1]))
    with pytest.raises(BrokenIdentityError, match="service time"):
        tallied(pool, demand, Run(early, run.instances), [], from_ns=0, until_ns=10 * SECOND)
    none_cold = replace(run.requests, is_cold=np.zeros(3, bool))
    with pytest.raises(BrokenIdentityError, match="cold request"):
        tallied(pool, demand, Run(none_cold, run.instances), [], from_ns=0, until_ns=10 * SECOND)
    late = replace(run.instances, ready_ns=run.instances.ready_ns + 1)
    with pytest.raises(BrokenIdentityError, match="Little"):
        tallied(pool, demand, Run(run.requests, late), [], from_ns=0, until_ns=10 * SECOND)
    short = replace(run.instances, gone_ns=run.instances.ready_ns + 1)
    with pytest.raises(BrokenIdentityError, match="while they start or serve"):
        tallied(pool, demand, Run(run.requests, short), [], from_ns=0, until_ns=10 * SECOND)


def test_memory_does_not_follow_the_requests() -> None:
    """A tally of 40 equal blocks holds as much as one of 4: nothing is kept of single requests but latencies."""
    import pickle

    sizes = []
    for repeats in (4, 40):
        tally = Tally(Pool(1, False, Routing.CENTRAL_QUEUE, places=2), from_ns=0, until_ns=FOREVER, keep=1000)
        simulation = compiled.Simulation(Pool(1, False, Routing.CENTRAL_QUEUE, places=2))
        for block in range(repeats):
            demand = Demand.from_arrays((block * 1000 + np.arange(1000)) * SECOND, SECOND)
            tally.add(simulation.feed(demand))
        sizes.append(len(pickle.dumps(tally)))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
