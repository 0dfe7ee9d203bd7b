"""Standing instances that share their memory among models: a multi-model endpoint (model.md 7.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from simulator.engines.ledger import Attempt, InstanceRow
from simulator.engines.pool import Pool
from simulator.engines.reference.endpoint import Endpoint, Queue
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.served_otherwise import Models
from simulator.engines.tables import Reason


@dataclass(eq=False)
class Instance(InstanceRow):
    """An instance, its requests, and its models by number.

    `busy` counts its workers that are taken. `loaded_ns` has the models in memory, each with when it is loaded. `used`
    numbers the latest attempt for each model that it took in, in order of attempts made.
    """

    busy: int = 0
    queue: Queue = field(default_factory=dict)
    loaded_ns: dict[int, int] = field(default_factory=dict)
    on_disk: set[int] = field(default_factory=set)
    used: dict[int, int] = field(default_factory=dict)
    outstanding_for: Counter[int] = field(default_factory=Counter)

    @property
    def outstanding(self) -> int:
        """Requests that wait or have a worker."""
        return self.outstanding_for.total()

    def least_recently_used(self, models: Iterable[int]) -> int:
        """Of some models the one whose latest attempt here is the longest ago."""
        return min(models, key=lambda model: self.used[model])


class SharedModelsEndpoint(Endpoint[Instance]):
    """Attempts, routing by model, loading and unloading, workers and queues."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        assert pool.models is not None
        self.models: Models = pool.models
        self.numbers = count()
        self.instances = [Instance(number) for number in range(pool.standing)]
        for instance in self.instances:
            self.ledger.launch(instance)

    def life(self, attempt: Attempt) -> Life:
        """Routing, room in the queue, loading, a worker, service: in this order."""
        model = attempt.request.model
        instance = self.route(model)
        if instance is None:
            self.throttle(attempt, Reason.NO_CAPACITY)
            return
        if instance.busy == self.pool.places and len(instance.queue) >= self.pool.queue_limit:
            self.throttle(attempt, Reason.QUEUE_FULL)
            return
        if model not in instance.loaded_ns:
            self.load(instance, model)
            attempt.is_cold = True
        instance.used[model] = next(self.numbers)

        instance.outstanding_for[model] += 1
        has_worker = yield from self.wait_for_worker(attempt, instance)
        if has_worker:
            start_ns = max(self.now, instance.loaded_ns[model])
            release_ns = self.take(attempt, instance, start_ns, attempt.request.service_ns)
            yield Moment(self.env, release_ns, Rank.RELEASE, attempt.request.number, attempt.index)
            self.free_worker(instance)
        instance.outstanding_for[model] -= 1

    # Step 1: routing.

    def route(self, model: int) -> Instance | None:
        """The instance to which an attempt for a model goes; None where nobody holds it and it has room nowhere."""
        holders = [one for one in self.instances if model in one.loaded_ns]
        with_room = [one for one in self.instances if one not in holders and self.has_room(one, model)]
        first = min(with_room, key=lambda one: self.order(one, model), default=None)
        if not holders:
            return first
        holder = min(holders, key=lambda one: (one.outstanding, one.number))
        is_busy = holder.outstanding >= self.models.copies_from
        if is_busy and first is not None and first.outstanding < holder.outstanding:
            return first
        return holder

    def order(self, instance: Instance, model: int) -> tuple[bool, int, int, int]:
        """What sorts the instances on which a model has room: where it is loaded first."""
        free = self.free_bytes(instance)
        has_to_unload = self.models.sizes_bytes[model] > free
        return has_to_unload, instance.outstanding, -free, instance.number

    def has_room(self, instance: Instance, model: int) -> bool:
        """Whether a model fits beside those with an outstanding request."""
        room = self.free_bytes(instance) + self.bytes_of(self.unused(instance))
        return self.models.sizes_bytes[model] <= room

    def unused(self, instance: Instance) -> list[int]:
        """Models in memory without an outstanding request there."""
        return [model for model in instance.loaded_ns if instance.outstanding_for[model] == 0]

    def free_bytes(self, instance: Instance) -> int:
        """Memory that no model takes [B]."""
        return self.models.memory_bytes - self.bytes_of(instance.loaded_ns)

    def bytes_of(self, models: Iterable[int]) -> int:
        """What some models take together [B]."""
        return sum(self.models.sizes_bytes[model] for model in models)

    # Step 3: memory and disk.

    def load(self, instance: Instance, model: int) -> None:
        """Make room for a model and begin to load it; memory and disk are its own at once."""
        while self.free_bytes(instance) < self.models.sizes_bytes[model]:
            del instance.loaded_ns[instance.least_recently_used(self.unused(instance))]
        from_ns = self.now
        if model not in instance.on_disk:
            from_ns = later(from_ns, self.models.download_ns[model])
        instance.loaded_ns[model] = later(from_ns, self.models.load_ns[model])
        instance.on_disk.add(model)
        while self.bytes_of(instance.on_disk) > self.models.disk_bytes:
            not_in_memory = instance.on_disk - instance.loaded_ns.keys()
            instance.on_disk.remove(instance.least_recently_used(not_in_memory))

    # Step 4: workers.

    def wait_for_worker(self, attempt: Attempt, instance: Instance) -> Generator[Any, Any, bool]:
        """Take a free worker, or wait for one in order of attempts; whether there was one before the client left."""
        if instance.busy < self.pool.places:
            instance.busy += 1
            return True
        called = instance.queue[attempt] = self.env.event()
        return (yield from self.wait(attempt, instance.queue, called)) is not None

    def free_worker(self, instance: Instance) -> None:
        """Free a worker, or hand it to the head of the queue."""
        if instance.queue:
            instance.queue.pop(next(iter(instance.queue))).succeed(instance)
        else:
            instance.busy -= 1
