"""What a study says: frames without NaN, estimates that can be reckoned anew, objectives and bills."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator.measures import intervals
from simulator.measures.catalogue import MEASURES
from simulator.measures.percentiles import level, rank
from simulator.study.one import simulate
from simulator.study.results import Study
from simulator.study.run import run
from tests.study.scenarios import BASE, scenario


@pytest.fixture(scope="module")
def study() -> Study:
    """Six replications of the small scenario."""
    return run(scenario())


def test_replications_have_a_row_each_and_units_in_names(study: Study) -> None:
    """Six replications of two endpoints; every measure of the catalogue, and p97.5, which an objective asks for."""
    frame = study.replications
    assert 12 == len(frame)
    assert {measure.column for measure in MEASURES.values()} <= set(frame.columns)
    assert "latency_p975_ms" in frame.columns
    assert ["on-demand", "instance"] * 6 == frame["endpoint"].tolist()


def test_no_frame_holds_nan(study: Study) -> None:
    """Columns are nullable, and what is absent is NA: p99.9 of 2,400 requests, cold starts of an instance."""
    frames = {
        "replications": study.replications,
        "summary": study.summary(),
        "pooled": study.pooled(),
        "differences": study.differences(),
        "objectives": study.objectives(),
        "traffic": study.traffic(),
        "bill": study.bill_lines(),
        "requests": simulate(study.scenario, "on-demand"),
    }
    for name, frame in frames.items():
        for column in frame.columns:
            assert isinstance(frame[column].dtype, pd.api.extensions.ExtensionDtype), (name, column)
            assert not [cell for cell in frame[column] if isinstance(cell, float) and np.isnan(cell)], (name, column)
    row = study.replications.iloc[1]
    assert pd.NA is row["latency_p999_ms"] is row["cold_start_penalty_mean_ms"] is row["cost_duration_usd"]


def _row(frame: pd.DataFrame, **where: str) -> dict[str, Any]:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    (row,) = frame.to_dict("records")
    return row


def test_the_summary_can_be_reckoned_from_the_replications(study: Study) -> None:
    """Mean and t-interval of the p95 column; cost per 1,000 as a ratio of sums."""
    frame = study.replications
    own = frame[frame["endpoint"] == "on-demand"]
    expected = intervals.mean(own["latency_p95_ms"].tolist())
    found = _row(study.summary(), endpoint="on-demand", measure="p95")
    assert (expected.value, expected.low, expected.high) == (found["value"], found["ci_low"], found["ci_high"])
    assert ("ms", 6, 0.95) == (found["unit"], found["n"], found["level"])
    ratio = _row(study.summary(), endpoint="on-demand", measure="cost_per_1000")
    assert 1000 * own["cost_usd"].sum() / own["completed"].sum() == pytest.approx(ratio["value"], rel=1e-12)
    assert ratio["method"].startswith("ratio of sums")


def test_the_measures_can_be_reckoned_from_the_requests(study: Study) -> None:
    """Percentiles, fractions and billed time of replication 0 from its rows."""
    rows = simulate(study.scenario, "on-demand")
    own = study.replications.iloc[0]
    latencies = np.sort(rows["latency_ms"].dropna().to_numpy(float))
    for name in ("p50", "p95", "p99"):
        assert own[f"latency_{name}_ms"] == latencies[rank(level(name).share, len(latencies)) - 1]
    assert len(rows) == own["requests"]
    assert (rows["outcome"] == "throttled").mean() == own["throttled_fraction"]
    assert rows.loc[rows["outcome"] == "completed", "is_cold"].mean() == pytest.approx(own["cold_start_fraction"])
    used = study.records[0].measured["on-demand"].usage
    assert used.on_demand_ns == round(rows["billed_ms"].sum() * 1e6)
    assert ["concurrency"] == rows["reason"].dropna().unique().tolist()


def test_requests_follow_the_table_of_outcomes(study: Study) -> None:
    """Throttled rows have no times and no instance; completed ones waited for nothing but a launch."""
    rows = simulate(study.scenario, "on-demand")
    throttled = rows[rows["outcome"] == "throttled"]
    assert len(throttled) > 0
    assert (
        throttled[["latency_ms", "waiting_ms", "service_ms", "instance", "start_s", "release_s"]]
        .isna()
        .to_numpy()
        .all()
    )
    assert 0 == throttled["billed_ms"].sum()
    completed = rows[rows["outcome"] == "completed"]
    parts = completed["waiting_ms"] + completed["service_ms"]
    assert completed["latency_ms"].tolist() == pytest.approx(parts.tolist())
    assert 0 == completed.loc[~completed["is_cold"], "waiting_ms"].max()
    assert simulate(study.scenario, "on-demand", engine="reference").equals(rows)


def test_overhead_is_added_to_latency_and_to_nothing_else() -> None:
    """30 ms of overhead move every latency and every percentile by 30 ms, and no wait, place or cost."""
    endpoints = [{**BASE["endpoints"][0], "overhead": "30ms"}, BASE["endpoints"][1]]
    plain, late = (run(one, 2).replications.iloc[0] for one in (scenario(), scenario(endpoints=endpoints)))
    for column in plain.index:
        if column.startswith("latency_") and plain[column] is not pd.NA:
            assert plain[column] + 30 == pytest.approx(late[column], abs=1e-9), column
        elif column != "endpoint":
            assert (plain[column] is late[column]) or plain[column] == late[column], column


def test_differences_are_paired(study: Study) -> None:
    """Cost of the on-demand endpoint less that of the baseline, replication by replication."""
    wide = study.replications.pivot(index="replication", columns="endpoint", values="cost_usd")
    expected = intervals.difference(wide["on-demand"].tolist(), wide["instance"].tolist())
    found = _row(study.differences(), measure="cost")
    assert (expected.value, expected.low, expected.high) == (found["value"], found["ci_low"], found["ci_high"])
    assert ("on-demand", "instance") == (found["endpoint"], found["baseline"])
    requests = _row(study.differences(), measure="requests")
    assert (0.0, "equal", True) == (requests["value"], requests["verdict"], requests["decided"])
    penalty = _row(study.differences(), measure="cold_start_penalty")
    assert ("no data", False) == (penalty["verdict"], penalty["decided"])


def test_objectives_are_judged(study: Study) -> None:
    """Exactly one row an endpoint and objective; verdicts are those of the judgements."""
    frame = study.objectives()
    assert 8 == len(frame)
    verdicts = [one.verdict.value for judgements in study.judgements().values() for one in judgements]
    assert verdicts == frame["verdict"].tolist()
    assert "met" == _row(frame, endpoint="instance", objective="p97.5 < 10s")["verdict"]
    monthly = _row(frame, endpoint="instance", objective="monthly_cost < 250USD")
    assert ("met", True) == (monthly["verdict"], pd.isna(monthly["misses"]))


def test_a_percentile_objective_is_missed_by_counts() -> None:
    """The limit just above, at and just below the p95 of a single replication: <, and the nanosecond."""
    base = run(scenario(), 1)
    p95_ns = base.records[0].measured["instance"].percentile_ns(level("p95").share)
    assert p95_ns is not None
    micro = -(-p95_ns // 1000)
    for limit_us, held in ((micro + 1, 0.0), (micro - 1, 1.0)):
        one = run(scenario(objectives=[f"p95 < {limit_us}us"]), 1)
        assert held == one.judgements()["instance"][0].misses.value


def test_a_month_is_judged_from_months_only(study: Study) -> None:
    """Chance to miss a monthly cost: not from 20 minutes; from replications a month long, a share."""
    assert study.judgements()["instance"][3].misses.value is None
    month = run(scenario(month="20m"), 3)
    assert 0.0 == month.judgements()["instance"][3].misses.value
    assert not [note for note in month.notes() if "month" in note]


def test_bills_add_up(study: Study) -> None:
    """Cost lines of each replication add up to its cost; mean lines, to the mean monthly cost."""
    frame = study.replications
    lines = [column for column in frame.columns if column.startswith("cost_") and column.endswith("_usd")]
    lines = [column for column in lines if column not in {"cost_usd", "cost_per_1000_usd"}]
    for _, row in frame.iterrows():
        assert row["cost_usd"] == pytest.approx(row[lines].dropna().sum(), rel=1e-12)
    monthly = _row(study.summary(), endpoint="instance", measure="monthly_cost")
    own = study.bill_lines()
    own = own[own["endpoint"] == "instance"]
    assert monthly["value"] == pytest.approx(own["monthly_usd"].sum(), rel=1e-12)
    fixed = _row(study.summary(), endpoint="instance", measure="monthly_fixed")
    assert 0.23 * 730 == pytest.approx(fixed["value"], rel=1e-12)
    assert {"confirmed", "derived"} >= set(own["price_status"])


def test_pooled_percentiles_are_of_all_requests_together(study: Study) -> None:
    """p95 of all replications' rows, to 0.4 %; p99.9 from all 14,000 requests although none alone has 10,000."""
    rows = pd.concat([simulate(study.scenario, "instance", number) for number in range(6)])
    latencies = np.sort(rows["latency_ms"].dropna().to_numpy(float))
    expected = latencies[rank(level("p95").share, len(latencies)) - 1]
    found = _row(study.pooled(), endpoint="instance", percentile="p95")
    assert expected == pytest.approx(found["value_ms"], rel=0.004)
    assert found["ci_low"] < found["value_ms"] < found["ci_high"]
    assert not pd.isna(_row(study.pooled(), endpoint="instance", percentile="p99.9")["value_ms"])
    assert pd.isna(_row(study.summary(), endpoint="instance", measure="p99.9")["value"])


