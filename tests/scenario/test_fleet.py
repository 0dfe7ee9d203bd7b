"""The block `fleet`: shares, what each model has of its own, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.endpoints import Serverless
from simulator.errors import InputError, ScenarioError
from simulator.scenario.fleet_models import FleetModel, models_of
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.traffic.counts import Counts
from simulator.traffic.recorded import Recorded

ROOT = Path(__file__).parents[2]
WIDE = "name,kind,5,6,7\na,x,1,0,4\nb,y,2,2,2\n"


def scenario_of(fleet: dict[str, Any] | None, **changed: Any) -> Scenario:
    return simulator.load_scenario(
        {
            "name": "many",
            "horizon": "3m",
            "traffic": {"kind": "poisson", "mean_rate": "10/s"},
            "model": {"service_time": {"kind": "lognormal", "mean": "300ms", "cv": 0.5}, "startup_time": "4s"},
            "endpoints": [
                {"name": "s", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 20},
                {"name": "i", "kind": "real_time", "instance_type": "ml.m5.large"},
            ],
            **({} if fleet is None else {"fleet": fleet}),
            **changed,
        }
    )


def by_name(scenario: Scenario) -> dict[str, FleetModel]:
    return {one.name: one for one in models_of(scenario)}


def test_zipf_shares_are_exact() -> None:
    """The k-th of five models has k^−1.2 over the sum of all of the traffic; with 0 all are alike."""
    total = sum(k**-1.2 for k in range(1, 6))
    expected = {f"model-{k}": 10 * 180 * k**-1.2 / total for k in range(1, 6)}
    found = {one.name: one.requests for one in models_of(scenario_of({"models": 5, "zipf": 1.2}))}
    assert expected == pytest.approx(found, rel=1e-12)
    alike = {one.requests for one in models_of(scenario_of({"models": 4, "zipf": 0.0}))}
    assert {450.0} == alike


def test_shares_are_those_given() -> None:
    """Names and shares as written."""
    found = by_name(scenario_of({"shares": {"chat": "70%", "embed": "29.5%", "rerank": "0.5%"}}))
    assert {"chat": 1260.0, "embed": 531.0, "rerank": 9.0} == pytest.approx({n: m.requests for n, m in found.items()})


def test_rows_of_counts_are_models(tmp_path: Path) -> None:
    """Each row is a model with its own counts; together they are the traffic of the scenario."""
    (tmp_path / "w.csv").write_text(WIDE)
    scenario = scenario_of({"by": "name"}, traffic={"kind": "counts", "file": str(tmp_path / "w.csv"), "row": "sum"})
    assert isinstance(scenario.traffic, Counts)
    assert [3, 2, 6] == scenario.traffic.counts.tolist()
    parts = {name: one.scenario.traffic for name, one in by_name(scenario).items()}
    assert {"a": [1, 0, 4], "b": [2, 2, 2]} == {
        name: one.counts.tolist() for name, one in parts.items() if isinstance(one, Counts)
    }
    # A part is what the row by itself is.
    assert (
        Counts.model_validate({"kind": "counts", "file": str(tmp_path / "w.csv"), "row": {"name": "a"}}) == parts["a"]
    )


def test_every_minute_of_a_trace_has_its_counts() -> None:
    """Arrivals of ten functions of the shipped trace, counted by minute, are the cells of the file."""
    scenario = simulator.load_scenario("fleet-azure-functions")
    lines = (ROOT / "scenarios/data/azure_functions_2019_8h/invocations.csv").read_text().splitlines()[1:]
    models = by_name(scenario)
    assert 500 == len(models) == len(lines)
    for line in lines[::50]:
        name, _, *cells = line.split(",")
        one = models[name].scenario
        blocks = one.traffic.blocks(Streams(one.seed, 3), one.clock, one.horizon)
        arrivals = np.concatenate([np.empty(0, np.int64), *blocks])
        minutes = np.bincount(arrivals // 60_000_000_000, minlength=480)
        assert [int(cell) for cell in cells] == minutes.tolist()


def test_recorded_times_are_parted_by_a_column(tmp_path: Path) -> None:
    """Each value of the column is a model with its own times, on the clock of the whole."""
    (tmp_path / "r.csv").write_text("t,app\n10,a\n12,b\n15,a\n19,b\n")
    traffic = {"kind": "recorded", "file": str(tmp_path / "r.csv"), "column": "t", "time_unit": "s"}
    found = by_name(scenario_of({"by": "app"}, traffic=traffic, horizon="9s"))
    times = {
        name: one.scenario.traffic.arrival_ns
        for name, one in found.items()
        if isinstance(one.scenario.traffic, Recorded)
    }
    assert {"a": [0, 5 * 10**9], "b": [2 * 10**9, 9 * 10**9]} == {name: one.tolist() for name, one in times.items()}
    assert all(not one.scenario.traffic.problems(9.0) for one in found.values())


def test_what_a_model_has_of_its_own_depends_on_its_name_alone() -> None:
    """A further model, or others before it, change neither seed nor times nor memory of a model."""
    own = {
        "service_time": {"kind": "lognormal", "mean": "300ms", "cv": 1.0},
        "startup_time": {"kind": "uniform", "low": "2s", "high": "9s"},
        "memory": {"kind": "uniform", "low": "100MB", "high": "6000MB"},
    }
    few = by_name(scenario_of({"shares": {"a": "50%", "b": "50%"}, **own}))
    more = by_name(scenario_of({"shares": {"z": "20%", "b": "50%", "a": "30%"}, **own}))
    for name in ("a", "b"):
        one, other = few[name].scenario, more[name].scenario
        assert (one.seed, one.model, one.endpoints) == (other.seed, other.model, other.endpoints)
    assert few["a"].scenario.seed != few["b"].scenario.seed
    assert few["a"].scenario.model != few["b"].scenario.model


def test_means_are_drawn_from_their_distribution() -> None:
    """Means of 2,000 models are exponential: their mean within 4 standard errors; the shape is the scenario's."""
    scenario = scenario_of({"models": 2000, "zipf": 0.0, "service_time": {"kind": "exponential", "mean": "200ms"}})
    times = [one.scenario.model.service_time for one in models_of(scenario)]
    means = [one.mean() for one in times if one is not None]
    assert 2000 == len(means)
    assert abs(np.mean(means) - 0.2) < 4 * 0.2 / math.sqrt(2000)
    assert {0.5} == {getattr(one, "cv", None) for one in times}


