"""Everything that can be wrong in a scenario file: one message each, with its place, all of them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.loading import load_scenario

GOOD = """\
name: good
horizon: 1h
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms, startup_time: 4s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
objectives: ["p99 < 800ms"]
"""
RECORDED = GOOD.replace("horizon: 1h", "horizon: 1s").replace(
    "{kind: poisson, mean_rate: 2/s}", "{kind: recorded, file: times.csv, column: t, time_unit: ms}"
)


def messages(folder: Path, text: str, overrides: dict[str, Any] | None = None) -> list[str]:
    """What is told about a file of this text, line by line, without the name of the file and the count."""
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, overrides)
    *lines, count = str(caught.value).splitlines()
    assert f"{len(lines)} error{'s' if len(lines) > 1 else ''}" == count
    assert all(line.startswith(str(file)) for line in lines)
    return [line.removeprefix(str(file)).removeprefix(":") for line in lines]


def test_the_good_scenario_is_good(tmp_path: Path) -> None:
    """What the cases below change is right before they do."""
    (tmp_path / "scenario.yaml").write_text(GOOD, encoding="utf-8")
    assert "good" == load_scenario(tmp_path / "scenario.yaml").name


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("horizon: 1h", "horizon: 0s", '2:10  horizon: "0s" is not allowed, must be more than 0'),
        ("horizon: 1h", "horizon: 3600", "2:10  horizon: 3600 has no unit; write 3600ms or 3600s"),
        ("horizon: 1h\n", "", "1:1  horizon: missing"),
        (
            "horizon: 1h",
            "horizon: 1h\nhorizn: 2h",
            '3:1  horizn: unknown key, did you mean "horizon"?',
        ),
        (
            "horizon: 1h",
            "horizon: 1h\ninitial_transient: 1h",
            "3:20  initial_transient: 3600s leaves nothing, must be less than the horizon of 3600s",
        ),
        (
            "horizon: 1h",
            'horizon: 1h\nstarts_at: "2026-11-24T00:00:00"',
            "3:12  starts_at: '2026-11-24T00:00:00' has no zone; write it with its zone, for example "
            "2026-11-23T00:00:00+00:00",
        ),
        ("mean_rate: 2/s", "mean_rate: 2", "3:37  traffic.mean_rate: 2 has no unit; write 2/s or 2/min"),
        (
            "kind: poisson",
            "kind: poison",
            '3:17  traffic.kind: unknown kind "poison", one of: poisson, diurnal, profile, bursty, renewal, hawkes, '
            "sessions, batches, lognormal_cox, recorded, counts, flash_crowd, ramp, growth, periodic, superposition, "
            'outage, burstier, closed; did you mean "poisson"?',
        ),
        (
            "service_time: 100ms",
            "service_time: 90s",
            "4:23  model.service_time: service time 90s is longer than the invocation_timeout of serverless, 60s\n"
            "4:23  model.service_time: service time 90s is longer than the invocation_timeout of m5, 60s",
        ),
        (
            "startup_time: 4s",
            "startup_time: {kind: exponential, mean: 200s}",
            "4:44  model.startup_time: mean startup time 200s is longer than the startup_limit of serverless, 180s",
        ),
        (
            "service_time: 100ms, ",
            "",
            "6:5  endpoints[0].service_time: missing; give it here or for all endpoints as model.service_time\n"
            "7:5  endpoints[1].service_time: missing; give it here or for all endpoints as model.service_time",
        ),
        (
            ", startup_time: 4s",
            "",
            "6:5  endpoints[0].startup_time: missing; give it here or for all endpoints as model.startup_time",
        ),
        (
            "startup_time: 4s",
            "startup_time: 4s, payload_in: 5MB",
            "4:60  model.payload_in: payload_in reaches 5000000B, a SageMaker serverless endpoint takes at most "
            "4000000B",
        ),
        (
            "2048MB",
            "3000MB",
            '6:55  endpoints[0].memory_size: "3000MB" is not a memory size of platform sagemaker; sizes: 1024MB, '
            "2048MB, 3072MB, 4096MB, 5120MB, 6144MB",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: 500",
            "6:80  endpoints[0].max_concurrency: 500 is not allowed on platform sagemaker, must be 1 to 200",
        ),
        (
            "max_concurrency: 5",
            "max_concurrency: 5, provisioned_concurrency: 6",
            "6:108  endpoints[0].provisioned_concurrency: 6 is not allowed, must be at most max_concurrency, "
            "which is 5",
        ),
        (
            "ml.m5.xlarge",
            "ml.m5.xlage",
            "7:48  endpoints[1].instance_type: no price for real_time.instance.ml.m5.xlage in aws/us-east-1/2026-11; "
            "nearest: real_time.instance.ml.m5.xlarge, real_time.instance.ml.m5.4xlarge, "
            "real_time.instance.ml.m5.2xlarge; give your own under prices, for example "
            '{"real_time.instance.ml.m5.xlage": "0.1 USD/h"}',
        ),
        (
            "name: m5",
            "name: serverless",
            '7:12  endpoints[1].name: "serverless" is the name of endpoints[0] too; names must differ',
        ),
        (
            "objectives:",
            "baseline: serverles\nobjectives:",
            '8:11  baseline: no endpoint is named "serverles", did you mean "serverless"?',
        ),
        (
            "objectives:",
            "prices: aws/us-east-1/2026-1\nobjectives:",
            '8:9  prices: no price sheet "aws/us-east-1/2026-1"; did you mean "aws/us-east-1/2026-11"?',
        ),
        (
            "p99 < 800ms",
            "p99 < 800",
            "8:14  objectives[0]: 'p99 < 800': limit of p99: '800' has no unit; write 800ms or 800s",
        ),
        (
            "p99 < 800ms",
            "p99 800ms",
            "8:14  objectives[0]: 'p99 800ms' is not an objective; write for example 'p99 < 800ms'",
        ),
        (
            "p99 < 800ms",
            "cold_starts_fraction < 1%",
            "8:14  objectives[0]: no measure 'cold_starts_fraction'; nearest: cold_start_fraction",
        ),
        (
            "p99 < 800ms",
            "monthly_cost < 20",
            "8:14  objectives[0]: 'monthly_cost < 20': limit of monthly_cost: '20' is not an amount; write for example "
            "250USD",
        ),
    ],
)
def test_one_thing_wrong_is_told_once_where_it_matters(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Line, column, path, the value, what is allowed, and the nearest where a name is not known."""
    assert old in GOOD
    assert expected.splitlines() == messages(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("", "times.csv: no row below the header; at least one is needed"),
        (
            "3\n1\n",
            "times.csv, line 3, column 't': 1 is earlier than 3 above it; sort the file or write sort: true",
        ),
        ("0\n-1\n", "times.csv, line 3, column 't': -1 cannot be used; must be a time in ms, 0 or more"),
        ("nan\n", "times.csv, line 2, column 't': nan cannot be used; must be a time in ms, 0 or more"),
        ("inf\n", "times.csv, line 2, column 't': inf cannot be used; must be a time in ms, 0 or more"),
        ("soon\n", "times.csv, line 2, column 't': 'soon' is not a number; must be a time in ms, 0 or more"),
        (
            "2026-11-24T00:00:00Z\n",
            "times.csv, line 2, column 't': 2026-11-24T00:00:00Z is a date, time_unit is for numbers; leave it out",
        ),
        (
            "1700000000000000\n1700000000900000\n",  # microseconds where milliseconds were said
            "times.csv, line 2, column 't': 1700000000000000 ms is more than 146 years; is time_unit right?",
        ),
        (
            "0\n500\n500\n",
            "the recording lasts 0.5s, less than the horizon of 1s; shorten the horizon, or write repeat: true or "
            "resample: days",
        ),
    ],
)
def test_a_recording_that_cannot_be_replayed(tmp_path: Path, rows: str, expected: str) -> None:
    """File, line and column of the recording, told at the traffic of the scenario."""
    (tmp_path / "times.csv").write_text(f"t\n{rows}", encoding="utf-8")
    assert [f"3:10  traffic: {expected}"] == messages(tmp_path, RECORDED)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            "2026-11-24T00:00:00\n",
            "times.csv, line 2, column 't': 2026-11-24T00:00:00 has no zone; say where the clock stood, for example "
            "timezone: UTC",
        ),
        (
            "2026-11-24T00:00:00Z\n2026-11-24T00:00:01\n",
            "times.csv, line 3, column 't': 2026-11-24T00:00:01 has no zone, the rows before do",
        ),
        (
            "5\n",
            "times.csv, line 2, column 't': 5 is a number; say in which unit, time_unit: s, ms, us or ns",
        ),
    ],
)
def test_recorded_dates_that_cannot_be_read(tmp_path: Path, rows: str, expected: str) -> None:
    """Dates without a zone, mixed ones, and numbers without a unit."""
    (tmp_path / "times.csv").write_text(f"t\n{rows}", encoding="utf-8")
    assert [f"3:10  traffic: {expected}"] == messages(tmp_path, RECORDED.replace(", time_unit: ms", ""))


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """The columns that are there are named."""
    (tmp_path / "times.csv").write_text("time,size\n1,2\n", encoding="utf-8")
    assert ["3:10  traffic: times.csv: no column 't'; columns: time, size"] == messages(tmp_path, RECORDED)


