"""Traffic and durations drawn with NumPy alone, so that the oracles need no other part than the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]
Rng = np.random.Generator


def _until(horizon_s: float, mean_gap_s: float, gaps: Callable[[int], Times]) -> Times:
    """Running sums of gaps, up to the horizon."""
    n = int(horizon_s / mean_gap_s)
    parts = [np.cumsum(gaps(n + 6 * int(np.sqrt(n)) + 10))]
    while parts[-1][-1] < horizon_s:
        parts.append(parts[-1][-1] + np.cumsum(gaps(int(np.sqrt(n)) + 10)))
    arrivals = np.concatenate(parts)
    return arrivals[: np.searchsorted(arrivals, horizon_s)]


def poisson(rng: Rng, rate: float, horizon_s: float) -> Times:
    """Arrivals of a Poisson process [s]."""
    return _until(horizon_s, 1 / rate, lambda n: rng.exponential(1 / rate, n))


def gamma_renewal(rng: Rng, rate: float, cv: float, horizon_s: float) -> Times:
    """Arrivals with independent gamma gaps [s]."""
    return _until(horizon_s, 1 / rate, lambda n: rng.gamma(1 / cv**2, cv**2 / rate, n))


def mmpp(rng: Rng, rates: tuple[float, float], leaving: tuple[float, float], horizon_s: float) -> Times:
    """Arrivals of a two-state Markov-modulated Poisson process from its steady state.

    Unit-rate points are mapped through the inverse of the cumulative rate, which is linear within a sojourn [s].
    """
    settle = leaving[0] + leaving[1]
    first = 0 if rng.random() < leaving[1] / settle else 1
    cycles = int(horizon_s * leaving[0] * leaving[1] / settle) + 10
    states = (first + np.arange(2 * (cycles + 6 * int(np.sqrt(cycles)) + 10))) % 2
    knots = np.concatenate([[0.0], np.cumsum(rng.exponential(1.0, len(states)) / np.array(leaving)[states])])
    assert knots[-1] > horizon_s
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(knots) * np.array(rates)[states])])
    points = poisson(rng, 1.0, float(np.interp(horizon_s, knots, cumulative)))
    return np.asarray(np.interp(points, cumulative, knots))


def sinusoidal(rng: Rng, rate: float, swing: float, period_s: float, horizon_s: float) -> Times:
    """Arrivals at rate (1 + swing sin(2 pi t / period)): of a faster Poisson process each is kept by chance [s]."""
    arrivals = poisson(rng, rate * (1 + swing), horizon_s)
    kept = rng.random(len(arrivals)) * (1 + swing) < 1 + swing * np.sin(2 * np.pi / period_s * arrivals)
    return arrivals[kept]


def lognormal(rng: Rng, mean: float, cv: float, n: int) -> Times:
    """Lognormal times from mean and coefficient of variation [s]."""
    variance = np.log1p(cv**2)
    return rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance), n)
