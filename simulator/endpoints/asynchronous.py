"""An asynchronous endpoint: requests wait in one queue, without limit, until an instance takes them or they expire."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from simulator.endpoints.autoscaling import Autoscaling, check_metrics
from simulator.endpoints.on_demand import OnTimeoutName
from simulator.endpoints.on_instances import OnInstances, is_sagemaker
from simulator.endpoints.one_queue import allowed_on_sagemaker, in_one_queue
from simulator.endpoints.platforms import TimeLimit, limit_ns, payload_problems
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool
from simulator.units import duration_text

#: MaxConcurrentInvocationsPerInstance (botocore 1.43); SageMaker chooses where none is given.
MOST_INVOCATIONS: Final = 1000
#: RequestTTLSeconds, least, and most and default; InvocationTimeoutSeconds, most and default (botocore 1.43). [s]
LEAST_TTL: Final = 60.0
MOST_TTL: Final = 21_600.0
MOST_TIMEOUT: Final = 3600.0
DEFAULT_TIMEOUT: Final = "900s"
#: Largest request: 1 GB in S3 (developer guide, async-inference). [B]
MOST_PAYLOAD: Final = 1_000_000_000
#: Metrics that are not published for asynchronous endpoints (developer guide, async-inference-monitor).
_NO_METRICS: Final = ("invocations_per_instance", "concurrent_requests_per_instance", "no_capacity_failures")


class Asynchronous(OnInstances):
    """An asynchronous endpoint (model.md 4 and 4.1).

    Parameters
    ----------
    max_concurrent_invocations_per_instance : int
        Requests that an instance serves at once. 1 or more.
    request_ttl : float or "none"
        From arrival; a request that waits longer expires. [s]
    invocation_timeout : float or "none"
        From the start of service. [s]
    on_timeout : {"serve_on", "stop"}
        What becomes of a service that takes longer.
    others : see `OnInstances`
    """

    kind: Literal["asynchronous"] = "asynchronous"
    max_concurrent_invocations_per_instance: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once."
    )
    request_ttl: TimeLimit = Field(
        default=duration_text(MOST_TTL), validate_default=True, description="A request that waits longer expires."
    )
    invocation_timeout: TimeLimit = Field(
        default=DEFAULT_TIMEOUT, validate_default=True, description="From the start of service."
    )
    on_timeout: OnTimeoutName = Field(
        "serve_on", description="Whether a service that takes longer goes on, or stops. Not published."
    )

    @field_validator("max_concurrent_invocations_per_instance")
    @classmethod
    def _within_platform(cls, value: int, info: ValidationInfo) -> int:
        if is_sagemaker(info.data.get("instance_type", "")) and value > MOST_INVOCATIONS:
            raise ValueError(f"{value} is not allowed on SageMaker, must be at most {MOST_INVOCATIONS}")
        return value

    @field_validator("request_ttl")
    @classmethod
    def _a_ttl(cls, value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
        return allowed_on_sagemaker(value, info, LEAST_TTL, MOST_TTL)

    @field_validator("invocation_timeout")
    @classmethod
    def _a_timeout(cls, value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
        return allowed_on_sagemaker(value, info, 1.0, MOST_TIMEOUT)

    @field_validator("autoscaling")
    @classmethod
    def _watches_what_there_is(cls, value: Autoscaling | None) -> Autoscaling | None:
        return check_metrics(value, _NO_METRICS, "an asynchronous endpoint")

    @property
    def workers_per_instance(self) -> int:
        """Requests that an instance serves at once."""
        return self.max_concurrent_invocations_per_instance

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
        return replace(
            in_one_queue(self.workers_per_instance, self.invocation_timeout, self.on_timeout),
            standing=self.initial_instance_count,
            time_to_live_ns=limit_ns(self.request_ttl),
            cores=self.cores or 0,
            scaling=self.scaling(run),
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs: instances cost what real-time ones do, payloads nothing.

        References
        ----------
        .. [1] AWS price list: usage types Host and AsyncInf of one instance type have equal prices where both were
           read; payloads lie in S3 and are no data processed.
        """
        return self._items_of_instances()

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request [B], none if it fits; responses go to S3 without a limit."""
        limit = MOST_PAYLOAD if is_sagemaker(self.instance_type) else None
        return payload_problems("a SageMaker asynchronous endpoint", limit, largest_in, 0.0)

    def _assumed(self) -> list[tuple[bool, str]]:
        return [
            (
                self.max_concurrent_invocations_per_instance == 1,
                "max_concurrent_invocations_per_instance 1 (default): SageMaker chooses where none is given, and does "
                "not say what",
            ),
            (
                self.on_timeout == "serve_on" and self.invocation_timeout != "none",
                "on_timeout serve_on (default): a request that times out keeps its place until its service is over: "
                "not published",
            ),
            (
                True,
                "an asynchronous instance costs what a real-time one costs; S3 and notifications are left out, in time "
                "and in cost",
            ),
            (
                self.initial_instance_count == 0 and is_sagemaker(self.instance_type),
                "initial_instance_count 0: SageMaker creates an endpoint with 1 at least, which goes later",
            ),
            *super()._assumed(),
        ]
