"""Compiled loops over intervals and values: peaks, parts of periods, values of some bins."""

from __future__ import annotations

from typing import NamedTuple

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


class Look(NamedTuple):
    """Where to look for how many intervals hold one instant: the stretch (after_ns, upto_ns], parted in equal slices.

    Parameters
    ----------
    after_ns, upto_ns, before_ns : int
        What lies at `after_ns` or before it is only counted, what lies at `before_ns` or behind it is left out, what
        lies between `upto_ns` and that is kept for later. [ns]
    since_ns : int
        Where the first slice begins; what lies before it is in the first slice too. [ns]
    per_ns : float
        Slices in a nanosecond. [1/ns]
    """

    after_ns: int
    upto_ns: int
    before_ns: int
    since_ns: int
    per_ns: float


@KERNELS.rule
def _slice_of(time_ns: int, since_ns: int, per_ns: float, slices: int) -> int:
    """The slice of an instant; no earlier one than that of an earlier instant, also where doubles are rounded."""
    return int(min(max(int((time_ns - since_ns) * per_ns), 0), slices - 1))


@KERNELS.kernel
def count_by_slice(
    look: Look, time_ns: NDArray[np.int64], in_slice: NDArray[np.int64], later_ns: NDArray[np.int64], kept: int
) -> tuple[int, int]:
    """Instants that lie at `after_ns` or before, and how many are kept for later: `kept` before, more after.

    The others are counted by slice; negative ones are no instants.
    """
    after_ns, upto_ns, before_ns, since_ns, per_ns = look
    before, slices = 0, len(in_slice)
    for one_ns in time_ns:
        if one_ns < 0 or one_ns >= before_ns:
            continue
        if one_ns <= after_ns:
            before += 1
        elif one_ns > upto_ns:
            later_ns[kept] = one_ns
            kept += 1
        else:
            in_slice[_slice_of(one_ns, since_ns, per_ns, slices)] += 1
    return before, kept


@KERNELS.kernel
def crowded_slices(
    begun: NDArray[np.int64], ended: NDArray[np.int64], already: int, most: int, held: NDArray[np.int64]
) -> tuple[int, int]:
    """Intervals that begin in slices in which more than `most` might hold one instant, and those open at the end.

    `held` becomes how many are open where such a slice begins, -1 for the other slices.
    """
    in_crowds, count = 0, already
    for i in range(len(begun)):
        held[i] = -1
        if count + begun[i] > most and begun[i] > 0:
            held[i] = count
            in_crowds += begun[i]
        count += begun[i] - ended[i]
    return in_crowds, count


@KERNELS.kernel
def gather_crowded(
    look: Look, time_ns: NDArray[np.int64], held: NDArray[np.int64], into_ns: NDArray[np.int64], entered: int
) -> int:
    """How many instants are entered, `entered` before: those in crowded slices; parameters as those above."""
    after_ns, upto_ns, _, since_ns, per_ns = look
    for one_ns in time_ns:
        if after_ns < one_ns <= upto_ns and held[_slice_of(one_ns, since_ns, per_ns, len(held))] >= 0:
            into_ns[entered] = one_ns
            entered += 1
    return entered


@KERNELS.kernel
def most_at_once(
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    begun: NDArray[np.int64],
    ended: NDArray[np.int64],
    held: NDArray[np.int64],
) -> int:
    """Greatest number of intervals that hold one instant of a crowded slice, from what is gathered there, in order.

    An end goes first.
    """
    most = i = j = 0
    for one in range(len(held)):
        if held[one] < 0:
            continue
        count, begun_by, ended_by = held[one], i + begun[one], j + ended[one]
        while i < begun_by:
            while j < ended_by and end[j] <= begin[i]:
                count -= 1
                j += 1
            count += 1
            i += 1
            most = max(most, count)
        j = ended_by
    return int(most)


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
