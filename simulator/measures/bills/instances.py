"""What an endpoint on instances is charged for: hours of instances, and their storage."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from simulator.endpoints import Asynchronous, MultiModel, RealTime
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, items
from simulator.units import BYTES_PER_GB, NS_PER_SECOND

_NS_PER_HOUR: Final = 3600 * NS_PER_SECOND


def hours(instance_type: str, usage: Usage, sheet: PriceSheet, *, is_fixed: bool) -> Line:
    """Hours of instances of a type."""
    price = sheet.price(items.instance_item(instance_type))
    return Line("instance_hours", price, Fraction(usage.instance_ns, _NS_PER_HOUR), is_fixed)


def lines(
    endpoint: RealTime | Asynchronous | MultiModel, usage: Usage, sheet: PriceSheet, month: Fraction
) -> Iterator[Line]:
    """Instances from launch until gone, idle or not, and the storage of each for the same time.

    Where capacity follows the load it is the load that makes them, not time alone.
    """
    is_fixed = endpoint.autoscaling is None
    yield hours(endpoint.instance_type, usage, sheet, is_fixed=is_fixed)
    if endpoint.volume_size:
        # A volume is ordered and billed in whole GB of AWS's own; they are not the GB of data.
        gigabytes = Fraction(endpoint.volume_size, BYTES_PER_GB)
        quantity = gigabytes * Fraction(usage.instance_ns, NS_PER_SECOND) / month
        yield Line("storage", sheet.price(items.STORAGE), quantity, is_fixed)
