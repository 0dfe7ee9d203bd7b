"""A change of the answer along a value in words: where, why, when, and where it would be by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.questions.crossover.standing import Reason
from simulator.report.numbers import decimals_for, fixed, signed, significant

if TYPE_CHECKING:
    from simulator.questions.crossover.flips import Flip
    from simulator.questions.crossover.line import Change
    from simulator.questions.crossover.stretches import Stretch

NOBODY: Final = "no endpoint"
#: Digits of a place that has no interval.
_PLACE_DIGITS: Final = 4


def place(change: Change, unit: str) -> str:
    """Where a change is, with its interval: ``3.97/s (3.91–4.02)``."""
    low, high = change.low, change.high
    if low is None and high is None:
        return f"{significant(change.at, _PLACE_DIGITS)}{unit} (interval not found in the range)"
    if low is None or high is None:
        bound = f"below {plain_place(high)}" if low is None else f"above {plain_place(low)}"
        return f"{plain_place(change.at)}{unit} ({bound})"
    half = max(high - change.at, change.at - low)
    if half <= 0:
        return f"{plain_place(change.at)}{unit}"
    decimals = min(decimals_for(half), 12)
    at, start, end = (fixed(value, decimals) for value in (change.at, low, high))
    return f"{at}{unit} ({start}–{end})"


def at_place(change: Change, unit: str) -> str:
    """Where a change is, without its interval, in the digits that it has beside it."""
    return place(change, unit).split(" (")[0]


def closed_form(flip: Flip, unit: str) -> str:
    """Where costs cross by hand, and how far that is from where they do: ``5.986/s (−23 %)``."""
    if flip.predicted is None:
        return ""
    text = f"{plain_place(flip.predicted)}{unit}"
    if flip.change.holds(flip.predicted):
        return f"{text} (in the interval)"
    apart = 100 * (flip.predicted / flip.change.at - 1.0) if flip.change.at else 0.0
    return f"{text} ({signed(significant(apart, 2))} %)" if apart else text


def plain_place(value: float | None) -> str:
    """A place of which no interval is told."""
    return "" if value is None else significant(value, _PLACE_DIGITS)


def why(change: Change) -> str:
    """Why the answer changes, in a few words."""
    cause = change.cause
    if not change.is_near:
        return "not known where exactly"
    if cause.reason is Reason.COST:
        return "costs cross"
    if cause.reason is Reason.UNKNOWN:
        return "not known"
    lost = cause.reason is Reason.LOSES
    return (
        f"{cause.endpoint} {'misses' if lost else 'meets'} {cause.objective}" if cause.objective else cause.reason.value
    )


def months(flip: Flip, growth: float | None) -> str:
    """When the traffic has grown to a change: ``9.1 months (8.9–9.3)``, ``already behind``, ``never``."""
    found = flip.months
    if found is None or found.value is None:
        return "already behind" if growth else "never"
    if found.low is None or found.high is None or found.low == found.high:
        return f"{significant(found.value, 3)} months" if found.value else "0 months, it is now"
    decimals = max(decimals_for(max(found.high - found.value, found.value - found.low)), 0)
    value, low, high = (fixed(one, decimals) for one in (found.value, found.low, found.high))
    return f"{value} months ({low}–{high})"


def what_is_open(stretch: Stretch) -> str:
    """Which objectives are open, each once, and for how many endpoints that would win."""
    limits = dict.fromkeys(text.split(": ", 1)[1] for text in stretch.open_objectives)
    names = stretch.unsure[0] if len(stretch.unsure) == 1 else f"{len(stretch.unsure)} endpoints"
    return f"open for {names}: {', '.join(limits)}" if limits else f"open for {names}"


def who(stretch: Stretch) -> str:
    """Who wins in a stretch."""
    return "not known" if stretch.unsure else stretch.winner or NOBODY
