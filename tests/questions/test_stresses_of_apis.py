"""What stresses do to managed APIs: more tokens and a smaller quota, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.demand import draw_demand
from simulator.errors import ScenarioError
from simulator.questions.stress.of_apis import MoreTokens, SmallerQuota
from simulator.questions.stress.planned import planned
from simulator.questions.stress.stress import stress as put_to
from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario
from simulator.scenario.stress import Stresses
from simulator.study.run import run
from tests.study.scenarios import BASE
from tests.study.scenarios import scenario as of_other_kinds

API = {
    "name": "api",
    "kind": "managed_api",
    "model_id": "meta.llama3-1-8b",
    "requests_per_minute": "none",
    "tokens_per_minute": 1000,
    "max_tokens": 100,
    "time_per_output_token": "10ms",
}


def scenario(tokens: dict[str, Any] | None = None, **api: Any) -> Scenario:
    """An API beside an instance; requests of 10 tokens, and responses of 30."""
    return load_scenario(
        {
            "name": "apis",
            "horizon": "10m",
            "prices": {
                "base": ["aws/us-east-1/2026-11", "bedrock/us-east-1/2026-11"],
                "managed_api.model_unit.meta.llama3-1-8b.none": "24 USD/h",
            },
            "traffic": {"kind": "poisson", "mean_rate": "0.2/s"},
            "model": {"service_time": "500ms", **(tokens or {"tokens_in": 10, "tokens_out": 30})},
            "endpoints": [{**API, **api}, {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"}],
            "objectives": ["throttled_fraction < 5%"],
        }
    )


@pytest.mark.parametrize("is_a_file", [False, True])
def test_twice_the_tokens_take_twice_as_long_and_cost_twice_as_much(tmp_path: Path, is_a_file: bool) -> None:
    """10 and 30 become 20 and 60, of a distribution as of pairs: 0.5 s + 60 x 10 ms; the instance stays as it is."""
    (tmp_path / "pairs.csv").write_text("a,b\n10,30\n", encoding="utf-8")
    pairs = {"tokens": {"file": str(tmp_path / "pairs.csv"), "tokens_in": "a", "tokens_out": "b"}}
    base = scenario(pairs if is_a_file else None, tokens_per_minute="none")
    stress = MoreTokens((1.0, 2.0))
    twice = stress.apply(base, 2.0)
    demand = draw_demand(twice, "api")
    assert {20} == set(demand.column("tokens_in").tolist())
    assert {60} == set(demand.column("tokens_out").tolist())
    assert {1_100_000_000} == set(demand.service_ns.tolist())
    plain, more = (run(one, replications=2) for one in (base, twice))
    assert base.digest() != twice.digest()
    costs = [np.array(one.sample("api").column("monthly_cost"), np.float64) for one in (plain, more)]
    np.testing.assert_allclose(2 * costs[0], costs[1])
    assert plain.sample("m5").measured == more.sample("m5").measured
    assert ["", "it counts no tokens"] == [stress.spares(base, one) for one in base.endpoints]


def test_a_response_of_more_tokens_ends_at_the_most_there_may_be() -> None:
    """Four times 30 tokens are 120, of which 100 are given: half a second and a second."""
    demand = draw_demand(MoreTokens((1.0, 4.0)).apply(scenario(), 4.0), "api")
    assert {1_500_000_000} == set(demand.service_ns.tolist())


def test_a_smaller_quota_is_smaller_in_every_number() -> None:
    """Half of what there is, whole numbers, 1 at least; what is none stays none and is spared."""
    stress = SmallerQuota((1.0, 0.5))
    half = stress.apply(scenario(requests_per_minute=7), 0.5).endpoints[0]
    assert (4, 500) == (half.requests_per_minute, half.tokens_per_minute)  # type: ignore[union-attr]
    units = scenario(model_units=2, tokens_per_minute_per_unit=300, tokens_per_minute=None)
    assert 2 * 150 == stress.apply(units, 0.5).endpoints[0].quota.tokens_per_minute  # type: ignore[union-attr]
    assert 1 == stress.apply(scenario(requests_per_minute=1), 0.25).endpoints[0].requests_per_minute  # type: ignore[union-attr]
    base = scenario(tokens_per_minute="none")
    assert ["its quota is none", "it has no quota"] == [stress.spares(base, one) for one in base.endpoints]


def test_the_quota_at_which_requests_are_throttled_is_found() -> None:
    """12 requests a minute of 40 tokens use 480 of 1,000: of a quarter of that about half of them are throttled."""
    plan = planned(scenario(), Stresses(quota=(1.0, 0.25)), replications=4)
    result = put_to(plan, lambda scenarios: [run(one, replications=4) for one in scenarios])
    [cell] = [one for one in result.cells if one.endpoint == "api"]
    assert cell.outcome.name == "BREAKS"


def test_sets_leave_them_out_where_there_is_no_api() -> None:
    """The usual stresses of other endpoints are as before; asked for by their names they are told not to apply."""
    names = [one.name for one in planned(of_other_kinds(), Stresses(set_of="usual")).stresses]
    assert {"tokens", "quota"}.isdisjoint(names)
    assert {"tokens", "quota"} < {one.name for one in planned(scenario(), Stresses(set_of="usual")).stresses}
    assert ["quota"] == [one.name for one in planned(of_other_kinds(), Stresses(quota=(1.0, 0.5))).stresses]


def test_a_scale_of_tokens_that_there_are_none_of_is_told() -> None:
    """Nothing is silently without effect."""
    with pytest.raises(ScenarioError, match="is given, and there are no tokens that it could scale"):
        of_other_kinds(model={**BASE["model"], "tokens_scale": 2.0})
