"""Points of metrics, counted and sampled as requests arrive (model.md 4.2)."""

from __future__ import annotations

from simulator.engines.compiled.sampling import ATTEMPTS, ENDS_AT, METRIC, end_period
from simulator.engines.compiled.scaled_queues.departures import forget_departures, requests_held
from simulator.engines.compiled.scaled_queues.kernels import kernel, rule
from simulator.engines.compiled.scaled_queues.state import SAMPLE_AT, SAMPLES, SERVING, Rules, State
from simulator.engines.scaling import Metric
from simulator.units import FOREVER

_INVOCATIONS, _NO_CAPACITY = int(Metric.INVOCATIONS_PER_INSTANCE), int(Metric.NO_CAPACITY_FAILURES)
_CONCURRENT, _BACKLOG = int(Metric.CONCURRENT_REQUESTS_PER_INSTANCE), int(Metric.BACKLOG_PER_INSTANCE)


@rule
def count_attempts(state: State, attempts: int) -> None:
    """Count attempts in a row that met the same instances in service: all found one, or none did."""
    series, serving = state.series, state.counts[SERVING]
    for policy in range(len(series)):
        if serving > 0 and series[policy, METRIC] == _INVOCATIONS:
            series[policy, ATTEMPTS] += attempts
            share, sum_of_shares = 1.0 / serving, state.shares[policy]
            # One by one: the sum of doubles depends on it.
            for _ in range(attempts):
                sum_of_shares += share
            state.shares[policy] = sum_of_shares
        elif serving == 0 and series[policy, METRIC] == _NO_CAPACITY:
            series[policy, ATTEMPTS] += attempts


@rule
def sample_points(rules: Rules, state: State) -> bool:
    """Whether there was room to sample every metric whose period ends at the next end of a period."""
    counts, series, samples = state.counts, state.series, state.samples
    if counts[SAMPLES] + len(series) > len(samples):
        return False
    now_ns, next_ns = counts[SAMPLE_AT], FOREVER
    held = 0
    if rules.keeps_departures:
        # Those of this very instant are still held.
        forget_departures(rules, state, now_ns)
        held = requests_held(rules, state)
    for policy in range(len(series)):
        if series[policy, ENDS_AT] == now_ns:
            metric, load = series[policy, METRIC], 0
            if metric in (_INVOCATIONS, _NO_CAPACITY):
                load = series[policy, ATTEMPTS]
            elif metric in (_CONCURRENT, _BACKLOG):
                load = held
            end_period(
                series, state.shares, policy, samples, state.sampled_shares, counts[SAMPLES], load, counts[SERVING]
            )
            counts[SAMPLES] += 1
        next_ns = min(next_ns, series[policy, ENDS_AT])
    counts[SAMPLE_AT] = next_ns
    return True


@kernel
def sample_until(rules: Rules, state: State, until_ns: int) -> bool:
    """Whether there was room to sample all periods that end by an instant, none later than the last arrival known."""
    while state.counts[SAMPLE_AT] <= until_ns:
        if not sample_points(rules, state):
            return False
    return True
