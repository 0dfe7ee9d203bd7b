"""Points of metrics, from their sampling to their publication (model.md 4.2)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from simulator.engines.scaling import Metric


class Point(NamedTuple):
    """What is known of one period.

    Parameters
    ----------
    value : float or None
        None if it is missing.
    load : float
        What the value would be per instance.
    in_service : int
        Instances, at the end.
    """

    value: float | None
    load: float
    in_service: int


def point_of(metric: int, load: int, serving: int, share: float) -> Point:
    """The point of a period: its load, the instances in service at its end, and the sum of 1/(these) over attempts."""
    value: float | None
    if metric == Metric.INVOCATIONS_PER_INSTANCE:
        value = share if serving else None
    elif metric == Metric.CONCURRENT_REQUESTS_PER_INSTANCE:
        value = load / serving if serving else None
    elif metric == Metric.BACKLOG_PER_INSTANCE:
        value = load / max(1, serving)
    else:
        value = float(load)
    return Point(value, load, serving)


class Series:
    """The points of one policy that were sampled and are not yet published."""

    def __init__(self, period_ns: int, delay_ns: int) -> None:
        self._period_ns = period_ns
        self._sampled: deque[Point | None] = deque()
        #: When the next point is published. [ns]
        self.publication_ns = period_ns + delay_ns

    def publication_in(self, points: int) -> int:
        """When the so many-th point from now on is published, from 1 [ns]."""
        return self.publication_ns + (points - 1) * self._period_ns

    def add(self, point: Point | None) -> None:
        """What was sampled of the next period; None if it is passed over."""
        self._sampled.append(point)

    def publish(self) -> Point | None:
        """The next point, which must have been sampled."""
        self.publication_ns += self._period_ns
        return self._sampled.popleft()
