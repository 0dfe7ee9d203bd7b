"""What serves or limits all models of a fleet together: multi-model endpoints and the limit of the account."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.demand import draw_demand
from simulator.engines import compiled
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Settled
from simulator.errors import ScenarioError
from simulator.measures.objectives import Verdict
from simulator.questions.fleet import merged as merging
from simulator.questions.fleet.fleet import MIX, Fleet, fleet
from simulator.questions.fleet.merged import merged, windows
from simulator.questions.fleet.replication import (
    fleet_record,
    measured_of,
    measured_of_all,
    measured_under_limit,
)
from simulator.questions.fleet.running import run_fleet
from simulator.questions.fleet.together import parted
from simulator.report import fleet as report
from simulator.scenario.fleet_models import models_of
from simulator.scenario.model import Scenario
from simulator.units import NS_PER_SECOND

SERVERLESS = {"name": "serverless", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 200}
INSTANCE = {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.large", "workers_per_instance": 2}
SHARED = {
    "name": "shared",
    "kind": "multi_model",
    "instance_type": "ml.m5.xlarge",
    "workers_per_instance": 4,
    "model_memory": "12GB",
}


def scenario_of(endpoints: list[dict[str, Any]], fleet_block: dict[str, Any], **changed: Any) -> Scenario:
    return simulator.load_scenario(
        {
            "name": "many",
            "horizon": "2h",
            "replications": 4,
            "traffic": {"kind": "poisson", "mean_rate": "1/s"},
            "model": {"service_time": {"kind": "lognormal", "mean": "200ms", "cv": 0.5}, "startup_time": "4s"},
            "endpoints": endpoints,
            "fleet": {"models": 8, "zipf": 1.0, "memory": "1GB", **fleet_block},
            **changed,
        }
    )


@cache
def shared_fleet() -> Fleet:
    """Eight models that one instance holds, beside serverless endpoints and instances of their own."""
    busy = {"kind": "poisson", "mean_rate": "12/s"}
    ways = [SERVERLESS, INSTANCE, SHARED]
    return fleet(scenario_of(ways, {}, traffic=busy, objectives=["failed_fraction < 1%"]), run_fleet)


def test_windows_lose_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many windows, they hold the requests that each model's own scenario draws, in order."""
    models = models_of(scenario_of([SERVERLESS], {}))
    expected = [draw_demand(one.scenario, "serverless", 3) for one in models]
    monkeypatch.setattr(merging, "_WINDOW", 100)
    parts = list(windows(models, ["serverless"] * len(models), 3))
    assert len(parts) > 50
    for number, demand in enumerate(expected):
        found = Demand.joined([demands[number] for _, demands in parts])
        assert demand.arrival_ns.tolist() == found.arrival_ns.tolist()
        assert demand.column("service_ns").tolist() == found.column("service_ns").tolist()


def test_merged_requests_are_in_order_of_time_then_of_model() -> None:
    """Three models, of which two have a request at 5 ns: by hand."""
    demands = [Demand.from_arrays([5, 9], [1, 2]), Demand.from_arrays([0], 7), Demand.from_arrays([5, 6], [3, 4])]
    found = merged(demands)
    assert [0, 5, 5, 6, 9] == found.arrival_ns.tolist()
    assert [1, 0, 2, 2, 0] == found.model.tolist()
    assert [7, 1, 3, 4, 2] == found.column("service_ns").tolist()


def test_what_is_settled_is_parted_by_model() -> None:
    """Requests 2 to 5 of all models, of which one was tried twice: each model has its own, numbered on."""
    demand = Demand.from_arrays([0, 0, 1, 1], 1, model=[1, 0, 1, 1])
    pool = Pool(standing=1, launches=False, routing=Routing.RANDOM)
    whole: Settled = compiled.Simulation(pool).feed(demand)
    first, second = parted(whole, before=2, given=[2, 0])
    assert [0] == first.demand.arrival_ns.tolist()
    assert [0, 1, 1] == second.demand.arrival_ns.tolist()
    assert whole.requests.start_ns[[0, 2, 3]].tolist() == second.requests.start_ns.tolist()


