"""Objectives: reading them, and judging them."""

from __future__ import annotations

import pytest

from simulator.measures.catalogue import MEASURES
from simulator.measures.intervals import Estimate, fraction, mean
from simulator.measures.objectives import Verdict, judge, parse_objective


@pytest.mark.parametrize(
    ("text", "measure", "comparison", "limit"),
    [
        ("p99 < 800ms", "p99", "<", 800.0),
        ("p99.9<=1.5s", "p99.9", "<=", 1500.0),
        ("p999 < 2s", "p99.9", "<", 2000.0),
        ("p(97.5) < 2s", "p97.5", "<", 2000.0),
        ("mean_latency < 100ms", "mean_latency", "<", 100.0),
        ("cold_start_fraction < 1%", "cold_start_fraction", "<", 0.01),
        ("monthly_cost < 250USD", "monthly_cost", "<", 250.0),
        ("cost_per_1000 <= 0.05 USD", "cost_per_1000", "<=", 0.05),
        ("utilization >= 30%", "utilization", ">=", 0.3),
        ("instances_max < 10", "instances_max", "<", 10.0),
        ("instance_time < 2h", "instance_time", "<", 7200.0),
    ],
)
def test_objectives_are_read(text: str, measure: str, comparison: str, limit: float) -> None:
    """Measure, comparison, and the limit in the unit of the measure's column."""
    objective = parse_objective(text)
    assert (measure, comparison, limit) == (objective.measure.name, objective.comparison, objective.limit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p99 = 800ms", "not an objective"),
        ("p99 <", "not an objective"),
        ("p99 < 800", "800ms or 800s"),
        ("cold_start_fraction < 0.01", "write a per cent"),
        ("monthly_cost < 250", "250USD"),
        ("monthly_cost < 250EUR", "250USD"),
        ("cold_start_fractoin < 1%", "nearest: cold_start_fraction"),
        ("p100 < 1%", "p10"),
        ("instances_max < ten", "not a number"),
    ],
)
def test_wrong_objectives_are_refused_with_the_remedy(text: str, message: str) -> None:
    """The message says how to write it."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_objective(text)
    assert message in str(caught.value)


def test_every_measure_can_be_an_objective() -> None:
    """No measure of the catalogue is left without a way to limit it."""
    limits = {"duration": "1s", "share": "1%", "money": "1USD", "count": "1", "average": "1"}
    for name, measure in MEASURES.items():
        assert name == parse_objective(f"{name} < {limits[measure.kind]}").measure.name


def _verdict(text: str, values: list[float | None]) -> Verdict:
    objective = parse_objective(text)
    held = [None if v is None else objective.holds(v) for v in values]
    return judge(objective, mean(values), held).verdict


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([700.0, 710.0, 705.0], Verdict.MET),
        ([900.0, 910.0, 905.0], Verdict.NOT_MET),
        ([700.0, 900.0, 790.0], Verdict.UNDECIDED),
        ([799.0] * 5, Verdict.MET),
        ([800.0] * 5, Verdict.NOT_MET),
        ([700.0], Verdict.UNDECIDED),
        ([None, None], Verdict.NO_DATA),
    ],
)
def test_verdicts_come_from_the_interval(values: list[float | None], expected: Verdict) -> None:
    """Wholly below the limit: met; wholly above: not met; across it or one replication: undecided."""
    assert expected == _verdict("p99 < 800ms", values)


def test_at_the_limit_the_comparison_decides() -> None:
    """800 ms in every replication meets <= and >=, not < and >."""
    verdicts = [_verdict(f"p99 {sign} 800ms", [800.0] * 3) for sign in ("<", "<=", ">", ">=")]
    assert [Verdict.NOT_MET, Verdict.MET, Verdict.NOT_MET, Verdict.MET] == verdicts


def test_a_fraction_of_zero_in_every_replication_is_decided() -> None:
    """None throttled in 20 replications meets throttled_fraction < 0.1%; one replication alone decides nothing."""
    objective = parse_objective("throttled_fraction < 0.1%")
    assert Verdict.MET == judge(objective, fraction([0.0] * 20), [True] * 20).verdict
    assert Verdict.UNDECIDED == judge(objective, fraction([0.0]), [True]).verdict


def test_the_chance_to_miss_has_its_own_interval() -> None:
    """2 of 20 replications miss: 10 %, Clopper-Pearson 1.2 % to 31.7 % (published)."""
    objective = parse_objective("p99 < 800ms")
    values = [700.0] * 18 + [900.0] * 2
    misses = judge(objective, mean(values), [objective.holds(v) for v in values]).misses
    assert 0.1 == misses.value
    assert (0.0123, 0.3170) == pytest.approx((misses.low, misses.high), abs=5e-5)


def test_replications_to_decide() -> None:
    """s = 100, 10 from the limit: (1.96 · 100 / 10)² ≈ 384.1, and a little more for Student's t: 387."""
    half = 2.093024054 * 100 / 20**0.5
    estimate = Estimate(790.0, 790.0 - half, 790.0 + half, 0.95, 20, "mean, t")
    judgement = judge(parse_objective("p99 < 800ms"), estimate, [True] * 20)
    assert Verdict.UNDECIDED == judgement.verdict
    assert 387 == judgement.replications_to_decide


def test_a_mean_on_the_limit_cannot_be_decided() -> None:
    """No number of replications moves an interval off its middle."""
    judgement = judge(parse_objective("p99 < 800ms"), mean([790.0, 810.0]), [True, False])
    assert (Verdict.UNDECIDED, None) == (judgement.verdict, judgement.replications_to_decide)


def test_percentile_objectives_count_exactly() -> None:
    """p99 < 800 ms holds if 99 of 100 latencies are below 800 ms to the nanosecond; <= counts 800 ms itself."""
    strict, loose = parse_objective("p99 < 800ms"), parse_objective("p99 <= 800ms")
    assert (800_000_000, 800_000_001) == (strict.threshold_ns, loose.threshold_ns)
    assert strict.holds_for_count(below=99, rank=99)
    assert not strict.holds_for_count(below=98, rank=99)
    assert not parse_objective("p99 >= 800ms").holds_for_count(below=99, rank=99)
    assert parse_objective("monthly_cost < 1USD").threshold_ns is None
