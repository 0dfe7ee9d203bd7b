"""How many places are occupied and instances there at once, and instance-time by state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.tables import NONE, Instances, Settled
from simulator.measures.billed_time import plus, rounded_up
from simulator.units import FOREVER

if TYPE_CHECKING:
    from simulator.measures.sweeps import Look

#: Instances that are added together.
_MANY: Final = 4096


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
        self._settled_ns = from_ns
        self.most = 0

    def add(self, begin: NDArray[np.int64], end: NDArray[np.int64], settled_ns: int) -> None:
        """Add beginnings and ends; an end may come with a later call than its beginning.

        Parameters
        ----------
        begin, end : ndarray of int64
            In any order; no end before its beginning. What is negative is none. [ns]
        settled_ns : int
            Nothing that is added later lies before this, nor an end at it. [ns]
        """
        from simulator.measures.sweeps import Look, crowded_slices

        upto_ns = min(settled_ns, self._until_ns - 1)
        # So many slices that few intervals begin in one: most of them cannot hold more than were seen before.
        slices = max(1, len(begin) + len(self._begin))
        per_ns = slices / max(1, upto_ns - self._settled_ns)
        look = Look(self._from_ns, upto_ns, self._until_ns, self._settled_ns, per_ns)
        begins, ends = (self._begin, begin), (self._end, end)
        begun_before, begun, self._begin = _by_slice(look, begins, slices)
        ended_before, ended, self._end = _by_slice(look, ends, slices)
        self._open += begun_before - ended_before
        if settled_ns < self._from_ns:
            return
        self._settled_ns = max(self._settled_ns, upto_ns)
        self.most = max(self.most, self._open)
        held = np.empty(slices, np.int64)
        in_crowds, self._open = crowded_slices(begun, ended, self._open, self.most, held)
        if in_crowds:
            self.most = max(self.most, _most_in_crowds(look, begins, ends, begun, ended, held))

    def finish(self) -> int:
        """The greatest number, all intervals added."""
        nothing = np.empty(0, np.int64)
        self.add(nothing, nothing, FOREVER)
        return self.most


def _by_slice(
    look: Look, parts: tuple[NDArray[np.int64], ...], slices: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Instants at the beginning of the look or before it, the number of others in each slice, those kept for later."""
    from simulator.measures.sweeps import count_by_slice

    before = kept = 0
    in_slice, later_ns = np.zeros(slices, np.int64), np.empty(sum(map(len, parts)), np.int64)
    for part in parts:
        more, kept = count_by_slice(look, part, in_slice, later_ns, kept)
        before += more
    return before, in_slice, later_ns[:kept].copy()


def _most_in_crowds(
    look: Look,
    begins: tuple[NDArray[np.int64], ...],
    ends: tuple[NDArray[np.int64], ...],
    begun: NDArray[np.int64],
    ended: NDArray[np.int64],
    held: NDArray[np.int64],
) -> int:
    """Greatest number at once in crowded slices; `begun`, `ended` and `held` as in `crowded_slices`."""
    from simulator.measures.sweeps import gather_crowded, most_at_once

    gathered = []
    for parts in (begins, ends):
        into_ns, entered = np.empty(sum(map(len, parts)), np.int64), 0
        for part in parts:
            entered = gather_crowded(look, part, held, into_ns, entered)
        gathered.append(np.sort(into_ns[:entered]))
    begin, end = gathered
    return int(most_at_once(begin, end, begun, ended, held))


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
    launched_inside : int
        Launches in the measured part.
    billed_ns : int
        Sum over instances of the time for which each is billed, inside the measured part. [ns]
    """

    there_ns: int
    starting_ns: int
    most: int
    launched: int
    failed: int
    startup_ns: int
    launched_inside: int
    billed_ns: int


def _joined(columns: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(columns) if columns else np.empty(0, np.int64)


class InstanceTally:
    """Accumulates instance-time as instances are launched and go, in memory that follows those that are there.

    Parameters
    ----------
    from_ns, until_ns : int
        The measured part. [ns]
    least_ns, granularity_ns : int
        An instance is billed for so long at least, from its launch, and for a multiple of the granularity. [ns]
    """

    def __init__(self, from_ns: int, until_ns: int, least_ns: int = 0, granularity_ns: int = 1) -> None:
        self._from_ns, self._until_ns = from_ns, until_ns
        self._least_ns, self._granularity_ns = least_ns, granularity_ns
        self._billed_ns = self._launched_inside = 0
        self._peak = Peak(from_ns, until_ns)
        self._there_ns = self._starting_ns = self._startup_ns = 0
        self._launched = self._failed = 0
        self._held: list[tuple[NDArray[np.int64], Instances]] = []
        self._held_rows = 0
        self._settled_ns = 0

    def add(self, settled: Settled) -> None:
        """Add the instances that were launched and those that are gone."""
        # Ends at `until_ns` may still come, and at one instant they go first.
        self._settled_ns = settled.until_ns - 1
        rows = len(settled.launched_ns) + len(settled.gone)
        if rows:
            self._held.append((settled.launched_ns, settled.gone))
            self._held_rows += rows
        if self._held_rows > _MANY:
            self._add_held()

    def _add_held(self) -> None:
        """Add what was held back, together: each pass costs a few microseconds, however few instances there are."""
        gone_in = [gone for _, gone in self._held]
        launch, ready, gone = (
            _joined([getattr(one, name) for one in gone_in]) for name in ("launch_ns", "ready_ns", "gone_ns")
        )
        launched = _joined([launched_ns for launched_ns, _ in self._held])
        failed = ready == NONE
        started = np.where(failed, gone, ready)
        there_from, there_until = clipped(launch, gone, self._from_ns, self._until_ns)
        starting_from, starting_until = clipped(launch, started, self._from_ns, self._until_ns)
        self._there_ns += total(there_until - there_from)
        self._starting_ns += total(starting_until - starting_from)
        self._startup_ns += total(started - launch)
        self._failed += int(failed.sum())
        self._launched += len(launched)
        self._launched_inside += int(((launched >= self._from_ns) & (launched < self._until_ns)).sum())
        if self._least_ns or self._granularity_ns > 1:
            life_ns = rounded_up(np.maximum(gone - launch, self._least_ns), self._granularity_ns)
            billed_from, billed_until = clipped(launch, plus(launch, life_ns), self._from_ns, self._until_ns)
            self._billed_ns += total(billed_until - billed_from)
        self._peak.add(launched, gone, self._settled_ns)
        self._held, self._held_rows = [], 0

    def finish(self, there_from_start: int) -> InstanceTime:
        """Instance-time, all instances added.

        Parameters
        ----------
        there_from_start : int
            Instances that no request caused.
        """
        self._add_held()
        return InstanceTime(
            there_ns=self._there_ns,
            starting_ns=self._starting_ns,
            most=self._peak.finish(),
            launched=self._launched - there_from_start,
            failed=self._failed,
            startup_ns=self._startup_ns,
            # What is there from the start was launched at 0.
            launched_inside=self._launched_inside - (there_from_start if self._from_ns == 0 else 0),
            billed_ns=self._billed_ns if self._least_ns or self._granularity_ns > 1 else self._there_ns,
        )
