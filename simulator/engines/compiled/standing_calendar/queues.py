"""Who waits and who is held: the queues, and the counts that follow each change of them."""

from __future__ import annotations

from simulator.engines.compiled.outstanding import change_held
from simulator.engines.compiled.standing_calendar.kernels import rule
from simulator.engines.compiled.standing_calendar.rules import Rules
from simulator.engines.compiled.standing_calendar.state import (
    DRAINING,
    GONE,
    HEAD,
    HELD,
    LENGTH,
    LOAD,
    NEXT,
    POSITION,
    PREVIOUS,
    STATUS,
    TAIL,
    UNUSED,
    UNUSED_ROW,
    WAITING,
    State,
)
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE

_NONE = int(NONE)
_LEAST_OUTSTANDING = int(Routing.LEAST_OUTSTANDING_REQUESTS)


@rule
def join_queue(state: State, queue: int, row: int) -> None:
    """Put an attempt at the end of the queue before an instance (0: the central one)."""
    attempts, instances = state.attempts, state.instances
    tail = instances[queue, TAIL]
    attempts[row, STATUS] = WAITING
    attempts[row, PREVIOUS] = tail
    attempts[row, NEXT] = _NONE
    if tail == _NONE:
        instances[queue, HEAD] = row
    else:
        attempts[tail, NEXT] = row
    instances[queue, TAIL] = row
    instances[queue, LENGTH] += 1


@rule
def leave_queue(state: State, queue: int, row: int) -> None:
    """Take an attempt out of the queue before an instance (0: the central one), wherever it stands in it."""
    attempts, instances = state.attempts, state.instances
    before, behind = attempts[row, PREVIOUS], attempts[row, NEXT]
    if before == _NONE:
        instances[queue, HEAD] = behind
    else:
        attempts[before, NEXT] = behind
    if behind == _NONE:
        instances[queue, TAIL] = before
    else:
        attempts[behind, PREVIOUS] = before
    instances[queue, LENGTH] -= 1


@rule
def hold(rules: Rules, state: State, instance: int, change: int) -> None:
    """An instance holds one attempt more (1) or fewer (-1), which wait before it or are in a worker."""
    instances = state.instances
    instances[instance, HELD] += change
    if rules.routing == _LEAST_OUTSTANDING and instances[instance, POSITION] >= 0:
        change_held(state.held, state.least, state.sharing, instances[instance, POSITION], change)


@rule
def let_go(rules: Rules, state: State, instance: int, now_ns: int) -> None:
    """An instance holds one attempt fewer; if it drains, it may be gone."""
    instances = state.instances
    hold(rules, state, instance, -1)
    if instances[instance, POSITION] >= 0:
        state.counts[LOAD] -= 1
    elif instances[instance, HELD] == 0 and instances[instance, POSITION] == DRAINING:
        instances[instance, GONE] = now_ns


@rule
def free_row(state: State, row: int) -> None:
    """An attempt is over: its row may be used again."""
    state.attempts[row, STATUS] = UNUSED
    state.attempts[row, NEXT] = state.counts[UNUSED_ROW]
    state.counts[UNUSED_ROW] = row
