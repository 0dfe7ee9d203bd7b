"""Traffic made burstier: the same requests, moved in time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.distributions.tokens import Pairs
from simulator.streams import Streams
from simulator.traffic.arrivals import Arrivals
from simulator.traffic.bursty import Length, States, check_bursts, states_by_mean
from simulator.traffic.clock import Clock
from simulator.traffic.nested import Moved
from simulator.units import NS_PER_SECOND, Share, duration_text

#: Most stretches expected within a horizon: all are in memory together, about 100 bytes each.
_MOST_STRETCHES: Final = 4e6
_STRETCHES: Final = 4096


class _Path(NamedTuple):
    """Edges of the stretches in the run, from 0 to the horizon, and operational time there [ns]."""

    edges_ns: NDArray[np.float64]
    operational_ns: NDArray[np.float64]


class Burstier(Moved):
    """Other traffic with its requests drawn together into bursts: as many of them, on average at the same rate.

    An intensity m(t) switches between two values at random, in stretches of exponential lengths, as in `bursty`; its
    mean is 1. Operational time M(t) is its integral, and a request of the other traffic due at s arrives at M⁻¹(s)
    [1]_. M is made to end at the horizon exactly, and the pattern of stretches is turned like a ring by a uniform
    angle. So no request is lost or gained, and where the other traffic has a constant expected rate, this one has
    the same. (Patterns of the clock in the other traffic wander a little from one replication to the next, see
    `remarks`.) Because M ends at the horizon, a longer horizon does not go on where a shorter one ends: it moves the
    requests to other times.

    The draws of the other traffic stay as they are, and stretches come from a stream of their own: the same requests
    with and without bursts, and with more or less of them. With ``burst_factor`` 1 nothing moves.

    Parameters
    ----------
    of : traffic
        Any.
    burst_factor : float
        Intensity in a burst over the mean, 1 or more.
    burst_share : share
        Share of time in bursts, more than 0 and less than 100 %; ``burst_factor × burst_share`` is at most 1, and at
        1 nothing arrives between bursts.
    burst_length : duration
        Mean length of a burst, more than 0. [s]

    References
    ----------
    .. [1] E. Çinlar, "Introduction to Stochastic Processes" (1975), ch. 4: time change of a Poisson process.
    """

    kind: Literal["burstier"] = "burstier"
    burst_factor: Annotated[float, Field(strict=True, ge=1.0, allow_inf_nan=False)]
    burst_share: Share
    burst_length: Length

    @model_validator(mode="after")
    def _possible(self) -> Burstier:
        check_bursts(self.burst_factor, self.burst_share)
        return self

    @property
    def _states(self) -> States:
        return states_by_mean(1.0, self.burst_factor, self.burst_share, self.burst_length)

    @property
    def _layer(self) -> int:
        """How many others there are below this one that draw from the same streams."""
        inner: Arrivals = self.of
        while isinstance(inner, Moved) and not isinstance(inner, Burstier):
            inner = inner.of
        # The parts of a superposition have streams of their own.
        return inner._layer + 1 if isinstance(inner, Burstier) else 0

    def problems(self, horizon_s: float) -> list[str]:
        """Also if there are too many bursts."""
        problems = super().problems(horizon_s)
        if not problems:
            stretches = 2.0 * horizon_s / (self._states.burst_s + self._states.quiet_s)
            if stretches > _MOST_STRETCHES:
                problems.append(
                    f"burst_length {duration_text(self.burst_length)} makes about {stretches / 2:.2g} bursts in a "
                    f"horizon of {duration_text(horizon_s)}, at most {_MOST_STRETCHES / 2:.2g}; write longer bursts"
                )
        return problems

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Those of the other traffic, moved."""
        pieces = self.of.pieces(streams, clock, horizon_ns)
        return pieces if self.burst_factor == 1 else self._moved(pieces, streams, horizon_ns)

    @property
    def tokens(self) -> Pairs | None:
        """Those of the other traffic, whose requests keep their order."""
        return self.of.tokens

    def numbers(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Those of the other traffic."""
        return self.of.numbers(streams, clock, horizon_ns)

    def _moved(
        self, pieces: Iterator[NDArray[np.int64]], streams: Streams, horizon_ns: int
    ) -> Iterator[NDArray[np.int64]]:
        path = self._path(streams, horizon_ns)
        last_ns = 0
        for piece in pieces:
            if len(piece):
                moved = np.interp(piece.astype(np.float64), path.operational_ns, path.edges_ns)
                arrival_ns = np.minimum(np.rint(moved).astype(np.int64), horizon_ns - 1)
                # In order also where the last digit of a float64 is longer than a nanosecond.
                arrival_ns[0] = max(int(arrival_ns[0]), last_ns)
                np.maximum.accumulate(arrival_ns, out=arrival_ns)
                last_ns = int(arrival_ns[-1])
                yield arrival_ns

    def _path(self, streams: Streams, horizon_ns: int) -> _Path:
        """Operational time of one replication."""
        states = self._states
        horizon = float(horizon_ns)
        placed = streams.generator("bursts", self._layer, 0)
        starts_in_burst = placed.random() < states.burst_share
        turn = placed.random() * horizon
        lengths = np.array([states.burst_s, states.quiet_s]) * NS_PER_SECOND
        heights = np.array([states.burst_rate, states.quiet_rate])
        if not starts_in_burst:
            lengths, heights = lengths[::-1], heights[::-1]
        stays = self._stays(streams, lengths, horizon)
        edges = np.concatenate([[0.0], np.cumsum(stays)])
        number = min(int(np.searchsorted(edges, horizon)), len(stays))
        edges = edges[: number + 1]
        edges[-1] = horizon
        heights = np.resize(heights, number)
        # What stood at `turn` now stands at 0: the stretch there is cut in two, and what was before it goes behind.
        cut = int(np.searchsorted(edges, turn, side="right")) - 1
        behind = np.minimum(edges[1 : cut + 1] + (horizon - turn), horizon)
        edges = np.concatenate([[0.0], edges[cut + 1 :] - turn, behind, [horizon]])
        heights = np.concatenate([heights[cut:], heights[: cut + 1]])
        operational = np.concatenate([[0.0], np.cumsum(np.diff(edges) * heights)])
        if operational[-1] == 0:
            # Not one burst, and nothing between bursts: made to have a mean of 1 it is constant.
            return _Path(np.array([0.0, horizon]), np.array([0.0, horizon]))
        return _Path(edges, operational * (horizon / operational[-1]))

    def _stays(self, streams: Streams, lengths: NDArray[np.float64], horizon: float) -> NDArray[np.float64]:
        """Lengths of consecutive stretches that together reach the horizon [ns]."""
        generator = streams.generator("bursts", self._layer, 1)
        stays: list[NDArray[np.float64]] = []
        total = 0.0
        while total <= horizon:
            pairs = int(min(_STRETCHES / 2, (horizon - total) / lengths.sum() + 4))
            stays.append((generator.standard_exponential((pairs, 2)) * lengths).ravel())
            total += float(stays[-1].sum())
        return np.concatenate(stays)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """That of the other traffic; exact where it is constant, see `expected_count` [1/s]."""
        return self.of.rate(t_s, clock)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """That of the other traffic.

        Exact over the whole horizon, and in every window where the other traffic has a constant rate. Else it leaves
        out that requests wander in time, by `remarks`.
        """
        return self.of.expected_count(start_s, stop_s, clock)

    @property
    def steady_rate(self) -> float | None:
        """That of the other traffic [1/s]."""
        return self.of.steady_rate

    def wandering_s(self, horizon_s: float) -> float:
        """Standard deviation of M(t) − t in the middle of the run, where it is largest [s].

        Of a long run: √(2V/k · T/4) with V the variance of m and k the sum of leaving rates, since M is tied to t at
        both ends like a Brownian bridge.
        """
        states = self._states
        variance = (states.burst_rate - states.quiet_rate) ** 2 * states.burst_share * (1.0 - states.burst_share)
        leaving = 1.0 / states.burst_s + 1.0 / states.quiet_s
        return math.sqrt(2.0 * variance / leaving * horizon_s / 4.0)

    def describe(self) -> str:
        """The other traffic, and the bursts."""
        return (
            f"{self.of.describe()}; made burstier: {self.burst_factor:g} times the rate in "
            f"{100 * self.burst_share:g}% of the time, in bursts of {duration_text(round(self.burst_length, 3))} on "
            "average"
        )

    def notes(self) -> list[str]:
        """Those of the other traffic, and what a horizon does."""
        if self.burst_factor == 1:
            return self.of.notes()
        note = (
            "Traffic made burstier fits its bursts to the horizon: with another horizon the same requests come at "
            "other times."
        )
        return list(dict.fromkeys([*self.of.notes(), note]))

    def remarks(self, horizon_s: float) -> list[str]:
        """Also how far patterns of the clock wander, if there are any."""
        remarks = self.of.remarks(horizon_s)
        if self.of.steady_rate is None and self.burst_factor > 1:
            remarks.append(
                "Traffic made burstier moves patterns of the clock: in the middle of the run by "
                f"{duration_text(float(f'{self.wandering_s(horizon_s):.2g}'))} (standard deviation over replications)."
            )
        return remarks
