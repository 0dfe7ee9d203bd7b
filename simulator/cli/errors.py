"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from simulator.errors import ScenarioError, SimulatorError

#: Exit codes (README): 0 is fine, 1 a fault of the program.
INVALID: Final = 2
NOT_MET: Final = 3
UNDECIDED: Final = 4
NO_PLAN: Final = 5
INTERRUPTED: Final = 130


class Refused(click.ClickException):
    """Something the user can put right: a message on standard error, exit code 2, no traceback."""

    exit_code = INVALID

    def __init__(self, message: str, *, is_list: bool = False) -> None:
        super().__init__(message)
        self.is_list = is_list

    def show(self, file: IO[Any] | None = None) -> None:
        """The message, as it is if each of its lines begins with a place."""
        text = self.format_message()
        click.echo(text if self.is_list else f"Error: {text}", file=file, err=file is None)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns errors that a user can put right into `Refused`, and an interrupt into exit code 130."""
    try:
        yield
    except SimulatorError as error:
        raise Refused(str(error), is_list=isinstance(error, ScenarioError)) from error
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        _leave_by_code()
        raise click.exceptions.Exit(INTERRUPTED) from None
    except click.exceptions.Exit as code:
        if code.exit_code == INTERRUPTED:
            _leave_by_code()
        raise


def _leave_by_code() -> None:
    """Let the process end by its exit code.

    Python notes an interrupt that leaves a text given to `exec`, as packages do while they are imported, and ``python
    -m`` then ends by the signal in place of the code, even though it was caught further out. The next such text makes
    Python forget it.
    """
    eval("0")
