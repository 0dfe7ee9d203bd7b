"""Which assumption matters: scenarios whose bills, shares and turning points are known beforehand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.errors import InputError
from simulator.questions.sensitivity.sensitivity import Sensitivity, plan, sensitivity
from simulator.report import sensitivity as report
from simulator.report.machine import markdown
from simulator.report.text import written
from simulator.study.run import run_all

pytestmark = pytest.mark.thorough

C5, STORAGE = "real_time.instance.ml.c5.xlarge", "real_time.storage"


def instances(**changed: Any) -> simulator.Scenario:
    """Two instances: c5 costs 0.1 to 0.3 USD an hour and 100 GB at 0.1 to 0.5 USD a month, m5 0.23 USD an hour.

    A month of c5 is 730·price + 100·storage: exactly additive, without chance.
    """
    data: dict[str, Any] = {
        "name": "instances",
        "horizon": "5m",
        "traffic": {"kind": "poisson", "mean_rate": "2/min"},
        "model": {"service_time": "100ms"},
        "prices": {
            C5: {"between": ["0.1 USD/h", "0.3 USD/h"]},
            STORAGE: {"between": ["0.1 USD/GB-month", "0.5 USD/GB-month"]},
        },
        "endpoints": [
            {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge"},
            {"name": "c5", "kind": "real_time", "instance_type": "ml.c5.xlarge", "volume_size": "100GB"},
        ],
        **changed,
    }
    return simulator.load_scenario(data)


@pytest.fixture(scope="module")
def additive() -> Sensitivity:
    """With Sobol' indices."""
    return sensitivity(instances(), draws=32, repeats=2, measures=["monthly_cost"], sobol=True)


def test_an_additive_bill_has_its_exact_indices(additive: Sensitivity) -> None:
    """Widths 146 and 40 dollars: shares 146² and 40² of 146² + 40², alone and with the other alike."""
    of_price = 146.0**2 / (146.0**2 + 40.0**2)
    finding = additive.finding("monthly_cost", "c5")
    assert finding.indices is not None
    names = [one.name for one in additive.scenario.assumed]
    assert [f"prices.{C5}", f"prices.{STORAGE}"] == names
    for estimates in (finding.indices.first, finding.indices.total):
        for one, true in zip(estimates, (of_price, 1 - of_price), strict=True):
            assert one.low is not None
            assert one.high is not None
            assert one.low <= true <= one.high
    assert pytest.approx([of_price, 1 - of_price], abs=0.15) == [one.value for one in finding.indices.total]


def test_without_chance_all_of_the_spread_is_the_assumptions(additive: Sensitivity) -> None:
    """Mean and standard deviation of the bill; nothing for the traffic, nothing for a price that is known."""
    finding = additive.finding("monthly_cost", "c5")
    assert pytest.approx(730 * 0.2 + 100 * 0.3, rel=0.01) == finding.mean.value
    assert pytest.approx(((146**2 + 40**2) / 12) ** 0.5, rel=0.05) == finding.components.spread
    parts = finding.components
    assert (1.0, 0.0, 0.0) == pytest.approx((parts.assumptions.value, parts.chance.value, parts.interaction.value))
    assert 0.0 == additive.finding("monthly_cost", "m5").components.spread
    difference = additive.finding("monthly_cost", "c5", "m5")
    assert pytest.approx(176 - 0.23 * 730, abs=2.0) == difference.mean.value
    assert pytest.approx(finding.components.spread) == difference.components.spread


def test_signs_are_those_of_the_bill(additive: Sensitivity) -> None:
    """Both raise it, the price for certain, and the difference of what is known less it falls."""
    price, storage = additive.finding("monthly_cost", "c5").effects
    assert price.correlation.low is not None
    assert price.correlation.low > 0.8
    assert price.is_shown
    assert storage.correlation.value is not None
    assert 0.0 < storage.correlation.value < 0.6
    assert additive.finding("monthly_cost", "m5").effects[0].correlation.value is None


