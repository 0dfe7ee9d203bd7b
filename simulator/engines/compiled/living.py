"""What a pool that launches holds between two arrivals: the instances that live, one row each, and who is idle.

An instance gets the next row when it is launched, so rows are in order of number. Now and then those that are gone are
given away and forgotten, and the others move down in the same order; `numbers` tells which instance a row holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.idle_at_random import close_ranks, doubled_tree, empty_tree, set_slot
from simulator.engines.compiled.idle_in_order import drop_retired
from simulator.engines.compiled.releases import NEAR, are_full, room_for_releases
from simulator.engines.pool import Routing
from simulator.engines.tables import Instances
from simulator.units import FOREVER

_RANDOM_IDLE = int(Routing.RANDOM_IDLE)
_SLOTS = 64
#: Forgetting rewrites every row; it is put off until it makes room for one row in so many.
_WORTH = 16

# Entries of `Living.sizes`: how much of each array is in use, how many instances are forgotten, and how many requests
# came before.
NEAR_DUE, FAR_DUE, ROWS, STANDING_IDLE, HEAD, TAIL, SLOTS_USED, FORGOTTEN, REQUESTS = range(9)


class Living(NamedTuple):
    """The state between two arrivals.

    Parameters
    ----------
    sizes : ndarray of int64
        How much of the arrays is in use.
    due_ns, places : ndarray of int64, shape (capacity,)
        Releases, see `releases`: one entry per occupied place, starting ones and failing launches included. A place is
        the row of its instance.
    standing_idle : ndarray of int64, shape (standing,)
        Idle standing instances, a stack in order of becoming idle; those never used lie at the bottom.
    idle : ndarray of int64
        Rows of idle on-demand instances in order, see `idle_in_order`.
    idle_below, retires_ns, instance_in, slot_of : ndarray of int64
        The same for random routing, see `idle_at_random`; the instance in a slot is its row.
    numbers : ndarray of int64, shape (rows,)
        Number of the instance in each row; standing instances keep the first rows.
    launch_ns, ready_ns, gone_ns : ndarray of int64, shape (rows,)
        As in `Instances`; `gone_ns` is when the instance retires unless it is reused before. [ns]
    life_over_ns : ndarray of int64, shape (rows,)
        Launch + lifetime. [ns]
    serving : ndarray of int64, shape (rows,)
        Number of the request that an instance served last.
    """

    sizes: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    places: NDArray[np.int64]
    standing_idle: NDArray[np.int64]
    idle: NDArray[np.int64]
    idle_below: NDArray[np.int64]
    retires_ns: NDArray[np.int64]
    instance_in: NDArray[np.int64]
    slot_of: NDArray[np.int64]
    numbers: NDArray[np.int64]
    launch_ns: NDArray[np.int64]
    ready_ns: NDArray[np.int64]
    gone_ns: NDArray[np.int64]
    life_over_ns: NDArray[np.int64]
    serving: NDArray[np.int64]


_BY_ROW = ("slot_of", "numbers", "launch_ns", "ready_ns", "gone_ns", "life_over_ns", "serving")


def standing_only(standing: int, room: int) -> Living:
    """The state at the start: standing instances, all of them idle, and room for so many more of everything."""
    slots = 1
    while slots < min(room, _SLOTS):
        slots *= 2
    idle_below, retires_ns = empty_tree(slots)
    rows = standing + room
    living = Living(
        sizes=np.zeros(9, np.int64),
        due_ns=np.zeros(room_for_releases(room), np.int64),
        places=np.zeros(room_for_releases(room), np.int64),
        standing_idle=np.arange(standing, dtype=np.int64),
        idle=np.zeros(room, np.int64),
        idle_below=idle_below,
        retires_ns=retires_ns,
        instance_in=np.zeros(slots, np.int64),
        slot_of=np.zeros(rows, np.int64),
        numbers=np.arange(rows, dtype=np.int64),
        launch_ns=np.zeros(rows, np.int64),
        ready_ns=np.zeros(rows, np.int64),
        gone_ns=np.full(rows, FOREVER, np.int64),
        life_over_ns=np.full(rows, FOREVER, np.int64),
        serving=np.zeros(rows, np.int64),
    )
    living.sizes[ROWS] = living.sizes[STANDING_IDLE] = standing
    return living


def add_warm(living: Living, routing: int, idle_timeout_ns: int, lifetime_ns: int) -> None:
    """One instance as if launched and released at 0, the first after the standing ones."""
    row = living.sizes[ROWS]
    living.life_over_ns[row] = lifetime_ns
    living.gone_ns[row] = min(idle_timeout_ns, lifetime_ns)
    living.sizes[ROWS] += 1
    if routing == _RANDOM_IDLE:
        living.instance_in[0] = row
        set_slot(living.idle_below, living.retires_ns, 0, 1, living.gone_ns[row])
        living.sizes[SLOTS_USED] = 1
    else:
        living.idle[0] = row
        living.sizes[TAIL] = 1


def with_more_room(living: Living) -> Living:
    """The same with the array doubled that is full, or too full after a clearing for the next one to pay."""
    sizes = living.sizes
    if are_full(living.due_ns, sizes[FAR_DUE]):
        return living._replace(due_ns=doubled(living.due_ns), places=doubled(living.places))
    if sizes[ROWS] == len(living.gone_ns):
        return living._replace(**{name: doubled(getattr(living, name)) for name in _BY_ROW})
    if 2 * (sizes[TAIL] + sizes[NEAR_DUE] + sizes[FAR_DUE]) > len(living.idle):
        return living._replace(idle=doubled(living.idle))
    idle_below, retires_ns = doubled_tree(living.idle_below, living.retires_ns)
    return living._replace(idle_below=idle_below, retires_ns=retires_ns, instance_in=doubled(living.instance_in))


class Gone(NamedTuple):
    """Instances that are given away.

    Parameters
    ----------
    instances : Instances
        In order of number.
    numbers : ndarray of int64
        Their numbers.
    until_ns : int
        Instances that are neither among them nor given away before are there until then, or longer. [ns]
    """

    instances: Instances
    numbers: NDArray[np.int64]
    until_ns: int


_NONE_OF_THEM = np.empty(0, np.int64)


def nobody(until_ns: int) -> Gone:
    """No instance."""
    return Gone(Instances(_NONE_OF_THEM, _NONE_OF_THEM, _NONE_OF_THEM), _NONE_OF_THEM, until_ns)


def those_in(living: Living, rows: slice | NDArray[np.int64], until_ns: int) -> Gone:
    """The instances in some rows, in new arrays."""
    columns = (living.launch_ns, living.ready_ns, living.gone_ns, living.numbers)
    launch_ns, ready_ns, gone_ns, numbers = (np.array(column[rows]) for column in columns)
    return Gone(Instances(launch_ns, ready_ns, gone_ns), numbers, until_ns)


def forget_gone(living: Living, routing: int, now_ns: int) -> Gone:
    """Give away the instances that are gone at the last arrival, if they are enough for it to pay.

    One that goes at this very instant may still have an entry among the releases, and stays for now.
    """
    sizes = living.sizes
    rows = int(sizes[ROWS])
    is_kept = living.gone_ns[:rows] >= now_ns
    kept = int(np.count_nonzero(is_kept))
    if _WORTH * (rows - kept) < len(living.gone_ns):
        return nobody(min(now_ns, int(living.gone_ns[:rows].min(initial=FOREVER))))
    gone = those_in(living, np.flatnonzero(~is_kept), now_ns)

    # Nobody may refer to a row that will be another's.
    if routing == _RANDOM_IDLE:
        sizes[SLOTS_USED] = close_ranks(
            living.idle_below,
            living.retires_ns,
            living.instance_in,
            sizes[SLOTS_USED],
            living.slot_of,
            living.gone_ns,
            now_ns,
        )
    else:
        sizes[TAIL] = drop_retired(routing, living.idle, sizes[HEAD], sizes[TAIL], living.gone_ns, now_ns)
        sizes[HEAD] = 0
    row_now = np.cumsum(is_kept) - 1
    near, far = living.places[: sizes[NEAR_DUE]], living.places[NEAR : NEAR + sizes[FAR_DUE]]
    for references in (near, far, living.idle[: sizes[TAIL]], living.instance_in[: sizes[SLOTS_USED]]):
        references[:] = row_now[references]
    for name in _BY_ROW:
        column = getattr(living, name)
        column[:kept] = column[:rows][is_kept]
    sizes[ROWS] = kept
    sizes[FORGOTTEN] += rows - kept
    return gone
