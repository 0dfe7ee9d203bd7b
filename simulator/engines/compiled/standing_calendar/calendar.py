"""A pool of standing instances that is not plain, fed block by block: rows are held back until their end is decided."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.held_back import last_arrival_ns
from simulator.engines.compiled.moments import AT, ORDER, WHO, keep_moments, ranks_of
from simulator.engines.compiled.scaling import NEVER, Scaler
from simulator.engines.compiled.standing_calendar.ending import RETRY, enter_first_sendings
from simulator.engines.compiled.standing_calendar.held import HeldRequests
from simulator.engines.compiled.standing_calendar.instances import Fleet, whole
from simulator.engines.compiled.standing_calendar.rules import rules_of
from simulator.engines.compiled.standing_calendar.serving import DONE, STOPPED, run_calendar
from simulator.engines.compiled.standing_calendar.state import (
    FIRST,
    MOMENTS,
    NEXT_ROW,
    OUTCOME,
    REASON,
    RELEASE,
    RESPONSE,
    SAMPLES,
    SERIAL,
    SERVED_BY,
    START,
    STATUS,
    TRIED,
    TRIES,
    TRY,
    TRY_AT,
    TRY_ATTEMPT,
    TRY_NEXT,
    UNUSED_ROW,
    WAITING,
    empty_state,
    with_more_attempts,
)
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Changes, Demand, LaunchTimes, Requests, Settled, Tries
from simulator.errors import InputError
from simulator.units import FOREVER


class StandingCalendar:
    """The event calendar of a pool that does not launch.

    Parameters
    ----------
    pool : Pool
        Plain or not; not `launches`.
    launch_times : LaunchTimes
        Of the instances that scaling launches, in order of number.
    first_sends_ns : ndarray of int64, shape (clients,)
        Of a closed population. [ns]
    room : int
        Size of the growing arrays at the start, 1 or more; no row depends on it.
    """

    def __init__(self, pool: Pool, launch_times: LaunchTimes, first_sends_ns: NDArray[np.int64], room: int) -> None:
        scaling = pool.scaling
        self._rules = rules_of(pool)
        self._started = pool.places * self._rules.most
        self._fleet = Fleet(pool, empty_state(room, len(scaling.policies) if scaling else 0))
        self._scaler = Scaler(scaling, self._fleet, launch_times) if scaling else None
        self._held = HeldRequests(is_closed=self._rules.is_closed)
        if self._rules.is_closed:
            self._populate(np.array(first_sends_ns, np.int64))
        self._oldest = 0
        self._until_ns = 0

    @property
    def wants_rows(self) -> bool:
        """Whether a client of a closed population may still send a request for which there is no row yet."""
        # What is left when all has happened that can begins with a sending.
        return self._rules.is_closed and self._unused == 0 and bool(self._fleet.state.counts[MOMENTS] > 0)

    def feed(self, demand: Demand) -> Settled:
        """What is decided once the requests of the next block have arrived.

        Raises
        ------
        InputError
            If they begin before the last request fed, or one of them never arrives.
        """
        if len(demand) > 0:
            self._enter(demand)
            self._run(is_last=False)
        return self._settled(is_last=False)

    def finish(self) -> Settled:
        """The rest, when no request follows the last block.

        Raises
        ------
        InputError
            If the end of a request is never decided.
        """
        self._run(is_last=True)
        settled = self._settled(is_last=True)
        if self._held.count > self._unused:
            raise InputError("demand: requests wait for ever, for a service that never ends")
        return settled

    def _enter(self, block: Demand) -> None:
        if not self._rules.is_closed:
            self._until_ns = last_arrival_ns(block, self._until_ns)
        self._rules = self._rules._replace(retry_key=np.uint64(block.retry_key[0]))
        moved = self._held.add(block)
        counts = self._fleet.state.counts
        counts[FIRST] += moved
        counts[NEXT_ROW] -= moved
        self._fleet.state = self._fleet.state._replace(ends=self._held.ends)

    def _populate(self, first_sends_ns: NDArray[np.int64]) -> None:
        """Enter when each client sends first."""
        state = self._fleet.state
        while len(state.moments) < len(first_sends_ns):
            state = state._replace(moments=doubled(state.moments))
        self._fleet.state = state
        enter: Any = enter_first_sendings
        enter(state.counts, state.moments, first_sends_ns, self._rules.sends_until_ns)

    @property
    def _unused(self) -> int:
        """Rows that have not come."""
        return len(self._held.ends) - int(self._fleet.state.counts[NEXT_ROW])

    def _run(self, *, is_last: bool) -> None:
        """Let everything happen that comes before the next arrival that is not known yet."""
        fleet, scaler, rows = self._fleet, self._scaler, self._held.rows
        while True:
            until_ns, until_rank = scaler.next if scaler else NEVER
            came_back = run_calendar(self._rules, rows, fleet.state, until_ns, until_rank, is_last)
            if came_back == DONE:
                if self.wants_rows:
                    self._until_ns = int(fleet.state.moments[0, AT])
                return
            if came_back == STOPPED and scaler:
                scaler.meet()
            else:
                self._make_room()

    def _make_room(self) -> None:
        """Room for all that one event may enter: moments that are past come off first, then arrays are doubled."""
        state = self._fleet.state
        counts = state.counts
        if counts[UNUSED_ROW] == NONE:
            state = with_more_attempts(state, len(state.attempts))
        while counts[TRIES] + self._started + 1 > len(state.tries):
            state = state._replace(tries=doubled(state.tries))
        if self._scaler and counts[SAMPLES] + len(state.series) > len(state.samples):
            self._scaler.make_room()
        while counts[SAMPLES] + len(state.series) > len(state.samples):
            state = state._replace(samples=doubled(state.samples), sampled_shares=doubled(state.sampled_shares))
        if counts[MOMENTS] + self._started + 3 > len(state.moments):
            moments = state.moments[: counts[MOMENTS]]
            is_to_come = ranks_of(moments) >= RETRY
            held = state.attempts[np.where(is_to_come, 0, moments[:, WHO])]
            waits = (held[:, STATUS] == WAITING) & (held[:, SERIAL] == moments[:, ORDER])
            counts[MOMENTS] = keep_moments(state.moments, int(counts[MOMENTS]), is_to_come | waits)
            while 2 * (counts[MOMENTS] + self._started + 3) > len(state.moments):
                state = state._replace(moments=doubled(state.moments))
        self._fleet.state = state

    def _settled(self, *, is_last: bool) -> Settled:
        """The oldest requests as far as they are decided, and what is known of instances since."""
        demand, ends = self._held.take_decided()
        self._oldest += len(demand)
        tries = self._tries_before(self._oldest)
        launched_ns, numbers, gone = self._fleet.given_back(is_last=is_last)
        return Settled(
            demand=demand,
            requests=_requests_of(ends),
            launched_ns=whole(launched_ns),
            gone=gone,
            gone_numbers=whole(numbers),
            until_ns=FOREVER if is_last else self._until_ns,
            tries=tries,
            changes=self._scaler.changes() if self._scaler else Changes.none(),
        )

    def _tries_before(self, number: int) -> Tries:
        """The attempts of requests below a number, in order of request and attempt, which are then forgotten."""
        state = self._fleet.state
        count = int(state.counts[TRIES])
        tries = state.tries[:count]
        is_over = tries[:, TRIED] < number
        over, left = tries[is_over], tries[~is_over]
        if len(over) == 0:
            return Tries.none()
        # Attempts that keep their place in a queue have still to find their row.
        waits = np.flatnonzero((state.attempts[:, STATUS] == WAITING) & (state.attempts[:, TRY] != NONE))
        state.attempts[waits, TRY] = (np.cumsum(~is_over) - 1)[state.attempts[waits, TRY]]
        state.tries[: len(left)] = left
        state.counts[TRIES] = len(left)
        over = over[np.lexsort((over[:, TRY_ATTEMPT], over[:, TRIED]))]
        requests = _requests_of(over)
        return Tries(
            number=over[:, TRIED].copy(),
            at_ns=over[:, TRY_AT].copy(),
            next_ns=over[:, TRY_NEXT].copy(),
            **{f.name: getattr(requests, f.name) for f in fields(Requests)},
        )


def _requests_of(rows: NDArray[np.int64]) -> Requests:
    """The table of rows of `ends` or `tries`; none is cold."""
    return Requests(
        outcome=rows[:, OUTCOME].astype(np.int8),
        reason=rows[:, REASON].astype(np.int8),
        start_ns=rows[:, START].copy(),
        response_ns=rows[:, RESPONSE].copy(),
        release_ns=rows[:, RELEASE].copy(),
        instance=rows[:, SERVED_BY].copy(),
        is_cold=np.zeros(len(rows), np.bool_),
    )
