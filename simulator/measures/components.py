"""Where the spread of a measure comes from: a crossed design of assumptions and traffic taken apart.

Each of M draws of the assumptions (rows) meets the same K realisations of the traffic (columns), so a value is

    y = mean + a + b + ab,

a the draw's part, b the traffic's, ab what neither says alone: how much more or less the traffic matters under this
draw. Their variances are estimated from mean squares of the two-way layout [1]_. The traffic is common to all draws;
to take the mean square within draws for chance would count it among the assumptions' noise and make their part too
small [2]_.

References
----------
.. [1] H. Scheffé, "The Analysis of Variance" (1959), 7.4 (two-way random-effects model).
.. [2] Y. Sun, D. W. Apley, J. Staum, "Efficient nested simulation for estimating the variance of a conditional
   expectation", Operations Research 59 (2011): the one-way design, with traffic of its own for each draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.intervals import NO_DATA, Estimate

#: Draws of the pivotal quantities: their 2.5 % point is then known to about a hundredth of its distribution.
PIVOTS: Final = 4000
_METHOD: Final = "two-way layout, generalised confidence interval"


@dataclass(frozen=True)
class Components:
    """Shares of the variance of a measure, 0 to 1, together 1.

    Parameters
    ----------
    assumptions, chance, interaction : Estimate
        From the draw alone, from the traffic alone, and from both together.
    spread : float or None
        Standard deviation of one value, all parts together, in the unit of the measure. None without data.
    draws, repeats : int
        M and K of the values that were used.
    """

    assumptions: Estimate
    chance: Estimate
    interaction: Estimate
    spread: float | None
    draws: int
    repeats: int


def components(values: NDArray[np.float64], level: float, generator: np.random.Generator) -> Components:
    """Shares of variance in a crossed design, each with an interval.

    Mean squares are taken as independent multiples of chi-squared variables, as they are if the parts are normal; the
    intervals are the percentiles of what the components would be under the chi-squared variables that could have given
    these mean squares (generalised confidence intervals [1]_, [2]_). Where the means of the draws have heavier tails
    than normal ones, their mean square is less certain and has fewer degrees of freedom: so many that the variance
    2/(M − 1) + κ/M of its ratio to the truth, κ the excess kurtosis of the means [3]_, is that of chi-squared.
    How often the intervals hold the truth was measured (notes/decisions.md 12).

    Parameters
    ----------
    values : ndarray of float64, shape (M, K)
        One row a draw of the assumptions, one column a realisation of the traffic. Rows with NaN are left out.
    level : float
        Confidence level.
    generator : Generator
        Makes the pivotal quantities.

    References
    ----------
    .. [1] S. Weerahandi, "Generalized confidence intervals", JASA 88 (1993).
    .. [2] R. K. Burdick, C. M. Borror, D. C. Montgomery, "Design and Analysis of Gauge R&R Studies" (2005), ch. 3:
       shares of variance in the two-way random model.
    .. [3] D. G. Bonett, "Approximate confidence interval for standard deviation of nonnormal distributions",
       Computational Statistics & Data Analysis 50 (2006).
    """
    whole = values[~np.isnan(values).any(axis=1)]
    rows, columns = whole.shape
    if rows < 2 or columns < 2:
        why = NO_DATA if rows < 2 else "one realisation of the traffic: nothing to tell chance by"
        nothing = Estimate(None, None, None, level, rows, why)
        return Components(nothing, nothing, nothing, None, rows, columns)
    squares, counted = mean_squares(whole)
    degrees = counted.astype(np.float64)
    found = variances(squares, rows, columns)
    # Equal values leave rounding behind.
    if found.sum() <= 1e-24 * float(np.abs(whole).max()) ** 2:
        nothing = Estimate(0.0, 0.0, 0.0, level, rows, "all values are equal")
        return Components(nothing, nothing, nothing, 0.0, rows, columns)
    kurtosis = max(_excess_kurtosis(whole.mean(axis=1)), 0.0)
    degrees[0] = 2.0 / (2.0 / degrees[0] + kurtosis / rows)
    pivots = degrees * squares / generator.chisquare(degrees, (PIVOTS, 3))
    possible = variances(pivots, rows, columns)
    shares = possible / possible.sum(axis=1, keepdims=True)
    lows, highs = np.quantile(shares, ((1 - level) / 2, (1 + level) / 2), axis=0)
    value = found / found.sum()
    of_draws, of_traffic, of_both = (
        Estimate(float(one), float(low), float(high), level, rows, _METHOD)
        for one, low, high in zip(value, np.minimum(lows, value), np.maximum(highs, value), strict=True)
    )
    return Components(of_draws, of_traffic, of_both, float(np.sqrt(found.sum())), rows, columns)


def mean_squares(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean squares of rows, columns and residuals, and their degrees of freedom.

    Parameters
    ----------
    values : ndarray of float64, shape (M, K)
        Two rows and two columns at least.

    Returns
    -------
    ndarray of float64 and of int64, shape (3,)
    """
    rows, columns = values.shape
    mean = values.mean()
    by_row, by_column = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    left = values - mean - by_row[:, None] - by_column
    degrees = np.array([rows - 1, columns - 1, (rows - 1) * (columns - 1)])
    sums = np.array([columns * (by_row**2).sum(), rows * (by_column**2).sum(), (left**2).sum()])
    return sums / degrees, degrees


def variances(squares: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Variances of the parts from mean squares (…, 3), none below 0: (MS_row − MS_left)/K, (MS_column − MS_left)/M."""
    of_rows, of_columns, left = np.moveaxis(squares, -1, 0)
    parts = [np.maximum(of_rows - left, 0.0) / columns, np.maximum(of_columns - left, 0.0) / rows, left]
    return np.stack(parts, axis=-1)


def _excess_kurtosis(values: NDArray[np.float64]) -> float:
    """Of the distribution that a sample is from; 0 for fewer than four values or equal ones."""
    n = len(values)
    away = values - values.mean()
    if n < 4 or not away.any():
        return 0.0
    sample = float((away**4).mean() / (away**2).mean() ** 2) - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * sample + 6.0)
