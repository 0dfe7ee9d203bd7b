"""No traffic at all, and files that are no scenario: a stated answer or one message, in every form of output."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main

TEXT = """\
name: quiet
horizon: 1h
replications: 2
traffic: {traffic}
model: {{service_time: 100ms, startup_time: 4s}}
endpoints:
  - {{name: on-demand, kind: serverless, memory_size: 2048MB, max_concurrency: 5}}
  - {{name: kept-ready, kind: serverless, memory_size: 2048MB, max_concurrency: 5, provisioned_concurrency: 2}}
  - {{name: m5, kind: real_time, instance_type: ml.m5.xlarge}}
objectives: ["p99 < 800ms", "monthly_cost < 100USD"]
"""
#: By hand: two places of 2 GB kept ready, 0.00001 USD/s each, and 0.23 USD/h, for 730 h.
MONTHLY_USD = {"on-demand": 0.0, "kept-ready": 2 * 0.00001 * 730 * 3600, "m5": 0.23 * 730}


def ran(file: Path, output: str) -> Result:
    return CliRunner().invoke(main, ["run", str(file), "--no-results", "--output", output])


@pytest.fixture(params=["zero rate", "counts of zero"])
def quiet(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A scenario in which nothing arrives."""
    traffic = "{kind: poisson, mean_rate: 0/s}"
    if request.param == "counts of zero":
        minutes = "".join(f"{60 * k},0\n" for k in range(60))
        (tmp_path / "counts.csv").write_text(f"start,n\n{minutes}", encoding="utf-8")
        traffic = "{kind: counts, file: counts.csv, start: start, count: n, time_unit: s}"
    file = tmp_path / "quiet.yaml"
    file.write_text(TEXT.format(traffic=traffic), encoding="utf-8")
    return file


@pytest.mark.parametrize("output", ["table", "csv", "json", "markdown"])
def test_nothing_is_nan_or_infinite_in_any_form(quiet: Path, output: str) -> None:
    """An answer without traceback: m5 misses its cost, the others have no data, so none is shown to meet all (3)."""
    done = ran(quiet, output)
    assert 3 == done.exit_code
    assert "no data" in done.stdout
    assert [] == re.findall(r"\b(?:nan|NaN|inf|Infinity)\b", done.stdout)
    assert "Traceback" not in done.output


def test_instances_cost_in_full_and_latencies_have_no_data_in_csv(quiet: Path) -> None:
    """Costs by hand; cells of what was not seen are empty and say why."""
    rows = list(csv.DictReader(io.StringIO(ran(quiet, "csv").stdout)))
    cost = {row["endpoint"]: float(row["value"]) for row in rows if row["measure"] == "monthly_cost"}
    assert pytest.approx(MONTHLY_USD) == cost
    unseen = {"p50", "p99", "mean_latency", "cold_start_fraction", "throttled_fraction", "cost_per_1000"}
    found = {(r["value"], r["ci_low"], r["ci_high"], r["n"], r["method"]) for r in rows if r["measure"] in unseen}
    assert {("", "", "", "0", "no data")} == found


def test_the_same_in_json(quiet: Path) -> None:
    """Null, not NaN, which is no JSON; the verdict on a percentile is no data and on costs is decided."""

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    facts = json.loads(ran(quiet, "json").stdout, parse_constant=refuse)
    verdicts = {e["name"]: [o["verdict"] for o in e["objectives"]] for e in facts["endpoints"]}
    assert {
        "on-demand": ["no data", "met"],
        "kept-ready": ["no data", "met"],
        "m5": ["no data", "not met"],
    } == verdicts
    p99, cost = facts["endpoints"][2]["objectives"]
    assert (None, None) == (p99["estimate"]["value"], p99["estimate"]["ci"])
    assert pytest.approx(167.9) == cost["estimate"]["value"]


def test_the_same_in_text(quiet: Path) -> None:
    """Tables say no data for each percentile, and what the idle instance costs."""
    lines = ran(quiet, "table").stdout.splitlines()
    rows = [line.split() for line in lines if line.split()[:1] == ["m5"]]
    assert ["m5", *["no", "data"] * 4] in rows
    assert ["m5", "$167.9", "$167.9", "$0", "no", "data"] in rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "  is empty; a scenario has keys: name, horizon, traffic, endpoints"),
        (b"name: \xff\n", "  not UTF-8 text (byte 6)"),
        (b"name: x\nname: y\n", ":2:1  name: stands twice, first in line 1"),
        (b"a: &a [*a]\n", ":1:4  a[0]: refers to itself"),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_what_is_no_scenario_is_refused_without_a_traceback(
    tmp_path: Path, command: str, content: bytes, message: str
) -> None:
    """Exit code 2, the message on standard error, nothing on standard output."""
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    done = CliRunner().invoke(main, [command, str(file)])
    assert (2, "") == (done.exit_code, done.stdout)
    assert isinstance(done.exception, SystemExit)
    assert message in done.stderr
    assert "1 error" == done.stderr.splitlines()[-1]
