"""``risk``: the answer on standard output in four forms, files in the results, and exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import simulator.cli.simulating
from simulator.cli import main

QUIET = ("quiet-development-endpoint", "-n", "2", "--set", "horizon=2d", "-q")


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["risk", *arguments])


def test_the_answer_stands_first_and_the_files_hold_it(tmp_path: Path) -> None:
    """The risk in the first line; a table, JSON, text and the figure in a folder of their own."""
    done = invoked(*QUIET, "--results", str(tmp_path))
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("Cold starts\n  serverless-2gb: ")
    kept = {path.name for path in tmp_path.glob("quiet-development-endpoint/risk-*/*")}
    assert {"cold-by-hour.png", "cold-by-hour.svg", "report.txt", "risk.csv", "risk.json"} == kept


def test_forms_of_the_result() -> None:
    """JSON and the long table tell the same share; Markdown has its heading."""
    facts = json.loads(invoked(*QUIET, "--no-results", "--output", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(invoked(*QUIET, "--no-results", "--output", "csv").stdout)))
    first = rows[0]
    assert ("serverless-2gb", "", "cold_start_fraction", "", "1") == tuple(
        first[name] for name in ("endpoint", "instead", "figure", "hour", "unit")
    )
    assert facts["cold_share"]["value"] == float(first["value"])
    assert [1] == [one["least"] for one in facts["least_provisioned_concurrency"]]
    assert facts["no_months"].startswith("replications are neither a month long")
    markdown = invoked(*QUIET, "--no-results", "--output", "markdown").stdout
    assert markdown.startswith("# Cold starts of serverless-2gb, quiet-development-endpoint")


def test_an_uncertain_scenario_is_answered() -> None:
    """With what is uncertain, and why nothing is told of a month."""
    done = invoked("uncertain-launch", "-n", "4", "--set", "horizon=20m", "--no-results", "-q")
    assert 0 == done.exit_code, done.output
    assert "Uncertain\n  - traffic.burst_factor: uniform from 2 to 5" in done.stdout
    assert "Not told: replications are neither" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--endpoint", "m5-xlarge"), "m5-xlarge is real_time"),
        (("--endpoint", "m5"), "has no endpoint 'm5'"),
    ],
)
def test_wrong_options_are_told_in_one_message(options: tuple[str, ...], message: str) -> None:
    """Exit code 2, nothing on standard output."""
    done = invoked(*QUIET, "--no-results", *options)
    assert (2, "") == (done.exit_code, done.stdout)
    assert message in done.stderr


def test_an_interrupt_tells_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130; the replications that were finished are told with the word that not everything is."""
    plain = simulator.study.run.run_all

    def one_replication(scenarios: Any, **options: Any) -> Any:
        from dataclasses import replace

        return [replace(one, records=one.records[:1]) for one in plain(scenarios, **options)]

    monkeypatch.setattr(simulator.study.run, "run_all", one_replication)
    done = invoked(*QUIET, "--no-results")
    assert 130 == done.exit_code
    assert "Interrupted: not everything that was to be tried is finished" in done.stdout
