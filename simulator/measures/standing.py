"""Which instances are standing, and how many there are, where scaling launches standing instances beside others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.engines.tables import Changes, Settled


class StandingInstances:
    """Tells standing instances of a pool from those launched for a request, by their numbers.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self._first = pool.standing
        self._numbers = np.empty(0, np.int64)
        #: Standing instances launched so far.
        self.launched = 0

    def add(self, settled: Settled) -> None:
        """Add those that scaling has launched; before the requests that they serve."""
        if len(settled.standing_numbers):
            self._numbers = np.concatenate([self._numbers, settled.standing_numbers])
            self.launched = len(self._numbers)

    def holds(self, instance: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each instance is a standing one; also true of `NONE`."""
        is_standing = instance < self._first
        return is_standing | self.launched_of(instance) if self.launched else is_standing

    def launched_of(self, instance: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each instance is one that scaling has launched."""
        if not self.launched:
            return np.zeros(len(instance), np.bool_)
        # They are launched in order of number.
        place = np.minimum(np.searchsorted(self._numbers, instance), self.launched - 1)
        found: NDArray[np.bool_] = self._numbers[place] == instance
        return found


class Capacity:
    """Capacity as its changes come in: what it was at an instant, and its integral.

    Parameters
    ----------
    first : int
        Capacity at time 0.
    from_ns, until_ns : int
        Where to integrate. [ns]
    """

    def __init__(self, first: int, from_ns: int, until_ns: int) -> None:
        self._from_ns, self._until_ns = from_ns, until_ns
        self._at_ns, self._capacity = np.zeros(1, np.int64), np.array([first])
        self._time_ns = 0

    def add(self, changes: Changes) -> None:
        """Add changes, in order."""
        if len(changes):
            self._at_ns = np.concatenate([self._at_ns, changes.at_ns])
            self._capacity = np.concatenate([self._capacity, changes.capacity])

    def at(self, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Capacity at instants, changes of the instant made; none may lie before what was forgotten."""
        found: NDArray[np.int64] = self._capacity[np.searchsorted(self._at_ns, at_ns, "right") - 1]
        return found

    def forget(self, before_ns: int) -> None:
        """Integrate and drop what no instant from `before_ns` on needs."""
        keep = int(np.searchsorted(self._at_ns, before_ns, "right")) - 1
        if keep > 0:
            self._integrate(keep, int(self._at_ns[keep]))
            self._at_ns, self._capacity = self._at_ns[keep:], self._capacity[keep:]

    def _integrate(self, rows: int, end_ns: int) -> None:
        """Add the first rows, the last of them until `end_ns`."""
        edges = np.append(self._at_ns[:rows], end_ns).clip(self._from_ns, self._until_ns)
        self._time_ns += sum(
            int(capacity) * int(span) for capacity, span in zip(self._capacity, np.diff(edges), strict=False)
        )

    def finish(self) -> int:
        """Instance-time within the bounds, all changes added [ns]."""
        self._integrate(len(self._at_ns), self._until_ns)
        self._at_ns, self._capacity = np.array([self._until_ns]), self._capacity[-1:]
        return self._time_ns
