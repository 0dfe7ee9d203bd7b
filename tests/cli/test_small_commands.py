"""validate, schema, init, prices, doctor, and what the command says without arguments."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import simulator
from simulator.cli import EXAMPLES, PURPOSE, main


def told(*arguments: str, given: str | None = None) -> Result:
    """What the command answers."""
    return CliRunner().invoke(main, list(arguments), input=given)


def test_without_arguments_purpose_and_three_examples() -> None:
    """Exit code 0."""
    done = told()
    assert [PURPOSE, *(f"  {example}" for example in EXAMPLES)] == done.stdout.splitlines()
    assert (0, 3) == (done.exit_code, len(EXAMPLES))


def test_an_unknown_command_names_the_nearest() -> None:
    """Exit code 2."""
    done = told("valdate")
    assert 2 == done.exit_code
    assert 'no command "valdate", did you mean "validate"?' in done.stderr


def test_init_writes_a_scenario_that_is_valid_and_never_writes_over_one(tmp_path: Path) -> None:
    """Only --force does."""
    file = tmp_path / "mine.yaml"
    assert 0 == told("init", str(file)).exit_code
    assert 0 == told("validate", str(file)).exit_code
    file.write_text("mine", encoding="utf-8")
    assert 2 == told("init", str(file)).exit_code
    assert "mine" == file.read_text(encoding="utf-8")
    assert 0 == told("init", str(file), "--force").exit_code
    assert "name: mine" in file.read_text(encoding="utf-8")
    assert [file] == list(tmp_path.iterdir())


def test_validate_says_what_is_assumed() -> None:
    """What several endpoints share is said once."""
    done = told("validate", "chat-embed-diurnal")
    assert 0 == done.exit_code
    lines = [line for line in done.stdout.splitlines() if "idle_routing most_recently_idle" in line]
    assert 1 == len(lines)
    assert "serverless-4gb, serverless-6gb" in lines[0]


def test_validate_reads_standard_input() -> None:
    """`-` is standard input, named in messages."""
    done = told("validate", "-", given="name: x\n")
    assert 2 == done.exit_code
    assert "<stdin>:1:1  horizon: missing" in done.stderr


def test_schema_is_json() -> None:
    """What is published."""
    published = Path(simulator.__file__).parent / "scenario" / "scenario-v1.json"
    assert json.loads(published.read_text(encoding="utf-8")) == json.loads(told("schema").stdout)


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_prices_are_listed_in_every_form(form: str) -> None:
    """The bundled sheet."""
    done = told("prices", "list", "--output", form)
    assert 0 == done.exit_code
    assert "aws/us-east-1/2026-11" in done.stdout


def test_prices_come_with_source_and_status() -> None:
    """m5.xlarge: 0.23 USD an hour, confirmed."""
    rows = list(csv.DictReader(io.StringIO(told("prices", "show", "--item", "ml.m5.xlarge", "--output", "csv").stdout)))
    assert [("real_time.instance.ml.m5.xlarge", "0.23 USD/h", "confirmed")] == [
        (row["item"], row["price"], row["status"]) for row in rows
    ]
    assert rows[0]["source"]


def test_an_item_that_is_not_there() -> None:
    """Exit code 2 and its name."""
    done = told("prices", "show", "--item", "ml.q9")
    assert 2 == done.exit_code
    assert 'no item that contains "ml.q9"' in done.stderr


def test_doctor_finds_everything_in_order() -> None:
    """Versions, compiler, cache, sheets, scenarios and a run."""
    done = told("doctor")
    assert 0 == done.exit_code
    assert {"version", "packages", "compiler", "cache", "prices", "scenarios", "run"} == {
        line.split()[1] for line in done.stdout.splitlines()
    }
