"""One pool under a stream of demand: blocks in, final rows out."""

from __future__ import annotations

import numpy as np

from simulator.engines.compiled.central_queue import CentralQueue
from simulator.engines.compiled.instance_queues import InstanceQueues
from simulator.engines.compiled.on_demand import OnDemand
from simulator.engines.compiled.rows import all_throttled
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Instances, Reason, Requests, Run, Settled
from simulator.units import FOREVER

_ROOM = 1024


class Simulation:
    """A pool that is fed demand block by block.

    Each row is final as soon as its block has been fed, and no row depends on where blocks are cut. Memory follows
    the instances that live and the requests that wait, plus one row per instance launched.

    Parameters
    ----------
    pool : Pool
    room : int
        Size of the growing arrays at the start, 1 or more; no result depends on it.
    """

    def __init__(self, pool: Pool, *, room: int = _ROOM) -> None:
        self._standing = pool.standing
        self._pool: OnDemand | InstanceQueues | CentralQueue | None
        if pool.launches:
            self._pool = OnDemand(pool, room)
        elif pool.standing == 0:
            self._pool = None
        elif pool.routing is Routing.CENTRAL_QUEUE and pool.standing > 1:
            self._pool = CentralQueue(pool, room)
        else:
            # The queue of the only instance is a central queue too, and does without telling workers apart.
            self._pool = InstanceQueues(pool, room)

    def feed(self, block: Demand) -> Settled:
        """How each request of the next block ends.

        Parameters
        ----------
        block : Demand
            The next requests, none earlier than the last one fed before. Numbers of instances go on from block to
            block.

        Returns
        -------
        Settled
            One row per request of the block.
        """
        nothing = np.empty(0, np.int64)
        no_instances = Instances(nothing, nothing, nothing)
        requests = all_throttled(len(block), Reason.NO_CAPACITY) if self._pool is None else self._pool.feed(block)
        return Settled(block, requests, nothing, no_instances, nothing, 0)

    def finish(self) -> Settled:
        """Every instance of the run, as it ends when no request follows the last block."""
        if isinstance(self._pool, OnDemand):
            instances = self._pool.finish()
        else:
            there_from_0 = np.zeros(self._standing, np.int64)
            instances = Instances(there_from_0, there_from_0.copy(), np.full(self._standing, FOREVER, np.int64))
        none, no_requests = Demand.from_arrays(np.empty(0, np.int64), 1), Requests.empty(0)
        return Settled(none, no_requests, instances.launch_ns, instances, np.arange(len(instances)), FOREVER)


def simulate(pool: Pool, demand: Demand) -> Run:
    """Tables of one pool under one demand, in one block."""
    simulation = Simulation(pool)
    return Run.joined([simulation.feed(demand), simulation.finish()])
