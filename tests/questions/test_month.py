"""The spread of a month's bill and the chance that a month misses an objective, against cases with a known answer."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

import simulator
from simulator.errors import ScenarioError
from simulator.questions import month
from simulator.questions.month import day_scores, months, quantile
from simulator.report import machine, text
from simulator.study.results import Study

#: USD for a second of 4096 MB, price sheet of November 2026.
PRICE = 0.00008
RATE, SERVICE_S, DAYS = 0.01, 0.5, 30
SERVERLESS = {"name": "serverless", "kind": "serverless", "memory_size": "4096MB", "max_concurrency": 20}


def scenario(**fields: Any) -> dict[str, Any]:
    """Days of Poisson traffic at one serverless endpoint."""
    return {
        "name": "month",
        "horizon": "1d",
        "replications": 300,
        "traffic": {"kind": "poisson", "mean_rate": f"{RATE}/s"},
        "model": {"service_time": {"kind": "exponential", "mean": "500ms"}, "startup_time": "0s"},
        "endpoints": [SERVERLESS],
        "composed_month": {"days": DAYS},
        **fields,
    }


@cache
def studied(cv: str, limit: str) -> Study:
    """A study of 300 days."""
    fields = {"composed_month": {"days": DAYS, "day_to_day_cv": cv}, "objectives": [f"monthly_cost < {limit}"]}
    return simulator.run(simulator.load_scenario(scenario(**fields)))


def bill_of(study: Study) -> tuple[float, float, float]:
    """Mean and the two outer quantiles of the bill."""
    found = months(study)
    assert found is not None
    mean, (low, _, high) = found.bills["serverless"]
    values = [one.value for one in (mean, low, high) if one.value is not None]
    return values[0], values[1], values[2]


def test_bill_of_compound_poisson_months() -> None:
    """Without day factors: mean p λt E[B], variance p² λt E[B²] (E[B²] = 2 E[B]² if exponential), nearly normal."""
    mean, low, high = bill_of(studied("0%", "1USD"))
    arrivals = RATE * DAYS * 86400
    assert PRICE * arrivals * SERVICE_S == pytest.approx(mean, rel=0.01)
    deviation = PRICE * math.sqrt(arrivals * 2 * SERVICE_S**2)
    # 300 days give the deviation of a day to 1/sqrt(2 x 300) = 4 %.
    assert 2 * 1.645 * deviation == pytest.approx(high - low, rel=0.15)
    assert 2 * 1.645 * deviation != pytest.approx((high - low) * math.sqrt(DAYS), rel=0.15), "a day multiplied up"


def test_bill_of_days_that_differ() -> None:
    """A lognormal factor with cv 0.2 spreads the bill of 30 days by 0.2/sqrt(30) = 3.7 %, far beyond chance."""
    mean, low, high = bill_of(studied("20%", "1USD"))
    expected = PRICE * RATE * DAYS * 86400 * SERVICE_S
    assert expected == pytest.approx(mean, rel=4 * 0.2 / math.sqrt(300))
    chance = 2 / (RATE * DAYS * 86400)
    spread = math.sqrt(0.2**2 / DAYS + chance)
    assert 2 * 1.645 * spread == pytest.approx((high - low) / mean, rel=0.2)


def test_factors_of_days() -> None:
    """Mean 1, the cv that was asked for, one a replication, and none where there is no variation."""
    block = simulator.load_scenario(scenario(composed_month={"days": 30, "day_to_day_cv": "50%"})).composed_month
    assert block is not None
    factors = np.array([block.factor(1, replication) for replication in range(20_000)])
    assert 1.0 == pytest.approx(factors.mean(), abs=0.015)
    assert 0.5 == pytest.approx(factors.std(), abs=0.02)
    assert block.factor(1, 7) == factors[7] != block.factor(2, 7)
    assert 1.0 == block.model_copy(update={"day_to_day_cv": 0.0}).factor(1, 7)


def test_a_day_has_its_factor() -> None:
    """The traffic of a replication is the scenario's times its factor: 2,000 requests a day, give or take 5 of 45."""
    one = simulator.load_scenario(
        scenario(
            composed_month={"day_to_day_cv": "50%"}, traffic={"kind": "poisson", "mean_rate": "2000/d"}, replications=8
        )
    )
    assert one.composed_month is not None
    for row in simulator.run(one).replications.to_dict("records"):
        expected = 2000 * one.composed_month.factor(one.seed, row["replication"])
        assert expected == pytest.approx(row["requests"], abs=5 * math.sqrt(expected))


