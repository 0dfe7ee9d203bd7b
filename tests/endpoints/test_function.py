"""Functions: limits and defaults of AWS Lambda, translation into a pool, and what is assumed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import simulator
from simulator.endpoints import Endpoint, Function
from simulator.engines.pool import Bucket, OnTimeout, Pool, Routing, TimeoutFrom
from simulator.units import FOREVER, NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND


def function(**changes: Any) -> Function:
    """The least endpoint, changed."""
    least = {"kind": "function", "name": "small", "memory_size": "2048MB"}
    endpoint: Function = ENDPOINTS.validate_python({**least, **changes})
    return endpoint


def test_the_defaults_are_the_limits_of_lambda() -> None:
    """1,000 at once; 1,000 launches in 10 s, one more every 10 ms; 10,000 requests a second; stopped after 900 s."""
    assert (
        Pool(
            standing=0,
            launches=True,
            routing=Routing.MOST_RECENTLY_IDLE,
            max_concurrency=1000,
            startup_limit_ns=FOREVER,
            timeout_ns=900 * S,
            timeout_from=TimeoutFrom.START,
            on_timeout=OnTimeout.STOP,
            request_rate=Bucket(10_000, 100_000),
            launch_rate=Bucket(1000, 10_000_000),
        )
        == function().pool()
    )


def test_the_request_rate_follows_the_concurrency() -> None:
    """Ten a second for each place, unless it is given."""
    assert Bucket(70, round(S / 70)) == function(max_concurrency=7).pool().request_rate
    given = function(max_concurrency=7, request_rate={"limit": 5, "per": "2s"})
    assert Bucket(5, 400_000_000) == given.pool().request_rate


def test_every_given_field_reaches_the_pool() -> None:
    """Concurrency, limits, routing, start, and no rates."""
    pool = function(
        max_concurrency=20,
        provisioned_concurrency=3,
        startup_limit="10s",
        invocation_timeout="3s",
        on_timeout="serve_on",
        launch_rate="none",
        request_rate="none",
        idle_routing="newest_created",
        starts="warm",
    ).pool()
    assert (
        Pool(
            standing=3,
            launches=True,
            routing=Routing.NEWEST_CREATED,
            max_concurrency=20,
            starts_warm=True,
            startup_limit_ns=10 * S,
            timeout_ns=3 * S,
        )
        == pool
    )
    assert pool.is_plain


@pytest.mark.parametrize("size", [128, 129, 1769, 10_240])
def test_every_whole_size_is_allowed(size: int) -> None:
    """From 128 MB to 10,240 MB in steps of 1 MB."""
    assert size == function(memory_size=f"{size}MB").memory_size


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"memory_size": "127MB"}, "memory_size", '"127MB" is not allowed for a function, must be 128MB to 10240MB'),
        ({"memory_size": "10241MB"}, "memory_size", '"10241MB" is not allowed for a function'),
        ({"architecture": "arm64"}, "architecture", "Input should be 'x86' or 'arm'"),
        ({"max_concurrency": 0}, "max_concurrency", "Input should be greater than or equal to 1"),
        ({"max_concurrency": "none"}, "max_concurrency", "Input should be a valid integer"),
        (
            {"max_concurrency": 5, "provisioned_concurrency": 6},
            "provisioned_concurrency",
            "6 is not allowed, must be at most max_concurrency, which is 5",
        ),
        (
            {"invocation_timeout": "901s"},
            "invocation_timeout",
            '"901s" is not allowed for a function, must be at most 900s',
        ),
        ({"invocation_timeout": "none"}, "invocation_timeout", '"none" is not allowed for a function'),
        (
            {"ephemeral_storage": "511MB"},
            "ephemeral_storage",
            '"511MB" is not allowed for a function, must be 512MB to 10240MB',
        ),
        ({"billed_time": "service_and_overhead"}, "billed_time", "Input should be 'service' or 'service_and_startup'"),
        ({"on_timeout": "kill"}, "on_timeout", "Input should be 'serve_on' or 'stop'"),
        ({"requests_per_instance": 2}, "requests_per_instance", "Extra inputs are not permitted"),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(changes: dict[str, Any], field: str, message: str) -> None:
    """The value and what is allowed, and no error that follows from the first."""
    with pytest.raises(ValidationError) as caught:
        function(**changes)
    (error,) = caught.value.errors()
    assert ("function", field) == error["loc"]
    assert message in error["msg"]


@pytest.mark.parametrize(
    ("limit", "place", "message"),
    [
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"limit": 2.5}, "limit", "valid integer"),
        ({"limit": 5, "per": "0s"}, "per", '"0s" is not allowed, must be at least 1ns for each of limit'),
        ({"per": "1s"}, "limit", "Field required"),
    ],
)
def test_wrong_rates(limit: dict[str, Any], place: str, message: str) -> None:
    """Whole tokens, and a period in which there is time for them."""
    with pytest.raises(ValidationError) as caught:
        function(launch_rate=limit)
    (error,) = caught.value.errors()
    assert ("function", "launch_rate", "given", place) == error["loc"]
    assert message in error["msg"]


def test_mistakes_in_several_fields_are_told_at_once() -> None:
    """Three wrong fields, three messages."""
    with pytest.raises(ValidationError) as caught:
        function(memory_size="1MB", max_concurrency=-1, invocation_timeout="1h")
    assert {"memory_size", "max_concurrency", "invocation_timeout"} == {
        str(error["loc"][1]) for error in caught.value.errors()
    }


def test_payload_above_6_mb_is_told() -> None:
    """6 MB each way fit."""
    assert [] == function().check_payload(6e6, 6e6)
    assert ["payload_in reaches 6000001B, an AWS Lambda function takes at most 6000000B"] == function().check_payload(
        6_000_001, 0
    )


def test_price_items() -> None:
    """Duration and requests; provisioned rates and storage only where there is any; no charge for data."""
    assert ("function.duration.x86", "function.requests") == function().price_items()
    assert (
        "function.duration.arm",
        "function.provisioned_allocation.arm",
        "function.provisioned_duration.arm",
        "function.requests",
        "function.ephemeral_storage",
    ) == function(architecture="arm", provisioned_concurrency=1, ephemeral_storage="1024MB").price_items()


def assumed(**changes: Any) -> set[str]:
    """First words of the assumptions."""
    return {line.split(" ")[0] for line in function(**changes).assumptions()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idle_timeout", "10m"),
        ("lifetime", "2h"),
        ("overhead", "20ms"),
        ("starts", "warm"),
        ("max_concurrency", 50),
        ("startup_limit", "10s"),
    ],
)
def test_a_given_value_is_no_longer_assumed(field: str, value: Any) -> None:
    """Named with its default, not named once the user has said otherwise."""
    assert field in assumed()
    assert field not in assumed(**{field: value})


def test_what_departs_from_lambda_is_told() -> None:
    """Bills without startups are those of before 2025-08-01; Lambda stops a function at its timeout."""
    assert "billed_time" not in assumed()
    assert "billed_time" in assumed(billed_time="service")
    assert any(line.startswith("on_timeout serve_on: AWS") for line in function(on_timeout="serve_on").assumptions())


@pytest.mark.parametrize("changes", [{}, {"max_concurrency": 30}, {"request_rate": "none", "launch_rate": "none"}])
def test_what_is_written_out_reads_back(changes: dict[str, Any]) -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    endpoint = function(**changes)
    again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
    assert endpoint == again
    assert endpoint.assumptions() == again.assumptions()


def test_uncertain_values_inside_rates() -> None:
    """Each replication has its own; a rate that follows from an uncertain limit follows it."""
    loaded = simulator.load_scenario(
        {
            "name": "uncertain",
            "horizon": "1h",
            "replications": 6,
            "traffic": {"kind": "poisson", "mean_rate": "1/s"},
            "model": {"service_time": "100ms", "startup_time": "1s"},
            "endpoints": [
                {
                    "name": "f",
                    "kind": "function",
                    "memory_size": "1024MB",
                    "max_concurrency": {"between": [10, 15]},
                    "launch_rate": {"limit": {"between": [1, 6]}, "per": "1s"},
                }
            ],
        }
    )
    pools = [one.pool(one.endpoints[0]) for one in map(loaded.realised, range(6))]
    assert {10, 11, 12, 13, 14, 15} == {pool.max_concurrency for pool in pools}
    assert {1, 2, 3, 4, 5, 6} == {pool.launch_rate.burst for pool in pools if pool.launch_rate}
    assert [10 * pool.max_concurrency for pool in pools] == [
        pool.request_rate.burst for pool in pools if pool.request_rate
    ]
    assert loaded == simulator.load_scenario(loaded.resolved())
