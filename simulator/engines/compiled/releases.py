"""Releases that are still to come: a binary heap on (time, number of the request), one entry per place.

The heap is two arrays, `due_ns` and `places`, of which the first `size` entries are in use. `serving[place]` is the
number of the request that the place is to be released from: it is read only where two times are equal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel

Ints = NDArray[np.int64]


@kernel
def comes_first(time: int, place: int, other_time: int, other_place: int, serving: Ints) -> bool:
    """Whether one release comes before another: by time, then by number of the request."""
    if time == other_time:
        return bool(serving[place] < serving[other_place])
    return time < other_time


@kernel
def move_up(due_ns: Ints, places: Ints, hole: int, time: int, place: int, serving: Ints) -> None:
    """Put a release into the hole or above it, where it belongs."""
    while hole > 0:
        parent = (hole - 1) >> 1
        if not comes_first(time, place, due_ns[parent], places[parent], serving):
            break
        due_ns[hole] = due_ns[parent]
        places[hole] = places[parent]
        hole = parent
    due_ns[hole] = time
    places[hole] = place


@kernel
def add_release(due_ns: Ints, places: Ints, size: int, time: int, place: int, serving: Ints) -> int:
    """New size, after adding the release of a place from the newest request; there must be room."""
    move_up(due_ns, places, size, time, place, serving)
    return size + 1


@kernel
def hole_at_the_bottom(due_ns: Ints, places: Ints, size: int, serving: Ints) -> int:
    """Where the hole of the first release ends if the earlier child fills it at each level."""
    hole = 0
    child = 1
    while child + 1 < size:
        left, right = due_ns[child], due_ns[child + 1]
        # The choice is arithmetic, not a branch: it is unpredictable and would stall the processor.
        second = right < left
        if right == left:
            second = serving[places[child + 1]] < serving[places[child]]
        child += second
        due_ns[hole] = due_ns[child]
        places[hole] = places[child]
        hole = child
        child = 2 * hole + 1
    if child < size:
        due_ns[hole] = due_ns[child]
        places[hole] = places[child]
        hole = child
    return hole


@kernel
def drop_first(due_ns: Ints, places: Ints, size: int, serving: Ints) -> int:
    """New size, after taking the first release out."""
    size -= 1
    hole = hole_at_the_bottom(due_ns, places, size, serving)
    move_up(due_ns, places, hole, due_ns[size], places[size], serving)
    return size


@kernel
def put_off_first(due_ns: Ints, places: Ints, size: int, time: int, serving: Ints) -> None:
    """Give the place that is released first to the request now in `serving`, until a later time."""
    place = places[0]
    hole = 0
    child = 1
    while child < size:
        right = child + 1
        if right < size and comes_first(due_ns[right], places[right], due_ns[child], places[child], serving):
            child = right
        if comes_first(time, place, due_ns[child], places[child], serving):
            break
        due_ns[hole] = due_ns[child]
        places[hole] = places[child]
        hole = child
        child = 2 * hole + 1
    due_ns[hole] = time
    places[hole] = place
