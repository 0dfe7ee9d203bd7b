"""One line of a bill."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from simulator.prices import Price


@dataclass(frozen=True)
class Line:
    """One line of a bill.

    Parameters
    ----------
    name : str
        ``duration``, ``provisioned_allocation``, ``provisioned_duration``, ``requests``, ``ephemeral_storage``,
        ``instance_hours``, ``storage``, ``data_in``, ``data_out``; of containers ``vcpu``, ``memory``, ``idle_vcpu``,
        ``idle_memory``, and with ``standing_`` or ``on_demand_idle_`` before them; of managed APIs ``input_tokens``,
        ``output_tokens``, ``model_units``; ``free_tier`` for a credit.
    price : Price
        Item, unit price, unit, status and source.
    quantity : Fraction
        Negative for a credit. [unit of the price]
    is_fixed : bool
        True if time alone makes it, False if requests do.
    months : Fraction
        Months in which it was used. A price with tiers by the month makes it cost its share of a month like it, which
        is the month's own bill only where it is 1.
    """

    name: str
    price: Price
    quantity: Fraction
    is_fixed: bool
    months: Fraction = Fraction(1)

    @property
    def exact_usd(self) -> Fraction:
        """Quantity times unit price, by tiers where the price has them [USD]."""
        return self.price.amount(self.quantity, self.months)

    @property
    def usd(self) -> float:
        """The same as a float64 [USD]."""
        return float(self.exact_usd)

    def tier_remark(self) -> str:
        """One sentence if tiers were reckoned with and the time was no month, else nothing."""
        first = self.price.tiers[0].up_to if self.price.tiers else None
        if first is None or self.months == 1 or self.quantity <= Fraction(first) * self.months:
            return ""
        return (
            f"price of {self.price.item} falls with the quantity of a month: the measured part costs its share of a "
            "month like it"
        )
