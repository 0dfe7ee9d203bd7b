"""Scenarios whose crossovers are known by closed form: every request warm, no data, prices made for it."""

from __future__ import annotations

from typing import Any

from simulator.questions.crossover.flips import Crossover

#: USD an hour of one instance, USD a second of serverless; both cost the same at λ* = 0.36/3600/(0.2 × 0.0005) = 1/s.
PRICES = {"real_time.instance.box": "0.36 USD/h", "serverless.duration.1024MB": "0.0005 USD/s"}
SERVERLESS = {
    "name": "serverless",
    "kind": "serverless",
    "platform": "generic",
    "memory_size": "1024MB",
    "max_concurrency": "none",
}


def instances(count: int, **fields: Any) -> dict[str, Any]:
    """Real-time endpoint of so many instances of four workers."""
    return {
        "name": f"x{count}",
        "kind": "real_time",
        "instance_type": "box",
        "initial_instance_count": count,
        "workers_per_instance": 4,
        **fields,
    }


def scenario(**changes: Any) -> dict[str, Any]:
    """Every request warm: startup takes no time; service is constant, a whole number of granules; no data."""
    return {
        "name": "crossed",
        "horizon": "10m",
        "replications": 10,
        "traffic": {"kind": "poisson", "mean_rate": "0.5/s"},
        "prices": PRICES,
        "model": {"service_time": "200ms", "startup_time": "0s"},
        "endpoints": [SERVERLESS, instances(1)],
        **changes,
    }


def held(result: Crossover, true: float, number: int = 0, *, of: int = 1) -> bool:
    """Whether the interval of a change holds the true place; all changes must have an interval that ends."""
    assert of == len(result.changes)
    change = result.changes[number]
    assert change.is_decided
    assert change.low is not None
    assert change.high is not None
    return change.low <= true <= change.high
