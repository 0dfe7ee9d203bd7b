"""What an endpoint used, from the tables of one run: the plain reference of everything that is billed.

The tally counts the same while a run goes by; both give equal whole numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Container, Endpoint, Function, Serverless
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Requests, Run, Tries
from simulator.measures.usage import Usage
from simulator.units import FOREVER, NS_PER_SECOND, to_ns

#: An instance of an endpoint on instances is billed for a minute at least (AWS's pricing page, as a third party
#: transcribed it). [ns]
LEAST_BILLED_NS: Final = 60 * NS_PER_SECOND


class Billing(NamedTuple):
    """How a kind of endpoint bills time.

    Parameters
    ----------
    granularity_ns : int
        Billed time is rounded up to a multiple of it; 0 where neither requests nor what instances do is billed. [ns]
    billed_overhead_ns : int
        Added to each service time before it is rounded up. [ns]
    bills_startup : bool
        Whether a cold request pays for the startup of the instance launched for it; where instances are billed,
        whether their startup is.
    of_instances : bool
        Whether not the time of requests but the time that instances have requests in service is billed.
    """

    granularity_ns: int
    billed_overhead_ns: int
    bills_startup: bool
    of_instances: bool = False

    @property
    def of_requests(self) -> bool:
        """Whether the time of each request is billed."""
        return self.granularity_ns > 0 and not self.of_instances


def billing_of(endpoint: Endpoint) -> Billing:
    """How an endpoint bills time."""
    if isinstance(endpoint, Container):
        return Billing(to_ns(endpoint.billing_granularity), 0, endpoint.startup_billed, of_instances=True)
    if not isinstance(endpoint, Serverless | Function):
        return Billing(0, 0, False)
    overhead = endpoint.overhead if endpoint.billed_time == "service_and_overhead" else 0.0
    return Billing(to_ns(endpoint.billing_granularity), to_ns(overhead), endpoint.billed_time == "service_and_startup")


def billed_ns(endpoint: Endpoint, demand: Demand, requests: Requests) -> NDArray[np.int64]:
    """Billed time of each request, 0 where nothing is billed.

    A serverless endpoint or a function bills each request that was served, to the end of its service also if it timed
    out (Assumption), or until it was stopped, rounded up to the endpoint's granularity; throttled requests and failed
    launches cost nothing. Other kinds bill no request. Earlier attempts of a request are not in it.

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
    if not billing.of_requests:
        return billed
    served = np.flatnonzero(requests.start_ns != NONE)
    startup_ns = np.where(requests.is_cold[served], demand.column("startup_ns")[served], 0)
    billed[served] = time_of(billing, requests.release_ns[served] - requests.start_ns[served], startup_ns)
    return billed


def time_of(billing: Billing, work_ns: NDArray[np.int64], startup_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Billed time of attempts that were served.

    Parameters
    ----------
    billing : Billing
        Of requests.
    work_ns, startup_ns : ndarray of int64, shape (n,)
        Time in service; startup of the instance launched for the attempt, 0 if none was. [ns]

    Returns
    -------
    ndarray of int64, shape (n,)
        Saturates at `FOREVER`. [ns]
    """
    time_ns = plus(work_ns, np.int64(billing.billed_overhead_ns))
    if billing.bills_startup:
        time_ns = plus(time_ns, startup_ns)
    return rounded_up(time_ns, billing.granularity_ns)


def usage_of(
    endpoint: Endpoint,
    pool: Pool,
    demand: Demand,
    requests: Requests,
    instances: Instances,
    window: tuple[int, int],
    tries: Tries | None = None,
    scaled: Run | None = None,
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
        First instant and the first instant after it. Requests that arrive in it count, with all their attempts,
        whenever they end; time of instances counts as far as it lies in it. [ns]
    tries : Tries, optional
        Earlier attempts of the requests.
    scaled : Run, optional
        The run, where a pool that launches scales: its changes of capacity and the standing instances launched.

    Raises
    ------
    ValueError
        If the window is empty or begins before 0.
    """
    from_ns, until_ns = window
    if not 0 <= from_ns < until_ns:
        raise ValueError(f"window is {from_ns} to {until_ns}, must begin at 0 or later and end after that")
    billing = billing_of(endpoint)
    counted = (demand.arrival_ns >= from_ns) & (demand.arrival_ns < until_ns)
    completed = counted & (requests.outcome == Outcome.COMPLETED)
    sizes_in, startup_ns = demand.column("payload_in_bytes").tolist(), demand.column("startup_ns").tolist()
    served = data_in = 0
    billed = {True: 0, False: 0}
    by_scaling = set() if scaled is None else set(scaled.standing_numbers.tolist())
    services: dict[int, list[tuple[int, int]]] = {}
    for rows, numbers in ((requests, range(len(requests))), (tries, [] if tries is None else tries.number.tolist())):
        for at, number in enumerate(numbers):
            assert rows is not None
            start, release, place = int(rows.start_ns[at]), int(rows.release_ns[at]), int(rows.instance[at])
            if start == NONE:
                continue
            services.setdefault(place, []).append((start, release))
            if counted[number]:
                served += 1
                data_in += sizes_in[number]
                if billing.of_requests:
                    work = np.array([release - start])
                    startup = np.array([startup_ns[number] if rows.is_cold[at] else 0])
                    billed[place < pool.standing or place in by_scaling] += int(time_of(billing, work, startup)[0])
    usage = Usage(
        span_ns=until_ns - from_ns,
        requests=int(np.count_nonzero(counted)),
        served=served,
        completed=int(np.count_nonzero(completed)),
        on_demand_ns=billed[False],
        standing_ns=billed[True],
        data_in_bytes=data_in,
        data_out_bytes=sum(demand.column("payload_out_bytes")[completed].tolist()),
    )
    usage = _with_instances(usage, billing, pool, instances, services, window)
    if pool.quota is not None:
        return _with_tokens(usage, demand, requests, counted, tries)
    return usage if scaled is None else replace(usage, instance_ns=_capacity_ns(pool, scaled, window))


def _with_tokens(
    usage: Usage, demand: Demand, requests: Requests, counted: NDArray[np.bool_], tries: Tries | None
) -> Usage:
    """The same of a managed API: tokens of the attempts that were served, and no instance."""
    served = np.flatnonzero((requests.start_ns != NONE) & counted).tolist()
    if tries is not None:
        served += [number for number in tries.number[tries.start_ns != NONE].tolist() if counted[number]]
    tokens_in, tokens_out = (
        sum(demand.column(name)[served].tolist()) if served else 0 for name in ("tokens_in", "tokens_out")
    )
    return replace(usage, instance_ns=0, tokens_in=tokens_in, tokens_out=tokens_out)


def _capacity_ns(pool: Pool, run: Run, window: tuple[int, int]) -> int:
    """Integral of capacity over a window, change by change [ns]."""
    at_ns, capacity, time_ns = 0, pool.standing, 0
    changes = zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True)
    for change_ns, after in [*changes, (FOREVER, 0)]:
        time_ns += capacity * max(0, min(change_ns, window[1]) - max(at_ns, window[0]))
        at_ns, capacity = change_ns, after
    return time_ns


