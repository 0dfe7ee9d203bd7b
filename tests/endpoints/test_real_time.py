"""Real-time endpoints: defaults, translation into a pool, and what is assumed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.endpoints import Endpoint, RealTime
from simulator.engines.pool import Batching, OnGiveUp, OnTimeout, Pool, Routing, TimeoutFrom
from simulator.units import FOREVER

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)


def real_time(**changes: Any) -> RealTime:
    """The least endpoint, changed."""
    least = {"kind": "real_time", "name": "one", "instance_type": "ml.m5.xlarge"}
    endpoint: RealTime = ENDPOINTS.validate_python({**least, **changes})
    return endpoint


def test_the_defaults_are_those_of_sagemaker_and_a_common_model_server() -> None:
    """One instance, random routing, 100 waiting, 60 s from arrival; a request that gives up leaves the queue."""
    assert (
        Pool(
            standing=1,
            launches=False,
            places=1,
            routing=Routing.RANDOM,
            queue_limit=100,
            timeout_ns=60_000_000_000,
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=OnGiveUp.LEAVE,
        )
        == real_time().pool()
    )


def test_every_given_field_reaches_the_pool() -> None:
    """Counts, routing, limits and what becomes of those who give up; "none" is for ever."""
    pool = real_time(
        initial_instance_count=3,
        workers_per_instance=4,
        queue_limit="none",
        routing="least_outstanding_requests",
        invocation_timeout="none",
        on_give_up="serve_on",
    ).pool()
    assert (3, 4, FOREVER, FOREVER) == (pool.standing, pool.places, pool.queue_limit, pool.timeout_ns)
    assert (Routing.LEAST_OUTSTANDING_REQUESTS, OnGiveUp.SERVE_ON) == (pool.routing, pool.on_give_up)
    assert Routing.CENTRAL_QUEUE == real_time(routing="central_queue").pool().routing
    assert 0 == real_time(queue_limit=0).pool().queue_limit


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"queue_limit": -1}, "queue_limit", "-1 is not allowed, must be at least 0, or none"),
        ({"queue_limit": "100"}, "queue_limit", "'100' is not a whole number, or none"),
        ({"workers_per_instance": 0}, "workers_per_instance", "Input should be greater than or equal to 1"),
        ({"initial_instance_count": 1.5}, "initial_instance_count", "Input should be a valid integer"),
        ({"routing": "round_robin"}, "routing", "Input should be 'random', 'least_outstanding_requests' or"),
        ({"invocation_timeout": "0ms"}, "invocation_timeout", '"0s" is not allowed, must be more than 0, or none'),
        ({"volume_size": "1500MB"}, "volume_size", '"1.5GB" is not allowed, must be whole GB, at most 512GB'),
        ({"volume_size": "513GB"}, "volume_size", '"513GB" is not allowed, must be whole GB'),
        ({"volume_size": 20}, "volume_size", "20 has no unit"),
        ({"cores": 0}, "cores", "Input should be greater than or equal to 1"),
        ({"on_timeout": "kill"}, "on_timeout", "Input should be 'serve_on' or 'stop'"),
        (
            {"batching": {"max_size": 2, "growth": 0.1}, "routing": "central_queue"},
            "batching",
            "is not allowed with routing central_queue",
        ),
        (
            {"batching": {"max_size": 2, "growth": 0.1}, "on_timeout": "stop"},
            "batching",
            "is not allowed with on_timeout stop",
        ),
        ({"batching": {"max_size": 2, "growth": 0.1}, "cores": 2}, "batching", "is not allowed with cores"),
        ({"startup_time": "3s"}, "startup_time", "Extra inputs are not permitted"),
        ({"instance_type": ""}, "instance_type", "String should have at least 1 character"),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(changes: dict[str, Any], field: str, message: str) -> None:
    """The value and what is allowed."""
    with pytest.raises(ValidationError) as caught:
        real_time(**changes)
    (error,) = caught.value.errors()
    assert ("real_time", field) == error["loc"]
    assert message in error["msg"]


def test_only_sagemakers_instances_have_its_limits() -> None:
    """A machine of another name takes any payload and volume."""
    assert ["payload_in reaches 25000001B, a SageMaker real-time endpoint takes at most 25000000B"] == (
        real_time().check_payload(25_000_001, 25e6)
    )
    other = real_time(instance_type="rack-7", volume_size="1500MB")
    assert [] == other.check_payload(1e9, 1e9)


def test_nothing_starts() -> None:
    """Its instances are there from time 0: it has no startup time, and the model's is not asked for."""
    assert real_time().startup_time is None


