"""Points of metrics, counted and sampled in the calendar (model.md 4.2)."""

from __future__ import annotations

from simulator.engines.compiled.sampling import ATTEMPTS, ENDS_AT, METRIC, end_period
from simulator.engines.compiled.standing_calendar.kernels import rule
from simulator.engines.compiled.standing_calendar.state import LENGTH, LOAD, SAMPLE_AT, SAMPLES, SERVING, State
from simulator.engines.scaling import Metric
from simulator.units import FOREVER

_INVOCATIONS, _NO_CAPACITY = int(Metric.INVOCATIONS_PER_INSTANCE), int(Metric.NO_CAPACITY_FAILURES)
_WITHOUT_CAPACITY = int(Metric.BACKLOG_WITHOUT_CAPACITY)


@rule
def count_attempt(state: State, has_found: bool) -> None:
    """Count an attempt that found an instance in service, or was throttled because it found none."""
    series = state.series
    for policy in range(len(series)):
        if has_found and series[policy, METRIC] == _INVOCATIONS:
            series[policy, ATTEMPTS] += 1
            state.shares[policy] += 1.0 / state.counts[SERVING]
        elif not has_found and series[policy, METRIC] == _NO_CAPACITY:
            series[policy, ATTEMPTS] += 1


@rule
def sample_points(state: State) -> None:
    """Sample every metric whose period ends at the next end of a period; there must be room."""
    counts, series, samples = state.counts, state.series, state.samples
    now_ns, next_ns = counts[SAMPLE_AT], FOREVER
    for policy in range(len(series)):
        if series[policy, ENDS_AT] == now_ns:
            metric = series[policy, METRIC]
            load = counts[LOAD]
            if metric in (_INVOCATIONS, _NO_CAPACITY):
                load = series[policy, ATTEMPTS]
            elif metric == _WITHOUT_CAPACITY:
                load = int(counts[SERVING] == 0 and state.instances[0, LENGTH] > 0)
            end_period(
                series, state.shares, policy, samples, state.sampled_shares, counts[SAMPLES], load, counts[SERVING]
            )
            counts[SAMPLES] += 1
        next_ns = min(next_ns, series[policy, ENDS_AT])
    counts[SAMPLE_AT] = next_ns
