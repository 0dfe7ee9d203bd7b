"""The event calendar of a pool of standing instances (model.md 1, 4, 4.1)."""

from __future__ import annotations

import numpy as np

from simulator.engines.compiled.lowest_first import add_number, take_lowest
from simulator.engines.compiled.moments import AT as DUE_AT
from simulator.engines.compiled.moments import ORDER, WHO, id_of, rank_of
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.standing_calendar.attempts import (
    GIVE_UP,
    enter_limits,
    make_attempt,
    reach_limit,
    still_waits,
)
from simulator.engines.compiled.standing_calendar.due import add_release, drop_moment, drop_release
from simulator.engines.compiled.standing_calendar.ending import RETRY, end_attempt
from simulator.engines.compiled.standing_calendar.kernels import kernel, rule
from simulator.engines.compiled.standing_calendar.points import sample_points
from simulator.engines.compiled.standing_calendar.queues import free_row, hold, leave_queue, let_go
from simulator.engines.compiled.standing_calendar.rules import Rows, Rules
from simulator.engines.compiled.standing_calendar.state import (
    AT,
    ATTEMPT,
    BUSY,
    CLIENT,
    FIRST,
    FREE,
    HEAD,
    IN_SERVICE,
    INSTANCE,
    IS_FREE,
    JUST_READY,
    LENGTH,
    LIMIT,
    MOMENTS,
    NEXT,
    NEXT_ROW,
    NOW,
    NUMBER,
    NUMBERED,
    OCCUPYING,
    OPEN,
    POSITION,
    RELEASE,
    RELEASES,
    SAMPLE_AT,
    SAMPLES,
    SERVED_BY,
    START,
    STATUS,
    TRIES,
    TRY,
    UNUSED_ROW,
    WAITING,
    State,
)
from simulator.engines.pool import Routing
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

_NONE = int(NONE)
_CENTRAL = int(Routing.CENTRAL_QUEUE)
_COMPLETED, _TIMED_OUT, _NO_REASON = int(Outcome.COMPLETED), int(Outcome.TIMED_OUT), int(Reason.NONE)
#: Ranks (model.md 1).
RELEASED, READY_RANK, ARRIVAL, NEVER = 10, 20, 60, 61
#: The least time in double precision that int64 does not hold.
_TOO_LONG = 2.0**63
#: Why the kernel came back.
DONE, STOPPED, FULL = 0, 1, 2


@rule
def _rounded(time: float) -> int:
    """Whole nanoseconds nearest to a time, half to even, 1 to `FOREVER`."""
    return FOREVER if time >= _TOO_LONG else max(1, int(np.rint(time)))


@rule
def _duration_ns(rules: Rules, rows: Rows, state: State, head: int, size: int, busy: int) -> int:
    """How long a worker serves the first `size` attempts from `head` on, as the `busy`-th of its instance."""
    values, mask = rows.service_ns
    attempts, first = state.attempts, state.counts[FIRST]
    longest_ns = values[(attempts[head, NUMBER] - first) & mask]
    if rules.most > 1:
        row = head
        for _ in range(size - 1):
            row = attempts[row, NEXT]
            longest_ns = max(longest_ns, values[(attempts[row, NUMBER] - first) & mask])
        return _rounded(longest_ns * (1.0 + rules.growth * (size - 1)))
    if rules.cores > 0:
        return _rounded(longest_ns * max(1.0, busy / rules.cores))
    return int(longest_ns)


@rule
def _last_released(state: State, head: int, size: int) -> int:
    """Which of a batch is released last in its instant: the latest attempt of the highest number."""
    attempts = state.attempts
    last = row = head
    for _ in range(size - 1):
        row = attempts[row, NEXT]
        number, highest = attempts[row, NUMBER], attempts[last, NUMBER]
        if number > highest or (number == highest and attempts[row, ATTEMPT] > attempts[last, ATTEMPT]):
            last = row
    return int(last)


