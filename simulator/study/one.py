"""One replication of one endpoint, request by request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.demand import draw_demand, first_sends, launch_times
from simulator.engines import compiled, reference
from simulator.engines.tables import NONE, Demand, Outcome, Reason
from simulator.measures.billed_time import billed_ns
from simulator.scenario.model import Scenario
from simulator.study.replicate import check_engine
from simulator.units import to_ns

if TYPE_CHECKING:
    import pandas as pd


def simulate(
    scenario: Scenario,
    endpoint: str,
    replication: int = 0,
    engine: str = "compiled",
    demand: Demand | None = None,
) -> pd.DataFrame:
    """Every request of one endpoint in one replication, one row each, in order of arrival.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    endpoint : str
        Name of one of its endpoints.
    replication : int
        Number of the replication, from 0.
    engine : {"compiled", "reference"}
        Both give the same rows.
    demand : Demand, optional
        In place of the demand that the scenario draws; `Demand.from_arrays` makes one. Of a closed population its
        arrivals are not looked at: clients send the rows, as far as they suffice.

    Returns
    -------
    DataFrame
        ``arrival_s``, of the first attempt; of completed requests ``latency_ms`` (from then on, overhead included) and
        ``waiting_ms``; ``service_ms`` of those that were served, the time in their place; ``outcome`` and, if
        throttled, ``reason``; ``is_cold``; ``instance``, ``start_s`` and ``release_s`` of those that got a place, in
        their last attempt; ``attempts``; ``billed_ms`` of the last attempt. NA where there is no value.

    Raises
    ------
    InputError
        If the scenario has no such endpoint, or there is no such engine.
    """
    import pandas as pd

    scenario = scenario.realised(replication)
    chosen = scenario.endpoint(endpoint)
    simulates = {"compiled": compiled.simulate, "reference": reference.simulate}[check_engine(engine)]
    if demand is None:
        demand = draw_demand(scenario, endpoint, replication)
    sends_ns = first_sends(scenario, replication)
    run = simulates(scenario.pool(chosen), demand, launch_times(scenario, endpoint, replication), sends_ns)
    if sends_ns is not None:
        demand = run.sent
        assert demand is not None, "engines give back what was sent"
    rows = run.requests
    completed = rows.outcome == Outcome.COMPLETED
    served = rows.start_ns != NONE
    placed = rows.release_ns != NONE
    latency_ns = rows.response_ns - demand.arrival_ns + to_ns(chosen.overhead)
    reasons = [None if reason is Reason.NONE else reason.name.lower() for reason in Reason]
    return pd.DataFrame(
        {
            "arrival_s": pd.array(demand.arrival_ns / 1e9, dtype="Float64"),
            "latency_ms": _masked(latency_ns, 1e6, completed),
            "waiting_ms": _masked(rows.start_ns - demand.arrival_ns, 1e6, completed),
            "service_ms": _masked(rows.release_ns - rows.start_ns, 1e6, served),
            "outcome": pd.array([Outcome(code).name.lower() for code in rows.outcome], dtype="string"),
            "reason": pd.array([reasons[code] for code in rows.reason], dtype="string"),
            "is_cold": pd.array(rows.is_cold, dtype="boolean"),
            "instance": pd.arrays.IntegerArray(rows.instance.copy(), rows.instance == NONE),
            "attempts": pd.array(1 + np.bincount(run.tries.number, minlength=len(demand)), dtype="Int64"),
            "billed_ms": pd.array(billed_ns(chosen, demand, rows) / 1e6, dtype="Float64"),
            "start_s": _masked(rows.start_ns, 1e9, served),
            "release_s": _masked(rows.release_ns, 1e9, placed),
        }
    )


def _masked(values_ns: NDArray[np.int64], unit_ns: float, has_value: NDArray[np.bool_]) -> pd.arrays.FloatingArray:
    """Times in another unit; NA where there is none."""
    import pandas as pd

    return pd.arrays.FloatingArray(np.where(has_value, values_ns, 0) / unit_ns, ~has_value)
