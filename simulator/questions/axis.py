"""Values along which a scenario is varied: lists and ranges, as they are written and as numbers with a unit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from simulator.errors import InputError
from simulator.scenario.overrides import parse_assignment, parse_path
from simulator.scenario.places import value_text
from simulator.scenario.schema import whole_keys
from simulator.units import parse_duration, parse_rate, parse_share, parse_size

#: Values of a range that does not say how many.
DEFAULT_VALUES: Final = 9
#: Values that one axis may have.
MOST_VALUES: Final = 1000
#: A range of whole numbers that does not say how many has every one of them, up to this many.
EVERY_ONE_UP_TO: Final = 33
#: Significant digits of the values inside a range; its bounds are as they are written.
DIGITS: Final = 6
#: Memory sizes between two such multiples are such multiples: platforms sell no others.
_MEMORY_STEP_MB: Final = 1024

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(/\s*[a-z]+|[A-Za-zµμ]*|%)"
)
_RANGE: Final = re.compile(r"(?P<low>.+?)\.\.(?P<high>[^:]+?)(?::(?P<count>[^:]*?))?(?::(?P<spacing>[a-z]*))?")
_PARSERS: Final[dict[str, Callable[[str], float]]] = {
    "rate": parse_rate,
    "duration": parse_duration,
    "size": parse_size,
    "share": parse_share,
}
_OPENING, _CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class Quantity:
    """A number with its unit: 4096 MB, 2 /s, 40."""

    number: float
    unit: str


@dataclass(frozen=True)
class Axis:
    """The values that one place of a scenario takes.

    Parameters
    ----------
    path : str
        The place, as in overrides.
    texts : tuple of str
        The values as they are set, at least one.
    numbers : tuple of float or None
        The same in `unit`; None if they are not numbers.
    unit : str
        ``/s``, ``MB``; empty for plain numbers.
    is_log : bool
        Whether the values are spaced by factors.
    step : float or None
        Values between two others are multiples of it, 0 if there is one at any number; None where the values were
        listed one by one and there are none between them. [unit]
    """

    path: str
    texts: tuple[str, ...]
    numbers: tuple[float, ...] | None
    unit: str = ""
    is_log: bool = False
    step: float | None = None

    @property
    def name(self) -> str:
        """Last part of the path, for labels: ``mean_rate``."""
        return str(next(part for part in reversed(parse_path(self.path)) if isinstance(part, str)))

    def text(self, number: float, digits: int = DIGITS) -> str:
        """A value as it is set, from its number: rounded to the step, or to so many digits."""
        return f"{plain_number(self.rounded(number, digits))}{self.unit}"

    def rounded(self, number: float, digits: int = DIGITS) -> float:
        """The nearest value that the axis may take."""
        return _rounded(number, self.step or 0.0, digits)


def read_axes(vary: Sequence[str] | Mapping[str, str | Sequence[Any]]) -> tuple[Axis, ...]:
    """Axes from texts ``path=values``, or from a mapping of path to values.

    Parameters
    ----------
    vary : sequence of str, or mapping
        Values as `read_axis` takes them; in a mapping also a list of values as overrides take them.

    Raises
    ------
    InputError
        If one cannot be read, or stands twice.
    """
    if isinstance(vary, Mapping):
        pairs = [(path, values if isinstance(values, str) else _joined(values)) for path, values in vary.items()]
    else:
        pairs = [read_pair(text) for text in vary]
    axes = tuple(read_axis(path, values) for path, values in pairs)
    if not axes:
        raise InputError("nothing to vary; write for example traffic.mean_rate=1/s,2/s,4/s")
    paths = [parse_path(axis.path) for axis in axes]
    twice = next((axis.path for axis, path in zip(axes, paths, strict=True) if paths.count(path) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is varied twice; give all its values at once")
    return axes


def read_pair(text: str) -> tuple[str, str]:
    """Path and values of ``path=values``.

    Raises
    ------
    InputError
        If there is no ``=`` or no path before it.
    """
    try:
        path, values = parse_assignment(text)
    except ValueError:
        raise InputError(
            f"{value_text(text)} varies nothing; write path=values, for example traffic.mean_rate=1/s,2/s,4/s"
        ) from None
    return path, values


def _joined(values: Sequence[Any]) -> str:
    # JSON is YAML, in which overrides are read.
    return ",".join(value if isinstance(value, str) else json.dumps(value) for value in values)


def read_axis(
    path: str,
    values: str,
    *,
    is_log: Callable[[float, float], bool] = lambda low, high: False,
    counted: Callable[[float, float, bool], int] = lambda low, high, log: DEFAULT_VALUES,
) -> Axis:
    """An axis from a list, ``1/s,2/s,4/s``, or a range, ``1/s..64/s``, ``1/s..64/s:13``, ``1/s..64/s:13:log``.

    Bounds are included. Inside a range values have six significant digits, whole ones where the place holds whole
    numbers, and memory sizes are multiples of 1,024 MB if both bounds are.

    Parameters
    ----------
    path, values : str
    is_log : callable
        Whether a range between two numbers that does not say so is spaced by factors.
    counted : callable
        How many values a range between two numbers, spaced by factors or not, has if it does not say so.

    Raises
    ------
    InputError
        Naming the path, what is wrong and what is allowed.
    """
    try:
        parts = parse_path(path)
    except ValueError as error:
        raise InputError(str(error)) from None
    items = _listed(values)
    if not all(items):
        raise InputError(f"{path}: {value_text(values)} has an empty value; write for example 1/s,2/s,4/s")
    key = next((part for part in reversed(parts) if isinstance(part, str)), "")
    try:
        if len(items) == 1 and (match := _RANGE.fullmatch(items[0])) and _is_range(match):
            return _range(path, match.groupdict(), key in whole_keys(), is_log, counted)
    except ValueError as error:
        raise InputError(f"{path}: {value_text(values)}: {error}") from None
    if len(items) > MOST_VALUES:
        raise InputError(f"{path} has {len(items):,} values, at most {MOST_VALUES:,}")
    twice = next((item for item in items if items.count(item) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: {twice} stands twice")
    return Axis(path, items, *_numbers(items))


def _listed(values: str) -> tuple[str, ...]:
    """Items between commas; a comma inside brackets or quotes belongs to an item."""
    items, depth, quote = [""], 0, ""
    for letter in values:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in _OPENING) - (letter in _CLOSING)
        if letter == "," and depth == 0 and not quote:
            items.append("")
        else:
            items[-1] += letter
    return tuple(item.strip() for item in items)


def quantity(text: str) -> Quantity | None:
    """Number and unit of a text; None if it is neither a number nor a duration."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is not None:
        return Quantity(float(match[1]), "".join(match[2].split()))
    try:
        return Quantity(parse_duration(text), "s")
    except ValueError:
        return None


