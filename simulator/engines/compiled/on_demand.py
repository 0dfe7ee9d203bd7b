"""Pools that launch an instance for a request that finds none idle (model.md 3).

A row is settled at its own arrival: which place takes it, and so its start, its release and its outcome, depend on
nothing that comes later. What is still to come of it is one entry among the releases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.idle_at_random import (
    close_ranks,
    doubled_tree,
    empty_tree,
    retire_idle,
    set_slot,
    take_at_random,
)
from simulator.engines.compiled.idle_in_order import drop_retired, put_idle, take_idle
from simulator.engines.compiled.kernels import kernel, rule
from simulator.engines.compiled.releases import add_release, are_full, bring_near, room_for_releases
from simulator.engines.compiled.rows import (
    Column,
    Table,
    column_of,
    empty_table,
    requests_of,
    write_failed_launch,
    write_served,
    write_throttled,
)
from simulator.engines.compiled.saturating import plus
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Demand, Instances, Reason, Requests
from simulator.units import FOREVER

_NONE = int(NONE)
_RANDOM_IDLE = int(Routing.RANDOM_IDLE)
_CONCURRENCY = int(Reason.CONCURRENCY)
_SLOTS = 64

# Entries of `Living.sizes`: how much of each array is in use, and how many requests came before.
_NEAR, _FAR, _LAUNCHED, _STANDING_IDLE, _HEAD, _TAIL, _SLOTS_USED, _REQUESTS = range(8)


class Rules(NamedTuple):
    """What varies between pools that launch."""

    standing: int
    routing: int
    max_concurrency: int
    startup_limit_ns: int
    timeout_ns: int


class Living(NamedTuple):
    """The state between two arrivals. Arrays by instance number grow with the launches, the others with the living.

    Parameters
    ----------
    sizes : ndarray of int64
        How much of the arrays is in use.
    due_ns, places : ndarray of int64, shape (capacity,)
        Releases, see `releases`: one entry per occupied place, starting ones and failing launches included.
    standing_idle : ndarray of int64, shape (standing,)
        Idle standing instances, a stack in order of becoming idle; those never used lie at the bottom.
    idle : ndarray of int64
        Idle on-demand instances in order, see `idle_in_order`.
    idle_below, retires_ns, instance_in, slot_of : ndarray of int64
        The same for random routing, see `idle_at_random`.
    launch_ns, ready_ns, gone_ns : ndarray of int64
        As in `Instances`; `gone_ns` is when the instance retires unless it is reused before. [ns]
    life_over_ns : ndarray of int64
        Launch + lifetime. [ns]
    serving : ndarray of int64
        Number of the request that an instance served last.
    """

    sizes: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    places: NDArray[np.int64]
    standing_idle: NDArray[np.int64]
    idle: NDArray[np.int64]
    idle_below: NDArray[np.int64]
    retires_ns: NDArray[np.int64]
    instance_in: NDArray[np.int64]
    slot_of: NDArray[np.int64]
    launch_ns: NDArray[np.int64]
    ready_ns: NDArray[np.int64]
    gone_ns: NDArray[np.int64]
    life_over_ns: NDArray[np.int64]
    serving: NDArray[np.int64]


class Rows(NamedTuple):
    """The columns of demand that matter to a pool that launches."""

    arrival_ns: Column
    service_ns: Column
    startup_ns: Column
    idle_timeout_ns: Column
    lifetime_ns: Column
    routing: Column


@rule
def retirement_ns(release_ns: int, idle_timeout_ns: int, life_over_ns: int) -> int:
    """When an instance retires that is released and not reused."""
    return min(plus(release_ns, idle_timeout_ns), max(release_ns, life_over_ns))


@kernel
def serve_on_demand(rules: Rules, rows: Rows, first: int, living: Living, table: Table) -> int:
    """The row at which an array was full, before anything of that row happened; the number of rows if none was.

    The caller then makes the array larger and calls again from that row.
    """
    standing, routing, max_concurrency, startup_limit_ns, timeout_ns = rules
    arrival_ns = rows.arrival_ns.values
    service_values, service_mask = rows.service_ns
    startup_values, startup_mask = rows.startup_ns
    idle_values, idle_mask = rows.idle_timeout_ns
    lifetime_values, lifetime_mask = rows.lifetime_ns
    routing_values, routing_mask = rows.routing
    sizes, due_ns, places = living.sizes, living.due_ns, living.places
    standing_idle, idle = living.standing_idle, living.idle
    idle_below, retires_ns = living.idle_below, living.retires_ns
    instance_in, slot_of = living.instance_in, living.slot_of
    gone_ns, life_over_ns, serving = living.gone_ns, living.life_over_ns, living.serving
    near, far, launched, idle_standing = sizes[_NEAR], sizes[_FAR], sizes[_LAUNCHED], sizes[_STANDING_IDLE]
    head, tail, slots_used, number = sizes[_HEAD], sizes[_TAIL], sizes[_SLOTS_USED], sizes[_REQUESTS]
    at_random = routing == _RANDOM_IDLE
    room_for_launches, room_for_idle, room_for_slots = len(gone_ns), len(idle), len(instance_in)

    row = first
    while row < len(arrival_ns):
        now_ns = arrival_ns[row]
        if are_full(due_ns, far) or launched == room_for_launches:
            break  # A row may occupy one more place and launch one more instance.
        if tail + near + far > room_for_idle:
            # No more than the occupied instances can be released before this arrival.
            tail = drop_retired(routing, idle, head, tail, gone_ns, now_ns)
            head = 0
            if 2 * (tail + near + far) > room_for_idle:
                break

        # Rank 10: releases up to now. An instance that retires at its release is not idle for any arrival.
        while near + far > 0:
            if near == 0:
                near, far = bring_near(due_ns, places, far, serving)
            if due_ns[near - 1] > now_ns:
                break
            near -= 1
            release_ns, instance = due_ns[near], places[near]
            if instance < standing:
                standing_idle[idle_standing] = instance
                idle_standing += 1
            elif release_ns < gone_ns[instance]:
                if at_random:
                    set_slot(idle_below, retires_ns, slot_of[instance], 1, gone_ns[instance])
                else:
                    tail = put_idle(routing, idle, tail, instance)
        if slots_used == room_for_slots:
            slots_used = close_ranks(idle_below, retires_ns, instance_in, slots_used, slot_of, gone_ns, now_ns)
            if 2 * slots_used > room_for_slots:
                break

        # Rank 60: the arrival.
        if near + far >= max_concurrency:
            write_throttled(table, row, _CONCURRENCY)
            row += 1
            number += 1
            continue
        if idle_standing > 0:
            idle_standing -= 1
            instance = standing_idle[idle_standing]
        elif at_random:
            retire_idle(idle_below, retires_ns, now_ns)
            instance = take_at_random(idle_below, retires_ns, instance_in, routing_values[row & routing_mask])
        else:
            instance, head, tail = take_idle(routing, idle, head, tail, gone_ns, now_ns)

        is_cold = instance == _NONE
        start_ns = now_ns
        has_failed = False
        if is_cold:
            instance = launched
            launched += 1
            startup_ns = startup_values[row & startup_mask]
            has_failed = startup_ns > startup_limit_ns
            start_ns = plus(now_ns, startup_ns)
            living.launch_ns[instance] = now_ns
            living.ready_ns[instance] = _NONE if has_failed else start_ns
            life_over_ns[instance] = plus(now_ns, lifetime_values[row & lifetime_mask])
            if at_random:
                instance_in[slots_used] = instance
                slot_of[instance] = slots_used
                slots_used += 1
        if has_failed:
            release_ns = plus(now_ns, startup_limit_ns)
            write_failed_launch(table, row, release_ns, instance)
            gone_ns[instance] = release_ns
        else:
            limit_ns = plus(start_ns, timeout_ns)
            service_ns = service_values[row & service_mask]
            release_ns = write_served(table, row, start_ns, service_ns, limit_ns, instance, is_cold)
            if instance >= standing:
                gone_ns[instance] = retirement_ns(release_ns, idle_values[row & idle_mask], life_over_ns[instance])
        serving[instance] = number
        near, far = add_release(due_ns, places, near, far, release_ns, instance, serving)
        row += 1
        number += 1

    sizes[_NEAR], sizes[_FAR], sizes[_LAUNCHED], sizes[_STANDING_IDLE] = near, far, launched, idle_standing
    sizes[_HEAD], sizes[_TAIL], sizes[_SLOTS_USED], sizes[_REQUESTS] = head, tail, slots_used, number
    return row


class OnDemand:
    """A pool that launches, between two blocks of demand.

    Parameters
    ----------
    pool : Pool
        One with `launches`.
    room : int
        Size of the arrays at the start; they double when they are full, and no result depends on it.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        standing = pool.standing
        self._rules = Rules(standing, int(pool.routing), pool.max_concurrency, pool.startup_limit_ns, pool.timeout_ns)
        self._warm_one_to_come = pool.starts_warm
        slots = 1
        while slots < min(room, _SLOTS):
            slots *= 2
        idle_below, retires_ns = empty_tree(slots)
        launches = standing + room
        self._living = Living(
            sizes=np.zeros(8, np.int64),
            due_ns=np.zeros(room_for_releases(room), np.int64),
            places=np.zeros(room_for_releases(room), np.int64),
            standing_idle=np.arange(standing, dtype=np.int64),
            idle=np.zeros(room, np.int64),
            idle_below=idle_below,
            retires_ns=retires_ns,
            instance_in=np.zeros(slots, np.int64),
            slot_of=np.zeros(launches, np.int64),
            launch_ns=np.zeros(launches, np.int64),
            ready_ns=np.zeros(launches, np.int64),
            gone_ns=np.full(launches, FOREVER, np.int64),
            life_over_ns=np.full(launches, FOREVER, np.int64),
            serving=np.zeros(launches, np.int64),
        )
        self._living.sizes[_LAUNCHED] = self._living.sizes[_STANDING_IDLE] = standing

    def feed(self, demand: Demand) -> Requests:
        """Final rows of the next block of demand."""
        rows = Rows(
            *(
                column_of(demand, name)
                for name in ("arrival_ns", "service_ns", "startup_ns", "idle_timeout_ns", "lifetime_ns", "routing")
            )
        )
        table = empty_table(len(demand))
        if self._warm_one_to_come and len(demand):
            self._start_warm(int(demand.idle_timeout_ns[0]), int(demand.lifetime_ns[0]))
        row = serve_on_demand(self._rules, rows, 0, self._living, table)
        while row < len(demand):
            self._make_room()
            row = serve_on_demand(self._rules, rows, row, self._living, table)
        return requests_of(table)

    def finish(self) -> Instances:
        """Every instance so far, as it ends if no request follows."""
        launched = self._living.sizes[_LAUNCHED]
        living = self._living
        return Instances(
            living.launch_ns[:launched].copy(), living.ready_ns[:launched].copy(), living.gone_ns[:launched].copy()
        )

    def _start_warm(self, idle_timeout_ns: int, lifetime_ns: int) -> None:
        """One instance as if launched and released at 0, with the first row's idle timeout and lifetime."""
        self._warm_one_to_come = False
        living, instance = self._living, self._rules.standing
        living.life_over_ns[instance] = lifetime_ns
        living.gone_ns[instance] = min(idle_timeout_ns, lifetime_ns)
        living.sizes[_LAUNCHED] += 1
        if self._rules.routing == _RANDOM_IDLE:
            living.instance_in[0] = instance
            set_slot(living.idle_below, living.retires_ns, 0, 1, living.gone_ns[instance])
            living.sizes[_SLOTS_USED] = 1
        else:
            living.idle[0] = instance
            living.sizes[_TAIL] = 1

    def _make_room(self) -> None:
        """Double the array that is full, or too full after a clearing for the next one to pay."""
        living, sizes = self._living, self._living.sizes
        if are_full(living.due_ns, sizes[_FAR]):
            living = living._replace(due_ns=doubled(living.due_ns), places=doubled(living.places))
        elif sizes[_LAUNCHED] == len(living.gone_ns):
            by_number = ("slot_of", "launch_ns", "ready_ns", "gone_ns", "life_over_ns", "serving")
            living = living._replace(**{name: doubled(getattr(living, name)) for name in by_number})
        elif 2 * (sizes[_TAIL] + sizes[_NEAR] + sizes[_FAR]) > len(living.idle):
            living = living._replace(idle=doubled(living.idle))
        else:
            idle_below, retires_ns = doubled_tree(living.idle_below, living.retires_ns)
            living = living._replace(
                idle_below=idle_below, retires_ns=retires_ns, instance_in=doubled(living.instance_in)
            )
        self._living = living
