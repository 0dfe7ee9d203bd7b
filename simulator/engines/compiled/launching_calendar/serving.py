"""The events of a pool that launches, one after another in order of (time, rank, id) (model.md 1, 3.1 and 4.3).

Every event leads to one request at most, and that to a place, into the line, or away; the three stand in this order in
one loop. What is decided of an attempt is written at once: its service once it starts, or once an instance is launched
that it is bound to. So releases and failed launches are moments, but time-outs are not, and retirement is an instant
that is looked at where a place is sought.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience
from simulator.engines.compiled.launching_calendar.kernels import kernel
from simulator.engines.compiled.launching_calendar.line import (
    ATTEMPT,
    ATTEMPT_NS,
    IS_COLD,
    NUMBER,
    join_line,
    leave_line,
)
from simulator.engines.compiled.launching_calendar.load import GOES_ON, LOOK_AGAIN, WAITS, change_load, look_ahead
from simulator.engines.compiled.launching_calendar.places import add_partly, launch, leave_place, take_place
from simulator.engines.compiled.launching_calendar.population import SENDING, send_next
from simulator.engines.compiled.launching_calendar.room import is_short
from simulator.engines.compiled.launching_calendar.rules import LAUNCH_RATE, REQUEST_RATE, Rows, Rules, takes_token
from simulator.engines.compiled.launching_calendar.state import (
    AT_LIMIT,
    DRAINING,
    LATE_NS,
    LINE_HEAD,
    MOMENTS,
    NEXT_ROW,
    OCCUPIED,
    OLDEST,
    ON_DEMAND,
    READY_FOR,
    READY_GONE_NS,
    READY_LEFT,
    READY_NS,
    READY_ROW,
    SPARE,
    TRIES,
    State,
)
from simulator.engines.compiled.moments import AT, ORDER, VALUE, WHO, add_moment, drop_first, id_of, rank_of
from simulator.engines.compiled.on_demand import retirement_ns
from simulator.engines.compiled.retrying import Tried, next_try_ns, write_try
from simulator.engines.compiled.rows import End, Table, answer, write_end
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NONE = int(NONE)
_COMPLETED, _THROTTLED, _TIMED_OUT = int(Outcome.COMPLETED), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
_NO_REASON, _CONCURRENCY = int(Reason.NONE), int(Reason.CONCURRENCY)
_QUEUE_FULL, _RATE = int(Reason.QUEUE_FULL), int(Reason.RATE)
_RELEASE, _READY, _PATIENCE, _RETRY, _ARRIVAL = 10, 20, 50, 55, SENDING
_NO_PATIENCE, _FOR_RESPONSE = int(Patience.NONE), int(Patience.RESPONSE)

#: Why `serve` came back.
DONE, STOPPED, SHORT = range(3)


@kernel
def enter(moments: Ints, sizes: Ints, at_ns: int, rank: int, number: int, order: int, who: int, value: int) -> None:
    """Add a moment of a kind that is rare: a call, not a part of the loop."""
    sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], at_ns, rank, number, order, who, value)


@kernel
def serve(
    rules: Rules,
    rows: Rows,
    key: np.uint64,
    drains: bool,
    until_ns: int,
    until_rank: int,
    state: State,
    table: Table,
    tried: Tried,
) -> int:
    """Why the kernel came back, before anything of the next event happened.

    `SHORT` if an array was short of room; `STOPPED` at an instant and a rank, if provisioned instances follow their
    load. `DONE` if all that happens before the last arrival has happened, and that, or, if the calendar is drained, all
    that ever happens; in a closed population, all that happens before a sending for which there is no row. Row i of
    demand and of the table is the request with number `OLDEST` + i.
    """
    sizes, moments, line = state.sizes, state.moments, state.line
    gone_ns, life_over_ns = state.gone_ns, state.life_over_ns
    kinds, places, retrying = state.kinds, rules.places, rules.retrying
    arrival_ns = rows.arrival_ns.values
    oldest, next_row = sizes[OLDEST], sizes[NEXT_ROW]
    # The requests of a closed population come when they are sent, not by row.
    n = 0 if rules.is_closed else len(arrival_ns)
    while True:
        if is_short(state, tried):
            sizes[NEXT_ROW] = next_row
            return SHORT
        if rules.follows_load and (next_row < n or drains):
            coming_ns = arrival_ns[next_row] if next_row < n else FOREVER
            seen = look_ahead(sizes, moments, state.series, state.samples, coming_ns, until_ns, until_rank)
            if seen == LOOK_AGAIN:
                continue
            if seen != GOES_ON:
                sizes[NEXT_ROW] = next_row
                return STOPPED if seen == WAITS else SHORT

        # The next event, and the request that it leads to: one that waits, in a row of the line, or one that comes.
        waiting = place = _NONE
        number = attempt = attempt_ns = 0
        is_cold = comes = joins = is_at_limit = fails = False
        reason = _NO_REASON
        if sizes[READY_LEFT] > 0:
            now_ns, rank = sizes[READY_NS], _READY
            place, waiting = sizes[READY_ROW], sizes[LINE_HEAD]
            if waiting == _NONE:
                sizes[READY_LEFT] = 0
                leave_place(rules, state, place, now_ns, sizes[READY_FOR], sizes[READY_GONE_NS])
                continue
            sizes[READY_LEFT] -= 1
        elif sizes[MOMENTS] > 0 and (
            moments[0, AT] <= arrival_ns[next_row] if next_row < n else drains and moments[0, AT] < FOREVER
        ):
            now_ns, rank, about = moments[0, AT], rank_of(moments), moments[0, WHO]
            if rank == _ARRIVAL and next_row == len(arrival_ns):
                sizes[NEXT_ROW] = next_row
                return DONE
            number, attempt, value = id_of(moments), moments[0, ORDER], moments[0, VALUE]
            sizes[MOMENTS] = drop_first(moments, sizes[MOMENTS])
            if rank == _RELEASE:
                sizes[OCCUPIED] -= 1
                state.held[about] -= 1
                if rules.follows_load:
                    if rules.counts_spillover or kinds[about] != ON_DEMAND:
                        change_load(sizes, state.series, -1, now_ns)
                    if kinds[about] == DRAINING:
                        value = _NONE
                waiting = sizes[LINE_HEAD]
                if value == _NONE:
                    gone_ns[about] = now_ns
                    if waiting == _NONE or sizes[OCCUPIED] >= rules.max_concurrency:
                        continue
                elif waiting == _NONE:
                    leave_place(rules, state, about, now_ns, number, value)
                    continue
                else:
                    place = about
            elif rank == _READY:
                sizes[OCCUPIED] -= state.claims[about]
                state.claims[about] = 0
                if sizes[SPARE] == about:
                    sizes[SPARE] = _NONE
                sizes[READY_ROW], sizes[READY_LEFT], sizes[READY_NS] = about, places, now_ns
                sizes[READY_FOR], sizes[READY_GONE_NS] = attempt, value
                continue
            elif rank == _PATIENCE:
                if line[about, NUMBER] != number or line[about, ATTEMPT] != attempt:
                    continue
                sizes[LATE_NS] = now_ns
                waiting = about
            else:
                sizes[LATE_NS] = attempt_ns = now_ns
                comes = True
                if rank == _ARRIVAL:
                    rows.senders[next_row] = number
                    arrival_ns[next_row] = now_ns
                    number, attempt = oldest + next_row, 1
                    next_row += 1
        elif next_row < n:
            now_ns = attempt_ns = arrival_ns[next_row]
            sizes[LATE_NS] = now_ns
            number, attempt, rank = oldest + next_row, 1, _ARRIVAL
            next_row += 1
            comes = True
        else:
            sizes[NEXT_ROW] = next_row
            return DONE
        if waiting != _NONE:
            number, attempt, attempt_ns = line[waiting, NUMBER], line[waiting, ATTEMPT], line[waiting, ATTEMPT_NS]
            is_cold = line[waiting, IS_COLD] == 1
        row = number - oldest
        start_ns = now_ns

        # Steps 1 to 5: away, to a place, or into the line.
        if comes:
            if not takes_token(state.buckets, REQUEST_RATE, rules.request_burst, rules.request_interval_ns, now_ns):
                reason = _RATE
            elif sizes[OCCUPIED] >= rules.max_concurrency:
                if not rules.queues:
                    reason = _CONCURRENCY
                elif sizes[AT_LIMIT] >= rules.queue_limit:
                    reason = _QUEUE_FULL
                else:
                    joins = is_at_limit = True
        if place == _NONE and not joins and reason == _NO_REASON and rank != _PATIENCE:
            # Idle instances retire at rank 30 of their instant, unless something later has happened in it already.
            retired_ns = now_ns if sizes[LATE_NS] == now_ns else now_ns - 1
            place = take_place(rules, state, rows.routing.values[row & rows.routing.mask], retired_ns)
            if place == _NONE:
                spare = sizes[SPARE]
                if comes and spare != _NONE:
                    joins = True
                    sizes[OCCUPIED] += 1
                    state.claims[spare] += 1
                    if state.claims[spare] == places:
                        sizes[SPARE] = _NONE
                elif not takes_token(state.buckets, LAUNCH_RATE, rules.launch_burst, rules.launch_interval_ns, now_ns):
                    reason = _RATE
                else:
                    is_cold = True
                    place = launch(rules, rows, state, row, now_ns)
                    startup_ns = rows.startup_ns.values[row & rows.startup_ns.mask]
                    start_ns = plus(now_ns, startup_ns)
                    fails = startup_ns > rules.startup_limit_ns
                    state.ready_ns[place] = _NONE if fails else start_ns
                    if not rules.is_bound:
                        unused_ns = retirement_ns(
                            start_ns, rows.idle_timeout_ns.values[row & rows.idle_timeout_ns.mask], life_over_ns[place]
                        )
                        enter(moments, sizes, start_ns, _READY, state.numbers[place], number, place, unused_ns)
                        sizes[OCCUPIED] += 1
                        state.claims[place] = 1
                        if places > 1:
                            sizes[SPARE] = place
                        place = _NONE
                        if waiting != _NONE:
                            # It stays where it is, and is still one that joined at the limit.
                            line[waiting, IS_COLD] = 1
                            continue
                        joins = True
        if joins:
            waiting = join_line(line, sizes, number, attempt, attempt_ns, is_cold, is_at_limit)
            if rules.patience != _NO_PATIENCE:
                limit_ns = plus(attempt_ns, rows.patience_ns.values[row & rows.patience_ns.mask])
                if limit_ns < FOREVER:
                    enter(moments, sizes, limit_ns, _PATIENCE, number, attempt, waiting, _NONE)
            continue
        if waiting != _NONE:
            leave_line(line, sizes, waiting)

        # How the attempt ends.
        outcome, instance, release_ns, response_ns = _TIMED_OUT, _NONE, _NONE, now_ns
        if place != _NONE:
            instance = state.numbers[place]
            sizes[OCCUPIED] += 1
            state.held[place] += 1
            if rules.follows_load and (rules.counts_spillover or kinds[place] != ON_DEMAND):
                change_load(sizes, state.series, 1, now_ns)
            if places > 1 and state.held[place] < places:
                add_partly(state.partly, sizes, state.is_partly, place)
            if fails:
                start_ns, value = _NONE, _NONE
                release_ns = response_ns = plus(now_ns, rules.startup_limit_ns)
            else:
                release_ns = plus(start_ns, rows.service_ns.values[row & rows.service_ns.mask])
                timeout_ns = plus(start_ns, rules.timeout_ns)
                outcome, response_ns = answer(release_ns, timeout_ns)
                is_stopped = rules.stops and outcome == _TIMED_OUT
                if is_stopped:
                    release_ns = timeout_ns
                if kinds[place] != ON_DEMAND:
                    value = FOREVER
                elif is_stopped:
                    value = _NONE
                else:
                    value = retirement_ns(
                        release_ns, rows.idle_timeout_ns.values[row & rows.idle_timeout_ns.mask], life_over_ns[place]
                    )
            if rules.patience == _FOR_RESPONSE:
                limit_ns = plus(attempt_ns, rows.patience_ns.values[row & rows.patience_ns.mask])
                if response_ns > limit_ns:
                    outcome, response_ns = _TIMED_OUT, limit_ns
            sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], release_ns, _RELEASE, number, attempt, place, value)
        else:
            start_ns = _NONE
            if reason != _NO_REASON:
                outcome, response_ns = _THROTTLED, _NONE
        end = End(outcome, reason, start_ns, response_ns, release_ns, instance, is_cold)
        ended_ns = now_ns if response_ns == _NONE else response_ns
        next_ns = next_try_ns(retrying, key, number, attempt, outcome, ended_ns)
        if next_ns < FOREVER:
            write_try(tried, sizes[TRIES], number, attempt_ns, next_ns, end)
            sizes[TRIES] += 1
            enter(moments, sizes, next_ns, _RETRY, number, attempt + 1, _NONE, _NONE)
        else:
            write_end(table, row, end)
            if rules.is_closed:
                if outcome == _COMPLETED:
                    ended_ns = plus(ended_ns, rules.overhead_ns)
                think_ns = rows.think_ns.values[row & rows.think_ns.mask]
                send_next(moments, sizes, rows.senders[row], ended_ns, think_ns, rules.sends_until_ns)
