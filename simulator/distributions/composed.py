"""Distributions made of others: shifted by a constant, and mixtures."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.distributions.distribution import Distribution, Quantity
from simulator.distributions.sampler import Sampler
from simulator.streams import Streams
from simulator.units import Share

Inner = TypeVar("Inner", bound=Distribution)


class Shifted(Distribution, Generic[Quantity, Inner]):
    """A constant plus a distribution: fixed work and what varies on top of it.

    Parameters
    ----------
    offset : duration or size
        0 or more. [s or B]
    by : distribution
        Added to it. To shift a mixture, shift its parts.
    """

    kind: Literal["shifted"] = "shifted"
    offset: Quantity
    by: Inner

    def mean(self) -> float:
        """offset + mean of the other [s or B]."""
        return self.offset + self.by.mean()

    def variance(self) -> float:
        """That of the other [s² or B²]."""
        return self.by.variance()

    def constant(self) -> float | None:
        """The sum if the other is constant, else None [s or B]."""
        inner = self.by.constant()
        return None if inner is None else self.offset + inner

    @property
    def digest(self) -> str | None:
        """That of the other."""
        return self.by.digest

    def _scaled(self, factor: float) -> Self:
        """Offset and the other, both."""
        offset = self.model_copy(update={"offset": self.offset * factor}).model_dump(mode="json")["offset"]
        return type(self).model_validate({"offset": offset, "by": self.by.scaled(factor)})

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws of the other, on the same stream as without the offset."""
        inner = self.by.sampler(streams, purpose, *children)
        offset = float(self.offset)

        def fill(values: NDArray[np.float64]) -> None:
            inner.fill(values)
            values += offset

        return Sampler(fill)


class Part(BaseModel, Generic[Inner]):
    """One part of a mixture.

    Parameters
    ----------
    weight : share
        How often a value comes from this part.
    of : distribution
        Where it comes from then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: Share
    of: Inner


AnyPart = TypeVar("AnyPart", bound="Part[Any]")


class Mixture(Distribution, Generic[AnyPart]):
    """Each value comes from one of several distributions, chosen at random.

    Each part has a stream of its own and is drawn for every request, also where another part is chosen: so a
    request keeps its draws when the weights change.

    Parameters
    ----------
    parts : list of Part
        At least one; the weights add up to 100 %.
    """

    kind: Literal["mixture"] = "mixture"
    parts: Annotated[tuple[AnyPart, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Mixture[AnyPart]:
        total = sum(part.weight for part in self.parts)
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the weights of the parts add up to {100.0 * total:.10g}%, must be 100%")
        return self

    def mean(self) -> float:
        """Σ wᵢ·meanᵢ [s or B]."""
        return float(sum(part.weight * part.of.mean() for part in self.parts))

    def variance(self) -> float:
        """Σ wᵢ·(varianceᵢ + (meanᵢ − mean)²) [s² or B²]."""
        mean = self.mean()
        return float(sum(part.weight * (part.of.variance() + (part.of.mean() - mean) ** 2) for part in self.parts))

    def constant(self) -> float | None:
        """The value if every part that can occur has the same one, else None [s or B]."""
        values = {part.of.constant() for part in self.parts if part.weight > 0}
        return values.pop() if len(values) == 1 else None

    @property
    def digest(self) -> str | None:
        """Those of the parts that read files, joined."""
        digests = [part.of.digest for part in self.parts if part.of.digest is not None]
        return "+".join(digests) or None

    def _scaled(self, factor: float) -> Self:
        """Every part; the weights stay."""
        parts = tuple(part.model_copy(update={"of": part.of.scaled(factor)}) for part in self.parts)
        return self.model_copy(update={"parts": parts})

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws by one uniform for the choice (child 0) and one draw of every part (children 1, 2, …)."""
        choice = streams.generator(purpose, *children, 0)
        samplers = [part.of.sampler(streams, purpose, *children, 1 + i) for i, part in enumerate(self.parts)]
        weights = np.array([part.weight for part in self.parts])
        edges = np.cumsum(weights)
        # Every uniform draw is below the last edge that counts, whatever the last digit of the sum.
        edges[np.flatnonzero(weights)[-1] :] = 1.0

        def fill(values: NDArray[np.float64]) -> None:
            chosen = np.searchsorted(edges, choice.random(len(values)), side="right")
            for i, sampler in enumerate(samplers):
                np.copyto(values, sampler.draw(len(values)), where=chosen == i)

        return Sampler(fill)
