"""A container platform that queues, as Google Cloud Run does: instances on demand that serve several at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from simulator.endpoints.on_demand import (
    AT_LIMIT,
    IDLE_ROUTINGS,
    WAITING,
    AtLimitName,
    OnDemand,
    QueueAtLimit,
    WaitingName,
    is_lasting,
)
from simulator.endpoints.platforms import (
    NONE,
    CountOrNone,
    DurationOrNone,
    TimeLimit,
    at_most,
    count_of,
    following,
    limit_ns,
    none_or_at_least,
    without_default,
)
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool, TimeoutFrom
from simulator.units import FOREVER, MemoryMB, Seconds, parse_duration

#: Google says "up to 15 minutes" at one place and nothing binding: not confirmed.
DEFAULT_IDLE: Final = "15m"
#: Requests of an instance at once: 80 for each vCPU, 1,000 at most (Google Cloud Run, maximum concurrency).
REQUESTS_PER_VCPU: Final = 80
MOST_REQUESTS: Final = 1000
#: Instances of a service unless it says otherwise. Not confirmed.
DEFAULT_INSTANCES: Final = 100
#: At the limit requests are "queued for up to 10 seconds" (Google Cloud Run, about instance autoscaling; pages of
#: earlier years say 60 s).
DEFAULT_PATIENCE: Final = "10s"
#: Google Cloud Run, request timeout: 5 minutes unless a service says otherwise.
DEFAULT_TIMEOUT: Final = "300s"
#: Billed time is rounded up to it. Not confirmed.
DEFAULT_GRANULARITY: Final = "100ms"

Billing = Literal["request_based", "instance_based"]


def _requests(given: Mapping[str, Any]) -> int:
    """80 for each vCPU, 1 at least and 1,000 at most."""
    return int(min(MOST_REQUESTS, max(1, round(REQUESTS_PER_VCPU * given.get("vcpu", 1.0)))))


class Container(OnDemand):
    """A container service that launches instances on demand and queues (model.md 3 and 3.1).

    Parameters
    ----------
    vcpu : float
        Of an instance. More than 0.
    memory_size : int
        Of an instance; 1024 MB are billed as 1 GiB. [MB]
    requests_per_instance : int
        Requests that an instance serves at once. 1 or more.
    max_instances : int or "none"
        Most instances at once. 1 or more.
    min_instances : int
        Instances that are always there, at most `max_instances`.
    idle_timeout : duration distribution or "none"
        How long an idle instance lives. [s]
    request_timeout : float or "none"
        A service that takes longer times out; it goes on. [s]
    at_limit : {"queue", "throttle"}
        What becomes of a request that finds `max_instances` full.
    queue_limit : int or "none"
        Requests that may wait there.
    waiting_requests : {"first_free", "bound"}
        Whether a request takes the first place that is free, or waits for the instance launched for it.
    patience : float or "none"
        How long a request stands in line at most. [s]
    billing : {"request_based", "instance_based"}
        Whether instances cost while they serve, or as long as they are there.
    startup_billed : bool
        Whether request-based billing bills the startup of instances.
    idle_billed : bool
        Whether request-based billing bills the `min_instances` while they are idle, at a rate of their own.
    billing_granularity : float
        Billed time is rounded up to a multiple of it. [s]
    others : see `OnDemand`
    """

    READY: ClassVar[str] = "min_instances"

    kind: Literal["container"] = "container"
    vcpu: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = Field(description="vCPUs of an instance.")
    memory_size: MemoryMB = Field(description="Memory of an instance; 1024MB are billed as 1 GiB.")
    requests_per_instance: Annotated[int, Field(strict=True, ge=1), following(_requests)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Requests that an instance serves at once; by default 80 for each vCPU.",
    )
    max_instances: CountOrNone = Field(default=DEFAULT_INSTANCES, description="Most instances at once.")
    min_instances: Annotated[int, Field(strict=True, ge=0), at_most("max_instances")] = Field(
        0, description="Instances that are always there, at most max_instances."
    )
    idle_timeout: DurationOrNone = Field(
        default=DEFAULT_IDLE, validate_default=True, description="How long an idle instance lives. Vary it."
    )
    request_timeout: TimeLimit = Field(
        default=DEFAULT_TIMEOUT, validate_default=True, description="A service that takes longer times out; it goes on."
    )
    at_limit: AtLimitName = Field("queue", description="What becomes of a request that finds max_instances full.")
    queue_limit: QueueAtLimit = Field(default=NONE, description="Requests that may wait at max_instances.")
    waiting_requests: WaitingName = Field(
        "first_free",
        description="Whether a request takes the first place that is free, or waits for the instance launched for it.",
    )
    patience: TimeLimit = Field(
        default=DEFAULT_PATIENCE, validate_default=True, description="How long a request stands in line at most."
    )
    billing: Billing = Field(
        "request_based", description="Whether instances cost while they serve, or as long as they are there."
    )
    startup_billed: Annotated[bool, Field(strict=True)] = Field(
        True, description="Whether request-based billing bills the startup of instances."
    )
    idle_billed: Annotated[bool, Field(strict=True)] = Field(
        True, description="Whether request-based billing bills min_instances while they are idle."
    )
    billing_granularity: Annotated[Seconds, Field(gt=0)] = Field(
        default=DEFAULT_GRANULARITY, validate_default=True, description="Billed time is rounded up to a multiple of it."
    )

    @field_validator("memory_size")
    @classmethod
    def _some(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f'"{value}MB" is not allowed, must be at least 1MB')
        return value

    @field_validator("max_instances")
    @classmethod
    def _one_at_least(cls, value: int | Literal["none"]) -> int | Literal["none"]:
        return none_or_at_least(1, value)

    @field_validator("waiting_requests")
    @classmethod
    def _several_need_a_line(cls, value: str, info: ValidationInfo) -> str:
        if value == "bound" and info.data.get("requests_per_instance", 1) > 1:
            raise ValueError("bound is not allowed with several requests_per_instance, must be first_free")
        return value

    @property
    def max_concurrency(self) -> int | Literal["none"]:
        """Most requests that are served at once."""
        return "none" if self.max_instances == "none" else self.max_instances * self.requests_per_instance

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate, whatever the run."""
        return Pool(
            standing=self.min_instances,
            launches=True,
            routing=IDLE_ROUTINGS[self.idle_routing],
            places=self.requests_per_instance,
            max_concurrency=count_of(self.max_concurrency),
            starts_warm=self.starts == "warm",
            queue_limit=count_of(self.queue_limit),
            timeout_ns=limit_ns(self.request_timeout),
            timeout_from=TimeoutFrom.START,
            at_limit=AT_LIMIT[self.at_limit],
            waiting_requests=WAITING[self.waiting_requests],
            patience=self.patience_covers,
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        if self.billing == "instance_based":
            return ("container.instance_vcpu", "container.instance_memory")
        idle = ("container.idle_vcpu", "container.idle_memory") if self.pays_idle else ()
        return ("container.vcpu", "container.memory", *idle, "container.requests")

    @property
    def pays_idle(self) -> bool:
        """Whether instances that are always there cost while they are idle, at a rate of their own."""
        return self.billing == "request_based" and self.idle_billed and self.min_instances > 0

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Nothing: no limit is enforced."""
        return []

    def _assumed(self) -> list[tuple[bool, str]]:
        by_request = self.billing == "request_based"
        return [
            (
                is_lasting(self.idle_timeout, parse_duration(DEFAULT_IDLE)),
                f"idle_timeout {DEFAULT_IDLE} (default): not confirmed; an instance may be stopped at any time before",
            ),
            *super()._assumed(),
            (
                self.max_instances == DEFAULT_INSTANCES,
                f"max_instances {DEFAULT_INSTANCES} (default): not confirmed",
            ),
            (
                True,
                "instances are launched when no place is free: Google Cloud Run also launches by the use of vCPUs and "
                "of places",
            ),
            (
                self.requests_per_instance > 1,
                "service times do not grow with the number of requests that an instance serves at once",
            ),
            (
                self.patience_ns != FOREVER,
                "patience: it is over for requests that wait for a launch too, and they count as timed out",
            ),
            (
                self.patience_ns == parse_duration(DEFAULT_PATIENCE) * 1e9,
                f"patience {DEFAULT_PATIENCE} (default): Google Cloud Run queues so long; it was 60 s before",
            ),
            (
                self.request_timeout != NONE,
                "request_timeout runs from the start of service; a service that times out goes on and is billed to its "
                "end: not published",
            ),
            (
                by_request and self.startup_billed,
                "startup_billed true (default): Google Cloud Run bills instances while they start",
            ),
            (
                self.pays_idle,
                "idle_billed true (default): min_instances cost while they are idle, at a lower rate",
            ),
            (
                by_request and self.billing_granularity == parse_duration(DEFAULT_GRANULARITY),
                f"billing_granularity {DEFAULT_GRANULARITY} (default): not confirmed",
            ),
            (
                True,
                "data in and out cost nothing: the price of network traffic is left out",
            ),
        ]
