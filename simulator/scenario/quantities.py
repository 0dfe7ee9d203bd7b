"""Numbers as scenario files write them, with their units: read without knowing the field, and written back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from simulator.units import duration_text, parse_duration, parse_rate, parse_share, parse_size, rate_text, share_text

_MB: Final = 1_000_000
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_PRICE: Final = re.compile(rf"(?P<number>{_NUMBER.pattern})\s*USD\s*/\s*(?P<per>\S+)")
#: How a number may be written, for messages.
EXAMPLES: Final = "2/s, 250ms, 20kB, 0.1% or 3"


class Dimension(StrEnum):
    """What a number counts."""

    RATE = "rate"
    DURATION = "duration"
    SIZE = "size"
    SHARE = "share"
    PRICE = "price"
    NUMBER = "number"


#: Column endings of tables; shares and plain numbers have none.
_ENDINGS: Final[dict[Dimension, str]] = {
    Dimension.RATE: "_per_s",
    Dimension.DURATION: "_s",
    Dimension.SIZE: "_bytes",
    Dimension.PRICE: "_usd",
}


@dataclass(frozen=True)
class Scale:
    """How the values of one field are written.

    Parameters
    ----------
    dimension : Dimension
    is_whole : bool
        Whether only whole numbers are values; of sizes then whole MB, as memory is written.
    per : str
        Of a price: the unit that it is per.
    is_text : bool
        Whether a plain number is written as text, as price sheets do.
    """

    dimension: Dimension
    is_whole: bool = False
    per: str = ""
    is_text: bool = False

    def written(self, value: float) -> Any:
        """A number as a file holds it, read back to the same number; to the microsecond, byte or whole number.

        Parameters
        ----------
        value : float
            In 1/s, s, B, USD or as a share from 0 to 1.
        """
        match self.dimension:
            case Dimension.RATE:
                return rate_text(value)
            case Dimension.DURATION:
                return duration_text(value)
            case Dimension.SIZE:
                return f"{round(value / _MB)}MB" if self.is_whole else f"{round(value)}B"
            case Dimension.SHARE:
                return share_text(value)
            case Dimension.PRICE:
                return f"{value!r} USD/{self.per}"
            case Dimension.NUMBER:
                number = round(value) if self.is_whole else value
                return repr(number) if self.is_text else number

    @property
    def step(self) -> float:
        """Distance of two neighbouring values where only whole numbers are values."""
        return float(_MB) if self.dimension is Dimension.SIZE else 1.0

    @property
    def ending(self) -> str:
        """What the name of a column of such values ends in."""
        return _ENDINGS.get(self.dimension, "")

    def words(self, value: float) -> str:
        """A number as people write it, to three significant digits.

        >>> Scale(Dimension.RATE).words(2.71828), Scale(Dimension.DURATION).words(640.0)
        ('2.72/s', '640s')
        """
        match self.dimension:
            case Dimension.RATE:
                return _in(value, (("/s", 1.0, 0.0995), ("/min", 1 / 60, 0.0995), ("/h", 1 / 3600, 0.0)))
            case Dimension.DURATION:
                return _in(value, (("h", 3600.0, 2.0), ("s", 1.0, 0.9995), ("ms", 1e-3, 0.0)))
            case Dimension.SIZE if self.is_whole:
                return str(self.written(value))
            case Dimension.SIZE:
                return _in(value, (("MB", 1e6, 0.9995), ("kB", 1e3, 0.9995), ("B", 1.0, 0.0)))
            case Dimension.SHARE:
                return f"{_digits(100 * value)}%"
            case Dimension.PRICE:
                return f"{_digits(value)} USD/{self.per}"
            case Dimension.NUMBER:
                return str(round(value)) if self.is_whole else _digits(value)


def read_number(given: Any, *, is_whole: bool = False) -> tuple[float, Scale]:
    """Number and scale of what a file holds.

    Parameters
    ----------
    given : anything
        Text with a unit, or a number.
    is_whole : bool
        Whether its field holds whole numbers only.

    Raises
    ------
    ValueError
        If it is no number.
    """
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given):
        return float(given), Scale(Dimension.NUMBER, is_whole)
    text = given.strip() if isinstance(given, str) else ""
    price = _PRICE.fullmatch(text)
    if price:
        return float(price["number"]), Scale(Dimension.PRICE, per=price["per"])
    if _NUMBER.fullmatch(text):
        return float(text), Scale(Dimension.NUMBER, is_whole, is_text=True)
    readers: dict[Dimension, Callable[[Any], float]] = {
        Dimension.RATE: parse_rate,
        Dimension.SHARE: parse_share,
        Dimension.SIZE: parse_size,
        Dimension.DURATION: parse_duration,
    }
    for dimension, read in readers.items():
        try:
            return read(text), Scale(dimension, is_whole)
        except ValueError:
            continue
    raise ValueError(f"{given!r} is not a number; write for example {EXAMPLES}")


def _in(value: float, units: tuple[tuple[str, float, float], ...]) -> str:
    """In the first unit (name, size, least number of it) in which it is not small."""
    name, size = next((name, size) for name, size, least in units if value / size >= least)
    return f"{_digits(value / size)}{name}"


def _digits(value: float) -> str:
    """Three significant digits, all digits of what is whole, no exponent between 10⁻⁵ and 10⁶."""
    return f"{value:.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"
