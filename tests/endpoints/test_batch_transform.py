"""Batch transform: when jobs begin, limits, translation into a pool, and who cannot wait for one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import simulator
from simulator.endpoints import BatchTransform, Endpoint, RunLength
from simulator.engines.pool import OnTimeout, Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Jobs
from simulator.errors import ScenarioError
from simulator.units import NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND
HOUR = 3600 * S


def batch_transform(**changes: Any) -> BatchTransform:
    """The least endpoint, changed."""
    least = {"kind": "batch_transform", "name": "batch", "instance_type": "ml.g5.xlarge", "starts_at": "02:00"}
    endpoint: BatchTransform = ENDPOINTS.validate_python({**least, **changes})
    return endpoint


def test_the_defaults_are_one_job_a_day_on_one_instance() -> None:
    """No instance stands, one queue without a limit, an hour for a request; the first job 2 h after midnight."""
    assert Pool(
        standing=0,
        launches=False,
        routing=Routing.CENTRAL_QUEUE,
        timeout_ns=HOUR,
        timeout_from=TimeoutFrom.START,
        waits_for_capacity=True,
        jobs=Jobs(first_ns=2 * HOUR, interval_ns=24 * HOUR, instances=1),
    ) == batch_transform().pool(RunLength(24 * HOUR))


def test_every_given_field_reaches_the_pool() -> None:
    """Instances, workers, interval, limit."""
    endpoint = batch_transform(
        instance_count=3, max_concurrent_transforms=4, every="6h", invocation_timeout="10m", on_timeout="stop"
    )
    pool = endpoint.pool(RunLength(24 * HOUR))
    assert Jobs(2 * HOUR, 6 * HOUR, 3) == pool.jobs
    assert (4, 600 * S, OnTimeout.STOP) == (pool.places, pool.timeout_ns, pool.on_timeout)


@pytest.mark.parametrize(
    ("starts_at", "every", "clock_h", "first_h"),
    [
        ("02:00", "24h", 0, 2),  # the next night
        ("02:00", "24h", 2, 0),  # at once
        ("02:00", "24h", 3, 23),
        ("02:00", "24h", 24 * 5 + 22, 4),  # any day of the week
        ("23:00", "6h", 0, 5),  # 23, 5, 11 and 17 o'clock
        ("01:30", "1h", 12, 0.5),
        ("02:00", "168h", 3, 23),  # on the first day of the run
    ],
)
def test_when_the_first_job_begins(starts_at: str, every: str, clock_h: float, first_h: float) -> None:
    """At the time of day or a whole number of intervals from it, whatever the clock says at time 0."""
    endpoint = batch_transform(starts_at=starts_at, every=every)
    assert round(first_h * HOUR) == endpoint.first_ns(RunLength(24 * HOUR, week_s=3600.0 * clock_h))


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        (
            {"invocation_timeout": "2h"},
            "invocation_timeout",
            '"7200s" is not allowed on SageMaker, must be 1s to 3600s',
        ),
        ({"invocation_timeout": "none"}, "invocation_timeout", '"none" is not allowed on SageMaker'),
        ({"starts_at": "25:00"}, "starts_at", "is not a time of day"),
        ({"every": "0s"}, "every", "greater than 0"),
        ({"instance_count": 0}, "instance_count", "greater than or equal to 1"),
        ({"autoscaling": {"max_capacity": 2}}, "autoscaling", "not permitted"),
    ],
)
def test_what_does_not_go_is_one_message(changes: dict[str, Any], field: str, message: str) -> None:
    """At the field, with what is allowed."""
    with pytest.raises(ValidationError) as caught:
        batch_transform(**changes)
    (problem,) = caught.value.errors()
    assert field in problem["loc"]
    assert message in problem["msg"]


def test_elsewhere_than_on_sagemaker_there_is_no_limit() -> None:
    """A type of another platform may take any time and any payload."""
    endpoint = batch_transform(instance_type="n1-standard-4", invocation_timeout="none")
    assert [] == endpoint.check_payload(1e12, 0.0)


def test_payloads_of_one_instance_are_100_mb_together() -> None:
    """Four requests at once leave 25 MB for each; what comes out has no limit."""
    (problem,) = batch_transform(max_concurrent_transforms=4).check_payload(30e6, 1e9)
    assert "payload_in reaches 30000000B" in problem
    assert "at most 25000000B" in problem
    assert [] == batch_transform().check_payload(100e6, 1e9)


@pytest.mark.parametrize("clients", [{"retries": {"attempts": 3}}, {"patience": "1m"}])
def test_clients_that_wait_are_refused(clients: dict[str, Any]) -> None:
    """Neither retries nor patience: nobody waits for a job."""
    document = {
        "name": "waits",
        "horizon": "1d",
        "traffic": {"kind": "poisson", "mean_rate": "10/h"},
        "model": {"service_time": "1s"},
        "clients": clients,
        "endpoints": [
            {"name": "batch", "kind": "batch_transform", "instance_type": "ml.g5.xlarge", "starts_at": "02:00"}
        ],
    }
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(document)
    (problem,) = caught.value.problems
    assert "endpoints[0].kind" == problem.path
    assert "does not go with clients that try again or lose patience" in problem.message
