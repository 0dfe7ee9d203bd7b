"""Percentiles of the latencies that a tally has seen: exact as long as it kept all of them, else from the histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.measures.added import Sums
from simulator.measures.histogram import BINS, Histogram
from simulator.measures.percentiles import Level, rank
from simulator.measures.sweeps import gather


def latency_percentiles(
    sums: Sums, completed: int, levels: Sequence[Level], *, exact: bool
) -> tuple[tuple[Level, int], ...]:
    """Each level that so many completed requests are enough for, and its latency [ns].

    Parameters
    ----------
    sums : Sums
        What was added up.
    completed : int
        Completed requests.
    levels : sequence of Level
        Those wanted, in order.
    exact : bool
        Whether every latency was kept.
    """
    given = [level for level in levels if level.enough(completed)] if completed else []
    if not given:
        return ()
    if exact:
        values = select(sums.kept_ns[:completed], sums.histogram, [rank(level.share, completed) for level in given])
    else:
        histogram = Histogram.from_dense(sums.histogram)
        # The middle of the first or last bin may lie outside what was seen.
        least, greatest = sums.extremes_ns.tolist()
        values = [min(max(histogram.quantile_ns(level.share), least), greatest) for level in given]
    return tuple(zip(given, values, strict=True))


def select(values: NDArray[np.int64], counts: NDArray[np.int64], ranks: Sequence[int]) -> list[int]:
    """The values of some ranks, exactly, from the bins in which they lie.

    Parameters
    ----------
    values : ndarray of int64, shape (n,)
        1 or more, in any order.
    counts : ndarray of int64, shape (BINS,)
        Their histogram.
    ranks : sequence of int
        From 1 to n.
    """
    upto = np.cumsum(counts)
    bins = np.searchsorted(upto, np.asarray(ranks))
    wanted = np.unique(bins)
    slot_of_bin = np.full(BINS, -1, np.int64)
    slot_of_bin[wanted] = np.arange(len(wanted))
    ends = np.cumsum(counts[wanted])
    gathered = np.empty(ends[-1], np.int64)
    gather(values, slot_of_bin, gathered, ends - counts[wanted])
    found = []
    for one, index in zip(ranks, bins, strict=True):
        slot = int(slot_of_bin[index])
        inside = gathered[ends[slot] - counts[index] : ends[slot]]
        place = one - int(upto[index] - counts[index]) - 1
        found.append(int(np.partition(inside, place)[place]))
    return found
