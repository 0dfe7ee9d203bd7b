"""What a tally adds up: whole counts, sums of times that cannot overflow, a histogram, and the rules it goes by.

Every sum is 64 bits and a carry. Indices of `COUNTS` and `SUMS` are the order of the arrays that the loops add to.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.tables import Demand, Reason, Requests
from simulator.measures.histogram import BINS
from simulator.units import FOREVER

#: Whole counts of measured requests; throttled ones by reason stand at THROTTLED + reason.
REQUESTS: Final = 0
COMPLETED: Final = 1
TIMED_OUT: Final = 2
EXPIRED: Final = 3
COLD_COMPLETED: Final = 4
FAILED_LAUNCHES: Final = 5
SPILLOVER: Final = 6
SERVED: Final = 7
#: Measured requests that were served after waiting, for a worker or a launch.
WAITED: Final = 8
#: All requests, measured or not: launches that succeeded, launches that failed, those served longer than the client
#: waited.
COLD_ALL: Final = 9
FAILED_ALL: Final = 10
CLIENT_GONE_ALL: Final = 11
#: All requests that were served for another time than they asked for: none, or a sum would be wrong.
MISSERVED: Final = 12
THROTTLED: Final = 13
COUNTS: Final = THROTTLED + len(Reason)

#: Sums of times. [ns]
LATENCY: Final = 0
WAITING: Final = 1
PENALTY: Final = 2
BILLED_ON_DEMAND: Final = 3
BILLED_STANDING: Final = 4
#: Places in service and places whose client has gone, inside the measured part.
IN_SERVICE: Final = 5
CLIENT_GONE: Final = 6
#: Instances with a request in service, inside the measured part, where an instance has several places.
BUSY: Final = 7
#: Of all cold requests: from arrival until the instance could serve, or its launch failed.
STARTUP: Final = 8
SUMS: Final = 9
#: Rows looked at together.
STRETCH: Final = 512


class Rules(NamedTuple):
    """What the tally of an endpoint goes by; parameters as those of `tally.Tally`."""

    standing: int
    from_ns: int
    until_ns: int
    overhead_ns: int
    granularity_ns: int
    billed_overhead_ns: int
    bills_startup: bool


class Rows(NamedTuple):
    """The columns of demand and of requests that are measured, n rows; the service time may be one for all."""

    arrival_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]


class Sums(NamedTuple):
    """What a tally has added up.

    Parameters
    ----------
    counts : ndarray of int64, shape (COUNTS,)
    low : ndarray of uint64, shape (SUMS,)
        The lower 64 bits of every sum.
    carries : ndarray of int64, shape (SUMS,)
        How often they ran over.
    limits_ns, below : ndarray of int64, shape (limits,)
        Limits on latency, and the completed requests below each.
    histogram : ndarray of int64, shape (BINS,)
        Of latency.
    extremes_ns : ndarray of int64, shape (2,)
        Least and greatest latency. [ns]
    kept_ns : ndarray of int64
        Every latency, as long as there is room for all of them. [ns]
    busy_until_ns : ndarray of int64, shape (instances,) or (0,)
        Until when each instance with several places is known to be busy; empty where an instance has one. [ns]
    """

    counts: NDArray[np.int64]
    low: NDArray[np.uint64]
    carries: NDArray[np.int64]
    limits_ns: NDArray[np.int64]
    below: NDArray[np.int64]
    histogram: NDArray[np.int64]
    extremes_ns: NDArray[np.int64]
    kept_ns: NDArray[np.int64]
    busy_until_ns: NDArray[np.int64]


class Stretch(NamedTuple):
    """Room for what is looked at closer in a stretch of rows, shape (STRETCH,) each."""

    latency_ns: NDArray[np.int64]
    bins: NDArray[np.int64]
    on_demand_ns: NDArray[np.int64]
    standing_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]


def rows_of(demand: Demand, requests: Requests) -> Rows:
    """The columns of a block."""
    return Rows(
        demand.arrival_ns,
        demand.service_ns,
        requests.outcome,
        requests.reason,
        requests.start_ns,
        requests.response_ns,
        requests.release_ns,
        requests.instance,
        requests.is_cold,
    )


def empty_sums(limits_ns: NDArray[np.int64], keep: int, union_of: int) -> Sums:
    """Nothing added up yet.

    Parameters
    ----------
    limits_ns : ndarray of int64
        [ns]
    keep : int
        Latencies that there is room for.
    union_of : int
        Instances that have several places.
    """
    return Sums(
        counts=np.zeros(COUNTS, np.int64),
        low=np.zeros(SUMS, np.uint64),
        carries=np.zeros(SUMS, np.int64),
        limits_ns=limits_ns,
        below=np.zeros(len(limits_ns), np.int64),
        histogram=np.zeros(BINS, np.int64),
        extremes_ns=np.array([FOREVER, 0], np.int64),
        kept_ns=np.empty(keep, np.int64),
        busy_until_ns=np.zeros(union_of, np.int64),
    )


def with_room_for(sums: Sums, instance: NDArray[np.int64]) -> Sums:
    """The same, with a busy time for each of some instances, given by number."""
    most, before = int(instance.max(initial=-1)), len(sums.busy_until_ns)
    if most < before:
        return sums
    return sums._replace(busy_until_ns=np.concatenate([sums.busy_until_ns, np.zeros(most + 1, np.int64)]))


def whole_sum(sums: Sums, which: int) -> int:
    """One of the sums, carries included."""
    return (int(sums.carries[which]) << 64) + int(sums.low[which])


def whole_sums(sums: Sums) -> list[int]:
    """All of the sums, carries included."""
    return [whole_sum(sums, which) for which in range(SUMS)]


def empty_stretch() -> Stretch:
    """Room of undefined content."""
    return Stretch(*(np.empty(STRETCH, np.int64) for _ in Stretch._fields))
