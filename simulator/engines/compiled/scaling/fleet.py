"""What scaling changes and watches: instances in the arrays of some calendar, and samples of their load."""

from __future__ import annotations

from typing import Protocol

from simulator.engines.compiled.scaling.points import Point
from simulator.engines.scaling import StepScaling, TargetTracking


class Fleet(Protocol):
    """The instances of one calendar, which stops at an instant and a rank for them to be changed."""

    @property
    def serving(self) -> int:
        """Instances in service, draining ones not counted."""

    def launch(self, now_ns: int, ready_ns: int) -> int:
        """Number of a new instance, which is starting."""

    def begin_service(self, number: int, now_ns: int) -> None:
        """An instance becomes ready."""

    def drain(self, count: int, now_ns: int) -> None:
        """The highest-numbered instances in service take no more requests, and are gone when they hold none."""

    def begin_sampling(self, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
        """Let the first period of every policy begin, at 0."""

    def take_samples(self) -> list[tuple[int, Point | None]]:
        """What was sampled since the last call, in order: number of the policy, its point or None if passed over."""

    @property
    def sampled_ns(self) -> int:
        """The last instant at which anything was sampled; 0 before the first [ns]."""

    def stop_sampling(self) -> None:
        """Nothing is published any more."""
