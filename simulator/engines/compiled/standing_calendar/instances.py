"""The instances of a calendar: launched, in service, draining, gone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator.engines.compiled.outstanding import outstanding
from simulator.engines.compiled.sampling import begin_series, last_sampled_ns, points_of
from simulator.engines.compiled.scaling.points import Point
from simulator.engines.compiled.standing_calendar.state import (
    BUSY,
    DRAINING,
    FREE,
    GONE,
    HELD,
    IS_FREE,
    JUST_READY,
    LAUNCH,
    LENGTH,
    LOAD,
    NOW,
    NUMBERED,
    POSITION,
    READY,
    SAMPLE_AT,
    SAMPLES,
    SERVING,
    STARTING,
    State,
    empty_instances,
)
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import StepScaling, TargetTracking
from simulator.engines.tables import NONE, Instances
from simulator.units import FOREVER


class Fleet:
    """The instances that live, by number, and the arrays of a state that follow from them.

    Parameters
    ----------
    pool : Pool
        Its standing instances are in service from the start.
    state : State
        Without instances. It is replaced where its arrays have to grow.
    """

    def __init__(self, pool: Pool, state: State) -> None:
        self.state = state
        self._places = pool.places
        self._routing = pool.routing
        self._living: dict[int, int] = {}
        self._serving: list[int] = []
        self._draining: list[int] = []
        self._launched_ns: list[int] = []
        self._unused_rows: list[int] = []
        #: Instances entered so far: the number of the next one.
        self.entered = 0
        for _ in range(pool.standing):
            self._serving.append(self.launch(0, 0))
        self._follow()

    @property
    def serving(self) -> int:
        """Instances in service."""
        return len(self._serving)

    def launch(self, now_ns: int, ready_ns: int) -> int:
        """Number of a new instance, which is starting."""
        if not self._unused_rows:
            before = len(self.state.instances)
            self.state = self.state._replace(
                instances=np.concatenate([self.state.instances, empty_instances(before)]),
                service=np.zeros(2 * before, np.int64),
                free=np.zeros(2 * before, np.int64),
            )
            self._unused_rows = list(range(2 * before - 1, before - 1, -1))
            self._follow()
        row, number = self._unused_rows.pop(), self.entered
        self.state.instances[row] = empty_instances(1)[0]
        self.state.instances[row, [NUMBERED, POSITION, LAUNCH, READY]] = number, STARTING, now_ns, ready_ns
        self._living[number] = row
        self._launched_ns.append(now_ns)
        self.entered += 1
        return number

    def begin_service(self, number: int, now_ns: int) -> None:
        """An instance becomes ready; the kernel then lets it take from a central queue."""
        self._serving.append(number)
        self._serving.sort()
        self._follow()
        self.state.counts[JUST_READY], self.state.counts[NOW] = self._living[number], now_ns

    def drain(self, count: int, now_ns: int) -> None:
        """The highest-numbered instances in service take no more requests, and are gone when they hold none."""
        instances = self.state.instances
        for _ in range(count):
            number = self._serving.pop()
            row = self._living[number]
            self._draining.append(number)
            self.state.counts[LOAD] -= instances[row, HELD]
            instances[row, [POSITION, IS_FREE]] = DRAINING, 0
            if instances[row, HELD] == 0:
                instances[row, GONE] = now_ns
        self._follow()

    def begin_sampling(self, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
        """Let the first period of every policy begin."""
        self.state.counts[SAMPLE_AT] = begin_series(self.state.series, policies)

    def take_samples(self) -> list[tuple[int, Point | None]]:
        """What was sampled since the last call."""
        state = self.state
        count = int(state.counts[SAMPLES])
        state.counts[SAMPLES] = 0
        return points_of(state.series, state.samples[:count], state.sampled_shares[:count])

    @property
    def sampled_ns(self) -> int:
        """The last instant at which anything was sampled [ns]."""
        return last_sampled_ns(self.state.series)

    def stop_sampling(self) -> None:
        """Nothing is published any more."""
        self.state.counts[SAMPLE_AT] = FOREVER

    def given_back(self, *, is_last: bool = False) -> tuple[list[int], list[int], Instances]:
        """Launches since the last call; numbers and rows of the instances that are gone since, or of all at the end."""
        instances = self.state.instances
        gone = [number for number in self._draining if instances[self._living[number], GONE] != NONE]
        numbers = sorted(self._living) if is_last else sorted(gone)
        rows = [self._living.pop(number) for number in numbers]
        gone_ns = instances[rows, GONE]
        gone_ns[gone_ns == NONE] = FOREVER
        self._draining = [number for number in self._draining if number in self._living]
        self._unused_rows += rows
        launched_ns, self._launched_ns = self._launched_ns, []
        return launched_ns, numbers, Instances(instances[rows, LAUNCH], instances[rows, READY], gone_ns)

    def _follow(self) -> None:
        """Make anew what depends on which instances are in service."""
        state = self.state
        instances, counts = state.instances, state.counts
        rows = [self._living[number] for number in self._serving]
        counts[SERVING] = len(rows)
        state.service[: len(rows)] = rows
        instances[rows, POSITION] = np.arange(len(rows))
        if self._routing is Routing.LEAST_OUTSTANDING_REQUESTS:
            held, least, sharing = outstanding(instances[rows, HELD])
            self.state = state._replace(held=held, least=least, sharing=sharing)
        if self._routing is Routing.CENTRAL_QUEUE:
            # While somebody waits nobody has a free worker, but one that is about to take from the queue.
            has_free = (instances[rows, BUSY] < self._places) & (instances[0, LENGTH] == 0)
            instances[rows, IS_FREE] = has_free
            positions = np.flatnonzero(has_free)
            counts[FREE] = len(positions)
            state.free[: len(positions)] = positions


def whole(values: Iterable[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """An array of whole numbers, also of none."""
    return np.array(list(values), np.int64)
