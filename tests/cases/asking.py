"""Scenarios as somebody with the question would write them, and what their studies say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import simulator
from simulator.study.results import Study


def serverless(name: str, **fields: Any) -> dict[str, Any]:
    """A serverless endpoint of 4 GB without a limit of the platform in the way."""
    return {
        "name": name,
        "kind": "serverless",
        "platform": "generic",
        "memory_size": "4096MB",
        "max_concurrency": "none",
        **fields,
    }


def study(
    traffic: dict[str, Any],
    service_time: Any,
    endpoints: list[dict[str, Any]],
    *,
    startup_time: Any = "0s",
    **fields: Any,
) -> Study:
    """Run a scenario."""
    scenario = simulator.load_scenario(
        {
            "name": "case",
            "traffic": traffic,
            "model": {"service_time": service_time, "startup_time": startup_time},
            "endpoints": endpoints,
            **fields,
        }
    )
    return simulator.run(scenario)


def column(found: Study, endpoint: str, name: str) -> NDArray[np.float64]:
    """One measure of one endpoint, one value a replication."""
    rows = found.replications[found.replications["endpoint"] == endpoint]
    return rows[name].to_numpy(dtype=np.float64)