def _is_range(match: re.Match[str]) -> bool:
    """Whether one of the bounds at least is a number: a path of a file may have two dots in it too."""
    return quantity(match["low"]) is not None or quantity(match["high"]) is not None


def _numbers(items: Sequence[str]) -> tuple[tuple[float, ...] | None, str, bool]:
    """Numbers of listed values in the unit of the first, that unit, and whether they are better seen as factors."""
    found = [quantity(item) for item in items]
    known = [one for one in found if one is not None]
    if len(known) < len(items):
        return None, "", False
    try:
        numbers = tuple(_converted(one, known[0].unit) for one in known)
    except ValueError:
        return None, "", False
    factors = [after / before for before, after in pairwise(sorted(numbers)) if before > 0]
    is_log = min(numbers) > 0 and len(numbers) > 2 and max(numbers) >= 8 * min(numbers) and min(factors) >= 1.2
    return numbers, known[0].unit, is_log


def _range(
    path: str,
    given: dict[str, Any],
    is_whole: bool,
    is_log: Callable[[float, float], bool],
    counted: Callable[[float, float, bool], int],
) -> Axis:
    ends = [quantity(given[name]) for name in ("low", "high")]
    if ends[0] is None or ends[1] is None:
        raise ValueError("a range has two numbers with their unit, for example 1/s..64/s:13:log")
    unit = ends[0].unit
    low, high = ends[0].number, _converted(ends[1], unit)
    if not low < high:
        raise ValueError("the second bound must be more than the first")
    if given["count"] in {"log", "linear"} and given["spacing"] is None:
        given = {**given, "count": None, "spacing": given["count"]}
    if given["spacing"] not in {None, "log", "linear"}:
        raise ValueError(f'spacing "{given["spacing"]}" is not known; write log or linear')
    log = is_log(low, high) if given["spacing"] is None else given["spacing"] == "log"
    if log and low <= 0:
        raise ValueError("a range spaced by factors must begin above 0; write :linear")
    step = _step(unit, is_whole, low, high)
    count = _count(given["count"])
    if count is None:
        whole = round((high - low) / step) + 1 if is_whole else 0
        count = whole if 0 < whole <= EVERY_ONE_UP_TO else counted(low, high, log)
        log = log and count != whole
    inner = [i / (count - 1) for i in range(1, count - 1)]
    inside = [low * (high / low) ** share if log else low + (high - low) * share for share in inner]
    numbers = tuple(sorted({low, high, *(_rounded(one, step, DIGITS) for one in inside)}))
    texts = (given["low"].strip(), *(f"{plain_number(one)}{unit}" for one in numbers[1:-1]), given["high"].strip())
    return Axis(path, texts, numbers, unit, log, step)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 2 <= int(text) <= MOST_VALUES:
        raise ValueError(f'"{text}" is not a number of values, must be 2 to {MOST_VALUES}')
    return int(text)