def chance_of(study: Study) -> tuple[float, float, float]:
    """Chance of the only objective with its interval."""
    found = months(study)
    assert found is not None
    (one,) = found.chances
    ends = [end for end in (one.chance.value, one.chance.low, one.chance.high) if end is not None]
    return ends[0], ends[1], ends[2]


def test_chance_of_a_dear_month() -> None:
    """A limit one standard deviation above the mean is passed in 16 % of months; the interval holds that."""
    mean = PRICE * RATE * DAYS * 86400 * SERVICE_S
    deviation = mean * math.sqrt(0.2**2 / DAYS + 2 / (RATE * DAYS * 86400))
    value, low, high = chance_of(studied("20%", f"{mean + deviation:.6f}USD"))
    assert low < float(ndtr(-1.0)) < high
    assert low < value < high < 0.6


def test_none_seen_is_bounded_and_not_zero() -> None:
    """No composed month misses 100 USD: 300 days bound it at 1 − 0.05^(30/300) = 25.9 %."""
    value, low, high = chance_of(studied("20%", "100USD"))
    assert (0.0, 0.0) == (value, low)
    assert 1 - 0.05 ** (30 / 300) == pytest.approx(high)
    assert "none seen, at most 26 % of months" in text.report(studied("20%", "100USD"))


def test_every_month_misses() -> None:
    """Nor is what always happened certain."""
    value, low, high = chance_of(studied("20%", "0.1USD"))
    assert (1.0, 1.0) == (value, high)
    assert 0.05 ** (30 / 300) == pytest.approx(low)


def test_fewer_days_than_a_month_decide_nothing() -> None:
    """29 days give a mean, and neither spread nor chance."""
    study = simulator.run(simulator.load_scenario(scenario(replications=29, objectives=["monthly_cost < 1USD"])))
    found = months(study)
    assert found is not None
    mean, spread = found.bills["serverless"]
    assert mean.value is not None
    assert [None] * 4 == [one.value for one in (*spread, found.chances[0].chance)]
    assert "undecided: 29 days were simulated, fewer than the 30 of a month" in " ".join(text.report(study).split())


@pytest.mark.parametrize(
    ("objective", "measure"),
    [
        ("cold_start_fraction < 5%", "cold_start_fraction"),
        ("throttled_fraction <= 1%", "throttled_fraction"),
        ("mean_latency < 600ms", "mean_latency"),
        ("p99 < 3s", "p99"),
        ("p50 < 350ms", "p50"),
        ("cost_per_1000 < 0.04USD", "cost_per_1000"),
        ("monthly_cost < 1USD", "monthly_cost"),
    ],
)
def test_scores_say_what_the_day_says(objective: str, measure: str) -> None:
    """The sum over one day is above 0 exactly where that day's own measure is above the limit."""
    endpoint = {**SERVERLESS, "max_concurrency": 1, "idle_timeout": "10m"}
    study = simulator.run(
        simulator.load_scenario(scenario(replications=20, endpoints=[endpoint], objectives=[objective]))
    )
    sample = study.sample("serverless")
    (judged,) = study.judgements()["serverless"]
    scores = day_scores(sample, judged.objective)
    assert scores is not None
    assert [not held for held in sample.held(judged.objective)] == (scores > 0).tolist(), measure


def test_a_measure_that_is_no_sum_has_no_chance() -> None:
    """The longest latency of a month is no sum over days."""
    study = simulator.run(simulator.load_scenario(scenario(replications=30, objectives=["max_latency < 1s"])))
    found = months(study)
    assert found is not None
    assert (None, "is not a sum over days") == (found.chances[0].chance.value, found.chances[0].chance.method)


