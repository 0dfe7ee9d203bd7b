"""Pools that launch an instance for a request that finds none idle (model.md 3).

A row is settled at its own arrival: which place takes it, and so its start, its release and its outcome, depend on
nothing that comes later. What is still to come of it is one entry among the releases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.idle_at_random import close_ranks, retire_idle, set_slot, take_at_random
from simulator.engines.compiled.idle_in_order import drop_retired, put_idle, take_idle
from simulator.engines.compiled.kernels import kernel, rule
from simulator.engines.compiled.living import (
    FAR_DUE,
    FORGOTTEN,
    HEAD,
    NEAR_DUE,
    REQUESTS,
    ROWS,
    SLOTS_USED,
    STANDING_IDLE,
    TAIL,
    Living,
    add_warm,
    forget_gone,
    nobody,
    standing_only,
    those_in,
    with_more_room,
)
from simulator.engines.compiled.releases import add_release, are_full, bring_near
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
from simulator.engines.tables import NONE, Demand, Reason, Settled
from simulator.units import FOREVER

_NONE = int(NONE)
_RANDOM_IDLE = int(Routing.RANDOM_IDLE)
_CONCURRENCY = int(Reason.CONCURRENCY)


class Rules(NamedTuple):
    """What varies between pools that launch."""

    standing: int
    routing: int
    max_concurrency: int
    startup_limit_ns: int
    timeout_ns: int


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

    The caller then makes the array larger and calls again from that row. An instance is spoken of by its row in
    `living`; only the table has its number.
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
    gone_ns, life_over_ns, serving, numbers = living.gone_ns, living.life_over_ns, living.serving, living.numbers
    near, far, living_rows, idle_standing = sizes[NEAR_DUE], sizes[FAR_DUE], sizes[ROWS], sizes[STANDING_IDLE]
    head, tail, slots_used, number = sizes[HEAD], sizes[TAIL], sizes[SLOTS_USED], sizes[REQUESTS]
    forgotten = sizes[FORGOTTEN]
    at_random = routing == _RANDOM_IDLE
    room_for_launches, room_for_idle, room_for_slots = len(gone_ns), len(idle), len(instance_in)

    row = first
    while row < len(arrival_ns):
        now_ns = arrival_ns[row]
        if are_full(due_ns, far) or living_rows == room_for_launches:
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
                if not at_random:
                    tail = put_idle(routing, idle, tail, instance)
                else:
                    set_slot(idle_below, retires_ns, slot_of[instance], 1, gone_ns[instance])
        if at_random and slots_used == room_for_slots:
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
            instance = living_rows
            living_rows += 1
            numbers[instance] = forgotten + instance
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
            write_failed_launch(table, row, release_ns, numbers[instance])
            gone_ns[instance] = release_ns
        else:
            limit_ns = plus(start_ns, timeout_ns)
            service_ns = service_values[row & service_mask]
            release_ns = write_served(table, row, start_ns, service_ns, limit_ns, numbers[instance], is_cold)
            if instance >= standing:
                gone_ns[instance] = retirement_ns(release_ns, idle_values[row & idle_mask], life_over_ns[instance])
        serving[instance] = number
        near, far = add_release(due_ns, places, near, far, release_ns, instance, serving)
        row += 1
        number += 1

    sizes[NEAR_DUE], sizes[FAR_DUE], sizes[ROWS], sizes[STANDING_IDLE] = near, far, living_rows, idle_standing
    sizes[HEAD], sizes[TAIL], sizes[SLOTS_USED], sizes[REQUESTS] = head, tail, slots_used, number
    return row


class OnDemand:
    """A pool that launches, between two blocks of demand.

    Parameters
    ----------
    pool : Pool
        One with `launches`.
    room : int
        Size of the arrays at the start; they double when they are full. Instances that are gone are looked for when
        at least so many requests have come since the last look. No row of a request or instance depends on it.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        self._rules = Rules(
            pool.standing, int(pool.routing), pool.max_concurrency, pool.startup_limit_ns, pool.timeout_ns
        )
        self._room = room
        self._warm_one_to_come = pool.starts_warm
        self._living = standing_only(pool.standing, room)
        self._rows_told = 0
        # Looking for those who are gone takes time in proportion to the rows: as many requests have to come before.
        self._requests_to_look = room
        self._until_ns = 0

    def feed(self, demand: Demand) -> Settled:
        """Final rows of the next block of demand, and what is known for good of the instances."""
        rows = Rows(
            *(
                column_of(demand, name)
                for name in ("arrival_ns", "service_ns", "startup_ns", "idle_timeout_ns", "lifetime_ns", "routing")
            )
        )
        n = len(demand)
        table = empty_table(n)
        if self._warm_one_to_come and n:
            self._warm_one_to_come = False
            add_warm(self._living, self._rules.routing, int(demand.idle_timeout_ns[0]), int(demand.lifetime_ns[0]))
        row = serve_on_demand(self._rules, rows, 0, self._living, table)
        while row < n:
            self._living = with_more_room(self._living)
            row = serve_on_demand(self._rules, rows, row, self._living, table)
        launched_ns = self._launched_since()
        self._requests_to_look -= n
        if n == 0 or self._requests_to_look > 0:
            gone = nobody(self._until_ns)
        else:
            gone = forget_gone(self._living, self._rules.routing, int(demand.arrival_ns[-1]))
            self._until_ns = gone.until_ns
            self._rows_told = int(self._living.sizes[ROWS])
            self._requests_to_look = max(self._room, self._rows_told)
        return Settled(demand, requests_of(table), launched_ns, *gone)

    def finish(self) -> Settled:
        """The instances not given away yet, as they end if no request follows."""
        rest = those_in(self._living, slice(int(self._living.sizes[ROWS])), FOREVER)
        none = Demand.from_arrays(np.empty(0, np.int64), 1)
        return Settled(none, requests_of(empty_table(0)), self._launched_since(), *rest)

    def _launched_since(self) -> NDArray[np.int64]:
        """Launches since the last call."""
        told, self._rows_told = self._rows_told, int(self._living.sizes[ROWS])
        return self._living.launch_ns[told : self._rows_told].copy()
