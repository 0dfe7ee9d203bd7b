"""How much is asked of the provisioned instances: counted as places are taken and left, sampled as periods end.

Model.md 3.2. Integrals over time go on from 0 and wrap around; only their differences over one period are looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.launching_calendar.kernels import kernel, rule
from simulator.engines.compiled.launching_calendar.state import (
    ENDS_AT,
    IN_SERVICE,
    LOAD,
    LOAD_BEFORE,
    LOAD_NS,
    MOMENTS,
    MOST,
    MOST_SAMPLED,
    PERIOD,
    SAMPLE_AT,
    SAMPLED,
    SAMPLED_LOAD_NS,
    SAMPLED_SERVING_NS,
    SAMPLES,
    SEEN_NS,
    SERVING,
    SERVING_BEFORE,
    SERVING_NS,
)
from simulator.engines.compiled.moments import AT, rank_of
from simulator.units import FOREVER

Ints = NDArray[np.int64]
#: Ranks (model.md 1): an arrival, and later than all that happens.
_ARRIVAL, _NEVER = 60, 61

#: What `look_ahead` says: the next event may happen; look again, periods ended; it has to wait; no room to sample.
GOES_ON, LOOK_AGAIN, WAITS, SHORT_OF_SAMPLES = range(4)


@rule
def bring_up(sizes: Ints, now_ns: int) -> None:
    """Bring the integrals up to an instant, before the load or the instances in service change."""
    elapsed_ns = now_ns - sizes[SEEN_NS]
    sizes[LOAD_NS] += sizes[LOAD] * elapsed_ns
    sizes[SERVING_NS] += sizes[SERVING] * elapsed_ns
    sizes[SEEN_NS] = now_ns


@kernel
def change_load(sizes: Ints, series: Ints, change: int, now_ns: int) -> None:
    """A place that counts is taken (1) or left (-1)."""
    bring_up(sizes, now_ns)
    sizes[LOAD] += change
    for policy in range(len(series)):
        series[policy, MOST] = max(series[policy, MOST], sizes[LOAD])


@kernel
def look_ahead(
    sizes: Ints, moments: Ints, series: Ints, samples: Ints, arrival_ns: int, until_ns: int, until_rank: int
) -> int:
    """Whether the next event comes before an instant and a rank; periods that end before it are sampled first.

    Parameters
    ----------
    sizes, moments, series, samples : ndarray of int64
        Of the state.
    arrival_ns : int
        Of the next request, `FOREVER` if there is none. [ns]
    until_ns, until_rank : int
        [ns]
    """
    next_ns, rank = arrival_ns, _ARRIVAL if arrival_ns < FOREVER else _NEVER
    if sizes[MOMENTS] > 0 and moments[0, AT] <= next_ns:
        next_ns, rank = moments[0, AT], rank_of(moments)
    if sizes[SAMPLE_AT] <= min(next_ns, until_ns) and min(next_ns, until_ns) < FOREVER:
        if sizes[SAMPLES] + len(series) > len(samples):
            return SHORT_OF_SAMPLES
        _sample(sizes, series, samples)
        return LOOK_AGAIN
    return WAITS if next_ns > until_ns or (next_ns == until_ns and rank >= until_rank) else GOES_ON


@rule
def _sample(sizes: Ints, series: Ints, samples: Ints) -> None:
    """Sample every period that ends at the next end of one; there must be room."""
    now_ns, next_ns = sizes[SAMPLE_AT], FOREVER
    bring_up(sizes, now_ns)
    for policy in range(len(series)):
        if series[policy, ENDS_AT] == now_ns:
            row = sizes[SAMPLES]
            samples[row, SAMPLED] = policy
            samples[row, SAMPLED_LOAD_NS] = sizes[LOAD_NS] - series[policy, LOAD_BEFORE]
            samples[row, SAMPLED_SERVING_NS] = sizes[SERVING_NS] - series[policy, SERVING_BEFORE]
            samples[row, MOST_SAMPLED] = series[policy, MOST]
            samples[row, IN_SERVICE] = sizes[SERVING]
            sizes[SAMPLES] = row + 1
            series[policy, LOAD_BEFORE] = sizes[LOAD_NS]
            series[policy, SERVING_BEFORE] = sizes[SERVING_NS]
            series[policy, MOST] = sizes[LOAD]
            period_ns = series[policy, PERIOD]
            series[policy, ENDS_AT] = now_ns + period_ns if period_ns <= FOREVER - now_ns else FOREVER
        next_ns = min(next_ns, series[policy, ENDS_AT])
    sizes[SAMPLE_AT] = next_ns
