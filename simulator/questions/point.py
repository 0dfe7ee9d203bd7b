"""One of several scenarios that a question compares: its study, and what is asked of each endpoint in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from simulator.errors import InputError
from simulator.measures.catalogue import Kind, Measure, UnknownMeasureError, find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict, overall
from simulator.scenario.model import Scenario
from simulator.study.estimates import level_of, sample_of
from simulator.study.replicate import levels_of
from simulator.study.results import Study

#: Shares of which less is better; of the other shares neither is.
_LOSSES: Final = (
    "cold_start_fraction",
    "throttled_fraction",
    "timed_out_fraction",
    "expired_fraction",
    "failed_fraction",
)


@dataclass(frozen=True)
class Point:
    """A study among several that differ in a few values.

    Parameters
    ----------
    values : tuple of str
        What differs, as it was set; one value an axis.
    study : Study
        Of the scenario with these values.
    """

    values: tuple[str, ...]
    study: Study

    @cached_property
    def endpoints(self) -> tuple[str, ...]:
        """Names in the order of the scenario."""
        return tuple(endpoint.name for endpoint in self.study.scenario.endpoints)

    @cached_property
    def judgements(self) -> dict[str, list[Judgement]]:
        """Endpoint → a judgement of each objective."""
        return self.study.judgements()

    def estimate(self, endpoint: str, measure: Measure) -> Estimate:
        """A measure of an endpoint over replications, in its unit."""
        return self.study.sample(endpoint).estimate(measure)

    def value(self, endpoint: str, measure: Measure) -> float:
        """The mean over replications; infinite where there is none, so that it is never the least."""
        value = self.estimate(endpoint, measure).value
        return math.inf if value is None else value

    def less(self, endpoint: str, other: str, measure: Measure) -> Estimate:
        """The measure of one endpoint less that of another, paired over replications."""
        return self.study.sample(endpoint).less(self.study.sample(other), measure)

    def less_than_at(self, other: Point, endpoint: str, measure: Measure) -> Estimate:
        """The measure here less that of the same endpoint at another point, paired over replications.

        Both points have the same seed, so replications of one number have the same random numbers. Only as many
        replications count as both have.
        """
        shared = min(len(self.study.records), len(other.study.records))
        ours, theirs = (sample_of(one.study.scenario, endpoint, one.study.records[:shared]) for one in (self, other))
        return ours.less(theirs, measure)

    def verdict(self, endpoint: str) -> Verdict:
        """Verdict on all objectives of an endpoint; one that completed no request meets no limit on latency."""
        verdict = overall(self.judgements[endpoint])
        if verdict is Verdict.NO_DATA:
            measured = [record.measured[endpoint] for record in self.study.records]
            if any(one.requests for one in measured) and not any(one.completed for one in measured):
                return Verdict.NOT_MET
        return verdict

    def missed(self, endpoint: str, verdict: Verdict = Verdict.NOT_MET) -> list[str]:
        """Objectives of an endpoint on which the verdict is this one."""
        return [one.objective.text for one in self.judgements[endpoint] if one.verdict is verdict]

    def least(self, names: Sequence[str], measure: Measure) -> str | None:
        """Of these endpoints the one of the least mean, the first of equals; None if no mean is known."""
        known = [name for name in names if self.value(name, measure) < math.inf]
        return min(known, key=lambda name: self.value(name, measure), default=None)

    def cheapest(self, measure: Measure) -> str | None:
        """Of the endpoints that meet all objectives the one of the least mean; None if none is known to."""
        return self.least([name for name in self.endpoints if self.verdict(name) is Verdict.MET], measure)


def known_measure(name: str, scenario: Scenario) -> Measure:
    """The measure of a name, if studies of the scenario measure it.

    Raises
    ------
    InputError
        If there is none of that name, or if it is a percentile that no objective asks for.
    """
    try:
        measure = find(name)
    except UnknownMeasureError as error:
        raise InputError(str(error)) from None
    level = level_of(measure)
    if level is not None and level not in levels_of(scenario):
        names = ", ".join(one.name for one in levels_of(scenario))
        raise InputError(f"{name} is not measured, only {names}; an objective on {name} makes it so")
    return measure


def is_better_low(measure: Measure) -> bool:
    """Whether less of a measure is better: costs, latencies and losses."""
    return measure.kind in {Kind.MONEY, Kind.DURATION} or measure.name in _LOSSES
