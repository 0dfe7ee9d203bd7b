"""What would change the answer: each assumption moved alone, the others at their middle values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from simulator.measures.catalogue import find
from simulator.questions.answers import ByMeans, by_means
from simulator.questions.outputs import Output, Runner, studies_of
from simulator.scenario.assumptions import Assumption
from simulator.scenario.model import Scenario
from simulator.study.results import Study

#: Quantiles of the low and the high value of a range.
LOW: Final = 0.1
HIGH: Final = 0.9
#: Quantiles at which a range is tried besides its middle.
_TRIED: Final = (0.0, LOW, 0.3, 0.7, HIGH, 1.0)
#: How often the stretch in which the answer changes is halved: to less than a hundredth of the range.
_HALVINGS: Final = 5


@dataclass(frozen=True)
class Step:
    """One value of one assumption, and what came of it.

    Parameters
    ----------
    value : anything
        As a file would hold it.
    words : str
    quantile : float or None
        Of a range; None for an option.
    output : float
        Mean of what the figure shows, in its unit; NaN if there is none.
    answer : ByMeans
    """

    value: Any
    words: str
    quantile: float | None
    output: float
    answer: ByMeans


@dataclass(frozen=True)
class Flip:
    """Two neighbouring values between which the cheapest eligible endpoint changes.

    Parameters
    ----------
    assumption : Assumption
    before, after : Step
        The one nearer to the middle first.
    """

    assumption: Assumption
    before: Step
    after: Step


@dataclass(frozen=True)
class Bar:
    """One assumption moved alone.

    Parameters
    ----------
    assumption : Assumption
    steps : tuple of Step
        In the order of the values, the middle one among them.
    low, high : Step
        At the 10 % and the 90 % point of a range; the options of least and greatest output.
    flips : tuple of Flip
        Where the answer becomes another than that in the middle; at most one on either side, or one an option.
    """

    assumption: Assumption
    steps: tuple[Step, ...]
    low: Step
    high: Step
    flips: tuple[Flip, ...]

    @property
    def length(self) -> float:
        """How far low and high lie apart in the output; 0 if either has none."""
        length = abs(self.high.output - self.low.output)
        return 0.0 if math.isnan(length) else length


@dataclass(frozen=True)
class OneAtATime:
    """All assumptions, each moved alone.

    Parameters
    ----------
    output : Output
        What the figure shows.
    middle : Step
        With every assumption in the middle.
    bars : tuple of Bar
        The longest first.
    """

    output: Output
    middle: Step
    bars: tuple[Bar, ...]

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Those of all assumptions, in the order of the bars."""
        return tuple(flip for bar in self.bars for flip in bar.flips)


def one_at_a_time(scenario: Scenario, repeats: int, run: Runner) -> OneAtATime:
    """Each assumption at some values with the others in the middle, all under the same traffic.

    Parameters
    ----------
    scenario : Scenario
        With assumptions.
    repeats : int
        Realisations of the traffic for each value.
    run : callable
        Runs studies.
    """
    trials = _Trials(scenario, repeats, run)
    middle = trials.begin()
    wanted = [
        (one, quantile, value)
        for one in scenario.assumed
        for quantile, value in _tried(one)
        if not (quantile is None and value == one.middle)
    ]
    found: dict[str, list[Step]] = {one.name: [] for one in scenario.assumed}
    for (one, _, _), step in zip(wanted, trials.steps(wanted), strict=True):
        found[one.name].append(step)
    flips = _flips(scenario.assumed, found, middle, trials)
    bars = [_bar(one, found[one.name], middle, flips.get(one.name, ())) for one in scenario.assumed]
    return OneAtATime(trials.output, middle, tuple(sorted(bars, key=lambda bar: -bar.length)))


def _compared(scenario: Scenario, answer: ByMeans) -> Output:
    """Difference of the cost of the two cheapest endpoints; of the only one its cost."""
    names = answer.two_cheapest() or (scenario.baseline,)
    cost = find("monthly_cost")
    return Output(names[1], cost, names[0]) if len(names) > 1 else Output(names[0], cost)


def _tried(one: Assumption) -> list[tuple[float | None, Any]]:
    if one.options:
        return [(None, option) for option in one.options]
    return [(quantile, one.quantile(quantile)) for quantile in _TRIED]


