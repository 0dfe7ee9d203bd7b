"""What is the cheapest configuration that meets the objectives: candidates, raced until it is clear."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from simulator.errors import InputError, Problem, ScenarioError
from simulator.measures.catalogue import Kind, find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Objective, parse_objective
from simulator.questions.plan.bounds import fixed_usd, with_reasons
from simulator.questions.plan.candidates import Candidate, Choice, choice_of
from simulator.questions.plan.racing import Chance, Mean, Race, Rules, Seen, State, Test, race
from simulator.scenario.loading import Source
from simulator.scenario.model import Scenario
from simulator.scenario.plan import LEAST_REPLICATIONS
from simulator.study.estimates import MONTHLY, Sample, sample_of
from simulator.study.executors import Workers, workers
from simulator.study.interrupts import remembered
from simulator.study.manifest import study_digest
from simulator.study.replicate import Record, Task, check_engine, objectives_of
from simulator.study.run import Progress, Report
from simulator.study.tasks import requests_of

#: By how much an objective is made tighter to see what it costs.
TIGHTER: Final = 0.1
_COST: Final = find("monthly_cost")


@dataclass(frozen=True)
class Tightened:
    """What one objective costs: the plan under a tighter limit.

    Parameters
    ----------
    objective, tighter : Objective
    race : Race
        Of those that do not miss the looser one.
    more : Estimate or None
        Monthly cost of the new plan less that of the first, paired over replications; None if none qualifies. [USD]
    """

    objective: Objective
    tighter: Objective
    race: Race
    more: Estimate | None


@dataclass(frozen=True)
class Planned:
    """The answer.

    Parameters
    ----------
    choice : Choice
        With every candidate, those left out with the reason.
    scenario : Scenario or None
        Whose endpoints are the candidates that were raced; None if all were left out.
    objectives : tuple of Objective
        Of the scenario, as given.
    rules : Rules
    race : Race
    samples : dict of str to Sample
        Replications of those that were simulated.
    tightened : Tightened or None
        None where there is no plan or no objective to tighten.
    requests : int
        Requests that were simulated, over all candidates.
    is_interrupted : bool
        Whether an interrupt ended the first race, or the second: then that one tells nothing.
    """

    choice: Choice
    scenario: Scenario | None
    objectives: tuple[Objective, ...]
    rules: Rules
    race: Race
    samples: Mapping[str, Sample]
    tightened: Tightened | None
    requests: int
    is_interrupted: bool = False

    @property
    def plan(self) -> str | None:
        """Name of the cheapest candidate that qualifies."""
        return self.race.plan

    @property
    def is_decided(self) -> bool:
        """Whether the race came to an end before the replications did."""
        return self.race.is_decided

    def candidate(self, name: str) -> Candidate:
        """The candidate of a name."""
        return next(one for one in self.choice.candidates if one.name == name)

    def cost(self, name: str) -> Estimate:
        """Monthly cost over the replications that were looked at [USD]."""
        return self.samples[name].estimate(_COST)

    def less(self, name: str, other: str) -> Estimate:
        """Monthly cost of one less that of another, paired over the replications that both have [USD]."""
        return _less(self.samples, name, other)

    def judgements(self, name: str) -> list[Judgement]:
        """Each objective, judged by the replications that were looked at."""
        return [self.samples[name].judgement(one) for one in self.objectives]

    def excess(self, name: str) -> float:
        """By which part of its limit the objective is missed that is missed most; 0 or less if all means keep to it."""
        found = [over(one.objective, one.estimate.value) for one in self.judgements(name)]
        return max(found, default=0.0)

    @cached_property
    def next_best(self) -> str | None:
        """The cheapest besides the plan that is not known to miss an objective."""
        others = {State.TIE, State.DEARER, State.UNDECIDED}
        names = [one.name for one in self.race.runners.values() if one.state in others and one.name in self.samples]
        return min(names, key=self._mean, default=None)

    @cached_property
    def near_miss(self) -> str | None:
        """Of those that miss an objective and cost less than the plan, the one that misses by least."""
        names = [one.name for one in self.race.runners.values() if one.state is State.MISSES]
        if self.plan is not None:
            names = [name for name in names if self._mean(name) < self._mean(self.plan)]
        return min(names, key=lambda name: (self.excess(name), self._missing(name), self._mean(name)), default=None)

    def _missing(self, name: str) -> float:
        return max((one.misses.value or 0.0 for one in self.judgements(name)), default=0.0)

    def _mean(self, name: str) -> float:
        value = self.cost(name).value
        return math.inf if value is None else value

    @cached_property
    def digest(self) -> str:
        """Name of the results: all that was raced, what was asked, and how sure."""
        block = self.choice.block
        parts = [
            "" if self.scenario is None else study_digest(self.scenario),
            *(f"{one.name} {one.pruned}" for one in self.choice.candidates),
            *(one.text for one in self.objectives),
            repr(self.rules),
            block.judged_by,
            repr(block.misses_at_most),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def folder(self, results: Path) -> Path:
        """The plan's own folder below the folder of all results."""
        return results / self.choice.base.name / f"plan-{self.digest}"


