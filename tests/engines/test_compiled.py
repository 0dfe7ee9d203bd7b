"""The compiled engine against traces worked by hand and against a slow calendar of events written from model.md."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from simulator.engines.compiled import Simulation, releases, simulate
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


def expect_same(expected: Any, actual: Any) -> None:
    for f in fields(expected):
        assert_array_equal(getattr(expected, f.name), getattr(actual, f.name), err_msg=f.name, strict=True)


def fed_in_blocks(pool: Pool, demand: Demand, cuts: list[int], room: int = 1) -> Run:
    simulation = Simulation(pool, room=room)
    edges = [0, *cuts, len(demand)]
    tables = [simulation.feed(demand.rows(a, b)) for a, b in itertools.pairwise(edges)]
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


# Traces worked by hand. One unit is 1 ns; service is 1 unless said.


def on_demand(routing: Routing = Routing.MOST_RECENTLY_IDLE, **fields: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": routing, **fields})


def one_worker(**fields: Any) -> Pool:
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, **fields})


@pytest.mark.parametrize(("timeout", "cold"), [(5, [0, 1, 2]), (9, [0, 1, 2]), (10, [0])])
def test_an_idle_instance_serves_only_before_its_timeout(timeout: int, cold: list[int]) -> None:
    """Arrivals 0, 10, 20: the idle age at each is 9, which is not less than 9."""
    run = simulate(on_demand(), Demand.from_arrays([0, 10, 20], 1, idle_timeout_ns=timeout))
    assert cold == np.flatnonzero(run.requests.is_cold).tolist()
    assert [1 + timeout, 11 + timeout, 21 + timeout][-len(cold) :] == run.instances.gone_ns.tolist()


def test_three_at_once_and_three_later_find_them_idle() -> None:
    """Three at 0 are cold, three at 2 are warm, three instances live; the last idle one is taken first."""
    run = simulate(on_demand(), Demand.from_arrays([0, 0, 0, 2, 2, 2], 1, idle_timeout_ns=5))
    assert [True] * 3 + [False] * 3 == run.requests.is_cold.tolist()
    assert [0, 1, 2, 2, 1, 0] == run.requests.instance.tolist()
    assert [8, 8, 8] == run.instances.gone_ns.tolist()


def test_above_the_limit_requests_are_throttled() -> None:
    """Five at 0 with a limit of three."""
    run = simulate(on_demand(max_concurrency=3), Demand.from_arrays([0] * 5, 1))
    assert [0, 0, 0, 1, 1] == run.requests.outcome.tolist()
    assert [0, 0, 0, int(Reason.CONCURRENCY)] == run.requests.reason.tolist()[:4]
    assert [0, 1, 2, NONE, NONE] == run.requests.instance.tolist()
    assert [1, 1, 1, NONE, NONE] == run.requests.response_ns.tolist()


def test_standing_instances_serve_first() -> None:
    """Three at 0 with two standing: the highest never used first, then one launch."""
    run = simulate(on_demand(standing=2), Demand.from_arrays([0, 0, 0], 1, startup_ns=4, idle_timeout_ns=3))
    assert [1, 0, 2] == run.requests.instance.tolist()
    assert [False, False, True] == run.requests.is_cold.tolist()
    assert [0, 0, 4] == run.requests.start_ns.tolist()
    assert [FOREVER, FOREVER, 8] == run.instances.gone_ns.tolist()
    assert [0, 0, 4] == run.instances.ready_ns.tolist()


@pytest.mark.parametrize(
    ("routing", "instances", "gone"),
    [
        (Routing.MOST_RECENTLY_IDLE, [0, 1, 1, 1, 1, 2], [9, 19, 19]),
        (Routing.LEAST_RECENTLY_IDLE, [0, 1, 0, 1, 0, 1], [19, 19]),
        (Routing.NEWEST_CREATED, [0, 1, 1, 1, 1, 2], [9, 19, 19]),
    ],
)
def test_routing_decides_who_retires(routing: Routing, instances: list[int], gone: list[int]) -> None:
    """Two at 0, one at 2, one at 6, two at 10, idle timeout 8: three cold or two."""
    run = simulate(on_demand(routing), Demand.from_arrays([0, 0, 2, 6, 10, 10], 1, idle_timeout_ns=8))
    assert instances == run.requests.instance.tolist()
    assert gone == run.instances.gone_ns.tolist()


@pytest.mark.parametrize(("draw", "taken"), [(0.0, 0), (0.333, 0), (0.334, 1), (0.99, 2)])
def test_random_idle_routing_takes_a_position_in_order_of_number(draw: float, taken: int) -> None:
    """Of three idle instances, position ⌊3·draw⌋."""
    run = simulate(on_demand(Routing.RANDOM_IDLE), Demand.from_arrays([0, 0, 0, 5], 1, routing=[0, 0, 0, draw]))
    assert taken == run.requests.instance[3]


def test_one_worker_serves_in_order() -> None:
    """Service 5, arrivals 0, 1, 2: they wait 0, 4, 8."""
    run = simulate(one_worker(), Demand.from_arrays([0, 1, 2], 5))
    assert [0, 5, 10] == run.requests.start_ns.tolist()


def test_a_full_queue_throttles() -> None:
    """The same with one place in the queue: the third is turned away."""
    run = simulate(one_worker(queue_limit=1), Demand.from_arrays([0, 1, 2], 5))
    assert [0, 5, NONE] == run.requests.start_ns.tolist()
    assert [0, 0, int(Reason.QUEUE_FULL)] == run.requests.reason.tolist()


def test_a_request_leaves_the_queue_at_its_limit_or_takes_the_worker_then() -> None:
    """Limits 3, 4, 5: the second leaves at 4, the third is handed the worker at its very limit and times out."""
    pool = one_worker(timeout_ns=3, timeout_from=TimeoutFrom.ARRIVAL)
    requests = simulate(pool, Demand.from_arrays([0, 1, 2], 5)).requests
    assert [int(Outcome.TIMED_OUT)] * 3 == requests.outcome.tolist()
    assert [0, NONE, 5] == requests.start_ns.tolist()
    assert [3, 4, 5] == requests.response_ns.tolist()
    assert [5, NONE, 10] == requests.release_ns.tolist()
    assert [0, NONE, 0] == requests.instance.tolist()


def test_a_request_that_is_served_on_keeps_its_place() -> None:
    """The same where clients' leaving goes unnoticed: the second is served from 5, the third from 10, both in vain."""
    pool = one_worker(timeout_ns=3, timeout_from=TimeoutFrom.ARRIVAL, on_give_up=OnGiveUp.SERVE_ON)
    requests = simulate(pool, Demand.from_arrays([0, 1, 2], 5)).requests
    assert [int(Outcome.TIMED_OUT)] * 3 == requests.outcome.tolist()
    assert [0, 5, 10] == requests.start_ns.tolist()
    assert [3, 4, 5] == requests.response_ns.tolist()
    assert [5, 10, 15] == requests.release_ns.tolist()


