"""Endpoints of every kind that follows its load, and what the engines are given of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from simulator.endpoints import Endpoint, RunLength
from simulator.engines.scaling import Scaling, StepScaling, TargetTracking
from simulator.units import NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND
HOUR, DAY = 3600 * S, 86_400 * S

#: Kind → its fields but for the block, with one instance at the beginning.
KINDS: dict[str, dict[str, Any]] = {
    "real_time": {"kind": "real_time", "instance_type": "ml.m5.xlarge"},
    "asynchronous": {"kind": "asynchronous", "instance_type": "ml.m5.xlarge"},
    "serverless": {
        "kind": "serverless",
        "memory_size": "2048MB",
        "max_concurrency": 10,
        "provisioned_concurrency": 1,
    },
    "function": {
        "kind": "function",
        "memory_size": "1024MB",
        "max_concurrency": 10,
        "provisioned_concurrency": 1,
    },
}
#: Kinds whose capacity is provisioned concurrency.
PROVISIONED = ("function", "serverless")
each_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def fields_of(kind: str, block: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An endpoint as a scenario gives it; its block has 4 as the most instances unless it says otherwise."""
    return {"name": "one", **KINDS[kind], "autoscaling": {"max_capacity": 4, **block}, **fields}


def scaled(kind: str, block: dict[str, Any], **fields: Any) -> Any:
    """The same, read."""
    return ENDPOINTS.validate_python(fields_of(kind, block, **fields))


def scaling_of(endpoint: Any, horizon_ns: int = HOUR, week_s: float = 0.0) -> Scaling:
    """What the engines are given of its scaling in one run."""
    found: Scaling | None = endpoint.pool(RunLength(horizon_ns, week_s)).scaling
    assert found is not None
    return found


def policy_of(endpoint: Any) -> TargetTracking | StepScaling:
    """The one policy that the engines are given."""
    (found,) = scaling_of(endpoint).policies
    return found


def scenario_of(*endpoints: dict[str, Any], horizon: str = "1h") -> dict[str, Any]:
    """A scenario with these endpoints; it begins on Monday at midnight."""
    launches = any(one["kind"] in PROVISIONED for one in endpoints)
    return {
        "name": "scales",
        "horizon": horizon,
        "traffic": {"kind": "poisson", "mean_rate": "1/s"},
        "model": {"service_time": "1s", **({"startup_time": "5s"} if launches else {})},
        "endpoints": list(endpoints),
    }
