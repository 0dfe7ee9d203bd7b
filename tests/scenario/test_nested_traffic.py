"""Traffic inside other traffic: places of mistakes, the schema, overrides, data files and their digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import simulator
from simulator.errors import ScenarioError
from simulator.scenario.schema import json_schema

NESTED = """\
name: nested
horizon: 1h
traffic:
  kind: superposition
  parts:
    - {kind: poisson, mean_rate: 2/s}
    - kind: outage
      at: 10m
      length: 5m
      release: 1m
      of:
        kind: burstier
        burst_factor: 4
        burst_share: 5%
        burst_length: 1m
        of: {kind: recorded, file: times.csv, column: t, time_unit: s, origin: 0, length: 1h}
    - {kind: growth, start_rate: 2/s, growth: 8%, every: 730h}
model: {service_time: 100ms, startup_time: 4s}
endpoints:
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
"""


def written(folder: Path, text: str = NESTED, times: str = "t\n5\n700\n701\n3000\n") -> Path:
    (folder / "times.csv").write_text(times)
    (folder / "scenario.yaml").write_text(text)
    return folder / "scenario.yaml"


def test_nested_traffic_loads_and_fits_the_schema(tmp_path: Path) -> None:
    """Any traffic in any other; resolved and read again it is the same."""
    scenario = simulator.load_scenario(written(tmp_path))
    resolved = scenario.resolved()
    jsonschema.validate(resolved, json_schema())
    assert scenario == simulator.load_scenario(json.loads(json.dumps(resolved)), folder=tmp_path)
    assert resolved["traffic"]["parts"][1]["of"]["of"]["file"] == "times.csv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mean_rate: 2/s", "mean_rate: 2", "6:34  traffic.parts[0].mean_rate: 2 has no unit; write 2/s or 2/min"),
        (
            "release: 1m",
            "release: 1m\n      relase: 2m",
            '11:7  traffic.parts[1].relase: unknown key, did you mean "release"?',
        ),
        ("at: 10m", "at: 10", "8:11  traffic.parts[1].at: 10 has no unit; write 10ms or 10s"),
        (
            "burst_share: 5%",
            "burst_share: 50%",
            "12:9  traffic.parts[1].of: burst_factor × burst_share is 4 × 50% = 2, must be at most 1 (at 1 nothing "
            "arrives between bursts)",
        ),
        (
            "burst_factor: 4",
            "burst_factor: 0.5",
            "13:23  traffic.parts[1].of.burst_factor: 0.5 is not allowed, must be at least 1",
        ),
        (
            "column: t,",
            "column: when,",
            "16:13  traffic.parts[1].of.of: times.csv: no column 'when'; columns: t",
        ),
        (
            "kind: recorded",
            "kind: record",
            '16:20  traffic.parts[1].of.of.kind: unknown kind "record", one of: poisson, diurnal, profile, bursty, '
            "renewal, hawkes, sessions, batches, lognormal_cox, recorded, counts, flash_crowd, ramp, growth, periodic, "
            'superposition, outage, burstier, closed; did you mean "recorded"?',
        ),
        # A key that is called like the kind it belongs to.
        ("growth: 8%", "growth: 8", "17:47  traffic.parts[2].growth: 8 has no unit; write 8%"),
        ("start_rate: 2/s, ", "", "17:7  traffic.parts[2].start_rate: missing"),
        ("every: 730h", "every: 730", "17:58  traffic.parts[2].every: 730 has no unit; write 730ms or 730s"),
        (
            "horizon: 1h",
            "horizon: 2h",
            "4:3  traffic: parts[1]: of: of: the recording lasts 3600s, less than the horizon of 7200s; shorten the "
            "horizon, or write repeat: true or resample: days",
        ),
    ],
)
def test_mistakes_inside_have_their_place(old: str, new: str, message: str, tmp_path: Path) -> None:
    """Line, column and path of the nested block."""
    assert old in NESTED
    path = written(tmp_path, NESTED.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(path)
    assert [message] == [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()[:-1]]


@pytest.mark.parametrize(
    "traffic",
    [
        {"kind": "superposition", "parts": []},
        {"kind": "superposition", "parts": [{"kind": "poison", "mean_rate": "2/s"}]},
        {"kind": "outage", "of": {"kind": "poisson", "rate": "2/s"}, "at": "1h", "length": "1m", "release": "0s"},
        {"kind": "growth", "start_rate": "1/s", "growth": 8, "every": "1h"},
    ],
    ids=lambda traffic: traffic["kind"],
)
def test_schema_and_program_refuse_alike(traffic: dict[str, Any]) -> None:
    """Also inside other traffic."""
    scenario = {
        "name": "good",
        "horizon": "1h",
        "traffic": {"kind": "poisson", "mean_rate": "2/s"},
        "model": {"service_time": "100ms"},
        "endpoints": [{"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"}],
    }
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(scenario)
    assert not validator.is_valid({**scenario, "traffic": traffic})
    with pytest.raises(ScenarioError):
        simulator.load_scenario({**scenario, "traffic": traffic})


def test_values_inside_can_be_set_from_outside(tmp_path: Path) -> None:
    """By the position in `parts`."""
    scenario = simulator.load_scenario(
        written(tmp_path), {"traffic.parts[0].mean_rate": "3/s", "traffic.parts[1].of.burst_factor": "2"}
    )
    parts = scenario.resolved()["traffic"]["parts"]
    assert ("3.0/s", 2.0) == (parts[0]["mean_rate"], parts[1]["of"]["burst_factor"])


def test_a_file_inside_belongs_to_the_digest(tmp_path: Path) -> None:
    """Another content of the same name makes another scenario, as deep as it may be."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = simulator.load_scenario(written(one))
    second = simulator.load_scenario(written(other, times="t\n5\n700\n702\n3000\n"))
    assert first.resolved() == second.resolved()
    assert first.digest() != second.digest()


def test_what_lies_beyond_the_horizon_is_a_note(tmp_path: Path) -> None:
    """Of the recorded arrivals, of the bursts, of the outage that the run does not see."""
    scenario = simulator.load_scenario(written(tmp_path), {"horizon": "5m"})
    notes = " ".join(scenario.notes())
    for words in ("same in every replication", "fits its bursts to the horizon", "outage at 600s begins after the end"):
        assert words in notes


def test_both_engines_take_nested_traffic(tmp_path: Path) -> None:
    """Every row of every request."""
    scenario = simulator.load_scenario(written(tmp_path), {"horizon": "20m"})
    compiled, reference = (
        simulator.simulate(scenario, endpoint="m5", engine=engine) for engine in ("compiled", "reference")
    )
    assert len(compiled) > 4000
    assert compiled.equals(reference)


def test_traffic_nested_too_deep_is_refused() -> None:
    """Eight outages of outages are fine, the ninth is told where it is."""
    traffic: dict[str, Any] = {"kind": "poisson", "mean_rate": "2/s"}
    scenario: dict[str, Any] = {
        "name": "deep",
        "horizon": "10m",
        "model": {"service_time": "100ms"},
        "endpoints": [{"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"}],
    }
    for _ in range(8):
        traffic = {"kind": "outage", "of": traffic, "at": "1m", "length": "1s", "release": "0s"}
    assert "deep" == simulator.load_scenario({**scenario, "traffic": traffic}).name
    for _ in range(2):
        traffic = {"kind": "superposition", "parts": [traffic]}
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario({**scenario, "traffic": traffic})
    (problem,) = caught.value.problems
    assert ("traffic.parts[0]", "holds traffic inside traffic more than 8 deep") == (problem.path, problem.message)
