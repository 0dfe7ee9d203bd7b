"""At which severity an objective breaks: an interval by inverting verdicts, and the severities to try next.

At each severity that is tried a study judges the objective: met, not met or undecided, by the interval of the mean over
replications. The break point is the severity at which the true mean reaches the limit. All severities at which that
interval holds the limit, the undecided ones, are an interval for it at the same level: a test inverted [1]_, which asks
of the measure only that it gets worse as the stress gets harder. It is told by its decided neighbours, the hardest
severity met and the mildest not met, so it is rather too wide than too narrow.

References
----------
.. [1] E. L. Lehmann, J. P. Romano, "Testing Statistical Hypotheses", 3rd ed., 3.5 (confidence bounds from tests).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from simulator.measures.objectives import Judgement, Objective, Verdict
from simulator.questions.stress.stressing import Stress

#: Neighbouring severities whose difference is at most this part of the greater one are not told apart.
NEAR: Final = 0.03
#: An end of the interval that is known to this part of its length is known well enough.
_ENOUGH: Final = 0.25

#: A severity with what was judged there.
Tried = tuple[float, Judgement]


class Outcome(StrEnum):
    """What became of an objective, or of an endpoint, under a stress."""

    HOLDS = "holds"
    BREAKS = "breaks"
    BROKEN_ALREADY = "broken already"
    UNDECIDED = "undecided"
    NO_DATA = "no data"
    UNFINISHED = "not finished"
    SPARED = "does not apply"


#: Worst first.
WORST_FIRST: Final = (
    *(Outcome.BROKEN_ALREADY, Outcome.BREAKS, Outcome.NO_DATA, Outcome.UNFINISHED, Outcome.UNDECIDED),
    *(Outcome.HOLDS, Outcome.SPARED),
)


@dataclass(frozen=True)
class Break:
    """One objective of one endpoint under one stress.

    Parameters
    ----------
    objective : Objective
    outcome : Outcome
    at : float or None
        Severity at which the mean reaches the limit, between two that were tried; None where it does not break.
    low, high : float or None
        Hardest severity at which it is met, and mildest one at which it is not; `low` is None where it is not known
        to be met at any, `high` where it does not break.
    undecided : tuple of (float, int or None)
        Severities at which it is undecided, and about how many replications would decide it there.
    """

    objective: Objective
    outcome: Outcome
    at: float | None = None
    low: float | None = None
    high: float | None = None
    undecided: tuple[tuple[float, int | None], ...] = ()


def break_of(stress: Stress, objective: Objective, tried: Sequence[Tried]) -> Break:
    """Where an objective breaks.

    Parameters
    ----------
    stress : Stress
    objective : Objective
    tried : sequence of (float, Judgement)
        Harder and harder, from the neutral severity on; some are missing if a run was interrupted.
    """
    undecided = tuple(
        (severity, one.replications_to_decide) for severity, one in tried if one.verdict is Verdict.UNDECIDED
    )
    until = _until_broken(tried)
    if until is None:
        verdicts = {one.verdict for _, one in tried}
        met_to = next((number for number, (_, one) in enumerate(tried) if one.verdict is not Verdict.MET), len(tried))
        low = tried[met_to - 1][0] if met_to else None
        if Verdict.NO_DATA in verdicts:
            return Break(objective, Outcome.NO_DATA, low=low, undecided=undecided)
        if not {severity for severity, _ in tried} >= set(stress.severities):
            return Break(objective, Outcome.UNFINISHED, low=low, undecided=undecided)
        outcome = Outcome.UNDECIDED if undecided else Outcome.HOLDS
        return Break(objective, outcome, low=low, undecided=undecided)
    high = tried[until][0]
    if until == 0:
        return Break(objective, Outcome.BROKEN_ALREADY, at=high, high=high)
    met = _last_met(tried, until)
    low = None if met is None else tried[met][0]
    at = _crossing(stress, objective, tried[met or 0 : until + 1])
    return Break(objective, Outcome.BREAKS, at, low, high, undecided)


def to_try(stress: Stress, tried: Sequence[Tried], *, near: float = NEAR) -> list[float]:
    """Severities that would tell more exactly where an objective breaks; none if it is known well enough.

    Halfway between the hardest severity met and its neighbour, and between the mildest one not met and its neighbour,
    until each is near its neighbour or near for the length of the interval between the two.
    """
    until = _until_broken(tried)
    if not until or stress.is_switch:
        return []
    met = _last_met(tried, until)
    first = 0 if met is None else met
    length = stress.place(tried[until][0]) - stress.place(tried[first][0])
    wanted = []
    for left in dict.fromkeys([*([] if met is None else [met]), until - 1]):
        low, high = tried[left][0], tried[left + 1][0]
        is_all = (left, left + 1) == (first, until)
        width = stress.place(high) - stress.place(low)
        between = stress.severity_at((stress.place(low) + stress.place(high)) / 2.0)
        is_near = abs(high - low) <= near * max(abs(high), abs(low)) or between in (low, high)
        if not is_near and (is_all or width > _ENOUGH * length):
            wanted.append(between)
    return wanted


def _until_broken(tried: Sequence[Tried]) -> int | None:
    """Position of the mildest severity at which it is not met."""
    return next((number for number, (_, one) in enumerate(tried) if one.verdict is Verdict.NOT_MET), None)


def _last_met(tried: Sequence[Tried], until: int) -> int | None:
    """Position of the hardest severity before another at which it is met."""
    return next((number for number in reversed(range(until)) if tried[number][1].verdict is Verdict.MET), None)


def _crossing(stress: Stress, objective: Objective, tried: Sequence[Tried]) -> float:
    """Severity at which the mean reaches the limit, on a straight line between the two means around it."""
    known = [(stress.place(severity), one.estimate.value) for severity, one in tried]
    for (left, before), (right, after) in pairwise(known):
        if after is not None and objective.holds(after):
            continue
        share = 0.5
        if before is not None and after is not None and before != after:
            share = min(max((objective.limit - before) / (after - before), 0.0), 1.0)
        return stress.severity_at(left + share * (right - left))
    # Every mean keeps to the limit, and yet the last verdict is that it is not met: no request was completed.
    return tried[-1][0]
