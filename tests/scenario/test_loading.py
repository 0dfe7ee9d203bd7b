"""Scenarios from files, text and mappings, overrides, reading back, and the published schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

import simulator
from simulator.errors import ScenarioError
from simulator.scenario.loading import read_source
from simulator.scenario.schema import schema_text

SCENARIOS = sorted((Path(__file__).parent.parent.parent / "scenarios").glob("*.yaml"))
SCHEMA = Path(simulator.__file__).parent / "scenario" / "scenario-v1.json"


def small(**changes: Any) -> dict[str, Any]:
    """A scenario as a mapping."""
    return {
        "name": "small",
        "horizon": "10m",
        "traffic": {"kind": "poisson", "mean_rate": "2/s"},
        "model": {"service_time": {"kind": "lognormal", "mean": "250ms", "cv": 0.4}, "startup_time": "4s"},
        "endpoints": [
            {"name": "serverless", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 20},
            {"name": "instance", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
        ],
        **changes,
    }


def test_the_published_schema_is_that_of_the_program() -> None:
    """`endpointsim schema -o simulator/scenario/scenario-v1.json` would change nothing."""
    assert schema_text() == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenarios_load_fit_the_schema_and_ask_a_question(path: Path) -> None:
    """Six of them; the first comment below the editor's line is the question."""
    text = path.read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    jsonschema.validate(data, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert simulator.load_scenario(path).name == path.stem
    comment = text.partition("# Question: ")[2].split("\n#\n")[0]
    assert comment.replace("\n", " ").rstrip().endswith("?")
    assert "# Sources" in text


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_resolved_scenario_reads_back_equal(path: Path) -> None:
    """With every default filled in it means the same."""
    scenario = simulator.load_scenario(path)
    again = simulator.load_scenario(json.loads(json.dumps(scenario.resolved())), folder=scenario.folder)
    assert scenario.digest() == again.digest()
    assert scenario.resolved() == again.resolved()


def test_one_scenario_in_four_forms(tmp_path: Path) -> None:
    """A mapping, JSON, TOML and YAML of the same content are the same scenario."""
    data = small(objectives=["p99 < 1s"])
    (tmp_path / "s.json").write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "s.yaml").write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "s.toml").write_text(
        'name = "small"\nhorizon = "10m"\nobjectives = ["p99 < 1s"]\n[traffic]\nkind = "poisson"\nmean_rate = "2/s"\n'
        '[model]\nstartup_time = "4s"\nservice_time = {kind = "lognormal", mean = "250ms", cv = 0.4}\n'
        '[[endpoints]]\nname = "serverless"\nkind = "serverless"\nmemory_size = "2048MB"\nmax_concurrency = 20\n'
        '[[endpoints]]\nname = "instance"\nkind = "real_time"\ninstance_type = "ml.m5.xlarge"\n',
        encoding="utf-8",
    )
    digests = {simulator.load_scenario(tmp_path / name).digest() for name in ("s.json", "s.yaml", "s.toml")}
    assert {simulator.load_scenario(data).digest()} == digests


def test_a_changed_data_file_changes_the_digest(tmp_path: Path) -> None:
    """Same scenario, other recording: another study."""
    file = tmp_path / "t.csv"
    traffic = {"kind": "recorded", "file": "t.csv", "column": "t", "time_unit": "s", "repeat": True}
    digests = []
    for text in ("t\n1.0\n2.0\n", "t\n1.0\n2.5\n"):
        file.write_text(text, encoding="utf-8")
        digests.append(simulator.load_scenario(small(traffic=traffic), folder=tmp_path).digest())
    assert digests[0] != digests[1]


@pytest.mark.parametrize("path", ["endpoints[0].max_concurrency", "endpoints[serverless].max_concurrency"])
def test_overrides_find_an_endpoint_by_number_and_by_name(path: str) -> None:
    """Both set the same field."""
    assert 40 == simulator.load_scenario(small(), overrides={path: "40"}).endpoints[0].max_concurrency


def test_an_override_of_nothing_names_the_nearest() -> None:
    """A slip in the path is no silent new key."""
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(small(), overrides={"traffic.mean_rat": "4/s"})
    assert 'did you mean "mean_rate"?' in str(caught.value)


def test_everything_wrong_in_an_endpoint_is_said_and_nothing_else() -> None:
    """A default that needs another field does not add an error of its own."""
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(small(endpoints=[{"name": "s", "kind": "serverless", "memory_size": "1MB"}]))
    assert ["endpoints[0].max_concurrency", "endpoints[0].memory_size"] == sorted(p.path for p in caught.value.problems)


def test_unequal_hardware_with_equal_service_times_is_noted() -> None:
    """The comparison may be wrong, and the report says so."""
    assert any("Equal service times on different hardware" in note for note in simulator.load_scenario(small()).notes())


def test_versions_are_read_from_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input can be read only once; each version has its own values."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(small()).encode())))
    versions = {"a": {"replications": "3"}, "b": {"replications": "4"}, "c": {}}
    assert [3, 4, 20] == [one.replications for one in read_source("-").versions(versions)]


def test_what_is_wrong_is_told_with_its_version() -> None:
    """Once if it is wrong in all of them, else at each."""
    versions = {
        "n=0": {"replications": "0", "seed": "-1"},
        "n=1": {"replications": "1", "seed": "-1"},
        "n=-2": {"replications": "-2", "seed": "-1"},
    }
    with pytest.raises(ScenarioError) as caught:
        read_source(small()).versions(versions)
    found = sorted((problem.path, problem.message.rpartition(" (at ")[2]) for problem in caught.value.problems)
    assert ["n=-2)", "n=0)"] == [place for path, place in found if path == "replications"]
    assert 1 == sum(path == "seed" for path, _ in found)
