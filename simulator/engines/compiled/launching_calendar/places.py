"""Which place takes a request, what becomes of one that nobody takes, and new instances (model.md 3 and 3.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.idle_at_random import retire_idle, set_slot, take_at_random
from simulator.engines.compiled.idle_in_order import put_idle, take_idle
from simulator.engines.compiled.launching_calendar.kernels import rule
from simulator.engines.compiled.launching_calendar.rules import Rows, Rules
from simulator.engines.compiled.launching_calendar.state import (
    FORGOTTEN,
    HEAD,
    ON_DEMAND,
    PARTLY,
    PROVISIONED,
    ROWS,
    SLOTS_USED,
    STANDING_IDLE,
    TAIL,
    State,
)
from simulator.engines.compiled.lowest_first import add_number, take_lowest
from simulator.engines.compiled.saturating import plus
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NONE = int(NONE)
_NEWEST_CREATED, _RANDOM_IDLE = int(Routing.NEWEST_CREATED), int(Routing.RANDOM_IDLE)


@rule
def take_place(rules: Rules, state: State, draw: float, retired_ns: int) -> int:
    """The row of the instance in service with a free place for a request, `NONE` if there is none.

    Parameters
    ----------
    rules : Rules
    state : State
        The instance is no longer idle if it was.
    draw : float
        For random routing.
    retired_ns : int
        Idle instances that were to retire then or before are no longer there. [ns]
    """
    sizes = state.sizes
    row = _NONE
    if rules.places > 1:
        row = first_partly(state.partly, sizes, state.is_partly, state.held, rules.places)
    if row == _NONE or row >= rules.standing:
        if sizes[STANDING_IDLE] > 0:
            sizes[STANDING_IDLE] -= 1
            return int(state.standing_idle[sizes[STANDING_IDLE]])
        if row == _NONE:
            if rules.routing == _RANDOM_IDLE:
                retire_idle(state.idle_below, state.retires_ns, retired_ns)
                row = take_at_random(state.idle_below, state.retires_ns, state.instance_in, draw)
            else:
                row, head, tail = take_idle(
                    rules.routing, state.idle, sizes[HEAD], sizes[TAIL], state.gone_ns, retired_ns
                )
                sizes[HEAD] = head
                sizes[TAIL] = tail
            if row != _NONE:
                state.gone_ns[row] = FOREVER
    return int(row)


@rule
def leave_place(rules: Rules, state: State, row: int, now_ns: int, number: int, gone_ns: int) -> None:
    """A place of an instance in service is free, and nobody waits for it.

    Parameters
    ----------
    rules : Rules
    state : State
    row : int
        Of the instance.
    now_ns : int
        [ns]
    number : int
        Of the request released, or of that for which an instance was launched that is ready.
    gone_ns : int
        When the instance retires if nobody follows and it is one launched. [ns]
    """
    if state.held[row] > 0:
        add_partly(state.partly, state.sizes, state.is_partly, row)
    elif state.kinds[row] == PROVISIONED:
        state.standing_idle[state.sizes[STANDING_IDLE]] = row
        state.sizes[STANDING_IDLE] += 1
        state.idle_for[row] = number
    else:
        state.gone_ns[row] = gone_ns
        if rules.routing == _RANDOM_IDLE:
            set_slot(state.idle_below, state.retires_ns, state.slot_of[row], 1, gone_ns)
        else:
            state.idle_ns[row] = now_ns
            state.idle_for[row] = number
            _put_in_order(rules, state, row, now_ns, number)


@rule
def launch(rules: Rules, rows: Rows, state: State, row: int, now_ns: int) -> int:
    """Row of a new instance, for the request in a row of demand; whether and when it is ready is left open."""
    sizes = state.sizes
    instance = sizes[ROWS]
    sizes[ROWS] += 1
    state.numbers[instance] = sizes[FORGOTTEN] + instance
    state.kinds[instance] = ON_DEMAND
    state.launch_ns[instance] = now_ns
    state.gone_ns[instance] = FOREVER
    state.life_over_ns[instance] = plus(now_ns, rows.lifetime_ns.values[row & rows.lifetime_ns.mask])
    state.held[instance] = 0
    state.claims[instance] = 0
    state.is_partly[instance] = 0
    if rules.routing == _RANDOM_IDLE:
        state.instance_in[sizes[SLOTS_USED]] = instance
        state.slot_of[instance] = sizes[SLOTS_USED]
        sizes[SLOTS_USED] += 1
    return int(instance)


@rule
def _put_in_order(rules: Rules, state: State, row: int, now_ns: int, number: int) -> None:
    """Enter an idle instance, before those that became idle at this instant with a higher number."""
    idle, head = state.idle, state.sizes[HEAD]
    tail = put_idle(rules.routing, idle, state.sizes[TAIL], row)
    state.sizes[TAIL] = tail
    if rules.routing != _NEWEST_CREATED:
        hole = tail - 1
        while hole > head:
            other = idle[hole - 1]
            if state.idle_ns[other] != now_ns or state.idle_for[other] <= number:
                break
            idle[hole] = other
            hole -= 1
        idle[hole] = row


@rule
def add_partly(partly: Ints, sizes: Ints, is_partly: Ints, row: int) -> None:
    """Enter an instance that holds a request and has a free place, unless it is there."""
    if is_partly[row]:
        return
    is_partly[row] = 1
    add_number(partly, sizes[PARTLY], row)
    sizes[PARTLY] += 1


@rule
def first_partly(partly: Ints, sizes: Ints, is_partly: Ints, held: Ints, places: int) -> int:
    """The lowest-numbered instance that holds a request and has a free place, or `NONE`; others above it go."""
    size = sizes[PARTLY]
    while size > 0 and not 0 < held[partly[0]] < places:
        is_partly[take_lowest(partly, size)] = 0
        size -= 1
    sizes[PARTLY] = size
    return int(partly[0]) if size > 0 else _NONE
