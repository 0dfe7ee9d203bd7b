"""The compiled passes from seconds to whole nanoseconds against the one function that rounds time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.distributions.rounding import add_up, round_to_ns
from simulator.units import FOREVER, array_to_ns

#: Halves, which go to even; the ends of int64; what is shorter than half a nanosecond, and never.
EDGES_S = [0.0, 4e-10, 5e-10, 1.5e-9, 2.5e-9, 0.1, 9223372036.854774, 9223372036.854776, 1e290, math.inf]


def draws() -> NDArray[np.float64]:
    """Times of all sizes, many of them halves of a nanosecond [s]."""
    generator = np.random.default_rng(3)
    sizes = 10.0 ** generator.uniform(-12, 12, 3000)
    return np.concatenate([EDGES_S, sizes, (generator.integers(0, 10**6, 1000) + 0.5) / 1e9])


@pytest.mark.parametrize("least_ns", [0, 1])
@pytest.mark.parametrize("n", [0, 1, 7, 4010])
def test_rounding_in_place_is_the_rounding_of_units(n: int, least_ns: int) -> None:
    """The same whole nanoseconds, in vectors of the processor and in what is left over from them."""
    seconds = draws()[:n]
    expected = array_to_ns(seconds, least_ns)
    round_to_ns(seconds, least_ns)
    np.testing.assert_array_equal(expected, seconds.view(np.int64))


def test_halves_go_to_even_and_never_stays_never() -> None:
    """By hand: 0.5, 1.5 and 2.5 ns become 0, 2 and 2; what no int64 holds is for ever."""
    seconds = np.array(EDGES_S)
    round_to_ns(seconds, 0)
    expected = [0, 0, 0, 2, 2, 100_000_000, 9223372036854774784, FOREVER, FOREVER, FOREVER]
    assert expected == seconds.view(np.int64).tolist()


@pytest.mark.parametrize("horizon_ns", [100, 101, 10**6, FOREVER])
def test_sums_of_gaps_end_before_the_horizon(horizon_ns: int) -> None:
    """Each instant is the sum of the gaps rounded before it; one at the horizon is beyond it."""
    gaps = np.random.default_rng(4).exponential(1e-8, 500)
    expected = 100 - 3 + np.cumsum(array_to_ns(gaps))
    expected = expected[expected < horizon_ns]
    count, last_ns = add_up(gaps, 97, horizon_ns)
    assert len(expected) == count
    np.testing.assert_array_equal(expected, gaps[:count].view(np.int64))
    assert last_ns == (int(expected[-1]) if count == 500 else horizon_ns)


def test_a_gap_that_no_number_holds_ends_the_run() -> None:
    """The sum beyond it is not made: it would overflow."""
    gaps = np.array([1.0, math.inf, 1.0])
    assert (1, FOREVER) == add_up(gaps, FOREVER - 2_000_000_000, FOREVER)
    assert FOREVER - 1_000_000_000 == gaps.view(np.int64)[0]
