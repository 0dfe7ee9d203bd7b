"""One replication of a scenario as the tables of either engine."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import simulator
from simulator.demand import draw_demand, first_sends, launch_times
from simulator.engines import compiled, reference
from simulator.engines.tables import Demand, Run

each_engine = pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])


def tables(engine: ModuleType, endpoint: dict[str, Any], **fields: Any) -> tuple[Demand, Run]:
    """Demand and rows of a scenario with one endpoint; half a second of service unless told otherwise."""
    given = {"name": "case", "replications": 1, "endpoints": [endpoint], **fields}
    scenario = simulator.load_scenario(given)
    name = endpoint["name"]
    demand = draw_demand(scenario, name)
    pool = scenario.pool(scenario.endpoint(name))
    run: Run = engine.simulate(pool, demand, launch_times(scenario, name), first_sends(scenario))
    return demand, run


def instance(name: str = "instance", **fields: Any) -> dict[str, Any]:
    """A real-time endpoint on one instance with one worker."""
    return {"name": name, "kind": "real_time", "instance_type": "ml.m5.xlarge", **fields}


def every(interval: str, requests: int = 1, offset: str = "0s") -> dict[str, Any]:
    """So many requests at one instant, again and again."""
    return {"kind": "periodic", "interval": interval, "requests": requests, "offset": offset}


def lasting(service: str, startup: str = "0s") -> dict[str, Any]:
    """A model with constant times."""
    return {"service_time": service, "startup_time": startup}
