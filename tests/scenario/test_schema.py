"""The published schema refuses what the program refuses, as far as a schema can say it."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

import simulator
from simulator.errors import ScenarioError
from simulator.scenario.schema import json_schema, whole_keys

GOOD: dict[str, Any] = {
    "name": "good",
    "horizon": "1h",
    "traffic": {"kind": "poisson", "mean_rate": "2/s"},
    "model": {"service_time": "100ms", "startup_time": "4s"},
    "endpoints": [
        {"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5},
        {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
    ],
}
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_itself_valid() -> None:
    """JSON Schema 2020-12, and the good scenario fits it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(GOOD)
    assert "good" == simulator.load_scenario(GOOD).name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("horizn",), "1h"),
        (("schema_version",), 2),
        (("replications",), 0),
        (("seed",), -1),
        (("free_tier",), "yes"),
        (("endpoints",), []),
        (("objectives",), "p99 < 1s"),
        (("name",), "two words"),
        (("traffic", "kind"), "poison"),
        (("traffic", "rate"), "2/s"),
        (("endpoints", 0, "kind"), "lambda"),
        (("endpoints", 0, "provisioned_concurrency"), -1),
        (("endpoints", 1, "routing"), "round_robin"),
        (("model", "service_time"), {"kind": "normal", "mean": "1s"}),
        (("clients",), {"retries": {"attempts": 1}}),
        (("endpoints", 0, "launch_rate"), {"limit": 0}),
        (("endpoints", 1, "autoscaling"), {"min_capacity": 1}),
        (("endpoints", 1, "autoscaling"), {"max_capacity": 3, "policies": [{"kind": "predictive"}]}),
        (("endpoints", 1, "autoscaling"), {"max_capacity": 3, "scheduled_actions": [{"at": "8 am"}]}),
        (("endpoints", 0, "autoscaling"), {"max_capacity": 3, "launch_time": "2m"}),
        (("endpoints", 0, "autoscaling"), {"max_capacity": 3, "policies": [{"kind": "wake"}]}),
        (("endpoints", 1, "batching"), {"max_size": 1, "growth": 0}),
    ],
    ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_schema_and_program_refuse_alike(path: tuple[str | int, ...], value: Any) -> None:
    """An editor marks the same mistakes: unknown keys and kinds, limits, types."""
    data: Any = copy.deepcopy(GOOD)
    inside = data
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(ScenarioError):
        simulator.load_scenario(data)


@pytest.mark.parametrize("key", ["name", "horizon", "traffic", "endpoints"])
def test_what_is_required_is_required_in_both(key: str) -> None:
    """The four keys without a default."""
    data = {other: value for other, value in GOOD.items() if other != key}
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(data)
    assert [(key, "missing")] == [(problem.path, problem.message) for problem in caught.value.problems]


def test_keys_of_whole_numbers_are_known() -> None:
    """Counts and MB of memory, not factors, rates and volumes."""
    assert {"replications", "seed", "max_concurrency", "provisioned_concurrency", "memory_size"} <= whole_keys()
    assert {"initial_instance_count", "workers_per_instance", "queue_limit", "clients"} <= whole_keys()
    assert set() == {"mean_rate", "burst_factor", "cv", "volume_size", "name", "mean", "horizon"} & whole_keys()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("traffic", "mean_rate"), {"between": ["2/s", "6/s"], "scale": "log"}),
        (("model", "startup_time"), {"triangular": ["2s", "4s", "8s"]}),
        (
            ("model", "service_time"),
            {"kind": "lognormal", "mean": {"lognormal": {"median": "1s", "p90": "2s"}}, "cv": 1},
        ),
        (("model", "payload_in"), {"lognormal": {"mean": "20kB", "cv": 0.5}}),
        (("endpoints", 0, "max_concurrency"), {"between": [2, 9]}),
        (("endpoints", 0, "idle_timeout"), {"choice": ["5m", "none"], "weights": [1, 2]}),
        (("endpoints", 0, "idle_routing"), {"choice": ["random", "newest_created"]}),
        (("endpoints", 1, "instance_type"), {"choice": ["ml.m5.xlarge", "ml.c5.xlarge"]}),
        (("free_tier",), {"choice": [True, False]}),
        (("endpoints", 1, "autoscaling"), {"max_capacity": {"between": [2, 5]}}),
        (
            ("endpoints", 1, "autoscaling"),
            {
                "max_capacity": 3,
                "policies": [
                    {"kind": "target_tracking", "metric": "backlog_per_instance", "target": {"between": [5, 20]}}
                ],
            },
        ),
        (("endpoints", 1, "batching"), {"max_size": 4, "growth": {"between": [0.1, 0.4]}}),
        (("endpoints", 0, "launch_rate"), {"limit": {"between": [1, 9]}, "per": "1s"}),
        (("clients",), {"retries": {"attempts": {"between": [2, 5]}}}),
        (("clients",), {"patience": {"between": ["2s", "9s"]}}),
        (("prices",), {"serverless.duration.2048MB": {"between": [2e-5, 5e-5]}}),
        (("traffic",), {"choice": [{"kind": "poisson", "mean_rate": "2/s"}, {"kind": "poisson", "mean_rate": "4/s"}]}),
        (("traffic",), {"kind": "profile", "period": "day", "rates": [{"between": ["1/h", "2/h"]}, *["1/h"] * 23]}),
    ],
    ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_editors_allow_assumptions_where_the_program_does(path: tuple[str | int, ...], value: Any) -> None:
    """Beside every value that may be uncertain; what is written out is allowed as well."""
    data: Any = copy.deepcopy(GOOD)
    inside = data
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    VALIDATOR.validate(data)
    scenario = simulator.load_scenario(data)
    assert 1 == len(scenario.assumed)
    VALIDATOR.validate(scenario.resolved())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("traffic", "mean_rate"), {"between": ["2/s"]}),
        (("traffic", "mean_rate"), {"between": ["2/s", "6/s"], "scal": "log"}),
        (("traffic", "mean_rate"), {"lognormal": {"median": "2/s"}}),
        (("endpoints", 0, "max_concurrency"), {"choice": [2]}),
        (("horizon",), {"between": ["1h", "2h"]}),
        (("replications",), {"between": [10, 20]}),
        (("endpoints", 1, "name"), {"choice": ["a", "b"]}),
    ],
    ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_editors_refuse_assumptions_that_the_program_refuses(path: tuple[str | int, ...], value: Any) -> None:
    """Wrong forms, and places where nothing may be uncertain."""
    test_schema_and_program_refuse_alike(path, value)
