"""What the traffic of one replication turned out to be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.units import NS_PER_SECOND

_MINUTE_NS: Final = 60 * NS_PER_SECOND


def summary_of(arrival_ns: NDArray[np.int64], horizon_ns: int) -> dict[str, Any]:
    """Count, mean rate, peak to mean and dispersion of traffic that was drawn.

    Parameters
    ----------
    arrival_ns : ndarray of int64, shape (n,)
        In ``[0, horizon)``, in order. [ns]
    horizon_ns : int
        More than 0. [ns]

    Returns
    -------
    dict
        As `MinuteTally.finish`.
    """
    tally = MinuteTally(horizon_ns)
    tally.add(arrival_ns)
    return tally.finish()


class MinuteTally:
    """Accumulates the summary of traffic block by block, in memory that does not grow with the horizon.

    All that is kept are whole numbers: the sum of the counts by minute, of their squares, and the greatest. Minutes
    without an arrival add nothing to any of them.

    Parameters
    ----------
    horizon_ns : int
        More than 0. [ns]
    """

    def __init__(self, horizon_ns: int) -> None:
        self._horizon_ns = horizon_ns
        self._requests = 0
        # Of the minutes that are over: only the last one of a run can be cut by the horizon.
        self._total = self._squares = self._most = 0
        # The minute of the last arrival, and its count so far.
        self._minute, self._count = -1, 0

    def add(self, arrival_ns: NDArray[np.int64]) -> None:
        """Add arrivals.

        Parameters
        ----------
        arrival_ns : ndarray of int64, shape (n,)
            In ``[0, horizon)``, in order, none before those added already. [ns]
        """
        if not len(arrival_ns):
            return
        self._requests += len(arrival_ns)
        first, last = (int(arrival_ns[end]) // _MINUTE_NS for end in (0, -1))
        counts = _counts_by_minute(arrival_ns, first, last)
        if first == self._minute:
            counts[0] += self._count
        else:
            self._close(np.array([self._count]))
        self._close(counts[:-1])
        self._minute, self._count = last, int(counts[-1])

    def _close(self, counts: NDArray[np.int64]) -> None:
        """Add the counts of minutes that are over."""
        self._total += int(counts.sum())
        self._squares += int(counts @ counts)
        self._most = max(self._most, int(counts.max(initial=0)))

    def finish(self) -> dict[str, Any]:
        """The summary, all arrivals added.

        Returns
        -------
        dict
            ``requests``; ``mean_rate_per_s``; ``peak_to_mean``, largest over mean whole minute; ``dispersion``,
            variance (of a sample, n − 1) over mean of the counts of whole minutes, rounded once. The last two are
            None where they have no meaning: no arrival in a whole minute, or fewer than one or two whole minutes.
        """
        n = self._horizon_ns // _MINUTE_NS
        if self._minute < n:
            self._close(np.array([self._count]))
        self._minute, self._count = n, 0
        total = self._total
        return {
            "requests": self._requests,
            "mean_rate_per_s": self._requests / (self._horizon_ns / NS_PER_SECOND),
            "peak_to_mean": self._most / (total / n) if total else None,
            "dispersion": (n * self._squares - total**2) / ((n - 1) * total) if total and n > 1 else None,
        }


def _counts_by_minute(arrival_ns: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """Counts of the minutes from the first arrival's to the last one's; empty ones may be left out."""
    if last - first < len(arrival_ns):
        before = np.searchsorted(arrival_ns, np.arange(first, last + 2) * _MINUTE_NS)
        return before[1:] - before[:-1]
    _, counts = np.unique(arrival_ns // _MINUTE_NS, return_counts=True)
    return counts.astype(np.int64)
