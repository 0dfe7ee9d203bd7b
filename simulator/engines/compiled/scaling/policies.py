"""What target tracking and step scaling ask for (model.md 4.2)."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from simulator.engines.compiled.scaling.points import Point
from simulator.engines.scaling import Adjustment, StepScaling, TargetTracking

#: Points below this part of the target let target tracking scale in (model.md 4.2; aws-facts 5.3).
_LOW = 0.9
#: What a load may exceed a whole number of targets by, so that rounding does not ask for one instance more.
_SLACK = 1e-9


class Tracker:
    """A target tracking policy and its last points."""

    def __init__(self, policy: TargetTracking) -> None:
        self._policy = policy
        self._loads: deque[float] = deque(maxlen=policy.points_in)
        # Lengths of the runs of points that end with the last one: above the target; low; low and in service.
        self._above = self._low = self._low_in_service = 0

    def take(self, point: Point) -> None:
        """A point is published."""
        value, target = point.value, self._policy.target
        is_low = value is not None and value < _LOW * target
        self._above = self._above + 1 if value is not None and value > target else 0
        self._low = self._low + 1 if is_low else 0
        self._low_in_service = self._low_in_service + 1 if is_low and point.in_service >= 1 else 0
        self._loads.append(point.load)

    @property
    def agrees_to_less(self) -> bool:
        """Whether it does not stand in the way of another policy that asks for less."""
        return not self._policy.scales_in or self._low >= self._policy.points_in

    def points_until_it_asks(self, *, may_grow: bool, may_shrink: bool) -> int | None:
        """How many points have to follow at least, 1 or more, until it asks for a change that may be done."""
        policy = self._policy
        missing = [policy.points_out - self._above] if may_grow else []
        if may_shrink and policy.scales_in:
            missing.append(policy.points_in - self._low_in_service)
        return max(1, min(missing)) if missing else None

    def ask(self, capacity: int, now_ns: int, changed_ns: int | None) -> int | None:
        """The capacity that it asks for, before its bounds; None if for none.

        `changed_ns` is when the last change of capacity was complete, None before the first.
        """
        policy = self._policy
        if self._above >= policy.points_out:
            wanted = self._instances_for(self._loads[-1])
            return wanted if wanted > capacity else None
        if policy.scales_in and self._low_in_service >= policy.points_in:
            is_calm = changed_ns is None or now_ns - changed_ns >= policy.scale_in_cooldown_ns
            wanted = self._instances_for(max(self._loads))
            return wanted if is_calm and wanted < capacity else None
        return None

    def _instances_for(self, load: float) -> int:
        return math.ceil(load / self._policy.target - _SLACK)


class Cooldown(NamedTuple):
    """The time after a change that a step policy asked for; over at exactly its end."""

    start_ns: int
    end_ns: int
    base: int
    is_after_growth: bool


class Stepper:
    """A step scaling policy, its run of points and its cooldowns."""

    def __init__(self, policy: StepScaling) -> None:
        self._policy = policy
        self._run = 0
        self._last = 0.0
        self._started: Cooldown | None = None
        # Of changes that are not complete, in order of their start.
        self._to_come: list[Cooldown] = []

    def take(self, point: Point) -> None:
        """A point is published."""
        value, policy = point.value, self._policy
        if value is None:
            self._run = 0
            return
        is_beyond = value >= policy.threshold if policy.above else value <= policy.threshold
        self._run = self._run + 1 if is_beyond else 0
        self._last = value

    def points_until_it_asks(self, *, may_grow: bool, may_shrink: bool) -> int | None:
        """How many points have to follow at least, 1 or more, until it asks for a change that may be done."""
        return max(1, self._policy.points - self._run) if may_grow or may_shrink else None

    def ask(self, capacity: int, now_ns: int) -> int | None:
        """The capacity that it asks for, before its bounds; None if for none."""
        if self._run < self._policy.points:
            return None
        change = self._change()
        if change is None:
            return None
        cooldown = self._cooldown(now_ns)
        wanted = self._changed(capacity if cooldown is None else cooldown.base, change)
        if wanted == capacity:
            return None
        if cooldown is not None and not (cooldown.is_after_growth and wanted > capacity):
            return None
        return wanted

    def start_cooldown(self, now_ns: int, complete_ns: int, before: int, *, is_growth: bool) -> None:
        """Capacity is changed now as this policy asked; the cooldown starts when the change is complete."""
        running = self._cooldown(now_ns)
        base = before if running is None else running.base
        self._to_come.append(Cooldown(complete_ns, complete_ns + self._policy.cooldown_ns, base, is_growth))
        self._to_come.sort(key=lambda cooldown: cooldown.start_ns)

    def _cooldown(self, now_ns: int) -> Cooldown | None:
        """The cooldown that runs now: the last one started, if it is not over.

        One that starts inside another goes on with its base.
        """
        while self._to_come and self._to_come[0].start_ns <= now_ns:
            started = self._to_come.pop(0)
            if self._started is not None and started.start_ns < self._started.end_ns:
                started = started._replace(base=self._started.base)
            self._started = started
        return self._started if self._started is not None and now_ns < self._started.end_ns else None

    def _change(self) -> int | None:
        """The change of the step that holds the last point."""
        beyond = self._last - self._policy.threshold
        for step in self._policy.steps:
            if step.lower <= beyond < step.upper if self._policy.above else step.lower < beyond <= step.upper:
                return step.change
        return None

    def _changed(self, base: int, change: int) -> int:
        if self._policy.adjustment is Adjustment.EXACT:
            return change
        if self._policy.adjustment is Adjustment.CHANGE:
            return base + change
        if change == 0:
            return base
        size = max(abs(base * change) // 100, self._policy.least_change)
        return base + int(math.copysign(size, change))
