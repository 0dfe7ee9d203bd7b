"""Where a number that was estimated at some places changes its sign, with an interval.

At each place a study estimates the number: the paired difference of two costs, or the distance of a measure from its
limit. The crossing is where the estimates, joined by straight lines, pass 0. Its interval is every place around it at
which the interval of the number holds 0: a test inverted, as Fieller's theorem does for a ratio [1]_. At the true
crossing the number is 0, and its interval holds 0 as often as its level says; so the interval of the crossing holds the
true one as often, however steep the curve. Between places the ends of the intervals are joined by straight lines too.

References
----------
.. [1] E. C. Fieller, "Some problems in interval estimation", J. Royal Statistical Society B 16 (1954) 175.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.measures.intervals import Estimate

#: A place, and what was estimated there.
Estimated = tuple[float, Estimate]


@dataclass(frozen=True)
class Crossing:
    """Where a number becomes positive.

    Parameters
    ----------
    left, right : float
        Neighbouring places around it.
    at : float
        Between the two.
    low, high : float or None
        Interval; None where it does not end within the places that were tried.
    """

    left: float
    right: float
    at: float
    low: float | None
    high: float | None


def crossing(
    estimated: Sequence[Estimated], since: float = -math.inf, *, zero_is_positive: bool = False
) -> Crossing | None:
    """The first place at which a number becomes positive that was not; None if there is none.

    Parameters
    ----------
    estimated : sequence of (float, Estimate)
        In order of place; those without a value are left out.
    since : float
        Crossings to the left of this place do not count; its points count for the interval of others.
    zero_is_positive : bool
        What a number of exactly 0 counts as.
    """
    known = [(place, one) for place, one in estimated if one.value is not None]
    for number in range(len(known) - 1):
        (left, before), (right, after) = known[number : number + 2]
        was, becomes = (is_positive(one, zero_is_positive=zero_is_positive) for one in (before, after))
        if left < since or was or not becomes:
            continue
        assert before.value is not None
        assert after.value is not None
        at = left + (right - left) * before.value / (before.value - after.value)
        return Crossing(left, right, at, _end(known, number, at, -1), _end(known, number + 1, at, 1))
    return None


def is_positive(estimate: Estimate, *, zero_is_positive: bool = False) -> bool:
    """Whether the value is positive; False where there is none."""
    value = estimate.value
    return value is not None and (value > 0 or (value == 0 and zero_is_positive))


def is_decided(estimate: Estimate) -> bool:
    """Whether the interval leaves out 0, or is nothing but 0: the numbers are alike in all replications."""
    low, high = estimate.low, estimate.high
    return low is not None and high is not None and (low > 0 or high < 0 or low == high == 0)


def flipped(estimate: Estimate) -> Estimate:
    """The same with its sign turned round."""
    value, low, high = (None if one is None else -one for one in (estimate.value, estimate.high, estimate.low))
    return replace(estimate, value=value, low=low, high=high)


def _end(known: Sequence[Estimated], first: int, at: float, step: int) -> float | None:
    """The nearest place on one side of a crossing at which the interval of the number no longer holds 0.

    Parameters
    ----------
    known : sequence of (float, Estimate)
    first : int
        Position of the neighbour on that side.
    at : float
        The crossing.
    step : int
        -1 to the left, 1 to the right.
    """
    inner: tuple[float, float, float] | None = None
    number = first
    while 0 <= number < len(known):
        place, one = known[number]
        if one.low is None or one.high is None:
            return None
        if is_decided(one):
            if inner is None:
                other = known[first - step][1]
                if other.low is None or other.high is None:
                    return None
                inner = _between(known[first - step], known[first], at)
            return _exit(inner, (place, one.low, one.high))
        inner = (place, one.low, one.high)
        number += step
    return None


def _between(first: Estimated, second: Estimated, at: float) -> tuple[float, float, float]:
    """Place and interval of the crossing itself, by straight lines."""
    (left, before), (right, after) = first, second
    assert before.low is not None
    assert before.high is not None
    assert after.low is not None
    assert after.high is not None
    share = (at - left) / (right - left)
    low, high = before.low + share * (after.low - before.low), before.high + share * (after.high - before.high)
    return at, min(low, 0.0), max(high, 0.0)


def _exit(inner: tuple[float, float, float], outer: tuple[float, float, float]) -> float:
    """Where an interval that holds 0 at the inner place comes to leave it out on the way to the outer one."""
    (place, low, high), (there, low_there, high_there) = inner, outer
    if low_there > 0:
        return place + (there - place) * low / (low - low_there)
    if high_there < 0:
        return place + (there - place) * high / (high - high_there)
    return there
