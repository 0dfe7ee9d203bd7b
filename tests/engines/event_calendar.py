"""A slow calendar of events, written from model.md 1 to 4 and from nothing else."""

from __future__ import annotations

import heapq
from dataclasses import fields
from typing import Any

import numpy as np

from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Reason, Requests, Run
from simulator.units import FOREVER

RELEASE, READY, RETIRE, GIVE_UP, ARRIVAL = 10, 20, 30, 50, 60


class Calendar:
    """Events in order of (time, rank, id), nothing settled ahead of time, every choice made by sorting lists."""

    def __init__(self, pool: Pool, demand: Demand) -> None:
        self.pool = pool
        self.rows = [{f.name: demand.column(f.name)[i].item() for f in fields(Demand)} for i in range(len(demand))]
        self.requests = Requests.empty(len(demand))
        self.events: list[tuple[int, int, int, Any]] = []
        self.launch = [0] * pool.standing
        self.ready = [0] * pool.standing
        self.gone = [FOREVER] * pool.standing
        self.life_over = [FOREVER] * pool.standing
        self.use = [0] * pool.standing  # how often an instance was taken: tells a stale retirement
        # Idle instances, with when and from which request each was released.
        self.idle = {k: (-1, k) for k in range(pool.standing)}
        self.occupied = 0
        self.serving: dict[int, list[int]] = {k: [] for k in range(pool.standing)}
        self.queues: dict[int, list[int]] = {k: [] for k in range(pool.standing)}
        self.clock = 0

    def at(self, time: int, rank: int, number: int, what: Any = None) -> None:
        """Put an event into the calendar."""
        heapq.heappush(self.events, (time, rank, number, what))

    def run(self) -> Run:
        """All events, and what came of them."""
        if self.pool.starts_warm and self.rows:
            self.new_instance(0, self.rows[0]["lifetime_ns"])
            self.ready[-1] = 0
            self.becomes_idle(self.pool.standing, -1, self.rows[0]["idle_timeout_ns"])
        for number, row in enumerate(self.rows):
            self.at(row["arrival_ns"], ARRIVAL, number)
        while self.events:
            self.clock, rank, number, what = heapq.heappop(self.events)
            if rank == RELEASE:
                self.release(number, *what)
            elif rank == READY:
                self.ready[number] = self.clock
                self.serve(what, number)
            elif rank == RETIRE:
                if number in self.idle and self.use[number] == what:
                    del self.idle[number]
                    self.gone[number] = self.clock
            elif rank == GIVE_UP:
                self.give_up(number, what)
            elif self.pool.launches:
                self.arrive_on_demand(number)
            else:
                self.arrive_at_standing(number)
        return Run(
            self.requests,
            Instances(*(np.array(column, np.int64) for column in (self.launch, self.ready, self.gone))),
        )

    def serve(self, number: int, instance: int) -> None:
        """A place takes a request now."""
        row, requests, pool = self.rows[number], self.requests, self.pool
        start_ns = self.clock
        release_ns = min(start_ns + row["service_ns"], FOREVER)
        base_ns = row["arrival_ns"] if pool.timeout_from is TimeoutFrom.ARRIVAL else start_ns
        limit_ns = min(base_ns + pool.timeout_ns, FOREVER)
        requests.start_ns[number] = start_ns
        requests.release_ns[number] = release_ns
        requests.instance[number] = instance
        requests.outcome[number] = Outcome.TIMED_OUT if release_ns > limit_ns else Outcome.COMPLETED
        requests.response_ns[number] = min(limit_ns, release_ns)
        self.at(release_ns, RELEASE, number, (instance, False))

    def throttle(self, number: int, reason: Reason) -> None:
        """A request is turned away."""
        self.requests.outcome[number] = Outcome.THROTTLED
        self.requests.reason[number] = reason

    # A pool that launches.

    def new_instance(self, launch_ns: int, lifetime_ns: int) -> int:
        """Number of an instance that is launched."""
        self.launch.append(launch_ns)
        self.ready.append(NONE)
        self.gone.append(FOREVER)
        self.life_over.append(min(launch_ns + lifetime_ns, FOREVER))
        self.use.append(0)
        return len(self.launch) - 1

    def becomes_idle(self, instance: int, number: int, idle_timeout_ns: int) -> None:
        """An instance is idle from now, and will retire unless it is taken before."""
        self.idle[instance] = (self.clock, number)
        if instance >= self.pool.standing:
            retire_ns = min(self.clock + idle_timeout_ns, max(self.clock, self.life_over[instance]), FOREVER)
            self.at(retire_ns, RETIRE, instance, self.use[instance])

    def release(self, number: int, instance: int, has_failed: bool) -> None:
        """A request leaves its place."""
        if not self.pool.launches:
            self.release_worker(number, instance)
            return
        self.occupied -= 1
        if has_failed:
            self.gone[instance] = self.clock
        else:
            self.becomes_idle(instance, number, self.rows[number]["idle_timeout_ns"])

    def arrive_on_demand(self, number: int) -> None:
        """An arrival at a pool that launches."""
        pool, row = self.pool, self.rows[number]
        if self.occupied >= pool.max_concurrency:
            self.throttle(number, Reason.CONCURRENCY)
            return
        self.occupied += 1
        standing = [k for k in self.idle if k < pool.standing]
        on_demand = sorted(k for k in self.idle if k >= pool.standing)
        if standing:
            chosen = max(standing, key=self.idle.__getitem__)
        elif on_demand:
            chosen = {
                Routing.MOST_RECENTLY_IDLE: lambda: max(on_demand, key=self.idle.__getitem__),
                Routing.LEAST_RECENTLY_IDLE: lambda: min(on_demand, key=self.idle.__getitem__),
                Routing.NEWEST_CREATED: lambda: on_demand[-1],
                Routing.RANDOM_IDLE: lambda: on_demand[int(row["routing"] * len(on_demand))],
            }[pool.routing]()
        else:
            self.launch_for(number)
            return
        del self.idle[chosen]
        self.use[chosen] += 1
        self.serve(number, chosen)

    def launch_for(self, number: int) -> None:
        """An instance is launched for a request."""
        row = self.rows[number]
        instance = self.new_instance(self.clock, row["lifetime_ns"])
        self.requests.is_cold[number] = True
        if row["startup_ns"] > self.pool.startup_limit_ns:
            failure_ns = min(self.clock + self.pool.startup_limit_ns, FOREVER)
            self.requests.outcome[number] = Outcome.TIMED_OUT
            self.requests.response_ns[number] = self.requests.release_ns[number] = failure_ns
            self.requests.instance[number] = instance
            self.at(failure_ns, RELEASE, number, (instance, True))
        else:
            self.at(min(self.clock + row["startup_ns"], FOREVER), READY, instance, number)

    # A pool that does not launch.

    def route(self, number: int) -> tuple[int, int]:
        """The queue and the instance; of a central queue, 0 and the lowest-numbered with a free worker."""
        everyone = list(range(self.pool.standing))
        if self.pool.routing is Routing.CENTRAL_QUEUE:
            free = [k for k in everyone if len(self.serving[k]) < self.pool.places]
            return 0, free[0] if free else 0
        if self.pool.routing is Routing.LEAST_OUTSTANDING_REQUESTS:
            held = [len(self.serving[k]) + len(self.queues[k]) for k in everyone]
            everyone = [k for k in everyone if held[k] == min(held)]
        chosen = everyone[int(self.rows[number]["routing"] * len(everyone))]
        return chosen, chosen

    def arrive_at_standing(self, number: int) -> None:
        """An arrival at a pool that does not launch."""
        pool = self.pool
        if pool.standing == 0:
            self.throttle(number, Reason.NO_CAPACITY)
            return
        queue, instance = self.route(number)
        share = pool.standing if pool.routing is Routing.CENTRAL_QUEUE else 1
        if len(self.serving[instance]) < pool.places:
            self.serving[instance].append(number)
            self.serve(number, instance)
        elif len(self.queues[queue]) >= pool.queue_limit * share:
            self.throttle(number, Reason.QUEUE_FULL)
        else:
            self.queues[queue].append(number)
            if pool.timeout_from is TimeoutFrom.ARRIVAL and pool.on_give_up is OnGiveUp.LEAVE:
                self.at(min(self.clock + pool.timeout_ns, FOREVER), GIVE_UP, number, queue)

    def give_up(self, number: int, queue: int) -> None:
        """The limit of a request comes; it leaves if it still waits."""
        if number in self.queues[queue]:
            self.queues[queue].remove(number)
            self.requests.outcome[number] = Outcome.TIMED_OUT
            self.requests.response_ns[number] = self.clock

    def release_worker(self, number: int, instance: int) -> None:
        """A worker is free, and takes the head of the queue."""
        self.serving[instance].remove(number)
        queue = 0 if self.pool.routing is Routing.CENTRAL_QUEUE else instance
        if self.queues[queue]:
            head = self.queues[queue].pop(0)
            self.serving[instance].append(head)
            self.serve(head, instance)