def test_the_turning_point_is_found(additive: Sensitivity) -> None:
    """With storage in the middle (30 dollars) c5 is the cheaper one below 0.23 − 30/730 an hour; storage at no price.

    In the middle (146 + 30 against 167.9 dollars) m5 is the cheaper one; c5 with storage at most at 0.219.
    """
    assert "m5" == additive.alone.middle.answer.cheapest
    turn = 0.23 - 30 / 730
    price, storage = additive.alone.flips
    found = [price.assumption.number(step.value) for step in (price.before, price.after)]
    assert found[1] <= turn <= found[0]
    assert found[0] - found[1] < 0.01 * 0.2
    assert ("c5", f"prices.{C5}") == (price.after.answer.cheapest, price.assumption.name)
    at = [storage.assumption.number(step.value) for step in (storage.before, storage.after)]
    assert at[1] <= 0.219 <= at[0]
    assert pytest.approx(176.0 - 167.9) == additive.alone.middle.output
    bars = {bar.assumption.name: bar for bar in additive.alone.bars}
    assert pytest.approx(0.8 * 146.0) == bars[f"prices.{C5}"].length
    assert pytest.approx(0.8 * 40.0) == bars[f"prices.{STORAGE}"].length
    assert [f"prices.{C5}", f"prices.{STORAGE}"] == [bar.assumption.name for bar in additive.alone.bars]


def test_reports_tell_it_in_words(additive: Sensitivity) -> None:
    """Text first says what would change the answer; JSON holds no NaN; CSV a line an output and assumption."""
    text = written(report.sections(additive))
    words = " ".join(text.split())
    assert text.startswith("What would change the answer\n")
    assert "With every assumption at its middle value: m5 is the cheapest endpoint, at $167.9 a month." in words
    assert f"prices.{C5} alone changes that below about 0.189 USD/h: c5 instead." in words
    assert f"monthly_cost of c5 is higher with higher prices.{C5}" in words
    assert "Sobol' indices of monthly_cost of c5" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    facts = json.loads(report.as_json(additive))
    assert (1, 32, 2, 32) == tuple(facts[key] for key in ("schema_version", "draws", "repeats", "sobol_points"))
    assert 2 * 3 + 1 == len(report.as_csv(additive).splitlines())
    assert "## What would change the answer" in markdown("title", report.sections(additive))


