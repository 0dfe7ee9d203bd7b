"""Buckets into which as much as they hold flows in a minute, in whole numbers (model.md 4.6).

A row is one bucket: its whole tokens, what it has besides in parts of which `MINUTE_NS` are a token, and when it was
looked at last. The whole credit in parts could be more than int64 holds: tokens that are used beyond those that were
reserved put a bucket as far below 0 as they like.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule
from simulator.engines.served_otherwise import MINUTE_NS

Ints = NDArray[np.int64]

#: Rows of buckets, and columns.
REQUESTS, TOKENS = 0, 1
WHOLE, PARTS, LOOKED_NS = range(3)
#: Further below 0 a bucket does not go: from there less than half of it flows back until time ends, in 2⁶³ ns.
MOST_DEBT = 4 * 10**18


def full_buckets(requests: int, tokens: int) -> Ints:
    """Both buckets at time 0, of so many requests and tokens."""
    buckets = np.zeros((2, 3), np.int64)
    buckets[:, WHOLE] = requests, tokens
    return buckets


@rule
def look(buckets: Ints, bucket: int, capacity: int, now_ns: int) -> int:
    """Whole tokens in a bucket, after what has flowed in since the last look."""
    whole = buckets[bucket, WHOLE]
    if whole < capacity:
        elapsed_ns = now_ns - buckets[bucket, LOOKED_NS]
        minutes = elapsed_ns // MINUTE_NS
        # At most 10⁸ tokens of 6·10¹⁰ parts each.
        parts = buckets[bucket, PARTS] + capacity * (elapsed_ns - minutes * MINUTE_NS)
        more = parts // MINUTE_NS
        whole += minutes * capacity + more
        buckets[bucket, PARTS] = parts - more * MINUTE_NS
        put(buckets, bucket, capacity, whole)
        whole = min(whole, capacity)
    buckets[bucket, LOOKED_NS] = now_ns
    return int(whole)


@rule
def put(buckets: Ints, bucket: int, capacity: int, whole: int) -> None:
    """Let a bucket have so many whole tokens and the parts that it has, but no more than its capacity."""
    buckets[bucket, WHOLE] = whole
    if whole >= capacity:
        buckets[bucket, WHOLE] = capacity
        buckets[bucket, PARTS] = 0


@rule
def give_back(buckets: Ints, bucket: int, capacity: int, tokens: int, now_ns: int) -> None:
    """Put tokens into a bucket, or take some out that it may not have."""
    put(buckets, bucket, capacity, max(look(buckets, bucket, capacity, now_ns) + tokens, -MOST_DEBT))
