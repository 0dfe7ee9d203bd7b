"""The current period of each policy's metric, and samples of those that are over, where instances have queues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.kernels import rule
from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.scaling.points import Point, point_of
from simulator.engines.scaling import StepScaling, TargetTracking
from simulator.units import FOREVER

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Columns of `series`, one row per policy: what it watches; its period, and when that ends [ns]; attempts that count.
METRIC, PERIOD, ENDS_AT, ATTEMPTS = range(4)
#: Columns of `samples`: the policy, the load, the instances in service.
_SAMPLED, _LOADED, _SERVED = range(3)


@rule
def end_period(
    series: Ints, shares: Floats, policy: int, samples: Ints, sampled_shares: Floats, row: int, load: int, serving: int
) -> None:
    """Write the sample of a policy whose period ends, and begin the next one."""
    samples[row, _SAMPLED] = policy
    samples[row, _LOADED] = load
    samples[row, _SERVED] = serving
    sampled_shares[row] = shares[policy]
    series[policy, ATTEMPTS] = 0
    shares[policy] = 0.0
    series[policy, ENDS_AT] = plus(series[policy, ENDS_AT], series[policy, PERIOD])


def begin_series(series: Ints, policies: Sequence[TargetTracking | StepScaling]) -> int:
    """When the first period of any policy ends, after all have begun; `FOREVER` if there is none [ns]."""
    for row, policy in zip(series, policies, strict=True):
        row[[METRIC, PERIOD, ENDS_AT]] = int(policy.metric), policy.period_ns, policy.period_ns
    return min((policy.period_ns for policy in policies), default=FOREVER)


def points_of(series: Ints, samples: Ints, sampled_shares: Floats) -> list[tuple[int, Point | None]]:
    """The policy and the point of each sample; none is passed over."""
    metrics = series[:, METRIC].tolist()
    return [
        (policy, point_of(metrics[policy], load, serving, share))
        for (policy, load, serving), share in zip(samples.tolist(), sampled_shares.tolist(), strict=True)
    ]


def last_sampled_ns(series: Ints) -> int:
    """The last instant at which anything was sampled [ns]."""
    return int((series[:, ENDS_AT] - series[:, PERIOD]).max(initial=0))
