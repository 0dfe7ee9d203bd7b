"""How many requests a session or a batch has: laws on whole numbers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, model_validator

#: Requests in a group. One group is in memory at once; a larger one is likelier a mistake.
MOST_IN_GROUP: Final = 100_000

_Mean = Annotated[float, Field(strict=True, gt=0.0, le=MOST_IN_GROUP, allow_inf_nan=False)]
_MeanFromOne = Annotated[float, Field(strict=True, ge=1.0, le=MOST_IN_GROUP, allow_inf_nan=False)]
_Size = Annotated[int, Field(strict=True, ge=0, le=MOST_IN_GROUP)]
_Weight = Annotated[float, Field(strict=True, ge=0.0, allow_inf_nan=False)]


class GroupSizes(BaseModel, ABC):
    """A law of the number M of requests in a group.

    Draws go number by number, so that several short calls give the same numbers as one long call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @abstractmethod
    def expected(self) -> float:
        """E[M]."""

    @abstractmethod
    def expected_pairs(self) -> float:
        """E[M(M − 1)]."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """The next n sizes, shape (n,)."""

    @abstractmethod
    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Sizes of the groups of n requests picked at random: M weighted by itself, 1 or more; shape (n,)."""

    @abstractmethod
    def describe(self) -> str:
        """For one line: how many, and of which law."""


class ConstantGroup(GroupSizes):
    """Always as many.

    Parameters
    ----------
    value : int
        1 to 100,000.
    """

    kind: Literal["constant"] = "constant"
    value: Annotated[int, Field(strict=True, ge=1, le=MOST_IN_GROUP)]

    def expected(self) -> float:
        """The value."""
        return float(self.value)

    def expected_pairs(self) -> float:
        """v(v − 1)."""
        return self.value * (self.value - 1.0)

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """The value over and over; nothing is drawn."""
        return np.full(n, self.value)

    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """The value over and over; nothing is drawn."""
        return np.full(n, self.value)

    def describe(self) -> str:
        """The value."""
        return f"{self.value:,}"


class GeometricGroup(GroupSizes):
    """Geometric on 1, 2, …: after each request another one comes with the same chance.

    Parameters
    ----------
    mean : float
        1 to 100,000.
    """

    kind: Literal["geometric"] = "geometric"
    mean: _MeanFromOne

    def expected(self) -> float:
        """The mean."""
        return self.mean

    def expected_pairs(self) -> float:
        """2m(m − 1)."""
        return 2.0 * self.mean * (self.mean - 1.0)

    def _from_exponentials(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        # An exponential of this rate, rounded up, is geometric; a mean of 1 has no such rate.
        if self.mean > 1.0:
            values *= -1.0 / math.log1p(-1.0 / self.mean)
            np.ceil(values, out=values)
            return np.maximum(values, 1.0, out=values).astype(np.int64)
        return np.ones(values.shape, np.int64)

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Exponentials rounded up."""
        return self._from_exponentials(generator.standard_exponential(n))

    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Those before and after the request are geometric alike: two draws less one."""
        return np.asarray(self.draw(generator, n) + self.draw(other, n) - 1)

    def describe(self) -> str:
        """Law and mean."""
        return f"{self.mean:g} on average (geometric)"


class PoissonGroup(GroupSizes):
    """Poisson, perhaps 0.

    Parameters
    ----------
    mean : float
        More than 0, at most 100,000.
    """

    kind: Literal["poisson"] = "poisson"
    mean: _Mean

    def expected(self) -> float:
        """The mean."""
        return self.mean

    def expected_pairs(self) -> float:
        """m²."""
        return self.mean**2

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Poisson draws."""
        return generator.poisson(self.mean, n)

    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """The request and, beside it, as many as in any group."""
        return np.asarray(generator.poisson(self.mean, n) + 1)

    def describe(self) -> str:
        """Law and mean."""
        return f"{self.mean:g} on average (Poisson)"


class ShiftedPoissonGroup(GroupSizes):
    """1 and a Poisson number more.

    Parameters
    ----------
    mean : float
        Of all together, 1 to 100,000.
    """

    kind: Literal["shifted_poisson"] = "shifted_poisson"
    mean: _MeanFromOne

    def expected(self) -> float:
        """The mean."""
        return self.mean

    def expected_pairs(self) -> float:
        """m² − 1."""
        return self.mean**2 - 1.0

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Poisson draws and 1."""
        return np.asarray(generator.poisson(self.mean - 1.0, n) + 1)

    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """One more if the request picked is not the first one."""
        return self.draw(generator, n) + (other.random(n) * self.mean >= 1.0)

    def describe(self) -> str:
        """Law and mean."""
        return f"{self.mean:g} on average (1 and a Poisson number more)"


class GivenGroup(GroupSizes):
    """Any of some numbers, by weights.

    Parameters
    ----------
    values : list of int
        0 to 100,000 each, at least one more than 0.
    weights : list of float
        As many, 0 or more; they need not sum to 1. Without them all values are alike.
    """

    kind: Literal["given"] = "given"
    values: Annotated[tuple[_Size, ...], Field(min_length=1)]
    weights: tuple[_Weight, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> GivenGroup:
        if self.weights is not None and len(self.weights) != len(self.values):
            raise ValueError(f"{len(self.values)} values and {len(self.weights)} weights; must be as many")
        if not self.expected() > 0:
            raise ValueError("no value more than 0 has a weight more than 0; at least one must")
        return self

    @property
    def _shares(self) -> NDArray[np.float64]:
        weights = np.array(self.weights or [1.0] * len(self.values))
        # By the largest first: the sum of huge weights is no float64.
        weights /= weights.max() or 1.0
        return np.asarray(weights / (weights.sum() or 1.0))

    def expected(self) -> float:
        """Σ share·value."""
        return float(self._shares @ np.array(self.values, np.float64))

    def expected_pairs(self) -> float:
        """Σ share·v(v − 1)."""
        values = np.array(self.values, np.float64)
        return float(self._shares @ (values * (values - 1.0)))

    def _picked(self, shares: NDArray[np.float64], generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        until = np.cumsum(shares)
        # The last value that can come ends at 1 exactly, whatever the last digit of the sum.
        until[until >= until[-1]] = 1.0
        return np.array(self.values)[np.searchsorted(until, generator.random(n), side="right")]

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """One uniform each, by running sums of the shares."""
        return self._picked(self._shares, generator, n)

    def draw_by_request(self, generator: np.random.Generator, other: np.random.Generator, n: int) -> NDArray[np.int64]:
        """The same by shares times values."""
        weighted = self._shares * np.array(self.values)
        return self._picked(weighted / weighted.sum(), generator, n)

    def describe(self) -> str:
        """Mean and number of values."""
        return f"{self.expected():.4g} on average ({len(self.values)} given values)"


def _constant_if_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"kind": "constant", "value": value}
    return value


_ByKind = Annotated[
    ConstantGroup | GeometricGroup | PoissonGroup | ShiftedPoissonGroup | GivenGroup, Discriminator("kind")
]
#: Any law; a plain number is short for a constant.
GroupSize = Annotated[_ByKind, BeforeValidator(_constant_if_number, json_schema_input_type=int | _ByKind)]
