"""What a container service is charged for: vCPU-seconds and GiB-seconds of instances, and requests."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from simulator.endpoints import Container
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, items
from simulator.units import NS_PER_SECOND

_MB_PER_GIB = 1024


def lines(endpoint: Container, usage: Usage, sheet: PriceSheet, months: Fraction) -> Iterator[Line]:
    """Instances while they serve, or as long as they are there; idle ones at rates of their own; requests.

    With request-based billing an instance costs while it has a request in service, and while it starts
    (`startup_billed`). Idle time costs the idle rates: of the `min_instances` by `idle_billed`, of the others by
    `on_demand_idle_billed`. With instance-based billing its whole life costs, and requests nothing.
    """

    def of_instances(name: str, family: str, time_ns: int, *, is_fixed: bool) -> Iterator[Line]:
        time = Fraction(time_ns, NS_PER_SECOND)
        # The shortest decimal form of a float is what the user wrote: 0.1 vCPU is a tenth.
        vcpus, gibibytes = Fraction(repr(endpoint.vcpu)), Fraction(endpoint.memory_size, _MB_PER_GIB)
        for what, size in (("vcpu", vcpus), ("memory", gibibytes)):
            price = sheet.price(f"container.{family}{what}")
            yield Line(f"{name}{what}", price, size * time, is_fixed, months)

    if endpoint.billing == "instance_based":
        if endpoint.min_instances:
            yield from of_instances("standing_", "instance_", usage.standing_there_ns, is_fixed=True)
        on_demand_ns = usage.instance_ns - usage.standing_there_ns
        yield from of_instances("", "instance_", on_demand_ns, is_fixed=False)
        return
    yield from of_instances("", "", usage.active_ns, is_fixed=False)
    if endpoint.pays_idle:
        yield from of_instances("idle_", "idle_", usage.idle_standing_ns, is_fixed=True)
    if pays_on_demand_idle(endpoint):
        yield from of_instances("on_demand_idle_", "idle_", usage.idle_on_demand_ns, is_fixed=False)
    yield Line("requests", sheet.price(items.CONTAINER_REQUESTS), Fraction(usage.served), False, months)


def pays_on_demand_idle(endpoint: Container) -> bool:
    """Whether instances launched on demand cost while they are idle, as at some sellers; not at Google Cloud Run."""
    return bool(getattr(endpoint, "on_demand_idle_billed", False))
