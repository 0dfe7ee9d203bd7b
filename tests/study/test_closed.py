"""Studies of closed populations: rows drawn as far as they are wanted, alike in both engines, blocks and processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import simulator
from simulator.cli import main
from simulator.demand import draw_demand, first_sends, replication_blocks
from simulator.errors import InputError, ScenarioError
from simulator.study.tasks import requests_of

SERVERLESS = {"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 9}
INSTANCE = {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 2}
TRAFFIC = {"kind": "closed", "clients": 12, "think_time": {"kind": "exponential", "mean": "500ms"}}


def written(**fields: Any) -> dict[str, Any]:
    """A minute of a dozen clients at a place that throttles and one that queues."""
    return {
        "name": "closed",
        "horizon": "1m",
        "replications": 3,
        "traffic": TRAFFIC,
        "model": {"service_time": {"kind": "exponential", "mean": "200ms"}, "startup_time": "1s"},
        "endpoints": [SERVERLESS, INSTANCE],
        **fields,
    }


def scenario(**fields: Any) -> simulator.Scenario:
    """The same, read."""
    return simulator.load_scenario(written(**fields))


def test_engines_give_the_same_study() -> None:
    """Every measure and cost of every replication, to the last bit; also with two processes."""
    compiled, reference, parallel = (
        simulator.run(scenario(), engine=engine, jobs=jobs)
        for engine, jobs in (("compiled", 1), ("reference", 1), ("compiled", 2))
    )
    assert compiled.replications["requests"].min() > 500
    for other in (reference, parallel):
        pd.testing.assert_frame_equal(compiled.replications, other.replications, check_exact=True)
        pd.testing.assert_frame_equal(compiled.traffic(), other.traffic(), check_exact=True)


def test_each_endpoint_takes_its_own_number_of_the_same_rows() -> None:
    """The n-th request that either is sent asks for the same service; the traffic told is that of the first."""
    given = scenario()
    one, other = (draw_demand(given, name) for name in ("s", "m5"))
    n = min(len(one), len(other))
    assert len(one) != len(other)
    assert np.array_equal(one.service_ns[:n], other.service_ns[:n])
    assert np.array_equal(one.think_ns[:n], other.think_ns[:n])
    found = simulator.run(given)
    assert [len(draw_demand(given, "s", number)) for number in range(3)] == found.traffic()["requests"].tolist()
    by_name = found.replications.set_index(["endpoint", "replication"])["requests"]
    assert (len(one), len(other)) == (by_name["s", 0], by_name["m5", 0])


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_one_replication_request_by_request(engine: str) -> None:
    """No client has two requests at once, all arrive in the run, and demand that is given back gives the same rows."""
    given = scenario()
    rows = simulator.simulate(given, endpoint="m5", engine=engine)
    demand = draw_demand(given, "m5")
    assert np.array_equal(demand.arrival_ns / 1e9, rows["arrival_s"].to_numpy(float))
    arrival_s = rows["arrival_s"].to_numpy(float)
    end_s = arrival_s + rows["latency_ms"].to_numpy(float) / 1e3
    at_once = [(arrival_s <= at).sum() - (end_s <= at - 1e-9).sum() for at in arrival_s]
    assert max(at_once) <= 12
    assert max(arrival_s) < 60
    pd.testing.assert_frame_equal(rows, simulator.simulate(given, endpoint="m5", engine=engine, demand=demand))


def test_first_requests() -> None:
    """Together at 0, or each after a think time of its own, which is not one of those that follow a request."""
    assert [0] * 12 == first_sends(scenario(traffic=TRAFFIC | {"first_requests": "together"})).tolist()  # type: ignore[union-attr]
    spread = first_sends(scenario())
    assert spread is not None
    assert 12 == len(set(spread.tolist()))
    assert not set(spread.tolist()) & set(draw_demand(scenario(), "s").think_ns.tolist())
    assert first_sends(scenario(traffic={"kind": "poisson", "mean_rate": "1/s"})) is None


def test_rows_do_not_depend_on_the_size_of_blocks() -> None:
    """Small blocks, and those that grow: the same first thousand rows."""
    taken = []
    for size in (7, 65_536):
        think: list[int] = []
        for block in replication_blocks(scenario(), 0, block=size):
            think += block["s"].think_ns.tolist()
            if len(think) >= 1000:
                break
        taken.append(think[:1000])
    assert taken[0] == taken[1]


def test_overhead_keeps_a_client_too() -> None:
    """300 ms of 500 ms of cycle are overhead: two a second, and the law holds with it."""
    traffic = {"kind": "closed", "clients": 1, "think_time": "100ms", "first_requests": "together"}
    endpoint = SERVERLESS | {"overhead": "300ms", "starts": "warm"}
    found = simulator.run(
        scenario(traffic=traffic, model={"service_time": "100ms", "startup_time": "1s"}, endpoints=[endpoint])
    )
    assert [120] * 3 == found.replications["requests"].tolist()
    assert [0.8] * 3 == [pytest.approx(one.clients_waiting_ns / one.span_ns) for one in found.sample("s").measured]


def test_requests_are_guessed_for_progress_alone() -> None:
    """12 clients over a minute, 500 ms and 200 ms a cycle, on two endpoints."""
    assert pytest.approx(2 * 12 * 60 / 0.7) == requests_of(scenario())


@pytest.mark.parametrize(
    ("fields", "path", "told"),
    [
        ({"traffic": TRAFFIC | {"clients": 0}}, "traffic.clients", "1"),
        ({"traffic": {"kind": "closed", "clients": 3}}, "traffic.think_time", "missing"),
        ({"traffic": TRAFFIC | {"mean_rate": "2/s"}}, "traffic.mean_rate", "unknown"),
        ({"traffic": {"kind": "superposition", "parts": [TRAFFIC]}}, "traffic", "closed traffic"),
        (
            {"traffic": {"kind": "outage", "of": TRAFFIC, "at": "10s", "length": "5s", "release": "5s"}},
            "traffic",
            "closed traffic",
        ),
        ({"composed_month": {}, "horizon": "1d"}, "composed_month", "no rate of its own"),
        ({"fleet": {"models": 3, "zipf": 1}}, "fleet", "no rate of its own"),
    ],
)
def test_what_it_does_not_go_with_is_told(fields: dict[str, Any], path: str, told: str) -> None:
    """Its own fields, other traffic that would hold it, and blocks that part or multiply a rate."""
    with pytest.raises(ScenarioError) as caught:
        scenario(**fields)
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert any(path in place and told in message for place, message in found.items()), found


@pytest.mark.parametrize(
    ("endpoint", "turns_away"),
    [
        ({"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 11}, True),
        ({"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 12}, False),
        ({"kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 2, "queue_limit": 9}, True),
        ({"kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 2, "queue_limit": 10}, False),
        ({"kind": "real_time", "instance_type": "ml.m5.xlarge", "initial_instance_count": 0}, True),
        ({"kind": "function", "memory_size": "1024MB", "request_rate": {"limit": 11}}, True),
        ({"kind": "function", "memory_size": "1024MB"}, False),
    ],
)
def test_clients_that_do_not_think_must_not_be_turned_away(endpoint: dict[str, Any], turns_away: bool) -> None:
    """Twelve clients that send at once after an answer: refused by an endpoint they would send without end.

    Where there is room for all twelve each waits for its answer, and the run has an end.
    """
    fields = {"traffic": TRAFFIC | {"think_time": "0s"}, "endpoints": [{"name": "s", **endpoint}], "baseline": "s"}
    if not turns_away:
        assert 0.0 == scenario(**fields).traffic.think_time.mean()  # type: ignore[union-attr]
        return
    with pytest.raises(ScenarioError) as caught:
        scenario(**fields)
    told = {problem.path: problem.message for problem in caught.value.problems}
    assert ["traffic.think_time"] == list(told)
    assert "must be 1ms or more on average where an endpoint may turn a client away at once, as s may" in str(told)


def test_it_cannot_be_scaled() -> None:
    """More clients are not more of the same."""
    with pytest.raises(InputError, match=r"vary traffic\.clients instead"):
        scenario().traffic.scaled(2.0)


@pytest.mark.parametrize("command", ["plan", "stress", "crossover", "risk"])
def test_questions_about_a_rate_are_refused_with_one_message(command: str, tmp_path: Any) -> None:
    """Exit code 2, and what may be asked instead."""
    import json

    path = tmp_path / "closed.json"
    path.write_text(json.dumps(written(objectives=["p99 < 2s"])))
    done = CliRunner().invoke(main, [command, str(path)])
    assert 2 == done.exit_code
    assert "needs traffic with a rate" in done.output
    assert "run, sweep and sensitivity take closed traffic" in " ".join(done.output.split())


def test_the_other_commands_take_it(tmp_path: Any) -> None:
    """Validate, run with figures, sweep over clients, sensitivity of an uncertain number of clients."""
    import json

    path = tmp_path / "closed.json"
    path.write_text(json.dumps(written(objectives=["p99 < 2s"])))
    options = ["--results", str(tmp_path / "results"), "-n", "2"]
    told = CliRunner().invoke(main, ["validate", str(path)])
    assert "as many as are answered" in told.output
    ran = CliRunner().invoke(main, ["run", str(path), *options])
    assert ran.exit_code in {0, 3}, ran.output
    assert "closed population, 12 clients" in " ".join(ran.output.split())
    assert "under the same clients" in " ".join(ran.output.split())
    swept = CliRunner().invoke(main, ["sweep", str(path), "--vary", "traffic.clients=2,20", *options])
    assert swept.exit_code in {0, 3}, swept.output
    uncertain = ["--set", "traffic.clients={between: [5, 20]}", "--draws", "8", "--repeats", "2"]
    asked = CliRunner().invoke(main, ["sensitivity", str(path), *uncertain, "--results", str(tmp_path / "results")])
    assert asked.exit_code in {0, 3}, asked.output
