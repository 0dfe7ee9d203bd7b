"""What a tally adds up where capacity scales and all else is plain: one attempt a request, which is never stopped.

The compiled pass over plain requests counts all that is of requests, places and instances at work; what is left are
changes of capacity and what was there at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Outcome, Settled
from simulator.measures import added
from simulator.measures.attempt_tally import AttemptTally, Found
from simulator.measures.billed_time import Billing


def is_plain_but_for_scaling(pool: Pool, billing: Billing) -> bool:
    """Whether `ScaledTally` does for a pool: nothing launches for a request, and time is billed by instance alone."""
    return (
        pool.scaling is not None
        and not pool.launches
        and not billing.of_requests
        and not billing.of_instances
        and replace(pool, scaling=None).is_plain
    )


class ScaledTally(AttemptTally):
    """Accumulates the same as `AttemptTally`, of a pool that is plain but for its scaling.

    Memory follows what is there, but for eight bytes of busy time for each instance ever launched.

    Parameters
    ----------
    pool, billing, from_ns, until_ns
        As there.
    sums : Sums
        What the pass over the requests adds to, in place.
    """

    def __init__(self, pool: Pool, billing: Billing, from_ns: int, until_ns: int, sums: added.Sums) -> None:
        super().__init__(pool, billing, from_ns, until_ns)
        self._sums = sums

    def add(self, settled: Settled, first: int) -> None:
        """Add what an engine has settled; it does not matter where the measured part begins."""
        self._add_changes(settled)
        if not len(settled.demand):
            return
        requests, known_ns = settled.requests, int(settled.demand.arrival_ns[-1])
        # A row without a place has no start and no release.
        self._occupied_peak.add(requests.start_ns, requests.release_ns, known_ns)
        gone = np.flatnonzero((requests.outcome == Outcome.TIMED_OUT) & (requests.start_ns != NONE))
        begin_ns, end_ns = np.maximum(requests.start_ns[gone], requests.response_ns[gone]), requests.release_ns[gone]
        some = begin_ns < end_ns
        self._gone_peak.add(begin_ns[some], end_ns[some], known_ns)

    def finish(self) -> Found:
        """What was found, everything settled added and the pass over the requests done."""
        found, counts, sums = self.found, self._sums.counts, self._sums
        found.occupied_ns = added.whole_sum(sums, added.IN_SERVICE)
        found.client_gone_ns = added.whole_sum(sums, added.CLIENT_GONE)
        found.busy_ns = added.whole_sum(sums, added.BUSY if self._pool.places > 1 else added.IN_SERVICE)
        found.misserved, found.failed = int(counts[added.MISSERVED]), int(counts[added.FAILED_ALL])
        return found
