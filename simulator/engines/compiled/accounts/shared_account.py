"""Pools that share the limit of an account, between two blocks of demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience
from simulator.engines.compiled.accounts.room import (
    by_pool,
    earliest_end_ns,
    forget,
    instances_in,
    rows_gone,
    starts_of,
    with_more_room,
)
from simulator.engines.compiled.accounts.serving import DONE, serve_account
from simulator.engines.compiled.accounts.state import (
    IDLE_FIRST,
    IDLE_LAST,
    INSTANCES,
    MOST_POOLS,
    NUMBER_BITS,
    ROWS,
    TO_ROW,
    TRIES,
    Rows,
    rules_of,
    state_at_start,
)
from simulator.engines.compiled.held_back import UNDECIDED
from simulator.engines.compiled.retrying import nothing_tried
from simulator.engines.compiled.rows import Table, empty_table, requests_of
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Demand, Instances, Settled, Tries
from simulator.errors import InputError
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_ROOM = 1024


class SharedAccount:
    """Pools that launch on demand and share a limit of places.

    No row depends on how the demand is cut into blocks. A request is held back while it or an older one of its pool may
    be tried again.

    Parameters
    ----------
    pools : sequence of Pool
        Plain ones that launch, also with retries or patience for the response.
    limit : int
        Most places that all provisioned instances and the requests on demand have together. 1 or more.
    room : int
        Size of the arrays at the start; they double when they are full, and no row depends on it.

    Raises
    ------
    ValueError
        If a pool is of another kind, or the limit out of range.
    """

    def __init__(self, pools: Sequence[Pool], limit: int, *, room: int = _ROOM) -> None:
        _check_pools(pools, limit)
        self._rules = rules_of(pools, limit)
        self._state = state_at_start(self._rules, room)
        self._tried = nothing_tried(room)
        self._keys = np.zeros(len(pools), np.uint64)
        none = Demand.from_arrays(np.empty(0, np.int64), 1)
        self._demands = [none] * len(pools)
        # The requests held of all pools, one pool after another, and where those of each begin.
        self._table = empty_table(0)
        self._starts = np.zeros(len(pools) + 1, np.int64)
        self._oldest = np.zeros(len(pools), np.int64)
        self._waits_for_first = np.array([pool.starts_warm for pool in pools], np.bool_)
        self._rows_told = 0
        self._room = self._requests_to_look = room
        self._now_ns = 0
        self._until_ns = np.zeros(len(pools), np.int64)

    def feed(self, demands: Sequence[Demand], until_ns: int) -> list[Settled]:
        """What is known of each pool once everything before an instant has happened.

        Parameters
        ----------
        demands : sequence of Demand
            The requests of each pool that arrive before `until_ns` and were not fed before.
        until_ns : int
            Never earlier than before. [ns]

        Raises
        ------
        InputError
            If a request arrives too early or too late.
        """
        self._check(demands, until_ns)
        self._now_ns = until_ns
        fed = sum(map(len, demands))
        arrivals = self._enter(demands)
        self._run(arrivals, until_ns)
        rows_told, self._rows_told = self._rows_told, int(self._state.sizes[ROWS])
        launched = by_pool(self._state, np.arange(rows_told, self._rows_told), len(self._demands))
        launched_ns = [self._state.launch_ns[rows] for rows in launched]
        self._requests_to_look -= fed
        gone = np.empty(0, np.int64)
        is_looked = fed > 0 and self._requests_to_look <= 0
        if is_looked:
            gone = rows_gone(self._state, until_ns)
        tables = [instances_in(self._state, rows) for rows in by_pool(self._state, gone, len(self._demands))]
        if is_looked:
            if len(gone):
                forget(self._state, gone, until_ns)
                self._rows_told -= len(gone)
            self._requests_to_look = max(self._room, self._rows_told)
            end_ns = earliest_end_ns(self._state, len(self._demands), until_ns)
            # The instance of a warm start is launched at 0, but told with the first request.
            self._until_ns = np.where(self._waits_for_first, 0, end_ns)
        return self._settled(launched_ns, tables)

    def finish(self) -> list[Settled]:
        """The rest of each pool, as it ends if no request follows."""
        arrivals = self._enter([demand.rows(0, 0) for demand in self._demands])
        self._run(arrivals, FOREVER)
        state, pools = self._state, len(self._demands)
        rows = int(state.sizes[ROWS])
        launched_ns = [state.launch_ns[told] for told in by_pool(state, np.arange(self._rows_told, rows), pools)]
        self._rows_told = rows
        self._until_ns = np.full(pools, FOREVER, np.int64)
        return self._settled(
            launched_ns, [instances_in(state, held) for held in by_pool(state, np.arange(rows), pools)]
        )

    def _check(self, demands: Sequence[Demand], until_ns: int) -> None:
        if len(demands) != len(self._demands):
            raise ValueError(f"{len(demands)} demands, must be one for each of {len(self._demands)} pools")
        if until_ns < self._now_ns:
            raise ValueError(f"until_ns is {until_ns}, must not be before {self._now_ns}")
        for pool, demand in enumerate(demands):
            if len(demand) == 0:
                continue
            first_ns, last_ns = int(demand.arrival_ns[0]), int(demand.arrival_ns[-1])
            if first_ns < self._now_ns or last_ns >= until_ns:
                wrong_ns = first_ns if first_ns < self._now_ns else last_ns
                bounds = f"{self._now_ns} ns or later and before {until_ns} ns"
                raise InputError(f"demand of pool {pool}: arrival at {wrong_ns} ns, must be at {bounds}")

    def _enter(self, demands: Sequence[Demand]) -> Ints:
        """Hold the next requests of each pool; their rows in order of arrival."""
        held, new = np.diff(self._starts), np.array([len(demand) for demand in demands], np.int64)
        starts = np.concatenate([[0], np.cumsum(held + new)]).astype(np.int64)
        table = empty_table(int(starts[-1]))
        table.outcome[:] = UNDECIDED
        for pool in np.flatnonzero(held).tolist():
            to, start = int(starts[pool]), int(self._starts[pool])
            for name in Table._fields:
                column: NDArray[Any] = getattr(table, name)
                column[to : to + held[pool]] = getattr(self._table, name)[start : start + held[pool]]
        for pool in np.flatnonzero(new).tolist():
            demand = demands[pool]
            self._keys[pool] = demand.retry_key[0]
            self._demands[pool] = Demand.joined([self._demands[pool], demand]) if held[pool] else demand
            if self._waits_for_first[pool]:
                self._waits_for_first[pool] = False
                self._add_warm(pool, int(demand.idle_timeout_ns[0]), int(demand.lifetime_ns[0]))
        self._table, self._starts = table, starts
        self._state.of_pools[:, TO_ROW] = starts[:-1] - self._oldest
        is_new = np.arange(starts[-1]) >= np.repeat(starts[:-1] + held, held + new)
        arrivals = np.flatnonzero(is_new)
        # Those of one instant stay in order of pool, then of number.
        times = [demand.arrival_ns for demand in demands if len(demand)]
        return arrivals[np.argsort(np.concatenate([np.empty(0, np.int64), *times]), kind="stable")]

    def _add_warm(self, pool: int, idle_timeout_ns: int, lifetime_ns: int) -> None:
        """One instance as if launched and released at 0, the first of a pool after the standing ones."""
        if self._state.sizes[ROWS] == len(self._state.gone_ns):
            self._state, self._tried = with_more_room(self._state, self._tried)
        state = self._state
        row = int(state.sizes[ROWS])
        state.sizes[ROWS] += 1
        state.pool_of[row], state.numbers[row] = pool, state.of_pools[pool, INSTANCES]
        state.of_pools[pool, INSTANCES] += 1
        state.launch_ns[row] = state.ready_ns[row] = 0
        state.life_over_ns[row] = lifetime_ns
        state.gone_ns[row] = min(idle_timeout_ns, lifetime_ns)
        # Nobody else is idle before the first request of a pool.
        state.of_pools[pool, [IDLE_FIRST, IDLE_LAST]] = row
        state.links[row] = NONE

    def _run(self, arrivals: Ints, until_ns: int) -> None:
        """All events before an instant."""
        rows = self._rows()
        run: Any = serve_account
        arrival = 0
        while True:
            arrival = run(
                self._rules, rows, self._keys, arrivals, until_ns, arrival, self._state, self._table, self._tried
            )
            if arrival == DONE:
                return
            self._state, self._tried = with_more_room(self._state, self._tried)

    def _rows(self) -> Rows:
        """The columns of all requests held."""
        held = [demand for demand in self._demands if len(demand)]
        columns: dict[str, NDArray[Any]] = {
            name: np.concatenate(
                [np.empty(0, np.float64 if name == "routing" else np.int64)] + [demand.column(name) for demand in held]
            )
            for name in Rows._fields
            if name != "pool"
        }
        return Rows(**columns, pool=np.repeat(np.arange(len(self._demands)), np.diff(self._starts)))

    def _settled(self, launched_ns: list[Ints], gone: list[tuple[Instances, Ints]]) -> list[Settled]:
        """The oldest requests of each pool as far as they are decided, with their tries, which are then forgotten."""
        pools = len(self._demands)
        undecided = np.flatnonzero(self._table.outcome == UNDECIDED)
        stops = np.append(undecided, self._starts[-1])[np.searchsorted(undecided, self._starts[:-1])]
        counts = np.minimum(stops, self._starts[1:]) - self._starts[:-1]
        self._oldest += counts
        tries = self._take_tries()
        every = requests_of(self._table)
        parts = []
        for pool in range(pools):
            n, held, start = int(counts[pool]), self._demands[pool], int(self._starts[pool])
            self._demands[pool] = held.rows(n, len(held))
            parts.append(
                Settled(
                    held.rows(0, n),
                    every.rows(start, start + n),
                    launched_ns[pool],
                    *gone[pool],
                    int(self._until_ns[pool]),
                    tries=tries[pool],
                )
            )
        self._forget_rows(counts)
        return parts

    def _forget_rows(self, counts: Ints) -> None:
        """Leave in the table those that are held."""
        lengths = np.diff(self._starts)
        first = np.repeat(self._starts[:-1] + counts, lengths)
        is_held = np.arange(self._starts[-1]) >= first
        columns: list[Any] = [column[is_held] for column in self._table]
        self._table = Table(*columns)
        self._starts = np.concatenate([[0], np.cumsum(lengths - counts)]).astype(np.int64)

    def _take_tries(self) -> list[Tries]:
        """The attempts of all requests that are no longer held, of each pool, which are forgotten."""
        pools = len(self._demands)
        size = int(self._state.sizes[TRIES])
        if size == 0:
            return [Tries.none()] * pools
        named = self._tried.number[:size]
        is_over = (named & ((1 << NUMBER_BITS) - 1)) < self._oldest[named >> NUMBER_BITS]
        order = np.flatnonzero(is_over)
        order = order[np.argsort(named[order], kind="stable")]
        taken: list[Any] = [column[order] for column in self._tried]
        over = Tries(*taken)
        kept = np.flatnonzero(~is_over)
        for column in self._tried:
            column[: len(kept)] = column[kept]
        self._state.sizes[TRIES] = len(kept)
        starts = starts_of(over.number >> NUMBER_BITS, pools).tolist()
        over.number[:] &= (1 << NUMBER_BITS) - 1
        parted: list[Tries] = []
        for pool in range(pools):
            columns: list[Any] = [getattr(over, f.name)[starts[pool] : starts[pool + 1]] for f in fields(Tries)]
            parted.append(Tries(*columns))
        return parted


def _check_pools(pools: Sequence[Pool], limit: int) -> None:
    """Refuse what does not go with an account."""
    if limit < 1:
        raise ValueError(f"limit is {limit}, must be 1 or more")
    if len(pools) > MOST_POOLS:
        raise ValueError(f"{len(pools)} pools, must be {MOST_POOLS} at most")
    for number, pool in enumerate(pools):
        if not pool.launches or not replace(pool, retries=None, patience=Patience.NONE).is_plain:
            raise ValueError(f"pool {number}: an account needs plain pools that launch, with or without retries")
        if pool.patience is Patience.WAITING:
            raise ValueError(f"pool {number}: patience {pool.patience.name}, must be NONE or RESPONSE in an account")
