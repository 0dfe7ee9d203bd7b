"""What would change the answer: each assumption moved alone, the others at their middle values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from simulator.measures.catalogue import find
from simulator.questions.answers import ByMeans, by_means
from simulator.questions.sensitivity.outputs import Output, Runner, studies_of
from simulator.scenario.assumptions import Assumption
from simulator.scenario.model import Scenario
from simulator.study.results import Study

#: Quantiles of the low and the high value of a range.
LOW: Final = 0.1
HIGH: Final = 0.9
#: Quantiles at which a range is tried besides its middle.
_TRIED: Final = (0.0, LOW, 0.3, 0.7, HIGH, 1.0)
#: A stretch in which the answer changes is parted by so many values, and again: to less than a hundredth of the range.
_INSIDE: Final = 5
_ROUNDS: Final = 2


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


class Moving:
    """Moves each assumption of a scenario with the others in the middle, all under the same traffic.

    Parameters
    ----------
    scenario : Scenario
        With assumptions.
    repeats : int
        Realisations of the traffic for each value.
    """

    def __init__(self, scenario: Scenario, repeats: int) -> None:
        self._scenario = scenario
        self._repeats = repeats
        self._tried = [
            (one, quantile, value)
            for one in scenario.assumed
            for quantile, value in _tried(one)
            if not (quantile is None and value == one.middle)
        ]

    def scenarios(self) -> list[Scenario]:
        """What is to be simulated first: the middle of all, then every value that is tried."""
        return self._with([{}, *({one.name: value} for one, _, value in self._tried)])

    def found(self, studies: Sequence[Study], run: Runner) -> OneAtATime:
        """What came of it.

        Parameters
        ----------
        studies : sequence of Study
            Of the scenarios, in their order.
        run : callable
            Runs what narrows down where the answer changes.
        """
        answer = by_means(studies[0])
        output = _compared(self._scenario, answer)
        middle = Step(None, "", None, _mean(output, studies[0]), answer)
        steps: dict[str, list[Step]] = {one.name: [] for one in self._scenario.assumed}
        for wanted, study in zip(self._tried, studies[1:], strict=True):
            steps[wanted[0].name].append(_step(wanted, output, study))
        flips = {one.name: _changes(one, steps[one.name], middle) for one in self._scenario.assumed}
        self._narrow(flips, output, run)
        bars = [_bar(one, steps[one.name], middle, tuple(flips[one.name])) for one in self._scenario.assumed]
        return OneAtATime(output, middle, tuple(sorted(bars, key=lambda bar: -bar.length)))

    def _narrow(self, flips: dict[str, list[Flip]], output: Output, run: Runner) -> None:
        """Put narrower stretches in place of those of ranges.

        Several values at once in few rounds: to begin a round takes worker processes longer than to simulate a value.
        """
        for _ in range(_ROUNDS):
            stretches = [flip for of_one in flips.values() for flip in of_one if flip.before.quantile is not None]
            wanted = [one for flip in stretches for one in _inside(flip)]
            studies = studies_of(self._with([{one.name: value} for one, _, value in wanted]), run)
            steps = [_step(one, output, study) for one, study in zip(wanted, studies, strict=True)]
            for place, flip in enumerate(stretches):
                inner = steps[place * _INSIDE : (place + 1) * _INSIDE]
                own = flips[flip.assumption.name]
                own[own.index(flip)] = _first_change(flip.assumption, [flip.before, *inner, flip.after]) or flip

    def _with(self, values: Sequence[Mapping[str, Any]]) -> list[Scenario]:
        return [self._scenario.with_values(one).with_replications(self._repeats) for one in values]


def _compared(scenario: Scenario, answer: ByMeans) -> Output:
    """Difference of the cost of the two cheapest endpoints; of the only one its cost."""
    names = answer.two_cheapest() or (scenario.baseline,)
    cost = find("monthly_cost")
    return Output(names[1], cost, names[0]) if len(names) > 1 else Output(names[0], cost)


def _tried(one: Assumption) -> list[tuple[float | None, Any]]:
    if one.options:
        return [(None, option) for option in one.options]
    return [(quantile, one.quantile(quantile)) for quantile in _TRIED]


def _step(wanted: tuple[Assumption, float | None, Any], output: Output, study: Study) -> Step:
    one, quantile, value = wanted
    return Step(value, one.words(value), quantile, _mean(output, study), by_means(study))


def _mean(output: Output, study: Study) -> float:
    numbers = output.values(study)
    return sum(numbers) / len(numbers)


def _changes(one: Assumption, steps: Sequence[Step], middle: Step) -> list[Flip]:
    """Where the answer changes: each option with another one, and the first stretch on either side of a range."""
    own = _as_middle(one, middle)
    if one.options:
        return [Flip(one, own, step) for step in steps if step.answer.cheapest != own.answer.cheapest]
    ordered = sorted([*steps, own], key=lambda step: step.quantile or 0.0)
    place = ordered.index(own)
    sides = (ordered[place::-1], ordered[place:])
    return [flip for side in sides if (flip := _first_change(one, side)) is not None]


def _first_change(one: Assumption, steps: Sequence[Step]) -> Flip | None:
    return next(
        (
            Flip(one, before, after)
            for before, after in pairwise(steps)
            if before.answer.cheapest != after.answer.cheapest
        ),
        None,
    )


def _inside(flip: Flip) -> list[tuple[Assumption, float | None, Any]]:
    """Values that part a stretch evenly, in its order."""
    begins, ends = flip.before.quantile or 0.0, flip.after.quantile or 0.0
    quantiles = [begins + (ends - begins) * (place + 1) / (_INSIDE + 1) for place in range(_INSIDE)]
    return [(flip.assumption, quantile, flip.assumption.quantile(quantile)) for quantile in quantiles]


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
