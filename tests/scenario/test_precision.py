"""A precision in place of a number of replications: what may be asked for, and every way to ask wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario

GOOD = """\
name: good
horizon: 1h
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms, startup_time: 4s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
"""


def asking(**precision: Any) -> Scenario:
    """The good scenario with a precision of the p99 of at most 400 replications."""
    return load_scenario(GOOD, {"precision": {"measure": "p99", "max_replications": 400, **precision}})


def messages(folder: Path, precision: str) -> list[str]:
    """What is told about a file that asks for a precision in its eighth line."""
    file = folder / "scenario.yaml"
    file.write_text(f"{GOOD}precision: {precision}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()[:-1]]


@pytest.mark.parametrize(
    ("measure", "absolute", "expected"),
    [
        ("p99", "5ms", 5.0),
        ("p99", "0.5s", 500.0),
        ("instance_time", "2m", 120.0),
        ("monthly_cost", "10USD", 10.0),
        ("cold_start_fraction", "0.1%", 0.001),
        ("requests", 100, 100.0),
        ("instances_mean", "0.25", 0.25),
    ],
)
def test_an_absolute_error_is_in_the_unit_of_the_measure(measure: str, absolute: str | float, expected: float) -> None:
    """Milliseconds of latency, seconds of instance time, USD, shares, and plain numbers of what is counted."""
    precision = asking(measure=measure, absolute=absolute).precision
    assert precision is not None
    assert pytest.approx(expected, rel=1e-12) == precision.absolute_in_unit


def test_replications_are_then_the_most() -> None:
    """A file need not say both, and must not; what is written out is read back to an equal scenario."""
    scenario = asking(relative="2%")
    assert 400 == scenario.replications
    written = scenario.resolved()
    assert {"measure": "p99", "difference": False, "relative": "2.0%", "max_replications": 400} == written["precision"]
    assert "replications" not in written
    assert scenario == load_scenario(written)


def test_a_fixed_number_takes_its_place() -> None:
    """As if the file had asked for the number, also in the digest."""
    fixed = asking(relative="2%").with_replications(30)
    assert (30, None) == (fixed.replications, fixed.precision)
    assert load_scenario(GOOD, {"replications": 30}) == fixed


def test_without_a_precision_nothing_has_changed() -> None:
    """20 replications by default; the word is not in what is written out, so that no digest has changed."""
    scenario = load_scenario(GOOD)
    assert (20, None) == (scenario.replications, scenario.precision)
    assert 20 == scenario.resolved()["replications"]
    assert "precision" not in scenario.resolved()


def test_endpoints_that_are_looked_at() -> None:
    """All, the one that is named, not the baseline of a difference, and those that can have cold starts."""

    def looked_at(**precision: Any) -> list[str]:
        scenario = asking(absolute="1%" if "measure" in precision else "5ms", **precision)
        assert scenario.precision is not None
        return scenario.precision.endpoints(scenario)

    assert ["serverless", "m5"] == looked_at()
    assert ["m5"] == looked_at(endpoint="m5")
    assert ["m5"] == looked_at(difference=True)
    assert ["serverless"] == looked_at(measure="cold_start_fraction")
    assert ["m5"] == looked_at(measure="cold_start_fraction", difference=True)


@pytest.mark.parametrize(
    ("measure", "names"),
    [
        ("quota_used", ["api"]),
        ("job_length", ["jobs"]),
        ("utilization", ["jobs", "mm"]),
        ("cold_start_fraction", ["mm"]),
        ("monthly_cost", ["api", "jobs", "mm"]),
    ],
)
def test_what_some_kinds_of_endpoints_have_is_asked_of_them_alone(measure: str, names: list[str]) -> None:
    """Tokens of APIs, jobs of batch transform, utilization of instances: of others no replication would tell any."""
    api = {
        "name": "api",
        "kind": "managed_api",
        "model_id": "meta.llama3-1-8b",
        "requests_per_minute": 100,
        "tokens_per_minute": "none",
        "max_tokens": 10,
        "time_per_output_token": "1ms",
    }
    jobs = {"name": "jobs", "kind": "batch_transform", "instance_type": "ml.m5.xlarge", "starts_at": "02:00"}
    shared = {"name": "mm", "kind": "multi_model", "instance_type": "ml.m5.xlarge", "model_memory": "8GB"}
    scenario = load_scenario(
        {
            "name": "kinds",
            "horizon": "1d",
            "prices": {"base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"]},
            "traffic": {"kind": "poisson", "mean_rate": "1/min"},
            "model": {"service_time": "1s", "tokens_in": 1, "tokens_out": 1},
            "endpoints": [api, jobs, shared],
            "precision": {"measure": measure, "relative": "5%", "max_replications": 20},
        }
    )
    assert scenario.precision is not None
    assert names == scenario.precision.endpoints(scenario)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        (
            "{measure: p99, max_replications: 400}",
            ["8:12  precision: give relative or absolute, here is neither of them"],
        ),
        (
            "{measure: p99, relative: 2%, absolute: 5ms, max_replications: 400}",
            ["8:12  precision: give relative or absolute, here is both"],
        ),
        (
            "{measure: p99, relative: 0%, max_replications: 400}",
            ['8:37  precision.relative: "0%" is not allowed, must be more than 0'],
        ),
        (
            "{measure: p99, relative: 0.02, max_replications: 400}",
            ["8:37  precision.relative: 0.02 has no unit; write 0.02%"],
        ),
        (
            "{measure: p99, absolute: 0ms, max_replications: 400}",
            ["8:37  precision.absolute: '0ms' is not allowed, must be more than 0"],
        ),
        (
            "{measure: p99, absolute: 5, max_replications: 400}",
            ["8:37  precision.absolute: error of p99: '5' has no unit; write 5ms or 5s"],
        ),
        (
            "{measure: monthly_cost, absolute: 5ms, max_replications: 400}",
            ["8:46  precision.absolute: error of monthly_cost: '5ms' is not an amount; write for example 250USD"],
        ),
        (
            "{measure: requests, absolute: 5%, max_replications: 400}",
            ["8:42  precision.absolute: error of requests: '5%' is not a number; write for example 100"],
        ),
        (
            "{measure: p99, relative: 2%, difference: true, max_replications: 400}",
            ["8:37  precision.relative: a difference may be 0, and no error is a share of 0; give absolute instead"],
        ),
        (
            "{measure: monthly_csot, relative: 2%, max_replications: 400}",
            ["8:22  precision.measure: no measure 'monthly_csot'; nearest: monthly_cost"],
        ),
        (
            "{measure: p99, relative: 2%, max_replications: 19}",
            [
                "8:59  precision.max_replications: 19 is not allowed, must be at least 20: from fewer replications "
                "nobody can tell how wide the interval is"
            ],
        ),
        (
            "{measure: p99, relative: 2%}",
            ["8:1  precision.max_replications: missing"],
        ),
        (
            "{measure: p99, relative: 2%, max_replications: 400, max_replication: 5}",
            ['8:64  precision.max_replication: unknown key, did you mean "max_replications"?'],
        ),
        (
            "{measure: p99, endpoint: serverles, relative: 2%, max_replications: 400}",
            ['8:37  precision.endpoint: no endpoint is named "serverles", did you mean "serverless"?'],
        ),
        (
            "{measure: p99, endpoint: serverless, absolute: 5ms, difference: true, max_replications: 400}",
            ['8:37  precision.endpoint: "serverless" is the baseline, and its difference from itself is always 0'],
        ),
        (
            "{measure: cold_start_fraction, endpoint: m5, absolute: 1%, max_replications: 400}",
            ['8:22  precision.measure: only on-demand endpoints have cold_start_fraction, and "m5" is none'],
        ),
        (
            "{measure: quota_used, relative: 2%, max_replications: 400}",
            ["8:22  precision.measure: only managed APIs have quota_used, and no endpoint here is one"],
        ),
        (
            "{measure: p99, relative: 2%, max_replications: 400}\nreplications: 40",
            [
                "9:15  replications: 40 replications and a precision (precision.max_replications 400) are both given; "
                "give one of them"
            ],
        ),
        ("2%", ['8:12  precision: "2%" is not a mapping of keys']),
    ],
)
def test_what_is_wrong_is_told_once_where_it_stands(tmp_path: Path, precision: str, expected: list[str]) -> None:
    """Place, value, what is allowed, and the nearest where a name is not known."""
    assert expected == messages(tmp_path, precision)


def test_one_endpoint_alone_has_no_difference() -> None:
    """Nothing to take it from."""
    with pytest.raises(ScenarioError, match="there is one endpoint only, and nothing to take the difference from"):
        load_scenario(
            GOOD.replace("  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}\n", ""),
            {"precision": {"measure": "p99", "absolute": "5ms", "difference": True, "max_replications": 400}},
        )


def test_what_is_set_from_outside_takes_the_place_of_the_other() -> None:
    """``--set replications=40`` on a scenario with a precision; both from outside are told with their place."""
    text = f"{GOOD}precision: {{measure: p99, relative: 2%, max_replications: 400}}\n"
    chosen = load_scenario(text, {"replications": 40})
    assert (40, None) == (chosen.replications, chosen.precision)
    precision = {"measure": "p99", "relative": "2%", "max_replications": 60}
    with pytest.raises(ScenarioError, match=r"are both given; give one of them \(set from outside the file\)"):
        load_scenario(text, {"replications": 40, "precision": precision})
