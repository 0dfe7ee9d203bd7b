"""Who is the cheapest eligible endpoint at one point, and why that changes from one point to another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from simulator.measures.catalogue import Measure
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Objective, Verdict
from simulator.questions.crossover.crossing import flipped, is_decided
from simulator.questions.point import Point

_UNSURE: Final = (Verdict.UNDECIDED, Verdict.NO_DATA)


@dataclass(frozen=True)
class Standing:
    """The answer at one point.

    Parameters
    ----------
    winner : str or None
        The endpoint of the least mean among those that meet all objectives; None: no endpoint meets them, or it is
        not known which one it is.
    unsure : tuple of str
        Endpoints that would win if they met the objectives on which the verdict is open; not empty: not known.
    """

    winner: str | None
    unsure: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it is known who meets the objectives, as far as that matters."""
        return not self.unsure


def standing(point: Point, measure: Measure) -> Standing:
    """The answer at one point, by verdicts on objectives and by means of what is compared."""
    verdicts = {name: point.verdict(name) for name in point.endpoints}
    met = point.least([name for name, verdict in verdicts.items() if verdict is Verdict.MET], measure)
    most = point.value(met, measure) if met is not None else float("inf")
    unsure = [name for name, verdict in verdicts.items() if verdict in _UNSURE]
    if met is not None:
        unsure = [name for name in unsure if point.value(name, measure) < most]
    return Standing(None if unsure else met, tuple(unsure))


def rivals(point: Point, measure: Measure, winner: str) -> dict[str, Estimate]:
    """What other eligible endpoints cost more than the winner, paired over replications."""
    return {
        name: point.less(name, winner, measure)
        for name in point.endpoints
        if name != winner and point.verdict(name) is Verdict.MET
    }


def is_settled(point: Point, measure: Measure) -> bool:
    """Whether more replications would not change the answer: objectives decided, and who is the cheapest too."""
    found = standing(point, measure)
    if not found.is_known:
        return False
    return found.winner is None or all(is_decided(lead) for lead in rivals(point, measure, found.winner).values())


class Reason(StrEnum):
    """Why the answer changes."""

    COST = "cost"
    LOSES = "no longer eligible"
    GAINS = "becomes eligible"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Cause:
    """Why the answer changes between two points, and the number whose sign tells where.

    Parameters
    ----------
    reason : Reason
    endpoint : str or None
        Which loses or gains eligibility.
    objective : str
        On what, as written; empty for costs.
    number : callable or None
        Point → estimate of a number that is not positive on the left, positive on the right.
    zero_is_positive : bool
        What a number of exactly 0 counts as.
    """

    reason: Reason
    endpoint: str | None = None
    objective: str = ""
    number: Callable[[Point], Estimate | None] | None = None
    zero_is_positive: bool = False


def cause_between(left: Point, right: Point, measure: Measure) -> Cause:
    """Why the answers at two points differ; both are known.

    If the winner of the left no longer meets an objective at the right, that is the reason; else if the winner of the
    right did not meet one at the left; else their costs have crossed.
    """
    before, after = standing(left, measure).winner, standing(right, measure).winner
    if before is not None:
        broken = _decided(right, before, Verdict.NOT_MET)
        if broken:
            return _of_objective(before, broken, loses=True)
        if right.verdict(before) is Verdict.NOT_MET:
            return Cause(Reason.LOSES, before, "no request is completed")
    if after is not None:
        broken = _decided(left, after, Verdict.NOT_MET)
        if broken:
            return _of_objective(after, broken, loses=False)
        if left.verdict(after) is Verdict.NOT_MET:
            return Cause(Reason.GAINS, after, "no request is completed")
    if before is None or after is None:
        return Cause(Reason.UNKNOWN)
    order = list(left.endpoints)

    def number(point: Point) -> Estimate:
        # The mean of differences and the difference of means part in the last digit, and it is means that decide.
        ours, theirs = point.value(before, measure), point.value(after, measure)
        apart = point.less(before, after, measure)
        return replace(apart, value=ours - theirs) if ours < math.inf and theirs < math.inf else apart

    # Of two endpoints that cost the same the first of the scenario wins.
    return Cause(Reason.COST, number=number, zero_is_positive=order.index(after) < order.index(before))


def _decided(point: Point, endpoint: str, verdict: Verdict) -> list[Objective]:
    return [one.objective for one in point.judgements[endpoint] if one.verdict is verdict]


def _of_objective(endpoint: str, broken: list[Objective], *, loses: bool) -> Cause:
    """A change of eligibility; several objectives are told together, and the worst of them says where."""
    is_strict = all(one.comparison in {"<", ">"} for one in broken)

    def number(point: Point) -> Estimate | None:
        found = [_beyond(point, endpoint, one) for one in broken]
        known = [one for one in found if one is not None and one.value is not None]
        if len(known) < len(broken):
            return None
        worst = max(known, key=lambda one: one.value or 0.0)
        return worst if loses else flipped(worst)

    reason = Reason.LOSES if loses else Reason.GAINS
    text = ", ".join(one.text for one in broken)
    return Cause(reason, endpoint, text, number, zero_is_positive=is_strict == loses)


def _beyond(point: Point, endpoint: str, objective: Objective) -> Estimate | None:
    """How far a measure is beyond its limit, in parts of the limit; negative: it keeps to it."""
    found = next(one for one in point.judgements[endpoint] if one.objective == objective).estimate
    if found.value is None:
        return None
    low, high = (found.value, found.value) if found.is_none_seen else (found.low, found.high)
    part = 1.0 / objective.limit if objective.limit else 1.0

    def beyond(value: float | None) -> float | None:
        return None if value is None else (value - objective.limit) * part

    shifted = replace(found, value=beyond(found.value), low=beyond(low), high=beyond(high))
    return shifted if objective.comparison in {"<", "<="} else flipped(shifted)
