"""What is said of a crossover, from changes known beforehand and from small ones, and how it is drawn."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.measures.intervals import Estimate
from simulator.questions.crossover.crossover import crossover
from simulator.questions.crossover.flips import Crossover
from simulator.questions.crossover.standing import Cause, Reason
from simulator.questions.crossover.stretches import Stretch
from simulator.report.changes import NOBODY, at_place, closed_form, months, place, what_is_open, who, why
from simulator.report.crossover import answer, as_text, outlook
from simulator.report.figures.crossover import figure
from tests.questions.crossed import SERVERLESS, instances, scenario


def change(at: float, low: float | None, high: float | None, **fields: Any) -> Any:
    def holds(value: float) -> bool:
        return (low is None or low <= value) and (high is None or value <= high)

    return SimpleNamespace(**{"at": at, "low": low, "high": high, "is_near": True, "holds": holds, **fields})


@pytest.mark.parametrize(
    ("found", "with_interval", "without"),
    [
        (change(3.1844, 3.1811, 3.1879), "3.184/s (3.181–3.188)", "3.184/s"),
        (change(5.928, 5.90, 5.96), "5.93/s (5.90–5.96)", "5.93/s"),
        (change(0.001234, 0.00121, 0.00126), "0.00123/s (0.00121–0.00126)", "0.00123/s"),
        (change(4.0, 4.0, 4.0), "4/s", "4/s"),
        (change(7.26, None, 7.35), "7.26/s (below 7.35)", "7.26/s"),
        (change(7.26, 7.2, None), "7.26/s (above 7.2)", "7.26/s"),
        (change(7.26, None, None), "7.26/s (interval not found in the range)", "7.26/s"),
    ],
)
def test_words_of_a_place(found: Any, with_interval: str, without: str) -> None:
    """No more digits than the interval supports; in tables the same ones without it."""
    assert (with_interval, without) == (place(found, "/s"), at_place(found, "/s"))


@pytest.mark.parametrize(
    ("cause", "is_near", "words"),
    [
        (Cause(Reason.COST), True, "costs cross"),
        (Cause(Reason.COST), False, "not known where exactly"),
        (Cause(Reason.UNKNOWN), True, "not known"),
        (Cause(Reason.LOSES, "m5", "p95 < 500ms"), True, "m5 misses p95 < 500ms"),
        (Cause(Reason.GAINS, "s", "p99.9 < 2s"), True, "s meets p99.9 < 2s"),
        (Cause(Reason.LOSES, "m5"), True, "no longer eligible"),
    ],
)
def test_words_of_a_cause(cause: Cause, is_near: bool, words: str) -> None:
    """Costs, or who comes to miss or to meet what."""
    assert words == why(change(1.0, 0.9, 1.1, cause=cause, is_near=is_near))


@pytest.mark.parametrize(
    ("found", "growth", "words"),
    [
        ((9.0065, 8.71, 9.28), 0.08, "9.0 months (8.7–9.3)"),
        ((9.0065, None, 9.28), 0.08, "9.01 months"),
        ((0.0, 0.0, 0.31), 0.08, "0.0 months (0.0–0.3)"),
        ((0.0, 0.0, 0.0), 0.08, "0 months, it is now"),
        ((None, None, None), 0.08, "already behind"),
        ((None, None, None), -0.08, "already behind"),
        ((None, None, None), 0.0, "never"),
    ],
)
def test_words_of_months(found: tuple[float | None, ...], growth: float, words: str) -> None:
    """What lies behind is not said to come never: the traffic has been there."""
    value, low, high = found
    assert words == months(SimpleNamespace(months=Estimate(value, low, high, 0.95, 10, "")), growth)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("predicted", "words"),
    [(None, ""), (3.188, "3.188/s (+0.13 %)"), (3.185, "3.185/s (in the interval)"), (2.45, "2.45/s (−23 %)")],
)
def test_words_of_a_closed_form(predicted: float | None, words: str) -> None:
    """How far it lies from where costs cross, or that it is in the interval."""
    flip: Any = SimpleNamespace(predicted=predicted, change=change(3.184, 3.181, 3.187))
    assert words == closed_form(flip, "/s")


def test_what_is_open_is_said_once() -> None:
    """Objectives, not endpoint by endpoint; the endpoint if it is one."""
    both = Stretch(0.1, 0.2, None, ("a", "b"), ("a: p99.9 < 2s", "b: p99.9 < 2s", "b: p95 < 1s"))
    assert "open for 2 endpoints: p99.9 < 2s, p95 < 1s" == what_is_open(both)
    assert "open for a: p95 < 1s" == what_is_open(Stretch(0.1, 0.2, None, ("a",), ("a: p95 < 1s",)))
    assert "open for a" == what_is_open(Stretch(0.1, 0.2, None, ("a",)))
    assert ["not known", NOBODY, "m5"] == [who(both), who(Stretch(1, 2, None)), who(Stretch(1, 2, "m5"))]


@cache
def crossed(growth: str | None = None, rate: float = 0.5, over: str = "traffic.mean_rate=0.4/s..3/s") -> Crossover:
    """Costs cross at 1/s; one place throttles more than half from 5/s on."""
    few = {**SERVERLESS, "max_concurrency": 1}
    return crossover(
        scenario(
            traffic={"kind": "poisson", "mean_rate": f"{rate}/s"},
            replications=5,
            endpoints=[few, instances(1, queue_limit=0)],
            objectives=["failed_fraction < 40%"],
        ),
        over,
        growth=growth,
    )


@pytest.mark.parametrize(
    ("growth", "rate", "begins", "ends"),
    [
        ("8%/month", 0.5, "At present, 0.5/s: serverless. Growing by 8 % a month, the next change", ": then x1."),
        ("-8%/month", 2.0, "At present, 2/s: x1. Shrinking by 8 % a month, the next change", ": then serverless."),
        ("8%/month", 2.0, "At present, 2/s: x1. Growing by 8 % a month, no change lies ahead", "what was looked at."),
        ("8%/month", 0.1, "At present, 0.1/s lies outside what was looked at.", "."),
    ],
)
def test_what_holds_at_present_and_what_comes(growth: str, rate: float, begins: str, ends: str) -> None:
    """One or two sentences; a change that lies behind is not the next one."""
    (said,) = outlook(crossed(growth, rate))
    assert said.startswith(begins)
    assert said.endswith(ends)


def test_at_a_change_nothing_is_for_sure() -> None:
    """Where the present lies in the interval of a change, that is said."""
    found = crossed("8%/month")
    (flip,) = found.flips
    (said,) = outlook(crossed("8%/month", round(flip.change.at, 3)))
    assert "not for sure, as the change at " in said


def test_an_axis_that_is_no_rate_has_no_present() -> None:
    """Instances do not grow by the month."""
    assert [] == list(outlook(crossed(over="endpoints[1].initial_instance_count=1..3")))


def test_the_answer_goes_on_to_where_nobody_is_eligible() -> None:
    """Both lose too much in the end; lines have at most 100 columns."""
    found = crossed(over="traffic.mean_rate=0.4/s..100/s")
    assert answer(found).endswith(", no endpoint above.")
    assert max(map(len, as_text(found).splitlines())) <= 100


def test_the_figure_says_where_it_changes_where_nobody_is_and_where_we_are() -> None:
    """Places above the panel, words where no endpoint is eligible, a mark at the present rate, units at both axes."""
    found = crossed("8%/month", over="traffic.mean_rate=0.4/s..100/s")
    drawn = figure(found)
    (axes,) = drawn.axes
    words = [text.get_text() for text in axes.texts]
    assert {NOBODY, "now"} <= set(words)
    assert len(found.changes) == sum(text.endswith("/s") for text in words)
    assert "monthly cost [USD a month of 730 h]" == axes.get_ylabel()
    assert "traffic.mean_rate [/s]" == axes.get_xlabel()
    (legend,) = drawn.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert ["serverless", "x1", "cheapest eligible", "interval of a change"] == labels[:4]


def test_a_long_answer_is_not_the_head_of_the_figure() -> None:
    """Then the number of changes is, and the outlook below it."""
    found = crossed("8%/month", over="traffic.mean_rate=0.4/s..100/s")
    heads = [text.get_text().replace("\n", " ") for text in figure(found).texts]
    assert len(heads) == 2
    assert "the next change is reached after" in heads[1]
    assert (f"changes {len(found.changes)} times" in heads[0]) == (len(answer(found)) > 170)


def test_an_api_has_no_utilization_at_a_change() -> None:
    """Of 0.0001 USD a request against 0.36 USD an hour, alike at 1/s, only the instance can be in use."""
    api = {
        "name": "api",
        "kind": "managed_api",
        "model_id": "m",
        "requests_per_minute": "none",
        "tokens_per_minute": "none",
        "max_tokens": 10,
        "time_per_output_token": "0ms",
    }
    token = "0.0001 USD/ktoken"
    given = scenario(
        prices={
            "real_time.instance.box": "0.36 USD/h",
            "managed_api.tokens_in.m": token,
            "managed_api.tokens_out.m": token,
        },
        model={"service_time": "200ms", "tokens_in": 1000, "tokens_out": 0},
        endpoints=[api, instances(1)],
        replications=4,
    )
    found = crossover(given, "traffic.mean_rate=0.5/s..2/s")
    assert pytest.approx(1.0, rel=0.05) == found.flips[0].change.at
    table = as_text(found).split("Utilization at each change")[1].split("Busy part")[0]
    assert "x1" in table
    assert "api" not in table
