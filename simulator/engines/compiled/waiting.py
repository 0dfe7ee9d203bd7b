"""First-in-first-out queues, as the instants at which those who wait leave them (for a worker, or at their limit).

These instants never decrease from one request of a queue to the next: starts do not in a first-in-first-out queue,
limits do not where every request has the same timeout. So a row `leaves[queue, head:tail]` is in order, and those
who have left are at its head. `ends[queue]` is (head, tail). A queue without a limit needs no entry at all.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def count_waiting(leaves: NDArray[np.int64], ends: NDArray[np.int64], queue: int, now_ns: int) -> int:
    """Requests that wait in a queue, after all that happened up to now."""
    head, tail = ends[queue, 0], ends[queue, 1]
    while head < tail and leaves[queue, head] <= now_ns:
        head += 1
    ends[queue, 0] = head
    return int(tail - head)


@njit(cache=True)
def has_room(leaves: NDArray[np.int64], ends: NDArray[np.int64], queue: int) -> bool:
    """Whether one more can be entered, after moving the row to the front if that is worth it."""
    head, tail = ends[queue, 0], ends[queue, 1]
    if tail < leaves.shape[1]:
        return True
    if 2 * (tail - head) > tail:
        return False
    for position in range(head, tail):
        leaves[queue, position - head] = leaves[queue, position]
    ends[queue, 0], ends[queue, 1] = 0, tail - head
    return True


@njit(cache=True)
def enter_queue(leaves: NDArray[np.int64], ends: NDArray[np.int64], queue: int, leave_ns: int) -> None:
    """A request waits until the given instant; there must be room."""
    tail = ends[queue, 1]
    leaves[queue, tail] = leave_ns
    ends[queue, 1] = tail + 1
