"""Containers: defaults of Google Cloud Run, translation into a pool that queues, and what is assumed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import simulator
from simulator.endpoints import Container, Endpoint
from simulator.engines.clients import Patience
from simulator.engines.pool import AtLimit, OnTimeout, Pool, Routing, TimeoutFrom, WaitingRequests
from simulator.units import FOREVER, NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND


def container(**changes: Any) -> Container:
    """The least endpoint, changed."""
    least = {"kind": "container", "name": "run", "vcpu": 1, "memory_size": "2048MB"}
    endpoint: Container = ENDPOINTS.validate_python({**least, **changes})
    return endpoint


def test_the_defaults_are_those_of_cloud_run() -> None:
    """80 requests on each of 100 instances, a queue for 10 s, the first free place, 5 minutes to answer."""
    assert (
        Pool(
            standing=0,
            launches=True,
            routing=Routing.MOST_RECENTLY_IDLE,
            places=80,
            max_concurrency=8000,
            timeout_ns=300 * S,
            timeout_from=TimeoutFrom.START,
            at_limit=AtLimit.QUEUE,
            waiting_requests=WaitingRequests.FIRST_FREE,
            on_timeout=OnTimeout.SERVE_ON,
            patience=Patience.WAITING,
        )
        == container().pool()
    )
    assert 10 * S == container().patience_ns
    assert 900.0 == container().idle_timeout.mean()  # type: ignore[union-attr]


@pytest.mark.parametrize(("vcpu", "requests"), [(0.5, 40), (1, 80), (2, 160), (8, 640), (16, 1000), (0.001, 1)])
def test_requests_follow_the_vcpus(vcpu: float, requests: int) -> None:
    """80 for each, 1 at least and 1,000 at most."""
    assert requests == container(vcpu=vcpu).requests_per_instance


def test_every_given_field_reaches_the_pool() -> None:
    """Counts, queue, and what becomes of those who wait."""
    pool = container(
        requests_per_instance=1,
        max_instances=6,
        min_instances=2,
        request_timeout="none",
        queue_limit=7,
        waiting_requests="bound",
        patience="none",
        idle_routing="random",
        starts="warm",
    ).pool()
    assert (
        Pool(
            standing=2,
            launches=True,
            routing=Routing.RANDOM_IDLE,
            max_concurrency=6,
            starts_warm=True,
            at_limit=AtLimit.QUEUE,
            queue_limit=7,
        )
        == pool
    )
    throttling = container(at_limit="throttle", max_instances="none").pool()
    assert (AtLimit.THROTTLE, FOREVER) == (throttling.at_limit, throttling.max_concurrency)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"vcpu": 0}, "vcpu", "Input should be greater than 0"),
        ({"memory_size": "0MB"}, "memory_size", '"0MB" is not allowed, must be at least 1MB'),
        ({"requests_per_instance": 0}, "requests_per_instance", "greater than or equal to 1"),
        ({"max_instances": 0}, "max_instances", "0 is not allowed, must be at least 1, or none"),
        (
            {"max_instances": 3, "min_instances": 4},
            "min_instances",
            "4 is not allowed, must be at most max_instances, which is 3",
        ),
        ({"queue_limit": -1}, "queue_limit", "-1 is not allowed, must be at least 0, or none"),
        (
            {"at_limit": "throttle", "queue_limit": 4},
            "queue_limit",
            "4 is not allowed with at_limit throttle, must be none",
        ),
        (
            {"waiting_requests": "bound"},
            "waiting_requests",
            "bound is not allowed with several requests_per_instance, must be first_free",
        ),
        ({"patience": "0s"}, "patience", '"0s" is not allowed, must be more than 0, or none'),
        ({"billing": "per_request"}, "billing", "Input should be 'request_based' or 'instance_based'"),
        ({"startup_billed": "yes"}, "startup_billed", "Input should be a valid boolean"),
        ({"invocation_timeout": "60s"}, "invocation_timeout", "Extra inputs are not permitted"),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(changes: dict[str, Any], field: str, message: str) -> None:
    """The value and what is allowed, and no error that follows from the first."""
    with pytest.raises(ValidationError) as caught:
        container(**changes)
    (error,) = caught.value.errors()
    assert ("container", field) == error["loc"]
    assert message in error["msg"]


def test_mistakes_in_several_fields_are_told_at_once() -> None:
    """Three wrong fields, three messages."""
    with pytest.raises(ValidationError) as caught:
        container(vcpu=-1, max_instances=0, request_timeout=5)
    assert {"vcpu", "max_instances", "request_timeout"} == {str(error["loc"][1]) for error in caught.value.errors()}


def test_price_items() -> None:
    """By request: vCPU, memory and requests, and idle rates where instances are always there; else by instance."""
    by_request = ("container.vcpu", "container.memory", "container.requests")
    assert by_request == container().price_items()
    assert by_request == container(min_instances=1, idle_billed=False).price_items()
    assert (
        "container.vcpu",
        "container.memory",
        "container.idle_vcpu",
        "container.idle_memory",
        "container.requests",
    ) == container(min_instances=1).price_items()
    assert ("container.instance_vcpu", "container.instance_memory") == container(
        billing="instance_based", min_instances=1
    ).price_items()


def assumed(**changes: Any) -> set[str]:
    """First words of the assumptions."""
    return {line.split(" ")[0] for line in container(**changes).assumptions()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idle_timeout", "5m"),
        ("max_instances", 10),
        ("request_timeout", "none"),
        ("billing_granularity", "1ms"),
        ("startup_billed", False),
        ("patience", "60s"),
    ],
)
def test_a_given_value_is_no_longer_assumed(field: str, value: Any) -> None:
    """What was not confirmed is named with its default, not once the user has said otherwise."""
    assert field in assumed()
    assert field not in assumed(**{field: value})


@pytest.mark.parametrize("changes", [{}, {"vcpu": 0.5, "max_instances": "none", "patience": "none"}])
def test_what_is_written_out_reads_back(changes: dict[str, Any]) -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    endpoint = container(**changes)
    again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
    assert endpoint == again
    assert endpoint.assumptions() == again.assumptions()


def test_a_service_longer_than_the_request_timeout_is_told() -> None:
    """On average, by the name of the field here."""
    given = {
        "name": "slow",
        "horizon": "1h",
        "traffic": {"kind": "poisson", "mean_rate": "1/s"},
        "model": {"service_time": "400s", "startup_time": "1s"},
        "endpoints": [{"kind": "container", "name": "run", "vcpu": 1, "memory_size": "2048MB"}],
    }
    with pytest.raises(simulator.errors.ScenarioError) as caught:
        simulator.load_scenario(given)
    assert "service time 400s is longer than the request_timeout of run, 300s" in [
        problem.message for problem in caught.value.problems
    ]
