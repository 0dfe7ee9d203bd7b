"""Numbers as readers see them: no more digits than the interval supports, each with its unit.

The half-width of the interval is rounded to one significant digit (two if the first is a 1, so that rounding never
moves it by more than a fifth), and the value to the same decimal place: ``446 ±1 ms``. The half-width of an interval
at 95 % is about twice the standard error, so the last digit shown is about as large as the standard error.
"""

from __future__ import annotations

import math
from typing import Any, Final

from simulator.measures.intervals import NO_DATA, Estimate

#: Significant digits of a number that has no interval.
PLAIN_DIGITS: Final = 3
#: Significant digits that no number exceeds, however narrow its interval.
MOST_DIGITS: Final = 5

_TIME_UNITS: Final = ((1e-3, "µs", 1e3), (1e3, "ms", 1.0), (120e3, "s", 1e-3), (7200e3, "min", 1 / 60e3))
_ASCII: Final = str.maketrans(
    {"±": "+-", "−": "-", "–": "-", "—": "-", "×": "x", "µ": "u", "≤": "<=", "≥": ">=", "…": "...", "·": "|", "≈": "~"}
    | {"λ": "lambda ", "─": "-", "━": "-", "│": "|", "²": "^2", "⁻": "^-", "→": "->", "€": "EUR"}
)


def estimate_facts(estimate: Estimate, unit: str) -> dict[str, Any]:
    """An estimate as JSON carries it."""
    return {
        "value": estimate.value,
        "ci": None if estimate.low is None or estimate.high is None else [estimate.low, estimate.high],
        "level": estimate.level,
        "n": estimate.n,
        "method": estimate.method,
        "unit": unit,
    }


def plain(value: float | None) -> Estimate:
    """A number without an interval, for functions that take estimates."""
    return Estimate(value, None, None, 0.95, 1, "given")


def sides(estimate: Estimate) -> tuple[float, float] | None:
    """How far the interval reaches below and above the value; None without an interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return estimate.value - estimate.low, estimate.high - estimate.value


def decimals_for(half_width: float) -> int:
    """Decimal places that a half-width supports; negative where it is tens or more.

    >>> decimals_for(1.04), decimals_for(1.4), decimals_for(0.23), decimals_for(31.0)
    (0, 1, 1, -1)
    """
    place = math.floor(math.log10(half_width))
    lead = half_width / 10.0**place
    if round(lead, 1) >= 10.0:
        return -(place + 1)
    two = 1.05 <= lead < 1.95
    return -place + (1 if two else 0)


def fixed(value: float, decimals: int) -> str:
    """A number to so many decimals (negative: to tens, hundreds), thousands apart, never ``-0``."""
    rounded = round(value, decimals)
    return f"{rounded + 0.0:,.{max(decimals, 0)}f}"


def significant(value: float, digits: int = PLAIN_DIGITS) -> str:
    """A number to so many significant digits, without an exponent.

    >>> significant(0.043126), significant(167.9), significant(8760.0), significant(0.0)
    ('0.0431', '168', '8,760', '0')
    """
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = fixed(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_interval(estimate: Estimate, most_decimals: int | None = None) -> str:
    """The value with its half-width, ``446 ±1``; with both sides, ``446 +9/−2``, where they differ much.

    Parameters
    ----------
    estimate : Estimate
        Any unit.
    most_decimals : int or None
        No more decimals than this (cents, say). A half-width that would vanish is rounded up to the last place.

    Returns
    -------
    str
        ``no data`` without a value; the bare value without an interval or with one of no width.
    """
    value, both = estimate.value, sides(estimate)
    if value is None:
        return NO_DATA
    if both is None:
        return significant(value) if most_decimals is None else _plain(value, most_decimals)
    if max(both) <= 1e-12 * abs(value):
        return significant(value, MOST_DIGITS - 1) if most_decimals is None else _plain(value, most_decimals)
    decimals = decimals_for(max(both))
    if value != 0:
        decimals = min(decimals, MOST_DIGITS - 1 - math.floor(math.log10(abs(value))))
    if most_decimals is not None:
        decimals = min(decimals, most_decimals)
    below, above = (_side(side, decimals) for side in both)
    if max(below, above) > 1.5 * min(below, above):
        return f"{fixed(value, decimals)} +{fixed(above, decimals)}/−{fixed(below, decimals)}"
    return f"{fixed(value, decimals)} ±{fixed(max(below, above), decimals)}"


def _plain(value: float, most_decimals: int) -> str:
    digits = max(PLAIN_DIGITS, MOST_DIGITS - 1)
    if value == 0:
        return "0"
    if round(abs(value), most_decimals) == 0:
        return significant(value, 2)
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return fixed(value, max(min(decimals, most_decimals), 0))


def _side(side: float, decimals: int) -> float:
    """One side of an interval at the last place shown, rounded up where it would vanish."""
    rounded = round(side, decimals)
    return rounded if rounded > 0 or side <= 0 else float(10.0**-decimals)


def latency(estimate_ms: Estimate) -> str:
    """A latency [ms] in the unit that suits its size: ``446 ±1 ms``, ``4.48 ±0.03 s``."""
    if estimate_ms.value is None:
        return NO_DATA
    unit, factor = latency_unit(estimate_ms.value)
    return f"{with_interval(estimate_ms.times(factor))} {unit}"


def latency_unit(value_ms: float) -> tuple[str, float]:
    """The unit that suits a latency, and what to multiply milliseconds by to get there."""
    if value_ms != 0:
        for bound, unit, factor in _TIME_UNITS:
            if abs(value_ms) < bound:
                return unit, factor
        return "h", 1 / 3600e3
    return "ms", 1.0


def share(estimate: Estimate) -> str:
    """A share as a per cent: ``0.043 ±0.005 %``."""
    return NO_DATA if estimate.value is None else f"{with_interval(estimate.times(100.0))} %"


def dollars(estimate: Estimate, most_decimals: int = 2) -> str:
    """Dollars without the sign, at most cents: ``105.8 ±0.2``."""
    return with_interval(estimate, most_decimals)


def signed(text: str) -> str:
    """A difference with its sign in front, the minus a true minus sign.

    >>> signed("-62.1 ±0.2 ms"), signed("3 ±1 ms"), signed("0 %")
    ('−62.1 ±0.2 ms', '+3 ±1 ms', '0 %')
    """
    if text.startswith("-"):
        return "−" + text[1:]
    bare = text.split(" ")[0].replace(",", "")
    return text if text == NO_DATA or float(bare) == 0 else "+" + text


def plain_ascii(text: str) -> str:
    """The text for a stream that can hold nothing but ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
