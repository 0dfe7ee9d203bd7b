"""What stresses do to capacity that follows its load, to jobs and to APIs."""

from __future__ import annotations

import pytest

from simulator.errors import InputError
from simulator.questions.stress.of_endpoints import ColdAtPeak, SlowerService, SlowerStarts
from simulator.questions.stress.planned import planned
from simulator.scenario.stress import Stresses
from simulator.study.run import run
from tests.study.scenarios import BASE, scenario

HOURS = {"kind": "profile", "period": "day", "rates": ["10/h"] * 9 + ["1/s"] * 3 + ["10/h"] * 12}
G5 = {"instance_type": "ml.g5.xlarge"}
OFFICE = {
    "min_capacity": 0,
    "max_capacity": 5,
    "scheduled_actions": [
        {"at": "06:45", "min_capacity": 4, "max_capacity": 5},
        {"at": "19:00", "min_capacity": 0, "max_capacity": 0},
    ],
}
SCHEDULED = {"name": "scheduled", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 20}


def test_a_deployment_at_the_peak_finds_the_schedule_as_it_has_become_by_then() -> None:
    """At 10:30 the action of 06:45 holds, whatever the bounds at midnight: four instances at least, and they are there.

    In the evening, when none may be, there are none.
    """
    base = scenario(
        traffic=HOURS,
        horizon="1d",
        starts_at="2026-11-23T00:00:00+00:00",
        endpoints=[{**SCHEDULED, "autoscaling": OFFICE}],
        baseline="scheduled",
    )
    stress = ColdAtPeak((0.0, 1.0))
    [moved] = stress.apply(base, 1.0).endpoints
    assert (4, 4, 5) == (
        moved.provisioned_concurrency,  # type: ignore[union-attr]
        moved.autoscaling.min_capacity,  # type: ignore[union-attr]
        moved.autoscaling.max_capacity,  # type: ignore[union-attr]
    )
    assert "" == stress.refusal(base)
    evening = base.endpoints[0].autoscaling.in_force(20 * 3600.0)  # type: ignore[union-attr]
    assert (0, 0) == (evening.min_capacity, evening.max_capacity)
    assert 1 == len(run(stress.apply(base, 1.0), replications=1).replications)


def test_a_schedule_that_does_not_go_on_beyond_the_run_is_refused_in_one_sentence() -> None:
    """The next morning it would ask for four of at most none: nothing to simulate, and no fault of the program."""
    actions = [{"at": "06:45", "min_capacity": 4}, OFFICE["scheduled_actions"][1]]  # type: ignore[index]
    base = scenario(
        traffic=HOURS,
        horizon="1d",
        starts_at="2026-11-23T00:00:00+00:00",
        endpoints=[{**SCHEDULED, "autoscaling": {**OFFICE, "scheduled_actions": actions}}],
        baseline="scheduled",
    )
    reason = (
        r"scheduled_actions\[0\] of scheduled, in a run that begins at the peak, makes min_capacity 4 and "
        "max_capacity 0, which must not be less"
    )
    with pytest.raises(InputError, match=f"^stress cold_at_peak: {reason}$"):
        planned(base, Stresses(cold_at_peak=True))


def test_launches_of_scaling_and_of_jobs_are_slower_too() -> None:
    """Twice the startup time, the time of a launch by scaling, of an allocation and of a job: all are there as late."""
    base = scenario(
        endpoints=[
            {**SCHEDULED, "autoscaling": {**OFFICE, "allocation_time": "90s"}},
            {"name": "scaled", "kind": "asynchronous", **G5, "autoscaling": {"max_capacity": 2, "launch_time": "5m"}},
            {"name": "jobs", "kind": "batch_transform", **G5, "starts_at": "02:00", "launch_time": "4m"},
        ],
        baseline="jobs",
    )
    stress = SlowerStarts((1.0, 2.0))
    provisioned, scaled, jobs = stress.apply(base, 2.0).endpoints
    assert 180.0 == provisioned.autoscaling.allocation_time.mean()  # type: ignore[union-attr]
    assert 600.0 == scaled.autoscaling.launch_time.mean()  # type: ignore[union-attr]
    assert 480.0 == jobs.launch_time.mean()  # type: ignore[union-attr]
    assert ["", "", ""] == [stress.spares(base, one) for one in base.endpoints]
    assert ["it launches none for a request"] * 2 == [
        ColdAtPeak((0.0, 1.0)).spares(base, one) for one in base.endpoints[1:]
    ]


def test_a_slower_api_is_slower_by_the_token_too() -> None:
    """Half a second and 10 ms a token become a second and 20 ms; it launches and retires nothing."""
    api = {
        "name": "api",
        "kind": "managed_api",
        "model_id": "meta.llama3-1-8b",
        "max_tokens": 100,
        "requests_per_minute": "none",
        "tokens_per_minute": "none",
        "time_per_output_token": "10ms",
        "service_time": "500ms",
    }
    base = scenario(
        prices={"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
        model={**BASE["model"], "tokens_in": 10, "tokens_out": 10},
        endpoints=[api],
        baseline="api",
    )
    slow = SlowerService((1.0, 2.0)).apply(base, 2.0)
    assert (1.0, 0.02) == (slow.service_time(slow.endpoints[0]).mean(), slow.endpoints[0].time_per_output_token)  # type: ignore[union-attr]
    assert "it launches no instances" == SlowerStarts((1.0,)).spares(base, base.endpoints[0])
    assert "it has no instances of its own" == ColdAtPeak((0.0,)).spares(base, base.endpoints[0])
