"""Events that are due: releases in a heap of their own, by (time, request, attempt); all others among the moments.

Every attempt that is served has a release, so they get by with two numbers each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.moments import add_moment as enter_moment
from simulator.engines.compiled.moments import drop_first
from simulator.engines.compiled.standing_calendar.kernels import kernel, rule
from simulator.engines.compiled.standing_calendar.state import ATTEMPT, NUMBER

Ints = NDArray[np.int64]


@rule
def _is_released_before(attempts: Ints, one: int, other: int) -> bool:
    """Whether an attempt is released before another of the same instant: by request, then by attempt."""
    if attempts[one, NUMBER] == attempts[other, NUMBER]:
        return bool(attempts[one, ATTEMPT] < attempts[other, ATTEMPT])
    return bool(attempts[one, NUMBER] < attempts[other, NUMBER])


@rule
def add_release(release_ns: Ints, released: Ints, size: int, time: int, row: int, attempts: Ints) -> None:
    """Enter the release of an attempt beside `size` others; there must be room."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if release_ns[parent] < time:
            break
        if release_ns[parent] == time and _is_released_before(attempts, released[parent], row):
            break
        release_ns[hole] = release_ns[parent]
        released[hole] = released[parent]
        hole = parent
    release_ns[hole] = time
    released[hole] = row


@rule
def drop_release(release_ns: Ints, released: Ints, size: int, attempts: Ints) -> None:
    """Take the first of `size` releases off."""
    last = size - 1
    time, row = release_ns[last], released[last]
    hole = 0
    child = 1
    while child < last:
        # The choice is arithmetic, not a branch: it is unpredictable and would stall the processor.
        other = child + (child + 1 < last)
        child += release_ns[other] < release_ns[child]
        if (
            other != child
            and release_ns[other] == release_ns[child]
            and _is_released_before(attempts, released[other], released[child])
        ):
            child = other
        if release_ns[child] > time:
            break
        if release_ns[child] == time and _is_released_before(attempts, row, released[child]):
            break
        release_ns[hole] = release_ns[child]
        released[hole] = released[child]
        hole = child
        child = 2 * hole + 1
    release_ns[hole] = time
    released[hole] = row


@kernel
def add_moment(moments: Ints, size: int, at_ns: int, rank: int, number: int, order: int, row: int) -> int:
    """`moments.add_moment` of a row of `attempts`, or of an attempt that is made again; it has many callers."""
    return enter_moment(moments, size, at_ns, rank, number, order, row, 0)


@kernel
def drop_moment(moments: Ints, size: int) -> int:
    """`moments.drop_first`, for more than one caller."""
    return drop_first(moments, size)
