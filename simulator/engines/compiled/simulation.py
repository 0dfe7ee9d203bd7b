"""One pool under a stream of demand: blocks in, final rows out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.central_queue import CentralQueue
from simulator.engines.compiled.instance_queues import InstanceQueues
from simulator.engines.compiled.jobs import JobPool
from simulator.engines.compiled.launching_calendar import LaunchingCalendar
from simulator.engines.compiled.on_demand import OnDemand
from simulator.engines.compiled.quota import QuotaPool
from simulator.engines.compiled.rows import all_throttled
from simulator.engines.compiled.scaled_queues import ScaledQueues, settles_at_arrival
from simulator.engines.compiled.shared_models import SharedModels
from simulator.engines.compiled.standing_calendar import StandingCalendar
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Instances, LaunchTimes, Reason, Requests, Run, Settled
from simulator.units import FOREVER

_ROOM = 1024


class Standing:
    """A plain pool that launches nothing: its instances are there from 0 and are given back at the end.

    Parameters
    ----------
    pool : Pool
        One without `launches` that is plain.
    room : int
        As for `Simulation`.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        self._queues: CentralQueue | InstanceQueues | None = None
        if pool.routing is Routing.CENTRAL_QUEUE and pool.standing > 1:
            self._queues = CentralQueue(pool, room)
        elif pool.standing > 0:
            # The queue of the only instance is a central queue too, and does without telling workers apart.
            self._queues = InstanceQueues(pool, room)
        self._there = np.zeros(pool.standing, np.int64)
        self._launched_ns = self._there
        self._until_ns = 0

    def feed(self, demand: Demand) -> Settled:
        """Final rows of the next block of demand."""
        requests = all_throttled(len(demand), Reason.NO_CAPACITY) if self._queues is None else self._queues.feed(demand)
        if len(demand):
            self._until_ns = int(demand.arrival_ns[-1])
        nobody = np.empty(0, np.int64)
        gone = Instances(nobody, nobody, nobody)
        return Settled(demand, requests, self._launched_since(), gone, nobody, self._until_ns)

    def finish(self) -> Settled:
        """All instances."""
        there = self._there
        instances = Instances(there, there.copy(), np.full(len(there), FOREVER, np.int64))
        none, no_requests = Demand.from_arrays(np.empty(0, np.int64), 1), Requests.empty(0)
        return Settled(none, no_requests, self._launched_since(), instances, np.arange(len(there)), FOREVER)

    def _launched_since(self) -> NDArray[np.int64]:
        """Launches since the last call: all with the first."""
        launched_ns, self._launched_ns = self._launched_ns, np.empty(0, np.int64)
        return launched_ns


class Engine(Protocol):
    """What simulates one pool, block by block."""

    def feed(self, demand: Demand) -> Settled:
        """What is settled after the next block of demand."""

    def finish(self) -> Settled:
        """The rest."""


class Simulation:
    """A pool that is fed demand block by block.

    No row depends on where blocks are cut. The rows of a plain pool (`Pool.is_plain`) are final as soon as their block
    has been fed; of others, those behind a request whose end is not yet decided are held back. Memory follows the
    instances that live, the requests that wait or are held back and the launches of about one block. Instances that are
    gone are given back when there are enough of them for it to pay, and `Settled.until_ns` keeps behind those that are
    not.

    Parameters
    ----------
    pool : Pool
    launch_times : callable, optional
        Launch times of the instances that scaling or jobs launch; needed if the pool has them.
    first_sends_ns : ndarray of int64, shape (clients,), optional
        When each client of a closed population sends its first request; needed if the pool has one. [ns]
    room : int
        Size of the growing arrays at the start, 1 or more; no row depends on it.

    Raises
    ------
    ValueError
        If something is needed that is not given.
    """

    def __init__(
        self,
        pool: Pool,
        launch_times: LaunchTimes | None = None,
        first_sends_ns: NDArray[np.int64] | None = None,
        *,
        room: int = _ROOM,
    ) -> None:
        self._pool = engine_of(pool, launch_times, first_sends_ns, room)

    @property
    def wants_rows(self) -> bool:
        """Whether a client of a closed population may still send a request for which there is no row yet."""
        return bool(getattr(self._pool, "wants_rows", False))

    def feed(self, block: Demand) -> Settled:
        """How each request of the next block ends, and what is known of the instances since.

        Parameters
        ----------
        block : Demand
            The next requests, none earlier than the last one fed before. Numbers of instances go on from block to
            block. In a closed population their arrivals are not looked at.

        Returns
        -------
        Settled
            One row per request of the block, if the pool is plain.
        """
        return self._pool.feed(block)

    def finish(self) -> Settled:
        """The instances that were not given back yet, as they end when no request follows the last block."""
        return self._pool.finish()


def engine_of(
    pool: Pool, launch_times: LaunchTimes | None, first_sends_ns: NDArray[np.int64] | None, room: int
) -> Engine:
    """What simulates one pool: rows settled at their own arrival where they can be, else a calendar of events.

    Raises
    ------
    ValueError
        If something is needed that is not given.
    """
    if launch_times is None:
        if pool.scaling is not None or pool.jobs is not None:
            raise ValueError(f"a pool that {'scales' if pool.scaling else 'has jobs'} needs launch times")
        launch_times = _never_asked_for
    if first_sends_ns is None:
        if pool.population is not None:
            raise ValueError("a closed population needs the first sending of each client")
        first_sends_ns = np.empty(0, np.int64)
    if pool.launches:
        return OnDemand(pool, room) if pool.is_plain else LaunchingCalendar(pool, launch_times, first_sends_ns, room)
    if pool.is_plain:
        return Standing(pool, room)
    if pool.jobs is not None:
        return JobPool(pool, launch_times, room)
    if pool.models is not None:
        return SharedModels(pool, room)
    if settles_at_arrival(pool):
        return ScaledQueues(pool, launch_times, room)
    if pool.quota is not None:
        return QuotaPool(pool, first_sends_ns, room)
    return StandingCalendar(pool, launch_times, first_sends_ns, room)


def _never_asked_for(n: int) -> NDArray[np.int64]:
    """Launch times of a pool that does not scale."""
    return np.zeros(n, np.int64)


def simulate(
    pool: Pool,
    demand: Demand,
    launch_times: LaunchTimes | None = None,
    first_sends_ns: NDArray[np.int64] | None = None,
) -> Run:
    """Tables of one pool under one demand, in one block."""
    simulation = Simulation(pool, launch_times, first_sends_ns)
    return Run.joined([simulation.feed(demand), simulation.finish()])
