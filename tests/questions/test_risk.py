"""The risk of cold starts: exact shares by hour, hand-made traces, and what each fix does to them."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import simulator
from simulator.cli import main
from simulator.errors import InputError
from simulator.measures.objectives import Verdict
from simulator.questions.risk import Fix, Risk, risk
from simulator.report import risk as report
from simulator.report.figures.risk import figure_files
from simulator.study.run import run_all

IDLE_S = 600.0
#: Requests an hour by hour of the day.
DAY, NIGHT = 6.0, 1.0
SERVERLESS = {
    "name": "serverless",
    "kind": "serverless",
    "memory_size": "2048MB",
    "max_concurrency": 4,
    "idle_timeout": "10m",
}
INSTANCES = {"name": "instances", "kind": "real_time", "instance_type": "ml.m5.xlarge"}


def found(**fields: Any) -> Risk:
    """Ten days, requests of 10 ms one at a time: six an hour from 6 to 18, one an hour else."""
    rates = [f"{NIGHT}/h"] * 6 + [f"{DAY}/h"] * 12 + [f"{NIGHT}/h"] * 6
    scenario = {
        "name": "risk",
        "horizon": "10d",
        "replications": 30,
        "traffic": {"kind": "profile", "period": "day", "rates": rates},
        "model": {"service_time": "10ms", "startup_time": "5s"},
        "endpoints": [SERVERLESS, INSTANCES],
        **fields,
    }
    return risk(simulator.load_scenario(scenario), run_all)


@cache
def usual() -> Risk:
    """Simulated once."""
    return found()


def fix(name: str) -> Fix:
    """One of the usual fixes."""
    return next(one for one in usual().fixes if one.name == name)


@pytest.mark.parametrize(("hour", "rate"), [(2, NIGHT), (10, DAY), (14, DAY), (21, NIGHT)])
def test_share_by_hour_is_that_of_long_gaps(hour: int, rate: float) -> None:
    """A request that arrives alone is cold if the gap before it is T or longer: e^(−λT), λ of the hours before it.

    5 s of startup and two requests that overlap are left out of the formula: less than 1 %.
    """
    share = usual().hours[hour].share
    assert share.low is not None
    assert share.high is not None
    exact = math.exp(-rate / 3600 * IDLE_S)
    # Four standard errors: an interval at 95 % is twice as wide as two.
    assert abs((share.value or 0.0) - exact) < (share.high - share.low) + 0.01
    assert share.high - share.low < 0.2 * exact


def test_hours_add_up_to_the_day() -> None:
    """84 requests are expected a day; cold ones of all hours are those of a day, and the worst replication has more."""
    assert 84.0 == pytest.approx(sum(one.completed for one in usual().hours), rel=0.05)
    assert usual().per_day.value == pytest.approx(sum(one.cold for one in usual().hours))
    assert usual().worst_per_day > (usual().per_day.value or 0.0)


def test_penalty_is_the_startup() -> None:
    """Each cold request waits 5 s, to the 0.4 % of the histogram."""
    assert [5e9] * 3 == pytest.approx([value for _, value in usual().penalties_ns], rel=0.004)


def test_hand_made_trace(tmp_path: Path) -> None:
    """Requests at 00:00 (cold), 00:05 (warm) and 06:00 (cold): shares of 1/2 and 1, none known of other hours."""
    (tmp_path / "calls.csv").write_text("t\n0\n300\n21600\n")
    traffic = {
        "kind": "recorded",
        "file": str(tmp_path / "calls.csv"),
        "column": "t",
        "time_unit": "s",
        "length": "1d",
    }
    hours = found(traffic=traffic, horizon="1d", replications=2).hours
    assert (0.5, 1.0) == (hours[0].share.value, hours[6].share.value)
    assert {None} == {one.share.value for one in hours if one.hour not in (0, 6)}


def test_a_longer_idle_timeout() -> None:
    """Twice the timeout by day: 6/h × 20 min leave e^(−2) of those requests cold; it costs nothing; nobody has it."""
    longer, twice = fix("serverless-idle-x2"), fix("serverless-idle-x6")
    rates = [NIGHT] * 12 + [DAY] * 12
    exact = sum(rate * math.exp(-rate / 3600 * 2 * IDLE_S) for rate in rates) / sum(rates)
    assert exact == pytest.approx(longer.cold_share.value, rel=0.05)
    assert (twice.cold_share.value or 0.0) < (longer.cold_share.value or 0.0)
    assert 0 == longer.cost_more.value
    assert not longer.is_offered


def test_provisioned_concurrency_is_the_least_that_is_enough() -> None:
    """One instance serves requests that come one at a time; it costs 0.00001 × 730 h = 26.28 USD more or less."""
    names = [one.name for one in usual().fixes]
    assert "serverless-pc1" in names
    assert "serverless-pc2" not in names
    one = fix("serverless-pc1")
    assert one.reaches
    assert 26.28 == pytest.approx(one.cost_more.value, rel=0.01)
    assert usual().per_day.value == pytest.approx(one.cold_less.value, rel=0.01)


def test_too_little_provisioned_concurrency_is_shown_beside_what_is_enough() -> None:
    """Three requests at the same instant need three places; of one only that it is too little is told."""
    traffic = {"kind": "periodic", "interval": "1h", "requests": 3}
    names = [one.name for one in found(traffic=traffic, horizon="1d", replications=2).fixes if "-pc" in one.name]
    assert ["serverless-pc1", "serverless-pc3"] == names


def test_pings_keep_an_instance_warm() -> None:
    """A ping each 540 s leaves hardly a request cold; their latencies are mixed with users' and not told."""
    pings = fix("serverless-pings")
    assert "pings: one request every 540s" == pings.words
    assert pings.reaches
    # At the start one ping is cold; users that overlap with a ping or one another are.
    assert (pings.cold_share.value or 0.0) < 0.005
    assert (pings.cost_more.low or 0.0) > 0
    assert (None, Verdict.NO_DATA) == (pings.p99.value, pings.meets)