def test_counts_with_a_gap_and_a_minute_twice(tmp_path: Path) -> None:
    """A missing minute is refused unless it is said to be empty; two counts for one minute always are."""
    text = GOOD.replace(
        "{kind: poisson, mean_rate: 2/s}", "{kind: counts, file: counts.csv, start: minute, count: n}"
    ).replace("horizon: 1h", "horizon: 2m")
    file = tmp_path / "counts.csv"
    file.write_text("minute,n\n2026-11-24T00:00:00Z,1\n2026-11-24T00:02:00Z,1\n", encoding="utf-8")
    assert [
        "3:10  traffic: counts.csv, line 3, column 'minute': 1 periods of 60s are missing, the first before "
        "2026-11-24T00:02:00Z; write gaps: zero if nothing arrived in them"
    ] == messages(tmp_path, text)
    file.write_text("minute,n\n2026-11-24T00:00:00Z,1\n2026-11-24T00:00:00Z,1\n", encoding="utf-8")
    assert [
        "3:10  traffic: counts.csv, line 3, column 'minute': 2026-11-24T00:00:00Z comes twice; each period must have "
        "one count"
    ] == messages(tmp_path, text)


def test_everything_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Values by themselves, unknown keys, names, prices, limits between fields: one run shows them all."""
    told = messages(
        tmp_path,
        """\
