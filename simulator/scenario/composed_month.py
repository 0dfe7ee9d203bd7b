"""Months made of days: how many days, and how far the traffic of one day lies from that of another."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from simulator.errors import InputError
from simulator.scenario.places import KeyPath
from simulator.streams import Streams
from simulator.units import Share

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario

DAY_S: Final = 86_400.0
#: Days that are looked at: two weeks, so that a day without requests is followed by one with some.
_DAYS_LOOKED_AT: Final = 14
#: Days whose expected requests differ by no more than this share are alike.
_ALIKE: Final = 1e-9


class ComposedMonth(BaseModel):
    """A month composed of independent days; each replication is one of them.

    Parameters
    ----------
    days : int
        Of a month.
    day_to_day_cv : float
        Coefficient of variation of a factor that all traffic of a day is multiplied by: lognormal of mean 1, drawn
        anew for each replication. 0, the default, if days differ by chance alone. *Assumption*: nothing published
        says what it is; read it off the requests of your own days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[int, Field(strict=True, ge=2, le=366)] = Field(30, description="Days of a month.")
    day_to_day_cv: Annotated[Share, Field(ge=0)] = Field(
        default="0%",
        validate_default=True,
        description="Standard deviation over mean of a lognormal factor that the traffic of a day is multiplied by.",
    )

    @property
    def length_s(self) -> float:
        """Length of the month [s]."""
        return self.days * DAY_S

    def factor(self, seed: int, replication: int) -> float:
        """What the traffic of one replication is multiplied by, from its own stream."""
        if not self.day_to_day_cv:
            return 1.0
        variance = math.log1p(self.day_to_day_cv**2)
        draw = Streams(seed, replication).generator("day").standard_normal()
        return math.exp(math.sqrt(variance) * draw - variance / 2)


def problems_of_month(scenario: Scenario) -> list[tuple[KeyPath, str]]:
    """Why no month can be composed of the replications; none if one can, or none is asked for."""
    month = scenario.composed_month
    if month is None:
        return []
    found: list[tuple[KeyPath, str]] = []
    measured = scenario.horizon - scenario.initial_transient
    if measured != DAY_S:
        found.append(
            (
                ("composed_month",),
                f"replications must be days, but horizon less initial_transient is {measured / 3600:g}h, must be 24h",
            )
        )
    if scenario.month != month.length_s:
        text = f'"{scenario.month / 3600:g}h" is not the {month.days} days of composed_month; leave one of them out'
        found.append((("month",), text))
    if scenario.free_tier:
        text = "true is not allowed with composed_month: the free tier is given by the month, and days are billed"
        found.append((("free_tier",), text))
    if not found and not _days_are_alike(scenario):
        found.append(
            (
                ("composed_month",),
                "the traffic expects more requests on some days than on others, and a month is composed of days like "
                "the first; simulate whole months instead (horizon)",
            )
        )
    return found


def _days_are_alike(scenario: Scenario) -> bool:
    """Whether the days after the first expect as many requests as it; what lies beyond a recording is not asked."""
    start = scenario.initial_transient
    counts = []
    for day in range(_DAYS_LOOKED_AT):
        with suppress(InputError, ValueError):
            at = start + day * DAY_S
            counts.append(float(scenario.traffic.expected_count(at, at + DAY_S, scenario.clock)))
    while counts and counts[-1] == 0:
        counts.pop()
    return not counts or max(counts) - min(counts) <= _ALIKE * max(counts)
