"""Clients that try again and run out of patience: defaults, what reaches pools and demand, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simulator
from simulator.demand import draw_demand, launch_times
from simulator.engines.clients import Patience, Retries
from simulator.engines.pool import Pool
from simulator.errors import ScenarioError
from simulator.scenario.model import Scenario
from simulator.units import FOREVER, NS_PER_SECOND

S = NS_PER_SECOND
RUN = {"kind": "container", "name": "run", "vcpu": 1, "memory_size": "2048MB", "patience": "10s"}
#: Prices of containers.
GOOGLE = "google/tier-1/2026-11"
ENDPOINTS = [
    {"kind": "serverless", "name": "s", "memory_size": "2048MB", "max_concurrency": 5},
    {"kind": "real_time", "name": "m5", "instance_type": "ml.m5.xlarge"},
]


def loaded(*endpoints: dict[str, Any], clients: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    """A small scenario with these clients."""
    given: dict[str, Any] = {
        "name": "tries-again",
        "horizon": "10m",
        "traffic": {"kind": "poisson", "mean_rate": "2/s"},
        "model": {"service_time": "100ms", "startup_time": "1s"},
        "endpoints": list(endpoints or ENDPOINTS),
        **changes,
    }
    return simulator.load_scenario(given if clients is None else {**given, "clients": clients})


def pools(scenario: Scenario) -> list[Pool]:
    """Of all endpoints."""
    return [scenario.pool(endpoint) for endpoint in scenario.endpoints]


def problems(*endpoints: dict[str, Any], **clients: Any) -> dict[str, str]:
    """Path → message of all that is wrong."""
    with pytest.raises(ScenarioError) as caught:
        loaded(*endpoints, clients=clients)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_without_the_block_pools_and_what_is_written_stay() -> None:
    """No retries, no patience, and no key that was not there before."""
    scenario = loaded()
    assert [endpoint.pool() for endpoint in scenario.endpoints] == pools(scenario)
    assert all(pool.is_plain for pool in pools(scenario))
    assert "clients" not in scenario.resolved()


def test_retries_are_those_of_the_sdks_by_default() -> None:
    """3 attempts, delays from 1 s that double up to 20 s, a random share of each; of all endpoints."""
    expected = Retries(attempts=3, base_ns=S, cap_ns=20 * S, multiplier=2.0, jitter=True, after_timeout=False)
    assert [expected, expected] == [pool.retries for pool in pools(loaded(clients={"retries": {}}))]


def test_every_given_field_of_retries_reaches_the_pool() -> None:
    """Without a cap the delay may grow for ever."""
    retries = {
        "attempts": 5,
        "base": "100ms",
        "cap": "none",
        "multiplier": 1.5,
        "jitter": False,
        "after_timeout": True,
    }
    (pool, _) = pools(loaded(clients={"retries": retries}))
    assert Retries(5, S // 10, FOREVER, 1.5, jitter=False, after_timeout=True) == pool.retries


@pytest.mark.parametrize(("covers", "expected"), [("waiting", Patience.WAITING), ("response", Patience.RESPONSE)])
def test_patience_reaches_pools_and_demand(covers: str, expected: Patience) -> None:
    """What it covers to the pool, how long it is to the column, the same for every endpoint."""
    patience = {"kind": "exponential", "mean": "5s"}
    scenario = loaded(clients={"patience": patience, "patience_covers": covers})
    assert [expected, expected] == [pool.patience for pool in pools(scenario)]
    first, second = (draw_demand(scenario, name) for name in ("s", "m5"))
    assert len(first.arrival_ns) == len(np.unique(first.patience_ns))
    assert 5.0 == pytest.approx(first.patience_ns.mean() / S, rel=0.1)
    np.testing.assert_array_equal(first.patience_ns, second.patience_ns)


def test_other_columns_do_not_depend_on_clients() -> None:
    """Arrivals and services are drawn from streams of their own."""
    block = {"retries": {}, "patience": {"kind": "exponential", "mean": "5s"}}
    model = {"service_time": {"kind": "exponential", "mean": "100ms"}, "startup_time": "1s"}
    plain, busy = loaded(model=model), loaded(model=model, clients=block)
    for name in ("arrival_ns", "service_ns"):
        np.testing.assert_array_equal(getattr(draw_demand(plain, "s"), name), getattr(draw_demand(busy, "s"), name))
    assert [FOREVER] == draw_demand(plain, "s").patience_ns.tolist()
    assert [0] == draw_demand(plain, "s").retry_key.tolist()


def test_the_key_of_retries_is_drawn_once_a_replication() -> None:
    """One 64-bit number, the same for all endpoints, another in another replication."""
    scenario = loaded(clients={"retries": {}})
    keys = [draw_demand(scenario, name, number).retry_key.tolist() for number in (0, 1) for name in ("s", "m5")]
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert keys[0] != keys[2]
    assert [1, np.uint64] == [len(keys[0]), draw_demand(scenario, "s").retry_key.dtype]


def test_the_shorter_patience_holds_where_the_platform_has_one_too() -> None:
    """A container gives up after 10 s; a client that waits 4 s or 20 s waits 4 s or 10 s."""
    parts = [{"weight": "50%", "of": "4s"}, {"weight": "50%", "of": "20s"}]
    scenario = loaded(RUN, clients={"patience": {"kind": "mixture", "parts": parts}}, prices=GOOGLE)
    assert {4 * S, 10 * S} == set(draw_demand(scenario, "run").patience_ns.tolist())
    alone = loaded(RUN, prices=GOOGLE)
    assert [10 * S] == draw_demand(alone, "run").patience_ns.tolist()


def test_a_client_that_waits_for_the_response_does_not_go_with_a_platform_that_gives_up() -> None:
    """Said at the field of the endpoint, with two ways out."""
    found = problems(RUN, patience="5s", patience_covers="response")
    assert (
        "10s of waiting is not simulated beside clients.patience that covers the response; give patience: none here, "
        "or clients.patience_covers: waiting"
    ) == found["endpoints[0].patience"]


@pytest.mark.parametrize(
    ("clients", "path", "message"),
    [
        ({"retries": {"attempts": 1}}, "retries.attempts", "1 is not allowed, must be at least 2"),
        ({"retries": {"base": "0s"}}, "retries.base", '"0s" is not allowed, must be more than 0'),
        (
            {"retries": {"base": "5s", "cap": "4s"}},
            "retries.cap",
            '"4s" is not allowed, must be at least base, which is 5s, or none',
        ),
        ({"retries": {"multiplier": 0.5}}, "retries.multiplier", "0.5 is not allowed, must be at least 1"),
        ({"retries": {"jitter": 1}}, "retries.jitter", "1 is not true or false"),
        ({"retries": {"atempts": 3}}, "retries.atempts", 'unknown key, did you mean "attempts"?'),
        ({"patience": 5}, "patience", "5 has no unit; write 5ms or 5s"),
        (
            {"patience": "5s", "patience_covers": "all"},
            "patience_covers",
            '"all" is not one of waiting, response',
        ),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(clients: dict[str, Any], path: str, message: str) -> None:
    """The value and what is allowed."""
    assert {f"clients.{path}": message} == problems(**clients)


def test_mistakes_in_several_fields_are_told_at_once() -> None:
    """In the block and beside it."""
    found = problems(retries={"attempts": 0, "base": 3}, patience_covers="nothing")
    assert {"clients.retries.attempts", "clients.retries.base", "clients.patience_covers"} == set(found)


def test_uncertain_clients() -> None:
    """Ranges in the block are assumptions like others, and are written back as they were."""
    scenario = loaded(
        clients={"retries": {"attempts": {"between": [2, 4]}, "base": {"between": ["1s", "3s"]}}}, replications=6
    )
    assert ["clients.retries.attempts", "clients.retries.base"] == [one.name for one in scenario.assumed]
    drawn = [scenario.realised(number) for number in range(6)]
    retries = [pool.retries for one in drawn for pool in pools(one)[:1] if pool.retries]
    assert {2, 3, 4} == {one.attempts for one in retries}
    assert 6 == len({one.base_ns for one in retries})
    assert scenario == simulator.load_scenario(scenario.resolved())


def scaled(launch_time: Any) -> Scenario:
    """Two endpoints that scale, of different launch times, and one that does not."""
    first, second = (
        {
            "kind": "real_time",
            "name": name,
            "instance_type": "ml.m5.xlarge",
            "autoscaling": {"max_capacity": 4, "launch_time": time},
        }
        for name, time in (("a", launch_time), ("b", {"kind": "exponential", "mean": "10m"}))
    )
    return loaded(first, second, ENDPOINTS[0])


def test_launch_times_are_found_by_number() -> None:
    """However many are asked for, and in whatever order, the beginning is the same; the draws are shared."""
    scenario = scaled({"kind": "exponential", "mean": "5m"})
    few, many, other = (launch_times(scenario, name) for name in ("a", "a", "b"))
    assert few is not None
    assert many is not None
    assert other is not None
    whole = many(1000)
    for n in (3, 1, 40, 17, 1000, 0):
        np.testing.assert_array_equal(whole[:n], few(n))
    assert np.int64 == whole.dtype
    np.testing.assert_allclose(other(1000), 2 * whole, rtol=1e-6)
    assert 300.0 == pytest.approx(whole.mean() / S, rel=0.1)
    again = launch_times(scenario, "a", 1)
    assert again is not None
    assert not np.array_equal(whole[:5], again(5))


def test_launch_times_of_those_that_do_not_scale_and_of_no_time() -> None:
    """None; and at least 1 ns, so that an instance is launched before it is ready."""
    scenario = scaled("0s")
    assert launch_times(scenario, "s") is None
    at_once = launch_times(scenario, "a")
    assert at_once is not None
    assert [1, 1, 1] == at_once(3).tolist()
