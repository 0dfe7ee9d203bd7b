"""The least number of instances kept ready that is enough: a range halved, never a list of guesses.

More instances kept ready leave no more cold requests: every count meets the same requests, and what an instance that
is ready serves needs no launch. So once a count is known to be enough, greater ones need not be tried. A count whose
interval still holds the limit is neither enough nor too little, and is told as undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict, overall, replications_to_decide

#: Whether a count is enough, and if that is undecided about how many replications would decide it.
Judged = tuple[Verdict, int | None]


@dataclass(frozen=True)
class Least:
    """What a search came to.

    Parameters
    ----------
    wanted : str
        What is enough, in words.
    least : int or None
        The least count that is known to be enough; None if none is.
    below : int or None
        The greatest count that was tried below it, or of all if none is enough; None if there is none.
    verdict : Verdict or None
        On that one: not met, undecided, or no data.
    replications_to_decide : int or None
        About how many replications would decide it there; None if it is decided, or cannot be said.
    """

    wanted: str
    least: int | None
    below: int | None = None
    verdict: Verdict | None = None
    replications_to_decide: int | None = None

    @property
    def told(self) -> tuple[int, ...]:
        """Counts that a reader should see."""
        return tuple(one for one in (self.below, self.least) if one is not None)


def least_that(judged: Callable[[int], Judged], wanted: str, first: int, most: int) -> Least:
    """The least count from `first` to `most` that is known to be enough.

    Steps double from the first, and once one is enough the range below it is halved: 2·log₂ of the answer are tried.

    Parameters
    ----------
    judged : callable
        Says of a count whether it is enough; called once for each.
    wanted : str
        What is enough, in words.
    first, most : int
        At least one count lies between them.
    """
    verdicts: dict[int, Judged] = {}

    def is_enough(count: int) -> bool:
        verdicts[count] = judged(count)
        return verdicts[count][0] is Verdict.MET

    if is_enough(first):
        return Least(wanted, first)
    # If not even the most is enough, what lies between need not be tried.
    if most == first or not is_enough(most):
        return Least(wanted, None, most, *verdicts[most])
    low, step = first, 1
    while low + step < most and not is_enough(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return Least(wanted, high, low, *verdicts[low])


def below_limit(estimate: Estimate, limit: float) -> Judged:
    """Whether an estimate is known to be below a limit; what was never seen is."""
    if estimate.is_none_seen:
        return Verdict.MET, None
    if estimate.value is None:
        return Verdict.NO_DATA, None
    if estimate.low is None or estimate.high is None:
        return Verdict.UNDECIDED, None
    if estimate.high < limit:
        return Verdict.MET, None
    if estimate.low >= limit:
        return Verdict.NOT_MET, None
    return Verdict.UNDECIDED, replications_to_decide(estimate, limit)


def all_met(judgements: list[Judgement]) -> Judged:
    """Whether all objectives are met, and what would decide those that are not decided."""
    asked = [one.replications_to_decide for one in judgements if one.verdict is Verdict.UNDECIDED]
    verdict = overall(judgements)
    known = [one for one in asked if one is not None]
    return verdict, max(known) if verdict is Verdict.UNDECIDED and len(known) == len(asked) else None
