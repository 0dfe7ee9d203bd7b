"""What the queues of a pool that scales hold between two arrivals, and what varies between such pools.

A *slot* holds an instance that lives, in service or not; a *position* is the place of one in service in the order of
numbers, which is what routing draws.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.outstanding import none_outstanding
from simulator.engines.compiled.releases import room_for_releases
from simulator.engines.compiled.rows import Column
from simulator.engines.compiled.settling import Terms, terms_of
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Metric
from simulator.units import FOREVER

Ints = NDArray[np.int64]

#: Entries of `counts`: instances in service; departures still to come, near and far; samples taken; the next end of a
#: period; the latest start of a service.
SERVING, NEAR_ONES, FAR_ONES, SAMPLES, SAMPLE_AT, LATEST_START, COUNTS = range(7)
#: What `positions` says of an instance that is not in service.
NOT_IN_SERVICE = -1

_OF_REQUESTS_HELD = frozenset({Metric.CONCURRENT_REQUESTS_PER_INSTANCE, Metric.BACKLOG_PER_INSTANCE})
_QUEUE_ROOM = 64


class Rules(NamedTuple):
    """A pool for kernels.

    Parameters
    ----------
    terms : Terms
    by_outstanding : bool
        Of routing.
    keeps_departures : bool
        Whether anything asks how many requests an instance holds.
    """

    terms: Terms
    by_outstanding: bool
    keeps_departures: bool


class Rows(NamedTuple):
    """The columns of demand that these pools read."""

    arrival_ns: Column
    service_ns: Column
    routing: Column


class State(NamedTuple):
    """The arrays of such a pool; kernels change them, and Python replaces those that are full.

    Parameters
    ----------
    counts : ndarray of int64, shape (COUNTS,)
    numbers, positions : ndarray of int64, shape (slots,)
        Number of the instance, and its position.
    slots : ndarray of int64, shape (slots,)
        By position.
    free_ns : ndarray of int64, shape (slots · places,)
        See `workers`. [ns]
    leaves_ns, tails : ndarray of int64, shapes (slots, capacity) and (slots,)
        See `waiting`. [ns]
    held, least, sharing : ndarray of int64
        See `outstanding`, by position; only for least outstanding requests.
    depart_ns, departs_from : ndarray of int64, shape (d,)
        When requests cease to be outstanding, released or off the queue, and their slots. In order for least
        outstanding requests, see `releases`; for points alone they stand as they came, all of them as far ones. [ns]
    no_order : ndarray of int64, shape (slots,)
        Zeros: departures of one instant have no order, as they only count down.
    series : ndarray of int64, shape (policies, 4)
        The current period of each policy's metric, see `sampling`.
    shares : ndarray of float64, shape (policies,)
        Sums of 1/(instances in service) over the attempts of the period.
    samples, sampled_shares : ndarray of int64, shape (s, 3), and of float64, shape (s,)
        Periods that are over.
    """

    counts: Ints
    numbers: Ints
    positions: Ints
    slots: Ints
    free_ns: Ints
    leaves_ns: Ints
    tails: Ints
    held: Ints
    least: Ints
    sharing: Ints
    depart_ns: Ints
    departs_from: Ints
    no_order: Ints
    series: Ints
    shares: NDArray[np.float64]
    samples: Ints
    sampled_shares: NDArray[np.float64]


def rules_of(pool: Pool) -> Rules:
    """The rules of a pool that scales."""
    by_outstanding = pool.routing is Routing.LEAST_OUTSTANDING_REQUESTS
    policies = pool.scaling.policies if pool.scaling else ()
    return Rules(
        terms=terms_of(pool),
        by_outstanding=by_outstanding,
        keeps_departures=by_outstanding or any(policy.metric in _OF_REQUESTS_HELD for policy in policies),
    )


def empty_state(pool: Pool, room: int) -> State:
    """Arrays without instances and requests, with room for one instance."""
    policies = pool.scaling.policies if pool.scaling else ()
    counts = np.zeros(COUNTS, np.int64)
    counts[SAMPLE_AT] = FOREVER
    of_slots = {name: np.zeros(1, np.int64) for name in ("numbers", "positions", "slots", "tails", "no_order")}
    return State(
        counts=counts,
        **of_slots,
        free_ns=np.zeros(pool.places, np.int64),
        leaves_ns=np.zeros((1, min(room, _QUEUE_ROOM)), np.int64),
        **dict(zip(("held", "least", "sharing"), none_outstanding(1), strict=True)),
        depart_ns=np.zeros(room_for_releases(room), np.int64),
        departs_from=np.zeros(room_for_releases(room), np.int64),
        series=np.zeros((len(policies), 4), np.int64),
        shares=np.zeros(len(policies), np.float64),
        samples=np.zeros((room, 3), np.int64),
        sampled_shares=np.zeros(room, np.float64),
    )
