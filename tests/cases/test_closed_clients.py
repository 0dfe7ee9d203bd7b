"""Closed populations: what doubling the clients does (C22), Little's law (C33), and the start of a load test (C36)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simulator
from simulator.report.checks import rules_of_thumb
from simulator.report.reading import Reading
from tests.cases.asking import column, serverless, study
from tests.cases.rows import each_engine, lasting, tables


def clients(number: int, think_time: Any, first_requests: str = "together") -> dict[str, Any]:
    """A closed population."""
    return {"kind": "closed", "clients": number, "think_time": think_time, "first_requests": first_requests}


def test_below_the_limit_the_rate_follows_the_clients() -> None:
    """C22: 30 clients of 200 ms and 10 ms of thought at a limit of 40: each sends every 210 ms, none is throttled."""
    found = study(clients(30, "10ms"), "200ms", [serverless("s", max_concurrency=40)], horizon="21s", replications=1)
    assert ([30 * 100], [0]) == (column(found, "s", "requests").tolist(), column(found, "s", "throttled").tolist())
    assert [30] == column(found, "s", "concurrency_max").tolist()


def test_beyond_the_limit_throttled_clients_send_again_and_again() -> None:
    """C22: 60 clients at a limit of 40: not twice the good rate but 40/0.2 s = 200/s at most, and thousands in vain.

    Of 60 clients about 20 find no place and come again every 10 ms: some 2,000 throttled requests a second.
    """
    found = study(clients(60, "10ms"), "200ms", [serverless("s", max_concurrency=40)], horizon="20s", replications=1)
    completed, throttled = (column(found, "s", name)[0] / 20 for name in ("completed", "throttled"))
    assert 190 <= completed <= 200
    assert 1500 <= throttled <= 2000


def test_backoff_makes_fewer_attempts_and_the_same_good_rate() -> None:
    """C22: attempts, requests and losses are counted apart; with backoff a tenth of the attempts do as well."""
    retries = {"attempts": 6, "base": "100ms", "cap": "400ms"}
    parts = {"horizon": "20s", "replications": 1}
    endpoints = [serverless("s", max_concurrency=40)]
    without = study(clients(60, "10ms"), "200ms", endpoints, **parts)
    backing_off = study(clients(60, "10ms"), "200ms", endpoints, clients={"retries": retries}, **parts)
    counts = {name: column(backing_off, "s", name)[0] for name in ("requests", "completed", "throttled", "attempts")}
    assert counts["requests"] == counts["completed"] + counts["throttled"]
    assert counts["requests"] < counts["attempts"] < column(without, "s", "attempts")[0] / 5
    assert counts["completed"] > 0.9 * column(without, "s", "completed")[0]
    assert counts["throttled"] < column(without, "s", "throttled")[0] / 100


@each_engine
def test_both_engines_send_the_same(engine: Any) -> None:
    """C22, the first second by hand: 40 are served at 0 s, 20 are throttled every 10 ms (and 1 ns at least)."""
    parts = {"traffic": clients(60, "10ms"), "model": lasting("200ms"), "horizon": "100ms"}
    _, run = tables(engine, serverless("s", max_concurrency=40), **parts)
    assert run.sent is not None
    assert [0] * 60 + [10_000_000] * 20 == run.sent.arrival_ns[:80].tolist()
    assert 60 + 9 * 20 == len(run.requests)


def test_littles_law_is_printed_and_holds() -> None:
    """C33: 50 connections of 164.5 ms: 50/0.1645 = 304/s, and rate times mean time are 50 again (less 1 ns of each)."""
    found = study(clients(50, "0s"), "164.5ms", [serverless("s")], horizon="329s", replications=2)
    rate = column(found, "s", "requests") / 329
    assert [pytest.approx(303.951, rel=1e-4)] * 2 == rate.tolist()
    (sentence,) = rules_of_thumb(Reading(found))
    assert "304/s × 164 ms = 50 clients wait, simulated 50;" in sentence
    (one, two) = found.sample("s").measured
    assert [pytest.approx(50.0, rel=1e-7)] * 2 == [m.clients_waiting_ns / m.span_ns for m in (one, two)]


def test_the_start_of_a_closed_test_is_its_p99() -> None:
    """C36: 100 users released together on 8 servers of 1 s: the first wave takes 1 to 13 s.

    Of the first 1,000 requests p95 is between 7 and 8 s and p99 12 s; without the first 200 1.2 and 1.4 s. Twenty lines
    of Python that know nothing of the engines have 7.47, 12.00, 1.165 and 1.394 s on average of 400 runs.
    """
    endpoint = {
        "name": "m5",
        "kind": "real_time",
        "instance_type": "ml.m5.xlarge",
        "workers_per_instance": 8,
        "routing": "central_queue",
    }
    scenario = simulator.load_scenario(
        {
            "name": "wave",
            "horizon": "10m",
            "replications": 40,
            "traffic": clients(100, {"kind": "exponential", "mean": "20s"}),
            "model": {"service_time": "1s"},
            "endpoints": [endpoint],
        }
    )
    whole, later = [], []
    for replication in range(40):
        latency_ms = simulator.simulate(scenario, endpoint="m5", replication=replication)["latency_ms"].to_numpy(float)
        assert [1000.0 * (1 + number // 8) for number in range(100)] == latency_ms[:100].tolist()
        whole.append(np.percentile(latency_ms[:1000], [95, 99], method="inverted_cdf"))
        later.append(np.percentile(latency_ms[200:1000], [95, 99], method="inverted_cdf"))
    assert [pytest.approx(7470, rel=0.04), 12_000] == np.mean(whole, axis=0).tolist()
    assert [pytest.approx(1165, rel=0.03), pytest.approx(1394, rel=0.03)] == np.mean(later, axis=0).tolist()


def test_dropping_the_start_is_said_in_the_report() -> None:
    """C36: a beginning of all clients at once is told, and what is left out of the measures as well."""
    found = study(clients(9, "1s"), "200ms", [serverless("s")], horizon="1m", replications=1, initial_transient="10s")
    notes = " ".join(found.notes())
    assert "All clients send their first request at time 0" in notes
    assert "The first 10s of each replication (initial_transient) count in no measure" in notes


def test_a_closed_test_does_not_show_the_tail_of_open_traffic() -> None:
    """Eight clients on four workers wait for one service at most; open traffic of the same rate waits far longer."""
    endpoint = {
        "name": "m5",
        "kind": "real_time",
        "instance_type": "ml.m5.xlarge",
        "workers_per_instance": 4,
        "routing": "central_queue",
    }
    closed = study(
        clients(8, {"kind": "exponential", "mean": "250ms"}), "250ms", [endpoint], horizon="20m", replications=5
    )
    rate = float(column(closed, "m5", "requests").mean()) / 1200
    open_ = study({"kind": "poisson", "mean_rate": f"{rate}/s"}, "250ms", [endpoint], horizon="20m", replications=5)
    assert max(column(closed, "m5", "latency_max_ms")) <= 500.0
    assert column(open_, "m5", "latency_p99_ms").min() > 2 * column(closed, "m5", "latency_p99_ms").max()
