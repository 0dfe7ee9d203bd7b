"""Questions about an endpoint whose provisioned concurrency follows its load: no formula, and what else is tried."""

from __future__ import annotations

from typing import Any

import simulator
from simulator.questions.advice.findings import Findings
from simulator.questions.breakeven import monthly_by_hand
from simulator.questions.plan.bounds import fixed_usd
from simulator.questions.risk.instead import Instead

KIND = {"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 9, "provisioned_concurrency": 1}
SCENARIO: dict[str, Any] = {
    "name": "case",
    "horizon": "10m",
    "replications": 2,
    "traffic": {"kind": "poisson", "mean_rate": "1/s"},
    "model": {"service_time": "1s", "startup_time": "5s"},
    "endpoints": [{**KIND, "name": "scaled", "autoscaling": {"max_capacity": 4}}, {**KIND, "name": "fixed"}],
}


def test_no_formula_knows_its_cost() -> None:
    """Neither a closed form nor a lower bound, which the same endpoint without scaling has."""
    scenario = simulator.load_scenario(SCENARIO)
    scaled, fixed = scenario.endpoints
    assert (None, 0.0) == (monthly_by_hand(scenario, scaled), fixed_usd(scenario, scaled))
    assert monthly_by_hand(scenario, fixed) is not None
    assert fixed_usd(scenario, fixed) > 0


def test_risk_tries_provisioned_concurrency_that_stays() -> None:
    """From one instance on, in place of what scaling does."""
    scenario = simulator.load_scenario(SCENARIO)
    scaled, fixed = (Instead(scenario, one) for one in scenario.endpoints if one.kind == "serverless")
    assert (1, 2) == (scaled.first_ready, fixed.first_ready)
    (tried,) = scaled.ready(3).endpoints
    assert tried.kind == "serverless"
    assert (3, None) == (tried.provisioned_concurrency, tried.autoscaling)
    assert scaled.pings() is None


def test_it_is_not_advised_as_one_on_demand() -> None:
    """Also where it begins without an instance kept ready."""
    none = {
        **KIND,
        "name": "scaled",
        "provisioned_concurrency": 0,
        "autoscaling": {"min_capacity": 0, "max_capacity": 4},
    }
    study = simulator.run(simulator.load_scenario({**SCENARIO, "endpoints": [none]}))
    assert Findings(study).best_on_demand is None
