"""Compiled loops over intervals and values: peaks, parts of periods, values of some bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.measures.kernels import KERNELS, bin_of


@KERNELS.kernel
def gather(
    values: NDArray[np.int64], slot_of_bin: NDArray[np.int64], into: NDArray[np.int64], next_of: NDArray[np.int64]
) -> None:
    """Copy the values of some bins together: `next_of` says where the next value of each slot goes, -1 is no slot."""
    for value in values:
        slot = slot_of_bin[bin_of(value)]
        if slot >= 0:
            into[next_of[slot]] = value
            next_of[slot] += 1


@KERNELS.kernel
def most_at_once(begin: NDArray[np.int64], end: NDArray[np.int64], already: int) -> int:
    """Greatest number of intervals that hold one instant, from sorted beginnings and ends; an end goes first."""
    most = count = already
    j = 0
    for i in range(len(begin)):
        while j < len(end) and end[j] <= begin[i]:
            count -= 1
            j += 1
        count += 1
        most = max(most, count)
    return most


@KERNELS.kernel
def first_busy(
    start: NDArray[np.int64],
    release: NDArray[np.int64],
    instance: NDArray[np.int64],
    busy_until: NDArray[np.int64],
    since: NDArray[np.int64],
) -> None:
    """From when on each request in service adds to the time that its instance is busy, at most its release."""
    for i in range(len(start)):
        since[i] = min(max(start[i], busy_until[instance[i]]), release[i])
        busy_until[instance[i]] = max(busy_until[instance[i]], release[i])


@KERNELS.kernel
def join(instance: NDArray[np.int64], begin: NDArray[np.int64], end: NDArray[np.int64], granularity: int) -> int:
    """Join intervals in place that follow on one another on an instance, and give back how many are left.

    They are in order of instance, then of beginning. One follows on the one before if it begins no later than that
    ends, its length rounded up to a multiple of the granularity.
    """
    count = 0
    for i in range(len(instance)):
        if count > 0 and instance[i] == instance[count - 1]:
            length = end[count - 1] - begin[count - 1]
            short = -length % granularity
            # No interval begins so late that the sum could overflow and yet follow on.
            if begin[i] - end[count - 1] <= short:
                end[count - 1] = max(end[count - 1], end[i])
                continue
        instance[count], begin[count], end[count] = instance[i], begin[i], end[i]
        count += 1
    return count


@KERNELS.kernel
def spread(
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    period_ns: int,
    part: NDArray[np.int64],
    steps: NDArray[np.int64],
) -> None:
    """Add intervals to periods: their parts of periods, and where whole periods begin and end.

    The time in period k is part[k] + period · (steps[0] + … + steps[k]).
    """
    periods = len(part)
    for i in range(len(begin)):
        b, e = max(begin[i], 0), min(end[i], periods * period_ns)
        if b >= e:
            continue
        first, last = b // period_ns, e // period_ns
        if first == last:
            part[first] += e - b
            continue
        part[first] += (first + 1) * period_ns - b
        steps[first + 1] += 1
        steps[last] -= 1
        if last < periods:
            part[last] += e - last * period_ns