def test_the_figure_shows_every_bar(additive: Sensitivity) -> None:
    """PNG and SVG, the same bytes each time; the longest bar on top."""
    files = dict(report.figure_files(additive))
    assert {"tornado.png", "tornado.svg"} == set(files)
    assert files == dict(report.figure_files(additive))
    figure = report.tornado_figure(additive)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [f"prices.{C5} ●", f"prices.{STORAGE} ●"] == [label.replace("…", "") for label in labels] or 2 == len(labels)
    widths = [abs(patch.get_width()) for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert pytest.approx([58.4, 58.4, 16.0, 16.0]) == widths


def test_options_and_objectives_change_the_answer() -> None:
    """A choice is tried at each option; an endpoint that no longer keeps to an objective is no longer the answer."""
    found = sensitivity(
        instances(
            prices={C5: "0.2 USD/h"},
            model={"service_time": {"choice": ["100ms", "300ms", "900ms"]}},
            endpoints=[
                {"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge", "service_time": "100ms"},
                {"name": "c5", "kind": "real_time", "instance_type": "ml.c5.xlarge"},
            ],
            objectives=["p50 < 500ms"],
        ),
        draws=9,
        repeats=2,
        measures=["p50"],
    )
    assert "c5" == found.alone.middle.answer.cheapest
    (flip,) = found.alone.flips
    assert ("900ms", "m5") == (flip.after.words, flip.after.answer.cheapest)
    (effect,) = found.finding("p50", "c5").effects
    assert pytest.approx((100.0, 300.0, 900.0)) == effect.means
    assert pytest.approx(1.0) == effect.correlation.value
    words = " ".join(written(report.sections(found)).split())
    assert "model.service_time alone changes that if it is 900ms: m5 instead." in words


def test_chance_is_told_apart() -> None:
    """A rate between 0.9 and 1.1 a second and Poisson counts of 100 s: variances 1/300·10⁴ and 100 of the count."""
    found = sensitivity(
        instances(
            traffic={"kind": "poisson", "mean_rate": {"between": ["0.9/s", "1.1/s"]}},
            prices={C5: "0.2 USD/h"},
            horizon="100s",
        ),
        draws=8,
        repeats=30,
        measures=["requests"],
    )
    parts = found.finding("requests", "m5").components
    # The count is that of the same unit-rate points up to 100 s times the rate, so chance is common to the draws.
    assert parts.chance.low is not None
    assert parts.chance.high is not None
    truth = 100.0 / (100.0 + 100.0**2 * 0.2**2 / 12)
    assert parts.chance.low <= truth <= parts.chance.high
    assert parts.chance.low > 0.4
    assert parts.spread == pytest.approx((100.0 + 100.0**2 * 0.2**2 / 12) ** 0.5, rel=0.25)


def test_choices_of_words_have_a_share_between_options() -> None:
    """Three routings: no sign, and the option of greatest and least mean in words."""
    found = sensitivity(
        instances(
            traffic={"kind": "poisson", "mean_rate": "2/s"},
            prices={C5: "0.2 USD/h"},
            endpoints=[
                {
                    "name": "c5",
                    "kind": "real_time",
                    "instance_type": "ml.c5.xlarge",
                    "initial_instance_count": 3,
                    "routing": {"choice": ["random", "least_outstanding_requests", "central_queue"]},
                }
            ],
            model={"service_time": "1s"},
        ),
        draws=12,
        repeats=2,
        measures=["mean_waiting_time"],
    )
    (effect,) = found.finding("mean_waiting_time", "c5").effects
    assert effect.correlation.value is not None
    assert effect.correlation.value > 0.5
    assert effect.correlation.low is None
    random, least, central = effect.means
    assert central <= least < random


@pytest.mark.slow
def test_it_does_not_depend_on_processes() -> None:
    """Two processes give the same facts to the last digit."""
    scenario = instances()
    one, two = (sensitivity(scenario, draws=8, repeats=2, jobs=jobs) for jobs in (1, 2))
    assert report.as_json(one) == report.as_json(two)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 7}, "draws is 7, must be 8 to 4,096"),
        ({"repeats": 1}, "repeats is 1, must be 2 to 4,096"),
        ({"measures": ["montly_cost"]}, "no measure 'montly_cost'; nearest: monthly_cost"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], message: str) -> None:
    """One message, naming the value and what is allowed."""
    with pytest.raises(InputError) as caught:
        plan(instances(), **options)
    assert message == str(caught.value)


def test_a_scenario_without_assumptions_is_refused() -> None:
    """The message shows how to write one."""
    with pytest.raises(InputError) as caught:
        plan(instances(prices={C5: "0.2 USD/h"}))
    assert (
        "nothing is uncertain in scenario 'instances'; give a range in place of a value, for example mean_rate: "
        "{between: [2/s, 6/s]}"
    ) == str(caught.value)


def test_an_interrupt_ends_it() -> None:
    """What had finished is on disk; no half answer is given."""

    def interrupted(scenarios: Any) -> list[simulator.Study]:
        return [simulator.Study(one.scenario, one.engine, one.records[:1]) for one in run_all(scenarios)]

    with pytest.raises(KeyboardInterrupt):
        plan(instances(), draws=8, repeats=2).run(interrupted)


def test_missing_values_are_left_out() -> None:
    """A percentile that some draws do not have: the others tell, and the number of draws says so."""
    found = sensitivity(
        instances(
            traffic={"kind": "poisson", "mean_rate": {"between": ["20/s", "60/s"]}},
            prices={C5: "0.2 USD/h"},
            endpoints=[{"name": "m5", "kind": "real_time", "instance_type": "ml.m5.xlarge", "workers_per_instance": 8}],
        ),
        draws=16,
        repeats=2,
        measures=["p99.9"],
    )
    parts = found.finding("p99.9", "m5").components
    assert 0 < parts.draws < 16
    assert "NaN" not in report.as_json(found)
    assert np.isfinite(found.alone.middle.output)
