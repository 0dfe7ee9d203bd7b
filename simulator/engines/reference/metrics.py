"""What policies watch: points of a metric, one per period (model.md 4.2)."""

from __future__ import annotations

from typing import NamedTuple

from simulator.engines.reference.standing import StandingEndpoint
from simulator.engines.scaling import Metric


class Point(NamedTuple):
    """A metric over one period: its value (None if missing), its load, and the instances in service at its end."""

    value: float | None
    load: int
    in_service: int


class Gauge:
    """One metric of an endpoint: what it counts over a period, and its point at the end."""

    def __init__(self, metric: Metric, endpoint: StandingEndpoint) -> None:
        self._metric = metric
        self._endpoint = endpoint
        self._begin_period()
        endpoint.observers.append(self._observe)

    def _begin_period(self) -> None:
        self._attempts = 0
        self._per_instance = 0.0
        self._failures = 0

    def _observe(self, in_service: int, is_turned_away: bool) -> None:
        """Count an attempt."""
        if in_service > 0:
            self._attempts += 1
            self._per_instance += 1 / in_service
        if is_turned_away:
            self._failures += 1

    def sample(self) -> Point:
        """The point of the period that ends now."""
        in_service = len(self._endpoint.in_service)
        load, value = self._load_and_value(in_service)
        self._begin_period()
        return Point(value, load, in_service)

    def _load_and_value(self, n: int) -> tuple[int, float | None]:
        """y and x of model.md 4.2; n instances are in service."""
        if self._metric is Metric.INVOCATIONS_PER_INSTANCE:
            return self._attempts, self._per_instance if n > 0 else None
        if self._metric is Metric.NO_CAPACITY_FAILURES:
            return self._failures, float(self._failures)
        if self._metric is Metric.BACKLOG_WITHOUT_CAPACITY:
            is_backlog = n == 0 and len(self._endpoint.central_queue) > 0
            return int(is_backlog), float(is_backlog)
        held = self._endpoint.held()
        if self._metric is Metric.CONCURRENT_REQUESTS_PER_INSTANCE:
            return held, held / n if n > 0 else None
        return held, held / max(1, n)
