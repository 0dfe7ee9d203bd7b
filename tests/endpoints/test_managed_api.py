"""Managed APIs: what has to be told, translation into a quota, and what is assumed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.endpoints import Endpoint, ManagedApi
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Quota
from simulator.units import FOREVER

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)


def managed_api(**changes: Any) -> ManagedApi:
    """The least endpoint on demand, changed; None takes a field out."""
    least = {
        "kind": "managed_api",
        "name": "api",
        "model_id": "anthropic.claude-3-haiku",
        "requests_per_minute": 100,
        "tokens_per_minute": 20_000,
        "max_tokens": 500,
        "time_per_output_token": "10ms",
    }
    given = {name: value for name, value in {**least, **changes}.items() if value is not None}
    endpoint: ManagedApi = ENDPOINTS.validate_python(given)
    return endpoint


def test_on_demand_is_a_quota_over_one_instance_without_end() -> None:
    """Requests and tokens a minute, max_tokens reserved, a token of a response takes one: the defaults."""
    assert (
        Pool(
            standing=1,
            launches=False,
            routing=Routing.CENTRAL_QUEUE,
            timeout_from=TimeoutFrom.START,
            quota=Quota(requests_per_minute=100, tokens_per_minute=20_000, max_tokens=500, burndown=1),
        )
        == managed_api().pool()
    )


def test_every_given_field_reaches_the_pool() -> None:
    """No limit of requests, burndown 5, a timeout of 30 s."""
    pool = managed_api(requests_per_minute="none", burndown=5, invocation_timeout="30s").pool()
    assert Quota(FOREVER, 20_000, 500, 5) == pool.quota
    assert 30 * 10**9 == pool.timeout_ns


def test_model_units_make_the_quota() -> None:
    """Three units of 4,000 tokens let through 12,000, requests without limit; hours are priced in place of tokens."""
    endpoint = managed_api(
        model_units=3,
        commitment="6_months",
        tokens_per_minute_per_unit=4000,
        requests_per_minute=None,
        tokens_per_minute=None,
    )
    assert Quota(FOREVER, 12_000, 500, 1) == endpoint.quota
    assert ("managed_api.model_unit.anthropic.claude-3-haiku.6_months",) == endpoint.price_items()


def test_tokens_are_priced_on_demand() -> None:
    """Two items of the model."""
    names = ("managed_api.tokens_in", "managed_api.tokens_out")
    assert tuple(f"{name}.anthropic.claude-3-haiku" for name in names) == managed_api().price_items()


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"requests_per_minute": None}, "requests_per_minute", "missing: quotas are those of an account"),
        ({"tokens_per_minute": None}, "tokens_per_minute", "give a number, or none for no quota"),
        ({"tokens_per_minute": 0}, "tokens_per_minute", "0 is not allowed, must be 1 to 100,000,000, or none"),
        (
            {"model_units": 1, "tokens_per_minute": None},
            "tokens_per_minute_per_unit",
            "missing: what a model unit lets through",
        ),
        (
            {"model_units": 1, "tokens_per_minute_per_unit": 5000},
            "tokens_per_minute",
            "20000 is not allowed with model_units",
        ),
        ({"tokens_per_minute_per_unit": 5000}, "tokens_per_minute_per_unit", "5000 is not allowed without model_units"),
        ({"commitment": "1_month"}, "commitment", "not allowed on demand"),
        ({"max_tokens": 20_001}, "max_tokens", "20001 is more than the quota of 20000 tokens a minute"),
        ({"time_per_output_token": "2m"}, "time_per_output_token", "must be at most 60s"),
        ({"model_id": "no spaces"}, "model_id", "pattern"),
    ],
)
def test_what_does_not_go_is_one_message(changes: dict[str, Any], field: str, message: str) -> None:
    """At the field, with what is allowed."""
    with pytest.raises(ValidationError) as caught:
        managed_api(**changes)
    (problem,) = caught.value.errors()
    assert field in problem["loc"]
    assert message in problem["msg"]


def test_what_is_assumed_follows_the_fields() -> None:
    """Without a quota nothing is assumed of it; model units assume one number of tokens for both directions."""
    free = managed_api(requests_per_minute="none", tokens_per_minute="none").assumptions()
    assert not any("quota flows" in text for text in free)
    assert any("quota flows" in text for text in managed_api().assumptions())
    units = managed_api(
        model_units=1, tokens_per_minute_per_unit=9000, requests_per_minute=None, tokens_per_minute=None
    )
    assert any("in and out together" in text for text in units.assumptions())
    assert not any("billed for all its tokens" in text for text in units.assumptions())