@rule
def _start(
    rules: Rules, rows: Rows, state: State, row: int, instance: int, duration_ns: int, now_ns: int, rank: int
) -> None:
    """A worker takes an attempt: all that becomes of it is known."""
    counts, attempts = state.counts, state.attempts
    number, attempt, at_ns, passed_ns = (
        attempts[row, NUMBER],
        attempts[row, ATTEMPT],
        attempts[row, AT],
        attempts[row, LIMIT],
    )
    end_ns = plus(now_ns, duration_ns)
    timeout_ns = plus(at_ns if rules.from_arrival else now_ns, rules.timeout_ns)
    limit_ns = timeout_ns
    if rules.answers_patience:
        limit_ns = min(limit_ns, plus(at_ns, rows.patience_ns.values[(number - counts[FIRST]) & rows.patience_ns.mask]))
    release_ns = max(now_ns, timeout_ns) if rules.stops and end_ns > timeout_ns else end_ns
    outcome, response_ns = _TIMED_OUT, limit_ns
    if passed_ns < now_ns or (passed_ns == now_ns and rank > GIVE_UP):
        # It timed out while it waited, and is served for nobody.
        response_ns = passed_ns
    elif end_ns <= limit_ns:
        outcome, response_ns = _COMPLETED, end_ns
    number_of_instance = state.instances[instance, NUMBERED]
    tried = attempts[row, TRY]
    if tried != _NONE:
        state.tries[tried, START] = now_ns
        state.tries[tried, RELEASE] = release_ns
        state.tries[tried, SERVED_BY] = number_of_instance
        state.ends[number - counts[FIRST], OPEN] -= 1
    else:
        end_attempt(
            rules,
            rows,
            state,
            number,
            attempt,
            at_ns,
            outcome,
            _NO_REASON,
            now_ns,
            response_ns,
            release_ns,
            number_of_instance,
        )
    attempts[row, INSTANCE] = instance
    if release_ns < FOREVER:
        add_release(state.release_ns, state.released, counts[RELEASES], release_ns, row, attempts)
        counts[RELEASES] += 1


@rule
def _serve(rules: Rules, rows: Rows, state: State, instance: int, at_once: int, now_ns: int, rank: int) -> None:
    """The free workers of an instance take an attempt that does not wait (or `NONE`), or from the queue."""
    counts, attempts, instances = state.counts, state.attempts, state.instances
    is_central = rules.routing == _CENTRAL
    queue = 0 if is_central else instance
    is_draining = instances[instance, POSITION] < 0
    while instances[instance, BUSY] < rules.places:
        head, size = at_once, 1
        if at_once == _NONE:
            length = instances[queue, LENGTH]
            if length == 0 or (is_central and is_draining):
                break
            head = instances[queue, HEAD]
            size = min(length, rules.most)
            if size < rules.most and now_ns - attempts[head, AT] < rules.delay_ns:
                break
        instances[instance, BUSY] += 1
        duration_ns = _duration_ns(rules, rows, state, head, size, instances[instance, BUSY])
        last = _last_released(state, head, size)
        row = head
        for _ in range(size):
            behind = attempts[row, NEXT]
            if at_once == _NONE:
                leave_queue(state, queue, row)
                if is_central:
                    hold(rules, state, instance, 1)
            attempts[row, STATUS] = OCCUPYING if row == last else IN_SERVICE
            _start(rules, rows, state, row, instance, duration_ns, now_ns, rank)
            row = behind
        at_once = _NONE
    if is_central and not is_draining:
        # The free heap holds each instance in service with a free worker; one that has just filled up was its first.
        has_free = instances[instance, BUSY] < rules.places
        if has_free and not instances[instance, IS_FREE]:
            add_number(state.free, counts[FREE], instances[instance, POSITION])
            counts[FREE] += 1
            instances[instance, IS_FREE] = 1
        elif not has_free and instances[instance, IS_FREE]:
            take_lowest(state.free, counts[FREE])
            counts[FREE] -= 1
            instances[instance, IS_FREE] = 0


