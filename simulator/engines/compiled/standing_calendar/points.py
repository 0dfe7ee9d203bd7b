"""Points of metrics: counted and sampled in the calendar, made of the samples when published (model.md 4.2)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from simulator.engines.compiled.standing_calendar.kernels import rule
from simulator.engines.compiled.standing_calendar.state import (
    ATTEMPTS,
    ENDS_AT,
    LENGTH,
    LOAD,
    LOADED,
    METRIC,
    PERIOD,
    SAMPLE_AT,
    SAMPLED,
    SAMPLES,
    SERVED,
    SERVING,
    State,
)
from simulator.engines.scaling import Metric, StepScaling, TargetTracking
from simulator.units import FOREVER

_INVOCATIONS, _NO_CAPACITY = int(Metric.INVOCATIONS_PER_INSTANCE), int(Metric.NO_CAPACITY_FAILURES)
_WITHOUT_CAPACITY = int(Metric.BACKLOG_WITHOUT_CAPACITY)


@rule
def count_attempt(state: State, has_found: bool) -> None:
    """Count an attempt that found an instance in service, or was throttled because it found none."""
    series = state.series
    for policy in range(len(series)):
        if has_found and series[policy, METRIC] == _INVOCATIONS:
            series[policy, ATTEMPTS] += 1
            state.shares[policy] += 1.0 / state.counts[SERVING]
        elif not has_found and series[policy, METRIC] == _NO_CAPACITY:
            series[policy, ATTEMPTS] += 1


@rule
def sample_points(state: State) -> None:
    """Sample every metric whose period ends at the next end of a period; there must be room."""
    counts, series, samples = state.counts, state.series, state.samples
    now_ns, next_ns = counts[SAMPLE_AT], FOREVER
    for policy in range(len(series)):
        if series[policy, ENDS_AT] == now_ns:
            metric = series[policy, METRIC]
            load = counts[LOAD]
            if metric in (_INVOCATIONS, _NO_CAPACITY):
                load = series[policy, ATTEMPTS]
            elif metric == _WITHOUT_CAPACITY:
                load = int(counts[SERVING] == 0 and state.instances[0, LENGTH] > 0)
            row = counts[SAMPLES]
            samples[row, SAMPLED], samples[row, LOADED], samples[row, SERVED] = policy, load, counts[SERVING]
            state.sampled_shares[row] = state.shares[policy]
            counts[SAMPLES] = row + 1
            series[policy, ATTEMPTS] = 0
            state.shares[policy] = 0.0
            more_ns = series[policy, PERIOD]
            series[policy, ENDS_AT] = now_ns + more_ns if more_ns <= FOREVER - now_ns else FOREVER
        next_ns = min(next_ns, series[policy, ENDS_AT])
    counts[SAMPLE_AT] = next_ns


class Point(NamedTuple):
    """What is known of one period.

    Parameters
    ----------
    value : float or None
        None if it is missing.
    load : int
        What the value would be per instance.
    in_service : int
        Instances, at the end.
    """

    value: float | None
    load: int
    in_service: int


def begin_series(state: State, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
    """Let the first period of every policy begin."""
    for row, policy in zip(state.series, policies, strict=True):
        row[[METRIC, PERIOD, ENDS_AT]] = int(policy.metric), policy.period_ns, policy.period_ns
        state.counts[SAMPLE_AT] = min(state.counts[SAMPLE_AT], policy.period_ns)


class Series:
    """The points of one policy that were sampled and are not yet published."""

    def __init__(self, metric: Metric, period_ns: int, delay_ns: int) -> None:
        self._metric = metric
        self._period_ns = period_ns
        self._sampled: deque[Point] = deque()
        #: When the next point is published. [ns]
        self.publication_ns = period_ns + delay_ns

    def publication_in(self, points: int) -> int:
        """When the so many-th point from now on is published, from 1 [ns]."""
        return self.publication_ns + (points - 1) * self._period_ns

    def add(self, load: int, serving: int, share: float) -> None:
        """A sample of the calendar."""
        value: float | None
        if self._metric is Metric.INVOCATIONS_PER_INSTANCE:
            value = share if serving else None
        elif self._metric is Metric.CONCURRENT_REQUESTS_PER_INSTANCE:
            value = load / serving if serving else None
        elif self._metric is Metric.BACKLOG_PER_INSTANCE:
            value = load / max(1, serving)
        else:
            value = float(load)
        self._sampled.append(Point(value, load, serving))

    def publish(self) -> Point:
        """The next point, which must have been sampled."""
        self.publication_ns += self._period_ns
        return self._sampled.popleft()
