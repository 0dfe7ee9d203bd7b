"""Policies that change the number of instances: target tracking, step scaling, and waking from none (model.md 4.2)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationInfo, field_validator

from simulator.endpoints.platforms import following, without_default
from simulator.engines.scaling import Adjustment, Metric, Step, StepScaling, TargetTracking
from simulator.units import Seconds, to_ns

#: Metrics that an instance has a share in, so that they can be kept at a target.
TargetMetric = Literal["invocations_per_instance", "concurrent_requests_per_instance", "backlog_per_instance"]
MetricName = Literal[
    "invocations_per_instance",
    "concurrent_requests_per_instance",
    "backlog_per_instance",
    "no_capacity_failures",
    "backlog_without_capacity",
]
#: Names of metrics → what both engines know.
METRICS: Final[dict[str, Metric]] = {
    "invocations_per_instance": Metric.INVOCATIONS_PER_INSTANCE,
    "concurrent_requests_per_instance": Metric.CONCURRENT_REQUESTS_PER_INSTANCE,
    "backlog_per_instance": Metric.BACKLOG_PER_INSTANCE,
    "no_capacity_failures": Metric.NO_CAPACITY_FAILURES,
    "backlog_without_capacity": Metric.BACKLOG_WITHOUT_CAPACITY,
}
#: Points of most metrics cover a minute; those of ConcurrentRequestsPerModelHighResolution 10 s (SageMaker guide,
#: endpoint-auto-scaling-add-code-define; AWS ML blog, July 2024). [s]
_PERIODS: Final[dict[str, str]] = {"concurrent_requests_per_instance": "10s"}
_PERIOD: Final = "60s"
#: Assumption: 2 to 3 minutes were seen until CloudWatch shows a point of a minute; one of high resolution comes a
#: period later.
_DELAY: Final = "120s"
_FAST_DELAY: Final = "10s"
#: Points above the target before target tracking adds instances: the alarms that AWS makes have 3 of 3 points of a
#: minute. For points of 10 s the number is not published. Assumption: the same.
POINTS_OUT: Final = 3
#: Below 90 % of the target for 15 minutes, 15 points of a minute or 90 of 10 s: the alarm in AWS's own notebook
#: (amazon-sagemaker-examples, sm-app_autoscaling_realtime_endpoints). [s]
LOW_FOR: Final = 900.0
#: ScaleInCooldown and Cooldown (botocore 1.43, application-autoscaling).
_COOLDOWN: Final = "300s"
#: Points that cover less are of high resolution. [s]
MINUTE: Final = 60.0

_ADJUSTMENTS: Final[dict[str, Adjustment]] = {
    "change_in_capacity": Adjustment.CHANGE,
    "exact_capacity": Adjustment.EXACT,
    "percent_change_in_capacity": Adjustment.PERCENT,
}
Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def _period(given: Mapping[str, Any]) -> str:
    return _PERIODS.get(given.get("metric", ""), _PERIOD)


def _delay(given: Mapping[str, Any]) -> str:
    return _DELAY if given.get("period", MINUTE) >= MINUTE else _FAST_DELAY


def _points_in(given: Mapping[str, Any]) -> int:
    """As many as cover 15 minutes."""
    return max(1, math.ceil(LOW_FOR / float(given.get("period", MINUTE))))


def _wake_points(given: Mapping[str, Any]) -> int:
    return 2 if given.get("metric") == "backlog_without_capacity" else 1


def _wake_cooldown(given: Mapping[str, Any]) -> str:
    return _COOLDOWN if given.get("metric") == "backlog_without_capacity" else "60s"


class _Policy(BaseModel):
    """What all policies have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @field_validator("period", check_fields=False)
    @classmethod
    def _some_time(cls, value: float) -> float:
        if value <= 0:
            raise ValueError('"0s" is not allowed, must be more than 0')
        return value


