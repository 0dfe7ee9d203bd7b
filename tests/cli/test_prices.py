"""The ``prices`` commands: the same rows in every form of output."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from simulator.cli import main


@pytest.mark.parametrize("command", [["prices", "list"], ["prices", "show", "--item", "ml.m5.xlarge"]])
def test_prices_say_the_same_in_four_forms(command: list[str]) -> None:
    """Each is what it says it is, with the same rows."""
    key = "id" if command[1] == "list" else "item"
    form = {
        output: CliRunner().invoke(main, [*command, "--output", output], catch_exceptions=False).stdout
        for output in ("table", "json", "csv", "markdown")
    }
    keys = [row[key] for row in csv.DictReader(io.StringIO(form["csv"]))]
    facts = json.loads(form["json"])
    assert keys == [fact[key] for fact in (facts if command[1] == "list" else facts["prices"])]
    assert keys == [line.split(" | ")[0].removeprefix("| ") for line in form["markdown"].splitlines()[2:]]
    assert keys == [line.split()[0] for line in form["table"].splitlines() if line.split()[0] in keys]
    assert keys
