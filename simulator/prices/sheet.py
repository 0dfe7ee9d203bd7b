"""A price sheet: dated rows, each with its source and with how sure it is."""

from __future__ import annotations

import datetime
import difflib
import hashlib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from simulator.errors import InputError
from simulator.prices.items import UNITS, Unit, family_of
from simulator.units import BYTES_PER_GB


class Status(StrEnum):
    """How sure a price is.

    CONFIRMED: from the provider's own text, code or price list. DERIVED: worked out by a stated rule from confirmed
    prices. CUSTOM: given by the user. UNCONFIRMED: known from a doubtful source alone; it is not used, the user
    gives a price instead.
    """

    CONFIRMED = "confirmed"
    DERIVED = "derived"
    CUSTOM = "custom"
    UNCONFIRMED = "unconfirmed"


def _exact(value: Any) -> Any:
    """A decimal number from text; a binary fraction is refused, because 0.1 is not one tenth there."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not text; write it as "{value}", so that it stays exact')
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError(f'"{value}" is not a decimal number') from None


def _plain(value: Decimal) -> str:
    return f"{value:f}"


#: A decimal number, 0 or more, written as text in files.
Exact = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False), PlainSerializer(_plain)]
#: Day, month or year, as far as the source tells.
Seen = Annotated[str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")]
Words = Annotated[str, Field(min_length=1)]


class Tier(BaseModel):
    """A price for part of the quantity of a month.

    Parameters
    ----------
    up_to : Decimal or None
        Where it ends, counted from the beginning of the month; None for the last tier. [unit]
    value : Decimal
        ``price`` in files. [USD per unit]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    up_to: Exact | None = None
    value: Exact = Field(alias="price")


class Price(BaseModel):
    """One row of a price sheet.

    Parameters
    ----------
    item : str
        What is charged for, as in `simulator.prices.items`.
    value : Decimal
        ``price`` in files. [USD per unit]
    unit : str
        That of the item's family (`items.UNITS`).
    status : Status
        How sure it is.
    source : str
        Where it was read, or by which rule it was derived.
    seen : str or None
        When it was last seen there; None if it was given by the user.
    tiers : tuple of Tier
        Of a price that falls with the quantity of a month, two or more: what is up to the first bound costs the first
        tier's price, which is ``price``, what is beyond it the second's, and so on. Empty: one price for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    item: str
    value: Exact = Field(alias="price")
    unit: Unit
    status: Status
    source: Words
    seen: Seen | None = None
    tiers: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _unit_goes_with_item(self) -> Self:
        unit = UNITS[family_of(self.item)]
        if self.unit != unit:
            raise ValueError(f'{self.item} is priced per {unit}, not per "{self.unit}"')
        return self

    @model_validator(mode="after")
    def _tiers_follow_one_another(self) -> Self:
        if not self.tiers:
            return self
        *bounded, last = self.tiers
        bounds = [tier.up_to for tier in bounded]
        if not bounded or last.up_to is not None or None in bounds:
            raise ValueError(f"{self.item}: tiers must be two or more, each but the last with up_to")
        if any(not low < high for low, high in pairwise([Decimal(0), *(bound or Decimal(0) for bound in bounds)])):
            raise ValueError(f"{self.item}: the up_to of tiers must be more than 0 and rise from tier to tier")
        if any(tier.value < after.value for tier, after in pairwise(self.tiers)):
            raise ValueError(f"{self.item}: the price of tiers must not rise from tier to tier")
        if self.tiers[0].value != self.value:
            first = _plain(self.tiers[0].value)
            raise ValueError(f"{self.item}: price is {_plain(self.value)}, must be that of the first tier, {first}")
        return self

    @model_serializer(mode="wrap")
    def _without_empty_tiers(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A sheet without tiers has the digest that it had before there were any."""
        facts: dict[str, Any] = serialize(self)
        if not self.tiers:
            del facts["tiers"]
        return facts

    def amount(self, quantity: Fraction, months: Fraction = Fraction(1)) -> Fraction:
        """Cost of a quantity, exactly [USD].

        Parameters
        ----------
        quantity : Fraction
            A credit, below 0, has the first price. [unit]
        months : Fraction
            In which it was used, more than 0. Tiers are those of a month: a part of a month costs its share of a month
            like it.
        """
        if not self.tiers or quantity <= 0:
            return quantity * Fraction(self.value)
        of_month, cost, begin = quantity / months, Fraction(0), Fraction(0)
        for tier in self.tiers:
            end = of_month if tier.up_to is None else min(of_month, Fraction(tier.up_to))
            cost += max(Fraction(0), end - begin) * Fraction(tier.value)
            begin = end
        return cost * months

    def text(self) -> str:
        """``0.23 USD/h``; with tiers also the prices beyond their bounds."""
        beyond = [
            f", {_plain(after.value)} beyond {tier.up_to:,f} {self.unit} a month"
            for tier, after in pairwise(self.tiers)
        ]
        return f"{_plain(self.value)} USD/{self.unit}{''.join(beyond)}"

    def remark(self) -> str:
        """One sentence that says how sure it is."""
        return f"price of {self.item}, {self.text()}, is {self.status}: {self.source}"


