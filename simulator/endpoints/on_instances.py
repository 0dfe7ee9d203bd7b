"""What endpoints on instances have: their type and number, storage, what becomes of long services, and scaling."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.distributions import DurationDistribution
from simulator.endpoints.autoscaling import Autoscaling
from simulator.endpoints.platforms import REAL_TIME_PAYLOAD, Name, payload_problems
from simulator.endpoints.run_length import RunLength
from simulator.engines.scaling import Scaling
from simulator.prices import items
from simulator.units import BYTES_PER_GB, Bytes, Seconds

#: VolumeSizeInGB is a whole number up to this (botocore 1.43).
_MOST_VOLUME_GB: Final = 512


class OnInstances(BaseModel):
    """An endpoint on instances of a type (model.md 4).

    Parameters
    ----------
    name : str
        Names columns and figures.
    instance_type : str
        As in the price sheet: ``ml.m5.xlarge``.
    initial_instance_count : int
        Instances, in service from time 0. 0 or more.
    cores : int or None
        Cores that the workers of an instance share: a request that starts as the k-th of an instance with c cores
        takes max(1, k/c) times its service time. None: service times do not depend on load.
    volume_size : int
        Storage of each instance, whole GB on SageMaker. [B]
    overhead : float
        Added to the latency of every completed request. [s]
    service_time : duration distribution or None
        In place of the model's. [s]
    autoscaling : Autoscaling or None
        None: the number of instances stays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="Names columns, figures and the baseline.")
    kind: str
    instance_type: Annotated[str, Field(min_length=1)] = Field(
        description="As in the price sheet, for example ml.m5.xlarge."
    )
    initial_instance_count: Annotated[int, Field(strict=True, ge=0)] = Field(
        1, description="Instances, in service from the start."
    )
    cores: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        None, description="Cores that the workers of an instance share; by default service times do not depend on load."
    )
    volume_size: Bytes = Field(default="0B", validate_default=True, description="Storage of each instance, whole GB.")
    overhead: Seconds = Field(
        default="0s", validate_default=True, description="Added to the latency of every completed request."
    )
    service_time: DurationDistribution | None = Field(None, description="In place of the model's.")
    autoscaling: Autoscaling | None = Field(None, description="What changes the number of instances.")

    @field_validator("volume_size")
    @classmethod
    def _can_be_ordered(cls, value: int, info: ValidationInfo) -> int:
        gigabytes, rest = divmod(value, BYTES_PER_GB)
        if is_sagemaker(info.data.get("instance_type", "")) and (rest or gigabytes > _MOST_VOLUME_GB):
            raise ValueError(
                f'"{value / BYTES_PER_GB:.12g}GB" is not allowed, must be whole GB, at most {_MOST_VOLUME_GB}GB'
            )
        return value

    @field_validator("autoscaling")
    @classmethod
    def _holds_the_initial_count(cls, value: Autoscaling | None, info: ValidationInfo) -> Autoscaling | None:
        count = info.data.get("initial_instance_count")
        if value is not None and count is not None and not value.min_capacity <= count <= value.max_capacity:
            raise ValueError(
                f"min_capacity {value.min_capacity} to max_capacity {value.max_capacity} do not hold "
                f"initial_instance_count, which is {count}"
            )
        return value

    @property
    def startup_time(self) -> None:
        """None: no request causes a launch."""
        return

    @property
    def most_instances(self) -> int:
        """Most instances that there can be at once, draining ones left out."""
        if self.autoscaling is None:
            return self.initial_instance_count
        scheduled = [one.max_capacity or 0 for one in self.autoscaling.scheduled_actions]
        return max(self.initial_instance_count, self.autoscaling.max_capacity, *scheduled)

    def scaling(self, run: RunLength | None) -> Scaling | None:
        """What changes the number of instances in a run, None if nothing does.

        Raises
        ------
        ValueError
            If something does and the run is not told.
        """
        if self.autoscaling is None:
            return None
        if run is None:
            raise ValueError(f"{self.name} scales: its pool depends on the run")
        return self.autoscaling.scaling(run)

    def _items_of_instances(self) -> tuple[str, ...]:
        """Items of a price sheet that instances and their storage need."""
        storage = (items.STORAGE,) if self.volume_size else ()
        return (items.instance_item(self.instance_type), *storage)

    def assumptions(self) -> list[str]:
        """What is assumed where nothing is published: the rules, and every such field that has its default value."""
        scaling = [] if self.autoscaling is None else self.autoscaling.assumed()
        return [text for applies, text in [*self._assumed(), *scaling] if applies]

    def _assumed(self) -> list[tuple[bool, str]]:
        """Whether each thing is assumed, and the words for it."""
        return [
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
            (
                self.cores is not None,
                "cores: the load when a service starts stands for the load while it runs",
            ),
        ]


class AnswersClients(OnInstances):
    """An endpoint on instances whose clients wait for the response: payloads pass through it, and are billed."""

    def price_items(self) -> tuple[str, ...]:
        """Items of a price sheet that its bill needs; there is no fee for each model, where several share instances."""
        return (*self._items_of_instances(), items.DATA_IN, items.DATA_OUT)

    def check_payload(self, largest_in: float, largest_out: float) -> list[str]:
        """Problems with the largest request and response [B], none if they fit."""
        limit = REAL_TIME_PAYLOAD if is_sagemaker(self.instance_type) else None
        return payload_problems("a SageMaker real-time endpoint", limit, largest_in, largest_out)


def is_sagemaker(instance_type: str) -> bool:
    """Whether SageMaker's limits hold: its instance types begin so."""
    return instance_type.startswith("ml.")
