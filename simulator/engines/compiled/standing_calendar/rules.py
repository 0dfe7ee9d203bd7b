"""What varies between the pools of a calendar, and the columns of demand that they read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.engines.clients import Patience
from simulator.engines.compiled.retrying import Retrying, retrying_of
from simulator.engines.compiled.rows import Column
from simulator.engines.pool import OnGiveUp, OnTimeout, Pool, TimeoutFrom


class Rules(NamedTuple):
    """A pool for kernels.

    Parameters
    ----------
    places, routing, queue_limit, timeout_ns, time_to_live_ns, cores, waits_for_capacity : int or bool
        As in `Pool`.
    from_arrival, leaves_at_limit, stops : bool
        Of the timeout and of those who wait.
    has_patience, answers_patience : bool
        Whether patience runs while a request waits, and whether it runs until the response.
    most, delay_ns, growth : int, int, float
        Of batches; `most` is 1 without.
    retrying, retry_key : Retrying, uint64
        Of clients that try again.
    is_closed, sends_until_ns, overhead_ns : bool, int, int
        Whether there is a closed population; as in `Population`.
    """

    places: int
    routing: int
    queue_limit: int
    timeout_ns: int
    time_to_live_ns: int
    cores: int
    waits_for_capacity: bool
    from_arrival: bool
    leaves_at_limit: bool
    stops: bool
    has_patience: bool
    answers_patience: bool
    most: int
    delay_ns: int
    growth: float
    retrying: Retrying
    retry_key: np.uint64
    is_closed: bool
    sends_until_ns: int
    overhead_ns: int


def rules_of(pool: Pool) -> Rules:
    """The rules of a pool; the key of the draws is that of the demand, and 0 here."""
    batching, population = pool.batching, pool.population
    return Rules(
        places=pool.places,
        routing=int(pool.routing),
        queue_limit=pool.queue_limit,
        timeout_ns=pool.timeout_ns,
        time_to_live_ns=pool.time_to_live_ns,
        cores=pool.cores,
        waits_for_capacity=pool.waits_for_capacity,
        from_arrival=pool.timeout_from is TimeoutFrom.ARRIVAL,
        leaves_at_limit=pool.on_give_up is OnGiveUp.LEAVE,
        stops=pool.on_timeout is OnTimeout.STOP,
        has_patience=pool.patience is not Patience.NONE,
        answers_patience=pool.patience is Patience.RESPONSE,
        most=batching.most if batching else 1,
        delay_ns=batching.delay_ns if batching else 0,
        growth=batching.growth if batching else 0.0,
        retrying=retrying_of(pool.retries),
        retry_key=np.uint64(0),
        is_closed=population is not None,
        sends_until_ns=population.until_ns if population else 0,
        overhead_ns=population.overhead_ns if population else 0,
    )


class Rows(NamedTuple):
    """The columns of demand that these pools read; in a closed population, arrivals are written.

    Think times are those of a closed population, else one that is not looked at.
    """

    arrival_ns: Column
    service_ns: Column
    patience_ns: Column
    routing: Column
    think_ns: Column
