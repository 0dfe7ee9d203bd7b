"""Plans of jobs, APIs and capacity that follows its load: their candidates, and the cheapest one by hand."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import InputError, ScenarioError
from simulator.questions.plan.candidates import Candidate, choice_of
from simulator.questions.plan.plan import plan
from simulator.scenario.loading import read_source
from simulator.scenario.plan import VARIED, Candidates

JOBS = {
    "name": "jobs",
    "kind": "batch_transform",
    "instance_type": "ml.g5.xlarge",
    "starts_at": "02:05",
    "launch_time": "1m",
}
NIGHT: dict[str, Any] = {
    "name": "night",
    "horizon": "4h",
    "starts_at": "2026-11-23T00:00:00+00:00",
    "traffic": {"kind": "periodic", "requests": 10, "interval": "1d", "offset": "2h"},
    "model": {"service_time": "6m"},
    "endpoints": [JOBS],
    "objectives": ["p99 < 40m"],
    "plan": {"judged_by": "mean"},
}
API = {
    "name": "small",
    "kind": "managed_api",
    "model_id": "meta.llama3-1-8b",
    "requests_per_minute": 100,
    "tokens_per_minute": "none",
    "max_tokens": 10,
    "time_per_output_token": "1ms",
}
APIS: dict[str, Any] = {
    "name": "apis",
    "horizon": "1h",
    "prices": {"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
    "traffic": {"kind": "poisson", "mean_rate": "1/s"},
    "model": {"service_time": "100ms", "startup_time": "1s", "tokens_in": 10, "tokens_out": 10},
    "endpoints": [API, {**API, "name": "large", "requests_per_minute": 1000}],
    "objectives": ["throttled_fraction < 1%"],
}
SCALED = {
    "name": "scaled",
    "kind": "serverless",
    "memory_size": "2048MB",
    "max_concurrency": 20,
    "provisioned_concurrency": 1,
    "autoscaling": {"max_capacity": 4, "policies": [{"kind": "target_tracking", "target": 0.7}]},
}


def made(given: dict[str, Any], *vary: str) -> dict[str, Candidate]:
    """Name → candidate."""
    return {one.name: one for one in choice_of(read_source(given), {}, vary).candidates}


def test_the_least_costly_job_that_is_done_in_time() -> None:
    """Ten requests of 6 minutes, handed in 5 minutes before the job, whose instances need a minute.

    With n instances the last is there after 5 + 1 + 6 ceil(10/n) minutes, at a cost of n (1 + 6 ceil(10/n)): 66 and
    36 minutes for 61 and 62, then 30 for 75. By default one to six instances are tried.
    """
    found = plan(read_source(NIGHT), replications=20)
    assert {f"jobs-x{count}" for count in range(1, 7)} == {one.name for one in found.choice.candidates}
    assert found.plan == "jobs-x2"
    p99 = found.samples["jobs-x1"].column("p99")
    assert [66 * 60e3] * len(p99) == p99
    costs = [found.cost(f"jobs-x{count}").value for count in (1, 2, 3)]
    assert [61, 62, 75] == pytest.approx([61 * cost / costs[0] for cost in costs])  # type: ignore[operator]


def test_apis_that_differ_in_their_quota_are_two_candidates() -> None:
    """Each is taken as it is; what is varied stands in the name, with what it is."""
    assert ["small", "large"] == list(made(APIS))
    varied = made(APIS, "small.requests_per_minute=none,60", "small.max_tokens=5,10")
    assert [
        "large",
        "small-rpmnone-tokens5",
        "small-rpmnone-tokens10",
        "small-rpm60-tokens5",
        "small-rpm60-tokens10",
    ] == (list(varied))
    assert {"requests_per_minute": 60, "max_tokens": 5} == varied["small-rpm60-tokens5"].values


def test_bounds_of_autoscaling_are_varied_in_its_block() -> None:
    """The rest of the block stays; without a block there is nothing to vary."""
    given = {**APIS, "endpoints": [SCALED, API]}
    assert "serverless-2048mb-c20-pc1" in made(given)
    varied = made(given, "scaled.max_capacity=2..4", "scaled.memory_size=4096MB")
    assert [f"scaled-4096MB-max{most}" for most in (2, 3, 4)] == [
        name for name, one in sorted(varied.items()) if one.origin == "scaled"
    ]
    three = varied["scaled-4096MB-max3"].written
    assert {**SCALED["autoscaling"], "max_capacity": 3} == three["autoscaling"]  # type: ignore[dict-item]
    assert "max_capacity" not in three
    bare = {key: value for key, value in SCALED.items() if key != "autoscaling"}
    with pytest.raises(InputError, match="scaled has no autoscaling whose max_capacity a plan may choose"):
        made({**APIS, "endpoints": [bare]}, "scaled.max_capacity=2..4")
    block = {"candidates": [{"endpoint": "scaled", "max_capacity": "2..4"}]}
    with pytest.raises(ScenarioError, match="has no autoscaling whose bounds candidates could give"):
        made({**APIS, "endpoints": [bare], "plan": block})


def test_every_field_that_may_vary_can_be_written() -> None:
    """The block knows every field of every kind."""
    fields = {field for of_kind in VARIED.values() for field in of_kind}
    assert fields == set(Candidates.model_fields) - {"endpoint"}