def test_the_traffic_that_was_drawn_is_told(study: Study) -> None:
    """Requests of each replication, and dispersion near 1 for Poisson traffic."""
    frame = study.traffic()
    assert [record.requests for record in study.records] == frame["requests"].tolist()
    assert 1 == pytest.approx(frame["dispersion"].mean(), abs=0.5)


def test_notes_say_what_a_reader_must_know(study: Study) -> None:
    """Few replications, a percentile without data, and months multiplied up are told."""
    text = " ".join(study.notes())
    assert "6 replications: intervals are rough" in text
    assert "p99.9: too few" in text
    assert "multiplied up to a month" in text


def test_traffic_without_requests_has_no_data_anywhere() -> None:
    """One request in 10^6 days: counts 0, latencies and fractions no data, objectives no data, costs there."""
    empty = run(scenario(traffic={"kind": "poisson", "mean_rate": "0.000001/d"}, horizon="2m"), 2)
    row = _row(empty.summary(), endpoint="instance", measure="p95")
    assert (True, 0) == (pd.isna(row["value"]), row["n"])
    assert "no data" == empty.judgements()["instance"][0].verdict
    assert "met" == empty.judgements()["instance"][3].verdict
    assert pd.isna(_row(empty.summary(), endpoint="instance", measure="cost_per_1000")["value"])
    assert pd.isna(_row(empty.pooled(), endpoint="instance", percentile="p95")["value_ms"])
