"""``fleet``: the answer in four forms, files in the results, exit codes, and an interrupt."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import simulator.questions.fleet.running
from simulator.cli import main

TEXT = """
name: many
horizon: 10m
replications: 3
traffic: {kind: poisson, mean_rate: 4/s}
model: {service_time: 300ms, startup_time: 4s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 20}
  - {name: instance, kind: real_time, instance_type: ml.m5.large, workers_per_instance: 2}
objectives: [failed_fraction < 1%]
fleet: {models: 4, zipf: 2.0}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "many.yaml"
    path.write_text(TEXT)
    return str(path)


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["fleet", *arguments, "-q"])


def test_the_answer_stands_first_and_the_files_hold_it(scenario: str, tmp_path: Path) -> None:
    """The mix in the first line; replications, table, JSON, text and figure in a folder of their own."""
    done = invoked(scenario, "--results", str(tmp_path / "r"))
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("Best mix\n  3 on serverless, 1 on instance: $")
    kept = {path.name for path in tmp_path.glob("r/many/fleet-*/*")}
    figure = {"models-by-traffic.png", "models-by-traffic.svg"}
    assert {"fleet.csv", "fleet.json", "report.txt", "manifest.json", "records.jsonl"} | figure == kept


def test_forms_of_the_result(scenario: str) -> None:
    """JSON and CSV have every model and way with the same costs; Markdown has its heading."""
    facts = json.loads(invoked(scenario, "--no-results", "--output", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(invoked(scenario, "--no-results", "--output", "csv").stdout)))
    assert [(one["model"], way) for one in facts["models"] for way in ("serverless", "instance")] == [
        (row["model"], row["way"]) for row in rows
    ]
    for one, row in zip(facts["models"], rows[::2], strict=True):
        assert one["ways"]["serverless"]["monthly_cost"]["value"] == float(row["monthly_cost_usd"])
    assert invoked(scenario, "--no-results", "--output", "markdown").stdout.startswith("# The models of many")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--set", "objectives=[mean_latency < 1ms]"), 3),
        (("-n", "1"), 0),
        (("-n", "1", "--strict"), 4),
        (("--set", "fleet.zipf=-1"), 2),
    ],
)
def test_exit_codes(scenario: str, options: tuple[str, ...], code: int) -> None:
    """Fine, objectives met nowhere, undecided but not asked, undecided and asked, invalid."""
    assert code == invoked(scenario, "--no-results", *options).exit_code


def test_a_scenario_without_a_fleet() -> None:
    """Exit code 2 and one message."""
    done = invoked("steady-high-rate", "--no-results")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "has no fleet; it needs a block" in done.stderr


def test_an_interrupt_before_anything_is_finished(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130, nothing on standard output."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulator.questions.fleet.running, "fleet_record", interrupted)
    done = invoked(scenario, "--no-results")
    assert (130, "") == (done.exit_code, done.stdout)
    assert "before a replication was finished" in done.stderr
