"""How a run is fed: at once, or block by block."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.engines.reference.batches import BatchingEndpoint
from simulator.engines.reference.endpoint import Endpoint
from simulator.engines.reference.jobs import JobEndpoint
from simulator.engines.reference.launching import LaunchingEndpoint
from simulator.engines.reference.metrics import LoadGauge, UtilizationGauge
from simulator.engines.reference.population import Clients
from simulator.engines.reference.provisioned import ProvisionedEndpoint
from simulator.engines.reference.quota import QuotaEndpoint
from simulator.engines.reference.scaling import Scaler
from simulator.engines.reference.shared_models import SharedModelsEndpoint
from simulator.engines.reference.standing import StandingEndpoint
from simulator.engines.scaling import Scaling
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
        self._clients = _clients_of(self._endpoint, first_sends_ns)

    @property
    def wants_rows(self) -> bool:
        """Whether clients of a closed population may need another row: none is left unused, and one may still send."""
        return self._clients is not None and self._clients.wants_rows

    def feed(self, block: Demand) -> Settled:
        """What is settled once the last request of the block has begun its life; the next may arrive with it.

        Whatever comes later stays in the calendar, also at that instant: a later block's arrival takes its place
        there by its rank. Rows for a closed population arrive when its clients send them: what is settled just before
        the first sending for which there is no row, or once no client will send any more.

        Raises
        ------
        InputError
            If the block begins before the last request that was fed, or one of its requests never arrives.
        """
        calendar, ledger = self._endpoint.env, self._endpoint.ledger
        self._endpoint.retry_key = int(block.retry_key[0])
        if self._clients is None:
            calendar.run(until=calendar.process(self._endpoint.arrivals(ledger.enter(block))))
        else:
            self._clients.offer(ledger.offer(block))
        calendar.forget()
        return ledger.settle()

    def finish(self) -> Settled:
        """The rest, once all is over, the last metric point included; nobody sends any more.

        Raises
        ------
        InputError
            If requests are left waiting behind a service that never ends, or for capacity that never comes.
        """
        if self._clients is not None:
            self._clients.close()
        self._endpoint.env.run()
        return self._endpoint.ledger.close()


def _endpoint_of(pool: Pool, launch_times: LaunchTimes | None) -> Endpoint[Any]:
    """The endpoint that follows the rules of a pool."""
    if pool.launches:
        return _provisioned(pool, pool.scaling, launch_times) if pool.scaling else LaunchingEndpoint(pool)
    if pool.quota:
        return QuotaEndpoint(pool)
    if pool.jobs:
        return JobEndpoint(pool, launch_times)
    if pool.models:
        return SharedModelsEndpoint(pool)
    endpoint = BatchingEndpoint(pool) if pool.batching else StandingEndpoint(pool)
    if pool.scaling:
        if launch_times is None:
            raise ValueError("a pool that scales needs launch times")
        Scaler(endpoint, pool.scaling, launch_times, partial(LoadGauge, endpoint=endpoint))
    return endpoint


def _provisioned(pool: Pool, scaling: Scaling, launch_times: LaunchTimes | None) -> ProvisionedEndpoint:
    """The endpoint of a pool that launches and whose standing instances follow their load."""
    if launch_times is None:
        raise ValueError("a pool that scales needs launch times")
    endpoint = ProvisionedEndpoint(pool)
    gauge_of = partial(UtilizationGauge, endpoint=endpoint, counts_spillover=scaling.counts_spillover)
    Scaler(endpoint, scaling, launch_times, gauge_of)
    return endpoint


def _clients_of(endpoint: Endpoint[Any], first_sends_ns: NDArray[np.int64] | None) -> Clients | None:
    """The closed population of a pool that has one."""
    if endpoint.pool.population is None:
        return None
    if first_sends_ns is None:
        raise ValueError("a closed population needs the first sending of each client")
    return Clients(endpoint, endpoint.pool.population, first_sends_ns)
