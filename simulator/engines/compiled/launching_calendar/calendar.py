"""A pool that launches, between two blocks of demand; requests are held back until their end is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.held_back import UNDECIDED, HeldBack, last_arrival_ns
from simulator.engines.compiled.idle_at_random import set_slot
from simulator.engines.compiled.launching_calendar.fleet import Fleet
from simulator.engines.compiled.launching_calendar.line import empty_line
from simulator.engines.compiled.launching_calendar.population import SENDING, drop_sendings, first_sendings
from simulator.engines.compiled.launching_calendar.room import forget_gone, instances_in, with_more_room
from simulator.engines.compiled.launching_calendar.rules import full_buckets, rows_of, rules_of
from simulator.engines.compiled.launching_calendar.serving import DONE, STOPPED, serve
from simulator.engines.compiled.launching_calendar.state import (
    MOMENTS,
    NEXT_ROW,
    OLDEST,
    ROWS,
    SLOTS_USED,
    TAIL,
    TRIES,
    state_at_start,
)
from simulator.engines.compiled.living import Gone, nobody
from simulator.engines.compiled.moments import ranks_of
from simulator.engines.compiled.retrying import nothing_tried, take_tries
from simulator.engines.compiled.scaling import NEVER, Scaler
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Changes, Demand, LaunchTimes, Settled
from simulator.errors import InputError
from simulator.units import FOREVER


class LaunchingCalendar:
    """A pool that launches, under any of the rules for such pools.

    Parameters
    ----------
    pool : Pool
        One with `launches`.
    launch_times : LaunchTimes
        Of the instances that scaling launches.
    first_sends_ns : ndarray of int64, shape (clients,)
        Of a closed population. [ns]
    room : int
        Size of the arrays at the start; they double when they are full. Instances that are gone are looked for when
        at least so many requests have come since the last look. No row of a request or instance depends on it.
    """

    def __init__(self, pool: Pool, launch_times: LaunchTimes, first_sends_ns: NDArray[np.int64], room: int) -> None:
        self._rules = rules_of(pool)
        self._room = room
        # Two moments may come of one event.
        moments, sendings = first_sendings(first_sends_ns, self._rules.sends_until_ns, room + 2)
        self._warm_one_to_come = pool.starts_warm and (sendings > 0 or not self._rules.is_closed)
        policies = len(pool.scaling.policies) if pool.scaling else 0
        state = state_at_start(pool.standing, room, full_buckets(self._rules), moments, empty_line(room), policies)
        state.sizes[MOMENTS] = sendings
        self._fleet = Fleet(pool.standing, state)
        self._scaler = Scaler(pool.scaling, self._fleet, launch_times) if pool.scaling else None
        self._tried = nothing_tried(room)
        self._held = HeldBack()
        self._senders = np.empty(0, np.int64)
        self._key = np.uint64(0)
        self._rows_told = 0
        # Looking for those who are gone takes time in proportion to the rows: as many requests have to come before.
        self._requests_to_look = room
        self._last_ns = 0
        self._until_ns = 0

    @property
    def wants_rows(self) -> bool:
        """Whether a client may still send a request for which there is no row: its sending is then the next event."""
        state = self._fleet.state
        is_sending = state.sizes[MOMENTS] > 0 and ranks_of(state.moments[:1])[0] == SENDING
        return bool(is_sending and state.sizes[NEXT_ROW] == len(self._held.demand))

    def feed(self, demand: Demand) -> Settled:
        """The oldest rows as far as they are decided, and what is known for good of the instances.

        Raises
        ------
        InputError
            If the block begins before the last request fed, or one of its requests never arrives.
        """
        n = len(demand)
        if n:
            self._enter(demand)
            self._run(drains=self._rules.is_closed)
        launched_ns = self._launched_since()
        self._requests_to_look -= n
        if n == 0 or self._requests_to_look > 0:
            gone = nobody(self._until_ns)
        else:
            gone = forget_gone(self._fleet.state, self._rules.routing, self._last_ns)
            self._until_ns = gone.until_ns
            self._rows_told = int(self._fleet.state.sizes[ROWS])
            self._requests_to_look = max(self._room, self._rows_told)
        return self._settled(self._held.decided, launched_ns, gone)

    def finish(self) -> Settled:
        """All that is left, as it ends if no request follows.

        Raises
        ------
        InputError
            If a request waits for what never comes.
        """
        sizes = self._fleet.state.sizes
        if self._rules.is_closed:
            self._rules = self._rules._replace(sends_until_ns=0)
            drop_sendings(self._fleet.state.moments, sizes)
        self._run(drains=True)
        n = int(sizes[NEXT_ROW])
        if (self._held.table.outcome[:n] == UNDECIDED).any():
            raise InputError("demand: requests wait for ever, for a service that never ends")
        rest = instances_in(self._fleet.state, slice(int(sizes[ROWS])), FOREVER)
        return self._settled(n, self._launched_since(), rest)

    def _enter(self, demand: Demand) -> None:
        """Hold the requests of the next block beside those that are held."""
        n = len(demand)
        if self._rules.is_closed:
            # The arrivals are written here, when the requests are sent.
            demand = replace(demand, arrival_ns=np.zeros(n, np.int64))
            self._senders = np.concatenate([self._senders, np.zeros(n, np.int64)])
        else:
            self._last_ns = last_arrival_ns(demand, self._last_ns)
        self._key = demand.retry_key[0]
        self._held.add(demand)
        if self._warm_one_to_come:
            self._warm_one_to_come = False
            self._add_warm(int(demand.idle_timeout_ns[0]), int(demand.lifetime_ns[0]))

    def _run(self, *, drains: bool) -> None:
        """All events up to the last arrival, or all."""
        rows = rows_of(self._held.demand, self._rules, self._senders)
        fleet, scaler = self._fleet, self._scaler
        run: Any = serve
        while True:
            until_ns, until_rank = scaler.next if scaler else NEVER
            came_back = run(
                self._rules, rows, self._key, drains, until_ns, until_rank, fleet.state, self._held.table, self._tried
            )
            if came_back == DONE:
                break
            if came_back == STOPPED and scaler:
                scaler.meet()
            else:
                self._make_room()
        sent = fleet.state.sizes[NEXT_ROW]
        if self._rules.is_closed and sent:
            self._last_ns = int(self._held.demand.arrival_ns[sent - 1])

    def _make_room(self) -> None:
        """Room for one more event in every array that was short of it."""
        fleet = self._fleet
        if self._scaler and fleet.is_short_of_samples:
            self._scaler.make_room()
        fleet.state, self._tried = with_more_room(fleet.state, self._tried, self._rules.routing)

    def _add_warm(self, idle_timeout_ns: int, lifetime_ns: int) -> None:
        """One instance as if launched and released at 0, the first after the standing ones and the first idle."""
        state = self._fleet.state
        row = int(state.sizes[ROWS])
        state.sizes[ROWS] += 1
        state.life_over_ns[row] = lifetime_ns
        state.gone_ns[row] = min(idle_timeout_ns, lifetime_ns)
        state.idle_for[row] = NONE
        if self._rules.routing == Routing.RANDOM_IDLE:
            state.instance_in[0] = row
            set_slot(state.idle_below, state.retires_ns, 0, 1, state.gone_ns[row])
            state.sizes[SLOTS_USED] = 1
        else:
            state.idle[0] = row
            state.sizes[TAIL] = 1

    def _settled(self, n: int, launched_ns: NDArray[np.int64], gone: Gone) -> Settled:
        """The first n requests held, with their tries, which are then forgotten."""
        sizes = self._fleet.state.sizes
        demand, requests = self._held.take(n)
        self._senders = self._senders[n:]
        sizes[OLDEST] += n
        sizes[NEXT_ROW] -= n
        tries, sizes[TRIES] = take_tries(self._tried, int(sizes[TRIES]), int(sizes[OLDEST]))
        return Settled(
            demand,
            requests,
            launched_ns,
            *gone,
            tries=tries,
            changes=self._scaler.changes() if self._scaler else Changes.none(),
            standing_numbers=self._fleet.launched_since(),
        )

    def _launched_since(self) -> NDArray[np.int64]:
        """Launches since the last call."""
        told, self._rows_told = self._rows_told, int(self._fleet.state.sizes[ROWS])
        return self._fleet.state.launch_ns[told : self._rows_told].copy()
