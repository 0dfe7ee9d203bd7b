"""What a tally adds up from all attempts, where attempts, places or instances are not plain (model.md 3.1, 4.1-4.3).

Requests are tried again, are stopped, share cores or batches, wait in a line for whichever place is free first, or are
served by instances that come and go by policies. Counts and latencies of requests come from the same compiled pass as
those of plain pools; what depends on attempts, places and instances is added up here. Memory follows what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.engines.pool import AtLimit, OnTimeout, Pool
from simulator.engines.tables import NONE, Outcome, Settled
from simulator.measures import attempts as made
from simulator.measures.attempts import Attempts
from simulator.measures.billed_time import Billing, time_of
from simulator.measures.instance_time import InstanceTime, Peak, clipped, total
from simulator.measures.places import Occupied, Places, Stretches, serves_several
from simulator.measures.standing import Capacity, StandingInstances
from simulator.units import FOREVER


@dataclass
class Found:
    """Sums and counts of an `AttemptTally`.

    Parameters
    ----------
    tries, throttled_tries, retried, failed_tries, served_tries : int
        Of measured requests: attempts that did not end them; of these the throttled ones, those whose launch failed
        and those that were served; requests that were tried again.
    data_in_bytes : int
        Request bytes of `served_tries`. [B]
    penalty_ns : int
        Sum over completed cold requests, from their last attempt until they were served. [ns]
    on_demand_ns, standing_ns : int
        Billed time of attempts. [ns]
    occupied_ns, client_gone_ns, busy_ns : int
        Inside the measured part: of places occupied by requests (a batch is one), of requests in service whose client
        has gone, of instances with a request in service. [ns]
    active_ns, active_standing_ns : int
        The last of these, rounded up as it is billed, in all and of standing instances. [ns]
    scale_outs, scale_ins : int
        Changes of capacity in the measured part.
    spillover : int
        Measured requests whose last attempt went on demand while capacity was 1 or more, where that changes.
    starting_ns, capacity_ns : int
        Inside the measured part: of instances that start for a request, and of capacity. [ns]
    standing_startup_ns : int
        Of instances that scaling has launched in a pool that launches, whole run: from launch until ready. [ns]
    cold, failed, startup_ns, grown, misserved, ended : int
        Of all attempts and the whole run, for what has to hold in every run: cold ones, failed launches, their
        startup, instances by which capacity grew, attempts served for a wrong time, and earlier ones that ended well.
    """

    tries: int = 0
    throttled_tries: int = 0
    retried: int = 0
    failed_tries: int = 0
    served_tries: int = 0
    data_in_bytes: int = 0
    penalty_ns: int = 0
    on_demand_ns: int = 0
    standing_ns: int = 0
    occupied_ns: int = 0
    client_gone_ns: int = 0
    busy_ns: int = 0
    active_ns: int = 0
    active_standing_ns: int = 0
    scale_outs: int = 0
    scale_ins: int = 0
    spillover: int = 0
    starting_ns: int = 0
    capacity_ns: int = 0
    standing_startup_ns: int = 0
    cold: int = 0
    failed: int = 0
    startup_ns: int = 0
    grown: int = 0
    misserved: int = 0
    ended: int = 0


class AttemptTally:
    """Accumulates what a pool of any kind does, attempt by attempt.

    Parameters
    ----------
    pool : Pool
    billing : Billing
    from_ns, until_ns : int
        The measured part. [ns]
    """

    def __init__(self, pool: Pool, billing: Billing, from_ns: int, until_ns: int) -> None:
        self._pool, self._billing = pool, billing
        self._from_ns, self._until_ns = from_ns, until_ns
        self.found = Found()
        self._settled = 0
        self._capacity = pool.standing
        self._standing = StandingInstances(pool)
        self._provisioned = Capacity(pool.standing, from_ns, until_ns) if pool.launches and pool.scaling else None
        self._places = Places(pool)
        self._busy = Stretches() if serves_several(pool) else None
        self._active = Stretches(billing.granularity_ns) if billing.of_instances else None
        self._occupied_peak = Peak(from_ns, until_ns)
        is_bound = pool.launches and pool.places == 1 and pool.at_limit is AtLimit.THROTTLE
        #: Places that are never exceeded: once so many were occupied, the peak is known.
        self._most_places = pool.max_concurrency if is_bound else FOREVER
        self._gone_peak = Peak(from_ns, until_ns)

    def add(self, settled: Settled, first: int) -> None:
        """Add what an engine has settled; requests before row `first` arrived before the measured part."""
        self._add_changes(settled)
        self._add_standing(settled)
        if not len(settled.demand):
            return
        attempts = made.attempts_of(settled, self._settled)
        self._settled += len(settled.demand)
        known_ns = int(settled.demand.arrival_ns[-1])
        served = attempts.where(attempts.start_ns != NONE)
        self._add_earlier(settled, attempts, first)
        self._add_cold(settled, attempts, first, known_ns)
        self._add_served(settled, served, first)
        if self._provisioned is not None:
            self._add_spillover(self._provisioned, attempts.where(np.arange(first, len(settled.demand))), known_ns)
        self._add_gone(served, known_ns)
        self._add_occupied(self._places.add(served, known_ns), known_ns)

    def _add_changes(self, settled: Settled) -> None:
        changes = settled.changes
        if not len(changes):
            return
        steps = np.diff(changes.capacity, prepend=self._capacity)
        self._capacity = int(changes.capacity[-1])
        inside = (changes.at_ns >= self._from_ns) & (changes.at_ns < self._until_ns)
        self.found.scale_outs += int((steps[inside] > 0).sum())
        self.found.scale_ins += int((steps[inside] < 0).sum())
        self.found.grown += int(steps[steps > 0].sum())

    def _add_standing(self, settled: Settled) -> None:
        """Add what scaling has launched in a pool that launches, and what of it is gone."""
        self._standing.add(settled)
        if self._provisioned is not None:
            self._provisioned.add(settled.changes)
        if self._standing.launched:
            gone = settled.gone
            startup_ns = gone.ready_ns - gone.launch_ns
            self.found.standing_startup_ns += total(startup_ns[self._standing.launched_of(settled.gone_numbers)])

    def _add_spillover(self, provisioned: Capacity, last: Attempts, known_ns: int) -> None:
        """Add the last attempts that went on demand although there was provisioned capacity."""
        on_demand = (last.instance != NONE) & ~self._standing.holds(last.instance)
        self.found.spillover += int((provisioned.at(last.at_ns[on_demand]) > 0).sum())
        # Requests that are settled later arrived later.
        provisioned.forget(known_ns)

    def _add_earlier(self, settled: Settled, attempts: Attempts, first: int) -> None:
        """Earlier attempts stand behind the last ones."""
        found, n = self.found, len(settled.demand)
        if len(attempts.row) == n:
            return
        earlier = attempts.where(np.arange(n, len(attempts.row)))
        found.ended += int(((earlier.outcome == Outcome.COMPLETED) | (earlier.outcome == Outcome.EXPIRED)).sum())
        earlier = earlier.where(earlier.row >= first)
        served = earlier.start_ns != NONE
        found.tries += len(earlier.row)
        found.throttled_tries += int((earlier.outcome == Outcome.THROTTLED).sum())
        found.retried += int((np.diff(earlier.row, prepend=-1) != 0).sum())
        found.failed_tries += int((earlier.is_cold & ~served & (earlier.instance != NONE)).sum())
        found.served_tries += int(served.sum())
        found.data_in_bytes += total(settled.demand.column("payload_in_bytes")[earlier.row[served]])

    def _add_cold(self, settled: Settled, attempts: Attempts, first: int, known_ns: int) -> None:
        cold = np.flatnonzero(attempts.is_cold)
        if not len(cold):
            return
        found, n = self.found, len(settled.demand)
        of_cold = attempts.where(cold)
        if self._pool.launches:  # else a model was loaded, on an instance that was there
            begin_ns, end_ns = made.starting(self._pool, of_cold, settled.demand)
            found.cold += len(cold)
            found.failed += int(((of_cold.start_ns == NONE) & (of_cold.instance != NONE)).sum())
            found.startup_ns += total(end_ns - begin_ns)
            found.starting_ns += self._inside(begin_ns, end_ns)
            some = begin_ns < end_ns
            self._add_peak(begin_ns[some], end_ns[some], -1)
        completed = (cold < n) & (of_cold.row >= first) & (of_cold.outcome == Outcome.COMPLETED)
        found.penalty_ns += total((of_cold.start_ns - of_cold.at_ns)[completed])

    def _add_served(self, settled: Settled, served: Attempts, first: int) -> None:
        found, pool, demand = self.found, self._pool, settled.demand
        work_ns = served.release_ns - served.start_ns
        asked_ns = demand.column("service_ns")[served.row]
        wrong = work_ns < asked_ns if pool.cores or pool.batching else work_ns != asked_ns
        wrong &= served.release_ns != FOREVER
        if pool.on_timeout is OnTimeout.STOP:
            wrong &= (served.outcome != Outcome.TIMED_OUT) | (work_ns > asked_ns) & (pool.cores == 0)
        found.misserved += int(wrong.sum())
        if not self._billing.of_requests:
            return
        startup_ns = np.where(served.is_cold, demand.column("startup_ns")[served.row], 0)
        billed_ns = time_of(self._billing, work_ns, startup_ns)
        measured, standing = served.row >= first, self._standing.holds(served.instance)
        found.on_demand_ns += total(billed_ns[measured & ~standing])
        found.standing_ns += total(billed_ns[measured & standing])

    def _add_gone(self, served: Attempts, known_ns: int) -> None:
        """Attempts in service whose client has gone, or tries again."""
        gone = served.where(served.outcome == Outcome.TIMED_OUT)
        begin_ns, end_ns = np.maximum(gone.start_ns, gone.response_ns), gone.release_ns
        some = begin_ns < end_ns
        self._gone_peak.add(begin_ns[some], end_ns[some], known_ns)
        self.found.client_gone_ns += self._inside(begin_ns, end_ns)

    def _add_occupied(self, occupied: Occupied, known_ns: int) -> None:
        found = self.found
        self._add_peak(occupied.begin_ns, occupied.end_ns, known_ns)
        inside_ns = self._inside(occupied.begin_ns, occupied.end_ns)
        found.occupied_ns += inside_ns
        if self._busy is None:
            found.busy_ns += inside_ns
        else:
            self._add_busy(self._busy.add(occupied, known_ns))
        if self._active is not None:
            self._add_active(self._active.add(occupied, known_ns))

    def _add_peak(self, begin_ns: made.Instants, end_ns: made.Instants, known_ns: int) -> None:
        if self._occupied_peak.most < self._most_places:
            self._occupied_peak.add(begin_ns, end_ns, known_ns)

    def _add_busy(self, stretches: Occupied) -> None:
        self.found.busy_ns += self._inside(stretches.begin_ns, stretches.end_ns)

    def _add_active(self, stretches: Occupied) -> None:
        standing = stretches.where(stretches.instance < self._pool.standing)
        self.found.active_ns += self._inside(stretches.begin_ns, stretches.end_ns)
        self.found.active_standing_ns += self._inside(standing.begin_ns, standing.end_ns)

    def _inside(self, begin_ns: made.Instants, end_ns: made.Instants) -> int:
        begin_ns, end_ns = clipped(begin_ns, end_ns, self._from_ns, self._until_ns)
        return total(end_ns - begin_ns)

    def finish(self) -> Found:
        """What was found, everything settled added."""
        self._add_occupied(self._places.add(made.nobody(), FOREVER), FOREVER)
        if self._busy is not None:
            self._add_busy(self._busy.finish())
        if self._active is not None:
            self._add_active(self._active.finish())
        if self._provisioned is not None:
            self.found.capacity_ns = self._provisioned.finish()
        return self.found

    def occupied_max(self, instances_max: int) -> int:
        """Most places occupied at once, startup included; parameter: most instances there at once.

        Where rows do not tell when instances start (`attempts.launches_are_known`), each has one place, and one is
        launched only when no other is free: the most places occupied are the most instances there, if a launch was seen
        since the start of the run. Without that it is an estimate, of which instances are the limit.
        """
        most = self._occupied_peak.finish()
        if made.launches_are_known(self._pool):
            return most
        return instances_max if self._from_ns == 0 and self.found.cold else min(most, instances_max)

    def client_gone_max(self) -> int:
        """Most requests at once that are in service for a client that has gone."""
        return self._gone_peak.finish()

    def claims(self, time: InstanceTime) -> dict[str, tuple[int, int]]:
        """What has to be equal in every run, in words and in numbers: attempts and instances tell the same."""
        found, pool = self.found, self._pool
        # A managed API has as many places as come.
        in_service_ns = FOREVER if pool.quota else pool.places * (time.there_ns - time.starting_ns)
        claims = {
            "an attempt that another follows ended badly": (0, found.ended),
            "a served request occupies its place for its service time": (0, found.misserved),
            "launches fail on both sides": (found.failed, time.failed),
            "places are there while they are occupied": (0, max(0, found.occupied_ns - in_service_ns)),
            "instances are there while they start or serve": (
                0,
                max(0, found.busy_ns + time.starting_ns - time.there_ns),
            ),
        }
        if not pool.launches:
            if pool.jobs:
                # Of jobs that end and begin at one instant the changes tell the difference alone.
                beyond = max(0, found.grown - time.launched)
                return {**claims, "capacity grows by no more than the instances launched": (0, beyond)}
            return {**claims, "capacity grows by the instances launched": (found.grown, time.launched)}
        by_scaling = self._standing.launched
        if pool.scaling is not None:
            claims["capacity grows by the instances launched"] = (found.grown, by_scaling)
        if not made.launches_are_known(pool):
            missing = max(0, found.cold - time.launched)
            return {**claims, "an instance was launched for each cold attempt": (0, missing)}
        return {
            **claims,
            "an instance was launched for each cold attempt": (found.cold, time.launched - by_scaling),
            "Little's law: time of starting instances is that of launches": (
                found.startup_ns + found.standing_startup_ns,
                time.startup_ns,
            ),
        }