class _Trials:
    """Runs scenarios with one assumption moved."""

    def __init__(self, scenario: Scenario, repeats: int, run: Runner) -> None:
        self._scenario = scenario
        self._repeats = repeats
        self._run = run
        self.output = Output(scenario.baseline, find("monthly_cost"))

    def begin(self) -> Step:
        """The middle of all, from which it follows what is to be shown."""
        (study,) = studies_of(self._scenarios([{}]), self._run)
        answer = by_means(study)
        self.output = _compared(self._scenario, answer)
        return Step(None, "", None, self._mean(study), answer)

    def steps(self, wanted: Sequence[tuple[Assumption, float | None, Any]]) -> list[Step]:
        """Steps of assumptions at quantiles or options."""
        values = [{one.name: value} for one, _, value in wanted]
        found = []
        studies = studies_of(self._scenarios(values), self._run)
        for (one, quantile, value), study in zip(wanted, studies, strict=True):
            found.append(Step(value, one.words(value), quantile, self._mean(study), by_means(study)))
        return found

    def _mean(self, study: Study) -> float:
        numbers = self.output.values(study)
        return sum(numbers) / len(numbers)

    def _scenarios(self, values: Sequence[Mapping[str, Any]]) -> list[Scenario]:
        return [self._scenario.with_values(one).with_replications(self._repeats) for one in values]


def _flips(
    assumed: Sequence[Assumption], found: Mapping[str, list[Step]], middle: Step, trials: _Trials
) -> dict[str, tuple[Flip, ...]]:
    """Where the answer changes: options at once, ranges by halving the stretch next to the middle."""
    flips: dict[str, tuple[Flip, ...]] = {}
    stretches: list[Flip] = []
    for one in assumed:
        if one.options:
            flips[one.name] = tuple(
                Flip(one, _as_middle(one, middle), step)
                for step in found[one.name]
                if step.answer.cheapest != middle.answer.cheapest
            )
            continue
        own = _as_middle(one, middle)
        below = sorted((s for s in found[one.name] if (s.quantile or 0.0) < 0.5), key=lambda s: -(s.quantile or 0.0))
        above = sorted((s for s in found[one.name] if (s.quantile or 0.0) > 0.5), key=lambda s: s.quantile or 0.0)
        for side in (below, above):
            changes = [
                Flip(one, before, after)
                for before, after in pairwise([own, *side])
                if before.answer.cheapest != after.answer.cheapest
            ]
            stretches += changes[:1]
    for _ in range(_HALVINGS):
        wanted = [_halfway(flip) for flip in stretches]
        steps = trials.steps(wanted)
        stretches = [
            Flip(flip.assumption, step, flip.after)
            if step.answer.cheapest == flip.before.answer.cheapest
            else Flip(flip.assumption, flip.before, step)
            for flip, step in zip(stretches, steps, strict=True)
        ]
    for flip in stretches:
        flips[flip.assumption.name] = (*flips.get(flip.assumption.name, ()), flip)
    return flips


def _halfway(flip: Flip) -> tuple[Assumption, float, Any]:
    assert flip.before.quantile is not None
    assert flip.after.quantile is not None
    quantile = (flip.before.quantile + flip.after.quantile) / 2
    return flip.assumption, quantile, flip.assumption.quantile(quantile)


def _as_middle(one: Assumption, middle: Step) -> Step:
    """The middle of all as a step of one assumption."""
    quantile = None if one.options else 0.5
    return Step(one.middle, one.words(one.middle), quantile, middle.output, middle.answer)


def _bar(one: Assumption, found: Sequence[Step], middle: Step, flips: tuple[Flip, ...]) -> Bar:
    steps = [*found, _as_middle(one, middle)]
    if one.options:
        order = {one.words(option): place for place, option in enumerate(one.options)}
        steps.sort(key=lambda step: order[step.words])
        known = [step for step in steps if not math.isnan(step.output)] or steps
        # Of equal ones the first and the last.
        low, high = min(known, key=lambda step: step.output), max(reversed(known), key=lambda step: step.output)
    else:
        steps.sort(key=lambda step: step.quantile or 0.0)
        low, high = (next(step for step in steps if step.quantile == end) for end in (LOW, HIGH))
    return Bar(one, tuple(steps), low, high, flips)
