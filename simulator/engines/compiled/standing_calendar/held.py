"""Requests that have come and are not given back yet, in arrays that are seldom copied, however many wait."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.rows import Column
from simulator.engines.compiled.standing_calendar.rules import Rows
from simulator.engines.compiled.standing_calendar.state import END_COLUMNS, OPEN, Ints
from simulator.engines.tables import Demand

#: Rows that are looked at together for the first that is not decided.
_STRETCH = 4096


class HeldRequests:
    """The columns that kernels read and the ends that they write, row by row from the oldest request that is held.

    Rows of requests that were given back stay in front until those that are held are moved there.

    Parameters
    ----------
    is_closed : bool
        Whether kernels write the arrivals, and clients think.
    """

    def __init__(self, *, is_closed: bool) -> None:
        self._is_closed = is_closed
        self._blocks: deque[Demand] = deque()
        self._ends = np.zeros((0, END_COLUMNS + 1), np.int64)
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(0, np.float64 if name == "routing" else np.int64)
            for name in Rows._fields
            if is_closed or name != "think_ns"
        }
        self._start = self._stop = 0

    @property
    def rows(self) -> Rows:
        """The columns for kernels, those given back included."""
        columns = {name: Column(column[: self._stop], -1) for name, column in self._columns.items()}
        return Rows(**{"think_ns": Column(np.ones(1, np.int64), 0), **columns})

    @property
    def ends(self) -> Ints:
        """The ends for kernels, those given back included."""
        return self._ends[: self._stop]

    def add(self, block: Demand) -> int:
        """Enter the next requests; how many rows were moved off the front for them."""
        moved = 0
        if self._stop + len(block) > len(self._ends):
            moved, held = self._start, self._stop - self._start
            # At least as many rows come in as were moved before it happens again.
            size = 2 * held + len(block)
            self._ends = _moved(self._ends[self._start : self._stop], size)
            for name, column in self._columns.items():
                self._columns[name] = _moved(column[self._start : self._stop], size)
            self._start, self._stop = 0, held
        until = self._stop + len(block)
        for name, column in self._columns.items():
            column[self._stop : until] = getattr(block, name)
        self._ends[self._stop : until] = 0
        self._ends[self._stop : until, OPEN] = 1
        self._stop = until
        self._blocks.append(block)
        return moved

    def take_decided(self) -> tuple[Demand, Ints]:
        """The oldest requests as far as they are decided, and their ends; they are held no more."""
        first = self._start
        while self._start < self._stop:
            stretch = self._ends[self._start : min(self._start + _STRETCH, self._stop), OPEN]
            undecided = np.flatnonzero(stretch)
            if len(undecided):
                self._start += int(undecided[0])
                break
            self._start += len(stretch)
        demand = self._taken(self._start - first)
        if self._is_closed:
            demand = replace(demand, arrival_ns=self._columns["arrival_ns"][first : self._start].copy())
        return demand, self._ends[first : self._start]

    @property
    def count(self) -> int:
        """Requests that are held."""
        return self._stop - self._start

    def _taken(self, n: int) -> Demand:
        parts = [Demand.from_arrays(np.empty(0, np.int64), 1)] if n == 0 else []
        while n > 0:
            block = self._blocks.popleft()
            if len(block) > n:
                self._blocks.appendleft(block.rows(n, len(block)))
                block = block.rows(0, n)
            n -= len(block)
            parts.append(block)
        return parts[0] if len(parts) == 1 else Demand.joined(parts)


def _moved(values: NDArray[Any], rows: int) -> NDArray[Any]:
    """The same values at the front of an array of so many rows."""
    array = np.zeros((rows, *values.shape[1:]), values.dtype)
    array[: len(values)] = values
    return array