def over(objective: Objective, value: float | None) -> float:
    """How far a value is beyond a limit, as a part of the limit; negative within it."""
    if value is None:
        return math.inf
    apart = value - objective.limit if _is_upper(objective) else objective.limit - value
    return apart / objective.limit if objective.limit else (math.inf if apart > 0 else apart)


def tighter(objective: Objective) -> Objective:
    """The same objective with its limit a tenth tighter."""
    factor = 1 - TIGHTER if _is_upper(objective) else 1 + TIGHTER
    limit = objective.limit * factor
    kind, unit = objective.measure.kind, objective.measure.unit
    if kind is Kind.DURATION:
        text = f"{limit:.6f}".rstrip("0").rstrip(".") + unit
    elif kind is Kind.SHARE:
        text = f"{100 * min(limit, 1.0):.6g}%"
    else:
        text = f"{limit:.6f}".rstrip("0").rstrip(".") + ("USD" if kind is Kind.MONEY else "")
    return parse_objective(f"{objective.measure.name} {objective.comparison} {text}")


def plan(
    source: Source,
    *,
    overrides: Mapping[str, Any] | None = None,
    vary: Sequence[str] = (),
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    cluster: str | None = None,
    progress: Report | None = None,
    with_price_of_objective: bool = True,
) -> Planned:
    """The cheapest candidate that meets the objectives.

    The answer depends on scenario, options and seed alone, not on how many processes work on it. An interrupt from the
    keyboard ends it with what was found so far; replications are not kept for another run.

    Parameters
    ----------
    source : Source
        Of the scenario (`simulator.scenario.loading.read_source`).
    overrides : mapping, optional
        As in `load_scenario`.
    vary : sequence of str
        ``endpoint.field=values``, in place of the candidates that the scenario gives for that endpoint.
    replications : int, optional
        Where to stop at the latest; by default ``plan.max_replications``.
    seed, engine, jobs, executor, cluster, progress
        As in `simulator.run`.
    with_price_of_objective : bool
        Whether a second race is run under a tighter limit.

    Raises
    ------
    ScenarioError, InputError
        If the scenario, its block or the options cannot be used.
    """
    name = check_engine(engine)
    choice = choice_of(source, overrides or {}, vary)
    block, base = choice.block, choice.base
    most = block.max_replications if replications is None else replications
    if most < LEAST_REPLICATIONS:
        raise InputError(f"replications is {most}, must be at least {LEAST_REPLICATIONS} for a plan")
    rules = Rules(base.confidence if block.confidence is None else block.confidence, block.smallest_saving, most)
    objectives = tuple(objectives_of(base))
    tight = tuple(tighter(one) for one in objectives)
    parts: dict[str, Any] = {
        "replications": most,
        # What tighter limits ask for is counted along, so that they need no replications of their own.
        "objectives": list(dict.fromkeys(one.text for one in (*objectives, *tight))),
    }
    if seed is not None:
        parts["seed"] = seed
    possible = [one for one in choice.candidates if not one.pruned]
    if not possible:
        raise ScenarioError([Problem("plan.candidates", "none is possible")], source.name)
    reasons = with_reasons(possible, choice.scenario(source, possible, **parts), objectives, block.model_memory)
    pruned = {one.name: one for one in reasons}
    choice = replace(choice, candidates=tuple(pruned.get(one.name, one) for one in choice.candidates))
    racing = [one for one in choice.candidates if not one.pruned]
    if not racing:
        return Planned(choice, None, objectives, rules, Race({}, None, True), {}, None, 0)
    scenario = choice.scenario(source, racing, **parts)
    with workers([scenario], jobs, executor, cluster) as places, remembered() as check_interrupts:
        course = _Course(choice, scenario, places, name, progress, rules, check_interrupts)
        floors = {one.name: fixed_usd(scenario, scenario.endpoint(one.name)) for one in racing}
        first = course.race(floors, objectives)
        found = Planned(choice, scenario, objectives, rules, first, course.at(first), None, 0)
        tightened, is_interrupted = None, first.is_interrupted
        if with_price_of_objective and first.plan is not None and not is_interrupted:
            number = _binding(found)
            if number is not None:
                tightened = course.tightened(found, floors, number, tight[number])
                is_interrupted = tightened.race.is_interrupted
    if is_interrupted:
        tightened = None
    return replace(found, tightened=tightened, requests=course.requests, is_interrupted=is_interrupted)


