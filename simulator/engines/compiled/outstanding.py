"""Least outstanding requests: how many requests each instance holds, and the j-th of those that hold fewest.

`held[instance]` counts. Instances stand in blocks of `BLOCK`, and a binary tree stands over the blocks: row `node`
of it holds the least count below it and how many instances have that count. Node 1 is the root, block b is leaf
`blocks + b`. Places that fill up the last blocks hold `FOREVER`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.units import FOREVER

BLOCK = 16


def none_outstanding(instances: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`held` and the tree for instances that hold nothing yet."""
    blocks = 1
    while blocks * BLOCK < instances:
        blocks *= 2
    held = np.full(blocks * BLOCK, FOREVER, np.int64)
    held[:instances] = 0
    tree = np.zeros((2 * blocks, 2), np.int64)
    tree[blocks:, 0] = held.reshape(blocks, BLOCK).min(axis=1)
    tree[blocks:, 1] = (held.reshape(blocks, BLOCK) == tree[blocks:, :1]).sum(axis=1)
    for node in range(blocks - 1, 0, -1):
        left, right = tree[2 * node], tree[2 * node + 1]
        least = min(left[0], right[0])
        tree[node] = least, left[1] * (left[0] == least) + right[1] * (right[0] == least)
    return held, tree


@njit(cache=True)
def change_held(held: NDArray[np.int64], tree: NDArray[np.int64], instance: int, change: int) -> None:
    """An instance holds one request more (1) or fewer (-1)."""
    before = held[instance]
    now = before + change
    held[instance] = now
    block = instance // BLOCK
    node = tree.shape[0] // 2 + block
    least, number = tree[node, 0], tree[node, 1]
    if now < least:
        least, number = now, 1
    elif now == least:
        number += 1
    elif before == least:
        number -= 1
        if number == 0:
            # Counts change by one, so the least is one more now; who else has it is counted anew.
            least += 1
            for other in range(block * BLOCK, (block + 1) * BLOCK):
                number += held[other] == least
    else:
        return
    tree[node, 0], tree[node, 1] = least, number
    node >>= 1
    while node > 0:
        left, right = 2 * node, 2 * node + 1
        least = min(tree[left, 0], tree[right, 0])
        tree[node, 0] = least
        tree[node, 1] = tree[left, 1] * (tree[left, 0] == least) + tree[right, 1] * (tree[right, 0] == least)
        node >>= 1


@njit(cache=True)
def least_outstanding(held: NDArray[np.int64], tree: NDArray[np.int64], draw: float) -> int:
    """The instance at position ⌊draw·k⌋, in order of number, of the k that hold the fewest requests."""
    least = tree[1, 0]
    position = int(draw * tree[1, 1])
    blocks = tree.shape[0] // 2
    node = 1
    while node < blocks:
        node *= 2
        here = tree[node, 1] * (tree[node, 0] == least)
        if position >= here:
            position -= here
            node += 1
    instance = (node - blocks) * BLOCK
    while True:
        position -= held[instance] == least
        if position < 0:
            return int(instance)
        instance += 1