def test_replications_a_month_long_are_months() -> None:
    """Each is one month: the chance is the share of them, Clopper-Pearson, and the bill's spread is theirs."""
    block = scenario(horizon="30d", month="30d", replications=40, objectives=["monthly_cost < 1.04USD"])
    del block["composed_month"]
    study = simulator.run(simulator.load_scenario({**block, "traffic": {"kind": "poisson", "mean_rate": "36/h"}}))
    found = months(study)
    assert found is not None
    costs = np.array(study.sample("serverless").column("monthly_cost"), np.float64)
    assert (None, 40) == (found.days, found.replications)
    assert float((costs >= 1.04).mean()) == found.chances[0].chance.value
    assert np.quantile(costs, 0.5, method="inverted_cdf") == found.bills["serverless"][1][1].value


def test_nothing_is_said_of_months_from_days_alone() -> None:
    """Without composed_month a day is multiplied up for the mean only."""
    block = scenario(replications=3)
    del block["composed_month"]
    study = simulator.run(simulator.load_scenario(block))
    assert months(study) is None
    assert "single month of" not in text.report(study)


def test_order_statistics_by_hand() -> None:
    """Median of 1 to 10: from the 2nd to the 9th holds it with 1 − 2 x 11/1024 = 97.9 %, 3rd to 8th with 89 %."""
    found = quantile(np.arange(1.0, 11.0), 0.5, 0.95)
    assert (5.0, 2.0, 9.0) == (found.value, found.low, found.high)
    assert quantile(np.arange(1.0, 11.0), 0.95, 0.95).low is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"horizon": "6h"}, "replications must be days, but horizon less initial_transient is 6h, must be 24h"),
        ({"month": "31d"}, '"744h" is not the 30 days of composed_month'),
        ({"free_tier": True}, "true is not allowed with composed_month"),
        ({"composed_month": {"days": 1}}, "composed_month.days"),
        (
            {"traffic": {"kind": "profile", "period": "week", "rates": ["1/h"] * 120 + ["0/h"] * 48}},
            "the traffic expects more requests on some days than on others",
        ),
    ],
)
def test_months_that_cannot_be_composed_are_refused(fields: dict[str, Any], message: str) -> None:
    """With the place and the reason."""
    with pytest.raises(ScenarioError) as refused:
        simulator.load_scenario(scenario(**fields))
    assert message in str(refused.value)


def test_an_initial_transient_warms_the_day_up() -> None:
    """25 h of which the first is left out are a day."""
    warmed = simulator.load_scenario(scenario(horizon="25h", initial_transient="1h"))
    assert (30, 30 * 86400.0) == (warmed.composed_month and warmed.composed_month.days, warmed.month)
    assert warmed == simulator.load_scenario(warmed.resolved())


def test_json_has_the_months() -> None:
    """Bills with quantiles, chances with intervals."""
    facts = json.loads(machine.as_json(studied("20%", "1USD")))["months"]
    assert (30, 300) == (facts["days"], facts["replications"])
    assert list(month.SHARES) == [one["share"] for one in facts["bills"][0]["quantiles"]]
    assert "monthly_cost < 1USD" == facts["chances"][0]["objective"]


@pytest.mark.slow
def test_intervals_of_a_chance_hold_the_truth() -> None:
    """Bootstrap over 60 days with normal costs: the true chance of 30 % is held in at least 85 % of 200 samples."""
    from simulator.measures.objectives import parse_objective

    objective = parse_objective("monthly_cost < 1USD")
    limit = 0.5244 * math.sqrt(DAYS) * 0.2
    held = 0
    for seed in range(200):
        days = np.random.default_rng(seed).normal(1.0, 0.2, 60) - 1.0 - limit / DAYS
        whole, draws = month._sums(days[None, :], DAYS, seed)
        found = month._chance(objective, whole[0], draws[0], DAYS, 0.95, 60)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.3 <= found.high
    assert 0.85 * 200 <= held
