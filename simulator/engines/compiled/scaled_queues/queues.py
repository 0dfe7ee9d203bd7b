"""A pool that scales, with a queue at each instance, fed block by block: rows are final at their block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.held_back import last_arrival_ns
from simulator.engines.compiled.releases import are_full
from simulator.engines.compiled.rows import Table, column_of, empty_table, requests_of
from simulator.engines.compiled.scaled_queues.departures import forget_departures
from simulator.engines.compiled.scaled_queues.instances import Fleet
from simulator.engines.compiled.scaled_queues.points import sample_until
from simulator.engines.compiled.scaled_queues.serving import serve_scaled
from simulator.engines.compiled.scaled_queues.state import FAR_ONES, LATEST_START, SAMPLES, Rows
from simulator.engines.compiled.scaling import NEVER, Scaler
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, LaunchTimes, Settled
from simulator.errors import InputError
from simulator.units import FOREVER

_ROUTINGS = frozenset({Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS})


def settles_at_arrival(pool: Pool) -> bool:
    """Whether a pool that scales is otherwise plain, with a queue at each instance: `ScaledQueues` can serve it."""
    return pool.scaling is not None and pool.routing in _ROUTINGS and replace(pool, scaling=None).is_plain


class ScaledQueues:
    """A pool whose capacity changes between arrivals at instants that are known before they come.

    Parameters
    ----------
    pool : Pool
        One that `settles_at_arrival`.
    launch_times : LaunchTimes
        Of the instances that scaling launches, in order of number.
    room : int
        Size of the growing arrays at the start, 1 or more; no row depends on it.
    """

    def __init__(self, pool: Pool, launch_times: LaunchTimes, room: int) -> None:
        assert pool.scaling is not None
        self._fleet = Fleet(pool, room)
        self._scaler = Scaler(pool.scaling, self._fleet, launch_times)
        self._until_ns = 0

    def feed(self, demand: Demand) -> Settled:
        """How the requests of the next block end.

        Raises
        ------
        InputError
            If they begin before the last request fed, or one of them never arrives.
        """
        table = empty_table(len(demand))
        if len(demand) > 0:
            self._until_ns = last_arrival_ns(demand, self._until_ns)
            self._serve(demand, table)
        return self._settled(demand, table, is_last=False)

    def finish(self) -> Settled:
        """The instances that were not given back, when no request follows the last block.

        Raises
        ------
        InputError
            If a request waits for ever.
        """
        while self._scaler.next != NEVER:
            self._meet()
        if self._fleet.state.counts[LATEST_START] == FOREVER:
            raise InputError("demand: requests wait for ever, for a service that never ends")
        nobody = Demand.from_arrays(np.empty(0, np.int64), 1)
        return self._settled(nobody, empty_table(0), is_last=True)

    def _serve(self, demand: Demand, table: Table) -> None:
        """Rows in stretches between the instants at which scaling has something to do."""
        rows = Rows(*(column_of(demand, name) for name in Rows._fields))
        row = 0
        while row < len(demand):
            change_ns, _ = self._scaler.next
            # Scaling ranks before the arrivals of its instant.
            stop = int(np.searchsorted(demand.arrival_ns, change_ns)) if change_ns <= self._until_ns else len(demand)
            while row < stop:
                row = serve_scaled(self._fleet.rules, rows, row, stop, self._fleet.state, table)
                if row < stop:
                    self._make_room(int(demand.arrival_ns[row]))
            if stop < len(demand):
                self._meet()

    def _meet(self) -> None:
        """Let scaling do what is due next, all periods sampled that have ended by then."""
        while not sample_until(self._fleet.rules, self._fleet.state, self._scaler.next[0]):
            self._make_room(0)
        self._scaler.meet()

    def _make_room(self, now_ns: int) -> None:
        """Double what is full, if it stays too full after what is over was taken off."""
        fleet, state = self._fleet, self._fleet.state
        counts = state.counts
        if counts[SAMPLES] + len(state.series) > len(state.samples):
            self._scaler.make_room()
            if len(state.series) > len(state.samples):
                state = state._replace(samples=doubled(state.samples), sampled_shares=doubled(state.sampled_shares))
        elif fleet.rules.keeps_departures and are_full(state.depart_ns, counts[FAR_ONES]):
            forget_departures(fleet.rules, state, now_ns)
            if 2 * counts[FAR_ONES] > len(state.depart_ns) or are_full(state.depart_ns, counts[FAR_ONES]):
                state = state._replace(depart_ns=doubled(state.depart_ns), departs_from=doubled(state.departs_from))
        else:
            state = state._replace(leaves_ns=doubled(state.leaves_ns, axis=1))
        fleet.state = state

    def _settled(self, demand: Demand, table: Table, *, is_last: bool) -> Settled:
        """A whole block, and what is known of instances since."""
        until_ns = FOREVER if is_last else self._until_ns
        launched_ns, numbers, gone = self._fleet.given_back(self._until_ns, is_last=is_last)
        return Settled(
            demand=demand,
            requests=requests_of(table),
            launched_ns=np.array(launched_ns, np.int64),
            gone=gone,
            gone_numbers=np.array(numbers, np.int64),
            until_ns=until_ns,
            changes=self._scaler.changes(),
        )
