"""One replication over time: counts and time averages by period, in memory that does not grow with requests.

What CloudWatch calls Invocations are ``arrivals`` here, Throttles ``throttled``, ConcurrentExecutions
``concurrency``; samples of ModelSetupTime are ``cold_starts``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Outcome, Settled
from simulator.measures.attempts import attempts_of, nobody, waiting
from simulator.measures.places import Occupied, Places, Stretches, serves_several
from simulator.measures.standing import StandingInstances
from simulator.units import FOREVER, NS_PER_SECOND

if TYPE_CHECKING:
    import pandas as pd

#: Longest series that is kept; longer horizons get longer periods.
MOST_PERIODS: Final = 1500
#: Columns of a timeline's frame.
COLUMNS: Final = (
    *("start_s", "seconds", "arrivals", "throttled", "timed_out", "expired", "cold_starts"),
    *("instances_starting", "instances_busy", "instances_idle", "concurrency"),
)
#: Further columns, of pools that are not plain; the last one of those that scale.
LATER_COLUMNS: Final = ("attempts", "throttled_attempts", "requests_waiting", "capacity")
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
        Place-time occupied in the period, the startup of instances launched for a request included. [ns]
    attempts, throttled_attempts : ndarray of int64 or None
        Attempts made in the period, and those turned away; None for plain pools.
    waiting_ns : ndarray of int64 or None
        Time of requests that wait for a place or a launch; None for plain pools. [ns]
    capacity_ns : ndarray of int64 or None
        Time of instances in service or starting, draining ones left out; None where capacity stays. [ns]
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
    attempts: NDArray[np.int64] | None = None
    throttled_attempts: NDArray[np.int64] | None = None
    waiting_ns: NDArray[np.int64] | None = None
    capacity_ns: NDArray[np.int64] | None = None

    def series(self) -> list[NDArray[np.int64] | None]:
        """Every series, in the order of the fields; those that are None stand at the end."""
        return [getattr(self, f.name) for f in fields(self) if f.name not in {"period_ns", "horizon_ns"}]

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
            ``instances_busy``, ``instances_idle`` and ``concurrency`` (places occupied). Of pools that are not plain
            also the counts ``attempts`` and ``throttled_attempts`` and the average ``requests_waiting``, where
            capacity changes the average ``capacity``.
        """
        import pandas as pd

        start_ns = np.arange(len(self.arrivals), dtype=np.int64) * self.period_ns
        length_ns = np.minimum(self.period_ns, self.horizon_ns - start_ns)
        idle_ns = self.there_ns - self.busy_ns - self.starting_ns
        later: dict[str, object] = {}
        for name, count in (("attempts", self.attempts), ("throttled_attempts", self.throttled_attempts)):
            if count is not None:
                later[name] = pd.array(count, dtype="Int64")
        for name, time_ns in (("requests_waiting", self.waiting_ns), ("capacity", self.capacity_ns)):
            if time_ns is not None:
                later[name] = time_ns / length_ns
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
                **later,
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
        self._busy_until = np.zeros(pool.standing if pool.places > 1 and pool.is_plain else 0, np.int64)
        self._pool = pool
        self._attempts = None if pool.is_plain else _AttemptSeries(pool, self)

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
        if self._attempts is not None:
            self._attempts.add(settled)
            return
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
        timeline = Timeline(
            period_ns=self._period_ns,
            horizon_ns=self._horizon_ns,
            **self._counts,
            starting_ns=starting_ns,
            busy_ns=self._busy.times() if len(self._busy_until) else served_ns,
            there_ns=self._there.times(),
            occupied_ns=served_ns + starting_ns,
        )
        return timeline if self._attempts is None else self._attempts.finish(timeline)


class _AttemptSeries:
    """Series of a pool that is not plain: attempts, who waits, capacity, and places by their own rules."""

    def __init__(self, pool: Pool, of: TimelineTally) -> None:
        periods, self._period_ns, self._horizon_ns = of.shape
        self._pool, self._settled = pool, 0
        self._attempts, self._throttled = (np.zeros(periods, np.int64) for _ in range(2))
        self._waiting, self._occupied, self._busy, self._capacity = (_Spread(of) for _ in range(4))
        # Instances that scaling launches beside others start for nobody.
        self._standing, self._for_nobody = StandingInstances(pool), _Spread(of)
        self._places = Places(pool)
        self._stretches = Stretches()
        self._now = (0, pool.standing)

    def add(self, settled: Settled) -> None:
        self._add_changes(settled.changes.at_ns, settled.changes.capacity)
        self._standing.add(settled)
        if self._standing.launched:
            by_scaling = self._standing.launched_of(settled.gone_numbers)
            self._for_nobody.add(settled.gone.launch_ns[by_scaling], settled.gone.ready_ns[by_scaling])
        if not len(settled.demand):
            return
        attempts = attempts_of(settled, self._settled)
        self._settled += len(settled.demand)
        # Clients may try again after the horizon.
        inside = attempts.at_ns < self._horizon_ns
        throttled = inside & (attempts.outcome == Outcome.THROTTLED)
        for counts, which in ((self._attempts, inside), (self._throttled, throttled)):
            counts += np.bincount(attempts.at_ns[which] // self._period_ns, minlength=len(counts))
        self._waiting.add(*waiting(attempts))
        known_ns = int(settled.demand.arrival_ns[-1])
        self._add_occupied(self._places.add(attempts.where(attempts.start_ns != NONE), known_ns), known_ns)

    def _add_occupied(self, occupied: Occupied, known_ns: int) -> None:
        self._occupied.add(occupied.begin_ns, occupied.end_ns)
        if serves_several(self._pool):
            stretches = self._stretches.add(occupied, known_ns)
            self._busy.add(stretches.begin_ns, stretches.end_ns)

    def _add_changes(self, at_ns: NDArray[np.int64], capacity: NDArray[np.int64]) -> None:
        if not len(at_ns):
            return
        begin_ns = np.concatenate([[self._now[0]], at_ns[:-1]])
        instances = np.concatenate([[self._now[1]], capacity[:-1]])
        self._capacity.add(np.repeat(begin_ns, instances), np.repeat(at_ns, instances))
        self._now = int(at_ns[-1]), int(capacity[-1])

    def finish(self, timeline: Timeline) -> Timeline:
        """The timeline with these series."""
        self._add_occupied(self._places.add(nobody(), FOREVER), FOREVER)
        rest = self._stretches.finish()
        self._busy.add(rest.begin_ns, rest.end_ns)
        self._add_changes(np.array([self._horizon_ns]), np.array([0]))
        occupied_ns = self._occupied.times()
        return replace(
            timeline,
            busy_ns=self._busy.times() if serves_several(self._pool) else occupied_ns,
            occupied_ns=occupied_ns + timeline.starting_ns - self._for_nobody.times()
            if self._pool.launches
            else occupied_ns,
            attempts=self._attempts,
            throttled_attempts=self._throttled,
            waiting_ns=self._waiting.times(),
            capacity_ns=self._capacity.times() if self._pool.scaling is not None else None,
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
