"""Commitments: the hourly rule by hand, and the best one against trying them all."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.questions.commitment.hourly import Plan, best_commitment


def test_the_hourly_rule_by_hand() -> None:
    """0.60 an hour at 40 % off covers 1 USD of usage: idle hours lose all of it, busy ones pay the rest on demand.

    Usage 0, 0.5, 1 and 3 USD cost 0.6, 0.6, 0.6 and 0.6 + 2; unused at plan prices are 0.6, 0.3, 0 and 0.
    """
    plan = Plan(commitment=0.6, discount=0.4)
    usage = np.array([0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(plan.cost(usage), [0.6, 0.6, 0.6, 2.6], rtol=1e-15)
    np.testing.assert_allclose(plan.unused(usage), [0.6, 0.3, 0.0, 0.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("share_busy", "discount", "expected"),
    [(0.5, 0.4, 0.0), (0.59, 0.4, 0.0), (0.61, 0.4, 0.6), (1.0, 0.4, 0.6), (0.81, 0.2, 0.8), (0.79, 0.2, 0.0)],
)
def test_an_instance_pays_from_one_less_the_discount_on(share_busy: float, discount: float, expected: float) -> None:
    """An instance of 1 USD/h that runs in a share of the hours: commit to all of it if share > 1 - d, else nothing."""
    hours = np.zeros(100)
    hours[: round(100 * share_busy)] = 1.0
    assert expected == pytest.approx(best_commitment(hours, discount))


@pytest.mark.parametrize("discount", [0.1, 0.2, 0.37, 0.64])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_commitment_is_cheaper(seed: int, discount: float) -> None:
    """The cost is piecewise linear in the commitment with corners where an hour is just covered: try every corner."""
    usage = np.random.default_rng(seed).gamma(2.0, 1.5, 50)
    corners = [0.0, *(float((1 - discount) * hour) for hour in usage)]
    costs = {commitment: float(Plan(commitment, discount).cost(usage).mean()) for commitment in corners}
    found = best_commitment(usage, discount)
    assert min(costs.values()) == pytest.approx(float(Plan(found, discount).cost(usage).mean()), rel=1e-12)


def test_ties_take_the_least() -> None:
    """Half the hours idle at 50 % off: nothing and all of it cost the same, so nothing is committed."""
    assert 0.0 == best_commitment(np.array([0.0, 1.0]), 0.5)


@pytest.mark.parametrize(("commitment", "discount"), [(-1.0, 0.5), (float("inf"), 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_out_of_range(commitment: float, discount: float) -> None:
    """Neither a negative commitment nor a discount of nothing or everything."""
    with pytest.raises(ValueError, match=r"is .*must be"):
        Plan(commitment, discount)
