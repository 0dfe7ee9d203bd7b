"""Points of metrics: counted and sampled in the calendar, made of the samples when published (model.md 4.2)."""

from __future__ import annotations

from simulator.engines.compiled.scaling.points import Point, point_of
from simulator.engines.compiled.standing_calendar.kernels import rule
from simulator.engines.compiled.standing_calendar.state import (
    ATTEMPTS,
    ENDS_AT,
    LENGTH,
    LOAD,
    LOADED,
    METRIC,
    PERIOD,
    SAMPLE_AT,
    SAMPLED,
    SAMPLES,
    SERVED,
    SERVING,
    State,
)
from simulator.engines.scaling import Metric, StepScaling, TargetTracking
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
            row = counts[SAMPLES]
            samples[row, SAMPLED], samples[row, LOADED], samples[row, SERVED] = policy, load, counts[SERVING]
            state.sampled_shares[row] = state.shares[policy]
            counts[SAMPLES] = row + 1
            series[policy, ATTEMPTS] = 0
            state.shares[policy] = 0.0
            more_ns = series[policy, PERIOD]
            series[policy, ENDS_AT] = now_ns + more_ns if more_ns <= FOREVER - now_ns else FOREVER
        next_ns = min(next_ns, series[policy, ENDS_AT])
    counts[SAMPLE_AT] = next_ns


def begin_series(state: State, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
    """Let the first period of every policy begin."""
    for row, policy in zip(state.series, policies, strict=True):
        row[[METRIC, PERIOD, ENDS_AT]] = int(policy.metric), policy.period_ns, policy.period_ns
        state.counts[SAMPLE_AT] = min(state.counts[SAMPLE_AT], policy.period_ns)


def points_sampled(state: State) -> list[tuple[int, Point | None]]:
    """The points of all samples, which are forgotten: number of the policy, and its point; none is passed over."""
    count = int(state.counts[SAMPLES])
    state.counts[SAMPLES] = 0
    metrics = state.series[:, METRIC].tolist()
    samples, shares = state.samples[:count].tolist(), state.sampled_shares[:count].tolist()
    return [
        (policy, point_of(metrics[policy], load, serving, share))
        for (policy, load, serving), share in zip(samples, shares, strict=True)
    ]