def assumed(**changes: Any) -> set[str]:
    """First words of the assumptions."""
    return {line.split(" ")[0] for line in real_time(**changes).assumptions()}


def test_what_is_assumed() -> None:
    """Each default that rests on no published fact is named until the user says otherwise."""
    assert {"workers_per_instance", "queue_limit", "on_give_up", "volume_size", "overhead"} <= assumed()
    given = {"workers_per_instance": 4, "queue_limit": 10, "volume_size": "20GB", "overhead": "5ms"}
    assert set() == assumed(**given, on_give_up="serve_on") & {*given, "on_give_up"}


def test_routing_matters_only_among_several_instances() -> None:
    """One instance: nothing is assumed. Several: the rule is named, the textbook queue with a warning."""
    assert "routing" not in assumed()
    assert "routing" in assumed(initial_instance_count=2)
    (line,) = [
        line
        for line in real_time(initial_instance_count=2, routing="central_queue").assumptions()
        if line.startswith("routing")
    ]
    assert "routing central_queue: a textbook queue; SageMaker queues at each instance, with a longer tail" == line


def test_a_timeout_that_sagemaker_does_not_have_is_told() -> None:
    """More than 60 s, or none."""
    told = "invocation_timeout beyond 60s: SageMaker ends an invocation after 60 s unless it is streamed"
    assert told not in real_time().assumptions()
    for timeout in ("61s", "none"):
        assert told in real_time(invocation_timeout=timeout).assumptions()
        assert told not in real_time(invocation_timeout=timeout, instance_type="rack-7").assumptions()


def test_what_is_written_out_reads_back() -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    for endpoint in (real_time(), real_time(queue_limit="none", invocation_timeout="none", volume_size="20GB")):
        again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
        assert endpoint == again
        assert endpoint.assumptions() == again.assumptions()


def test_price_items() -> None:
    """Its own type; storage only where there is a volume."""
    assert ("real_time.instance.ml.m5.xlarge", "data.in", "data.out") == real_time().price_items()
    assert "real_time.storage" in real_time(volume_size="20GB").price_items()


def test_load_and_batches_reach_the_pool() -> None:
    """Cores, batches, and what becomes of a request whose limit passes in a worker."""
    assert (4, OnTimeout.STOP) == (
        real_time(cores=4).pool().cores,
        real_time(on_timeout="stop").pool().on_timeout,
    )
    batching = {"max_size": 8, "delay": "50ms", "growth": 0.25}
    assert Batching(8, 50_000_000, 0.25) == real_time(batching=batching).pool().batching
    assert Batching(2, 0, 0.0) == real_time(batching={"max_size": 2, "growth": 0}).pool().batching


@pytest.mark.parametrize(
    ("batching", "place", "message"),
    [
        ({"max_size": 1, "growth": 0}, "max_size", "greater than or equal to 2"),
        ({"max_size": 2, "growth": -0.1}, "growth", "greater than or equal to 0"),
        ({"max_size": 2}, "growth", "Field required"),
        ({"max_size": 2, "growth": 0, "delay": 5}, "delay", "5 has no unit"),
    ],
)
def test_wrong_batches(batching: dict[str, Any], place: str, message: str) -> None:
    """Two requests at least, and a growth that has to be known."""
    with pytest.raises(ValidationError) as caught:
        real_time(batching=batching)
    (error,) = caught.value.errors()
    assert ("real_time", "batching", place) == error["loc"]
    assert message in error["msg"]


def test_load_that_stands_for_the_rest_of_a_service_is_assumed() -> None:
    """Named where service times depend on load."""
    assert any(line.startswith("cores: ") for line in real_time(cores=2).assumptions())
    assert any(line.startswith("batching: ") for line in real_time(batching={"max_size": 2, "growth": 0}).assumptions())
    assert not any(line.startswith(("cores", "batching")) for line in real_time().assumptions())
