"""What a report must not hide: the cold tail, idle months, mixed groups. Public cases C19, C20, C37, C39."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand
from simulator.measures.histogram import Histogram
from simulator.measures.measured import Measured
from simulator.measures.tally import Tally
from simulator.units import NS_PER_SECOND
from tests.cases.asking import column, serverless, study
from tests.engines.settled import settled_of

MS = 1_000_000


def test_case_c19_cold_starts_stay_in_the_report(tmp_path: Path) -> None:
    """C19 (a benchmarking tool that drops outliers): 1,000 calls, 990 at 100 ms, 10 cold at 6,000 ms.

    Mean 159 ms; p99 is rank 990 of 1,000, the last warm call: 100 ms; the largest 6,000 ms; cold share 1 %. With one
    more cold start rank 990 is cold: p99 6,000 ms. Calls come 1 s apart, and each series begins after an idle hour.
    """
    for colds, p99_ms in ((10, 100.0), (11, 6000.0)):
        series = np.array_split(np.arange(1000), colds)
        times = [3600 * i + 10 + k + (10 if k else 0) for i, part in enumerate(series) for k in range(len(part))]
        (tmp_path / "calls.csv").write_text("t\n" + "\n".join(map(str, times)))
        found = study(
            {"kind": "recorded", "file": str(tmp_path / "calls.csv"), "column": "t", "time_unit": "s", "length": "12h"},
            "100ms",
            [serverless("endpoint", idle_timeout="30m")],
            startup_time="5900ms",
            horizon="12h",
            replications=1,
        )
        (row,) = found.replications.to_dict("records")
        assert (1000, colds) == (row["completed"], row["cold_starts"])
        assert (p99_ms, 6000.0) == (row["latency_p99_ms"], row["latency_max_ms"])
        assert (100.0 * (1000 - colds) + 6000 * colds) / 1000 == pytest.approx(row["latency_mean_ms"])


def test_case_c20_a_month_without_requests() -> None:
    """C20 (elC0mpa/aws-doctor#127): an idle ml.m5.xlarge costs 0.23 x 730 = $167.9, an idle serverless endpoint $0.

    There is no latency and no share of anything: no data, neither 0 nor a crash.
    """
    found = study(
        {"kind": "poisson", "mean_rate": "0/s"},
        "100ms",
        [
            serverless("on-demand"),
            {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
        ],
        horizon="730h",
        replications=2,
    )
    assert [167.9, 167.9] == column(found, "instance", "cost_usd").tolist()
    assert [0.0, 0.0] == column(found, "on-demand", "cost_usd").tolist()
    no_data = ["latency_p50_ms", "latency_p99_ms", "latency_mean_ms", "cold_start_fraction", "throttled_fraction"]
    assert found.replications[[*no_data, "cost_per_1000_usd"]].isna().all(axis=None)
    assert [0, 0, 0, 0] == found.replications["requests"].tolist()
    nothing = Demand.from_arrays(np.empty(0, np.int64), 1)
    for simulate in (compiled.simulate, reference.simulate):
        for pool in (found.scenario.endpoint(name).pool() for name in ("on-demand", "instance")):
            run = simulate(pool, nothing)
            assert (0, pool.standing) == (len(run.requests), len(run.instances))


def host(service_ns: int, requests: int = 1000) -> Measured:
    """One host with constant service, measured."""
    pool = Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, timeout_from=TimeoutFrom.ARRIVAL)
    demand = Demand.from_arrays(np.arange(requests) * 2 * NS_PER_SECOND, service_ns)
    run = compiled.simulate(pool, demand)
    tally = Tally(pool, from_ns=0, until_ns=2 * requests * NS_PER_SECOND)
    for part in settled_of(demand, run):
        tally.add(part)
    return tally.finish()


def test_case_c37_percentiles_are_merged_not_averaged() -> None:
    """C37 (Netflix/Hystrix#1203): ten equal hosts, nine constant at 10 ms, one at 1,000 ms.

    The mean of their p99 is 109 ms, and no request took that long. p99 of all requests is 1,000 ms, p85 10 ms; merged
    histograms say so to 0.4 %.
    """
    hosts = [host(10 * MS) for _ in range(9)] + [host(1000 * MS)]
    p99 = Fraction(99, 100)
    each = [measured.percentile_ns(p99) for measured in hosts]
    assert 109.0 == pytest.approx(sum(value for value in each if value is not None) / 10 / MS)
    together = Histogram.merged(measured.histogram for measured in hosts)
    assert 10_000 == together.total
    assert 1000.0 == pytest.approx(together.quantile_ns(p99) / MS, rel=0.004)
    assert 10.0 == pytest.approx(together.quantile_ns(Fraction(85, 100)) / MS, rel=0.004)


def test_case_c37_the_pooled_percentile_is_not_the_mean_of_replications() -> None:
    """C37 over replications: 12 requests on average, 2 % of them slow. A replication's p99 is its slowest request.

    Most replications have no slow one: their p99 is 10 ms, so the mean of p99 lies between the two. The pooled p99 is
    1,000 ms, because 2 % of all requests take that long.
    """
    slow = {"kind": "mixture", "parts": [{"weight": "98%", "of": "10ms"}, {"weight": "2%", "of": "1s"}]}
    found = study(
        {"kind": "poisson", "mean_rate": "12/h"}, slow, [serverless("endpoint")], horizon="1h", replications=200
    )
    each = column(found, "endpoint", "latency_p99_ms")
    each = each[~np.isnan(each)]
    assert {10.0, 1000.0} == set(each.tolist())
    assert 100.0 < each.mean() < 400.0
    pooled = found.pooled().set_index("percentile").loc["p99", "value_ms"]
    assert 1000.0 == pytest.approx(pooled, rel=0.004)


def test_case_c39_memory_and_time_are_multiplied_request_by_request(tmp_path: Path) -> None:
    """C39 (elastic/kibana#146206): 128 MB for 10 s, twice 1,024 MB for 0.1 s: 1.25 + 0.1 + 0.1 = 1.45 GB-s.

    Mean memory x mean duration x 3 would be 7.225, five times too much. 1,024 MB is 1 GB. At a dollar a GB-second.
    """
    prices = {"serverless.duration.128MB": 0.125, "serverless.duration.1024MB": 1.0}
    total = 0.0
    for memory, service, times in (("128MB", "10s", [1]), ("1024MB", "100ms", [1, 60])):
        (tmp_path / "calls.csv").write_text("\n".join(["t", *map(str, times)]))
        found = study(
            {"kind": "recorded", "file": str(tmp_path / "calls.csv"), "column": "t", "time_unit": "s", "length": "2m"},
            service,
            [serverless("endpoint", memory_size=memory)],
            prices=prices,
            horizon="2m",
            replications=1,
        )
        total += float(column(found, "endpoint", "cost_usd")[0])
    assert 1.45 == pytest.approx(total, rel=1e-12)
