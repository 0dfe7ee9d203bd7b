"""Requests that a quota lets through or turns away: attempts, what they give back, and clients that send again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.engines.compiled.moments import AT, ORDER, VALUE, WHO, add_moment, drop_first, id_of, rank_of
from simulator.engines.compiled.quota.buckets import REQUESTS, TOKENS, WHOLE, Ints, give_back, look
from simulator.engines.compiled.quota.kernels import kernel, rule
from simulator.engines.compiled.quota.rules import Rows, Rules
from simulator.engines.compiled.retrying import Tried, next_try_ns, write_try
from simulator.engines.compiled.rows import End, Table, answer, write_end
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

_NONE = int(NONE)
_COMPLETED, _THROTTLED = int(Outcome.COMPLETED), int(Outcome.THROTTLED)
_NO_REASON, _QUOTA = int(Reason.NONE), int(Reason.QUOTA)
#: Ranks (model.md 1).
_RELEASE, RETRY, SEND = 10, 55, 60
#: Most moments that one event adds: a release, and another attempt or a sending.
MOST_ADDED = 2
#: Entries of `State.sizes`: moments and tries entered; the number of the first row of demand, and the first row that
#: has not come; when the last request came.
MOMENTS, TRIES, OLDEST, NEXT_ROW, LAST_NS, SIZES = range(6)


class State(NamedTuple):
    """What there is between two events.

    Parameters
    ----------
    sizes : ndarray of int64, shape (SIZES,)
    buckets : ndarray of int64, shape (2, 3)
        See `buckets`.
    moments : ndarray of int64, shape (k, 5)
        Releases, with what they give back; attempts that are made again, with the client; clients that send.
    """

    sizes: Ints
    buckets: Ints
    moments: Ints


@rule
def _is_let_through(rules: Rules, buckets: Ints, tokens_in: int, now_ns: int) -> bool:
    """Whether the quota has what an attempt needs, which is then taken."""
    needed = plus(tokens_in, rules.max_tokens)
    if rules.limits_requests and look(buckets, REQUESTS, rules.requests, now_ns) < 1:
        return False
    if rules.limits_tokens:
        if look(buckets, TOKENS, rules.tokens, now_ns) < needed:
            return False
        buckets[TOKENS, WHOLE] -= needed
    if rules.limits_requests:
        buckets[REQUESTS, WHOLE] -= 1
    return True


@rule
def _enter(state: State, at_ns: int, rank: int, number: int, order: int, who: int, value: int) -> None:
    """Enter a moment; there must be room."""
    sizes = state.sizes
    sizes[MOMENTS] = add_moment(state.moments, sizes[MOMENTS], at_ns, rank, number, order, who, value)


@kernel
def enter_first_sendings(state: State, first_sends_ns: Ints, until_ns: int) -> None:
    """Enter the first sending of each client that sends at all; there must be room."""
    for client in range(len(first_sends_ns)):
        if first_sends_ns[client] < until_ns:
            _enter(state, first_sends_ns[client], SEND, client, 0, _NONE, 0)


@kernel
def serve(rules: Rules, rows: Rows, key: np.uint64, drains: bool, state: State, table: Table, tried: Tried) -> bool:
    """Whether all has happened that can with the rows that there are; else an array is full.

    All before the last arrival happens; in a closed population all before the first sending without a row; if the
    pool is drained, all but more sendings. Row i of demand and of the table is the request with number `OLDEST` + i.
    """
    sizes, buckets, moments = state.sizes, state.buckets, state.moments
    retrying, arrival_ns = rules.retrying, rows.arrival_ns.values
    oldest, n = sizes[OLDEST], len(arrival_ns)
    while True:
        if (sizes[MOMENTS] + MOST_ADDED > len(moments)) | (sizes[TRIES] == len(tried.number)):
            return False

        # The next event, and the attempt that it is, if it is one.
        row = sizes[NEXT_ROW]
        number, attempt, client = oldest + row, 1, _NONE
        has_arrival = row < n and not rules.is_closed
        if sizes[MOMENTS] > 0 and (moments[0, AT] <= arrival_ns[row] if has_arrival else drains or rules.is_closed):
            now_ns, rank, value = moments[0, AT], rank_of(moments), moments[0, VALUE]
            if rank == SEND:
                if row == n and not drains:
                    return True
                client = id_of(moments)
            elif rank == RETRY:
                number, attempt, client = id_of(moments), moments[0, ORDER], moments[0, WHO]
            sizes[MOMENTS] = drop_first(moments, sizes[MOMENTS])
            if rank == _RELEASE:
                give_back(buckets, TOKENS, rules.tokens, value, now_ns)
                continue
            if rank == SEND:
                if drains:
                    continue
                arrival_ns[row] = now_ns
        elif has_arrival:
            now_ns, rank = arrival_ns[row], SEND
        else:
            return True
        if rank == SEND:
            sizes[NEXT_ROW], sizes[LAST_NS] = row + 1, now_ns
        row = number - oldest

        # How the attempt ends.
        outcome, reason, instance = _THROTTLED, _QUOTA, _NONE
        start_ns = response_ns = release_ns = _NONE
        ended_ns = now_ns
        if _is_let_through(rules, buckets, rows.tokens_in.values[row & rows.tokens_in.mask], now_ns):
            reason, instance, start_ns = _NO_REASON, 0, now_ns
            release_ns = plus(now_ns, rows.service_ns.values[row & rows.service_ns.mask])
            limit_ns = plus(now_ns, rules.timeout_ns)
            if rules.answers_patience:
                limit_ns = min(limit_ns, plus(now_ns, rows.patience_ns.values[row & rows.patience_ns.mask]))
            outcome, response_ns = answer(release_ns, limit_ns)
            ended_ns = response_ns
            tokens_out = min(rows.tokens_out.values[row & rows.tokens_out.mask], rules.most_out)
            unused = rules.max_tokens - tokens_out * rules.burndown
            if rules.limits_tokens and unused != 0 and release_ns < FOREVER:
                _enter(state, release_ns, _RELEASE, number, attempt, _NONE, unused)

        end = End(outcome, reason, start_ns, response_ns, release_ns, instance, False)
        next_ns = next_try_ns(retrying, key, number, attempt, outcome, ended_ns)
        if next_ns < FOREVER:
            write_try(tried, sizes[TRIES], number, now_ns, next_ns, end)
            sizes[TRIES] += 1
            _enter(state, next_ns, RETRY, number, attempt + 1, client, 0)
            continue
        write_end(table, row, end)
        if rules.is_closed:
            if outcome == _COMPLETED:
                ended_ns = plus(ended_ns, rules.overhead_ns)
            send_ns = plus(ended_ns, max(1, rows.think_ns.values[row & rows.think_ns.mask]))
            if send_ns < rules.until_ns:
                _enter(state, send_ns, SEND, client, 0, _NONE, 0)
