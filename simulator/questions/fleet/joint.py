"""Places that all models of a fleet occupy together, from the intervals of single requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.tables import NONE, Settled
from simulator.measures.attempts import Attempts, attempts_of

#: Changes that are kept exactly; beyond, they are taken at instants so far apart that no more are left. 16 bytes each.
MOST: Final = 1 << 23


@dataclass(frozen=True)
class Joint:
    """Places occupied together in the measured part of one replication.

    Parameters
    ----------
    peak : int
        Most at one instant.
    mean : float
        Time average.
    over_time : float
        Share of the time with more than the limit.
    over, begun : int
        Requests that began while as many places as the limit were occupied, and all that began.
    grid_ns : int
        1 if exact; else the count is known at instants so far apart, and the peak may lie between them. [ns]
    """

    peak: int
    mean: float
    over_time: float
    over: int
    begun: int
    grid_ns: int

    def facts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))


class Occupancy:
    """Adds up intervals of any number of endpoints, in memory that is bounded.

    Parameters
    ----------
    most : int
        Changes that are kept; twice as many for a moment.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._grid_ns = 1
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._waits = 0
        self._at_ns = np.empty(0, np.int64)
        self._change = np.empty(0, np.int32)
        self._begun = np.empty(0, np.int32)

    def add(self, begin_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> None:
        """Places that are occupied from when until when; empty intervals count for nothing [ns]."""
        some = begin_ns < end_ns
        self._waiting.append((begin_ns[some], end_ns[some]))
        self._waits += 2 * int(some.sum())
        if self._waits > self._most:
            self._gather()

    def measured(self, from_ns: int, until_ns: int, limit: int | None) -> Joint:
        """What was occupied in a part of the run.

        Parameters
        ----------
        from_ns, until_ns : int
            The measured part. [ns]
        limit : int or None
            Of the account.
        """
        self._gather()
        count = np.cumsum(self._change, dtype=np.int64)
        first, beyond = (int(i) for i in np.searchsorted(self._at_ns, (from_ns, until_ns)))
        before = int(count[first - 1]) if first else 0
        edges_ns = np.concatenate([[from_ns], self._at_ns[first:beyond], [until_ns]])
        counts = np.concatenate([[before], count[first:beyond]])
        lengths_ns = np.diff(edges_ns)
        span_ns = until_ns - from_ns
        begun = self._begun[first:beyond]
        over_ns = over = 0
        if limit is not None:
            over_ns = int(lengths_ns[counts > limit].sum())
            # At one instant ends go first, and those beyond the limit are the last to begin.
            over = int(np.clip(counts[1:] - limit, 0, begun).sum())
        # Whole numbers of ns times places may exceed an int64 in a long run of a large fleet.
        mean = float(np.dot(lengths_ns.astype(np.float64), counts.astype(np.float64))) / span_ns
        return Joint(int(counts.max()), mean, over_ns / span_ns, over, int(begun.sum(dtype=np.int64)), self._grid_ns)

    def _gather(self) -> None:
        begins = [begin for begin, _ in self._waiting]
        ends = [end for _, end in self._waiting]
        self._waiting, self._waits = [], 0
        at_ns = self._on_grid(np.concatenate([self._at_ns, *begins, *ends]))
        n, new = len(self._at_ns), sum(map(len, begins))
        change = np.concatenate([self._change, np.ones(new, np.int32), np.full(new, -1, np.int32)])
        begun = np.concatenate([self._begun, np.ones(new, np.int32), np.zeros(new, np.int32)])
        assert len(at_ns) == n + 2 * new
        self._keep(at_ns, change, begun)
        while len(self._at_ns) > self._most:
            span_ns = int(self._at_ns[-1] - self._at_ns[0]) + 1
            self._grid_ns = max(2 * self._grid_ns, -(-span_ns // self._most) * 2)
            self._keep(self._on_grid(self._at_ns), self._change, self._begun)

    def _on_grid(self, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The instant of the grid at which a change is first seen."""
        return at_ns if self._grid_ns == 1 else -(-at_ns // self._grid_ns) * self._grid_ns

    def _keep(self, at_ns: NDArray[np.int64], change: NDArray[np.int32], begun: NDArray[np.int32]) -> None:
        """Changes in order of time, those of one instant as one."""
        if not len(at_ns):
            return
        order = np.argsort(at_ns, kind="stable")
        at_ns = at_ns[order]
        first = np.flatnonzero(np.concatenate([[True], at_ns[1:] != at_ns[:-1]]))
        self._at_ns = at_ns[first]
        self._change = np.add.reduceat(change[order], first, dtype=np.int32)
        self._begun = np.add.reduceat(begun[order], first, dtype=np.int32)


class Watch:
    """Follows one on-demand endpoint and adds what its requests occupy.

    A place is occupied from the launch of its instance, or from when a warm instance takes the request, until its
    release: what `max_concurrency` counts.

    Parameters
    ----------
    occupancy : Occupancy
    """

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy = occupancy
        self._before = 0

    def __call__(self, settled: Settled) -> None:
        """Add a block."""
        attempts = attempts_of(settled, self._before)
        self._before += len(settled.requests)
        self._occupancy.add(*_occupied(attempts))


def _occupied(attempts: Attempts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From when until when each attempt that got a place occupies it [ns]."""
    placed = attempts.release_ns != NONE
    warm = (attempts.start_ns != NONE) & ~attempts.is_cold
    begin_ns = np.where(warm, attempts.start_ns, attempts.at_ns)
    return begin_ns[placed], attempts.release_ns[placed]
