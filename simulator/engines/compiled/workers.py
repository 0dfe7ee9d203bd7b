"""Workers of one instance: a heap of the instants at which each is free of all that was given to it so far.

`free_ns` has one stretch of `places` entries per instance; the first of a stretch is its earliest. With the rows
settled at arrival, a request that waits has already taken the worker that will be free first, so an entry may lie
behind several services.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule

#: Up to so many workers a stretch is kept sorted, which is a heap too, and needs no unpredictable branch.
_FEW = 8


@rule
def occupy_first_free(free_ns: NDArray[np.int64], instance: int, places: int, release_ns: int) -> None:
    """Give the worker of an instance that is free first to a request that is released at `release_ns`."""
    first = instance * places
    if places <= _FEW:
        carried = release_ns
        for worker in range(first + 1, first + places):
            other = free_ns[worker]
            free_ns[worker - 1] = min(other, carried)
            carried = max(other, carried)
        free_ns[first + places - 1] = carried
        return
    hole = 0
    child = 1
    while child < places:
        if child + 1 < places and free_ns[first + child + 1] < free_ns[first + child]:
            child += 1
        if release_ns <= free_ns[first + child]:
            break
        free_ns[first + hole] = free_ns[first + child]
        hole = child
        child = 2 * hole + 1
    free_ns[first + hole] = release_ns
