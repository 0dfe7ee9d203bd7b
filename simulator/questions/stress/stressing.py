"""What every kind of stress can do.

What a stress does not change stays, the seed too, and draws belong to requests: the same requests meet the endpoint, at
other times, or longer, or among more of them.
"""

from __future__ import annotations

import datetime
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from simulator.endpoints import Endpoint
from simulator.errors import InputError
from simulator.scenario.model import Scenario
from simulator.traffic import Arrivals

#: Severities between two others have so many significant digits.
_DIGITS: Final = 4
_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Stress(ABC):
    """One kind of stress.

    Parameters
    ----------
    severities : tuple of float
        Harder and harder, the first of them `neutral`.
    """

    severities: tuple[float, ...]

    name: ClassVar[str]
    title: ClassVar[str]
    #: Label of an axis of severities.
    axis: ClassVar[str]
    #: The severity at which nothing is changed.
    neutral: ClassVar[float] = 1.0
    #: Whether the scenario itself, to the last bit, stands for the neutral severity.
    begins_plain: ClassVar[bool] = True
    #: Whether it happens once in a run, however long that is.
    happens_once: ClassVar[bool] = False
    #: Whether there is no severity between two others.
    is_switch: ClassVar[bool] = False
    #: Whether a set leaves it out without a word where it spares every endpoint.
    is_of_a_kind: ClassVar[bool] = False

    @abstractmethod
    def apply(self, scenario: Scenario, severity: float) -> Scenario:
        """The scenario under the stress.

        Raises
        ------
        InputError
            If that cannot be simulated.
        """

    @abstractmethod
    def describe(self, scenario: Scenario) -> str:
        """What is done to this scenario: one sentence, without capital and full stop."""

    def spares(self, scenario: Scenario, endpoint: Endpoint) -> str:
        """Why the stress changes nothing for an endpoint; empty if it does."""
        return ""

    def refusal(self, scenario: Scenario) -> str:
        """Why the stress cannot be put on a scenario at all; empty if it can."""
        return ""

    def place(self, severity: float) -> float:
        """Where a severity stands on a line on which harder is further, and halfway between two is halfway."""
        return math.log(severity)

    def severity_at(self, place: float) -> float:
        """The severity at a place."""
        return rounded(math.exp(place))

    def text(self, severity: float) -> str:
        """A severity in words: ``2.83×``, ``15 min``."""
        return f"{severity:.0f}×" if severity >= 1000 else f"{severity:.3g}×"


def rounded(severity: float) -> float:
    """A severity as it is tried between two others."""
    return float(f"{severity:.{_DIGITS}g}")


def changed(scenario: Scenario, **parts: Any) -> Scenario:
    """A copy with other parts.

    Times are not held against the limits of endpoints again: an average service that times out is an answer here.
    """
    copy = scenario.model_copy(update=parts)
    # The clock is kept once it was asked for, also by a copy.
    copy.__dict__.pop("clock", None)
    return copy


def with_traffic(scenario: Scenario, traffic: Arrivals) -> Scenario:
    """A copy with other traffic.

    Raises
    ------
    InputError
        If the traffic cannot fill the horizon.
    """
    problems = traffic.problems(scenario.horizon)
    if problems:
        raise InputError(f"traffic: {'; '.join(problems)}")
    return changed(scenario, traffic=traffic)


def time_in_words(seconds: float) -> str:
    """A length of time: ``45 s``, ``15 min``, ``2.5 h``."""
    if seconds == 0:
        return "none"
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def clock_time(scenario: Scenario, since_s: float) -> str:
    """What the clock says at a time of the run: ``15:00``, with the day if the run is longer than one."""
    instant = scenario.starts_at + datetime.timedelta(seconds=since_s)
    return instant.strftime("%a %H:%M" if scenario.horizon > _DAY_S else "%H:%M")
