"""The reference engine: one SimPy process per request, in the order in which the request lives it.

Written to be read beside ``notes/model.md``, sections 1 to 4, paragraph by paragraph; speed is the business of the
compiled engine, which has to give the same rows.

SimPy takes events by (time, priority, order of scheduling). Here every event of the model is a `Moment`, whose
priority is made of rank and id, so the order of scheduling never decides anything. SimPy's own events (a process
begins, a waiting request is called) have priorities 0 and 1, below every rank: whatever follows from a moment without
delay is done before the next moment. Times are Python's whole numbers; nothing here overflows or rounds.

The engine remembers what is going on, not what has been; ``ledger.py`` sees to that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, cast

import simpy
from simpy.events import EventPriority

from simulator.engines.ledger import Calendar, InstanceRow, Ledger, Request
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run, Settled
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
    simulation = Simulation(pool)
    return Run.joined([simulation.feed(demand), simulation.finish()])


class Simulation:
    """A pool that is fed demand block by block, its state carried over.

    Memory follows the requests and instances that are there, and the size of a block.

    Parameters
    ----------
    pool : Pool
        Instances and rules.
    """

    def __init__(self, pool: Pool) -> None:
        self._endpoint = LaunchingEndpoint(pool) if pool.launches else StandingEndpoint(pool)

    def feed(self, block: Demand) -> Settled:
        """What is settled once the last request of the block has begun its life; the next may arrive with it.

        Raises
        ------
        InputError
            If the block begins before the last request that was fed, or one of its requests never arrives.
        """
        calendar, ledger = self._endpoint.env, self._endpoint.ledger
        calendar.run(until=calendar.process(self._endpoint.arrivals(ledger.enter(block))))
        calendar.forget()
        return ledger.settle()

    def finish(self) -> Settled:
        """The rest, once all is over.

        Raises
        ------
        InputError
            If requests are left waiting behind a service that never ends.
        """
        self._endpoint.env.run()
        return self._endpoint.ledger.close()


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


@dataclass(eq=False)
class Instance(InstanceRow):
    """An instance and what is on it now.

    `busy` counts its occupied places, `queue` holds the call of each request that waits at it, in order of waiting.
    `idle_since` orders the idle: time of release, number of the request released. `reused` is the call of the request
    that ends the idleness of an on-demand one.
    """

    lifetime_ns: int = FOREVER
    busy: int = 0
    queue: dict[int, simpy.Event] = field(default_factory=dict)
    idle_since: tuple[int, int] = (NONE, NONE)
    reused: simpy.Event | None = None


class Endpoint(ABC):
    """What both kinds of pool have in common: arrivals, the rows, service and its limit."""

    def __init__(self, pool: Pool) -> None:
        self.env = Calendar()
        self.pool = pool
        self.ledger = Ledger()
        self.instances = [Instance(number) for number in range(pool.standing)]
        for instance in self.instances:
            self.ledger.launch(instance)

    @property
    def now(self) -> int:
        """The present instant, ns since the start of the run."""
        return int(self.env.now)

    def arrivals(self, requests: Iterator[Request]) -> Life:
        """Source of the requests: each begins its life at its arrival."""
        for request in requests:
            if request.number == 0:
                self.begin(request)
            yield Moment(self.env, request.arrival_ns, Rank.ARRIVAL, request.number)
            self.env.process(self.life(request))

    @abstractmethod
    def begin(self, first: Request) -> None:
        """What is there from time 0 because of the first request of the run."""

    @abstractmethod
    def life(self, request: Request) -> Life:
        """The life of a request, from its arrival until its place is free of it."""

    def throttle(self, request: Request, reason: Reason) -> None:
        """Turn a request away; a client that tries again would begin another life here."""
        self.ledger.decide(request.number, Outcome.THROTTLED, reason=reason)

    def take(self, request: Request, instance: Instance, start_ns: int) -> int:
        """Release of a request that a place takes; its row is written (model.md 2)."""
        release_ns = later(start_ns, request.service_ns)
        limit_from_ns = start_ns if self.pool.timeout_from is TimeoutFrom.START else request.arrival_ns
        limit_ns = later(limit_from_ns, self.pool.timeout_ns)
        self.ledger.decide(
            request.number,
            Outcome.COMPLETED if release_ns <= limit_ns else Outcome.TIMED_OUT,
            start_ns=start_ns,
            response_ns=min(release_ns, limit_ns),
            release_ns=release_ns,
            instance=instance.number,
        )
        return release_ns


class LaunchingEndpoint(Endpoint):
    """A pool that launches an instance for a request that finds none idle (model.md 3)."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.occupied = 0
        self.idle_standing = {instance.number: instance for instance in self.instances}
        self.idle_on_demand: dict[int, Instance] = {}

    def begin(self, first: Request) -> None:
        """A warm start: an on-demand instance as if launched and released at 0 (model.md 3)."""
        if self.pool.starts_warm:
            instance = Instance(self.ledger.instances, lifetime_ns=first.lifetime_ns)
            self.ledger.launch(instance)
            self.become_idle(instance, (0, NONE), first.idle_timeout_ns)

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
            if instance.reused is not None:
                instance.reused.succeed()  # its retirement is off
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
        instance = Instance(self.ledger.instances, self.now, ready_ns, lifetime_ns=request.lifetime_ns)
        self.ledger.launch(instance)
        self.ledger.write(request.number, is_cold=True)
        return instance

    def failed_launch(self, request: Request, instance: Instance) -> Life:
        """A startup longer than its limit: request and instance end at the limit, nothing was served."""
        number, limit_ns = request.number, later(request.arrival_ns, self.pool.startup_limit_ns)
        self.ledger.decide(
            number, Outcome.TIMED_OUT, response_ns=limit_ns, release_ns=limit_ns, instance=instance.number
        )
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
        """Retire an idle instance at its idle timeout or its lifetime, unless it is reused before."""
        end_of_life_ns = max(self.now, later(instance.launch_ns, instance.lifetime_ns))
        retired_ns = min(later(self.now, idle_timeout_ns), end_of_life_ns)
        reused = instance.reused = self.env.event()
        yield reused | Moment(self.env, retired_ns, Rank.RETIRE, instance.number)
        if not reused.triggered:
            del self.idle_on_demand[instance.number]
            instance.gone_ns = retired_ns


class StandingEndpoint(Endpoint):
    """A pool whose standing instances are all there is (model.md 4); scaling would add and drain instances."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.queue_limit = pool.queue_limit
        if pool.routing is Routing.CENTRAL_QUEUE:
            self.queue_limit = pool.queue_limit * pool.standing
            one_queue: dict[int, simpy.Event] = {}
            for instance in self.instances:
                instance.queue = one_queue

    def begin(self, first: Request) -> None:
        """Nothing but the standing instances."""

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
                self.ledger.decide(request.number, Outcome.TIMED_OUT, response_ns=self.now)
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
