"""When there are replications enough: a rule on the interval of one measure, looked at now and then as they are added.

The rule is a pure function of the replications 0 to R - 1, so that a study stops at the same number on any number of
processes, and what it found can be reckoned again from its records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.scenario.model import Scenario
from simulator.scenario.precision import FIRST_LOOK, Precision

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate
    from simulator.study.replicate import Record

#: Replications are added at least so many at a time, and at least this part of those that there are.
LEAST_BATCH: Final = 10
GROWTH: Final = 5


@dataclass(frozen=True)
class PrecisionState:
    """What the rule found after some replications.

    Parameters
    ----------
    replications : int
        From which it was found.
    met : bool
        Whether they are enough.
    endpoint : str
        Whose interval is the widest against its target; the others are narrower.
    estimate : Estimate
        Of the measure there, or of its difference from the baseline, in the unit of the measure.
    half_width : float or None
        Of its interval; None where there is none. [unit of the measure]
    target : float or None
        Greatest half-width that is narrow enough; None where there is none. [unit of the measure]
    needed : int or None
        About how many replications would be enough if mean and spread stay as they are; None where they are, or where
        it cannot be told.
    reason : str
        Why the half-width cannot be held against the target; empty otherwise.
    precision : Precision
        What was asked for.
    """

    replications: int
    met: bool
    endpoint: str
    estimate: Estimate
    half_width: float | None
    target: float | None
    needed: int | None
    reason: str
    precision: Precision

    def sentence(self) -> str:
        """What was found, for people."""
        raise NotImplementedError


def looks(precision: Precision) -> tuple[int, ...]:
    """Numbers of replications at which the rule is asked, increasing; the last one is ``max_replications``.

    The first is 20; each batch is a fifth of the replications before it, at least 10.
    """
    found = [FIRST_LOOK]
    most = precision.max_replications
    while found[-1] < most:
        following = found[-1] + max(LEAST_BATCH, found[-1] // GROWTH)
        # What is left would be less than a batch: it goes with this one.
        found.append(following if following + LEAST_BATCH <= most else most)
    return tuple(found)


def check(scenario: Scenario, records: Sequence[Record]) -> PrecisionState:
    """What the rule says to the first replications.

    Parameters
    ----------
    scenario : Scenario
        That asks for a precision.
    records : sequence of Record
        Of the replications 0 to R - 1 in order, R one of `looks`; where R is another number or some are missing (a
        study that was interrupted) the rule is not met, whatever the interval.
    """
    raise NotImplementedError


def found(scenario: Scenario, records: Sequence[Record]) -> PrecisionState | None:
    """What the rule says to the replications of a study; None if it asks for no precision, or has no replication."""
    return None if scenario.precision is None or not records else check(scenario, records)
