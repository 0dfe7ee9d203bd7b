"""Small scenarios that the tests of studies share."""

from __future__ import annotations

from typing import Any

from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario

BASE: dict[str, Any] = {
    "name": "small",
    "horizon": "20m",
    "replications": 6,
    "traffic": {"kind": "poisson", "mean_rate": "2/s"},
    "model": {
        "service_time": {"kind": "lognormal", "mean": "250ms", "cv": 0.5},
        "startup_time": {"kind": "lognormal", "mean": "4s", "cv": 0.3},
        "payload_in": "20kB",
        "payload_out": "4kB",
    },
    "endpoints": [
        {
            "name": "on-demand",
            "kind": "serverless",
            "memory_size": "4096MB",
            "max_concurrency": 6,
            "idle_timeout": "30s",
        },
        {
            "name": "instance",
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "initial_instance_count": 1,
            "workers_per_instance": 2,
        },
    ],
    "objectives": ["p95 < 500ms", "throttled_fraction < 5%", "p97.5 < 10s", "monthly_cost < 250USD"],
    "baseline": "instance",
}


def scenario(**changes: Any) -> Scenario:
    """The base scenario with other top-level fields."""
    return load_scenario({**BASE, **changes})
