"""Releases that are still to come, in order of (time, number of the request), one entry per place.

The nearest ones stand in a short sorted array, the others behind them in a heap; with few places occupied all are
near. Taking the next release off a sorted array costs nothing, and entering one near its end little: with
8 places occupied a request takes two thirds of the time that it takes with a heap alone.

`due_ns` and `places` belong together. Their first `NEAR` entries are for the near releases, of which `near` are in
use, the next one last; the rest is for the heap, of which `far` are in use. No far release comes before a near one.
Each release in the heap has four behind it, entries 4·i + 1 to 4·i + 4 behind entry i: with two there are twice as
many levels to go through, and with hundreds of places occupied a request takes a fifth more time.
`serving[place]` is the number of the request that the place is to be released from; it is read only where two times
are equal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel, rule

Ints = NDArray[np.int64]

#: Most releases that are kept sorted; half of them move at once between the array and the heap.
NEAR = 32


def room_for_releases(capacity: int) -> int:
    """Length of `due_ns` and `places` for at least so many releases."""
    return capacity + 2 * NEAR


@rule
def are_full(due_ns: Ints, far: int) -> bool:
    """Whether one more release might not find room."""
    return far + 2 * NEAR > len(due_ns)


@rule
def add_release(
    due_ns: Ints, places: Ints, near: int, far: int, time: int, place: int, serving: Ints
) -> tuple[int, int]:
    """New `near` and `far`, after adding the release of a place from the newest request; there must be room."""
    if far > 0 and time >= due_ns[NEAR]:
        # With many places occupied this is the usual way, and short enough to save the call.
        _move_up(due_ns[NEAR:], places[NEAR:], far, time, place, serving)
        return near, far + 1
    if near == NEAR:
        near, far, is_near = _add_far(due_ns, places, near, far, time, place, serving)
        if not is_near:
            return near, far
    hole = near
    # At equal times the newest request is the last.
    while hole > 0 and due_ns[hole - 1] <= time:
        due_ns[hole] = due_ns[hole - 1]
        places[hole] = places[hole - 1]
        hole -= 1
    due_ns[hole] = time
    places[hole] = place
    return near + 1, far


@kernel
def bring_near(due_ns: Ints, places: Ints, far: int, serving: Ints) -> tuple[int, int]:
    """New `near` and `far`, after sorting the first far releases into the near array, which must be empty."""
    near = min(far, NEAR // 2)
    far_ns, far_places = due_ns[NEAR:], places[NEAR:]
    for position in range(near - 1, -1, -1):
        due_ns[position] = far_ns[0]
        places[position] = far_places[0]
        far -= 1
        hole = _hole_at_the_bottom(far_ns, far_places, far, serving)
        _move_up(far_ns, far_places, hole, far_ns[far], far_places[far], serving)
    return near, far


@kernel
def _add_far(
    due_ns: Ints, places: Ints, near: int, far: int, time: int, place: int, serving: Ints
) -> tuple[int, int, bool]:
    """New `near` and `far`, and whether the release belongs to the near ones, where there is room for it now.

    The near array is full, and the release comes before all far ones, if there are any.
    """
    far_ns, far_places = due_ns[NEAR:], places[NEAR:]
    if time < due_ns[0]:
        # It comes before the last of the near array, whose later half makes room.
        half = NEAR // 2
        for position in range(half):
            _move_up(far_ns, far_places, far, due_ns[position], places[position], serving)
            due_ns[position] = due_ns[position + half]
            places[position] = places[position + half]
            far += 1
        near = half
        if time < far_ns[0]:
            return near, far, True
    _move_up(far_ns, far_places, far, time, place, serving)
    return near, far + 1, False


@rule
def _is_before(far_ns: Ints, far_places: Ints, one: int, other: int, serving: Ints) -> bool:
    """Whether one entry of the heap comes before another."""
    if far_ns[one] == far_ns[other]:
        return bool(serving[far_places[one]] < serving[far_places[other]])
    return bool(far_ns[one] < far_ns[other])


@rule
def _move_up(far_ns: Ints, far_places: Ints, hole: int, time: int, place: int, serving: Ints) -> None:
    """Put a release into the hole of the heap or above it, where it belongs."""
    while hole > 0:
        parent = (hole - 1) >> 2
        if time > far_ns[parent] or (time == far_ns[parent] and serving[place] > serving[far_places[parent]]):
            break
        far_ns[hole] = far_ns[parent]
        far_places[hole] = far_places[parent]
        hole = parent
    far_ns[hole] = time
    far_places[hole] = place


@rule
def _hole_at_the_bottom(far_ns: Ints, far_places: Ints, size: int, serving: Ints) -> int:
    """Where the hole of the first entry ends if the earliest of those behind it fills it at each level."""
    hole = 0
    behind = 1
    while behind + 3 < size:
        a, b, c, d = far_ns[behind], far_ns[behind + 1], far_ns[behind + 2], far_ns[behind + 3]
        # The choice is arithmetic, not a branch: it is unpredictable and would stall the processor.
        left, right = min(a, b), min(c, d)
        is_right = right < left
        first = behind + (b < a) * (1 - is_right) + (2 + (d < c)) * is_right
        earliest = min(left, right)
        if (a == earliest) + (b == earliest) + (c == earliest) + (d == earliest) > 1:
            first = _first_of(far_ns, far_places, behind, behind + 4, serving)
        far_ns[hole] = earliest
        far_places[hole] = far_places[first]
        hole = first
        behind = 4 * hole + 1
    if behind < size:
        first = _first_of(far_ns, far_places, behind, size, serving)
        far_ns[hole] = far_ns[first]
        far_places[hole] = far_places[first]
        hole = first
    return hole


@rule
def _first_of(far_ns: Ints, far_places: Ints, start: int, stop: int, serving: Ints) -> int:
    """Which of some entries of the heap comes first."""
    first = start
    for other in range(start + 1, stop):
        if _is_before(far_ns, far_places, other, first, serving):
            first = other
    return first
