"""A pool that launches an instance for a request that finds no place (model.md 3 and 3.1)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import simpy

from simulator.engines.ledger import Attempt, InstanceRow, Request
from simulator.engines.pool import AtLimit, Pool, Routing, WaitingRequests
from simulator.engines.reference.buckets import Credit
from simulator.engines.reference.endpoint import Endpoint, Queue
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER


@dataclass(eq=False)
class Instance(InstanceRow):
    """An instance and what is on it now.

    `busy` counts its places that hold a request, `claims` those promised while it starts. `idle_since` orders the
    idle: time of release, number of the request released; of those alike in both, which came first; those never used
    by their own number. `reused` is the call of the request that ends the idleness of an on-demand one. A draining
    instance is a standing one that takes no new request.
    """

    lifetime_ns: int = FOREVER
    busy: int = 0
    claims: int = 0
    idle_since: tuple[int, int, int] = (NONE, NONE, NONE)
    reused: simpy.Event | None = None
    is_standing: bool = False
    is_draining: bool = False


def standing_instance(number: int, launch_ns: int = 0, ready_ns: int = 0) -> Instance:
    """A standing instance, never used."""
    return Instance(number, launch_ns, ready_ns, idle_since=(NONE, NONE, number), is_standing=True)


@dataclass
class Kind:
    """The instances of a kind that are in service and have a free place, by number.

    `shared` hold a request, `idle` none.
    """

    shared: dict[int, Instance] = field(default_factory=dict)
    idle: dict[int, Instance] = field(default_factory=dict)


class LaunchingEndpoint(Endpoint[Instance]):
    """Attempts, the line in which they wait, and the instances launched for them."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.occupied = 0
        self.line: Queue = {}
        self.in_line_from_limit = 0
        self.request_rate, self.launch_rate = Credit(pool.request_rate), Credit(pool.launch_rate)
        self.standing, self.on_demand = Kind(), Kind()
        #: Instances that start for whoever is first in line, by number.
        self.starting: dict[int, Instance] = {}
        self.order_of_idling = count()
        for number in range(pool.standing):
            self.standing.idle[number] = standing_instance(number)
            self.ledger.launch(self.standing.idle[number])

    def begin(self, first: Request) -> None:
        """A warm start: an on-demand instance as if launched and released at 0 (model.md 3)."""
        if self.pool.starts_warm:
            instance = Instance(self.ledger.instances, lifetime_ns=first.lifetime_ns)
            self.ledger.launch(instance)
            self.become_idle(instance, NONE, first.idle_timeout_ns)

    def life(self, attempt: Attempt) -> Life:
        """Rate, limit, free place, claim, launch: in this order (model.md 3.1); then service."""
        if not self.request_rate.spends(self.now):
            self.throttle(attempt, Reason.RATE)
            return
        if self.occupied >= self.pool.max_concurrency:
            instance = yield from self.at_limit(attempt)
        else:
            instance = self.free_place(attempt.request)
            if instance is None:
                instance = yield from self.starting_place(attempt)
        if instance is None:
            return

        request, start_ns = attempt.request, self.now
        if instance.claims:  # it was launched for this attempt alone
            if request.startup_ns > self.pool.startup_limit_ns:
                yield from self.failed_launch(attempt, instance)
                return
            start_ns = instance.ready_ns
        release_ns = self.take(attempt, instance, start_ns, request.service_ns)
        if instance.claims:
            yield Moment(self.env, start_ns, Rank.READY, instance.number)
            self.occupied -= 1
            self.occupy(instance)

        yield Moment(self.env, release_ns, Rank.RELEASE, request.number, attempt.index)
        self.release(attempt, instance)

    # Steps 2 to 5: the place of an attempt, or None for one that was turned away or has left.

    def at_limit(self, attempt: Attempt) -> Generator[simpy.Event, Any, Instance | None]:
        """Step 2: turned away, or into the line if not too many joined it here."""
        if self.pool.at_limit is AtLimit.THROTTLE:
            self.throttle(attempt, Reason.CONCURRENCY)
            return None
        if self.in_line_from_limit >= self.pool.queue_limit:
            self.throttle(attempt, Reason.QUEUE_FULL)
            return None
        self.in_line_from_limit += 1
        called = self.line[attempt] = self.env.event()
        instance = yield from self.wait(attempt, self.line, called)
        self.in_line_from_limit -= 1
        return instance

    def free_place(self, request: Request) -> Instance | None:
        """Step 3: an instance in service with a free place, which is taken; standing ones first."""
        for kind in (self.standing, self.on_demand):
            if kind.shared:
                return self.occupy(kind.shared[min(kind.shared)])
            if kind.idle:
                routing = Routing.MOST_RECENTLY_IDLE if kind is self.standing else self.pool.routing
                return self.occupy(self.idle_instance(kind.idle, routing, request))
        return None

    def idle_instance(self, idle: dict[int, Instance], routing: Routing, request: Request) -> Instance:
        """The idle instance that serves the request (model.md 3)."""
        if routing is Routing.MOST_RECENTLY_IDLE:
            return max(idle.values(), key=lambda instance: instance.idle_since)
        if routing is Routing.LEAST_RECENTLY_IDLE:
            return min(idle.values(), key=lambda instance: instance.idle_since)
        if routing is Routing.NEWEST_CREATED:
            return idle[max(idle)]
        return idle[sorted(idle)[int(request.routing * len(idle))]]

    def starting_place(self, attempt: Attempt) -> Generator[simpy.Event, Any, Instance | None]:
        """Steps 4 and 5: one more claim on a starting instance, or a launch."""
        with_room = [one for one in self.starting.values() if one.claims < self.pool.places]
        if with_room:
            with_room[0].claims += 1
            self.occupied += 1
        else:
            instance = self.launch(attempt)
            if instance is None or self.pool.waiting_requests is WaitingRequests.BOUND:
                return instance
        called = self.line[attempt] = self.env.event()
        return (yield from self.wait(attempt, self.line, called))

    def launch(self, attempt: Attempt) -> Instance | None:
        """Step 5: a new instance, with the claim of the attempt for which it is launched: a cold start."""
        if not self.launch_rate.spends(self.now):
            self.throttle(attempt, Reason.RATE)
            return None
        request = attempt.request
        ready_ns = later(self.now, request.startup_ns)
        instance = Instance(self.ledger.instances, self.now, ready_ns, lifetime_ns=request.lifetime_ns, claims=1)
        self.ledger.launch(instance)
        self.occupied += 1
        attempt.is_cold = True
        if self.pool.waiting_requests is WaitingRequests.FIRST_FREE:
            self.starting[instance.number] = instance
            self.env.process(self.startup(instance, request))
        return instance

    # The life of an instance.

    def startup(self, instance: Instance, launched_for: Request) -> Life:
        """From launch to service: claims end, the first in line take its places, or it is idle."""
        yield Moment(self.env, instance.ready_ns, Rank.READY, instance.number)
        del self.starting[instance.number]
        self.occupied -= instance.claims
        instance.claims = 0
        while self.line and instance.busy < self.pool.places:
            self.call_first(self.occupy(instance))
        if instance.busy == 0:
            self.become_idle(instance, launched_for.number, launched_for.idle_timeout_ns)

    def failed_launch(self, attempt: Attempt, instance: Instance) -> Life:
        """A startup longer than its limit: attempt and instance end at the limit, nothing was served."""
        limit_ns = later(self.now, self.pool.startup_limit_ns)
        attempt.release_ns, attempt.instance = limit_ns, instance.number
        self.answer(attempt, Outcome.TIMED_OUT, min(limit_ns, self.client_goes_ns(attempt)))
        self.ledger.decide(attempt)
        instance.ready_ns, instance.gone_ns = NONE, limit_ns
        yield Moment(self.env, limit_ns, Rank.RELEASE, attempt.request.number, attempt.index)
        self.occupied -= 1
        self.admit_first()

    def occupy(self, instance: Instance) -> Instance:
        """Let one more place of an instance in service hold a request."""
        kind = self.kind_of(instance)
        kind.idle.pop(instance.number, None)
        if instance.reused is not None:
            instance.reused.succeed()  # its retirement is off
            instance.reused = None
        instance.claims = 0
        instance.busy += 1
        self.occupied += 1
        if instance.busy < self.pool.places:
            kind.shared[instance.number] = instance
        else:
            kind.shared.pop(instance.number, None)
        return instance

    def release(self, attempt: Attempt, instance: Instance) -> None:
        """Free a place, for the first in line; one that then holds nobody is idle, or gone if stopped."""
        instance.busy -= 1
        self.occupied -= 1
        was_stopped = attempt.release_ns < later(attempt.start_ns, attempt.request.service_ns)
        if was_stopped and not instance.is_standing:
            instance.gone_ns = self.now
            self.admit_first()
        elif self.line:
            self.call_first(self.occupy(instance))
        elif instance.busy > 0:
            self.kind_of(instance).shared[instance.number] = instance
        else:
            self.become_idle(instance, attempt.request.number, attempt.request.idle_timeout_ns)

    def become_idle(self, instance: Instance, number: int, idle_timeout_ns: int) -> None:
        """Let an instance wait for its next request; if it is an on-demand one, until its retirement."""
        kind = self.kind_of(instance)
        kind.shared.pop(instance.number, None)
        kind.idle[instance.number] = instance
        instance.idle_since = (self.now, number, next(self.order_of_idling))
        if kind is self.on_demand:
            self.env.process(self.retirement(instance, idle_timeout_ns))

    def retirement(self, instance: Instance, idle_timeout_ns: int) -> Life:
        """Retire an idle instance at its idle timeout or its lifetime, unless it is reused before."""
        end_of_life_ns = max(self.now, later(instance.launch_ns, instance.lifetime_ns))
        retired_ns = min(later(self.now, idle_timeout_ns), end_of_life_ns)
        reused = instance.reused = self.env.event()
        yield reused | Moment(self.env, retired_ns, Rank.RETIRE, instance.number)
        if not reused.triggered:
            del self.on_demand.idle[instance.number]
            instance.gone_ns = retired_ns

    def kind_of(self, instance: Instance) -> Kind:
        """Whether it is a standing one or on demand."""
        return self.standing if instance.is_standing else self.on_demand

    # The line.

    def call_first(self, instance: Instance | None) -> None:
        """Call the first in line to a place, or away."""
        first = next(iter(self.line))
        self.line.pop(first).succeed(instance)

    def admit_first(self) -> None:
        """An instance went with its place: the first in line goes through steps 3 and 5 (model.md 3.1)."""
        if not self.line or self.occupied >= self.pool.max_concurrency:
            return
        first = next(iter(self.line))
        instance = self.free_place(first.request)
        if instance is None:
            instance = self.launch(first)
            if instance is not None and self.pool.waiting_requests is WaitingRequests.FIRST_FREE:
                return  # it keeps its place in line
        self.call_first(instance)
