"""``endpointsim sensitivity``: its outputs, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.study.results import Study
from simulator.study.run import run_all

SCENARIO = """\
name: prices
horizon: 5m
traffic: {kind: poisson, mean_rate: 2/min}
model: {service_time: 100ms}
prices: {real_time.instance.ml.c5.xlarge: {between: [0.1 USD/h, 0.3 USD/h]}}
endpoints:
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge}
  - {name: c5, kind: real_time, instance_type: ml.c5.xlarge}
objectives: ["p50 < 1s"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario with one assumption, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "prices.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def asked(file: Path, *options: str) -> Result:
    """Eight draws, two realisations."""
    return CliRunner().invoke(main, ["sensitivity", str(file), "--draws", "8", "--repeats", "2", *options])


def test_the_answer_is_printed_and_kept(file: Path) -> None:
    """Text on standard output; in the results JSON, CSV, text and figure, and the studies in a folder of their own."""
    done = asked(file)
    assert 0 == done.exit_code
    assert done.stdout.startswith("What would change the answer\n")
    (folder,) = (file.parent / "results" / "prices").glob("sensitivity-*")
    assert {"report.txt", "sensitivity.csv", "sensitivity.json", "tornado.png", "tornado.svg", "studies"} == {
        one.name for one in folder.iterdir()
    }
    assert done.stdout == (folder / "report.txt").read_text(encoding="utf-8")
    assert [folder] == list((file.parent / "results" / "prices").iterdir())
    again = asked(file, "--output", "json")
    assert "30 of 30 replications are in 15 folders" in again.stderr
    assert json.loads(again.stdout) == json.loads((folder / "sensitivity.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--strict",), 4),
        (("--strict", "--set", "prices={real_time.instance.ml.c5.xlarge: {between: [0.3, 0.4]}}"), 0),
        (("--set", "objectives=[p50 < 1ms]"), 3),
        (("--set", "prices={}"), 2),
        (("--measure", "montly_cost"), 2),
        (("-n", "5"), 2),
        (("--resume",), 2),
    ],
)
def test_exit_codes(file: Path, options: tuple[str, ...], code: int) -> None:
    """Fine; the answer may change; it may not; nobody meets the objectives; what cannot be asked."""
    assert code == asked(file, *options, *(() if "--resume" in options else ("--no-results",)), "-q").exit_code


def test_each_form_of_output(file: Path) -> None:
    """Tables, Markdown, CSV with one line an output and assumption, JSON in a file."""
    assert "## What would change the answer" in asked(file, "--no-results", "--output", "markdown").stdout
    lines = asked(file, "--no-results", "--output", "csv", "--measure", "cost").stdout.splitlines()
    assert 3 + 1 == len(lines)
    assert lines[0].startswith("endpoint,less,measure,assumption,correlation")
    out = file.parent / "found.json"
    asked(file, "--no-results", "--output", "json", "-o", str(out), "--sobol")
    facts = json.loads(out.read_text(encoding="utf-8"))
    assert 8 == facts["sobol_points"]
    assert facts["findings"][0]["effects"][0]["sobol_first"]["value"] is not None


def test_an_interrupted_run_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130 and no half answer; the same command uses what is there."""

    def interrupted(scenarios: Any, **options: Any) -> list[Study]:
        return [Study(one.scenario, one.engine, one.records[:1]) for one in run_all(scenarios, **options)]

    with monkeypatch.context() as patched:
        patched.setattr("simulator.study.run.run_all", interrupted)
        done = asked(file)
    assert 130 == done.exit_code
    assert "" == done.stdout
    done = asked(file, "--resume")
    assert 0 == done.exit_code
    assert done.stdout.startswith("What would change the answer")
