"""What a reader of results must know about what went in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.distributions.tokens import Pairs
from simulator.endpoints import Container, Function, ManagedApi, MultiModel, Serverless
from simulator.scenario.checks import largest
from simulator.units import duration_text, size_text

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario

#: Models that answer faster are rare enough for the unit to be looked at once more (a judgement, no rule).
_FAST_S: Final = 1e-3


def remarks_on(scenario: Scenario) -> list[str]:
    """One sentence each: traffic, what is left out, service times too alike or very short, payloads, prices."""
    return [
        *scenario.traffic.notes(),
        *scenario.traffic.remarks(scenario.horizon),
        *_one_model(scenario),
        *_left_out(scenario),
        *_composed_month(scenario),
        *_equal_service_times(scenario),
        *_short_service_times(scenario),
        *_payloads(scenario),
        *_tokens(scenario),
        *_prices(scenario),
    ]


def _one_model(scenario: Scenario) -> Iterator[str]:
    """What questions that know nothing of a fleet make of it."""
    if scenario.fleet is not None:
        yield (
            "Only `endpointsim fleet` parts the traffic among the models of the fleet; every other question takes it "
            "for that of one model."
        )
    elif shared := [one.name for one in scenario.endpoints if isinstance(one, MultiModel)]:
        yield f"Without a fleet {', '.join(shared)} has one model, which is loaded once on each instance."


def _left_out(scenario: Scenario) -> Iterator[str]:
    if scenario.initial_transient > 0:
        yield (
            f"The first {duration_text(scenario.initial_transient)} of each replication (initial_transient) count in "
            "no measure and in no cost."
        )


def _composed_month(scenario: Scenario) -> Iterator[str]:
    month = scenario.composed_month
    if month is None:
        return
    factor = f"times a lognormal factor of mean 1 and coefficient of variation {month.day_to_day_cv:.3g}"
    yield (
        f"Each replication is a day by itself, its traffic {factor if month.day_to_day_cv else 'as it is'} "
        "(composed_month): what one day leaves to the next, and weekdays, are left out."
    )
    if scenario.assumed:
        yield "No months are composed of days that each have assumptions of their own: give certain values for that."


def _equal_service_times(scenario: Scenario) -> Iterator[str]:
    """Endpoints on different hardware that are said to be equally fast: the comparison is then wrong by the speed."""
    alike: dict[str, dict[str, list[str]]] = {}
    for endpoint in scenario.endpoints:
        if isinstance(endpoint, ManagedApi):  # the service time of an API is that to the first token
            continue
        time = scenario.service_time(endpoint).model_dump_json()
        alike.setdefault(time, {}).setdefault(_hardware(endpoint), []).append(endpoint.name)
    for machines in alike.values():
        if len(machines) > 1:
            named = "; ".join(f"{', '.join(names)} on {machine}" for machine, names in machines.items())
            yield (
                f"Equal service times on different hardware ({named}): if one is faster, give each endpoint its own "
                "service_time."
            )


def _hardware(endpoint: Any) -> str:
    if isinstance(endpoint, Serverless):
        return f"{endpoint.memory_size}MB of serverless memory"
    if isinstance(endpoint, Function):
        return f"{endpoint.memory_size}MB of a function on {endpoint.architecture}"
    if isinstance(endpoint, Container):
        return f"{endpoint.vcpu:g} vCPU and {endpoint.memory_size}MB of a container"
    return str(endpoint.instance_type)


def _short_service_times(scenario: Scenario) -> Iterator[str]:
    for endpoint in scenario.endpoints:
        mean = scenario.service_time(endpoint).mean()
        if mean < _FAST_S:
            yield f"Mean service time on {endpoint.name} is {duration_text(mean)}, less than 1ms: is the unit right?"


def _payloads(scenario: Scenario) -> Iterator[str]:
    for name in ("payload_in", "payload_out"):
        mean, bounded = largest(getattr(scenario.model, name))
        if not bounded:
            yield (
                f"{name} (mean {size_text(mean)}) has no largest value: requests beyond the platform's limit are "
                "simulated, the platform would refuse them."
            )


def _tokens(scenario: Scenario) -> Iterator[str]:
    """Recorded tokens that no longer belong to the requests that had them."""
    counts = any(isinstance(one, ManagedApi) for one in scenario.endpoints)
    if counts and scenario.model.tokens is None and isinstance(scenario.token_source(), Pairs):
        yield (
            f"Tokens are drawn from those of the recording, in pairs: {scenario.traffic.kind} traffic mixes or moves "
            "its requests, and they no longer have their own."
        )


def _prices(scenario: Scenario) -> Iterator[str]:
    from simulator.prices import list_sheets

    if scenario.price_sheet.digest not in {sheet.digest for sheet in list_sheets()}:
        yield f"Prices are not those of a bundled sheet: {scenario.price_sheet.id}."