class Tracking(_Policy):
    """What all target tracking policies have; parameters as those of `TargetTrackingPolicy`."""

    kind: str
    metric: str
    target: Annotated[Number, Field(gt=0)] = Field(description="For each instance; of invocations in each period.")
    period: Annotated[Seconds, following(_period)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="What a point covers: by default 10s for concurrent requests, else 60s.",
    )
    publication_delay: Annotated[Seconds, following(_delay)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="From the end of a point until it is known: by default 120s, 10s with a period below 60s.",
    )
    datapoints_out: Count = Field(POINTS_OUT, description="Points in a row above the target.")
    datapoints_in: Annotated[Count, following(_points_in)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Points in a row below 90% of the target; by default as many as cover 15 minutes.",
    )
    scale_in_cooldown: Seconds = Field(
        default=_COOLDOWN, validate_default=True, description="After any change, nothing is taken away for so long."
    )
    disable_scale_in: Annotated[bool, Field(strict=True)] = Field(False, description="Whether it only asks for more.")

    @property
    def watched(self) -> Metric:
        """The metric that both engines know."""
        return METRICS[self.metric]

    def policy(self) -> TargetTracking:
        """The policy that both engines know."""
        return TargetTracking(
            metric=self.watched,
            target=self.target,
            period_ns=to_ns(self.period),
            delay_ns=to_ns(self.publication_delay),
            points_out=self.datapoints_out,
            points_in=self.datapoints_in,
            scale_in_cooldown_ns=to_ns(self.scale_in_cooldown),
            scales_in=not self.disable_scale_in,
        )


class TargetTrackingPolicy(Tracking):
    """A policy that keeps a metric of each instance at a target.

    Parameters
    ----------
    metric : str
        `invocations_per_instance` (a minute), `concurrent_requests_per_instance` (of high resolution) or
        `backlog_per_instance`.
    target : float
        More than 0.
    period, publication_delay : float
        Length of the time that a point covers, and from its end until it is known. [s]
    datapoints_out, datapoints_in : int
        Points in a row above the target, and below 90 % of it. 1 or more.
    scale_in_cooldown : float
        [s]
    disable_scale_in : bool
        Whether it only ever asks for more.
    """

    kind: Literal["target_tracking"] = "target_tracking"
    metric: TargetMetric = Field(description="What is kept at the target.")


