"""Batch transform: jobs by the clock, each on instances of its own, that serve what has come since the one before."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.distributions import DurationDistribution
from simulator.endpoints.autoscaling import DEFAULT_LAUNCH_TIME, TimeOfDay
from simulator.endpoints.on_demand import OnTimeoutName
from simulator.endpoints.on_instances import is_sagemaker
from simulator.endpoints.one_queue import allowed_on_sagemaker, in_one_queue
from simulator.endpoints.platforms import NONE, Name, TimeLimit, payload_problems
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool
from simulator.engines.served_otherwise import Jobs
from simulator.prices import items
from simulator.units import Seconds, duration_text, to_ns

#: InvocationsTimeoutInSeconds: at most an hour (AWS's guide, as a third party transcribed it). [s]
MOST_TIMEOUT: Final = 3600.0
#: MaxPayloadInMB times MaxConcurrentTransforms: at most 100 MB (botocore 1.43). [B]
MOST_PAYLOAD: Final = 100_000_000
_DAY_NS: Final = 86_400 * 10**9


class BatchTransform(BaseModel):
    """Batch transform on SageMaker, or jobs like it (model.md 4.7).

    Parameters
    ----------
    name : str
        Names columns and figures.
    instance_type : str
        As in the price sheet: ``ml.g5.xlarge``.
    instance_count : int
        Instances of each job. 1 or more.
    max_concurrent_transforms : int
        Requests that an instance serves at once. 1 or more.
    starts_at : str
        Time of day at which a job begins: ``"02:00"``.
    every : float
        From one job to the next, more than 0. Jobs begin at `starts_at` and in these steps from there; the first one is
        the first that comes in the run, on its first day. [s]
    launch_time : duration distribution
        From the beginning of a job until an instance of it can serve. [s]
    invocation_timeout : float or "none"
        From the start of service. [s]
    on_timeout : {"serve_on", "stop"}
        What becomes of a service that takes longer.
    overhead : float
        Added to the latency of every completed request. [s]
    service_time : duration distribution or None
        In place of the model's. [s]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: Literal["batch_transform"] = "batch_transform"
    instance_type: Annotated[str, Field(min_length=1)] = Field(
        description="As in the price sheet, for example ml.g5.xlarge."
    )
    instance_count: Annotated[int, Field(strict=True, ge=1)] = Field(1, description="Instances of each job.")
    max_concurrent_transforms: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once."
    )
    starts_at: TimeOfDay = Field(description="Time of day at which a job begins, by the clock of the scenario.")
    every: Annotated[Seconds, Field(gt=0)] = Field(
        default="24h", validate_default=True, description="From the beginning of one job to that of the next."
    )
    launch_time: DurationDistribution = Field(
        default=DEFAULT_LAUNCH_TIME,
        validate_default=True,
        description="From the beginning of a job until an instance of it can serve. Not published.",
    )
    invocation_timeout: TimeLimit = Field(
        default=duration_text(MOST_TIMEOUT), validate_default=True, description="From the start of service."
    )
    on_timeout: OnTimeoutName = Field(
        "serve_on", description="Whether a service that takes longer goes on, or stops. Not published."
    )
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )
    service_time: DurationDistribution | None = Field(None, description="In place of the model's.")

    @field_validator("invocation_timeout")
    @classmethod
    def _a_timeout(cls, value: float | Literal["none"], info: ValidationInfo) -> float | Literal["none"]:
        return allowed_on_sagemaker(value, info, 1.0, MOST_TIMEOUT)

    @property
    def startup_time(self) -> None:
        """None: no request causes a launch."""
        return

    def first_ns(self, run: RunLength) -> int:
        """When the first job of a run begins [ns]."""
        hours, minutes = map(int, self.starts_at.split(":"))
        at_ns = (3600 * hours + 60 * minutes) * 10**9
        return (at_ns - to_ns(run.week_s)) % _DAY_NS % to_ns(self.every)

    def pool(self, run: RunLength | None = None) -> Pool:
        """The pool that both engines simulate.

        Parameters
        ----------
        run : RunLength
            What the clock says at its beginning.

        Raises
        ------
        ValueError
            If the run is not told.
        """
        if run is None:
            raise ValueError(f"{self.name} has jobs by the clock: its pool depends on the run")
        return replace(
            in_one_queue(self.max_concurrent_transforms, self.invocation_timeout, self.on_timeout),
            jobs=Jobs(self.first_ns(run), to_ns(self.every), self.instance_count),
        )

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs: instances cost what real-time ones do, payloads nothing.

        References
        ----------
        .. [1] AWS price list: usage types Host and Tsform of one instance type have equal prices where both were read;
           payloads lie in S3 and are no data processed.
        """
        return (items.instance_item(self.instance_type),)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request [B], none if it fits; responses go to S3 without a limit."""
        if not is_sagemaker(self.instance_type):
            return []
        many = self.max_concurrent_transforms
        taker = "a SageMaker batch transform job" + (f" of {many} requests at once" if many > 1 else "")
        return payload_problems(taker, MOST_PAYLOAD // many, largest_in, 0.0)

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        return [text for applies, text in self._assumed() if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        return [
            (
                self.launch_time.model_dump(mode="json") == DEFAULT_LAUNCH_TIME,
                "launch_time (default): half of the instances of a job can serve after 5 minutes, 95 % after 9, as was "
                "seen of instances that scaling launches",
            ),
            (
                self.max_concurrent_transforms == 1,
                "max_concurrent_transforms 1 (default): containers may say otherwise; as many as workers are advised",
            ),
            (
                True,
                "requests of a job go to whichever worker is free; SageMaker parts the files of a job among its "
                "instances beforehand",
            ),
            (
                True,
                "an instance of a job costs what a real-time one costs, from the beginning of the job to its end; S3 "
                "is left out, in time and in cost",
            ),
            (
                self.on_timeout == "serve_on" and self.invocation_timeout != NONE,
                "on_timeout serve_on (default): a request that times out keeps its worker until its service is over, "
                "and is not tried again: not published",
            ),
            (
                self.overhead == 0,
                "overhead 0s (default): time outside the container is left out; it is tens of ms on AWS",
            ),
        ]
