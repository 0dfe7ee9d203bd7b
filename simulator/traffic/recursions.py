"""Recursions that go value by value, compiled: the gaps of self-exciting traffic, and an autoregression."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def excite(
    draws: NDArray[np.float64],
    gaps: NDArray[np.float64],
    excess: float,
    base_rate: float,
    jump: float,
    decay: float,
) -> float:
    """Gaps of a Hawkes process with an exponential kernel, without thinning [1]_.

    After an arrival the intensity is ν + x. The next one comes of whatever is first: the constant part ν, after
    E₂/ν, or the excess x, which is used up after −ln(1 − βE₁/x)/β, never if βE₁ ≥ x. Then x decays, and jumps by α.

    Parameters
    ----------
    draws : ndarray of float64, shape (n, 2)
        Standard exponential E₁ and E₂.
    gaps : ndarray of float64, shape (n,)
        Filled. [s]
    excess : float
        x where the first gap begins. [1/s]
    base_rate, jump, decay : float
        ν more than 0, α, β more than 0. [1/s]

    Returns
    -------
    float
        x after the last arrival. [1/s]

    References
    ----------
    .. [1] A. Dassios, H. Zhao, "Exact simulation of Hawkes process with exponentially decaying intensity",
       Electronic Communications in Probability 18 (2013), algorithm 3.1.
    """
    for i in range(len(gaps)):
        gap = draws[i, 1] / base_rate
        used = decay * draws[i, 0]
        if used < excess:
            gap = min(gap, -math.log1p(-used / excess) / decay)
        excess = excess * math.exp(-decay * gap) + jump
        gaps[i] = gap
    return excess


@njit(cache=True)
def autoregress(values: NDArray[np.float64], last: float, kept: float, sd: float) -> float:
    """Replace standard normal draws by a Gaussian sequence: y ← kept·y + sd·√(1 − kept²)·z.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Draws z; then the sequence.
    last, kept, sd : float
        y before the first value, correlation of neighbours, and standard deviation of y.

    Returns
    -------
    float
        The last y.
    """
    fresh = sd * math.sqrt(1.0 - kept * kept)
    for i in range(len(values)):
        last = kept * last + fresh * values[i]
        values[i] = last
    return last
