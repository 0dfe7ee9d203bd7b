"""Pools of standing instances, each with its own queue: `random` and `least_outstanding_requests` (model.md 4).

Service times are known and a queue is first in, first out: at its arrival it is settled when a request starts or
that it gives up. A request that gives up never takes a worker, so those behind it start as if it had not come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.outstanding import change_held, least_outstanding, none_outstanding
from simulator.engines.compiled.releases import Heap, add_release, drop_first, empty_heap
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
from simulator.engines.compiled.waiting import count_waiting, enter_queue, has_room
from simulator.engines.compiled.workers import occupy_first_free
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Reason, Requests
from simulator.units import FOREVER

_QUEUE_FULL = int(Reason.QUEUE_FULL)


class Rules(NamedTuple):
    """What varies between pools of instances with their own queues."""

    instances: int
    places: int
    least_outstanding: bool
    queue_limit: int
    timeout_ns: int
    from_arrival: bool
    leaves_at_limit: bool


class Held(NamedTuple):
    """What the instances hold between two arrivals.

    Parameters
    ----------
    sizes : ndarray of int64, shape (1,)
        Departures still to come.
    free_ns : ndarray of int64, shape (instances · places,)
        See `workers`. [ns]
    leaves_ns, ends : ndarray of int64, shapes (instances, capacity) and (instances, 2)
        See `waiting`. [ns]
    held, tree : ndarray of int64
        See `outstanding`; only for least outstanding requests.
    departures : ndarray of int64, shape (capacity, 2)
        When requests cease to be outstanding: released, or left the queue. Only for least outstanding requests.
    no_order : ndarray of int64, shape (instances,)
        Zeros: departures of one instant have no order, as they only count down.
    """

    sizes: NDArray[np.int64]
    free_ns: NDArray[np.int64]
    leaves_ns: NDArray[np.int64]
    ends: NDArray[np.int64]
    held: NDArray[np.int64]
    tree: NDArray[np.int64]
    departures: Heap
    no_order: NDArray[np.int64]


class Rows(NamedTuple):
    """The columns of demand that matter to these pools."""

    arrival_ns: Column
    service_ns: Column
    routing: Column


@njit(cache=True)
def serve_by_instance(rules: Rules, rows: Rows, first: int, state: Held, table: Table) -> int:
    """The row at which an array was full, before anything of that row happened; the number of rows if none was."""
    instances, places, by_outstanding, queue_limit, timeout_ns, from_arrival, leaves_at_limit = rules
    arrival_ns = rows.arrival_ns.values
    service_values, service_mask = rows.service_ns
    routing_values, routing_mask = rows.routing
    free_ns, leaves_ns, ends = state.free_ns, state.leaves_ns, state.ends
    held, tree, departures, no_order = state.held, state.tree, state.departures, state.no_order
    to_depart = state.sizes[0]
    is_limited = queue_limit < FOREVER

    row = first
    while row < len(arrival_ns):
        now_ns = arrival_ns[row]
        draw = routing_values[row & routing_mask]
        if by_outstanding:
            if to_depart == len(departures):
                break
            # Ranks 10 and 50: all that ceases to be outstanding up to now.
            while to_depart > 0 and departures[0, 0] <= now_ns:
                change_held(held, tree, departures[0, 1], -1)
                to_depart = drop_first(departures, to_depart, no_order)
            instance = least_outstanding(held, tree, draw)
        else:
            instance = int(draw * instances)

        start_ns = now_ns
        has_to_wait = free_ns[instance * places] > now_ns
        if has_to_wait:
            start_ns = free_ns[instance * places]
            if is_limited:
                if count_waiting(leaves_ns, ends, instance, now_ns) >= queue_limit:
                    write_throttled(table, row, _QUEUE_FULL)
                    row += 1
                    continue
                if not has_room(leaves_ns, ends, instance):
                    break
        limit_ns = plus(now_ns if from_arrival else start_ns, timeout_ns)
        # At the very limit the worker is still taken: rank 10 before 50.
        gives_up = leaves_at_limit and start_ns > limit_ns
        if has_to_wait and is_limited:
            enter_queue(leaves_ns, ends, instance, limit_ns if gives_up else start_ns)
        if gives_up:
            write_given_up(table, row, limit_ns)
            departure_ns = limit_ns
        else:
            departure_ns = write_served(
                table, row, start_ns, service_values[row & service_mask], limit_ns, instance, False
            )
            occupy_first_free(free_ns, instance, places, departure_ns)
        if by_outstanding:
            change_held(held, tree, instance, 1)
            to_depart = add_release(departures, to_depart, departure_ns, instance, no_order)
        row += 1

    state.sizes[0] = to_depart
    return row


class InstanceQueues:
    """A pool of standing instances with a queue each, between two blocks of demand.

    Parameters
    ----------
    pool : Pool
        One that does not launch, with at least one standing instance.
    room : int
        Size of the arrays at the start; they double when they are full, and no result depends on it.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        by_outstanding = pool.routing is Routing.LEAST_OUTSTANDING_REQUESTS
        self._rules = Rules(
            pool.standing,
            pool.places,
            by_outstanding,
            pool.queue_limit,
            pool.timeout_ns,
            pool.timeout_from is TimeoutFrom.ARRIVAL,
            pool.on_give_up is OnGiveUp.LEAVE,
        )
        held, tree = none_outstanding(pool.standing if by_outstanding else 1)
        self._state = Held(
            sizes=np.zeros(1, np.int64),
            free_ns=np.zeros(pool.standing * pool.places, np.int64),
            leaves_ns=np.zeros((pool.standing, min(room, 16)), np.int64),
            ends=np.zeros((pool.standing, 2), np.int64),
            held=held,
            tree=tree,
            departures=empty_heap(room),
            no_order=np.zeros(pool.standing, np.int64),
        )

    def feed(self, demand: Demand) -> Requests:
        """Final rows of the next block of demand."""
        rows = Rows(*(column_of(demand, name) for name in ("arrival_ns", "service_ns", "routing")))
        table = empty_table(len(demand))
        row = serve_by_instance(self._rules, rows, 0, self._state, table)
        while row < len(demand):
            self._make_room()
            row = serve_by_instance(self._rules, rows, row, self._state, table)
        return requests_of(table)

    def _make_room(self) -> None:
        """Double what is full: the departures, or all queues where one is too full for a shift to the front to pay."""
        state = self._state
        if state.sizes[0] == len(state.departures):
            self._state = state._replace(departures=doubled(state.departures))
        else:
            self._state = state._replace(leaves_ns=doubled(state.leaves_ns, axis=1))
