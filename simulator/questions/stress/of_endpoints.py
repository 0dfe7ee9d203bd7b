"""Stresses that change what endpoints do: slower service and starts, shorter idling, a cold deployment."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any, Final

from simulator.endpoints import Endpoint, OnDemand
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
    """Service times of every endpoint times a factor."""

    name, title, axis = "service", "longer service", "service time over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled where they are given."""
        return _with_times(scenario, "service_time", severity)

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "every service takes so many times as long"


@dataclass(frozen=True)
class SlowerStarts(Stress):
    """Startup times of every endpoint times a factor."""

    name, title, axis = "cold_start", "slower cold starts", "startup time over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """Scaled where they are given."""
        return _with_times(scenario, "startup_time", severity)

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "every launch takes so many times as long"

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Endpoints that launch nothing."""
        return "" if isinstance(endpoint, OnDemand) else "it launches no instances"


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
    requests, and fewer, so the stress is refused.
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
        endpoints = [
            endpoint.model_copy(update={"starts": "cold"}) if isinstance(endpoint, OnDemand) else endpoint
            for endpoint in scenario.endpoints
        ]
        starts_at = _moved(scenario, self._peak_s(scenario)).starts_at
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
        if not isinstance(endpoint, OnDemand):
            return "its instances are in service from the start"
        peak_s = self._peak_s(scenario)
        if not peak_s and endpoint.starts == "cold" and scenario.initial_transient == 0:
            is_steady = scenario.traffic.steady_rate is not None
            peak = f", and its expected rate has no peak{_bursts_aside(scenario)}" if is_steady else " at its peak"
            return f"the run begins cold{peak}"
        return ""

    def refusal(self, scenario: Scenario) -> str:
        """Traffic that has a peak in the run, but not by the clock."""
        peak_s = self._peak_s(scenario)
        moved = _moved(scenario, peak_s)
        if not peak_s or follows_clock(scenario.traffic, scenario.clock, moved, peak_s, scenario.horizon):
            return ""
        return f"traffic of kind {scenario.traffic.kind} does not go by the clock: the run cannot begin at its peak"

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


def _with_times(scenario: Scenario, field: str, factor: float) -> Scenario:
    """The scenario with a kind of time scaled, the model's and those of endpoints that have their own."""

    def scaled(part: Any) -> Any:
        times = getattr(part, field)
        return part if times is None else part.model_copy(update={field: times.scaled(factor)})

    return changed(scenario, model=scaled(scenario.model), endpoints=[scaled(one) for one in scenario.endpoints])
