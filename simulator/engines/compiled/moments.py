"""Moments that are still to come, in order of (time, rank, id, order): a binary heap in one array.

A moment is one row of five numbers: its time, its rank and id in one number, its order, and two that are its owner's
to use. Nothing is taken out of the middle: who finds at the first moment that it is void passes over it, and the void
ones are dropped all at once where the array is full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel, rule

Ints = NDArray[np.int64]

#: Columns: time [ns]; rank and id; order among those of one id, such as the attempt; whom it is about; anything else.
AT, WHAT, ORDER, WHO, VALUE = range(5)
#: Bits of `WHAT` below the rank: ids are less than 2⁵⁷ ≈ 10¹⁷, ranks less than 64.
_ID_BITS = 57
_ID = (1 << _ID_BITS) - 1


def no_moments(room: int) -> Ints:
    """Room for so many moments, none of them there; how many are is the owner's to keep."""
    return np.zeros((room, 5), np.int64)


@rule
def rank_of(moments: Ints) -> int:
    """Rank of the first moment; there must be one."""
    return int(moments[0, WHAT] >> _ID_BITS)


@rule
def id_of(moments: Ints) -> int:
    """Id of the first moment; there must be one."""
    return int(moments[0, WHAT] & _ID)


@rule
def add_moment(moments: Ints, size: int, at_ns: int, rank: int, number: int, order: int, who: int, value: int) -> int:
    """New size, after adding a moment with the id `number`; there must be room."""
    what = (rank << _ID_BITS) | number
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _is_before(at_ns, what, order, moments, parent):
            break
        _move(moments, parent, hole)
        hole = parent
    _put(moments, hole, at_ns, what, order, who, value)
    return size + 1


@rule
def drop_first(moments: Ints, size: int) -> int:
    """New size, after taking the first moment off; there must be one."""
    size -= 1
    sink_into(moments, 0, size, size)
    return size


@rule
def sink_into(moments: Ints, hole: int, size: int, row: int) -> None:
    """Put the moment of a row into the hole or below it, among the first `size`."""
    at_ns, what, order = moments[row, AT], moments[row, WHAT], moments[row, ORDER]
    who, value = moments[row, WHO], moments[row, VALUE]
    child = 2 * hole + 1
    while child < size:
        other = child + 1
        if other < size and _is_before(moments[other, AT], moments[other, WHAT], moments[other, ORDER], moments, child):
            child = other
        if _is_before(at_ns, what, order, moments, child):
            break
        _move(moments, child, hole)
        hole = child
        child = 2 * hole + 1
    _put(moments, hole, at_ns, what, order, who, value)


@kernel
def sort_moments(moments: Ints, size: int) -> None:
    """Make the first `size` rows a heap, whatever their order."""
    for hole in range(size // 2 - 1, -1, -1):
        sink_into(moments, hole, size, hole)


def keep_moments(moments: Ints, size: int, is_kept: NDArray[np.bool_]) -> int:
    """New size, after dropping the moments that are void.

    Parameters
    ----------
    moments : ndarray of int64, shape (capacity, 5)
    size : int
        How many there are.
    is_kept : ndarray of bool, shape (size,)
    """
    kept = moments[:size][is_kept]
    moments[: len(kept)] = kept
    sort: Any = sort_moments
    sort(moments, len(kept))
    return len(kept)


def ids_of(moments: Ints) -> Ints:
    """Ids of all rows."""
    ids: Ints = moments[:, WHAT] & _ID
    return ids


def ranks_of(moments: Ints) -> Ints:
    """Ranks of all rows."""
    ranks: Ints = moments[:, WHAT] >> _ID_BITS
    return ranks


@rule
def _is_before(at_ns: int, what: int, order: int, moments: Ints, row: int) -> bool:
    """Whether a moment comes before that of a row."""
    if at_ns != moments[row, AT]:
        return bool(at_ns < moments[row, AT])
    if what != moments[row, WHAT]:
        return bool(what < moments[row, WHAT])
    return bool(order < moments[row, ORDER])


@rule
def _move(moments: Ints, row: int, hole: int) -> None:
    """Copy a moment to another row."""
    _put(
        moments,
        hole,
        moments[row, AT],
        moments[row, WHAT],
        moments[row, ORDER],
        moments[row, WHO],
        moments[row, VALUE],
    )


@rule
def _put(moments: Ints, row: int, at_ns: int, what: int, order: int, who: int, value: int) -> None:
    """Write a row."""
    moments[row, AT] = at_ns
    moments[row, WHAT] = what
    moments[row, ORDER] = order
    moments[row, WHO] = who
    moments[row, VALUE] = value
