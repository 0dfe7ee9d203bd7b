"""``stress``: options become a block of the scenario, and the exit code says what came out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.cli.stress import exit_code
from simulator.cli.stress import stress as command
from simulator.measures.objectives import Verdict
from simulator.questions.stress import planned as stress_plan
from simulator.scenario.stress import SetName

SMALL = """\
name: small
horizon: 20m
replications: 3
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 250ms, startup_time: 2s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge, workers_per_instance: 4}
objectives: ["throttled_fraction < 5%"]
"""
FAST = ("--no-results", "-q", "--no-refining")


def invoked(*arguments: str, text: str = SMALL) -> Result:
    return CliRunner().invoke(main, ["stress", "-", *arguments], input=text)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The stresses that a plan is made of, in place of running it."""
    blocks: list[dict[str, Any]] = []

    def planned(scenario: Any, **options: Any) -> None:
        block = None if scenario.stress is None else scenario.stress.model_dump(mode="json", exclude_none=True)
        blocks.append({"block": block, **options})
        raise SystemExit(0)

    monkeypatch.setattr(stress_plan, "planned", planned)
    return blocks


@pytest.mark.parametrize(
    ("options", "block"),
    [
        ([], None),
        (["--set-of", "launch-day"], {"set_of": "launch-day"}),
        (["--burst", "1,2, 4"], {"burst": [1.0, 2.0, 4.0]}),
        (["--set-of", "usual", "--growth", "1,1.5"], {"set_of": "usual", "growth": [1.0, 1.5]}),
        (["--flash-crowd", "5,10:15m"], {"flash_crowd": [5.0, 10.0], "flash_crowd_length": "900s"}),
        (["--flash-crowd", "5"], {"flash_crowd": [5.0]}),
        (
            ["--service", "2", "--cold-start", "3", "--idle-timeout", "0.5"],
            {"service": [2.0], "cold_start": [3.0], "idle_timeout": [0.5]},
        ),
        (["--outage", "5m,15m:2m"], {"outage": ["300s", "900s"], "outage_release": "120s"}),
        (["--outage", "5m"], {"outage": ["300s"]}),
        (["--cold-at-peak"], {"cold_at_peak": True}),
        (["--burst", "2", "--set", "stress.burst_length=30s"], None),
    ],
)
def test_options_are_a_block_of_the_scenario(
    asked: list[dict[str, Any]], options: list[str], block: dict[str, Any] | None
) -> None:
    """Each in its place; the block of the scenario itself counts only if no option says anything."""
    invoked(*options, "-n", "9", "--seed", "7", "--no-refining")
    expected = {"burst": [2.0], "burst_length": "30s"} if "--set" in options else block
    assert [{"block": expected, "refine": False, "replications": 9, "seed": 7}] == asked


def test_the_block_of_the_scenario_is_taken_without_options(asked: list[dict[str, Any]]) -> None:
    """And is put aside by any of them."""
    text = f"{SMALL}stress: {{growth: [1, 3]}}\n"
    invoked(text=text)
    invoked("--burst", "2", text=text)
    assert [{"growth": [1.0, 3.0]}, {"burst": [2.0]}] == [one["block"] for one in asked]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--burst", "1,x"], '"1,x" is not a list of numbers; write for example 1,2,4,8'),
        (["--flash-crowd", "5:"], '"5:" cannot be read; write for example 5,10,20:15m'),
        (["--flash-crowd", "five"], '"five" cannot be read; write for example 5,10,20:15m'),
        (["--outage", "5m,,"], '"5m,," cannot be read; write for example 5m,15m,30m or 5m,15m,30m:2m'),
        (["--outage", "5"], "stress.outage[0]: "),
        (["--growth", "0.5"], "stress.growth[0]: 0.5 is not allowed, must be at least 1 (set from outside the file)"),
        (["--set-of", "usul"], 'stress.set_of: "usul" is not one of usual, launch-day, cold-starts, upstream-outage'),
        (["--flash-crowd", "5:1h"], "stress flash_crowd: 1 h do not fit into the measured part of the run, 20 min"),
        (["--growth", "2", "--require", "m6"], "scenario 'small' has no endpoint 'm6', known: serverless, m5"),
        (["--set", "objectives=[]"], "scenario small has no objectives, so nothing in it can break"),
    ],
)
def test_wrong_options_are_told_in_one_message(options: list[str], message: str) -> None:
    """Exit code 2, nothing on standard output, no traceback."""
    result = invoked(*options, *FAST)
    assert (2, "") == (result.exit_code, result.stdout)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_help_names_the_sets() -> None:
    """All of them."""
    (option,) = (one for one in command.params if one.name == "set_of")
    assert all(name in option.help for name in get_args(SetName))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "verdicts", "require", "strict"),
    [
        (0, {"a": Verdict.MET, "b": Verdict.NOT_MET}, None, True),
        (3, {"a": Verdict.NOT_MET, "b": Verdict.NOT_MET}, None, False),
        (3, {"a": Verdict.NO_DATA, "b": Verdict.NOT_MET}, None, True),
        (0, {"a": Verdict.UNDECIDED, "b": Verdict.NOT_MET}, None, False),
        (4, {"a": Verdict.UNDECIDED, "b": Verdict.NOT_MET}, None, True),
        (4, {"a": Verdict.UNDECIDED, "b": Verdict.MET}, None, True),
        (0, {"a": Verdict.UNDECIDED, "b": Verdict.MET}, "b", True),
        (4, {"a": Verdict.UNDECIDED, "b": Verdict.MET}, "a", True),
        (3, {"a": Verdict.NOT_MET, "b": Verdict.MET}, "a", False),
    ],
)
def test_the_exit_code(code: int, verdicts: dict[str, Verdict], require: str | None, strict: bool) -> None:
    """3 if every endpoint that counts breaks, 4 if one that counts is undecided and that is asked."""
    result: Any = type("Result", (), {"verdicts": verdicts})
    assert code == exit_code(result, require, strict=strict)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (0, ["--growth", "1.1"]),
        (0, ["--growth", "8"]),  # m5 holds out in its queue
        (3, ["--growth", "8", "--require", "serverless"]),
        (3, ["--growth", "40"]),
        (0, ["--cold-start", "2", "--require", "m5"]),
    ],
)
def test_exit_codes_of_runs(code: int, options: list[str]) -> None:
    """Of a small scenario, run for real."""
    result = invoked(*options, *FAST)
    assert code == result.exit_code, result.output