def _with_instances(
    usage: Usage,
    billing: Billing,
    pool: Pool,
    instances: Instances,
    services: dict[int, list[tuple[int, int]]],
    window: tuple[int, int],
) -> Usage:
    """The same with the time of instances."""

    def inside(begin: int, end: int) -> int:
        return max(0, min(end, window[1]) - max(begin, window[0]))

    standing_ns = pool.standing * usage.span_ns
    columns = (instances.launch_ns.tolist(), instances.ready_ns.tolist(), instances.gone_ns.tolist())
    if not pool.launches:
        lives = zip(columns[0], columns[2], strict=True)
        there_ns = sum(inside(launch, max(gone, launch + LEAST_BILLED_NS)) for launch, gone in lives)
        return replace(usage, instance_ns=there_ns)
    if not billing.of_instances:
        return replace(usage, instance_ns=standing_ns)
    grain = billing.granularity_ns
    life = there = starting = 0
    active = {True: 0, False: 0}
    for number, (launch, ready, gone) in enumerate(zip(*columns, strict=True)):
        life += inside(launch, _end(launch, gone, grain))
        there += inside(launch, gone)
        starting += inside(launch, ready)
        begin = end = NONE
        for start, release in sorted(services.get(number, [])):
            if begin != NONE and start <= _end(begin, end, grain):
                end = max(end, release)
                continue
            active[number < pool.standing] += inside(begin, _end(begin, end, grain))
            begin, end = start, release
        active[number < pool.standing] += inside(begin, _end(begin, end, grain))
    return replace(
        usage,
        instance_ns=life,
        active_ns=active[True] + active[False] + (starting if billing.bills_startup else 0),
        idle_standing_ns=standing_ns - active[True],
        idle_on_demand_ns=max(0, there - standing_ns - starting - active[False]),
        standing_there_ns=standing_ns,
    )


def _end(begin: int, end: int, grain: int) -> int:
    """Where a time ends that is rounded up to a multiple of a granule; saturates at `FOREVER`."""
    return min(FOREVER, begin + -(-(end - begin) // grain) * grain)


def plus(a: NDArray[np.int64], b: NDArray[np.int64] | np.int64) -> NDArray[np.int64]:
    """Sum of times, each 0 or more; saturates at `FOREVER`."""
    return np.where(a > FOREVER - b, np.int64(FOREVER), a + b)


def rounded_up(time_ns: NDArray[np.int64], granule_ns: int) -> NDArray[np.int64]:
    """The next multiple of a granule, itself if it is one; saturates at `FOREVER`."""
    granules = time_ns // granule_ns + (time_ns % granule_ns > 0)
    return np.where(granules > FOREVER // granule_ns, np.int64(FOREVER), granules * granule_ns)
