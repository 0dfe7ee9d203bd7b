"""Sweeps: every point is the study of its own scenario, under the same random numbers."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.demand import draw_demand
from simulator.errors import InputError, ScenarioError
from simulator.questions.sweep import Sweep, sweep
from simulator.report import sweep as report
from simulator.report.figures.sweep import figures
from simulator.scenario.loading import load_scenario
from simulator.study.run import run

BASE: dict[str, Any] = {
    "name": "swept",
    "horizon": "20m",
    "replications": 4,
    "traffic": {"kind": "poisson", "mean_rate": "2/s"},
    "model": {"service_time": "250ms", "startup_time": "2s"},
    "endpoints": [
        {"name": "serverless", "kind": "serverless", "memory_size": "4096MB", "max_concurrency": 10},
        {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 2},
    ],
    "objectives": ["throttled_fraction < 1%"],
    "baseline": "m5",
}
RATES = "traffic.mean_rate=1/s,4/s,16/s"


@pytest.fixture(scope="module")
def swept() -> Sweep:
    """Three rates; at 16/s the instance serves half of what is asked for."""
    return sweep(BASE, [RATES])


def test_every_point_is_the_study_of_its_scenario(swept: Sweep) -> None:
    """Equal to the last bit to the study of a scenario in which the value is written."""
    for point, rate in zip(swept.points, ("1/s", "4/s", "16/s"), strict=True):
        alone = run(load_scenario(BASE, {"traffic.mean_rate": rate}))
        assert (rate,) == point.values
        assert alone.results_digest() == point.study.results_digest()


def test_the_table_is_long(swept: Sweep) -> None:
    """A row a point, endpoint and measure; numbers with the unit in the name; differences paired and in order."""
    table = swept.table()
    assert 3 * 2 * 3 == len(table)
    assert {1.0, 4.0, 16.0} == set(table["traffic.mean_rate [/s]"])
    assert ["monthly_cost", "p99", "throttled_fraction"] == table["measure"].unique().tolist()
    first = table[(table["point"] == 0)]
    assert first["change"].isna().all()
    costs = table[(table["measure"] == "monthly_cost") & (table["endpoint"] == "serverless")].set_index("point")
    assert costs["value"][2] - costs["value"][0] == pytest.approx(costs["change"][2])
    assert costs["change_low"][2] < costs["change"][2] < costs["change_high"][2]
    less = (
        costs["value"][0] - table[(table["measure"] == "monthly_cost") & (table["endpoint"] == "m5")]["value"].iloc[0]
    )
    assert less == pytest.approx(costs["difference"][0])


def test_random_numbers_are_common(swept: Sweep) -> None:
    """Poisson arrivals of four times the rate are the same points four times nearer: the first five minutes' count."""
    at_4 = swept.points[1].study.scenario
    short = load_scenario(BASE, {"traffic.mean_rate": "4/s", "horizon": "5m"})
    slow = [len(draw_demand(swept.points[0].study.scenario, "m5", number)) for number in range(4)]
    assert slow == [len(draw_demand(short, "m5", number)) for number in range(4)]
    assert slow != [len(draw_demand(at_4, "m5", number)) for number in range(4)]


def test_who_misses_an_objective_is_not_the_cheapest(swept: Sweep) -> None:
    """At 16/s the instance costs less and throttles: the answer is serverless; the table marks the instance."""
    last = swept.points[-1]
    cost = {
        row.endpoint: row.value
        for row in swept.table().itertuples()
        if row.point == 2 and row.measure == "monthly_cost"
    }
    assert cost["m5"] < cost["serverless"]
    assert "serverless" == last.cheapest(swept.plan.measures[0])
    text = report.as_text(swept)
    assert "16/s: serverless" in text
    assert "* misses an objective there" in " ".join(text.split()).lower()
    assert 100 >= max(len(line) for line in text.splitlines())
    facts = report.facts(swept)
    assert ["serverless", "m5", "serverless"] == [point["cheapest"] for point in facts["points"]]
    assert ["throttled_fraction < 1%"] == facts["points"][2]["endpoints"][1]["missed"]


def test_grids_pairs_and_equal_points() -> None:
    """Several axes are combined, or go together; a value that stands at two points is simulated once."""
    axes = ["traffic.mean_rate=1/s,2/s", "endpoints[0].max_concurrency=5,10"]
    grid = sweep(BASE, axes, replications=1, measures=["p50"])
    assert [("1/s", "5"), ("1/s", "10"), ("2/s", "5"), ("2/s", "10")] == [point.values for point in grid.points]
    pairs = sweep(BASE, axes, replications=1, measures=["p50"], in_pairs=True)
    assert [("1/s", "5"), ("2/s", "10")] == [point.values for point in pairs.points]
    assert grid.points[0].study.results_digest() == pairs.points[0].study.results_digest()
    assert 2 == len(list(figures(grid)))
    assert "mean_rate 1/s, max_concurrency 5: " in report.as_text(grid)


def test_figures_have_a_panel_a_measure(swept: Sweep) -> None:
    """Log axes where values are factors apart, and plain numbers at the ticks."""
    ((name, figure),) = figures(swept)
    assert "sweep" == name
    panels = figure.get_axes()
    assert ["monthly cost [USD]", "p99 [s]", "throttled fraction [%]"] == [axes.get_ylabel() for axes in panels]
    assert "traffic.mean_rate [/s]" == panels[-1].get_xlabel()
    assert "log" == panels[-1].get_xscale()
    figure.draw_without_rendering()
    assert ["1", "4", "16"] == [label.get_text() for label in panels[-1].get_xticklabels()]
    assert not any("$" in label.get_text() for axes in panels for label in axes.get_yticklabels())


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        (["seed=1,2"], {}, "seed cannot be varied"),
        (["horizon=1h,2h", "replications=1,2,3"], {"in_pairs": True}, "horizon has 2, replications has 3"),
        ([RATES], {"measures": ["p77"]}, "p77 is not measured"),
        ([RATES], {"measures": ["speed"]}, "speed"),
        (["traffic.mean_rate=1/s..2/s:1000", "horizon=1h,2h"], {}, "2,000 points are too many, at most 1,000"),
    ],
)
def test_what_cannot_be_swept_is_refused(vary: list[str], options: dict[str, Any], message: str) -> None:
    """One message, before anything is simulated."""
    with pytest.raises(InputError) as caught:
        sweep(BASE, vary, **options)
    assert message in str(caught.value)


def test_all_wrong_points_are_told_at_once() -> None:
    """Each with its value; nothing is simulated."""
    with pytest.raises(ScenarioError) as caught:
        sweep(BASE, ["endpoints[0].memory_size=1MB,4096MB,2MB"])
    text = str(caught.value)
    assert "endpoints[0].memory_size=1MB" in text
    assert "endpoints[0].memory_size=2MB" in text
