"""What varies between pools that launch, the columns of demand they look at, and their rate limits, for kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience
from simulator.engines.compiled.launching_calendar.kernels import rule
from simulator.engines.compiled.retrying import Retrying, retrying_of
from simulator.engines.compiled.rows import Column, column_of
from simulator.engines.pool import AtLimit, Bucket, OnTimeout, Pool, WaitingRequests
from simulator.engines.tables import Demand
from simulator.units import FOREVER


class Rules(NamedTuple):
    """One pool.

    Parameters
    ----------
    standing, places, routing, max_concurrency, startup_limit_ns, timeout_ns, queue_limit : int
        As in `Pool`.
    queues, is_bound, stops : bool
        Whether it queues at the limit; whether requests are bound to the instance launched for them; whether a service
        that passes the timeout is stopped.
    patience : int
        `Patience`.
    request_burst, request_interval_ns, launch_burst, launch_interval_ns : int
        The buckets; a burst of 0 for none.
    retrying : Retrying
    follows_load, counts_spillover : bool
        Whether scaling changes the provisioned instances, and whether requests on others count for its metrics.
    is_closed : bool
        Whether requests come from a closed population.
    sends_until_ns, overhead_ns : int
        Of the population. [ns]
    """

    standing: int
    places: int
    routing: int
    max_concurrency: int
    startup_limit_ns: int
    timeout_ns: int
    queue_limit: int
    queues: bool
    is_bound: bool
    stops: bool
    patience: int
    request_burst: int
    request_interval_ns: int
    launch_burst: int
    launch_interval_ns: int
    retrying: Retrying
    follows_load: bool
    counts_spillover: bool
    is_closed: bool
    sends_until_ns: int
    overhead_ns: int


def rules_of(pool: Pool) -> Rules:
    """Those of a pool that launches."""
    return Rules(
        standing=pool.standing,
        places=pool.places,
        routing=int(pool.routing),
        max_concurrency=pool.max_concurrency,
        startup_limit_ns=pool.startup_limit_ns,
        timeout_ns=pool.timeout_ns,
        queue_limit=pool.queue_limit,
        queues=pool.at_limit is AtLimit.QUEUE,
        is_bound=pool.waiting_requests is WaitingRequests.BOUND,
        stops=pool.on_timeout is OnTimeout.STOP,
        patience=int(pool.patience),
        request_burst=_burst(pool.request_rate),
        request_interval_ns=_interval_ns(pool.request_rate),
        launch_burst=_burst(pool.launch_rate),
        launch_interval_ns=_interval_ns(pool.launch_rate),
        retrying=retrying_of(pool.retries),
        follows_load=pool.scaling is not None,
        counts_spillover=pool.scaling is not None and pool.scaling.counts_spillover,
        is_closed=pool.population is not None,
        sends_until_ns=min(pool.population.until_ns, FOREVER) if pool.population else 0,
        overhead_ns=min(pool.population.overhead_ns, FOREVER) if pool.population else 0,
    )


def _burst(bucket: Bucket | None) -> int:
    return 0 if bucket is None else min(bucket.burst, FOREVER)


def _interval_ns(bucket: Bucket | None) -> int:
    return 1 if bucket is None else min(bucket.interval_ns, FOREVER)


class Rows(NamedTuple):
    """The columns of demand that matter here, and the client that has sent each request of a closed population."""

    arrival_ns: Column
    service_ns: Column
    startup_ns: Column
    idle_timeout_ns: Column
    lifetime_ns: Column
    routing: Column
    patience_ns: Column
    think_ns: Column
    senders: NDArray[np.int64]


#: Columns that are looked at only where there is something to see.
_SELDOM = ("patience_ns", "think_ns")


def rows_of(demand: Demand, rules: Rules, senders: NDArray[np.int64]) -> Rows:
    """The columns of a demand; patience and thinking are not looked at where there is none."""
    seen = (rules.patience != Patience.NONE, rules.is_closed)
    columns = {name: column_of(demand, name) for name in Rows._fields if name not in (*_SELDOM, "senders")}
    for name, is_seen in zip(_SELDOM, seen, strict=True):
        columns[name] = column_of(demand, name) if is_seen else Column(np.array([FOREVER]), 0)
    return Rows(**columns, senders=senders)


#: Rows of `buckets`, and columns: whole tokens, what there is of the next one [ns], and when that was reckoned [ns].
REQUEST_RATE, LAUNCH_RATE = range(2)
_TOKENS, _PART_NS, _SEEN_NS = range(3)


def full_buckets(rules: Rules) -> NDArray[np.int64]:
    """Both buckets at time 0."""
    return np.array([[rules.request_burst, 0, 0], [rules.launch_burst, 0, 0]], np.int64)


@rule
def takes_token(buckets: NDArray[np.int64], bucket: int, burst: int, interval_ns: int, now_ns: int) -> bool:
    """Whether there is a token, which is spent; a burst of 0 is no limit.

    Tokens · interval + part is the credit of the rule; apart they stay whole numbers of 64 bits, whatever the burst.
    """
    if burst == 0:
        return True
    tokens, part_ns = buckets[bucket, _TOKENS], buckets[bucket, _PART_NS]
    elapsed_ns = now_ns - buckets[bucket, _SEEN_NS]
    gained = elapsed_ns // interval_ns
    rest_ns = elapsed_ns - gained * interval_ns
    if part_ns >= interval_ns - rest_ns:
        gained += 1
        part_ns -= interval_ns - rest_ns
    else:
        part_ns += rest_ns
    if gained >= burst - tokens:
        tokens = burst
        part_ns = 0
    else:
        tokens += gained
    is_there = tokens > 0
    buckets[bucket, _TOKENS] = tokens - is_there
    buckets[bucket, _PART_NS] = part_ns
    buckets[bucket, _SEEN_NS] = now_ns
    return bool(is_there)
