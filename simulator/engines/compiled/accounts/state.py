"""What varies between the pools of an account, and what they hold between two attempts.

Instances of all pools have one row each: first the standing ones of all pools in order, then the others in the order in
which they were launched. So rows of one pool are in order of number. Now and then those that are gone are given away,
and the others move down in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.clients import Patience
from simulator.engines.compiled.moments import no_moments
from simulator.engines.compiled.retrying import retrying_of
from simulator.engines.pool import Pool
from simulator.engines.tables import NONE
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NONE = int(NONE)

#: A request or instance of any pool has one number: that in its own pool, and the pool above these bits.
NUMBER_BITS = 40
MOST_POOLS = 1 << 16

# Columns of `Rules.pools`: as in `Pool`; where the stack of standing instances begins; whether patience is for the
# response; as in `Retries`; where the delays of retries begin.
STANDING, ROUTING, MAX_CONCURRENCY, STARTUP_LIMIT, TIMEOUT, FIRST_STANDING, HAS_PATIENCE = range(7)
ATTEMPTS, JITTER, AFTER_TIMEOUT, FIRST_DELAY = range(7, 11)

# Columns of `State.of_pools`: places occupied; standing instances that are idle; first and last of the idle on-demand
# ones; instances so far; what has to be added to the number of a request to have its row.
OCCUPIED, STANDING_IDLE, IDLE_FIRST, IDLE_LAST, INSTANCES, TO_ROW = range(6)

# Entries of `State.sizes`: moments, tries and rows of instances in use; places that count towards the limit.
MOMENTS, TRIES, ROWS, COUNTED = range(4)


class Rules(NamedTuple):
    """The account.

    Parameters
    ----------
    limit : int
        Of places that count.
    pools : ndarray of int64, shape (pools, 11)
        By the columns above.
    delays_ns : ndarray of float64
        `Retrying.delays_ns` of each pool, one after another.
    standing : int
        Standing instances of all pools.
    """

    limit: int
    pools: Ints
    delays_ns: NDArray[np.float64]
    standing: int


def rules_of(pools: Sequence[Pool], limit: int) -> Rules:
    """Those of some pools that launch."""
    rows, delays_ns = [], []
    standing = delays = 0
    for pool in pools:
        retrying = retrying_of(pool.retries)
        has_patience = pool.patience is Patience.RESPONSE
        own = (pool.standing, pool.routing, pool.max_concurrency, pool.startup_limit_ns, pool.timeout_ns)
        again = (retrying.attempts, retrying.jitter, retrying.after_timeout)
        rows.append([int(value) for value in (*own, standing, has_patience, *again, delays)])
        delays_ns.append(retrying.delays_ns)
        standing += pool.standing
        delays += len(retrying.delays_ns)
    return Rules(
        limit=min(limit, FOREVER),
        pools=np.array(rows, np.int64).reshape(-1, 11),
        delays_ns=np.concatenate([np.zeros(0), *delays_ns]),
        standing=standing,
    )


class Rows(NamedTuple):
    """The columns of demand that matter here, of the requests held of all pools, those of one pool together.

    `pool` is whose request it is.
    """

    arrival_ns: Ints
    service_ns: Ints
    startup_ns: Ints
    idle_timeout_ns: Ints
    lifetime_ns: Ints
    routing: NDArray[np.float64]
    patience_ns: Ints
    pool: Ints


class State(NamedTuple):
    """The arrays.

    Parameters
    ----------
    sizes : ndarray of int64, shape (4,)
        Single numbers, by the names above.
    of_pools : ndarray of int64, shape (pools, 6)
        By the columns above.
    moments : ndarray of int64, shape (capacity, 5)
        See `compiled.moments`; the id is the number of the request, with its pool, order the attempt. Rank 10: a
        release or a failed launch, about a row of instances. Rank 55: a request is tried again.
    standing_idle : ndarray of int64, shape (standing,)
        Rows of idle standing instances, a stack for each pool in order of becoming idle; those never used lie at
        the bottom.
    links : ndarray of int64, shape (rows, 2)
        Of idle on-demand instances, see `idle`.
    pool_of, numbers : ndarray of int64, shape (rows,)
        Whose an instance is, and its number there.
    launch_ns, ready_ns, gone_ns : ndarray of int64, shape (rows,)
        As in `Instances`; `gone_ns` is when the instance retires unless it is reused before. [ns]
    life_over_ns : ndarray of int64, shape (rows,)
        Launch + lifetime. [ns]
    """

    sizes: Ints
    of_pools: Ints
    moments: Ints
    standing_idle: Ints
    links: Ints
    pool_of: Ints
    numbers: Ints
    launch_ns: Ints
    ready_ns: Ints
    gone_ns: Ints
    life_over_ns: Ints


#: Arrays with one entry per row of instances.
BY_ROW = ("links", "pool_of", "numbers", "launch_ns", "ready_ns", "gone_ns", "life_over_ns")


def state_at_start(rules: Rules, room: int) -> State:
    """Standing instances, all of them idle, and room for so many more of everything."""
    standing = rules.pools[:, STANDING]
    rows = rules.standing + room
    of_pools = np.zeros((len(standing), 6), np.int64)
    of_pools[:, STANDING_IDLE] = of_pools[:, INSTANCES] = standing
    of_pools[:, [IDLE_FIRST, IDLE_LAST]] = _NONE
    pool_of, numbers = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    pool_of[: rules.standing] = np.repeat(np.arange(len(standing)), standing)
    numbers[: rules.standing] = np.arange(rules.standing) - np.repeat(rules.pools[:, FIRST_STANDING], standing)
    return State(
        sizes=np.array([0, 0, rules.standing, rules.standing], np.int64),
        of_pools=of_pools,
        # An attempt adds two moments at most.
        moments=no_moments(room + 2),
        standing_idle=np.arange(rules.standing, dtype=np.int64),
        links=np.full((rows, 2), _NONE, np.int64),
        pool_of=pool_of,
        numbers=numbers,
        launch_ns=np.zeros(rows, np.int64),
        ready_ns=np.zeros(rows, np.int64),
        gone_ns=np.full(rows, FOREVER, np.int64),
        life_over_ns=np.full(rows, FOREVER, np.int64),
    )
