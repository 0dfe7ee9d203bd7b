"""How many places of a plain pool were occupied at once, and how many requests were in service for nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Outcome, Reason, Requests
from simulator.measures import added
from simulator.measures.instance_time import Peak


class PlainPeaks:
    """Finds both, block by block, and looks no further once the most places occupied are known without looking.

    They are when the pool was seen full, and where a launch was seen since the start of the run: an instance is
    launched only when none is idle, so the most places occupied is the most instances there.

    Parameters
    ----------
    pool : Pool
        A plain one.
    from_ns, until_ns : int
        The measured part. [ns]
    counts : ndarray of int64
        What the pass over the requests adds to, in place, before each block comes here.
    shares_a_limit : bool
        As that of `Tally`.
    """

    def __init__(
        self, pool: Pool, from_ns: int, until_ns: int, counts: NDArray[np.int64], *, shares_a_limit: bool
    ) -> None:
        self._pool, self._from_ns, self._counts = pool, from_ns, counts
        self._shares_a_limit = shares_a_limit
        self._occupied: Peak | None = Peak(from_ns, until_ns)
        self._gone = Peak(from_ns, until_ns)

    def add(self, arrival_ns: NDArray[np.int64], requests: Requests, *, client_gone: bool) -> None:
        """Add a block of one request or more; `client_gone` says whether any of them is in service for nobody."""
        settled_ns = int(arrival_ns[-1])
        if client_gone:
            served = np.flatnonzero((requests.outcome == Outcome.TIMED_OUT) & (requests.start_ns != NONE))
            gone = np.maximum(requests.start_ns[served], requests.response_ns[served])
            self._gone.add(gone, requests.release_ns[served], settled_ns)
        if self._occupied is None or self._seen_full() or self._is_that_of_instances():
            self._occupied = None
            return
        placed = np.flatnonzero(requests.instance != NONE)
        start_ns = np.where(requests.is_cold[placed], arrival_ns[placed], requests.start_ns[placed])
        self._occupied.add(start_ns, requests.release_ns[placed], settled_ns)
        if self._occupied.most >= self._ceiling():
            self._occupied = None

    def _ceiling(self) -> int:
        """Most places that can be occupied at once."""
        return self._pool.max_concurrency if self._pool.launches else self._pool.standing * self._pool.places

    def _seen_full(self) -> bool:
        """Whether a measured request found every place occupied."""
        counts = self._counts
        if self._pool.launches:
            return not self._shares_a_limit and bool(counts[added.THROTTLED + Reason.CONCURRENCY])
        if self._pool.routing is not Routing.CENTRAL_QUEUE:
            return False
        return bool(counts[added.WAITED] or counts[added.THROTTLED + Reason.QUEUE_FULL])

    def _is_that_of_instances(self) -> bool:
        return self._pool.launches and self._from_ns == 0 and bool(self._counts[added.COLD_ALL])

    def occupied_max(self, instances_max: int) -> int:
        """Most places occupied at once, startup included; parameter: most instances there at once."""
        if self._occupied is not None:
            return self._occupied.finish()
        if self._pool.launches and not self._seen_full() and self._is_that_of_instances():
            return instances_max
        return self._ceiling()

    def client_gone_max(self) -> int:
        """Most requests at once that are in service for a client that has gone."""
        return self._gone.finish()
