"""Units: how people write them, and how time becomes whole nanoseconds. All rounding of time happens here."""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from typing import Annotated, Any, Final

import durationpy
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

NS_PER_SECOND: Final = 1_000_000_000
#: "none" and "for ever": the largest int64. Sums with it saturate (model.md 1).
FOREVER: Final[int] = int(np.iinfo(np.int64).max)
#: Hours in the month of every "per month" figure, unless the scenario says otherwise (product.md).
HOURS_PER_MONTH: Final = 730.0
#: A GB in prices and payloads: 10⁹ bytes, as AWS's worked example reckons (aws-facts 11.12).
BYTES_PER_GB: Final = 1_000_000_000

_PERIOD_S: Final = {
    "s": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "week": 604800.0,
    "month": HOURS_PER_MONTH * 3600.0,
}
_MICROSECONDS: Final = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(10**3),
    "s": Decimal(10**6),
}
_SIZE: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?"


def to_ns(seconds: float) -> int:
    """Whole nanoseconds nearest to a time in seconds, half to even; saturates at `FOREVER`."""
    if math.isinf(seconds):
        return FOREVER
    return min(round(seconds * NS_PER_SECOND), FOREVER)


def array_to_ns(seconds: NDArray[np.float64], least_ns: int = 0) -> NDArray[np.int64]:
    """Whole nanoseconds nearest to times in seconds, none below `least_ns`.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n,)
        Not negative, infinity is "for ever". [s]
    least_ns : int
        1 for service times and lifetimes, 0 for startup and idle timeouts (model.md 1). [ns]

    Returns
    -------
    ndarray of int64, shape (n,)
        Half to even; saturates at `FOREVER`. [ns]
    """
    scaled = seconds * float(NS_PER_SECOND)
    np.rint(scaled, out=scaled)
    # 2**63 is the first float64 that int64 cannot hold. One look at the greatest spares a pass in nearly all calls.
    if scaled.max(initial=0.0) >= 9223372036854775808.0:
        too_long = scaled >= 9223372036854775808.0
        whole = np.where(too_long, 0.0, scaled).astype(np.int64)
        whole[too_long] = FOREVER
    else:
        whole = scaled.astype(np.int64)
    return np.maximum(whole, least_ns, out=whole) if least_ns > 0 else whole


def parse_duration(value: Any) -> float:
    """Seconds from ``250ms``, ``1.5s``, ``2h30m``, ``1d`` (Go's syntax; resolution 1 µs).

    Raises
    ------
    ValueError
        For a bare number, a negative duration, a fraction of a microsecond, or anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value:g}ms or {value:g}s" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    text = value.strip()
    if re.fullmatch(_NUMBER, text) and float(text) != 0:
        raise ValueError(f"{value!r} has no unit; write {text}ms or {text}s")
    try:
        duration = durationpy.from_str(text)
    except (durationpy.DurationError, ValueError, OverflowError):
        raise ValueError(f"{value!r} is not a duration; write for example 250ms, 1.5s, 2h30m or 1d") from None
    if duration < datetime.timedelta(0):
        raise ValueError(f"{value!r} is negative; a duration is 0s or more")
    # durationpy rounds to whole microseconds; what it would round away is refused, not repaired.
    parts = re.findall(r"([0-9.]+)(ns|us|µs|μs|ms|s)", text)
    if any(Decimal(number) * _MICROSECONDS[unit] % 1 for number, unit in parts):
        raise ValueError(f"{value!r} is finer than 1us, the resolution of durations")
    return float(duration.total_seconds())


def duration_text(seconds: float) -> str:
    """A duration that `parse_duration` reads back to the same number."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def parse_rate(value: Any) -> float:
    """Events per second from ``10/s``, ``600/min``, ``50/h``, ``2e6/month`` (a month is 730 h).

    Raises
    ------
    ValueError
        For a bare number, a negative rate, or anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value:g}/s or {value:g}/min" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    match = re.fullmatch(rf"({_NUMBER})\s*/\s*([a-z]+)", value.strip())
    if not match or match[2] not in _PERIOD_S:
        periods = "s, min, h, d, week, month"
        raise ValueError(f"{value!r} is not a rate; write for example 10/s, 600/min or 2e6/month (per {periods})")
    return float(match[1]) / _PERIOD_S[match[2]]


def rate_text(per_second: float) -> str:
    """A rate that `parse_rate` reads back to the same number."""
    return f"{per_second!r}/s"


def parse_size(value: Any) -> int:
    """Bytes from ``20kB``, ``4MB``, ``1GB`` (powers of ten).

    Raises
    ------
    ValueError
        For a bare number, a fraction of a byte, or anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value:g}kB or {value:g}MB" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    match = re.fullmatch(rf"({_NUMBER})\s*([kMG]?B)", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a size; write for example 20kB, 4MB or 1GB")
    size = float(match[1]) * _SIZE[match[2]]
    if abs(size - round(size)) > 1e-6:
        raise ValueError(f"{value!r} is not a whole number of bytes")
    return round(size)


def size_text(size: float) -> str:
    """A size that `parse_size` reads back to the same number."""
    return f"{round(size)}B"


def parse_memory(value: Any) -> int:
    """Megabytes of instance memory from ``4096MB``, AWS's own unit (4096 MB is billed as 4 GB).

    Raises
    ------
    ValueError
        If the unit is not MB or the number is not whole.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value}MB" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    match = re.fullmatch(r"([0-9]+)\s*MB", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a memory size; write it in MB, for example 4096MB")
    return int(match[1])


def parse_share(value: Any) -> float:
    """A share in [0, 1] from a per cent such as ``0.1%``.

    Raises
    ------
    ValueError
        Without the sign, or outside 0 % to 100 %.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value:g}%" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    match = re.fullmatch(rf"({_NUMBER})\s*%", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a share; write a per cent, for example 0.1%")
    share = float(match[1]) / 100.0
    if share > 1.0:
        raise ValueError(f"{value!r} is more than 100%")
    return share


def share_text(share: float) -> str:
    """A share that `parse_share` reads back to the same number (to the last digit of a float64)."""
    return f"{share * 100.0!r}%"


def _text_schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


#: Fields of scenarios. Inside the program a duration is float seconds, a rate float 1/s, sizes int bytes,
#: memory int MB, shares float in [0, 1]; in files they are text with a unit.
Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_text),
    _text_schema(r"^([0-9.]+(us|µs|ms|s|m|h|d|w))+$", "250ms", "1.5s", "2h30m", "1d"),
]
Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(rate_text),
    _text_schema(r"^[0-9.eE+-]+\s*/\s*(s|second|min|minute|h|hour|d|day|week|month)$", "10/s", "600/min", "2e6/month"),
]
Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(size_text),
    _text_schema(r"^[0-9.eE+-]+\s*[kMG]?B$", "20kB", "4MB"),
]
MemoryMB = Annotated[
    int,
    BeforeValidator(parse_memory),
    PlainSerializer(lambda memory: f"{memory}MB"),
    _text_schema(r"^[0-9]+\s*MB$", "4096MB"),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    PlainSerializer(share_text),
    _text_schema(r"^[0-9.eE+-]+\s*%$", "0.1%", "30%"),
]
