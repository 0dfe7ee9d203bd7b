"""What a function is charged for: GB-seconds of configured memory, requests, storage."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from simulator.endpoints import Function
from simulator.endpoints.function import LEAST_STORAGE
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, items
from simulator.units import NS_PER_SECOND

#: 1,024 MB of memory or storage are a GB on AWS Lambda (developer guide, configuration: 1,769 MB are a vCPU; its
#: pricing page reckons 1,024 MB as 1 GB).
_MB_PER_GB: Final = 1024


def lines(endpoint: Function, usage: Usage, sheet: PriceSheet, months: Fraction) -> Iterator[Line]:
    """Duration by tiers, provisioned concurrency, requests that were served, storage beyond what is included.

    Throttled requests and failed launches are no requests here; each attempt that was served is one.
    """
    memory = Fraction(endpoint.memory_size, _MB_PER_GB)

    def of_memory(what: str, time_ns: int, *, is_fixed: bool) -> Line:
        price = sheet.price(items.function_item(what, endpoint.architecture))
        return Line(what, price, memory * Fraction(time_ns, NS_PER_SECOND), is_fixed, months)

    yield of_memory("duration", usage.on_demand_ns, is_fixed=False)
    if endpoint.may_keep_ready:
        yield of_memory("provisioned_allocation", usage.instance_ns, is_fixed=endpoint.autoscaling is None)
        yield of_memory("provisioned_duration", usage.standing_ns, is_fixed=False)
    yield Line("requests", sheet.price(items.FUNCTION_REQUESTS), Fraction(usage.served), False, months)
    if endpoint.ephemeral_storage > LEAST_STORAGE:
        storage = Fraction(endpoint.ephemeral_storage - LEAST_STORAGE, _MB_PER_GB)
        time = Fraction(usage.on_demand_ns + usage.standing_ns, NS_PER_SECOND)
        yield Line("ephemeral_storage", sheet.price(items.EPHEMERAL_STORAGE), storage * time, False, months)
