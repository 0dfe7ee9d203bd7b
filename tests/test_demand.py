"""The demand of a replication: drawn once, shared by all endpoints, the same for any size of block."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.demand import draw_demand, replication_blocks
from simulator.engines.tables import Demand
from simulator.errors import InputError
from simulator.units import FOREVER


def scenario(**changes: Any) -> simulator.Scenario:
    """Two endpoints that draw everything there is to draw."""
    return simulator.load_scenario(
        {
            "name": "demand",
            "horizon": "200s",
            "seed": 7,
            "traffic": {
                "kind": "bursty",
                "mean_rate": "20/s",
                "burst_factor": 4,
                "burst_share": "10%",
                "burst_length": "5s",
            },
            "model": {
                "service_time": {"kind": "gamma", "mean": "100ms", "cv": 0.5},
                "startup_time": {
                    "kind": "mixture",
                    "parts": [{"weight": "50%", "of": "1s"}, {"weight": "50%", "of": "4s"}],
                },
                "payload_in": {"kind": "lognormal", "mean": "20kB", "cv": 1.0},
                "payload_out": "4kB",
            },
            "endpoints": [
                {
                    "name": "serverless",
                    "kind": "serverless",
                    "memory_size": "2048MB",
                    "max_concurrency": 50,
                    "idle_timeout": {"kind": "uniform", "low": "5m", "high": "15m"},
                    "lifetime": {"kind": "exponential", "mean": "2h"},
                    "idle_routing": "random",
                },
                {
                    "name": "real-time",
                    "kind": "real_time",
                    "instance_type": "ml.m5.xlarge",
                    "initial_instance_count": 2,
                },
            ],
            **changes,
        }
    )


def columns(demand: Demand) -> dict[str, Any]:
    """Name → values."""
    return {field.name: getattr(demand, field.name) for field in fields(Demand)}


@pytest.mark.parametrize("block", [1, 7, 1000, 10**6])
def test_values_do_not_depend_on_the_size_of_blocks(block: int) -> None:
    """Blocks of any size, joined, are the demand drawn at once; none is larger than asked."""
    one = scenario(horizon="20s")
    blocks = list(replication_blocks(one, 3, block))
    assert max(len(demands["serverless"]) for demands in blocks) <= block
    for endpoint in ("serverless", "real-time"):
        whole, joined = draw_demand(one, endpoint, 3), Demand.joined([demands[endpoint] for demands in blocks])
        assert len(whole) > 100
        for name in columns(whole):
            np.testing.assert_array_equal(whole.column(name), joined.column(name), err_msg=name)


def test_endpoints_meet_the_same_requests() -> None:
    """Common random numbers: arrivals, service and payload are equal where the distributions are."""
    one = scenario()
    serverless, real_time = columns(draw_demand(one, "serverless")), columns(draw_demand(one, "real-time"))
    for name in ("arrival_ns", "service_ns", "payload_in_bytes", "payload_out_bytes", "routing"):
        np.testing.assert_array_equal(serverless[name], real_time[name], err_msg=name)


def test_faster_hardware_keeps_the_coupling() -> None:
    """Half the mean of the same family is half of each service time, to the rounding of a nanosecond."""
    quick = {"name": "quick", "kind": "real_time", "instance_type": "ml.c5.xlarge"}
    quick["service_time"] = {"kind": "gamma", "mean": "50ms", "cv": 0.5}
    plain = {"name": "plain", "kind": "real_time", "instance_type": "ml.m5.xlarge"}
    one = scenario(endpoints=[quick, plain])
    ours, theirs = draw_demand(one, "quick").service_ns, draw_demand(one, "plain").service_ns
    assert np.abs(2 * ours - theirs).max() <= 1


def test_what_never_varies_is_one_value_and_what_nobody_needs_is_not_drawn() -> None:
    """A real-time endpoint has no startup, idle timeout or lifetime; a constant payload is one number."""
    drawn = columns(draw_demand(scenario(), "real-time"))
    assert (0, FOREVER, FOREVER, 4000) == tuple(
        int(drawn[name].item()) for name in ("startup_ns", "idle_timeout_ns", "lifetime_ns", "payload_out_bytes")
    )
    one = scenario(endpoints=[{"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5}])
    assert (1, 1) == (len(draw_demand(one, "s").routing), len(draw_demand(one, "s").idle_timeout_ns))


@pytest.mark.parametrize(
    ("most", "scheduled", "draws"),
    [(1, 1, False), (3, 1, True), (1, 4, True)],
    ids=["one", "three", "four by schedule"],
)
def test_an_endpoint_that_may_have_several_instances_chooses_among_them(most: int, scheduled: int, draws: bool) -> None:
    """A random choice is drawn where there can ever be one, however many instances there are at first."""
    scales = {
        "name": "scales",
        "kind": "real_time",
        "instance_type": "ml.m5.xlarge",
        "autoscaling": {
            "max_capacity": most,
            "scheduled_actions": [{"at": "00:01", "max_capacity": scheduled}],
        },
    }
    demand = draw_demand(scenario(endpoints=[scales]), "scales")
    assert (len(demand) if draws else 1) == len(demand.routing)


def test_patience_does_not_depend_on_the_size_of_blocks() -> None:
    """Of the client or of the platform, whichever is shorter."""
    queueing = {
        "name": "queueing",
        "kind": "serverless",
        "platform": "generic",
        "memory_size": "2048MB",
        "max_concurrency": 5,
        "at_limit": "queue",
        "patience": "3s",
    }
    clients = {"retries": {}, "patience": {"kind": "exponential", "mean": "4s"}}
    patient = scenario(endpoints=[queueing], clients=clients)
    blocks = list(replication_blocks(patient, 0, block=1000))
    joined = Demand.joined([one["queueing"] for one in blocks])
    whole = draw_demand(patient, "queueing")
    assert len(blocks) > 2
    for field in fields(Demand):
        np.testing.assert_array_equal(getattr(whole, field.name), getattr(joined, field.name))
    assert 3_000_000_000 == whole.patience_ns.max()
    assert len(np.unique(whole.patience_ns)) > len(whole) / 3


def test_service_times_and_lifetimes_last_a_nanosecond_at_least() -> None:
    """A service time of 0 s is 1 ns, a startup of 0 s is 0 ns (model.md 1)."""
    one = scenario(model={"service_time": "0s", "startup_time": "0s"})
    assert (1, 0) == (draw_demand(one, "serverless").service_ns[0], draw_demand(one, "serverless").startup_ns[0])


def test_replications_and_seeds_differ() -> None:
    """No two replications of two seeds have one arrival time in common at the same place (case C43)."""
    found = [draw_demand(scenario(seed=seed), "serverless", r).arrival_ns[:50] for seed in (1, 2) for r in range(5)]
    for number, one in enumerate(found):
        for other in found[:number]:
            n = min(len(one), len(other))
            assert not np.array_equal(one[:n], other[:n])


def test_a_longer_horizon_keeps_what_came_before() -> None:
    """The first 100 s of 200 s are the 100 s of a shorter run."""
    long, short = draw_demand(scenario(), "serverless"), draw_demand(scenario(horizon="100s"), "serverless")
    for name in columns(short):
        np.testing.assert_array_equal(long.column(name)[: len(short)], short.column(name), err_msg=name)


def test_an_endpoint_that_is_not_there() -> None:
    """The nearest is named."""
    with pytest.raises(InputError, match="did you mean"):
        draw_demand(scenario(), "serverles")


def test_no_request_at_all() -> None:
    """A rate of 0 gives an empty demand."""
    assert 0 == len(draw_demand(scenario(traffic={"kind": "poisson", "mean_rate": "0/s"}), "serverless"))
