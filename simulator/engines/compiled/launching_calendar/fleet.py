"""The provisioned instances of a pool that launches: scaling adds them and takes them away (model.md 3.2)."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.launching_calendar.load import bring_up
from simulator.engines.compiled.launching_calendar.room import with_more_rows
from simulator.engines.compiled.launching_calendar.state import (
    DRAINING,
    ENDS_AT,
    FORGOTTEN,
    PERIOD,
    PROVISIONED,
    ROWS,
    SAMPLE_AT,
    SAMPLES,
    SERVING,
    STANDING_IDLE,
    State,
)
from simulator.engines.compiled.scaling import Point
from simulator.engines.scaling import Metric, Missing, StepScaling, TargetTracking
from simulator.engines.tables import NONE
from simulator.units import FOREVER

_AVERAGE = Metric.PROVISIONED_UTILIZATION_AVERAGE


class Fleet:
    """The state of a calendar, and which provisioned instances in it are in service.

    Parameters
    ----------
    standing : int
        Provisioned instances that are there from the start.
    state : State
        Of the start. It is replaced where its arrays have to grow.
    """

    def __init__(self, standing: int, state: State) -> None:
        self.state = state
        self._serving = list(range(standing))
        self._launched: list[int] = []
        self._policies: tuple[TargetTracking | StepScaling, ...] = ()

    @property
    def serving(self) -> int:
        """Provisioned instances in service, draining ones not counted."""
        return len(self._serving)

    def launch(self, now_ns: int, ready_ns: int) -> int:
        """Number of a new instance, which is starting."""
        if self.state.sizes[ROWS] == len(self.state.gone_ns):
            self.state = with_more_rows(self.state)
        state = self.state
        row = int(state.sizes[ROWS])
        number = int(state.sizes[FORGOTTEN]) + row
        state.sizes[ROWS] += 1
        state.numbers[row] = number
        state.launch_ns[row], state.ready_ns[row] = now_ns, ready_ns
        state.gone_ns[row] = state.life_over_ns[row] = FOREVER
        state.held[row] = state.claims[row] = state.is_partly[row] = 0
        state.kinds[row], state.idle_for[row] = PROVISIONED, NONE
        self._launched.append(number)
        return number

    def begin_service(self, number: int, now_ns: int) -> None:
        """An instance becomes ready: it is idle and never used, so it lies among those that were not used either."""
        bisect.insort(self._serving, number)
        while len(self._serving) > len(self.state.standing_idle):
            self.state = self.state._replace(standing_idle=doubled(self.state.standing_idle))
        self._now_serving(now_ns)
        state, row = self.state, self._row_of(number)
        idle = self._idle()
        never_used = idle[: np.count_nonzero(state.idle_for[idle] == NONE)]
        self._set_idle(np.insert(idle, np.searchsorted(never_used, row), row))

    def drain(self, count: int, now_ns: int) -> None:
        """The highest-numbered instances in service go: idle ones at once, others when they are released."""
        rows = np.array([self._row_of(self._serving.pop()) for _ in range(count)], np.int64)
        self._now_serving(now_ns)
        state, idle = self.state, self._idle()
        state.kinds[rows] = DRAINING
        state.gone_ns[rows[state.held[rows] == 0]] = now_ns
        self._set_idle(idle[state.kinds[idle] == PROVISIONED])

    def begin_sampling(self, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
        """Let the first period of every policy begin."""
        self._policies = policies
        for row, policy in zip(self.state.series, policies, strict=True):
            row[[PERIOD, ENDS_AT]] = policy.period_ns
        self.state.sizes[SAMPLE_AT] = min((policy.period_ns for policy in policies), default=FOREVER)

    def take_samples(self) -> list[tuple[int, Point | None]]:
        """What was sampled since the last call."""
        count = int(self.state.sizes[SAMPLES])
        self.state.sizes[SAMPLES] = 0
        return [
            (policy, _point_of(self._policies[policy], *sample))
            for policy, *sample in self.state.samples[:count].tolist()
        ]

    @property
    def is_short_of_samples(self) -> bool:
        """Whether there is no room for a sample of every policy."""
        state = self.state
        return bool(state.sizes[SAMPLES] + len(state.series) > len(state.samples))

    @property
    def sampled_ns(self) -> int:
        """The last instant at which anything was sampled [ns]."""
        series = self.state.series
        return int((series[:, ENDS_AT] - series[:, PERIOD]).max(initial=0))

    def stop_sampling(self) -> None:
        """Nothing is published any more."""
        self.state.sizes[SAMPLE_AT] = FOREVER

    def launched_since(self) -> NDArray[np.int64]:
        """Numbers of the instances that scaling has launched since the last call."""
        launched, self._launched = self._launched, []
        return np.array(launched, np.int64)

    def _row_of(self, number: int) -> int:
        """Rows are in order of number."""
        return int(np.searchsorted(self.state.numbers[: self.state.sizes[ROWS]], number))

    def _now_serving(self, now_ns: int) -> None:
        bring_up(self.state.sizes, now_ns)
        self.state.sizes[SERVING] = len(self._serving)

    def _idle(self) -> NDArray[np.int64]:
        return self.state.standing_idle[: self.state.sizes[STANDING_IDLE]].copy()

    def _set_idle(self, rows: NDArray[np.int64]) -> None:
        self.state.standing_idle[: len(rows)] = rows
        self.state.sizes[STANDING_IDLE] = len(rows)


def _point_of(
    policy: TargetTracking | StepScaling, load_ns: int, serving_ns: int, most: int, in_service: int
) -> Point | None:
    """The point of a period; None if it is passed over."""
    if in_service == 0:
        return Point(None, 0.0, 0)
    if most == 0:
        missing = policy.missing if isinstance(policy, TargetTracking) else Missing.HOLD
        if missing is Missing.IGNORE:
            return None
        return Point(0.0 if missing is Missing.ZERO else None, 0.0, in_service)
    # Made double one by one: a quotient of whole numbers would be rounded once only.
    if policy.metric is _AVERAGE:
        return Point(float(load_ns) / float(serving_ns), float(load_ns) / float(policy.period_ns), in_service)
    return Point(float(most) / float(in_service), float(most), in_service)
