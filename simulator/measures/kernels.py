"""The compiled pass over the requests of a block that a tally is made of.

Every sum is a sum of whole numbers that cannot overflow: 64 bits and a carry. Indices of `COUNTS` and `SUMS` are the
order of the arrays that the loops add to.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.engines.tables import Outcome, Reason
from simulator.measures.histogram import EXPONENT_OFFSET, MANTISSA_SHIFT
from simulator.units import FOREVER

#: Whole counts of measured requests; throttled ones by reason stand at THROTTLED + reason.
REQUESTS: Final = 0
COMPLETED: Final = 1
TIMED_OUT: Final = 2
EXPIRED: Final = 3
COLD_COMPLETED: Final = 4
FAILED_LAUNCHES: Final = 5
SPILLOVER: Final = 6
SERVED: Final = 7
#: Measured requests that were served after waiting, for a worker or a launch.
WAITED: Final = 8
#: All requests, measured or not: launches that succeeded, launches that failed.
COLD_ALL: Final = 9
FAILED_ALL: Final = 10
#: All requests that were served for another time than they asked for: none, or a sum would be wrong.
MISSERVED: Final = 11
THROTTLED: Final = 12
COUNTS: Final = THROTTLED + len(Reason)

#: Sums of times. [ns]
LATENCY: Final = 0
WAITING: Final = 1
PENALTY: Final = 2
BILLED_ON_DEMAND: Final = 3
BILLED_STANDING: Final = 4
#: Places in service and places whose client has gone, inside the measured part.
IN_SERVICE: Final = 5
CLIENT_GONE: Final = 6
#: Instances with a request in service, inside the measured part, where an instance has several places.
BUSY: Final = 7
#: Of all cold requests: from arrival until the instance could serve, or its launch failed.
STARTUP: Final = 8
SUMS: Final = 9

_COMPLETED: Final = int(Outcome.COMPLETED)
_THROTTLED: Final = int(Outcome.THROTTLED)
_TIMED_OUT: Final = int(Outcome.TIMED_OUT)
_MILLISECOND_NS: Final = np.uint64(1_000_000)
_ONE: Final = np.uint64(1)
_FOREVER: Final = np.uint64(FOREVER)
#: Rows looked at together: their columns stay in the first-level cache.
_STRETCH: Final = 512
#: Values below this can be summed over a stretch in 63 bits.
_WIDEST: Final = 1 << 53


@njit(cache=True, inline="always")
def bin_of(value: int) -> int:
    """Bin of one value of 1 or more, as `histogram.bins_of`."""
    return int(np.float64(value).view(np.int64) >> MANTISSA_SHIFT) - EXPONENT_OFFSET


@njit(cache=True)
def _add(sums: NDArray[np.uint64], carries: NDArray[np.int64], which: int, value: int | np.uint64) -> None:
    """Add a whole number of 0 or more to a sum of 64 bits and a carry."""
    before = sums[which]
    after = before + np.uint64(value)
    sums[which] = after
    if after < before:
        carries[which] += 1


@njit(cache=True)
def tally_block(
    arrival: NDArray[np.int64],
    service: NDArray[np.int64],
    outcome: NDArray[np.int8],
    reason: NDArray[np.int8],
    start: NDArray[np.int64],
    response: NDArray[np.int64],
    release: NDArray[np.int64],
    instance: NDArray[np.int64],
    is_cold: NDArray[np.bool_],
    measured: bool,
    standing: int,
    from_ns: int,
    until_ns: int,
    overhead: int,
    granularity: int,
    billed_overhead: int,
    bills_startup: bool,
    limits: NDArray[np.int64],
    counts: NDArray[np.int64],
    sums: NDArray[np.uint64],
    carries: NDArray[np.int64],
    below: NDArray[np.int64],
    histogram: NDArray[np.int64],
    extremes: NDArray[np.int64],
    kept: NDArray[np.int64],
    busy_until: NDArray[np.int64],
) -> None:
    """Add requests, all of them measured or none, to the counts, sums and histogram of a tally.

    Latencies are response minus arrival plus `overhead`, but the sum of latencies is without it. `limits` are limits
    on them. `kept` receives them as long as there is room. `busy_until` holds, for every instance with several
    places, until when it is known to be busy; it is empty where an instance has one place. Requests of one instance
    start in order of arrival, so the union of their services is a running maximum.

    Rows are taken in stretches. One in which every request was completed on a ready instance before the end needs
    only a few short loops, which together take half the time of the loop that knows every case.
    """
    for low in range(0, len(arrival), _STRETCH):
        high = min(len(arrival), low + _STRETCH)
        if measured and _is_plain(
            arrival, service, outcome, start, response, release, is_cold, until_ns, low, high, counts, sums, carries
        ):
            _latencies(arrival, response, overhead, limits, low, high, counts, below, histogram, extremes, kept)
            if granularity > 0:
                _bill(service, instance, standing, granularity, billed_overhead, low, high, counts, sums, carries)
            if len(busy_until) > 0:
                _busy(start, release, instance, low, high, sums, carries, busy_until)
        else:
            _any_rows(
                arrival,
                service,
                outcome,
                reason,
                start,
                response,
                release,
                instance,
                is_cold,
                measured,
                standing,
                from_ns,
                until_ns,
                overhead,
                granularity,
                billed_overhead,
                bills_startup,
                limits,
                low,
                high,
                counts,
                sums,
                carries,
                below,
                histogram,
                extremes,
                kept,
                busy_until,
            )


@njit(cache=True)
def _is_plain(
    arrival: NDArray[np.int64],
    service: NDArray[np.int64],
    outcome: NDArray[np.int8],
    start: NDArray[np.int64],
    response: NDArray[np.int64],
    release: NDArray[np.int64],
    is_cold: NDArray[np.bool_],
    until_ns: int,
    low: int,
    high: int,
    counts: NDArray[np.int64],
    sums: NDArray[np.uint64],
    carries: NDArray[np.int64],
) -> bool:
    """Whether all rows of a stretch are plain; if they are, their sums are added."""
    latency = waiting = worked = waiters = 0
    width = special = 0
    step = 1 if len(service) > 1 else 0
    for i in range(low, high):
        took = response[i] - arrival[i]
        waited = start[i] - arrival[i]
        work = release[i] - start[i]
        latency += took
        waiting += waited
        worked += work
        width |= took | waited | work
        waiters += waited > 0
        special += (outcome[i] != _COMPLETED) | is_cold[i] | (release[i] > until_ns) | (work != service[i * step])
    # A value of -1 in a column makes `width` negative; so wide a value could make a sum of the stretch overflow.
    if special > 0 or width < 0 or width >= _WIDEST:
        return False
    _add(sums, carries, LATENCY, latency)
    _add(sums, carries, WAITING, waiting)
    _add(sums, carries, IN_SERVICE, worked)
    counts[WAITED] += waiters
    counts[REQUESTS] += high - low
    counts[SERVED] += high - low
    return True


@njit(cache=True)
def _latencies(
    arrival: NDArray[np.int64],
    response: NDArray[np.int64],
    overhead: int,
    limits: NDArray[np.int64],
    low: int,
    high: int,
    counts: NDArray[np.int64],
    below: NDArray[np.int64],
    histogram: NDArray[np.int64],
    extremes: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> None:
    """Count, keep and compare the latencies of a plain stretch."""
    completed = counts[COMPLETED]
    keep = completed + high - low <= len(kept)
    for i in range(low, high):
        took = response[i] - arrival[i] + overhead
        histogram[bin_of(took)] += 1
        if keep:
            kept[completed + i - low] = took
    if not keep:
        for i in range(low, low + len(kept) - completed):
            kept[completed + i - low] = response[i] - arrival[i] + overhead
    counts[COMPLETED] = completed + high - low
    least, greatest = extremes[0], extremes[1]
    for i in range(low, high):
        took = response[i] - arrival[i] + overhead
        least = min(least, took)
        greatest = max(greatest, took)
    extremes[0], extremes[1] = least, greatest
    for j in range(len(limits)):
        limit, within = limits[j], 0
        for i in range(low, high):
            within += response[i] - arrival[i] + overhead < limit
        below[j] += within


@njit(cache=True)
def _bill(
    service: NDArray[np.int64],
    instance: NDArray[np.int64],
    standing: int,
    granularity: int,
    billed_overhead: int,
    low: int,
    high: int,
    counts: NDArray[np.int64],
    sums: NDArray[np.uint64],
    carries: NDArray[np.int64],
) -> None:
    """Add the billed time of a plain stretch, each request rounded up."""
    grain, more = np.uint64(granularity), np.uint64(billed_overhead) - _ONE
    step = 1 if len(service) > 1 else 0
    in_all = on_standing = np.uint64(0)
    n_standing = 0
    for i in range(low, high):
        billed = np.uint64(service[i * step]) + more
        # A division by a constant is a multiplication.
        units = (billed // _MILLISECOND_NS if granularity == 1_000_000 else billed // grain) + _ONE
        in_all += units
        if instance[i] < standing:
            on_standing += units
            n_standing += 1
    _add(sums, carries, BILLED_ON_DEMAND, (in_all - on_standing) * grain)
    _add(sums, carries, BILLED_STANDING, on_standing * grain)
    if standing > 0:
        counts[SPILLOVER] += high - low - n_standing


@njit(cache=True)
def _busy(
    start: NDArray[np.int64],
    release: NDArray[np.int64],
    instance: NDArray[np.int64],
    low: int,
    high: int,
    sums: NDArray[np.uint64],
    carries: NDArray[np.int64],
    busy_until: NDArray[np.int64],
) -> None:
    """Add the time during which instances with several places have a request in service."""
    busy = 0
    for i in range(low, high):
        place = instance[i]
        since = max(start[i], busy_until[place])
        if since < release[i]:
            busy += release[i] - since
            busy_until[place] = release[i]
    _add(sums, carries, BUSY, busy)


@njit(cache=True)
def _any_rows(
    arrival: NDArray[np.int64],
    service: NDArray[np.int64],
    outcome: NDArray[np.int8],
    reason: NDArray[np.int8],
    start: NDArray[np.int64],
    response: NDArray[np.int64],
    release: NDArray[np.int64],
    instance: NDArray[np.int64],
    is_cold: NDArray[np.bool_],
    measured: bool,
    standing: int,
    from_ns: int,
    until_ns: int,
    overhead: int,
    granularity: int,
    billed_overhead: int,
    bills_startup: bool,
    limits: NDArray[np.int64],
    low: int,
    high: int,
    counts: NDArray[np.int64],
    sums: NDArray[np.uint64],
    carries: NDArray[np.int64],
    below: NDArray[np.int64],
    histogram: NDArray[np.int64],
    extremes: NDArray[np.int64],
    kept: NDArray[np.int64],
    busy_until: NDArray[np.int64],
) -> None:
    """Add rows of any kind."""
    step = 1 if len(service) > 1 else 0
    n_limits = len(limits)
    union = len(busy_until) > 0
    millisecond = granularity == 1_000_000
    grain = np.uint64(max(granularity, 1))
    most_units = _FOREVER // grain
    room = len(kept)
    completed = counts[COMPLETED]
    served = waiters = misserved = 0
    least, greatest = extremes[0], extremes[1]
    limit_0 = limits[0] if n_limits > 0 else 0
    below_0 = 0
    # The common sums live in registers; each is 64 bits, and what falls over is counted.
    latency, c_latency = sums[LATENCY], 0
    waiting, c_waiting = sums[WAITING], 0
    in_service, c_service = sums[IN_SERVICE], 0
    on_demand, c_on_demand = sums[BILLED_ON_DEMAND], 0
    for i in range(low, high):
        a = arrival[i]
        s = start[i]
        how = outcome[i]
        place = instance[i]
        if how == _COMPLETED and measured:
            took = response[i] - a
            waited = s - a
            before = latency
            latency += np.uint64(took)
            c_latency += latency < before
            took = took + overhead if took <= FOREVER - overhead else FOREVER
            before = waiting
            waiting += np.uint64(waited)
            c_waiting += waiting < before
            histogram[bin_of(took)] += 1
            least = min(least, took)
            greatest = max(greatest, took)
            below_0 += took < limit_0
            for j in range(1, n_limits):
                below[j] += took < limits[j]
            if completed < room:
                kept[completed] = took
            completed += 1
            waiters += waited > 0
        elif measured:
            if how == _THROTTLED:
                counts[THROTTLED + reason[i]] += 1
            elif how == _TIMED_OUT:
                counts[TIMED_OUT] += 1
                waiters += s > a
            elif how != _COMPLETED:
                counts[EXPIRED] += 1
        if place < 0:
            continue
        out = release[i]
        if is_cold[i]:
            counts[COLD_ALL] += 1
            _add(sums, carries, STARTUP, (out if s < 0 else s) - a)
            if s < 0:
                counts[FAILED_ALL] += 1
            if measured:
                if how == _COMPLETED:
                    counts[COLD_COMPLETED] += 1
                    _add(sums, carries, PENALTY, s - a)
                elif s < 0:
                    counts[FAILED_LAUNCHES] += 1
        if place >= standing > 0 and measured:
            counts[SPILLOVER] += 1
        if s < 0:
            continue
        asked = service[i * step]
        misserved += (out - s != asked) & (out != FOREVER)
        lo = max(s, from_ns)
        hi = min(out, until_ns)
        if lo < hi:
            before = in_service
            in_service += np.uint64(hi - lo)
            c_service += in_service < before
            if union:
                lo = max(lo, busy_until[place])
                if lo < hi:
                    _add(sums, carries, BUSY, hi - lo)
                    busy_until[place] = hi
            if how == _TIMED_OUT:
                gone = max(max(s, response[i]), from_ns)
                if gone < hi:
                    _add(sums, carries, CLIENT_GONE, hi - gone)
        if measured:
            served += 1
            if granularity == 0:
                continue
            billed = np.uint64(out - s) + np.uint64(billed_overhead)
            if bills_startup and is_cold[i]:
                billed += np.uint64(s - a)
            billed = min(billed, _FOREVER)
            # Round up; a division by a constant is a multiplication.
            units = ((billed - _ONE) // _MILLISECOND_NS if millisecond else (billed - _ONE) // grain) + _ONE
            billed = units * grain if units <= most_units else _FOREVER
            if place >= standing:
                before = on_demand
                on_demand += billed
                c_on_demand += on_demand < before
            else:
                _add(sums, carries, BILLED_STANDING, billed)
    counts[REQUESTS] += high - low if measured else 0
    counts[SERVED] += served
    counts[WAITED] += waiters
    counts[MISSERVED] += misserved
    counts[COMPLETED] = completed
    extremes[0], extremes[1] = least, greatest
    if n_limits > 0:
        below[0] += below_0
    sums[LATENCY], sums[WAITING], sums[IN_SERVICE], sums[BILLED_ON_DEMAND] = latency, waiting, in_service, on_demand
    carries[LATENCY] += c_latency
    carries[WAITING] += c_waiting
    carries[IN_SERVICE] += c_service
    carries[BILLED_ON_DEMAND] += c_on_demand
