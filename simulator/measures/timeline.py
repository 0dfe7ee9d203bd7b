"""One replication over time: counts and time averages by period, in memory that does not grow with requests.

What CloudWatch calls Invocations are ``arrivals`` here, Throttles ``throttled``, ConcurrentExecutions
``concurrency``; samples of ModelSetupTime are ``cold_starts``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Outcome, Settled
from simulator.units import NS_PER_SECOND

if TYPE_CHECKING:
    import pandas as pd

#: Longest series that is kept; longer horizons get longer periods.
MOST_PERIODS: Final = 1500
#: Columns of a timeline's frame.
COLUMNS: Final = (
    *("start_s", "seconds", "arrivals", "throttled", "timed_out", "expired", "cold_starts"),
    *("instances_starting", "instances_busy", "instances_idle", "concurrency"),
)
_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_MINUTE_NS: Final = 60 * NS_PER_SECOND


def period_of(horizon_ns: int) -> int:
    """A minute, or the shortest round period of which at most `MOST_PERIODS` cover the horizon [ns]."""
    for minutes in _MINUTES:
        if -(-horizon_ns // (minutes * _MINUTE_NS)) <= MOST_PERIODS:
            return minutes * _MINUTE_NS
    day_ns = 1440 * _MINUTE_NS
    return day_ns * -(-horizon_ns // (day_ns * MOST_PERIODS))


@dataclass(frozen=True, eq=False)
class Timeline:
    """Series of one endpoint in one replication, whole numbers, shape (periods,) each.

    Parameters
    ----------
    period_ns, horizon_ns : int
        Length of a period, and of all of them; the last period may be cut by the horizon. [ns]
    arrivals, throttled, timed_out, expired, cold_starts : ndarray of int64
        Requests that arrived in the period, and those of them that ended so or had an instance launched.
    starting_ns, busy_ns, there_ns : ndarray of int64
        Instance-time in the period: starting, with a request in service, in all. [ns]
    occupied_ns : ndarray of int64
        Place-time occupied in the period, startup included. [ns]
    """

    period_ns: int
    horizon_ns: int
    arrivals: NDArray[np.int64]
    throttled: NDArray[np.int64]
    timed_out: NDArray[np.int64]
    expired: NDArray[np.int64]
    cold_starts: NDArray[np.int64]
    starting_ns: NDArray[np.int64]
    busy_ns: NDArray[np.int64]
    there_ns: NDArray[np.int64]
    occupied_ns: NDArray[np.int64]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timeline):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in Timeline.__dataclass_fields__)

    __hash__ = None  # type: ignore[assignment]

    def frame(self) -> pd.DataFrame:
        """One row a period.

        Returns
        -------
        DataFrame
            ``start_s``, ``seconds`` (length of the period), counts, and time averages ``instances_starting``,
            ``instances_busy``, ``instances_idle`` and ``concurrency`` (places occupied).
        """
        import pandas as pd

        start_ns = np.arange(len(self.arrivals), dtype=np.int64) * self.period_ns
        length_ns = np.minimum(self.period_ns, self.horizon_ns - start_ns)
        idle_ns = self.there_ns - self.busy_ns - self.starting_ns
        return pd.DataFrame(
            {
                "start_s": start_ns / NS_PER_SECOND,
                "seconds": length_ns / NS_PER_SECOND,
                "arrivals": self.arrivals,
                "throttled": self.throttled,
                "timed_out": self.timed_out,
                "expired": self.expired,
                "cold_starts": self.cold_starts,
                "instances_starting": self.starting_ns / length_ns,
                "instances_busy": self.busy_ns / length_ns,
                "instances_idle": idle_ns / length_ns,
                "concurrency": self.occupied_ns / length_ns,
            }
        )


class TimelineTally:
    """Accumulates the timeline of one endpoint, block by block.

    Parameters
    ----------
    pool : Pool
        The pool that was simulated.
    horizon_ns : int
        1 or more; all requests arrive before it. [ns]
    """

    def __init__(self, pool: Pool, horizon_ns: int) -> None:
        self._period_ns, self._horizon_ns = period_of(horizon_ns), horizon_ns
        self._periods = -(-horizon_ns // self._period_ns)
        self._counts = {
            name: np.zeros(self._periods, np.int64)
            for name in ("arrivals", "throttled", "timed_out", "expired", "cold_starts")
        }
        self._served, self._busy, self._starting, self._there = (_Spread(self) for _ in range(4))
        self._busy_until = np.zeros(pool.standing if pool.places > 1 else 0, np.int64)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Periods, length of one and horizon [ns]."""
        return self._periods, self._period_ns, self._horizon_ns

    def add(self, settled: Settled) -> None:
        """Add what an engine has settled: requests in order of arrival, and instances."""
        from simulator.measures.sweeps import first_busy

        gone = settled.gone
        self._starting.add(gone.launch_ns, np.where(gone.ready_ns == NONE, gone.gone_ns, gone.ready_ns))
        self._there.add(gone.launch_ns, gone.gone_ns)
        demand, requests = settled.demand, settled.requests
        period = demand.arrival_ns // self._period_ns
        for name, counted in (
            ("arrivals", None),
            ("throttled", requests.outcome == Outcome.THROTTLED),
            ("timed_out", requests.outcome == Outcome.TIMED_OUT),
            ("expired", requests.outcome == Outcome.EXPIRED),
            ("cold_starts", requests.is_cold),
        ):
            which = period if counted is None else period[counted]
            self._counts[name] += np.bincount(which, minlength=self._periods)
        served = np.flatnonzero(requests.start_ns != NONE)
        start_ns, release_ns = requests.start_ns[served], requests.release_ns[served]
        self._served.add(start_ns, release_ns)
        if len(self._busy_until):
            since_ns = np.empty(len(served), np.int64)
            first_busy(start_ns, release_ns, requests.instance[served], self._busy_until, since_ns)
            self._busy.add(since_ns, release_ns)

    def finish(self) -> Timeline:
        """The series, everything settled added."""
        starting_ns, served_ns = self._starting.times(), self._served.times()
        return Timeline(
            period_ns=self._period_ns,
            horizon_ns=self._horizon_ns,
            **self._counts,
            starting_ns=starting_ns,
            busy_ns=self._busy.times() if len(self._busy_until) else served_ns,
            there_ns=self._there.times(),
            occupied_ns=served_ns + starting_ns,
        )


class _Spread:
    """Time of intervals by period."""

    def __init__(self, of: TimelineTally) -> None:
        periods, self._period_ns, self._horizon_ns = of.shape
        self._part = np.zeros(periods, np.int64)
        self._steps = np.zeros(periods + 1, np.int64)

    def add(self, begin_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> None:
        from simulator.measures.sweeps import spread

        spread(begin_ns, np.minimum(end_ns, self._horizon_ns), self._period_ns, self._part, self._steps)

    def times(self) -> NDArray[np.int64]:
        """Time in each period [ns]."""
        whole: NDArray[np.int64] = np.cumsum(self._steps[:-1])
        return self._part + self._period_ns * whole
