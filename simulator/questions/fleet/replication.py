"""One replication of a whole fleet: every model on each of its ways, and what all of them occupy together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from simulator.endpoints import Endpoint, OnDemand, Serverless
from simulator.engines.tables import Settled
from simulator.measures.measured import Measured
from simulator.questions.fleet.joint import MOST, Occupancy, Watch
from simulator.scenario.fleet_models import FleetModel, models_of
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Record, Task, replicate
from simulator.units import to_ns

#: Requests at once over all endpoints of an account: 1,000 in the larger Regions of SageMaker serverless inference,
#: 500 in others (developer guide, serverless endpoints, quotas); 1,000 of AWS Lambda.
ACCOUNT_CONCURRENCY: Final = 1000
#: Between the name of a model and that of an endpoint, in the names of a record.
_BETWEEN: Final = "\t"


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

    A way that serves all models at once, such as one multi-model endpoint, belongs here: simulated once a replication
    under the requests of all models together, each with the number of its model.

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
        Model → the one endpoint that serves it; others are left out. Places are then those of all together.
    models : tuple of FleetModel, optional
        Of that replication, if they are known.
    """
    ways = [one for one in scenario.endpoints if isinstance(one, OnDemand)]
    together = {"": Occupancy()} if only is not None else {one.name: Occupancy(MOST // len(ways)) for one in ways}
    measured: dict[str, Measured] = {}
    requests = 0
    for model in models if models is not None else models_of(scenario, number):
        names = model.ways if only is None else tuple(one for one in model.ways if one == only.get(model.name))
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
    return Record(number, {"requests": requests, "joint": joint}, measured, {})


def measured_of(record: Record, model: str, way: str) -> Measured:
    """What was measured of a model on one of its ways."""
    return record.measured[f"{model}{_BETWEEN}{way}"]