class FreeAllowance(BaseModel):
    """What is free in each month, for new accounts or for all.

    Parameters
    ----------
    items : tuple of str
        Items it applies to: whole families or single items.
    quantity : Decimal
        In one month. [unit]
    unit : str
        That of the items.
    source, seen : str
        Where it was read, and when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: Annotated[tuple[str, ...], Field(min_length=1)]
    quantity: Exact
    unit: Unit
    source: Words
    seen: Seen

    def applies_to(self, item: str) -> bool:
        """Whether an item is among those that are free at first."""
        return item in self.items or family_of(item) in self.items


class PriceSheet(BaseModel):
    """Prices of one provider in one region, as last seen on a date.

    Parameters
    ----------
    id : str
        ``provider/region/month``.
    provider, region, currency : str
        Currency is USD.
    as_of : date
        Day on which the sheet was put together; each row has its own date.
    bytes_per_gb : int
        Bytes in the GB in which data is priced. 10⁹ by default, as AWS's worked example reckons (3,100 MB are
        3.1 GB); AWS's benchmarking toolkit divides by 1024³.
    notes : tuple of str
        What a reader of the sheet should know.
    prices : tuple of Price
        At least one, each item once.
    free_tier : tuple of FreeAllowance
        May be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    schema_version: Literal[1] = 1
    id: Words
    provider: Words
    region: Words
    currency: Literal["USD"] = "USD"
    as_of: datetime.date
    bytes_per_gb: Annotated[int, Field(strict=True, gt=0)] = BYTES_PER_GB
    notes: tuple[str, ...] = ()
    prices: Annotated[tuple[Price, ...], Field(min_length=1)]
    free_tier: tuple[FreeAllowance, ...] = ()

    @model_validator(mode="after")
    def _each_item_once(self) -> Self:
        items = [row.item for row in self.prices]
        twice = sorted({item for item in items if items.count(item) > 1})
        if twice:
            raise ValueError(f"more than one price for {', '.join(twice)}")
        return self

    @cached_property
    def _by_item(self) -> dict[str, Price]:
        return {row.item: row for row in self.prices}

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the sheet, hexadecimal."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    def price(self, item: str) -> Price:
        """The row of an item.

        Raises
        ------
        InputError
            If there is none (the message names the nearest), or if its price is unconfirmed.
        """
        row = self._by_item.get(item)
        if row is None:
            near = difflib.get_close_matches(item, self._by_item, 3, cutoff=0.0)
            raise InputError(
                f"no price for {item} in {self.id}; nearest: {', '.join(near)}; {self._elsewhere(item)}{_remedy(item)}"
            )
        if row.status is Status.UNCONFIRMED:
            raise InputError(f"the price of {item}, {row.text()}, is unconfirmed ({row.source}); {_remedy(item)}")
        return row

    def _elsewhere(self, item: str) -> str:
        """How to take in a bundled sheet that has the item, empty if there is none."""
        from simulator.prices.loading import list_sheets

        for sheet in list_sheets():
            if item in sheet._by_item:
                return f'{sheet.id} has it: {{"base": ["{self.id}", "{sheet.id}"]}} under prices; or '
        return ""

    def free_allowance(self, item: str) -> FreeAllowance | None:
        """The free tier of an item, if it has one."""
        return next((free for free in self.free_tier if free.applies_to(item)), None)

    def rows(self, part: str = "") -> list[Price]:
        """Rows, in the order of the sheet, whose item contains `part`."""
        return [row for row in self.prices if part in row.item]

    def remarks(self, items: Iterable[str]) -> list[str]:
        """One sentence for each of these items whose price is not confirmed.

        Raises
        ------
        InputError
            As `price` does.
        """
        rows = [self.price(item) for item in dict.fromkeys(items)]
        return [row.remark() for row in rows if row.status is not Status.CONFIRMED]


def _remedy(item: str) -> str:
    try:
        unit = UNITS[family_of(item)]
    except ValueError as error:
        return str(error)
    return f'give your own under prices, for example {{"{item}": "0.1 USD/{unit}"}}'
