"""The compiled pass over the requests of a block that a tally is made of.

Rows are taken in stretches that stay in the first-level cache. Of each stretch a first loop writes down what is to be
looked at closer, the latencies and the times to be billed, close together; short loops that a processor does several
values at a time then go over these. Where every request was completed on a ready instance before the end, the first
loop is such a loop itself.

Every sum is a sum of whole numbers that cannot overflow: 64 bits and a carry. Indices of `COUNTS` and `SUMS` are the
order of the arrays that the loops add to.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.engines.tables import Demand, Outcome, Reason, Requests
from simulator.measures.histogram import BINS, EXPONENT_OFFSET, MANTISSA_SHIFT
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
#: All requests, measured or not: launches that succeeded, launches that failed, those served longer than the client
#: waited.
COLD_ALL: Final = 9
FAILED_ALL: Final = 10
CLIENT_GONE_ALL: Final = 11
#: All requests that were served for another time than they asked for: none, or a sum would be wrong.
MISSERVED: Final = 12
THROTTLED: Final = 13
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
_FOREVER: Final = np.uint64(FOREVER)
#: Rows looked at together.
_STRETCH: Final = 512
#: Values below this can be summed over a stretch in 63 bits, also three of them a row, and three together are a float64
#: as they are.
_WIDEST: Final = 1 << 51

# No loop owns an array, so they do without reference counts (`_nrt`), and none divides by zero, so they do without a
# check of it: either would keep a processor from doing several values at a time. Passing on as many arrays as they
# take costs more than most of them, so what `tally_block` calls becomes part of it.
_options: Final[dict[str, Any]] = {"error_model": "numpy", "_nrt": False}
_kernel: Final = njit(cache=True, **_options)
_rule: Final = njit(forceinline=True, **_options)


class Rules(NamedTuple):
    """What the tally of an endpoint goes by; parameters as those of `tally.Tally`."""

    standing: int
    from_ns: int
    until_ns: int
    overhead_ns: int
    granularity_ns: int
    billed_overhead_ns: int
    bills_startup: bool


class Rows(NamedTuple):
    """The columns of demand and of requests that are measured, n rows; the service time may be one for all."""

    arrival_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int8]
    start_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    release_ns: NDArray[np.int64]
    instance: NDArray[np.int64]
    is_cold: NDArray[np.bool_]


class Sums(NamedTuple):
    """What a tally has added up.

    Parameters
    ----------
    counts : ndarray of int64, shape (COUNTS,)
    low : ndarray of uint64, shape (SUMS,)
        The lower 64 bits of every sum.
    carries : ndarray of int64, shape (SUMS,)
        How often they ran over.
    limits_ns, below : ndarray of int64, shape (limits,)
        Limits on latency, and the completed requests below each.
    histogram : ndarray of int64, shape (BINS,)
        Of latency.
    extremes_ns : ndarray of int64, shape (2,)
        Least and greatest latency. [ns]
    kept_ns : ndarray of int64
        Every latency, as long as there is room for all of them. [ns]
    busy_until_ns : ndarray of int64, shape (instances,) or (0,)
        Until when each instance with several places is known to be busy; empty where an instance has one. [ns]
    """

    counts: NDArray[np.int64]
    low: NDArray[np.uint64]
    carries: NDArray[np.int64]
    limits_ns: NDArray[np.int64]
    below: NDArray[np.int64]
    histogram: NDArray[np.int64]
    extremes_ns: NDArray[np.int64]
    kept_ns: NDArray[np.int64]
    busy_until_ns: NDArray[np.int64]


class Stretch(NamedTuple):
    """Room for what is looked at closer in a stretch of rows, shape (_STRETCH,) each."""

    latency_ns: NDArray[np.int64]
    bins: NDArray[np.int64]
    on_demand_ns: NDArray[np.int64]
    standing_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]


def rows_of(demand: Demand, requests: Requests) -> Rows:
    """The columns of a block."""
    return Rows(
        demand.arrival_ns,
        demand.service_ns,
        requests.outcome,
        requests.reason,
        requests.start_ns,
        requests.response_ns,
        requests.release_ns,
        requests.instance,
        requests.is_cold,
    )


def empty_sums(limits_ns: NDArray[np.int64], keep: int, union_of: int) -> Sums:
    """Nothing added up yet.

    Parameters
    ----------
    limits_ns : ndarray of int64
        [ns]
    keep : int
        Latencies that there is room for.
    union_of : int
        Instances that have several places.
    """
    return Sums(
        counts=np.zeros(COUNTS, np.int64),
        low=np.zeros(SUMS, np.uint64),
        carries=np.zeros(SUMS, np.int64),
        limits_ns=limits_ns,
        below=np.zeros(len(limits_ns), np.int64),
        histogram=np.zeros(BINS, np.int64),
        extremes_ns=np.array([FOREVER, 0], np.int64),
        kept_ns=np.empty(keep, np.int64),
        busy_until_ns=np.zeros(union_of, np.int64),
    )


def empty_stretch() -> Stretch:
    """Room of undefined content."""
    return Stretch(*(np.empty(_STRETCH, np.int64) for _ in Stretch._fields))


@_rule
def bin_of(value: int) -> int:
    """Bin of one value of 1 or more, as `histogram.bins_of`."""
    return int(np.float64(value).view(np.int64) >> MANTISSA_SHIFT) - EXPONENT_OFFSET


@_rule
def _add(sums: Sums, which: int, value: int | np.uint64) -> None:
    """Add a whole number of 0 or more to a sum of 64 bits and a carry."""
    before = sums.low[which]
    after = before + np.uint64(value)
    sums.low[which] = after
    if after < before:
        sums.carries[which] += 1


@_kernel
def tally_block(rules: Rules, rows: Rows, first: int, sums: Sums, room: Stretch) -> None:
    """Add requests to the counts, sums and histogram of a tally.

    Latencies are response minus arrival plus overhead, but the sum of latencies is without it.

    Parameters
    ----------
    first : int
        The first measured row; those before it arrived before the measured part.
    """
    n = len(rows.arrival_ns)
    if len(rows.service_ns) == 1:
        for i in range(_STRETCH):
            room.service_ns[i] = rows.service_ns[0]
    low = 0
    while low < n:
        is_measured = low >= first
        high = min(low + _STRETCH, n if is_measured else first)
        latencies = on_demand = standing = -1
        if is_measured:
            latencies, on_demand, standing = _plain_rows(rules, rows, low, high, sums, room)
        if latencies < 0:
            latencies, on_demand, standing = _any_rows(rules, rows, low, high, is_measured, sums, room)
        _add_latencies(room.latency_ns[:latencies], sums, room)
        if rules.granularity_ns > 0:
            _add_billed(rules, room.on_demand_ns[:on_demand], BILLED_ON_DEMAND, sums)
            _add_billed(rules, room.standing_ns[:standing], BILLED_STANDING, sums)
        if len(sums.busy_until_ns) > 0:
            _add_busy(rules, rows, low, high, sums)
        low = high


@_rule
def _plain_rows(rules: Rules, rows: Rows, low: int, high: int, sums: Sums, room: Stretch) -> tuple[int, int, int]:
    """Add measured rows that are all plain: completed on a ready instance before the end.

    Returns
    -------
    tuple of int
        How many latencies and times to be billed were written down, on launched and on standing instances. -1, and
        nothing is added, if a row is not plain.
    """
    n = high - low
    arrival_ns, start_ns = rows.arrival_ns[low:high], rows.start_ns[low:high]
    response_ns, release_ns = rows.response_ns[low:high], rows.release_ns[low:high]
    outcome, is_cold, instance = rows.outcome[low:high], rows.is_cold[low:high], rows.instance[low:high]
    service_ns = rows.service_ns[low:high] if len(rows.service_ns) > 1 else room.service_ns[:n]
    latency_ns, on_demand_ns, standing_ns = room.latency_ns[:n], room.on_demand_ns[:n], room.standing_ns[:n]
    codes = 0
    for i in range(n):
        codes |= outcome[i] | np.int8(is_cold[i])
    if codes != _COMPLETED:
        return -1, -1, -1
    latency = waiting = worked = waiters = 0
    width = rules.overhead_ns
    differs = 0
    for i in range(n):
        took = response_ns[i] - arrival_ns[i]
        waited = start_ns[i] - arrival_ns[i]
        work = release_ns[i] - start_ns[i]
        latency += took
        waiting += waited
        worked += work
        width |= took | waited | work
        waiters += waited > 0
        differs |= (work ^ service_ns[i]) | (release_ns[i] > rules.until_ns)
        latency_ns[i] = took + rules.overhead_ns
    # So wide a value could make a sum of the stretch overflow; a value of -1 in a column makes `width` negative.
    if differs != 0 or width < 0 or width >= _WIDEST:
        return -1, -1, -1
    _add(sums, LATENCY, latency)
    _add(sums, WAITING, waiting)
    _add(sums, IN_SERVICE, worked)
    sums.counts[WAITED] += waiters
    sums.counts[REQUESTS] += n
    sums.counts[SERVED] += n
    if rules.standing == 0:
        for i in range(n):
            on_demand_ns[i] = service_ns[i]
        return n, n, 0
    on_demand = standing = 0
    for i in range(n):
        standing_ns[standing] = on_demand_ns[on_demand] = service_ns[i]
        is_standing = instance[i] < rules.standing
        standing += is_standing
        on_demand += not is_standing
    sums.counts[SPILLOVER] += on_demand
    return n, on_demand, standing


@_rule
def _any_rows(
    rules: Rules, rows: Rows, low: int, high: int, is_measured: bool, sums: Sums, room: Stretch
) -> tuple[int, int, int]:
    """Add rows of any kind; as `_plain_rows`."""
    counts = sums.counts
    latencies = on_demand = standing = 0
    served = waiters = misserved = 0
    # The common sums live in registers; each is 64 bits, and what falls over is counted.
    latency, c_latency = sums.low[LATENCY], 0
    waiting, c_waiting = sums.low[WAITING], 0
    in_service, c_service = sums.low[IN_SERVICE], 0
    step = 1 if len(rows.service_ns) > 1 else 0
    for i in range(low, high):
        arrival_ns, start_ns, response_ns = rows.arrival_ns[i], rows.start_ns[i], rows.response_ns[i]
        outcome, instance, is_cold = rows.outcome[i], rows.instance[i], rows.is_cold[i]
        if outcome == _COMPLETED and is_measured:
            took = response_ns - arrival_ns
            waited = start_ns - arrival_ns
            before = latency
            latency += np.uint64(took)
            c_latency += latency < before
            before = waiting
            waiting += np.uint64(waited)
            c_waiting += waiting < before
            waiters += waited > 0
            room.latency_ns[latencies] = took + rules.overhead_ns if took <= FOREVER - rules.overhead_ns else FOREVER
            latencies += 1
        elif is_measured:
            if outcome == _THROTTLED:
                counts[THROTTLED + rows.reason[i]] += 1
            elif outcome == _TIMED_OUT:
                counts[TIMED_OUT] += 1
                waiters += start_ns > arrival_ns
            elif outcome != _COMPLETED:
                counts[EXPIRED] += 1
        if instance < 0:
            continue
        release_ns = rows.release_ns[i]
        if is_cold:
            counts[COLD_ALL] += 1
            _add(sums, STARTUP, (release_ns if start_ns < 0 else start_ns) - arrival_ns)
            if start_ns < 0:
                counts[FAILED_ALL] += 1
            if is_measured:
                if outcome == _COMPLETED:
                    counts[COLD_COMPLETED] += 1
                    _add(sums, PENALTY, start_ns - arrival_ns)
                elif start_ns < 0:
                    counts[FAILED_LAUNCHES] += 1
        if instance >= rules.standing > 0 and is_measured:
            counts[SPILLOVER] += 1
        if start_ns < 0:
            continue
        worked = release_ns - start_ns
        misserved += (worked != rows.service_ns[i * step]) & (release_ns != FOREVER)
        since_ns, upto_ns = max(start_ns, rules.from_ns), min(release_ns, rules.until_ns)
        if since_ns < upto_ns:
            before = in_service
            in_service += np.uint64(upto_ns - since_ns)
            c_service += in_service < before
        if outcome == _TIMED_OUT:
            gone_ns = max(start_ns, response_ns)
            counts[CLIENT_GONE_ALL] += gone_ns < release_ns
            gone_ns = max(gone_ns, rules.from_ns)
            if gone_ns < upto_ns:
                _add(sums, CLIENT_GONE, upto_ns - gone_ns)
        if is_measured:
            served += 1
            if rules.bills_startup and is_cold:
                worked = worked + (start_ns - arrival_ns) if worked <= FOREVER - (start_ns - arrival_ns) else FOREVER
            if instance >= rules.standing:
                room.on_demand_ns[on_demand] = worked
                on_demand += 1
            else:
                room.standing_ns[standing] = worked
                standing += 1
    counts[REQUESTS] += high - low if is_measured else 0
    counts[SERVED] += served
    counts[WAITED] += waiters
    counts[MISSERVED] += misserved
    sums.low[LATENCY], sums.low[WAITING], sums.low[IN_SERVICE] = latency, waiting, in_service
    sums.carries[LATENCY] += c_latency
    sums.carries[WAITING] += c_waiting
    sums.carries[IN_SERVICE] += c_service
    return latencies, on_demand, standing


@_rule
def _add_latencies(latency_ns: NDArray[np.int64], sums: Sums, room: Stretch) -> None:
    """Count, keep and compare latencies, overhead included."""
    n = len(latency_ns)
    bins = room.bins[:n]
    least_ns, greatest_ns = sums.extremes_ns[0], sums.extremes_ns[1]
    for i in range(n):
        least_ns = min(least_ns, latency_ns[i])
        greatest_ns = max(greatest_ns, latency_ns[i])
        bins[i] = bin_of(latency_ns[i])
    sums.extremes_ns[0], sums.extremes_ns[1] = least_ns, greatest_ns
    for i in range(n):
        sums.histogram[bins[i]] += 1
    for j in range(len(sums.limits_ns)):
        limit_ns, below = sums.limits_ns[j], 0
        for i in range(n):
            below += latency_ns[i] < limit_ns
        sums.below[j] += below
    completed = sums.counts[COMPLETED]
    sums.counts[COMPLETED] = completed + n
    if completed + n <= len(sums.kept_ns):
        kept_ns = sums.kept_ns[completed : completed + n]
        for i in range(n):
            kept_ns[i] = latency_ns[i]


@_rule
def _add_billed(rules: Rules, time_ns: NDArray[np.int64], which: int, sums: Sums) -> None:
    """Add times, each with the billed overhead and rounded up."""
    grain_ns, more_ns = rules.granularity_ns, rules.billed_overhead_ns
    width = grain_ns | more_ns
    for i in range(len(time_ns)):
        width |= time_ns[i]
    if width < _WIDEST:
        units = 0
        for i in range(len(time_ns)):
            # A quotient of whole numbers below 2**53, rounded to float64, reaches no whole number that it is below.
            units += int((time_ns[i] + more_ns + grain_ns - 1) / grain_ns)
        _add(sums, which, units * grain_ns)
        return
    grain = np.uint64(grain_ns)
    for i in range(len(time_ns)):
        billed = min(np.uint64(time_ns[i]) + np.uint64(more_ns), _FOREVER)
        units_up = billed // grain + np.uint64(billed % grain > 0)
        _add(sums, which, units_up * grain if units_up <= _FOREVER // grain else _FOREVER)


@_rule
def _add_busy(rules: Rules, rows: Rows, low: int, high: int, sums: Sums) -> None:
    """Add the time during which instances with several places have a request in service.

    Requests of one instance start in order of arrival, so the union of their services is a running maximum.
    """
    n = high - low
    start_ns, release_ns = rows.start_ns[low:high], rows.release_ns[low:high]
    instance, busy_until_ns = rows.instance[low:high], sums.busy_until_ns
    busy_ns, carry = sums.low[BUSY], 0
    for i in range(n):
        # Where nothing was served, all three are -1: the last instance stays as it is.
        since_ns, upto_ns = max(start_ns[i], rules.from_ns), min(release_ns[i], rules.until_ns)
        before_ns = busy_until_ns[instance[i]]
        until_ns = max(before_ns, upto_ns)
        more_ns = np.uint64(until_ns - max(before_ns, min(since_ns, until_ns)))
        busy_ns += more_ns
        carry += busy_ns < more_ns
        busy_until_ns[instance[i]] = until_ns
    sums.low[BUSY] = busy_ns
    sums.carries[BUSY] += carry
