"""Does the answer survive? Every endpoint under stresses, each harder and harder, until an objective breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from simulator.measures.objectives import Judgement
from simulator.questions.stress.breaking import Outcome, to_try
from simulator.questions.stress.planned import Plan
from simulator.questions.stress.stressed import Cell, Seen, Stressed, judged, tried_of
from simulator.questions.stress.stressing import Stress
from simulator.scenario.model import Scenario
from simulator.study.estimates import Sample
from simulator.study.results import Study

if TYPE_CHECKING:
    from simulator.questions.running import Runner

#: Studies that run at the same time: each holds two files open, and systems allow a process about a thousand.
_TOGETHER: Final = 100
#: Rounds in which severities between others are tried: each halves an interval.
MOST_ROUNDS: Final = 8


def stress(plan: Plan, runner: Runner) -> Stressed:
    """What becomes of a scenario: first at the severities of the plan, then between them where an objective breaks.

    Parameters
    ----------
    plan : Plan
    runner : callable
        Gives studies of scenarios (`running.runner_of`, or `run_all` as it is). If one is not complete it was
        interrupted, and no more are asked for.
    """
    return _Course(plan, runner).run()


class _Course:
    """A plan on its way through its studies."""

    def __init__(self, plan: Plan, runner: Runner) -> None:
        self._plan = plan
        self._runner = runner
        self._seen: dict[tuple[str, float], dict[str, Seen]] = {}
        self._neutral: dict[tuple[str, str], Sample] = {}
        self._complete = True

    def run(self) -> Stressed:
        plan = self._plan
        grid = [
            (stress, severity, names)
            for stress in plan.stresses
            if (names := plan.stressed(stress))
            for severity in stress.severities
        ]
        # Everything is planned before anything is simulated, so that what cannot be is told at once.
        scenarios = [plan.at(*one) for one in grid]
        plain, *others = self._studies([plan.scenario, *scenarios])
        self._add(grid, others)
        for _ in range(MOST_ROUNDS if plan.refine else 0):
            wanted = list(self._wanted()) if self._complete else []
            if not wanted:
                break
            self._add(wanted, self._studies([plan.at(*one) for one in wanted]))
        return Stressed(plan, plain, self._seen, self._complete)

    def _studies(self, scenarios: Sequence[Scenario]) -> list[Study]:
        """Studies of scenarios, in their order; equal ones are simulated once."""
        distinct = list(dict.fromkeys(scenarios))
        found: dict[Scenario, Study] = {}
        for at in range(0, len(distinct), _TOGETHER):
            some = distinct[at : at + _TOGETHER]
            if self._complete:
                found |= dict(zip(some, self._runner(some), strict=True))
                self._complete = all(found[one].complete for one in some)
        # What an interrupt left out has no replication.
        return [found.get(one) or Study(one, "", ()) for one in scenarios]

    def _add(self, tried: Sequence[tuple[Stress, float, tuple[str, ...]]], studies: Sequence[Study]) -> None:
        for (stress, severity, names), study in zip(tried, studies, strict=True):
            if study.records:
                judgements = judged(study)
                seen = self._seen.setdefault((stress.name, severity), {})
                seen |= {name: self._look(stress, severity, study, name, judgements[name]) for name in names}

    def _look(self, stress: Stress, severity: float, study: Study, name: str, judgements: list[Judgement]) -> Seen:
        measures = self._plan.measures
        sample = study.sample(name)
        if severity == stress.neutral:
            self._neutral[stress.name, name] = sample
        neutral = self._neutral.get((stress.name, name))
        changes = {}
        if neutral is not None:
            shared = min(len(sample.measured), len(neutral.measured))
            ours, theirs = (_first(shared, one) for one in (sample, neutral))
            changes = {one.name: ours.less(theirs, one) for one in measures}
        return Seen(tuple(judgements), {one.name: sample.estimate(one) for one in measures}, changes)

    def _wanted(self) -> Iterator[tuple[Stress, float, tuple[str, ...]]]:
        """Severities to try next, each with the endpoints that need it."""
        found = Stressed(self._plan, Study(self._plan.scenario, "", ()), self._seen)
        for stress in self._plan.stresses:
            wanted: dict[float, list[str]] = {}
            for name in self._plan.stressed(stress):
                seen = found.at(stress, name)
                for number in _may_be_first(found.cell(name, stress.name)):
                    for severity in to_try(stress, tried_of(seen, number)):
                        if severity not in seen and name not in wanted.setdefault(severity, []):
                            wanted[severity].append(name)
            yield from ((stress, severity, tuple(names)) for severity, names in wanted.items() if names)


def _may_be_first(cell: Cell) -> list[int]:
    """Numbers of the objectives that break, without those that surely break later than another."""
    if cell.outcome is not Outcome.BREAKS:
        return []
    place = cell.stress.place
    highs = [place(one.high) for one in cell.breaks if one.high is not None]
    return [
        number
        for number, one in enumerate(cell.breaks)
        if one.outcome is Outcome.BREAKS and (one.low is None or place(one.low) < min(highs))
    ]


def _first(number: int, sample: Sample) -> Sample:
    """The first replications alone, without what is claimed of all: a precision may end studies at other numbers."""
    return Sample(sample.measured[:number], sample.bills[:number], sample.confidence)
