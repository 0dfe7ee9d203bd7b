"""The greatest number of intervals that hold one instant, found as they come in."""

from __future__ import annotations

import random

import numpy as np
import pytest

from simulator.engines.tables import NONE
from simulator.measures.instance_time import Peak
from simulator.units import FOREVER


def most_of(intervals: list[tuple[int, int]], from_ns: int, until_ns: int) -> int:
    """The same, looked for at the start and at each beginning, one by one."""
    instants = [from_ns, *(begin for begin, _ in intervals if from_ns <= begin < until_ns)]
    # Of several that begin at one instant all have begun; one that is over as it begins counts where it begins.
    return max(sum(begin <= at < end for begin, end in intervals) for at in instants)


@pytest.mark.parametrize("longest", [3, 40, 100_000])
def test_the_same_as_one_by_one(longest: int) -> None:
    """Random intervals, many at one instant or few, fed in blocks: as many at once as are counted one by one."""
    dice = random.Random(longest)
    for _ in range(60):
        from_ns = dice.choice([0, 0, dice.randint(0, 2 * longest)])
        until_ns = dice.choice([FOREVER, from_ns + dice.randint(1, 8 * longest)])
        begins = sorted(dice.randint(0, 6 * longest) for _ in range(dice.randint(0, 200)))
        intervals = [(begin, dice.choice([FOREVER, begin + dice.randint(1, longest)])) for begin in begins]
        peak, rest = Peak(from_ns, until_ns), intervals
        while rest:
            size = dice.randint(1, 50)
            block, rest = rest[:size], rest[size:]
            settled_ns = rest[0][0] if rest else block[-1][0]
            mixed = dice.sample(block, len(block))
            table = np.array(mixed, np.int64)
            peak.add(table[:, 0].copy(), table[:, 1].copy(), settled_ns - 1)
        assert most_of(intervals, from_ns, until_ns) == peak.finish()


def test_more_after_a_peak_that_was_seen() -> None:
    """Three at once after two, all in a later block."""
    peak = Peak(0, 100)
    peak.add(np.array([1, 2]), np.array([5, 6]), 10)
    peak.add(np.array([11, 12, 13]), np.array([20, 20, 20]), 30)
    assert 3 == peak.finish()


def test_an_end_goes_first() -> None:
    """One that begins as another ends is alone."""
    peak = Peak(0, 100)
    peak.add(np.array([0, 5]), np.array([5, 9]), 50)
    assert 1 == peak.finish()


def test_what_is_negative_is_no_instant() -> None:
    """Rows without a place are passed over."""
    peak = Peak(0, 100)
    peak.add(np.array([NONE, 3, NONE]), np.array([NONE, 8, NONE]), 50)
    assert 1 == peak.finish()
