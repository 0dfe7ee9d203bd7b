"""``validate``, ``schema`` and ``init``: several files, quiet and JSON output, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.scenario.loading import load_scenario

TEXT = """\
name: small
horizon: 10m
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 100ms}
endpoints:
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
"""


def invoked(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A valid file."""
    (tmp_path / "good.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path / "good.yaml"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A file with one thing wrong."""
    (tmp_path / "bad.yaml").write_text(TEXT.replace("10m", "0s"), encoding="utf-8")
    return tmp_path / "bad.yaml"


def test_one_bad_file_among_several_is_told_and_the_others_still_are(good: Path, bad: Path) -> None:
    """Messages on standard error, valid files on standard output, exit code 2."""
    done = invoked("validate", bad, good)
    assert 2 == done.exit_code
    assert f"{good}: valid" == done.stdout.splitlines()[0]
    assert f'{bad}:2:10  horizon: "0s" is not allowed, must be more than 0\n1 error\n' == done.stderr


def test_it_says_how_many_requests_to_expect(good: Path) -> None:
    """2/s for 10 min are 1,200."""
    assert "  requests    1,200 expected in a replication" in invoked("validate", good).stdout.splitlines()


def test_quiet_says_nothing_of_a_valid_file(good: Path, bad: Path) -> None:
    """Problems are told all the same."""
    done = invoked("validate", "-q", good)
    assert (0, "", "") == (done.exit_code, done.stdout, done.stderr)
    assert "1 error" in invoked("validate", "-q", bad).stderr


def test_json_holds_a_scenario_that_reads_back_equal(good: Path) -> None:
    """With its digest, expected requests, notes and assumptions."""
    facts = json.loads(invoked("validate", "--output", "json", good).stdout)
    scenario = load_scenario(good)
    assert (True, 1200.0, scenario.digest()) == (facts["valid"], facts["expected_requests"], facts["digest"])
    assert scenario == load_scenario(facts["scenario"])


def test_an_override_is_part_of_what_is_checked(good: Path) -> None:
    """A good one changes the scenario; a bad one is an error that says where it comes from."""
    assert "2,400 expected" in invoked("validate", good, "--set", "traffic.mean_rate=4/s").stdout
    done = invoked("validate", good, "--set", "horizon=0s")
    assert 2 == done.exit_code
    assert "(set from outside the file)" in done.stderr
    assert 2 == invoked("validate", good, "--set", "horizon").exit_code


def test_schema_writes_the_file_that_it_prints(tmp_path: Path) -> None:
    """Byte for byte; a folder that is not there is refused and nothing is left behind."""
    assert 0 == invoked("schema", "-o", tmp_path / "s.json").exit_code
    assert invoked("schema").stdout == (tmp_path / "s.json").read_text(encoding="utf-8")
    done = invoked("schema", "-o", tmp_path / "none" / "s.json")
    assert 2 == done.exit_code
    assert "cannot be written" in done.stderr
    assert [tmp_path / "s.json"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "name"), [("my model.yaml", "my-model"), ("4gb.yaml", "scenario-4gb"), ("é.yml", "scenario--")]
)
def test_init_makes_a_name_of_any_file_name(tmp_path: Path, file: str, name: str) -> None:
    """A scenario's name begins with a letter and holds letters, digits, dot, dash and underscore."""
    assert 0 == invoked("init", tmp_path / file).exit_code
    assert name.rstrip("-") == load_scenario(tmp_path / file).name


def test_init_refuses_a_name_that_is_not_yaml(tmp_path: Path) -> None:
    """The starter is YAML."""
    done = invoked("init", tmp_path / "mine.json")
    assert 2 == done.exit_code
    assert "end the name in .yaml" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_the_starter_points_an_editor_to_a_schema_that_exists(tmp_path: Path) -> None:
    """The first line is what the YAML language server reads."""
    invoked("init", tmp_path / "mine.yaml")
    first = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    uri = first.removeprefix("# yaml-language-server: $schema=")
    assert uri.startswith("file://")
    assert Path(uri.removeprefix("file://")).is_file()


def test_doctor_fails_where_something_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; the broken thing is marked and the rest is still looked at."""

    def broken() -> Any:
        raise OSError("unreadable")

    monkeypatch.setattr("simulator.prices.list_sheets", broken)
    done = invoked("doctor")
    assert 1 == done.exit_code
    assert "BAD  sheets     OSError: unreadable" in done.stdout.splitlines()
    assert any(line.startswith("ok   compiler") for line in done.stdout.splitlines())
