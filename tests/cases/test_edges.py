"""Ties, long runs, waits that are given up, nothing and infinity. Public cases C44 to C47."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.compiled import Simulation
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER, NS_PER_SECOND, array_to_ns
from tests.cases.asking import column, serverless, study

MS = 1_000_000
DAY = 86_400 * NS_PER_SECOND
Simulate = Callable[[Pool, Demand], Run]
both_engines = pytest.mark.parametrize(
    "simulate", [compiled.simulate, reference.simulate], ids=["compiled", "reference"]
)

ONE_SLOT = {
    "on demand": Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE, max_concurrency=1),
    "instance without a queue": Pool(standing=1, launches=False, routing=Routing.RANDOM, queue_limit=0),
    "central, without a queue": Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, queue_limit=0),
}


@both_engines
@pytest.mark.parametrize("pool", ONE_SLOT.values(), ids=ONE_SLOT)
def test_case_c44_a_place_freed_at_an_instant_serves_an_arrival_of_that_instant(simulate: Simulate, pool: Pool) -> None:
    """C44 (tinyos/tinyos-main#419): one place, arrivals at 0, 1, 2, ... s, work of exactly 1 s: none is lost.

    By the other rule every second one would be. Work of 1 s and 1 ns does lose every second one.
    """
    arrival_ns = np.arange(1000) * NS_PER_SECOND
    assert 0 == lost(simulate(pool, Demand.from_arrays(arrival_ns, NS_PER_SECOND)))
    assert 500 == lost(simulate(pool, Demand.from_arrays(arrival_ns, NS_PER_SECOND + 1)))


def lost(run: Run) -> int:
    """Requests that were throttled."""
    return int((run.requests.outcome == Outcome.THROTTLED).sum())


@pytest.mark.parametrize("pool", ONE_SLOT.values(), ids=ONE_SLOT)
def test_case_c44_a_million_tenths_of_a_second(pool: Pool) -> None:
    """C44: work of 0.1 s, a million arrivals 0.1 s apart, in whole nanoseconds: none is lost.

    Adding up in floating point ends 1,333 ns late, and loses the requests that it brings too near.
    """
    n = 1_000_000
    work_ns = int(array_to_ns(np.array([0.1]))[0])
    by_gaps = np.cumsum(array_to_ns(np.full(n, 0.1)))
    by_products = array_to_ns(np.linspace(0.1, 0.1 * n, n))
    assert by_gaps.tolist() == by_products.tolist()
    assert 0 == lost(compiled.simulate(pool, Demand.from_arrays(by_gaps, work_ns)))
    by_sums = array_to_ns(np.cumsum(np.full(n, 0.1)))
    assert 1333 == int(by_sums[-1] - by_gaps[-1])
    assert 0 < lost(compiled.simulate(pool, Demand.from_arrays(by_sums, work_ns)))


@both_engines
@pytest.mark.parametrize("pool", ONE_SLOT.values(), ids=ONE_SLOT)
def test_case_c45_a_millisecond_after_a_year(simulate: Simulate, pool: Pool) -> None:
    """C45 (aliyun/SimAI#300): two requests 365 days on, 1 ms apart, 0.5 ms of work: both served, waits 0 and 0."""
    arrival_ns = 365 * DAY + np.array([0, MS])
    requests = simulate(pool, Demand.from_arrays(arrival_ns, MS // 2)).requests
    assert arrival_ns.tolist() == requests.start_ns.tolist()
    assert (arrival_ns + MS // 2).tolist() == requests.response_ns.tolist()


@both_engines
def test_case_c45_a_year_later_everything_is_the_same(simulate: Simulate) -> None:
    """C45: the same requests a year later: every latency, instance and cold start the same, to the nanosecond."""
    rng = np.random.default_rng([45, 0])
    arrival_ns = np.cumsum(array_to_ns(rng.exponential(0.5, 2000)))
    service_ns, startup_ns = array_to_ns(rng.exponential(1.0, 2000), 1), array_to_ns(rng.exponential(4.0, 2000))
    pools = [
        Pool(standing=1, launches=True, routing=Routing.LEAST_RECENTLY_IDLE, max_concurrency=4),
        Pool(
            standing=1,
            launches=False,
            routing=Routing.CENTRAL_QUEUE,
            places=2,
            timeout_ns=60 * NS_PER_SECOND,
            timeout_from=TimeoutFrom.ARRIVAL,
        ),
    ]
    for pool in pools:
        now, later = (
            simulate(pool, Demand.from_arrays(arrival_ns + shift, service_ns, startup_ns, 10 * NS_PER_SECOND)).requests
            for shift in (0, 365 * DAY)
        )
        for name in ("start_ns", "response_ns", "release_ns"):
            ours, theirs = getattr(now, name), getattr(later, name)
            assert np.where(ours == NONE, NONE, ours + 365 * DAY).tolist() == theirs.tolist()
        for name in ("outcome", "instance", "is_cold"):
            assert getattr(now, name).tolist() == getattr(later, name).tolist()


def test_case_c45_a_cold_start_of_10_s_and_a_service_of_60_s_over_a_year() -> None:
    """C45: 365 days, one request an hour, startup 10 s, service 60 s, idle timeout 10 min.

    The longest latency is 70 s, the mean 60 s + 10 s x cold share, and exp(-(60 + 600)/3600) = 83 % or more are cold.
    """
    found = study(
        {"kind": "poisson", "mean_rate": "1/h"},
        "60s",
        [serverless("endpoint", idle_timeout="10m")],
        startup_time="10s",
        horizon="365d",
        replications=2,
    )
    assert [70_000.0, 70_000.0] == column(found, "endpoint", "latency_max_ms").tolist()
    means = column(found, "endpoint", "latency_mean_ms")
    colds = column(found, "endpoint", "cold_start_fraction")
    assert (60_000 + 10_000 * colds).tolist() == pytest.approx(means.tolist())
    assert (colds > 0.82).all()


def crowded(on_give_up: OnGiveUp, workers: int) -> Pool:
    """One instance whose clients leave after 0.1 s."""
    return Pool(
        standing=1,
        launches=False,
        routing=Routing.RANDOM,
        places=workers,
        timeout_ns=100 * MS,
        timeout_from=TimeoutFrom.ARRIVAL,
        on_give_up=on_give_up,
        queue_limit=50,
    )


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("on_give_up", OnGiveUp)
def test_case_c46_giving_up_neither_keeps_nor_frees_a_place(on_give_up: OnGiveUp, workers: int) -> None:
    """C46 (r-simmer/simmer#227): time-out 0.1 s against 1 s of work at use 2 for 1e5 s.

    Every request ends in exactly one way, never more than the workers work at once, they work exactly for those who
    started, and after the last release nothing is left.
    """
    rng = np.random.default_rng([46, int(on_give_up), workers])
    arrival_ns = np.cumsum(array_to_ns(rng.exponential(1 / (2 * workers), int(2e5 * workers))))
    service_ns = array_to_ns(rng.exponential(1.0, len(arrival_ns)), 1)
    requests = compiled.simulate(crowded(on_give_up, workers), Demand.from_arrays(arrival_ns, service_ns)).requests
    counts = [int((requests.outcome == outcome).sum()) for outcome in Outcome]
    assert len(arrival_ns) == sum(counts)
    assert min(counts[Outcome.COMPLETED], counts[Outcome.TIMED_OUT]) > 0
    assert (counts[Outcome.THROTTLED] > 0) == (on_give_up is OnGiveUp.SERVE_ON)
    started = requests.start_ns != NONE
    assert (requests.release_ns[started] - requests.start_ns[started]).tolist() == service_ns[started].tolist()
    instants = np.concatenate([requests.release_ns[started], requests.start_ns[started]])
    steps = np.repeat([-1, 1], int(started.sum()))[np.argsort(instants, kind="stable")]
    assert workers == int(np.cumsum(steps).max())
    assert 0 == int(steps.sum())
    left = ~started & (requests.outcome == Outcome.TIMED_OUT)
    assert (arrival_ns[left] + 100 * MS).tolist() == requests.response_ns[left].tolist()
    assert left.any() == (on_give_up is OnGiveUp.LEAVE)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("on_give_up", OnGiveUp)
def test_case_c46_memory_stays_flat_in_a_long_run(on_give_up: OnGiveUp) -> None:
    """C46: in one run of 1e6 s, fed in blocks, resident memory after the last block is that after the first tenth."""
    simulation = Simulation(crowded(on_give_up, 1))
    rng = np.random.default_rng([46, 9])

    def feed(blocks: int, now_ns: int) -> tuple[int, int]:
        for _ in range(blocks):
            arrival_ns = now_ns + np.cumsum(array_to_ns(rng.exponential(0.5, 20_000)))
            now_ns = int(arrival_ns[-1])
            simulation.feed(Demand.from_arrays(arrival_ns, NS_PER_SECOND))
        return now_ns, int(Path("/proc/self/statm").read_text().split()[1])

    now_ns, early = feed(10, 0)
    now_ns, late = feed(90, now_ns)
    assert now_ns > 9e5 * NS_PER_SECOND
    assert early == pytest.approx(late, rel=0.1)


@both_engines
@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE])
def test_case_c47_no_instance(simulate: Simulate, routing: Routing) -> None:
    """C47 (CiwPython/Ciw#26): no instance: every request is turned away for want of capacity, and nothing crashes."""
    pool = Pool(standing=0, launches=False, routing=routing, places=2)
    run = simulate(pool, Demand.from_arrays(np.arange(5), 10))
    assert [Outcome.THROTTLED] * 5 == run.requests.outcome.tolist()
    assert [Reason.NO_CAPACITY] * 5 == run.requests.reason.tolist()
    assert 0 == len(run.instances)


def test_case_c47_no_instance_costs_nothing() -> None:
    """C47: an endpoint scaled to zero instances costs $0, throttles 100 %, and has no latency."""
    found = study(
        {"kind": "poisson", "mean_rate": "1/s"},
        "100ms",
        [{"name": "none", "kind": "real_time", "instance_type": "ml.m5.xlarge", "initial_instance_count": 0}],
        horizon="1h",
        replications=2,
    )
    assert [0.0, 0.0] == column(found, "none", "cost_usd").tolist()
    assert [1.0, 1.0] == column(found, "none", "throttled_fraction").tolist()
    assert found.replications["latency_p99_ms"].isna().all()


@both_engines
def test_case_c47_infinitely_many_servers(simulate: Simulate) -> None:
    """C47 (CiwPython/Ciw#13): without a limit and without startup, latency is service, at 500 erlangs too."""
    rng = np.random.default_rng([47, 0])
    arrival_ns = np.cumsum(array_to_ns(rng.exponential(0.01, 3000)))
    service_ns = array_to_ns(rng.exponential(5.0, 3000), 1)
    pool = Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE, max_concurrency=FOREVER)
    requests = simulate(pool, Demand.from_arrays(arrival_ns, service_ns)).requests
    assert arrival_ns.tolist() == requests.start_ns.tolist()
    assert service_ns.tolist() == (requests.response_ns - arrival_ns).tolist()


def test_case_c47_startup_is_a_ladder() -> None:
    """C47 (tensorfuse-examples#1): machine 45 s + image 20 s + model 20 s = 85 s, on a warm node 20 + 20 = 40 s.

    With a node free in 3 of 4 launches a cold start waits 0.75 x 40 + 0.25 x 85 = 51.25 s in the mean, never anything
    between the two.
    """
    ladder = {"kind": "mixture", "parts": [{"weight": "25%", "of": "85s"}, {"weight": "75%", "of": "40s"}]}
    found = study(
        {"kind": "poisson", "mean_rate": "1/h"},
        "1s",
        [serverless("endpoint", idle_timeout="1m")],
        startup_time=ladder,
        horizon="100d",
        replications=30,
    )
    penalty = found.summary().set_index("measure").to_dict("index")["cold_start_penalty"]
    low, high = penalty["ci_low"] / 1000, penalty["ci_high"] / 1000
    assert low < 51.25 < high
    assert high - low < 1.5
    assert (86_000.0, 41_000.0) == tuple(found.replications[["latency_max_ms", "latency_p50_ms"]].max().tolist())
