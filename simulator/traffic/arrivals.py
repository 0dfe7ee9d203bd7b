"""What every kind of traffic can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from simulator.distributions.tokens import Pairs
from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic.clock import Clock
from simulator.traffic.points import gathered
from simulator.units import Rate, to_ns

#: Above it whole nanoseconds would tell: rounding a gap of mean 1 µs to them makes the mean 4·10⁻⁸ too small.
MOST_PER_SECOND: Final = 1e6
#: A century: sums of whole nanoseconds stay far below the largest int64 (292 years).
LONGEST_S: Final = 100 * 365.25 * 86_400.0


def _not_too_high(rate: float) -> float:
    if not rate <= MOST_PER_SECOND:
        raise ValueError(f"{rate:g}/s is too high; at most {MOST_PER_SECOND:g}/s")
    return rate


#: A rate of arrivals, 0 allowed (no request arrives).
ArrivalRate = Annotated[Rate, AfterValidator(_not_too_high)]


def rate_in_words(per_second: float) -> str:
    """A rate for people: ``2/s``, ``3.5/min``, ``12/h``; four significant digits."""
    for period, seconds in (("s", 1.0), ("min", 60.0), ("h", 3600.0)):
        if per_second * seconds >= 0.9995 or period == "h":
            return f"{per_second * seconds:.4g}/{period}"
    raise AssertionError


class Arrivals(BaseModel, ABC):
    """Traffic: when requests arrive.

    Each kind knows its expected rate and count, so that one list of generic tests covers all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    #: Fields that hold rates of arrivals; `scaled` multiplies those that have a value.
    RATES: ClassVar[tuple[str, ...]] = ("mean_rate",)

    kind: str

    def blocks(self, streams: Streams, clock: Clock, horizon_s: float) -> Iterator[NDArray[np.int64]]:
        """Arrival times of one replication, in order, block by block.

        All blocks together do not depend on the size of a block, and a longer horizon only adds to the end.

        Parameters
        ----------
        streams : Streams
            The replication's streams.
        clock : Clock
            What the clock says at time 0.
        horizon_s : float
            More than 0, at most a century. [s]

        Returns
        -------
        iterator of ndarray of int64, shape (m,)
            In ``[0, horizon)``, never decreasing, ties as they fall; no block is empty. [ns]

        Raises
        ------
        InputError
            If the traffic cannot fill the horizon (`problems`).
        """
        problems = self.problems(horizon_s)
        if problems:
            raise InputError("traffic: " + "; ".join(problems))
        return gathered(self.pieces(streams, clock, to_ns(horizon_s)))

    def problems(self, horizon_s: float) -> list[str]:
        """Why this traffic cannot be used with a horizon; empty if it can."""
        problem = horizon_problem(horizon_s)
        return [f"the horizon is {problem}"] if problem else []

    @abstractmethod
    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Arrival times in pieces of any size, some perhaps empty; `blocks` gathers them [ns]."""

    @abstractmethod
    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Expected rate at times of the run, over all replications [1/s]."""

    @abstractmethod
    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Expected number of arrivals in ``[start, stop)``, over all replications."""

    def mean_rate_over(self, horizon_s: float, clock: Clock) -> float:
        """Expected number of arrivals in ``[0, horizon)`` over its length [1/s]."""
        return self.expected_count(0.0, horizon_s, clock) / horizon_s

    @property
    def steady_rate(self) -> float | None:
        """Expected count over length if it is the same wherever a window stands; None if it is not [1/s].

        Only windows count for which `dispersion` is known.
        """
        return None

    def scaled(self, factor: float) -> Self:
        """The same traffic, more or less of it: every expected count times a factor, the shape kept.

        Parameters
        ----------
        factor : float
            More than 0.

        Raises
        ------
        InputError
            If the factor is not more than 0, or a rate becomes higher than is allowed.
        """
        if not (factor > 0 and math.isfinite(factor)):
            raise InputError(f"traffic cannot be scaled by {factor:g}, must be more than 0")
        return self._scaled(factor)

    def _scaled(self, factor: float) -> Self:
        """A copy whose `RATES` are multiplied."""
        scaled: dict[str, Any] = {}
        for name in self.RATES:
            given = getattr(self, name)
            if given is not None:
                rates = tuple(rate * factor for rate in (given if isinstance(given, tuple) else (given,)))
                if max(rates) > MOST_PER_SECOND:
                    raise InputError(
                        f"traffic scaled by {factor:g}: {name} is {max(rates):g}/s, at most {MOST_PER_SECOND:g}/s"
                    )
                scaled[name] = rates if isinstance(given, tuple) else rates[0]
        return self.model_copy(update=scaled)

    def dispersion(self, window_s: float) -> float | None:
        """Index of dispersion: variance over mean of the count in a window; None where there is no closed form.

        Parameters
        ----------
        window_s : float
            More than 0, infinity for the limit of long windows. [s]
        """
        return None

    @abstractmethod
    def describe(self) -> str:
        """One line for reports; says how a recording is scaled and placed."""

    def notes(self) -> list[str]:
        """What a reader of results has to know about this traffic."""
        return []

    def remarks(self, horizon_s: float) -> list[str]:
        """What a reader of results has to know about this traffic over a horizon [s]."""
        return []

    def parts_by(self, column: str, folder: Path) -> Mapping[str, Arrivals]:
        """Name → traffic of its own, of all that this traffic is the sum of, parted by a column of its file.

        Raises
        ------
        ValueError
            If it was not read from a file whose rows can be told apart.
        """
        raise ValueError(
            f"{self.kind} traffic has no rows to part it by; recorded traffic, or counts with row: sum, has"
        )

    @property
    def tokens(self) -> Pairs | None:
        """Tokens of the requests that were recorded; None where this traffic has none."""
        return None

    def numbers(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Which entry of `tokens` each arrival of `pieces` has, in pieces of any size; parameters as there.

        Raises
        ------
        ValueError
            If this traffic has no tokens.
        """
        raise ValueError(f"{self.kind} traffic has no tokens of its own")

    @property
    def inside(self) -> tuple[Arrivals, ...]:
        """The other traffic that this traffic is made of."""
        return ()

    @property
    def digest(self) -> str | None:
        """SHA-256 of the file it was read from, hexadecimal; None if there is none."""
        return None

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what has a value."""
        return {name: value for name, value in handler(self).items() if value is not None}


def horizon_problem(horizon_s: float) -> str | None:
    """What no traffic could fill, and what is allowed; None if the length is fine."""
    if not (horizon_s > 0 and math.isfinite(horizon_s)):
        return f"{horizon_s:g} s, must be more than 0"
    if horizon_s > LONGEST_S:
        return f"{horizon_s:g} s, must be at most a century ({LONGEST_S:g} s)"
    return None


NO_REQUESTS: Final = "The mean rate is 0: no request arrives."
