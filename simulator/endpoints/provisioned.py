"""How provisioned concurrency follows its load: bounds, policies and scheduled actions (model.md 3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, ValidationInfo

from simulator.distributions import DurationDistribution
from simulator.endpoints.autoscaling import FollowsLoad
from simulator.endpoints.platforms import NONE
from simulator.endpoints.policies import Number, Stepping, Tracking
from simulator.engines.scaling import Metric, Missing, TargetTracking
from simulator.units import parse_duration

#: Assumption: how long allocation takes after a change is not published by AWS.
DEFAULT_ALLOCATION_TIME: Final = "2m"

ProvisionedMetric = Literal["provisioned_concurrency_utilization"]
Statistic = Literal["average", "maximum"]
MissingData = Literal["hold", "zero", "ignore"]

STATISTICS: Final[dict[str, Metric]] = {
    "average": Metric.PROVISIONED_UTILIZATION_AVERAGE,
    "maximum": Metric.PROVISIONED_UTILIZATION_MAXIMUM,
}
MISSING: Final[dict[str, Missing]] = {"hold": Missing.HOLD, "zero": Missing.ZERO, "ignore": Missing.IGNORE}
_STATISTIC_WORDS: Final = "Of utilization within a period. The predefined metric of AWS has the average."


class ProvisionedTracking(Tracking):
    """A policy that keeps the utilization of provisioned concurrency at a target.

    Parameters
    ----------
    metric : {"provisioned_concurrency_utilization"}
        Requests at once over provisioned concurrency in service; on sagemaker spillover counts too, so that it can
        exceed 1.
    target : float
        More than 0.
    statistic : {"average", "maximum"}
        Of the utilization within a period.
    missing_data : {"hold", "zero", "ignore"}
        What a period without any request is: a point that is missing, one of 0, or none at all.
    others : see `TargetTrackingPolicy`
    """

    kind: Literal["target_tracking"] = "target_tracking"
    metric: ProvisionedMetric = Field("provisioned_concurrency_utilization", description="What is kept at the target.")
    target: Annotated[Number, Field(gt=0)] = Field(description="Share of provisioned concurrency in use, such as 0.7.")
    statistic: Statistic = Field("average", description=_STATISTIC_WORDS)
    missing_data: MissingData = Field(
        "hold", description="What a period without any request is: a missing point, one of 0, or no point."
    )

    @property
    def watched(self) -> Metric:
        """The metric that both engines know."""
        return STATISTICS[self.statistic]

    def policy(self) -> TargetTracking:
        """The policy that both engines know."""
        return replace(super().policy(), missing=MISSING[self.missing_data])


class ProvisionedSteps(Stepping):
    """A policy that changes provisioned concurrency by how far its utilization is beyond a threshold.

    Parameters
    ----------
    metric : {"provisioned_concurrency_utilization"}
    statistic : {"average", "maximum"}
        Of the utilization within a period.
    others : see `StepScalingPolicy`
    """

    kind: Literal["step_scaling"] = "step_scaling"
    metric: ProvisionedMetric = Field(
        "provisioned_concurrency_utilization", description="What is compared with the threshold."
    )
    statistic: Statistic = Field("average", description=_STATISTIC_WORDS)

    @property
    def watched(self) -> Metric:
        """The metric that both engines know."""
        return STATISTICS[self.statistic]


ProvisionedPolicy = Annotated[ProvisionedTracking | ProvisionedSteps, Discriminator("kind")]


class ProvisionedAutoscaling(FollowsLoad):
    """What changes provisioned concurrency (model.md 3.2).

    Parameters
    ----------
    min_capacity, max_capacity : int
        Bounds of provisioned concurrency; they hold the initial one and are at most `max_concurrency`.
    policies : tuple of policies
        Target tracking and step scaling; the largest number that any asks for wins.
    scheduled_actions : tuple of Schedule
        Of those at one instant the later ones overrule the earlier.
    allocation_time : duration distribution
        From a change until an instance that it adds is ready. [s]
    while_updating : {"wait", "scale_out"}
        Whether capacity may grow while an instance is starting.
    """

    policies: tuple[ProvisionedPolicy, ...] = Field((), description="What asks for more or fewer instances.")
    allocation_time: DurationDistribution = Field(
        default=DEFAULT_ALLOCATION_TIME,
        validate_default=True,
        description="From a change until an instance that it adds is ready. Not published by AWS.",
    )
    while_updating: Literal["wait", "scale_out"] = Field(
        "wait", description="Whether more may be added while an instance is starting. Not published by AWS."
    )

    @property
    def time_to_serve(self) -> DurationDistribution:
        """The allocation time [s]."""
        return self.allocation_time

    def slower(self, factor: float) -> Self:
        """The same with an allocation time that is so many times as long."""
        return self.model_copy(update={"allocation_time": self.allocation_time.scaled(factor)})

    def assumed(self) -> list[tuple[bool, str]]:
        """Whether each thing is assumed, and the words for it."""
        tracking = [one for one in self.policies if isinstance(one, ProvisionedTracking)]
        return [
            (
                self.allocation_time.constant() == parse_duration(DEFAULT_ALLOCATION_TIME),
                f"allocation_time {DEFAULT_ALLOCATION_TIME} (default): how long provisioned concurrency takes to "
                "allocate is not published by AWS; try 30s to 5m",
            ),
            self._assumed_of_updating(),
            (
                True,
                "provisioned concurrency is paid from the instant of each change, also while it is being allocated: "
                "not published",
            ),
            *self._assumed_of_policies(),
            (
                any(one.statistic == "average" for one in self.policies),
                "statistic average (default): that of AWS's predefined metric; bursts shorter than a period hardly "
                "move it",
            ),
            (
                any(one.missing_data == "hold" for one in tracking),
                "missing_data hold (default): in a period without any request there is no point, and capacity stays "
                "until requests come again; try zero",
            ),
        ]


def _goes_with_the_rest(value: Any, info: ValidationInfo) -> Any:
    """The block, if the other fields of its endpoint go with it.

    Raises
    ------
    ValueError
        If bounds do not hold the initial number or exceed the limit, or the rules of the endpoint are others.
    """
    if value is None:
        return value
    given = info.data
    for field, allowed in (("requests_per_instance", 1), ("at_limit", "throttle"), ("waiting_requests", "bound")):
        if given.get(field, allowed) != allowed:
            raise ValueError(f"is not allowed with {field} {given[field]}, which must be {allowed}")
    count, limit = given.get("provisioned_concurrency"), given.get("max_concurrency", NONE)
    if count is not None and not value.min_capacity <= count <= value.max_capacity:
        raise ValueError(
            f"min_capacity {value.min_capacity} to max_capacity {value.max_capacity} do not hold "
            f"provisioned_concurrency, which is {count}"
        )
    if limit != NONE and value.most > limit:
        raise ValueError(f"max_capacity {value.most} is not allowed, must be at most max_concurrency, which is {limit}")
    return value


#: The field of an endpoint, after all those that it has to go with.
ProvisionedScaling = Annotated[ProvisionedAutoscaling | None, AfterValidator(_goes_with_the_rest)]
