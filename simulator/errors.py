"""The few kinds of error that a user of the simulator can meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class SimulatorError(Exception):
    """Something the user can put right; shown as one message, without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a scenario.

    Parameters
    ----------
    path : str
        Where, as the user would write it: ``endpoints[0].memory_size``.
    message : str
        What is wrong, with the value and what is allowed.
    line, column : int or None
        Place in the file, counted from 1; None where there is no file.
    """

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def text(self, source: str | None) -> str:
        """One line: ``file:line:column  path: message``."""
        place = ":".join(str(part) for part in (source, self.line, self.column) if part is not None)
        body = f"{self.path}: {self.message}" if self.path else self.message
        return f"{place}  {body}" if place else body


@dataclass(eq=False)
class ScenarioError(SimulatorError):
    """A scenario with problems, all of them.

    Parameters
    ----------
    problems : list of Problem
        In the order of the file, at least one.
    source : str or None
        The file's name as the user gave it.
    """

    problems: list[Problem] = field(default_factory=list)
    source: str | None = None

    def __str__(self) -> str:
        lines = [problem.text(self.source) for problem in self.problems]
        count = len(lines)
        return "\n".join([*lines, f"{count} error{'s' if count != 1 else ''}"])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, self.source)


class InputError(SimulatorError):
    """A data file or an array that cannot be used, with its name, the place in it and what is allowed."""


class StudyError(SimulatorError):
    """A results folder that cannot be read or does not belong to this scenario or version."""
