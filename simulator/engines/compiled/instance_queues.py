"""Pools of standing instances, each with its own queue: `random` and `least_outstanding_requests` (model.md 4).

Service times are known and a queue is first in, first out: at its arrival it is settled when a request starts or
that it gives up. A request that gives up never takes a worker, so those behind it start as if it had not come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.kernels import kernel
from simulator.engines.compiled.outstanding import change_held, least_outstanding, none_outstanding
from simulator.engines.compiled.releases import add_release, are_full, bring_near, room_for_releases
from simulator.engines.compiled.rows import Column, Table, column_of, empty_table, requests_of
from simulator.engines.compiled.settling import NO_ROOM, TURNED_AWAY, Queues, Terms, settle, terms_of
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Requests

_QUEUE_ROOM = 64


class Rules(NamedTuple):
    """What varies between pools of instances with their own queues."""

    instances: int
    by_outstanding: bool
    terms: Terms


class Held(NamedTuple):
    """What the instances hold between two arrivals.

    Parameters
    ----------
    sizes : ndarray of int64, shape (2,)
        Departures still to come, near and far.
    free_ns : ndarray of int64, shape (instances · places,)
        See `workers`. [ns]
    leaves_ns, tails : ndarray of int64, shapes (instances, capacity) and (instances,)
        See `waiting`. [ns]
    held, least, sharing : ndarray of int64
        See `outstanding`; only for least outstanding requests.
    depart_ns, departs_from : ndarray of int64, shape (capacity,)
        When requests cease to be outstanding: released, or left the queue. Only for least outstanding requests.
    no_order : ndarray of int64, shape (instances,)
        Zeros: departures of one instant have no order, as they only count down.
    """

    sizes: NDArray[np.int64]
    free_ns: NDArray[np.int64]
    leaves_ns: NDArray[np.int64]
    tails: NDArray[np.int64]
    held: NDArray[np.int64]
    least: NDArray[np.int64]
    sharing: NDArray[np.int64]
    depart_ns: NDArray[np.int64]
    departs_from: NDArray[np.int64]
    no_order: NDArray[np.int64]


class Rows(NamedTuple):
    """The columns of demand that matter to these pools."""

    arrival_ns: Column
    service_ns: Column
    routing: Column


@kernel
def serve_by_instance(rules: Rules, rows: Rows, first: int, state: Held, table: Table) -> int:
    """The row at which an array was full, before anything of that row happened; the number of rows if none was."""
    instances, by_outstanding, terms = rules
    arrival_ns = rows.arrival_ns.values
    service_values, service_mask = rows.service_ns
    routing_values, routing_mask = rows.routing
    queues = Queues(state.free_ns, state.leaves_ns, state.tails)
    held, least, sharing, no_order = state.held, state.least, state.sharing, state.no_order
    depart_ns, departs_from = state.depart_ns, state.departs_from
    near, far = state.sizes[0], state.sizes[1]

    row = first
    while row < len(arrival_ns):
        now_ns = arrival_ns[row]
        draw = routing_values[row & routing_mask]
        if by_outstanding:
            if are_full(depart_ns, far):
                break
            # Ranks 10 and 50: all that ceases to be outstanding up to now.
            while near + far > 0:
                if near == 0:
                    near, far = bring_near(depart_ns, departs_from, far, no_order)
                if depart_ns[near - 1] > now_ns:
                    break
                near -= 1
                change_held(held, least, sharing, departs_from[near], -1)
            instance = least_outstanding(held, least, sharing, draw)
        else:
            instance = int(draw * instances)

        service_ns = service_values[row & service_mask]
        departure_ns = settle(terms, queues, instance, now_ns, service_ns, table, row, instance)
        if departure_ns == NO_ROOM:
            break
        if departure_ns == TURNED_AWAY:
            row += 1
            continue
        if by_outstanding:
            change_held(held, least, sharing, instance, 1)
            near, far = add_release(depart_ns, departs_from, near, far, departure_ns, instance, no_order)
        row += 1

    state.sizes[0], state.sizes[1] = near, far
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
        self._rules = Rules(pool.standing, by_outstanding, terms_of(pool))
        held, least, sharing = none_outstanding(pool.standing if by_outstanding else 1)
        self._state = Held(
            sizes=np.zeros(2, np.int64),
            free_ns=np.zeros(pool.standing * pool.places, np.int64),
            leaves_ns=np.zeros((pool.standing, min(room, _QUEUE_ROOM)), np.int64),
            tails=np.zeros(pool.standing, np.int64),
            held=held,
            least=least,
            sharing=sharing,
            depart_ns=np.zeros(room_for_releases(room), np.int64),
            departs_from=np.zeros(room_for_releases(room), np.int64),
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
        """Double what is full: the departures, or all queues where one stays too full after clearing."""
        state = self._state
        if are_full(state.depart_ns, state.sizes[1]):
            self._state = state._replace(depart_ns=doubled(state.depart_ns), departs_from=doubled(state.departs_from))
        else:
            self._state = state._replace(leaves_ns=doubled(state.leaves_ns, axis=1))
