"""Requests in order of arrival, each settled at once: routed over a fixed set of instances (model.md 4, 4.2).

An instance that drains serves what it holds, so that no row changes afterwards.
"""

from __future__ import annotations

from simulator.engines.compiled.outstanding import change_held, least_outstanding
from simulator.engines.compiled.releases import NEAR, add_release
from simulator.engines.compiled.rows import Table, write_throttled
from simulator.engines.compiled.scaled_queues.departures import lacks_room_for_one, let_depart
from simulator.engines.compiled.scaled_queues.kernels import kernel, rule
from simulator.engines.compiled.scaled_queues.points import count_attempts, sample_points
from simulator.engines.compiled.scaled_queues.state import (
    FAR_ONES,
    LATEST_START,
    NEAR_ONES,
    SAMPLE_AT,
    SERVING,
    Ints,
    Rows,
    Rules,
    State,
)
from simulator.engines.compiled.settling import NO_ROOM, TURNED_AWAY, Queues, settle
from simulator.engines.tables import Reason

_NO_CAPACITY = int(Reason.NO_CAPACITY)


@kernel
def serve_scaled(rules: Rules, rows: Rows, first: int, stop: int, state: State, table: Table) -> int:
    """The row at which an array was full, before anything of that row happened; `stop` if none was.

    No change of the instances in service comes between the rows from `first` up to `stop`.
    """
    counts, arrival_ns = state.counts, rows.arrival_ns.values
    row = first
    while row < stop:
        if counts[SAMPLE_AT] <= arrival_ns[row]:
            if not sample_points(rules, state):
                break
            continue
        before, end = row, _first_not_before(arrival_ns, row, stop, counts[SAMPLE_AT])
        if counts[SERVING] > 0:
            row = _serve(rules, rows, row, end, state, table)
        else:
            while row < end:
                write_throttled(table, row, _NO_CAPACITY)
                row += 1
        count_attempts(state, row - before)
        if row < end:
            break
    return row


@rule
def _first_not_before(arrival_ns: Ints, first: int, stop: int, time_ns: int) -> int:
    """The first of some rows in order that does not come before an instant, or `stop`."""
    while first < stop:
        middle = (first + stop) // 2
        if arrival_ns[middle] < time_ns:
            first = middle + 1
        else:
            stop = middle
    return first


@rule
def _serve(rules: Rules, rows: Rows, first: int, end: int, state: State, table: Table) -> int:
    """As `serve_scaled`, where some instance is in service and no period ends in between."""
    by_outstanding, keeps_departures = rules.by_outstanding, rules.keeps_departures
    arrival_ns = rows.arrival_ns.values
    service_values, service_mask = rows.service_ns
    routing_values, routing_mask = rows.routing
    counts, numbers, slots = state.counts, state.numbers, state.slots
    queues = Queues(state.free_ns, state.leaves_ns, state.tails)
    held, least, sharing = state.held, state.least, state.sharing
    depart_ns, departs_from = state.depart_ns, state.departs_from
    serving, near, far = counts[SERVING], counts[NEAR_ONES], counts[FAR_ONES]
    latest_ns = counts[LATEST_START]

    row = first
    while row < end:
        now_ns = arrival_ns[row]
        draw = routing_values[row & routing_mask]
        if keeps_departures and lacks_room_for_one(state, far):
            break
        if by_outstanding:
            # Ranks 10 and 50: all that ceases to be outstanding up to now.
            near, far = let_depart(state, near, far, now_ns + 1)
            position = least_outstanding(held, least, sharing, draw)
        else:
            position = int(draw * serving)
        slot = slots[position]

        service_ns = service_values[row & service_mask]
        departure_ns = settle(rules.terms, queues, slot, now_ns, service_ns, table, row, numbers[slot])
        if departure_ns == NO_ROOM:
            break
        if departure_ns == TURNED_AWAY:
            row += 1
            continue
        # It is none of one that gives up, and that is below all.
        latest_ns = max(latest_ns, table.start_ns[row])
        if by_outstanding:
            change_held(held, least, sharing, position, 1)
            near, far = add_release(depart_ns, departs_from, near, far, departure_ns, slot, state.no_order)
        elif keeps_departures:
            depart_ns[NEAR + far], departs_from[NEAR + far] = departure_ns, slot
            far += 1
        row += 1

    counts[NEAR_ONES], counts[FAR_ONES], counts[LATEST_START] = near, far, latest_ns
    return row
