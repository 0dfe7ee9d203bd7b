"""Latency histogram with logarithmic bins, found without a logarithm: exponent and top 7 mantissa bits of a float64.

128 bins an octave, so the midpoint of a bin is within 0.4 % (1/256) of every value in it. Bins are whole counts:
histograms of blocks, replications or workers add up exactly, in any order [1]_.

References
----------
.. [1] Masson, Rim & Lee, "DDSketch", VLDB 2019: fixed relative error, merging by addition. The index by exponent and
   mantissa instead of a logarithm gives the same bins in Python, NumPy and Numba.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.percentiles import rank
from simulator.units import FOREVER

#: Bins an octave, and bins in all: 64 octaves hold every int64 of 1 or more.
PER_OCTAVE: Final = 128
BINS: Final = 64 * PER_OCTAVE
#: The float64 has 52 mantissa bits, of which 7 stay; its exponent is kept with an offset of 1023.
MANTISSA_SHIFT: Final = 52 - 7
EXPONENT_OFFSET: Final = 1023 * PER_OCTAVE


def bins_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bin of each value.

    Parameters
    ----------
    values_ns : ndarray of int64, shape (n,)
        1 or more [ns].

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 to `BINS` - 1, never decreasing with the value.
    """
    bits: NDArray[np.int64] = values_ns.astype(np.float64).view(np.int64)
    return (bits >> MANTISSA_SHIFT) - EXPONENT_OFFSET


def least_of(index: int) -> int:
    """Least whole number of a bin [ns]."""
    octave, part = divmod(index, PER_OCTAVE)
    # The edge is 2^octave · (1 + part/128); rounded up to a whole number in the lowest seven octaves.
    return -(-((PER_OCTAVE + part) << octave) // PER_OCTAVE)


def middle_of(index: int) -> int:
    """Middle of the whole numbers in a bin, within 0.4 % of each of them [ns]."""
    # float64 rounds the largest values up, the very last into the bin above int64.
    return min((least_of(index) + least_of(index + 1) - 1) // 2, FOREVER)


def edges_ns() -> NDArray[np.float64]:
    """Edges of all bins, `BINS` + 1 of them: bin i holds values from edge i up to, not including, edge i + 1 [ns]."""
    octave, part = np.divmod(np.arange(BINS + 1), PER_OCTAVE)
    edges: NDArray[np.float64] = np.ldexp(1.0 + part / PER_OCTAVE, octave)
    return edges


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of the bins that hold something.

    Parameters
    ----------
    bins : ndarray of int64, shape (k,)
        Numbers of the bins, increasing.
    counts : ndarray of int64, shape (k,)
        Values in each of them, 1 or more.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]

    @staticmethod
    def from_dense(counts: NDArray[np.int64]) -> Histogram:
        """Histogram from the counts of all bins."""
        bins = np.flatnonzero(counts).astype(np.int64)
        return Histogram(bins, counts[bins].astype(np.int64))

    @staticmethod
    def of(values_ns: NDArray[np.int64]) -> Histogram:
        """Histogram of values of 1 ns or more."""
        return Histogram.from_dense(np.bincount(bins_of(values_ns), minlength=BINS))

    @staticmethod
    def merged(histograms: Iterable[Histogram]) -> Histogram:
        """Histogram of all values together."""
        dense = np.zeros(BINS, np.int64)
        for histogram in histograms:
            dense[histogram.bins] += histogram.counts
        return Histogram.from_dense(dense)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self.bins, other.bins) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """How many values it holds."""
        return int(self.counts.sum())

    def bin_at(self, share: Fraction) -> int:
        """Number of the bin in which the quantile at a share lies.

        Raises
        ------
        ValueError
            If the histogram is empty.
        """
        if not len(self.bins):
            raise ValueError("an empty histogram has no quantile")
        place = int(np.searchsorted(np.cumsum(self.counts), rank(share, self.total)))
        return int(self.bins[place])

    def quantile_ns(self, share: Fraction) -> int:
        """Smallest value that at least a share of the values does not exceed, to 0.4 % [ns].

        Raises
        ------
        ValueError
            If the histogram is empty.
        """
        return middle_of(self.bin_at(share))

    def above(self, index: int) -> int:
        """How many values lie in bins above one."""
        return int(self.counts[self.bins > index].sum())
