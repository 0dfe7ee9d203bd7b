"""The reference engine: one SimPy process per request, in the order in which the request lives it.

Written to be read beside ``notes/model.md``, sections 1 to 4, paragraph by paragraph; speed is the business of the
compiled engine, which has to give the same rows.

SimPy takes events by (time, priority, order of scheduling). Here every event of the model is a `Moment`, whose
priority is made of rank and id, so the order of scheduling never decides anything. SimPy's own events (a process
begins, a waiting request is called) have priorities 0 and 1, below every rank: whatever follows from a moment without
delay is done before the next moment. Times are Python's whole numbers; nothing here overflows or rounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

import numpy as np
import simpy
from simpy.events import EventPriority

from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Instances, Outcome, Reason, Requests, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER

Life = Generator[simpy.Event, Any, None]


def simulate(pool: Pool, demand: Demand) -> Run:
    """Rows of every request and every instance of one run, from time 0 until it has drained.

    Parameters
    ----------
    pool : Pool
        Instances and rules.
    demand : Demand
        n requests in order of arrival.

    Returns
    -------
    Run
        n requests in the same order, instances in order of number.

    Raises
    ------
    InputError
        If requests are left waiting behind a service that never ends.
    """
    endpoint = LaunchingEndpoint(pool, demand) if pool.launches else StandingEndpoint(pool, demand)
    endpoint.env.run()
    return endpoint.run()


class Simulation:
    """A pool that is fed demand block by block.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._held: list[Demand] = []

    def feed(self, block: Demand) -> Settled:
        """What is settled after the next block; nothing is before the end."""
        self._held.append(block)
        nothing = np.empty(0, np.int64)
        no_instances = Instances(nothing, nothing, nothing)
        return Settled(Demand.from_arrays(nothing, 1), Requests.empty(0), nothing, no_instances, nothing, 0)

    def finish(self) -> Settled:
        """The rest."""
        demand = Demand.joined(self._held) if self._held else Demand.from_arrays(np.empty(0, np.int64), 1)
        run = simulate(self._pool, demand)
        instances = run.instances
        return Settled(demand, run.requests, instances.launch_ns, instances, np.arange(len(instances)), FOREVER)


class Rank(IntEnum):
    """What comes first at one instant (model.md 1)."""

    RELEASE = 10
    READY = 20
    RETIRE = 30
    GIVE_UP = 50
    ARRIVAL = 60


class Moment(simpy.Event):
    """An event of the model, ordered by (time, rank, id); at `FOREVER` it never happens.

    The id is the instance number for ready and retired, else the request number (model.md 3).
    """

    #: Above every request or instance number, so that rank · BEYOND_IDS + id sorts by rank, then by id.
    BEYOND_IDS: Final = 2**48

    def __init__(self, env: simpy.Environment, at_ns: int, rank: Rank, number: int) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as simpy.Timeout: decided now, happens later
        if at_ns < FOREVER:
            env.schedule(self, EventPriority(rank * self.BEYOND_IDS + number), at_ns - env.now)


def later(instant_ns: int, duration_ns: int) -> int:
    """The instant a duration later; sums saturate at `FOREVER` (model.md 1)."""
    return min(instant_ns + duration_ns, FOREVER)


class Request(NamedTuple):
    """One row of the demand, as Python's numbers."""

    number: int
    arrival_ns: int
    service_ns: int
    startup_ns: int
    idle_timeout_ns: int
    lifetime_ns: int
    routing: float


def requests_of(demand: Demand) -> Iterator[Request]:
    """The rows of a demand, one at a time."""
    columns = [demand.column(name) for name in Request._fields[1:]]
    for number in range(len(demand)):
        yield Request(number, *(column[number].item() for column in columns))


@dataclass(eq=False)
class Instance:
    """An instance and what is on it now.

    `busy` counts its occupied places, `queue` holds the call of each request that waits at it, in order of waiting.
    `idle_since` orders the idle: time of release, number of the request released.
    """

    number: int
    launch_ns: int = 0
    ready_ns: int = 0
    gone_ns: int = FOREVER
    lifetime_ns: int = FOREVER
    busy: int = 0
    queue: dict[int, simpy.Event] = field(default_factory=dict)
    idle_since: tuple[int, int] = (NONE, NONE)


