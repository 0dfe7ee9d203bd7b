"""Commitments: the hourly rule by hand, and the best one against trying them all."""

from __future__ import annotations

import numpy as np
import pytest

import simulator
from simulator.errors import InputError
from simulator.questions.commitment.commitment import Commitments, check, endpoints_of
from simulator.questions.commitment.hourly import Plan, best_commitment
from simulator.scenario.model import Scenario


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


def scheduled(**given: object) -> Scenario:
    """Two instances of an endpoint, a third from 06:00 to 12:00, in 24 hours with hardly any request."""
    actions = [{"at": "06:00", "min_capacity": 3}, {"at": "12:00", "min_capacity": 2, "max_capacity": 2}]
    return Scenario.model_validate(
        {
            "name": "scheduled",
            "horizon": "1d",
            "replications": 2,
            "traffic": {"kind": "poisson", "mean_rate": "1/h"},
            "model": {"service_time": "100ms", "startup_time": "1s"},
            "endpoints": [
                {
                    "name": "instances",
                    "kind": "real_time",
                    "instance_type": "ml.m5.xlarge",
                    "initial_instance_count": 2,
                    "autoscaling": {
                        "min_capacity": 2,
                        "max_capacity": 3,
                        "scheduled_actions": actions,
                        "launch_time": "0s",
                    },
                },
                {"name": "fixed", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
                {"name": "serverless", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 5},
            ],
            **given,
        }
    )


def test_hours_of_a_schedule() -> None:
    """ml.m5.xlarge at 0.23: 18 hours of two, 6 of three. A third of 25 % of the hours pays from 75 % off on.

    At 27 % off two are committed to: 0.73 · 0.46 = 0.3358 an hour. A month of 730 h costs 730 · (0.3358 + 0.23/4)
    = 287.11 in place of 730 · (0.46 + 0.0575) = 377.78; the commitment is all used and covers 0.46/0.5175 = 88.9 %.
    """
    study = simulator.run(scheduled())
    found = Commitments(study, "instances", discount=0.27)
    hours = [0.46] * 6 + [0.69] * 6 + [0.46] * 12
    np.testing.assert_allclose(found.usage, [hours, hours], rtol=1e-12)
    assert 0.3358 == pytest.approx(found.best.value)
    best = next(one for one in found.priced if one.words == "best")
    assert 287.109 == pytest.approx(best.cost.value)
    assert 377.775 - 287.109 == pytest.approx(best.saving.value)
    assert 0.0 == best.unused.value
    assert 0.46 / 0.5175 == pytest.approx(best.covered.value)
    assert 0.0 == best.worse


def test_an_instance_all_along_is_told_once() -> None:
    """Best, mean and greatest usage are one commitment; nothing is the other."""
    found = Commitments(simulator.run(scheduled()), "fixed", discount=0.27)
    assert ["on demand", "best"] == [one.words for one in found.priced]
    assert 0.23 * 0.73 == pytest.approx(found.best.value)


def test_what_can_be_committed_to() -> None:
    """Instances by the hour, in replications of an hour at least."""
    scenario = scheduled()
    assert ["instances", "fixed"] == endpoints_of(scenario)
    with pytest.raises(InputError, match="serverless"):
        check(scenario, "serverless")
    with pytest.raises(InputError, match="shorter than an hour"):
        check(scheduled(horizon="59m"), "fixed")
