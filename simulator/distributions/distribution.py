"""What every distribution can do, and the kinds of number that their fields hold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from simulator.distributions.sampler import Sampler
from simulator.errors import InputError
from simulator.streams import Streams

#: The kind of number a distribution is about: `simulator.units.Seconds` or `simulator.units.Bytes`.
Quantity = TypeVar("Quantity", bound=float)


def _above_zero(value: float) -> float:
    if not value > 0:
        raise ValueError("0 is not allowed, must be more than 0")
    return value


#: A duration or size that has to be more than 0.
Positive = Annotated[Quantity, AfterValidator(_above_zero)]
#: Coefficient of variation: standard deviation over mean. Beyond 100 no mean could be estimated from any run.
Variation = Annotated[float, Field(strict=True, ge=0.001, le=100.0, allow_inf_nan=False)]


class Distribution(BaseModel, ABC):
    """A distribution of durations or of sizes.

    Each knows its mean and variance, so that one list of generic tests covers all. Numbers are in seconds or in
    bytes, by the parameter `Quantity` of the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    #: Fields that hold durations or sizes; `scaled` multiplies those that have a value.
    AMOUNTS: ClassVar[tuple[str, ...]] = ()

    kind: str

    @abstractmethod
    def mean(self) -> float:
        """Expected value [s or B]."""

    @abstractmethod
    def variance(self) -> float:
        """Expected squared deviation from the mean [s² or B²]."""

    @abstractmethod
    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """A fresh sequence of draws of one purpose of one replication.

        Parameters
        ----------
        streams : Streams
            The replication's streams.
        purpose : str
            One of `simulator.streams.PURPOSES`.
        *children : int
            Parts the purpose further; every elementary draw inside has a child stream of its own.
        """

    def constant(self) -> float | None:
        """The value if it never varies, else None [s or B]."""
        return None

    @property
    def digest(self) -> str | None:
        """SHA-256 of what was read from files, hexadecimal; None if nothing was."""
        return None

    def scaled(self, factor: float) -> Self:
        """The same distribution with every value times a factor, on the same draws.

        Its parameters are rounded to what a file can hold: whole microseconds or bytes.

        Parameters
        ----------
        factor : float
            More than 0.

        Raises
        ------
        InputError
            If the factor is not more than 0.
        """
        if not (factor > 0 and math.isfinite(factor)):
            raise InputError(f"a distribution cannot be scaled by {factor:g}, must be more than 0")
        return self._scaled(factor)

    def _scaled(self, factor: float) -> Self:
        """A copy whose `AMOUNTS` are multiplied, written and read again."""
        given = {name: getattr(self, name) for name in self.AMOUNTS}
        scaled = {name: value * factor for name, value in given.items() if value is not None}
        return type(self).model_validate(self.model_copy(update=scaled).model_dump(mode="json"))

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what has a value, under the names used in files."""
        names = {name: field.alias or name for name, field in type(self).model_fields.items()}
        return {names.get(name, name): value for name, value in handler(self).items() if value is not None}
