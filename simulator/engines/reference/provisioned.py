"""A pool that launches and whose standing instances, its provisioned concurrency, follow their load (model.md 3.2)."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

from simulator.engines.ledger import Attempt
from simulator.engines.pool import Pool
from simulator.engines.reference.launching import Instance, LaunchingEndpoint, standing_instance
from simulator.engines.reference.moments import Life


class ProvisionedEndpoint(LaunchingEndpoint):
    """Standing instances come and go by scaling; each kind of instance takes attempts as before."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        #: Standing instances in order of number, draining ones not among them.
        self.in_service: list[Instance] = list(self.standing.idle.values())
        #: Places occupied on standing instances, draining ones among them.
        self.occupied_standing = 0
        #: Told after every change of places occupied or of standing instances in service.
        self.observers: list[Callable[[], None]] = []

    def tell(self) -> None:
        """Something has changed."""
        for observe in self.observers:
            observe()

    # How scaling changes what is there.

    def new_instance(self, launch_ns: int, ready_ns: int) -> Instance:
        """The next standing instance, not yet in service; it waits for nobody, and nobody for it."""
        instance = standing_instance(self.ledger.instances, launch_ns, ready_ns)
        self.ledger.launch(instance, is_provisioned=True)
        return instance

    def put_in_service(self, instance: Instance) -> None:
        """It is ready: idle, never used."""
        insort(self.in_service, instance, key=lambda one: one.number)
        self.standing.idle[instance.number] = instance
        self.tell()

    def drain(self) -> None:
        """Take the highest-numbered standing instance out of service: gone once it holds nothing."""
        instance = self.in_service.pop()
        instance.is_draining = True
        if self.standing.idle.pop(instance.number, None) is not None:
            instance.gone_ns = self.now
        self.tell()

    # What occupies places.

    def launch(self, attempt: Attempt) -> Instance | None:
        """A new on-demand instance, whose place is occupied from now on."""
        instance = super().launch(attempt)
        self.tell()
        return instance

    def failed_launch(self, attempt: Attempt, instance: Instance) -> Life:
        """The place is occupied until the launch fails."""
        yield from super().failed_launch(attempt, instance)
        self.tell()

    def occupy(self, instance: Instance) -> Instance:
        """Let an instance in service hold a request."""
        super().occupy(instance)
        self.occupied_standing += instance.is_standing
        self.tell()
        return instance

    def release(self, attempt: Attempt, instance: Instance) -> None:
        """Free a place; a draining instance is gone with it."""
        self.occupied_standing -= instance.is_standing
        if instance.is_draining:
            self.occupied -= 1
            instance.gone_ns = self.now
        else:
            super().release(attempt, instance)
        self.tell()
