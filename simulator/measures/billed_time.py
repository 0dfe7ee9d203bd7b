"""What an endpoint used, from the tables of one run: the plain reference of everything that is billed.

The tally counts the same while a run goes by; both give equal whole numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Endpoint, Serverless
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Requests
from simulator.measures.usage import Usage
from simulator.units import FOREVER, to_ns

#: Sums are taken of the parts above and below this many bits, so that no sum of int64 overflows.
_HALF_BITS = 32


class Billing(NamedTuple):
    """How a kind of endpoint bills the time of a request.

    Parameters
    ----------
    granularity_ns : int
        Billed time is rounded up to a multiple of it; 0 where requests are not billed by time. [ns]
    billed_overhead_ns : int
        Added to each service time before it is rounded up. [ns]
    bills_startup : bool
        Whether a cold request pays for the startup that it waited for.
    """

    granularity_ns: int
    billed_overhead_ns: int
    bills_startup: bool


def billing_of(endpoint: Endpoint) -> Billing:
    """How an endpoint bills the time of its requests."""
    if not isinstance(endpoint, Serverless):
        return Billing(0, 0, False)
    overhead = endpoint.overhead if endpoint.billed_time == "service_and_overhead" else 0.0
    return Billing(to_ns(endpoint.billing_granularity), to_ns(overhead), endpoint.billed_time == "service_and_startup")


def billed_ns(endpoint: Endpoint, demand: Demand, requests: Requests) -> NDArray[np.int64]:
    """Billed time of each request, 0 where nothing is billed.

    A serverless endpoint bills each request that was served, to the end of its service also if it timed out
    (Assumption), rounded up to the endpoint's granularity; throttled requests and failed launches cost nothing. A
    real-time endpoint bills no request.

    Parameters
    ----------
    endpoint : Endpoint
        Its `billed_time` says whether overhead, or the startup that a cold request waited for, is billed too.
    demand : Demand
        n requests in order of arrival.
    requests : Requests
        How they ended, in the same order.

    Returns
    -------
    ndarray of int64, shape (n,)
        Saturates at `FOREVER`. [ns]
    """
    billing = billing_of(endpoint)
    billed = np.zeros(len(requests), np.int64)
    if billing.granularity_ns == 0:
        return billed
    served = np.flatnonzero(requests.start_ns != NONE)
    start_ns = requests.start_ns[served]
    time_ns = _plus(requests.release_ns[served] - start_ns, np.int64(billing.billed_overhead_ns))
    if billing.bills_startup:
        # A cold request is bound to its instance: its startup is what it waited for.
        startup_ns = start_ns - demand.arrival_ns[served]
        time_ns = _plus(time_ns, np.where(requests.is_cold[served], startup_ns, 0))
    billed[served] = _rounded_up(time_ns, billing.granularity_ns)
    return billed


def usage_of(
    endpoint: Endpoint,
    pool: Pool,
    demand: Demand,
    requests: Requests,
    instances: Instances,
    window: tuple[int, int],
) -> Usage:
    """Usage in a window of one run.

    Parameters
    ----------
    endpoint : Endpoint
        What is billed.
    pool : Pool
        Its pool; tells standing instances from launched ones.
    demand, requests : Demand, Requests
        n requests in order of arrival.
    instances : Instances
        Of the same run.
    window : tuple of int
        First instant and the first instant after it. Requests that arrive in it count, whenever they end; time of
        instances counts as far as it lies in it. [ns]

    Raises
    ------
    ValueError
        If the window is empty or begins before 0.
    """
    from_ns, until_ns = window
    if not 0 <= from_ns < until_ns:
        raise ValueError(f"window is {from_ns} to {until_ns}, must begin at 0 or later and end after that")
    counted = (demand.arrival_ns >= from_ns) & (demand.arrival_ns < until_ns)
    served = counted & (requests.start_ns != NONE)
    completed = counted & (requests.outcome == Outcome.COMPLETED)
    on_standing = served & (requests.instance < pool.standing)
    billed = billed_ns(endpoint, demand, requests)
    # Standing instances have the lowest numbers.
    there_from = np.clip(instances.launch_ns[: pool.standing], from_ns, until_ns)
    there_until = np.clip(instances.gone_ns[: pool.standing], from_ns, until_ns)
    return Usage(
        span_ns=until_ns - from_ns,
        requests=int(np.count_nonzero(counted)),
        served=int(np.count_nonzero(served)),
        completed=int(np.count_nonzero(completed)),
        on_demand_ns=_total(billed[served & ~on_standing]),
        standing_ns=_total(billed[on_standing]),
        instance_ns=_total(there_until - there_from),
        data_in_bytes=_total(demand.column("payload_in_bytes")[served]),
        data_out_bytes=_total(demand.column("payload_out_bytes")[completed]),
    )


def _plus(a: NDArray[np.int64], b: NDArray[np.int64] | np.int64) -> NDArray[np.int64]:
    """Sum of times, each 0 or more; saturates at `FOREVER`."""
    return np.where(a > FOREVER - b, np.int64(FOREVER), a + b)


def _rounded_up(time_ns: NDArray[np.int64], granule_ns: int) -> NDArray[np.int64]:
    """The next multiple of a granule, itself if it is one; saturates at `FOREVER`."""
    granules = time_ns // granule_ns + (time_ns % granule_ns > 0)
    return np.where(granules > FOREVER // granule_ns, np.int64(FOREVER), granules * granule_ns)


def _total(values: NDArray[np.int64]) -> int:
    """Exact sum of whole numbers, each 0 or more."""
    high, low = values >> _HALF_BITS, values & (2**_HALF_BITS - 1)
    return (int(high.sum()) << _HALF_BITS) + int(low.sum())