@pytest.mark.parametrize(("timeout", "second"), [(1, False), (0, True)])
def test_a_release_comes_before_an_arrival_of_the_same_instant(timeout: int, second: bool) -> None:
    """A release at 1 and an arrival at 1: the instance is reused, unless it retires at its release."""
    run = simulate(on_demand(max_concurrency=1), Demand.from_arrays([0, 1], 1, idle_timeout_ns=timeout))
    assert [True, second] == run.requests.is_cold.tolist()
    assert [0, 0] == run.requests.outcome.tolist()


def test_the_release_outlasts_the_response_of_a_timeout() -> None:
    """Service 7, timeout 3, from the start: response at 3, but the place is free at 7 only."""
    pool = on_demand(max_concurrency=1, timeout_ns=3)
    requests = simulate(pool, Demand.from_arrays([0, 6, 7], [7, 3, 4], idle_timeout_ns=9)).requests
    assert [int(Outcome.TIMED_OUT), int(Outcome.THROTTLED), int(Outcome.TIMED_OUT)] == requests.outcome.tolist()
    assert [3, NONE, 10] == requests.response_ns.tolist()
    assert [7, NONE, 11] == requests.release_ns.tolist()


def test_a_launch_fails_at_the_startup_limit_and_takes_a_number() -> None:
    """Startup 5, limit 4: timed out at 4, its place occupied until then, its instance never ready."""
    pool = on_demand(max_concurrency=1, startup_limit_ns=4)
    run = simulate(pool, Demand.from_arrays([0, 3, 4], 1, startup_ns=[5, 5, 4], idle_timeout_ns=2))
    assert [int(Outcome.TIMED_OUT), int(Outcome.THROTTLED), int(Outcome.COMPLETED)] == run.requests.outcome.tolist()
    assert [NONE, NONE, 8] == run.requests.start_ns.tolist()
    assert [4, NONE, 9] == run.requests.response_ns.tolist()
    assert [4, NONE, 9] == run.requests.release_ns.tolist()
    assert [0, NONE, 1] == run.requests.instance.tolist()
    assert [True, False, True] == run.requests.is_cold.tolist()
    assert [NONE, 8] == run.instances.ready_ns.tolist()
    assert [4, 11] == run.instances.gone_ns.tolist()


def test_a_life_that_is_over_in_service_ends_at_the_release() -> None:
    """Launched at 0 with lifetime 3, released at 5: gone at 5; with lifetime 6: at 6, before its idle timeout."""
    for lifetime, gone in ((3, 5), (6, 6), (9, 7)):
        run = simulate(on_demand(), Demand.from_arrays([0], 5, idle_timeout_ns=2, lifetime_ns=lifetime))
        assert [gone] == run.instances.gone_ns.tolist()


