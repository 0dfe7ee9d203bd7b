"""Releases that are still to come: a binary heap on (time, number of the request), one entry per place.

The heap is an array of rows (time, place); its first `size` rows are in use. `serving[place]` is the number of the
request that the place is to be released from: it is read only where two times are equal, so that a row stays
16 bytes and a comparison one load.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Heap = NDArray[np.int64]


def empty_heap(capacity: int) -> Heap:
    """Room for `capacity` releases."""
    return np.zeros((capacity, 2), np.int64)


@njit(cache=True)
def comes_first(time: int, place: int, other_time: int, other_place: int, serving: NDArray[np.int64]) -> bool:
    """Whether one release comes before another: by time, then by number of the request."""
    if time == other_time:
        return bool(serving[place] < serving[other_place])
    return time < other_time


@njit(cache=True)
def move_up(heap: Heap, hole: int, time: int, place: int, serving: NDArray[np.int64]) -> None:
    """Put a release into the hole or above it, where it belongs."""
    while hole > 0:
        parent = (hole - 1) >> 1
        if not comes_first(time, place, heap[parent, 0], heap[parent, 1], serving):
            break
        heap[hole, 0] = heap[parent, 0]
        heap[hole, 1] = heap[parent, 1]
        hole = parent
    heap[hole, 0] = time
    heap[hole, 1] = place


@njit(cache=True)
def add_release(heap: Heap, size: int, time: int, place: int, serving: NDArray[np.int64]) -> int:
    """New size, after adding the release of a place; there must be room."""
    move_up(heap, size, time, place, serving)
    return size + 1


@njit(cache=True)
def hole_at_the_bottom(heap: Heap, size: int, serving: NDArray[np.int64]) -> int:
    """Where the hole of the first release ends if the earlier child fills it at each level."""
    hole = 0
    child = 1
    while child + 1 < size:
        left, right = heap[child, 0], heap[child + 1, 0]
        # The choice is arithmetic, not a branch: it is unpredictable and would stall the processor.
        second = right < left
        if right == left:
            second = serving[heap[child + 1, 1]] < serving[heap[child, 1]]
        child += second
        heap[hole, 0] = heap[child, 0]
        heap[hole, 1] = heap[child, 1]
        hole = child
        child = 2 * hole + 1
    if child < size:
        heap[hole, 0] = heap[child, 0]
        heap[hole, 1] = heap[child, 1]
        hole = child
    return hole


@njit(cache=True)
def drop_first(heap: Heap, size: int, serving: NDArray[np.int64]) -> int:
    """New size, after taking the first release out."""
    size -= 1
    hole = hole_at_the_bottom(heap, size, serving)
    move_up(heap, hole, heap[size, 0], heap[size, 1], serving)
    return size


@njit(cache=True)
def put_off_first(heap: Heap, size: int, time: int, serving: NDArray[np.int64]) -> None:
    """Give the place that is released first to the request now in `serving`, until a later time."""
    place = heap[0, 1]
    hole = 0
    child = 1
    while child < size:
        right = child + 1
        if right < size and comes_first(heap[right, 0], heap[right, 1], heap[child, 0], heap[child, 1], serving):
            child = right
        if comes_first(time, place, heap[child, 0], heap[child, 1], serving):
            break
        heap[hole, 0] = heap[child, 0]
        heap[hole, 1] = heap[child, 1]
        hole = child
        child = 2 * hole + 1
    heap[hole, 0] = time
    heap[hole, 1] = place
