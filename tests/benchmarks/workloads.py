"""What is simulated in the benchmarks: scenarios of a given number of requests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
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

#: Traffic that scales an endpoint goes up and down once an hour; a million requests are three hours of it.
WAVE_S, WAVES_PER_DAY, STEPS_PER_WAVE = 3_600, 24, 12
WAVE_RATE = 10**6 / (3 * WAVE_S)
WAVE_SWING = 0.7
INITIAL_INSTANCES, LEAST_INSTANCES, MOST_INSTANCES = 8, 2, 20
#: Invocations of an instance in a minute, two thirds of what its workers can do.
TARGET = 640.0
#: No multiple of half a minute: nothing is in service at the instant at which a point ends or is known.
LAUNCH_TIME_S = 95.0
PUBLICATION_DELAY_S = 120.0
POINTS_OUT, POINTS_IN = 3, 15
SCALE_IN_COOLDOWN_S = 300.0

RETRYING_CONCURRENCY = 10
RETRYING_BUSY = 8.0

LOGNORMAL = {"kind": "lognormal", "mean": f"{MEAN_SERVICE_S}s", "cv": SERVICE_CV}
EXPONENTIAL = {"kind": "exponential", "mean": f"{MEAN_SERVICE_S}s"}


@dataclass(frozen=True)
class Workload:
    """One endpoint under Poisson traffic, at a constant rate unless it is said.

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
    traffic : dict, optional
        In place of Poisson traffic at a constant rate; `rate` is its mean, over whole waves.
    others : dict
        Other blocks of the scenario.
    """

    title: str
    rate: float
    service: dict[str, Any]
    endpoint: dict[str, Any]
    traffic: dict[str, Any] | None = None
    others: dict[str, Any] = field(default_factory=dict)

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
                "traffic": self.traffic or {"kind": "poisson", "mean_rate": f"{self.rate}/s"},
                "model": {"service_time": self.service, "startup_time": f"{STARTUP_S}s"},
                "endpoints": [{"name": "it", **self.endpoint}],
                **self.others,
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


def waves() -> dict[str, Any]:
    """Poisson traffic that goes up and down once an hour, in steps of five minutes."""
    wave = [round(1 + WAVE_SWING * math.sin(2 * math.pi * k / STEPS_PER_WAVE), 6) for k in range(STEPS_PER_WAVE)]
    return {"kind": "profile", "period": "day", "mean_rate": f"{WAVE_RATE}/s", "shape": wave * WAVES_PER_DAY}


def scaling(metric: str, target: float) -> dict[str, Any]:
    """Target tracking by points of a minute, launch times constant."""
    policy = {
        "kind": "target_tracking",
        "metric": metric,
        "target": target,
        "period": "60s",
        "publication_delay": f"{PUBLICATION_DELAY_S}s",
        "datapoints_out": POINTS_OUT,
        "datapoints_in": POINTS_IN,
        "scale_in_cooldown": f"{SCALE_IN_COOLDOWN_S}s",
    }
    return {
        "min_capacity": LEAST_INSTANCES,
        "max_capacity": MOST_INSTANCES,
        "policies": [policy],
        "launch_time": {"kind": "constant", "value": f"{LAUNCH_TIME_S}s"},
    }


def autoscaling(routing: str = "random") -> Workload:
    """Instances of 4 workers that follow waves by target tracking, short queues, a limit on the time from arrival."""
    return Workload(
        f"autoscaling, {routing.replace('_', ' ')}",
        WAVE_RATE,
        LOGNORMAL,
        {
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "initial_instance_count": INITIAL_INSTANCES,
            "workers_per_instance": WORKERS,
            "routing": routing,
            "queue_limit": QUEUE_LIMIT,
            "invocation_timeout": f"{TIMEOUT_S}s",
            "autoscaling": scaling("invocations_per_instance", TARGET),
        },
        waves(),
    )


def retrying() -> Workload:
    """Serverless with few places; clients that are throttled try again, at most twice, 0.3 times a request."""
    return Workload(
        f"on demand, {RETRYING_CONCURRENCY} at most, retries",
        RETRYING_BUSY / MEAN_SERVICE_S,
        LOGNORMAL,
        {
            "kind": "serverless",
            "platform": "generic",
            "memory_size": "4096MB",
            "max_concurrency": RETRYING_CONCURRENCY,
            "idle_timeout": f"{IDLE_TIMEOUT_S}s",
        },
        others={"clients": {"retries": {}}},
    )


def without_rival() -> list[Workload]:
    """The other rules by which rows depend on later ones, one workload each."""
    instances = {
        "kind": "real_time",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": INSTANCES,
        "workers_per_instance": WORKERS,
    }
    busy = 32
    rate = busy / MEAN_SERVICE_S
    return [
        Workload(
            "on demand, queue at the limit",
            rate,
            LOGNORMAL,
            {
                "kind": "serverless",
                "platform": "generic",
                "memory_size": "4096MB",
                "max_concurrency": 40,
                "at_limit": "queue",
                "queue_limit": 100,
                "idle_timeout": f"{IDLE_TIMEOUT_S}s",
            },
        ),
        Workload(
            "container, first free of 4 places",
            rate,
            LOGNORMAL,
            {
                "kind": "container",
                "vcpu": 1,
                "memory_size": "2048MB",
                "requests_per_instance": 4,
                "max_instances": 12,
                "idle_timeout": f"{IDLE_TIMEOUT_S}s",
            },
            others={"prices": "google/tier-1/2026-11"},
        ),
        Workload(
            "function, rates limited, time-outs stop",
            rate,
            LOGNORMAL,
            {
                "kind": "function",
                "memory_size": "2048MB",
                "max_concurrency": 40,
                "invocation_timeout": f"{TIMEOUT_S}s",
                "idle_timeout": f"{IDLE_TIMEOUT_S}s",
            },
        ),
        Workload(
            "asynchronous, scaling on backlog",
            WAVE_RATE,
            LOGNORMAL,
            {
                "kind": "asynchronous",
                "instance_type": "ml.m5.xlarge",
                "initial_instance_count": INITIAL_INSTANCES,
                "max_concurrent_invocations_per_instance": WORKERS,
                "autoscaling": scaling("backlog_per_instance", 5.0),
            },
            waves(),
        ),
        Workload(
            f"batches of 8, {INSTANCES} × {WORKERS}",
            2 * rate,
            LOGNORMAL,
            {**instances, "batching": {"max_size": 8, "delay": "20ms", "growth": 0.1}},
        ),
        autoscaling("least_outstanding_requests"),
        Workload(
            "central queue, patience",
            0.95 * INSTANCES * WORKERS / MEAN_SERVICE_S,
            LOGNORMAL,
            {**instances, "routing": "central_queue", "queue_limit": "none", "invocation_timeout": "none"},
            others={"clients": {"patience": {"kind": "exponential", "mean": "500ms"}}},
        ),
        Workload(
            "provisioned concurrency, tracking",
            WAVE_RATE,
            LOGNORMAL,
            {
                "kind": "serverless",
                "platform": "generic",
                "memory_size": "4096MB",
                "max_concurrency": 100,
                "provisioned_concurrency": 20,
                "idle_timeout": f"{IDLE_TIMEOUT_S}s",
                "autoscaling": {
                    "max_capacity": 80,
                    "policies": [{"kind": "target_tracking", "target": 0.7, "statistic": "maximum"}],
                },
            },
            waves(),
        ),
        Workload(
            "managed API, quotas, retries",
            rate,
            LOGNORMAL,
            {
                "kind": "managed_api",
                "model_id": "meta.llama3-1-8b",
                "requests_per_minute": "none",
                "tokens_per_minute": round(60 * rate * 1_200),
                "max_tokens": 500,
                "time_per_output_token": "1ms",
            },
            others={
                "prices": {"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
                "model": {
                    "service_time": LOGNORMAL,
                    "tokens_in": {"kind": "lognormal", "mean": 1_000, "cv": 1.0},
                    "tokens_out": {"kind": "lognormal", "mean": 200, "cv": 0.5},
                },
                "clients": {"retries": {}},
            },
        ),
        Workload(
            "batch transform, hourly jobs",
            rate,
            LOGNORMAL,
            {
                "kind": "batch_transform",
                "instance_type": "ml.m5.xlarge",
                "instance_count": 8,
                "max_concurrent_transforms": 8,
                "starts_at": "00:30",
                "every": "1h",
            },
        ),
    ]


def closed_population() -> Workload:
    """400 clients at 16 instances of 4 workers: half of them think, the others wait or are served."""
    return Workload(
        "closed population of 400",
        400 / (2 * MEAN_SERVICE_S + 1.5),
        LOGNORMAL,
        {
            "kind": "real_time",
            "instance_type": "ml.m5.xlarge",
            "initial_instance_count": INSTANCES,
            "workers_per_instance": WORKERS,
            "routing": "least_outstanding_requests",
            "queue_limit": "none",
            "invocation_timeout": "none",
        },
        {"kind": "closed", "clients": 400, "think_time": {"kind": "exponential", "mean": "1.5s"}},
    )


def fleet(endpoint: dict[str, Any], requests: float, **block: Any) -> Scenario:
    """100 models by Zipf's law at one endpoint, alone or together."""
    rate = 32 / MEAN_SERVICE_S
    others = {"fleet": {"models": 100, "zipf": 1.0, "memory": "200MB", **block}}
    return Workload("many models", rate, LOGNORMAL, endpoint, others=others).scenario(requests)


def multi_model() -> dict[str, Any]:
    """Room for half of 100 models on each of 12 instances of 4 workers."""
    return {
        "kind": "multi_model",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": 12,
        "workers_per_instance": WORKERS,
        "model_memory": "10GB",
        "load_per_second": "20GB",
    }
