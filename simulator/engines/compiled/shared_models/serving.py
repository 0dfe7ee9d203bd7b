"""Attempts on instances that models share, each settled when it is made (model.md 7.1 and 4.3).

Service and load times are known and a queue is first in, first out: when an attempt is made it is settled which worker
takes it and when, or that it leaves before. One that leaves never takes a worker, so those behind it start as if it had
not come. What is still to come of an attempt is that it ceases to be outstanding, and that it is tried again.
"""

from __future__ import annotations

import numpy as np

from simulator.engines.clients import Patience
from simulator.engines.compiled.moments import AT, ORDER, VALUE, WHO, add_moment, drop_first, id_of, rank_of
from simulator.engines.compiled.retrying import Tried, next_try_ns, write_try
from simulator.engines.compiled.rows import End, Table, answer, write_end
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.shared_models.kernels import kernel
from simulator.engines.compiled.shared_models.memory import add_outstanding, drop_outstanding, load, use
from simulator.engines.compiled.shared_models.routes import instance_for
from simulator.engines.compiled.shared_models.state import MOMENTS, OLDEST, TRIES, Rows, Rules, State
from simulator.engines.compiled.workers import occupy_first_free
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

_NONE = int(NONE)
_THROTTLED, _TIMED_OUT = int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
_NO_REASON, _QUEUE_FULL, _NO_CAPACITY = int(Reason.NONE), int(Reason.QUEUE_FULL), int(Reason.NO_CAPACITY)
_DEPARTURE, _RETRY = 10, 55
_NO_PATIENCE, _FOR_RESPONSE = int(Patience.NONE), int(Patience.RESPONSE)

#: What `serve_models` returns if there is nothing left to do.
DONE = -1


@kernel
def serve_models(
    rules: Rules, rows: Rows, key: np.uint64, drains: bool, first: int, state: State, table: Table, tried: Tried
) -> int:
    """The row of demand to go on with if an array was short of room, before anything of an event happened.

    `DONE` if none was: all that happens before the last arrival has happened, and that, or, if it drains, everything.
    Row i of the table is the request with number `OLDEST` + i.
    """
    sizes, moments = state.sizes, state.moments
    retrying, arrival_ns = rules.retrying, rows.arrival_ns.values
    oldest, n = sizes[OLDEST], len(arrival_ns)
    next_row = first
    while True:
        # An attempt adds two moments at most, its departure and the next attempt.
        if sizes[MOMENTS] + 2 > len(moments) or sizes[TRIES] == len(tried.number):
            return next_row
        if sizes[MOMENTS] > 0 and (
            moments[0, AT] <= arrival_ns[next_row] if next_row < n else drains and moments[0, AT] < FOREVER
        ):
            now_ns, rank, number, attempt = moments[0, AT], rank_of(moments), id_of(moments), moments[0, ORDER]
            who, value = moments[0, WHO], moments[0, VALUE]
            sizes[MOMENTS] = drop_first(moments, sizes[MOMENTS])
            if rank == _DEPARTURE:
                drop_outstanding(rules, state, who, value)
                continue
        elif next_row < n:
            now_ns, number, attempt = arrival_ns[next_row], oldest + next_row, 1
            next_row += 1
        else:
            return DONE
        row = number - oldest
        model = rows.model.values[row & rows.model.mask]
        patience_ns = FOREVER
        if rules.patience != _NO_PATIENCE:
            patience_ns = plus(now_ns, rows.patience_ns.values[row & rows.patience_ns.mask])

        outcome, reason, is_cold = _THROTTLED, _NO_REASON, False
        start_ns = response_ns = release_ns = served_by = _NONE
        instance = instance_for(rules, state, model)
        if instance == _NONE:
            reason = _NO_CAPACITY
        elif state.outstanding[instance] - rules.places >= rules.queue_limit:
            # Nobody waits while a worker is free, so those beyond the number of workers are those that wait.
            reason = _QUEUE_FULL
        if reason == _NO_REASON:
            is_cold = state.loaded_ns[model, instance] == _NONE
            if is_cold:
                load(rules, state, instance, model, now_ns)
            else:
                use(state, instance, model)
            add_outstanding(rules, state, instance, model)
            taken_ns = max(now_ns, state.free_ns[instance * rules.places])
            limit_ns = min(patience_ns, plus(now_ns, rules.timeout_ns) if rules.from_arrival else FOREVER)
            if taken_ns == FOREVER and limit_ns == FOREVER:
                # It waits for ever, and is never decided.
                continue
            if taken_ns > limit_ns:
                outcome = _TIMED_OUT
                departure_ns = response_ns = limit_ns
            else:
                served_by = instance
                start_ns = max(taken_ns, state.loaded_ns[model, instance])
                release_ns = departure_ns = plus(start_ns, rows.service_ns.values[row & rows.service_ns.mask])
                limit_ns = plus(now_ns if rules.from_arrival else start_ns, rules.timeout_ns)
                if rules.patience == _FOR_RESPONSE:
                    limit_ns = min(limit_ns, patience_ns)
                outcome, response_ns = answer(release_ns, limit_ns)
                occupy_first_free(state.free_ns, instance, rules.places, release_ns)
            sizes[MOMENTS] = add_moment(
                moments, sizes[MOMENTS], departure_ns, _DEPARTURE, number, attempt, instance, model
            )

        end = End(outcome, reason, start_ns, response_ns, release_ns, served_by, is_cold)
        ended_ns = now_ns if response_ns == _NONE else response_ns
        next_ns = next_try_ns(retrying, key, number, attempt, outcome, ended_ns)
        if next_ns < FOREVER:
            write_try(tried, sizes[TRIES], number, now_ns, next_ns, end)
            sizes[TRIES] += 1
            sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], next_ns, _RETRY, number, attempt + 1, _NONE, _NONE)
        else:
            write_end(table, row, end)
