"""What an endpoint would cost by hand, with every request warm and none lost: the closed form beside a crossover.

A month of a serverless endpoint costs λ·(E[B]·p_s + data), B billed seconds of a request and p_s the price of one; of
instances n·p_i + λ·data. Both cost the same at λ* = n·p_i/(E[B]·p_s) [1]_. Provisioned concurrency costs its
allocation, and serves at its own price what does not spill over: by Erlang's loss formula, as though arrivals were
Poisson.

References
----------
.. [1] AWS, "Amazon SageMaker pricing": what is charged. The equation is arithmetic.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeGuard

from simulator.endpoints import Endpoint, RealTime, Serverless
from simulator.errors import InputError
from simulator.measures.billed_time import billing_of
from simulator.prices import items
from simulator.scenario.model import Scenario
from simulator.units import NS_PER_SECOND, parse_share, to_ns

#: Measures whose crossover is that of the monthly cost.
PREDICTED: Final = ("monthly_cost", "cost", "cost_per_1000")
_GROWTH: Final = re.compile(r"(?P<sign>[+-]?)\s*(?P<share>[^\s/]+%)\s*/\s*(?P<period>month|year)")
_MONTHS: Final = {"month": 1.0, "year": 12.0}


def mean_rate(scenario: Scenario) -> float:
    """Expected arrivals of the measured part over its length [1/s]."""
    start, stop = scenario.initial_transient, scenario.horizon
    return scenario.traffic.expected_count(start, stop, scenario.clock) / (stop - start)


def monthly_by_hand(scenario: Scenario, endpoint: Endpoint) -> float | None:
    """Cost of a month by closed form, every request warm and completed [USD].

    None where something is uncertain, the free tier is taken off, capacity follows load, or time is billed otherwise
    than request by request: no short formula says what is left.
    """
    if scenario.assumed or scenario.free_tier or not _has_a_formula(endpoint):
        return None
    sheet, rate = scenario.price_sheet, mean_rate(scenario)
    data = sum(
        payload.mean() / sheet.bytes_per_gb * float(sheet.price(item).value)
        for payload, item in (
            (scenario.model.payload_in, items.DATA_IN),
            (scenario.model.payload_out, items.DATA_OUT),
        )
    )
    if isinstance(endpoint, RealTime):
        count, hours = endpoint.initial_instance_count, scenario.month / 3600.0
        fixed = count * hours * float(sheet.price(items.instance_item(endpoint.instance_type)).value)
        if endpoint.volume_size:
            fixed += count * endpoint.volume_size / 1e9 * float(sheet.price(items.STORAGE).value)
        return fixed + scenario.month * rate * data
    billed = billed_seconds(scenario, endpoint)
    on_demand = float(sheet.price(items.duration_item(endpoint.memory_size)).value)
    count = endpoint.provisioned_concurrency
    if not count:
        return scenario.month * rate * (billed * on_demand + data)
    allocation = float(sheet.price(items.provisioned_allocation_item(endpoint.memory_size)).value)
    provisioned = float(sheet.price(items.provisioned_duration_item(endpoint.memory_size)).value)
    spilt = erlang_b(rate * scenario.service_time(endpoint).mean(), count)
    price = spilt * on_demand + (1.0 - spilt) * provisioned
    return scenario.month * (count * allocation + rate * (billed * price + data))


def _has_a_formula(endpoint: Endpoint) -> TypeGuard[Serverless | RealTime]:
    if isinstance(endpoint, RealTime):
        return endpoint.autoscaling is None
    return isinstance(endpoint, Serverless) and endpoint.requests_per_instance == 1 and endpoint.autoscaling is None


def billed_seconds(scenario: Scenario, endpoint: Serverless) -> float:
    """Mean billed time of a warm request [s].

    Rounded up exactly where it never varies; else half a granule is added, which is the mean of what rounding adds
    where times vary by more than a granule.
    """
    billing = billing_of(endpoint)
    granule_s, overhead_s = billing.granularity_ns / NS_PER_SECOND, billing.billed_overhead_ns / NS_PER_SECOND
    service = scenario.service_time(endpoint)
    constant = service.constant()
    if constant is None:
        return service.mean() + overhead_s + granule_s / 2.0
    time_ns = to_ns(constant) + billing.billed_overhead_ns
    return -(-time_ns // billing.granularity_ns) * billing.granularity_ns / NS_PER_SECOND


def is_rounding_guessed(scenario: Scenario, endpoint: Serverless) -> bool:
    """Whether the half granule of `billed_seconds` is a guess: service times vary, but by less than a granule."""
    service = scenario.service_time(endpoint)
    granule_s = billing_of(endpoint).granularity_ns / NS_PER_SECOND
    return service.constant() is None and math.sqrt(service.variance()) < granule_s


def erlang_b(load: float, places: int) -> float:
    """Share of Poisson arrivals that find all places taken, by Erlang's recursion.

    Parameters
    ----------
    load : float
        Offered load: arrival rate times mean time in a place. [erlang]
    places : int

    References
    ----------
    .. [1] R. B. Cooper, "Introduction to Queueing Theory", 2nd ed. (1981), 3.3.
    """
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = load * blocked / (place + load * blocked)
    return blocked


def parse_growth(text: str) -> float:
    """Growth in a month, as a share, from ``8%/month``, ``-5%/month`` or ``100%/year``.

    Raises
    ------
    InputError
        If it is written in another way, or leaves nothing.
    """
    match = _GROWTH.fullmatch(text.strip())
    try:
        share = parse_share(match["share"]) if match else None
    except ValueError:
        share = _above_all(match["share"]) if match else None
    if match is None or share is None:
        raise InputError(f'growth "{text}" cannot be read; write for example 8%/month, -5%/month or 100%/year')
    share = -share if match["sign"] == "-" else share
    if share <= -1.0:
        raise InputError(f'growth "{text}" leaves nothing; must be more than -100%')
    return math.expm1(math.log1p(share) / _MONTHS[match["period"]])


def _above_all(text: str) -> float | None:
    """A share of more than 1, which growth may be."""
    try:
        return float(text.removesuffix("%")) / 100.0
    except ValueError:
        return None


def months_until(present: float, reached: float, growth: float) -> float | None:
    """Months in which a rate becomes another, log(reached/present)/log(1 + growth); None if it never does.

    Parameters
    ----------
    present, reached : float
        More than 0. [1/s]
    growth : float
        In a month, as a share.
    """
    if reached == present:
        return 0.0
    if growth == 0.0:
        return None
    months = math.log(reached / present) / math.log1p(growth)
    return months if months > 0 else None
