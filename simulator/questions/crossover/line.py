"""The points of a crossover along its axis: which were simulated, where the answer changes, and where to look next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from simulator.measures.catalogue import Measure
from simulator.questions.axis import Axis
from simulator.questions.crossover.crossing import Crossing, Estimated, crossing, is_decided
from simulator.questions.crossover.standing import Cause, Reason, Standing, cause_between, is_settled, standing
from simulator.questions.crossover.windows import windows
from simulator.questions.point import Point

#: Significant digits of the places that are looked at between those of the grid.
DIGITS: Final = 8
#: An interval reaches so far beyond the places from which it was guessed, at the least.
_BEYOND: Final = 1.15


@dataclass(frozen=True)
class Spot:
    """One point of the axis.

    Parameters
    ----------
    place : float
        [unit of the axis]
    point : Point
    is_full : bool
        Whether it has all replications; points of the grid may have fewer.
    measure : Measure
        What is compared.
    """

    place: float
    point: Point = field(repr=False)
    is_full: bool
    measure: Measure

    @cached_property
    def standing(self) -> Standing:
        """The answer there."""
        return standing(self.point, self.measure)

    @cached_property
    def is_settled(self) -> bool:
        """Whether more replications would not change it."""
        return is_settled(self.point, self.measure)


@dataclass(frozen=True)
class Change:
    """Where the answer changes along the axis.

    Parameters
    ----------
    left, right : Spot
        The nearest points on both sides at which the answer is known.
    cause : Cause
    crossing : Crossing or None
        None where no number tells the place, only that it lies between the two.
    is_near : bool
        Whether the points around it are as near each other as was asked.
    """

    left: Spot
    right: Spot
    cause: Cause
    crossing: Crossing | None
    is_near: bool

    @property
    def before(self) -> str | None:
        """Who wins on the left; None: nobody."""
        return self.left.standing.winner

    @property
    def after(self) -> str | None:
        """Who wins on the right; None: nobody."""
        return self.right.standing.winner

    @property
    def at(self) -> float:
        """Where it changes; halfway between the two points where no number tells."""
        return (self.left.place + self.right.place) / 2.0 if self.crossing is None else self.crossing.at

    @property
    def low(self) -> float | None:
        """Lower end of the interval; None where it goes on beyond what was tried."""
        return self._end(self.left) if self.crossing is None else self.crossing.low

    @property
    def high(self) -> float | None:
        """Upper end."""
        return self._end(self.right) if self.crossing is None else self.crossing.high

    def _end(self, spot: Spot) -> float | None:
        """An end where no number tells: the nearest point, unless there should have been one that does."""
        return spot.place if self.cause.number is None else None

    @property
    def is_decided(self) -> bool:
        """Whether it is known why and, but for an interval that ends on both sides, where it changes."""
        is_bounded = self.low is not None and self.high is not None
        return self.is_near and is_bounded and self.cause.reason is not Reason.UNKNOWN

    def holds(self, place: float) -> bool:
        """Whether a place lies in its interval."""
        return (self.low is None or self.low <= place) and (self.high is None or place <= self.high)


class Line:
    """All points simulated so far.

    Parameters
    ----------
    axis : Axis
        Of numbers.
    measure : Measure
        What is compared.
    tolerance : float
        How far apart the two points around a change may lie, in parts of where they are.
    """

    def __init__(self, axis: Axis, measure: Measure, tolerance: float) -> None:
        self.axis, self.measure, self.tolerance = axis, measure, tolerance
        self._spots: dict[float, Spot] = {}
        assert axis.numbers is not None
        self._first, self._last = min(axis.numbers), max(axis.numbers)

    @property
    def is_whole(self) -> bool:
        """Whether the axis has only some values, none between two neighbours."""
        return self.axis.step is None or self.axis.step >= 1.0

    @property
    def spots(self) -> list[Spot]:
        """In order of place."""
        return [self._spots[place] for place in sorted(self._spots)]

    def add(self, place: float, point: Point, *, is_full: bool) -> None:
        """Add a point, in place of one with fewer replications."""
        self._spots[place] = Spot(place, point, is_full, self.measure)

    def changes(self) -> list[Change]:
        """Every change of the answer between neighbouring points at which it is known."""
        known = [spot for spot in self.spots if spot.standing.is_known]
        return [
            self._change(left, right)
            for left, right in pairwise(known)
            if left.standing.winner != right.standing.winner
        ]

    def _change(self, left: Spot, right: Spot) -> Change:
        cause = cause_between(left.point, right.point, self.measure)
        found = self._crossing(left, right, cause)
        ends = (left.place, right.place) if found is None else (found.left, found.right)
        return Change(left, right, cause, found, self._is_near(*ends))

    def _crossing(self, left: Spot, right: Spot, cause: Cause) -> Crossing | None:
        if cause.number is None:
            return None
        # Points on both sides count for the interval; the change that is meant lies between the two.
        estimated = self._estimated(cause)
        found = crossing(estimated, left.place, zero_is_positive=cause.zero_is_positive)
        if found is None or found.left >= right.place:
            return None
        return _whole(estimated, found) if self.is_whole else found

    def _estimated(self, cause: Cause) -> list[Estimated]:
        assert cause.number is not None
        found = [(spot.place, cause.number(spot.point)) for spot in self.spots]
        return [(place, one) for place, one in found if one is not None and one.value is not None]

    def wanted(self) -> dict[float, None]:
        """Places to simulate next with all replications, in order; none if enough is known."""
        places = dict.fromkeys(spot.place for spot in self.spots if not spot.is_full and not spot.is_settled)
        for change in self.changes():
            places.update(dict.fromkeys(self._wanted_for(change)))
        places.update(dict.fromkeys(self._wanted_in_windows()))
        return dict.fromkeys(sorted(places))

    def _wanted_in_windows(self) -> Iterator[float]:
        """Points at which an endpoint may win that wins at neither neighbour."""
        known = [spot for spot in self.spots if spot.standing.is_known]
        for left, right in pairwise(known):
            ends = left.place, right.place
            if not self._is_near(*ends):
                beyond = self.tolerance * self._scale(*ends) / 2.0
                found = windows((left.place, left.point), (right.place, right.point), self.measure, beyond)
                yield from self._new(*ends, *found)

    def _wanted_for(self, change: Change) -> Iterator[float]:
        found = change.crossing
        left, right = (change.left.place, change.right.place) if found is None else (found.left, found.right)
        if not change.is_near:
            # A point between the two that tells nothing will have neighbours that tell nothing.
            if not any(left < place < right for place in self._spots):
                yield from self._new(left, right, *self._guesses(change, left, right))
            return
        yield from (place for place in (left, right) if not self._spots[place].is_full)
        if found is not None and not self.is_whole:
            for end in (found.low, found.high):
                if end is not None:
                    yield from self._wanted_at_end(end, found)

    def _wanted_at_end(self, end: float, found: Crossing) -> Iterator[float]:
        """Points between which the end of an interval is known to a part of its length."""
        places = sorted(self._spots)
        outward = 1.0 if end >= found.at else -1.0
        left = max((place for place in places if place <= end), default=end)
        right = min((place for place in places if place >= end), default=end)
        half = abs(end - found.at)
        if right - left <= max(half / 2.0, self.tolerance * self._scale(left, right)):
            yield from (place for place in (left, right) if not self._spots[place].is_full)
        else:
            yield from self._new(left, right, found.at + outward * half * _BEYOND, found.at + outward * half * 0.8)

    def _guesses(self, change: Change, left: float, right: float) -> tuple[float, ...]:
        found, middle = change.crossing, (left * right) ** 0.5 if left > 0 else (left + right) / 2.0
        if found is None:
            return (middle,)
        if self.is_whole:
            step = self.axis.step or 0.0
            return (self.axis.rounded(middle), found.at - step, found.at + step)
        near = 0.45 * self.tolerance * self._scale(left, right)
        halves = [abs(end - found.at) for end in (found.low, found.high) if end is not None]
        away = min(max([near, *(_BEYOND * half for half in halves)]), 0.3 * (right - left))
        if self._is_of_grid(left) and self._is_of_grid(right):
            return (found.at - away, found.at, found.at + away)
        # Where the number bends, as percentiles do near saturation, straight lines miss again and again on one side.
        return (found.at - away, middle, found.at + away)

    def _is_of_grid(self, place: float) -> bool:
        assert self.axis.numbers is not None
        return place in self.axis.numbers

    def _new(self, left: float, right: float, *guesses: float) -> Iterator[float]:
        """Those strictly between two places, as the axis can have them, that are not there yet."""
        for guess in guesses:
            place = self.axis.rounded(guess, DIGITS)
            if left < place < right and place not in self._spots:
                yield place

    def _is_near(self, left: float, right: float) -> bool:
        if self.is_whole:
            return self.axis.step is None or right - left <= self.axis.step * 1.5
        return right - left <= self.tolerance * self._scale(left, right)

    def _scale(self, left: float, right: float) -> float:
        """What the tolerance is a part of; near 0, a hundredth of a range that reaches there."""
        reaches_zero = self._first <= 0.0
        return max(abs(left), abs(right), 0.01 * (self._last - self._first) if reaches_zero else 0.0)


def _whole(estimated: Sequence[Estimated], found: Crossing) -> Crossing:
    """On an axis of some values: the first with the new answer, and which ones it may be."""
    start = next(number for number, (place, _) in enumerate(estimated) if place == found.left)
    decided = [number for number, (_, one) in enumerate(estimated) if is_decided(one)]
    last = max((number for number in decided if number <= start), default=None)
    first = min((number for number in decided if number > start), default=None)
    low = None if last is None else estimated[last + 1][0]
    return replace(found, at=found.right, low=low, high=None if first is None else estimated[first][0])
