"""How soon there are instances enough, and how many too many. Public cases C23, C31, C32 and C34.

C27 and C28 are about the scaling of provisioned concurrency, which is not simulated.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Scaling, ScheduledAction
from simulator.engines.tables import Demand, Outcome, Run
from simulator.units import NS_PER_SECOND
from tests.cases.rows import each_engine, every, instance, lasting, tables

MINUTE = 60 * NS_PER_SECOND


def ready_minutes(run: Run) -> list[float]:
    """When each instance was in service, in order [min]."""
    return sorted((run.instances.ready_ns / MINUTE).tolist())


# --- C23: an unreachable number of instances in time

#: 2000 viewers at once who stay, 110 to 120 an instance; nobody is turned away while instances are too few.
VIEWERS = 2000
AN_INSTANCE = 115


def viewers(engine: ModuleType, policy: dict[str, Any], launch_time: str) -> Run:
    """One instance at first; the step of 2000 comes at 0."""
    endpoint = instance(
        workers_per_instance=VIEWERS,
        invocation_timeout="none",
        autoscaling={"max_capacity": 40, "policies": [policy], "launch_time": launch_time},
    )
    traffic = every("24h", VIEWERS)
    _, run = tables(engine, endpoint, traffic=traffic, model=lasting("3h"), horizon="2h")
    return run


@each_engine
def test_case_c23_one_in_three_minutes(engine: ModuleType) -> None:
    """C23 (ant-media/Ant-Media-Server#4721): ceil(2000/115) = 18 instances; one more in 3 min takes 17 x 3 = 51 min.

    A step of +1 for a point of 3 min at or above 115 an instance. 2000/17 = 117.6 is above it, 2000/18 = 111.1 not: it
    stops at 18. Each is ready when its launch time of 45 s is over, the last at 51 min 45 s.
    """
    assert 18 == math.ceil(VIEWERS / AN_INSTANCE)
    one_more = {
        "kind": "step_scaling",
        "metric": "concurrent_requests_per_instance",
        "threshold": AN_INSTANCE,
        "steps": [{"lower_bound": 0, "change": 1}],
        "period": "3m",
        "publication_delay": "0s",
        "cooldown": "0s",
    }
    run = viewers(engine, one_more, "45s")
    assert [(3 * k, 1 + k) for k in range(1, 18)] == list(
        zip((run.changes.at_ns // MINUTE).tolist(), run.changes.capacity.tolist(), strict=True)
    )
    assert [0.0, *[3 * k + 0.75 for k in range(1, 18)]] == ready_minutes(run)


@each_engine
@pytest.mark.parametrize(("launch_time", "minutes"), [("45s", 5.75), ("2m", 7.0), ("5m", 10.0)])
def test_case_c23_target_tracking_jumps(engine: ModuleType, launch_time: str, minutes: float) -> None:
    """C23, target tracking: one jump to 18. Three points of a minute, known 2 min later: decided at 5 min.

    With 2 min from launch to service all are there after 7 min, with 45 s or 5 min after 5.75 or 10.
    """
    policy = {
        "kind": "target_tracking",
        "metric": "concurrent_requests_per_instance",
        "target": AN_INSTANCE,
        "period": "60s",
    }
    run = viewers(engine, policy, launch_time)
    assert [(5, 18)] == list(zip((run.changes.at_ns // MINUTE).tolist(), run.changes.capacity.tolist(), strict=True))
    assert [0.0] + 17 * [minutes] == ready_minutes(run)


# --- C31: surplus replicas from a slow start


def container(requests_at_once: int, **fields: Any) -> dict[str, Any]:
    """A container service; requests take the first free place."""
    return {
        "name": "container",
        "kind": "container",
        "vcpu": 1.0,
        "memory_size": "1024MB",
        "requests_per_instance": requests_at_once,
        "patience": "none",
        "idle_timeout": "30s",
        **fields,
    }


@each_engine
@pytest.mark.parametrize(("requests_at_once", "pods"), [(1, 11), (4, 3), (80, 1)])
def test_case_c31_pods_started_and_pods_needed(engine: ModuleType, requests_at_once: int, pods: int) -> None:
    """C31 (knative/serving#4344): 1/s of 0.1 s, 10 s from start to service: 0.1 erlang, one pod is right.

    The requests of 0 to 10 s find no free place: 11 wait, and one at a time each starts a pod of its own. The first pod
    is ready at 10 s and serves all eleven by 11.1 s; the ten others start for 10 s each and find nobody. With four
    places a pod three are started, with 80 one.
    """
    demand, run = tables(
        engine,
        container(requests_at_once),
        traffic=every("1s"),
        model=lasting("100ms", "10s"),
        horizon="1m",
        prices={"base": "google/tier-1/2026-11"},
    )
    assert pods == len(run.instances)
    first = run.requests.response_ns[:11] / NS_PER_SECOND
    if requests_at_once == 1:
        assert [pytest.approx(10.1 + 0.1 * k) for k in range(11)] == first.tolist()
        served = np.unique(run.requests.instance[:11])
        assert [0] == served.tolist()
    latest = (run.requests.response_ns - demand.arrival_ns)[12:]
    assert {NS_PER_SECOND // 10} == set(latest.tolist())


@each_engine
@pytest.mark.parametrize(
    ("while_updating", "changes"),
    [("wait", [(2, 2), (12, 12)]), ("scale_out", [(at, at) for at in range(2, 13)])],
)
def test_case_c31_a_scaler_on_queue_length(
    engine: ModuleType, while_updating: str, changes: list[tuple[int, int]]
) -> None:
    """C31, a scaler on requests in flight, from zero: it sees 1 at 1 s, 2 at 2 s, ... 12 at 12 s, target 1.

    One that may grow while pods start asks for as many as wait, at every point: 12 pods when the first two are ready,
    at 12 s. One that may not starts two and waits; at 12 s it still sees the 12 that waited just before, asks for
    twelve, and ten pods start for work that is done by 12.6 s.
    """
    endpoint = {
        "name": "queue",
        "kind": "asynchronous",
        "instance_type": "pod",
        "initial_instance_count": 0,
        "request_ttl": "none",
        "autoscaling": {
            "min_capacity": 0,
            "max_capacity": 50,
            "policies": [
                {
                    "kind": "target_tracking",
                    "metric": "backlog_per_instance",
                    "target": 1,
                    "period": "1s",
                    "publication_delay": "0s",
                    "datapoints_out": 1,
                    "datapoints_in": 900,
                }
            ],
            "launch_time": "10s",
            "while_updating": while_updating,
        },
    }
    prices = {"real_time.instance.pod": "0.1 USD/h"}
    _, run = tables(
        engine, endpoint, traffic=every("1s", offset="500ms"), model=lasting("100ms"), horizon="30s", prices=prices
    )
    assert changes == list(
        zip((run.changes.at_ns // NS_PER_SECOND).tolist(), run.changes.capacity.tolist(), strict=True)
    )
    assert 12.6 * NS_PER_SECOND == run.requests.response_ns[11]


# --- C32: queueing behind the wrong instance


def tied(engine: ModuleType, pool: Pool, *, startup_ns: int = 0, launches_ns: int = 0) -> list[float]:
    """Latencies of 4 requests of 30 s at one instant, in order [s]."""
    demand = Demand.from_arrays([0] * 4, 30 * NS_PER_SECOND, startup_ns, routing=[0.0, 0.2, 0.1, 0.0])
    run = engine.simulate(pool, demand, lambda n: np.full(n, launches_ns))
    assert {Outcome.COMPLETED} == set(run.requests.outcome.tolist())
    return sorted((run.requests.response_ns / NS_PER_SECOND).tolist())


@each_engine
def test_case_c32_four_at_once(engine: ModuleType) -> None:
    """C32 (knative/serving#4107): 30 s of work, one at a time, 4 at one instant.

    Queues of their own: all go to one pod, 30, 60, 90, 120 s, also if 3 idle pods stand beside it. A central queue
    before one pod and 3 that are there after 5 s: the first 30 s, the others 35. An instance for each request (the rule
    of function platforms): 30 s and the cold start each. A central queue with 4 pods: 30 s each.
    """
    assert [30, 60, 90, 120] == tied(engine, Pool(4, False, Routing.RANDOM))
    assert [30, 30, 30, 30] == tied(engine, Pool(4, False, Routing.CENTRAL_QUEUE))
    assert [30, 60, 90, 120] == tied(engine, Pool(1, False, Routing.CENTRAL_QUEUE))
    scaling = Scaling(1, 4, 3600 * NS_PER_SECOND, actions=(ScheduledAction(0, minimum=4),))
    central = Pool(1, False, Routing.CENTRAL_QUEUE, scaling=scaling)
    assert [30, 35, 35, 35] == tied(engine, central, launches_ns=5 * NS_PER_SECOND)
    own = Pool(1, False, Routing.LEAST_OUTSTANDING_REQUESTS, scaling=scaling)
    assert [30, 60, 90, 120] == tied(engine, own, launches_ns=5 * NS_PER_SECOND)
    each = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    assert [35, 35, 35, 35] == tied(engine, each, startup_ns=5 * NS_PER_SECOND)


@each_engine
def test_case_c32_a_short_queue_is_a_short_view(engine: ModuleType) -> None:
    """C32: with room for 1 in its queue a pod holds at most 2, whatever comes, and a scaler on them doubles at most.

    20/s of 10 s each, target 1: each point of 10 s asks for twice as many: 1, 2, 4, 8, 10 (the most allowed), and
    everything else is turned away.
    """
    endpoint = instance(
        queue_limit=1,
        routing="least_outstanding_requests",
        invocation_timeout="none",
        autoscaling={
            "max_capacity": 10,
            "launch_time": "0s",
            "policies": [
                {
                    "kind": "target_tracking",
                    "metric": "concurrent_requests_per_instance",
                    "target": 1,
                    "publication_delay": "0s",
                    "datapoints_out": 1,
                }
            ],
        },
    )
    _, run = tables(engine, endpoint, traffic=every("50ms"), model=lasting("10s"), horizon="1m")
    assert [(10, 2), (20, 4), (30, 8), (40, 10)] == list(
        zip((run.changes.at_ns // NS_PER_SECOND).tolist(), run.changes.capacity.tolist(), strict=True)
    )
    assert 0.9 < float((run.requests.outcome == Outcome.THROTTLED).mean())


# --- C34: sampled concurrency, flapping and collapse


def steady(engine: ModuleType, metric: str, target: float, service: str, horizon: str = "30m") -> Run:
    """100/s evenly spaced, two instances at first."""
    endpoint = instance(
        initial_instance_count=2,
        routing="central_queue",
        workers_per_instance=10,
        autoscaling={
            "max_capacity": 9,
            "policies": [{"kind": "target_tracking", "metric": metric, "target": target}],
        },
    )
    _, run = tables(engine, endpoint, traffic=every("10ms"), model=lasting(service), horizon=horizon)
    return run


@pytest.mark.parametrize(
    ("metric", "target"), [("concurrent_requests_per_instance", 0.6), ("invocations_per_instance", 4000.0)]
)
def test_case_c34_constant_load_gives_constant_instances(metric: str, target: float) -> None:
    """C34 (knative/serving#469): 100/s x 10 ms = 1.0 in flight, 6000 a minute, 30 min: not one change of capacity.

    On two instances 0.5 and 3000 each, below 90 % of a target of 0.6 or 4000; but ceil(1/0.6) = ceil(6000/4000) = 2.
    """
    assert [] == steady(compiled, metric, target, "10ms").changes.at_ns.tolist()


@each_engine
def test_case_c34_constant_load_on_both_engines(engine: ModuleType) -> None:
    """C34 for 2 minutes."""
    assert 0 == len(steady(engine, "concurrent_requests_per_instance", 0.6, "10ms", "2m").changes)


def test_case_c34_an_instant_without_requests_reads_0() -> None:
    """C34: concurrency is read at one instant. With 5 ms of work it is 0 just before each whole second: 0, not 0.5.

    So a policy on it takes the second instance away after 15 min (90 points of 10 s, known 10 s later), although the
    time average is 0.5; one on invocations, which counts all of them, does not.
    """
    sampled = steady(compiled, "concurrent_requests_per_instance", 0.3, "5ms").changes
    assert [(910, 1)] == list(zip((sampled.at_ns // NS_PER_SECOND).tolist(), sampled.capacity.tolist(), strict=True))
    assert 0 == len(steady(compiled, "invocations_per_instance", 4000.0, "5ms").changes)
