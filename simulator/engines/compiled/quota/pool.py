"""A pool that has a quota, between two blocks of demand; requests are held back until their end is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
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
    UNDECIDED,
    State,
    enter_first_sendings,
    serve,
)
from simulator.engines.compiled.retrying import nothing_tried, take_tries, with_more_tries
from simulator.engines.compiled.rows import Table, empty_table, requests_of
from simulator.engines.pool import Pool
from simulator.engines.tables import Demand, Instances, Settled
from simulator.errors import InputError
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
        self._demand = Demand.from_arrays(np.empty(0, np.int64), 1)
        self._table = empty_table(0)
        self._key = np.uint64(0)
        self._launched_ns = np.zeros(1, np.int64)

    @property
    def wants_rows(self) -> bool:
        """Whether a client of a closed population may still send a request for which there is no row yet."""
        # What is entered after all has happened that can begins with a sending.
        sizes = self._state.sizes
        return bool(self._rules.is_closed and sizes[NEXT_ROW] == len(self._demand) and sizes[MOMENTS] > 0)

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
                self._check(demand)
            self._key = demand.retry_key[0]
            more = empty_table(n)
            more.outcome[:] = UNDECIDED
            if len(self._demand):
                demand = Demand.joined([self._demand, demand])
                columns: list[Any] = [np.concatenate(both) for both in zip(self._table, more, strict=True)]
                more = Table(*columns)
            self._demand, self._table = demand, more
            self._run(drains=False)
        nobody = np.empty(0, np.int64)
        return self._settled(Instances(nobody, nobody, nobody), int(self._state.sizes[LAST_NS]))

    def finish(self) -> Settled:
        """All that is left, as it ends if no request follows; rows that nobody sent are nobody's."""
        self._run(drains=True)
        there = np.zeros(1, np.int64)
        return self._settled(Instances(there, there.copy(), np.full(1, FOREVER, np.int64)), FOREVER)

    def _check(self, demand: Demand) -> None:
        first_ns, last_ns, before_ns = int(demand.arrival_ns[0]), int(demand.arrival_ns[-1]), self._state.sizes[LAST_NS]
        if first_ns < before_ns:
            raise InputError(f"demand: block begins at {first_ns} ns, must not be before {before_ns} ns")
        if last_ns == FOREVER:
            raise InputError(f"demand: arrival at {last_ns} ns, which stands for never; must be before it")

    def _run(self, *, drains: bool) -> None:
        """Let everything happen that can with the rows that there are."""
        rows = rows_of(self._demand)
        run: Any = serve
        while not run(self._rules, rows, self._key, drains, self._state, self._table, self._tried):
            sizes = self._state.sizes
            if sizes[MOMENTS] + MOST_ADDED > len(self._state.moments):
                self._state = self._state._replace(moments=doubled(self._state.moments))
            if sizes[TRIES] == len(self._tried.number):
                self._tried = with_more_tries(self._tried)

    def _settled(self, gone: Instances, until_ns: int) -> Settled:
        """The oldest requests held as far as they are decided, with their tries, which are then forgotten."""
        sizes = self._state.sizes
        n = int(np.argmin(np.append(self._table.outcome != UNDECIDED, False)))
        demand, requests = self._demand.rows(0, n), requests_of(self._table).rows(0, n)
        self._demand = self._demand.rows(n, len(self._demand))
        columns: list[Any] = [column[n:] for column in self._table]
        self._table = Table(*columns)
        sizes[OLDEST] += n
        sizes[NEXT_ROW] -= n
        tries, sizes[TRIES] = take_tries(self._tried, int(sizes[TRIES]), int(sizes[OLDEST]))
        launched_ns, self._launched_ns = self._launched_ns, np.empty(0, np.int64)
        numbers = np.arange(len(gone), dtype=np.int64)
        return Settled(demand, requests, launched_ns, gone, numbers, until_ns, tries)
