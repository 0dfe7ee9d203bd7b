"""Least outstanding requests: how many requests each instance holds, and the j-th of those that hold fewest.

`held[instance]` counts. Instances stand in blocks of `BLOCK`, and a binary tree stands over the blocks:
`least[node]` is the least count below a node and `sharing[node]` how many instances have that count. Node 1 is the
root, block b is leaf `blocks + b`. Places that fill up the last blocks hold `FOREVER`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule
from simulator.units import FOREVER

Ints = NDArray[np.int64]

BLOCK = 16


def none_outstanding(instances: int) -> tuple[Ints, Ints, Ints]:
    """`held`, `least` and `sharing` for instances that hold nothing yet."""
    return outstanding(np.zeros(instances, np.int64))


def outstanding(counts: Ints) -> tuple[Ints, Ints, Ints]:
    """`held`, `least` and `sharing` for instances that hold so many requests each."""
    blocks = 1
    while blocks * BLOCK < len(counts):
        blocks *= 2
    held = np.full(blocks * BLOCK, FOREVER, np.int64)
    held[: len(counts)] = counts
    least, sharing = np.zeros(2 * blocks, np.int64), np.zeros(2 * blocks, np.int64)
    least[blocks:] = held.reshape(blocks, BLOCK).min(axis=1)
    sharing[blocks:] = (held.reshape(blocks, BLOCK) == least[blocks:, np.newaxis]).sum(axis=1)
    for node in range(blocks - 1, 0, -1):
        sum_up_node(least, sharing, node)
    return held, least, sharing


@rule
def sum_up_node(least: Ints, sharing: Ints, node: int) -> None:
    """Make what an inner node holds from its children."""
    left, right = 2 * node, 2 * node + 1
    fewest = min(least[left], least[right])
    least[node] = fewest
    sharing[node] = sharing[left] * (least[left] == fewest) + sharing[right] * (least[right] == fewest)


@rule
def change_held(held: Ints, least: Ints, sharing: Ints, instance: int, change: int) -> None:
    """An instance holds one request more (1) or fewer (-1)."""
    before = held[instance]
    now = before + change
    held[instance] = now
    block = instance // BLOCK
    node = len(least) // 2 + block
    fewest, number = least[node], sharing[node]
    if now < fewest:
        fewest, number = now, 1
    elif now == fewest:
        number += 1
    elif before == fewest:
        number -= 1
        if number == 0:
            # Counts change by one, so the least is one more now; who else has it is counted anew.
            fewest += 1
            for other in range(block * BLOCK, (block + 1) * BLOCK):
                number += held[other] == fewest
    else:
        return
    least[node], sharing[node] = fewest, number
    node >>= 1
    while node > 0:
        sum_up_node(least, sharing, node)
        node >>= 1


@rule
def least_outstanding(held: Ints, least: Ints, sharing: Ints, draw: float) -> int:
    """The instance at position ⌊draw·k⌋, in order of number, of the k that hold the fewest requests."""
    fewest = least[1]
    position = int(draw * sharing[1])
    blocks = len(least) // 2
    node = 1
    while node < blocks:
        node *= 2
        # Arithmetic, not a branch: which half is unpredictable.
        here = sharing[node] * (least[node] == fewest)
        beyond = position >= here
        position -= here * beyond
        node += beyond
    instance = (node - blocks) * BLOCK
    while True:
        position -= held[instance] == fewest
        if position < 0:
            return int(instance)
        instance += 1
