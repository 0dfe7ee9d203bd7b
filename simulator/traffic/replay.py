"""What replayed timestamps and replayed counts share: speed, scale, repetition and resampling of days."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic.arrivals import Arrivals
from simulator.traffic.clock import Clock
from simulator.traffic.days import DAY_NS, Day, DayDraw
from simulator.units import NS_PER_SECOND, duration_text

_MINUTE_S: Final = 60.0
_MOST_SCALE: Final = 1e6


class Draws(NamedTuple):
    """Streams of a replay: where arrivals are placed, and how many come of what was recorded, if it is scaled."""

    places: np.random.Generator
    copies: np.random.Generator

    def whole(self, means: NDArray[np.float64]) -> NDArray[np.int64]:
        """Whole numbers of these means, each the next one below or above its mean; one uniform draw each."""
        below = np.floor(means)
        below += self.copies.random(len(means)) < means - below
        return below.astype(np.int64)


class Replay(Arrivals):
    """Traffic that was recorded, from the start of the recording on.

    Parameters
    ----------
    speed : float
        Time is compressed by this factor: 2 plays the recording in half the time, at twice the rate. More than 0.
    scale : float or none
        Every count is multiplied by this factor on average, and the clock stays. More than 0, at most 10⁶. What is
        not whole is rounded at random, for each recorded arrival or count by itself, anew in every replication.
    repeat : bool
        True: begin again at the end. Otherwise a horizon longer than the recording is refused.
    resample : ``days`` or none
        Each day of the run is a whole day of the recording, drawn with replacement, another draw in every
        replication (a block bootstrap with blocks of a day [1]_); weekdays from weekdays and weekend days from
        weekend days if the recording has both. Not with `speed` or `repeat`.

    References
    ----------
    .. [1] H. R. Künsch, "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17
       (1989).
    """

    speed: Annotated[float, Field(strict=True, gt=0.0, le=1e6, allow_inf_nan=False)] = 1.0
    scale: Annotated[float, Field(strict=True, gt=0.0, le=_MOST_SCALE, allow_inf_nan=False)] | None = None
    repeat: bool = False
    resample: Literal["days"] | None = None

    @property
    @abstractmethod
    def length_ns(self) -> int:
        """Length of the recording, before `speed` [ns]."""

    @property
    @abstractmethod
    def cycle_ns(self) -> int:
        """After how long a repetition begins, before `speed`; 0 if it cannot [ns]."""

    @abstractmethod
    def day_draw(self) -> DayDraw:
        """The whole days of the recording."""

    @abstractmethod
    def counted(self, until_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected count from the recording's start to instants of it, before `speed` [ns]."""

    @abstractmethod
    def played(self, from_ns: int, until_ns: int, start_ns: int, draws: Draws) -> Iterator[NDArray[np.int64]]:
        """Arrivals of a stretch of the recording that begins at `start_ns` in the run [ns]."""

    def problems(self, horizon_s: float) -> list[str]:
        """Also if the recording is too short."""
        problems = super().problems(horizon_s)
        lasts_s = self.length_ns / NS_PER_SECOND / self.speed
        if not problems and not self.repeat and self.resample is None and horizon_s > lasts_s:
            at_speed = "" if self.speed == 1 else f" at speed {self.speed:g}"
            return [
                f"the recording lasts {duration_text(lasts_s)}{at_speed}, less than the horizon of "
                f"{duration_text(horizon_s)}; shorten the horizon, or write repeat: true or resample: days"
            ]
        return problems

    def most_scale(self) -> float:
        """Largest `scale` that is allowed."""
        return _MOST_SCALE

    def _scaled(self, factor: float) -> Self:
        """By `scale`, on top of what it is."""
        scale = factor * (1.0 if self.scale is None else self.scale)
        if scale > self.most_scale():
            raise InputError(f"traffic scaled by {factor:g}: scale is {scale:g}, at most {self.most_scale():g}")
        return self.model_copy(update={"scale": scale})

    def check_options(self) -> None:
        """Refuse options that contradict each other; for validators, once the recording is read.

        Raises
        ------
        ValueError
            Naming the options.
        """
        if self.scale is not None and self.scale > self.most_scale():
            raise ValueError(f"scale is {self.scale:g}, must be at most {self.most_scale():g} for this recording")
        if self.resample is not None:
            if self.repeat or self.speed != 1.0:
                raise ValueError("resample: days goes neither with repeat nor with speed (a compressed day is no day)")
            found = len(self.day_draw().days)
            if found < 2:
                raise ValueError(
                    f"resample: days needs at least 2 whole days, the recording has {found} (from "
                    f"{'midnight to midnight' if self.day_draw().dated else 'its start on'}, in "
                    f"{duration_text(self.length_ns / NS_PER_SECOND)})"
                )
        if self.repeat and self.cycle_ns <= 0:
            raise ValueError("repeat needs a length, since all arrivals of the recording are at its start")

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """The recording once, over and over, or day by day as drawn."""
        draws = Draws(streams.generator("placement"), streams.generator("placement", 0))
        for start_ns, from_ns, until_ns in self._stretches(streams, clock):
            if start_ns >= horizon_ns:
                return
            for piece in self.played(from_ns, until_ns, start_ns, draws):
                # The first of resampled days may have begun before time 0.
                first, beyond = np.searchsorted(piece, (0, horizon_ns))
                yield piece[first:beyond]
                if beyond < len(piece):
                    return

    def _stretches(self, streams: Streams, clock: Clock) -> Iterator[tuple[int, int, int]]:
        """(start in the run, from, to in the recording) [ns]."""
        if self.resample is not None:
            for start_ns, day in self.day_draw().drawn(streams, clock):
                yield start_ns, day.start_ns, day.start_ns + DAY_NS
        elif self.repeat:
            cycle_ns = max(1, round(self.cycle_ns / self.speed))
            repetition = 0
            while True:
                yield repetition * cycle_ns, 0, self.cycle_ns
                repetition += 1
        else:
            yield 0, 0, self.length_ns + 1

    def _expected_until(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Expected count from time 0, up to a constant."""
        t_ns = t_s * float(NS_PER_SECOND)
        if self.resample is None:
            recorded_ns = t_ns * self.speed
            if not self.repeat:
                return self.counted(np.minimum(recorded_ns, float(self.length_ns + 1)))
            whole = np.floor(recorded_ns / self.cycle_ns)
            every = float(self.counted(np.array([float(self.cycle_ns)]))[0])
            return whole * every + self.counted(recorded_ns - whole * self.cycle_ns)
        draw = self.day_draw()
        first, over_ns = draw.first_day(clock)
        since_ns = t_ns + over_ns
        number = np.floor(since_ns / DAY_NS).astype(np.int64)
        since_ns -= number.astype(np.float64) * DAY_NS
        # What may be drawn depends on the day of the week alone: seven days tell all.
        among = [draw.candidates(first + k, clock) for k in range(7)]
        totals = np.array([float(self._mean_of(days, np.array([float(DAY_NS)]))[0]) for days in among])
        before = np.concatenate([[0.0], np.cumsum(totals)])
        until = number // 7 * before[-1] + before[number % 7]
        for k in range(7):
            at = np.flatnonzero(number % 7 == k)
            if len(at):
                until[at] += self._mean_of(among[k], since_ns[at])
        return np.asarray(until)

    def _mean_of(self, days: list[Day], since_midnight_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over recorded days of the count from the beginning of the day."""
        starts = np.array([float(day.start_ns) for day in days])
        counts = sum(self.counted(start + since_midnight_ns) for start in starts) - self.counted(starts).sum()
        return np.asarray(counts / len(days))

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """What the recording has there; with resampling the mean over the days that may be drawn."""
        until = self._expected_until(np.array([start_s, stop_s], dtype=np.float64), clock)
        return float(until[1] - until[0])

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Expected count in the minute of the run that each time is in, over a minute [1/s]."""
        begins_s = np.floor(np.asarray(t_s, dtype=np.float64) / _MINUTE_S) * _MINUTE_S
        counts = self._expected_until(begins_s + _MINUTE_S, clock) - self._expected_until(begins_s, clock)
        return np.asarray(counts / _MINUTE_S)

    def scaling_in_words(self) -> str:
        """How the recording is scaled in time, for `describe`."""
        words = []
        if self.scale is not None:
            words.append(f"all counts scaled by {self.scale:g}")
        if self.speed != 1:
            words.append(f"time compressed {self.speed:g} times")
        if self.repeat:
            words.append(f"repeated every {duration_text(self.cycle_ns / self.speed / NS_PER_SECOND)}")
        if self.resample is not None:
            draw = self.day_draw()
            sorts = ", weekdays and weekend days apart" if draw.stratified else ""
            words.append(f"days drawn anew among {len(draw.days)} recorded ones in each replication{sorts}")
        return "".join(f", {part}" for part in words)

    def resampling_notes(self) -> list[str]:
        """What resampled days leave out."""
        draw = self.day_draw()
        notes = [
            f"Days are drawn with replacement among {len(draw.days)} recorded whole days: nothing is simulated that "
            "none of them shows, and days follow each other independently."
        ]
        for is_weekend, sort in ((False, "weekday"), (True, "weekend day")):
            if draw.stratified and sum(day.is_weekend == is_weekend for day in draw.days) == 1:
                notes.append(f"The recording has one whole {sort}: every {sort} of a run is that one.")
        if not draw.dated:
            notes.append(
                "The recording has no dates: its days are 24 hours from its start, weekends are not told apart."
            )
        return notes
