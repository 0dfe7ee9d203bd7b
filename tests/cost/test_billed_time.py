"""Billed time of a request: what of it is billed, to which granularity, and in which window it counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from simulator.distributions import Distribution, DurationDistribution
from simulator.engines import reference
from simulator.engines.tables import Demand, Instances, Outcome, Requests, Run
from simulator.measures.billed_time import billed_ns, billing_of, usage_of
from simulator.measures.usage import Usage
from simulator.streams import Streams
from simulator.units import FOREVER
from tests.cost.usages import SECOND, real_time, serverless

MS = 10**6
US = 1000
DURATIONS: TypeAdapter[Distribution] = TypeAdapter(DurationDistribution)


@pytest.fixture
def demand() -> Demand:
    """Five requests that end in five ways on one provisioned and one on-demand instance (see `run`)."""
    return Demand.from_arrays(
        arrival_ns=[0, 500 * MS, 600 * MS, 10 * SECOND, 10 * SECOND + 50 * US],
        service_ns=[1_000_400 * US, 3 * SECOND, SECOND, 100 * US, SECOND],
        startup_ns=[SECOND, SECOND, SECOND, SECOND, 6 * SECOND],
        idle_timeout_ns=SECOND,
        payload_in_bytes=[1, 20, 300, 4_000, 50_000],
        payload_out_bytes=[2, 30, 400, 5_000, 60_000],
    )


def endpoint(**changes: Any) -> Any:
    """One instance provisioned of at most two; launches fail after 5 s, services time out after 2 s."""
    limits = {"startup_limit": "5s", "invocation_timeout": "2s", "max_concurrency": 2}
    return serverless(2, provisioned=1, **{**limits, **changes})


@pytest.fixture
def run(demand: Demand) -> Run:
    """Five ways to end.

    0 is served on the provisioned instance, 1 waits for a launch and times out in service, 2 is throttled, 3 is
    served on the provisioned instance, 4 finds the other retired and its launch fails.
    """
    done = reference.simulate(endpoint().pool(), demand)
    completed, throttled, timed_out = Outcome.COMPLETED, Outcome.THROTTLED, Outcome.TIMED_OUT
    assert [completed, timed_out, throttled, completed, timed_out] == done.requests.outcome.tolist()
    assert [False, True, False, False, True] == done.requests.is_cold.tolist()
    return done


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1001 * MS, 3000 * MS, 0, 1 * MS, 0]),
        ({"billed_time": "service_and_startup"}, [1001 * MS, 4000 * MS, 0, 1 * MS, 0]),
        ({"billed_time": "service_and_overhead", "overhead": "50ms"}, [1051 * MS, 3050 * MS, 0, 51 * MS, 0]),
        ({"overhead": "50ms"}, [1001 * MS, 3000 * MS, 0, 1 * MS, 0]),
        ({"billing_granularity": "100ms"}, [1100 * MS, 3000 * MS, 0, 100 * MS, 0]),
        ({"billing_granularity": "1us"}, [1_000_400 * US, 3000 * MS, 0, 100 * US, 0]),
    ],
)
def test_billed_time_of_each_way_to_end(demand: Demand, run: Run, changes: dict[str, Any], expected: list[int]) -> None:
    """Service rounded up; to its end where it timed out; nothing for throttled requests and failed launches.

    The startup of the cold request is billed only by `service_and_startup`, overhead only by `service_and_overhead`.
    """
    assert expected == billed_ns(endpoint(**changes), demand, run.requests).tolist()


def test_lambdas_billed_duration_before_and_after_august_2025() -> None:
    """AWS's log line: duration 250.06 ms, init 100.77 ms: billed 251 ms, since 2025-08-01 351 ms."""
    demand = Demand.from_arrays([0], 250_060 * US, startup_ns=100_770 * US)
    for billed_time, expected_ms in (("service", 251), ("service_and_startup", 351)):
        cold = serverless(2, billed_time=billed_time)
        requests = reference.simulate(cold.pool(), demand).requests
        assert [expected_ms * MS] == billed_ns(cold, demand, requests).tolist()


def test_usage_of_the_whole_run(demand: Demand, run: Run) -> None:
    """Data in for the three served, out for the two completed; on demand and provisioned apart."""
    expected = Usage(
        span_ns=20 * SECOND,
        requests=5,
        served=3,
        completed=2,
        on_demand_ns=3000 * MS,
        standing_ns=1002 * MS,
        instance_ns=20 * SECOND,
        data_in_bytes=1 + 20 + 4_000,
        data_out_bytes=2 + 5_000,
    )
    assert expected == usage(demand, run, (0, 20 * SECOND))


def usage(demand: Demand, run: Run, window: tuple[int, int]) -> Usage:
    """Usage of `endpoint` in a window."""
    return usage_of(endpoint(), endpoint().pool(), demand, run.requests, run.instances, window)


