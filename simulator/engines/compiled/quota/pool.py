"""A pool that has a quota, between two blocks of demand; requests are held back until their end is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.held_back import HeldBack, last_arrival_ns
from simulator.engines.compiled.moments import no_moments
from simulator.engines.compiled.quota.buckets import full_buckets
from simulator.engines.compiled.quota.rules import rows_of, rules_of
from simulator.engines.compiled.quota.serving import (
    LAST_NS,
    MOMENTS,
    MOST_ADDED,
    NEXT_ROW,
    OLDEST,
    SIZES,
    TRIES,
    State,
    enter_first_sendings,
    serve,
)
from simulator.engines.compiled.retrying import nothing_tried, take_tries, with_more_tries
from simulator.engines.pool import Pool
from simulator.engines.tables import Demand, Instances, Settled
from simulator.units import FOREVER


class QuotaPool:
    """One standing instance that serves at once whatever a quota lets through.

    Parameters
    ----------
    pool : Pool
        One that has a quota.
    first_sends_ns : ndarray of int64, shape (clients,)
        Of a closed population. [ns]
    room : int
        Size of the arrays at the start, 1 or more; they double when they are full. No row depends on it.
    """

    def __init__(self, pool: Pool, first_sends_ns: NDArray[np.int64], room: int) -> None:
        self._rules = rules_of(pool)
        sizes = np.zeros(SIZES, np.int64)
        moments = no_moments(room + MOST_ADDED + len(first_sends_ns))
        self._state = State(sizes, full_buckets(self._rules.requests, self._rules.tokens), moments)
        enter: Any = enter_first_sendings
        enter(self._state, np.array(first_sends_ns, np.int64), self._rules.until_ns)
        self._tried = nothing_tried(room)
        self._held = HeldBack()
        self._key = np.uint64(0)
        self._launched_ns = np.zeros(1, np.int64)

    @property
    def wants_rows(self) -> bool:
        """Whether a client of a closed population may still send a request for which there is no row yet."""
        # What is entered after all has happened that can begins with a sending.
        sizes = self._state.sizes
        return bool(self._rules.is_closed and sizes[NEXT_ROW] == len(self._held.demand) and sizes[MOMENTS] > 0)

    def feed(self, demand: Demand) -> Settled:
        """The oldest rows as far as they are decided.

        Raises
        ------
        InputError
            If the block begins before the last request fed, or one of its requests never arrives.
        """
        n = len(demand)
        if n:
            if self._rules.is_closed:
                demand = replace(demand, arrival_ns=np.zeros(n, np.int64))
            else:
                last_arrival_ns(demand, int(self._state.sizes[LAST_NS]))
            self._key = demand.retry_key[0]
            self._held.add(demand)
            self._run(drains=False)
        nobody = np.empty(0, np.int64)
        return self._settled(Instances(nobody, nobody, nobody), int(self._state.sizes[LAST_NS]))

    def finish(self) -> Settled:
        """All that is left, as it ends if no request follows; rows that nobody sent are nobody's."""
        self._run(drains=True)
        there = np.zeros(1, np.int64)
        return self._settled(Instances(there, there.copy(), np.full(1, FOREVER, np.int64)), FOREVER)

    def _run(self, *, drains: bool) -> None:
        """Let everything happen that can with the rows that there are."""
        rows = rows_of(self._held.demand)
        run: Any = serve
        while not run(self._rules, rows, self._key, drains, self._state, self._held.table, self._tried):
            sizes = self._state.sizes
            if sizes[MOMENTS] + MOST_ADDED > len(self._state.moments):
                self._state = self._state._replace(moments=doubled(self._state.moments))
            if sizes[TRIES] == len(self._tried.number):
                self._tried = with_more_tries(self._tried)

    def _settled(self, gone: Instances, until_ns: int) -> Settled:
        """The oldest requests held as far as they are decided, with their tries, which are then forgotten."""
        sizes = self._state.sizes
        demand, requests = self._held.take(self._held.decided)
        sizes[OLDEST] += len(demand)
        sizes[NEXT_ROW] -= len(demand)
        tries, sizes[TRIES] = take_tries(self._tried, int(sizes[TRIES]), int(sizes[OLDEST]))
        launched_ns, self._launched_ns = self._launched_ns, np.empty(0, np.int64)
        numbers = np.arange(len(gone), dtype=np.int64)
        return Settled(demand, requests, launched_ns, gone, numbers, until_ns, tries)