@rule
def _lacks_room(rules: Rules, state: State) -> bool:
    """Whether one event might not find room for all that it enters."""
    counts = state.counts
    started = rules.places * rules.most
    return bool(
        counts[UNUSED_ROW] == _NONE
        or counts[MOMENTS] + started + 3 > len(state.moments)
        or counts[TRIES] + started + 1 > len(state.tries)
        or counts[SAMPLES] + len(state.series) > len(state.samples)
    )


@kernel
def run_calendar(rules: Rules, rows: Rows, state: State, until_ns: int, until_rank: int, is_last: bool) -> int:
    """Why the kernel came back: an array is full, an instant or rank is reached, or all that is known has happened.

    All before the next arrival happens; after the last row only what comes before the end, if `is_last`. In a closed
    population all before the first sending for which there is no row; if `is_last`, all but more sendings.
    """
    counts, attempts, instances, moments = state.counts, state.attempts, state.instances, state.moments
    arrival_ns = rows.arrival_ns.values
    while True:
        if _lacks_room(rules, state):
            return FULL
        instance, at_once, joined = counts[JUST_READY], _NONE, _NONE
        now_ns, rank = counts[NOW], READY_RANK
        if instance != _NONE:
            counts[JUST_READY] = _NONE
        else:
            row = counts[NEXT_ROW]
            now_ns, rank = FOREVER, NEVER
            if not rules.is_closed:
                if row < len(arrival_ns):
                    now_ns, rank = arrival_ns[row], ARRIVAL
                elif not is_last:
                    return DONE
            if counts[MOMENTS] > 0 and moments[0, DUE_AT] <= now_ns:
                now_ns, rank = moments[0, DUE_AT], rank_of(moments)
            if counts[RELEASES] > 0 and state.release_ns[0] <= now_ns:
                now_ns, rank = state.release_ns[0], RELEASED
            if counts[SAMPLE_AT] <= now_ns and counts[SAMPLE_AT] <= until_ns and min(now_ns, until_ns) < FOREVER:
                # Just before any event of the instant.
                sample_points(state)
                continue
            if now_ns > until_ns or (now_ns == until_ns and rank >= until_rank):
                return STOPPED
            if rank == NEVER:
                return DONE

            if rank == RELEASED:
                released = state.released[0]
                drop_release(state.release_ns, state.released, counts[RELEASES], attempts)
                counts[RELEASES] -= 1
                served_by = attempts[released, INSTANCE]
                let_go(rules, state, served_by, now_ns)
                if attempts[released, STATUS] == OCCUPYING:
                    instances[served_by, BUSY] -= 1
                    instance = served_by
                free_row(state, released)
            elif rank in (ARRIVAL, RETRY):
                number, attempt = row + counts[FIRST], 1
                if rank == RETRY:
                    number, attempt = id_of(moments), moments[0, WHO]
                    counts[MOMENTS] = drop_moment(moments, counts[MOMENTS])
                else:
                    if rules.is_closed:
                        if row == len(arrival_ns) and not is_last:
                            return DONE
                        client = id_of(moments)
                        counts[MOMENTS] = drop_moment(moments, counts[MOMENTS])
                        if is_last:
                            continue
                        arrival_ns[row] = now_ns
                        state.ends[row, CLIENT] = client
                    counts[NEXT_ROW] = row + 1
                instance, at_once, joined = make_attempt(rules, rows, state, number, attempt, now_ns)
            else:
                waits, serial = moments[0, WHO], moments[0, ORDER]
                counts[MOMENTS] = drop_moment(moments, counts[MOMENTS])
                if still_waits(state, waits, serial):
                    if rank == GIVE_UP:
                        reach_limit(rules, rows, state, waits, now_ns)
                    elif instances[attempts[waits, INSTANCE], HEAD] == waits:
                        instance = attempts[waits, INSTANCE]
        if instance != _NONE:
            _serve(rules, rows, state, instance, at_once, now_ns, rank)
        if joined != _NONE and attempts[joined, STATUS] == WAITING:
            enter_limits(rules, rows, state, joined, now_ns)
