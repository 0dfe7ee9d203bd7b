"""A request at an instance with its own queue, settled at its arrival (model.md 4).

Service times are known and a queue is first in, first out: when a request comes it is settled when it starts, or that
it gives up. One that gives up never takes a worker, so those behind it start as if it had not come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule
from simulator.engines.compiled.rows import Table, write_given_up, write_served, write_throttled
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.waiting import enter_queue, has_room, is_full
from simulator.engines.compiled.workers import occupy_first_free
from simulator.engines.pool import OnGiveUp, Pool, TimeoutFrom
from simulator.engines.tables import Reason
from simulator.units import FOREVER

_QUEUE_FULL = int(Reason.QUEUE_FULL)
#: What `settle` says of a request that is turned away, and of one for which a queue has to grow first.
TURNED_AWAY, NO_ROOM = -1, -2


class Terms(NamedTuple):
    """Workers of an instance, as in `Pool`; how many may wait, and when they leave."""

    places: int
    queue_limit: int
    timeout_ns: int
    from_arrival: bool
    leaves_at_limit: bool


def terms_of(pool: Pool) -> Terms:
    """Those of a pool whose instances have a queue each."""
    return Terms(
        pool.places,
        pool.queue_limit,
        pool.timeout_ns,
        pool.timeout_from is TimeoutFrom.ARRIVAL,
        pool.on_give_up is OnGiveUp.LEAVE,
    )


class Queues(NamedTuple):
    """The workers of all instances and who waits for them, see `workers` and `waiting`."""

    free_ns: NDArray[np.int64]
    leaves_ns: NDArray[np.int64]
    tails: NDArray[np.int64]


@rule
def settle(
    terms: Terms, queues: Queues, queue: int, now_ns: int, service_ns: int, table: Table, row: int, instance: int
) -> int:
    """When a request ceases to be outstanding, released or off the queue, after its row was written.

    `TURNED_AWAY` if the queue is full; `NO_ROOM` before anything has happened.
    """
    free_ns, leaves_ns, tails = queues
    is_limited = terms.queue_limit < FOREVER
    start_ns = now_ns
    has_to_wait = free_ns[queue * terms.places] > now_ns
    if has_to_wait:
        start_ns = free_ns[queue * terms.places]
        if is_limited:
            if is_full(leaves_ns, tails, queue, terms.queue_limit, now_ns):
                write_throttled(table, row, _QUEUE_FULL)
                return TURNED_AWAY
            if not has_room(leaves_ns, tails, queue, now_ns):
                return NO_ROOM
    limit_ns = plus(now_ns if terms.from_arrival else start_ns, terms.timeout_ns)
    # At the very limit the worker is still taken: rank 10 before 50.
    gives_up = terms.leaves_at_limit and start_ns > limit_ns
    if has_to_wait and is_limited:
        enter_queue(leaves_ns, tails, queue, limit_ns if gives_up else start_ns)
    if gives_up:
        write_given_up(table, row, limit_ns)
        return limit_ns
    release_ns = write_served(table, row, start_ns, service_ns, limit_ns, instance, False)
    occupy_first_free(free_ns, queue, terms.places, release_ns)
    return release_ns
