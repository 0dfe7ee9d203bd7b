"""Distributions of values that were measured, from a file or listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from simulator.distributions.columns import folder_of, read_csv
from simulator.distributions.distribution import Distribution
from simulator.distributions.sampler import Sampler
from simulator.streams import Streams
from simulator.units import Bytes, Seconds, duration_text

#: A median above this makes the unit of a file of durations doubtful: it is SageMaker's invocation timeout for
#: serverless and real-time endpoints, so most requests would time out. (CloudWatch gives ModelLatency in
#: microseconds; read as milliseconds, 181 ms become 181 s.)
DOUBTFUL_MEDIAN_S: Final = 60.0


@dataclass(frozen=True, eq=False)
class Sample:
    """Measured values in ascending order; two samples are equal if they were read from the same content."""

    values: NDArray[np.float64]
    digest: str | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sample) and self.digest == other.digest and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.digest, len(self.values)))


class Empirical(Distribution):
    """Each draw is one of the measured values, all alike.

    One uniform draw picks the value by its place in ascending order, so that a larger draw never gives a smaller
    value (coupling). Nothing is put between or beyond the values: the largest measured is the largest drawn.
    """

    factors: ClassVar[dict[str, float]]
    what: ClassVar[str]

    kind: Literal["empirical"] = "empirical"
    file: str | None = None
    column: str | None = None
    scale: Annotated[float, Field(strict=True, gt=0.0, le=1e6, allow_inf_nan=False)] | None = None

    _sample: Sample = PrivateAttr()

    def _read(self, folder: Path, unit: str | None, values: tuple[float, ...] | None) -> None:
        if (self.file is None) == (values is None):
            raise ValueError("empirical takes a file (with column and unit) or a list of values, one of the two")
        if self.file is None:
            if self.column is not None or unit is not None:
                raise ValueError("column and unit go with a file; a list of values carries its units")
            self._sample = Sample(np.sort(np.array(values, dtype=np.float64)), None)
            return
        if self.column is None or unit is None:
            units = ", ".join(self.factors)
            raise ValueError(f"empirical from a file needs column (its header) and unit (one of {units})")
        content = read_csv(self.file, folder)
        (column,) = content.columns(self.column)
        numbers = column.numbers(f"a {self.what} in {unit}, 0 or more")
        # Division by a power of ten is correctly rounded, multiplication by its inverse is not.
        scaled = numbers / self.factors[unit] if self.factors[unit] >= 1 else numbers * round(1 / self.factors[unit])
        self._sample = Sample(np.sort(scaled), content.digest)

    @property
    def values_measured(self) -> NDArray[np.float64]:
        """All values in ascending order, times `scale` [s or B]."""
        return self._sample.values if self.scale is None else self._sample.values * self.scale

    @property
    def digest(self) -> str | None:
        """SHA-256 of the file, None for a list."""
        return self._sample.digest

    def mean(self) -> float:
        """Mean of the values [s or B]."""
        return float(self.values_measured.mean())

    def variance(self) -> float:
        """Mean squared deviation of the values from their mean: the values are the distribution [s² or B²]."""
        return float(self.values_measured.var())

    def constant(self) -> float | None:
        """The value if all are the same, else None [s or B]."""
        values = self.values_measured
        return float(values[0]) if values[0] == values[-1] else None

    def _scaled(self, factor: float) -> Self:
        """By `scale`, on top of what it is: a file is not read again."""
        return self.model_copy(update={"scale": factor * (1.0 if self.scale is None else self.scale)})

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws of one standard uniform each, U → value number ⌊U·n⌋ in ascending order."""
        generator = streams.generator(purpose, *children)
        sample = self.values_measured

        def fill(values: NDArray[np.float64]) -> None:
            generator.random(out=values)
            values *= len(sample)
            values[:] = sample[values.astype(np.int64)]

        return Sampler(fill)


class EmpiricalDuration(Empirical):
    """Measured durations.

    Parameters
    ----------
    file, column, unit : str
        CSV file, header of the column, and its unit: s, ms, us or ns.
    values : list of durations
        Instead of a file.
    scale : float or none
        Every value is multiplied by this factor: more than 0, at most 10⁶.
    allow_large : bool
        True takes a file whose median is above 60 s; otherwise that is refused, for a wrong unit is likelier.
    """

    factors: ClassVar[dict[str, float]] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    what: ClassVar[str] = "duration"

    unit: Literal["s", "ms", "us", "ns"] | None = None
    values: Annotated[tuple[Seconds, ...], Field(min_length=1)] | None = None
    allow_large: bool = False

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> EmpiricalDuration:
        if hasattr(self, "_sample"):
            return self  # given as it is, for another scenario: it has been read
        self._read(folder_of(info), self.unit, self.values)
        median = float(np.median(self._sample.values))
        if self.file is not None and median > DOUBTFUL_MEDIAN_S and not self.allow_large:
            raise ValueError(
                f"{self.file}, column {self.column!r}: the median is {duration_text(round(median, 3))} with unit "
                f"{self.unit}, more than {DOUBTFUL_MEDIAN_S:g}s; is the unit right? If so, write allow_large: true"
            )
        return self


class EmpiricalSize(Empirical):
    """Measured sizes.

    Parameters
    ----------
    file, column, unit : str
        CSV file, header of the column, and its unit: B, kB or MB (powers of ten).
    values : list of sizes
        Instead of a file.
    scale : float or none
        Every value is multiplied by this factor: more than 0, at most 10⁶.
    """

    factors: ClassVar[dict[str, float]] = {"B": 1.0, "kB": 1e-3, "MB": 1e-6}
    what: ClassVar[str] = "size"

    unit: Literal["B", "kB", "MB"] | None = None
    values: Annotated[tuple[Bytes, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> EmpiricalSize:
        if hasattr(self, "_sample"):
            return self  # given as it is, for another scenario: it has been read
        self._read(folder_of(info), self.unit, self.values)
        return self
