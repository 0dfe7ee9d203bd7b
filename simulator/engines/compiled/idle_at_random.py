"""Idle on-demand instances under random routing: how many, which is the j-th in order of number, who retires next.

A complete binary tree over slots. An instance gets the next slot when it is launched, so slots are in order of
number. Row `node` of the tree holds the idle instances below it and the earliest instant at which one of them
retires; node 1 is the root, the children of a node are 2·node and 2·node + 1, slot s is leaf `slots + s`. The draw
needs the exact number of idle instances, so retirement cannot wait here until an entry is met.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.engines.tables import NONE
from simulator.units import FOREVER

Tree = NDArray[np.int64]
_NONE = int(NONE)


def empty_tree(slots: int) -> Tree:
    """No idle instance in any slot; the number of slots is a power of two."""
    tree = np.zeros((2 * slots, 2), np.int64)
    tree[:, 1] = FOREVER
    return tree


@njit(cache=True)
def set_slot(tree: Tree, slot: int, idle: int, gone_ns: int) -> None:
    """Say that the instance of a slot is idle (1) until it retires, or not idle (0, `FOREVER`)."""
    node = tree.shape[0] // 2 + slot
    tree[node, 0] = idle
    tree[node, 1] = gone_ns
    node >>= 1
    while node > 0:
        left, right = 2 * node, 2 * node + 1
        tree[node, 0] = tree[left, 0] + tree[right, 0]
        tree[node, 1] = min(tree[left, 1], tree[right, 1])
        node >>= 1


@njit(cache=True)
def retire_idle(tree: Tree, now_ns: int) -> None:
    """Take out the idle instances that retire now or before."""
    slots = tree.shape[0] // 2
    while tree[1, 1] <= now_ns and tree[1, 0] > 0:
        node = 1
        while node < slots:
            node *= 2
            if tree[node, 1] > now_ns or tree[node, 0] == 0:
                node += 1
        set_slot(tree, node - slots, 0, FOREVER)


@njit(cache=True)
def take_at_random(tree: Tree, instance_in: NDArray[np.int64], draw: float) -> int:
    """The idle instance at position ⌊draw·n⌋ of the n idle ones in order of number, or `NONE`; it is taken out."""
    n = tree[1, 0]
    if n == 0:
        return _NONE
    position = int(draw * n)
    slots = tree.shape[0] // 2
    node = 1
    while node < slots:
        node *= 2
        # Arithmetic, not a branch: which half is unpredictable.
        beyond = position >= tree[node, 0]
        position -= tree[node, 0] * beyond
        node += beyond
    set_slot(tree, node - slots, 0, FOREVER)
    return int(instance_in[node - slots])


@njit(cache=True)
def close_ranks(
    tree: Tree,
    instance_in: NDArray[np.int64],
    used: int,
    slot_of: NDArray[np.int64],
    gone_ns: NDArray[np.int64],
    now_ns: int,
) -> int:
    """Slots still in use, after the instances that are gone left theirs and the others moved up in order."""
    slots = tree.shape[0] // 2
    kept = 0
    for slot in range(used):
        instance = instance_in[slot]
        if now_ns < gone_ns[instance]:
            instance_in[kept] = instance
            slot_of[instance] = kept
            tree[slots + kept, 0] = tree[slots + slot, 0]
            tree[slots + kept, 1] = tree[slots + slot, 1]
            kept += 1
    for slot in range(kept, used):
        tree[slots + slot, 0] = 0
        tree[slots + slot, 1] = FOREVER
    sum_up(tree)
    return kept


@njit(cache=True)
def sum_up(tree: Tree) -> None:
    """Make the rows of all inner nodes from those of the leaves."""
    for node in range(tree.shape[0] // 2 - 1, 0, -1):
        left, right = 2 * node, 2 * node + 1
        tree[node, 0] = tree[left, 0] + tree[right, 0]
        tree[node, 1] = min(tree[left, 1], tree[right, 1])


def doubled_tree(tree: Tree) -> Tree:
    """The same instances in a tree with twice the slots."""
    slots = len(tree) // 2
    larger = empty_tree(2 * slots)
    larger[2 * slots : 3 * slots] = tree[slots:]
    sum_up(larger)
    return larger
