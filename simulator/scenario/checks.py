"""What can be wrong between the fields of a scenario, each of which is right by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from simulator.distributions import DurationDistribution
from simulator.endpoints import BatchTransform, Endpoint, ManagedApi, OnDemand, autoscaling_of
from simulator.engines.pool import AtLimit, Pool
from simulator.errors import InputError, SimulatorError
from simulator.prices import DEFAULT_SHEET, PriceSheet, items, load_sheet
from simulator.scenario.composed_month import problems_of_month
from simulator.scenario.places import KeyPath, path_text
from simulator.scenario.wording import nearest
from simulator.traffic import NO_RATE, Closed
from simulator.traffic.arrivals import horizon_problem
from simulator.units import FOREVER, duration_text

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario

#: Path of the field and what is wrong.
Finding = tuple[KeyPath, str]

#: Of clients that may be turned away. Assumption: nobody sends again sooner. [s]
_LEAST_THINK_TIME = 1e-3
#: Kinds of endpoint that no population of clients can wait for (model.md 4.5).
_ANSWERS_NO_CLIENT = ("batch_transform", "multi_model")
#: Family of items → the field that chose the item.
_CHOSEN_BY = {
    "serverless.duration": "memory_size",
    "serverless.provisioned_allocation": "provisioned_concurrency",
    "serverless.provisioned_duration": "provisioned_concurrency",
    "real_time.instance": "instance_type",
    "real_time.storage": "volume_size",
    "function.duration": "architecture",
    "function.provisioned_allocation": "provisioned_concurrency",
    "function.provisioned_duration": "provisioned_concurrency",
    "function.ephemeral_storage": "ephemeral_storage",
    "container.idle_vcpu": "min_instances",
    "container.idle_memory": "min_instances",
    "container.instance_vcpu": "billing",
    "container.instance_memory": "billing",
    "managed_api.tokens_in": "model_id",
    "managed_api.tokens_out": "model_id",
    "managed_api.model_unit": "commitment",
}


def problems_between_fields(scenario: Scenario, sheet: PriceSheet | None) -> list[Finding]:
    """All that does not go together, in no particular order.

    Parameters
    ----------
    scenario : Scenario
        Whose fields are valid one by one.
    sheet : PriceSheet or None
        None if it could not be read: then nothing is said about single prices.
    """
    findings = [*_run(scenario), *problems_of_month(scenario)]
    for number, endpoint in enumerate(scenario.endpoints):
        where: KeyPath = ("endpoints", number)
        findings += _times(scenario, endpoint, where)
        findings += _payload(scenario, endpoint)
        findings += _tokens(scenario, endpoint)
        findings += _schedule(scenario, endpoint, where)
        findings += _jobs(scenario, endpoint, where)
        if scenario.clients is not None:
            findings += scenario.clients.problems(endpoint, where)
        if sheet is not None:
            findings += _prices(endpoint, sheet, where)
    return list(dict.fromkeys(findings))


def problems_of_endpoints(data: Mapping[str, Any], folder: Path) -> list[Finding]:
    """Prices that endpoints lack, found although something else in the scenario is wrong, so that all is told at once.

    Parameters
    ----------
    data : mapping
        The document. Only endpoints that are valid by themselves are looked at.
    folder : Path
        Folder of the scenario.
    """
    endpoints, prices = data.get("endpoints"), data.get("prices", DEFAULT_SHEET)
    try:
        sheet = load_sheet(prices, folder)
    except (SimulatorError, ValueError, TypeError):
        return []  # told by the field itself, once the rest is right
    adapter: TypeAdapter[Endpoint] = TypeAdapter(Endpoint)
    findings: list[Finding] = []
    for number, one in enumerate(endpoints if isinstance(endpoints, list) else []):
        with suppress(ValidationError):
            findings += _prices(adapter.validate_python(one, context={"folder": folder}), sheet, ("endpoints", number))
    return findings


def _run(scenario: Scenario) -> Iterator[Finding]:
    too_long = horizon_problem(scenario.horizon)
    if too_long:
        yield ("horizon",), too_long
    else:
        yield from ((("traffic",), problem) for problem in scenario.traffic.problems(scenario.horizon))
    if scenario.initial_transient >= scenario.horizon:
        transient, horizon = duration_text(scenario.initial_transient), duration_text(scenario.horizon)
        yield (
            ("initial_transient",),
            f"{transient} leaves nothing, must be less than the horizon of {horizon}",
        )
    names = [endpoint.name for endpoint in scenario.endpoints]
    for number, name in enumerate(names):
        if name in names[:number]:
            other = path_text(("endpoints", names.index(name)))
            yield ("endpoints", number, "name"), f'"{name}" is the name of {other} too; names must differ'
    if scenario.baseline not in names:
        yield ("baseline",), f'no endpoint is named "{scenario.baseline}", {nearest(scenario.baseline, names)}'
    yield from _precision(scenario, names)
    if isinstance(scenario.traffic, Closed):
        yield from _closed(scenario)
    if scenario.plan is not None:
        yield from scenario.plan.problems(scenario.endpoints)


def _closed(scenario: Scenario) -> Iterator[Finding]:
    """What a closed population does not go with."""
    for number, endpoint in enumerate(scenario.endpoints):
        if endpoint.kind in _ANSWERS_NO_CLIENT:
            yield (
                ("endpoints", number, "kind"),
                f"{endpoint.kind} does not go with closed traffic, whose clients wait for their answers; allowed are "
                "all kinds but " + " and ".join(sorted(_ANSWERS_NO_CLIENT)),
            )
    for name in ("composed_month", "fleet"):
        if getattr(scenario, name) is not None:
            yield (name,), f"is not allowed with closed traffic: {NO_RATE}"
    if isinstance(scenario.traffic, Closed) and scenario.traffic.think_time.mean() < _LEAST_THINK_TIME:
        yield from _without_end(scenario, scenario.traffic.clients)


def _without_end(scenario: Scenario, clients: int) -> Iterator[Finding]:
    """Clients that hardly think, and endpoints that may turn them away: both take no time, and a run has no end."""
    turning = []
    for endpoint in scenario.endpoints:
        with suppress(ValueError):  # a pool that cannot be is told of elsewhere
            turning += [endpoint.name] if _may_turn_away(endpoint.pool(scenario.run_length), clients) else []
    if turning:
        yield (
            ("traffic", "think_time"),
            f"must be {1e3 * _LEAST_THINK_TIME:g}ms or more on average where an endpoint may turn a client away at "
            f"once, as {', '.join(turning)} may: it would send again and again in no time",
        )


def _may_turn_away(pool: Pool, clients: int) -> bool:
    """Whether a pool may throttle one of so many requests at once."""
    if pool.quota is not None:
        return min(pool.quota.requests_per_minute, pool.quota.tokens_per_minute) != FOREVER
    if not pool.launches:
        return pool.queue_limit + pool.places < clients or not (pool.standing or pool.waits_for_capacity)
    if any(rate is not None and rate.burst < clients for rate in (pool.request_rate, pool.launch_rate)):
        return True
    room = pool.queue_limit if pool.at_limit is AtLimit.QUEUE else 0
    return pool.max_concurrency + room < clients


def _precision(scenario: Scenario, names: list[str]) -> Iterator[Finding]:
    """A precision stands in place of a number of replications, and is asked of an endpoint that there is."""
    precision = scenario.precision
    if precision is None:
        return
    if "replications" in scenario.model_fields_set:
        yield (
            ("replications",),
            f"{scenario.replications} replications and a precision (precision.max_replications "
            f"{precision.max_replications}) are both given; give one of them",
        )
    if precision.endpoint is not None and precision.endpoint not in names:
        known = nearest(precision.endpoint, names)
        yield ("precision", "endpoint"), f'no endpoint is named "{precision.endpoint}", {known}'
    elif precision.difference and len(names) == 1:
        yield ("precision", "difference"), "there is one endpoint only, and nothing to take the difference from"
    elif precision.difference and precision.endpoint == scenario.baseline:
        yield (
            ("precision", "endpoint"),
            f'"{precision.endpoint}" is the baseline, and its difference from itself is always 0',
        )
    elif scenario.baseline in names and not precision.endpoints(scenario):
        which = "no endpoint here is one" if precision.endpoint is None else f'"{precision.endpoint}" is none'
        yield ("precision", "measure"), f"only {precision.of_whom} have {precision.measure}, and {which}"


def _times(scenario: Scenario, endpoint: Endpoint, where: KeyPath) -> Iterator[Finding]:
    """Service and startup times have to be given, and on average to fit into the limits."""
    service, place = endpoint.service_time, (*where, "service_time")
    if service is None:
        service, place = scenario.model.service_time, ("model", "service_time")
    if service is None:
        yield (*where, "service_time"), "missing; give it here or for all endpoints as model.service_time"
    else:
        field = "request_timeout" if endpoint.kind == "container" else "invocation_timeout"
        yield from _too_long("service time", service, field, endpoint, place)
    if not isinstance(endpoint, OnDemand):
        return
    startup, place = endpoint.startup_time, (*where, "startup_time")
    if startup is None:
        startup, place = scenario.model.startup_time, ("model", "startup_time")
    if startup is None:
        yield (*where, "startup_time"), "missing; give it here or for all endpoints as model.startup_time"
    else:
        yield from _too_long("startup time", startup, "startup_limit", endpoint, place)


def _too_long(
    what: str, time: DurationDistribution, field: str, endpoint: Endpoint, place: KeyPath
) -> Iterator[Finding]:
    limit: Any = getattr(endpoint, field, "none")
    mean = time.mean()
    if limit != "none" and mean > limit:
        which = what if time.constant() is not None else f"mean {what}"
        yield (
            place,
            f"{which} {duration_text(mean)} is longer than the {field} of {endpoint.name}, {duration_text(limit)}",
        )


def _schedule(scenario: Scenario, endpoint: Endpoint, where: KeyPath) -> Iterator[Finding]:
    """Scheduled actions must leave a capacity between the bounds, whenever one of them is taken."""
    follows = autoscaling_of(endpoint)
    if follows is None or horizon_problem(scenario.horizon):
        return
    found = follows.problem_of_schedule(scenario.run_length)
    if found is not None:
        number, problem = found
        yield (*where, "autoscaling", "scheduled_actions", number), problem


def _payload(scenario: Scenario, endpoint: Endpoint) -> Iterator[Finding]:
    model = scenario.model
    for problem in endpoint.check_payload(largest(model.payload_in)[0], largest(model.payload_out)[0]):
        field = "payload_in" if problem.startswith("payload_in") else "payload_out"
        yield ("model", field), problem


def _jobs(scenario: Scenario, endpoint: Endpoint, where: KeyPath) -> Iterator[Finding]:
    """Nobody waits for the answer of a job."""
    clients = scenario.clients
    if isinstance(endpoint, BatchTransform) and clients is not None and (clients.retries or clients.patience != "none"):
        yield (
            (*where, "kind"),
            "batch_transform does not go with clients that try again or lose patience: requests lie in S3 until a job "
            "takes them; leave clients out",
        )


def _tokens(scenario: Scenario, endpoint: Endpoint) -> Iterator[Finding]:
    """Tokens have to be given where they are counted, and once."""
    model = scenario.model
    given = [name for name in ("tokens_in", "tokens_out", "tokens") if getattr(model, name) is not None]
    if len(given) == 1 and given != ["tokens"]:
        other = "tokens_out" if given == ["tokens_in"] else "tokens_in"
        yield ("model", other), f"missing, {given[0]} is given; give both, or tokens of a file in place of both"
    elif len(given) > 1 and "tokens" in given:
        yield ("model", "tokens"), f"is given beside {given[0]}; give one of them"
    elif given and scenario.traffic.tokens is not None:
        yield ("model", given[0]), "is given beside tokens of the traffic's recording; give one of them"
    elif not given and isinstance(endpoint, ManagedApi) and scenario.token_source() is None:
        yield (
            ("model", "tokens_in"),
            f"missing: {endpoint.name} is priced by the token; give tokens_in and tokens_out, tokens of a file, or "
            "name the columns of recorded traffic",
        )
    elif not given and model.tokens_scale is not None and scenario.token_source() is None:
        yield ("model", "tokens_scale"), "is given, and there are no tokens that it could scale"


def largest(sizes: Any) -> tuple[float, bool]:
    """Largest value of a distribution and True; its mean and False if it knows no largest.

    Parameters
    ----------
    sizes : Distribution
        Of any kind. [B or s]
    """
    constant = sizes.constant()
    if constant is not None:
        return constant, True
    if sizes.kind == "uniform":
        return float(sizes.high), True
    if sizes.kind == "empirical":
        return float(sizes.values_measured[-1]), True
    if sizes.kind == "shifted":
        inner, bounded = largest(sizes.by)
        return sizes.offset + inner, bounded
    if sizes.kind == "mixture":
        parts = [largest(part.of) for part in sizes.parts if part.weight > 0]
        return max(value for value, _ in parts), all(bounded for _, bounded in parts)
    return sizes.mean(), False


def _prices(endpoint: Endpoint, sheet: PriceSheet, where: KeyPath) -> Iterator[Finding]:
    for item in endpoint.price_items():
        try:
            sheet.price(item)
        except InputError as error:
            field = _CHOSEN_BY.get(items.family_of(item))
            yield (*where, field) if field else ("prices",), str(error)
