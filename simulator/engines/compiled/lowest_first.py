"""Numbers that are taken lowest first: a heap in an array, for free workers and for instances with a free place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule


@rule
def add_number(heap: NDArray[np.int64], size: int, number: int) -> None:
    """Add a number to `size` others; there must be room."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if heap[parent] < number:
            break
        heap[hole] = heap[parent]
        hole = parent
    heap[hole] = number


@rule
def take_lowest(heap: NDArray[np.int64], size: int) -> int:
    """The lowest of `size` numbers, which is there no more."""
    lowest = heap[0]
    last = heap[size - 1]
    hole = 0
    child = 1
    while child < size - 1:
        if child + 1 < size - 1 and heap[child + 1] < heap[child]:
            child += 1
        if last < heap[child]:
            break
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    heap[hole] = last
    return int(lowest)
