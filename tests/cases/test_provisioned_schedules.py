"""Provisioned concurrency that scales: the wrong statistic (C27), nights without data (C28), a schedule's bill."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.cases.asking import column, study
from tests.cases.rows import each_engine, every, lasting, tables


def function(provisioned: int, policies: list[dict[str, Any]], **block: Any) -> dict[str, Any]:
    """A function of 1 GB with up to 20 instances kept ready that are allocated at once."""
    return {
        "name": "function",
        "kind": "function",
        "memory_size": "1024MB",
        "max_concurrency": 100,
        "provisioned_concurrency": provisioned,
        "autoscaling": {"max_capacity": 20, "allocation_time": "0s", "policies": policies, **block},
    }


def tracking(**fields: Any) -> dict[str, Any]:
    """A target of 0.7."""
    return {"kind": "target_tracking", "target": 0.7, **fields}


def changes(engine: ModuleType, endpoint: dict[str, Any], **fields: Any) -> list[tuple[float, int]]:
    """Seconds and capacity of each change."""
    _, run = tables(engine, endpoint, **fields)
    return list(zip((run.changes.at_ns / 1e9).tolist(), run.changes.capacity.tolist(), strict=True))


@each_engine
@pytest.mark.parametrize(("statistic", "expected"), [("average", []), ("maximum", [(300.0, 15)])])
def test_the_average_misses_bursts_shorter_than_a_minute(
    engine: ModuleType, statistic: str, expected: list[tuple[float, int]]
) -> None:
    """C27: 10 of 10 in use for 6 s of each minute: average 10 %, maximum 100 %.

    The average never asks for more. The maximum asks for ceil(10/0.7) = 15 after 3 points, known 2 minutes later, and
    10/15 is not below 90 % of the target.
    """
    endpoint = function(10, [tracking(statistic=statistic, disable_scale_in=statistic == "average")])
    given = {"traffic": every("60s", 10), "model": lasting("6s"), "horizon": "1h"}
    assert expected == changes(engine, endpoint, **given)


NIGHT = {"traffic": every("12h", 13), "model": lasting("30s"), "horizon": "12h"}


@each_engine
@pytest.mark.parametrize(("rule", "expected"), [("hold", []), ("ignore", []), ("zero", [(1080.0, 0)])])
def test_capacity_stays_all_night_where_missing_is_not_zero(
    engine: ModuleType, rule: str, expected: list[tuple[float, int]]
) -> None:
    """C28: 13 of 20 in use in the last minute of the day (65 %: stays), then nothing for 12 hours.

    Only where no data is 0 is capacity dropped: 15 points after that minute, and 2 until the last of them is known.
    """
    policies = [tracking(statistic="maximum", missing_data=rule)]
    assert expected == changes(engine, function(20, policies, min_capacity=0), **NIGHT)


@pytest.mark.parametrize(("rule", "monthly"), [("hold", 108.0), ("ignore", 108.0), ("zero", 2.7)])
def test_what_such_nights_cost(rule: str, monthly: float) -> None:
    """C28: 20 x 1 GB x 12 h x $0.015 x 30 = $108 a month of nights, against 18 minutes each, $2.70."""
    endpoint = function(20, [tracking(statistic="maximum", missing_data=rule)], min_capacity=0)
    found = study(NIGHT["traffic"], "30s", [endpoint], horizon="12h", replications=1, month="15d")
    lines = {row["line"]: row["monthly_usd"] for row in found.bill_lines().to_dict("records")}
    assert pytest.approx(monthly, rel=1e-4) == float(lines["provisioned_allocation"])
    assert [0] == column(found, "function", "spillover").tolist()


@each_engine
@pytest.mark.parametrize(("rule", "expected"), [("hold", []), ("zero", [(17 * 60.0, 2)]), ("ignore", [(45 * 60.0, 2)])])
def test_a_request_every_three_minutes(engine: ModuleType, rule: str, expected: list[tuple[float, int]]) -> None:
    """Two minutes in three have no data: they break each run of 15 points, are points of 0, or are passed over.

    The 15th point is then that of minute 14, known at 17, or that of minute 42, known at 45. ceil(1/0.7) = 2 stay, as
    1/2 is below the target but not more than what is asked for.
    """
    policies = [tracking(statistic="maximum", missing_data=rule)]
    given = {"traffic": every("180s"), "model": lasting("1s"), "horizon": "2h"}
    assert expected == changes(engine, function(20, policies), **given)


@each_engine
def test_spillover_counts_on_sagemaker_alone(engine: ModuleType) -> None:
    """Ten at once with four kept ready: 250 % of them on sagemaker, 100 % of a function.

    Both ask for more; sagemaker for ceil(10/0.7) = 15 at once, the function for ceil(4/0.7) = 6.
    """
    given = {"traffic": every("60s", 10), "model": lasting("6s"), "horizon": "7m"}
    of_function = function(4, [tracking(statistic="maximum")])
    of_sagemaker = {**of_function, "kind": "serverless"}
    assert (300.0, 6) == changes(engine, of_function, **given)[0]
    assert (300.0, 15) == changes(engine, of_sagemaker, **given)[0]


def test_a_schedule_is_paid_for_its_hours() -> None:
    """Four from 08:00 to 18:00 and one else: 10 h x 4 + 14 h x 1 = 54 instance-hours a day, allocation included."""
    block = {
        "max_capacity": 4,
        "scheduled_actions": [
            {"at": "08:00", "min_capacity": 4},
            {"at": "18:00", "min_capacity": 1, "max_capacity": 1},
        ],
    }
    endpoint = {
        "name": "serverless",
        "kind": "serverless",
        "memory_size": "2048MB",
        "max_concurrency": 10,
        "provisioned_concurrency": 1,
        "autoscaling": block,
    }
    found = study(every("1h"), "1s", [endpoint], horizon="1d", replications=1, month="1d")
    (measured,) = found.sample("serverless").measured
    assert 54 * 3600 == measured.usage.instance_ns / 1e9
    assert (1, 1) == (measured.scale_outs, measured.scale_ins)
    lines = {row["line"]: row for row in found.bill_lines().to_dict("records")}
    assert pytest.approx(54 * 3600 * 1e-5) == float(lines["provisioned_allocation"]["monthly_usd"])
    assert not lines["provisioned_allocation"]["is_fixed"]