class _Course:
    """Replications on their way: simulated once, for whatever race asks for them."""

    def __init__(
        self,
        choice: Choice,
        scenario: Scenario,
        places: Workers,
        engine: Literal["compiled", "reference"],
        progress: Report | None,
        rules: Rules,
        check_interrupts: Callable[[], None],
    ) -> None:
        self._choice, self._scenario, self._places, self._engine = choice, scenario, places, engine
        self._progress, self._rules, self._check_interrupts = progress, rules, check_interrupts
        self._records: dict[str, dict[int, Record]] = {one.name: {} for one in scenario.endpoints}
        self._samples: dict[tuple[str, int], Sample] = {}
        self.requests = 0

    def race(self, floors: Mapping[str, float], objectives: Sequence[Objective]) -> Race:
        def observe(names: Sequence[str], n: int) -> dict[str, Seen]:
            self._simulate(names, n)
            return {name: self._seen(self.sample(name, n), objectives) for name in names}

        return race(floors, observe, self._rules)

    def at(self, ended: Race) -> dict[str, Sample]:
        """The replications of each that a race has looked at."""
        return {one.name: self.sample(one.name, one.replications) for one in ended.runners.values() if one.replications}

    def tightened(self, found: Planned, floors: Mapping[str, float], number: int, limit: Objective) -> Tightened:
        """A second race, among those that do not miss the looser limits."""
        objectives = [limit if place == number else one for place, one in enumerate(found.objectives)]
        names = [one.name for one in found.race.runners.values() if one.state is not State.MISSES]
        second = self.race({name: floors[name] for name in names}, objectives)
        more = None
        if second.plan is not None and found.plan is not None:
            more = _less(
                {**self.at(found.race), **self.at(second), found.plan: found.samples[found.plan]},
                second.plan,
                found.plan,
            )
        return Tightened(found.objectives[number], limit, second, more)

    def sample(self, name: str, n: int) -> Sample:
        """The first n replications of a candidate."""
        if (name, n) not in self._samples:
            records = [self._records[name][number] for number in range(n)]
            self._samples[name, n] = sample_of(self._scenario, name, records)
        return self._samples[name, n]

    def _simulate(self, names: Sequence[str], n: int) -> None:
        missing: dict[tuple[str, ...], list[int]] = {}
        for number in range(n):
            wanted = tuple(name for name in names if number not in self._records[name])
            if wanted:
                missing.setdefault(wanted, []).append(number)
        tasks = [
            Task(self._scenario, tuple(numbers[at : at + size]), self._engine, wanted)
            for wanted, numbers in missing.items()
            for size in (max(1, len(numbers) // (4 * (self._places.count or 4))),)
            for at in range(0, len(numbers), size)
        ]
        each = requests_of(self._scenario) / max(len(self._scenario.endpoints), 1)
        expected = self.requests + sum(len(task.numbers) * len(task.endpoints) for task in tasks) * each

        left = sum(len(task.numbers) for task in tasks)

        def tell(more: int) -> None:
            self.requests += more
            self._check_interrupts()
            if self._progress is not None:
                self._progress(Progress(max(n - left, 0), n, self.requests, expected))

        for _, records in self._places.results(tasks, tell):
            left -= len(records)
            for record in records:
                for name in record.measured:
                    self._records[name][record.number] = record

    def _seen(self, sample: Sample, objectives: Sequence[Objective]) -> Seen:
        costs = np.array([bill.monthly_cost_usd for bill in sample.bills], np.float64)
        return Seen(costs, tuple(self._test(sample, one) for one in objectives))

    def _test(self, sample: Sample, objective: Objective) -> Test:
        """Whether replications keep to it; of the bill of a month only the mean is known from shorter ones."""
        by_mean = self._choice.block.judged_by == "mean"
        if by_mean or (objective.measure.name in MONTHLY and not sample.is_a_month):
            values = [math.nan if one is None else float(one) for one in sample.column(objective.measure.name)]
            return Mean(np.array(values, np.float64), objective.limit, _is_upper(objective))
        held = [
            (0 if one.requests and not one.completed else -1) if kept is None else int(kept)
            for kept, one in zip(sample.held(objective), sample.measured, strict=True)
        ]
        return Chance(np.array(held, np.int8), self._choice.block.misses_at_most)


def _is_upper(objective: Objective) -> bool:
    return objective.comparison in {"<", "<="}


def _less(samples: Mapping[str, Sample], name: str, other: str) -> Estimate:
    shared = min(len(samples[name].bills), len(samples[other].bills))
    ours, theirs = (
        Sample(one.measured[:shared], one.bills[:shared], one.confidence) for one in (samples[name], samples[other])
    )
    return ours.less(theirs, _COST)


def _binding(found: Planned) -> int | None:
    """Number of the objective that keeps the plan from being cheaper: the one that the near miss misses.

    Where nothing cheaper misses any, the one whose mean is nearest to its limit; what bounds cost itself is none.
    """
    able = [number for number, one in enumerate(found.objectives) if one.measure.kind is not Kind.MONEY]
    if found.near_miss is not None:
        missed = found.race.runners[found.near_miss].missed
        if missed in able:
            return missed
    assert found.plan is not None
    judged = found.judgements(found.plan)
    return max(able, key=lambda number: over(judged[number].objective, judged[number].estimate.value), default=None)
