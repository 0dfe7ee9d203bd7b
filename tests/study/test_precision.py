"""When a study has replications enough: the rule on values made by hand, and how often what it claims is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.measures import intervals
from simulator.measures.catalogue import Kind, Measure
from simulator.measures.intervals import Estimate
from simulator.report.precision import facts, sentence
from simulator.scenario.model import Scenario
from simulator.scenario.precision import Precision
from simulator.study import precision as rule
from simulator.study.precision import PrecisionState, check, found, looks, reported
from tests.study.scenarios import scenario

#: Studies of each kind of value; the share of them that hold the truth may fall short of its bound by chance.
STUDIES = 2000
#: Standard errors of that share: a test fails by chance once in a thousand.
MARGIN = 3.1


class Given:
    """A sample with given values of every measure."""

    confidence = 0.95

    def __init__(self, values: Sequence[float | None]) -> None:
        self.values = list(values)

    def column(self, measure: str) -> list[float | None]:
        """Whatever the measure."""
        return list(self.values)

    def estimate(self, measure: Measure) -> Estimate:
        """As `Sample` does for the kinds that tests ask for."""
        if measure.kind in {Kind.SHARE, Kind.COUNT} and not any(self.values):
            return intervals.fraction(self.values)
        return intervals.mean(self.values).within(0.0, 1.0 if measure.kind is Kind.SHARE else None)

    def less(self, baseline: Given, measure: Measure) -> Estimate:
        """Paired."""
        return intervals.difference(self.values, baseline.values)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PrecisionState]:
    """The rule on given values by endpoint; the precision as a scenario has it, p99 of at most 400 by default."""

    def sample(scenario: Any, endpoint: str, records: Sequence[Any]) -> Given:
        return Given([record.values[endpoint] for record in records])

    monkeypatch.setattr(rule, "sample_of", sample)

    def judge(
        values: dict[str, Sequence[float | None]], numbers: Sequence[int] | None = None, **asked: Any
    ) -> PrecisionState:
        wanted = {"measure": "p99", "max_replications": 400, **asked}
        one = asking(wanted, list(values))
        count = len(next(iter(values.values())))
        return check(
            one,
            [  # type: ignore[misc]
                SimpleNamespace(number=number, values={name: series[at] for name, series in values.items()})
                for at, number in zip(range(count), numbers or range(count), strict=True)
            ],
        )

    return judge


def asking(wanted: dict[str, Any], names: Sequence[str] = ("a",)) -> Scenario:
    """What the rule reads of a scenario; the last endpoint is the baseline, and each launches instances."""
    endpoints = [SimpleNamespace(name=name, kind="serverless") for name in names]
    one: Any = SimpleNamespace(precision=Precision.model_validate(wanted), endpoints=endpoints, baseline=names[-1])
    return one  # type: ignore[no-any-return]


def spread(count: int, half: float, about: float = 100.0) -> list[float | None]:
    """Values whose interval has this half-width at every even number of them up to rounding of the t-quantile."""
    away = half * np.sqrt(count - 1) / intervals.student_t(0.95, count - 1)
    return [about + (away if number % 2 else -away) for number in range(count)]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (20, (20,)),
        (25, (20, 25)),
        (39, (20, 39)),
        (40, (20, 30, 40)),
        (100, (20, 30, 40, 50, 60, 72, 86, 100)),
        (400, (20, 30, 40, 50, 60, 72, 86, 103, 123, 147, 176, 211, 253, 303, 363, 400)),
    ],
)
def test_looks_are_few_and_end_at_the_most(most: int, expected: tuple[int, ...]) -> None:
    """Batches of a fifth, ten at least; what would be less than ten goes with the last one."""
    assert expected == looks(Precision(measure="p99", relative="2%", max_replications=most))  # type: ignore[arg-type]


def test_it_is_met_where_the_interval_is_narrow_at_two_looks(judged: Callable[..., PrecisionState]) -> None:
    """±3 of 5 at 30 values, ±3.8 at 20: met; the width that is claimed is the one that was asked for."""
    values = spread(30, 3.0)
    state = judged({"a": values}, absolute="5ms")
    assert (True, 30, "a", 5.0) == (state.met, state.replications, state.endpoint, state.target)
    assert pytest.approx(3.0) == state.half_width
    claimed = reported(state)
    assert (95.0, 105.0) == (claimed.low, claimed.high)


def test_one_look_is_not_enough(judged: Callable[..., PrecisionState]) -> None:
    """Narrow at the first look; and narrow at the second but not at the first."""
    assert not judged({"a": spread(20, 1.0)}, absolute="5ms").met
    late = [*spread(20, 6.0)[:20], *[100.0] * 10]
    state = judged({"a": late}, absolute="5ms")
    assert (True, False) == (state.is_narrow, state.met)


def test_the_last_look_is_enough_alone(judged: Callable[..., PrecisionState]) -> None:
    """There is no other to come: the number was then fixed."""
    late = [*spread(20, 6.0), *[100.0] * 10]
    assert judged({"a": late}, absolute="5ms", max_replications=30).met
    assert judged({"a": spread(20, 4.0)}, absolute="5ms", max_replications=20).met


def test_a_relative_target_is_a_share_of_the_true_value(judged: Callable[..., PrecisionState]) -> None:
    """2 % of the truth is 2/102 of the estimate: ±1.96 of 100 is narrow, ±1.97 is not."""
    at = {"relative": "2%", "max_replications": 30}
    narrow, wide = (judged({"a": spread(30, half)}, **at) for half in (1.96, 1.97))
    assert (True, False) == (narrow.met, wide.met)
    assert pytest.approx(100 * 0.02 / 1.02) == wide.target
    assert pytest.approx(1.97 / 98.03) == wide.relative


def test_every_endpoint_must_be_narrow_unless_one_is_named(judged: Callable[..., PrecisionState]) -> None:
    """The widest is told; naming the narrow one meets it."""
    values = {"narrow": spread(30, 1.0), "wide": spread(30, 9.0)}
    state = judged(values, absolute="5ms")
    assert (False, "wide") == (state.met, state.endpoint)
    assert judged(values, absolute="5ms", endpoint="narrow").met


def test_no_data_is_never_met(judged: Callable[..., PrecisionState]) -> None:
    """Nor at the last look, nor where only one replication lacks it."""
    values = [*spread(30, 1.0)[:-1], None]
    state = judged({"a": values}, absolute="5ms", max_replications=30)
    assert (False, None, "no data in 1 of 30 replications") == (state.met, state.half_width, state.reason)
    assert "no data in 30 of 30 replications" == judged({"a": [None] * 30}, absolute="5ms").reason


def test_no_spread_is_met_and_claimed_exactly(judged: Callable[..., PrecisionState]) -> None:
    """A cost that time alone makes is known to the cent."""
    state = judged({"a": [7.0] * 30}, relative="1%")
    assert (True, 0.0) == (state.met, state.half_width)
    assert (7.0, 7.0) == (reported(state).low, reported(state).high)


def test_a_value_of_0_has_no_relative_error(judged: Callable[..., PrecisionState]) -> None:
    """Never met, and the reason is told."""
    state = judged({"a": [0.0] * 30}, relative="1%", measure="monthly_cost", max_replications=30)
    assert (False, "its value is 0, and no error is a share of 0; ask for an absolute one") == (state.met, state.reason)


def test_a_share_that_nobody_has_seen_is_bounded(judged: Callable[..., PrecisionState]) -> None:
    """1 - 0.05^(1/n) of the replications have any at most: 9.5 % for 30, 13.9 % for 20; a count is not bounded."""
    none: list[float | None] = [0.0] * 30
    wide = judged({"a": none}, absolute="10%", measure="throttled_fraction")
    assert (True, False) == (wide.is_narrow, wide.met)  # 13.9 % at the look before
    assert pytest.approx(1 - 0.05 ** (1 / 30)) == wide.half_width
    assert judged({"a": none}, absolute="14%", measure="throttled_fraction").met
    assert 358 == judged({"a": none}, absolute="1%", measure="throttled_fraction").needed  # 299 are narrow, and a look
    count = judged({"a": none}, absolute=5, measure="throttled")
    assert (None, "nothing seen, and nothing bounds a count") == (count.half_width, count.reason)


def test_an_interval_cut_at_0_is_as_wide_as_before(judged: Callable[..., PrecisionState]) -> None:
    """A share of 1 % ±3 points lies in [0, 4 %], but is not known to 2 points."""
    state = judged({"a": spread(30, 0.03, about=0.01)}, absolute="2%", measure="throttled_fraction")
    assert 0.0 == state.estimate.low
    assert pytest.approx(0.03) == state.half_width


def test_a_difference_is_paired(judged: Callable[..., PrecisionState]) -> None:
    """Endpoints that spread together differ by a number that is known exactly; the baseline itself is left out."""
    values = {"a": spread(30, 50.0), "b": [None if one is None else one - 7.0 for one in spread(30, 50.0)]}
    state = judged(values, absolute="5ms", difference=True)
    assert (True, "a", pytest.approx(7.0)) == (state.met, state.endpoint, state.estimate.value)
    assert not judged(values, absolute="5ms").met


def test_what_is_missing_or_between_looks_is_not_met(judged: Callable[..., PrecisionState]) -> None:
    """A study that was interrupted has not stopped by the rule."""
    values = spread(30, 1.0)
    assert judged({"a": values}, absolute="5ms").met
    assert not judged({"a": values}, [*range(29), 31], absolute="5ms").met
    between = judged({"a": spread(34, 1.0)}, absolute="5ms")
    assert not between.met
    assert sentence(between).endswith("is known to ±1 ms at this look, and must be so at one more.")


def test_about_how_many_are_needed(judged: Callable[..., PrecisionState]) -> None:
    """Twice as narrow takes four times as many, and the look after."""
    state = judged({"a": spread(30, 10.0)}, absolute="5ms")
    narrow = next(
        n
        for n in range(31, 1000)
        if intervals.student_t(0.95, n - 1) / n**0.5 <= 0.5 * intervals.student_t(0.95, 29) / 30**0.5
    )
    assert narrow + narrow // 5 == state.needed


def test_the_sentence_says_what_is_known_and_what_is_not(judged: Callable[..., PrecisionState]) -> None:
    """Claimed is what was asked for; the width that was reached is rounded up, and told beside it."""
    met = judged({"a": spread(30, 1.5)}, relative="2%", endpoint="a")
    assert (
        "Stopped at 30 of at most 400 replications: p99 of a is known to ±2 %, as asked (its interval: ±1.53 %)."
        == sentence(met)
    )
    every = judged({"a": spread(30, 1.0), "b": spread(30, 3.0)}, absolute="5ms", max_replications=30)
    assert (
        "Within 30 replications: p99 of every endpoint is known to ±5 ms, as asked (widest is b: ±3 ms)."
        == sentence(every)
    )
    wide = judged({"a": spread(30, 9.0)}, relative="5%", max_replications=30)
    assert "Not resolved to ±5 % within 30 replications: p99 of a is known to ±9.9 %; about 121 would do." == sentence(
        wide
    )
    early = judged({"a": spread(34, 9.0)}, absolute="5ms", difference=False, endpoint="a")
    assert sentence(early).startswith(
        "Not resolved to ±5 ms after 34 replications (at most 400): p99 of a is known to ±9 ms; about "
    )
    nothing = judged({"a": [None] * 30}, absolute="5ms", max_replications=30)
    assert "Not resolved to ±5 ms within 30 replications: p99 of a: no data in 30 of 30 replications." == sentence(
        nothing
    )
    huge = judged({"a": spread(30, 900.0)}, relative="5%", max_replications=30)
    assert "p99 of a is not known to within its own size" in sentence(huge)


def test_skewed_replications_are_told_where_the_target_is_absolute(judged: Callable[..., PrecisionState]) -> None:
    """One in ten is large: skewness 2.7; no remark on even values."""
    skewed = [10.0 if number % 10 == 9 else 1.0 for number in range(30)]
    state = judged({"a": skewed}, absolute="5ms")
    assert state.met
    assert sentence(state).endswith(
        "Its replications are skewed: an interval found by stopping holds the truth less often than 95% says; rely on "
        "±5 ms."
    )
    assert "skewed" not in sentence(judged({"a": spread(30, 1.0)}, absolute="5ms"))


def test_a_program_reads_the_same(judged: Callable[..., PrecisionState]) -> None:
    """Every number of the sentence, in the unit of the measure."""
    told = facts(judged({"a": spread(30, 3.0)}, absolute="5ms"))
    assert ("p99", None, 5.0, "ms", True, 30, "a", [95.0, 105.0]) == tuple(
        told[key] for key in ("measure", "endpoint", "absolute", "unit", "met", "replications", "widest", "ci")
    )


def test_without_a_precision_there_is_nothing_to_find() -> None:
    """None, not a state."""
    assert found(scenario(), ()) is None


# How often what is claimed is true.


def values_of(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> tuple[NDArray[np.float64], float]:
    """Replications with a mean that is known: shape (studies, replications), and the mean."""
    if kind == "normal":
        return rng.normal(5.0, 1.0, shape), 5.0
    if kind == "exponential":
        return rng.exponential(1.0, shape), 1.0
    return rng.lognormal(0.0, np.sqrt(np.log(1.25)), shape), float(np.sqrt(1.25))  # cv 0.5


def held(judged: Callable[..., PrecisionState], values: NDArray[np.float64], truth: float, **asked: Any) -> list[bool]:
    """Whether the interval that each study claims holds the truth, as a study runs: look by look until it is met."""
    at = looks(Precision.model_validate({"measure": "p99", "max_replications": values.shape[1], **asked}))
    answers = []
    for series in values.tolist():
        for count in at:
            state = judged({"a": series[:count]}, max_replications=values.shape[1], **asked)
            if state.met:
                break
        claimed = reported(state)
        assert claimed.low is not None
        assert claimed.high is not None
        answers.append(claimed.low <= truth <= claimed.high)
    return answers


@pytest.mark.parametrize("target", ["absolute", "relative"])
@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("normal", 0.94),  # the level less a point
        # As many replications fixed beforehand, 57, hold it in 93.6 % and 94.2 %; a point less.
        ("exponential", 0.926),
        ("lognormal", 0.932),
    ],
)
def test_claims_hold_the_truth(judged: Callable[..., PrecisionState], kind: str, bound: float, target: str) -> None:
    """Targets for which about 40 replications would do: where the chance in the spread decides when to stop."""
    rng = np.random.default_rng([11, len(kind)])
    values, truth = values_of(kind, rng, (STUDIES, 200))
    error = 1.96 * float(values.std()) / np.sqrt(40)
    share = error / truth
    asked = (
        {"absolute": f"{error * 1e3:.0f}us"}
        if target == "absolute"
        else {"relative": f"{100 * share / (1 - share):.4f}%"}
    )
    answers = held(judged, values, truth, **asked)
    assert bound - MARGIN * np.sqrt(bound * (1 - bound) / STUDIES) <= np.mean(answers)


def test_looking_after_every_replication_from_three_would_be_seen(
    judged: Callable[..., PrecisionState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound above refuses the rule without what was done against looking too often."""
    values, truth = values_of("normal", np.random.default_rng(12), (STUDIES, 200))
    within = []
    for series in values:
        for count in range(3, 200):
            part = series[:count]
            half = intervals.student_t(0.95, count - 1) * part.std(ddof=1) / np.sqrt(count)
            if half <= 1.96 / np.sqrt(40):
                break
        within.append(abs(part.mean() - truth) <= half)
    assert 0.94 - MARGIN * np.sqrt(0.94 * 0.06 / STUDIES) > np.mean(within)
