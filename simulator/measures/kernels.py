"""The compiled pass over the requests of a block that a tally is made of.

Rows are taken in stretches that stay in the first-level cache. Of each stretch a first loop writes down what is to be
looked at closer, the latencies and the times to be billed, close together; short loops that a processor does several
values at a time then go over these. Where every request was completed on a ready instance before the end, the first
loop is such a loop itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.compiling import Kernels
from simulator.engines import tables
from simulator.engines.tables import Outcome
from simulator.measures import added
from simulator.measures.added import Rows, Rules, Stretch, Sums
from simulator.measures.histogram import EXPONENT_OFFSET, MANTISSA_SHIFT
from simulator.units import FOREVER

_COMPLETED: Final = int(Outcome.COMPLETED)
_THROTTLED: Final = int(Outcome.THROTTLED)
_TIMED_OUT: Final = int(Outcome.TIMED_OUT)
_FOREVER: Final = np.uint64(FOREVER)
#: Values below this can be summed over a stretch in 63 bits, also three of them a row, and three together are a float64
#: as they are.
_WIDEST: Final = 1 << 51

_HERE: Final = Path(__file__).parent
#: Of this folder, with the numbers that they take from elsewhere.
KERNELS: Final = Kernels(
    [*(_HERE / name for name in ("kernels.py", "added.py", "sweeps.py", "histogram.py")), Path(tables.__file__)]
)


@KERNELS.rule
def bin_of(value: int) -> int:
    """Bin of one value of 1 or more, as `histogram.bins_of`."""
    return int(np.float64(value).view(np.int64) >> MANTISSA_SHIFT) - EXPONENT_OFFSET


@KERNELS.rule
def _add(sums: Sums, which: int, value: int | np.uint64) -> None:
    """Add a whole number of 0 or more to a sum of 64 bits and a carry."""
    before = sums.low[which]
    after = before + np.uint64(value)
    sums.low[which] = after
    if after < before:
        sums.carries[which] += 1


@KERNELS.kernel
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
        for i in range(added.STRETCH):
            room.service_ns[i] = rows.service_ns[0]
    low = 0
    while low < n:
        is_measured = low >= first
        high = min(low + added.STRETCH, n if is_measured else first)
        latencies = on_demand = standing = -1
        if is_measured:
            latencies, on_demand, standing = _plain_rows(rules, rows, low, high, sums, room)
        if latencies < 0:
            latencies, on_demand, standing = _any_rows(rules, rows, low, high, is_measured, sums, room)
        _add_latencies(room.latency_ns[:latencies], sums, room)
        if rules.granularity_ns > 0:
            _add_billed(rules, room.on_demand_ns[:on_demand], added.BILLED_ON_DEMAND, sums)
            _add_billed(rules, room.standing_ns[:standing], added.BILLED_STANDING, sums)
        if len(sums.busy_until_ns) > 0:
            _add_busy(rules, rows, low, high, sums)
        low = high


@KERNELS.rule
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
    _add(sums, added.LATENCY, latency)
    _add(sums, added.WAITING, waiting)
    _add(sums, added.IN_SERVICE, worked)
    sums.counts[added.WAITED] += waiters
    sums.counts[added.REQUESTS] += n
    sums.counts[added.SERVED] += n
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
    sums.counts[added.SPILLOVER] += on_demand
    return n, on_demand, standing


@KERNELS.rule
def _any_rows(
    rules: Rules, rows: Rows, low: int, high: int, is_measured: bool, sums: Sums, room: Stretch
) -> tuple[int, int, int]:
    """Add rows of any kind; as `_plain_rows`."""
    counts = sums.counts
    latencies = on_demand = standing = 0
    served = waiters = misserved = 0
    # The common sums live in registers; each is 64 bits, and what falls over is counted.
    latency, c_latency = sums.low[added.LATENCY], 0
    waiting, c_waiting = sums.low[added.WAITING], 0
    in_service, c_service = sums.low[added.IN_SERVICE], 0
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
                counts[added.THROTTLED + rows.reason[i]] += 1
            elif outcome == _TIMED_OUT:
                counts[added.TIMED_OUT] += 1
                waiters += start_ns > arrival_ns
            elif outcome != _COMPLETED:
                counts[added.EXPIRED] += 1
        if instance < 0:
            continue
        release_ns = rows.release_ns[i]
        if is_cold:
            counts[added.COLD_ALL] += 1
            _add(sums, added.STARTUP, (release_ns if start_ns < 0 else start_ns) - arrival_ns)
            if start_ns < 0:
                counts[added.FAILED_ALL] += 1
            if is_measured:
                if outcome == _COMPLETED:
                    counts[added.COLD_COMPLETED] += 1
                    _add(sums, added.PENALTY, start_ns - arrival_ns)
                elif start_ns < 0:
                    counts[added.FAILED_LAUNCHES] += 1
        if instance >= rules.standing > 0 and is_measured:
            counts[added.SPILLOVER] += 1
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
            counts[added.CLIENT_GONE_ALL] += gone_ns < release_ns
            gone_ns = max(gone_ns, rules.from_ns)
            if gone_ns < upto_ns:
                _add(sums, added.CLIENT_GONE, upto_ns - gone_ns)
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
    counts[added.REQUESTS] += high - low if is_measured else 0
    counts[added.SERVED] += served
    counts[added.WAITED] += waiters
    counts[added.MISSERVED] += misserved
    sums.low[added.LATENCY], sums.low[added.WAITING], sums.low[added.IN_SERVICE] = latency, waiting, in_service
    sums.carries[added.LATENCY] += c_latency
    sums.carries[added.WAITING] += c_waiting
    sums.carries[added.IN_SERVICE] += c_service
    return latencies, on_demand, standing


@KERNELS.rule
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
    completed = sums.counts[added.COMPLETED]
    sums.counts[added.COMPLETED] = completed + n
    if completed + n <= len(sums.kept_ns):
        kept_ns = sums.kept_ns[completed : completed + n]
        for i in range(n):
            kept_ns[i] = latency_ns[i]


@KERNELS.rule
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


@KERNELS.rule
def _add_busy(rules: Rules, rows: Rows, low: int, high: int, sums: Sums) -> None:
    """Add the time during which instances with several places have a request in service.

    Requests of one instance start in order of arrival, so the union of their services is a running maximum.
    """
    n = high - low
    start_ns, release_ns = rows.start_ns[low:high], rows.release_ns[low:high]
    instance, busy_until_ns = rows.instance[low:high], sums.busy_until_ns
    busy_ns, carry = sums.low[added.BUSY], 0
    for i in range(n):
        # Where nothing was served, all three are -1: the last instance stays as it is.
        since_ns, upto_ns = max(start_ns[i], rules.from_ns), min(release_ns[i], rules.until_ns)
        before_ns = busy_until_ns[instance[i]]
        until_ns = max(before_ns, upto_ns)
        more_ns = np.uint64(until_ns - max(before_ns, min(since_ns, until_ns)))
        busy_ns += more_ns
        carry += busy_ns < more_ns
        busy_until_ns[instance[i]] = until_ns
    sums.low[added.BUSY] = busy_ns
    sums.carries[added.BUSY] += carry
