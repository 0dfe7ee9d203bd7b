"""What the traffic of one replication turned out to be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.units import NS_PER_SECOND

_MINUTE_NS: Final = 60 * NS_PER_SECOND


def summary_of(arrival_ns: NDArray[np.int64], horizon_ns: int) -> dict[str, Any]:
    """Count, mean rate, peak to mean and dispersion of traffic that was drawn.

    Parameters
    ----------
    arrival_ns : ndarray of int64, shape (n,)
        In ``[0, horizon)``, in order. [ns]
    horizon_ns : int
        More than 0. [ns]

    Returns
    -------
    dict
        As `summary_of_minutes`.
    """
    minutes = -(-horizon_ns // _MINUTE_NS)
    counts = np.bincount(arrival_ns // _MINUTE_NS, minlength=minutes)
    return summary_of_minutes(counts, horizon_ns)


def summary_of_minutes(counts: NDArray[np.int64], horizon_ns: int) -> dict[str, Any]:
    """The same from counts by minute, which can be added up block by block.

    Parameters
    ----------
    counts : ndarray of int64, shape (minutes,)
        Arrivals in each minute from time 0; the last minute may be cut by the horizon.
    horizon_ns : int
        More than 0. [ns]

    Returns
    -------
    dict
        ``requests``; ``mean_rate_per_s``; ``peak_to_mean``, largest over mean whole minute; ``dispersion``,
        variance (of a sample, n − 1) over mean of the counts of whole minutes. The last two are None where they
        have no meaning: no arrival in a whole minute, or fewer than one or two whole minutes.
    """
    requests = int(counts.sum())
    whole = counts[: horizon_ns // _MINUTE_NS]
    mean = float(whole.mean()) if len(whole) else 0.0
    return {
        "requests": requests,
        "mean_rate_per_s": requests / (horizon_ns / NS_PER_SECOND),
        "peak_to_mean": float(whole.max()) / mean if mean > 0 else None,
        "dispersion": float(whole.var(ddof=1)) / mean if mean > 0 and len(whole) > 1 else None,
    }