def test_a_table_gives_means_and_memory(tmp_path: Path) -> None:
    """Times are stretched to the means of the file, 1 ms at least; the smallest size that holds a model is taken."""
    (tmp_path / "t.csv").write_text("name,ms,mb\na,900,3000\nb,0,10\nc,50,7000\nother,1,1\n")
    table = {"file": str(tmp_path / "t.csv"), "name": "name", "service_time": "ms", "memory": "mb"}
    found = by_name(scenario_of({"shares": {"a": "40%", "b": "40%", "c": "20%"}, "table": table}))
    means = {
        name: one.scenario.model.service_time.mean() for name, one in found.items() if one.scenario.model.service_time
    }
    assert {"a": 0.9, "b": 0.001, "c": 0.05} == pytest.approx(means)
    sizes = {name: one.scenario.endpoint("s") for name, one in found.items()}
    assert {"a": 3072, "b": 2048, "c": 2048} == {
        name: one.memory_size for name, one in sizes.items() if isinstance(one, Serverless)
    }
    assert {"s": "it needs 7,000 MB, the largest size is 6144 MB"} == found["c"].unfit
    assert ("i",) == found["c"].ways


def test_a_change_of_the_table_is_another_study(tmp_path: Path) -> None:
    """The digest of the scenario holds that of the file."""
    digests = []
    for text in ("name,ms\nmodel-1,100\n", "name,ms\nmodel-1,101\n"):
        (tmp_path / "t.csv").write_text(text)
        table = {"file": str(tmp_path / "t.csv"), "name": "name", "service_time": "ms"}
        digests.append(scenario_of({"models": 1, "zipf": 1.0, "table": table}).digest())
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("fleet", "changed", "message"),
    [
        ({}, {}, "a fleet takes models with zipf, or shares, or by"),
        ({"models": 3}, {}, "a fleet takes models with zipf"),
        ({"models": 3, "zipf": 1.0, "by": "x"}, {}, "one of these"),
        ({"models": 3, "zipf": -1.0}, {}, "must be at least 0"),
        ({"models": 20_000, "zipf": 1.0}, {}, "must be at most 10000"),
        ({"shares": {"a": "60%", "b": "30%"}}, {}, "add up to 90%, must be 100%"),
        ({"shares": {"a": "100%", "b": "0%"}}, {}, "a share is 0%"),
        ({"by": "name"}, {}, "poisson traffic has no rows to part it by"),
        ({"models": 2, "zipf": 1.0, "zipff": 2.0}, {}, 'did you mean "zipf"?'),
        ({"models": 2, "zipf": 1.0}, {"free_tier": True}, "is given to an account, not to each endpoint"),
        (
            {"models": 2, "zipf": 1.0, "table": {"file": "{folder}/t.csv", "name": "name", "service_time": "ms"}},
            {},
            "1 of 2 models have no row with their service_time, the first is model-2",
        ),
        (
            {"models": 2, "zipf": 1.0, "table": {"file": "{folder}/t.csv", "name": "name"}},
            {},
            "say which column is read",
        ),
        (
            {"by": "name"},
            {"traffic": {"kind": "counts", "file": "{folder}/w.csv", "row": {"name": "a"}}},
            "where they are the sum of the rows",
        ),
        (
            {"by": "nam"},
            {"traffic": {"kind": "counts", "file": "{folder}/w.csv", "row": "sum"}},
            "no column 'nam'; did you mean 'name'?",
        ),
        (
            {"by": "twice"},
            {"traffic": {"kind": "counts", "file": "{folder}/d.csv", "row": "sum"}},
            "has p twice; each row must have a name of its own",
        ),
        (
            {"models": 1, "zipf": 1.0, "service_time": "1s"},
            {
                "model": {"startup_time": "4s"},
                "endpoints": [{"name": "i", "kind": "real_time", "instance_type": "ml.m5.large", "service_time": "1s"}],
            },
            "there must be a model.service_time",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, fleet: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    """One message that names what is wrong and what is allowed."""
    (tmp_path / "t.csv").write_text("name,ms\nmodel-1,100\n")
    (tmp_path / "w.csv").write_text(WIDE)
    (tmp_path / "d.csv").write_text("twice,1,2,3\np,1,1,1\np,2,2,2\n")

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: placed(one) for key, one in value.items()}
        return value.replace("{folder}", str(tmp_path)) if isinstance(value, str) else value

    with pytest.raises(ScenarioError) as caught:
        scenario_of(placed(fleet), **placed(changed))
    assert message in str(caught.value)


def test_without_a_fleet_there_are_no_models() -> None:
    """And a scenario without one is what it was: nothing of it is in the resolved scenario."""
    scenario = scenario_of(None)
    assert "fleet" not in scenario.resolved()
    with pytest.raises(InputError, match="it needs a block fleet"):
        models_of(scenario)
