"""Stresses that change what endpoints do: slower service and starts, shorter idling, a cold deployment."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator.endpoints import BatchTransform, Endpoint, ManagedApi, OnDemand, autoscaling_of
from simulator.questions.stress.busiest import busiest_start, follows_clock
from simulator.questions.stress.stressing import Stress, changed, clock_time, rounded
from simulator.scenario.model import Scenario
from simulator.traffic import Clock

_MINUTE_S: Final = 60.0
#: Index of dispersion of the counts of minutes up to which traffic is not called bursty; that of Poisson traffic is 1.
_EVEN: Final = 1.0 + 1e-9
#: A difference in the number of requests that is worth telling.
_TOLD: Final = 0.005


@dataclass(frozen=True)
class SlowerService(Stress):
    """Service times of every endpoint times a factor, of an API for every token too."""

    name, title, axis = "service", "longer service", "service time over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled where they are given."""
        slow = _with_times(scenario, "service_time", severity)
        endpoints = [
            one.model_copy(update={"time_per_output_token": one.time_per_output_token * severity})
            if isinstance(one, ManagedApi)
            else one
            for one in slow.endpoints
        ]
        return changed(slow, endpoints=endpoints)

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "every service takes so many times as long"


@dataclass(frozen=True)
class SlowerStarts(Stress):
    """Startup times of every endpoint times a factor, and what instances of scaling and of jobs need to be there."""

    name, title, axis = "cold_start", "slower cold starts", "startup time over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled where they are given."""
        late = _with_times(scenario, "startup_time", severity)
        return changed(late, endpoints=[_launching_late(one, severity) for one in late.endpoints])

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "every launch takes so many times as long"

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints that launch nothing."""
        launches = isinstance(endpoint, OnDemand | BatchTransform) or autoscaling_of(endpoint) is not None
        return "" if launches else "it launches no instances"


@dataclass(frozen=True)
class ShorterIdling(Stress):
    """Idle timeouts times a factor below 1."""

    name, title, axis = "idle_timeout", "shorter idle timeout", "idle timeout over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled where instances are retired."""
        endpoints = [
            endpoint.model_copy(update={"idle_timeout": endpoint.idle_timeout.scaled(severity)})
            if isinstance(endpoint, OnDemand) and endpoint.idle_timeout != "none"
            else endpoint
            for endpoint in scenario.endpoints
        ]
        return changed(scenario, endpoints=endpoints)

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "idle instances live for so small a part of the time"

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints that retire nothing."""
        if not isinstance(endpoint, OnDemand):
            return "it retires no instances"
        return "its idle_timeout is none: instances live for ever" if endpoint.idle_timeout == "none" else ""

    def place(self, severity: float) -> float:
        """Shorter is harder."""
        return -math.log(severity)

    def severity_at(self, place: float) -> float:
        """Shorter is harder."""
        return rounded(math.exp(-place))


@dataclass(frozen=True)
class ColdAtPeak(Stress):
    """Everything deployed a moment ago, at the busiest time: the run begins there, without an on-demand instance.

    Traffic by the clock begins at its peak if the clock does. Traffic whose expected rate never changes has no peak to
    begin at, and begins as it does; that it may come in bursts, at times that differ from one replication to the next,
    is told. Other traffic follows the start of the run and cannot begin later: a run cut at its peak would have other
    requests, and fewer, so the stress is refused. Capacity that scheduled actions change has the bounds that they have
    left by then.
    """

    name, title, axis = "cold_at_peak", "cold at the peak", "deployed cold at the peak"
    neutral = 0.0
    happens_once = True
    is_switch = True

    def _peak_s(self, scenario: Scenario) -> float:
        """The busiest minute, from time 0; 0 for traffic without one."""
        traffic, clock = scenario.traffic, scenario.clock
        if traffic.steady_rate is not None:
            return 0.0
        return busiest_start(traffic, clock, _MINUTE_S, 0.0, scenario.horizon)

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The run moved to the peak and begun cold, its beginning measured."""
        if severity == self.neutral:
            return scenario
        peak_s = self._peak_s(scenario)
        endpoints = [
            endpoint.model_copy(update={"starts": "cold"}) if isinstance(endpoint, OnDemand) else endpoint
            for endpoint in _in_force(scenario, peak_s)
        ]
        starts_at = _moved(scenario, peak_s).starts_at
        return changed(scenario, starts_at=starts_at, endpoints=endpoints, initial_transient=0.0)

    def describe(self, scenario: Scenario) -> str:
        """Where the run begins."""
        peak_s = self._peak_s(scenario)
        where = f"at the peak ({clock_time(scenario, peak_s)})" if peak_s else "at the start of the run"
        where += _bursts_aside(scenario)
        text = f"no on-demand instance is there {where}, where the run begins; all of it is measured"
        before = scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock)
        after = scenario.traffic.expected_count(0.0, scenario.horizon, _moved(scenario, peak_s))
        if peak_s and before and abs(after / before - 1.0) >= _TOLD:
            # The pattern is not seen whole: another part of it is simulated.
            word = "more" if after > before else "fewer"
            text += f" ({100 * abs(after / before - 1.0):.2g} % {word} requests in so long a run)"
        return text

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints that start nothing, and runs that begin at their peak anyway."""
        if isinstance(endpoint, ManagedApi):
            return "it has no instances of its own"
        if not isinstance(endpoint, OnDemand):
            follows = isinstance(endpoint, BatchTransform) or autoscaling_of(endpoint) is not None
            return "it launches none for a request" if follows else "its instances are in service from the start"
        peak_s = self._peak_s(scenario)
        if not peak_s and endpoint.starts == "cold" and scenario.initial_transient == 0:
            is_steady = scenario.traffic.steady_rate is not None
            peak = f", and its expected rate has no peak{_bursts_aside(scenario)}" if is_steady else " at its peak"
            return f"the run begins cold{peak}"
        return ""

    def refusal(self, scenario: Scenario) -> str:
        """Traffic that has a peak in the run, but not by the clock; schedules that do not go on beyond the run."""
        peak_s = self._peak_s(scenario)
        moved = _moved(scenario, peak_s)
        if not peak_s:
            return ""
        if not follows_clock(scenario.traffic, scenario.clock, moved, peak_s, scenario.horizon):
            return f"traffic of kind {scenario.traffic.kind} does not go by the clock: the run cannot begin at its peak"
        run = replace(scenario.run_length, week_s=scenario.run_length.week_s + peak_s)
        for endpoint in _in_force(scenario, peak_s):
            follows = autoscaling_of(endpoint)
            problem = follows.problem_of_schedule(run) if follows is not None else None
            if problem is not None:
                number, text = problem
                return f"scheduled_actions[{number}] of {endpoint.name}, in a run that begins at the peak, {text}"
        return ""

    def place(self, severity: float) -> float:
        """Off or on."""
        return severity

    def severity_at(self, place: float) -> float:
        """Off or on."""
        return float(round(place))

    def text(self, severity: float) -> str:
        """Off or on."""
        return "cold at the peak" if severity else "as it is"


def _bursts_aside(scenario: Scenario) -> str:
    """That bursts at random times are not aimed at, where there may be any."""
    if scenario.traffic.steady_rate is None:
        return ""
    dispersion = scenario.traffic.dispersion(_MINUTE_S)
    is_even = dispersion is not None and dispersion <= _EVEN
    return "" if is_even else "; bursts come at random times, and it is not made to begin in one"


def _moved(scenario: Scenario, by_s: float) -> Clock:
    return Clock(starts_at=scenario.starts_at + datetime.timedelta(seconds=by_s))


def _in_force(scenario: Scenario, by_s: float) -> list[Endpoint]:
    """Endpoints as their scheduled actions have left them some time into the run, with a first capacity within bounds.

    Nothing is scheduled for endpoints of other kinds, or without actions: those are as they were.
    """
    found: list[Endpoint] = []
    for endpoint in scenario.endpoints:
        block = autoscaling_of(endpoint)
        if block is None or not block.scheduled_actions:
            found.append(endpoint)
            continue
        block = block.in_force(scenario.run_length.week_s + by_s)
        field = "provisioned_concurrency" if isinstance(endpoint, OnDemand) else "initial_instance_count"
        first = min(max(getattr(endpoint, field), block.min_capacity), block.max_capacity)
        found.append(endpoint.model_copy(update={"autoscaling": block, field: first}))
    return found


def _launching_late(endpoint: Endpoint, factor: float) -> Endpoint:
    """An endpoint whose instances of scaling or of jobs are there so many times as late."""
    if isinstance(endpoint, BatchTransform):
        return endpoint.model_copy(update={"launch_time": endpoint.launch_time.scaled(factor)})
    block = autoscaling_of(endpoint)
    return endpoint if block is None else endpoint.model_copy(update={"autoscaling": block.slower(factor)})


def _with_times(scenario: Scenario, field: str, factor: float) -> Scenario:
    """The scenario with a kind of time scaled, the model's and those of endpoints that have their own."""

    def scaled(part: Any) -> Any:
        times = getattr(part, field)
        return part if times is None else part.model_copy(update={field: times.scaled(factor)})

    return changed(scenario, model=scaled(scenario.model), endpoints=[scaled(one) for one in scenario.endpoints])
