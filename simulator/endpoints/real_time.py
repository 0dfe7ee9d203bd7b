"""A real-time endpoint: instances that are there all the time, with workers and queues."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.endpoints.autoscaling import Autoscaling, check_metrics
from simulator.endpoints.on_demand import ON_TIMEOUT, OnTimeoutName
from simulator.endpoints.on_instances import AnswersClients, is_sagemaker
from simulator.endpoints.platforms import (
    NONE,
    REAL_TIME_TIMEOUT,
    QueueLimit,
    TimeLimit,
    count_of,
    limit_ns,
)
from simulator.endpoints.run_length import RunLength
from simulator.engines import pool as pools
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.units import Seconds, duration_text, to_ns

#: Requests that wait in a common model server before it answers 503: job_queue_size of awslabs/multi-model-server.
DEFAULT_QUEUE_LIMIT: Final = 100
#: What a real-time endpoint has no use for: nothing waits where no instance is.
_NO_METRICS: Final = ("backlog_without_capacity",)

_ROUTINGS: Final[dict[str, Routing]] = {
    "random": Routing.RANDOM,
    "least_outstanding_requests": Routing.LEAST_OUTSTANDING_REQUESTS,
    "central_queue": Routing.CENTRAL_QUEUE,
}
_ON_GIVE_UP: Final[dict[str, OnGiveUp]] = {"leave": OnGiveUp.LEAVE, "serve_on": OnGiveUp.SERVE_ON}


class Batching(BaseModel):
    """How a worker takes several waiting requests at once.

    Parameters
    ----------
    max_size : int
        Requests of a batch. 2 or more.
    delay : float
        Longest that the oldest of them waits for a full batch. [s]
    growth : float
        A batch of k takes 1 + growth·(k − 1) times the longest of its service times. 0 or more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_size: Annotated[int, Field(strict=True, ge=2)] = Field(description="Most requests of a batch.")
    delay: Seconds = Field(
        default="0s", validate_default=True, description="Longest that the oldest request waits for a full batch."
    )
    growth: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = Field(
        description="A batch of k takes 1 + growth*(k - 1) times its longest service time."
    )

    def batching(self) -> pools.Batching:
        """What both engines know of it."""
        return pools.Batching(self.max_size, to_ns(self.delay), self.growth)


class RealTime(AnswersClients):
    """A real-time endpoint (model.md 4).

    Parameters
    ----------
    initial_instance_count : int
        Instances, in service from time 0. 0 or more; with 0 every request is throttled until some are launched.
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
    on_timeout : {"serve_on", "stop"}
        What becomes of one whose limit passes in a worker.
    batching : Batching or None
        None: each request is served alone.
    others : see `OnInstances`
    """

    kind: Literal["real_time"] = "real_time"
    workers_per_instance: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once."
    )
    queue_limit: QueueLimit = Field(
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
    on_timeout: OnTimeoutName = Field(
        "serve_on", description="Whether a worker goes on with a request whose limit passes, or stops. Not published."
    )
    batching: Batching | None = Field(None, description="How a worker takes several waiting requests at once.")

    @field_validator("autoscaling")
    @classmethod
    def _watches_what_there_is(cls, value: Autoscaling | None) -> Autoscaling | None:
        return check_metrics(value, _NO_METRICS, "a real-time endpoint")

    @field_validator("batching")
    @classmethod
    def _goes_alone(cls, value: Batching | None, info: ValidationInfo) -> Batching | None:
        if value is None:
            return value
        for field, foreign in (("routing", "central_queue"), ("on_timeout", "stop")):
            if info.data.get(field) == foreign:
                raise ValueError(f"is not allowed with {field} {foreign}")
        if info.data.get("cores") is not None:
            raise ValueError("is not allowed with cores: its growth says what several requests cost")
        return value

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate.

        Parameters
        ----------
        run : RunLength, optional
            Needed where the endpoint scales.

        Raises
        ------
        ValueError
            If the endpoint scales and the run is not told.
        """
        return Pool(
            standing=self.initial_instance_count,
            launches=False,
            places=self.workers_per_instance,
            routing=_ROUTINGS[self.routing],
            queue_limit=count_of(self.queue_limit),
            timeout_ns=limit_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=_ON_GIVE_UP[self.on_give_up],
            on_timeout=ON_TIMEOUT[self.on_timeout],
            cores=self.cores or 0,
            batching=None if self.batching is None else self.batching.batching(),
            scaling=self.scaling(run),
        )

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
                self.routing == "random" and self.most_instances > 1,
                "routing random (default): SageMaker's default strategy",
            ),
            (
                self.routing == "central_queue" and self.most_instances > 1,
                "routing central_queue: a textbook queue; SageMaker queues at each instance, with a longer tail",
            ),
            (
                self.on_give_up == "leave" and waits and self.invocation_timeout != NONE,
                "on_give_up leave (default): a waiting request whose limit passes leaves the queue; a model server "
                "often serves it on for nobody",
            ),
            (
                self.invocation_timeout != NONE and self.on_timeout == "serve_on",
                "a request that times out in a worker keeps it until its service is over: not published",
            ),
            (
                is_sagemaker(self.instance_type)
                and (self.invocation_timeout == NONE or self.invocation_timeout > REAL_TIME_TIMEOUT),
                "invocation_timeout beyond 60s: SageMaker ends an invocation after 60 s unless it is streamed",
            ),
            (
                self.batching is not None,
                "batching: a batch takes as long as its longest request, and growth more for each other",
            ),
            *super()._assumed(),
        ]
