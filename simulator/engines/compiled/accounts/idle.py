"""Idle on-demand instances of each pool, a list with links both ways over their rows.

In order of becoming idle for `most_recently_idle`, taken at the end, and `least_recently_idle`, taken at the
beginning; in order of number for `newest_created`, taken at the end, and `random`. Retirement is no event: an entry
that is past its `gone_ns` is dropped when it is met.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.accounts.kernels import kernel, rule
from simulator.engines.compiled.accounts.state import IDLE_FIRST, IDLE_LAST
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE

Ints = NDArray[np.int64]
_NONE = int(NONE)
_LEAST_RECENTLY_IDLE, _RANDOM_IDLE = int(Routing.LEAST_RECENTLY_IDLE), int(Routing.RANDOM_IDLE)
_NEWEST_CREATED = int(Routing.NEWEST_CREATED)
_BEFORE, _BEHIND = range(2)


@rule
def put_idle(routing: int, of_pools: Ints, pool: int, links: Ints, row: int) -> None:
    """Enter an instance that has become idle after all others of its pool."""
    before, behind = of_pools[pool, IDLE_LAST], _NONE
    if routing in (_NEWEST_CREATED, _RANDOM_IDLE):
        while before > row:
            behind = before
            before = links[before, _BEFORE]
    _link(of_pools, pool, links, before, row)
    _link(of_pools, pool, links, row, behind)


@rule
def drop_idle(of_pools: Ints, pool: int, links: Ints, row: int) -> None:
    """Take an instance out."""
    _link(of_pools, pool, links, links[row, _BEFORE], links[row, _BEHIND])


@rule
def _link(of_pools: Ints, pool: int, links: Ints, before: int, behind: int) -> None:
    """Let two follow each other; `NONE` before the first and behind the last."""
    if before == _NONE:
        of_pools[pool, IDLE_FIRST] = behind
    else:
        links[before, _BEHIND] = behind
    if behind == _NONE:
        of_pools[pool, IDLE_LAST] = before
    else:
        links[behind, _BEFORE] = before


@rule
def take_idle(routing: int, of_pools: Ints, pool: int, links: Ints, gone_ns: Ints, now_ns: int, draw: float) -> int:
    """The row of the idle instance of a pool that serves an attempt, or `NONE`; it is taken out."""
    if routing == _RANDOM_IDLE:
        row = _at_random(of_pools, pool, links, gone_ns, now_ns, draw)
        if row != _NONE:
            drop_idle(of_pools, pool, links, row)
        return row
    end = IDLE_FIRST if routing == _LEAST_RECENTLY_IDLE else IDLE_LAST
    while True:
        row = of_pools[pool, end]
        if row == _NONE:
            return _NONE
        drop_idle(of_pools, pool, links, row)
        if now_ns < gone_ns[row]:
            return int(row)


@kernel
def _at_random(of_pools: Ints, pool: int, links: Ints, gone_ns: Ints, now_ns: int, draw: float) -> int:
    """The row at position ⌊draw·n⌋ of the n idle ones in order of number, or `NONE`."""
    n = drop_retired(of_pools, pool, links, gone_ns, now_ns)
    if n == 0:
        return _NONE
    row = of_pools[pool, IDLE_FIRST]
    for _ in range(int(draw * n)):
        row = links[row, _BEHIND]
    return int(row)


@kernel
def drop_retired(of_pools: Ints, pool: int, links: Ints, gone_ns: Ints, now_ns: int) -> int:
    """How many idle instances of a pool are left, after those that retire now or before have left."""
    n = 0
    row = of_pools[pool, IDLE_FIRST]
    while row != _NONE:
        behind = links[row, _BEHIND]
        if now_ns < gone_ns[row]:
            n += 1
        else:
            drop_idle(of_pools, pool, links, row)
        row = behind
    return n


@kernel
def drop_all_retired(of_pools: Ints, links: Ints, gone_ns: Ints, now_ns: int) -> None:
    """The same for all pools."""
    for pool in range(len(of_pools)):
        drop_retired(of_pools, pool, links, gone_ns, now_ns)
