"""Where the cheapest eligible endpoint changes: the closed form where it is exact, and nothing where nobody may go."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from simulator.cli import main
from simulator.questions.crossover import crossover

#: USD: an ml.m5.xlarge an hour, 4096 MB a second. Price sheet of November 2026.
INSTANCE, SECOND = 0.23, 0.00008
#: Startups take no time, so every request is as if warm; 200 ms is a whole number of billed milliseconds; no data.
WARM: dict[str, Any] = {
    "name": "warm",
    "horizon": "2h",
    "replications": 10,
    "traffic": {"kind": "poisson", "mean_rate": "4/s"},
    "model": {"service_time": "200ms", "startup_time": "0s"},
    "endpoints": [
        {
            "name": "serverless",
            "kind": "serverless",
            "platform": "generic",
            "memory_size": "4096MB",
            "max_concurrency": "none",
        },
        {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 10},
    ],
}
OVER = "traffic.mean_rate=1/s..16/s"


def _hits(seeds: range) -> int:
    """Studies whose interval holds λ* = p_i / (E[B] p_s); each finds one change, from serverless to the instance."""
    expected = INSTANCE / 3600 / (0.2 * SECOND)
    hits = 0
    for seed in seeds:
        found = crossover(WARM, OVER, seed=seed)
        (flip,) = found.flips
        assert expected == pytest.approx(flip.predicted, rel=1e-9)
        assert flip.rate.low is not None
        assert flip.rate.high is not None
        hits += flip.rate.low <= expected <= flip.rate.high
    return hits


def test_the_closed_form_lies_in_the_interval() -> None:
    """In 4 of 6 seeds at least: with 95 % each, fewer come once in 450 times."""
    assert 4 <= _hits(range(6))


@pytest.mark.slow
def test_intervals_hold_the_closed_form_as_often_as_they_say() -> None:
    """In 52 of 60 seeds at least: with 95 % each, fewer come once in 200 times."""
    assert 52 <= _hits(range(60))


def test_a_crossing_of_costs_where_an_objective_is_missed_is_not_the_answer() -> None:
    """Costs cross at 2/s if serverless takes 400 ms, but then it misses its objective everywhere: nothing changes."""
    slow = {**WARM["endpoints"][0], "service_time": "400ms"}
    objective = {**WARM, "endpoints": [slow, WARM["endpoints"][1]], "objectives": ["p95 < 300ms"]}
    found = crossover(objective, OVER, replications=5)
    assert () == tuple(found.flips)
    (cost_only,) = crossover({**objective, "objectives": []}, OVER, replications=5).flips
    assert INSTANCE / 3600 / (0.4 * SECOND) == pytest.approx(cost_only.predicted, rel=1e-9)


SMALL = """\
name: small
horizon: 20m
replications: 3
traffic: {kind: poisson, mean_rate: 2/s}
model: {service_time: 200ms, startup_time: 0s}
endpoints:
  - {name: serverless, kind: serverless, memory_size: 4096MB, max_concurrency: 100}
  - {name: m5, kind: real_time, instance_type: ml.m5.xlarge, workers_per_instance: 10}
"""


@pytest.mark.parametrize(
    ("objectives", "over", "code", "words"),
    [
        ("", "traffic.mean_rate=1/s..16/s:5:log", 0, "serverless up to"),
        ('objectives: ["p50 < 100ms"]\n', "traffic.mean_rate=1/s..16/s:5:log", 3, "no endpoint"),
        ("", "traffic.mean_rate=fast..slow", 2, "traffic.mean_rate"),
    ],
)
def test_exit_codes(objectives: str, over: str, code: int, words: str) -> None:
    """0 with an answer, 3 if nobody is eligible anywhere, 2 with one message."""
    arguments = ["crossover", "-", "--over", over, "--no-results", "-q"]
    result = CliRunner().invoke(main, arguments, input=SMALL + objectives)
    assert code == result.exit_code, result.output
    assert words in result.output
