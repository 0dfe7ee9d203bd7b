"""A serverless endpoint: instances are launched on demand and retired when they have been idle."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.distributions import DurationDistribution
from simulator.endpoints.platforms import (
    NONE,
    PLATFORMS,
    CountOrNone,
    DurationOrNone,
    Name,
    PlatformName,
    PlatformTimeLimit,
    payload_problems,
    platform_of,
)
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.prices import items
from simulator.units import FOREVER, MemoryMB, Seconds, to_ns

#: AWS Lambda, 29,746 requests of April to June 2020 (pacslab traces): 4 % cold after 600 to 630 s idle, 75 % after
#: 630 to 660 s, all after that. SageMaker publishes nothing.
DEFAULT_IDLE_TIMEOUT: Final = "640s"

IdleRouting = Literal["most_recently_idle", "least_recently_idle", "random", "newest_created"]
BilledTime = Literal["service", "service_and_overhead", "service_and_startup"]

_ROUTINGS: Final[dict[str, Routing]] = {
    "most_recently_idle": Routing.MOST_RECENTLY_IDLE,
    "least_recently_idle": Routing.LEAST_RECENTLY_IDLE,
    "random": Routing.RANDOM_IDLE,
    "newest_created": Routing.NEWEST_CREATED,
}
_BILLED: Final[dict[str, str]] = {
    "service": "a cold start costs nothing, as the SageMaker guide reads",
    "service_and_overhead": "as AWS's benchmarking toolkit reckons",
    "service_and_startup": "a cold start is paid for, as on AWS Lambda since 2025-08-01",
}


def _without_default(schema: dict[str, Any]) -> None:
    """The default is the platform's limit, which a schema cannot say."""
    schema.pop("default", None)


