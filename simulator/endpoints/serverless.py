"""A serverless endpoint: instances are launched on demand and retired when they have been idle."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from simulator.endpoints.on_demand import (
    AT_LIMIT,
    DEFAULT_IDLE_TIMEOUT,
    IDLE_ROUTINGS,
    ON_TIMEOUT,
    WAITING,
    AtLimitName,
    OnDemand,
    OnTimeoutName,
    QueueAtLimit,
    WaitingName,
    is_lasting,
    waiting_by_default,
)
from simulator.endpoints.platforms import (
    NONE,
    PLATFORMS,
    CountOrNone,
    PlatformName,
    PlatformTimeLimit,
    RateLimitOrNone,
    TimeLimit,
    at_most,
    bucket_of,
    count_of,
    following,
    limit_ns,
    payload_problems,
    platform_of,
    without_default,
)
from simulator.endpoints.provisioned import ProvisionedScaling
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool, TimeoutFrom
from simulator.prices import items
from simulator.units import MemoryMB, Seconds, parse_duration

BilledTime = Literal["service", "service_and_overhead", "service_and_startup"]

_BILLED: Final[dict[str, str]] = {
    "service": "a cold start costs nothing, as the SageMaker guide reads",
    "service_and_overhead": "as AWS's benchmarking toolkit reckons",
    "service_and_startup": "a cold start is paid for, as on AWS Lambda since 2025-08-01",
}


class Serverless(OnDemand):
    """A serverless endpoint (model.md 3).

    Parameters
    ----------
    platform : {"sagemaker", "generic"}
        Whose limits are enforced; `generic` has none.
    memory_size : int
        Configured memory; it is what is billed, used or not. [MB]
    max_concurrency : int or "none"
        Most requests at once, startup included; those beyond it are throttled. 1 or more.
    provisioned_concurrency : int
        Instances kept ready, at most `max_concurrency`.
    startup_limit : float or "none"
        A launch that takes longer fails. [s]
    invocation_timeout : float or "none"
        A service that takes longer times out. [s]
    on_timeout : {"serve_on", "stop"}
        What becomes of such a service: it goes on, or it ends and its instance is gone.
    requests_per_instance : int
        Requests that an instance serves at once. 1 or more.
    at_limit : {"throttle", "queue"}
        What becomes of a request that comes at `max_concurrency`.
    queue_limit : int or "none"
        Requests that may wait there.
    waiting_requests : {"bound", "first_free"}
        Whether a request waits for the instance launched for it, or takes the first place that is free.
    patience : float or "none"
        How long a request stands in line at most. [s]
    launch_rate, request_rate : RateLimit or "none"
        Launches, and requests, that are let through.
    billed_time : {"service", "service_and_overhead", "service_and_startup"}
        What of a request is billed.
    billing_granularity : float
        Billed time of a request is rounded up to a multiple of it. [s]
    autoscaling : ProvisionedAutoscaling or None
        None: provisioned concurrency stays. It needs one request per instance, `throttle` and `bound`.
    others : see `OnDemand`
    """

    kind: Literal["serverless"] = "serverless"
    platform: PlatformName = Field("sagemaker", description="Whose limits are enforced; generic has none.")
    memory_size: MemoryMB = Field(description="Configured memory; what is billed, used or not.")
    max_concurrency: CountOrNone = Field(
        description="Most requests at once, startup included; requests beyond it are throttled."
    )
    provisioned_concurrency: Annotated[int, Field(strict=True, ge=0), at_most("max_concurrency")] = Field(
        0, description="Instances kept ready, at most max_concurrency."
    )
    startup_limit: PlatformTimeLimit = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="A launch that takes longer fails. By default the limit of the platform: 180s on sagemaker.",
    )
    invocation_timeout: PlatformTimeLimit = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="A service that takes longer times out. By default the limit of the platform: 60s on sagemaker.",
    )
    on_timeout: OnTimeoutName = Field(
        "serve_on", description="Whether a service that times out goes on, or ends with its instance. Not published."
    )
    requests_per_instance: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once; on sagemaker one."
    )
    at_limit: AtLimitName = Field(
        "throttle", description="What becomes of a request at max_concurrency; on sagemaker it is throttled."
    )
    queue_limit: QueueAtLimit = Field(default=NONE, description="Requests that may wait at max_concurrency.")
    waiting_requests: Annotated[WaitingName, following(waiting_by_default)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Whether a request waits for the instance launched for it (bound, the default with one request per "
        "instance) or takes the first free place.",
    )
    patience: TimeLimit = Field(default=NONE, description="How long a request stands in line at most.")
    launch_rate: RateLimitOrNone = Field(default=NONE, description="Launches that are let through.")
    request_rate: RateLimitOrNone = Field(default=NONE, description="Requests that are let through.")
    billed_time: BilledTime = Field("service", description="What of a request is billed. Not published by AWS.")
    billing_granularity: Annotated[Seconds, Field(gt=0)] = Field(
        default="1ms", validate_default=True, description="Billed time of a request is rounded up to a multiple of it."
    )
    autoscaling: ProvisionedScaling = Field(None, description="What changes provisioned_concurrency.")

    @field_validator("memory_size")
    @classmethod
    def _is_a_size(cls, memory_size: int, info: ValidationInfo) -> int:
        limits = platform_of(info)
        if limits and limits.memory_sizes and memory_size not in limits.memory_sizes:
            sizes = ", ".join(f"{size}MB" for size in limits.memory_sizes)
            raise ValueError(f'"{memory_size}MB" is not a memory size of platform sagemaker; sizes: {sizes}')
        if memory_size < 1:
            raise ValueError(f'"{memory_size}MB" is not allowed, must be at least 1MB')
        return memory_size

    @field_validator("max_concurrency", mode="after")
    @classmethod
    def _within_platform(cls, value: int | Literal["none"], info: ValidationInfo) -> int | Literal["none"]:
        limits = platform_of(info)
        most = limits.most_concurrency if limits else None
        if most is not None and (value == NONE or not 1 <= value <= most):
            raise ValueError(f"{value} is not allowed on platform sagemaker, must be 1 to {most}")
        if value != NONE and value < 1:
            raise ValueError(f"{value} is not allowed, must be at least 1, or none")
        return value

    @field_validator("requests_per_instance")
    @classmethod
    def _fills_the_limit(cls, value: int, info: ValidationInfo) -> int:
        limits, most = platform_of(info), info.data.get("max_concurrency", NONE)
        if value == 1:
            return value
        if limits and limits.only_throttles:
            raise ValueError(f"{value} is not allowed on platform sagemaker, must be 1")
        if most != NONE and most % value:
            raise ValueError(f"{value} is not allowed, max_concurrency, which is {most}, must be a multiple of it")
        ready = info.data.get("provisioned_concurrency", 0)
        if most != NONE and ready * value > most:
            raise ValueError(
                f"{value} is not allowed, {ready} instances of provisioned_concurrency then serve more than "
                f"max_concurrency, which is {most}"
            )
        if info.data.get("on_timeout") == "stop":
            raise ValueError(f"{value} is not allowed with on_timeout stop, must be 1")
        return value

    @field_validator("at_limit")
    @classmethod
    def _platform_queues(cls, value: str, info: ValidationInfo) -> str:
        limits = platform_of(info)
        if value == "queue" and limits and limits.only_throttles:
            raise ValueError("queue is not allowed on platform sagemaker, which throttles at its limit")
        return value

    @field_validator("waiting_requests")
    @classmethod
    def _goes_with_limits(cls, value: str, info: ValidationInfo) -> str:
        startup_limit = info.data.get("startup_limit", NONE)
        if value == "first_free" and startup_limit != NONE:
            raise ValueError("first_free is not allowed with a startup_limit, which must then be none")
        if value == "bound" and info.data.get("requests_per_instance", 1) > 1:
            raise ValueError("bound is not allowed with several requests_per_instance, must be first_free")
        return value

    @field_validator("patience")
    @classmethod
    def _somebody_waits(cls, value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
        nobody = info.data.get("at_limit") == "throttle" and info.data.get("waiting_requests") == "bound"
        if value != NONE and nobody:
            raise ValueError("needs at_limit queue or waiting_requests first_free: without them nobody stands in line")
        return value

    @field_validator("launch_rate")
    @classmethod
    def _throttles(cls, value: Any, info: ValidationInfo) -> Any:
        if value != NONE and info.data.get("at_limit") == "queue":
            raise ValueError("is not allowed with at_limit queue, must be none")
        return value

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate; the run has to be told where provisioned concurrency scales."""
        return Pool(
            standing=self.provisioned_concurrency,
            launches=True,
            routing=IDLE_ROUTINGS[self.idle_routing],
            places=self.requests_per_instance,
            max_concurrency=count_of(self.max_concurrency),
            starts_warm=self.starts == "warm",
            startup_limit_ns=limit_ns(self.startup_limit),
            queue_limit=count_of(self.queue_limit),
            timeout_ns=limit_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.START,
            at_limit=AT_LIMIT[self.at_limit],
            waiting_requests=WAITING[self.waiting_requests],
            on_timeout=ON_TIMEOUT[self.on_timeout],
            request_rate=bucket_of(self.request_rate),
            launch_rate=bucket_of(self.launch_rate),
            patience=self.patience_covers,
            scaling=self.scaling(run),
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        provisioned = (
            (items.provisioned_allocation_item(self.memory_size), items.provisioned_duration_item(self.memory_size))
            if self.may_keep_ready
            else ()
        )
        return (items.duration_item(self.memory_size), *provisioned, items.DATA_IN, items.DATA_OUT)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request and response [B], none if they fit."""
        return payload_problems(
            "a SageMaker serverless endpoint", PLATFORMS[self.platform].most_payload, largest_in, largest_out
        )

    def _assumed(self) -> list[tuple[bool, str]]:
        platform, of_all = PLATFORMS[self.platform], self._assumed_of_all()
        return [
            (
                is_lasting(self.idle_timeout, parse_duration(DEFAULT_IDLE_TIMEOUT)),
                f"idle_timeout {DEFAULT_IDLE_TIMEOUT} (default): not published by AWS; AWS Lambda retired idle "
                "instances after 630 to 660 s in 2020; try 120s to 1200s",
            ),
            of_all["idle_routing"],
            (
                True,
                f"billed_time {self.billed_time}: {_BILLED[self.billed_time]}; whether cold starts are billed is not "
                "published by AWS",
            ),
            (
                True,
                f"billing_granularity {self.billing_granularity * 1e3:g}ms: each request is rounded up, as on AWS "
                "Lambda; SageMaker says only that it bills by the millisecond",
            ),
            (
                self.waiting_requests == "bound",
                "a request that waits for a launch stays bound to that instance, even if another becomes idle sooner: "
                "not published",
            ),
            (
                self.invocation_timeout != NONE and self.on_timeout == "serve_on",
                "a service that times out is served on and billed to its end: not published",
            ),
            of_all["lifetime"],
            of_all["overhead"],
            of_all["starts"],
            (
                self.platform == "sagemaker",
                "limits of the account are left out: new ones were seen with 3072MB and 10 concurrent requests in all",
            ),
            (
                platform.startup_limit is None and self.startup_limit == NONE,
                "startup_limit none (default): no launch fails on platform generic",
            ),
            (
                platform.invocation_timeout is None and self.invocation_timeout == NONE,
                "invocation_timeout none (default): no service times out on platform generic",
            ),
        ]
