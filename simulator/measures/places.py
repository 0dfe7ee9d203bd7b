"""From attempts that were served to the intervals during which places are occupied and instances have work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.measures.attempts import Attempts
from simulator.measures.billed_time import plus, rounded_up
from simulator.units import FOREVER

_NOTHING = np.empty(0, np.int64)


def serves_several(pool: Pool) -> bool:
    """Whether an instance may have several requests in service at once; that of a managed API has any number."""
    return pool.places > 1 or pool.quota is not None


class Occupied(NamedTuple):
    """Intervals on instances, none of them empty, shape (n,) and in ns each."""

    instance: NDArray[np.int64]
    begin_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]

    def where(self, wanted: NDArray[np.bool_]) -> Occupied:
        """Some of them."""
        return Occupied(*(column[wanted] for column in self))

    def and_also(self, others: Occupied) -> Occupied:
        """These, and others after them."""
        return Occupied(*(np.concatenate(both) for both in zip(self, others, strict=True)))


def none_occupied() -> Occupied:
    """No interval."""
    return Occupied(_NOTHING, _NOTHING, _NOTHING)


class Places:
    """Turns attempts that were served into occupied places: one each, or one for each batch.

    The requests of a batch start together, on one instance, and are released together; several batches may do so. Of
    those that begin with requests that waited all but one are full, and a request that found a free worker is a batch
    of its own where batches wait for nobody (model.md 4.1), so that the number of batches follows from the number of
    requests.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self._batching = pool.batching
        self._held = none_occupied()
        self._held_alone = np.empty(0, np.bool_)

    def add(self, served: Attempts, known_ns: int) -> Occupied:
        """Places that these attempts occupy, and earlier ones that were held back.

        Parameters
        ----------
        served : Attempts
            With a start.
        known_ns : int
            No attempt that is added later starts before it. [ns]
        """
        found = Occupied(served.instance, served.start_ns, served.release_ns)
        some = found.begin_ns < found.end_ns
        if self._batching is None:
            return found.where(some)
        alone = served.at_ns == served.start_ns if self._batching.delay_ns == 0 else np.zeros(len(some), np.bool_)
        found = self._held.and_also(found.where(some))
        alone = np.concatenate([self._held_alone, alone[some]])
        ripe = found.begin_ns < known_ns
        self._held, self._held_alone = found.where(~ripe), alone[~ripe]
        return _batches(found.where(ripe), alone[ripe], self._batching.most)


def _batches(found: Occupied, alone: NDArray[np.bool_], most: int) -> Occupied:
    """One interval for each batch, from one for each request."""
    if not len(alone):
        return found
    order = np.lexsort((found.end_ns, found.begin_ns, found.instance))
    ordered, alone = Occupied(*(column[order] for column in found)), alone[order]
    differs = np.zeros(len(order), np.bool_)
    differs[0] = True
    for column in ordered:
        differs[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(differs)
    waited = np.add.reduceat((~alone).astype(np.int64), first)
    batches = -(-waited // most) + np.add.reduceat(alone.astype(np.int64), first)
    return Occupied(*(np.repeat(column[first], batches) for column in ordered))


def _by_instance(found: Occupied) -> NDArray[np.int64]:
    """Order of intervals by instance, then by beginning; any order of those that agree in both."""
    if not len(found.instance):
        return _NOTHING
    instance, begin_ns = found.instance, found.begin_ns
    first, first_ns = int(instance.min()), int(begin_ns.min())
    span_ns = int(begin_ns.max()) - first_ns + 1
    if (int(instance.max()) - first + 1) * span_ns > FOREVER:
        return np.lexsort((begin_ns, instance))
    # One number that orders as the two do: sorting it takes half the time.
    return np.argsort((instance - first) * span_ns + (begin_ns - first_ns))


class Stretches:
    """Joins occupied places of an instance into stretches during which it has a request in service.

    A stretch lasts a multiple of the granularity, counted from its beginning; a request that comes before its end
    belongs to it (Assumption: how time of instances is rounded is published nowhere). Memory follows the stretches
    that are open.

    Parameters
    ----------
    granularity_ns : int
        1 for exact times. [ns]
    """

    def __init__(self, granularity_ns: int = 1) -> None:
        self._granularity_ns = granularity_ns
        self._held = none_occupied()

    def add(self, occupied: Occupied, known_ns: int) -> Occupied:
        """Stretches that are over, their ends rounded up.

        Parameters
        ----------
        occupied : Occupied
        known_ns : int
            No place that is added later begins to be occupied before it. [ns]
        """
        from simulator.measures.sweeps import join

        found = self._held.and_also(occupied)
        ripe = found.begin_ns < known_ns
        later, found = found.where(~ripe), found.where(ripe)
        order = _by_instance(found)
        joined = Occupied(*(column[order] for column in found))
        count = join(*joined, self._granularity_ns)
        joined = Occupied(*(column[:count] for column in joined))
        length_ns = rounded_up(joined.end_ns - joined.begin_ns, self._granularity_ns)
        end_ns = plus(joined.begin_ns, length_ns)
        # One that ends at `known_ns` may go on.
        over = end_ns < known_ns
        self._held = joined.where(~over).and_also(later)
        return Occupied(joined.instance[over], joined.begin_ns[over], end_ns[over])

    def finish(self) -> Occupied:
        """Those that were still open, everything added."""
        over = self.add(none_occupied(), FOREVER)
        still, self._held = self._held, none_occupied()
        end_ns = plus(still.begin_ns, rounded_up(still.end_ns - still.begin_ns, self._granularity_ns))
        return over.and_also(still._replace(end_ns=end_ns))
