"""The hourly rule of a savings plan: what a commitment costs against the usage of each hour."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """A commitment to spend so much in each hour of a term, for usage at a discount.

    In each hour usage is covered at plan prices, (1 - discount) of those on demand, up to the commitment. What is
    not used of it is lost with the hour; usage beyond it is paid on demand [1]_.

    Parameters
    ----------
    commitment : float
        0 or more. [USD/h]
    discount : float
        In (0, 1): of the on-demand price.

    Raises
    ------
    ValueError
        If a field is out of range.

    References
    ----------
    .. [1] AWS, SageMaker AI Savings Plans: committed dollars an hour for 1 or 3 years, applied to each hour's usage.
    """

    commitment: float
    discount: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.commitment < float("inf"):
            raise ValueError(f"commitment is {self.commitment}, must be 0 or more and finite")
        if not 0.0 < self.discount < 1.0:
            raise ValueError(f"discount is {self.discount}, must be between 0 and 1, neither of them")

    @property
    def covers(self) -> float:
        """Usage of an hour that the commitment covers, at on-demand prices [USD/h]."""
        return self.commitment / (1.0 - self.discount)

    def cost(self, usage: Floats) -> Floats:
        """Cost of hours: the commitment, and what it does not cover.

        Parameters
        ----------
        usage : ndarray of float64
            Usage of each hour at on-demand prices. [USD]

        Returns
        -------
        ndarray of float64, same shape
            [USD]
        """
        return self.commitment + np.maximum(0.0, usage - self.covers)

    def unused(self, usage: Floats) -> Floats:
        """What is lost of the commitment in hours, at plan prices; same shape [USD]."""
        return np.maximum(0.0, self.commitment - (1.0 - self.discount) * usage)


def best_commitment(usage: Floats, discount: float) -> float:
    """The commitment with the least mean cost over hours, the least such one where several are.

    Parameters
    ----------
    usage : ndarray of float64
        Usage of each hour at on-demand prices, at least one. [USD]
    discount : float
        In (0, 1).

    Returns
    -------
    float
        [USD/h]

    Notes
    -----
    A further dollar an hour at plan prices covers 1/(1 - d) on demand in the hours whose usage exceeds what is covered
    already. It pays while P(usage > covered) > 1 - d: the newsvendor's quantile, covered = the least x with
    P(usage ≤ x) ≥ d.
    """
    ordered = np.sort(np.ravel(usage))
    # Whole numbers: with a binary d, n · d may come out just above the rank that is meant.
    rank = -int(-Fraction(str(discount)) * len(ordered) // 1)
    return float((1.0 - discount) * ordered[max(rank, 1) - 1])


def break_even_share(discount: float) -> float:
    """Share of the hours of a term in which an instance has to run for a commitment to it to pay: 1 - d."""
    return 1.0 - discount
