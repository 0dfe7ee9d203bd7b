"""``run``: results on standard output, the rest on standard error, and an exit code that says what came out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main

SERVERLESS, REAL_TIME = "serverless-4096mb-c20", "m5-xlarge-x1-w4"
SMALL = """\
name: small
horizon: 1h
replications: 3
traffic: {kind: poisson, mean_rate: 1/s}
model: {service_time: 100ms, startup_time: 2s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge, workers_per_instance: 4}
objectives: ["p95 < 500ms"]
"""
Answered = Callable[..., list[dict[str, Any]]]


def invoked(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["run", *arguments], input=text)


@pytest.mark.parametrize(
    ("code", "objectives", "options"),
    [
        (0, ["p95 < 500ms"], []),  # one is met, one undecided
        (0, ["p95 < 500ms"], ["--strict"]),
        (0, [], []),
        (3, ["p95 < 100ms"], []),
        (3, ["p95 < 100ms"], ["--strict"]),
        (3, ["p99 < 1s"], ["--require", SERVERLESS]),
        (0, ["p99 < 1s"], ["--require", REAL_TIME]),
        (0, ["p95 < 500ms"], ["--require", REAL_TIME]),  # undecided
        (4, ["p95 < 500ms"], ["--require", REAL_TIME, "--strict"]),
        (4, ["p95 < 446ms"], ["--strict"]),  # one undecided, one not met
        (2, ["p95 < 500ms"], ["--require", "no-such"]),
    ],
)
def test_the_exit_code_says_what_came_out(
    answered: Answered, code: int, objectives: list[str], options: list[str]
) -> None:
    """0 fine, 2 invalid, 3 not met, 4 undecided where that counts."""
    answered(objectives)
    assert code == invoked("x.yaml", "--no-results", *options).exit_code


def test_an_interrupted_run_is_printed_saved_and_says_130(answered: Answered, tmp_path: Path) -> None:
    """What was finished is not lost."""
    answered(interrupted=True)
    result = invoked("x.yaml", "--results", str(tmp_path))
    assert 130 == result.exit_code
    assert "Interrupted: 4 of 4 replications were finished" in " ".join(result.stdout.split())
    assert "interrupted: 4 of 4 replications are finished; the same command goes on from there" in result.stderr
    assert (tmp_path / "by-hand" / "00000000" / "report.html").exists()


def test_an_interrupt_while_something_is_read_says_130_too(tmp_path: Path) -> None:
    """One that leaves a text given to `exec`, as packages do while they are imported, ends ``-m`` by the signal."""
    (tmp_path / "started.py").write_text(
        "import simulator.scenario.loading as loading\n"
        "from simulator.cli import main\n"
        "loading.load_scenario = lambda *_: exec('raise KeyboardInterrupt')\n"
        "main(['run', 'x.yaml'])\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "started"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert (130, "interrupted\n") == (done.returncode, done.stderr)


def test_results_go_to_a_folder_and_its_path_to_standard_error(answered: Answered, tmp_path: Path) -> None:
    """Tables of the study, figures and the page; nothing half-written stays."""
    answered()
    result = invoked("x.yaml", "--results", str(tmp_path))
    folder = tmp_path / "by-hand" / "00000000"
    assert f"results in {folder}" in result.stderr
    assert str(folder) not in result.stdout
    assert {"manifest.json", "report.html", "cost.png", "cost.svg", "latency-tail.png"} <= {
        file.name for file in folder.iterdir()
    }
    assert [] == [file for file in folder.iterdir() if file.name.startswith(".")]


def test_quiet_leaves_the_result_alone(answered: Answered, tmp_path: Path) -> None:
    """Nothing on standard error."""
    answered()
    assert "" == invoked("x.yaml", "-q", "--results", str(tmp_path)).stderr


def test_options_reach_the_run(answered: Answered) -> None:
    """Seed, replications, processes, engine and overrides."""
    asked = answered()
    invoked(
        *("x.yaml", "--no-results", "--seed", "7", "-n", "9", "-j", "auto", "--engine", "reference"),
        *("--set", "traffic.mean_rate=4/s"),
    )
    assert {"source": "x.yaml", "overrides": {"traffic.mean_rate": "4/s"}} == asked[0]
    assert {"seed": 7, "replications": 9} == asked[1]
    run_with = {"jobs": "auto", "engine": "reference", "cluster": None, "results": None, "resume": "if_possible"}
    assert run_with == asked[2]


@pytest.mark.parametrize("options", [["-j", "0"], ["-j", "many"], ["-n", "0"], ["--seed", "-1"], ["--set", "x"]])
def test_wrong_options_are_refused(answered: Answered, options: list[str]) -> None:
    """Exit code 2, nothing on standard output, nothing run."""
    asked = answered()
    result = invoked("x.yaml", *options)
    assert (2, "", []) == (result.exit_code, result.stdout, asked)


@pytest.mark.parametrize(("output", "start"), [("json", "{"), ("csv", "endpoint,"), ("markdown", "# by-hand")])
def test_forms_of_the_result(answered: Answered, tmp_path: Path, output: str, start: str) -> None:
    """The same on standard output and in a file, which is written whole."""
    answered()
    printed = invoked("x.yaml", "--no-results", "--output", output)
    assert printed.stdout.startswith(start)
    file = tmp_path / "out"
    written = invoked("x.yaml", "--no-results", "--output", output, "-o", str(file))
    assert "" == written.stdout
    assert printed.stdout == file.read_text(encoding="utf-8")


def test_a_stream_that_holds_only_ascii_gets_ascii(answered: Answered) -> None:
    """No crash, and the numbers keep their meaning."""
    answered()
    result = CliRunner(charset="ascii").invoke(main, ["run", "x.yaml", "--no-results"])
    assert 0 == result.exit_code
    assert "446.0 +-1.3 ms" in result.stdout


def test_a_scenario_from_standard_input(tmp_path: Path) -> None:
    """Run for real: the answer, then the same numbers in JSON and with the reference engine."""
    result = invoked("-", "--no-results", "--output", "json", text=SMALL)
    assert 0 == result.exit_code, result.output
    facts = json.loads(result.stdout)
    assert "serverless" == facts["cheapest"]
    assert 3 == facts["replications"]["finished"]
    again = invoked("-", "--no-results", "--output", "json", "--engine", "reference", text=SMALL)
    assert {**facts, "engine": "reference"} == json.loads(again.stdout)


def test_what_an_earlier_run_left_is_used_and_told(tmp_path: Path) -> None:
    """The second run says where the replications are, and that they need not be simulated; --fresh says nothing."""
    options = ("-", "--results", str(tmp_path))
    assert "already" not in invoked(*options, text=SMALL).stderr
    told = invoked(*options, text=SMALL).stderr
    assert "3 of 3 replications are in " in told
    assert "already; --fresh simulates them again" in told
    assert "cannot be used" not in told
    assert "already" not in invoked(*options, "--fresh", text=SMALL).stderr


def test_an_invalid_scenario_is_told_on_standard_error() -> None:
    """Exit code 2, the place named, no traceback."""
    result = invoked("-", text=SMALL.replace("1/s", "one"))
    assert (2, "") == (result.exit_code, result.stdout)
    assert "traffic.mean_rate" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_keeps_examples_on_their_own_lines() -> None:
    """What is written below each other is shown below each other."""
    done = subprocess.run([sys.executable, "-m", "simulator", "run", "-h"], capture_output=True, text=True, check=True)
    assert "\n    endpointsim run my-endpoint.yaml\n" in done.stdout
    assert "\\b" not in done.stdout
