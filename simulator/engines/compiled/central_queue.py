"""Pools of standing instances before one queue (model.md 4).

Capacity is constant and the queue is first in, first out: the head takes the worker that is released first, so a
request that has to wait takes it at its own arrival, ahead of time. Places are workers, numbered so that those of a
lower-numbered instance come first: worker w belongs to instance w // places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.kernels import kernel
from simulator.engines.compiled.lowest_first import add_number, take_lowest
from simulator.engines.compiled.releases import add_release, bring_near, room_for_releases
from simulator.engines.compiled.rows import (
    Column,
    Table,
    column_of,
    empty_table,
    requests_of,
    write_given_up,
    write_served,
    write_throttled,
)
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.waiting import enter_queue, has_room, is_full
from simulator.engines.pool import OnGiveUp, Pool, TimeoutFrom
from simulator.engines.tables import Demand, Reason, Requests
from simulator.units import FOREVER

_QUEUE_FULL = int(Reason.QUEUE_FULL)


class Rules(NamedTuple):
    """What varies between pools with a central queue."""

    places: int
    queue_limit: int
    timeout_ns: int
    from_arrival: bool
    leaves_at_limit: bool


class Workers(NamedTuple):
    """The workers and the queue between two arrivals.

    Parameters
    ----------
    sizes : ndarray of int64, shape (3,)
        Workers occupied, near and far in the order of their releases; requests that came before.
    due_ns, given : ndarray of int64
        Releases, see `releases`: one entry per occupied worker: when it is free of all that was given to it so far.
    serving : ndarray of int64, shape (workers,)
        Number of the request given to a worker last.
    free : ndarray of int64, shape (workers,)
        Free workers, a heap with the lowest number first.
    leaves_ns, tails : ndarray of int64, shapes (1, capacity) and (1,)
        See `waiting`. [ns]
    """

    sizes: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    given: NDArray[np.int64]
    serving: NDArray[np.int64]
    free: NDArray[np.int64]
    leaves_ns: NDArray[np.int64]
    tails: NDArray[np.int64]


class Rows(NamedTuple):
    """The columns of demand that matter to a central queue."""

    arrival_ns: Column
    service_ns: Column


@kernel
def serve_centrally(rules: Rules, rows: Rows, first: int, state: Workers, table: Table) -> int:
    """The row at which the queue's array was full, before anything of that row; the number of rows if it never was."""
    places, queue_limit, timeout_ns, from_arrival, leaves_at_limit = rules
    arrival_ns = rows.arrival_ns.values
    service_values, service_mask = rows.service_ns
    due_ns, given, serving, free = state.due_ns, state.given, state.serving, state.free
    leaves_ns, tails = state.leaves_ns, state.tails
    near, far, number = state.sizes[0], state.sizes[1], state.sizes[2]
    workers = len(serving)
    is_limited = queue_limit < FOREVER

    row = first
    while row < len(arrival_ns):
        now_ns = arrival_ns[row]
        service_ns = service_values[row & service_mask]
        # Rank 10: what is released up to now was not given ahead of time to anyone who waits.
        while near + far > 0:
            if near == 0:
                near, far = bring_near(due_ns, given, far, serving)
            if due_ns[near - 1] > now_ns:
                break
            add_number(free, workers - near - far, given[near - 1])
            near -= 1

        if near + far < workers:
            worker = take_lowest(free, workers - near - far)
            limit_ns = plus(now_ns, timeout_ns)
            release_ns = write_served(table, row, now_ns, service_ns, limit_ns, worker // places, False)
            serving[worker] = number
            near, far = add_release(due_ns, given, near, far, release_ns, worker, serving)
        else:
            start_ns, worker = due_ns[near - 1], given[near - 1]
            limit_ns = plus(now_ns if from_arrival else start_ns, timeout_ns)
            # At the very limit the worker is still taken: rank 10 before 50.
            gives_up = leaves_at_limit and start_ns > limit_ns
            if is_limited:
                if is_full(leaves_ns, tails, 0, queue_limit, now_ns):
                    write_throttled(table, row, _QUEUE_FULL)
                    row += 1
                    number += 1
                    continue
                if not has_room(leaves_ns, tails, 0, now_ns):
                    break
                enter_queue(leaves_ns, tails, 0, limit_ns if gives_up else start_ns)
            if gives_up:
                write_given_up(table, row, limit_ns)
            else:
                release_ns = write_served(table, row, start_ns, service_ns, limit_ns, worker // places, False)
                serving[worker] = number
                near, far = add_release(due_ns, given, near - 1, far, release_ns, worker, serving)
        row += 1
        number += 1

    state.sizes[0], state.sizes[1], state.sizes[2] = near, far, number
    return row


class CentralQueue:
    """A pool of standing instances before one queue, between two blocks of demand.

    Parameters
    ----------
    pool : Pool
        One that does not launch, with at least one standing instance.
    room : int
        Size of the queue's array at the start; it doubles when it is full, and no result depends on it.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        workers = pool.standing * pool.places
        self._rules = Rules(
            pool.places,
            min(pool.standing * pool.queue_limit, FOREVER),
            pool.timeout_ns,
            pool.timeout_from is TimeoutFrom.ARRIVAL,
            pool.on_give_up is OnGiveUp.LEAVE,
        )
        self._state = Workers(
            sizes=np.zeros(3, np.int64),
            due_ns=np.zeros(room_for_releases(workers), np.int64),
            given=np.zeros(room_for_releases(workers), np.int64),
            serving=np.zeros(workers, np.int64),
            free=np.arange(workers, dtype=np.int64),
            leaves_ns=np.zeros((1, room), np.int64),
            tails=np.zeros(1, np.int64),
        )

    def feed(self, demand: Demand) -> Requests:
        """Final rows of the next block of demand."""
        rows = Rows(column_of(demand, "arrival_ns"), column_of(demand, "service_ns"))
        table = empty_table(len(demand))
        row = serve_centrally(self._rules, rows, 0, self._state, table)
        while row < len(demand):
            self._state = self._state._replace(leaves_ns=doubled(self._state.leaves_ns, axis=1))
            row = serve_centrally(self._rules, rows, row, self._state, table)
        return requests_of(table)
