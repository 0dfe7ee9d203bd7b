"""``compare``: options become the scenario that a file would say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.cli.compare import RealTimeText, ServerlessText, scenario_of
from simulator.cli.errors import Refused

LEAST = ["--rate", "2/s", "--service", "250ms"]


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments, "--no-results"])


def said(**options: Any) -> dict[str, Any]:
    """Scenario of the options, those left out as the command has them."""
    given: dict[str, Any] = {
        "rate": "2/s",
        "burst": None,
        "service": "250ms",
        "service_cv": 0.0,
        "cold_start": "4s",
        "cold_start_cv": 0.0,
        "serverless": (),
        "real_time": (),
        "idle_timeout": None,
        "objectives": (),
        "horizon": "1d",
    }
    return scenario_of(**{**given, **options})


SERVERLESS = ServerlessText().convert("4096MB:20", None, None)
REAL_TIME = RealTimeText().convert("ml.m5.xlarge:1:4", None, None)


@pytest.mark.parametrize(
    ("text", "name", "count", "workers"),
    [
        ("ml.m5.xlarge", "m5-xlarge-x1-w1", 1, 1),
        ("ml.m5.xlarge:2", "m5-xlarge-x2-w1", 2, 1),
        ("ml.m5.xlarge:2:4", "m5-xlarge-x2-w4", 2, 4),
    ],
)
def test_real_time_endpoints(text: str, name: str, count: int, workers: int) -> None:
    """Instances and workers are 1 unless given."""
    block = RealTimeText().convert(text, None, None)
    assert (name, count, workers) == (block["name"], block["initial_instance_count"], block["workers_per_instance"])


def test_serverless_endpoints() -> None:
    """The third number is the provisioned concurrency."""
    assert {
        "name": "serverless-4096mb-c20-pc2",
        "kind": "serverless",
        "memory_size": "4096MB",
        "max_concurrency": 20,
        "provisioned_concurrency": 2,
    } == ServerlessText().convert("4096MB:20:2", None, None)


def test_times_vary_only_if_they_are_said_to() -> None:
    """A coefficient of variation makes a lognormal of the mean."""
    model = said(service_cv=0.1, serverless=(SERVERLESS,))["model"]
    assert {"service_time": {"kind": "lognormal", "mean": "250ms", "cv": 0.1}, "startup_time": "4s"} == model


def test_bursts() -> None:
    """A tenth of the time, a minute long on average; Poisson without."""
    assert {"kind": "poisson", "mean_rate": "2/s"} == said(real_time=(REAL_TIME,))["traffic"]
    assert {
        "kind": "bursty",
        "mean_rate": "2/s",
        "burst_factor": 8.0,
        "burst_share": "10%",
        "burst_length": "60s",
    } == said(real_time=(REAL_TIME,), burst=8.0)["traffic"]


def test_the_idle_timeout_is_for_serverless_endpoints() -> None:
    """A real-time endpoint has none."""
    serverless, real_time = said(serverless=(SERVERLESS,), real_time=(REAL_TIME,), idle_timeout="5m")["endpoints"]
    assert "5m" == serverless["idle_timeout"]
    assert "idle_timeout" not in real_time


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("no endpoint to compare", {}),
        ("needs --cold-start", {"serverless": (SERVERLESS,), "cold_start": None}),
        ("m5-xlarge-x1-w4 is given twice", {"real_time": (REAL_TIME, REAL_TIME)}),
    ],
)
def test_what_makes_no_scenario_is_refused(words: str, options: dict[str, Any]) -> None:
    """With what to do about it."""
    with pytest.raises(Refused, match=words):
        said(**options)


@pytest.mark.parametrize(
    "option", [["--serverless", "4096MB"], ["--serverless", "4096MB:x"], ["--real-time", "a:1:2:3"]]
)
def test_endpoints_in_another_form_are_refused(option: list[str]) -> None:
    """Exit code 2 and an example."""
    result = invoked(*LEAST, *option)
    assert 2 == result.exit_code
    assert "write for example" in " ".join(result.stderr.split())


def test_compare_gives_the_answer_of_run() -> None:
    """The same numbers as the scenario file that says the same."""
    options = ["-n", "3", "--horizon", "1h", "--output", "json"]
    ends = ["--serverless", "4096MB:20", "--real-time", "ml.m5.xlarge:1:4", "--cold-start", "4s"]
    compared = invoked(*LEAST, *ends, *options, "--objective", "p95<500ms")
    assert 0 == compared.exit_code, compared.output
    scenario = said(serverless=(SERVERLESS,), real_time=(REAL_TIME,), horizon="1h", objectives=("p95<500ms",))
    ran = CliRunner().invoke(main, ["run", "-", "-n", "3", "--no-results", "--output", "json"], json.dumps(scenario))
    assert compared.stdout == ran.stdout
    assert "serverless-4096mb-c20" == json.loads(compared.stdout)["cheapest"]


def test_values_are_checked_where_scenarios_are() -> None:
    """A wrong memory size is told as in a file."""
    result = invoked(*LEAST, "--cold-start", "4s", "--serverless", "4000MB:20")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "memory_size" in result.stderr
