"""When capacity is looked at, and what is done: points, decisions, scheduled actions, launches (model.md 4.2)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.scaling.fleet import Fleet
from simulator.engines.compiled.scaling.points import Series
from simulator.engines.compiled.scaling.policies import Stepper, Tracker
from simulator.engines.scaling import Scaling, TargetTracking
from simulator.engines.tables import Changes, LaunchTimes
from simulator.units import FOREVER

#: Ranks of an instant (model.md 1): an instance becomes ready, scaling.
READY, SCALE = 20, 40
#: An instant that never comes, and everything happens before it.
NEVER = (FOREVER, 99)


class Scaler:
    """Changes the capacity of a fleet.

    Parameters
    ----------
    scaling : Scaling
    fleet : Fleet
    launch_times : LaunchTimes
    """

    def __init__(self, scaling: Scaling, fleet: Fleet, launch_times: LaunchTimes) -> None:
        self._fleet = fleet
        self._minimum, self._maximum = scaling.minimum, scaling.maximum
        self._horizon_ns = scaling.horizon_ns
        self._grows_while_updating = scaling.grows_while_updating
        self._actions = [action for action in scaling.actions if action.at_ns < scaling.horizon_ns][::-1]
        self._capacity = fleet.serving
        self._starting: list[tuple[int, int]] = []
        self._ready_ns = 0
        self._changed_ns: int | None = None
        self._changes: list[tuple[int, int]] = []
        self._durations = _durations(launch_times)
        self._policies: list[tuple[Series, Tracker | Stepper]] = []
        fleet.begin_sampling(scaling.policies)
        for policy in scaling.policies:
            series = Series(policy.period_ns, policy.delay_ns)
            self._policies.append((series, Tracker(policy) if isinstance(policy, TargetTracking) else Stepper(policy)))
        self.next = self._next()

    def meet(self) -> None:
        """Do what is due at `next`, an instant and a rank, before which everything has happened."""
        now_ns, rank = self.next
        if rank == READY:
            self._take_samples()
            self._publish(now_ns - 1)
            self._ready_ns = now_ns
            self._fleet.begin_service(heapq.heappop(self._starting)[1], now_ns)
        else:
            self._scale(now_ns)
        self.next = self._next()

    def make_room(self) -> None:
        """Take the samples off the calendar; points that were published by the last of them are passed over."""
        last_ns = self._fleet.sampled_ns
        self._take_samples()
        self._publish(last_ns - 1)
        if last_ns >= self._horizon_ns:
            self._fleet.stop_sampling()

    def changes(self) -> Changes:
        """Changes of capacity since the last call."""
        table = np.array(self._changes, np.int64).reshape(-1, 2)
        self._changes = []
        return Changes(table[:, 0].copy(), table[:, 1].copy())

    def _next(self) -> tuple[int, int]:
        """The next instant, and the rank from which on it is looked at."""
        ready_ns = self._starting[0][0] if self._starting else FOREVER
        scale_ns = self._horizon_ns
        may_grow = self._capacity < self._maximum and (self._grows_while_updating or not self._starting)
        may_shrink = self._capacity > self._minimum and not self._starting
        for series, policy in self._policies:
            points = policy.points_until_it_asks(may_grow=may_grow, may_shrink=may_shrink)
            if points is not None:
                scale_ns = min(scale_ns, series.publication_in(points))
        if self._actions:
            scale_ns = min(scale_ns, self._actions[-1].at_ns)
        if self._moved() != self._capacity:
            # A scheduled action waits until the last starting instance is ready.
            scale_ns = min(scale_ns, max((ready_ns for ready_ns, _ in self._starting), default=self._ready_ns))
        first = min((ready_ns, READY), (scale_ns if scale_ns < self._horizon_ns else FOREVER, SCALE))
        return first if first[0] < FOREVER else NEVER

    def _scale(self, now_ns: int) -> None:
        """Actions first, then all points that are published now, then one decision."""
        while self._actions and self._actions[-1].at_ns == now_ns:
            action = self._actions.pop()
            self._minimum = self._minimum if action.minimum is None else action.minimum
            self._maximum = self._maximum if action.maximum is None else action.maximum
        self._change(self._moved(), now_ns)
        self._take_samples()
        self._decide(self._publish(now_ns), now_ns)

    def _take_samples(self) -> None:
        """Hand what was sampled to the series."""
        for policy, point in self._fleet.take_samples():
            self._policies[policy][0].add(point)

    def _publish(self, now_ns: int) -> list[Tracker | Stepper]:
        """The policies of which a point is published now; points before now are taken too.

        Where nothing that could be done could be asked for, points were passed over.
        """
        published = []
        last_ns = min(now_ns, self._horizon_ns - 1)
        for series, policy in self._policies:
            while series.publication_ns <= last_ns:
                is_now = series.publication_ns == now_ns
                point = series.publish()
                if point is not None:
                    policy.take(point)
                    if is_now:
                        published.append(policy)
        return published

    def _decide(self, policies: list[Tracker | Stepper], now_ns: int) -> None:
        """The largest capacity that some policies ask for, if it may be done now."""
        before = self._capacity
        asked = []
        for policy in policies:
            if isinstance(policy, Tracker):
                wanted = policy.ask(before, now_ns, self._changed_ns)
            else:
                wanted = policy.ask(before, now_ns)
            if wanted is not None:
                asked.append((self._moved(wanted), policy))
        wanted = max((wanted for wanted, _ in asked), default=before)
        if wanted < before and not all(
            policy.agrees_to_less for _, policy in self._policies if isinstance(policy, Tracker)
        ):
            return
        if self._change(wanted, now_ns):
            for own, policy in asked:
                if own == wanted and isinstance(policy, Stepper):
                    assert self._changed_ns is not None
                    policy.start_cooldown(now_ns, self._changed_ns, before, is_growth=wanted > before)

    def _moved(self, capacity: int | None = None) -> int:
        """A capacity, by default that of now, moved into its bounds."""
        return min(max(self._capacity if capacity is None else capacity, self._minimum), self._maximum)

    def _change(self, wanted: int, now_ns: int) -> bool:
        """Whether capacity was changed: while an instance is starting it is not, or may grow only."""
        more = wanted - self._capacity
        if more == 0 or (self._starting and not (more > 0 and self._grows_while_updating)):
            return False
        self._changed_ns = now_ns
        if more < 0:
            self._fleet.drain(-more, now_ns)
        for _ in range(more):
            ready_ns = min(now_ns + next(self._durations), FOREVER)
            heapq.heappush(self._starting, (ready_ns, self._fleet.launch(now_ns, ready_ns)))
            self._changed_ns = max(self._changed_ns, ready_ns)
        self._capacity = wanted
        self._changes.append((now_ns, wanted))
        return True


def _durations(launch_times: LaunchTimes) -> Iterator[int]:
    """Launch times, one after another, asked for more and more at once."""
    known: NDArray[np.int64] = launch_times(0)
    number = 0
    while True:
        if number == len(known):
            known = launch_times(max(16, 2 * number))
        yield int(known[number])
        number += 1
