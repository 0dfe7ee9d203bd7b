"""A pool of standing instances with workers and queues; scaling adds and drains instances (model.md 4 and 4.1)."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import simpy

from simulator.engines.ledger import Attempt, InstanceRow, Request
from simulator.engines.pool import Pool, Routing
from simulator.engines.reference.endpoint import Endpoint, Queue
from simulator.engines.reference.moments import Life, Moment, Rank, stretched
from simulator.engines.tables import Reason
from simulator.units import FOREVER


@dataclass(eq=False)
class Instance(InstanceRow):
    """An instance and what is on it now.

    `busy` counts its requests in a worker, `batches` its workers that serve several as one; its workers take from
    `queue`, its own or the central one. A draining instance takes no new request.
    """

    busy: int = 0
    batches: int = 0
    queue: Queue = field(default_factory=dict)
    is_draining: bool = False

    @property
    def outstanding(self) -> int:
        """Requests waiting in its queue or in a worker."""
        return self.busy + len(self.queue)


@dataclass(eq=False)
class Batch:
    """Requests served as one: how many have not been released yet."""

    left: int


class Worker(NamedTuple):
    """A worker that takes a request: of which instance, for how long, and with which others as one batch."""

    instance: Instance
    service_ns: int
    batch: Batch | None = None


class StandingEndpoint(Endpoint[Worker]):
    """Attempts, routing, workers and queues."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.is_central = pool.routing is Routing.CENTRAL_QUEUE
        self.central_queue: Queue = {}
        #: In order of number, draining ones not among them.
        self.in_service: list[Instance] = []
        #: Told of every attempt: instances in service, and whether it was throttled because there were none.
        self.observers: list[Callable[[int, bool], None]] = []
        for _ in range(pool.standing):
            self.in_service.append(self.new_instance(0, 0))

    def life(self, attempt: Attempt) -> Life:
        """Routing, a free worker or the queue, service; then the worker takes the head of its queue (model.md 4)."""
        is_turned_away = not self.in_service and not self.pool.waits_for_capacity
        for observe in self.observers:
            observe(len(self.in_service), is_turned_away)
        if is_turned_away:
            self.throttle(attempt, Reason.NO_CAPACITY)
            return

        worker = yield from self.worker_for(attempt, self.route(attempt.request) if self.in_service else None)
        if worker is None:
            return
        release_ns = self.take(attempt, worker.instance, self.now, worker.service_ns)
        yield Moment(self.env, release_ns, Rank.RELEASE, attempt.request.number, attempt.index)
        self.release(worker)

    def worker_for(self, attempt: Attempt, instance: Instance | None) -> Generator[simpy.Event, Any, Worker | None]:
        """A worker of the instance to which the attempt goes, or of whichever takes it from the central queue.

        None for an attempt that was turned away or has left the queue.
        """
        if instance is not None and instance.busy < self.pool.places:
            return self.occupy(instance, attempt)
        queue = self.central_queue if instance is None else instance.queue
        if len(queue) >= self.queue_limit():
            self.throttle(attempt, Reason.QUEUE_FULL)
            return None
        called = queue[attempt] = self.env.event()
        return (yield from self.wait(attempt, queue, called))

    def route(self, request: Request) -> Instance:
        """The instance in service to which a request goes, without regard to its queue."""
        candidates = self.in_service
        if self.is_central:
            with_free_worker = [i for i in candidates if i.busy < self.pool.places]
            return (with_free_worker or candidates)[0]
        if self.pool.routing is Routing.LEAST_OUTSTANDING_REQUESTS:
            outstanding = [instance.outstanding for instance in candidates]
            fewest = min(outstanding)
            candidates = [i for i, n in zip(candidates, outstanding, strict=True) if n == fewest]
        return candidates[int(request.routing * len(candidates))]

    def queue_limit(self) -> int:
        """Most that may wait in a queue, reckoned now."""
        if self.is_central and self.pool.queue_limit < FOREVER:
            return self.pool.queue_limit * len(self.in_service)
        return self.pool.queue_limit

    def occupy(self, instance: Instance, attempt: Attempt) -> Worker:
        """Let a free worker take an attempt; where workers share cores its service is stretched (model.md 4.1)."""
        instance.busy += 1
        service_ns = attempt.request.service_ns
        if self.pool.cores:
            service_ns = stretched(service_ns, max(1.0, instance.busy / self.pool.cores))
        return Worker(instance, service_ns)

    def release(self, worker: Worker) -> None:
        """Free a worker, which takes the head of its queue."""
        worker.instance.busy -= 1
        self.take_from_queue(worker.instance)

    def take_from_queue(self, instance: Instance) -> None:
        """Let the free workers of an instance take from the head of its queue; if it drains it may be gone then."""
        while instance.queue and instance.busy < self.pool.places:
            head = next(iter(instance.queue))
            called = instance.queue.pop(head)
            called.succeed(self.occupy(instance, head))
        self.end_if_drained(instance)

    def end_if_drained(self, instance: Instance) -> None:
        """A draining instance that holds nothing is gone."""
        if instance.is_draining and instance.outstanding == 0:
            instance.gone_ns = self.now

    # How scaling changes what is there (model.md 4.2).

    def new_instance(self, launch_ns: int, ready_ns: int) -> Instance:
        """The next instance, not yet in service."""
        instance = Instance(self.ledger.instances, launch_ns, ready_ns)
        if self.is_central:
            instance.queue = self.central_queue
        self.ledger.launch(instance)
        return instance

    def put_in_service(self, instance: Instance) -> None:
        """It is ready: routed to from now on, its workers take from the head of a central queue."""
        insort(self.in_service, instance, key=lambda one: one.number)
        self.take_from_queue(instance)

    def drain(self) -> None:
        """Take the highest-numbered instance out of service: gone once it holds nothing."""
        instance = self.in_service.pop()
        instance.is_draining = True
        if self.is_central:
            instance.queue = {}
        self.take_from_queue(instance)

    def held(self) -> int:
        """Requests waiting or in a worker, those of draining instances not counted."""
        if self.is_central:
            return len(self.central_queue) + sum(instance.busy for instance in self.in_service)
        return sum(instance.outstanding for instance in self.in_service)
