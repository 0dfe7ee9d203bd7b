"""The whole demand of one endpoint in one replication, in one piece."""

from __future__ import annotations

import numpy as np

from simulator.demand.blocks import replication_blocks
from simulator.demand.closed import first_sends
from simulator.demand.launches import launch_times
from simulator.engines.tables import Demand
from simulator.scenario.model import Scenario
from simulator.traffic import Closed


def draw_demand(scenario: Scenario, endpoint: str, replication: int = 0) -> Demand:
    """The whole demand of one endpoint in one replication: one row per request.

    Of a closed population the rows that its clients send, which is known once they were simulated.

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed.
    endpoint : str
        Name of one of its endpoints.
    replication : int
        Number of the replication, from 0.

    Raises
    ------
    InputError
        If the scenario has no endpoint of that name.
    """
    name = scenario.endpoint(endpoint).name
    if isinstance(scenario.traffic, Closed):
        return _sent(scenario, name, replication)
    blocks = [demands[name] for demands in replication_blocks(scenario, replication)]
    nothing = np.empty(0, np.int64)
    return Demand.joined(blocks) if blocks else Demand.from_arrays(nothing, service_ns=1)


def _sent(scenario: Scenario, endpoint: str, replication: int) -> Demand:
    """What the clients of a closed population send to an endpoint; both engines agree on it."""
    from simulator.engines import compiled

    realised = scenario.realised(replication)
    simulation = compiled.Simulation(
        realised.pool(realised.endpoint(endpoint)),
        launch_times(scenario, endpoint, replication),
        first_sends(scenario, replication),
    )
    parts = []
    for demands in replication_blocks(scenario, replication, endpoints=(endpoint,)):
        if not simulation.wants_rows:
            break
        parts.append(simulation.feed(demands[endpoint]))
    parts.append(simulation.finish())
    return Demand.joined([part.demand for part in parts])
