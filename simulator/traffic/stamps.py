"""Recorded times, as numbers or as ISO 8601 text, to whole nanoseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

TimeUnit = Literal["s", "ms", "us", "ns"]
_NS_IN: Final[dict[str, int]] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ISO: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?) ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
#: Unix time of 2001-09-09 and of about 2100, in seconds: what a time stamp of today looks like in each unit.
_LIKE_A_DATE: Final = (1_000_000_000, 4_100_000_000)

Problem = Callable[[int, str], ValueError]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a known time zone; write for example UTC or Europe/Berlin") from None
    return name


#: Name of a time zone, such as ``UTC`` or ``Europe/Berlin``.
ZoneName = Annotated[str, AfterValidator(_known_zone)]


@dataclass(frozen=True)
class Stamps:
    """Times in the order of the file.

    Parameters
    ----------
    ns : ndarray of int64, shape (n,)
        Since 1970-01-01 UTC if `dated`, else since whatever 0 the recording has. [ns]
    dated : bool
        The file gave dates, not numbers.
    """

    ns: NDArray[np.int64]
    dated: bool


def stamps_of(texts: Sequence[str], unit: TimeUnit | None, zone: str | None, problem: Problem) -> Stamps:
    """Times from the cells of a column, exact to the nanosecond.

    Parameters
    ----------
    texts : sequence of str
        At least one; all numbers, or all ISO 8601 dates with a time of up to 9 fractional digits, all with a zone
        (``Z``, ``+02:00``) or all without.
    unit : str or None
        For numbers: s, ms, us or ns. What is finer than 1 ns is rounded, half to even.
    zone : str or None
        For dates without a zone: where their clock stood. A time that the zone's clock never showed, or showed
        twice, is refused.
    problem : callable
        (number of the cell, what is wrong) → the error to raise.

    Raises
    ------
    ValueError
        For the first cell that cannot be used.
    """
    if _ISO.fullmatch(texts[0]):
        if unit is not None:
            raise problem(0, f"{texts[0]} is a date, time_unit is for numbers; leave it out")
        return Stamps(_dates(texts, zone, problem), True)
    if unit is None and _number(texts[0]) is not None:
        raise problem(0, f"{texts[0]} is a number; say in which unit, time_unit: s, ms, us or ns")
    if unit is None:
        raise problem(0, f"{_shown(texts[0])} is not a time; write 2026-11-24T12:00:00Z, or a number with time_unit")
    return Stamps(_numbers(texts, unit, problem), False)


def _shown(text: str) -> str:
    return repr(text) if text else "an empty cell"


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _numbers(texts: Sequence[str], unit: TimeUnit, problem: Problem) -> NDArray[np.int64]:
    factor = _NS_IN[unit]
    most = 2**62 // factor
    whole = np.empty(len(texts), np.int64)
    for i, text in enumerate(texts):
        value = _number(text)
        if value is None:
            raise problem(i, f"{_shown(text)} is not a number; must be a time in {unit}, 0 or more")
        if not value.is_finite() or value < 0:
            raise problem(i, f"{text} cannot be used; must be a time in {unit}, 0 or more")
        if value > most:
            raise problem(i, f"{text} {unit} is more than 146 years; is time_unit right?")
        whole[i] = int((value * factor).to_integral_value(ROUND_HALF_EVEN))
    return whole


def doubtful_unit(first: str, span_ns: int, unit: TimeUnit) -> TimeUnit | None:
    """The unit in which the first number is a date of this century, if in the given unit it is not.

    Only if the number is large beside the recording's own length: a recording that counts from 0 is none.
    """
    value = _number(first)
    if value is None or value * _NS_IN[unit] < 100 * max(span_ns, 1):
        return None
    for other in ("s", "ms", "us", "ns"):
        per_second = 10**9 // _NS_IN[other]
        if other != unit and _LIKE_A_DATE[0] * per_second <= value <= _LIKE_A_DATE[1] * per_second:
            return other
    return None


def _dates(texts: Sequence[str], zone: str | None, problem: Problem) -> NDArray[np.int64]:
    local: list[str] = []
    offsets_min: list[int] = []
    zoned: bool | None = None
    for i, text in enumerate(texts):
        match = _ISO.fullmatch(text)
        if match is None:
            raise problem(i, f"{_shown(text)} is not a time such as 2026-11-24T12:00:00.123Z (up to 9 digits)")
        if not "1970" <= text[:4] <= "2200":
            raise problem(i, f"{text}: the year must be 1970 to 2200")
        offset = match["zone"]
        if zoned is None:
            zoned = offset is not None
        if zoned != (offset is not None):
            raise problem(
                i, f"{text} has {'no zone' if zoned else 'a zone'}, the rows before {'do' if zoned else 'do not'}"
            )
        local.append(f"{match['date']}T{match['time'] or '00:00'}")
        if offset is not None and offset != "Z":
            minutes = int(offset[1:3]) * 60 + int(offset[-2:])
            offsets_min.append(-minutes if offset[0] == "-" else minutes)
        else:
            offsets_min.append(0)
    if not zoned and zone is None:
        raise problem(0, f"{texts[0]} has no zone; say where the clock stood, for example timezone: UTC")
    try:
        times = np.array(local, dtype="datetime64[ns]")
    except ValueError:
        i = next(i for i, text in enumerate(local) if not _is_date(text))
        raise problem(i, f"{texts[i]} is not a time of the calendar") from None
    if not zoned and zone not in (None, "UTC"):
        return _instants(times, texts, str(zone), problem)
    return times.astype(np.int64) - np.array(offsets_min, np.int64) * (60 * 10**9)


def _is_date(text: str) -> bool:
    try:
        np.datetime64(text, "ns")
    except ValueError:
        return False
    return True


def _instants(local: NDArray[np.datetime64], texts: Sequence[str], zone: str, problem: Problem) -> NDArray[np.int64]:
    """Instants of clock times in a zone."""
    import pandas as pd

    index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    bad = np.flatnonzero(index.isna())
    if len(bad):
        raise problem(int(bad[0]), f"{texts[bad[0]]}: at a change of clocks {zone} showed this time never or twice")
    return np.asarray(index.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64))
