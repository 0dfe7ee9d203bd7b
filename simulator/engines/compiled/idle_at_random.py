"""Idle on-demand instances under random routing: how many, which is the j-th in order of number, who retires next.

A complete binary tree over slots. An instance gets the next slot when it is launched, so slots are in order of
number. `idle_below[node]` counts the idle instances below a node, `retires_ns[node]` is the earliest instant at
which one of them retires; node 1 is the root, the children of a node are 2·node and 2·node + 1, slot s is leaf
`slots + s`. The draw needs the exact number of idle instances, so retirement cannot wait here until an entry is met.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import kernel, rule
from simulator.engines.tables import NONE
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NONE = int(NONE)


def empty_tree(slots: int) -> tuple[Ints, Ints]:
    """The tree without an idle instance; the number of slots is a power of two."""
    return np.zeros(2 * slots, np.int64), np.full(2 * slots, FOREVER, np.int64)


@rule
def set_slot(idle_below: Ints, retires_ns: Ints, slot: int, idle: int, gone_ns: int) -> None:
    """Say that the instance of a slot is idle (1) until it retires, or not idle (0, `FOREVER`)."""
    node = len(idle_below) // 2 + slot
    idle_below[node] = idle
    retires_ns[node] = gone_ns
    node >>= 1
    while node > 0:
        left, right = 2 * node, 2 * node + 1
        idle_below[node] = idle_below[left] + idle_below[right]
        retires_ns[node] = min(retires_ns[left], retires_ns[right])
        node >>= 1


@rule
def retire_idle(idle_below: Ints, retires_ns: Ints, now_ns: int) -> None:
    """Take out the idle instances that retire now or before."""
    slots = len(idle_below) // 2
    while retires_ns[1] <= now_ns and idle_below[1] > 0:
        node = 1
        while node < slots:
            node *= 2
            if retires_ns[node] > now_ns or idle_below[node] == 0:
                node += 1
        set_slot(idle_below, retires_ns, node - slots, 0, FOREVER)


@rule
def take_at_random(idle_below: Ints, retires_ns: Ints, instance_in: Ints, draw: float) -> int:
    """The idle instance at position ⌊draw·n⌋ of the n idle ones in order of number, or `NONE`; it is taken out."""
    n = idle_below[1]
    if n == 0:
        return _NONE
    position = int(draw * n)
    slots = len(idle_below) // 2
    node = 1
    while node < slots:
        node *= 2
        # Arithmetic, not a branch: which half is unpredictable.
        beyond = position >= idle_below[node]
        position -= idle_below[node] * beyond
        node += beyond
    set_slot(idle_below, retires_ns, node - slots, 0, FOREVER)
    return int(instance_in[node - slots])


@kernel
def close_ranks(
    idle_below: Ints,
    retires_ns: Ints,
    instance_in: Ints,
    used: int,
    slot_of: Ints,
    gone_ns: Ints,
    now_ns: int,
) -> int:
    """Slots still in use, after the instances that are gone left theirs and the others moved up in order."""
    slots = len(idle_below) // 2
    kept = 0
    for slot in range(used):
        instance = instance_in[slot]
        if now_ns < gone_ns[instance]:
            instance_in[kept] = instance
            slot_of[instance] = kept
            idle_below[slots + kept] = idle_below[slots + slot]
            retires_ns[slots + kept] = retires_ns[slots + slot]
            kept += 1
    for slot in range(kept, used):
        idle_below[slots + slot] = 0
        retires_ns[slots + slot] = FOREVER
    sum_up(idle_below, retires_ns)
    return kept


@kernel
def sum_up(idle_below: Ints, retires_ns: Ints) -> None:
    """Make the rows of all inner nodes from those of the leaves."""
    for node in range(len(idle_below) // 2 - 1, 0, -1):
        left, right = 2 * node, 2 * node + 1
        idle_below[node] = idle_below[left] + idle_below[right]
        retires_ns[node] = min(retires_ns[left], retires_ns[right])


def doubled_tree(idle_below: Ints, retires_ns: Ints) -> tuple[Ints, Ints]:
    """The same instances in a tree with twice the slots."""
    slots = len(idle_below) // 2
    more_idle_below, more_retires_ns = empty_tree(2 * slots)
    more_idle_below[2 * slots : 3 * slots] = idle_below[slots:]
    more_retires_ns[2 * slots : 3 * slots] = retires_ns[slots:]
    sum_up(more_idle_below, more_retires_ns)
    return more_idle_below, more_retires_ns