def test_the_report_says_the_verdict_first_in_a_hundred_columns() -> None:
    """Then where what breaks, what it costs, what was done; the same in every form."""
    options = ("--growth", "2,8", "--cold-start", "2", "--no-results", "-q")
    lines = invoked(*options, "-v").stdout.splitlines()
    assert max(map(len, lines)) <= 100
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert ["Verdict", "Scenario small", "What breaks first, and where", "Cost a month"] == titles[:4]
    assert "throttled_fraction < 5%, under stress" in titles
    assert "Stresses" in titles
    assert any("serverless" in line and "throttled at " in line for line in lines)
    facts = json.loads(invoked(*options, "--output", "json").stdout)
    assert "Only m5 survives all stresses" in facts["answer"][0]
    assert (["m5"], "m5", True) == (facts["survivors"], facts["cheapest"], facts["complete"])
    by_name = {one["name"]: one for one in facts["endpoints"]}
    growth, cold = by_name["serverless"]["stresses"]
    assert ("breaks", "throttled_fraction < 5%") == (growth["outcome"], growth["first"])
    assert growth["words"] in " ".join(lines)
    assert ("holds", None) == (cold["outcome"], cold["first"])
    assert "does not apply" == by_name["m5"]["stresses"][1]["outcome"]
    assert "it launches no instances" == by_name["m5"]["stresses"][1]["reason"]
    assert invoked(*options, "--output", "csv").stdout.startswith("stress,severity,is_planned,endpoint,measure,")
    assert "| endpoint | growth | cold\\_start |" in invoked(*options, "--output", "markdown").stdout


def test_results_are_kept_and_used_again(tmp_path: Path) -> None:
    """Tables, report and figures in a folder of their own; a second run simulates nothing, and writes the same."""
    options = ("--growth", "2,8", "--results", str(tmp_path))
    first = invoked(*options)
    (folder,) = (tmp_path / "small").glob("stress-*")
    assert f"results in {folder}" in first.stderr
    names = {file.name for file in folder.iterdir()}
    assert {
        *("stress.csv", "breaks.csv", "stress.json", "report.txt"),
        *("stress-map.png", "stress-map.svg", "stress-growth.png", "stress-growth.svg"),
    } == names
    before = {name: (folder / name).read_bytes() for name in names}
    again = invoked(*options)
    assert first.stdout == again.stdout
    assert "already; --fresh simulates them again" in again.stderr
    assert before == {name: (folder / name).read_bytes() for name in names}


def test_resume_needs_something_but_not_everything(tmp_path: Path) -> None:
    """Nothing there: exit code 2. The plain study there, none of the stressed ones: what is missing is simulated."""
    options = ("--burst", "1,2", "--no-refining", "--results", str(tmp_path), "--resume")
    nothing = invoked(*options)
    assert (2, "") == (nothing.exit_code, nothing.stdout)
    assert "holds nothing of this question to go on from" in nothing.stderr
    CliRunner().invoke(main, ["run", "-", "--results", str(tmp_path), "-q"], input=SMALL)
    assert 0 == invoked(*options).exit_code


def test_an_interrupted_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """130, with what was finished."""
    import simulator.study.run

    whole: Callable[..., Any] = simulator.study.run.run_all

    def interrupted(scenarios: Any, **options: Any) -> Any:
        from dataclasses import replace

        found = whole(scenarios, **options)
        return [*found[:-1], replace(found[-1], records=found[-1].records[:1])]

    monkeypatch.setattr(simulator.study.run, "run_all", interrupted)
    result = invoked("--growth", "2,8", "--no-results", "-q")
    assert 130 == result.exit_code
    assert "Interrupted: not every severity was tried" in " ".join(result.stdout.split())
