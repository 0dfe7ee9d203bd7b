"""Standing instances whose workers take several waiting requests as one (model.md 4.1)."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import Any

import simpy

from simulator.engines.ledger import Attempt
from simulator.engines.pool import Batching, Pool
from simulator.engines.reference.endpoint import Queue
from simulator.engines.reference.moments import Rank, later, stretched
from simulator.engines.reference.standing import Batch, Instance, StandingEndpoint, Worker
from simulator.engines.tables import Reason


class BatchingEndpoint(StandingEndpoint):
    """Attempts join the queue of their instance; a free worker takes some of it when there are enough, or in time."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        assert pool.batching is not None
        self.batching: Batching = pool.batching

    def worker_for(self, attempt: Attempt, instance: Instance | None) -> Generator[simpy.Event, Any, Worker | None]:
        """Into the queue, which has room or of which a batch can begin at once; until a batch begins with it."""
        assert instance is not None  # only a central queue waits for capacity
        queue = instance.queue
        called = queue[attempt] = self.env.event()
        if len(queue) > self.queue_limit() and not self.can_begin(instance):
            del queue[attempt]
            self.throttle(attempt, Reason.QUEUE_FULL)
            return None
        self.take_from_queue(instance)

        def delay_is_over(oldest: Attempt, queue: Queue, _: simpy.Event) -> None:
            self.take_from_queue(instance)

        delay_ends_ns = later(attempt.at_ns, self.batching.delay_ns)
        worker = yield from self.wait(attempt, queue, called, ((delay_ends_ns, Rank.BATCH, delay_is_over),))
        if worker is None:
            self.end_if_drained(instance)  # while workers wait for a batch, a request may be the last that leaves
        return worker

    def can_begin(self, instance: Instance) -> bool:
        """Whether a free worker begins a batch: with enough requests, or once the oldest has waited for the delay."""
        if not instance.queue or instance.batches == self.pool.places:
            return False
        oldest = next(iter(instance.queue))
        has_waited = self.now >= later(oldest.at_ns, self.batching.delay_ns)
        return has_waited or len(instance.queue) >= self.batching.most

    def take_from_queue(self, instance: Instance) -> None:
        """Begin what batches can begin; if the instance drains it may be gone then."""
        while self.can_begin(instance):
            members = list(islice(instance.queue, self.batching.most))
            longest_ns = max(member.request.service_ns for member in members)
            service_ns = stretched(longest_ns, 1.0 + self.batching.growth * (len(members) - 1))
            batch = Batch(len(members))
            instance.batches += 1
            instance.busy += len(members)
            for member in members:
                instance.queue.pop(member).succeed(Worker(instance, service_ns, batch))
        self.end_if_drained(instance)

    def release(self, worker: Worker) -> None:
        """One request of a batch is free; with the last of them the worker is."""
        assert worker.batch is not None
        worker.instance.busy -= 1
        worker.batch.left -= 1
        if worker.batch.left == 0:
            worker.instance.batches -= 1
            self.take_from_queue(worker.instance)
