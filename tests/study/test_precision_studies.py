"""Studies that stop at a precision, from the scenario to the report: where they stop, and whether it is true."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.report.machine import as_json
from simulator.report.text import report
from simulator.scenario.loading import load_scenario
from simulator.scenario.model import Scenario
from simulator.study.precision import check, looks, reported
from simulator.study.results import Study
from simulator.study.run import run
from simulator.study.store import load_study, summary_facts

POISSON: dict[str, Any] = {"kind": "poisson", "mean_rate": "2/s"}
#: Counts of a minute have a standard deviation of 78 and a skewness of 1.4: many minutes have no burst.
BURSTY: dict[str, Any] = {
    "kind": "bursty",
    "quiet_rate": "1/s",
    "burst_rate": "8/s",
    "quiet_length": "50s",
    "burst_length": "10s",
}
#: Studies of the slow tests, each with a seed of its own.
SEEDS = 300


def minute(precision: dict[str, Any], traffic: dict[str, Any] = POISSON, **changes: Any) -> Scenario:
    """A minute of traffic on one serverless endpoint that throttles nothing: 0.00002 USD a request."""
    return load_scenario(
        {
            "name": "minute",
            "horizon": "1m",
            "traffic": traffic,
            "model": {"service_time": "250ms", "startup_time": "4s"},
            "endpoints": [{"name": "a", "kind": "serverless", "memory_size": "4096MB", "max_concurrency": 200}],
            "precision": {"max_replications": 200, **precision},
            **changes,
        }
    )


@pytest.fixture(scope="module")
def study() -> Study:
    """Stopped before the most: the mean of a Poisson number of about 120 known to ±3.5."""
    return run(minute({"measure": "requests", "absolute": 3.5}))


def test_tables_claim_what_was_asked_for(study: Study) -> None:
    """The interval that decided when to stop is as wide as asked, in the summary and in the file; others are not."""
    rows = study.summary().set_index("measure")
    asked = rows.loc["requests"]
    assert 3.5 == pytest.approx(asked["ci_high"] - asked["value"]) == pytest.approx(asked["value"] - asked["ci_low"])
    assert "as wide as the precision asked for" in asked["method"]
    assert study.precision is not None
    assert 3.5 > study.precision.half_width
    assert 3.5 > rows.loc["completed"]["ci_high"] - rows.loc["completed"]["value"]
    facts = summary_facts(study)["precision"]
    assert (True, "a", 3.5) == (facts["met"], facts["decided_by"], facts["target"])
    assert len(study.records) == facts["replications"]


def test_what_is_known_far_better_than_asked_stays_so() -> None:
    """Narrow by far at the first chance to stop: nothing was selected, the interval is that of a fixed number."""
    study = run(minute({"measure": "requests", "absolute": 60}))
    assert study.precision is not None
    assert (30, True) == (len(study.records), study.precision.met)
    asked = study.summary().set_index("measure").loc["requests"]
    fixed = run(minute({"measure": "requests", "absolute": 60}), 30).summary().set_index("measure").loc["requests"]
    assert (fixed["ci_low"], fixed["ci_high"]) == (asked["ci_low"], asked["ci_high"])


def test_a_percentile_of_a_precision_is_measured() -> None:
    """A level that is not among the usual ones is there for the rule."""
    study = run(minute({"measure": "p97", "relative": "50%"}, horizon="20m"))
    assert study.precision is not None
    assert study.precision.met
    assert None is not study.precision.half_width


def test_it_stops_at_the_first_look_at_which_the_rule_is_met(study: Study) -> None:
    """Complete with fewer than the most; at every look before, the rule was not met."""
    asked = study.scenario.precision
    assert asked is not None
    at = looks(asked)
    assert (True, 200) == (study.complete, study.requested)
    stopped = at.index(len(study.records))
    assert 1 < stopped < len(at) - 1
    assert [False] * stopped + [True] == [
        check(study.scenario, study.records[:count]).met for count in at[: stopped + 1]
    ]


def test_it_stops_at_the_same_replication_everywhere(study: Study) -> None:
    """On two workers, and as the beginning of a longer study; equal to the last bit."""
    with ThreadPoolExecutor(2) as threads:
        assert study == run(study.scenario, executor=threads)
    assert study.records == run(study.scenario, 200).records[: len(study.records)]


def test_a_number_of_replications_takes_the_place_of_the_precision(study: Study) -> None:
    """As if the scenario had asked for them."""
    fixed = run(study.scenario, 25)
    assert (25, 25, None, True) == (len(fixed.records), fixed.requested, fixed.precision, fixed.complete)
    assert "precision" not in fixed.scenario.resolved()


def test_a_study_is_read_back_with_what_its_rule_found(study: Study, tmp_path: Path) -> None:
    """From its records alone."""
    again = load_study(study.save(tmp_path))
    assert study.precision == again.precision
    assert again.complete


def test_the_report_says_where_it_stopped_and_why(study: Study) -> None:
    """Beside the number of replications, and for programs."""
    count = len(study.records)
    told = f"Stopped at {count} of at most 200 replications: requests of every endpoint is known to ±3.5 requests"
    assert f"replications of 1 min {told}, as asked (widest is a: ±" in " ".join(
        report(study).replace("  - ", " ").split()
    )
    facts = json.loads(as_json(study))
    assert (True, True, count) == (facts["complete"], facts["precision"]["met"], facts["replications"]["finished"])
    assert facts["precision"]["sentence"].startswith(told)
    plain = json.loads(as_json(run(study.scenario, 20)))
    assert None is plain["precision"]


def test_what_is_not_resolved_is_said_with_the_answer() -> None:
    """The verdict says so; the study is complete, for no more was allowed."""
    study = run(minute({"measure": "requests", "absolute": 1, "max_replications": 40}))
    assert (True, 40) == (study.complete, len(study.records))
    answer = report(study).split("\nScenario minute")[0]
    assert "Not resolved to ±1 requests within 40 replications: requests of a is known to ±" in answer
    assert " would do." in " ".join(answer.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "traffic", "truth", "bound"),
    [
        # A Poisson number, nearly normal: 120 requests of 250 ms at 0.00008 USD/s; about 60 replications.
        pytest.param({"measure": "cost", "relative": "2.5%"}, POISSON, 120 * 0.25 * 0.00008, 0.94, id="cost"),
        pytest.param({"measure": "requests", "absolute": 3}, POISSON, 120.0, 0.94, id="requests"),
        # A burst a sixth of the time: (8 + 5 · 1)/6 per second. As many of these, fixed beforehand, hold it in 94.2 %.
        pytest.param({"measure": "requests", "relative": "18%"}, BURSTY, 130.0, 0.932, id="bursty, relative"),
        pytest.param({"measure": "requests", "absolute": 22}, BURSTY, 130.0, 0.932, id="bursty, absolute"),
    ],
)
def test_claims_hold_the_truth(precision: dict[str, Any], traffic: dict[str, Any], truth: float, bound: float) -> None:
    """The share of studies whose claimed interval holds the known mean, within 3.1 standard errors of its bound."""
    holds, counts = [], []
    for seed in range(SEEDS):
        state = run(minute({**precision, "max_replications": 1000}, traffic, seed=seed)).precision
        assert state is not None
        claimed = reported(state)
        assert claimed.low is not None
        assert claimed.high is not None
        holds.append(claimed.low <= truth <= claimed.high)
        counts.append(state.replications)
    assert 1 < len(set(counts)), "the rule decided nothing"
    assert bound - 3.1 * np.sqrt(bound * (1 - bound) / SEEDS) <= np.mean(holds)
