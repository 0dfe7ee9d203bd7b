"""What varies between the pools that have a quota, and the columns of demand that they read."""

from __future__ import annotations

from typing import NamedTuple

from simulator.engines.clients import Patience
from simulator.engines.compiled.quota.buckets import MOST_DEBT
from simulator.engines.compiled.retrying import Retrying, retrying_of
from simulator.engines.compiled.rows import Column, column_of
from simulator.engines.pool import Pool
from simulator.engines.tables import Demand
from simulator.units import FOREVER


class Rules(NamedTuple):
    """A pool for kernels.

    Parameters
    ----------
    requests, tokens : int
        That flow in within a minute, and that the buckets hold.
    limits_requests, limits_tokens : bool
        Whether there is a limit of each.
    max_tokens, burndown, most_out : int
        Of the tokens of a response: reserved, what each takes, and the most of them that are told apart.
    timeout_ns : int
        `FOREVER` for none. [ns]
    answers_patience : bool
        Whether patience runs until the response.
    is_closed, until_ns, overhead_ns : bool, int, int
        Whether clients send when their last request has ended; as in `Population`.
    retrying : Retrying
    """

    requests: int
    tokens: int
    limits_requests: bool
    limits_tokens: bool
    max_tokens: int
    burndown: int
    most_out: int
    timeout_ns: int
    answers_patience: bool
    is_closed: bool
    until_ns: int
    overhead_ns: int
    retrying: Retrying


def rules_of(pool: Pool) -> Rules:
    """The rules of a pool that has a quota.

    Raises
    ------
    ValueError
        If it has none.
    """
    quota, population = pool.quota, pool.population
    if quota is None:
        raise ValueError("the pool has no quota")
    return Rules(
        requests=quota.requests_per_minute,
        tokens=quota.tokens_per_minute,
        limits_requests=quota.requests_per_minute < FOREVER,
        limits_tokens=quota.tokens_per_minute < FOREVER,
        max_tokens=quota.max_tokens,
        burndown=quota.burndown,
        most_out=MOST_DEBT // quota.burndown,
        timeout_ns=pool.timeout_ns,
        answers_patience=pool.patience is Patience.RESPONSE,
        is_closed=population is not None,
        until_ns=population.until_ns if population else 0,
        overhead_ns=population.overhead_ns if population else 0,
        retrying=retrying_of(pool.retries),
    )


class Rows(NamedTuple):
    """The columns of demand that these pools read; in a closed population they write the arrivals."""

    arrival_ns: Column
    service_ns: Column
    patience_ns: Column
    think_ns: Column
    tokens_in: Column
    tokens_out: Column


def rows_of(demand: Demand) -> Rows:
    """The columns for kernels; the arrivals are those of the demand if they may be written."""
    return Rows(*(column_of(demand, name) for name in Rows._fields))
