"""Parts of a spread in a crossed design: exact on numbers made by hand, and intervals that hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.measures.components import Components, components, mean_squares, variances


def found(values: NDArray[np.float64], level: float = 0.95) -> Components:
    """Components with pivots of one seed."""
    return components(values, level, np.random.default_rng(20261125))


def test_mean_squares_by_hand() -> None:
    """Rows 0 and 6, columns ±1, no interaction; then one cell moved by 4."""
    values = np.array([[-1.0, 1.0], [5.0, 7.0], [5.0, 7.0]])
    squares, degrees = mean_squares(values)
    assert [2, 1, 2] == degrees.tolist()
    # Row means 0, 6, 6 about 4: 16 + 4 + 4, times two columns, over 2. Column means ±1: 2, times three rows.
    assert [24.0, 6.0, 0.0] == pytest.approx(squares.tolist())
    assert [12.0, 2.0, 0.0] == pytest.approx(variances(squares, 3, 2).tolist())
    shares = found(values)
    assert [12 / 14, 2 / 14, 0.0] == pytest.approx([one.value for one in parts(shares)])
    assert pytest.approx(14**0.5) == shares.spread
    moved = values + np.array([[4.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    # Off the additive fit by 4/3, −2/3, −2/3 in one column and the opposite in the other: 2·(16 + 4 + 4)/9 over 2.
    assert pytest.approx(8 / 3) == mean_squares(moved)[0][2]


def parts(shares: Components) -> tuple[Any, ...]:
    """Assumptions, chance, interaction."""
    return shares.assumptions, shares.chance, shares.interaction


def test_common_traffic_is_not_taken_for_noise_of_the_draws() -> None:
    """Much chance that all draws share leaves the assumptions' variance whole: within draws it would be too small."""
    generator = np.random.default_rng(1)
    draws = generator.standard_normal(2000)
    values = draws[:, None] + np.array([-5.0, 0.0, 5.0])
    shares = found(values)
    of_draws = (shares.assumptions.value or 0.0) * (shares.spread or 0.0) ** 2
    assert pytest.approx(draws.var(ddof=1)) == of_draws
    within = values.var(axis=1, ddof=1).mean()
    assert 1.0 - within / 3 < 0  # what the one-way design would say


def test_shares_add_up_and_lie_in_their_intervals() -> None:
    """1 in all; each value inside of its interval, each interval inside of 0 to 1."""
    shares = found(np.random.default_rng(2).standard_normal((20, 3)))
    assert pytest.approx(1.0) == sum(one.value for one in parts(shares))
    for one in parts(shares):
        assert 0.0 <= one.low <= one.value <= one.high <= 1.0


def test_what_cannot_be_told_is_not_told() -> None:
    """One draw, one realisation, missing values, equal values."""
    assert "no data" == found(np.ones((1, 4))).assumptions.method
    assert "nothing to tell chance by" in found(np.ones((5, 1))).chance.method
    holed = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0], [2.0, 4.0]])
    assert 3 == found(holed).draws
    equal = found(np.full((6, 3), 0.1))
    assert (0.0, 0.0, 0.0) == (equal.spread, equal.assumptions.value, equal.chance.value)


def crossed(generator: np.random.Generator, variance: tuple[float, float, float], shape: str) -> NDArray[np.float64]:
    """64 draws of one realisation each of four, with parts of these variances."""
    rows = {
        "normal": generator.standard_normal(64),
        "uniform, Latin hypercube": ((generator.permutation(64) + generator.random(64)) / 64 - 0.5) * 12**0.5,
        "Laplace": generator.laplace(size=64) / 2**0.5,
    }[shape]
    of_rows, of_columns, left = (one**0.5 for one in variance)
    traffic = generator.standard_normal(4)
    return of_rows * rows[:, None] + of_columns * traffic + left * generator.standard_normal((64, 4))


@pytest.mark.parametrize("shape", ["normal", "uniform, Latin hypercube", "Laplace"])
@pytest.mark.parametrize("variance", [(6.0, 1.0, 3.0), (90.0, 2.0, 8.0), (1.0, 4.0, 5.0)])
def test_intervals_hold_the_truth_as_often_as_they_say(variance: tuple[float, float, float], shape: str) -> None:
    """Of 100 studies at 95 % each of the three intervals misses the truth at most 14 times, 5 are due."""
    generator = np.random.default_rng(20261125)
    truth = np.array(variance) / sum(variance)
    missed = np.zeros(3)
    for _ in range(100):
        shares = components(crossed(generator, variance, shape), 0.95, generator)
        missed += [not one.low <= true <= one.high for one, true in zip(parts(shares), truth, strict=True)]
    assert max(missed) <= 14


def test_a_wrong_truth_is_missed() -> None:
    """Half the assumptions' share is refused in nearly all studies where they make nine tenths."""
    generator = np.random.default_rng(20261125)
    missed = 0
    for _ in range(100):
        one = components(crossed(generator, (90.0, 2.0, 8.0), "normal"), 0.95, generator).assumptions
        assert one.low is not None
        missed += one.low > 0.45
    assert missed > 75
