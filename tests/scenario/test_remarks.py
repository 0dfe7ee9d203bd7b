"""What a reader of results is told about the input: each remark where it applies, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.scenario.loading import load_scenario


def notes(**changes: Any) -> list[str]:
    """Remarks on a scenario that by itself deserves none."""
    return load_scenario(
        {
            "name": "plain",
            "horizon": "10m",
            "traffic": {"kind": "poisson", "mean_rate": "2/s"},
            "model": {"service_time": "250ms", "startup_time": "4s"},
            "endpoints": [{"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"}],
            **changes,
        }
    ).notes()


def test_a_plain_scenario_needs_no_remark() -> None:
    """Known prices, one kind of hardware, constant sizes, nothing left out."""
    assert [] == notes()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"traffic": {"kind": "poisson", "mean_rate": "0/s"}}, "The mean rate is 0: no request arrives."),
        (
            {"initial_transient": "1m"},
            "The first 60s of each replication (initial_transient) count in no measure and in no cost.",
        ),
        (
            {
                "endpoints": [
                    {"name": "a", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
                    {"name": "b", "kind": "real_time", "instance_type": "ml.c5.xlarge"},
                ]
            },
            "Equal service times on different hardware (a on ml.m5.xlarge; b on ml.c5.xlarge): if one is faster, give "
            "each endpoint its own service_time.",
        ),
        (
            {"fleet": {"models": 3, "zipf": 1.0}},
            "Only `endpointsim fleet` parts the traffic among the models of the fleet; every other question takes it "
            "for that of one model.",
        ),
        (
            {
                "endpoints": [
                    {"name": "mm", "kind": "multi_model", "instance_type": "ml.m5.xlarge", "model_memory": "8GB"}
                ]
            },
            "Without a fleet mm has one model, which is loaded once on each instance.",
        ),
        (
            {"model": {"service_time": "250us"}},
            "Mean service time on m5 is 0.00025s, less than 1ms: is the unit right?",
        ),
        (
            {"model": {"service_time": "1s", "payload_in": {"kind": "exponential", "mean": "1MB"}}},
            "payload_in (mean 1000000B) has no largest value: requests beyond the platform's limit are simulated, the "
            "platform would refuse them.",
        ),
        (
            {"prices": {"real_time.instance.ml.m5.xlarge": "0.2 USD/h"}},
            "Prices are not those of a bundled sheet: aws/us-east-1/2026-11 with 1 custom price.",
        ),
    ],
)
def test_each_remark_where_it_applies(changes: dict[str, Any], expected: str) -> None:
    """One sentence, and no other."""
    assert [expected] == notes(**changes)


def test_other_hardware_with_its_own_service_time_needs_no_remark() -> None:
    """The user has said how fast each is."""
    assert [] == notes(
        endpoints=[
            {"name": "a", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
            {"name": "b", "kind": "real_time", "instance_type": "ml.c5.xlarge", "service_time": "200ms"},
        ]
    )


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [
        ({"kind": "uniform", "low": "1MB", "high": "5MB"}, True),
        ({"kind": "uniform", "low": "1MB", "high": "4MB"}, False),
        ({"kind": "empirical", "values": ["1kB", "4001kB"]}, True),
        ({"kind": "shifted", "offset": "3MB", "by": {"kind": "uniform", "low": "0B", "high": "2MB"}}, True),
        ({"kind": "mixture", "parts": [{"weight": "99%", "of": "1kB"}, {"weight": "1%", "of": "5MB"}]}, True),
        ({"kind": "mixture", "parts": [{"weight": "100%", "of": "1kB"}, {"weight": "0%", "of": "5MB"}]}, False),
        ({"kind": "lognormal", "mean": "3MB", "cv": 1.0}, False),  # no largest: its mean counts
        ({"kind": "lognormal", "mean": "5MB", "cv": 1.0}, True),
    ],
)
def test_the_largest_payload_is_held_against_the_limit(sizes: dict[str, Any], refused: bool) -> None:
    """A request that can occur and that the platform refuses is an error, however rare (4 MB, serverless)."""
    from simulator.errors import ScenarioError

    changes: dict[str, Any] = {
        "model": {"service_time": "1s", "startup_time": "4s", "payload_in": sizes},
        "endpoints": [{"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5}],
    }
    if not refused:
        notes(**changes)
        return
    with pytest.raises(ScenarioError) as caught:
        notes(**changes)
    assert ["model.payload_in"] == [problem.path for problem in caught.value.problems]
