"""The models of a fleet, each as an ordinary scenario of its own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simulator.endpoints import Endpoint, MultiModel, Serverless
from simulator.endpoints.platforms import PLATFORMS
from simulator.errors import InputError
from simulator.scenario.fleet import OWN, FleetBlock
from simulator.streams import Streams
from simulator.units import duration_text

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario
    from simulator.traffic import Arrivals

#: Mean times below the granularity of bills are taken for it: a recorded mean of 0 ms was rounded. Assumption. [s]
LEAST_TIME_S: Final = 1e-3
#: Number of the stream of a model's seed; those before it are of what is drawn for the model.
_SEED: Final = len(OWN)


@dataclass(frozen=True)
class FleetModel:
    """One model of a fleet.

    Parameters
    ----------
    name : str
    scenario : Scenario
        An ordinary one: this model's traffic, times and seed, and the endpoints that serve it.
    requests : float
        Expected over the horizon.
    unfit : dict of str to str
        Endpoint that cannot serve it → why.
    memory_mb : float or None
        Memory that it needs, None where that is not told. [MB]
    """

    name: str
    scenario: Scenario
    requests: float
    unfit: Mapping[str, str]
    memory_mb: float | None = None

    @property
    def ways(self) -> tuple[str, ...]:
        """Names of the endpoints that can serve it."""
        return tuple(one.name for one in self.scenario.endpoints if one.name not in self.unfit)


def models_of(scenario: Scenario, replication: int = 0) -> tuple[FleetModel, ...]:
    """The models of a scenario's fleet, as they are in one replication.

    What is drawn for a model depends on the seed of the scenario and on the model's name alone, so that another model
    beside it changes nothing.

    Raises
    ------
    InputError
        If the scenario has no fleet.
    """
    block = scenario.fleet
    if block is None:
        raise InputError(f"scenario {scenario.name!r} has no fleet; it needs a block fleet: {{models: 20, zipf: 1.0}}")
    realised = scenario.realised(replication)
    return tuple(
        _model(realised, block, name, traffic)
        for name, traffic in block.traffic_of(realised.traffic, scenario.folder).items()
    )


def _model(scenario: Scenario, block: FleetBlock, name: str, traffic: Arrivals) -> FleetModel:
    streams = Streams(scenario.seed, 0).of_part(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
    state = streams.sequence("popularity", _SEED).generate_state(2)
    means = {what: _own(block, streams, name, what) for what in OWN}
    served: dict[str, Any] = {}
    factors: dict[str, float] = {}
    for what in ("service_time", "startup_time"):
        usual, mean_s = getattr(scenario.model, what), means[what]
        if usual is not None and mean_s is not None:
            factors[what] = max(mean_s, LEAST_TIME_S) / usual.mean()
            served[what] = usual.scaled(factors[what])
    endpoints, unfit = [], {}
    for endpoint in scenario.endpoints:
        own, problem = _endpoint(endpoint, factors, means["memory"])
        endpoints.append(own)
        if problem:
            unfit[own.name] = problem
    model = scenario.model.model_copy(update=served)
    parts = {
        "traffic": traffic,
        "model": model,
        "endpoints": endpoints,
        "seed": int(state[0]) << 32 | int(state[1]),
        "fleet": None,
    }
    own_scenario = scenario.with_parts(parts, scenario.price_sheet)
    for endpoint in endpoints:
        if endpoint.name not in unfit:
            problem = _too_slow(own_scenario, endpoint)
            if problem:
                unfit[endpoint.name] = problem
    requests = float(traffic.expected_count(0.0, scenario.horizon, scenario.clock))
    return FleetModel(name, own_scenario, requests, unfit, means["memory"])


def _own(block: FleetBlock, streams: Streams, name: str, what: str) -> float | None:
    """What a model has of its own [s or MB]; None if it is like the scenario's."""
    if block.table is not None and what in block.table.values:
        return block.table.values[what][name]
    distribution = getattr(block, what)
    if distribution is None:
        return None
    drawn = float(distribution.sampler(streams, "popularity", OWN.index(what)).draw(1)[0])
    return drawn / 1e6 if what == "memory" else drawn


def _endpoint(endpoint: Endpoint, factors: Mapping[str, float], memory_mb: float | None) -> tuple[Endpoint, str]:
    """The endpoint as it serves a model, and why it cannot; empty if it can."""
    update: dict[str, Any] = {
        what: own.scaled(factor)
        for what, factor in factors.items()
        if (own := getattr(endpoint, what, None)) is not None
    }
    problem = ""
    if memory_mb is not None and isinstance(endpoint, Serverless) and memory_mb > endpoint.memory_size:
        sizes = PLATFORMS[endpoint.platform].memory_sizes
        larger = [size for size in sizes if size >= memory_mb] if sizes else [math.ceil(memory_mb)]
        if larger:
            update["memory_size"] = min(larger)
        else:
            problem = f"it needs {memory_mb:,.0f} MB, the largest size is {max(sizes or ())} MB"
    if memory_mb is not None and isinstance(endpoint, MultiModel) and round(memory_mb * 1e6) > endpoint.model_memory:
        room_mb = endpoint.model_memory / 1e6
        problem = f"it needs {memory_mb:,.0f} MB, an instance has {room_mb:,.0f} MB for models"
    return (endpoint.model_copy(update=update) if update else endpoint), problem


def _too_slow(scenario: Scenario, endpoint: Endpoint) -> str:
    """Why times on an endpoint do not fit into its limits; empty if they do."""
    times: tuple[tuple[str, Any, str], ...] = (
        ("service", scenario.service_time(endpoint), "invocation_timeout"),
        ("service", scenario.service_time(endpoint), "request_timeout"),
        ("startup", scenario.startup_time(endpoint), "startup_limit"),
    )
    for what, time, field in times:
        limit: Any = getattr(endpoint, field, "none")
        if time is not None and limit != "none" and time.mean() > limit:
            return f"its mean {what} time {duration_text(time.mean())} exceeds {field}, {duration_text(limit)}"
    return ""