class Endpoint(ABC):
    """What both kinds of pool have in common: arrivals, the rows, service and its limit."""

    def __init__(self, pool: Pool, demand: Demand) -> None:
        self.env = simpy.Environment()
        self.pool = pool
        self.rows = Requests.empty(len(demand))
        self.instances = [Instance(number) for number in range(pool.standing)]
        self.env.process(self.arrivals(demand))

    @property
    def now(self) -> int:
        """The present instant, ns since the start of the run."""
        return int(self.env.now)

    def arrivals(self, demand: Demand) -> Life:
        """Source of the requests: each begins its life at its arrival."""
        for request in requests_of(demand):
            yield Moment(self.env, request.arrival_ns, Rank.ARRIVAL, request.number)
            self.env.process(self.life(request))

    @abstractmethod
    def life(self, request: Request) -> Life:
        """The life of a request, from its arrival until its place is free of it."""

    def throttle(self, request: Request, reason: Reason) -> None:
        """Turn a request away; a client that tries again would begin another life here."""
        self.rows.outcome[request.number] = Outcome.THROTTLED
        self.rows.reason[request.number] = reason

    def take(self, request: Request, instance: Instance, start_ns: int) -> int:
        """Release of a request that a place takes; its row is written (model.md 2)."""
        number = request.number
        release_ns = later(start_ns, request.service_ns)
        limit_from_ns = start_ns if self.pool.timeout_from is TimeoutFrom.START else request.arrival_ns
        limit_ns = later(limit_from_ns, self.pool.timeout_ns)
        self.rows.instance[number] = instance.number
        self.rows.start_ns[number] = start_ns
        self.rows.response_ns[number] = min(release_ns, limit_ns)
        self.rows.release_ns[number] = release_ns
        self.rows.outcome[number] = Outcome.COMPLETED if release_ns <= limit_ns else Outcome.TIMED_OUT
        return release_ns

    def run(self) -> Run:
        """The tables, once the run has drained."""
        if any(instance.queue for instance in self.instances):
            raise InputError("demand: requests wait for ever, for a service that never ends")
        times = np.array([(i.launch_ns, i.ready_ns, i.gone_ns) for i in self.instances], np.int64).reshape(-1, 3)
        return Run(self.rows, Instances(*times.T.copy()))


class LaunchingEndpoint(Endpoint):
    """A pool that launches an instance for a request that finds none idle (model.md 3)."""

    def __init__(self, pool: Pool, demand: Demand) -> None:
        super().__init__(pool, demand)
        self.occupied = 0
        self.idle_standing = {instance.number: instance for instance in self.instances}
        self.idle_on_demand: dict[int, Instance] = {}
        if pool.starts_warm and len(demand) > 0:
            first = next(requests_of(demand))
            self.instances.append(Instance(pool.standing, lifetime_ns=first.lifetime_ns))
            self.become_idle(self.instances[-1], (0, NONE), first.idle_timeout_ns)

    def life(self, request: Request) -> Life:
        """Limit, idle standing instance, idle on-demand instance, launch: in this order (model.md 3)."""
        if self.occupied >= self.pool.max_concurrency:
            self.throttle(request, Reason.CONCURRENCY)  # a queue at the limit would stand here
            return
        self.occupied += 1

        instance = self.idle_instance(request)
        if instance is None:
            instance = self.launch(request)  # a launch rate limit would stand before this
            if request.startup_ns > self.pool.startup_limit_ns:
                yield from self.failed_launch(request, instance)
                return
            release_ns = self.take(request, instance, instance.ready_ns)
            yield Moment(self.env, instance.ready_ns, Rank.READY, instance.number)
        else:
            release_ns = self.take(request, instance, self.now)

        yield Moment(self.env, release_ns, Rank.RELEASE, request.number)
        self.occupied -= 1
        self.become_idle(instance, (self.now, request.number), request.idle_timeout_ns)

    def idle_instance(self, request: Request) -> Instance | None:
        """The idle instance that serves the request, no longer idle: a standing one if there is one."""
        idle = self.idle_standing or self.idle_on_demand
        if not idle:
            return None
        by_number = sorted(idle)
        by_idle_since = sorted(idle, key=lambda number: idle[number].idle_since)
        routing = Routing.MOST_RECENTLY_IDLE if idle is self.idle_standing else self.pool.routing
        if routing is Routing.MOST_RECENTLY_IDLE:
            return idle.pop(by_idle_since[-1])
        if routing is Routing.LEAST_RECENTLY_IDLE:
            return idle.pop(by_idle_since[0])
        if routing is Routing.NEWEST_CREATED:
            return idle.pop(by_number[-1])
        return idle.pop(by_number[int(request.routing * len(by_number))])

    def launch(self, request: Request) -> Instance:
        """A new instance, occupied by the request from now on: a cold start."""
        ready_ns = later(self.now, request.startup_ns)
        instance = Instance(len(self.instances), self.now, ready_ns, lifetime_ns=request.lifetime_ns)
        self.instances.append(instance)
        self.rows.is_cold[request.number] = True
        return instance

    def failed_launch(self, request: Request, instance: Instance) -> Life:
        """A startup longer than its limit: request and instance end at the limit, nothing was served."""
        number, limit_ns = request.number, later(request.arrival_ns, self.pool.startup_limit_ns)
        self.rows.outcome[number] = Outcome.TIMED_OUT
        self.rows.instance[number] = instance.number
        self.rows.response_ns[number] = self.rows.release_ns[number] = limit_ns
        instance.ready_ns, instance.gone_ns = NONE, limit_ns
        yield Moment(self.env, limit_ns, Rank.RELEASE, number)
        self.occupied -= 1

    def become_idle(self, instance: Instance, idle_since: tuple[int, int], idle_timeout_ns: int) -> None:
        """Let an instance wait for its next request; if it is an on-demand one, until its retirement."""
        instance.idle_since = idle_since
        if instance.number < self.pool.standing:
            self.idle_standing[instance.number] = instance
        else:
            self.idle_on_demand[instance.number] = instance
            self.env.process(self.retirement(instance, idle_timeout_ns))

    def retirement(self, instance: Instance, idle_timeout_ns: int) -> Life:
        """Retire an idle instance at its idle timeout or its lifetime, unless it was reused before."""
        idle_since = instance.idle_since
        end_of_life_ns = max(self.now, later(instance.launch_ns, instance.lifetime_ns))
        retired_ns = min(later(self.now, idle_timeout_ns), end_of_life_ns)
        yield Moment(self.env, retired_ns, Rank.RETIRE, instance.number)
        if instance.number in self.idle_on_demand and instance.idle_since == idle_since:
            del self.idle_on_demand[instance.number]
            instance.gone_ns = retired_ns


