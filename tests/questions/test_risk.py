"""The risk of cold starts: exact shares by hour, hand-made traces, and what each fix does to them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.endpoints import Serverless
from simulator.errors import InputError
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict
from simulator.questions.risk.fixes import Fix
from simulator.questions.risk.instead import Instead
from simulator.questions.risk.ready import below_limit, least_that
from simulator.questions.risk.risk import Risk, risk
from simulator.questions.running import runner_of
from simulator.report import risk as report
from simulator.report.figures.risk import figure_files
from simulator.scenario.model import Scenario
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
BASE_MODEL = {"service_time": "10ms", "startup_time": "5s"}
INSTANCES = {"name": "instances", "kind": "real_time", "instance_type": "ml.m5.xlarge"}


def found(**fields: Any) -> Risk:
    """Ten days, requests of 10 ms one at a time: six an hour from 6 to 18, one an hour else."""
    rates = [f"{NIGHT}/h"] * 6 + [f"{DAY}/h"] * 12 + [f"{NIGHT}/h"] * 6
    scenario = {
        "name": "risk",
        "horizon": "10d",
        "replications": 30,
        "traffic": {"kind": "profile", "period": "day", "rates": rates},
        "model": BASE_MODEL,
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
    """Each cold request waits 5 s, to the 0.4 % of the histogram; the mean is exact."""
    assert 5000.0 == usual().penalty.value
    assert [5e9] * 4 == pytest.approx([value for _, value in usual().penalties_ns], rel=0.004)


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
    """Three requests at the same instant need three places: a third of them is cold with two.

    With a limit of one half of cold requests two are enough, with one two thirds are cold.
    """
    traffic = {"kind": "periodic", "interval": "1h", "requests": 3}
    three = found(traffic=traffic, horizon="1d", replications=2)
    assert ["serverless-pc2", "serverless-pc3"] == [one.name for one in three.fixes if "-pc" in one.name]
    assert [(3, 2, Verdict.NOT_MET)] == [(one.least, one.below, one.verdict) for one in three.searches]
    two = found(traffic=traffic, horizon="1d", replications=2, objectives=["cold_start_fraction < 50%"])
    shares = {one.name: one.cold_share.value for one in two.fixes if "-pc" in one.name}
    assert {"serverless-pc1": pytest.approx(2 / 3), "serverless-pc2": pytest.approx(1 / 3)} == shares


def test_the_least_provisioned_concurrency_that_meets_the_objectives() -> None:
    """Ten requests at the same instant each hour: n instances kept ready leave 1 − n/10 of them cold, which wait 5 s.

    Cold requests below 65 %: n = 4. p90 < 1 s asks for nine in ten that do not wait: n = 9. The limit on money, which
    instances cannot help, is not asked for and is missed.
    """
    asked = found(
        traffic={"kind": "periodic", "interval": "1h", "requests": 10},
        endpoints=[{**SERVERLESS, "max_concurrency": 16}],
        horizon="1d",
        replications=2,
        objectives=["cold_start_fraction < 65%", "p90 < 1s", "monthly_cost < 1USD"],
    )
    assert [("cold requests below 65 %", 4, 3), ("cold_start_fraction < 65%, p90 < 1s", 9, 8)] == [
        (one.wanted, one.least, one.below) for one in asked.searches
    ]
    fixes = {one.name: one for one in asked.fixes}
    assert [0.7, 0.6, 0.2, 0.1] == pytest.approx([fixes[f"serverless-pc{n}"].cold_share.value for n in (3, 4, 8, 9)])
    assert Verdict.NOT_MET is fixes["serverless-pc9"].meets
    assert "; not all objectives are met then." in " ".join(report.headline(asked))


def test_a_search_for_the_least_count() -> None:
    """Every answer from 1 to 40 is found, with at most 2·log₂ of it and two more tries; undecided ones are told."""
    for answer in range(1, 41):
        tries: list[int] = []

        def judged(count: int, answer: int = answer, tries: list[int] = tries) -> tuple[Verdict, int | None]:
            tries.append(count)
            if count >= answer:
                return Verdict.MET, None
            return (Verdict.UNDECIDED, 77) if count == answer - 1 else (Verdict.NOT_MET, None)

        result = least_that(judged, "enough", 1, 40)
        assert answer == result.least
        assert len(set(tries)) == len(tries) <= 2 * math.log2(answer) + 3
        if answer > 1:
            assert (answer - 1, Verdict.UNDECIDED, 77) == (result.below, result.verdict, result.replications_to_decide)
            assert f"with {answer - 1} it is undecided (about 77 replications would decide)" in report.search_in_words(
                result
            )


def test_a_search_that_finds_nothing() -> None:
    """If not even the most is enough, two are tried, and the most is told with what it lacks."""
    tries: list[int] = []

    def judged(count: int) -> tuple[Verdict, int | None]:
        tries.append(count)
        return Verdict.NOT_MET, None

    result = least_that(judged, "p99 < 1s", 2, 300)
    assert ([2, 300], None, 300) == (tries, result.least, result.below)
    assert "p99 < 1s: 300, the most that can be busy at once, is not enough." == report.search_in_words(result)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.05, 0.04, 0.06, 0.95, 10, ""), Verdict.MET),
        (Estimate(0.15, 0.12, 0.18, 0.95, 10, ""), Verdict.NOT_MET),
        (Estimate(0.09, 0.07, 0.11, 0.95, 10, ""), Verdict.UNDECIDED),
        (Estimate(0.0, None, None, 0.95, 10, "none"), Verdict.MET),
        (Estimate(0.05, None, None, 0.95, 1, "one"), Verdict.UNDECIDED),
        (Estimate(None, None, None, 0.95, 0, "no data"), Verdict.NO_DATA),
    ],
)
def test_an_estimate_against_a_limit(estimate: Estimate, expected: Verdict) -> None:
    """By its interval, against 0.1."""
    assert expected == below_limit(estimate, 0.1)[0]


UNCERTAIN = {
    "horizon": "1d",
    "replications": 20,
    "traffic": {"kind": "poisson", "mean_rate": {"choice": ["6/h", "12/h"]}},
    "endpoints": [{**SERVERLESS, "idle_timeout": {"choice": ["5m", "10m"]}}, INSTANCES],
    "objectives": ["p99 < 1s"],
}


@cache
def uncertain() -> Risk:
    """Simulated once."""
    return found(**UNCERTAIN)


def test_what_is_uncertain_is_drawn_the_same_for_everything_that_is_tried() -> None:
    """Rate and idle timeout are one of two each: the share of cold requests is the mean of e^(−λT) by rate.

    Twice the timeout is drawn with the timeout: in each replication no more requests are cold than with the timeout
    itself, and over all e^(−2λT).
    """
    rates, timeouts_s = (6.0, 12.0), (300.0, 600.0)

    def exact(factor: float) -> float:
        colds = [math.exp(-rate / 3600 * factor * timeout) for rate in rates for timeout in timeouts_s]
        return sum(colds) / len(colds)

    longer = next(one for one in uncertain().fixes if one.name == "serverless-idle-x2")
    # Four standard errors; the Latin hypercube brings each pair about as often.
    for estimate, factor in ((uncertain().share, 1.0), (longer.cold_share, 2.0)):
        assert abs((estimate.value or 0.0) - exact(factor)) < 2 * (estimate.high or 1.0) - 2 * (estimate.low or 0.0)
    assert (longer.cold_less.low or 0.0) > 0


def test_pings_come_sooner_than_the_shortest_idle_timeout() -> None:
    """0.9 of 5 min, the shorter of the two; and the note says so."""
    pings = next(one for one in uncertain().fixes if one.name == "serverless-pings")
    assert "pings: one request every 270s" == pings.words
    assert pings.note.startswith("270s is less than the shortest idle timeout that is assumed; a ping is served")
    assert pings.reaches


def test_ends_of_ranges_are_scaled_with_the_idle_timeout() -> None:
    """Every form of assumption on a duration; what has no scale is left out."""
    forms: list[tuple[Any, Any]] = [
        ({"between": ["5m", "10m"], "scale": "log"}, {"between": ["600s", "1200s"], "scale": "log"}),
        ({"triangular": ["5m", "6m", "10m"]}, {"triangular": ["600s", "720s", "1200s"]}),
        ({"lognormal": {"median": "5m", "p90": "10m"}}, {"lognormal": {"median": "600s", "p90": "1200s"}}),
        ({"lognormal": {"mean": "5m", "cv": 0.5}}, {"lognormal": {"mean": "600s", "cv": 0.5}}),
        ({"choice": ["5m", {"kind": "uniform", "low": "5m", "high": "15m"}]}, None),
    ]
    for given, expected in forms:
        scenario = simulator.load_scenario(
            {"name": "x", **UNCERTAIN, "model": BASE_MODEL, "endpoints": [{**SERVERLESS, "idle_timeout": given}]}
        )
        endpoint = scenario.endpoint("serverless")
        assert isinstance(endpoint, Serverless)
        twice = Instead(scenario, endpoint).longer(2)
        found_form = None if twice is None else twice.resolved()["endpoints"][0]["idle_timeout"]
        assert expected == found_form


def test_the_month_of_uncertain_days_is_not_told() -> None:
    """Days of which months are composed draw values of their own: it is said why nothing is told of a month.

    With certain values the same is told; without objectives, or with replications of another length, why not.
    """
    days = {**UNCERTAIN, "composed_month": {"days": 30}}
    not_told = "Not told: each day draws its own values for what is uncertain"
    assert not_told in " ".join(report.as_text(found(**days)).split())
    assert "Not told: replications are neither a month long" in report.as_text(uncertain())
    assert "Not told: the scenario has no objectives." in report.as_text(usual())
    certain = {**days, "endpoints": [SERVERLESS], "traffic": {"kind": "poisson", "mean_rate": "6/h"}}
    text = report.as_text(found(**{**certain, "replications": 30}))
    assert "serverless, p99 < 1s: every one seen" in text


def test_short_runs_tell_only_the_hours_that_they_hold() -> None:
    """Two hours from 08:30 on, one request every 12 min: 5 in an hour that comes whole or half, and no other hour."""
    short = found(
        starts_at="2026-11-23T08:30:00+00:00",
        horizon="2h",
        replications=2,
        traffic={"kind": "periodic", "interval": "12m"},
        endpoints=[SERVERLESS],
    )
    completed = {one.hour: one.completed for one in short.hours if one.completed}
    assert {8, 9, 10} == completed.keys()
    assert 5 == completed[9]
    text = report.as_text(short)
    assert "A day is taken to be as these 2 h are throughout." in text
    assert "In other hours no request was completed." in " ".join(text.split())
    assert 3 == sum(line.lstrip()[:5] in {f"{hour:02d}:00" for hour in range(24)} for line in text.splitlines())


def test_an_interrupt_tells_what_there_is() -> None:
    """Of the first studies: the risk and no fix. Of the search: what was tried before, and that not all was."""

    def stops_after(rounds: int) -> Risk:
        asked = 0

        def run(scenarios: Any) -> Any:
            nonlocal asked
            asked += 1
            studies = run_all(scenarios)
            return [replace(one, records=one.records[:1]) if asked > rounds else one for one in studies]

        scenario = {"name": "risk", "model": BASE_MODEL, "replications": 2, "horizon": "1d", "endpoints": [SERVERLESS]}
        traffic = {"kind": "periodic", "interval": "1h", "requests": 3}
        return risk(simulator.load_scenario({**scenario, "traffic": traffic}), run)

    begun, searching = stops_after(0), stops_after(1)
    assert (False, []) == (begun.is_complete, begun.fixes)
    assert not searching.is_complete
    assert ["serverless-idle-x2", "serverless-idle-x6", "serverless-pings"] == sorted(
        one.name for one in searching.fixes
    )
    assert "Interrupted: not everything" in report.as_text(searching)


def test_the_long_table() -> None:
    """One row a figure with its unit; hours are counted, fixes named, and the numbers those of the report."""
    table = report.table(usual())
    assert ["endpoint", "instead", "figure", "hour", "value", "ci_low", "ci_high", "level", "n", "unit", "method"] == [
        *table.columns
    ]
    whole = table[table["instead"].isna() & table["hour"].isna()].set_index("figure")["value"]
    assert usual().share.value == whole["cold_start_fraction"]
    assert usual().worst_per_day == whole["cold_starts_per_day_worst"]
    hours = table[table["hour"].notna() & (table["figure"] == "cold_start_fraction")]
    assert list(range(24)) == hours["hour"].tolist()
    assert [one.share.value for one in usual().hours] == hours["value"].tolist()
    assert {one.name for one in usual().fixes} == set(table["instead"].dropna())
    assert {"1", "requests", "ms", "USD"} == set(table["unit"])


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
    with pytest.raises(InputError, match="no endpoint of the scenario launches instances for requests"):
        found(endpoints=[INSTANCES])
    scenario = simulator.load_scenario("quiet-development-endpoint")
    with pytest.raises(InputError, match="m5-xlarge is real_time"):
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


def test_functions_and_containers_are_asked_too() -> None:
    """One Poisson caller every 10 minutes, idle for 10: e^-1 of the requests are cold, whatever launches the instance.

    A provisioned instance of a function spares them all but those that overlap; of a container none is tried, because
    the price of idle ones is not confirmed.
    """
    facts = {
        "name": "others",
        "prices": {"base": ["aws/us-east-1/2026-11", "google/tier-1/2026-11"]},
        "horizon": "30d",
        "replications": 4,
        "traffic": {"kind": "poisson", "mean_rate": "6/h"},
        "model": {"service_time": "1ms", "startup_time": "1ms"},
        "endpoints": [
            {"name": "function", "kind": "function", "memory_size": "1024MB", "idle_timeout": "10m"},
            {"name": "container", "kind": "container", "vcpu": 1.0, "memory_size": "1024MB", "idle_timeout": "10m"},
        ],
    }
    scenario = Scenario.model_validate(facts)
    function, container = (risk(scenario, runner_of(), name) for name in ("function", "container"))
    assert function.share == container.share
    # 17,280 requests: four standard errors of a proportion are 0.015.
    assert 0.3679 == pytest.approx(function.share.value, abs=0.015)
    assert 1 == function.searches[0].least
    assert () == container.searches
    assert "price of container.idle_vcpu" in container.untried


def test_what_keeps_to_its_objective_already_needs_no_fix() -> None:
    """Four requests in ten are cold, and half may be: that is said, and nothing is recommended at a price."""
    text = " ".join(report.as_text(found(objectives=["cold_start_fraction < 50%"], replications=5)).split())
    assert "That is enough as it is, below 50 %." in text
    assert "Least price of what is enough" not in text
    missed = found(objectives=["cold_start_fraction < 50%", "p99 < 4s"], replications=5)
    text = " ".join(report.as_text(missed).split())
    assert "That is enough as it is, below 50 %. Least price of what is enough: " in text
    assert "all objectives are met then" in text


def test_endpoints_that_launch_nothing_for_a_request_are_refused() -> None:
    """Jobs and scaling launch instances, and shared ones load models: none of it for want of an instance."""
    jobs = {"name": "jobs", "kind": "batch_transform", "instance_type": "ml.g5.xlarge", "starts_at": "02:00"}
    shared = {"name": "mm", "kind": "multi_model", "instance_type": "ml.m5.xlarge", "model_memory": "8GB"}
    with pytest.raises(InputError, match="no endpoint of the scenario launches instances for requests"):
        found(endpoints=[jobs, shared])
