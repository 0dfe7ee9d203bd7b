"""A pool whose requests are served by jobs, between two blocks of demand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.held_back import last_arrival_ns
from simulator.engines.compiled.jobs.serving import Begun, Rules, serve_jobs
from simulator.engines.compiled.moments import no_moments
from simulator.engines.compiled.rows import column_of, empty_table, requests_of
from simulator.engines.pool import OnTimeout, Pool
from simulator.engines.tables import Changes, Demand, Instances, LaunchTimes, Requests, Settled
from simulator.errors import InputError
from simulator.units import FOREVER

Ints = NDArray[np.int64]
#: Columns of the instances that are not given back yet.
_NUMBER, _LAUNCH, _READY, _GONE = range(4)


class JobPool:
    """A pool with jobs; requests are held back until the job begins that serves them.

    Parameters
    ----------
    pool : Pool
        One with `jobs`.
    launch_times : LaunchTimes
        Of the instances that jobs launch.
    room : int
        Launch times that are asked for at first; no result depends on it.

    Raises
    ------
    ValueError
        If the pool has no jobs.
    """

    def __init__(self, pool: Pool, launch_times: LaunchTimes, room: int) -> None:
        if pool.jobs is None:
            raise ValueError("a pool that serves jobs needs them")
        self._first_ns = min(pool.jobs.first_ns, FOREVER)
        self._interval_ns = min(pool.jobs.interval_ns, FOREVER)
        self._rules = Rules(pool.jobs.instances, pool.places, pool.timeout_ns, pool.on_timeout is OnTimeout.STOP)
        self._launch_times = launch_times
        self._known_times = np.empty(0, np.int64)
        self._room = room
        self._blocks: list[Demand] = []
        self._taken = self._launched = self._capacity = 0
        self._living = np.empty((0, 4), np.int64)
        # Time, and how many instances more or fewer there are then: what is still to be told.
        self._steps = np.empty((0, 2), np.int64)
        self._last_ns = 0

    def feed(self, demand: Demand) -> Settled:
        """The requests of the jobs that begin up to the last arrival.

        Raises
        ------
        InputError
            If the block begins before the last request fed, or one of its requests never arrives, or waits for ever.
        """
        if len(demand):
            self._last_ns = last_arrival_ns(demand, self._last_ns)
            self._blocks.append(demand)
        return self._settled(self._last_ns, self._last_ns)

    def finish(self) -> Settled:
        """The rest, and all instances that were not given back.

        Raises
        ------
        InputError
            If a request waits for what never comes.
        """
        settled = self._settled(FOREVER - 1, FOREVER)
        if self._blocks:
            raise InputError("demand: requests wait for ever, for a job that never begins")
        return settled

    def _settled(self, now_ns: int, until_ns: int) -> Settled:
        """What the jobs that begin up to now settle."""
        demand, requests = Demand.from_arrays(np.empty(0, np.int64), 1), Requests.empty(0)
        launched_ns = np.empty(0, np.int64)
        # Nothing is joined before a job begins, however many blocks it has to wait for.
        if self._blocks and self._begins_ns(self._blocks[0].arrival_ns[:1])[0] <= now_ns:
            held = Demand.joined(self._blocks)
            begins_ns = self._begins_ns(held.arrival_ns)
            n = int(np.searchsorted(begins_ns, now_ns, "right"))
            self._blocks = [held.rows(n, len(held))] if n < len(held) else []
            demand = held.rows(0, n)
            requests, launched_ns = self._run(demand, begins_ns[:n])
        is_over = self._living[:, _GONE] < until_ns if until_ns < FOREVER else np.ones(len(self._living), np.bool_)
        gone = self._living[is_over]
        self._living = self._living[~is_over]
        return Settled(
            demand,
            requests,
            launched_ns,
            Instances(*(gone[:, column].copy() for column in (_LAUNCH, _READY, _GONE))),
            gone[:, _NUMBER].copy(),
            until_ns,
            changes=self._changes(now_ns),
        )

    def _begins_ns(self, arrival_ns: Ints) -> Ints:
        """When the jobs begin that serve requests: at the first instant of the jobs after each arrival [ns]."""
        since_ns = arrival_ns - self._first_ns
        wait_ns = np.where(since_ns < 0, -since_ns, self._interval_ns - since_ns % self._interval_ns)
        return np.where(wait_ns <= FOREVER - arrival_ns, arrival_ns + wait_ns, FOREVER)

    def _run(self, demand: Demand, begins_ns: Ints) -> tuple[Requests, Ints]:
        """How the requests of some jobs end, and when their instances were launched."""
        instances = self._rules.instances
        first_rows = np.flatnonzero(np.diff(begins_ns, prepend=-1))
        jobs = len(first_rows)
        launched = self._launched + jobs * instances
        begun = Begun(
            begin_ns=begins_ns[first_rows],
            first_rows=np.append(first_rows, len(demand)),
            launch_times_ns=self._times_of_first(launched)[self._launched : launched],
            ready_ns=np.empty(jobs * instances, np.int64),
            gone_ns=np.empty(jobs, np.int64),
        )
        most = int(np.diff(begun.first_rows).max())
        moments = no_moments(instances + min(most, instances * self._rules.places))
        table = empty_table(len(demand))
        run: Any = serve_jobs
        service_ns = column_of(demand, "service_ns")
        if not run(self._rules, service_ns, self._taken, self._launched, begun, moments, table):
            raise InputError("demand: requests wait for ever, for a service that never ends or an instance never ready")
        launched_ns = np.repeat(begun.begin_ns, instances)
        numbers = np.arange(self._launched, launched)
        new = np.column_stack([numbers, launched_ns, begun.ready_ns, np.repeat(begun.gone_ns, instances)])
        self._living = np.concatenate([self._living, new])
        ends_ns = begun.gone_ns[begun.gone_ns < FOREVER]
        more = np.column_stack([begun.begin_ns, np.full(jobs, instances)])
        fewer = np.column_stack([ends_ns, np.full(len(ends_ns), -instances)])
        self._steps = np.concatenate([self._steps, more, fewer])
        self._taken += len(demand)
        self._launched = launched
        return requests_of(table), launched_ns

    def _times_of_first(self, n: int) -> Ints:
        """Launch times of at least the first n launches."""
        if n > len(self._known_times):
            times = self._launch_times(max(n, 2 * len(self._known_times), self._room))
            self._known_times = np.require(times, np.int64, ["C", "A", "W"])
        return self._known_times

    def _changes(self, now_ns: int) -> Changes:
        """Rows of the instants up to now: jobs that begin later change nothing before."""
        is_told = self._steps[:, 0] <= now_ns
        told = self._steps[is_told]
        if len(told) == 0:
            return Changes.none()
        self._steps = self._steps[~is_told]
        at_ns, which = np.unique(told[:, 0], return_inverse=True)
        steps = np.zeros(len(at_ns), np.int64)
        np.add.at(steps, which, told[:, 1])
        capacity = self._capacity + np.cumsum(steps)
        self._capacity = int(capacity[-1])
        return Changes(at_ns[steps != 0], capacity[steps != 0])
