"""What is known of candidates before anything is simulated: they cannot meet an objective, or others cannot be dearer.

Only what follows from prices, from the mean rate of the traffic and from mean service times is used here, never an
estimate from replications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from simulator.endpoints import Endpoint, RealTime, Serverless
from simulator.measures.objectives import Objective
from simulator.prices import PriceSheet, items
from simulator.questions.plan.candidates import Candidate, offered_load
from simulator.scenario.model import Scenario

#: Parts into which a run is cut to follow a queue that grows.
_PARTS: Final = 240
#: A bound must be broken by this factor before a candidate is left out for it: replications spread around it.
_MARGIN: Final = 2.0
SAME_FOR_LESS: Final = "gives the same latencies at lower prices"


def fixed_usd(scenario: Scenario, endpoint: Endpoint) -> float:
    """What an endpoint costs a month whatever the traffic does: instances, or provisioned concurrency [USD].

    0 where prices or the endpoint itself are uncertain, where a free tier may take some of it off, for kinds of
    endpoints that a plan takes as they are, and where capacity follows the load.
    """
    if scenario.assumed or scenario.free_tier:
        return 0.0
    sheet, month = scenario.price_sheet, Fraction(scenario.month)
    if isinstance(endpoint, RealTime):
        if endpoint.autoscaling is not None:
            return 0.0
        hourly = Fraction(sheet.price(items.instance_item(endpoint.instance_type)).value)
        return float(endpoint.initial_instance_count * hourly * month / 3600)
    if not isinstance(endpoint, Serverless) or not endpoint.provisioned_concurrency or endpoint.autoscaling is not None:
        return 0.0
    allocation = Fraction(sheet.price(items.provisioned_allocation_item(endpoint.memory_size)).value)
    return float(endpoint.provisioned_concurrency * allocation * month)


def with_reasons(
    candidates: Sequence[Candidate], scenario: Scenario, objectives: Sequence[Objective], model_memory: int | None
) -> list[Candidate]:
    """The candidates, those that need not be simulated with the reason.

    Parameters
    ----------
    candidates : sequence of Candidate
        None of them pruned.
    scenario : Scenario
        Whose endpoints they are, in the same order.
    objectives : sequence of Objective
    model_memory : int or None
        What the model needs. [MB]
    """
    found = []
    for one, endpoint in zip(candidates, scenario.endpoints, strict=True):
        reason = _too_small(endpoint, model_memory) or _too_dear(scenario, endpoint, objectives)
        if not reason and not scenario.assumed and scenario.pool(endpoint).is_plain:
            reason = _overloaded(scenario, endpoint, objectives)
        found.append(replace(one, pruned=reason))
    if scenario.assumed:
        return found
    fit = [
        (one, endpoint)
        for one, endpoint in zip(found, scenario.endpoints, strict=True)
        if not _too_small(endpoint, model_memory) and scenario.pool(endpoint).is_plain
    ]
    return [
        one if one.pruned else replace(one, pruned=_dominated(one, endpoint, fit, scenario.price_sheet))
        for one, endpoint in zip(found, scenario.endpoints, strict=True)
    ]


def _too_small(endpoint: Endpoint, model_memory: int | None) -> str:
    if not isinstance(endpoint, Serverless) or model_memory is None or endpoint.memory_size >= model_memory:
        return ""
    return f"{endpoint.memory_size} MB is less than the model needs, {model_memory} MB"


def _too_dear(scenario: Scenario, endpoint: Endpoint, objectives: Sequence[Objective]) -> str:
    fixed = fixed_usd(scenario, endpoint)
    for one in objectives:
        if (
            one.measure.name in {"monthly_cost", "monthly_fixed"}
            and one.comparison in {"<", "<="}
            and fixed > one.limit
        ):
            return f"its fixed cost alone, ${fixed:,.2f} a month, breaks {one.text}"
    return ""


def _overloaded(scenario: Scenario, endpoint: Endpoint, objectives: Sequence[Objective]) -> str:
    """Why more work arrives than it can do, if that is sure to break an objective."""
    load = offered_load(scenario, endpoint)
    places = _places(endpoint)
    if places is None or load < places:
        return ""
    requests = scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock)
    words = f"the offered load is {load:.3g}, it serves {places} at once"
    wait = _longest_wait(scenario, endpoint, places)
    if isinstance(endpoint, RealTime) and places == 0:
        return "it has no instance"
    # Whoever is not served, nor left over at the end, was refused or gave up.
    rest = (places + _room(endpoint)) / requests if requests else 1.0
    lost = 1 - places / load - min(rest, 1.0)
    can_give_up = wait is not None
    names = (
        {"failed_fraction"}
        if can_give_up and isinstance(endpoint, RealTime)
        else {"failed_fraction", "throttled_fraction"}
    )
    for one in objectives:
        is_upper = one.comparison in {"<", "<="}
        if one.measure.name in names and is_upper and lost > _MARGIN * one.limit:
            return f"{words}: at least {100 * lost:.2g} % of the requests are lost, which breaks {one.text}"
        if one.share is None or one.limit_ns is None or not is_upper or not isinstance(endpoint, RealTime):
            continue
        limit_s = _MARGIN * one.limit_ns / 1e9
        if wait is not None and wait <= limit_s:
            continue
        late = _late_share(scenario, endpoint, places, limit_s)
        if late > _MARGIN * float(1 - one.share):
            return f"{words}: the queue grows through the run, which breaks {one.text}"
    return ""


def _places(endpoint: Endpoint) -> int | None:
    if isinstance(endpoint, RealTime):
        return endpoint.initial_instance_count * endpoint.workers_per_instance
    if not isinstance(endpoint, Serverless) or endpoint.max_concurrency == "none":
        return None
    return endpoint.max_concurrency


def _room(endpoint: Endpoint) -> float:
    """Requests that may wait."""
    if not isinstance(endpoint, RealTime):
        return 0.0
    if endpoint.queue_limit == "none":
        return float("inf")
    return float(endpoint.queue_limit * endpoint.initial_instance_count)


def _longest_wait(scenario: Scenario, endpoint: Endpoint, places: int) -> float | None:
    """Longest that a request waits on average behind a full queue, or until it gives up; None without end [s]."""
    if not isinstance(endpoint, RealTime) or not places:
        return None
    waits = (
        [] if endpoint.queue_limit == "none" else [_room(endpoint) * scenario.service_time(endpoint).mean() / places]
    )
    if endpoint.invocation_timeout != "none":
        waits.append(endpoint.invocation_timeout)
    return min(waits, default=None)


def _late_share(scenario: Scenario, endpoint: RealTime, places: int, limit_s: float) -> float:
    """Share of the requests that arrive while the expected work in front of them takes longer than a limit.

    The expected work is at least what arrives less what all workers together can do, followed along the mean rate.
    """
    service = scenario.service_time(endpoint).mean()
    length = scenario.horizon / _PARTS
    work, late, total = 0.0, 0.0, 0.0
    for part in range(_PARTS):
        count = scenario.traffic.expected_count(part * length, (part + 1) * length, scenario.clock)
        total += count
        late += count * (work / places > limit_s)
        work = max(0.0, work + count * service - places * length)
    return late / total if total else 0.0


def _dominated(one: Candidate, endpoint: Endpoint, fit: Sequence[tuple[Candidate, Endpoint]], sheet: PriceSheet) -> str:
    """Why another does exactly the same at lower prices, whatever comes."""
    if not isinstance(endpoint, Serverless | RealTime):
        return ""
    field = "memory_size" if isinstance(endpoint, Serverless) else "instance_type"
    ours = _prices(endpoint, sheet)
    for other, rival in fit:
        if other.name == one.name or rival.kind != endpoint.kind or other.without(field) != one.without(field):
            continue
        theirs = _prices(rival, sheet)
        if theirs != ours and all(theirs[item] <= price for item, price in ours.items()):
            return f"{other.name} {SAME_FOR_LESS}"
    return ""


def _prices(endpoint: Endpoint, sheet: PriceSheet) -> dict[str, Fraction]:
    """Family of item → price."""
    return {items.family_of(item): Fraction(sheet.price(item).value) for item in endpoint.price_items()}
