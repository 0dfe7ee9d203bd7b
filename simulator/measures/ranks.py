"""Does a measure rise or fall with an input? Rank correlation, and its like for inputs that have no order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.intervals import NO_DATA, Estimate

#: Numbers, NaN where there is none.
Values = Sequence[float] | NDArray[np.float64]
#: Correlations closer to 1 than this are taken for this, so that the interval has a length.
_NEARLY_ONE: Final = 1.0 - 1e-9


def rank_correlation(first: Values, second: Values, level: float) -> Estimate:
    """Spearman's rank correlation with its interval, by Fisher's z and the standard error of Bonett and Wright [1]_.

    Parameters
    ----------
    first, second : sequences or arrays of float
        Of the same length; pairs with NaN are left out.
    level : float
        Confidence level.

    Returns
    -------
    Estimate
        No data with fewer than four pairs or where one of the two never varies.

    References
    ----------
    .. [1] D. G. Bonett, T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
       correlations", Psychometrika 65 (2000): standard error √((1 + r²/2)/(n − 3)) of artanh r.
    """
    from scipy.special import ndtri

    ranks = _ranked(first, second)
    n = len(ranks[0])
    if n < 4 or any(one.min() == one.max() for one in ranks):
        return Estimate(None, None, None, level, n, NO_DATA if n < 4 else "one of the two does not vary")
    value = float(np.corrcoef(*ranks)[0, 1])
    inside = max(-_NEARLY_ONE, min(_NEARLY_ONE, value))
    half = float(ndtri(0.5 + level / 2)) * math.sqrt((1 + inside**2 / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(inside) + side * half) for side in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), level, n, "Spearman's rank correlation, Fisher's z")


def share_between_groups(groups: Values, values: Values, level: float) -> Estimate:
    """Share of the variance of ranks that lies between groups, 0 to 1 (Kruskal and Wallis' H over n − 1 [1]_).

    The like of a squared rank correlation where the input is a choice without an order; without an interval, and chance
    alone makes it (groups − 1)/(n − 1) on average.

    References
    ----------
    .. [1] W. H. Kruskal, W. A. Wallis, "Use of ranks in one-criterion variance analysis", JASA 47 (1952).
    """
    _, ranks = _ranked(groups, values)
    kept = ~(np.isnan(np.asarray(groups, float)) | np.isnan(np.asarray(values, float)))
    labels = np.asarray(groups, float)[kept]
    n = len(ranks)
    if n < 4 or ranks.max() == ranks.min():
        return Estimate(None, None, None, level, n, NO_DATA if n < 4 else "the measure does not vary")
    between = sum(
        (labels == label).sum() * (ranks[labels == label].mean() - ranks.mean()) ** 2 for label in np.unique(labels)
    )
    share = float(between / ((ranks - ranks.mean()) ** 2).sum())
    return Estimate(share, None, None, level, n, "share of the variance of ranks between the options")


def differs(share: Estimate, groups: int, level: float) -> bool:
    """Whether a share between groups is more than chance makes, but for 1 − level of cases (H taken for χ²)."""
    from scipy.special import chdtrc

    return share.value is not None and float(chdtrc(groups - 1, (share.n - 1) * share.value)) < 1 - level


def _ranked(first: Values, second: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ranks of the pairs that are whole, equal values sharing theirs."""
    pairs = np.array([first, second], np.float64)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    return _ranks(pairs[0]), _ranks(pairs[1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values have the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    ranks: NDArray[np.float64] = (before + (counts - 1) / 2)[inverse]
    return ranks
