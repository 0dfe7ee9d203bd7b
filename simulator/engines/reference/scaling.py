"""How capacity follows its load: actions, points and decisions at rank 40 of an instant (model.md 3.2, 4.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from simulator.engines.ledger import Calendar, InstanceRow, Ledger
from simulator.engines.reference.metrics import Gauge, Point
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.reference.policies import Policy, Stepping, Tracking
from simulator.engines.scaling import Metric, Scaling, StepScaling, TargetTracking
from simulator.engines.tables import LaunchTimes

#: The instances of an endpoint.
One = TypeVar("One", bound=InstanceRow)


class ScaledEndpoint(Protocol[One]):
    """What scaling has to know of an endpoint: the instances in service, and how they come and go."""

    env: Calendar
    ledger: Ledger
    in_service: list[One]

    @property
    def now(self) -> int:
        """The present instant, ns since the start of the run."""

    def new_instance(self, launch_ns: int, ready_ns: int) -> One:
        """The next instance, not yet in service."""

    def put_in_service(self, instance: One) -> None:
        """It is ready."""

    def drain(self) -> None:
        """Take the highest-numbered instance out of service."""


@dataclass(eq=False)
class Watch:
    """A policy, the gauge it watches, and the points that were sampled but are not published yet, with their time."""

    gauge: Gauge
    policy: Policy
    points: deque[tuple[int, Point]] = field(default_factory=deque)


class Scaler(Generic[One]):
    """What changes the capacity of an endpoint.

    Parameters
    ----------
    endpoint : ScaledEndpoint
        Nothing has happened on it yet.
    scaling : Scaling
        Rules.
    launch_times : LaunchTimes
        [ns]
    gauge_of : callable
        What measures a metric on the endpoint.
    """

    def __init__(
        self,
        endpoint: ScaledEndpoint[One],
        scaling: Scaling,
        launch_times: LaunchTimes,
        gauge_of: Callable[[Metric], Gauge],
    ) -> None:
        self._endpoint = endpoint
        self._scaling = scaling
        self._minimum, self._maximum = scaling.minimum, scaling.maximum
        self._actions = deque(action for action in scaling.actions if action.at_ns < scaling.horizon_ns)
        self._starting: set[One] = set()
        #: When the last change of capacity was complete.
        self._changed_ns: int | None = None
        self._launch_times = launch_times
        self._times_ns = np.empty(0, np.int64)
        self._launches = 0
        self._watches = []
        for given in scaling.policies:
            watch = Watch(gauge_of(given.metric), _policy_of(given))
            self._watches.append(watch)
            endpoint.env.process(self._sampling(watch, given.period_ns, given.delay_ns))
        for action in self._actions:
            self._turn_at(action.at_ns)

    @property
    def capacity(self) -> int:
        """Instances in service or starting, draining ones not counted."""
        return len(self._endpoint.in_service) + len(self._starting)

    # What happens at rank 40, and when.

    def _sampling(self, watch: Watch, period_ns: int, delay_ns: int) -> Life:
        """Points of a metric, period after period, if published strictly before the horizon."""
        period_ends_ns = period_ns
        while later(period_ends_ns, delay_ns) < self._scaling.horizon_ns:
            yield Moment(self._endpoint.env, period_ends_ns, Rank.SAMPLE)
            published_ns = later(period_ends_ns, delay_ns)
            watch.points.append((published_ns, watch.gauge.sample()))
            self._turn_at(published_ns)
            period_ends_ns += period_ns

    def _turn_at(self, at_ns: int) -> None:
        """Let what is due at an instant be done then, at rank 40."""
        moment = Moment(self._endpoint.env, at_ns, Rank.SCALE)
        moment.callbacks.append(lambda _: self._turn())

    def _turn(self) -> None:
        """What is due: scheduled actions, then all points, then one decision; a second time it finds nothing left."""
        now_ns = self._endpoint.now
        while self._actions and self._actions[0].at_ns <= now_ns:
            action = self._actions.popleft()
            self._minimum = self._minimum if action.minimum is None else action.minimum
            self._maximum = self._maximum if action.maximum is None else action.maximum
        self._move_within_bounds()

        due = [watch for watch in self._watches if watch.points and watch.points[0][0] <= now_ns]
        asked = [watch.policy for watch in due if watch.policy.record(watch.points.popleft()[1])]
        if asked:
            self._decide(asked)

    def _move_within_bounds(self) -> None:
        """Capacity into minimum and maximum, if it may be changed now; else once the last instance is ready."""
        within = self._within_bounds(self.capacity)
        if self._may_change_to(within):
            self._change_to(within)

    def _decide(self, policies: list[Policy]) -> None:
        """The largest of what policies ask for, each brought within the bounds."""
        now_ns, before = self._endpoint.now, self.capacity
        asked = {policy: policy.asks(before, now_ns, self._changed_ns) for policy in policies}
        brought = {policy: self._within_bounds(n) for policy, n in asked.items() if n is not None}
        if not brought:
            return
        wanted = max(brought.values())
        if not self._may_change_to(wanted):
            return
        if wanted < before and not all(watch.policy.allows_scale_in() for watch in self._watches):
            return
        complete_ns = self._change_to(wanted)
        for policy, n in brought.items():
            if n == wanted:
                policy.was_followed(now_ns, before, wanted, complete_ns)

    def _within_bounds(self, capacity: int) -> int:
        return min(max(capacity, self._minimum), self._maximum)

    # Capacity and its change.

    def _may_change_to(self, capacity: int) -> bool:
        """Whether it is a change, and may be made now: while an instance is starting it may grow at most."""
        if self._starting:
            return self._scaling.grows_while_updating and capacity > self.capacity
        return capacity != self.capacity

    def _change_to(self, capacity: int) -> int:
        """Launch or drain instances; when the change is complete."""
        complete_ns = self._endpoint.now
        for _ in range(capacity - self.capacity):
            complete_ns = max(complete_ns, self._launch().ready_ns)
        for _ in range(self.capacity - capacity):
            self._endpoint.drain()
        self._changed_ns = complete_ns
        self._endpoint.ledger.change(self._endpoint.now, capacity)
        return complete_ns

    def _launch(self) -> One:
        """A new instance, in service after its launch time."""
        if self._launches == len(self._times_ns):
            self._times_ns = self._launch_times(max(16, 2 * self._launches))
        launch_time_ns = int(self._times_ns[self._launches])
        self._launches += 1
        now_ns = self._endpoint.now
        instance = self._endpoint.new_instance(now_ns, later(now_ns, launch_time_ns))
        self._starting.add(instance)
        self._endpoint.env.process(self._startup(instance))
        return instance

    def _startup(self, instance: One) -> Life:
        """From launch to service; with the last one ready, bounds that were out of reach are moved into."""
        yield Moment(self._endpoint.env, instance.ready_ns, Rank.READY, instance.number)
        self._starting.remove(instance)
        self._endpoint.put_in_service(instance)
        is_within = self._within_bounds(self.capacity) == self.capacity
        if not self._starting and not is_within and self._endpoint.now < self._scaling.horizon_ns:
            self._turn_at(self._endpoint.now)


def _policy_of(given: TargetTracking | StepScaling) -> Policy:
    return Tracking(given) if isinstance(given, TargetTracking) else Stepping(given)
