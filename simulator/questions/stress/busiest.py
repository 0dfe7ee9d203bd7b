"""When a scenario's traffic is busiest, by its expected rate."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from simulator.traffic import Arrivals, Clock

_MINUTE_S: Final = 60.0
#: Steps in which a run is looked through at most.
_MOST_STEPS: Final = 100_000
#: Windows that expect as much but for the last digits are equally busy.
_ALIKE: Final = 1e-9


def busiest_start(traffic: Arrivals, clock: Clock, length_s: float, from_s: float, until_s: float) -> float:
    """Start of the window in which most requests are expected, in whole minutes.

    Of windows that are alike it is the middle one of the first that follow each other: in the middle of the run where
    the rate never changes.

    Parameters
    ----------
    traffic : Arrivals
    clock : Clock
    length_s : float
        Of the window. [s]
    from_s, until_s : float
        The window lies between them, or begins at the first of them if there is no room. [s]
    """
    room_s = until_s - from_s - length_s
    step_s = _MINUTE_S * max(1, math.ceil((until_s - from_s) / _MINUTE_S / _MOST_STEPS))
    places = int(room_s // step_s) + 1
    if places < 2:
        return from_s
    window = max(1, round(length_s / step_s))
    middles_s = from_s + step_s * (np.arange(places + window - 1) + 0.5)
    # Beyond the end there may be nothing to ask: a recording ends.
    rates = traffic.rate(np.minimum(middles_s, until_s - 1e-3), clock)
    counts = np.concatenate([[0.0], np.cumsum(rates)])
    expected = counts[window:] - counts[:-window]
    is_most = expected >= float(expected.max()) * (1.0 - _ALIKE)
    first = int(np.argmax(is_most))
    alike = int(np.argmin(np.append(is_most[first:], False)))
    return from_s + step_s * (first + alike // 2)


def follows_clock(traffic: Arrivals, clock: Clock, moved: Clock, by_s: float, horizon_s: float) -> bool:
    """Whether traffic that begins later by the clock goes on as it would have by then.

    Parameters
    ----------
    traffic : Arrivals
    clock, moved : Clock
        At time 0, and at time 0 of a run that begins `by_s` later.
    by_s, horizon_s : float
        Less than the horizon. [s]
    """
    times_s = np.arange(0.0, horizon_s - by_s, max(_MINUTE_S, horizon_s / _MOST_STEPS)) + 1e-3
    before, after = traffic.rate(times_s + by_s, clock), traffic.rate(times_s, moved)
    return bool(np.allclose(before, after, rtol=0.0, atol=1e-6 * float(before.max(initial=0.0))))
