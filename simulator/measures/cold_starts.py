"""Cold starts by hour of the day, and how long they make requests wait, in memory that does not grow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from simulator.engines.tables import Outcome, Settled
from simulator.measures.attempts import last_attempts_ns
from simulator.measures.histogram import BINS, Histogram, bins_of
from simulator.units import NS_PER_SECOND

HOURS: Final = 24
_HOUR_NS: Final = 3600 * NS_PER_SECOND
#: A block over more hours than this is divided by hours request by request.
_FEW: Final = 256


@dataclass(frozen=True)
class ColdStarts:
    """Completed requests of one endpoint in one replication, by the clock hour in which they arrived.

    Parameters
    ----------
    completed, cold : tuple of int
        `HOURS` each: completed requests, and those of them for which an instance was launched.
    penalties : Histogram
        How long completed cold requests waited for their launch, from their last attempt on; 0 ns counts as 1 ns.
    """

    completed: tuple[int, ...]
    cold: tuple[int, ...]
    penalties: Histogram


class ColdTally:
    """Accumulates cold starts block by block.

    Parameters
    ----------
    from_ns : int
        Initial transient: requests before it are left out. [ns]
    clock_ns : int
        Time since midnight, by the clock of the scenario, at time 0. [ns]
    """

    def __init__(self, from_ns: int, clock_ns: int) -> None:
        self._from_ns, self._clock_ns = from_ns, clock_ns
        self._completed, self._cold = np.zeros(HOURS, np.int64), np.zeros(HOURS, np.int64)
        self._penalties = np.zeros(BINS, np.int64)
        self._settled = 0

    def add(self, settled: Settled) -> None:
        """Add what an engine has settled: requests in order of arrival."""
        before, self._settled = self._settled, self._settled + len(settled.demand)
        first = int(np.searchsorted(settled.demand.arrival_ns, self._from_ns))
        arrival_ns = settled.demand.arrival_ns[first:]
        if not len(arrival_ns):
            return
        completed = settled.requests.outcome[first:] == Outcome.COMPLETED
        begin, end = ((self._clock_ns + int(arrival_ns[at])) // _HOUR_NS for at in (0, -1))
        if end - begin < _FEW:
            # Arrivals are in order: the requests of an hour stand together.
            edges = np.searchsorted(arrival_ns, np.arange(begin, end + 2) * _HOUR_NS - self._clock_ns)
            for hour, (low, high) in enumerate(pairwise(edges), begin):
                self._completed[hour % HOURS] += np.count_nonzero(completed[low:high])
        else:
            hours = (self._clock_ns + arrival_ns[completed]) // _HOUR_NS % HOURS
            self._completed += np.bincount(hours, minlength=HOURS)
        cold = np.flatnonzero(completed & settled.requests.is_cold[first:])
        if len(cold):
            self._cold += np.bincount((self._clock_ns + arrival_ns[cold]) // _HOUR_NS % HOURS, minlength=HOURS)
            made_ns = last_attempts_ns(settled, before)[first:][cold]
            waited_ns = settled.requests.start_ns[first:][cold] - made_ns
            self._penalties += np.bincount(bins_of(np.maximum(waited_ns, 1)), minlength=BINS)

    def finish(self) -> ColdStarts:
        """The counts, everything settled added."""
        completed, cold = (tuple(counts.tolist()) for counts in (self._completed, self._cold))
        return ColdStarts(completed, cold, Histogram.from_dense(self._penalties))
