"""Superposition: several kinds of traffic at the same time, on the same endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, Arrivals
from simulator.traffic.clock import Clock
from simulator.traffic.merging import merged
from simulator.traffic.nested import check_depth

if TYPE_CHECKING:
    from simulator.traffic import Traffic


def _not_empty(parts: tuple[Traffic, ...]) -> tuple[Traffic, ...]:
    if not parts:
        raise ValueError("has 0 entries, must have at least 1")
    return parts


class Superposition(Arrivals):
    """All requests of several independent parts, in order.

    Each part has streams of its own by its number, so that what one part draws changes nothing in another. Parts may
    be superpositions themselves.

    Parameters
    ----------
    parts : list of traffic
        At least one.
    """

    kind: Literal["superposition"] = "superposition"
    parts: Annotated[tuple[Traffic, ...], AfterValidator(_not_empty), Field(json_schema_extra={"minItems": 1})]

    @model_validator(mode="after")
    def _not_too_deep(self) -> Superposition:
        check_depth(self)
        return self

    @property
    def inside(self) -> tuple[Arrivals, ...]:
        """The parts."""
        return self.parts

    def problems(self, horizon_s: float) -> list[str]:
        """Also those of the parts, each with its place."""
        problems = super().problems(horizon_s)
        return problems or [
            f"parts[{number}]: {problem}"
            for number, part in enumerate(self.parts)
            for problem in part.problems(horizon_s)
        ]

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Those of the parts, merged."""
        return merged(
            [part.pieces(streams.of_part(number), clock, horizon_ns) for number, part in enumerate(self.parts)]
        )

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Sum over the parts [1/s]."""
        return np.asarray(np.sum([part.rate(t_s, clock) for part in self.parts], axis=0))

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Sum over the parts."""
        return sum(part.expected_count(start_s, stop_s, clock) for part in self.parts)

    @property
    def steady_rate(self) -> float | None:
        """Sum over the parts if all of them have one [1/s]."""
        rates = [part.steady_rate for part in self.parts]
        return None if None in rates else float(sum(rate for rate in rates if rate is not None))

    def dispersion(self, window_s: float) -> float | None:
        """Mean over the parts by their counts, since means and variances of independent counts add up.

        None if a part has none, or if the weights depend on where the window stands and the parts differ.
        """
        weighted: list[tuple[float | None, float]] = []
        for part in self.parts:
            rate, dispersion = part.steady_rate, part.dispersion(window_s)
            if rate == 0:
                continue
            if dispersion is None:
                return None
            weighted.append((rate, dispersion))
        if len({dispersion for _, dispersion in weighted}) == 1:
            return weighted[0][1]
        total = self.steady_rate
        if not total:
            return None
        return sum(rate / total * dispersion for rate, dispersion in weighted if rate is not None)

    def _scaled(self, factor: float) -> Self:
        """Every part scaled."""
        return self.model_copy(update={"parts": tuple(part.scaled(factor) for part in self.parts)})

    def describe(self) -> str:
        """The parts."""
        return f"superposition of {len(self.parts)}: {'; '.join(f'({part.describe()})' for part in self.parts)}"

    def notes(self) -> list[str]:
        """Those of the parts, each once; that nothing arrives only if it is so of all."""
        notes = [part.notes() for part in self.parts]
        if all(NO_REQUESTS in of_part for of_part in notes):
            return [NO_REQUESTS]
        return list(dict.fromkeys(note for of_part in notes for note in of_part if note != NO_REQUESTS))

    def remarks(self, horizon_s: float) -> list[str]:
        """Those of the parts."""
        return list(dict.fromkeys(remark for part in self.parts for remark in part.remarks(horizon_s)))

    @property
    def digest(self) -> str | None:
        """Those of the parts that read files, joined."""
        return "+".join(part.digest for part in self.parts if part.digest is not None) or None
