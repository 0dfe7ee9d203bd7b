"""Diurnal traffic: a sinusoid with a period of one day."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, WithJsonSchema

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import DAY_S, Clock
from simulator.traffic.points import UnitPoints, moved_points
from simulator.units import NS_PER_SECOND

_TURN: Final = 2.0 * math.pi
#: Cells of the table that Newton's method starts from.
_CELLS: Final = 65_536
#: Relative rate below which the slope is so small that Newton's method gets many steps.
_FLAT: Final = 0.05


def _time_of_day(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not a time of day; write it in quotes, for example "15:00"')
    if not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", value.strip()):
        raise ValueError(f'{value!r} is not a time of day; write "00:00" to "23:59"')
    return value.strip()


TimeOfDay = Annotated[
    str,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["15:00"]}),
]


class Diurnal(Arrivals):
    """Poisson process of rate λ(t) = mean·(1 + (p − 1)·cos(2π(t − peak)/day)), p being peak to mean.

    Arrivals are unit-rate points moved by the inverse of the cumulative rate, which Newton's method finds.

    Parameters
    ----------
    mean_rate : rate
        Mean over a day, 0 to 10⁶ per second. [1/s]
    peak_to_mean : float
        1 (constant) to 2 (nothing arrives at the trough); a sinusoid reaches no higher, `profile` does.
    peak_at : str
        Time of day of the peak, by the clock of the scenario: ``"15:00"``.
    """

    kind: Literal["diurnal"] = "diurnal"
    mean_rate: ArrivalRate
    peak_to_mean: Annotated[float, Field(strict=True, ge=1.0, le=2.0, allow_inf_nan=False)]
    peak_at: TimeOfDay

    @property
    def _swing(self) -> float:
        return self.peak_to_mean - 1.0

    def _peak_phase(self, clock: Clock) -> float:
        """From time 0 to the peak, as an angle, not negative."""
        hours, minutes = (int(part) for part in self.peak_at.split(":"))
        return ((3600.0 * hours + 60.0 * minutes - clock.day_s) % DAY_S) / DAY_S * _TURN

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate."""
        if self.mean_rate == 0:
            return iter(())
        peak, swing = self._peak_phase(clock), self._swing
        table = np.linspace(0.0, _TURN, _CELLS + 1)
        heights = table + swing * np.sin(table)
        per_day = self.mean_rate * DAY_S

        def arrival_s(points: NDArray[np.float64]) -> NDArray[np.float64]:
            heights_sought = points * (_TURN / per_day) - (peak + swing * math.sin(peak))
            turns = np.floor(heights_sought / _TURN)
            heights_sought -= turns * _TURN
            angles = _angle_of(heights_sought, swing, heights, table)
            angles += turns * _TURN + peak
            angles *= DAY_S / _TURN
            return angles

        # A little beyond the horizon, for the last digits; what falls beyond it is left out one by one.
        limit = self.expected_count(0.0, horizon_ns / NS_PER_SECOND, clock) * (1.0 + 1e-9) + 1e-6
        return moved_points(UnitPoints(streams.generator("arrivals")), [(limit, arrival_s)], horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The sinusoid [1/s]."""
        angles = np.asarray(t_s, dtype=np.float64) * (_TURN / DAY_S) - self._peak_phase(clock)
        return np.asarray(self.mean_rate * (1.0 + self._swing * np.cos(angles)))

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of the rate."""
        peak = self._peak_phase(clock)
        waves = [math.sin(t * (_TURN / DAY_S) - peak) for t in (start_s, stop_s)]
        return self.mean_rate * (stop_s - start_s + self._swing * (DAY_S / _TURN) * (waves[1] - waves[0]))

    def dispersion(self, window_s: float) -> float:
        """1: the count in a window that stands at a fixed time is Poisson, whatever the rate does."""
        return 1.0

    def describe(self) -> str:
        """Kind, rate, peak."""
        return (
            f"diurnal sinusoid, {rate_in_words(self.mean_rate)} on average, "
            f"peak {self.peak_to_mean:g} times that at {self.peak_at}"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.mean_rate == 0 else []


def _angle_of(
    heights_sought: NDArray[np.float64],
    swing: float,
    heights: NDArray[np.float64],
    table: NDArray[np.float64],
) -> NDArray[np.float64]:
    """x with x + swing·sin x = height, for heights in [0, 2π).

    The number of steps depends on each value alone, never on its neighbours. Two steps of Newton's method from the
    table reach the last digit where the slope 1 + swing·cos x is 0.05 or more; the few others (one in 700, if the
    rate falls to 0 at the trough) get sixty, held within one cell of the table.
    """
    angles = np.interp(heights_sought, heights, table)
    starts = angles.copy()
    for _ in range(2):
        angles -= (angles + swing * np.sin(angles) - heights_sought) / np.maximum(1.0 + swing * np.cos(angles), 1e-12)
    flat = np.flatnonzero(1.0 + swing * np.cos(starts) < _FLAT)
    if len(flat):
        sought, near = heights_sought[flat], starts[flat]
        found, cell = near.copy(), _TURN / _CELLS
        for _ in range(60):
            slopes = np.maximum(1.0 + swing * np.cos(found), 1e-12)
            found -= (found + swing * np.sin(found) - sought) / slopes
            np.clip(found, near - cell, near + cell, out=found)
        angles[flat] = found
    return angles
