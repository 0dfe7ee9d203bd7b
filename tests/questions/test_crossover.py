"""Crossovers against closed forms: their place, their interval, how many there are, and what they are due to."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulator.errors import InputError, ScenarioError
from simulator.questions.crossover.crossover import crossover, planned
from simulator.questions.crossover.standing import Reason
from simulator.study.run import run_all
from tests.questions.crossed import PRICES, SERVERLESS, held, instances, scenario

pytestmark = pytest.mark.thorough


def covered(seeds: int) -> int:
    """How many of so many seeds have the true crossing in their interval."""
    return sum(held(crossover(scenario(), "traffic.mean_rate=0.4/s..3/s", seed=seed), 1.0) for seed in range(seeds))


def test_a_crossing_of_costs_is_where_arithmetic_says() -> None:
    """λ* = 1/s: in the interval, and the closed form is exactly that; 2.628 million requests a month."""
    result = crossover(scenario(), "traffic.mean_rate=0.1/s..10/s", replications=20)
    (flip,) = result.flips
    change = flip.change
    assert ("serverless", "x1", Reason.COST) == (change.before, change.after, change.cause.reason)
    assert held(result, 1.0)
    assert flip.predicted == pytest.approx(1.0, abs=1e-12)
    assert () == flip.why_apart
    assert change.low < change.at < change.high
    assert 0.06 > change.high - change.low
    assert flip.requests.value == pytest.approx(2_628_000 * change.at)
    # 0.2 s of work on 4 workers.
    assert change.at * 0.2 / 4 == pytest.approx(flip.utilization["x1"], rel=0.03)
    assert [(0.1, "serverless"), (change.at, "x1")] == [(one.low, one.winner) for one in result.stretches]


def test_intervals_hold_the_true_crossing() -> None:
    """In 10 seeds at least 7: at 95 % fewer come with a chance of 1 in 1,000, at 60 % in six of ten cases."""
    assert 7 <= covered(10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_hold_the_true_crossing_as_often_as_they_say() -> None:
    """In 300 seeds 271 to 296: what 95 % gives but for 1 in 1,000 on each side."""
    assert 271 <= covered(300) <= 296


def test_all_points_have_the_same_random_numbers() -> None:
    """Requests of a replication at a higher rate begin with those at a lower one, only closer together."""
    plan = planned(scenario(), "traffic.mean_rate=1/s..2/s")
    low, high = (study.records for study in run_all([plan.grid[0], plan.grid[-1]]))
    assert all(ours.requests < theirs.requests for ours, theirs in zip(low, high, strict=True))
    assert plan.grid[0].seed == plan.grid[-1].seed


def staircase() -> dict[str, Any]:
    """One to four instances, at most 70 % utilized: 14/s for each; serverless at the price of one at 10/s."""
    return scenario(
        horizon="3m",
        prices={**PRICES, "serverless.duration.1024MB": "0.00005 USD/s"},
        endpoints=[SERVERLESS, *(instances(count, routing="least_outstanding_requests") for count in (1, 2, 3, 4))],
        objectives=["utilization < 70%"],
    )


def test_a_staircase_of_instances_has_all_its_crossings() -> None:
    """n instances cost as much as serverless at 10n/s, and are too few from 14n/s on.

    So the answer changes at 10 (cost), 14 (one is too few), 20, 28, 30, 42 (three are too few; four cost the same as
    serverless at 40 already) and 56: seven changes, two of them between neighbours of the grid.
    """
    result = crossover(staircase(), "traffic.mean_rate=5/s..80/s")
    expected = [
        (10, "serverless", "x1", Reason.COST),
        (14, "x1", "serverless", Reason.LOSES),
        (20, "serverless", "x2", Reason.COST),
        (28, "x2", "serverless", Reason.LOSES),
        (30, "serverless", "x3", Reason.COST),
        (42, "x3", "x4", Reason.LOSES),
        (56, "x4", "serverless", Reason.LOSES),
    ]
    found = result.changes
    assert [one[1:] for one in expected] == [(one.before, one.after, one.cause.reason) for one in found]
    assert [one[0] for one in expected] == pytest.approx([one.at for one in found], rel=0.02)
    assert ["", *["utilization < 70%"]] == [found[0].cause.objective, found[1].cause.objective]
    assert result.is_decided


def test_a_crossing_of_costs_beyond_the_objectives_is_no_answer() -> None:
    """With one worker more than 5 % of the requests wait 10 ms from about 0.26/s on (M/D/1: λS = 5 % / 95 %).

    Above the crossing of the costs, 1/s, the instance is cheaper, and still not the answer.
    """
    single = instances(1, workers_per_instance=1)
    result = crossover(
        scenario(endpoints=[SERVERLESS, single], objectives=["p95 < 210ms"], horizon="1h"),
        "traffic.mean_rate=0.05/s..3/s",
    )
    assert () == result.changes
    (stretch,) = result.stretches
    assert "serverless" == stretch.winner
    assert result.is_decided
    frame = result.points()
    dearest = frame[(frame["endpoint"] == "x1") & (frame["traffic.mean_rate [/s]"] == 3.0)]
    assert [("not met", "p95 < 210ms", False)] == list(
        dearest[["verdict", "missed", "is_cheapest_eligible"]].itertuples(index=False, name=None)
    )


def test_undecided_is_not_eligible_and_told() -> None:
    """The limit is the median of the service time itself: not known below the crossing, the instance above it."""
    even = {**SERVERLESS, "service_time": {"kind": "lognormal", "p50": "200ms", "p99": "400ms"}}
    result = crossover(
        scenario(
            endpoints=[even, instances(1)],
            model={"service_time": "150ms", "startup_time": "0s"},
            objectives=["p50 < 200ms"],
        ),
        "traffic.mean_rate=0.5/s..2/s",
    )
    unknown, known = result.stretches
    assert (("serverless",), ("serverless: p50 < 200ms",)) == (unknown.unsure, unknown.open_objectives)
    assert ("x1", ()) == (known.winner, known.unsure)
    assert not result.is_decided


def test_nobody_is_eligible() -> None:
    """Every endpoint takes 200 ms."""
    result = crossover(scenario(objectives=["p50 < 100ms"]), "traffic.mean_rate=0.5/s..2/s")
    assert [None] == [one.winner for one in result.stretches]
    assert not result.is_anyone_eligible


def test_endpoints_that_cost_the_same_are_told() -> None:
    """Two limits that are never reached."""
    twins = [SERVERLESS, {**SERVERLESS, "name": "twin", "max_concurrency": 900}]
    result = crossover(scenario(endpoints=twins), "traffic.mean_rate=0.5/s..2/s")
    (stretch,) = result.stretches
    assert ("serverless", ("twin",), ()) == (stretch.winner, stretch.alike, stretch.close)


def test_the_traffic_is_scaled_as_a_whole_by_default() -> None:
    """Bursty traffic of 0.5/s: from 0.005/s to 50/s, and the crossing is at the same mean rate."""
    bursty = {"kind": "bursty", "mean_rate": "0.5/s", "burst_factor": 2, "burst_share": "30%", "burst_length": "5s"}
    result = crossover(scenario(traffic=bursty, replications=20))
    assert (0.005, 50.0) == (result.line.spots[0].place, result.line.spots[-1].place)
    assert held(result, 1.0)


def test_growth_tells_the_month() -> None:
    """From 0.5/s at 8 % a month to λ*: log(λ*/0.5)/log 1.08 months, about 9; shrinking traffic never gets there."""
    result = crossover(scenario(), growth="8%/month")
    (flip,) = result.flips
    assert flip.months is not None
    for months, place in (
        (flip.months.value, flip.change.at),
        (flip.months.low, flip.change.low),
        (flip.months.high, flip.change.high),
    ):
        assert place is not None
        assert math.log(place / 0.5) / math.log(1.08) == pytest.approx(months)
    (never,) = crossover(scenario(), growth="-8%/month").flips
    assert never.months is not None
    assert (None, None, None) == (never.months.value, never.months.low, never.months.high)


def test_whole_values_have_no_crossing_between_them() -> None:
    """At 3.5/s serverless costs as much as 3.5 instances: three are cheaper, four are not."""
    result = crossover(
        scenario(traffic={"kind": "poisson", "mean_rate": "3.5/s"}, replications=20),
        "endpoints[x1].initial_instance_count=1..40",
    )
    (change,) = result.changes
    assert ("x1", "serverless") == (change.before, change.after)
    assert (4.0, 4.0, 4.0) == (change.at, change.low, change.high)
    (flip,) = result.flips
    assert 4.0 == flip.predicted


def test_the_same_numbers_whichever_way_it_is_run() -> None:
    """A second time, and with the reference engine."""
    first, again, by_reference = (
        crossover(scenario(replications=3), "traffic.mean_rate=0.5/s..2/s", engine=engine)
        for engine in ("compiled", "compiled", "reference")
    )
    assert first.table().to_csv() == again.table().to_csv() == by_reference.table().to_csv()


def test_what_is_uncertain_can_be_crossed_along_a_value() -> None:
    """Service takes 100 to 300 ms, on average 200 ms: the crossing stays near 1/s, and there is no closed form."""
    model = {"service_time": {"kind": "constant", "value": {"between": ["100ms", "300ms"]}}, "startup_time": "0s"}
    uncertain = scenario(model=model, replications=20)
    (flip,) = crossover(uncertain, "traffic.mean_rate=0.4/s..3/s").flips
    assert None is flip.predicted
    assert 1.0 == pytest.approx(flip.change.at, rel=0.06)
    with pytest.raises(InputError, match="cannot be scaled"):
        crossover(uncertain)


def test_a_scenario_that_asks_for_a_precision_gets_a_fixed_number() -> None:
    """Points are compared replication by replication."""
    given = scenario(precision={"measure": "monthly_cost", "relative": "1%", "max_replications": 200})
    del given["replications"]
    plan = planned(given, "traffic.mean_rate=0.5/s..2/s")
    assert {(20, None)} == {(one.replications, one.precision) for one in plan.grid}


def test_long_points_of_the_grid_have_fewer_replications() -> None:
    """At 1,000/s 10 min are 1.2 million requests: 2e7 of them are 16 replications; 5 are the fewest."""
    plan = planned(scenario(replications=50), "traffic.mean_rate=1/s,1000/s,90000/s")
    assert [50, 16, 5] == [one.replications for one in plan.grid]


@pytest.mark.parametrize(
    ("over", "options", "message"),
    [
        ("traffic.mean_rate=fast,slow", {}, "traffic.mean_rate: a crossover lies between numbers"),
        ("traffic.mean_rate=1/s", {}, "a crossover lies between numbers"),
        ("traffic.mean_rate", {}, "varies nothing"),
        ("seed=1..9", {}, "seed cannot be varied"),
        ("endpoints[0].provisioned_concurrency=0..8", {"growth": "8%/month"}, "is no rate"),
        (None, {"growth": "fast"}, 'growth "fast" cannot be read'),
        (None, {"growth": "-100%/month"}, "leaves nothing"),
        (None, {"measure": "utilization"}, "utilization cannot be compared"),
        (None, {"measure": "p77"}, "p77 is not measured"),
        (None, {"tolerance": 0.5}, "tolerance is 50%"),
    ],
)
def test_what_cannot_be_asked_is_refused(over: str | None, options: dict[str, Any], message: str) -> None:
    """One message, before anything is simulated."""
    with pytest.raises(InputError) as caught:
        planned(scenario(), over, **options)
    assert message in str(caught.value)


def test_all_wrong_points_are_told_at_once() -> None:
    """Each with its value."""
    with pytest.raises(ScenarioError) as caught:
        planned(scenario(), "traffic.mean_rate=1/s,3e6/s,4e6/s").grid  # noqa: B018
    text = str(caught.value)
    assert "traffic.mean_rate=3e6/s" in text
    assert "traffic.mean_rate=4e6/s" in text
