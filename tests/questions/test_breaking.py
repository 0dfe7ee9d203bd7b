"""Where an objective breaks, found from verdicts alone: true curves that are known, and intervals of known width."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict, judge, parse_objective
from simulator.questions.stress.breaking import NEAR, Break, Outcome, Tried, break_of, to_try
from simulator.questions.stress.of_endpoints import ColdAtPeak, ShorterIdling
from simulator.questions.stress.of_traffic import FlashCrowds, Growth
from simulator.questions.stress.stressing import Stress

pytestmark = pytest.mark.thorough

LIMIT = parse_objective("p99 < 250ms")
GROWTH = Growth((1.0, 2.0, 4.0, 8.0))
Curve = Callable[[float], float]


def judged(value: float | None, half: float) -> Judgement:
    """The judgement of a mean with an interval of this half-width, from 20 replications."""
    low, high = (None, None) if value is None else (value - half, value + half)
    return judge(LIMIT, Estimate(value, low, high, 0.95, 20, "by hand"), [True] * 20)


def found(stress: Stress, curve: Curve, half: float = 10.0) -> tuple[Break, list[Tried]]:
    """The break point after all that is worth trying, and what was tried."""
    tried = [(severity, judged(curve(severity), half)) for severity in stress.severities]
    for _ in range(20):
        wanted = to_try(stress, tried)
        if not wanted:
            break
        tried += [(severity, judged(curve(severity), half)) for severity in wanted]
        tried.sort(key=lambda one: stress.place(one[0]))
    else:
        pytest.fail("the search does not end")
    return break_of(stress, LIMIT, tried), tried


@pytest.mark.parametrize(
    ("stress", "curve", "undecided", "at"),
    [
        # 100·s with ±10 is undecided from 2.4 to 2.6
        (GROWTH, lambda s: 100 * s, (2.4, 2.6), 2.5),
        (FlashCrowds((0.0, 5.0, 10.0, 20.0)), lambda s: 100 + 20 * s, (7.0, 8.0), 7.5),
        # 100/s: 250 is reached at 0.4
        (ShorterIdling((1.0, 0.5, 0.25, 0.1)), lambda s: 100 / s, (100 / 240, 100 / 260), 0.4),
    ],
    ids=["growth", "flash crowd", "idle timeout"],
)
def test_the_interval_is_the_undecided_zone(
    stress: Stress, curve: Curve, undecided: tuple[float, float], at: float
) -> None:
    """Its ends are decided, just outside of the zone: each nearer than a quarter of the interval, or than 3 %."""
    one, tried = found(stress, curve)
    assert one.outcome is Outcome.BREAKS
    assert one.at is not None
    assert one.low is not None
    assert one.high is not None
    assert at == pytest.approx(one.at, rel=0.01)
    low, high, zone_low, zone_high = map(stress.place, (one.low, one.high, *undecided))
    assert low < zone_low < zone_high < high
    for outside, edge in ((low, zone_low), (high, zone_high)):
        is_near = abs(outside - edge) <= NEAR * max(abs(one.low), abs(one.high)) * 1.01
        assert is_near or abs(outside - edge) <= 0.25 * (high - low)
    assert len(tried) <= len(stress.severities) + 9


@pytest.mark.parametrize("jump", [1.01, 1.9, 2.5, 3.99, 7.9])
def test_a_jump_is_found_between_near_neighbours(jump: float) -> None:
    """Where nothing is undecided the interval is as short as severities are told apart."""
    one, _ = found(GROWTH, lambda s: 100.0 if s < jump else 1000.0, half=1.0)
    assert one.low is not None
    assert one.high is not None
    assert one.low < jump <= one.high
    assert one.high / one.low <= 1 / (1 - NEAR)


def test_an_objective_that_never_breaks_is_not_reported_as_broken() -> None:
    """It holds, met to the last severity; nothing more is tried."""
    one, tried = found(GROWTH, lambda s: 100.0 + s)
    assert Break(LIMIT, Outcome.HOLDS, low=8.0) == one
    assert 4 == len(tried)


def test_broken_without_stress() -> None:
    """It breaks at the neutral severity, whatever comes after."""
    one, tried = found(GROWTH, lambda s: 300.0 / s)
    assert Break(LIMIT, Outcome.BROKEN_ALREADY, at=1.0, high=1.0) == one
    assert 4 == len(tried)


def test_undecided_from_the_beginning() -> None:
    """Broken further on, but not known to be met anywhere: no lower end; the mean reaches the limit at once."""
    one, _ = found(GROWTH, lambda s: 250.0 + 10 * (s - 1))
    assert one.outcome is Outcome.BREAKS
    assert (1.0, None) == (one.at, one.low)
    assert 2.0 == one.high


def test_undecided_at_the_last_severity() -> None:
    """Neither held nor broken: known to be met up to the one before."""
    one, _ = found(GROWTH, lambda s: 100.0 + 20.0 * (s - 1.0))
    assert (Outcome.UNDECIDED, None, 4.0, None) == (one.outcome, one.at, one.low, one.high)
    assert [8.0] == [severity for severity, _ in one.undecided]


def test_what_was_not_tried_is_not_finished() -> None:
    """Nothing is said to hold of which a severity is missing; what is broken is broken."""
    tried = [(1.0, judged(100.0, 1.0)), (2.0, judged(100.0, 1.0))]
    assert Break(LIMIT, Outcome.UNFINISHED, low=2.0) == break_of(GROWTH, LIMIT, tried)
    assert Outcome.UNFINISHED is break_of(GROWTH, LIMIT, []).outcome
    assert Outcome.BREAKS is break_of(GROWTH, LIMIT, [*tried, (4.0, judged(300.0, 1.0))]).outcome


def test_no_data_is_not_met_and_not_broken() -> None:
    """Told by its own name, with the hardest severity met before."""
    tried = [(1.0, judged(100.0, 1.0)), (2.0, judged(None, 0.0)), (4.0, judged(None, 0.0))]
    assert Break(LIMIT, Outcome.NO_DATA, low=1.0) == break_of(GROWTH, LIMIT, tried)
    assert [] == to_try(GROWTH, tried)


def test_undecided_severities_carry_the_replications_that_would_decide() -> None:
    """As the judgement says: with ±10 of 20 replications, 5 beyond the limit takes about four times as many."""
    tried = [(1.0, judged(100.0, 10.0)), (2.0, judged(245.0, 10.0))]
    one = break_of(Growth((1.0, 2.0)), LIMIT, tried)
    assert one.outcome is Outcome.UNDECIDED
    assert ((2.0, 73),) == one.undecided
    assert tried[1][1].verdict is Verdict.UNDECIDED


def test_a_switch_has_nothing_in_between() -> None:
    """Off or on: it breaks when it is on."""
    switch = ColdAtPeak((0.0, 1.0))
    one, tried = found(switch, lambda s: 100.0 + 900.0 * s)
    assert (Outcome.BREAKS, 0.0, 1.0) == (one.outcome, one.low, one.high)
    assert 2 == len(tried)


@pytest.mark.parametrize("stress", [GROWTH, FlashCrowds((0.0, 5.0)), ShorterIdling((1.0, 0.1))])
def test_halfway_on_the_line_is_between(stress: Stress) -> None:
    """Harder is further, and a severity stands at its own place, to four digits."""
    places = [stress.place(severity) for severity in stress.severities]
    assert sorted(places) == places
    middle = stress.severity_at((places[0] + places[1]) / 2)
    assert min(stress.severities[:2]) < middle < max(stress.severities[:2])
    assert middle == stress.severity_at(stress.place(middle))
    assert math.isclose(stress.severities[1], stress.severity_at(places[1]), rel_tol=1e-12)
