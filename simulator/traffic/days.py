"""Whole days of a recording, and the random choice among them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from simulator.streams import Streams
from simulator.traffic.clock import Clock
from simulator.units import NS_PER_SECOND, to_ns

DAY_NS: Final = 86_400 * NS_PER_SECOND


class Day(NamedTuple):
    """A whole day of a recording: where it begins [ns since the recording's start], and whether at a weekend."""

    start_ns: int
    is_weekend: bool


def whole_days(start_ns: int, length_ns: int, dated: bool, zone: str | None) -> list[Day]:
    """The days that a recording covers from beginning to end.

    Parameters
    ----------
    start_ns : int
        Start of the recording, since 1970-01-01 UTC if dated. [ns]
    length_ns : int
        Its length. [ns]
    dated : bool
        True: days go from midnight to midnight of the zone; those of 23 or 25 hours, at a change of clocks, are left
        out. False: days are stretches of 24 hours from the start, and none is known as a weekend.
    zone : str or None
        Name of the zone, None for UTC.
    """
    if not dated:
        return [Day(start, False) for start in range(0, length_ns - DAY_NS + 1, DAY_NS)]
    clock = ZoneInfo(zone or "UTC")
    date = datetime.datetime.fromtimestamp(start_ns // NS_PER_SECOND, clock).date()
    days: list[Day] = []
    while True:
        begins_ns, ends_ns = (_midnight_ns(date + datetime.timedelta(days=k), clock) - start_ns for k in (0, 1))
        if ends_ns > length_ns:
            return days
        if begins_ns >= 0 and ends_ns - begins_ns == DAY_NS:
            days.append(Day(begins_ns, date.weekday() >= 5))
        date += datetime.timedelta(days=1)


def _midnight_ns(date: datetime.date, zone: ZoneInfo) -> int:
    return int(datetime.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp()) * NS_PER_SECOND


@dataclass(frozen=True)
class DayDraw:
    """Random choice of recorded days for the days of a run, with replacement.

    If the recording has weekdays and weekend days, each day of the run draws among those of its own sort.

    Parameters
    ----------
    days : sequence of Day
        At least one.
    dated : bool
        True: days of the run go from midnight to midnight of the scenario's clock, the first one is cut. False: from
        time 0.
    shift_ns : int
        How long after midnight days begin, in the recording and in the run: for counts of periods of which none
        begins at midnight. [ns]
    """

    days: Sequence[Day]
    dated: bool
    shift_ns: int = 0

    @property
    def stratified(self) -> bool:
        """The recording has days of both sorts."""
        return len({day.is_weekend for day in self.days}) == 2

    def first_day(self, clock: Clock) -> tuple[int, int]:
        """The day of the run that time 0 is in: its number, 0 or -1, and how much of it is over [ns].

        Day 0 is that of the clock's date at time 0; before the shift after midnight it is still the day before.
        """
        over_ns = to_ns(clock.day_s) - self.shift_ns if self.dated else 0
        return (0, over_ns) if over_ns >= 0 else (-1, over_ns + DAY_NS)

    def candidates(self, day_of_run: int, clock: Clock) -> list[Day]:
        """The recorded days that may stand for a day of the run."""
        if not self.stratified:
            return list(self.days)
        is_weekend = (clock.starts_at.weekday() + day_of_run) % 7 >= 5
        return [day for day in self.days if day.is_weekend == is_weekend]

    def drawn(self, streams: Streams, clock: Clock) -> Iterator[tuple[int, Day]]:
        """(start in the run, recorded day) of each day of the run, without end; one uniform draw a day."""
        generator = streams.generator("resampling")
        number, over_ns = self.first_day(clock)
        start_ns = -over_ns
        while True:
            among = self.candidates(number, clock)
            yield start_ns, among[int(generator.random() * len(among))]
            start_ns, number = start_ns + DAY_NS, number + 1
