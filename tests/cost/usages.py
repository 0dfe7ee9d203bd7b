"""Endpoints, usages and amounts for the tests of bills."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter

from simulator.endpoints import Endpoint, RealTime, Serverless
from simulator.measures.bill import Bill
from simulator.measures.usage import Usage
from simulator.prices import load_sheet

SHEET = load_sheet("aws/us-east-1/2026-11")
SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
GB = 10**9
_ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)


def serverless(gb: int = 2, provisioned: int = 0, **changes: Any) -> Serverless:
    """A serverless endpoint of some GB of memory."""
    given = {"memory_size": f"{1024 * gb}MB", "max_concurrency": 200, "provisioned_concurrency": provisioned}
    endpoint: Serverless = _ENDPOINTS.validate_python({"kind": "serverless", "name": "s", **given, **changes})
    return endpoint


def real_time(instance_type: str, **changes: Any) -> RealTime:
    """A real-time endpoint of one type."""
    given = {"kind": "real_time", "name": "r", "instance_type": instance_type}
    endpoint: RealTime = _ENDPOINTS.validate_python({**given, **changes})
    return endpoint


def cents(usd: Fraction) -> Decimal:
    """An exact amount to the cent, half a cent up, as invoices round."""
    return (Decimal(usd.numerator) / Decimal(usd.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def amounts(bill: Bill) -> dict[str, Decimal]:
    """Line → amount to the cent."""
    return {line.name: cents(line.exact_usd) for line in bill.lines}


def times(usage: Usage, factor: int) -> Usage:
    """So many times the same usage, one after another."""
    total = usage
    for bit in bin(factor)[3:]:
        total = total + total + usage if bit == "1" else total + total
    return total
