"""How an endpoint on instances follows its load: bounds, policies and scheduled actions (model.md 4.2)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from simulator.distributions import DurationDistribution
from simulator.endpoints.policies import METRICS, MINUTE, POINTS_OUT, Policy, TargetTrackingPolicy, Tracking
from simulator.endpoints.run_length import RunLength
from simulator.engines.scaling import Scaling, ScheduledAction
from simulator.units import to_ns

#: Assumption, from launches that were seen to take 5 to 7 minutes: lognormal, half of them within 5 minutes and 95 %
#: within 9 (p99 is 300 s · (540/300)^(2.326/1.645)).
DEFAULT_LAUNCH_TIME: Final = {"kind": "lognormal", "p50": "300s", "p99": "689s"}
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
#: Days of the week on which a scheduled action is taken, Monday is 0.
_DAYS: Final[dict[str, tuple[int, ...]]] = {
    "daily": (0, 1, 2, 3, 4, 5, 6),
    "weekdays": (0, 1, 2, 3, 4),
    "weekends": (5, 6),
    **{
        day: (number,)
        for number, day in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
    },
}

Capacity = Annotated[int, Field(strict=True, ge=0)]


def _read_time_of_day(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", value.strip()):
        raise ValueError(f'{value!r} is not a time of day; write it in quotes, "00:00" to "23:59"')
    return value.strip()


TimeOfDay = Annotated[
    str,
    BeforeValidator(_read_time_of_day),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["08:00"]}),
]


class Schedule(BaseModel):
    """New bounds of capacity at a time of day.

    Parameters
    ----------
    at : str
        Time of day by the clock of the scenario: ``"08:00"``.
    days : str
        `daily`, `weekdays`, `weekends` or a day of the week.
    min_capacity, max_capacity : int or None
        None leaves the bound as it is; not both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: TimeOfDay = Field(description="Time of day by the clock of the scenario.")
    days: Literal[
        "daily",
        "weekdays",
        "weekends",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ] = Field("daily", description="On which days.")
    min_capacity: Capacity | None = Field(None, description="From then on; as before if it is not given.")
    max_capacity: Capacity | None = Field(None, description="From then on; as before if it is not given.")

    @model_validator(mode="after")
    def _changes_something(self) -> Schedule:
        if self.min_capacity is None and self.max_capacity is None:
            raise ValueError("gives neither min_capacity nor max_capacity; give one of them, or both")
        return self

    def instants(self, run: RunLength) -> Iterator[int]:
        """When it is taken within a run, in order [ns]."""
        hours, minutes = map(int, self.at.split(":"))
        at_s = 3600 * hours + 60 * minutes
        day = int(run.week_s // _DAY_S)
        while True:
            at_ns = to_ns(day * _DAY_S + at_s - run.week_s)
            if at_ns >= run.horizon_ns:
                return
            if at_ns >= 0 and day % 7 in _DAYS[self.days]:
                yield at_ns
            day += 1


class FollowsLoad(BaseModel, ABC):
    """What all blocks have that change a capacity; parameters as those of `Autoscaling`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_capacity: Capacity = Field(1, description="Fewest instances.")
    max_capacity: Annotated[int, Field(strict=True, ge=1)] = Field(description="Most instances.")
    policies: tuple[Any, ...] = Field((), description="What asks for more or fewer instances.")
    scheduled_actions: tuple[Schedule, ...] = Field((), description="New bounds at times of day.")

    @property
    @abstractmethod
    def time_to_serve(self) -> DurationDistribution:
        """From a launch by scaling until the instance is in service [s]."""

    @abstractmethod
    def slower(self, factor: float) -> Self:
        """The same with a `time_to_serve` that is so many times as long."""

    @property
    def grows_while_updating(self) -> bool:
        """Whether capacity may grow while an instance is starting."""
        return bool(getattr(self, "while_updating", "wait") == "scale_out")

    @abstractmethod
    def assumed(self) -> list[tuple[bool, str]]:
        """Whether each thing is assumed, and the words for it."""

    def _assumed_of_updating(self) -> tuple[bool, str]:
        return (
            not self.grows_while_updating,
            "while_updating wait (default): capacity is not changed while an instance is starting; not published",
        )

    def _assumed_of_policies(self, of_other_points: str = "") -> list[tuple[bool, str]]:
        """What was seen of points and alarms; parameter: what to say of points that cover less than a minute."""
        return [
            (
                bool(self.policies),
                "publication_delay: points of a minute are known 2 min after their end by default, as 2 to 3 min were "
                f"seen{of_other_points}",
            ),
            (
                any(isinstance(one, Tracking) for one in self.policies),
                f"datapoints_out {POINTS_OUT}, datapoints_in those of 15 min below 90% of the target (defaults): as "
                "alarms of AWS were seen",
            ),
        ]

    @property
    def most(self) -> int:
        """Greatest capacity that its bounds ever allow."""
        return max([self.max_capacity, *(one.max_capacity or 0 for one in self.scheduled_actions)])

    @field_validator("max_capacity")
    @classmethod
    def _in_order(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_capacity", 0)
        if value < least:
            raise ValueError(f"{value} is not allowed, must be at least min_capacity, which is {least}")
        return value

    def taken(self, run: RunLength) -> list[tuple[int, int]]:
        """When scheduled actions are taken [ns] and their numbers, in order."""
        return sorted(
            (at_ns, number) for number, one in enumerate(self.scheduled_actions) for at_ns in one.instants(run)
        )

    def problem_of_schedule(self, run: RunLength) -> tuple[int, str] | None:
        """Number of the first action of a run that leaves no capacity between its bounds, and what is wrong."""
        least, most = self.min_capacity, self.max_capacity
        for _, number in self.taken(run):
            action = self.scheduled_actions[number]
            least = least if action.min_capacity is None else action.min_capacity
            most = most if action.max_capacity is None else action.max_capacity
            if least > most:
                return number, f"makes min_capacity {least} and max_capacity {most}, which must not be less"
        return None

    def in_force(self, week_s: float) -> Self:
        """The same with the bounds that a week of its scheduled actions leaves at an instant.

        Parameters
        ----------
        week_s : float
            The instant: seconds since Monday 00:00, by the clock of the scenario. [s]
        """
        least, most = self.min_capacity, self.max_capacity
        for _, number in self.taken(RunLength(to_ns(_WEEK_S), week_s % _WEEK_S)):
            action = self.scheduled_actions[number]
            least = least if action.min_capacity is None else action.min_capacity
            most = most if action.max_capacity is None else action.max_capacity
        return self.model_copy(update={"min_capacity": least, "max_capacity": most})

    def scaling(self, run: RunLength, *, counts_spillover: bool = True) -> Scaling:
        """What both engines know of it, in one run; `counts_spillover` as that of `Scaling`."""
        actions = [(at_ns, self.scheduled_actions[number]) for at_ns, number in self.taken(run)]
        return Scaling(
            minimum=self.min_capacity,
            maximum=self.max_capacity,
            horizon_ns=run.horizon_ns,
            policies=tuple(one.policy() for one in self.policies),
            actions=tuple(ScheduledAction(at_ns, one.min_capacity, one.max_capacity) for at_ns, one in actions),
            grows_while_updating=self.grows_while_updating,
            counts_spillover=counts_spillover,
        )


def autoscaling_of(endpoint: object) -> FollowsLoad | None:
    """What changes the number of instances of an endpoint of any kind, None if nothing does."""
    block: FollowsLoad | None = getattr(endpoint, "autoscaling", None)
    return block


class Autoscaling(FollowsLoad):
    """What changes the number of instances (model.md 4.2).

    Parameters
    ----------
    min_capacity, max_capacity : int
        Bounds of the number of instances; they hold the initial one.
    policies : tuple of policies
        Target tracking and step scaling; the largest number that any asks for wins.
    scheduled_actions : tuple of Schedule
        Of those at one instant the later ones overrule the earlier.
    launch_time : duration distribution
        From the launch of an instance until it is in service. [s]
    while_updating : {"wait", "scale_out"}
        Whether capacity may grow while an instance is starting.
    """

    policies: tuple[Policy, ...] = Field((), description="What asks for more or fewer instances.")
    launch_time: DurationDistribution = Field(
        default=DEFAULT_LAUNCH_TIME,
        validate_default=True,
        description="From the launch of an instance until it is in service.",
    )
    while_updating: Literal["wait", "scale_out"] = Field(
        "wait", description="Whether more may be launched while an instance is starting. Not published by AWS."
    )

    @property
    def time_to_serve(self) -> DurationDistribution:
        """The launch time [s]."""
        return self.launch_time

    def slower(self, factor: float) -> Self:
        """The same with a launch time that is so many times as long."""
        return self.model_copy(update={"launch_time": self.launch_time.scaled(factor)})

    def assumed(self) -> list[tuple[bool, str]]:
        """Whether each thing is assumed, and the words for it."""
        fast = [one for one in self.policies if isinstance(one, TargetTrackingPolicy) and one.period < MINUTE]
        return [
            (
                self.launch_time.model_dump(mode="json") == DEFAULT_LAUNCH_TIME,
                "launch_time median 5 min, 95% within 9 min (default): from a few launches that were seen; try 2 to 15 "
                "min",
            ),
            self._assumed_of_updating(),
            *self._assumed_of_policies("; those of 10 s after 10 s"),
            (
                any(one.datapoints_out == POINTS_OUT for one in fast),
                f"datapoints_out {POINTS_OUT} also for points of 10 s (default): not published",
            ),
        ]


def check_metrics(given: Autoscaling | None, foreign: Collection[str], where: str) -> Autoscaling | None:
    """The block, if no policy watches what such an endpoint does not have.

    Raises
    ------
    ValueError
        If one does.
    """
    for number, policy in enumerate(() if given is None else given.policies):
        if policy.metric in foreign:
            known = ", ".join(name for name in METRICS if name not in foreign)
            raise ValueError(f"policies[{number}] watches {policy.metric}, which {where} does not have; it has {known}")
    return given
