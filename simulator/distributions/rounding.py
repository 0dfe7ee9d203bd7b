"""Seconds made whole nanoseconds where they lie, one compiled pass over them; the rule is `units.array_to_ns`.

A draw in seconds and its whole nanoseconds take eight bytes each, so a column is drawn into memory that then becomes
the column.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.units import FOREVER, NS_PER_SECOND

_SCALE: Final = float(NS_PER_SECOND)
#: 2**63, the first float64 that int64 cannot hold.
_TOO_LONG: Final = 9223372036854775808.0


@njit(cache=True)
def round_to_ns(seconds: NDArray[np.float64], least_ns: int) -> None:
    """Replace times by whole nanoseconds, half to even, none below `least_ns`, saturating at `FOREVER`.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n,)
        Not negative, infinity is "for ever" [s]; holds int64 afterwards [ns].
    least_ns : int
        [ns]
    """
    whole_ns = seconds.view(np.int64)
    for i in range(len(seconds)):
        scaled = np.rint(seconds[i] * _SCALE)
        whole_ns[i] = max(int(scaled), least_ns) if scaled < _TOO_LONG else FOREVER


@njit(cache=True)
def add_up(gaps: NDArray[np.float64], last_ns: int, horizon_ns: int) -> tuple[int, int]:
    """Replace gaps by the instants at which they end, as long as these lie before the horizon.

    Each gap is rounded to whole nanoseconds first.

    Parameters
    ----------
    gaps : ndarray of float64, shape (n,)
        Not negative [s]; the first ones hold int64 afterwards [ns].
    last_ns, horizon_ns : int
        Where the first gap begins; before the horizon. [ns]

    Returns
    -------
    int
        Instants before the horizon.
    int
        The last of them, or the horizon if a gap reaches it. [ns]
    """
    whole_ns = gaps.view(np.int64)
    for i in range(len(gaps)):
        scaled = np.rint(gaps[i] * _SCALE)
        whole_ns[i] = int(scaled) if scaled < _TOO_LONG else FOREVER
    for i in range(len(gaps)):
        # A sum beyond the horizon, which might not be an int64, is never made.
        if whole_ns[i] >= horizon_ns - last_ns:
            return i, horizon_ns
        last_ns += whole_ns[i]
        whole_ns[i] = last_ns
    return len(gaps), last_ns