def test_a_warm_start_has_one_instance_from_the_first_row() -> None:
    """Three at 2: one takes the standing, one the warm instance, one launches; without demand none is warm."""
    pool = on_demand(standing=1, starts_warm=True)
    run = simulate(pool, Demand.from_arrays([2, 2, 2], 1, idle_timeout_ns=[3, 4, 5]))
    assert [0, 1, 2] == run.requests.instance.tolist()
    assert [False, False, True] == run.requests.is_cold.tolist()
    assert [FOREVER, 7, 8] == run.instances.gone_ns.tolist()
    assert [FOREVER] == simulate(pool, Demand.from_arrays(np.zeros(0), 1)).instances.gone_ns.tolist()


def test_without_instances_there_is_no_capacity() -> None:
    """A pool that neither has nor launches any instance throttles all."""
    pool = Pool(standing=0, launches=False, routing=Routing.CENTRAL_QUEUE)
    run = simulate(pool, Demand.from_arrays([0, 1], 1))
    assert [int(Outcome.THROTTLED)] * 2 == run.requests.outcome.tolist()
    assert [int(Reason.NO_CAPACITY)] * 2 == run.requests.reason.tolist()
    assert 0 == len(run.instances)


def test_a_central_queue_hands_out_workers_in_order_of_release_then_request() -> None:
    """Two instances, released at 4 together: the head takes the worker of the earlier request, which is instance 1."""
    pool = Pool(standing=2, launches=False, routing=Routing.CENTRAL_QUEUE)
    # Request 0 leaves instance 0 at 1; 1 goes to instance 1 until 4; 2 to instance 0 from 1 until 4; 3 and 4 wait.
    run = simulate(pool, Demand.from_arrays([0, 0, 1, 2, 3], [1, 4, 3, 5, 5]))
    assert [0, 1, 0, 1, 0] == run.requests.instance.tolist()
    assert [0, 0, 1, 4, 4] == run.requests.start_ns.tolist()


def test_least_outstanding_counts_those_who_wait_and_those_whose_client_has_gone() -> None:
    """Instance 0 holds one request timed out at 2 but served until 9, so instance 1 is taken, and then 0 of both."""
    pool = Pool(
        standing=2,
        launches=False,
        routing=Routing.LEAST_OUTSTANDING_REQUESTS,
        timeout_ns=2,
        timeout_from=TimeoutFrom.ARRIVAL,
    )
    requests = simulate(pool, Demand.from_arrays([0, 3, 3, 9], [9, 1, 1, 1], routing=[0.0, 0.9, 0.0, 0.6])).requests
    # At 3 both hold one, so the third draws 0, where it waits until its limit, 5. At 9 both are empty again.
    assert [0, 1, NONE, 1] == requests.instance.tolist()
    assert [2, 4, 5, 10] == requests.response_ns.tolist()


# Sums, growth, blocks.


def test_sums_saturate() -> None:
    """Times near the largest int64 do not overflow: what would end later never ends."""
    late = FOREVER - 3
    run = simulate(on_demand(), Demand.from_arrays([0, late], [1, 9], startup_ns=2, idle_timeout_ns=FOREVER - 1))
    assert [3, FOREVER] == run.requests.release_ns.tolist()
    assert [FOREVER] == run.instances.gone_ns.tolist()
    run = simulate(on_demand(), Demand.from_arrays([0, 5], 1, startup_ns=FOREVER))
    assert [FOREVER, FOREVER] == run.requests.start_ns.tolist()
    run = simulate(one_worker(), Demand.from_arrays([0, late], [FOREVER, 1]))
    assert [0, FOREVER] == run.requests.start_ns.tolist()


@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_the_calendar_when_times_saturate(routing: Routing) -> None:
    """Random times of a tenth of the largest int64: many sums reach it."""
    rng = np.random.default_rng([3, int(routing)])
    for _ in range(40):
        pool = random_pool(rng, routing)
        demand = random_demand(rng, 12, scale=FOREVER // 40)
        if demand.arrival_ns[-1] == FOREVER:
            continue
        expected, actual = Calendar(pool, demand).run(), fed_in_blocks(pool, demand, [5])
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


LARGE_POOLS = {
    **{
        routing.name.lower(): on_demand(routing, standing=40, max_concurrency=400, timeout_ns=900, starts_warm=True)
        for routing in IDLE_ROUTINGS
    },
    **{
        f"{routing.name.lower()}-{give_up.name.lower()}": Pool(
            standing=90,
            launches=False,
            routing=routing,
            places=3,
            queue_limit=40,
            timeout_ns=900,
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=give_up,
        )
        for routing in INSTANCE_ROUTINGS
        for give_up in OnGiveUp
    },
    "one-instance-with-many-workers": Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, places=250),
}