name: many
horizon: 1h
initial_transient: 2h
confidence: 200%
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 90s, startup_time: 4s, payload_in: 5MB}
endpoints:
  - {name: s, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: s, kind: real_time, instance_type: ml.m5.xlage}
objectives: ["p99 <", "p95 < 1s", "latency < 1s"]
baseline: t
seeds: 1
""",
    )
    assert [
        "3:20  initial_transient",
        "4:13  confidence",
        "6:23  model.service_time",
        "6:58  model.payload_in",
        "9:12  endpoints[1].name",
        "9:47  endpoints[1].instance_type",
        "10:14  objectives[0]",
        "10:35  objectives[2]",
        "11:11  baseline",
        "12:1  seeds",
    ] == [line.split(": ")[0] for line in told]


def test_what_is_wrong_in_several_endpoints_is_told_for_each(tmp_path: Path) -> None:
    """A bad value in one endpoint does not hide the missing price of another."""
    told = messages(tmp_path, GOOD.replace("2048MB", "3000MB").replace("ml.m5.xlarge", "ml.none"))
    assert ["endpoints[0].memory_size", "endpoints[1].instance_type"] == [
        line.split("  ")[1].split(": ")[0] for line in told
    ]


def test_a_problem_that_came_from_outside_the_file_says_so(tmp_path: Path) -> None:
    """`--set` has no line and column."""
    assert ['  horizon: "0s" is not allowed, must be more than 0 (set from outside the file)'] == messages(
        tmp_path, GOOD, {"horizon": "0s"}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "  is empty; a scenario has keys: name, horizon, traffic, endpoints"),
        ("- 1\n", "  holds [1]; a scenario has keys: name, horizon, traffic, endpoints"),
        ("name: x\nname: y\n", "2:1  name: stands twice, first in line 1"),
        ("a: [1\n", "2:1  not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_what_is_no_scenario_at_all(tmp_path: Path, text: str, expected: str) -> None:
    """Told before anything in it is looked at."""
    assert [expected] == messages(tmp_path, text)


def test_a_file_that_is_not_there_names_the_nearest_shipped_scenario(tmp_path: Path) -> None:
    """And nothing about the machine but the name that was given."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario("steady-high-rat")
    assert 'steady-high-rat  no such file; shipped scenarios: did you mean "steady-high-rate"?' in str(caught.value)
