"""How attempts end: the row of the request, or a row of `tries` and another attempt (model.md 2, 4.3 and 4.5)."""

from __future__ import annotations

from simulator.engines.compiled.retrying import next_try_ns
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.standing_calendar.due import add_moment
from simulator.engines.compiled.standing_calendar.kernels import kernel, rule
from simulator.engines.compiled.standing_calendar.rules import Rows, Rules
from simulator.engines.compiled.standing_calendar.state import (
    CLIENT,
    FIRST,
    MOMENTS,
    OPEN,
    OUTCOME,
    REASON,
    RELEASE,
    RESPONSE,
    SERVED_BY,
    START,
    TRIED,
    TRIES,
    TRY_AT,
    TRY_ATTEMPT,
    TRY_NEXT,
    Ints,
    State,
)
from simulator.engines.tables import NONE, Outcome
from simulator.units import FOREVER

_NONE = int(NONE)
_COMPLETED, _THROTTLED, _TIMED_OUT = int(Outcome.COMPLETED), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
#: Ranks of an attempt that is made again, and of a client that sends (model.md 1).
RETRY, SEND = 55, 60


@kernel
def enter_first_sendings(counts: Ints, moments: Ints, first_sends_ns: Ints, until_ns: int) -> None:
    """Enter the first sending of each client that sends at all; there must be room."""
    for client in range(len(first_sends_ns)):
        if first_sends_ns[client] < until_ns:
            counts[MOMENTS] = add_moment(moments, counts[MOMENTS], first_sends_ns[client], SEND, client, 0, 0)


@rule
def send_next(rules: Rules, rows: Rows, state: State, number: int, ended_ns: int) -> None:
    """Enter when the client of a request that has ended, or ends then, sends again, if it has not been entered."""
    counts, row = state.counts, number - state.counts[FIRST]
    client = state.ends[row, CLIENT]
    send_ns = plus(ended_ns, max(1, rows.think_ns.values[row & rows.think_ns.mask]))
    if client != _NONE and send_ns < rules.sends_until_ns:
        counts[MOMENTS] = add_moment(state.moments, counts[MOMENTS], send_ns, SEND, client, 0, 0)
    state.ends[row, CLIENT] = _NONE


@rule
def try_again(state: State, number: int, attempt: int, at_ns: int, next_ns: int) -> int:
    """The new row of `tries`, with the next attempt entered; how this one ended is still to be written."""
    counts, tries = state.counts, state.tries
    counts[MOMENTS] = add_moment(state.moments, counts[MOMENTS], next_ns, RETRY, number, 0, attempt + 1)
    row = counts[TRIES]
    tries[row, TRIED] = number
    tries[row, TRY_ATTEMPT] = attempt
    tries[row, TRY_AT] = at_ns
    tries[row, TRY_NEXT] = next_ns
    counts[TRIES] = row + 1
    return int(row)


@rule
def end_attempt(
    rules: Rules,
    rows: Rows,
    state: State,
    number: int,
    attempt: int,
    at_ns: int,
    outcome: int,
    reason: int,
    start_ns: int,
    response_ns: int,
    release_ns: int,
    served_by: int,
) -> None:
    """Write how an attempt ends: it ends its request, or is made again."""
    ended_ns = at_ns if outcome == _THROTTLED else response_ns
    next_ns = next_try_ns(rules.retrying, rules.retry_key, number, attempt, outcome, ended_ns)
    if next_ns < FOREVER:
        table = state.tries
        row = try_again(state, number, attempt, at_ns, next_ns)
    else:
        if rules.is_closed:
            had_ns = plus(ended_ns, rules.overhead_ns) if outcome == _COMPLETED else ended_ns
            send_next(rules, rows, state, number, had_ns)
        table = state.ends
        row = number - state.counts[FIRST]
        table[row, OPEN] -= 1
    table[row, OUTCOME] = outcome
    table[row, REASON] = reason
    table[row, START] = start_ns
    table[row, RESPONSE] = response_ns
    table[row, RELEASE] = release_ns
    table[row, SERVED_BY] = served_by


@rule
def end_while_it_waits(
    rules: Rules, rows: Rows, state: State, number: int, attempt: int, at_ns: int, limit_ns: int
) -> int:
    """The row of `tries` of an attempt that timed out and keeps its place in the queue, with the next one entered.

    `NONE` if no other follows: in a closed population the client then thinks already.
    """
    next_ns = next_try_ns(rules.retrying, rules.retry_key, number, attempt, _TIMED_OUT, limit_ns)
    if next_ns == FOREVER:
        if rules.is_closed:
            send_next(rules, rows, state, number, limit_ns)
        return _NONE
    row = try_again(state, number, attempt, at_ns, next_ns)
    state.ends[number - state.counts[FIRST], OPEN] += 1
    tries = state.tries
    tries[row, OUTCOME] = _TIMED_OUT
    tries[row, REASON] = 0
    tries[row, START] = tries[row, RELEASE] = tries[row, SERVED_BY] = _NONE
    tries[row, RESPONSE] = limit_ns
    return row
