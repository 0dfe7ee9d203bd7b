"""Studies of scenarios with assumptions: each replication simulates its own values, wherever and whenever it runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.study.journal import line_of
from simulator.study.replicate import Task, replicate
from simulator.study.results import Study
from simulator.study.run import run
from tests.study.scenarios import scenario

PRICE = "real_time.instance.ml.m5.xlarge"
RATE = {"kind": "poisson", "mean_rate": {"between": ["1/s", "3/s"]}}
MODEL = {"service_time": "100ms", "startup_time": {"triangular": ["2s", "3s", "6s"]}}
ON_DEMAND = {
    "name": "on-demand",
    "kind": "serverless",
    "memory_size": {"choice": ["2048MB", "4096MB"]},
    "max_concurrency": {"between": [3, 8]},
    "idle_timeout": {"choice": ["20s", "60s"]},
    "idle_routing": {"choice": ["most_recently_idle", "random"]},
}
INSTANCE = {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 2}


def uncertain(**changed: Any) -> simulator.Scenario:
    """Seven assumptions, of every block."""
    changes: dict[str, Any] = {
        "traffic": RATE,
        "model": MODEL,
        "endpoints": [ON_DEMAND, INSTANCE],
        "prices": {PRICE: {"between": ["0.2 USD/h", "0.3 USD/h"]}},
        "horizon": "5m",
        "replications": 6,
        **changed,
    }
    return scenario(**changes)


@pytest.fixture(scope="module")
def study() -> Study:
    """Six replications."""
    return run(uncertain())


def test_a_replication_is_that_of_its_realised_scenario(study: Study) -> None:
    """Record, bill and demand are those of a scenario with these values and nothing uncertain."""
    for record in study.records:
        plain = study.scenario.realised(record.number)
        (alone,) = replicate(Task(plain, (record.number,), "compiled"))
        assert record.measured == alone.measured
        assert record.traffic == alone.traffic
        own = Study(plain, "compiled", (record,))
        for endpoint in ("on-demand", "instance"):
            ours, theirs = study.sample(endpoint).bills[record.number], own.sample(endpoint).bills[0]
            assert theirs.exact_usd == ours.exact_usd
        rows = simulator.simulate(study.scenario, "on-demand", record.number)
        assert rows.equals(simulator.simulate(plain, "on-demand", record.number))
        assert len(rows) == record.requests


def test_studies_do_not_depend_on_where_they_run(study: Study) -> None:
    """What is sent to another process, and the other engine, give the same records to the last bit."""
    task = pickle.loads(pickle.dumps(Task(uncertain(), (4, 2), "reference")))
    for record in replicate(task):
        assert line_of(study.records[record.number]) == line_of(record)


@pytest.mark.slow
def test_two_processes_give_the_same_study(study: Study) -> None:
    """To the last bit; the workers draw what this process would have drawn."""
    assert study.results_digest() == run(uncertain(), jobs=2).results_digest()


def test_what_was_drawn_is_told(study: Study) -> None:
    """One row a replication, one column an assumption: numbers in the unit of the name, else text."""
    frame = study.assumptions_drawn()
    assert {
        "replication": "Int64",
        "traffic.mean_rate_per_s": "Float64",
        "model.startup_time_s": "Float64",
        "endpoints[on-demand].memory_size_bytes": "Float64",
        "endpoints[on-demand].max_concurrency": "Float64",
        "endpoints[on-demand].idle_timeout_s": "Float64",
        "endpoints[on-demand].idle_routing": "string",
        f"prices.{PRICE}_usd": "Float64",
    } == {name: str(kind) for name, kind in frame.dtypes.items()}
    for number in range(6):
        realised = study.scenario.realised(number)
        assert realised.traffic.mean_rate == frame["traffic.mean_rate_per_s"][number]
        assert realised.endpoints[0].memory_size * 1e6 == frame["endpoints[on-demand].memory_size_bytes"][number]
        assert realised.endpoints[0].idle_routing == frame["endpoints[on-demand].idle_routing"][number]
        assert float(realised.price_sheet.price(PRICE).value) == frame[f"prices.{PRICE}_usd"][number]


def test_bills_are_those_of_the_prices_drawn(study: Study) -> None:
    """An instance costs its hours times the price of the replication; the bill names both ends of what was drawn."""
    prices = study.assumptions_drawn()[f"prices.{PRICE}_usd"]
    costs = study.replications.query("endpoint == 'instance'")["cost_instance_hours_usd"]
    assert [price * 300 / 3600 for price in prices] == pytest.approx(costs.tolist(), rel=1e-12)
    lines = study.bill_lines().query("line == 'instance_hours'")
    assert [f"{min(prices):f} to {max(prices):f}"] == [
        " to ".join(f"{float(end):f}" for end in text.split(" to ")) for text in lines["unit_price"]
    ]
    assert pytest.approx(0.25 * 730, rel=0.02) == float(lines["monthly_usd"].iloc[0])
    assert [f"price of {PRICE}, 0.25 USD/h, is custom: given by the user"] == [
        text for text in study.price_remarks() if PRICE in text
    ]


def test_lines_that_only_some_replications_have_count_in_the_mean(study: Study) -> None:
    """Two memory sizes have a line each; together they are the mean bill."""
    lines = study.bill_lines().query("endpoint == 'on-demand'")
    assert ["serverless.duration.2048MB", "serverless.duration.4096MB"] == sorted(
        lines.query("line == 'duration'")["item"]
    )
    mean = study.summary().query("endpoint == 'on-demand' and measure == 'monthly_cost'")["value"].iloc[0]
    assert pytest.approx(mean, rel=1e-12) == lines["monthly_usd"].sum()


def test_fields_that_are_uncertain_are_not_listed_as_assumed(study: Study) -> None:
    """Their middle value would mislead; the others stay."""
    texts = study.assumptions()["on-demand"]
    assert [] == [text for text in texts if text.startswith(("idle_routing", "idle_timeout"))]
    assert any(text.startswith("lifetime none") for text in texts)


def test_a_study_is_read_back_equal(study: Study, tmp_path: Path) -> None:
    """Scenario with its assumptions, records, and everything that follows from the draws."""
    folder = study.save(tmp_path)
    again = simulator.load_study(folder)
    assert study == again
    header, *rows = (folder / "assumptions.csv").read_text(encoding="utf-8").splitlines()
    assert ",".join(study.assumptions_drawn().columns) == header
    assert 6 == len(rows)
    assert study.scenario.resolved() == again.scenario.resolved()
    assert study.assumptions_drawn().equals(again.assumptions_drawn())
    assert study.summary().equals(again.summary())


def test_an_interrupted_study_goes_on_to_the_same_end(study: Study, tmp_path: Path) -> None:
    """Replications that are kept are used, the others draw what they would have drawn."""
    folder = run(uncertain(), results=tmp_path).save(tmp_path)
    lines = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "records.jsonl").write_bytes(b"".join(lines[:2]))
    numbers = []
    again = run(uncertain(), results=tmp_path, resume="always", progress=lambda at: numbers.append(at.finished))
    assert 2 == numbers[0]
    assert study == again
    assert study.digest() == again.digest()


def test_digests_are_those_of_the_assumptions_as_written() -> None:
    """Another range is another study; scenarios without assumptions keep theirs."""
    digests = {
        uncertain().digest(),
        uncertain(traffic={"kind": "poisson", "mean_rate": {"between": ["1/s", "3.5/s"]}}).digest(),
        uncertain(traffic={"kind": "poisson", "mean_rate": "2/s"}).digest(),
        uncertain().realised(0).digest(),
        uncertain().with_replications(7).digest(),
    }
    assert 5 == len(digests)


def test_the_share_of_replications_is_the_probability_over_assumptions() -> None:
    """A bill below its limit in the 30 % of the price's range: so many of 100 replications, one in each stratum."""
    study = run(
        uncertain(
            prices={PRICE: {"between": ["0.2 USD/h", "0.3 USD/h"]}},
            traffic={"kind": "poisson", "mean_rate": "1/min"},
            endpoints=[INSTANCE],
            objectives=["cost < 0.01916USD"],
            baseline="instance",
            horizon="5m",
            replications=100,
        )
    )
    # 0.2 to 0.3 USD an hour for 5 minutes; 0.23 USD/h is 0.0191667, three tenths of the range.
    (row,) = study.objectives().to_dict("records")
    assert 70 == round(100 * row["misses"])


def test_precision_is_looked_for_over_assumptions() -> None:
    """Looks are those of any study; what is drawn is laid out for the most replications."""
    data = uncertain().resolved()
    del data["replications"]
    data["precision"] = {"measure": "monthly_cost", "endpoint": "instance", "relative": "5%", "max_replications": 60}
    asked = simulator.load_scenario(data)
    study = run(asked)
    assert study.complete
    assert study.scenario.drawn(0) == asked.drawn(0)
    assert len(study.records) < 60
