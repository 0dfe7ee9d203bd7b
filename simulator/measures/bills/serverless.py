"""What a serverless endpoint is charged for: seconds of a memory size."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from simulator.endpoints import Serverless
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, items
from simulator.units import NS_PER_SECOND


def lines(endpoint: Serverless, usage: Usage, sheet: PriceSheet) -> Iterator[Line]:
    """Duration and provisioned concurrency.

    The price is per second of one memory size, so that memory does not come in again.
    """
    memory_size = endpoint.memory_size
    on_demand = sheet.price(items.duration_item(memory_size))
    yield Line("duration", on_demand, Fraction(usage.on_demand_ns, NS_PER_SECOND), is_fixed=False)
    if endpoint.may_keep_ready:
        is_fixed = endpoint.autoscaling is None  # else the load makes it, not time alone
        allocation = sheet.price(items.provisioned_allocation_item(memory_size))
        yield Line("provisioned_allocation", allocation, Fraction(usage.instance_ns, NS_PER_SECOND), is_fixed)
        duration = sheet.price(items.provisioned_duration_item(memory_size))
        yield Line("provisioned_duration", duration, Fraction(usage.standing_ns, NS_PER_SECOND), is_fixed=False)
