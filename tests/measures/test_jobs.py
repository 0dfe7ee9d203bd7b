"""Jobs of batch transform by hand: length, age of results, cost, and what lies beyond the measured part."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import simulator
from simulator.measures.bill import bill
from simulator.scenario.model import Scenario
from simulator.study.journal import line_of, record_of

#: Three requests before the job of 01:00, one at 01:00 itself, which the job of 02:00 takes, one after that.
ARRIVALS = [600, 1200, 3000, 3600, 7500]


def scenario(folder: Path, arrivals: list[int] | None = None, **given: Any) -> Scenario:
    """A job every hour from 01:00 on, one instance that takes 5 minutes to start, 10 minutes a request; changed."""
    file = folder / "arrivals.csv"
    file.write_text("at\n" + "".join(f"{at}\n" for at in arrivals or ARRIVALS), encoding="utf-8")
    batch = {
        "name": "batch",
        "kind": "batch_transform",
        "instance_type": "ml.m5.xlarge",
        "starts_at": "01:00",
        "every": "1h",
        "launch_time": "5m",
        **given.pop("batch", {}),
    }
    document = {
        "name": "jobs",
        "horizon": "4h",
        "replications": 2,
        "traffic": {
            "kind": "recorded",
            "file": str(file),
            "column": "at",
            "time_unit": "s",
            "origin": 0,
            "length": "1d",
        },
        "model": {"service_time": "10m", "payload_in": "1MB", "payload_out": "1MB"},
        "endpoints": [batch],
    }
    return Scenario.model_validate({**document, **given})


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_jobs_by_hand(tmp_path: Path, engine: str) -> None:
    """Jobs at 1, 2 and 3 h; the job at midnight, before which nobody came, is none.

    The first serves three requests one after another from 65 minutes on: 35 minutes. The others serve one each: 15.
    Results of 10, 20, 50, 60 and 125 minutes come at 75, 85, 95, 135 and 195: 65, 65, 45, 75 and 70 minutes old.
    65 minutes of an ml.m5.xlarge at 0.23 USD/h are 0.2491667 USD; payloads cost nothing.
    """
    study = simulator.run(scenario(tmp_path), engine=engine)
    row = study.replications.iloc[0]
    assert (5, 5, 3) == (row["requests"], row["completed"], row["jobs"])
    assert (35 + 15 + 15) * 60 / 3 == pytest.approx(row["job_length_mean_s"])
    assert 35 * 60.0 == row["job_length_longest_s"]
    assert (65 + 65 + 45 + 75 + 70) / 5 * 60_000 == pytest.approx(row["latency_mean_ms"])
    assert 75 * 60_000.0 == row["latency_max_ms"]
    one = study.records[0].measured["batch"]
    costs = bill(study.scenario.endpoint("batch"), one.usage, study.scenario.price_sheet)
    assert ["instance_hours"] == [line.name for line in costs.lines]
    assert Fraction(65, 60) * Fraction("0.23") == costs.exact_usd
    assert 0.0 == costs.fixed_usd
    # 50 minutes of service in 4 h, on an instance that is there for 65 and starts for 15 of them.
    assert 50 / 240 == pytest.approx(row["concurrency_mean"])
    assert 1.0 == pytest.approx(row["utilization"])
    assert 3 == row["instances_launched"]
    assert pd.isna(row["scale_outs"])


def test_more_instances_and_workers_share_a_job(tmp_path: Path) -> None:
    """Two instances of two: all three requests of the first job at once, 15 minutes; instances are paid both."""
    batch = {"instance_count": 2, "max_concurrent_transforms": 2}
    row = simulator.run(scenario(tmp_path, batch=batch)).replications.iloc[0]
    assert (3, 15 * 60.0, 15 * 60.0) == (row["jobs"], row["job_length_mean_s"], row["job_length_longest_s"])
    assert 2 * 3 * 15 / 60 * 0.23 == pytest.approx(row["cost_usd"])


def test_a_short_job_costs_a_minute(tmp_path: Path) -> None:
    """An instance that is there for 31 s is billed for 60, as instances of real-time endpoints are."""
    made = scenario(tmp_path, [600], batch={"launch_time": "30s", "service_time": {"kind": "constant", "value": "1s"}})
    row = simulator.run(made).replications.iloc[0]
    assert 31.0 == row["job_length_mean_s"]
    assert 0.23 / 60 == pytest.approx(row["cost_usd"])


def test_jobs_that_overlap_share_nothing(tmp_path: Path) -> None:
    """Seven requests keep the first job until 01:00 + 75 minutes; the one of 02:00 has an instance of its own."""
    study = simulator.run(scenario(tmp_path, [*range(60, 67), 4000]))
    row = study.replications.iloc[0]
    assert (2, 2) == (row["jobs"], row["instances_max"])
    assert (75 + 15) * 60 / 2 == pytest.approx(row["job_length_mean_s"])


def test_what_comes_after_the_measured_part_is_told(tmp_path: Path) -> None:
    """Horizon 2 h: the jobs of 02:00 and 03:00 are beyond it; of four requests that count one is served there.

    Its instance is not in the bill, which holds the 35 minutes of the first job.
    """
    study = simulator.run(scenario(tmp_path, horizon="2h"))
    row = study.replications.iloc[0]
    assert (4, 1) == (row["requests"], row["jobs"])
    assert 0.25 == row["late_fraction"]
    assert 35 / 60 * 0.23 == pytest.approx(row["cost_usd"])
    from simulator.report.checks import warnings
    from simulator.report.reading import Reading

    assert any("after the measured part" in text for text in warnings(Reading(study)))


def test_an_initial_transient_leaves_jobs_out(tmp_path: Path) -> None:
    """From 90 minutes on: the rest of the first job, 5 minutes, and the other two; one request counts."""
    row = simulator.run(scenario(tmp_path, initial_transient="90m")).replications.iloc[0]
    assert (1, 2) == (row["requests"], row["jobs"])
    assert (5 + 15 + 15) / 60 * 0.23 == pytest.approx(row["cost_usd"])


def test_no_request_no_job(tmp_path: Path) -> None:
    """Nothing comes in the horizon: no job, no cost, no length."""
    row = simulator.run(scenario(tmp_path, [80_000])).replications.iloc[0]
    assert (0, 0, 0.0) == (row["requests"], row["jobs"], row["cost_usd"])
    assert pd.isna(row["job_length_mean_s"])


def test_records_are_read_back(tmp_path: Path) -> None:
    """With all that is written of jobs; hours of instances too, which a commitment may cover."""
    (record, *_) = simulator.run(scenario(tmp_path)).records
    assert record.measured == record_of(line_of(record)).measured
    assert (0, 35, 15, 15) == tuple(hour // (60 * 10**9) for hour in record.instance_hours["batch"])


def test_the_report_tells_of_jobs(tmp_path: Path) -> None:
    """How many, how long, how old."""
    from simulator.report import jobs
    from simulator.report.reading import Reading

    ((name, count, length, longest, *_),) = jobs.rows(Reading(simulator.run(scenario(tmp_path))))
    assert ("batch", "3", "21.67 min", "35 min") == (name, count, length, longest)
