"""What serverless endpoints would cost on demand in each hour: what a commitment by the hour is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Serverless
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Settled
from simulator.measures.attempts import attempts_of
from simulator.measures.billed_time import billing_of, time_of
from simulator.measures.hourly import HOUR_NS
from simulator.measures.standing import StandingInstances
from simulator.prices import PriceSheet, items
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Task, replicate
from simulator.units import NS_PER_SECOND, to_ns

Floats = NDArray[np.float64]


class BilledHours:
    """Accumulates the billed time of one serverless endpoint by whole hours of the measured part.

    A request is billed in the hour in which it arrived, with all its attempts, as the bill counts it by its arrival.
    (*Assumption*: which hour a plan takes for one that lasts from one into the next is published nowhere.)

    Parameters
    ----------
    endpoint : Serverless
    pool : Pool
        Its pool in the scenario.
    from_ns : int
        Beginning of the measured part and of its first hour. [ns]
    hours : int
        Whole hours; what comes after them is left out.
    """

    def __init__(self, endpoint: Serverless, pool: Pool, from_ns: int, hours: int) -> None:
        self._billing, self._from_ns, self._hours = billing_of(endpoint), from_ns, hours
        self._standing = StandingInstances(pool)
        #: Time on demand and on provisioned instances, by hours. [ns]
        self._on_demand, self._provisioned = (np.zeros(hours, np.int64) for _ in range(2))
        self._changes: list[tuple[int, int]] = [(0, pool.standing)]
        self._settled = 0

    def add(self, settled: Settled) -> None:
        """Add what an engine has settled."""
        self._standing.add(settled)
        self._changes += zip(settled.changes.at_ns.tolist(), settled.changes.capacity.tolist(), strict=True)
        demand = settled.demand
        if not len(demand):
            return
        attempts = attempts_of(settled, self._settled)
        self._settled += len(demand)
        served = attempts.where(attempts.start_ns != NONE)
        startup_ns = np.where(served.is_cold, demand.column("startup_ns")[served.row], 0)
        billed_ns = time_of(self._billing, served.release_ns - served.start_ns, startup_ns)
        hour = (demand.arrival_ns[served.row] - self._from_ns) // HOUR_NS
        inside = (hour >= 0) & (hour < self._hours)
        standing = self._standing.holds(served.instance)
        for into, which in ((self._on_demand, inside & ~standing), (self._provisioned, inside & standing)):
            np.add.at(into, hour[which], billed_ns[which])

    def _allocated_ns(self) -> NDArray[np.int64]:
        """Time of provisioned concurrency in each hour [ns]."""
        bounds = self._from_ns + HOUR_NS * np.arange(self._hours + 1, dtype=np.int64)
        time_ns = np.zeros(self._hours, np.int64)
        last = [*(at for at, _ in self._changes[1:]), int(bounds[-1])]
        for (begin, capacity), end in zip(self._changes, last, strict=True):
            inside_ns: NDArray[np.int64] = np.clip(bounds, begin, max(begin, end))
            time_ns += capacity * (inside_ns[1:] - inside_ns[:-1])
        return time_ns

    def usd(self, endpoint: Serverless, sheet: PriceSheet) -> Floats:
        """Cost of each hour at on-demand prices, data left out, shape (hours,) [USD]."""
        size = endpoint.memory_size

        def at(item: str, time_ns: NDArray[np.int64]) -> Floats:
            return time_ns.astype(np.float64) * (float(sheet.price(item).value) / NS_PER_SECOND)

        cost = at(items.duration_item(size), self._on_demand)
        allocated_ns = self._allocated_ns()
        if allocated_ns.any():
            cost += at(items.provisioned_allocation_item(size), allocated_ns)
            cost += at(items.provisioned_duration_item(size), self._provisioned)
        return cost


def usage_of_hours(scenario: Scenario, name: str, number: int, engine: Engine, hours: int) -> Floats:
    """Cost of a serverless endpoint in each hour of one replication, simulated for it, at on-demand prices.

    Records do not hold billed time of requests by the hour, so that the endpoint is simulated once more.

    Parameters
    ----------
    scenario : Scenario
        Of the study.
    name : str
        Of the endpoint.
    number : int
        Of the replication.
    engine : str
    hours : int
        Whole hours of the measured part.

    Returns
    -------
    ndarray of float64, shape (hours,)
        [USD]
    """
    realised = scenario.realised(number)
    endpoint = realised.endpoint(name)
    assert isinstance(endpoint, Serverless)
    tally = BilledHours(endpoint, realised.pool(endpoint), to_ns(realised.initial_transient), hours)
    replicate(Task(scenario, (number,), engine, (name,)), watch=lambda _, settled: tally.add(settled))
    return tally.usd(endpoint, realised.price_sheet)
