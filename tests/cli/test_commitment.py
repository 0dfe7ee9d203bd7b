"""`endpointsim commitment`: text, JSON and CSV agree, and bad input is one message."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from simulator.cli import main

ASKED = ["commitment", "steady-high-rate", "--no-results", "-q", "-n", "2", "--set", "horizon=3h"]


def asked(*more: str) -> str:
    """What is printed."""
    done = CliRunner().invoke(main, [*ASKED, "--discount", "40%", *more])
    assert 0 == done.exit_code, done.output
    return done.stdout


def test_text_json_and_csv_agree() -> None:
    """Three ml.c5.xlarge at 0.204 all along: 0.6 · 0.612 = 0.3672 an hour, a month 268.06 in place of 446.76."""
    text = asked("--endpoint", "c5-xlarge-x3")
    assert "c5-xlarge-x3: commit to $0.3672 an hour." in text
    facts = json.loads(asked("--endpoint", "c5-xlarge-x3", "--output", "json"))
    best = facts["endpoints"]["c5-xlarge-x3"]
    assert 0.3672 == pytest.approx(best["best"]["value"])
    assert [446.76, 268.056] == pytest.approx([one["monthly_cost"]["value"] for one in best["commitments"]])
    rows = list(csv.DictReader(io.StringIO(asked("--endpoint", "c5-xlarge-x3", "--output", "csv"))))
    costs = [float(row["value"]) for row in rows if row["figure"] == "monthly_cost"]
    assert [446.76, 268.056] == pytest.approx(costs)


def test_a_commitment_that_is_asked_for() -> None:
    """It stands in the table, all lost beyond what is used: 1 USD an hour for 0.3672 of plan prices loses 63.28 %."""
    facts = json.loads(asked("--endpoint", "c5-xlarge-x3", "--commit", "1", "--output", "json"))
    found = facts["endpoints"]["c5-xlarge-x3"]["commitments"][-1]
    assert 1.0 == found["commitment_usd_per_h"]
    assert 0.6328 == pytest.approx(found["commitment_lost"]["value"])
    assert 1.0 == found["costs_more_share"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--discount", "0%"], "more than 0%"),
        (["--discount", "27"], "27"),
        (["--discount", "27%", "--endpoint", "nobody"], "nobody"),
        (["--discount", "27%", "--endpoint", "serverless-2gb"], "commitments are for instances"),
        (["--discount", "27%", "--set", "horizon=20m"], "lengthen horizon"),
    ],
)
def test_bad_input(arguments: list[str], words: str) -> None:
    """Exit code 2 and one message, before anything is simulated."""
    done = CliRunner().invoke(main, [*ASKED, *arguments])
    assert 2 == done.exit_code
    assert words in done.output
    assert "Traceback" not in done.output
