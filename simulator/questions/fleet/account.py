"""Places that a fleet occupies together, and what the limit of the account does where it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.endpoints import Endpoint
from simulator.measures import intervals
from simulator.measures.bill import bill
from simulator.measures.intervals import Estimate
from simulator.measures.measured import Measured
from simulator.measures.objectives import Verdict, overall
from simulator.questions.fleet.judged import judged
from simulator.questions.fleet.replication import account_limit, measured_of, measured_under_limit
from simulator.scenario.model import Scenario
from simulator.study.estimates import Sample
from simulator.study.replicate import Record, objectives_of


@dataclass(frozen=True)
class Places:
    """Places that the models on one way occupy together.

    Parameters
    ----------
    limit : int or None
        Of the account.
    peak, mean : Estimate
        Most at one instant and time average. [places]
    over_time, over : Estimate
        Share of the time above the limit, and of requests that began above it.
    highest : int
        Peak of the replication with the highest.
    grid_ns : int
        Above 1: the count is known at instants so far apart. [ns]
    """

    limit: int | None
    peak: Estimate
    mean: Estimate
    over_time: Estimate
    over: Estimate
    highest: int
    grid_ns: int

    @property
    def binds(self) -> bool:
        """Whether the limit of the account was ever exceeded."""
        return self.limit is not None and self.highest > self.limit


def places_of(scenario: Scenario, joint: Sequence[Mapping[str, float]], endpoint: Endpoint) -> Places:
    """Places occupied together, from what each replication tells (`joint.Joint`)."""
    level = scenario.confidence
    return Places(
        account_limit(scenario, endpoint),
        intervals.mean([float(one["peak"]) for one in joint], level),
        intervals.mean([float(one["mean"]) for one in joint], level),
        intervals.fraction([float(one["over_time"]) for one in joint], level),
        intervals.ratio([float(one["over"]) for one in joint], [float(one["begun"]) for one in joint], level),
        max((int(one["peak"]) for one in joint), default=0),
        max((int(one["grid_ns"]) for one in joint), default=1),
    )


@dataclass(frozen=True)
class UnderLimit:
    """What the limit of the account does to the models on some ways, all simulated together under it.

    Parameters
    ----------
    throttled, alone : Estimate
        Throttled requests of all, under the limit, and without it.
    monthly_cost : Estimate
        Of all of them under the limit. [USD]
    missed : int
        Models that miss an objective under the limit, and do not for sure without it.
    """

    throttled: Estimate
    alone: Estimate
    monthly_cost: Estimate
    missed: int


def under_limit(
    scenario: Scenario,
    records: Sequence[Record],
    scenarios: Sequence[Mapping[str, Scenario]],
    ways: Mapping[str, str],
) -> UnderLimit | None:
    """What the limit does; None if it could not be simulated.

    Parameters
    ----------
    scenario : Scenario
        Of the fleet.
    records : sequence of Record
    scenarios : sequence of mapping of str to Scenario
        Of each record, model → its scenario.
    ways : mapping of str to str
        Model → its on-demand way.
    """
    if not any(measured_under_limit(record, model, way) for record in records for model, way in ways.items()):
        return None
    level = scenario.confidence
    objectives = objectives_of(scenario)
    free: list[list[Measured]] = [[] for _ in records]
    held: list[list[Measured]] = [[] for _ in records]
    cost = [0.0] * len(records)
    missed = 0
    for model, way in ways.items():
        alone = [measured_of(record, model, way) for record in records]
        # Where a replication did not reach the limit, it changes nothing.
        under = [measured_under_limit(record, model, way) or one for record, one in zip(records, alone, strict=True)]
        bills = [
            bill(own[model].endpoint(way), one.usage, own[model].price_sheet, month_s=own[model].month)
            for own, one in zip(scenarios, under, strict=True)
        ]
        verdicts = [
            overall([judged(Sample(tuple(some), tuple(bills), level), objective) for objective in objectives])
            for some in (alone, under)
        ]
        missed += verdicts[1] is Verdict.NOT_MET and verdicts[0] is not Verdict.NOT_MET
        for place, (one, other, own_bill) in enumerate(zip(alone, under, bills, strict=True)):
            free[place].append(one)
            held[place].append(other)
            cost[place] += own_bill.monthly_cost_usd
    return UnderLimit(_throttled(held, level), _throttled(free, level), intervals.mean(cost, level), missed)


def _throttled(measured: Sequence[Sequence[Measured]], level: float) -> Estimate:
    """Throttled requests of all."""
    counts = [float(sum(sum(one.throttled) for one in of_one)) for of_one in measured]
    requests = [float(sum(one.requests for one in of_one)) for of_one in measured]
    return intervals.ratio(counts, requests, level).within(0.0, 1.0)
