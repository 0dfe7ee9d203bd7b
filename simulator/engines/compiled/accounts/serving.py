"""The events of all pools of an account, in order of (time, rank, pool, number) (model.md 1, 3, 4.3 and 7.2).

An attempt is settled when it is made. What is still to come of it is its release, or the failure of its launch, and the
next attempt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.accounts.idle import put_idle, take_idle
from simulator.engines.compiled.accounts.kernels import kernel
from simulator.engines.compiled.accounts.state import (
    AFTER_TIMEOUT,
    ATTEMPTS,
    COUNTED,
    FIRST_DELAY,
    FIRST_STANDING,
    HAS_PATIENCE,
    INSTANCES,
    JITTER,
    MAX_CONCURRENCY,
    MOMENTS,
    NUMBER_BITS,
    OCCUPIED,
    ROUTING,
    ROWS,
    STANDING_IDLE,
    STARTUP_LIMIT,
    TIMEOUT,
    TO_ROW,
    TRIES,
    Rows,
    Rules,
    State,
)
from simulator.engines.compiled.moments import AT, ORDER, WHO, add_moment, drop_first, id_of, rank_of
from simulator.engines.compiled.on_demand import retirement_ns
from simulator.engines.compiled.retrying import Retrying, Tried, next_try_ns, write_try
from simulator.engines.compiled.rows import End, Table, answer, write_end
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

_NONE = int(NONE)
_THROTTLED, _TIMED_OUT = int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)
_NO_REASON, _CONCURRENCY = int(Reason.NONE), int(Reason.CONCURRENCY)
_RELEASE, _RETRY = 10, 55
_NUMBER = (1 << NUMBER_BITS) - 1

#: What `serve_account` returns if there is nothing left to do.
DONE = -1


@kernel
def serve_account(
    rules: Rules,
    rows: Rows,
    keys: NDArray[np.uint64],
    arrivals: NDArray[np.int64],
    until_ns: int,
    first: int,
    state: State,
    table: Table,
    tried: Tried,
) -> int:
    """The arrival to go on with if an array was short of room, before anything of an event happened; else `DONE`.

    Parameters
    ----------
    rules : Rules
    rows : Rows
    keys : ndarray of uint64, shape (pools,)
        Of the draws of `clients.jitter_draw`.
    arrivals : ndarray of int64, shape (n,)
        Rows of the requests that arrive, in order; all before `until_ns`.
    until_ns : int
        What happens before it happens. [ns]
    first : int
        The first of the arrivals that has not happened.
    state : State
    table : Table
        One row per row of demand.
    tried : Tried
        Numbers with the pool.
    """
    sizes, of_pools, moments = state.sizes, state.of_pools, state.moments
    gone_ns, links = state.gone_ns, state.links
    arrival, n = first, len(arrivals)
    while True:
        if sizes[MOMENTS] + 2 > len(moments) or sizes[TRIES] == len(tried.number) or sizes[ROWS] == len(gone_ns):
            return arrival
        next_ns = rows.arrival_ns[arrivals[arrival]] if arrival < n else until_ns - 1
        if sizes[MOMENTS] > 0 and moments[0, AT] <= next_ns:
            now_ns, rank, named, attempt = moments[0, AT], rank_of(moments), id_of(moments), moments[0, ORDER]
            instance = moments[0, WHO]
            sizes[MOMENTS] = drop_first(moments, sizes[MOMENTS])
            pool = named >> NUMBER_BITS
            if rank == _RELEASE:
                of_pools[pool, OCCUPIED] -= 1
                if instance < rules.standing:
                    top = rules.pools[pool, FIRST_STANDING] + of_pools[pool, STANDING_IDLE]
                    state.standing_idle[top] = instance
                    of_pools[pool, STANDING_IDLE] += 1
                else:
                    sizes[COUNTED] -= 1
                    # One that retires at its release is not idle for any attempt.
                    if now_ns < gone_ns[instance]:
                        put_idle(rules.pools[pool, ROUTING], of_pools, pool, links, instance)
                continue
            row = (named & _NUMBER) + of_pools[pool, TO_ROW]
        elif arrival < n:
            row, attempt = arrivals[arrival], 1
            now_ns, pool = rows.arrival_ns[row], rows.pool[row]
            named = (pool << NUMBER_BITS) | (row - of_pools[pool, TO_ROW])
            arrival += 1
        else:
            return DONE

        # Which place takes it.
        own = rules.pools[pool]
        place = _NONE
        is_cold = fails = False
        start_ns = now_ns
        reason = _CONCURRENCY
        if of_pools[pool, OCCUPIED] < own[MAX_CONCURRENCY]:
            if of_pools[pool, STANDING_IDLE] > 0:
                of_pools[pool, STANDING_IDLE] -= 1
                place = state.standing_idle[own[FIRST_STANDING] + of_pools[pool, STANDING_IDLE]]
                reason = _NO_REASON
            elif sizes[COUNTED] < rules.limit:
                place = take_idle(own[ROUTING], of_pools, pool, links, gone_ns, now_ns, rows.routing[row])
                sizes[COUNTED] += 1
                reason = _NO_REASON
                is_cold = place == _NONE
        if is_cold:
            place = sizes[ROWS]
            sizes[ROWS] += 1
            fails = rows.startup_ns[row] > own[STARTUP_LIMIT]
            start_ns = plus(now_ns, rows.startup_ns[row])
            state.pool_of[place] = pool
            state.numbers[place] = of_pools[pool, INSTANCES]
            of_pools[pool, INSTANCES] += 1
            state.launch_ns[place] = now_ns
            state.ready_ns[place] = _NONE if fails else start_ns
            state.life_over_ns[place] = plus(now_ns, rows.lifetime_ns[row])

        # How the attempt ends.
        outcome, instance, response_ns, release_ns = _THROTTLED, _NONE, _NONE, _NONE
        if place != _NONE:
            instance = state.numbers[place]
            of_pools[pool, OCCUPIED] += 1
            patience_ns = plus(now_ns, rows.patience_ns[row]) if own[HAS_PATIENCE] else FOREVER
            if fails:
                outcome, start_ns = _TIMED_OUT, _NONE
                release_ns = plus(now_ns, own[STARTUP_LIMIT])
                response_ns = min(release_ns, patience_ns)
                gone_ns[place] = release_ns
            else:
                release_ns = plus(start_ns, rows.service_ns[row])
                outcome, response_ns = answer(release_ns, min(plus(start_ns, own[TIMEOUT]), patience_ns))
                if place >= rules.standing:
                    gone_ns[place] = retirement_ns(release_ns, rows.idle_timeout_ns[row], state.life_over_ns[place])
            sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], release_ns, _RELEASE, named, attempt, place, _NONE)
        else:
            start_ns = _NONE
        end = End(outcome, reason, start_ns, response_ns, release_ns, instance, is_cold)
        ended_ns = now_ns if response_ns == _NONE else response_ns
        retrying = Retrying(
            own[ATTEMPTS], own[JITTER] == 1, own[AFTER_TIMEOUT] == 1, rules.delays_ns[own[FIRST_DELAY] :]
        )
        next_ns = next_try_ns(retrying, keys[pool], named & _NUMBER, attempt, outcome, ended_ns)
        if next_ns < FOREVER:
            write_try(tried, sizes[TRIES], named, now_ns, next_ns, end)
            sizes[TRIES] += 1
            sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], next_ns, _RETRY, named, attempt + 1, _NONE, _NONE)
        else:
            write_end(table, row, end)
