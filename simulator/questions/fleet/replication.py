"""One replication of a whole fleet: every model on each of its ways, and what all of them occupy together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from simulator.endpoints import Endpoint, MultiModel, OnDemand, Serverless
from simulator.engines.tables import Settled
from simulator.measures.measured import Measured
from simulator.questions.fleet.joint import MOST, Occupancy, Watch
from simulator.questions.fleet.together import can_share_a_limit, shared_models, under_one_limit
from simulator.scenario.fleet_models import FleetModel, models_of
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Record, Task, replicate
from simulator.units import to_ns

#: Requests at once over all endpoints of an account: 1,000 in the larger Regions of SageMaker serverless inference,
#: 500 in others (developer guide, serverless endpoints, quotas); 1,000 of AWS Lambda.
ACCOUNT_CONCURRENCY: Final = 1000
#: Between the name of a model and that of an endpoint, in the names of a record.
_BETWEEN: Final = "\t"
#: Behind them where the limit of the account held.
_UNDER_LIMIT: Final = "\tunder the limit"


def account_limit(scenario: Scenario, endpoint: Endpoint) -> int | None:
    """Most requests at once over all such endpoints of the account; None if there is no limit, or none is known."""
    if not isinstance(endpoint, OnDemand):
        return None
    given = None if scenario.fleet is None else scenario.fleet.account_concurrency
    if given is not None:
        return given
    is_limited = endpoint.kind == "function" or (isinstance(endpoint, Serverless) and endpoint.platform == "sagemaker")
    return ACCOUNT_CONCURRENCY if is_limited else None


def fleet_record(
    scenario: Scenario,
    number: int,
    engine: Engine = "compiled",
    tell: Callable[[int], None] | None = None,
    only: Mapping[str, str] | None = None,
    models: tuple[FleetModel, ...] | None = None,
) -> Record:
    """One replication of a fleet: what was measured of each model on each way; ``traffic`` tells of all together.

    Each model is simulated alone on ways of its own. Where all of them together then occupy more places than the
    account has, they are simulated anew under its limit, if their pools can be (`measured_under_limit`). A multi-model
    endpoint serves all models that fit on it.

    Parameters
    ----------
    scenario : Scenario
        With a fleet.
    number : int
        Of the replication.
    engine : {"compiled", "reference"}
    tell : callable, optional
        Called now and then with the number of requests that were simulated since.
    only : mapping of str to str, optional
        Model → the one endpoint of its own that serves it; others are left out. Places are then those of all together.
    models : tuple of FleetModel, optional
        Of that replication, if they are known.
    """
    tell = tell or (lambda _: None)
    models = models if models is not None else models_of(scenario, number)
    ways = [one for one in scenario.endpoints if isinstance(one, OnDemand)]
    together = {"": Occupancy()} if only is not None else {one.name: Occupancy(MOST // len(ways)) for one in ways}
    shared = [one.name for one in scenario.endpoints if isinstance(one, MultiModel)]
    measured: dict[str, Measured] = {}
    requests = 0
    for model in models:
        names = _own_ways(model, shared, only)
        if not names:
            continue
        watches = {one.name: Watch(together["" if only is not None else one.name]) for one in ways if one.name in names}

        def watch(name: str, settled: Settled, watches: dict[str, Watch] = watches) -> None:
            if name in watches:
                watches[name](settled)

        (record,) = replicate(Task(model.scenario, (number,), engine, names), tell, watch)
        requests += record.requests
        measured |= {f"{model.name}{_BETWEEN}{name}": one for name, one in record.measured.items()}
    span = to_ns(scenario.initial_transient), to_ns(scenario.horizon)
    limits = {one.name: account_limit(scenario, one) for one in ways}
    limits[""] = min((one for one in limits.values() if one is not None), default=None)
    joint: dict[str, Any] = {name: one.measured(*span, limits[name]).facts() for name, one in together.items()}
    for name in together:
        limit = limits[name]
        if limit is not None and joint[name]["peak"] > limit:
            under = _under_limit(models, name, only, limit, number, engine, tell)
            measured |= {f"{model}{_BETWEEN}{way}{_UNDER_LIMIT}": one for (model, way), one in under.items()}
    for way in () if only is not None else shared:
        found, count = _on_shared(models, way, number, engine, tell)
        measured |= found
        requests = max(requests, count)
    return Record(number, {"requests": requests, "joint": joint}, measured, {})


def _own_ways(model: FleetModel, shared: Sequence[str], only: Mapping[str, str] | None) -> tuple[str, ...]:
    """The ways that serve one model alone, as far as they are asked for."""
    wanted = None if only is None else only.get(model.name)
    return tuple(one for one in model.ways if one not in shared and (only is None or one == wanted))


def _under_limit(
    models: Sequence[FleetModel],
    name: str,
    only: Mapping[str, str] | None,
    limit: int,
    number: int,
    engine: Engine,
    tell: Callable[[int], None],
) -> dict[tuple[str, str], Measured]:
    """(Model, way) → what was measured under the account's limit; nothing where a pool cannot be simulated so."""
    ways = {one.name: name if only is None else only.get(one.name, "") for one in models}
    served = [
        one
        for one in models
        if ways[one.name] in one.ways and isinstance(one.scenario.endpoint(ways[one.name]), OnDemand)
    ]
    if not all(can_share_a_limit(one.scenario.pool(one.scenario.endpoint(ways[one.name]))) for one in served):
        return {}
    found = under_one_limit(served, ways, limit, number, engine, tell)
    return {(model, ways[model]): one for model, one in found.items()}


def _on_shared(
    models: Sequence[FleetModel], way: str, number: int, engine: Engine, tell: Callable[[int], None]
) -> tuple[dict[str, Measured], int]:
    """What was measured of a multi-model endpoint, and how many requests came to it."""
    fitting = [one for one in models if way in one.ways]
    if not fitting:
        return {}, 0
    whole, parts = shared_models(fitting, way, number, engine, tell)
    found = {f"{model}{_BETWEEN}{way}": one for model, one in parts.items()}
    return {f"{_BETWEEN}{way}": whole, **found}, whole.requests


def measured_of(record: Record, model: str, way: str) -> Measured:
    """What was measured of a model on one of its ways."""
    return record.measured[f"{model}{_BETWEEN}{way}"]


def measured_under_limit(record: Record, model: str, way: str) -> Measured | None:
    """The same under the limit of the account, where it was reached and could be simulated; else None."""
    return record.measured.get(f"{model}{_BETWEEN}{way}{_UNDER_LIMIT}")


def measured_of_all(record: Record, way: str) -> Measured | None:
    """What was measured of a multi-model endpoint, all its models together; None if none fits on it."""
    return record.measured.get(f"{_BETWEEN}{way}")
