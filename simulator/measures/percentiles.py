"""Percentiles as ranks: which value is "the p99" of n values, and when there are enough of them to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

#: The rule by its name in NumPy (`numpy.quantile(method=…)`); Hyndman & Fan's definition 1.
QUANTILE_RULE: Final = "inverted_cdf"
#: A level above p99 is given only if at least so many completed requests lie beyond it: 10,000 for p99.9.
LEAST_BEYOND: Final = 10


@dataclass(frozen=True, order=True)
class Level:
    """One percentile level.

    Parameters
    ----------
    share : Fraction
        Exact, above 0 and below 1: 999/1000 for p99.9.
    """

    share: Fraction

    @property
    def name(self) -> str:
        """As people write it: ``p99.9``."""
        return f"p{Decimal(self.share.numerator) * 100 / Decimal(self.share.denominator):f}"

    @property
    def column(self) -> str:
        """As a part of a column's name, two digits before the decimals: ``p999`` for p99.9, ``p05`` for p5."""
        whole, _, decimals = self.name[1:].partition(".")
        return f"p{whole:0>2}{decimals}"

    def enough(self, n: int) -> bool:
        """Whether n values are enough to give this level."""
        return n >= self.least_n

    @property
    def least_n(self) -> int:
        """Least number of values for which this level is given."""
        if self.share <= Fraction(99, 100):
            return 1
        return -(-LEAST_BEYOND // (1 - self.share)).__int__()


def level(text: str) -> Level:
    """Level from ``p99.9``, ``p(99.9)`` or, beyond 99 alone, ``p999``: p100 would else be read as p10.

    Raises
    ------
    ValueError
        If it is not a percentile between 0 and 100.
    """
    match = re.fullmatch(r"p(?:(\d{1,2}(?:\.\d+)?)|\((\d{1,2}(?:\.\d+)?)\)|(99)(\d+))", text.strip())
    if match:
        number = match[1] or match[2] or f"{match[3]}.{match[4]}"
        share = Fraction(number) / 100
        if share > 0:
            return Level(share)
    raise ValueError(f"{text!r} is not a percentile; write for example p95, p99.9 or p(97.5), or max_latency")


#: What every replication reports (product.md, Conventions).
LEVELS: Final = tuple(level(text) for text in ("p50", "p90", "p95", "p99", "p99.9"))


def rank(share: Fraction, n: int) -> int:
    """Rank, from 1, of the smallest of n values that at least a share of them does not exceed.

    Exact: a share in binary floating point would move the rank where share · n is whole.

    Raises
    ------
    ValueError
        If there is no value.
    """
    if n < 1:
        raise ValueError("no value, no rank")
    return max(1, -(-share.numerator * n // share.denominator))
