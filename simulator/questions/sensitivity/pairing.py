"""A Latin hypercube whose columns are hardly correlated, so that one assumption is not taken for another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.scenario.uncertain import strata


def paired(seed: int, draws: int, names: Sequence[str]) -> NDArray[np.float64]:
    """Quantiles of assumptions, one in each of `draws` strata, ordered so that rank correlations nearly vanish.

    By chance two columns of 64 in random order have a rank correlation beyond ±0.25 in one case of twenty, and what one
    assumption does would be found with the other too. Each column is put into the order of scores that are made
    uncorrelated by a Cholesky factor [1]_, [2]_; its values stay.

    Parameters
    ----------
    seed : int
    draws : int
        More than there are names, or the order stays random.
    names : sequence of str
        Of the assumptions.

    Returns
    -------
    ndarray of float64, shape (draws, names)
        0 to 1.

    References
    ----------
    .. [1] R. L. Iman, W. J. Conover, "A distribution-free approach to inducing rank correlation among input variables",
       Communications in Statistics B11 (1982).
    .. [2] M. D. McKay, R. J. Beckman, W. J. Conover, Technometrics 21 (1979): Latin hypercube sampling.
    """
    columns = np.array([strata(seed, draws, name) for name in names]).T
    if len(names) < 2 or draws <= len(names) + 1:
        return columns
    from scipy.special import ndtri

    ranks = columns.argsort(axis=0).argsort(axis=0)
    scores = ndtri((ranks + 1) / (draws + 1))
    factor = np.linalg.cholesky(np.corrcoef(scores, rowvar=False))
    order = np.linalg.solve(factor, scores.T).T.argsort(axis=0).argsort(axis=0)
    result: NDArray[np.float64] = np.take_along_axis(np.sort(columns, axis=0), order, axis=0)
    return result
