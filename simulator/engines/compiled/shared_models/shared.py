"""A pool whose instances models share, between two blocks of demand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience
from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.held_back import UNDECIDED, HeldBack, last_arrival_ns
from simulator.engines.compiled.retrying import nothing_tried, take_tries, with_more_tries
from simulator.engines.compiled.rows import Column, column_of
from simulator.engines.compiled.shared_models.serving import DONE, serve_models
from simulator.engines.compiled.shared_models.state import (
    MOMENTS,
    OLDEST,
    TRIES,
    Rows,
    rules_of,
    state_at_start,
)
from simulator.engines.pool import Pool
from simulator.engines.tables import Demand, Instances, Settled
from simulator.errors import InputError
from simulator.units import FOREVER


class SharedModels:
    """A pool with models; a request is held back while it or an older one may be tried again.

    Parameters
    ----------
    pool : Pool
        One with `models`.
    room : int
        Size of the arrays at the start; they double when they are full, and no result depends on it.

    Raises
    ------
    ValueError
        If the pool has no models.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        if pool.models is None:
            raise ValueError("a pool that models share needs its models")
        self._rules = rules_of(pool, pool.models)
        self._state = state_at_start(pool, pool.models, room)
        self._tried = nothing_tried(room)
        self._held = HeldBack()
        self._key = np.uint64(0)
        self._there = np.zeros(pool.standing, np.int64)
        self._launched_ns = self._there
        self._until_ns = 0

    def feed(self, demand: Demand) -> Settled:
        """The oldest rows as far as they are decided.

        Raises
        ------
        InputError
            If the block begins before the last request fed, or one of its requests never arrives or is for no model.
        """
        if len(demand):
            self._check(demand)
            self._key = demand.retry_key[0]
            held = len(self._held.demand)
            self._held.add(demand)
            self._run(held, drains=False)
        nobody = np.empty(0, np.int64)
        return self._settled(Instances(nobody, nobody, nobody), nobody, self._until_ns)

    def finish(self) -> Settled:
        """The rest, and all instances.

        Raises
        ------
        InputError
            If a request waits for what never comes.
        """
        self._run(len(self._held.demand), drains=True)
        if (self._held.table.outcome == UNDECIDED).any():
            raise InputError("demand: requests wait for ever, for a service that never ends")
        there = self._there
        instances = Instances(there, there.copy(), np.full(len(there), FOREVER, np.int64))
        return self._settled(instances, np.arange(len(there)), FOREVER)

    def _check(self, demand: Demand) -> None:
        last_ns = last_arrival_ns(demand, self._until_ns)
        models = len(self._rules.sizes_bytes)
        lowest, highest = int(demand.model.min()), int(demand.model.max())
        if not 0 <= lowest <= highest < models:
            wrong = lowest if lowest < 0 else highest
            raise InputError(f"demand: model {wrong}, must be 0 to {models - 1}")
        self._until_ns = last_ns

    def _run(self, first: int, *, drains: bool) -> None:
        """All events up to the last arrival, or all, of the requests held, of which so many came before."""
        columns = {name: column_of(self._held.demand, name) for name in ("arrival_ns", "service_ns", "model")}
        is_patient = self._rules.patience == Patience.NONE
        patience_ns = Column(np.array([FOREVER]), 0) if is_patient else column_of(self._held.demand, "patience_ns")
        rows = Rows(**columns, patience_ns=patience_ns)
        run: Any = serve_models
        row = first
        while True:
            row = run(self._rules, rows, self._key, drains, row, self._state, self._held.table, self._tried)
            if row == DONE:
                return
            if self._state.sizes[TRIES] == len(self._tried.number):
                self._tried = with_more_tries(self._tried)
            if self._state.sizes[MOMENTS] + 2 > len(self._state.moments):
                self._state = self._state._replace(moments=doubled(self._state.moments))

    def _settled(self, gone: Instances, gone_numbers: NDArray[np.int64], until_ns: int) -> Settled:
        """The oldest requests as far as they are decided, with their tries, which are then forgotten."""
        sizes = self._state.sizes
        demand, requests = self._held.take(self._held.decided)
        sizes[OLDEST] += len(demand)
        tries, sizes[TRIES] = take_tries(self._tried, int(sizes[TRIES]), int(sizes[OLDEST]))
        launched_ns, self._launched_ns = self._launched_ns, np.empty(0, np.int64)
        return Settled(demand, requests, launched_ns, gone, gone_numbers, until_ns, tries=tries)
