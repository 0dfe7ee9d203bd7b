"""What happens to an attempt before it is served: it is routed, waits, is turned away, or leaves (model.md 4, 4.1)."""

from __future__ import annotations

from simulator.engines.compiled.outstanding import least_outstanding
from simulator.engines.compiled.retrying import tries_again
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.standing_calendar.due import add_moment
from simulator.engines.compiled.standing_calendar.ending import (
    end_attempt,
    end_while_it_waits,
)
from simulator.engines.compiled.standing_calendar.kernels import rule
from simulator.engines.compiled.standing_calendar.points import count_attempt
from simulator.engines.compiled.standing_calendar.queues import free_row, hold, join_queue, leave_queue, let_go
from simulator.engines.compiled.standing_calendar.rules import Rows, Rules
from simulator.engines.compiled.standing_calendar.state import (
    AT,
    ATTEMPT,
    BUSY,
    FIRST,
    FREE,
    INSTANCE,
    LENGTH,
    LIMIT,
    LOAD,
    MOMENTS,
    NEXT,
    NUMBER,
    OPEN,
    SERIAL,
    SERIALS,
    SERVING,
    STATUS,
    TRY,
    UNUSED_ROW,
    WAITING,
    State,
)
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

_NONE = int(NONE)
_CENTRAL, _LEAST_OUTSTANDING = int(Routing.CENTRAL_QUEUE), int(Routing.LEAST_OUTSTANDING_REQUESTS)
_THROTTLED, _TIMED_OUT, _EXPIRED = int(Outcome.THROTTLED), int(Outcome.TIMED_OUT), int(Outcome.EXPIRED)
_NO_REASON, _QUEUE_FULL, _NO_CAPACITY = int(Reason.NONE), int(Reason.QUEUE_FULL), int(Reason.NO_CAPACITY)
#: Ranks (model.md 1).
BATCH, GIVE_UP = 45, 50


@rule
def make_attempt(
    rules: Rules, rows: Rows, state: State, number: int, attempt: int, now_ns: int
) -> tuple[int, int, int]:
    """The instance that may serve now, the attempt that it serves at once, and the one that has joined a queue.

    `NONE` where there is none.
    """
    counts, attempts, instances = state.counts, state.attempts, state.instances
    serving = counts[SERVING]
    reason = _NO_REASON
    instance, queue, is_at_once = _NONE, 0, False
    if serving == 0:
        if not rules.waits_for_capacity:
            reason = _NO_CAPACITY
            count_attempt(state, False)
    else:
        count_attempt(state, True)
        if rules.routing == _CENTRAL:
            if counts[FREE] > 0:
                instance, is_at_once = state.service[state.free[0]], True
            elif rules.queue_limit <= instances[0, LENGTH] // serving:
                # At least serving · limit wait; the product might be more than int64 holds.
                reason = _QUEUE_FULL
        else:
            draw = rows.routing.values[(number - counts[FIRST]) & rows.routing.mask]
            if rules.routing == _LEAST_OUTSTANDING:
                position = least_outstanding(state.held, state.least, state.sharing, draw)
            else:
                position = int(draw * serving)
            instance = queue = state.service[position]
            length = instances[instance, LENGTH]
            begins = instances[instance, BUSY] < rules.places
            if rules.most > 1:
                # A worker that is free while requests wait does so for a full batch, or for the delay of the oldest.
                begins = begins and (length + 1 >= rules.most or rules.delay_ns == 0)
            else:
                is_at_once = begins
            if not begins and length >= rules.queue_limit:
                reason = _QUEUE_FULL
    if reason != _NO_REASON:
        end_attempt(rules, rows, state, number, attempt, now_ns, _THROTTLED, reason, _NONE, _NONE, _NONE, _NONE)
        return _NONE, _NONE, _NONE

    row = counts[UNUSED_ROW]
    counts[UNUSED_ROW] = attempts[row, NEXT]
    counts[SERIALS] += 1
    counts[LOAD] += 1
    attempts[row, NUMBER] = number
    attempts[row, ATTEMPT] = attempt
    attempts[row, SERIAL] = counts[SERIALS]
    attempts[row, AT] = now_ns
    attempts[row, LIMIT] = FOREVER
    attempts[row, INSTANCE] = instance
    attempts[row, TRY] = _NONE
    if instance != _NONE:
        hold(rules, state, instance, 1)
    if is_at_once:
        return instance, row, _NONE
    join_queue(state, queue, row)
    patience = rows.patience_ns.values[(number - counts[FIRST]) & rows.patience_ns.mask]
    limit_ns = plus(now_ns, rules.timeout_ns) if rules.from_arrival else FOREVER
    attempts[row, LIMIT] = min(limit_ns, plus(now_ns, patience)) if rules.has_patience else limit_ns
    return instance if rules.most > 1 else _NONE, _NONE, row


