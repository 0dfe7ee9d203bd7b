"""What is simulated in the benchmarks: scenarios of a given number of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario

SEED = 20261125
MEAN_SERVICE_S = 0.25
SERVICE_CV = 1.0
#: Short, so that an endpoint that begins without instances is soon in its steady state, in the short runs of slow
#: rivals too.
STARTUP_S = 0.05
IDLE_TIMEOUT_S = 60.0

INSTANCES = 16
WORKERS = 4
QUEUE_LIMIT = 4
TIMEOUT_S = 1.0

LOGNORMAL = {"kind": "lognormal", "mean": f"{MEAN_SERVICE_S}s", "cv": SERVICE_CV}
EXPONENTIAL = {"kind": "exponential", "mean": f"{MEAN_SERVICE_S}s"}


@dataclass(frozen=True)
class Workload:
    """One endpoint under Poisson traffic.

    Parameters
    ----------
    title : str
        As in the table.
    rate : float
        Of arrivals. [1/s]
    service : dict
        Distribution of the service time.
    endpoint : dict
        As in a scenario, without a name.
    """

    title: str
    rate: float
    service: dict[str, Any]
    endpoint: dict[str, Any]

    def horizon_s(self, requests: float) -> float:
        """Horizon within which about that many requests arrive, to the millisecond [s]."""
        return round(requests / self.rate, 3)

    def scenario(self, requests: float) -> Scenario:
        """The scenario in which about that many requests arrive."""
        return load_scenario(
            {
                "schema_version": 1,
                "name": "benchmark",
                "seed": SEED,
                "prices": "aws/us-east-1/2026-11",
                "horizon": f"{self.horizon_s(requests)}s",
                "traffic": {"kind": "poisson", "mean_rate": f"{self.rate}/s"},
                "model": {"service_time": self.service, "startup_time": f"{STARTUP_S}s"},
                "endpoints": [{"name": "it", **self.endpoint}],
            }
        )


def on_demand(busy: int) -> Workload:
    """Serverless, that many instances busy on average, any instance launched that is asked for."""
    return Workload(
        f"on demand, {busy:,} busy",
        busy / MEAN_SERVICE_S,
        LOGNORMAL,
        {
            "kind": "serverless",
            "platform": "generic",
            "memory_size": "4096MB",
            "max_concurrency": "none",
            "idle_timeout": f"{IDLE_TIMEOUT_S}s",
        },
    )


def central_queue() -> Workload:
    """M/M/4, 0.8 of its workers busy."""
    return Workload(
        "M/M/4, central queue",
        0.8 * WORKERS / MEAN_SERVICE_S,
        EXPONENTIAL,
        {
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "workers_per_instance": WORKERS,
            "routing": "central_queue",
            "queue_limit": "none",
            "invocation_timeout": "none",
        },
    )


def random_routing() -> Workload:
    """16 instances of 4 workers, 0.9 of them asked for, short queues, and a limit on the time from arrival."""
    return Workload(
        f"random routing, {INSTANCES} × {WORKERS}",
        0.9 * INSTANCES * WORKERS / MEAN_SERVICE_S,
        LOGNORMAL,
        {
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "initial_instance_count": INSTANCES,
            "workers_per_instance": WORKERS,
            "routing": "random",
            "queue_limit": QUEUE_LIMIT,
            "invocation_timeout": f"{TIMEOUT_S}s",
        },
    )