class StepAdjustment(BaseModel):
    """A change of capacity between two bounds of the metric, both counted from the threshold.

    Parameters
    ----------
    lower_bound, upper_bound : float or None
        None: there is none.
    change : int
        By the policy's adjustment: instances more or less, an exact number, or per cent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lower_bound: Number | None = Field(None, description="Metric less threshold, from.")
    upper_bound: Number | None = Field(None, description="Metric less threshold, to.")
    change: Annotated[int, Field(strict=True)] = Field(description="Instances more or less, all of them, or per cent.")

    @field_validator("upper_bound")
    @classmethod
    def _above(cls, value: float | None, info: ValidationInfo) -> float | None:
        lower = info.data.get("lower_bound")
        if value is not None and lower is not None and not lower < value:
            raise ValueError(f"{value:g} is not allowed, must be more than lower_bound, which is {lower:g}")
        return value

    def step(self) -> Step:
        """The step that both engines know."""
        lower = -math.inf if self.lower_bound is None else self.lower_bound
        upper = math.inf if self.upper_bound is None else self.upper_bound
        return Step(lower, upper, self.change)


class Stepping(_Policy):
    """What all step scaling policies have; parameters as those of `StepScalingPolicy`."""

    kind: str
    metric: str
    threshold: Number = Field(description="Of the metric.")
    direction: Literal["above", "below"] = Field("above", description="Which points count; the threshold itself does.")
    adjustment: Literal["change_in_capacity", "exact_capacity", "percent_change_in_capacity"] = Field(
        "change_in_capacity", description="What the change of a step means."
    )
    steps: tuple[StepAdjustment, ...] = Field(
        description="Bounds and changes; at least one.", json_schema_extra={"minItems": 1}
    )
    min_magnitude: Count = Field(1, description="Least instances by which a per cent changes.")
    datapoints: Count = Field(1, description="Points in a row.")
    period: Annotated[Seconds, following(_period)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="What a point covers: by default 10s for concurrent requests, else 60s.",
    )
    publication_delay: Annotated[Seconds, following(_delay)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="From the end of a point until it is known: by default 120s, 10s with a period below 60s.",
    )
    cooldown: Seconds = Field(default=_COOLDOWN, validate_default=True, description="After a change that it asked for.")

    @field_validator("steps")
    @classmethod
    def _apart(cls, steps: tuple[StepAdjustment, ...], info: ValidationInfo) -> tuple[StepAdjustment, ...]:
        if not steps:
            raise ValueError("has 0 entries, must have at least 1")
        ordered = sorted((one.step() for one in steps), key=lambda step: step.lower)
        for lower, upper in itertools.pairwise(ordered):
            if upper.lower < lower.upper:
                raise ValueError(f"steps overlap: one ends at {lower.upper:g}, another begins at {upper.lower:g}")
        if info.data.get("adjustment") == "exact_capacity" and any(one.change < 0 for one in steps):
            raise ValueError("a change below 0 is not allowed with adjustment exact_capacity")
        return steps

    @property
    def watched(self) -> Metric:
        """The metric that both engines know."""
        return METRICS[self.metric]

    def policy(self) -> StepScaling:
        """The policy that both engines know."""
        return StepScaling(
            metric=self.watched,
            threshold=self.threshold,
            above=self.direction == "above",
            steps=tuple(one.step() for one in self.steps),
            adjustment=_ADJUSTMENTS[self.adjustment],
            least_change=self.min_magnitude,
            points=self.datapoints,
            period_ns=to_ns(self.period),
            delay_ns=to_ns(self.publication_delay),
            cooldown_ns=to_ns(self.cooldown),
        )


class StepScalingPolicy(Stepping):
    """A policy that changes capacity by how far a metric is beyond a threshold.

    Parameters
    ----------
    metric : str
        Any.
    threshold : float
    direction : {"above", "below"}
        Whether points at or above the threshold count, or at or below it.
    adjustment : {"change_in_capacity", "exact_capacity", "percent_change_in_capacity"}
        What the change of a step means.
    steps : tuple of StepAdjustment
        At least one; without overlaps.
    min_magnitude : int
        Least instances by which a per cent changes. 1 or more.
    datapoints : int
        Points in a row. 1 or more.
    period, publication_delay, cooldown : float
        [s]
    """

    kind: Literal["step_scaling"] = "step_scaling"
    metric: MetricName = Field(description="What is compared with the threshold.")


class WakePolicy(_Policy):
    """The step policy of AWS's examples that starts instances where there is none, in short.

    Parameters
    ----------
    metric : {"backlog_without_capacity", "no_capacity_failures"}
        What wakes: a backlog (an asynchronous endpoint), or requests that found no instance (real-time).
    instances : int
        That are started. 1 or more.
    datapoints : int
        Points of a minute in a row, at 1 or above; by default 2 of a backlog [1]_, 1 of failures [2]_.
    publication_delay, cooldown : float
        Cooldown by default 300 s with a backlog, 60 s with failures [1]_ [2]_. [s]

    References
    ----------
    .. [1] SageMaker developer guide, "Autoscale an asynchronous endpoint": HasBacklogWithoutCapacity.
    .. [2] The same, "Scale an endpoint to zero instances": NoCapacityInvocationFailures.
    """

    kind: Literal["wake"] = "wake"
    metric: Literal["backlog_without_capacity", "no_capacity_failures"] = Field(
        "backlog_without_capacity", description="What starts an instance where there is none."
    )
    instances: Count = Field(1, description="Instances that are started.")
    datapoints: Annotated[Count, following(_wake_points)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Points of a minute in a row: by default 2 of a backlog, 1 of failures.",
    )
    publication_delay: Seconds = Field(
        default=_DELAY, validate_default=True, description="From the end of a point until it is known."
    )
    cooldown: Annotated[Seconds, following(_wake_cooldown)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="By default 300s with a backlog, 60s with failures.",
    )

    def policy(self) -> StepScaling:
        """The policy that both engines know."""
        of_backlog = self.metric == "backlog_without_capacity"
        return StepScaling(
            metric=METRICS[self.metric],
            threshold=1.0,
            above=True,
            steps=(Step(0.0, math.inf, self.instances),),
            adjustment=Adjustment.CHANGE if of_backlog else Adjustment.EXACT,
            points=self.datapoints,
            delay_ns=to_ns(self.publication_delay),
            cooldown_ns=to_ns(self.cooldown),
        )


Policy = Annotated[TargetTrackingPolicy | StepScalingPolicy | WakePolicy, Discriminator("kind")]