@rule
def expiry_of(rules: Rules, rows: Rows, state: State, number: int) -> int:
    """When a request expires if it waits then."""
    return plus(rows.arrival_ns.values[number - state.counts[FIRST]], rules.time_to_live_ns)


@rule
def _enter(state: State, time_ns: int, rank: int, row: int) -> None:
    """Enter a moment of an attempt that waits, if it ever comes."""
    if time_ns < FOREVER:
        attempts, counts = state.attempts, state.counts
        number, serial = attempts[row, NUMBER], attempts[row, SERIAL]
        counts[MOMENTS] = add_moment(state.moments, counts[MOMENTS], time_ns, rank, number, serial, row)


@rule
def enter_limits(rules: Rules, rows: Rows, state: State, row: int, now_ns: int) -> None:
    """Enter when an attempt that has to wait leaves, times out in its place, or has waited long enough for a batch."""
    attempts = state.attempts
    number, limit_ns = attempts[row, NUMBER], attempts[row, LIMIT]
    expiry_ns = expiry_of(rules, rows, state, number)
    if rules.most > 1:
        _enter(state, plus(now_ns, rules.delay_ns), BATCH, row)
    if rules.leaves_at_limit:
        # A request that is tried again may have outlived its time already.
        _enter(state, max(min(limit_ns, expiry_ns), now_ns), GIVE_UP, row)
        return
    _enter(state, max(expiry_ns, now_ns), GIVE_UP, row)
    follows = rules.is_closed or tries_again(rules.retrying, _TIMED_OUT, attempts[row, ATTEMPT])
    if limit_ns < expiry_ns and follows:
        # Its client tries again, or thinks.
        _enter(state, limit_ns, GIVE_UP, row)


@rule
def reach_limit(rules: Rules, rows: Rows, state: State, row: int, now_ns: int) -> None:
    """A limit of an attempt that waits passes: it leaves the queue, or times out and keeps its place."""
    attempts = state.attempts
    number, limit_ns = attempts[row, NUMBER], attempts[row, LIMIT]
    expiry_ns = expiry_of(rules, rows, state, number)
    if not rules.leaves_at_limit and expiry_ns > now_ns:
        attempt, at_ns = attempts[row, ATTEMPT], attempts[row, AT]
        attempts[row, TRY] = end_while_it_waits(rules, rows, state, number, attempt, at_ns, limit_ns)
        return
    instance = attempts[row, INSTANCE]
    if rules.routing == _CENTRAL:
        leave_queue(state, 0, row)
        state.counts[LOAD] -= 1
    else:
        leave_queue(state, instance, row)
        let_go(rules, state, instance, now_ns)
    if attempts[row, TRY] != _NONE:
        state.ends[number - state.counts[FIRST], OPEN] -= 1
    else:
        outcome, response_ns = (_EXPIRED, now_ns) if expiry_ns <= limit_ns else (_TIMED_OUT, limit_ns)
        attempt, at_ns = attempts[row, ATTEMPT], attempts[row, AT]
        end_attempt(rules, rows, state, number, attempt, at_ns, outcome, _NO_REASON, _NONE, response_ns, _NONE, _NONE)
    free_row(state, row)


@rule
def still_waits(state: State, row: int, serial: int) -> bool:
    """Whether the attempt that a moment was entered for waits yet; its row may have gone to another."""
    return bool(state.attempts[row, STATUS] == WAITING and state.attempts[row, SERIAL] == serial)
