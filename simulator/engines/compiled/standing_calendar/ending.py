"""How attempts end: the row of the request, or a row of `tries` and another attempt (model.md 2 and 4.3)."""

from __future__ import annotations

import numpy as np

from simulator.engines.clients import GOLDEN, MIX_1, MIX_2
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.standing_calendar.due import add_moment
from simulator.engines.compiled.standing_calendar.kernels import kernel, rule
from simulator.engines.compiled.standing_calendar.rules import Rules
from simulator.engines.compiled.standing_calendar.state import (
    FIRST,
    MOMENTS,
    OPEN,
    OUTCOME,
    RANK_SHIFT,
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
    State,
)
from simulator.engines.tables import NONE, Outcome
from simulator.units import FOREVER

_NONE = int(NONE)
_THROTTLED, _TIMED_OUT = int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
_GOLDEN, _MIX_1, _MIX_2 = np.uint64(GOLDEN), np.uint64(MIX_1), np.uint64(MIX_2)
_11, _27, _30, _31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
#: The least double that no int64 holds any more: 2⁶³.
_TOO_MUCH = float(2**63)
#: Rank of an attempt that is made again (model.md 1).
RETRY = 55


@rule
def rounded(time: float) -> int:
    """Whole nanoseconds nearest to a time, half to even, 1 to `FOREVER`."""
    return FOREVER if time >= _TOO_MUCH else max(1, int(np.rint(time)))


@rule
def _mixed(state: np.uint64) -> np.uint64:
    """The output of SplitMix64 for a state."""
    state = (state ^ (state >> _30)) * _MIX_1
    state = (state ^ (state >> _27)) * _MIX_2
    return state ^ (state >> _31)


@kernel
def jitter(key: np.uint64, number: int, attempt: int) -> float:
    """`clients.jitter_draw`."""
    z = _mixed(key + _GOLDEN * np.uint64(number + 1))
    w = _mixed(z + _GOLDEN * np.uint64(attempt))
    return np.float64(w >> _11) * 2.0**-53


@rule
def try_again(rules: Rules, state: State, number: int, attempt: int, at_ns: int, bad_ns: int) -> int:
    """The new row of `tries`, with the next attempt entered; how this one ended is still to be written."""
    counts, tries = state.counts, state.tries
    delay = rules.delays_ns[attempt - 1]
    if rules.has_jitter:
        delay *= jitter(rules.retry_key, number, attempt)
    next_ns = plus(bad_ns, rounded(delay))
    if next_ns < FOREVER:
        add_moment(state.moments, counts[MOMENTS], next_ns, (RETRY << RANK_SHIFT) + number, 0, attempt + 1)
        counts[MOMENTS] += 1
    row = counts[TRIES]
    tries[row, TRIED] = number
    tries[row, TRY_ATTEMPT] = attempt
    tries[row, TRY_AT] = at_ns
    tries[row, TRY_NEXT] = next_ns
    counts[TRIES] = row + 1
    return int(row)


@rule
def is_tried_again(rules: Rules, attempt: int, outcome: int) -> bool:
    """Whether another attempt follows one that ends so."""
    return attempt < rules.attempts and (outcome == _THROTTLED or (rules.after_timeout and outcome == _TIMED_OUT))


@rule
def end_attempt(
    rules: Rules,
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
    if is_tried_again(rules, attempt, outcome):
        table = state.tries
        row = try_again(rules, state, number, attempt, at_ns, at_ns if outcome == _THROTTLED else response_ns)
    else:
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
def end_while_it_waits(rules: Rules, state: State, number: int, attempt: int, at_ns: int, limit_ns: int) -> int:
    """The row of `tries` of an attempt that timed out and keeps its place in the queue, with the next one entered."""
    row = try_again(rules, state, number, attempt, at_ns, limit_ns)
    state.ends[number - state.counts[FIRST], OPEN] += 1
    tries = state.tries
    tries[row, OUTCOME] = _TIMED_OUT
    tries[row, REASON] = 0
    tries[row, START] = tries[row, RELEASE] = tries[row, SERVED_BY] = _NONE
    tries[row, RESPONSE] = limit_ns
    return row
