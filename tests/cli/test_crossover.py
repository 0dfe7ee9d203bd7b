"""``crossover``: what it prints, writes and refuses, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.cli.crossover import exit_code

#: Serverless costs 0.2 s × 0.0005 USD a request, as much as the instance at 1/s.
SMALL = """\
name: small
description: Where do they cost the same?
horizon: 10m
replications: 10
seed: 1
traffic: {kind: poisson, mean_rate: 0.5/s}
prices: {real_time.instance.box: 0.36 USD/h, serverless.duration.1024MB: 0.0005 USD/s}
model: {service_time: 200ms, startup_time: 0s}
endpoints:
  - {name: s, kind: serverless, platform: generic, memory_size: 1024MB, max_concurrency: none}
  - {name: box, kind: real_time, instance_type: box, workers_per_instance: 4}
objectives: ["p95 < 300ms"]
"""
OVER = ("--over", "traffic.mean_rate=0.4/s..3/s")


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def invoked(scenario: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["crossover", str(scenario), *arguments])


def quiet(scenario: Path, *arguments: str) -> Result:
    return invoked(scenario, *OVER, "--no-results", "-q", *arguments)


def test_the_text_says_the_answer_first_in_a_hundred_columns(scenario: Path) -> None:
    """Who from where to where; what holds at present and what comes next; each change with interval and cause."""
    result = quiet(scenario, "--growth", "8%/month")
    assert 0 == result.exit_code, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    head, present = result.stdout.split("\n\n")[:2]
    assert head.startswith("Cheapest endpoint that meets all objectives: s up to ")
    assert head.endswith(", box above.")
    assert " ".join(present.split()).startswith(
        "At present, 0.5/s: s. Growing by 8 % a month, the next change is reached after "
    )
    assert present.endswith(": then box.")
    body = result.stdout.split("\n\n", 2)[2].splitlines()
    titles = [line for line in body if line and not line.startswith(" ")]
    assert ["Scenario small", "The answer changes once", "At each change", "Utilization at each change"] == titles[:4]
    assert any(line.startswith("  - ") and line.endswith("): s → box, costs cross") for line in lines)
    assert any("1/s (in the interval)" in line and line.endswith(")") and "months" in line for line in lines)


def test_json_and_csv_say_the_same_numbers(scenario: Path) -> None:
    """Place with interval, requests and rate there, closed form, month, utilization, growth, every point."""
    facts: dict[str, Any] = json.loads(quiet(scenario, "--growth", "8%/month", "--output", "json").stdout)
    (row,) = csv.DictReader(io.StringIO(quiet(scenario, "--growth", "8%/month", "--output", "csv").stdout))
    (change,) = facts["changes"]
    assert ("s", "box", "cost", True) == (change["before"], change["after"], change["reason"], change["decided"])
    assert ("s", "box", "cost", "True") == (row["before"], row["after"], row["reason"], row["is_decided"])
    low, high = change["ci"]
    assert low < 1.0 < high
    assert low < change["at"] < high
    assert [change["at"], low, high] == [float(row[key]) for key in ("traffic.mean_rate [/s]", "ci_low", "ci_high")]
    assert 2_628_000 * change["at"] == pytest.approx(change["requests_per_month"]["value"])
    assert change["requests_per_month"]["value"] == pytest.approx(float(row["requests_per_month"]))
    assert 1.0 == pytest.approx(change["closed_form"]) == pytest.approx(float(row["closed_form"]))
    assert [] == change["why_apart"]
    months = [math.log(end / 0.5) / math.log(1.08) for end in (change["at"], low, high)]
    assert months == pytest.approx([change["months"]["value"], *change["months"]["ci"]])
    assert months == pytest.approx([float(row[key]) for key in ("months", "months_low", "months_high")])
    assert not change["is_behind"]
    assert change["utilization"]["box"] == pytest.approx(float(row["utilization box"]))
    assert (0.08, True, "small") == (pytest.approx(facts["growth_per_month"]), facts["decided"], facts["scenario"])
    assert {"s", "box"} == {point["endpoint"] for point in facts["points"]}
    assert [("s", 0.4), ("box", change["at"])] == [(one["cheapest"], one["from"]) for one in facts["stretches"]]


def test_without_growth_nothing_is_said_of_months(scenario: Path) -> None:
    """Neither in JSON nor in CSV nor in words."""
    facts = json.loads(quiet(scenario, "--output", "json").stdout)
    assert "months" not in facts["changes"][0]
    assert None is facts["growth_per_month"]
    assert "months" not in quiet(scenario, "--output", "csv").stdout
    assert "reached after" not in quiet(scenario).stdout


def test_markdown_to_a_file(scenario: Path, tmp_path: Path) -> None:
    """Nothing on standard output."""
    out = tmp_path / "out.md"
    result = quiet(scenario, "--output", "markdown", "-o", str(out))
    assert ("", "") == (result.stdout, result.stderr)
    assert out.read_text(encoding="utf-8").startswith("# small: crossover")


def test_files_of_a_crossover(scenario: Path, tmp_path: Path) -> None:
    """Report, tables, JSON and a figure; the same command again simulates nothing and says the same."""
    results = tmp_path / "results"
    first = invoked(scenario, *OVER, "--results", str(results))
    assert 0 == first.exit_code, first.output
    (folder,) = (results / "small").glob("crossover-*")
    names = {"crossover.png", "crossover.svg", "points.csv", "changes.csv", "report.txt", "crossover.json"}
    assert names == {path.name for path in folder.iterdir()}
    assert b"\x89PNG" == (folder / "crossover.png").read_bytes()[:4]
    assert first.stdout == (folder / "report.txt").read_text(encoding="utf-8")
    points = list(csv.DictReader((folder / "points.csv").open(encoding="utf-8")))
    assert {"s", "box"} == {row["endpoint"] for row in points}
    again = invoked(scenario, *OVER, "--results", str(results), "--resume")
    assert first.stdout == again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--over", "traffic.mean_rate=fast,slow"), "traffic.mean_rate: a crossover lies between numbers"),
        (("--over", "traffic.mean_rate"), "varies nothing"),
        (("--over", "traffic.no_such=1/s..2/s"), "no_such"),
        (("--over", "traffic.mean_rate=2/s..1/s"), "the second bound must be more than the first"),
        ((*OVER, "--measure", "speed"), "speed"),
        ((*OVER, "--measure", "utilization"), "utilization cannot be compared"),
        ((*OVER, "--growth", "8%"), 'growth "8%" cannot be read; write for example 8%/month'),
        (("--over", "endpoints[1].initial_instance_count=1..4", "--growth", "8%/month"), "is no rate of it"),
        ((*OVER, "--tolerance", "50%"), "tolerance is 50%, must be more than 0% and at most 20%"),
        ((*OVER, "--tolerance", "much"), "--tolerance"),
        ((*OVER, "--no-results", "--resume"), "do not go together"),
    ],
)
def test_bad_input_is_told_plainly(scenario: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, nothing on standard output, one message, no traceback."""
    result = invoked(scenario, *arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert message in result.stderr
    assert 1 >= result.stderr.count("Error")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("code", "is_anyone", "has_unsure", "is_decided", "strict"),
    [
        (0, True, False, True, True),
        (0, True, False, False, False),
        (4, True, False, False, True),
        (3, False, False, True, False),
        (3, False, False, True, True),
        (0, False, True, False, False),
        (4, False, True, False, True),
    ],
)
def test_the_exit_code(code: int, is_anyone: bool, has_unsure: bool, is_decided: bool, strict: bool) -> None:
    """3 if nobody is eligible for sure, 4 if that counts and something is undecided."""
    stretch = SimpleNamespace(unsure=("s",) if has_unsure else ())
    result: Any = SimpleNamespace(is_anyone_eligible=is_anyone, is_decided=is_decided, stretches=(stretch,))
    assert code == exit_code(result, strict=strict)


def test_exit_codes_of_runs(scenario: Path) -> None:
    """3 where every endpoint takes 200 ms and 100 are allowed; 4 with --strict from one replication, else 0."""
    assert 3 == quiet(scenario, "--set", 'objectives=["p95 < 100ms"]').exit_code
    assert 4 == quiet(scenario, "-n", "1", "--strict").exit_code
    assert 0 == quiet(scenario, "-n", "1").exit_code