def _step(unit: str, is_whole: bool, low: float, high: float) -> float:
    """Step of the values in a range [unit]; 0 where there is one at any number."""
    if is_whole:
        if low != round(low) or high != round(high):
            raise ValueError("whole numbers are needed")
        in_steps = unit == "MB" and low % _MEMORY_STEP_MB == 0 == high % _MEMORY_STEP_MB
        return float(_MEMORY_STEP_MB) if in_steps else 1.0
    dimension, factor = _dimension(unit)
    # Durations are whole microseconds, sizes whole bytes; six digits of minutes and longer are that anyway.
    finest = {"duration": 1e-6, "size": 1.0}.get(dimension, 0.0)
    return finest / factor if factor <= 1 or dimension == "size" else 0.0


def _dimension(unit: str) -> tuple[str, float]:
    """What a unit measures, and how much one of it is in seconds, per second, bytes or parts of 1."""
    if unit == "":
        return "number", 1.0
    for name, parse in (
        ("rate", parse_rate),
        ("duration", parse_duration),
        ("size", parse_size),
        ("share", parse_share),
    ):
        try:
            return name, float(parse(f"1{unit}"))
        except ValueError:
            continue
    return unit, 1.0


def _converted(value: Quantity, unit: str) -> float:
    """The number in another unit of the same kind."""
    if value.unit == unit:
        return value.number
    (ours, ours_in), (theirs, theirs_in) = _dimension(value.unit), _dimension(unit)
    if ours != theirs:
        raise ValueError(f'"{value.unit}" and "{unit}" are units of different things')
    return value.number * ours_in / theirs_in


def _rounded(number: float, step: float, digits: int) -> float:
    significant = float(f"{number:.{digits}g}")
    return float(f"{round(significant / step) * step:.12g}") if step > 0 else significant


def plain_number(number: float) -> str:
    """A number without an exponent and without zeros at the end, as scenarios may hold it."""
    text = f"{Decimal(repr(float(number))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
