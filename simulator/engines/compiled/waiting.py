"""First-in-first-out queues, as the instants at which those who wait leave them (for a worker, or at their limit).

These instants never decrease from one request of a queue to the next: starts do not in a first-in-first-out queue,
limits do not where every request has the same timeout. So `leaves_ns[queue, :tails[queue]]` is in order, and a queue
is full if the request `limit` places from its tail is still there. Those who have left are cleared away only when
the array is full. A queue without a limit needs no entry at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel, rule


@rule
def is_full(leaves_ns: NDArray[np.int64], tails: NDArray[np.int64], queue: int, limit: int, now_ns: int) -> bool:
    """Whether `limit` requests wait in a queue, after all that happened up to now."""
    if limit == 0:
        return True
    tail = tails[queue]
    return bool(tail >= limit and leaves_ns[queue, tail - limit] > now_ns)


@kernel
def has_room(leaves_ns: NDArray[np.int64], tails: NDArray[np.int64], queue: int, now_ns: int) -> bool:
    """Whether one more can be entered, after clearing away those who have left if the array is full."""
    tail = tails[queue]
    capacity = leaves_ns.shape[1]
    if tail < capacity:
        return True
    head = 0
    while head < tail and leaves_ns[queue, head] <= now_ns:
        head += 1
    for position in range(head, tail):
        leaves_ns[queue, position - head] = leaves_ns[queue, position]
    tails[queue] = tail - head
    # The next clearing must be some way off, or clearing would cost more than the requests.
    return bool(2 * (tail - head) <= capacity and tail - head < capacity)


@rule
def enter_queue(leaves_ns: NDArray[np.int64], tails: NDArray[np.int64], queue: int, leave_ns: int) -> None:
    """A request waits until the given instant; there must be room."""
    tail = tails[queue]
    leaves_ns[queue, tail] = leave_ns
    tails[queue] = tail + 1
