"""What a calendar of a pool that launches holds between two events.

Instances that live have one row each, in order of number. Now and then those that are gone are given away and
forgotten, and the others move down in the same order; `numbers` tells which instance a row holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.idle_at_random import empty_tree
from simulator.engines.tables import NONE
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NONE = int(NONE)
#: Slots of the tree at the start, if there is room: closing ranks is a call from outside the kernel.
_SLOTS = 256

# Entries of `State.sizes`. How much is in use of each array, and how many places are occupied:
MOMENTS, ROWS, STANDING_IDLE, HEAD, TAIL, SLOTS_USED, PARTLY, TRIES, OCCUPIED = range(9)
# first, last and first free row of the line, and how many in it joined at the limit:
LINE_HEAD, LINE_TAIL, LINE_FREE, AT_LIMIT = range(9, 13)
# instances forgotten, and number of the oldest request held:
FORGOTTEN, OLDEST = range(13, 15)
# the row of the starting instance that has a place without a claim, if any; the last instant at which something
# happened that comes after retirements:
SPARE, LATE_NS = range(15, 17)
# an instance that has just become ready: its row, how many of its places may still take from the line, when it is,
# for which request it was launched, and when it retires if nobody waits.
READY_ROW, READY_LEFT, READY_NS, READY_FOR, READY_GONE_NS = range(17, 22)
# the row of the next request that comes:
NEXT_ROW = 22
# where provisioned instances follow their load: how many are in service, places occupied that count, the integrals of
# both over time, and how far those go; samples taken, and the next end of a period.
SERVING, LOAD, SERVING_NS, LOAD_NS, SEEN_NS, SAMPLES, SAMPLE_AT = range(23, 30)
_ENTRIES = 30

#: What `State.kinds` says; a provisioned instance that drains takes no more requests.
ON_DEMAND, PROVISIONED, DRAINING = range(3)

#: Columns of `series`, one row per policy: its period, and when that ends [ns]; both integrals at its beginning; the
#: most places that were occupied in it.
PERIOD, ENDS_AT, LOAD_BEFORE, SERVING_BEFORE, MOST = range(5)
#: Columns of `samples`: the policy; both integrals over the period, the most, the instances in service at its end.
SAMPLED, SAMPLED_LOAD_NS, SAMPLED_SERVING_NS, MOST_SAMPLED, IN_SERVICE = range(5)


class State(NamedTuple):
    """The arrays.

    Parameters
    ----------
    sizes : ndarray of int64
        Single numbers, by the names above.
    buckets : ndarray of int64, shape (2, 3)
        See `rules`.
    moments : ndarray of int64, shape (capacity, 5)
        See `compiled.moments`. Rank 10: a release or a failed launch, order the attempt, about a row of instances,
        with the instant at which that retires if nobody follows, `NONE` if it is gone at once. Rank 20: an instance is
        ready, order the request it was launched for, about its row, with the instant at which it retires if nobody
        waits. Rank 50: patience is over, order the attempt, about a row of the line; void if that holds another
        attempt. Rank 55: a request is tried again, order the attempt. Rank 60: a client of a closed population sends;
        the id is the client.
    line : ndarray of int64, shape (rows, 7)
        See `line`.
    standing_idle : ndarray of int64
        Rows of idle standing instances, a stack in order of becoming idle; those never used lie at the bottom, in order
        of number.
    idle : ndarray of int64
        Rows of idle on-demand instances in order, see `compiled.idle_in_order`.
    idle_below, retires_ns, instance_in, slot_of : ndarray of int64
        The same for random routing, see `compiled.idle_at_random`.
    partly, is_partly : ndarray of int64
        A heap of rows, the lowest first, of instances that hold a request and have a free place; some of its entries
        are of others by now. Whether a row is in it.
    numbers : ndarray of int64, shape (rows,)
        Number of the instance in each row.
    kinds : ndarray of int64, shape (rows,)
        On demand, provisioned or draining.
    launch_ns, ready_ns, gone_ns : ndarray of int64, shape (rows,)
        As in `Instances`; `gone_ns` of one that is idle is when it retires unless it is reused, else `FOREVER` as long
        as its end is open. [ns]
    life_over_ns : ndarray of int64, shape (rows,)
        Launch + lifetime. [ns]
    held, claims : ndarray of int64, shape (rows,)
        Places that hold a request; claims, while it is starting.
    idle_ns, idle_for : ndarray of int64, shape (rows,)
        Since when it is idle [ns], and the number of the request that decides the order at that instant; of a
        provisioned one only the latter, `NONE` if it was never used.
    series : ndarray of int64, shape (policies, 5)
        The current period of each policy's metric.
    samples : ndarray of int64, shape (s, 5)
        Periods that are over.
    """

    sizes: Ints
    buckets: Ints
    moments: Ints
    line: Ints
    standing_idle: Ints
    idle: Ints
    idle_below: Ints
    retires_ns: Ints
    instance_in: Ints
    slot_of: Ints
    partly: Ints
    is_partly: Ints
    numbers: Ints
    kinds: Ints
    launch_ns: Ints
    ready_ns: Ints
    gone_ns: Ints
    life_over_ns: Ints
    held: Ints
    claims: Ints
    idle_ns: Ints
    idle_for: Ints
    series: Ints
    samples: Ints


#: Arrays with one entry per row of instances; `partly` has no more entries than there are rows.
BY_ROW = (
    "slot_of",
    "is_partly",
    "numbers",
    "kinds",
    "launch_ns",
    "ready_ns",
    "gone_ns",
    "life_over_ns",
    "held",
    "claims",
    "idle_ns",
    "idle_for",
)


def state_at_start(standing: int, room: int, buckets: Ints, moments: Ints, line: Ints, policies: int = 0) -> State:
    """Standing instances, all of them idle, and room for so many more of everything."""
    slots = 1
    while slots < min(room, _SLOTS):
        slots *= 2
    idle_below, retires_ns = empty_tree(slots)
    rows = standing + room
    sizes = np.zeros(_ENTRIES, np.int64)
    sizes[ROWS] = sizes[STANDING_IDLE] = sizes[SERVING] = standing
    sizes[[LINE_HEAD, LINE_TAIL, SPARE, LATE_NS]] = _NONE
    sizes[SAMPLE_AT] = FOREVER
    by_row = {name: np.zeros(rows, np.int64) for name in BY_ROW}
    by_row |= {name: np.full(rows, FOREVER, np.int64) for name in ("gone_ns", "life_over_ns")}
    by_row["numbers"] = np.arange(rows, dtype=np.int64)
    by_row["kinds"][:standing] = PROVISIONED
    by_row["idle_for"][:standing] = _NONE
    return State(
        sizes=sizes,
        buckets=buckets,
        moments=moments,
        line=line,
        standing_idle=np.arange(max(1, standing), dtype=np.int64),
        idle=np.zeros(room, np.int64),
        idle_below=idle_below,
        retires_ns=retires_ns,
        instance_in=np.zeros(slots, np.int64),
        partly=np.zeros(rows, np.int64),
        series=np.zeros((policies, 5), np.int64),
        samples=np.zeros((room if policies else 1, 5), np.int64),
        **by_row,
    )
