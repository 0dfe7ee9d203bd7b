"""``plan``: the answer on standard output, files in the results, and an exit code that says what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import simulator.questions.plan.plan
import simulator.questions.plan.robust
from simulator.cli import main

SMALL = """\
name: small
horizon: 10m
traffic: {kind: poisson, mean_rate: 1/s}
model: {service_time: {kind: exponential, mean: 500ms}, startup_time: 0s}
endpoints:
  - {name: on-demand, kind: serverless, memory_size: 2048MB, max_concurrency: 5}
  - {name: m5, kind: real_time, instance_type: ml.m5.large, workers_per_instance: 2}
objectives: ["throttled_fraction < 20%"]
plan:
  misses_at_most: 20%
  candidates:
    - {endpoint: on-demand, max_concurrency: [1, 5]}
    - {endpoint: m5, initial_instance_count: 1..2}
"""
PLAN = "serverless-2048mb-c5-pc0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


def invoked(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", str(path), "--results", str(path.parent / "results"), *arguments])


def test_the_answer_stands_first_and_the_files_hold_it(path: Path) -> None:
    """The plan in the first lines; a table, JSON, text and the figure in a folder of their own."""
    result = invoked(path)
    assert 0 == result.exit_code, result.output
    assert result.stdout.splitlines()[1].strip().startswith(f"The cheapest candidate that meets all objectives: {PLAN}")
    assert "Cheaper, and just misses: serverless-2048mb-c1-pc0" in result.stdout
    (folder,) = (path.parent / "results" / "small").glob("plan-*")
    assert {"plan.csv", "plan.json", "plan.png", "plan.svg", "report.txt"} == {one.name for one in folder.iterdir()}
    facts = json.loads((folder / "plan.json").read_text())
    assert (PLAN, True) == (facts["plan"], facts["is_decided"])
    assert ["misses", "the plan", "not needed", "not needed"] == [one["state"] for one in facts["candidates"]]
    assert 5 == len((folder / "plan.csv").read_text().splitlines())


#: One candidate each, and more traffic than they carry.
TOO_LITTLE = (
    *("--vary", "on-demand.max_concurrency=1", "--vary", "m5.workers_per_instance=1"),
    *("--set", "traffic.mean_rate=4/s"),
)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (0, ()),
        (0, ("--strict",)),
        (5, TOO_LITTLE),
        (2, ("--vary", "on-demand.max_concurency=1")),
        (2, ("-n", "19")),
        (2, ("--resume",)),
        (2, ("--confidence", "95")),
        (2, ("--set", "plan.candidates=[{endpoint: nobody}]")),
    ],
)
def test_exit_codes(path: Path, code: int, options: tuple[str, ...]) -> None:
    """0 a plan, 2 bad input, 5 nothing qualifies."""
    result = invoked(path, "--no-results", "-q", "--no-price-of-objective", *options)
    assert code == result.exit_code, result.output


def test_what_is_undecided_is_told_by_the_exit_code_if_asked(path: Path) -> None:
    """Twenty replications cannot show a chance below 1 %: without --strict no plan, with it undecided."""
    asked = ("-n", "20", "--misses-at-most", "1%", "--no-results", "-q")
    assert (5, 4) == (invoked(path, *asked).exit_code, invoked(path, *asked, "--strict").exit_code)


def test_nothing_qualifies_with_the_nearest_miss(path: Path) -> None:
    """The answer says which candidate misses which objective by how much."""
    result = invoked(path, "--no-results", "-q", *TOO_LITTLE, "--vary", "on-demand.provisioned_concurrency=0")
    assert 5 == result.exit_code
    assert "No candidate meets all objectives." in result.stdout


@pytest.mark.parametrize("output", ["json", "csv", "markdown"])
def test_forms_of_the_result(path: Path, output: str) -> None:
    """Each form names the plan."""
    result = invoked(path, "--no-results", "-q", "--no-price-of-objective", "--output", output)
    assert 0 == result.exit_code
    assert PLAN in result.stdout
    if output == "json":
        assert PLAN == json.loads(result.stdout)["plan"]


#: Erlang B: of one erlang 4 servers lose 1.5 %; with bursts of 4 erlangs 4 lose 13 % and 8 lose 1.2 %.
LOSS = """\
name: loss
horizon: 2h
replications: 20
traffic: {kind: poisson, mean_rate: 1/s}
model: {service_time: {kind: exponential, mean: 1s}, startup_time: 0s}
endpoints:
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge, routing: central_queue, queue_limit: 0}
objectives: ["throttled_fraction < 2%"]
plan: {judged_by: mean, candidates: [{endpoint: m5, initial_instance_count: [4, 8]}]}
stress: {burst: [1, 4], burst_share: 10%, burst_length: 2m}
"""


def test_the_robust_choice(tmp_path: Path) -> None:
    """Beside the plan, in words and in JSON; the block of the scenario or a set by its name."""
    path = tmp_path / "loss.yaml"
    path.write_text(LOSS)
    asked = ("--no-results", "-q", "--no-price-of-objective", "--robust")
    result = invoked(path, *asked, "scenario")
    assert 0 == result.exit_code, result.output
    assert "hold under all stresses of the scenario: m5-xlarge-x8-w1" in " ".join(result.stdout.split())
    facts = json.loads(invoked(path, *asked, "scenario", "--output", "json").stdout)
    assert ("m5-xlarge-x4-w1", "m5-xlarge-x8-w1") == (facts["plan"], facts["robust"]["plan"])
    broken = facts["robust"]["broken"]["m5-xlarge-x4-w1"]
    assert [("burst", "breaks", 1.0, 4.0)] == [
        (one["stress"], one["outcome"], one["met_to"], one["not_met_from"]) for one in broken
    ]
    starts = invoked(path, *asked, "cold-starts")
    assert "a month without stress, which is the plan" in " ".join(starts.stdout.split())
    wrong = invoked(path, *asked, "cold-start")
    assert 2 == wrong.exit_code
    assert (
        "no set of stresses 'cold-start', did you mean 'cold-starts'" in wrong.stderr or "cold-starts" in wrong.stderr
    )


def test_an_interrupt_tells_what_was_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130 with the answer as far as it goes, and no files; in the stresses the plan is told whole."""
    plain = simulator.questions.plan.plan.plan

    def interrupted(*args: Any, **options: Any) -> Any:
        count = 0

        def tell(*_: Any) -> None:
            nonlocal count
            count += 1
            if count > 30:
                raise KeyboardInterrupt

        return plain(*args, **{**options, "progress": tell})

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(simulator.questions.plan.plan, "plan", interrupted)
        result = invoked(path, "-q")
    assert 130 == result.exit_code
    assert "Interrupted: what follows is what was known by then" in result.stdout
    assert "interrupted: what was found so far is told, and nothing is kept" in result.stderr
    assert not (path.parent / "results").exists()
    monkeypatch.setattr(simulator.questions.plan.robust, "robust", stop)
    result = invoked(path, "-q", "--no-price-of-objective", "--robust", "usual")
    assert 130 == result.exit_code
    assert f"The cheapest candidate that meets all objectives: {PLAN}" in result.stdout
