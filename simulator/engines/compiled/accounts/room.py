"""Room in the arrays of an account, and the instances that are gone, which are given away and forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.accounts.idle import drop_all_retired
from simulator.engines.compiled.accounts.state import (
    BY_ROW,
    IDLE_FIRST,
    IDLE_LAST,
    MOMENTS,
    ROWS,
    TRIES,
    State,
)
from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.moments import WHO
from simulator.engines.compiled.retrying import Tried, with_more_tries
from simulator.engines.tables import NONE, Instances

Ints = NDArray[np.int64]
_NONE = int(NONE)
#: Forgetting rewrites every row; it is put off until it makes room for one row in so many.
_WORTH = 16


def with_more_room(state: State, tried: Tried) -> tuple[State, Tried]:
    """The same with every array doubled that one more event might find full."""
    sizes = state.sizes
    if sizes[TRIES] == len(tried.number):
        tried = with_more_tries(tried)
    if sizes[ROWS] == len(state.gone_ns):
        more: dict[str, Any] = {name: doubled(getattr(state, name)) for name in BY_ROW}
        state = state._replace(**more)
    if sizes[MOMENTS] + 2 > len(state.moments):
        state = state._replace(moments=doubled(state.moments))
    return state, tried


def starts_of(sorted_pools: Ints, pools: int) -> Ints:
    """Where the rows of each pool begin among rows in order of pool, and where the last ends; shape (pools + 1,)."""
    return np.searchsorted(sorted_pools, np.arange(pools + 1))


def by_pool(state: State, rows: Ints, pools: int) -> list[Ints]:
    """Rows of instances parted among the pools, in the same order."""
    order = np.argsort(state.pool_of[rows], kind="stable")
    rows = rows[order]
    starts = starts_of(state.pool_of[rows], pools).tolist()
    return [rows[starts[pool] : starts[pool + 1]] for pool in range(pools)]


def instances_in(state: State, rows: Ints) -> tuple[Instances, Ints]:
    """The instances in some rows and their numbers, in new arrays."""
    columns = (state.launch_ns, state.ready_ns, state.gone_ns)
    launch_ns, ready_ns, gone_ns = (column[rows] for column in columns)
    return Instances(launch_ns, ready_ns, gone_ns), state.numbers[rows]


def rows_gone(state: State, now_ns: int) -> Ints:
    """Rows of the instances that were gone before an instant, if they are enough for it to pay; else none."""
    rows = int(state.sizes[ROWS])
    gone = np.flatnonzero(state.gone_ns[:rows] < now_ns)
    return gone if _WORTH * len(gone) >= len(state.gone_ns) else gone[:0]


def earliest_end_ns(state: State, pools: int, now_ns: int) -> Ints:
    """An instant for each pool before which none of its instances goes, `now_ns` at most [ns]."""
    rows = int(state.sizes[ROWS])
    until_ns = np.full(pools, now_ns, np.int64)
    np.minimum.at(until_ns, state.pool_of[:rows], state.gone_ns[:rows])
    return until_ns


def forget(state: State, gone: Ints, now_ns: int) -> None:
    """Let the other instances move into the rows of those that were gone before an instant."""
    rows = int(state.sizes[ROWS])
    drop: Any = drop_all_retired
    drop(state.of_pools, state.links, state.gone_ns, now_ns - 1)
    is_kept = np.ones(rows, np.bool_)
    is_kept[gone] = False
    kept = rows - len(gone)
    # Behind the rows stands what `NONE` is, so that it stays so.
    row_now = np.append(np.cumsum(is_kept) - 1, _NONE)
    references = [state.links[:rows], state.moments[: state.sizes[MOMENTS], WHO]]
    references += [state.of_pools[:, column] for column in (IDLE_FIRST, IDLE_LAST)]
    for reference in references:
        # Links of those that are not idle may lead anywhere.
        reference[:] = row_now[np.minimum(reference, rows)]
    for name in BY_ROW:
        column = getattr(state, name)
        column[:kept] = column[:rows][is_kept]
    state.sizes[ROWS] = kept
