"""Sobol' indices against functions whose indices are known, and a Latin hypercube of hardly correlated columns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.questions.sensitivity.pairing import paired
from simulator.questions.sensitivity.sobol import Indices, sobol_indices

pytestmark = pytest.mark.thorough


def additive(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """3·u₀ + u₁, u₂ idle: nine tenths and one tenth of the variance, no more with others."""
    return (3.0 * u[0] + u[1])[None]


def product(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """(u₀ + ½)(u₁ + ½), u₂ idle: variances 1/12 + 1/12 + 1/144, so 12/25 alone and 13/25 with the other."""
    return ((u[0] + 0.5) * (u[1] + 0.5))[None]


def found(function: object, points: int = 256, seed: int = 1, level: float = 0.95) -> Indices:
    """Of three inputs."""
    (one,) = sobol_indices(function, 3, points, level, np.random.default_rng(seed))  # type: ignore[arg-type]
    return one


@pytest.mark.parametrize(
    ("function", "first", "total"),
    [(additive, (0.9, 0.1, 0.0), (0.9, 0.1, 0.0)), (product, (0.48, 0.48, 0.0), (0.52, 0.52, 0.0))],
)
def test_known_indices_lie_in_their_intervals(
    function: object, first: tuple[float, ...], total: tuple[float, ...]
) -> None:
    """An additive and a multiplicative model: within three hundredths at 1,024 points, inside the intervals at 256."""
    many = found(function, 1024)
    assert pytest.approx(first, abs=0.03) == [one.value for one in many.first]
    assert pytest.approx(total, abs=0.03) == [one.value for one in many.total]
    few = found(function)
    for estimates, truth in ((few.first, first), (few.total, total)):
        for one, true in zip(estimates, truth, strict=True):
            assert one.low is not None
            assert one.high is not None
            assert one.low - 1e-12 <= true <= one.high + 1e-12
            assert not one.low <= true + 0.5 <= one.high


def test_the_same_seed_gives_the_same_intervals() -> None:
    """Points and resamples come from the generator alone."""
    assert found(product) == found(product)
    assert found(product) != found(product, seed=2)


def test_what_never_varies_has_no_share_and_what_has_no_value_no_data() -> None:
    """Beside an output that has both; a single input has all of it."""
    constant, holed, whole = sobol_indices(
        lambda u: np.array([np.ones(u.shape[1]), np.where(u[0] > 0.9, np.nan, u[0]), u[0] + u[1]]),
        2,
        64,
        0.95,
        np.random.default_rng(3),
    )
    assert [0.0, 0.0] == [one.value for one in constant.first]
    assert [None, None] == [one.value for one in holed.total]
    assert pytest.approx([0.5, 0.5], abs=0.05) == [one.value for one in whole.first]
    (single,) = sobol_indices(lambda u: u, 1, 256, 0.95, np.random.default_rng(4))
    assert pytest.approx(1.0, abs=0.02) == single.first[0].value


@pytest.mark.parametrize(("draws", "most"), [(16, 0.3), (64, 0.1), (256, 0.05)])
def test_paired_columns_are_a_latin_hypercube_without_correlation(draws: int, most: float) -> None:
    """One value in each stratum of each column, and rank correlations that random orders rarely have."""
    names = ["a", "b", "c", "d", "e", "f"]
    columns = paired(20261125, draws, names)
    for column in columns.T:
        assert list(range(draws)) == sorted(np.floor(column * draws).astype(int).tolist())
    correlations = np.corrcoef(columns.argsort(axis=0).argsort(axis=0), rowvar=False) - np.eye(6)
    assert np.abs(correlations).max() < most
    assert (columns == paired(20261125, draws, names)).all()
    assert (columns != paired(1, draws, names)).any()