class Serverless(BaseModel):
    """A serverless endpoint (model.md 3).

    Parameters
    ----------
    name : str
        Names columns and figures.
    platform : {"sagemaker", "generic"}
        Whose limits are enforced; `generic` has none.
    memory_size : int
        Configured memory; it is what is billed, used or not. [MB]
    max_concurrency : int or "none"
        Most requests at once, startup included; those beyond it are throttled. 1 or more.
    provisioned_concurrency : int
        Instances kept ready, at most `max_concurrency`.
    idle_timeout : duration distribution or "none"
        How long an idle instance lives. [s]
    lifetime : duration distribution or "none"
        Age at which an instance is retired once it is idle. [s]
    startup_limit : float or "none"
        A launch that takes longer fails. [s]
    invocation_timeout : float or "none"
        A service that takes longer times out. [s]
    idle_routing : {"most_recently_idle", "least_recently_idle", "random", "newest_created"}
        Which idle instance serves.
    starts : {"cold", "warm"}
        Without an on-demand instance, or with one as just deployed.
    overhead : float
        Added to the latency of every completed request. [s]
    billed_time : {"service", "service_and_overhead", "service_and_startup"}
        What of a request is billed.
    billing_granularity : float
        Billed time of a request is rounded up to a multiple of it. [s]
    service_time, startup_time : duration distribution or None
        In place of the model's. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: Literal["serverless"] = "serverless"
    platform: PlatformName = Field("sagemaker", description="Whose limits are enforced; generic has none.")
    memory_size: MemoryMB = Field(description="Configured memory; what is billed, used or not.")
    max_concurrency: CountOrNone = Field(
        description="Most requests at once, startup included; requests beyond it are throttled."
    )
    provisioned_concurrency: Annotated[int, Field(strict=True, ge=0)] = Field(
        0, description="Instances kept ready, at most max_concurrency."
    )
    idle_timeout: DurationOrNone = Field(
        default=DEFAULT_IDLE_TIMEOUT,
        validate_default=True,
        description="How long an idle instance lives. Not published by AWS: vary it.",
    )
    lifetime: DurationOrNone = Field(default=NONE, description="Age at which an idle instance is retired.")
    startup_limit: PlatformTimeLimit = Field(
        default=None,
        validate_default=True,
        json_schema_extra=_without_default,
        description="A launch that takes longer fails. By default the limit of the platform: 180s on sagemaker.",
    )
    invocation_timeout: PlatformTimeLimit = Field(
        default=None,
        validate_default=True,
        json_schema_extra=_without_default,
        description="A service that takes longer times out. By default the limit of the platform: 60s on sagemaker.",
    )
    idle_routing: IdleRouting = Field(
        "most_recently_idle", description="Which idle instance serves. Published by nobody: vary it."
    )
    starts: Literal["cold", "warm"] = Field(
        "cold", description="Without an on-demand instance, or with one, as just deployed."
    )
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )
    billed_time: BilledTime = Field("service", description="What of a request is billed. Not published by AWS.")
    billing_granularity: Annotated[Seconds, Field(gt=0)] = Field(
        default="1ms", validate_default=True, description="Billed time of a request is rounded up to a multiple of it."
    )
    service_time: DurationDistribution | None = Field(None, description="In place of the model's.")
    startup_time: DurationDistribution | None = Field(None, description="In place of the model's.")

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

    @field_validator("provisioned_concurrency")
    @classmethod
    def _within_concurrency(cls, value: int, info: ValidationInfo) -> int:
        most = info.data.get("max_concurrency", NONE)
        if most != NONE and value > most:
            raise ValueError(f"{value} is not allowed, must be at most max_concurrency, which is {most}")
        return value

    def pool(self) -> Pool:
        """The pool that both engines simulate."""
        return Pool(
            standing=self.provisioned_concurrency,
            launches=True,
            routing=_ROUTINGS[self.idle_routing],
            max_concurrency=FOREVER if self.max_concurrency == "none" else self.max_concurrency,
            starts_warm=self.starts == "warm",
            startup_limit_ns=FOREVER if self.startup_limit == "none" else to_ns(self.startup_limit),
            timeout_ns=FOREVER if self.invocation_timeout == "none" else to_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.START,
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        provisioned = (
            (items.provisioned_allocation_item(self.memory_size), items.provisioned_duration_item(self.memory_size))
            if self.provisioned_concurrency
            else ()
        )
        return (items.duration_item(self.memory_size), *provisioned, items.DATA_IN, items.DATA_OUT)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request and response [B], none if they fit."""
        return payload_problems("serverless", PLATFORMS[self.platform].most_payload, largest_in, largest_out)

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        return [text for applies, text in self._assumed() if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        platform = PLATFORMS[self.platform]
        return [
            (
                self._is_default("idle_timeout"),
                f"idle_timeout {DEFAULT_IDLE_TIMEOUT} (default): not published by AWS; AWS Lambda retired idle "
                "instances after 630 to 660 s in 2020; try 120s to 1200s",
            ),
            (
                True,
                f"idle_routing {self.idle_routing}: which idle instance serves is published by nobody, and it moves "
                "the cold-start fraction",
            ),
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
                True,
                "a request that waits for a launch stays bound to that instance, even if another becomes idle sooner: "
                "not published",
            ),
            (
                self.invocation_timeout != NONE,
                "a service that times out is served on and billed to its end: not published",
            ),
            (
                self._is_default("lifetime"),
                "lifetime none (default): instances are retired only when idle; AWS Lambda also retires them by age",
            ),
            (
                self._is_default("overhead"),
                "overhead 0s (default): time outside the container is left out; it is tens of ms on AWS",
            ),
            (
                self._is_default("starts"),
                "starts cold (default): no on-demand instance at time 0; a newly created endpoint starts warm",
            ),
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

    def _is_default(self, field: str) -> bool:
        return bool(getattr(self, field) == getattr(_DEFAULTS, field))


#: What the fields are if nothing is given.
_DEFAULTS: Final = Serverless.model_validate({"name": "default", "memory_size": "2048MB", "max_concurrency": 1})
