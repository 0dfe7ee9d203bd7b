"""A real-time endpoint: instances that are there all the time, with workers and queues."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.distributions import DurationDistribution
from simulator.endpoints.platforms import (
    NONE,
    REAL_TIME_PAYLOAD,
    REAL_TIME_TIMEOUT,
    CountOrNone,
    Name,
    TimeLimit,
    payload_problems,
)
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.prices import items
from simulator.units import BYTES_PER_GB, FOREVER, Bytes, Seconds, duration_text, to_ns

#: Requests that wait in a common model server before it answers 503: job_queue_size of awslabs/multi-model-server.
DEFAULT_QUEUE_LIMIT: Final = 100
#: VolumeSizeInGB is a whole number up to this (botocore 1.43).
_MOST_VOLUME_GB: Final = 512

_ROUTINGS: Final[dict[str, Routing]] = {
    "random": Routing.RANDOM,
    "least_outstanding_requests": Routing.LEAST_OUTSTANDING_REQUESTS,
    "central_queue": Routing.CENTRAL_QUEUE,
}
_ON_GIVE_UP: Final[dict[str, OnGiveUp]] = {"leave": OnGiveUp.LEAVE, "serve_on": OnGiveUp.SERVE_ON}


class RealTime(BaseModel):
    """A real-time endpoint (model.md 4).

    Parameters
    ----------
    name : str
        Names columns and figures.
    instance_type : str
        As in the price sheet: ``ml.m5.xlarge``.
    initial_instance_count : int
        Instances, in service from time 0. 0 or more; with 0 every request is throttled.
    workers_per_instance : int
        Requests that an instance serves at once. 1 or more.
    queue_limit : int or "none"
        Requests that may wait per instance, those in workers not counted; beyond it they are throttled.
    routing : {"random", "least_outstanding_requests", "central_queue"}
        How an instance is chosen. `central_queue` is the textbook queue, no load balancer of AWS.
    invocation_timeout : float or "none"
        From arrival, waiting included. [s]
    on_give_up : {"leave", "serve_on"}
        What becomes of a request whose limit passes while it waits.
    volume_size : int
        Storage of each instance, whole GB on SageMaker. [B]
    overhead : float
        Added to the latency of every completed request. [s]
    service_time : duration distribution or None
        In place of the model's. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: Literal["real_time"] = "real_time"
    instance_type: Annotated[str, Field(min_length=1)] = Field(
        description="As in the price sheet, for example ml.m5.xlarge."
    )
    initial_instance_count: Annotated[int, Field(strict=True, ge=0)] = Field(
        1, description="Instances, in service from the start."
    )
    workers_per_instance: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once."
    )
    queue_limit: CountOrNone = Field(
        default=DEFAULT_QUEUE_LIMIT, description="Requests that may wait per instance; beyond it they are throttled."
    )
    routing: Literal["random", "least_outstanding_requests", "central_queue"] = Field(
        "random", description="How an instance is chosen; central_queue is the textbook queue."
    )
    invocation_timeout: TimeLimit = Field(
        default=duration_text(REAL_TIME_TIMEOUT), validate_default=True, description="From arrival, waiting included."
    )
    on_give_up: Literal["leave", "serve_on"] = Field(
        "leave", description="What becomes of a request whose limit passes while it waits."
    )
    volume_size: Bytes = Field(default="0B", validate_default=True, description="Storage of each instance, whole GB.")
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )
    service_time: DurationDistribution | None = Field(None, description="In place of the model's.")

    @field_validator("queue_limit")
    @classmethod
    def _not_negative(cls, value: int | Literal["none"]) -> int | Literal["none"]:
        if value != "none" and value < 0:
            raise ValueError(f"{value} is not allowed, must be at least 0, or none")
        return value

    @field_validator("volume_size")
    @classmethod
    def _can_be_ordered(cls, value: int, info: ValidationInfo) -> int:
        gigabytes, rest = divmod(value, BYTES_PER_GB)
        if _is_sagemaker(info.data.get("instance_type", "")) and (rest or gigabytes > _MOST_VOLUME_GB):
            raise ValueError(
                f'"{value / BYTES_PER_GB:.12g}GB" is not allowed, must be whole GB, at most {_MOST_VOLUME_GB}GB'
            )
        return value

    @property
    def startup_time(self) -> None:
        """None: its instances are in service from time 0."""
        return

    def pool(self) -> Pool:
        """The pool that both engines simulate."""
        return Pool(
            standing=self.initial_instance_count,
            launches=False,
            places=self.workers_per_instance,
            routing=_ROUTINGS[self.routing],
            queue_limit=FOREVER if self.queue_limit == "none" else self.queue_limit,
            timeout_ns=FOREVER if self.invocation_timeout == "none" else to_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=_ON_GIVE_UP[self.on_give_up],
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs."""
        storage = (items.STORAGE,) if self.volume_size else ()
        return (items.instance_item(self.instance_type), *storage, items.DATA_IN, items.DATA_OUT)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request and response [B], none if they fit."""
        return payload_problems(
            "real-time", REAL_TIME_PAYLOAD if _is_sagemaker(self.instance_type) else None, largest_in, largest_out
        )

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        return [text for applies, text in self._assumed() if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        waits = self.queue_limit != 0
        return [
            (
                self.workers_per_instance == 1,
                "workers_per_instance 1 (default): model servers start one per vCPU or GPU unless told otherwise",
            ),
            (
                self.queue_limit == DEFAULT_QUEUE_LIMIT,
                f"queue_limit {DEFAULT_QUEUE_LIMIT} requests per instance (default): that of a common model server",
            ),
            (
                self.routing == "random" and self.initial_instance_count > 1,
                "routing random (default): SageMaker's default strategy",
            ),
            (
                self.routing == "central_queue" and self.initial_instance_count > 1,
                "routing central_queue: a textbook queue; SageMaker queues at each instance, with a longer tail",
            ),
            (
                self.on_give_up == "leave" and waits and self.invocation_timeout != NONE,
                "on_give_up leave (default): a waiting request whose limit passes leaves the queue; a model server "
                "often serves it on for nobody",
            ),
            (
                self.invocation_timeout != NONE,
                "a request that times out in a worker keeps it until its service is over: not published",
            ),
            (
                _is_sagemaker(self.instance_type)
                and (self.invocation_timeout == NONE or self.invocation_timeout > REAL_TIME_TIMEOUT),
                "invocation_timeout beyond 60s: SageMaker ends an invocation after 60 s unless it is streamed",
            ),
            (
                self.volume_size == 0,
                "volume_size 0B (default): no storage is billed; the size that AWS attaches to a type was not found",
            ),
            (
                self.overhead == 0,
                "overhead 0s (default): time outside the container is left out; it is tens of ms on AWS",
            ),
            (
                True,
                "instances are in service and billed from time 0: deployment and start of an instance are left out",
            ),
        ]


def _is_sagemaker(instance_type: str) -> bool:
    """Whether SageMaker's limits hold: its instance types begin so."""
    return instance_type.startswith("ml.")
