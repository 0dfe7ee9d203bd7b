"""Checking assumptions when a scenario is read: at their middle, at their ends, and at combinations of ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from simulator.errors import Problem
from simulator.scenario.assumptions import Assumption, WrongAssumptionError
from simulator.scenario.finding import TAKEN_OUT
from simulator.scenario.places import Document, KeyPath, path_text
from simulator.scenario.schema import Outline, json_schema
from simulator.scenario.uncertain import Uncertain
from simulator.scenario.wording import problems_of

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario


def with_assumptions(
    middle: Scenario | None,
    document: Document,
    assumptions: Sequence[Assumption],
    wrong: Sequence[tuple[KeyPath, WrongAssumptionError]],
    folder: Path,
    overridden: Collection[KeyPath],
) -> Scenario | None:
    """The scenario with its assumptions; what is wrong with them is added to the problems of the document.

    Parameters
    ----------
    middle : Scenario or None
        With the middle value of each assumption; None if that is wrong.
    document : Document
        With middle values in place of assumptions, and the problems that were found with these.
    assumptions : sequence of Assumption
    wrong : sequence of (path, WrongAssumptionError)
        Assumptions that cannot be read.
    folder : Path
        Of the scenario.
    overridden : collection of paths
        What was set from outside the file.
    """
    checking = _Checking(document, folder, overridden)
    refused = [path for path, _ in wrong]
    document.problems = [one for one in document.problems if not any(_lies_in(one, path) for path in refused)]
    document.problems += [checking.problem(path, error) for path, error in wrong]
    if middle is None:
        document.problems = [checking.plainly(one, assumptions) for one in document.problems]
    elif assumptions and not wrong:
        uncertain = Uncertain(document.data, tuple(assumptions), folder)
        checking.ends(middle, uncertain)
        if not document.problems:
            middle = middle.model_copy()
            middle._uncertain = uncertain
    document.problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return middle


class _Checking:
    """Validates a document with other values, and tells what is wrong with its places."""

    def __init__(self, document: Document, folder: Path, overridden: Collection[KeyPath]) -> None:
        self._document = document
        self._folder = folder
        self._overridden = overridden

    def problem(self, path: KeyPath, error: WrongAssumptionError) -> Problem:
        """What is wrong in an assumption itself."""
        inside = (*path, *error.inside)
        if any(inside[: len(outside)] == outside for outside in self._overridden):
            return Problem(path_text(inside), f"{error.message} (set from outside the file)")
        places = self._document.places
        place = places.key(inside) if error.at_key else places.value(inside)
        return Problem(path_text(inside), error.message, *(place or (None, None)))

    def plainly(self, problem: Problem, assumptions: Sequence[Assumption]) -> Problem:
        """A problem of a middle value told of the end that was written, if that is as wrong."""
        from simulator.scenario.model import Scenario

        for one in assumptions:
            if not _lies_in(problem, one.path):
                continue
            for what, value in one.extremes:
                data = Uncertain(self._document.data, (one,), self._folder).data({one.path: value})
                try:
                    Scenario.model_validate(data, context={"folder": self._folder, TAKEN_OUT: True})
                except ValidationError as error:
                    for found in self._found(error, data):
                        if _lies_in(found, one.path):
                            return replace(found, message=f"{found.message} (at {one.words(value)}, {what})")
            return replace(problem, message=f"{problem.message} (at {one.words(one.middle)}, its middle value)")
        return problem

    def ends(self, middle: Scenario, uncertain: Uncertain) -> None:
        """Validate at the ends of each assumption, then at combinations of ends."""
        uncertain.begin(middle)
        variants: dict[KeyPath, list[Scenario]] = {one.path: [] for one in uncertain.assumptions}
        for one in uncertain.assumptions:
            for what, value in one.extremes:
                try:
                    variants[one.path].append(uncertain.validated({one.path: value}))
                except ValidationError as error:
                    self._add(error, uncertain.data({one.path: value}), one, f"{one.words(value)}, {what}")
                    if not one.options:
                        break  # what is wrong with one end is as a rule wrong with the other
        if not self._document.problems:
            uncertain.take_over(middle, variants)
            self._corners(uncertain)

    def _corners(self, uncertain: Uncertain) -> None:
        for values in uncertain.corners():
            try:
                uncertain.validated(values)
            except ValidationError as error:
                for problem in self._found(error, uncertain.data(values)):
                    where = f" (where {uncertain.words(values)})"
                    self._document.problems.append(replace(problem, message=f"{problem.message}{where}"))
                return

    def _add(self, error: ValidationError, data: dict[str, Any], one: Assumption, value: str) -> None:
        for problem in self._found(error, data):
            where = f" (at {value})" if _lies_in(problem, one.path) else f" (where {one.name} is {value})"
            self._document.problems.append(replace(problem, message=f"{problem.message}{where}"))

    def _found(self, error: ValidationError, data: Mapping[str, Any]) -> Iterator[Problem]:
        outline = Outline(json_schema(), data)
        yield from problems_of(error, data, self._document.places, outline, self._overridden)


def _lies_in(problem: Problem, path: KeyPath) -> bool:
    """Whether a problem is at a path or below it."""
    text = path_text(path)
    return problem.path == text or problem.path.startswith((f"{text}.", f"{text}["))
