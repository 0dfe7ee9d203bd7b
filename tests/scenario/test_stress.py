"""What `stress` may put a scenario to: the shipped sets, and every way to ask wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from simulator.errors import ScenarioError
from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario
from simulator.scenario.schema import json_schema
from simulator.scenario.stress import KINDS, SetName, Stresses, shipped_sets

GOOD = """\
name: good
horizon: 1h
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms, startup_time: 4s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
objectives: ["p99 < 1s"]
"""


def asking(stress: Any) -> Stresses:
    """The block of a scenario, with what its set says filled in."""
    block = load_scenario(GOOD, {"stress": stress}).stress
    assert block is not None
    return block.whole


def messages(folder: Path, stress: str) -> list[str]:
    """What is told about a file whose eighth line holds the block."""
    file = folder / "scenario.yaml"
    file.write_text(f"{GOOD}stress: {stress}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()[:-1]]


@pytest.mark.parametrize("name", get_args(SetName))
def test_sets_that_come_with_the_package(name: str) -> None:
    """Each names a stress at least, says what it asks, and may stand in a scenario by its name alone."""
    found = shipped_sets()[name]
    assert found.description.endswith(".")
    assert any(getattr(found.stresses, kind) is not None for kind in KINDS)
    assert found.stresses == asking(name) == asking({"set_of": name})


def test_usual_has_every_stress() -> None:
    """And is what is asked if nothing is said."""
    assert KINDS == tuple(kind for kind in KINDS if getattr(asking("usual"), kind) is not None)
    assert asking("usual") == asking({}) == asking({"burst_length": "60s"}).model_copy(update={"burst_length": None})


def test_other_keys_replace_those_of_the_set() -> None:
    """One key at a time; without a set only what is written counts."""
    changed = asking({"set_of": "launch-day", "growth": [1, 3], "flash_crowd_length": "5m"})
    launch_day = shipped_sets()["launch-day"].stresses
    assert launch_day.model_copy(update={"growth": (1.0, 3.0), "flash_crowd_length": 300.0}) == changed
    assert Stresses(growth=(1.0, 3.0)) == asking({"growth": [1, 3]})


@pytest.mark.parametrize(
    "stress", ["usual", {"set_of": "usual", "outage": ["2m"]}, {"burst": [2], "burst_share": "5%"}]
)
def test_what_is_written_reads_back(stress: Any) -> None:
    """To an equal scenario, that asks the same; and an editor that knows the schema does not underline it."""
    scenario = load_scenario(GOOD, {"stress": stress})
    assert scenario == load_scenario(scenario.resolved())
    again = load_scenario(scenario.resolved()).stress
    assert again is not None
    assert asking(stress) == again.whole
    assert [] == list(Draft202012Validator(json_schema()).iter_errors(load_data(stress)))


def load_data(stress: Any) -> dict[str, Any]:
    """The good scenario with a block, as a file holds it."""
    resolved: dict[str, Any] = load_scenario(GOOD).resolved()
    return {**resolved, "stress": stress}


def test_without_a_block_nothing_has_changed() -> None:
    """The word is not in what is written out, so that no digest has changed; with it, the scenario is another."""
    scenario: Scenario = load_scenario(GOOD)
    assert "stress" not in scenario.resolved()
    assert scenario != load_scenario(GOOD, {"stress": "usual"})


@pytest.mark.parametrize(
    ("stress", "expected"),
    [
        (
            "usul",
            [
                '8:9  stress: "usul" is not one of usual, launch-day, cold-starts, upstream-outage; did you mean '
                '"usual"?'
            ],
        ),
        ("{set_of: 7}", ["8:18  stress.set_of: 7 is not one of usual, launch-day, cold-starts, upstream-outage"]),
        ("[usual]", ['8:9  stress: ["usual"] is not a mapping of keys']),
        ("{birst: [2]}", ['8:10  stress.birst: unknown key, did you mean "burst"?']),
        (
            "{burst: [0.5, 2, x]}",
            [
                "8:18  stress.burst[0]: 0.5 is not allowed, must be at least 1",
                '8:26  stress.burst[2]: "x" is not a number',
            ],
        ),
        ("{burst: 4}", ["8:17  stress.burst: 4 is not a list"]),
        ("{burst: []}", ["8:17  stress.burst: has 0 entries, must have 1 to 20"]),
        (
            "{burst: [20]}",
            [
                "8:9  stress: burst 20: burst_factor × burst_share is 20 × 10% = 2, must be at most 1 (at 1 nothing "
                "arrives between bursts)"
            ],
        ),
        (
            "{set_of: usual, burst_share: 50%}",
            [
                "8:9  stress: burst 4: burst_factor × burst_share is 4 × 50% = 2, must be at most 1 (at 1 nothing "
                "arrives between bursts)"
            ],
        ),
        ("{growth: [.inf]}", ["8:19  stress.growth[0]: Infinity is not a finite number"]),
        ("{flash_crowd: [-1]}", ["8:24  stress.flash_crowd[0]: -1 is not allowed, must be at least 0"]),
        ("{service: [true]}", ["8:20  stress.service[0]: true is not a number"]),
        ("{idle_timeout: [2]}", ["8:25  stress.idle_timeout[0]: 2 is not allowed, must be at most 1"]),
        ("{idle_timeout: [0]}", ["8:25  stress.idle_timeout[0]: 0 is not allowed, must be more than 0"]),
        ("{outage: [5]}", ["8:19  stress.outage[0]: 5 has no unit; write 5ms or 5s"]),
        ("{outage: [0s]}", ["8:19  stress.outage[0]: 0 is not allowed, must be more than 0"]),
        ("{cold_at_peak: 1}", ["8:24  stress.cold_at_peak: 1 is not true or false"]),
    ],
)
def test_one_message_for_each_mistake(tmp_path: Path, stress: str, expected: list[str]) -> None:
    """With the place in the file, the value and what is allowed."""
    assert expected == messages(tmp_path, stress)
