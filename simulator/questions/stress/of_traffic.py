"""Stresses that change when requests come, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.errors import InputError
from simulator.questions.stress.busiest import busiest_start
from simulator.questions.stress.stressing import Stress, clock_time, rounded, time_in_words, with_traffic
from simulator.scenario.model import Scenario
from simulator.scenario.stress import BURST_LENGTH_S, BURST_SHARE, FLASH_CROWD_LENGTH_S, OUTAGE_RELEASE_S
from simulator.traffic.burstier import Burstier
from simulator.traffic.flash_crowd import FlashCrowd
from simulator.traffic.outage import Outage
from simulator.traffic.superposition import Superposition
from simulator.units import duration_text, rate_text, share_text

_MINUTE_S: Final = 60.0


@dataclass(frozen=True)
class Burst(Stress):
    """The same requests drawn together into bursts: the mean rate stays.

    Parameters
    ----------
    share : float
        Of the time in bursts.
    length_s : float
        Mean length of a burst. [s]
    """

    share: float = BURST_SHARE
    length_s: float = BURST_LENGTH_S

    name, title, axis = "burst", "burstier traffic", "rate in bursts over the mean rate"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The traffic inside `burstier`."""
        given = {"burst_share": share_text(self.share), "burst_length": duration_text(self.length_s)}
        return with_traffic(
            scenario, Burstier.model_validate({"of": scenario.traffic, "burst_factor": severity, **given})
        )

    def describe(self, scenario: Scenario) -> str:
        """How long bursts are, and how often."""
        return (
            "as many requests, drawn together into bursts in which the rate is so many times as high; "
            f"{100 * self.share:g} % of the time is in bursts, of {time_in_words(self.length_s)} on average"
        )


@dataclass(frozen=True)
class Growth(Stress):
    """So many times the traffic."""

    name, title, axis = "growth", "more traffic", "traffic over that of the scenario"

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The traffic scaled."""
        return with_traffic(scenario, scenario.traffic.scaled(severity))

    def describe(self, scenario: Scenario) -> str:
        """The whole of it."""
        return "so many times the requests, in the same pattern"


@dataclass(frozen=True)
class FlashCrowds(Stress):
    """Requests on top at the busiest time.

    The parts of a superposition have streams of their own. So the neutral severity is a crowd of nobody and not the
    scenario itself: then all severities have the same requests of the scenario's own.

    Parameters
    ----------
    length_s : float
        How long they come. [s]
    """

    length_s: float = FLASH_CROWD_LENGTH_S

    name, title, axis = "flash_crowd", "flash crowd", "requests on top, as a multiple of the mean rate"
    neutral = 0.0
    begins_plain = False
    happens_once = True

    def _at_s(self, scenario: Scenario) -> float:
        if scenario.initial_transient + self.length_s > scenario.horizon:
            raise InputError(
                f"stress flash_crowd: {time_in_words(self.length_s)} do not fit into the measured part of the run, "
                f"{time_in_words(scenario.horizon - scenario.initial_transient)}; write a shorter flash_crowd_length"
            )
        return busiest_start(
            scenario.traffic, scenario.clock, self.length_s, scenario.initial_transient, scenario.horizon
        )

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """A flash crowd beside the traffic."""
        rate = severity * scenario.traffic.mean_rate_over(scenario.horizon, scenario.clock)
        crowd = FlashCrowd.model_validate(
            {
                "peak_rate": rate_text(rate),
                "at": duration_text(self._at_s(scenario)),
                "length": duration_text(self.length_s),
            }
        )
        return with_traffic(scenario, Superposition.model_validate({"parts": (scenario.traffic, crowd)}))

    def describe(self, scenario: Scenario) -> str:
        """When, and how long."""
        return (
            f"so many times the mean rate on top for {time_in_words(self.length_s)}, from "
            f"{clock_time(scenario, self._at_s(scenario))} on"
        )

    def place(self, severity: float) -> float:
        """The size."""
        return severity

    def severity_at(self, place: float) -> float:
        """The size."""
        return rounded(place)


@dataclass(frozen=True)
class UpstreamOutage(Stress):
    """An outage before the endpoint that ends when it is busiest, whereupon all that was held back comes.

    The end is the same at every severity, so that a longer outage holds back what a shorter one does, and more.

    Parameters
    ----------
    release_s : float
        In which time what was held back comes. [s]
    """

    release_s: float = OUTAGE_RELEASE_S

    name, title, axis = "outage", "outage upstream", "length of the outage"
    neutral = 0.0
    happens_once = True

    def _ends_s(self, scenario: Scenario) -> float:
        longest_s = self.severities[-1]
        if longest_s + self.release_s > scenario.horizon:
            raise InputError(
                f"stress outage: {time_in_words(longest_s)} and the {time_in_words(self.release_s)} in which what was "
                f"held back comes do not fit into the horizon of {time_in_words(scenario.horizon)}; write shorter ones"
            )
        return busiest_start(
            scenario.traffic,
            scenario.clock,
            max(self.release_s, _MINUTE_S),
            max(scenario.initial_transient, longest_s),
            scenario.horizon,
        )

    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The traffic inside `outage`; of one of no length nothing is seen."""
        if severity == self.neutral:
            return scenario
        given = {
            "at": duration_text(self._ends_s(scenario) - severity),
            "length": duration_text(severity),
            "release": duration_text(self.release_s),
        }
        return with_traffic(scenario, Outage.model_validate({"of": scenario.traffic, **given}))

    def describe(self, scenario: Scenario) -> str:
        """When it ends, and what then."""
        back = f"within {time_in_words(self.release_s)}" if self.release_s else "all at once"
        return (
            f"requests are held back for so long, until {clock_time(scenario, self._ends_s(scenario))}, and come "
            f"{back} then; their latency counts from there"
        )

    def place(self, severity: float) -> float:
        """The length."""
        return severity

    def severity_at(self, place: float) -> float:
        """The length, in whole seconds."""
        return float(round(place)) if place >= 10.0 else rounded(place)

    def text(self, severity: float) -> str:
        """The length."""
        return time_in_words(severity)
