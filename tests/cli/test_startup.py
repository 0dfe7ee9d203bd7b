"""The command starts at once: what it does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from simulator.cli import COMMANDS, EXAMPLES, PURPOSE, main

HEAVY = "numpy scipy pandas numba matplotlib pydantic simpy rich ruamel"


@pytest.mark.parametrize("arguments", [["--help"], [], ["--version"], ["no-such-command"]])
def test_the_command_alone_imports_nothing_heavy(arguments: list[str]) -> None:
    """``--help``, no arguments and a wrong command need click and nothing else."""
    code = f"""
import sys
from simulator.cli import main
try:
    main({arguments!r})
except SystemExit:
    print("heavy:", [m for m in {HEAVY.split()!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" == done.stdout.splitlines()[-1]


def test_without_arguments_it_says_what_it_is_for() -> None:
    """One line of purpose, three examples, exit code 0."""
    result = CliRunner().invoke(main, [])
    assert 0 == result.exit_code
    assert [PURPOSE, *(f"  {example}" for example in EXAMPLES)] == result.output.splitlines()
    assert 3 == len(EXAMPLES)


def test_help_lists_every_command() -> None:
    """From the table, in its order."""
    result = CliRunner().invoke(main, ["-h"])
    assert 0 == result.exit_code
    positions = [result.output.index(f"\n  {name} ") for name in COMMANDS]
    assert sorted(positions) == positions


def test_a_wrong_command_names_the_nearest() -> None:
    """Exit code 2, message on standard error."""
    result = CliRunner().invoke(main, ["validat"])
    assert 2 == result.exit_code
    assert "" == result.stdout
    assert 'did you mean "validate"?' in result.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_where_the_table_says(name: str) -> None:
    """Each has its own help, which shows an example."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert 0 == result.exit_code, result.output
    assert "Example" in result.output


def test_python_m_simulator_is_the_same_command() -> None:
    """The module runs the command under its name."""
    done = subprocess.run([sys.executable, "-m", "simulator", "-V"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("endpointsim ")