def test_a_shared_endpoint_serves_all_requests_of_its_models() -> None:
    """What is measured of single models adds up to what is measured of the endpoint, in requests, time and bills."""
    found = shared_fleet()
    for place, record in enumerate(found.records):
        whole = measured_of_all(record, "shared")
        assert whole is not None
        parts = [measured_of(record, one.name, "shared") for one in found.models]
        alone = [measured_of(record, one.name, "instance") for one in found.models]
        assert whole.requests == sum(one.requests for one in parts)
        assert [one.requests for one in alone] == [one.requests for one in parts]
        assert whole.in_service_ns == sum(one.in_service_ns for one in parts)
        bills = [found.costs[one.name, "shared"][place] for one in found.models]
        assert found.bills_of("shared")[place] == pytest.approx(sum(bills))
    # An ml.m5.xlarge at $0.23 an hour for 730 hours, whatever it serves; nothing is sent or received here.
    assert [pytest.approx(167.9)] * 4 == found.bills_of("shared")


def test_each_model_is_loaded_once_where_memory_holds_all() -> None:
    """Eight models of 1 GB in 12 GB: as many cold requests as models that were asked for."""
    found = shared_fleet()
    for record in found.records:
        whole = measured_of_all(record, "shared")
        asked = sum(measured_of(record, one.name, "shared").requests > 0 for one in found.models)
        assert whole is not None
        assert asked == whole.cold_starts


def test_a_model_is_loaded_at_each_change_where_memory_holds_one() -> None:
    """Short services, no load time and room for one model: a load whenever another model than the last is asked for."""
    tight = {**SHARED, "model_memory": "1GB", "load_per_second": "1000GB", "download_per_second": "1000GB"}
    scenario = scenario_of([tight], {"models": 3}, model={"service_time": "1ms"}, replications=1)
    models = models_of(scenario)
    ((_, demands),) = windows(models, ["shared"] * 3, 0)
    of_each = merged(demands)
    gaps_ns = np.diff(of_each.arrival_ns)
    # Requests closer than service and load find the other model in use, and are turned away or wait.
    changes = 1 + int(((np.diff(of_each.model) != 0) & (gaps_ns > 5_000_000)).sum())
    whole = measured_of_all(fleet_record(scenario, 0), "shared")
    assert whole is not None
    assert changes == pytest.approx(whole.cold_starts, abs=0.02 * changes)


def test_one_instance_with_room_for_all_is_a_plain_queue() -> None:
    """Without load times one instance serves the merged requests as a plain instance with one queue does."""
    fast = {**SHARED, "load_per_second": "1000000GB", "download_per_second": "1000000GB", "queue_limit": "none"}
    scenario = scenario_of([fast], {}, traffic={"kind": "poisson", "mean_rate": "12/s"}, replications=1)
    ((_, demands),) = windows(models_of(scenario), ["shared"] * 8, 0)
    demand = merged(demands)
    pool = Pool(
        standing=1,
        launches=False,
        places=4,
        routing=Routing.RANDOM,
        timeout_ns=60 * NS_PER_SECOND,
        timeout_from=TimeoutFrom.ARRIVAL,
    )
    rows = compiled.simulate(pool, demand).requests
    whole = measured_of_all(fleet_record(scenario, 0), "shared")
    assert whole is not None
    expected_ns = int((rows.response_ns - demand.arrival_ns).sum())
    assert expected_ns == pytest.approx(whole.latency_ns, rel=1e-6)
    assert len(demand) == whole.completed


def test_the_mix_with_a_shared_endpoint_is_the_best_of_all() -> None:
    """No choice of models on the shared endpoint, the others each on the best way of its own, is cheaper."""
    found = shared_fleet()
    assert found.chosen_shared is not None
    own = {
        one.name: min(float(found.costs[one.name, way].mean()) for way in ("serverless", "instance"))
        for one in found.models
    }
    bill = float(np.mean(found.bills_of("shared")))
    totals = [
        sum(cost for name, cost in own.items() if name not in taken) + bill * bool(taken)
        for size in range(len(own) + 1)
        for taken in combinations(own, size)
    ]
    assert min(totals) == pytest.approx(found.totals[MIX].mean(), rel=1e-9)


