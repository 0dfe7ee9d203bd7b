"""How many requests a session or a batch has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import stats

from simulator.traffic import Arrivals, Traffic
from simulator.traffic.group_sizes import GroupSize, GroupSizes

SEED = 20261125
GIVEN = {"kind": "given", "values": [0, 1, 5, 40], "weights": [1, 4, 2, 0.2]}
LAWS: dict[str, tuple[Any, Callable[[NDArray[np.int64]], NDArray[np.float64]]]] = {
    "constant": (3, lambda k: np.where(k == 3, 1.0, 0.0)),
    "geometric": ({"kind": "geometric", "mean": 4}, lambda k: stats.geom.pmf(k, 0.25)),
    "geometric of 1": ({"kind": "geometric", "mean": 1}, lambda k: np.where(k == 1, 1.0, 0.0)),
    "poisson": ({"kind": "poisson", "mean": 2.5}, lambda k: stats.poisson.pmf(k, 2.5)),
    "shifted_poisson": ({"kind": "shifted_poisson", "mean": 3.5}, lambda k: stats.poisson.pmf(k - 1, 2.5)),
    "given": (GIVEN, lambda k: (1 * (k == 0) + 4 * (k == 1) + 2 * (k == 5) + 0.2 * (k == 40)) / 7.2),
    "given, alike": ({"kind": "given", "values": [2, 7]}, lambda k: np.where((k == 2) | (k == 7), 0.5, 0.0)),
}


@pytest.mark.parametrize("name", LAWS)
def test_sizes_of_groups(name: str) -> None:
    """Moments are sums over the law; draws follow it, and by request the law weighted by size (χ², p > 10⁻⁶)."""
    value, law = LAWS[name]
    sizes: GroupSizes = TypeAdapter(GroupSize).validate_python(value)
    k = np.arange(400)
    shares = law(k)
    assert float(shares @ k) == pytest.approx(sizes.expected(), rel=1e-9)
    assert float(shares @ (k * (k - 1))) == pytest.approx(sizes.expected_pairs(), rel=1e-9)
    one, two = np.random.default_rng(SEED), np.random.default_rng(SEED + 1)
    by_request = shares * k / (shares @ k)
    wrong = shares if by_request.max() < 1.0 else None
    for drawn, exact in ((sizes.draw(one, 40_000), shares), (sizes.draw_by_request(one, two, 40_000), by_request)):
        assert np.int64 == drawn.dtype
        assert _chance(drawn, exact) > 1e-6
    if wrong is not None:
        assert _chance(sizes.draw_by_request(one, two, 40_000), wrong) < 1e-6


def _chance(drawn: NDArray[np.int64], exact: NDArray[np.float64]) -> float:
    """p of the χ² test, what is expected fewer than 5 times taken together."""
    counts = np.bincount(drawn, minlength=len(exact)).astype(float)
    common = exact * len(drawn) >= 5.0
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(exact[common], 1.0 - exact[common].sum()) * len(drawn)
    if expected[-1] < 1e-6:
        if observed[-1]:
            return 0.0
        observed, expected = observed[:-1], expected[:-1]
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return 1.0 if len(expected) == 1 else float(stats.chi2.sf(statistic, len(expected) - 1))


@pytest.mark.parametrize("name", LAWS)
def test_short_draws_of_sizes_go_on_where_the_last_one_stopped(name: str) -> None:
    """1,000 sizes at once, and 7 at a time."""
    sizes: GroupSizes = TypeAdapter(GroupSize).validate_python(LAWS[name][0])
    whole, pieces = sizes.draw(np.random.default_rng(3), 1001), np.random.default_rng(3)
    np.testing.assert_array_equal(whole, np.concatenate([sizes.draw(pieces, 7) for _ in range(143)]))


def test_a_number_is_short_for_a_constant_size(made: Callable[[Any], Arrivals]) -> None:
    """``size: 3`` is written as the law that it is, and read again."""
    traffic = made({"kind": "batches", "batch_rate": "1/s", "size": 3})
    written = json.loads(TypeAdapter(Traffic).dump_json(traffic))
    assert {"kind": "constant", "value": 3} == written["size"]
    assert traffic == made(written)
