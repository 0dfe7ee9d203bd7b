"""Advice on serverless endpoints: outgrown, provisioned or given memory beyond need, limited too low or too high."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.endpoints import Endpoint, Serverless
from simulator.measures import intervals
from simulator.questions.advice.findings import Advice, Figure, Findings, exactly, is_above, is_below
from simulator.study.estimates import Value
from simulator.traffic import Closed

#: Share of requests throttled from which a limit counts as too low where no objective says so. Assumption.
_MUCH_THROTTLED: Final = 0.001
#: So many times what was ever needed, and by so many places more, a limit counts as far too high. Assumption.
_FAR_ABOVE: Final = 5
_PLACES_ABOVE: Final = 10


def outgrown(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Serverless that costs more than instances that meet all objectives: by itself, or for what is provisioned."""
    other = facts.best_instances
    if not isinstance(endpoint, Serverless) or other is None or endpoint.autoscaling is not None:
        return
    extra = facts.dearer(endpoint.name, other)
    if extra is None:
        return
    figures = {"extra": extra, "monthly_cost": facts.monthly(endpoint.name), "other_cost": facts.monthly(other)}
    if endpoint.provisioned_concurrency and not facts.scenario.free_tier:
        alone = facts.on_demand_alone(endpoint)
        difference = facts.less(alone, facts.sample(other).column("monthly_cost"))
        if is_below(difference, 0.0):
            fixed = facts.measure(endpoint.name, "monthly_fixed")
            figures |= {"allocation": fixed, "on_demand_alone": Figure(facts.mean(alone), "USD")}
            yield Advice("provisioned_erases_saving", endpoint.name, figures, other)
            return
        if not is_above(difference, 0.0):
            return
    found = None if endpoint.provisioned_concurrency else facts.break_even(other, endpoint.name)
    if found is not None and not isinstance(facts.scenario.traffic, Closed):  # whose rate is the endpoint's doing
        measured = facts.sample(endpoint.name).measured
        rate = facts.mean([one.requests * 1e9 / one.span_ns for one in measured])
        figures |= {"rate": Figure(rate, "1/s"), "break_even_rate": Figure(facts.mean(found[1]), "1/s")}
    yield Advice("outgrown_serverless", endpoint.name, figures, other)


def _twins(facts: Findings, endpoint: Serverless, *apart: str) -> Iterator[Serverless]:
    """Other serverless endpoints that meet all objectives and differ in nothing but their names and these fields."""
    left_out = {"name", *apart}
    own = endpoint.model_dump(exclude=left_out)
    for other in facts.serverless:
        if other is not endpoint and other.model_dump(exclude=left_out) == own and facts.meets(other.name):
            yield other


def needless_provisioned(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Provisioned concurrency although the same endpoint meets all objectives without it, and costs less."""
    if not isinstance(endpoint, Serverless) or not endpoint.provisioned_concurrency or not facts.scenario.objectives:
        return
    if endpoint.autoscaling is not None:
        return
    without = [one for one in _twins(facts, endpoint, "provisioned_concurrency") if not one.provisioned_concurrency]
    extra = facts.dearer(endpoint.name, without[0].name) if without else None
    if extra is not None:
        other = without[0].name
        figures = {
            "extra": extra,
            "cold_start_fraction": facts.measure(endpoint.name, "cold_start_fraction"),
            "cold_start_fraction_without": facts.measure(other, "cold_start_fraction"),
        }
        yield Advice("needless_provisioned", endpoint.name, figures, other)


def large_memory(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """More memory although the same endpoint with less meets all objectives, and costs less."""
    if not isinstance(endpoint, Serverless) or not facts.scenario.objectives:
        return
    smaller = [
        other
        for other in _twins(facts, endpoint, "memory_size", "service_time", "startup_time")
        if other.memory_size < endpoint.memory_size
    ]
    best = facts.cheapest(smaller)
    extra = None if best is None else facts.dearer(endpoint.name, best)
    if best is None or extra is None:
        return
    other = next(one for one in smaller if one.name == best)
    figures = {
        "extra": extra,
        "memory_size": exactly(endpoint.memory_size, "MB"),
        "smaller_memory_size": exactly(other.memory_size, "MB"),
    }
    yield Advice("large_memory", endpoint.name, figures, best)


def idle_provisioned(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """Provisioned concurrency more than ever needed, or used too little to pay for itself (unless it is needless)."""
    if not isinstance(endpoint, Serverless) or not endpoint.provisioned_concurrency or endpoint.autoscaling is not None:
        return
    count, sample = endpoint.provisioned_concurrency, facts.sample(endpoint.name)
    most = max(one.concurrency_max for one in sample.measured)
    used: list[Value] = [one.usage.standing_ns / one.usage.instance_ns for one in sample.measured]
    enough: list[Value] = []
    for one in sample.bills:
        allocation, on_demand, standing = (
            float(one.line(name).price.value) for name in ("provisioned_allocation", "duration", "provisioned_duration")
        )
        enough.append(allocation / (on_demand - standing) if on_demand > standing else None)
    figures = {"used_share": Figure(facts.mean(used), "1"), "break_even_share": Figure(facts.mean(enough), "1")}
    if most < count:
        saved = [
            float(one.line("provisioned_allocation").exact_usd * one.months) * (count - most) / count
            for one in sample.bills
        ]
        figures |= {
            "most_needed": exactly(most, "instances"),
            "provisioned": exactly(count, "instances"),
            "saving": Figure(facts.mean(saved), "USD"),
            "chance_of_more": Figure(intervals.proportion(0, len(sample.measured), facts.scenario.confidence), "1"),
        }
        yield Advice("oversized_provisioned", endpoint.name, figures)
    elif is_below(facts.less(used, enough), 0.0) and not any(needless_provisioned(facts, endpoint)):
        yield Advice("idle_provisioned", endpoint.name, figures)


def limit(facts: Findings, endpoint: Endpoint) -> Iterator[Advice]:
    """A concurrency limit that throttles more than is allowed, or that is far above what was ever needed."""
    if not isinstance(endpoint, Serverless) or endpoint.max_concurrency == "none":
        return
    sample = facts.sample(endpoint.name)
    shares: list[Value] = [
        limited / requests if requests else None
        for limited, requests in zip(sample.column("throttled_concurrency"), sample.column("requests"), strict=True)
        if limited is not None
    ]
    throttled = intervals.fraction(shares, facts.scenario.confidence)
    allowed = [
        one.objective.limit
        for one in facts.judgements[endpoint.name]
        if one.objective.measure.name == "throttled_fraction" and one.objective.comparison in {"<", "<="}
    ]
    limit = exactly(endpoint.max_concurrency, "places")
    if is_above(throttled, min(allowed, default=_MUCH_THROTTLED)):
        yield Advice("low_limit", endpoint.name, {"throttled_fraction": Figure(throttled, "1"), "limit": limit})
        return
    most = max(one.concurrency_max for one in sample.measured)
    if 0 < most * _FAR_ABOVE <= endpoint.max_concurrency >= most + _PLACES_ABOVE:
        yield Advice("high_limit", endpoint.name, {"most_needed": exactly(most, "places"), "limit": limit})
