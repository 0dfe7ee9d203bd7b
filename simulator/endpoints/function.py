"""A function platform, AWS Lambda: as serverless, with rate limits, a request fee and services that are stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, field_validator

from simulator.endpoints.on_demand import (
    DEFAULT_IDLE_TIMEOUT,
    IDLE_ROUTINGS,
    ON_TIMEOUT,
    OnDemand,
    OnTimeoutName,
    is_lasting,
)
from simulator.endpoints.platforms import (
    NONE,
    RateLimitOrNone,
    TimeLimit,
    at_most,
    bucket_of,
    following,
    limit_ns,
    payload_problems,
    without_default,
)
from simulator.endpoints.provisioned import ProvisionedScaling
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool, TimeoutFrom
from simulator.units import MemoryMB, Seconds, parse_duration

#: Memory sizes of AWS Lambda go from one to the other in steps of 1 MB (developer guide, quotas). [MB]
LEAST_MEMORY: Final = 128
MOST_MEMORY: Final = 10_240
#: A function runs so long at most (the same page). [s]
MOST_TIMEOUT: Final = 900.0
#: Ephemeral storage from and to; the least is included in the price (the same page; AWS price list). [MB]
LEAST_STORAGE: Final = 512
MOST_STORAGE: Final = 10_240
#: Largest request and response of a synchronous call: 6 MB each (the same page). [B]
MOST_PAYLOAD: Final = 6_000_000
#: Concurrency of an account in a Region by default; new accounts get less (the same page).
DEFAULT_CONCURRENCY: Final = 1000
#: A function gets so many more instances in 10 s (developer guide, scaling behaviour: 1,000 every 10 s, refilled
#: continuously, not saved up).
DEFAULT_LAUNCH_RATE: Final = {"limit": 1000, "per": "10s"}
#: Requests a second for each of `max_concurrency` (the same page).
REQUESTS_PER_CONCURRENCY: Final = 10

Architecture = Literal["x86", "arm"]


def _request_rate(given: Mapping[str, Any]) -> Any:
    """Ten requests a second for each place."""
    return {"limit": REQUESTS_PER_CONCURRENCY * given.get("max_concurrency", DEFAULT_CONCURRENCY), "per": "1s"}


class Function(OnDemand):
    """A function on AWS Lambda (model.md 3 and 3.1).

    Parameters
    ----------
    architecture : {"x86", "arm"}
        Each has its own prices.
    memory_size : int
        Configured memory, 128 to 10,240; it is what is billed, used or not. [MB]
    max_concurrency : int
        Most requests at once, startup included; those beyond it are throttled. 1 or more.
    provisioned_concurrency : int
        Instances kept ready, at most `max_concurrency`.
    startup_limit : float or "none"
        A launch that takes longer fails. [s]
    invocation_timeout : float
        A service that takes longer times out. At most 900. [s]
    on_timeout : {"stop", "serve_on"}
        What becomes of such a service: it ends and its instance is gone, or it goes on.
    launch_rate, request_rate : RateLimit or "none"
        Launches, and requests, that are let through; those beyond are throttled.
    ephemeral_storage : int
        Of an instance, 512 to 10,240; what is beyond 512 is billed. [MB]
    billed_time : {"service", "service_and_startup"}
        What of a request is billed: with its startup since 2025-08-01, for zip packages without it before.
    billing_granularity : float
        Billed time of a request is rounded up to a multiple of it. [s]
    autoscaling : ProvisionedAutoscaling or None
        None: provisioned concurrency stays.
    others : see `OnDemand`
    """

    #: ProvisionedConcurrencyUtilization is of the provisioned instances alone (Lambda developer guide, metrics).
    COUNTS_SPILLOVER: ClassVar[bool] = False

    kind: Literal["function"] = "function"
    architecture: Architecture = Field("x86", description="Each has its own prices.")
    memory_size: MemoryMB = Field(description="Configured memory, 128MB to 10240MB; what is billed, used or not.")
    max_concurrency: Annotated[int, Field(strict=True, ge=1)] = Field(
        DEFAULT_CONCURRENCY, description="Most requests at once, startup included; those beyond it are throttled."
    )
    provisioned_concurrency: Annotated[int, Field(strict=True, ge=0), at_most("max_concurrency")] = Field(
        0, description="Instances kept ready, at most max_concurrency."
    )
    startup_limit: TimeLimit = Field(default=NONE, description="A launch that takes longer fails.")
    invocation_timeout: TimeLimit = Field(
        default="900s", validate_default=True, description="A service that takes longer times out; at most 900s."
    )
    on_timeout: OnTimeoutName = Field(
        "stop", description="Whether a service that times out ends with its instance, or goes on."
    )
    launch_rate: RateLimitOrNone = Field(
        default=DEFAULT_LAUNCH_RATE, validate_default=True, description="Launches that are let through."
    )
    request_rate: Annotated[RateLimitOrNone, following(_request_rate)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Requests that are let through; by default 10 a second for each of max_concurrency.",
    )
    ephemeral_storage: MemoryMB = Field(
        default="512MB", validate_default=True, description="512MB to 10240MB; what is beyond 512MB is billed."
    )
    billed_time: Literal["service", "service_and_startup"] = Field(
        "service_and_startup", description="What of a request is billed; with its startup since 2025-08-01."
    )
    billing_granularity: Annotated[Seconds, Field(gt=0)] = Field(
        default="1ms", validate_default=True, description="Billed time of a request is rounded up to a multiple of it."
    )
    autoscaling: ProvisionedScaling = Field(None, description="What changes provisioned_concurrency.")

    @field_validator("memory_size")
    @classmethod
    def _is_a_size(cls, value: int) -> int:
        return _between(value, LEAST_MEMORY, MOST_MEMORY)

    @field_validator("ephemeral_storage")
    @classmethod
    def _is_a_storage(cls, value: int) -> int:
        return _between(value, LEAST_STORAGE, MOST_STORAGE)

    @field_validator("invocation_timeout")
    @classmethod
    def _within_platform(cls, value: float | Literal["none"]) -> float | Literal["none"]:
        if value == "none" or value > MOST_TIMEOUT:
            shown = value if value == "none" else f"{value:g}s"
            raise ValueError(f'"{shown}" is not allowed for a function, must be at most {MOST_TIMEOUT:g}s')
        return value

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate; the run has to be told where provisioned concurrency scales."""
        return Pool(
            standing=self.provisioned_concurrency,
            launches=True,
            routing=IDLE_ROUTINGS[self.idle_routing],
            max_concurrency=self.max_concurrency,
            starts_warm=self.starts == "warm",
            startup_limit_ns=limit_ns(self.startup_limit),
            timeout_ns=limit_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.START,
            on_timeout=ON_TIMEOUT[self.on_timeout],
            request_rate=bucket_of(self.request_rate),
            launch_rate=bucket_of(self.launch_rate),
            scaling=self.scaling(run),
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        families = ["duration"]
        if self.may_keep_ready:
            families += ["provisioned_allocation", "provisioned_duration"]
        storage = ("function.ephemeral_storage",) if self.ephemeral_storage > LEAST_STORAGE else ()
        sized = (f"function.{family}.{self.architecture}" for family in families)
        return (*sized, "function.requests", *storage)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request and response [B], none if they fit."""
        return payload_problems("an AWS Lambda function", MOST_PAYLOAD, largest_in, largest_out)

    def _assumed(self) -> list[tuple[bool, str]]:
        return [
            (
                is_lasting(self.idle_timeout, parse_duration(DEFAULT_IDLE_TIMEOUT)),
                f"idle_timeout {DEFAULT_IDLE_TIMEOUT} (default): not published by AWS; AWS Lambda retired idle "
                "instances after 630 to 660 s in 2020; try 300s to 1200s",
            ),
            *super()._assumed(),
            (
                True,
                "a request that waits for a launch stays bound to that instance, even if another becomes idle sooner: "
                "not published",
            ),
            (
                self.max_concurrency == DEFAULT_CONCURRENCY,
                f"max_concurrency {DEFAULT_CONCURRENCY} (default): that of an account; new accounts get far less",
            ),
            (
                self.startup_limit == NONE,
                "startup_limit none (default): AWS Lambda starts again an INIT of more than 10 s, within the "
                "invocation; here it goes on",
            ),
            (
                self.on_timeout == "stop",
                "on_timeout stop (default): an instance that is stopped is gone at once; a provisioned one is back at "
                "once",
            ),
            (
                self.on_timeout == "serve_on",
                "on_timeout serve_on: AWS Lambda stops a function at its timeout",
            ),
            (
                self.billed_time == "service",
                "billed_time service: AWS Lambda bills the startup too since 2025-08-01",
            ),
            (
                self.may_keep_ready,
                "request_rate holds for all requests together: the one of provisioned concurrency alone is left out",
            ),
        ]


def _between(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f'"{value}MB" is not allowed for a function, must be {least}MB to {most}MB')
    return value
