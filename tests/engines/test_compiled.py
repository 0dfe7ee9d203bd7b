"""The compiled engine against traces worked by hand and against a slow calendar of events written from model.md."""

from __future__ import annotations

import heapq
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from simulator.engines.compiled import Simulation, simulate
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Reason, Requests, Run
from simulator.units import FOREVER

RELEASE, READY, RETIRE, GIVE_UP, ARRIVAL = 10, 20, 30, 50, 60
IDLE_ROUTINGS = [
    Routing.MOST_RECENTLY_IDLE,
    Routing.LEAST_RECENTLY_IDLE,
    Routing.RANDOM_IDLE,
    Routing.NEWEST_CREATED,
]
INSTANCE_ROUTINGS = [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE]


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
        heapq.heappush(self.events, (time, rank, number, what))

    def run(self) -> Run:
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
        self.requests.outcome[number] = Outcome.THROTTLED
        self.requests.reason[number] = reason

    # A pool that launches.

    def new_instance(self, launch_ns: int, lifetime_ns: int) -> int:
        self.launch.append(launch_ns)
        self.ready.append(NONE)
        self.gone.append(FOREVER)
        self.life_over.append(min(launch_ns + lifetime_ns, FOREVER))
        self.use.append(0)
        return len(self.launch) - 1

    def becomes_idle(self, instance: int, number: int, idle_timeout_ns: int) -> None:
        self.idle[instance] = (self.clock, number)
        if instance >= self.pool.standing:
            retire_ns = min(self.clock + idle_timeout_ns, max(self.clock, self.life_over[instance]), FOREVER)
            self.at(retire_ns, RETIRE, instance, self.use[instance])

    def release(self, number: int, instance: int, has_failed: bool) -> None:
        if not self.pool.launches:
            self.release_worker(number, instance)
            return
        self.occupied -= 1
        if has_failed:
            self.gone[instance] = self.clock
        else:
            self.becomes_idle(instance, number, self.rows[number]["idle_timeout_ns"])

    def arrive_on_demand(self, number: int) -> None:
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
        """The queue and the instance: the one is 0, the other the lowest with a free worker, if the queue is central."""
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
        if number in self.queues[queue]:
            self.queues[queue].remove(number)
            self.requests.outcome[number] = Outcome.TIMED_OUT
            self.requests.response_ns[number] = self.clock

    def release_worker(self, number: int, instance: int) -> None:
        self.serving[instance].remove(number)
        queue = 0 if self.pool.routing is Routing.CENTRAL_QUEUE else instance
        if self.queues[queue]:
            head = self.queues[queue].pop(0)
            self.serving[instance].append(head)
            self.serve(head, instance)


def expect_same(expected: Any, actual: Any) -> None:
    for f in fields(expected):
        assert_array_equal(getattr(expected, f.name), getattr(actual, f.name), err_msg=f.name, strict=True)


def fed_in_blocks(pool: Pool, demand: Demand, cuts: list[int], room: int = 1) -> Run:
    simulation = Simulation(pool, room=room)
    edges = [0, *cuts, len(demand)]
    tables = [simulation.feed(demand.rows(a, b)) for a, b in zip(edges, edges[1:], strict=False)]
    return Run(Requests.joined(tables), simulation.finish())


def random_column(rng: np.random.Generator, n: int, low: int, high: int, scale: int, never: bool = False) -> Any:
    """Whole numbers from low to high times scale: one for all or one each, some of them `FOREVER` if asked."""
    if rng.random() < 0.4:
        return FOREVER if never and rng.random() < 0.5 else int(rng.integers(low, high + 1)) * scale
    values = rng.integers(low, high + 1, n) * scale
    if never:
        values[rng.random(n) < 0.2] = FOREVER
    return values


def random_demand(rng: np.random.Generator, n: int, scale: int = 1) -> Demand:
    """Small whole-number times, so that many events fall on one instant."""
    return Demand.from_arrays(
        arrival_ns=np.cumsum(rng.integers(0, int(rng.integers(1, 5)), n)) * scale,
        service_ns=random_column(rng, n, 1, int(rng.integers(1, 9)), scale),
        startup_ns=random_column(rng, n, 0, int(rng.integers(0, 7)), scale),
        idle_timeout_ns=random_column(rng, n, 0, int(rng.integers(0, 13)), scale, never=True),
        lifetime_ns=random_column(rng, n, 1, int(rng.integers(1, 40)), scale, never=True),
        routing=rng.random(n),
    )


def maybe(rng: np.random.Generator, low: int, high: int, otherwise: int = FOREVER) -> int:
    return int(rng.integers(low, high + 1)) if rng.random() < 0.6 else otherwise


def random_pool(rng: np.random.Generator, routing: Routing) -> Pool:
    if routing in IDLE_ROUTINGS:
        standing = maybe(rng, 0, 4, 0)
        limit = maybe(rng, 1, 8)
        return Pool(
            standing=standing,
            launches=True,
            routing=routing,
            max_concurrency=limit if limit == FOREVER else limit + standing,
            starts_warm=bool(rng.random() < 0.4),
            startup_limit_ns=maybe(rng, 0, 6),
            timeout_ns=maybe(rng, 1, 9),
        )
    return Pool(
        standing=int(rng.integers(0, 9)) if rng.random() < 0.9 else int(rng.integers(30, 80)),
        launches=False,
        routing=routing,
        places=int(rng.integers(1, 6)),
        queue_limit=maybe(rng, 0, 4),
        timeout_ns=maybe(rng, 1, 12),
        timeout_from=TimeoutFrom(int(rng.integers(2))),
        on_give_up=OnGiveUp(int(rng.integers(2))),
    )


def agreeing_cases(routing: Routing, seed: int, cases: int) -> None:
    rng = np.random.default_rng([seed, int(routing)])
    for _ in range(cases):
        pool, demand = random_pool(rng, routing), random_demand(rng, int(rng.integers(0, 80)))
        expected = Calendar(pool, demand).run()
        cuts = sorted(int(cut) for cut in rng.integers(0, len(demand) + 1, int(rng.integers(0, 6))))
        for actual in (simulate(pool, demand), fed_in_blocks(pool, demand, cuts)):
            expect_same(expected.requests, actual.requests)
            expect_same(expected.instances, actual.instances)


@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_a_calendar_of_events(routing: Routing) -> None:
    """Random pools and demands with many ties: every column, whole and in random blocks from arrays of size one."""
    agreeing_cases(routing, seed=1, cases=150)


@pytest.mark.slow
@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_a_calendar_of_events_in_many_cases(routing: Routing) -> None:
    """The same for some thousand cases."""
    agreeing_cases(routing, seed=2, cases=3000)
