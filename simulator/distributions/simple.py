"""Constant, uniform and exponential distributions."""

from __future__ import annotations

from typing import ClassVar, Generic, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.distributions.distribution import Distribution, Positive, Quantity
from simulator.distributions.sampler import Sampler
from simulator.streams import Streams


class Constant(Distribution, Generic[Quantity]):
    """One value that never varies; nothing is drawn for it.

    Parameters
    ----------
    value : duration or size
        0 or more. [s or B]
    """

    AMOUNTS: ClassVar[tuple[str, ...]] = ("value",)

    kind: Literal["constant"] = "constant"
    value: Quantity

    def mean(self) -> float:
        """The value [s or B]."""
        return float(self.value)

    def variance(self) -> float:
        """0 [s² or B²]."""
        return 0.0

    def constant(self) -> float:
        """The value [s or B]."""
        return float(self.value)

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """The value over and over."""
        value = float(self.value)
        return Sampler(lambda values: values.fill(value))


class Uniform(Distribution, Generic[Quantity]):
    """Any value between two limits, all alike.

    Parameters
    ----------
    low, high : duration or size
        ``0 <= low < high``. [s or B]
    """

    AMOUNTS: ClassVar[tuple[str, ...]] = ("low", "high")

    kind: Literal["uniform"] = "uniform"
    low: Quantity
    high: Quantity

    @model_validator(mode="after")
    def _in_order(self) -> Uniform[Quantity]:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}; low must be less than high")
        return self

    def mean(self) -> float:
        """(low + high)/2 [s or B]."""
        return (self.low + self.high) / 2.0

    def variance(self) -> float:
        """(high − low)²/12 [s² or B²]."""
        return (self.high - self.low) ** 2 / 12.0

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws low + (high − low)·U of one standard uniform each."""
        generator = streams.generator(purpose, *children)
        low, width = float(self.low), float(self.high - self.low)

        def fill(values: NDArray[np.float64]) -> None:
            generator.random(out=values)
            values *= width
            values += low

        return Sampler(fill)


class Exponential(Distribution, Generic[Quantity]):
    """Exponential distribution, coefficient of variation 1.

    Parameters
    ----------
    mean : duration or size
        More than 0. [s or B]
    """

    AMOUNTS: ClassVar[tuple[str, ...]] = ("mean_",)

    kind: Literal["exponential"] = "exponential"
    mean_: Positive[Quantity] = Field(alias="mean")

    def mean(self) -> float:
        """As given [s or B]."""
        return float(self.mean_)

    def variance(self) -> float:
        """mean² [s² or B²]."""
        return float(self.mean_) ** 2

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws mean·E of one standard exponential each."""
        generator = streams.generator(purpose, *children)
        scale = float(self.mean_)

        def fill(values: NDArray[np.float64]) -> None:
            generator.standard_exponential(out=values)
            values *= scale

        return Sampler(fill)
