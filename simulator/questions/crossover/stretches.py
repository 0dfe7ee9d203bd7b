"""From where to where along an axis an endpoint is the cheapest eligible one, and where that is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict
from simulator.questions.crossover.crossing import is_decided
from simulator.questions.crossover.line import Change, Line, Spot
from simulator.questions.crossover.standing import rivals


@dataclass(frozen=True)
class Stretch:
    """A part of the axis with one answer.

    Parameters
    ----------
    low, high : float
        From where to where.
    winner : str or None
        The cheapest endpoint that meets all objectives; None if none does, or if it is not known.
    unsure : tuple of str
        Not empty: endpoints of which it is not known whether they meet all objectives, and which would win.
    open_objectives : tuple of str
        Objectives on which the verdict is open, by endpoint.
    alike : tuple of str
        Eligible endpoints that cost exactly as much at every point of it.
    close : tuple of str
        Eligible endpoints that are not shown to cost more at a point of it, apart from the intervals of changes.
    """

    low: float
    high: float
    winner: str | None
    unsure: tuple[str, ...] = ()
    open_objectives: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    close: tuple[str, ...] = ()


def changes_of(line: Line) -> tuple[Change, ...]:
    """Where the answer changes, in order; turns to and fro that chance alone may have made are one."""
    return tuple(_merged(line.changes()))


def stretches_of(line: Line, changes: Sequence[Change]) -> tuple[Stretch, ...]:
    """The whole axis, in order: who wins from where to where, and where that is not known."""
    spots = line.spots
    known = [spot for spot in spots if spot.standing.is_known]
    if not known:
        return (_unknown(spots),)
    winners = [known[0].standing.winner, *(change.after for change in changes)]
    ends = [spots[0].place, *(change.at for change in changes), spots[-1].place]
    # The interval of a change says already what is open there.
    apart = [spot for spot in spots if not any(change.is_decided and change.holds(spot.place) for change in changes)]
    found: list[Stretch] = []
    for winner, (low, high) in zip(winners, pairwise(ends), strict=True):
        found += _parts(line, winner, [spot for spot in apart if low <= spot.place <= high], low, high)
    return tuple(_joined(found))


def _parts(line: Line, winner: str | None, inside: Sequence[Spot], low: float, high: float) -> Iterator[Stretch]:
    """One winner's stretch, without the parts in which it is not known who meets the objectives."""
    start = low
    for run in _runs(inside):
        unknown = _unknown(run)
        if unknown.low > start:
            yield _known(line, winner, inside, start, unknown.low)
        yield unknown
        start = unknown.high
    if start < high or not inside:
        yield _known(line, winner, inside, start, high)


def _runs(spots: Sequence[Spot]) -> Iterator[list[Spot]]:
    """Neighbouring points at which the answer is not known."""
    run: list[Spot] = []
    for spot in spots:
        if spot.standing.is_known:
            if run:
                yield run
            run = []
        else:
            run.append(spot)
    if run:
        yield run


def _known(line: Line, winner: str | None, inside: Sequence[Spot], low: float, high: float) -> Stretch:
    won = [spot for spot in inside if low <= spot.place <= high and spot.standing.winner == winner]
    if winner is None or not won:
        return Stretch(low, high, winner)
    leads = [rivals(spot.point, line.measure, winner) for spot in won]
    names = [name for name in won[0].point.endpoints if any(name in lead for lead in leads)]
    alike = [name for name in names if all(name in lead and _is_nothing(lead[name]) for lead in leads)]
    close = [name for name in names if any(name in lead and not is_decided(lead[name]) for lead in leads)]
    return Stretch(low, high, winner, alike=tuple(alike), close=tuple(close))


def _unknown(spots: Sequence[Spot]) -> Stretch:
    unsure = dict.fromkeys(name for spot in spots for name in spot.standing.unsure)
    texts = dict.fromkeys(
        f"{name}: {text}"
        for spot in spots
        for name in spot.standing.unsure
        for verdict in (Verdict.UNDECIDED, Verdict.NO_DATA)
        for text in spot.point.missed(name, verdict)
    )
    return Stretch(spots[0].place, spots[-1].place, None, tuple(unsure), tuple(texts))


def _is_nothing(difference: Estimate) -> bool:
    return difference.value == 0 and not difference.half_width and difference.n > 1


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Changes, where three turns to, fro and to whose intervals overlap are one: chance alone may have made them."""
    found = list(changes)
    number = 0
    while number + 2 < len(found):
        first, second, third = found[number : number + 3]
        is_same = (first.before, first.after) == (second.after, second.before) == (third.before, third.after)
        if is_same and _overlap(first, second) and _overlap(second, third):
            found[number : number + 3] = [_joint(first, second, third)]
            number = max(number - 2, 0)
        else:
            number += 1
    return found


def _overlap(first: Change, second: Change) -> bool:
    return first.high is None or second.low is None or first.high >= second.low


def _joint(first: Change, second: Change, third: Change) -> Change:
    """The middle one, with an interval around all."""
    if first.crossing is None or second.crossing is None or third.crossing is None:
        return replace(first, right=third.right)
    crossing_ = replace(second.crossing, low=first.low, high=third.high)
    return replace(first, right=third.right, crossing=crossing_)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Neighbours that are unknown for the same endpoints as one."""
    found: list[Stretch] = []
    for one in stretches:
        if found and found[-1].unsure and found[-1].unsure == one.unsure and found[-1].high >= one.low:
            texts = dict.fromkeys([*found[-1].open_objectives, *one.open_objectives])
            found[-1] = replace(found[-1], high=one.high, open_objectives=tuple(texts))
        else:
            found.append(one)
    return found
