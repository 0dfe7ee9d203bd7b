"""When there are replications enough: a rule on the interval of one measure, looked at now and then as they are added.

The rule is a pure function of the replications 0 to R - 1, so that a study stops at the same number on any number of
processes, and what it found can be reckoned again from its records.

It is met where the interval is narrow enough at two looks one after the other, or at the last look. An interval that
is looked at again and again until it is narrow holds the truth less often than its level says: it is narrow early
where the spread is too small by chance, and with skewed values also where the mean is. Against that stand

- a first look at 20 replications and batches that grow, so that looks are few;
- the second look, which takes some of the chance out;
- the claim: what is known is known to the width that was asked for, not to the narrower one that was reached
  (`reported`).

Assumption: these three were chosen by simulation (notes/decisions.md 11), not taken from a theorem. At a level of 95 %
the claim held the truth in 97 % of the studies of normal values, and with skewed ones (exponential, lognormal, bursty
shares; skewness up to 4) at most 1 point less often than the interval of as many replications fixed beforehand; 2
points where each replication is 0 or 1. Intervals in tables stay those of `Sample.estimate`. They held it in 94.6 %
with normal values and, under a relative target, at most 1 point less often than with a fixed number (2 points with a
skewness of 4). Under an absolute target they did so 3 points less often for exponential values and 5 for a skewness
above 3, because a low mean and a small spread come together; `PrecisionState.is_skewed` says when that is to be told.

References
----------
.. [1] Law, "Simulation Modeling and Analysis", 5th ed., 9.4.1: a relative error of γ needs a half-width of γ/(1 + γ)
   of the estimate.
.. [2] Chow & Robbins, Ann. Math. Statist. 36 (1965) 457: fixed-width intervals, right in the limit only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulator.measures.catalogue import Kind, Measure, find
from simulator.measures.intervals import NO_DATA, Estimate, none_of
from simulator.measures.objectives import replications_to_decide
from simulator.scenario.model import Scenario
from simulator.scenario.precision import FIRST_LOOK, Precision
from simulator.study.estimates import Sample, Value, sample_of
from simulator.study.replicate import Record

#: Replications are added at least so many at a time, and at least this part of those that there are. Assumption:
#: fourteen looks lead to 400.
LEAST_BATCH: Final = 10
GROWTH: Final = 5
#: Skewness of the replications beyond which stopping leaves their t-interval too narrow. Assumption.
_SKEWED: Final = 1.0


@dataclass(frozen=True)
class PrecisionState:
    """What the rule found after some replications.

    Parameters
    ----------
    precision : Precision
        What was asked for.
    replications : int
        From which it was found.
    met : bool
        Whether they are enough.
    endpoint : str
        Whose interval is the widest against its target; the others are narrower.
    estimate : Estimate
        Of the measure there, or of its difference from the baseline, in the unit of the measure.
    half_width : float or None
        The greater of the two sides of its interval, so that a share cut to [0, 1] does not look narrower than it is;
        the upper bound of a share of which no replication had any; None where there is neither.
    target : float or None
        Greatest half-width that is narrow enough; None where there is none.
    needed : int or None
        About how many replications would be enough if mean and spread stay as they are; None where they are enough or
        where it cannot be told.
    reason : str
        Why there is no half-width or no target; empty otherwise.
    is_skewed : bool
        Whether the replications are so skewed that stopping leaves the interval in tables too narrow.
    """

    precision: Precision
    replications: int
    met: bool
    endpoint: str
    estimate: Estimate
    half_width: float | None
    target: float | None
    needed: int | None = None
    reason: str = ""
    is_skewed: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether the interval is narrow enough at this look."""
        return self.half_width is not None and self.target is not None and self.half_width <= self.target

    @property
    def relative(self) -> float | None:
        """Largest error as a share of the true value that the half-width leaves; None where it leaves any."""
        value, half = self.estimate.value, self.half_width
        return None if value is None or half is None or half >= abs(value) else half / (abs(value) - half)


def looks(precision: Precision) -> tuple[int, ...]:
    """Numbers of replications at which the rule is asked, increasing; the last one is ``max_replications``.

    The first is 20; each batch is a fifth of the replications before it, at least 10.
    """
    found = [FIRST_LOOK]
    most = precision.max_replications
    while found[-1] < most:
        following = _following(found[-1])
        # What is left would be less than a batch: it goes with this one.
        found.append(following if following + LEAST_BATCH <= most else most)
    return tuple(found)