class StandingEndpoint(Endpoint):
    """A pool whose standing instances are all there is (model.md 4); scaling would add and drain instances."""

    def __init__(self, pool: Pool, demand: Demand) -> None:
        super().__init__(pool, demand)
        self.queue_limit = pool.queue_limit
        if pool.routing is Routing.CENTRAL_QUEUE:
            self.queue_limit = pool.queue_limit * pool.standing
            one_queue: dict[int, simpy.Event] = {}
            for instance in self.instances:
                instance.queue = one_queue

    def life(self, request: Request) -> Life:
        """Routing, a free worker or the queue, service; then the worker takes the head of its queue (model.md 4)."""
        if not self.instances:
            self.throttle(request, Reason.NO_CAPACITY)
            return

        instance = self.route(request)
        if instance.busy < self.pool.places:
            instance.busy += 1
        elif len(instance.queue) >= self.queue_limit:
            self.throttle(request, Reason.QUEUE_FULL)
            return
        else:
            called = instance.queue[request.number] = self.env.event()
            gives_up = Moment(self.env, self.give_up_ns(request), Rank.GIVE_UP, request.number)
            yield called | gives_up
            if not called.triggered:
                del instance.queue[request.number]
                self.rows.outcome[request.number] = Outcome.TIMED_OUT
                self.rows.response_ns[request.number] = self.now
                return
            instance = cast(Instance, called.value)  # of a central queue: whichever became free

        release_ns = self.take(request, instance, self.now)
        yield Moment(self.env, release_ns, Rank.RELEASE, request.number)
        if instance.queue:  # the worker goes over to the head of the queue and stays busy
            head = next(iter(instance.queue))
            instance.queue.pop(head).succeed(instance)
        else:
            instance.busy -= 1

    def route(self, request: Request) -> Instance:
        """The instance to which the request goes, without regard to its queue."""
        if self.pool.routing is Routing.CENTRAL_QUEUE:
            with_free_worker = [i for i in self.instances if i.busy < self.pool.places]
            return (with_free_worker or self.instances)[0]
        candidates = self.instances
        if self.pool.routing is Routing.LEAST_OUTSTANDING_REQUESTS:
            outstanding = [instance.busy + len(instance.queue) for instance in self.instances]
            fewest = min(outstanding)
            candidates = [i for i, n in zip(self.instances, outstanding, strict=True) if n == fewest]
        return candidates[int(request.routing * len(candidates))]

    def give_up_ns(self, request: Request) -> int:
        """When a request leaves the queue unserved: never, if waiting has no limit or it keeps its place."""
        if self.pool.timeout_from is TimeoutFrom.START or self.pool.on_give_up is OnGiveUp.SERVE_ON:
            return FOREVER
        return later(request.arrival_ns, self.pool.timeout_ns)
