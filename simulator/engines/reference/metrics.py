"""What policies watch: points of a metric, one per period (model.md 3.2, 4.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from simulator.engines.reference.provisioned import ProvisionedEndpoint
from simulator.engines.reference.standing import StandingEndpoint
from simulator.engines.scaling import Metric


class Point(NamedTuple):
    """A metric over one period: its value (None if missing), its load, and the instances in service at its end.

    `is_unused`: provisioned instances were there, and no place was occupied; what that means a policy says.
    """

    value: float | None
    load: float
    in_service: int
    is_unused: bool = False


class Gauge(ABC):
    """One metric of an endpoint, period after period."""

    @abstractmethod
    def sample(self) -> Point:
        """The point of the period that ends now."""


class LoadGauge(Gauge):
    """A metric of standing instances with queues: what it counts over a period, and its point at the end."""

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


class UtilizationGauge(Gauge):
    """A metric of provisioned instances: occupied and in service over a period as integrals, and the most occupied."""

    def __init__(self, metric: Metric, endpoint: ProvisionedEndpoint, *, counts_spillover: bool) -> None:
        self._metric = metric
        self._endpoint = endpoint
        self._counts_spillover = counts_spillover
        self._observed_ns = 0
        self._look()
        self._begin_period()
        endpoint.observers.append(self._observe)

    def _look(self) -> None:
        """What holds from now until the next change."""
        endpoint = self._endpoint
        self._occupied = endpoint.occupied if self._counts_spillover else endpoint.occupied_standing
        self._in_service = len(endpoint.in_service)

    def _begin_period(self) -> None:
        self._began_ns = self._observed_ns
        self._occupied_time = self._time_in_service = 0
        self._greatest = self._occupied

    def _observe(self) -> None:
        """Add what held since the last change, and look anew."""
        passed_ns = self._endpoint.now - self._observed_ns
        self._occupied_time += self._occupied * passed_ns
        self._time_in_service += self._in_service * passed_ns
        self._observed_ns = self._endpoint.now
        self._look()
        self._greatest = max(self._greatest, self._occupied)

    def sample(self) -> Point:
        """The point of the period that ends now; missing with nothing in service, or with nothing occupied."""
        self._observe()
        n, is_used = self._in_service, self._greatest > 0
        if n == 0 or not is_used:
            point = Point(None, 0.0, n, is_unused=n > 0)
        elif self._metric is Metric.PROVISIONED_UTILIZATION_AVERAGE:
            occupied_time = float(self._occupied_time)
            load = occupied_time / float(self._observed_ns - self._began_ns)
            point = Point(occupied_time / float(self._time_in_service), load, n)
        else:
            point = Point(float(self._greatest) / float(n), float(self._greatest), n)
        self._begin_period()
        return point