def test_instances_have_no_cold_start_and_prices_are_in_order() -> None:
    """167.9 USD for the instance; the fixes stand by price."""
    assert fix("instances").cold_share.is_none_seen
    assert fix("instances").reaches
    costs = [one.cost.value or 0.0 for one in usual().fixes]
    assert sorted(costs) == costs


def test_an_objective_says_what_is_enough() -> None:
    """40 % of cold requests are allowed: twice the idle timeout reaches that, a tenth of them would not be."""
    assert 0.1 * (usual().share.value or 0.0) == pytest.approx(usual().wanted)
    allowed = found(objectives=["cold_start_fraction < 40%"])
    assert 0.4 == allowed.wanted
    assert next(one for one in allowed.fixes if one.name == "serverless-idle-x2").reaches
    assert not fix("serverless-idle-x2").reaches


def test_what_has_no_cold_starts_is_refused() -> None:
    """Each with what is wrong."""
    with pytest.raises(InputError, match="the scenario has no serverless endpoint"):
        found(endpoints=[INSTANCES])
    scenario = simulator.load_scenario("quiet-development-endpoint")
    with pytest.raises(InputError, match="m5-xlarge is not serverless"):
        risk(scenario, run_all, "m5-xlarge")
    with pytest.raises(InputError, match="has no endpoint 'm5'"):
        risk(scenario, run_all, "m5")


def test_reports() -> None:
    """The answer first, 24 hours, lines within 100 columns; JSON with every estimate; the same figure twice."""
    text = report.as_text(usual())
    lines = text.splitlines()
    assert "Cold starts" == lines[0]
    assert 24 == sum(line.lstrip()[:5] in {f"{hour:02d}:00" for hour in range(24)} for line in lines)
    assert 100 >= max(map(len, lines))
    assert "Least price of what is enough: pings" in " ".join(text.split())
    facts = json.loads(report.as_json(usual()))
    assert (24, usual().share.value) == (len(facts["hours"]), facts["cold_share"]["value"])
    assert [one.name for one in usual().fixes] == [one["name"] for one in facts["fixes"]]
    assert "## What would change it, by price" in report.as_markdown(usual())
    first, second = (dict(figure_files(usual(), "finding")) for _ in range(2))
    assert {"cold-by-hour.png", "cold-by-hour.svg"} == first.keys()
    assert first == second


def test_the_command(tmp_path: Path) -> None:
    """Prints the report, keeps figure and files; a wrong endpoint is exit code 2."""
    arguments = ["risk", "quiet-development-endpoint", "-n", "2", "--set", "horizon=2d", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, [*arguments, "-q"])
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("Cold starts\n  serverless-2gb: ")
    kept = {path.name for path in tmp_path.glob("quiet-development-endpoint/risk-*/*")}
    assert {"cold-by-hour.png", "cold-by-hour.svg", "report.txt", "risk.json"} <= kept
    wrong = CliRunner().invoke(main, [*arguments, "--endpoint", "m5-xlarge"])
    assert 2 == wrong.exit_code
    assert "is not serverless" in wrong.stderr
