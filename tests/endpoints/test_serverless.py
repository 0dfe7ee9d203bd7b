"""Serverless endpoints: limits of the platform, defaults, translation into a pool, and what is assumed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.endpoints import Endpoint, Serverless
from simulator.engines.clients import Patience
from simulator.engines.pool import AtLimit, Bucket, OnTimeout, Pool, Routing, TimeoutFrom, WaitingRequests
from simulator.units import FOREVER

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
LEAST = {"kind": "serverless", "name": "small", "memory_size": "2048MB", "max_concurrency": 20}


def serverless(**changes: Any) -> Serverless:
    """The least endpoint, changed."""
    endpoint: Serverless = ENDPOINTS.validate_python({**LEAST, **changes})
    return endpoint


def refusals(**changes: Any) -> dict[str, str]:
    """Field → message, of all errors."""
    with pytest.raises(ValidationError) as caught:
        serverless(**changes)
    return {str(error["loc"][1]): error["msg"].removeprefix("Value error, ") for error in caught.value.errors()}


def test_sagemaker_sets_the_limits_that_are_not_given() -> None:
    """3 minutes to load and 60 s to answer, from the start of service; at the limit requests are throttled."""
    assert (
        Pool(
            standing=0,
            launches=True,
            routing=Routing.MOST_RECENTLY_IDLE,
            max_concurrency=20,
            startup_limit_ns=180_000_000_000,
            timeout_ns=60_000_000_000,
            timeout_from=TimeoutFrom.START,
        )
        == serverless().pool()
    )


def test_the_generic_platform_has_no_limits() -> None:
    """Neither for the memory size nor for times or concurrency."""
    endpoint = serverless(platform="generic", memory_size="1500MB", max_concurrency="none")
    pool = endpoint.pool()
    assert (FOREVER, FOREVER, FOREVER) == (pool.max_concurrency, pool.startup_limit_ns, pool.timeout_ns)
    assert [] == endpoint.check_payload(1e9, 1e9)


def test_every_given_field_reaches_the_pool() -> None:
    """Concurrency, limits, routing and start."""
    pool = serverless(
        provisioned_concurrency=3,
        startup_limit="90s",
        invocation_timeout="1500ms",
        idle_routing="random",
        starts="warm",
    ).pool()
    assert (3, 20, True) == (pool.standing, pool.max_concurrency, pool.starts_warm)
    assert (90_000_000_000, 1_500_000_000, Routing.RANDOM_IDLE) == (
        pool.startup_limit_ns,
        pool.timeout_ns,
        pool.routing,
    )


@pytest.mark.parametrize(
    ("field", "routing"),
    [
        ("most_recently_idle", Routing.MOST_RECENTLY_IDLE),
        ("least_recently_idle", Routing.LEAST_RECENTLY_IDLE),
        ("random", Routing.RANDOM_IDLE),
        ("newest_created", Routing.NEWEST_CREATED),
    ],
)
def test_idle_routings(field: str, routing: Routing) -> None:
    """Each name is the rule of the same name."""
    assert routing == serverless(idle_routing=field).pool().routing


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        (
            {"memory_size": "1500MB"},
            "memory_size",
            '"1500MB" is not a memory size of platform sagemaker; '
            "sizes: 1024MB, 2048MB, 3072MB, 4096MB, 5120MB, 6144MB",
        ),
        ({"memory_size": "7168MB"}, "memory_size", '"7168MB" is not a memory size'),
        ({"max_concurrency": 0}, "max_concurrency", "0 is not allowed on platform sagemaker, must be 1 to 200"),
        ({"max_concurrency": 201}, "max_concurrency", "201 is not allowed on platform sagemaker, must be 1 to 200"),
        ({"max_concurrency": "none"}, "max_concurrency", "none is not allowed on platform sagemaker"),
        ({"max_concurrency": 2.5}, "max_concurrency", "2.5 is not a whole number, or none"),
        ({"max_concurrency": True}, "max_concurrency", "True is not a whole number, or none"),
        (
            {"provisioned_concurrency": 21},
            "provisioned_concurrency",
            "21 is not allowed, must be at most max_concurrency, which is 20",
        ),
        ({"provisioned_concurrency": -1}, "provisioned_concurrency", "Input should be greater than or equal to 0"),
        (
            {"startup_limit": "181s"},
            "startup_limit",
            '"181s" is not allowed on platform sagemaker, must be at most 180s',
        ),
        (
            {"invocation_timeout": "none"},
            "invocation_timeout",
            '"none" is not allowed on platform sagemaker, must be at most 60s',
        ),
        ({"invocation_timeout": "0s"}, "invocation_timeout", '"0s" is not allowed, must be more than 0, or none'),
        ({"invocation_timeout": 60}, "invocation_timeout", "60 has no unit; write 60ms or 60s"),
        ({"idle_timeout": 600}, "idle_timeout", "600 has no unit; write 600ms or 600s"),
        ({"lifetime": "never"}, "lifetime", "'never' is not a duration"),
        ({"billing_granularity": "0s"}, "billing_granularity", "Input should be greater than 0"),
        ({"platform": "lambda"}, "platform", "Input should be 'sagemaker' or 'generic'"),
        ({"memory_used": "63MB"}, "memory_used", "Extra inputs are not permitted"),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(changes: dict[str, Any], field: str, message: str) -> None:
    """The value and what is allowed, and no error that follows from the first."""
    (found,) = refusals(**changes).items()
    assert field == found[0]
    assert message in found[1]


def test_mistakes_in_several_fields_are_told_at_once() -> None:
    """Three wrong fields, three messages."""
    assert {"memory_size", "max_concurrency", "startup_limit"} == set(
        refusals(memory_size="1MB", max_concurrency=300, startup_limit="1h")
    )


@pytest.mark.parametrize("size", [1024, 2048, 3072, 4096, 5120, 6144])
@pytest.mark.parametrize("most", [1, 200])
def test_the_limits_themselves_are_allowed(size: int, most: int) -> None:
    """Every size that SageMaker has, concurrency 1 and 200, all of it provisioned, the greatest limits."""
    endpoint = serverless(
        memory_size=f"{size}MB",
        max_concurrency=most,
        provisioned_concurrency=most,
        startup_limit="3m",
        invocation_timeout="60s",
    )
    assert (size, most, most) == (endpoint.memory_size, endpoint.max_concurrency, endpoint.pool().standing)


def test_payload_above_4_mb_is_told() -> None:
    """4 MB each way fit; one byte more does not."""
    assert [] == serverless().check_payload(4e6, 4e6)
    assert [
        "payload_in reaches 4000001B, a SageMaker serverless endpoint takes at most 4000000B",
        "payload_out reaches 5000000B, a SageMaker serverless endpoint takes at most 4000000B",
    ] == serverless().check_payload(4_000_001, 5e6)


def test_idle_timeout_takes_a_duration_a_distribution_or_none() -> None:
    """640 s by default, from the measurements on AWS Lambda in 2020."""
    assert 640.0 == serverless().idle_timeout.mean()  # type: ignore[union-attr]
    assert 600.0 == serverless(idle_timeout="10m").idle_timeout.mean()  # type: ignore[union-attr]
    uniform = {"kind": "uniform", "low": "630s", "high": "660s"}
    assert 645.0 == serverless(idle_timeout=uniform).idle_timeout.mean()  # type: ignore[union-attr]
    assert "none" == serverless(idle_timeout="none").idle_timeout


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"platform": "generic", "max_concurrency": "none", "memory_size": "100MB", "startup_limit": "10m"},
        {
            "provisioned_concurrency": 2,
            "idle_timeout": {"kind": "exponential", "mean": "5m"},
            "lifetime": "2h",
            "overhead": "20ms",
            "billed_time": "service_and_startup",
            "service_time": {"kind": "lognormal", "mean": "250ms", "cv": 0.4},
            "startup_time": "4s",
        },
    ],
)
def test_what_is_written_out_reads_back(changes: dict[str, Any]) -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    endpoint = serverless(**changes)
    again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
    assert endpoint == again
    assert endpoint.assumptions() == again.assumptions()


def assumed(endpoint: Serverless) -> set[str]:
    """First words of the assumptions."""
    return {line.split(" ")[0] for line in endpoint.assumptions()}


def test_what_is_always_assumed_is_always_named() -> None:
    """Idle routing, billed time and rounding, whatever the user gives: nobody publishes the truth."""
    endpoint = serverless(idle_routing="newest_created", billed_time="service_and_startup")
    lines = endpoint.assumptions()
    assert any(line.startswith("idle_routing newest_created: ") for line in lines)
    assert any(line.startswith("billed_time service_and_startup: ") for line in lines)
    assert any(line.startswith("billing_granularity 1ms: ") for line in lines)
    assert any("stays bound to that instance" in line for line in lines)


@pytest.mark.parametrize(
    ("field", "value"), [("idle_timeout", "10m"), ("lifetime", "2h"), ("overhead", "20ms"), ("starts", "warm")]
)
def test_a_given_value_is_no_longer_assumed(field: str, value: str) -> None:
    """Named with its default, not named once the user has said otherwise."""
    assert field in assumed(serverless())
    assert field not in assumed(serverless(**{field: value}))


def test_the_default_idle_timeout_says_where_it_comes_from() -> None:
    """Value, unit, evidence, and a range to try."""
    (line,) = [line for line in serverless().assumptions() if line.startswith("idle_timeout")]
    assert (
        "idle_timeout 640s (default): not published by AWS; AWS Lambda retired idle instances after 630 to 660 s in "
        "2020; try 120s to 1200s"
    ) == line


def test_price_items() -> None:
    """Its own memory size, provisioned rates only where there is provisioned concurrency."""
    assert ("serverless.duration.2048MB", "data.in", "data.out") == serverless().price_items()
    assert (
        "serverless.duration.2048MB",
        "serverless.provisioned_allocation.2048MB",
        "serverless.provisioned_duration.2048MB",
        "data.in",
        "data.out",
    ) == serverless(provisioned_concurrency=1).price_items()


GENERIC = {"platform": "generic", "memory_size": "1500MB"}


def test_other_platforms_queue_and_serve_several_at_once() -> None:
    """Queue, patience, places, rates and what becomes of long services reach the pool."""
    queueing = serverless(**GENERIC, at_limit="queue", queue_limit=7, patience="3s", on_timeout="stop").pool()
    assert (AtLimit.QUEUE, 7, Patience.WAITING, OnTimeout.STOP) == (
        queueing.at_limit,
        queueing.queue_limit,
        queueing.patience,
        queueing.on_timeout,
    )
    several = serverless(**GENERIC, requests_per_instance=5, launch_rate={"limit": 3, "per": "1s"}).pool()
    assert (5, WaitingRequests.FIRST_FREE) == (several.places, several.waiting_requests)
    assert Bucket(3, 333_333_333) == several.launch_rate
    free = serverless(**GENERIC, waiting_requests="first_free", request_rate={"limit": 10, "per": "1s"}).pool()
    assert (WaitingRequests.FIRST_FREE, Bucket(10, 100_000_000)) == (free.waiting_requests, free.request_rate)


def test_rates_and_stopping_are_nowhere_published_and_may_be_given_on_sagemaker() -> None:
    """Nothing says that SageMaker has none."""
    pool = serverless(on_timeout="stop", launch_rate={"limit": 3, "per": "1s"}).pool()
    assert (OnTimeout.STOP, 3) == (pool.on_timeout, pool.launch_rate.burst if pool.launch_rate else None)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"requests_per_instance": 2}, "requests_per_instance", "2 is not allowed on platform sagemaker, must be 1"),
        ({"at_limit": "queue"}, "at_limit", "queue is not allowed on platform sagemaker, which throttles at its limit"),
        ({"queue_limit": 3}, "queue_limit", "3 is not allowed with at_limit throttle, must be none"),
        (
            {"waiting_requests": "first_free"},
            "waiting_requests",
            "first_free is not allowed with a startup_limit, which must then be none",
        ),
        (
            {"patience": "3s"},
            "patience",
            "needs at_limit queue or waiting_requests first_free: without them nobody stands in line",
        ),
        (
            GENERIC | {"requests_per_instance": 3},
            "requests_per_instance",
            "3 is not allowed, max_concurrency, which is 20, must be a multiple of it",
        ),
        (
            GENERIC | {"requests_per_instance": 10, "provisioned_concurrency": 3},
            "requests_per_instance",
            "10 is not allowed, 3 instances of provisioned_concurrency then serve more than max_concurrency, which is "
            "20",
        ),
        (
            GENERIC | {"requests_per_instance": 2, "on_timeout": "stop"},
            "requests_per_instance",
            "2 is not allowed with on_timeout stop, must be 1",
        ),
        (
            GENERIC | {"requests_per_instance": 2, "waiting_requests": "bound"},
            "waiting_requests",
            "bound is not allowed with several requests_per_instance, must be first_free",
        ),
        (
            GENERIC | {"requests_per_instance": 2, "startup_limit": "1m"},
            "waiting_requests",
            "first_free is not allowed with a startup_limit, which must then be none",
        ),
        (
            GENERIC | {"at_limit": "queue", "launch_rate": {"limit": 1}},
            "launch_rate",
            "is not allowed with at_limit queue, must be none",
        ),
    ],
)
def test_what_a_platform_does_not_have_or_does_not_go_together(
    changes: dict[str, Any], field: str, message: str
) -> None:
    """One message at the field that came later."""
    assert {field: message} == refusals(**changes)


def test_what_is_given_is_no_longer_assumed_of_waiting_and_stopping() -> None:
    """Binding and serving on are assumed only where they are the rule."""
    given = serverless(**GENERIC, waiting_requests="first_free", on_timeout="stop", invocation_timeout="60s")
    assert not any("stays bound" in line or "is served on" in line for line in given.assumptions())
