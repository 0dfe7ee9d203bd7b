"""Sobol' indices: which share of a variance each input makes, alone and with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.measures.intervals import NO_DATA, Estimate

#: Resamples of the points for intervals.
RESAMPLES: Final = 999
_METHOD: Final = "Saltelli 2010, bootstrap of the points"

#: Values of outputs at points: (inputs, points) of quantiles from 0 to 1 → (outputs, points).
Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Indices:
    """Shares of the variance of one output, one an input.

    Parameters
    ----------
    first : tuple of Estimate
        That an input makes alone.
    total : tuple of Estimate
        That it makes alone or together with others.
    """

    first: tuple[Estimate, ...]
    total: tuple[Estimate, ...]


def sobol_indices(
    function: Function, inputs: int, points: int, level: float, generator: np.random.Generator
) -> list[Indices]:
    """First-order and total indices of every output, with bootstrap intervals.

    The points are scrambled Sobol' points, the estimators those of SciPy [1]_, [2]_. SciPy's own bootstrap takes random
    numbers from the system, so that it never gives the same interval twice; here the points are resampled, with SciPy's
    estimators, from a generator of the study.

    Parameters
    ----------
    function : callable
        Of all points at once, ``points·(inputs + 2)`` of them. Whatever is random in it must be the same at each point.
    inputs : int
        One or more; independent, uniform on [0, 1].
    points : int
        A power of 2.
    level : float
        Confidence level of the intervals: percentiles of the resampled indices.
    generator : Generator

    Returns
    -------
    list of Indices
        In the order of the outputs. An output with NaN at a point has no data; of one that never varies all are 0.

    References
    ----------
    .. [1] A. Saltelli et al., "Variance based sensitivity analysis of model output", Computer Physics Communications
       181 (2010).
    .. [2] SciPy, `scipy.stats.sobol_indices`.
    """
    from scipy.stats import qmc

    both = qmc.Sobol(2 * inputs, rng=generator).random(points).T
    first, second = both[:inputs], both[inputs:]
    mixed = [np.where(np.arange(inputs)[:, None] == one, second, first) for one in range(inputs)]
    values = function(np.concatenate([first, second, *mixed], axis=1))
    parts = values.reshape(len(values), inputs + 2, points)
    whole = [not np.isnan(row).any() for row in values]
    # A row that never varies keeps SciPy's arrays in two dimensions also where there is one output and one input.
    used = np.concatenate([parts[whole], np.zeros((1, inputs + 2, points))])
    found = _indices(used, inputs)
    resampled = np.empty((RESAMPLES, *found.shape))
    for number in range(RESAMPLES):
        resampled[number] = _indices(used[..., generator.integers(points, size=points)], inputs)
    lows, highs = np.quantile(resampled, ((1 - level) / 2, (1 + level) / 2), axis=0)
    nothing = Indices(*[tuple(Estimate(None, None, None, level, points, NO_DATA) for _ in range(inputs))] * 2)
    results, place = [], 0
    for is_whole in whole:
        if not is_whole:
            results.append(nothing)
            continue
        orders = [
            tuple(
                Estimate(value, min(low, value), max(high, value), level, points, _METHOD)
                for value, low, high in zip(*(one[order, place].tolist() for one in (found, lows, highs)), strict=True)
            )
            for order in (0, 1)
        ]
        results.append(Indices(*orders))
        place += 1
    return results


def _indices(parts: NDArray[np.float64], inputs: int) -> NDArray[np.float64]:
    """First-order and total indices, shape (2, outputs, inputs)."""
    from scipy import stats

    func: dict[Literal["f_A", "f_B", "f_AB"], NDArray[np.float64]] = {
        "f_A": parts[:, 0],
        "f_B": parts[:, 1],
        "f_AB": np.moveaxis(parts[:, 2:], 1, 0),
    }
    found = stats.sobol_indices(func=func, n=parts.shape[-1])
    shape = (parts.shape[0], inputs)
    return np.array([found.first_order.reshape(shape), found.total_order.reshape(shape)])
