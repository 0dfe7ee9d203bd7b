"""Estimates over the replications of one endpoint: each measure with the interval that suits its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from simulator.measures import intervals
from simulator.measures.bill import Bill, bill
from simulator.measures.catalogue import MEASURES, Kind, Measure, find
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate
from simulator.measures.measured import Measured
from simulator.measures.objectives import Judgement, Objective, judge
from simulator.measures.percentiles import LEVELS, Level, rank
from simulator.scenario.model import Scenario
from simulator.study.replicate import Record

#: Measures of a month; they come from multiplying the measured part up unless it is a month long.
MONTHLY: Final = ("monthly_cost", "monthly_fixed", "monthly_usage")
Value = float | int | None


def measures_of(levels: Sequence[Level]) -> list[Measure]:
    """Every measure in the order of the catalogue, with further percentile levels after the usual ones."""
    extra = [find(level.name) for level in levels if level not in LEVELS]
    names = list(MEASURES)
    after = names.index(LEVELS[-1].name) + 1
    return [*(MEASURES[name] for name in names[:after]), *extra, *(MEASURES[name] for name in names[after:])]


@dataclass(frozen=True)
class Sample:
    """The replications of one endpoint, in order of number.

    Parameters
    ----------
    measured : tuple of Measured
        What was measured in each.
    bills : tuple of Bill
        What each cost.
    confidence : float
        Level of intervals.
    claims, claimed_differences : mapping of str to Estimate
        Measures whose interval decided when to stop, with the interval that may be claimed then
        (`study.precision.reported`); of themselves, and of their difference from the baseline.
    """

    measured: tuple[Measured, ...]
    bills: tuple[Bill, ...]
    confidence: float
    claims: Mapping[str, Estimate] = field(default_factory=dict)
    claimed_differences: Mapping[str, Estimate] = field(default_factory=dict)

    @cached_property
    def values(self) -> list[dict[str, Value]]:
        """Measures of each replication by name; None, or no entry, is no data."""
        return [{**one.values(), **_costs(bill)} for one, bill in zip(self.measured, self.bills, strict=True)]

    def column(self, measure: str) -> list[Value]:
        """One measure, a value a replication."""
        return [values.get(measure) for values in self.values]

    @cached_property
    def is_a_month(self) -> bool:
        """Whether the measured part is as long as the month of monthly figures."""
        return all(bill.months == 1 for bill in self.bills)

    def estimate(self, measure: Measure) -> Estimate:
        """The measure over replications, in its unit."""
        if measure.name in self.claims:
            return self.claims[measure.name]
        if measure.name == "cost_per_1000":
            costs, completed = self._cost_and_completed()
            return intervals.ratio(costs, completed, self.confidence, factor=1000.0).within(0.0)
        values = self.column(measure.name)
        is_fraction = measure.kind is Kind.SHARE and measure.name != "utilization"
        # What no replication has seen is not known to be 0 for sure: a count of 0 is told as a fraction of 0 is.
        if is_fraction or (measure.kind is Kind.COUNT and not any(values)):
            return intervals.fraction(values, self.confidence)
        greatest = 1.0 if measure.kind is Kind.SHARE else None
        estimate = intervals.mean(values, self.confidence).within(0.0, greatest)
        return replace(estimate, method=estimate.method + self._remark(measure, estimate))

    def _remark(self, measure: Measure, estimate: Estimate) -> str:
        level = level_of(measure)
        if level is not None:
            if estimate.value is None and level.least_n > 1:
                return f": fewer than {level.least_n:,} completed requests in each replication"
            if not all(one.exact for one in self.measured):
                return "; percentiles from histograms, within 0.4 %"
        if measure.name in MONTHLY and not self.is_a_month and estimate.value is not None:
            return "; measured part multiplied up to a month"
        return ""

    def _cost_and_completed(self) -> tuple[list[float], list[float]]:
        return [bill.cost_usd for bill in self.bills], [float(one.completed) for one in self.measured]

    def less(self, baseline: Sample, measure: Measure) -> Estimate:
        """The measure here less the measure of a baseline that met the same traffic, paired over replications."""
        if measure.name in self.claimed_differences:
            return self.claimed_differences[measure.name]
        if measure.name == "cost_per_1000":
            ours, theirs = self._cost_and_completed(), baseline._cost_and_completed()
            return intervals.ratio_difference(ours, theirs, self.confidence, factor=1000.0)
        return intervals.difference(self.column(measure.name), baseline.column(measure.name), self.confidence)

    @cached_property
    def histogram(self) -> Histogram:
        """Latencies of all replications together."""
        return Histogram.merged(one.histogram for one in self.measured)

    def pooled(self, level: Level) -> Estimate:
        """A percentile of the requests of all replications together [ms]."""
        total = self.histogram.total
        if 0 < total < level.least_n:
            text = f"no data: {total:,} completed requests in all, {level.least_n:,} are needed"
            return Estimate(None, None, None, self.confidence, len(self.measured), text)
        histograms = [one.histogram for one in self.measured]
        return intervals.pooled_percentile(histograms, level.share, self.confidence).times(1e-6)

    def judgement(self, objective: Objective) -> Judgement:
        """Whether the endpoint meets an objective."""
        apply = ""
        if objective.measure.name in MONTHLY and not self.is_a_month:
            apply = "replications are not a month long: what a single month does cannot be told from them"
        return judge(objective, self.estimate(objective.measure), self.held(objective), apply)

    def held(self, objective: Objective) -> list[bool | None]:
        """Whether each replication kept to an objective; percentiles by exact counts."""
        if objective.share is None or objective.threshold_ns is None:
            values = self.column(objective.measure.name)
            return [None if value is None else objective.holds(value) for value in values]
        level = Level(objective.share)
        return [
            objective.holds_for_count(one.count_below(objective.threshold_ns), rank(level.share, one.completed))
            if level.enough(one.completed)
            else None
            for one in self.measured
        ]


def sample_of(scenario: Scenario, endpoint: str, records: Sequence[Record]) -> Sample:
    """The replications of one endpoint, with their bills reckoned from what it used, at the prices of each."""
    measured = tuple(record.measured[endpoint] for record in records)
    bills = tuple(
        bill(
            one.endpoint(endpoint),
            record.measured[endpoint].usage,
            one.price_sheet,
            month_s=one.month,
            free_tier=one.free_tier,
        )
        for record in records
        for one in (scenario.realised(record.number),)
    )
    return Sample(measured, bills, scenario.confidence)


def level_of(measure: Measure) -> Level | None:
    """The percentile level of a measure, None if it is none."""
    from simulator.measures.percentiles import level

    try:
        return level(measure.name)
    except ValueError:
        return None


def _costs(bill: Bill) -> dict[str, Value]:
    return {
        "cost": bill.cost_usd,
        "monthly_cost": bill.monthly_cost_usd,
        "monthly_fixed": bill.fixed_usd * float(bill.months),
        "monthly_usage": bill.usage_usd * float(bill.months),
        "cost_per_1000": bill.cost_per_1000_usd,
    }
