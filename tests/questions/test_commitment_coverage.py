"""What plans cover besides instances: hours of serverless endpoints by hand, and the switches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import simulator
from simulator.cli import main
from simulator.errors import InputError
from simulator.questions.commitment.commitment import Commitments, check, endpoints_of
from simulator.questions.commitment.coverage import Coverage
from simulator.scenario.model import Scenario

#: Arrivals [s]: four in the first hour, one in the second, two at one instant in the third, one at the very start of
#: the fourth.
ARRIVALS = [10, 110, 210, 310, 3700, 7300, 7300, 10_800]
SERVERLESS = Coverage(serverless=True)


def scenario(folder: Path, **given: Any) -> Scenario:
    """2 GB of serverless, without and with provisioned concurrency, 30 s a request, four hours; and instances."""
    file = folder / "arrivals.csv"
    file.write_text("at\n" + "".join(f"{at}\n" for at in ARRIVALS), encoding="utf-8")
    serverless = {"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5}
    document = {
        "name": "hours",
        "horizon": "4h",
        "replications": 2,
        "traffic": {
            "kind": "recorded",
            "file": str(file),
            "column": "at",
            "time_unit": "s",
            "origin": 0,
            "length": "4h",
        },
        "model": {"service_time": "30s", "startup_time": "1s"},
        "endpoints": [
            {"name": "plain", **serverless},
            {"name": "kept", **serverless, "provisioned_concurrency": 1},
            {"name": "waits", "kind": "asynchronous", "instance_type": "ml.m5.xlarge"},
            {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
        ],
    }
    return Scenario.model_validate({**document, **given})


def test_hours_of_serverless_on_demand(tmp_path: Path) -> None:
    """30 s at 0.00004 USD/s are 0.0012 USD a request; 4, 1, 2 and 1 requests in the four hours."""
    study = simulator.run(scenario(tmp_path))
    hours = [0.0048, 0.0012, 0.0024, 0.0012]
    found = Commitments(study, "plain", discount=0.4, coverage=SERVERLESS)
    np.testing.assert_allclose(found.usage, [hours, hours], rtol=1e-12)


def test_hours_of_provisioned_concurrency(tmp_path: Path) -> None:
    """An hour of one is 0.036 USD; 30 s on it 0.000699, and the second of two at once goes on demand for 0.0012."""
    found = Commitments(simulator.run(scenario(tmp_path)), "kept", discount=0.4, coverage=SERVERLESS)
    hours = [0.036 + 4 * 0.000699, 0.036699, 0.036699 + 0.0012, 0.036699]
    np.testing.assert_allclose(found.usage[0], hours, rtol=1e-12)
    # 40 % off and as many hours: the second largest of four is not exceeded in more than 60 % of them.
    assert 0.6 * 0.036699 == pytest.approx(found.best.value)


def test_hours_add_up_to_the_bill(tmp_path: Path) -> None:
    """Over whole hours: duration, allocation and provisioned duration, whatever the initial transient leaves out."""
    study = simulator.run(scenario(tmp_path, initial_transient="1h"))
    row = study.replications.query("endpoint == 'kept'").iloc[0]
    names = ("duration", "provisioned_allocation", "provisioned_duration")
    billed = sum(float(row[f"cost_{name}_usd"]) for name in names)
    usage = Commitments(study, "kept", discount=0.4, coverage=SERVERLESS).usage
    assert (2, 3) == usage.shape
    assert billed == pytest.approx(float(usage[0].sum()))


def test_allocation_that_follows_a_schedule(tmp_path: Path) -> None:
    """One from the start, three from 01:30 to 02:00: 1, 1 + 1, 1 and 1 hours of 0.036 USD, and the requests."""
    block = {
        "min_capacity": 1,
        "max_capacity": 1,
        "scheduled_actions": [
            {"at": "01:30", "min_capacity": 3, "max_capacity": 3},
            {"at": "02:00", "min_capacity": 1, "max_capacity": 1},
        ],
        "allocation_time": "0s",
    }
    made = scenario(tmp_path).model_dump(mode="json", exclude_none=True)
    made["endpoints"] = [{**made["endpoints"][1], "autoscaling": block}]
    made["baseline"] = "kept"
    found = Commitments(simulator.run(Scenario.model_validate(made)), "kept", discount=0.4, coverage=SERVERLESS)
    hours = [0.036 + 4 * 0.000699, 0.072699, 0.036699 + 0.0012, 0.036699]
    np.testing.assert_allclose(found.usage[0], hours, rtol=1e-12)


def test_what_is_covered_is_a_switch(tmp_path: Path) -> None:
    """Serverless endpoints only if asked, asynchronous ones unless asked not to."""
    made = scenario(tmp_path)
    assert ["waits", "instance"] == endpoints_of(made)
    assert ["plain", "kept", "waits", "instance"] == endpoints_of(made, SERVERLESS)
    assert ["instance"] == endpoints_of(made, Coverage(asynchronous=False))
    with pytest.raises(InputError, match="--serverless takes it"):
        check(made, "plain")
    with pytest.raises(InputError, match="not to cover asynchronous"):
        check(made, "waits", Coverage(asynchronous=False))


def test_the_switch_of_the_command() -> None:
    """With --serverless the endpoint has an answer, and the report says that sources disagree."""
    asked = ["commitment", "steady-high-rate", "--no-results", "-q", "-n", "2", "--set", "horizon=2h"]
    asked += ["--discount", "40%", "--endpoint", "serverless-2gb"]
    refused = CliRunner().invoke(main, asked)
    assert 2 == refused.exit_code
    assert "--serverless" in refused.output
    done = CliRunner().invoke(main, [*asked, "--serverless"])
    assert 0 == done.exit_code, done.output
    assert "sources disagree" in done.stdout
    facts = json.loads(CliRunner().invoke(main, [*asked, "--serverless", "--output", "json"]).stdout)
    assert {"serverless": True, "asynchronous": True} == facts["covers"]
