"""Room in the arrays of a calendar: what is void is dropped, then they grow; instances that are gone are forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.idle_at_random import close_ranks, doubled_tree
from simulator.engines.compiled.idle_in_order import drop_retired
from simulator.engines.compiled.launching_calendar.kernels import rule
from simulator.engines.compiled.launching_calendar.line import ATTEMPT, NUMBER, longer_line
from simulator.engines.compiled.launching_calendar.state import (
    BY_ROW,
    FORGOTTEN,
    HEAD,
    LATE_NS,
    LINE_FREE,
    MOMENTS,
    PARTLY,
    ROWS,
    SAMPLES,
    SLOTS_USED,
    SPARE,
    STANDING_IDLE,
    TAIL,
    TRIES,
    State,
)
from simulator.engines.compiled.living import Gone, nobody
from simulator.engines.compiled.moments import ORDER, WHO, ids_of, keep_moments, ranks_of
from simulator.engines.compiled.retrying import Tried, with_more_tries
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE, Instances
from simulator.units import FOREVER

_NONE = int(NONE)
_RANDOM_IDLE = int(Routing.RANDOM_IDLE)
_RELEASE, _READY, _PATIENCE = 10, 20, 50
#: Most moments that one event adds: a release and another attempt or sending, or a launch and patience.
_MOST_ADDED = 2
#: Forgetting rewrites every row; it is put off until it makes room for one row in so many.
_WORTH = 16


@rule
def is_short(state: State, tried: Tried) -> bool:
    """Whether the next event might not find room."""
    sizes = state.sizes
    return bool(
        (sizes[MOMENTS] + _MOST_ADDED > len(state.moments))
        | (sizes[TRIES] == len(tried.number))
        | (sizes[ROWS] == len(state.gone_ns))
        | (sizes[TAIL] == len(state.idle))
        | (sizes[SLOTS_USED] == len(state.instance_in))
        | (sizes[LINE_FREE] == _NONE)
    )


def with_more_room(state: State, tried: Tried, routing: int) -> tuple[State, Tried]:
    """The same with room for one more event in every array that was short of it.

    An array that holds what is void is cleared, and doubled if the next clearing would not be some way off.
    """
    sizes = state.sizes
    if sizes[TRIES] == len(tried.number):
        tried = with_more_tries(tried)
    if sizes[ROWS] == len(state.gone_ns):
        state = with_more_rows(state)
    while sizes[SAMPLES] + len(state.series) > len(state.samples):
        state = state._replace(samples=doubled(state.samples))
    if sizes[LINE_FREE] == _NONE:
        state = state._replace(line=longer_line(state.line, sizes))
    if sizes[MOMENTS] + _MOST_ADDED > len(state.moments):
        _drop_void_moments(state)
        while 2 * sizes[MOMENTS] + _MOST_ADDED > len(state.moments):
            state = state._replace(moments=doubled(state.moments))
    if sizes[TAIL] == len(state.idle):
        _drop_retired(state, routing, int(sizes[LATE_NS]))
        if 2 * sizes[TAIL] >= len(state.idle):
            state = state._replace(idle=doubled(state.idle))
    if sizes[SLOTS_USED] == len(state.instance_in):
        _drop_retired(state, routing, int(sizes[LATE_NS]))
        if 2 * sizes[SLOTS_USED] >= len(state.instance_in):
            idle_below, retires_ns = doubled_tree(state.idle_below, state.retires_ns)
            state = state._replace(idle_below=idle_below, retires_ns=retires_ns, instance_in=doubled(state.instance_in))
    return state, tried


def with_more_rows(state: State) -> State:
    """The same with twice the rows for instances."""
    more: dict[str, Any] = {name: doubled(getattr(state, name)) for name in (*BY_ROW, "partly")}
    return state._replace(**more)


def _drop_void_moments(state: State) -> None:
    """Drop the ends of the patience of those who no longer wait."""
    size = int(state.sizes[MOMENTS])
    moments, line = state.moments[:size], state.line
    is_kept = ranks_of(moments) != _PATIENCE
    patience = np.flatnonzero(~is_kept)
    rows = moments[patience, WHO]
    is_kept[patience] = (line[rows, NUMBER] == ids_of(moments)[patience]) & (
        line[rows, ATTEMPT] == moments[patience, ORDER]
    )
    state.sizes[MOMENTS] = keep_moments(state.moments, size, is_kept)


def _drop_retired(state: State, routing: int, now_ns: int) -> None:
    """Leave only those among the idle that are there after all that happens at an instant up to retirement.

    Those that are to retire at the last instant at which anything happened after that are gone for good.
    """
    sizes = state.sizes
    if routing == _RANDOM_IDLE:
        sizes[SLOTS_USED] = close_ranks(
            state.idle_below,
            state.retires_ns,
            state.instance_in,
            sizes[SLOTS_USED],
            state.slot_of,
            state.gone_ns,
            now_ns,
        )
    else:
        sizes[TAIL] = drop_retired(routing, state.idle, sizes[HEAD], sizes[TAIL], state.gone_ns, now_ns)
        sizes[HEAD] = 0


def forget_gone(state: State, routing: int, now_ns: int) -> Gone:
    """Give away the instances that were gone before the last arrival, if they are enough for it to pay."""
    sizes = state.sizes
    rows = int(sizes[ROWS])
    is_kept = state.gone_ns[:rows] >= now_ns
    kept = int(np.count_nonzero(is_kept))
    if _WORTH * (rows - kept) < len(state.gone_ns):
        return nobody(min(now_ns, int(state.gone_ns[:rows].min(initial=FOREVER))))
    gone = instances_in(state, np.flatnonzero(~is_kept), now_ns)

    # Nobody may refer to a row that will be another's.
    _drop_retired(state, routing, now_ns - 1)
    row_now = np.cumsum(is_kept) - 1
    idle, in_slots = state.idle[: sizes[TAIL]], state.instance_in[: sizes[SLOTS_USED]]
    for references in (idle, in_slots, state.standing_idle[: sizes[STANDING_IDLE]]):
        references[:] = row_now[references]
    moments = state.moments[: sizes[MOMENTS]]
    ranks = ranks_of(moments)
    about_instances = np.flatnonzero((ranks == _RELEASE) | (ranks == _READY))
    moments[about_instances, WHO] = row_now[moments[about_instances, WHO]]
    partly = state.partly[: sizes[PARTLY]]
    still_there = np.sort(row_now[partly[is_kept[partly]]])
    state.partly[: len(still_there)] = still_there
    sizes[PARTLY] = len(still_there)
    if sizes[SPARE] != _NONE:
        sizes[SPARE] = row_now[sizes[SPARE]]
    for name in BY_ROW:
        column = getattr(state, name)
        column[:kept] = column[:rows][is_kept]
    sizes[ROWS] = kept
    sizes[FORGOTTEN] += rows - kept
    return gone


def instances_in(state: State, rows: slice | np.ndarray[Any, Any], until_ns: int) -> Gone:
    """The instances in some rows, in new arrays."""
    columns = (state.launch_ns, state.ready_ns, state.gone_ns, state.numbers)
    launch_ns, ready_ns, gone_ns, numbers = (np.array(column[rows]) for column in columns)
    return Gone(Instances(launch_ns, ready_ns, gone_ns), numbers, until_ns)
