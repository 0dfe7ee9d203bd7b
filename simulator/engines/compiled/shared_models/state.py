"""What instances that models share hold between two attempts, and what varies between such pools."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.moments import no_moments
from simulator.engines.compiled.retrying import Retrying, retrying_of
from simulator.engines.compiled.rows import Column
from simulator.engines.pool import Pool, TimeoutFrom
from simulator.engines.served_otherwise import Models
from simulator.engines.tables import NONE

Ints = NDArray[np.int64]
_NONE = int(NONE)

# Entries of `State.sizes`: moments and tries in use, number of the oldest request held.
MOMENTS, TRIES, OLDEST = range(3)
# Columns of `State.bytes_of`: memory that is free, memory of models without an outstanding request, disk that is free.
FREE, IDLE, DISK_FREE = range(3)


class Rules(NamedTuple):
    """One pool.

    Parameters
    ----------
    instances, places, queue_limit, timeout_ns, copies_from : int
        As in `Pool` and `Models`.
    from_arrival : bool
        Whether the timeout runs from the attempt.
    patience : int
        `Patience`.
    sizes_bytes, load_ns, download_ns : ndarray of int64, shape (models,)
    retrying : Retrying
    """

    instances: int
    places: int
    queue_limit: int
    timeout_ns: int
    copies_from: int
    from_arrival: bool
    patience: int
    sizes_bytes: Ints
    load_ns: Ints
    download_ns: Ints
    retrying: Retrying


def rules_of(pool: Pool, models: Models) -> Rules:
    """Those of a pool with these models."""
    return Rules(
        instances=pool.standing,
        places=pool.places,
        queue_limit=pool.queue_limit,
        timeout_ns=pool.timeout_ns,
        copies_from=models.copies_from,
        from_arrival=pool.timeout_from is TimeoutFrom.ARRIVAL,
        patience=int(pool.patience),
        sizes_bytes=np.array(models.sizes_bytes, np.int64),
        load_ns=np.array(models.load_ns, np.int64),
        download_ns=np.array(models.download_ns, np.int64),
        retrying=retrying_of(pool.retries),
    )


class Rows(NamedTuple):
    """The columns of demand that matter here."""

    arrival_ns: Column
    service_ns: Column
    patience_ns: Column
    model: Column


class State(NamedTuple):
    """The arrays.

    Parameters
    ----------
    sizes : ndarray of int64, shape (3,)
        Single numbers, by the names above.
    moments : ndarray of int64, shape (capacity, 5)
        See `compiled.moments`. Rank 10: a request ceases to be outstanding, about its instance, with its model; when it
        is released, or leaves the queue at its limit. Rank 55: a request is tried again, order the attempt.
    free_ns : ndarray of int64, shape (instances · places,)
        See `compiled.workers`. [ns]
    outstanding : ndarray of int64, shape (instances,)
        Requests that wait or have a worker.
    outstanding_of : ndarray of int64, shape (models, instances)
        The same of each model; where there are any it is in memory.
    loaded_ns : ndarray of int64, shape (models, instances)
        When a model that is in memory can serve, `NONE` where it is not in memory. [ns]
    is_on_disk : ndarray of int64, shape (models, instances)
    bytes_of : ndarray of int64, shape (instances, 3)
        See the columns above. [B]
    memory_order, disk_order : ndarray of int64, shape (instances, models + 1, 2)
        Models in memory, and on disk, in order of last use, see `memory`.
    """

    sizes: Ints
    moments: Ints
    free_ns: Ints
    outstanding: Ints
    outstanding_of: Ints
    loaded_ns: Ints
    is_on_disk: Ints
    bytes_of: Ints
    memory_order: Ints
    disk_order: Ints


def state_at_start(pool: Pool, models: Models, room: int) -> State:
    """Empty instances, and room for so many moments and for two more."""
    number, instances = len(models.sizes_bytes), pool.standing
    nobody = np.full((instances, number + 1, 2), number, np.int64)
    return State(
        sizes=np.zeros(3, np.int64),
        moments=no_moments(room + 2),
        free_ns=np.zeros(instances * pool.places, np.int64),
        outstanding=np.zeros(instances, np.int64),
        outstanding_of=np.zeros((number, instances), np.int64),
        loaded_ns=np.full((number, instances), _NONE, np.int64),
        is_on_disk=np.zeros((number, instances), np.int64),
        bytes_of=np.tile(np.array([models.memory_bytes, 0, models.disk_bytes], np.int64), (instances, 1)),
        memory_order=nobody,
        disk_order=nobody.copy(),
    )