def bursts_and_lulls(seed: int, n: int = 4000) -> Demand:
    """Demand that keeps some hundred places occupied, with pauses in which all is released and much retires."""
    rng = np.random.default_rng([4, seed])
    gaps = rng.integers(0, 3, n) + (rng.random(n) < 0.003) * rng.integers(0, 4000, n)
    return Demand.from_arrays(
        arrival_ns=np.cumsum(gaps),
        service_ns=1 + rng.exponential(300, n).astype(np.int64),
        startup_ns=rng.integers(0, 200, n),
        idle_timeout_ns=rng.integers(0, 2000, n),
        lifetime_ns=rng.integers(1, 5000, n),
        routing=rng.random(n),
    )


@pytest.mark.parametrize("pool", LARGE_POOLS.values(), ids=list(LARGE_POOLS))
def test_large_pools_agree_with_the_calendar(pool: Pool) -> None:
    """Hundreds of requests at once, bursts and lulls: heaps, trees and growing arrays at work, from size one."""
    demand = bursts_and_lulls(seed=0)
    expected = Calendar(pool, demand).run()
    for actual in (fed_in_blocks(pool, demand, [7, 7, 1500, 1501]), fed_in_blocks(pool, demand, [], room=1024)):
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_large_pools_agree_with_the_calendar_in_many_cases(seed: int) -> None:
    """The same for twenty demands."""
    demand = bursts_and_lulls(seed, n=3000)
    for pool in LARGE_POOLS.values():
        expected, actual = Calendar(pool, demand).run(), fed_in_blocks(pool, demand, [seed, 50 * seed], room=seed)
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


def test_releases_come_in_order_of_time_and_request() -> None:
    """Against a sorted list, rising to some hundred and falling to none, with ties: near and far change often."""
    rng = np.random.default_rng(5)
    capacity, waves = 400, 30
    due_ns = np.zeros(releases.room_for_releases(capacity), np.int64)
    places, serving = np.zeros_like(due_ns), np.zeros(capacity, np.int64)
    expected: list[tuple[int, int, int]] = []
    near = far = number = now = 0
    for wave in range(waves):
        height, free = int(rng.integers(1, capacity)), sorted(set(range(capacity)) - {place for *_, place in expected})
        for place in free[: max(0, height - len(expected))]:
            time = now + int(rng.integers(0, 20 * (1 + wave)))
            serving[place] = number
            near, far = releases.add_release(due_ns, places, near, far, time, place, serving)
            expected.append((time, number, place))
            number += 1
        expected.sort()
        assert len(expected) == near + far
        for _ in range(int(rng.integers(0, len(expected) + 1))):
            if near == 0:
                near, far = releases.bring_near(due_ns, places, far, serving)
            near -= 1
            now, _, place = expected.pop(0)
            assert (now, place) == (due_ns[near], places[near])


def test_memory_follows_the_living() -> None:
    """Ten million units of one request at a time: idle instances that are long gone do not pile up."""
    n = 20_000
    demand = Demand.from_arrays(np.arange(n) * 500, 1, idle_timeout_ns=np.arange(n) % 2 * 400 + 300)
    for routing in IDLE_ROUTINGS:
        simulation = Simulation(on_demand(routing), room=1)
        simulation.feed(demand)
        living = simulation._pool._living  # type: ignore[union-attr]
        assert 1000 > max(len(living.idle), len(living.instance_in), len(living.due_ns))
    queue = Simulation(one_worker(queue_limit=50), room=1)
    queue.feed(Demand.from_arrays(np.arange(n), 1 + np.arange(n) % 2))
    assert 200 > queue._pool._state.leaves_ns.shape[1]  # type: ignore[union-attr]


def test_kernels_of_read_only_and_of_constant_columns_are_the_same() -> None:
    """Neither compiles anything anew: one signature per kernel."""
    from simulator.engines.compiled.on_demand import serve_on_demand

    constant = Demand.from_arrays([0, 1, 2], 1)
    columns: dict[str, Any] = {f.name: constant.column(f.name) for f in fields(Demand)}
    columns["arrival_ns"].flags.writeable = False
    expect_same(simulate(on_demand(), constant).requests, simulate(on_demand(), Demand(**columns)).requests)
    assert 1 == len(serve_on_demand.signatures)  # type: ignore[attr-defined]


def test_a_kernel_is_compiled_anew_when_any_rule_changes() -> None:
    """Numba would look at the kernel's own file only; the stamp of its cache is the digest of all."""
    from simulator.engines.compiled.kernels import _digest_of_sources
    from simulator.engines.compiled.on_demand import serve_on_demand

    stamp = serve_on_demand._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert _digest_of_sources() == stamp
