"""Idle on-demand instances under the three routings that look at one end of an order.

`idle[head:tail]` holds instance numbers: in order of becoming idle for `most_recently_idle` (a stack, taken at the
tail) and `least_recently_idle` (a queue, taken at the head); for `newest_created` a heap with the highest number
first. Retirement is no event here: `gone_ns` holds the instant at which each idle instance retires if nothing
reuses it, and entries that are past it are dropped when they are met, or all at once when the array is full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel, rule
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE

_LEAST_RECENTLY_IDLE, _NEWEST_CREATED = int(Routing.LEAST_RECENTLY_IDLE), int(Routing.NEWEST_CREATED)
_NONE = int(NONE)


@rule
def put_idle(routing: int, idle: NDArray[np.int64], tail: int, instance: int) -> int:
    """New tail, after an instance became idle; there must be room."""
    if routing == _NEWEST_CREATED:
        _raise_into(idle, tail, instance)
    else:
        idle[tail] = instance
    return tail + 1


@rule
def take_idle(
    routing: int, idle: NDArray[np.int64], head: int, tail: int, gone_ns: NDArray[np.int64], now_ns: int
) -> tuple[int, int, int]:
    """The idle instance that serves an arrival, or `NONE`, with the new head and tail."""
    while head < tail:
        if routing == _LEAST_RECENTLY_IDLE:
            instance = idle[head]
            head += 1
        else:
            tail -= 1
            if routing == _NEWEST_CREATED:
                instance = idle[0]
                _sink_into(idle, 0, tail, idle[tail])
            else:
                instance = idle[tail]
        if now_ns < gone_ns[instance]:
            return instance, head, tail
    return _NONE, 0, 0


@kernel
def drop_retired(
    routing: int, idle: NDArray[np.int64], head: int, tail: int, gone_ns: NDArray[np.int64], now_ns: int
) -> int:
    """New tail, after moving the instances that are not retired to the front of the array, in the same order."""
    kept = 0
    for position in range(head, tail):
        instance = idle[position]
        if now_ns < gone_ns[instance]:
            idle[kept] = instance
            kept += 1
    if routing == _NEWEST_CREATED:
        for position in range(kept // 2 - 1, -1, -1):
            _sink_into(idle, position, kept, idle[position])
    return kept


@rule
def _raise_into(idle: NDArray[np.int64], hole: int, instance: int) -> None:
    """Put a number into the hole or above it in a heap with the highest number first."""
    while hole > 0:
        parent = (hole - 1) >> 1
        if idle[parent] > instance:
            break
        idle[hole] = idle[parent]
        hole = parent
    idle[hole] = instance


@rule
def _sink_into(idle: NDArray[np.int64], hole: int, size: int, instance: int) -> None:
    """Put a number into the hole or below it in a heap with the highest number first."""
    child = 2 * hole + 1
    while child < size:
        if child + 1 < size and idle[child + 1] > idle[child]:
            child += 1
        if idle[child] < instance:
            break
        idle[hole] = idle[child]
        hole = child
        child = 2 * hole + 1
    idle[hole] = instance
