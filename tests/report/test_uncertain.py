"""What reports say of uncertain assumptions, on a study whose answer is known beforehand."""

from __future__ import annotations

import json

import numpy as np
import pytest

import simulator
from simulator.report.machine import as_json, as_markdown
from simulator.report.page import page
from simulator.report.reading import Reading
from simulator.report.text import report
from simulator.report.uncertain import cheapest_shares, ranges
from simulator.study.results import Study

C5 = "real_time.instance.ml.c5.xlarge"


@pytest.fixture(scope="module")
def study() -> Study:
    """Two instances, one of a price between $0.1 and $0.3 an hour, the other at $0.23: cheaper in 65 % of the range."""
    scenario = simulator.load_scenario(
        {
            "name": "prices",
            "horizon": "5m",
            "replications": 100,
            "traffic": {"kind": "poisson", "mean_rate": "1/min"},
            "model": {"service_time": "100ms"},
            "prices": {C5: {"between": ["0.1 USD/h", "0.3 USD/h"]}},
            "endpoints": [
                {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
                {"name": "c5", "kind": "real_time", "instance_type": "ml.c5.xlarge"},
            ],
            "objectives": ["monthly_cost < 1000USD"],
        }
    )
    return simulator.run(scenario)


def test_the_share_of_the_cheapest_is_that_of_the_range(study: Study) -> None:
    """65 of 100 replications, one in each hundredth of the range of the price."""
    shares = cheapest_shares(Reading(study))
    assert {"m5": 0.35, "c5": 0.65} == {name: one.value for name, one in shares.items()}
    assert shares["c5"].low is not None
    assert shares["c5"].low < 0.65


def test_ranges_are_those_of_single_replications(study: Study) -> None:
    """Nine in ten lie between the 5 % and the 95 % point of the price; what is certain has no range."""
    found = ranges(Reading(study))
    expected = [73.0 + 146.0 * end for end in (0.05, 0.95)]
    assert expected == pytest.approx(found["c5"]["monthly_cost"], rel=0.01)
    low, high = found["m5"]["monthly_cost"] or (0.0, 1.0)
    assert low == high == pytest.approx(0.23 * 730)
    few = Study(study.scenario, study.engine, study.records[:19])
    assert ranges(Reading(few))["c5"]["monthly_cost"] is None


def test_reports_list_assumptions_and_say_what_intervals_cover(study: Study) -> None:
    """Text, Markdown, HTML and JSON; the rules of thumb, which are those of one scenario, are left out."""
    text = report(study)
    assert f"prices.{C5}: uniform from 0.1 USD/h to 0.3 USD/h" in text
    words = " ".join(text.split())
    assert (
        "intervals and the shares of replications that miss an objective cover both chance and these assumptions"
        in words
    )
    assert "Rules of thumb" not in text
    for other in (as_markdown(study), page(study, {})):
        assert "uniform from 0.1 USD/h to 0.3 USD/h" in other
    facts = json.loads(as_json(study))["uncertain"]
    assert [f"prices.{C5}"] == [one["name"] for one in facts["assumptions"]]
    assert [0.35, 0.65] == [one["cheapest"]["value"] for one in facts["endpoints"]]


def test_the_range_line_in_words(study: Study) -> None:
    """Ends of the monthly cost, and how often each endpoint is the cheapest."""
    line = next(one for one in report(study).splitlines() if one.split()[:1] == ["c5"])
    low, high = np.quantile(
        study.replications.query("endpoint == 'c5'")["monthly_cost_usd"].astype(float), [0.05, 0.95]
    )
    assert f"${low:.2f} to ${high:.1f}" in line
    assert "60 ±10 %" in line


def test_reports_of_certain_scenarios_say_nothing_of_it() -> None:
    """No section, and null for programs."""
    certain = simulator.load_scenario("steady-high-rate", {"horizon": "16m"})
    study = simulator.run(certain, replications=2)
    assert "Uncertain" not in report(study)
    assert json.loads(as_json(study))["uncertain"] is None
