"""What the clock says at time 0 of a run."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400.0
WEEK_S: Final = 7.0 * DAY_S


@dataclass(frozen=True)
class Clock:
    """The clock time and zone at time 0, for daily and weekly patterns.

    Assumption: days have 24 hours throughout a run; a change to or from daylight-saving time within the horizon is
    not followed.

    Parameters
    ----------
    starts_at : datetime
        Date, time and zone at time 0.

    Raises
    ------
    ValueError
        If it has no zone.
    """

    starts_at: datetime.datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise ValueError(f"{self.starts_at.isoformat()} has no zone; write for example 2026-11-02T00:00:00Z")

    @property
    def week_s(self) -> float:
        """Seconds since Monday 00:00, by the zone's clock, at time 0 [s]."""
        midnight = self.starts_at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return self.starts_at.weekday() * DAY_S + (self.starts_at.replace(tzinfo=None) - midnight).total_seconds()

    @property
    def day_s(self) -> float:
        """Seconds since midnight, by the zone's clock, at time 0 [s]."""
        return self.week_s % DAY_S
