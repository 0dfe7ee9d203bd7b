"""Functions: pings against provisioned copies, overflow or not, and rate caps. Public cases C26, C29 and C30."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.engines import compiled, reference
from simulator.engines.tables import Outcome, Reason
from simulator.errors import ScenarioError
from simulator.units import NS_PER_SECOND
from tests.cases.asking import column, serverless, study
from tests.cases.rows import each_engine, every, lasting, tables
from tests.oracles.closed_forms import erlang_b
from tests.oracles.recipe import QUICK, Exact, check


def function(name: str = "function", **fields: Any) -> dict[str, Any]:
    """A function of 1 GB, no rates in the way."""
    rates = {"launch_rate": "none", "request_rate": "none"}
    return {"name": name, "kind": "function", "memory_size": "1024MB", **rates, **fields}


# --- C26: pings against provisioned


def pings(spread: str) -> dict[str, Any]:
    """100 pings every 5 min, at one instant or one after another over 15 s."""
    if spread == "one instant":
        return every("5m", 100)
    parts = [every("5m", offset=f"{150 * k}ms") for k in range(100)]
    return {"kind": "superposition", "parts": parts}


@each_engine
@pytest.mark.parametrize(
    ("spread", "hold", "copies"),
    [("one instant", "10ms", 100), ("15 s", "10ms", 1), ("one instant", "30s", 100), ("15 s", "30s", 100)],
)
def test_case_c26_pings_keep_as_many_copies_warm_as_run_at_once(
    engine: ModuleType, spread: str, hold: str, copies: int
) -> None:
    """C26 (brefphp/bref#573): 100 pings every 5 min, instances idle for 10 min at most.

    N pings warm N copies only if all N run at once: at one instant, or held for 30 s when they come over 15 s. Those of
    10 ms that come 150 ms apart land on the same copy.
    """
    _, run = tables(engine, function(idle_timeout="10m"), traffic=pings(spread), model=lasting(hold), horizon="20m")
    assert copies == len(run.instances) == len(np.unique(run.requests.instance))


@each_engine
def test_case_c26_a_slow_first_start_warms_copies_that_then_go(engine: ModuleType) -> None:
    """C26 with cold starts of 8 s: the first round over 15 s finds 53 starting and launches 54 copies.

    Ping k comes at 0.15 k s; copy 0 is ready at 8 s and free at 8.01 s, so pings 0 to 53, up to 7.95 s, launch. From
    8.01 s on each finds a copy that has just become idle. From the second round on one is enough, by most recently
    idle: the other 53 are gone 10 min later.
    """
    _, run = tables(
        engine, function(idle_timeout="10m"), traffic=pings("15 s"), model=lasting("10ms", "8s"), horizon="26m"
    )
    assert 54 == len(run.instances)
    assert 1 == len(np.unique(run.requests.instance[100:200]))
    alive = run.instances.gone_ns > 15 * 60 * NS_PER_SECOND
    assert 1 == int(alive.sum())


def test_case_c26_one_warm_copy_protects_what_does_not_overlap() -> None:
    """C26: at 0.5 erlang one warm copy is busy for 0.5/1.5 = 33 % of the arrivals, which need another one."""
    found = study(
        {"kind": "poisson", "mean_rate": "1/s"},
        "500ms",
        [function(provisioned_concurrency=1)],
        horizon="3h",
        initial_transient="1m",
        replications=32,
    )
    share = column(found, "function", "spillover") / column(found, "function", "completed")
    assert 1 / 3 == pytest.approx(erlang_b(1, 0.5))
    check({"share": share}, {"share": Exact(1 / 3, 0.004, {"busy as seen by a clock": 0.5})}, QUICK)


# --- C29: throttles after adding provisioned concurrency


def test_case_c29_overflow_is_cold_or_lost() -> None:
    """C29 (serverless/serverless#7076): 5 provisioned, 4 erlangs: 19.9 % come when all 5 are busy (Erlang B).

    Where overflow is allowed they are served on demand, all of them cold if no instance is kept; where the limit is the
    5 that are provisioned they are all throttled. The 5 see the same either way.
    """
    exact = erlang_b(5, 4)
    assert "19.9%" == f"{exact:.1%}"
    endpoints = [
        function("overflow", provisioned_concurrency=5, max_concurrency=3000, idle_timeout="0s"),
        function("reserved", provisioned_concurrency=5, max_concurrency=5),
    ]
    found = study(
        {"kind": "poisson", "mean_rate": "8/s"},
        "500ms",
        endpoints,
        startup_time="2s",
        horizon="1h",
        initial_transient="1m",
        replications=32,
    )
    requests = column(found, "overflow", "requests")
    shares = {
        "cold": column(found, "overflow", "cold_start_fraction"),
        "spillover": column(found, "overflow", "spillover") / requests,
        "lost": column(found, "reserved", "throttled_fraction"),
    }
    assert shares["cold"].tolist() == pytest.approx(shares["spillover"].tolist())
    assert shares["lost"].tolist() == pytest.approx(shares["spillover"].tolist())
    assert {0.0} == set(column(found, "overflow", "throttled_fraction").tolist())
    wrong = {f"{k} provisioned": erlang_b(k, 4) for k in (4, 6)}
    check(shares, {name: Exact(exact, 0.008, wrong) for name in shares}, QUICK)


# --- C30: short functions hit a rate cap


@each_engine
def test_case_c30_concurrency_is_rate_times_duration_in_seconds(engine: ModuleType) -> None:
    """C30 (docs.aws.amazon.com/lambda, scaling behaviour): 100/s x 0.5 s = 50 at once; with 50 ms 5."""
    for service, at_once in (("500ms", 50), ("50ms", 5)):
        _, run = tables(engine, function(), traffic=every("10ms"), model=lasting(service), horizon="5s")
        assert at_once == len(run.instances)


def test_case_c30_ten_requests_a_second_for_each_place() -> None:
    """C30: 15,000/s x 20 ms are 300 places, far below 1000; yet 10 x 1000 requests a second get through: 33 % do not.

    Requests come 15 a millisecond, one token every 0.1 ms. The 10,000 that are there at first are gone after 2 s, a
    surplus of 5000 a second; from then on exactly 5 of 15 are turned away.
    """
    endpoint = function(launch_rate={"limit": 1000, "per": "10s"}, request_rate=None)
    demand, run = tables(compiled, endpoint, traffic=every("1ms", 15), model=lasting("20ms"), horizon="4s")
    throttled = run.requests.reason == Reason.RATE
    assert np.array_equal(throttled, run.requests.outcome == Outcome.THROTTLED)
    seconds = demand.arrival_ns / NS_PER_SECOND
    assert 0 == int(throttled[seconds < 1.99].sum())
    steady = throttled[seconds >= 2.01]
    assert len(steady) / 3 == int(steady.sum())
    assert 300 == len(run.instances)


def test_case_c30_the_rate_cap_on_both_engines() -> None:
    """C30 a hundred times smaller, for 6 s: 100 tokens at first and 100 a second until 5.98 s serve 698 of 900."""
    endpoint = function(max_concurrency=10, request_rate=None)
    rows = [
        tables(engine, endpoint, traffic=every("20ms", 3), model=lasting("20ms"), horizon="6s")[1].requests
        for engine in (reference, compiled)
    ]
    assert rows[0].outcome.tolist() == rows[1].outcome.tolist()
    assert 900 - 698 == int((rows[0].reason == Reason.RATE).sum())


@pytest.mark.parametrize("per_second", [pytest.param(5000, id="5000"), pytest.param(500, id="500")])
def test_case_c30_a_step_is_reached_after_40_s(per_second: int) -> None:
    """C30: a step from 0 to 5000/s of 1 s needs 5000 places, at 1000 in 10 s: 1000 at once, 100 a second more.

    The last of the 4000 others is there after 40 s. Until then 5000 less the places there are turned away each second:
    the integral of 4000 - 100 t over 40 s is 80,000. At 500/s the 500 are there at once and nobody is.
    """
    endpoint = function(
        max_concurrency=10_000, idle_timeout="none", launch_rate={"limit": 1000, "per": "10s"}, request_rate="none"
    )
    traffic = every("1ms", per_second // 1000) if per_second >= 1000 else every("2ms")
    demand, run = tables(compiled, endpoint, traffic=traffic, model=lasting("1s"), horizon="60s")
    throttled = run.requests.reason == Reason.RATE
    if per_second == 500:
        assert 0 == int(throttled.sum())
        return
    assert 80_000 == pytest.approx(int(throttled.sum()), rel=0.03)
    last_s = demand.arrival_ns[throttled][-1] / NS_PER_SECOND
    assert 39.0 < last_s < 41.0
    assert 5000 == len(run.instances)


def test_case_c30_a_duration_without_a_unit_is_refused() -> None:
    """C30 (awsdocs/aws-lambda-developer-guide#70): milliseconds where seconds are meant are wrong by 1000.

    A duration has to name its unit, so that 20 is neither.
    """
    given = {
        "name": "case",
        "horizon": "1h",
        "traffic": {"kind": "poisson", "mean_rate": "1/s"},
        "model": {"service_time": 20},
        "endpoints": [serverless("endpoint")],
    }
    with pytest.raises(ScenarioError, match=r"service_time.*20"):
        simulator.load_scenario(given)