def test_a_shared_endpoint_that_does_not_pay_is_left_out() -> None:
    """Eight models that are hardly used cost cents on serverless: nobody pays for an instance."""
    rare = scenario_of([SERVERLESS, SHARED], {}, traffic={"kind": "poisson", "mean_rate": "10/h"})
    found = fleet(rare, run_fleet)
    assert found.chosen_shared is None
    assert {"serverless"} == set(found.mix.values())
    assert found.shared[0].is_decided
    assert "the mix does without it" in report.as_text(found)


def test_a_model_too_large_for_an_instance_does_not_fit() -> None:
    """12 GB for models, and one of 13 GB: it is served alone, and the report says why."""
    scenario = scenario_of([INSTANCE, SHARED], {"models": 1, "memory": "13GB"})
    assert {"shared": "it needs 13,000 MB, an instance has 12,000 MB for models"} == dict(models_of(scenario)[0].unfit)
    assert {"model-1": "instance"} == fleet(scenario, run_fleet).mix


def test_a_shared_endpoint_needs_the_memory_of_models() -> None:
    """Without fleet.memory nobody knows what fits."""
    with pytest.raises(ScenarioError, match=r"fleet\.memory.*shared loads models"):
        scenario_of([SHARED], {"memory": None})


def test_both_engines_agree_on_what_models_share() -> None:
    """All measures of all models, on a shared endpoint and under the limit of the account."""
    scenario = scenario_of([SERVERLESS, SHARED], {"account_concurrency": 2}, replications=1)
    expected, found = (fleet_record(scenario, 0, engine) for engine in ("reference", "compiled"))  # type: ignore[arg-type]
    assert expected == found
    assert measured_under_limit(found, "model-1", "serverless") is not None


def erlang_b(servers: int, offered: float) -> float:
    """Blocked share of a loss system with Poisson arrivals (statistics.md 6.2)."""
    blocked = 1.0
    for one in range(1, servers + 1):
        blocked = offered * blocked / (one + offered * blocked)
    return blocked


def test_the_account_blocks_as_erlang_says() -> None:
    """Eight models without startup, 5 erlang together, at most 6 places for all: Erlang B of 6 places."""
    scenario = scenario_of(
        [SERVERLESS],
        {"account_concurrency": 6},
        model={"service_time": {"kind": "lognormal", "mean": "500ms", "cv": 1.0}, "startup_time": "0s"},
        traffic={"kind": "poisson", "mean_rate": "10/s"},
        replications=6,
        objectives=["throttled_fraction < 1%"],
    )
    found = fleet(scenario, run_fleet)
    one = found.under_limits["serverless"]
    assert one.throttled.low is not None
    assert one.throttled.high is not None
    assert one.throttled.low <= erlang_b(6, 5.0) <= one.throttled.high
    assert one.throttled.high - one.throttled.low < 0.02
    assert 0.0 == one.alone.value
    assert 8 == one.missed
    assert {Verdict.MET} == {answer.verdict for answer in found.answers}
    assert "8 models miss an objective only because of it" in report.as_text(found)


def test_an_account_that_is_not_reached_changes_nothing() -> None:
    """With a limit that is never reached nothing is simulated anew."""
    found = fleet(scenario_of([SERVERLESS], {"account_concurrency": 500}), run_fleet)
    assert {} == found.under_limits
    assert all(measured_under_limit(record, "model-1", "serverless") is None for record in found.records)


def test_models_that_fit_nowhere_else_are_not_held_against_what_they_cost_alone() -> None:
    """A multi-model endpoint alone: there is nothing to be dearer or cheaper than. Models too large for it: no mix."""
    alone = fleet(scenario_of([SHARED], {}, horizon="10m", replications=2), run_fleet)
    text = " ".join(report.as_text(alone).split())
    assert "whatever it serves; 8 models can share it, of which some fit nowhere else." in text
    assert "alone, where they cost" not in text
    none = fleet(scenario_of([SHARED], {"memory": "13GB"}, horizon="10m", replications=2), run_fleet)
    assert "No model fits anywhere: 8 models, and no bill." in report.as_text(none)
