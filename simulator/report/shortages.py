"""When an endpoint that scales is short of capacity, for how long, and what is still there when it no longer is.

Times are in whole periods of the timeline of one replication.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from simulator.engines.pool import Pool

#: Outcomes of requests that are lost.
LOST: Final = ("throttled", "timed_out", "expired")
#: Means over a period are quotients of whole nanoseconds; differences below this are rounding.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Tail:
    """What is still there when the capacity of before would do again.

    Parameters
    ----------
    end_s : float
        From then on no more instances are there than before, or the replication has ended. [s]
    length_s : float
        Until no more instances are there than before. [s]
    instance_hours : float
        Of the instances beyond those of before, draining ones included. [h]
    is_over : bool
        False: the replication ended first.
    """

    end_s: float
    length_s: float
    instance_hours: float
    is_over: bool


@dataclass(frozen=True)
class Reaction:
    """One time at which an endpoint was short of capacity, in whole periods of a timeline.

    Parameters
    ----------
    from_s : float
        Start of the first period in which need exceeds the instances in service. [s]
    added_s : float or None
        From then to the period in which capacity first is more than before; None if it never is. [s]
    covered_s : float or None
        To the period from which on the instances in service cover the need; None if not by the end. [s]
    queue_gone_s : float or None
        To the first period after that in which no more requests wait than are served at once. [s]
    missing_h : float
        Instance-time by which need exceeded the instances in service. [h]
    lost : dict of str to int
        Outcome → requests that arrived until the queue is gone.
    throttled_attempts : int or None
        Attempts turned away until then.
    tail : Tail or None
        None if no more instances came than there were before.
    """

    from_s: float
    added_s: float | None
    covered_s: float | None
    queue_gone_s: float | None
    missing_h: float
    lost: dict[str, int]
    throttled_attempts: int | None
    tail: Tail | None


@dataclass(frozen=True)
class Reactions:
    """All of a timeline.

    Parameters
    ----------
    found : tuple of Reaction
        In order of time.
    short_s : float
        Time short in all. [s]
    period_s : float
        Length of the periods: how finely all times are known. [s]
    """

    found: tuple[Reaction, ...]
    short_s: float
    period_s: float

    @property
    def longest(self) -> Reaction | None:
        """The one that took longest to be covered and to work off its queue; of several the first."""

        def length_s(one: Reaction) -> float:
            return one.queue_gone_s if one.queue_gone_s is not None else float("inf")

        return max(self.found, key=length_s, default=None)


def work_per_instance(pool: Pool) -> float:
    """Service times that an instance does in the time of one: workers, or fewer cores; batches full, of equal requests.

    An upper bound where cores are shared or batches served, so that need is a lower one.
    """
    if pool.batching is not None:
        return pool.places * pool.batching.most / (1.0 + pool.batching.growth * (pool.batching.most - 1))
    return float(min(pool.places, pool.cores or pool.places))


def reactions(frame: pd.DataFrame, service_s: float, work: float, places: int) -> Reactions:
    """When an endpoint was short, and for how long.

    Need is arrival rate × mean service time over `work`, by period: the offered load, in instances. The endpoint is
    short in a period in which need exceeds the mean of the instances in service, draining ones left out, and in one in
    which requests wait and none is in service. It stays one reaction until the queue is worked off.

    Parameters
    ----------
    frame : DataFrame
        `Timeline.frame` of a pool that scales.
    service_s : float
        Mean service time. [s]
    work : float
        Of an instance, as `work_per_instance`.
    places : int
        Requests that an instance serves at once.
    """
    seconds, start_s = (frame[name].to_numpy(np.float64) for name in ("seconds", "start_s"))
    capacity, starting, waiting = (
        frame[name].to_numpy(np.float64) for name in ("capacity", "instances_starting", "requests_waiting")
    )
    serving = capacity - starting
    need = frame["arrivals"].to_numpy(np.float64) / seconds * service_s / work
    short = (need > serving + _ROUNDING) | ((waiting > 0) & (serving <= _ROUNDING))
    open_ = short | (waiting > places * serving + _ROUNDING)
    found, at = [], 0
    while len(after := at + np.flatnonzero(short[at:])):
        onset = int(after[0])
        at = _first(~open_, onset)
        found.append(_reaction(frame, onset, at, short, need, (start_s, seconds, serving), places))
    period_s = float(seconds[0]) if len(seconds) else 0.0
    return Reactions(tuple(found), float(seconds[short].sum()), period_s)


def _first(which: NDArray[np.bool_], begin: int) -> int:
    """First true position from a beginning on; the length if there is none."""
    later = np.flatnonzero(which[begin:])
    return begin + int(later[0]) if len(later) else len(which)


def _reaction(
    frame: pd.DataFrame,
    onset: int,
    end: int,
    short: NDArray[np.bool_],
    need: NDArray[np.float64],
    times: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    places: int,
) -> Reaction:
    start_s, seconds, serving = times
    capacity = frame["capacity"].to_numpy(np.float64)
    before = float(np.rint(capacity[max(onset - 1, 0)]))
    covered = 1 + int(np.flatnonzero(short[:end])[-1])
    added = _first(capacity > before + _ROUNDING, onset)

    def since(at: int) -> float | None:
        return float(start_s[at] - start_s[onset]) if at < len(start_s) else None

    missing_s = np.maximum(need - serving, 0.0) * seconds
    attempts = frame["throttled_attempts"].to_numpy(np.int64) if "throttled_attempts" in frame else None
    return Reaction(
        from_s=float(start_s[onset]),
        added_s=since(added) if added < max(end, onset + 1) else None,
        covered_s=since(covered),
        queue_gone_s=since(end),
        missing_h=float(missing_s[onset:end].sum()) / 3600,
        lost={name: int(frame[name].to_numpy(np.int64)[onset:end].sum()) for name in LOST},
        throttled_attempts=None if attempts is None else int(attempts[onset:end].sum()),
        tail=_tail(frame, onset, end, need, before, places),
    )


def _tail(
    frame: pd.DataFrame, onset: int, end: int, need: NDArray[np.float64], before: float, places: int
) -> Tail | None:
    seconds, waiting = (frame[name].to_numpy(np.float64) for name in ("seconds", "requests_waiting"))
    states = ("instances_starting", "instances_busy", "instances_idle")
    there: NDArray[np.float64] = np.sum([frame[name].to_numpy(np.float64) for name in states], axis=0)
    back = _first(there <= before + _ROUNDING, end)
    if not (there[onset:back] > before + _ROUNDING).any():
        return None
    needed = (need > before + _ROUNDING) | (waiting > places * before + _ROUNDING)
    begin = max(end, onset + 1 + int(np.flatnonzero(needed[onset:back])[-1])) if needed[onset:back].any() else end
    beyond_s = float((np.maximum(there - before, 0.0) * seconds)[begin:back].sum())
    return Tail(float(seconds[:back].sum()), float(seconds[begin:back].sum()), beyond_s / 3600, back < len(seconds))
