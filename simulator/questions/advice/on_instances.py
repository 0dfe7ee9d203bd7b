"""Advice on instances: too few of them, or hardly used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.endpoints import Endpoint, RealTime
from simulator.measures.intervals import Estimate
from simulator.questions.advice.findings import Advice, Figure, Findings, exactly, is_above, is_below
from simulator.scenario.model import Scenario
from simulator.study.estimates import Value
from simulator.study.results import Study
from simulator.traffic import Closed

#: Share of time without a request from which an instance counts as idle. Assumption.
_IDLE: Final = 0.95
#: Share of hours without any request from which an endpoint counts as one that is seldom used. Assumption.
_QUIET_HOURS: Final = 1 / 3
#: Hours that a replication has at least for a share of them.
_LEAST_HOURS: Final = 24
_HOUR_S: Final = 3600.0


def underused(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Instances used less than the utilization at which serverless costs as much."""
    other = facts.best_on_demand
    if not isinstance(endpoint, RealTime) or other is None:
        return
    found = facts.break_even(endpoint.name, other)
    saving = facts.dearer(endpoint.name, other)
    if found is None or saving is None:
        return
    utilization = facts.sample(endpoint.name).column("utilization")
    if not is_below(facts.less(utilization, found[0]), 0.0):
        return
    missed = () if facts.meets(other) else facts.not_known_to_meet(other)
    figures = {
        "utilization": facts.measure(endpoint.name, "utilization"),
        "break_even_utilization": Figure(facts.mean(found[0]), "1"),
        "saving": saving,
    }
    yield Advice("underused_instances", endpoint.name, figures, other, missed)


def idle(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Instances without a request nearly always, in hours most of which bring none."""
    if not isinstance(endpoint, RealTime):
        return
    sample = facts.sample(endpoint.name)
    shares: list[Value] = [
        1 - measured.busy_ns / measured.there_ns if measured.there_ns else None for measured in sample.measured
    ]
    idle = facts.mean(shares)
    empty = _empty_hours(facts.study, endpoint.name)
    if not is_above(idle, _IDLE) or empty is None or empty < _QUIET_HOURS:
        return
    figures = {
        "idle_share": Figure(idle, "1"),
        "empty_hours_share": Figure(Estimate(empty, None, None, facts.scenario.confidence, 1, "replication 0"), "1"),
        "monthly_cost": facts.monthly(endpoint.name),
    }
    yield Advice("idle_instances", endpoint.name, figures)


def _empty_hours(study: Study, name: str) -> float | None:
    """Share of whole hours of replication 0 without a request; None where its series cannot tell."""
    series = next((one.timelines[name] for one in study.records if name in one.timelines), None)
    if series is None:
        return None
    periods, rest = divmod(int(_HOUR_S * 1e9), series.period_ns)
    hours = len(series.arrivals) // periods if periods and not rest else 0
    if hours < _LEAST_HOURS:
        return None
    counts = series.arrivals[: hours * periods].reshape(hours, periods).sum(axis=1)
    return float((counts == 0).mean())


def overloaded(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Instances offered as much work as they have workers, or more: on the whole run, or in its busiest hour.

    Never under a closed population, which sends no more than is answered.
    """
    if isinstance(facts.scenario.traffic, Closed):
        return
    if not isinstance(endpoint, RealTime) or not endpoint.initial_instance_count or endpoint.autoscaling is not None:
        return
    workers = endpoint.initial_instance_count * endpoint.workers_per_instance
    scenarios = [facts.scenario.realised(record.number) for record in facts.study.records]
    times = [one.service_time(one.endpoint(endpoint.name)).mean() for one in scenarios]
    measured = facts.sample(endpoint.name).measured
    load = facts.mean([one.requests * time * 1e9 / one.span_ns for one, time in zip(measured, times, strict=True)])
    busiest = facts.mean([_busiest_hour(one) * time for one, time in zip(scenarios, times, strict=True)])
    for period, found in (("the run", load), ("the busiest hour", busiest)):
        if found.value is not None and found.low is not None and found.low >= workers:
            needed = int(found.value // endpoint.workers_per_instance) + 1
            figures = {
                "offered_load": Figure(found, "erlangs"),
                "workers": exactly(workers, "workers"),
                "instances_more": exactly(needed - endpoint.initial_instance_count, "instances"),
            }
            yield Advice("overloaded_instances", endpoint.name, figures, period)
            return


def _busiest_hour(scenario: Scenario) -> float:
    """Expected rate of the busiest hour of a run, hours counted from its start [1/s]."""
    hours = int(scenario.horizon // _HOUR_S)
    counts = [
        scenario.traffic.expected_count(hour * _HOUR_S, (hour + 1) * _HOUR_S, scenario.clock) for hour in range(hours)
    ]
    return max(counts, default=0.0) / _HOUR_S
