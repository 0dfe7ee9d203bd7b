"""What a policy asks for when a point of its metric is published (model.md 3.2, 4.2)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from simulator.engines.reference.metrics import Point
from simulator.engines.reference.moments import later
from simulator.engines.scaling import Adjustment, Missing, StepScaling, TargetTracking


class Policy(ABC):
    """A policy at work: the last points of its metric."""

    def __init__(self, points: int) -> None:
        self._points: deque[Point] = deque(maxlen=points)

    def record(self, point: Point) -> bool:
        """Take a point that is published; whether it is taken, not passed over."""
        self._points.append(point)
        return True

    def is_run(self, length: int, holds: Callable[[float], bool]) -> bool:
        """Whether the last points, so many, are all there and of each value something holds."""
        last = list(self._points)[-length:]
        return len(last) == length and all(point.value is not None and holds(point.value) for point in last)

    @abstractmethod
    def asks(self, capacity: int, now_ns: int, changed_ns: int | None) -> int | None:
        """The capacity asked for, None if none is.

        `changed_ns` is when the last change of capacity was complete, None before the first.
        """

    def allows_scale_in(self) -> bool:
        """Whether another policy's less may be done."""
        return True

    def was_followed(self, now_ns: int, before: int, after: int, complete_ns: int) -> None:  # noqa: B027
        """What it asked for is done now, and complete at an instant."""


class Tracking(Policy):
    """Target tracking."""

    def __init__(self, policy: TargetTracking) -> None:
        super().__init__(max(policy.points_out, policy.points_in))
        self._policy = policy

    def record(self, point: Point) -> bool:
        """A period in which nobody had a place is missing, 0 or passed over (model.md 3.2)."""
        if point.is_unused and self._policy.missing is Missing.IGNORE:
            return False
        if point.is_unused and self._policy.missing is Missing.ZERO:
            point = point._replace(value=0.0, load=0.0)
        return super().record(point)

    def asks(self, capacity: int, now_ns: int, changed_ns: int | None) -> int | None:
        """More for a run of points above the target, less for one well below it and after the cooldown."""
        policy = self._policy
        if self.is_run(policy.points_out, lambda value: value > policy.target):
            wanted = self._instances_for(self._points[-1].load)
            if wanted > capacity:
                return wanted
        if policy.scales_in and self.is_below():
            last = list(self._points)[-policy.points_in :]
            is_cooled = changed_ns is None or now_ns >= later(changed_ns, policy.scale_in_cooldown_ns)
            wanted = self._instances_for(max(point.load for point in last))
            if is_cooled and all(point.in_service >= 1 for point in last) and wanted < capacity:
                return wanted
        return None

    def is_below(self) -> bool:
        """Whether its own run of points is below 90 % of the target."""
        return self.is_run(self._policy.points_in, lambda value: value < 0.9 * self._policy.target)

    def allows_scale_in(self) -> bool:
        """Only with a run of its own below, unless it never scales in."""
        return not self._policy.scales_in or self.is_below()

    def _instances_for(self, load: float) -> int:
        """Instances that bring a load to the target; 10⁻⁹ keeps a rounding error from asking for one more."""
        return math.ceil(load / self._policy.target - 1e-9)


class Cooldown(NamedTuple):
    """What follows a change: from when to before when, the capacity from which it is reckoned, and what began it."""

    begins_ns: int
    ends_ns: int
    base: int
    is_of_scale_out: bool


class Stepping(Policy):
    """Step scaling."""

    def __init__(self, policy: StepScaling) -> None:
        super().__init__(policy.points)
        self._policy = policy
        self._cooldown: Cooldown | None = None
        self._coming: list[Cooldown] = []  # those of changes that were not complete when last looked at

    def asks(self, capacity: int, now_ns: int, changed_ns: int | None) -> int | None:
        """The capacity of the step that holds the last value, reckoned from the base of a cooldown while that runs."""
        policy = self._policy
        if not self.is_run(policy.points, self._is_breached):
            return None
        value = self._points[-1].value
        change = None if value is None else self._change_for(value - policy.threshold)
        if change is None:
            return None
        cooldown = self._cooldown_at(now_ns)
        wanted = self._adjusted(capacity if cooldown is None else cooldown.base, change)
        if wanted == capacity:
            return None
        if cooldown is not None and not (cooldown.is_of_scale_out and wanted > capacity):
            return None
        return wanted

    def was_followed(self, now_ns: int, before: int, after: int, complete_ns: int) -> None:
        """The cooldown begins when the change is complete; made inside one that runs, it keeps its base."""
        running = self._cooldown_at(now_ns)
        base = before if running is None else running.base
        ends_ns = later(complete_ns, self._policy.cooldown_ns)
        insort(self._coming, Cooldown(complete_ns, ends_ns, base, after > before), key=lambda one: one.begins_ns)

    def _cooldown_at(self, now_ns: int) -> Cooldown | None:
        """The cooldown that runs; a change that is complete while it does begins it again with the same base."""
        while self._coming and self._coming[0].begins_ns <= now_ns:
            begins = self._coming.pop(0)
            if self._cooldown is not None and begins.begins_ns < self._cooldown.ends_ns:
                begins = begins._replace(base=self._cooldown.base)
            self._cooldown = begins
        is_over = self._cooldown is None or now_ns >= self._cooldown.ends_ns
        return None if is_over else self._cooldown

    def _is_breached(self, value: float) -> bool:
        """Whether a value counts."""
        return value >= self._policy.threshold if self._policy.above else value <= self._policy.threshold

    def _change_for(self, beyond: float) -> int | None:
        """The change of the step that holds a distance from the threshold."""
        for step in self._policy.steps:
            is_above_step = step.lower <= beyond < step.upper
            is_below_step = step.lower < beyond <= step.upper
            if is_above_step if self._policy.above else is_below_step:
                return step.change
        return None

    def _adjusted(self, base: int, change: int) -> int:
        """The capacity that a change makes of a base."""
        if self._policy.adjustment is Adjustment.EXACT:
            return change
        if self._policy.adjustment is Adjustment.CHANGE:
            return base + change
        instances = max(self._policy.least_change, abs(change) * base // 100)
        return base + instances if change > 0 else base - instances if change < 0 else base
