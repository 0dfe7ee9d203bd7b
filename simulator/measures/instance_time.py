"""How many places are occupied and instances there at once, and instance-time by state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.engines.tables import NONE, Instances
from simulator.units import FOREVER


def total(values: NDArray[np.int64]) -> int:
    """Sum of whole numbers of 0 or more that cannot overflow: upper and lower halves apart."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def clipped(
    begin: NDArray[np.int64], end: NDArray[np.int64], from_ns: int, until_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The parts of intervals that lie in [from_ns, until_ns), without those that are empty there."""
    begin, end = np.maximum(begin, from_ns), np.minimum(end, until_ns)
    some = begin < end
    return begin[some], end[some]


class Peak:
    """Greatest number of intervals that hold one instant of [from_ns, until_ns), found as they come in.

    At one instant ends go before beginnings, as releases go before arrivals. Memory follows the intervals that are
    open, not those that have been.

    Parameters
    ----------
    from_ns, until_ns : int
        Where to look. [ns]
    """

    def __init__(self, from_ns: int, until_ns: int) -> None:
        self._from_ns = from_ns
        self._until_ns = until_ns
        self._begin = np.empty(0, np.int64)
        self._end = np.empty(0, np.int64)
        self._open = 0
        self.most = 0

    def add(self, begin: NDArray[np.int64], end: NDArray[np.int64], settled_ns: int) -> None:
        """Add intervals.

        Parameters
        ----------
        begin, end : ndarray of int64, shape (n,)
            In any order. [ns]
        settled_ns : int
            No interval that is added later begins before this. [ns]
        """
        from simulator.measures.sweeps import most_at_once

        begin, end = clipped(begin, end, self._from_ns, self._until_ns)
        begin = np.sort(np.concatenate([self._begin, begin]))
        end = np.sort(np.concatenate([self._end, end]))
        begun, ended = np.searchsorted(begin, settled_ns, "right"), np.searchsorted(end, settled_ns, "right")
        self.most = max(self.most, int(most_at_once(begin[:begun], end[:ended], self._open)))
        self._open += int(begun) - int(ended)
        self._begin, self._end = begin[begun:], end[ended:]

    def finish(self) -> int:
        """The greatest number, all intervals added."""
        nothing = np.empty(0, np.int64)
        self.add(nothing, nothing, FOREVER)
        return self.most


@dataclass(frozen=True)
class InstanceTime:
    """Time of instances inside the measured part of a run, and what the requests have to agree with.

    Parameters
    ----------
    there_ns, starting_ns : int
        Sum over instances of the time they were there, and of the time they were starting. [ns]
    most : int
        Greatest number there at once.
    launched, failed : int
        Instances that took time to start or were launched after the beginning, of the whole run; those whose launch
        failed.
    startup_ns : int
        Sum over instances, whole run, from launch until ready or, if the launch failed, until gone. [ns]
    """

    there_ns: int
    starting_ns: int
    most: int
    launched: int
    failed: int
    startup_ns: int


def instance_time(instances: Instances, first_launched: int, from_ns: int, until_ns: int) -> InstanceTime:
    """Instance-time of a run.

    Parameters
    ----------
    instances : Instances
        All of the run.
    first_launched : int
        Number of the first instance that a request caused; those before it were there from the start.
    from_ns, until_ns : int
        The measured part. [ns]
    """
    launch, ready, gone = instances.launch_ns, instances.ready_ns, instances.gone_ns
    failed = ready == NONE
    started = np.where(failed, gone, ready)
    peak = Peak(from_ns, until_ns)
    peak.add(launch, gone, FOREVER)
    there_from, there_until = clipped(launch, gone, from_ns, until_ns)
    starting_from, starting_until = clipped(launch, started, from_ns, until_ns)
    return InstanceTime(
        there_ns=total(there_until - there_from),
        starting_ns=total(starting_until - starting_from),
        most=peak.finish(),
        launched=len(instances) - first_launched,
        failed=int(failed.sum()),
        startup_ns=total(started - launch),
    )
