"""Requests that have come and are held back, because their end or that of an older one is not decided."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.compiled.rows import Table, empty_table, requests_of
from simulator.engines.tables import Demand, Requests
from simulator.errors import InputError
from simulator.units import FOREVER

#: Outcome of a request that has not ended.
UNDECIDED = -1


def last_arrival_ns(block: Demand, before_ns: int) -> int:
    """When the last request of a block arrives that follows others; it must not be empty [ns].

    Raises
    ------
    InputError
        If the block begins before the last arrival before it, or one of its requests never arrives.
    """
    first_ns, last_ns = int(block.arrival_ns[0]), int(block.arrival_ns[-1])
    if first_ns < before_ns:
        raise InputError(f"demand: block begins at {first_ns} ns, must not be before {before_ns} ns")
    if last_ns == FOREVER:
        raise InputError(f"demand: arrival at {last_ns} ns, which stands for never; must be before it")
    return last_ns


class HeldBack:
    """The demand of the requests that are held back, and the rows that kernels write."""

    def __init__(self) -> None:
        self.demand = Demand.from_arrays(np.empty(0, np.int64), 1)
        self.table = empty_table(0)

    def add(self, block: Demand) -> None:
        """Hold the requests of the next block behind those that are held; it must not be empty."""
        more = empty_table(len(block))
        more.outcome[:] = UNDECIDED
        if len(self.demand):
            block = Demand.joined([self.demand, block])
            columns: list[Any] = [
                np.concatenate([getattr(self.table, name), getattr(more, name)]) for name in Table._fields
            ]
            more = Table(*columns)
        self.demand, self.table = block, more

    @property
    def decided(self) -> int:
        """How many of the oldest are decided, up to the first that is not."""
        return int(np.argmin(np.append(self.table.outcome != UNDECIDED, False)))

    def take(self, n: int) -> tuple[Demand, Requests]:
        """The n oldest, which are held no more."""
        demand, requests = self.demand.rows(0, n), requests_of(self.table).rows(0, n)
        self.demand = self.demand.rows(n, len(self.demand))
        columns: list[Any] = [column[n:] for column in self.table]
        self.table = Table(*columns)
        return demand, requests
