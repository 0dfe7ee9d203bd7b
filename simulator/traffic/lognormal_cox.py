"""Poisson traffic whose rate wanders slowly at random: days that differ from each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.diurnal import Diurnal
from simulator.traffic.flash_crowd import FlashCrowd
from simulator.traffic.growth import Growth
from simulator.traffic.nested import check_depth
from simulator.traffic.points import Inverse, UnitPoints, moved_points
from simulator.traffic.poisson import Poisson
from simulator.traffic.profile import Profile
from simulator.traffic.ramp import Ramp
from simulator.traffic.superposition import Superposition
from simulator.units import NS_PER_SECOND, duration_text

if TYPE_CHECKING:
    from simulator.traffic import Traffic

#: Steps in a correlation time, unless the scenario says otherwise.
_STEPS: Final = 32
_LEAST_STEPS, _MOST_STEPS = 4, 10_000
#: Beyond so many correlation times nothing is left of the correlation (e⁻⁴⁵ is 3·10⁻²⁰).
_FORGOTTEN: Final = 45.0
#: Edges of the path that are made at a time, about. It has no influence on any arrival.
_EDGES: Final = 4096
#: Most steps within a horizon: the path is drawn through, however few the requests.
_MOST_IN_HORIZON: Final = 1e8
#: A run of fewer correlation times sees little of the variation.
_FEW: Final = 10.0
#: In so long a time the rate of other traffic is taken for even.
_EVEN_S: Final = 60.0
#: What is a Poisson process by itself, so that its expected rate says all about it.
_POISSON: Final = (Poisson, Diurnal, Profile, FlashCrowd, Ramp, Growth)

Variation = Annotated[float, Field(strict=True, gt=0.0, le=100.0, allow_inf_nan=False)]
LogSd = Annotated[float, Field(strict=True, gt=0.0, le=3.0, allow_inf_nan=False)]


class LognormalCox(Arrivals):
    """Cox process with a lognormal intensity [1]_: a Poisson process of rate λ(t)·m(t), m = exp(Y − s²/2).

    Y is Gaussian with standard deviation s and correlation e^(−h/correlation_time), so m has mean 1 and varies within
    hours or days, as a slow component of real traffic does: a month is not exactly like the last one. m is constant
    within steps; the grid of the steps begins at a uniform place before time 0, so that all is stationary. λ is a
    constant, or the expected rate of other traffic, then taken for even within each minute of the run.

    m comes from streams of its own, so that busy times stand where they are when rates change, and arrivals are
    unit-rate points moved by the inverse of the cumulative rate.

    Parameters
    ----------
    correlation_time : duration
        More than 0. [s]
    mean_rate, of : rate or traffic
        One of the two: λ [1/s], or traffic that is a Poisson process: poisson, diurnal, profile, flash_crowd, ramp,
        growth, or superpositions of these.
    cv, log_sd : float
        One of the two: coefficient of variation of m, up to 100, or s, up to 3; more than 0.
    step : duration
        A 10,000th to a quarter of the correlation time; a 32nd if it is left out. [s]

    References
    ----------
    .. [1] J. Møller, A. R. Syversveen, R. P. Waagepetersen, "Log Gaussian Cox processes", Scandinavian Journal of
       Statistics 25 (1998).
    """

    kind: Literal["lognormal_cox"] = "lognormal_cox"
    correlation_time: Length
    mean_rate: ArrivalRate | None = None
    of: Traffic | None = None
    cv: Variation | None = None
    log_sd: LogSd | None = None
    step: Length | None = None

    @model_validator(mode="after")
    def _one_way(self) -> LognormalCox:
        for one, other in (("mean_rate", "of"), ("cv", "log_sd")):
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                given = "neither" if getattr(self, one) is None else "both"
                raise ValueError(f"lognormal_cox takes {one} or {other}; given: {given}")
        if self.step is not None:
            steps = self.correlation_time / self.step
            if not _LEAST_STEPS <= steps <= _MOST_STEPS:
                raise ValueError(
                    f"step is {duration_text(self.step)} and correlation_time {duration_text(self.correlation_time)}; "
                    f"a step must be a {_MOST_STEPS:,}th to a quarter of it"
                )
        if self.of is not None:
            check_depth(self)
            _check_poisson(self.of)
        return self

    @property
    def _variance(self) -> float:
        """s² of the logarithm."""
        if self.log_sd is not None:
            return self.log_sd**2
        assert self.cv is not None
        return math.log1p(self.cv**2)

    @property
    def _step_s(self) -> float:
        return self.step if self.step is not None else self.correlation_time / _STEPS

    @property
    def inside(self) -> tuple[Arrivals, ...]:
        """The other traffic, if there is any."""
        return () if self.of is None else (self.of,)

    def problems(self, horizon_s: float) -> list[str]:
        """Also those of the other traffic, and if there are too many steps."""
        problems = super().problems(horizon_s)
        if not problems and self.of is not None:
            problems = [f"of: {problem}" for problem in self.of.problems(horizon_s)]
        if not problems and horizon_s / self._step_s > _MOST_IN_HORIZON:
            problems = [
                f"correlation_time {duration_text(self.correlation_time)} makes {horizon_s / self._step_s:.2g} steps "
                f"of {self._step_s:.3g} s in a horizon of {duration_text(horizon_s)}, at most {_MOST_IN_HORIZON:g}; "
                "write a longer one, or a longer step"
            ]
        return problems

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate of a drawn path of m."""
        horizon_s = horizon_ns / NS_PER_SECOND
        if self.mean_rate == 0 or (self.of is not None and self.of.expected_count(0.0, horizon_s, clock) == 0):
            return iter(())
        path = self._path(streams, clock, horizon_s)
        return moved_points(UnitPoints(streams.generator("arrivals")), path, horizon_ns)

    def _path(self, streams: Streams, clock: Clock, horizon_s: float) -> Iterator[tuple[float, Inverse]]:
        """Stretches of some steps each, up to the first one that ends beyond the horizon."""
        from simulator.traffic.recursions import autoregress

        variance, step_s = self._variance, self._step_s
        sd, kept = math.sqrt(variance), math.exp(-step_s / self.correlation_time)
        begin = streams.generator("modulation", 0)
        # The first step is cut at a uniform place.
        origin_s, log = -begin.random() * step_s, begin.standard_normal() * sd
        generator = streams.generator("modulation", 1)
        at_once = _EDGES if self.of is None else max(1, int(_EDGES / (1.0 + step_s / _EVEN_S)))
        number, count = 0, 0.0
        while origin_s + number * step_s <= horizon_s:
            steps = int(min(at_once, (horizon_s - origin_s) / step_s - number + 2))
            logs = generator.standard_normal(steps)
            last = autoregress(logs, log, kept, sd)
            # The value of a step stands before the draw that follows from it.
            heights = np.exp(np.concatenate([[log], logs[:-1]]) - variance / 2.0)
            edges_s = np.maximum(origin_s + (number + np.arange(steps + 1)) * step_s, 0.0)
            edges_s, counts = self._counted(edges_s, heights, count, clock, horizon_s)
            number, count, log = number + steps, float(counts[-1]), last
            yield count, _inverse(counts, edges_s)

    def _counted(
        self, edges_s: NDArray[np.float64], heights: NDArray[np.float64], count: float, clock: Clock, horizon_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Edges at which the rate may change, and cumulative rates there."""
        if self.of is None:
            expected = np.diff(edges_s) * (self.mean_rate or 0.0)
        else:
            # A step may last for ages; what comes after the minute in which the run ends is never asked for.
            until_s = min(float(edges_s[-1]), (horizon_s // _EVEN_S + 1.0) * _EVEN_S)
            minutes = np.arange(edges_s[0] // _EVEN_S + 1.0, until_s / _EVEN_S) * _EVEN_S
            finer = np.union1d(np.minimum(edges_s, until_s), minutes)
            heights = heights[np.searchsorted(edges_s[1:-1], finer[:-1], side="right")]
            windows = itertools.pairwise(finer.tolist())
            expected = np.array([self.of.expected_count(start_s, stop_s, clock) for start_s, stop_s in windows])
            edges_s = finer
        # Running sums from the first step on, whatever the number of steps in a stretch.
        return edges_s, np.cumsum(np.concatenate([[count], expected * heights]))

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """λ, over all paths of m [1/s]."""
        return self.of.rate(t_s, clock) if self.of is not None else np.full(np.shape(t_s), self.mean_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of λ."""
        if self.of is not None:
            return self.of.expected_count(start_s, stop_s, clock)
        return (self.mean_rate or 0.0) * (stop_s - start_s)

    @property
    def steady_rate(self) -> float | None:
        """λ if it is constant [1/s]."""
        return self.of.steady_rate if self.of is not None else self.mean_rate

    def dispersion(self, window_s: float) -> float | None:
        """1 + (2λ/w)·∫₀ʷ (w − h)·c(h) dh if λ is constant, c the covariance of m [1]_; else None.

        At whole steps c is e^(s²·e^(−h/correlation_time)) − 1, and linear between them, since m is constant within
        steps that begin at a uniform place.

        References
        ----------
        .. [1] J. Møller, A. R. Syversveen, R. P. Waagepetersen, "Log Gaussian Cox processes", Scandinavian Journal of
           Statistics 25 (1998).
        """
        rate, step_s = self.steady_rate, self._step_s
        if rate is None or rate == 0:
            return None
        until_s = min(window_s, _FORGOTTEN * self.correlation_time)
        grid_s = np.append(np.arange(0.0, until_s, step_s), until_s)

        def covariance(lag_s: NDArray[np.float64]) -> NDArray[np.float64]:
            before = np.floor(lag_s / step_s + 1e-9)
            low, high = (
                np.expm1(self._variance * np.exp(-(before + k) * step_s / self.correlation_time)) for k in (0, 1)
            )
            return np.asarray(low + (lag_s / step_s - before) * (high - low))

        def weighted(lag_s: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(covariance(lag_s) * (1.0 - lag_s / window_s))

        # A product of two linear functions within every step: Simpson's rule is exact.
        middles_s = (grid_s[:-1] + grid_s[1:]) / 2.0
        parts = np.diff(grid_s) / 6.0 * (weighted(grid_s[:-1]) + 4.0 * weighted(middles_s) + weighted(grid_s[1:]))
        return 1.0 + 2.0 * rate * float(parts.sum())

    def _scaled(self, factor: float) -> Self:
        """λ scaled."""
        if self.of is None:
            return super()._scaled(factor)
        return self.model_copy(update={"of": self.of.scaled(factor)})

    def describe(self) -> str:
        """λ, and how much and how slowly m varies."""
        cv = self.cv if self.cv is not None else math.sqrt(math.expm1(self._variance))
        what = self.of.describe() if self.of is not None else f"Poisson, {rate_in_words(self.mean_rate or 0.0)}"
        return (
            f"{what}; times a lognormal intensity of cv {cv:.3g} that forgets itself within "
            f"{duration_text(round(self.correlation_time, 3))} (Cox process)"
        )

    def notes(self) -> list[str]:
        """Those of the other traffic, or that the rate is 0."""
        if self.of is not None:
            return self.of.notes()
        return [NO_REQUESTS] if self.mean_rate == 0 else []

    def remarks(self, horizon_s: float) -> list[str]:
        """Those of the other traffic, and that one run does not see all of the variation, if so."""
        remarks = self.of.remarks(horizon_s) if self.of is not None else []
        if self.correlation_time * _FEW > horizon_s:
            remarks.append(
                f"The rate wanders within {duration_text(round(self.correlation_time, 3))}: a run of "
                f"{duration_text(horizon_s)} sees little of how it varies. Replications differ by it, and days drawn "
                "one by one do not hang together as those of a month do."
            )
        return remarks


def _check_poisson(traffic: Arrivals) -> None:
    parts = traffic.parts if isinstance(traffic, Superposition) else (traffic,)
    for part in parts:
        if isinstance(part, Superposition):
            _check_poisson(part)
        elif not isinstance(part, _POISSON):
            raise ValueError(
                f"of is of kind {part.kind}; must be a Poisson process by itself: poisson, diurnal, profile, "
                "flash_crowd, ramp, growth, or superpositions of these"
            )


def _inverse(counts: NDArray[np.float64], edges_s: NDArray[np.float64]) -> Inverse:
    return lambda points: np.interp(points, counts, edges_s)
