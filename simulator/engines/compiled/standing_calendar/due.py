"""Events that are due, in heaps: releases by (time, request, attempt), all others by (time, rank, request)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.standing_calendar.kernels import kernel, rule
from simulator.engines.compiled.standing_calendar.state import (
    ATTEMPT,
    MOMENT_AT,
    MOMENT_KEY,
    MOMENT_ROW,
    MOMENT_SERIAL,
    NUMBER,
)

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


@rule
def _is_before(time: int, key: int, moments: Ints, other: int) -> bool:
    """Whether a moment comes before an entry of the heap."""
    if time == moments[other, MOMENT_AT]:
        return bool(key < moments[other, MOMENT_KEY])
    return bool(time < moments[other, MOMENT_AT])


@rule
def _copy_moment(moments: Ints, source: int, target: int) -> None:
    """Put one entry in the place of another."""
    moments[target, MOMENT_AT] = moments[source, MOMENT_AT]
    moments[target, MOMENT_KEY] = moments[source, MOMENT_KEY]
    moments[target, MOMENT_SERIAL] = moments[source, MOMENT_SERIAL]
    moments[target, MOMENT_ROW] = moments[source, MOMENT_ROW]


@kernel
def add_moment(moments: Ints, size: int, time: int, key: int, serial: int, row: int) -> None:
    """Enter a moment beside `size` others; there must be room."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _is_before(time, key, moments, parent):
            break
        _copy_moment(moments, parent, hole)
        hole = parent
    moments[hole, MOMENT_AT] = time
    moments[hole, MOMENT_KEY] = key
    moments[hole, MOMENT_SERIAL] = serial
    moments[hole, MOMENT_ROW] = row


@kernel
def drop_moment(moments: Ints, size: int) -> None:
    """Take the first of `size` moments off."""
    last = size - 1
    time, key = moments[last, MOMENT_AT], moments[last, MOMENT_KEY]
    hole = 0
    child = 1
    while child < last:
        if child + 1 < last and _is_before(
            moments[child + 1, MOMENT_AT], moments[child + 1, MOMENT_KEY], moments, child
        ):
            child += 1
        if _is_before(time, key, moments, child):
            break
        _copy_moment(moments, child, hole)
        hole = child
        child = 2 * hole + 1
    _copy_moment(moments, last, hole)
