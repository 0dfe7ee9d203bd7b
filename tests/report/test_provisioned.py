"""How provisioned concurrency moved, as reports tell it: by hand, in words and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.report import machine, provisioned, reaction, text
from simulator.report.reading import Reading
from simulator.scenario.loading import load_scenario
from simulator.study.results import Study
from simulator.study.run import run

BLOCK = {"max_capacity": 3, "scheduled_actions": [{"at": "00:30", "min_capacity": 3}]}
KIND = {"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 9}


def studied(**fields: Any) -> Study:
    """An hour with one provisioned instance, three from its middle on; two requests of 30 s come each minute."""
    endpoints = [
        {**KIND, "name": "schedule", "provisioned_concurrency": 1, "autoscaling": BLOCK},
        {**KIND, "name": "always", "provisioned_concurrency": 3},
    ]
    return run(
        load_scenario(
            {
                "name": "case",
                "horizon": "1h",
                "replications": 2,
                "traffic": {"kind": "periodic", "interval": "60s", "requests": 2},
                "model": {"service_time": "30s", "startup_time": "0s"},
                "endpoints": endpoints,
                **fields,
            }
        )
    )


def test_figures_by_hand() -> None:
    """Two on average; one request a minute spills in 30 minutes and, the first two minutes of allocation, 2 more.

    At 30 min the capacity is 3, but the new ones are ready at 32 min: at 30 and 31 min one request still goes on
    demand. At 32 min they are ready before the requests come. On provisioned: 60 · 2 - 32 = 88 requests of 30 s of
    7,200 s of allocation.
    """
    (facts,) = provisioned.facts(Reading(studied()))
    found = {key: one["value"] for key, one in facts.items() if key != "endpoint"}
    assert (1, 0, 2.0, 32) == tuple(found[key] for key in ("scale_outs", "scale_ins", "provisioned_mean", "spillover"))
    assert pytest.approx(32 / 120) == found["spillover_fraction"]
    assert pytest.approx(88 * 30 / 7200) == found["used_share"]


def test_text_and_json_tell_it() -> None:
    """A table of its own, not that of instances; no such key where nothing scales."""
    study = studied()
    reading = Reading(study)
    (row,) = provisioned.rows(reading)
    assert ("schedule", "1", "none", "2", "36.67 %", "32", "26.67 %") == row
    assert [] == reaction.scaled(study.scenario)
    shown = text.report(study)
    assert "Provisioned concurrency\n" in shown
    assert "its allocation counts as usage" in " ".join(shown.split())
    assert ["schedule"] == [one["endpoint"] for one in json.loads(machine.as_json(study))["provisioned"]]
    plain = studied(endpoints=[{**KIND, "name": "always", "provisioned_concurrency": 3}])
    assert "provisioned" not in machine.facts(plain)
