"""The bill: what the measured part of a replication cost, line by line, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from simulator.endpoints import Asynchronous, BatchTransform, Container, Endpoint, Function, ManagedApi, Serverless
from simulator.measures.bills import container, function, instances, managed_api, serverless
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, Status, items
from simulator.units import HOURS_PER_MONTH, NS_PER_SECOND

__all__ = ["MONTH_S", "Bill", "Line", "bill"]

#: Seconds in the month of "per month" figures, unless the scenario says otherwise.
MONTH_S: Final = HOURS_PER_MONTH * 3600.0


@dataclass(frozen=True)
class Bill:
    """What one endpoint cost in the measured part of one replication.

    Amounts are exact fractions inside; floats come out only at the end, so that lines add up to the total and, but
    for the free tier and prices with tiers, the bill of parts is the bill of the whole.

    Parameters
    ----------
    lines : tuple of Line
        Every line that the kind of endpoint and its fields can make, also where its quantity is 0.
    span : Fraction
        Measured time. [s]
    month : Fraction
        Length of the month. [s]
    completed : int
        Requests completed.
    """

    lines: tuple[Line, ...]
    span: Fraction
    month: Fraction
    completed: int

    @property
    def exact_usd(self) -> Fraction:
        """Cost of the measured part [USD]."""
        return sum((line.exact_usd for line in self.lines), Fraction(0))

    @property
    def cost_usd(self) -> float:
        """Cost of the measured part [USD]."""
        return float(self.exact_usd)

    @property
    def fixed_usd(self) -> float:
        """What time alone made of it, credits taken off [USD]."""
        return float(sum((line.exact_usd for line in self.lines if line.is_fixed), Fraction(0)))

    @property
    def usage_usd(self) -> float:
        """What requests made of it, credits taken off [USD]."""
        return float(sum((line.exact_usd for line in self.lines if not line.is_fixed), Fraction(0)))

    @property
    def monthly_cost_usd(self) -> float:
        """Cost of a month like the measured part: cost × month / span [USD]."""
        return float(self.exact_usd * self.months)

    @property
    def cost_per_1000_usd(self) -> float | None:
        """Cost of 1,000 completed requests, None if none was completed [USD]."""
        return float(self.exact_usd * 1000 / self.completed) if self.completed else None

    @property
    def months(self) -> Fraction:
        """Measured parts in a month: what an amount is multiplied by to make it monthly."""
        return self.month / self.span

    def part(self, share: Fraction) -> Bill:
        """A share of it, line by line, for one of those who share what it is for; tiers stay those of the whole."""
        return replace(self, lines=tuple(replace(line, quantity=line.quantity * share) for line in self.lines))

    def line(self, name: str) -> Line:
        """The line of a name.

        Raises
        ------
        KeyError
            If this bill has no such line.
        """
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def remarks(self) -> list[str]:
        """One sentence for each price used that is not confirmed, and for each whose tiers stand for a month's."""
        used = {line.price.item: line.price for line in self.lines}.values()
        doubtful = [price.remark() for price in used if price.status is not Status.CONFIRMED]
        return [*doubtful, *(line.tier_remark() for line in self.lines if line.tier_remark())]


def bill(
    endpoint: Endpoint,
    usage: Usage,
    sheet: PriceSheet,
    *,
    month_s: float = MONTH_S,
    free_tier: bool = False,
) -> Bill:
    """The bill of one endpoint for what it used.

    Parameters
    ----------
    endpoint : Endpoint
        Which prices apply. What is billed is its configured memory, never memory used.
    usage : Usage
        Of the measured part; its span is 1 ns or more.
    sheet : PriceSheet
        Prices.
    month_s : float
        Length of the month, for storage (priced per GB and month), free tier, tiers and monthly figures. Tiers are
        those of a month like the measured part; exact where that is a month long. [s]
    free_tier : bool
        Whether the sheet's free tier is taken off. It is given per month, to an account, by some for its first months
        only: the endpoint is billed as though it were alone in its account, and the measured part gets span/month of
        it, never more than it used, at the first price where there are tiers. A credit line says what was taken off.

    Raises
    ------
    InputError
        If the sheet has no usable price for an item.
    ValueError
        If the span or the month is not positive.
    """
    if usage.span_ns < 1 or not month_s > 0:
        raise ValueError(f"span is {usage.span_ns} ns and month {month_s} s, both must be more than 0")
    span, month = Fraction(usage.span_ns, NS_PER_SECOND), Fraction(month_s)
    lines = []
    for line in _lines(endpoint, usage, sheet, span, month):
        lines.append(line)
        if free_tier:
            lines += _credit(line, sheet, span / month)
    return Bill(tuple(lines), span, month, usage.completed)


def _lines(endpoint: Endpoint, usage: Usage, sheet: PriceSheet, span: Fraction, month: Fraction) -> Iterator[Line]:
    if isinstance(endpoint, Serverless):
        yield from serverless.lines(endpoint, usage, sheet)
    elif isinstance(endpoint, Function):
        yield from function.lines(endpoint, usage, sheet, span / month)
    elif isinstance(endpoint, Container):
        yield from container.lines(endpoint, usage, sheet, span / month)
    elif isinstance(endpoint, ManagedApi):
        yield from managed_api.lines(endpoint, usage, sheet)
    elif isinstance(endpoint, BatchTransform):
        yield instances.hours(endpoint.instance_type, usage, sheet, is_fixed=False)
    else:
        yield from instances.lines(endpoint, usage, sheet, month)
    if isinstance(endpoint, Function | Container | Asynchronous | BatchTransform | ManagedApi):
        return  # what they take in and give back costs nothing here
    gigabytes_in, gigabytes_out = (
        Fraction(size, sheet.bytes_per_gb) for size in (usage.data_in_bytes, usage.data_out_bytes)
    )
    yield Line("data_in", sheet.price(items.DATA_IN), gigabytes_in, is_fixed=False)
    yield Line("data_out", sheet.price(items.DATA_OUT), gigabytes_out, is_fixed=False)


def _credit(line: Line, sheet: PriceSheet, share: Fraction) -> list[Line]:
    allowance = sheet.free_allowance(line.price.item)
    if allowance is None:
        return []
    free = min(line.quantity, Fraction(allowance.quantity) * share)
    return [Line("free_tier", line.price, -free, line.is_fixed)]