def test_a_request_counts_where_it_arrives(demand: Demand, run: Run) -> None:
    """In a window from an arrival (in) to an arrival (out): whole, however long it is served after the window."""
    window = (500 * MS, 10 * SECOND)
    expected = Usage(
        span_ns=9500 * MS,
        requests=2,
        served=1,
        completed=0,
        on_demand_ns=3000 * MS,
        instance_ns=9500 * MS,
        data_in_bytes=20,
    )
    assert expected == usage(demand, run, window)


def test_windows_that_touch_add_up(demand: Demand, run: Run) -> None:
    """Wherever the run is cut, the usages of its parts are that of the whole."""
    whole = usage(demand, run, (0, 20 * SECOND))
    for cut in (1, 500 * MS, 500 * MS + 1, 10 * SECOND, 15 * SECOND):
        assert whole == usage(demand, run, (0, cut)) + usage(demand, run, (cut, 20 * SECOND))


def test_a_window_has_to_have_a_length(demand: Demand, run: Run) -> None:
    """An empty one, a reversed one and one before 0 are refused."""
    for window in ((5, 5), (5, 4), (-1, 5)):
        with pytest.raises(ValueError, match="must begin at 0 or later and end after that"):
            usage(demand, run, window)


def test_a_real_time_endpoint_bills_instances_and_no_request() -> None:
    """Two instances for the window; a request of a second costs nothing, its data counts."""
    two = real_time("ml.m5.xlarge", initial_instance_count=2)
    demand = Demand.from_arrays([0, SECOND], SECOND, payload_in_bytes=10, payload_out_bytes=1)
    done = reference.simulate(two.pool(), demand)
    assert [0, 0] == billed_ns(two, demand, done.requests).tolist()
    expected = Usage(
        span_ns=SECOND,
        requests=1,
        served=1,
        completed=1,
        instance_ns=2 * SECOND,
        data_in_bytes=10,
        data_out_bytes=1,
    )
    assert expected == usage_of(two, two.pool(), demand, done.requests, done.instances, (0, SECOND))
    assert 0 == billing_of(two).granularity_ns


def test_no_request_at_all() -> None:
    """Provisioned instances are there all the same."""
    nothing = Demand.from_arrays(np.empty(0, np.int64), 1)
    done = reference.simulate(endpoint().pool(), nothing)
    assert Usage(span_ns=7, instance_ns=7) == usage(nothing, done, (0, 7))


def test_sums_and_roundings_do_not_overflow() -> None:
    """Two services of 292 years each: billed time saturates, their sum is exact and more than int64 holds."""
    demand = Demand.from_arrays([0, 0], FOREVER, payload_in_bytes=FOREVER)
    requests = Requests.empty(2)
    requests.start_ns[:] = 0
    requests.release_ns[:] = FOREVER
    requests.instance[:] = [0, 1]
    alone = serverless(2, billed_time="service_and_overhead", overhead="1s")
    instances = Instances(*(np.zeros(2, np.int64) for _ in range(3)))
    assert [FOREVER, FOREVER] == billed_ns(alone, demand, requests).tolist()
    used = usage_of(alone, alone.pool(), demand, requests, instances, (0, 1))
    assert (2 * FOREVER, 2 * FOREVER) == (used.on_demand_ns, used.data_in_bytes)


@pytest.mark.parametrize(("granularity", "expected"), [("1ms", 0.2005004167), ("100ms", 0.2541494083)])
def test_mean_billed_time_of_exponential_service(granularity: str, expected: float) -> None:
    """E[⌈S⌉] = q/(1 − e^(−q/m)) for exponential S of mean m = 0.2 s and granularity q.

    Rounding up adds E[⌈S⌉] − m; the mean of what is added varies little, so that 200,000 draws settle it to 5
    standard errors. Not rounding, rounding to the nearest and rounding down are all refused.
    """
    q, m, n = float(granularity.removesuffix("ms")) / 1e3, 0.2, 200_000
    assert expected == pytest.approx(q / -np.expm1(-q / m), abs=5e-11)
    service = DURATIONS.validate_python({"kind": "exponential", "mean": "200ms"})
    service_ns = service.sampler(Streams(20261125, 0), "service").draw_ns(n, 1)
    demand = Demand.from_arrays(np.arange(n) * 100 * SECOND, service_ns)
    requests = Requests.empty(n)
    requests.start_ns[:] = demand.arrival_ns
    requests.release_ns[:] = demand.arrival_ns + service_ns
    requests.instance[:] = 0
    billed = billed_ns(serverless(2, billing_granularity=granularity), demand, requests)
    added_s = (billed - service_ns) / 1e9
    error = added_s.std() / np.sqrt(n)
    assert abs(added_s.mean() - (expected - m)) < 5 * error
    for wrong in (0.0, expected - m - q / 2, expected - m - q):
        assert abs(added_s.mean() - wrong) > 50 * error
