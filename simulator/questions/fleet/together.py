"""All models of a fleet under one roof: one multi-model endpoint, or endpoints that share the account's limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Endpoint, MultiModel
from simulator.engines import compiled, reference
from simulator.engines.clients import Patience
from simulator.engines.compiled.account import SharedAccount as CompiledAccount
from simulator.engines.pool import Pool
from simulator.engines.reference.account import SharedAccount as ReferenceAccount
from simulator.engines.tables import Requests, Settled, Tries
from simulator.measures.measured import Measured
from simulator.measures.tally import Tally
from simulator.questions.fleet.merged import merged, taken, windows
from simulator.scenario.fleet_models import FleetModel
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, levels_of, objectives_of
from simulator.units import to_ns

#: Told the number of requests that were simulated since.
Tell = Callable[[int], None]


def shared_models(
    models: Sequence[FleetModel], way: str, replication: int, engine: Engine, tell: Tell
) -> tuple[Measured, dict[str, Measured]]:
    """What was measured of a multi-model endpoint, all models together, and of each model on it.

    What a model's own measures say of instances is that of all of them: the bill is the endpoint's.

    Parameters
    ----------
    models : sequence of FleetModel
        Those that fit on it, at least one.
    way : str
        Name of the endpoint.
    replication : int
    engine : {"compiled", "reference"}
    tell : callable
    """
    first = models[0].scenario
    endpoint = first.endpoint(way)
    assert isinstance(endpoint, MultiModel)
    pool = pool_of(first, endpoint, models)
    made: Any = compiled if engine == "compiled" else reference
    simulation = made.Simulation(pool)
    whole = _tally(first, endpoint, pool)
    parts = [_Part(_tally(one.scenario, endpoint, pool)) for one in models]

    def add(settled: Settled, before: int) -> int:
        whole.add(settled)
        for part, own in zip(parts, parted(settled, before, [one.given for one in parts]), strict=True):
            part.add(own)
        return before + len(settled.demand)

    before = 0
    for _, demands in windows(models, [way] * len(models), replication):
        block = merged(demands)
        before = add(simulation.feed(block), before)
        tell(len(block))
    add(simulation.finish(), before)
    return whole.finish(), {one.name: part.tally.finish() for one, part in zip(models, parts, strict=True)}


def pool_of(scenario: Scenario, endpoint: MultiModel, models: Sequence[FleetModel]) -> Pool:
    """The pool of a multi-model endpoint that serves some models, with the clients of the scenario."""
    sizes = [max(1, round((one.memory_mb or 0.0) * 1e6)) for one in models]
    own = endpoint.pool(scenario.run_length, sizes)
    return own if scenario.clients is None else scenario.clients.joined(own)


def under_one_limit(
    models: Sequence[FleetModel],
    ways: Mapping[str, str],
    limit: int,
    replication: int,
    engine: Engine,
    tell: Tell,
) -> dict[str, Measured]:
    """What was measured of each model on its on-demand endpoint, under one limit of places for all of them.

    Parameters
    ----------
    models : sequence of FleetModel
        At least one.
    ways : mapping of str to str
        Model → the name of its endpoint.
    limit : int
    replication : int
    engine : {"compiled", "reference"}
    tell : callable
    """
    endpoints = [one.scenario.endpoint(ways[one.name]) for one in models]
    pools = [one.scenario.pool(endpoint) for one, endpoint in zip(models, endpoints, strict=True)]
    shared = (CompiledAccount if engine == "compiled" else ReferenceAccount)(pools, limit)
    tallies = [
        _tally(one.scenario, endpoint, pool, shares_a_limit=True)
        for one, endpoint, pool in zip(models, endpoints, pools, strict=True)
    ]

    def add(settled: Sequence[Settled]) -> None:
        for tally, own in zip(tallies, settled, strict=True):
            tally.add(own)

    for until_ns, demands in windows(models, [one.name for one in endpoints], replication):
        add(shared.feed(demands, until_ns))
        tell(sum(map(len, demands)))
    add(shared.finish())
    return {one.name: tally.finish() for one, tally in zip(models, tallies, strict=True)}


def can_share_a_limit(pool: Pool) -> bool:
    """Whether a pool can be simulated under the limit of an account (model.md 7.2)."""
    has_patience_in_line = pool.patience is Patience.WAITING
    return pool.launches and not has_patience_in_line and replace(pool, retries=None, patience=Patience.NONE).is_plain


def parted(settled: Settled, before: int, given: Sequence[int]) -> list[Settled]:
    """What was settled of all models, apart: each with its requests, and all instances.

    Parameters
    ----------
    settled : Settled
        Of the requests of all models, each with the number of its model.
    before : int
        Requests of all models that were settled before.
    given : sequence of int
        The same of each model.
    """
    model = settled.demand.column("model")
    order = np.argsort(model, kind="stable")
    stops = np.searchsorted(model[order], np.arange(len(given) + 1))
    number = np.empty(len(model), np.int64)
    for own, (start, stop) in zip(given, pairwise(stops), strict=True):
        number[order[start:stop]] = own + np.arange(stop - start)
    rows_of_tries = settled.tries.number - before
    of_tries = model[rows_of_tries]
    return [
        replace(
            settled,
            demand=taken(settled.demand, order[start:stop]),
            requests=_requests(settled.requests, order[start:stop]),
            tries=_tries(settled.tries, of_tries == one, number[rows_of_tries]),
        )
        for one, (start, stop) in enumerate(pairwise(stops))
    ]


class _Part:
    """The tally of one model, and how many of its requests it was given."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.given = 0

    def add(self, settled: Settled) -> None:
        self.given += len(settled.demand)
        if len(settled.demand) or len(settled.launched_ns) or len(settled.gone):
            self.tally.add(settled)


def _tally(scenario: Scenario, endpoint: Endpoint, pool: Pool, *, shares_a_limit: bool = False) -> Tally:
    return Tally.of(
        endpoint,
        from_ns=to_ns(scenario.initial_transient),
        until_ns=to_ns(scenario.horizon),
        limits_ns=[one.threshold_ns for one in objectives_of(scenario) if one.threshold_ns is not None],
        levels=levels_of(scenario),
        pool=pool,
        shares_a_limit=shares_a_limit,
    )


def _requests(requests: Requests, rows: NDArray[np.int64]) -> Requests:
    return Requests(*(column[rows] for column in vars(requests).values()))


def _tries(tries: Tries, is_own: NDArray[np.bool_], number: NDArray[np.int64]) -> Tries:
    return replace(Tries(*(column[is_own] for column in vars(tries).values())), number=number[is_own])
