"""What advice looks at: a study's endpoints, who meets the objectives, who is cheapest, where costs cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from simulator.endpoints import Endpoint, RealTime, Serverless
from simulator.measures import intervals
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict, overall
from simulator.study.estimates import Sample, Value
from simulator.study.results import Study


@dataclass(frozen=True)
class Figure:
    """A number that advice rests on.

    Parameters
    ----------
    estimate : Estimate
        With its interval where it has one.
    unit : str
        As in the catalogue of measures: ``1`` for shares, ``USD`` (a month), ``1/s``, or a thing that is counted.
    """

    estimate: Estimate
    unit: str


@dataclass(frozen=True)
class Advice:
    """One thing that the numbers say about an endpoint; put in words by the report.

    Parameters
    ----------
    rule : str
        Which rule spoke; the report has words for each.
    endpoint : str
        Whom it is about.
    figures : dict of str to Figure
        What it rests on.
    other : str
        The endpoint that it is compared with; empty where there is none.
    missed : tuple of str
        Objectives that the other endpoint is not known to meet.
    """

    rule: str
    endpoint: str
    figures: dict[str, Figure] = field(default_factory=dict)
    other: str = ""
    missed: tuple[str, ...] = ()


class Findings:
    """A study as rules of advice look at it.

    Parameters
    ----------
    study : Study
        With two replications or more.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.scenario = study, study.scenario
        self.judgements = study.judgements()

    @cached_property
    def endpoints(self) -> list[Endpoint]:
        """Those that are the same in all replications; an endpoint with uncertain fields is many endpoints."""
        varied = {one.path[1] for one in self.scenario.assumed if one.path[0] == "endpoints"}
        return [one for position, one in enumerate(self.scenario.endpoints) if position not in varied]

    @cached_property
    def serverless(self) -> list[Serverless]:
        """Serverless endpoints in the order of the scenario."""
        return [one for one in self.endpoints if isinstance(one, Serverless)]

    @cached_property
    def best_instances(self) -> str | None:
        """The cheapest real-time endpoint that meets all objectives."""
        return self.cheapest([one for one in self.endpoints if isinstance(one, RealTime)])

    @cached_property
    def best_on_demand(self) -> str | None:
        """The cheapest on-demand serverless endpoint: of those that meet all objectives, else of all."""
        on_demand = [one for one in self.serverless if not one.may_keep_ready]
        return self.cheapest(on_demand) or self._least([one.name for one in on_demand])

    def cheapest(self, among: Sequence[Endpoint]) -> str | None:
        """Of these endpoints that meet all objectives the one of least mean cost, None if there is none."""
        return self._least([one.name for one in among if self.meets(one.name)])

    def _least(self, names: Sequence[str]) -> str | None:
        costs = {name: self.monthly(name).estimate.value for name in names}
        known = {name: cost for name, cost in costs.items() if cost is not None}
        return min(known, key=lambda name: known[name], default=None)

    def meets(self, name: str) -> bool:
        """Whether an endpoint is shown to meet all objectives; if there are none, whether it completed a request."""
        has_completed = any(one.completed for one in self.sample(name).measured)
        return has_completed and overall(self.judgements[name]) is Verdict.MET

    def not_known_to_meet(self, name: str) -> tuple[str, ...]:
        """Objectives that an endpoint is not shown to meet."""
        return tuple(one.objective.text for one in self.judgements[name] if one.verdict is not Verdict.MET)

    def sample(self, name: str) -> Sample:
        """Its replications."""
        return self.study.sample(name)

    def mean(self, values: Sequence[float | None]) -> Estimate:
        """Mean over replications with its interval."""
        return intervals.mean(values, self.scenario.confidence)

    def less(self, ours: Sequence[Value], theirs: Sequence[Value]) -> Estimate:
        """Mean paired difference with its interval."""
        return intervals.difference(ours, theirs, self.scenario.confidence)

    def measure(self, name: str, measure: str) -> Figure:
        """A measure of an endpoint by its name in the catalogue."""
        return Figure(self.sample(name).estimate(find(measure)), find(measure).unit)

    def monthly(self, name: str) -> Figure:
        """What an endpoint costs a month."""
        return self.measure(name, "monthly_cost")

    def dearer(self, name: str, other: str) -> Figure | None:
        """By how much one endpoint costs more than another a month, paired; None where it is not known to."""
        difference = self.sample(name).less(self.sample(other), find("monthly_cost"))
        return Figure(difference, "USD") if is_above(difference, 0.0) else None

    def break_even(self, instances: str, serverless: str) -> tuple[list[Value], list[Value]] | None:
        """Utilization and rate [1/s] at which both cost the same, one of each a replication.

        u* = p_i E[S] / (w (c_s - c_i)) and λ* = n p_i / (c_s - c_i), where p_i is what time alone costs of one
        instance, c what a request costs (duration, fees, data), E[S] the service time at the instance and w its
        workers.

        References
        ----------
        .. [1] Equality of λ c_s and n p_i + λ c_i, solved for λ and for λ E[S] / (n w).
        """
        there, here = self.sample(instances), self.sample(serverless)
        endpoint = self.scenario.endpoint(instances)
        assert isinstance(endpoint, RealTime)
        if endpoint.autoscaling is not None:
            return None  # its instances cost by load, not by time alone
        places = endpoint.initial_instance_count * endpoint.workers_per_instance
        shares: list[Value] = []
        rates: list[Value] = []
        for mine, my_bill, theirs, their_bill in zip(
            there.measured, there.bills, here.measured, here.bills, strict=True
        ):
            if not (mine.usage.served and theirs.usage.served and places):
                return None
            saved = their_bill.usage_usd / theirs.usage.served - my_bill.usage_usd / mine.usage.served
            if saved <= 0 or self.scenario.free_tier:
                return None
            rate = my_bill.fixed_usd / (float(my_bill.span) * saved)
            rates.append(rate)
            shares.append(rate * mine.in_service_ns / mine.usage.served / 1e9 / places)
        return shares, rates

    def on_demand_alone(self, endpoint: Serverless) -> list[float]:
        """About what a month would cost without provisioned concurrency, the same time billed on demand [USD]."""
        costs = []
        sample = self.sample(endpoint.name)
        for measured, bill in zip(sample.measured, sample.bills, strict=True):
            price = float(bill.line("duration").price.value)
            seconds = (measured.usage.on_demand_ns + measured.usage.standing_ns) / 1e9
            others = sum(line.usd for line in bill.lines if line.name in ("data_in", "data_out", "requests"))
            costs.append((seconds * price + others) * float(bill.months))
        return costs


def is_above(estimate: Estimate, limit: float) -> bool:
    """Whether the whole interval lies above a limit."""
    return estimate.low is not None and estimate.low > limit


def is_below(estimate: Estimate, limit: float) -> bool:
    """Whether the whole interval lies below a limit."""
    return estimate.high is not None and estimate.high < limit


def exactly(value: float, unit: str) -> Figure:
    """A number that is known, not estimated."""
    return Figure(Estimate(value, None, None, 0.95, 1, "exact"), unit)
