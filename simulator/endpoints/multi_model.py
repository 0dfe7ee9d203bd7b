"""A multi-model endpoint: instances that all models of a fleet share, each model loaded where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from simulator.endpoints.autoscaling import Autoscaling
from simulator.endpoints.on_instances import AnswersClients
from simulator.endpoints.platforms import (
    NONE,
    REAL_TIME_TIMEOUT,
    CountOrNone,
    QueueLimit,
    TimeLimit,
    count_of,
    following,
    limit_ns,
    none_or_at_least,
    without_default,
)
from simulator.endpoints.real_time import DEFAULT_QUEUE_LIMIT
from simulator.endpoints.run_length import RunLength
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Models
from simulator.units import FOREVER, Bytes, Seconds, duration_text, to_ns

#: Assumptions, from two figures without a method (about 100 ms for 50 MB from disk; 30 to 60 s for 5 GB from S3): so
#: much is loaded from the disk in a second, so much downloaded, and so long a load takes besides.
_LOADED: Final = "500MB"
_DOWNLOADED: Final = "125MB"
_LOAD_OVERHEAD: Final = "0s"


def _workers(given: Any) -> int:
    return int(given.get("workers_per_instance", 1))


class MultiModel(AnswersClients):
    """A multi-model endpoint (model.md 7.1).

    Parameters
    ----------
    workers_per_instance : int
        Requests that an instance serves at once, of any models. 1 or more.
    model_memory : int
        Memory of an instance that models may take. 1 or more. [B]
    model_disk : int or None
        Disk of an instance for models, at least `model_memory`; None: there is always room. [B]
    load_per_second, download_per_second : int
        Of a model: from an instance's disk into its memory, and from remote storage to the disk. 1 or more. [B/s]
    load_overhead : float
        What a load takes besides, whatever the size. [s]
    copies_from : int or "none"
        Outstanding requests on an instance from which a model is loaded on another besides.
    queue_limit : int or "none"
        Requests that may wait per instance, those in workers not counted.
    invocation_timeout : float or "none"
        From arrival, waiting and loading included. [s]
    others : see `OnInstances`
    """

    kind: Literal["multi_model"] = "multi_model"
    workers_per_instance: Annotated[int, Field(strict=True, ge=1)] = Field(
        1, description="Requests that an instance serves at once, of any models."
    )
    model_memory: Annotated[Bytes, Field(ge=1)] = Field(description="Memory of an instance that models may take.")
    model_disk: Bytes | None = Field(
        None, description="Disk of an instance for models; by default there is always room."
    )
    load_per_second: Annotated[Bytes, Field(ge=1)] = Field(
        default=_LOADED, validate_default=True, description="Loaded in a second from disk to memory. Not published."
    )
    download_per_second: Annotated[Bytes, Field(ge=1)] = Field(
        default=_DOWNLOADED, validate_default=True, description="Downloaded in a second to the disk. Not published."
    )
    load_overhead: Seconds = Field(
        default=_LOAD_OVERHEAD, validate_default=True, description="What a load takes besides. Not published."
    )
    copies_from: Annotated[CountOrNone, following(_workers)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Outstanding requests on an instance from which a model is loaded on another besides; by default "
        "as many as it has workers.",
    )
    queue_limit: QueueLimit = Field(
        default=DEFAULT_QUEUE_LIMIT, description="Requests that may wait per instance; beyond it they are throttled."
    )
    invocation_timeout: TimeLimit = Field(
        default=duration_text(REAL_TIME_TIMEOUT), validate_default=True, description="From arrival, waiting included."
    )

    @field_validator("model_disk")
    @classmethod
    def _holds_the_memory(cls, value: int | None, info: ValidationInfo) -> int | None:
        memory = info.data.get("model_memory", 0)
        if value is not None and value < memory:
            raise ValueError(f'"{value}B" is not allowed, must be at least model_memory, which is {memory}B')
        return value

    @field_validator("copies_from")
    @classmethod
    def _at_least_one(cls, value: int | Literal["none"]) -> int | Literal["none"]:
        return none_or_at_least(1, value)

    @field_validator("cores", "autoscaling")
    @classmethod
    def _not_here(cls, value: Autoscaling | int | None) -> Autoscaling | int | None:
        if value is not None:
            raise ValueError("is not allowed for a multi-model endpoint, which is simulated without it")
        return value

    def load_s(self, size: int) -> tuple[float, float]:
        """Time to load a model from disk, and to download it before [s]; its size in bytes."""
        return self.load_overhead + size / self.load_per_second, size / self.download_per_second

    def pool(self, run: RunLength | None = None, sizes: Sequence[int] = (1,)) -> Pool:
        """The pool that both engines simulate.

        Parameters
        ----------
        run : RunLength, optional
            Changes nothing.
        sizes : sequence of int
            Of each model, none above `model_memory`; by default one model that is loaded once and for all. [B]
        """
        times = [self.load_s(size) for size in sizes]
        return Pool(
            standing=self.initial_instance_count,
            launches=False,
            places=self.workers_per_instance,
            routing=Routing.BY_MODEL,
            queue_limit=count_of(self.queue_limit),
            timeout_ns=limit_ns(self.invocation_timeout),
            timeout_from=TimeoutFrom.ARRIVAL,
            models=Models(
                sizes_bytes=tuple(sizes),
                load_ns=tuple(to_ns(load) for load, _ in times),
                download_ns=tuple(to_ns(download) for _, download in times),
                memory_bytes=self.model_memory,
                disk_bytes=FOREVER if self.model_disk is None else self.model_disk,
                copies_from=count_of(self.copies_from),
            ),
        )

    def _assumed(self) -> list[tuple[bool, str]]:
        return [
            (
                True,
                "a model is loaded when the first request for it is sent to an instance; which models are unloaded is "
                "not published: here the least recently used of those without a request",
            ),
            (
                True,
                "a request goes to the instance that has its model and fewest outstanding requests; how SageMaker "
                "chooses is not published",
            ),
            (True, "a worker that waits for a model serves nobody else"),
            (
                self.load_per_second == 500_000_000 and self.download_per_second == 125_000_000,
                f"load_per_second {_LOADED}, download_per_second {_DOWNLOADED} (defaults): from two figures without a "
                "method; measure your own",
            ),
            (
                self.copies_from == self.workers_per_instance and self.initial_instance_count > 1,
                "copies_from as many as there are workers (default): SageMaker gives busy models more instances and "
                "does not say when",
            ),
            (
                self.queue_limit == DEFAULT_QUEUE_LIMIT,
                f"queue_limit {DEFAULT_QUEUE_LIMIT} requests per instance (default): that of a common model server",
            ),
            (
                self.invocation_timeout != NONE,
                "a request that times out in a worker keeps it until its service is over: not published",
            ),
            *super()._assumed(),
        ]
