"""How a run is fed: at once, or block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.engines.reference.batches import BatchingEndpoint
from simulator.engines.reference.endpoint import Endpoint
from simulator.engines.reference.launching import LaunchingEndpoint
from simulator.engines.reference.scaling import Scaler
from simulator.engines.reference.standing import StandingEndpoint
from simulator.engines.tables import Demand, LaunchTimes, Run, Settled


def simulate(
    pool: Pool,
    demand: Demand,
    launch_times: LaunchTimes | None = None,
    first_sends_ns: NDArray[np.int64] | None = None,
) -> Run:
    """Rows of every request and every instance of one run, from time 0 until it has drained.

    Parameters
    ----------
    pool : Pool
        Instances and rules.
    demand : Demand
        n requests in order of arrival.
    launch_times : LaunchTimes, optional
        Of the instances that scaling or jobs launch. [ns]
    first_sends_ns : ndarray of int64, shape (clients,), optional
        When each client of a closed population sends its first request. [ns]

    Returns
    -------
    Run
        n requests in the same order, instances in order of number, earlier attempts, changes of capacity.

    Raises
    ------
    InputError
        If requests are left waiting behind a service that never ends, or for capacity that never comes.
    ValueError
        If something is needed that is not given.
    """
    simulation = Simulation(pool, launch_times, first_sends_ns)
    return Run.joined([simulation.feed(demand), simulation.finish()])


class Simulation:
    """A pool that is fed demand block by block, its state carried over.

    Memory follows the requests and instances that are there, and the size of a block.

    Parameters
    ----------
    pool : Pool
        Instances and rules.
    launch_times : LaunchTimes, optional
        Of the instances that scaling or jobs launch. [ns]
    first_sends_ns : ndarray of int64, shape (clients,), optional
        When each client of a closed population sends its first request. [ns]

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
    ) -> None:
        self._endpoint = _endpoint_of(pool, launch_times)

    def feed(self, block: Demand) -> Settled:
        """What is settled once the last request of the block has begun its life; the next may arrive with it.

        Whatever comes later stays in the calendar, also at that instant: a later block's arrival takes its place
        there by its rank.

        Raises
        ------
        InputError
            If the block begins before the last request that was fed, or one of its requests never arrives.
        """
        calendar, ledger = self._endpoint.env, self._endpoint.ledger
        self._endpoint.retry_key = int(block.retry_key[0])
        calendar.run(until=calendar.process(self._endpoint.arrivals(ledger.enter(block))))
        calendar.forget()
        return ledger.settle()

    def finish(self) -> Settled:
        """The rest, once all is over, the last metric point included.

        Raises
        ------
        InputError
            If requests are left waiting behind a service that never ends, or for capacity that never comes.
        """
        self._endpoint.env.run()
        return self._endpoint.ledger.close()


def _endpoint_of(pool: Pool, launch_times: LaunchTimes | None) -> Endpoint[Any]:
    """The endpoint that follows the rules of a pool."""
    if pool.launches:
        return LaunchingEndpoint(pool)
    endpoint = BatchingEndpoint(pool) if pool.batching else StandingEndpoint(pool)
    if pool.scaling:
        if launch_times is None:
            raise ValueError("a pool that scales needs launch times")
        Scaler(endpoint, pool.scaling, launch_times)
    return endpoint
