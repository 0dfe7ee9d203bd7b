"""How the standing instances of a pool follow their load: metrics, policies, scheduled actions (model.md 3.2, 4.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from simulator.units import NS_PER_SECOND

_MINUTE_NS = 60 * NS_PER_SECOND


class Metric(IntEnum):
    """What a policy watches; each has a value, a load, and the instances in service at the end of its period."""

    INVOCATIONS_PER_INSTANCE = 0
    CONCURRENT_REQUESTS_PER_INSTANCE = 1
    BACKLOG_PER_INSTANCE = 2
    NO_CAPACITY_FAILURES = 3
    BACKLOG_WITHOUT_CAPACITY = 4
    PROVISIONED_UTILIZATION_AVERAGE = 5
    PROVISIONED_UTILIZATION_MAXIMUM = 6


#: Metrics of provisioned instances in a pool that launches; all others are of pools that do not.
PROVISIONED_METRICS = frozenset({Metric.PROVISIONED_UTILIZATION_AVERAGE, Metric.PROVISIONED_UTILIZATION_MAXIMUM})


class Missing(IntEnum):
    """What a point of `PROVISIONED_METRICS` is taken for if no request had a place in its period (model.md 3.2).

    HOLD: it is missing and breaks the run. ZERO: its value and load are 0. IGNORE: it is passed over, as if it had
    not been.
    """

    HOLD = 0
    ZERO = 1
    IGNORE = 2


@dataclass(frozen=True)
class TargetTracking:
    """A policy that keeps a metric per instance at a target.

    Parameters
    ----------
    metric : Metric
        One of the first three, or of `PROVISIONED_METRICS`.
    target : float
        More than 0.
    period_ns, delay_ns : int
        Length of a period, 1 or more; from its end to the publication of its point. [ns]
    points_out, points_in : int
        Points in a row that have to be above the target, or below 90 % of it. 1 or more.
    scale_in_cooldown_ns : int
        [ns]
    scales_in : bool
        Whether it ever asks for less.
    missing : Missing
        Other than HOLD only with `PROVISIONED_METRICS`.
    """

    metric: Metric
    target: float
    period_ns: int = _MINUTE_NS
    delay_ns: int = 2 * _MINUTE_NS
    points_out: int = 3
    points_in: int = 15
    scale_in_cooldown_ns: int = 5 * _MINUTE_NS
    scales_in: bool = True
    missing: Missing = Missing.HOLD

    def problems(self) -> list[str]:
        """What is out of range."""
        found = _metric_problems(self.period_ns, self.delay_ns)
        if self.metric in {Metric.NO_CAPACITY_FAILURES, Metric.BACKLOG_WITHOUT_CAPACITY}:
            found.append(f"metric {self.metric.name} has no target")
        if self.missing is not Missing.HOLD and self.metric not in PROVISIONED_METRICS:
            found.append(f"missing {self.missing.name} needs a metric of provisioned instances")
        if not 0.0 < self.target < math.inf:
            found.append(f"target is {self.target}, must be more than 0 and finite")
        if min(self.points_out, self.points_in) < 1 or self.scale_in_cooldown_ns < 0:
            found.append("points must be 1 or more, the cooldown 0 or more")
        return found


class Adjustment(IntEnum):
    """What the change of a step means: instances more or less, an exact number, or per cent of capacity."""

    CHANGE = 0
    EXACT = 1
    PERCENT = 2


@dataclass(frozen=True)
class Step:
    """Bounds of the metric relative to the threshold, and the change asked for between them."""

    lower: float
    upper: float
    change: int


@dataclass(frozen=True)
class StepScaling:
    """A policy that asks for a change by how far a metric is beyond a threshold.

    Parameters
    ----------
    metric : Metric
    threshold : float
    above : bool
        True: points at or above the threshold count, a step holds its lower bound and not its upper one. False: points
        at or below count, a step holds its upper bound and not its lower one.
    steps : tuple of Step
        Without overlaps; where none holds the value, nothing is asked for.
    adjustment : Adjustment
    least_change : int
        Least instances by which PERCENT changes. 1 or more.
    points : int
        Points in a row. 1 or more.
    period_ns, delay_ns, cooldown_ns : int
        [ns]
    """

    metric: Metric
    threshold: float
    above: bool
    steps: tuple[Step, ...]
    adjustment: Adjustment
    least_change: int = 1
    points: int = 1
    period_ns: int = _MINUTE_NS
    delay_ns: int = 2 * _MINUTE_NS
    cooldown_ns: int = 5 * _MINUTE_NS

    def problems(self) -> list[str]:
        """What is out of range."""
        found = _metric_problems(self.period_ns, self.delay_ns)
        if self.points < 1 or self.least_change < 1 or self.cooldown_ns < 0:
            found.append("points and least_change must be 1 or more, the cooldown 0 or more")
        if not self.steps or any(not step.lower < step.upper for step in self.steps):
            found.append("steps must not be empty, and each lower bound below its upper one")
        return found


@dataclass(frozen=True)
class ScheduledAction:
    """At an instant, new bounds of capacity; None leaves a bound as it is."""

    at_ns: int
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Scaling:
    """Everything that changes the capacity of a pool.

    Parameters
    ----------
    minimum, maximum : int
        Of capacity, 0 ≤ minimum ≤ maximum; they hold `Pool.standing`, the capacity at time 0.
    horizon_ns : int
        Points are published, and actions taken, strictly before it. [ns]
    policies : tuple of TargetTracking or StepScaling
        In the order of the scenario.
    actions : tuple of ScheduledAction
        In order of time; of those at one instant the later ones overrule the earlier.
    grows_while_updating : bool
        False: while an instance is starting, capacity is not changed. True: it may grow then, never shrink.
    counts_spillover : bool
        Whether `PROVISIONED_METRICS` count the requests on all instances of the pool, or on provisioned ones only.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    minimum: int
    maximum: int
    horizon_ns: int
    policies: tuple[TargetTracking | StepScaling, ...] = ()
    actions: tuple[ScheduledAction, ...] = ()
    grows_while_updating: bool = False
    counts_spillover: bool = True

    def __post_init__(self) -> None:
        problems = [problem for policy in self.policies for problem in policy.problems()]
        if not 0 <= self.minimum <= self.maximum:
            problems.append(f"minimum is {self.minimum} and maximum {self.maximum}, must be 0 or more and in order")
        minimum, maximum = self.minimum, self.maximum
        instants = [action.at_ns for action in self.actions]
        if instants != sorted(instants) or (instants and instants[0] < 0):
            problems.append("actions must be in order of time, none before 0")
        for action in self.actions:
            minimum = minimum if action.minimum is None else action.minimum
            maximum = maximum if action.maximum is None else action.maximum
            if not 0 <= minimum <= maximum:
                problems.append(f"the action at {action.at_ns} ns makes minimum {minimum} and maximum {maximum}")
        if problems:
            raise ValueError("; ".join(problems))


def _metric_problems(period_ns: int, delay_ns: int) -> list[str]:
    if period_ns < 1 or delay_ns < 0:
        return [f"period_ns is {period_ns} and delay_ns {delay_ns}, must be 1 or more and 0 or more"]
    return []
