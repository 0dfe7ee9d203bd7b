"""Points of metrics: sampled at the end of each period, published later (model.md 4.2)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from simulator.engines.compiled.standing_calendar.state import FAILED, FOUND, LENGTH, LOAD, SERVING, State
from simulator.engines.scaling import Metric
from simulator.units import FOREVER


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


class Series:
    """The points of one policy, from their sampling until their publication.

    Parameters
    ----------
    metric : Metric
    period_ns, delay_ns : int
        [ns]
    horizon_ns : int
        What would be published at it or later is not sampled. [ns]
    share : int or None
        Where in `State.shares` the sum of this series stands, if it needs one.
    """

    def __init__(self, metric: Metric, period_ns: int, delay_ns: int, horizon_ns: int, share: int | None) -> None:
        self._metric = metric
        self._period_ns = period_ns
        self._delay_ns = delay_ns
        self._horizon_ns = horizon_ns
        self._share = share
        self._sampled: deque[tuple[int, Point]] = deque()
        self._found = 0
        self._failed = 0
        #: End of the current period, `FOREVER` if its point is never published. [ns]
        self.end_ns = 0
        self._begin_period()

    @property
    def publication_ns(self) -> int:
        """When the next point that was sampled is published; `FOREVER` if there is none [ns]."""
        return self._sampled[0][0] if self._sampled else FOREVER

    def publish(self) -> Point:
        """The next point that was sampled."""
        return self._sampled.popleft()[1]

    def sample(self, state: State) -> None:
        """Make the point of the period that ends now, before any event of this instant."""
        self._sampled.append((self.end_ns + self._delay_ns, self._point(state)))
        self._begin_period()

    def _begin_period(self) -> None:
        self.end_ns += self._period_ns
        if self.end_ns + self._delay_ns >= self._horizon_ns:
            self.end_ns = FOREVER

    def _point(self, state: State) -> Point:
        counts = state.counts
        serving, load = int(counts[SERVING]), int(counts[LOAD])
        if self._metric is Metric.INVOCATIONS_PER_INSTANCE:
            assert self._share is not None
            value, state.shares[self._share] = float(state.shares[self._share]), 0.0
            found = int(counts[FOUND])
            load, self._found = found - self._found, found
            return Point(value if serving else None, load, serving)
        if self._metric is Metric.CONCURRENT_REQUESTS_PER_INSTANCE:
            return Point(load / serving if serving else None, load, serving)
        if self._metric is Metric.BACKLOG_PER_INSTANCE:
            return Point(load / max(1, serving), load, serving)
        if self._metric is Metric.NO_CAPACITY_FAILURES:
            failed = int(counts[FAILED])
            load, self._failed = failed - self._failed, failed
            return Point(float(load), load, serving)
        waits = int(serving == 0 and state.instances[0, LENGTH] > 0)
        return Point(float(waits), waits, serving)
