"""All attempts of the requests of a block, and the intervals that they make: waiting, and waiting for a launch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import OnTimeout, Pool, WaitingRequests
from simulator.engines.tables import NONE, Demand, Requests, Settled
from simulator.units import FOREVER

#: Instants, and beginnings and ends. [ns]
Instants = NDArray[np.int64]
Interval = tuple[Instants, Instants]


class Attempts(NamedTuple):
    """Attempts of the requests of a block: the last ones in order of request, then the earlier ones; m rows.

    Parameters
    ----------
    row : ndarray of int64, shape (m,)
        Of the request in the block.
    at_ns : ndarray of int64, shape (m,)
        When it was made. [ns]
    outcome, reason, start_ns, response_ns, release_ns, instance, is_cold : ndarray, shape (m,)
        How it ended, as in `engines.tables.Requests`.
    """

    row: NDArray[np.int64]
    at_ns: NDArray[np.int64]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]

    def where(self, wanted: NDArray[np.bool_] | NDArray[np.int64]) -> Attempts:
        """Some of them."""
        return Attempts._make(column[wanted] for column in self)


def nobody() -> Attempts:
    """No attempt."""
    none = Requests.empty(0)
    whole = np.empty(0, np.int64)
    return Attempts(
        whole,
        whole,
        none.outcome,
        none.reason,
        none.start_ns,
        none.response_ns,
        none.release_ns,
        none.instance,
        none.is_cold,
    )


def last_attempts_ns(settled: Settled, before: int) -> NDArray[np.int64]:
    """When the last attempt of each request of a block was made [ns].

    Parameters
    ----------
    settled : Settled
    before : int
        Requests that were settled before it.
    """
    arrival_ns = settled.demand.arrival_ns
    if not len(settled.tries):
        return arrival_ns
    at_ns = arrival_ns.copy()
    # Tries are in order of attempt: the last of a request is what stays.
    at_ns[settled.tries.number - before] = settled.tries.next_ns
    return at_ns


def attempts_of(settled: Settled, before: int) -> Attempts:
    """All attempts of a block; parameters as those of `last_attempts_ns`."""
    requests, tries = settled.requests, settled.tries
    last = Attempts(
        np.arange(len(requests)),
        last_attempts_ns(settled, before),
        requests.outcome,
        requests.reason,
        requests.start_ns,
        requests.response_ns,
        requests.release_ns,
        requests.instance,
        requests.is_cold,
    )
    if not len(tries):
        return last
    earlier = Attempts(
        tries.number - before,
        tries.at_ns,
        tries.outcome,
        tries.reason,
        tries.start_ns,
        tries.response_ns,
        tries.release_ns,
        tries.instance,
        tries.is_cold,
    )
    return Attempts._make(np.concatenate([a, b]) for a, b in zip(last, earlier, strict=True))


def waiting(attempts: Attempts) -> Interval:
    """From when until when each attempt waits, in a line, a queue or for its launch; the same where it does not."""
    end_ns = np.where(attempts.start_ns != NONE, attempts.start_ns, np.maximum(attempts.response_ns, attempts.at_ns))
    return attempts.at_ns, end_ns


def launches_are_known(pool: Pool) -> bool:
    """Whether rows tell from when until when each launched instance starts.

    They do not where a waiting request may cause a second launch: where instances are stopped, the head of the line
    goes through the rules of an arrival again (model.md 3.1).
    """
    return not (pool.waiting_requests is WaitingRequests.FIRST_FREE and pool.on_timeout is OnTimeout.STOP)


def starting(pool: Pool, attempts: Attempts, demand: Demand) -> Interval:
    """From when until when the instances start that were launched for attempts (all cold).

    An attempt that is bound to its instance starts when that is ready; it may have stood in a line before the launch.
    Without binding the instance is launched when the attempt is made, and serves whom it finds.
    """
    startup_ns = demand.column("startup_ns")[attempts.row]
    if pool.waiting_requests is WaitingRequests.FIRST_FREE:
        begin_ns = attempts.at_ns
        return begin_ns, np.where(begin_ns > FOREVER - startup_ns, FOREVER, begin_ns + startup_ns)
    failed = attempts.start_ns == NONE
    end_ns = np.where(failed, attempts.release_ns, attempts.start_ns)
    # What saturates would seem to begin before its attempt.
    return np.maximum(attempts.at_ns, end_ns - np.where(failed, pool.startup_limit_ns, startup_ns)), end_ns