def _following(replications: int) -> int:
    return replications + max(LEAST_BATCH, replications // GROWTH)


def check(scenario: Scenario, records: Sequence[Record]) -> PrecisionState:
    """What the rule says to the first replications.

    Parameters
    ----------
    scenario : Scenario
        That asks for a precision.
    records : sequence of Record
        One or more, of the replications 0 to R - 1 in order, R one of `looks`. Where R is another number or some are
        missing (a study that was interrupted) the rule is not met, whatever the interval.
    """
    precision = scenario.precision
    assert precision is not None, "the caller's part"
    state = _widest(scenario, precision, records)
    at, count = looks(precision), len(records)
    if not state.is_narrow or count not in at or [record.number for record in records] != list(range(count)):
        return state
    if count == precision.max_replications:
        return replace(state, met=True)
    if count == at[0]:
        return state
    before = at[at.index(count) - 1]
    return replace(state, met=_widest(scenario, precision, records[:before]).is_narrow)


def found(scenario: Scenario, records: Sequence[Record]) -> PrecisionState | None:
    """What the rule says to the replications of a study; None if it asks for no precision, or has no replication."""
    return None if scenario.precision is None or not records else check(scenario, records)


def reported(state: PrecisionState) -> Estimate:
    """The estimate with the interval that may be claimed: where the rule is met, as wide as was asked for.

    An interval of no width stays one: every replication gave the same. So does one that was less than half as wide at
    the first chance to stop: that many replications were then fixed beforehand, because no spread that is likely would
    have made it too wide (29 degrees of freedom: a standard deviation twice as large has a chance below 10⁻⁷).
    """
    value, half, target = state.estimate.value, state.half_width, state.target
    if not state.met or value is None or not half or target is None:
        return state.estimate
    at = looks(state.precision)
    if state.replications <= at[min(1, len(at) - 1)] and 2 * half <= target:
        return state.estimate
    method = state.estimate.method + "; as wide as the precision asked for"
    claimed = replace(state.estimate, low=value - target, high=value + target, method=method)
    if state.precision.difference:
        return claimed
    return claimed.within(0.0, 1.0 if find(state.precision.measure).kind is Kind.SHARE else None)


def _widest(scenario: Scenario, precision: Precision, records: Sequence[Record]) -> PrecisionState:
    """The endpoint whose interval is the widest against its target; one without an interval is wider than any."""
    baseline = sample_of(scenario, scenario.baseline, records) if precision.difference else None
    states = [
        _of_endpoint(precision, name, sample_of(scenario, name, records), baseline)
        for name in precision.endpoints(scenario)
    ]
    return max(states, key=_excess)


def _excess(state: PrecisionState) -> float:
    if state.half_width is None or state.target is None:
        return math.inf
    return state.half_width / state.target if state.half_width else 0.0


def _of_endpoint(precision: Precision, name: str, sample: Sample, baseline: Sample | None) -> PrecisionState:
    measure = find(precision.measure)
    values = sample.column(measure.name)
    if baseline is None:
        estimate, none_seen = sample.estimate(measure), not any(values)
    else:
        theirs = baseline.column(measure.name)
        estimate, none_seen = sample.less(baseline, measure), not any(values) and not any(theirs)
        values = [None if a is None or b is None else a - b for a, b in zip(values, theirs, strict=True)]
    count = len(values)
    state = PrecisionState(precision, count, False, name, estimate, None, None)
    missing = values.count(None)
    if missing:
        return replace(state, reason=f"{NO_DATA} in {missing:,} of {count:,} replications")
    if precision.relative is not None and estimate.value == 0:
        return replace(state, reason="its value is 0, and no error is a share of 0; ask for an absolute one")
    half = _half_width(measure, estimate, none_seen)
    if half is None:
        return replace(state, reason="nothing seen, and nothing bounds a count" if none_seen else estimate.method)
    target = precision.absolute_in_unit
    if precision.relative is not None and estimate.value is not None:
        target = abs(estimate.value) * precision.relative / (1 + precision.relative)
    assert target is not None, "one of the two is given"
    state = replace(state, half_width=half, target=target)
    state = replace(state, is_skewed=precision.relative is None and abs(_skewness(values)) > _SKEWED)
    return state if state.is_narrow else replace(state, needed=_needed(state, none_seen))


def _half_width(measure: Measure, estimate: Estimate, none_seen: bool) -> float | None:
    """Greatest error within the interval; None where nothing bounds it."""
    if none_seen and measure.kind in {Kind.SHARE, Kind.COUNT} and estimate.n > 1:
        # A mean share is at most the share of replications that have any; nothing bounds a count that way.
        return none_of(estimate.n, estimate.level) if measure.kind is Kind.SHARE else None
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return max(estimate.value - estimate.low, estimate.high - estimate.value)


def _needed(state: PrecisionState, none_seen: bool) -> int | None:
    """About how many replications make it narrow at two looks; None beyond a million, or where it cannot be told."""
    value, half, target = state.estimate.value, state.half_width, state.target
    if value is None or half is None or not target:
        return None
    if none_seen:
        narrow: int | None = math.ceil(math.log1p(-state.estimate.level) / math.log1p(-target)) if target < 1 else None
    else:
        narrow = replications_to_decide(replace(state.estimate, low=value - half, high=value + half), value + target)
    return None if narrow is None else _following(narrow)


def _skewness(values: Sequence[Value]) -> float:
    """Third standardised moment of the replications; 0 where they are all equal."""
    array = np.array(values, np.float64)
    away = array - array.mean()
    spread = float(np.sqrt((away**2).mean()))
    return float((away**3).mean()) / spread**3 if spread > 1e-12 * abs(float(array.mean())) else 0.0
