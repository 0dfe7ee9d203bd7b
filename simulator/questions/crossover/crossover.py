"""Where along a value, the rate of the traffic above all, the cheapest endpoint that meets all objectives changes.

Costs need not rise steadily: cold starts that are billed make a serverless endpoint dearer at some low rates than at
higher ones, and instances come in whole numbers. So a grid with eight points a decade is simulated first, with few
replications where they are long; then the surroundings of every change, with all replications, until the points around
it are as near as the tolerance says. All points have the same random numbers.

An endpoint that wins between two neighbours of the grid only is looked for where its eligibility and its place among
the costs turn in opposite ways (`windows`). A rise and fall of a cost between two neighbours is not seen.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from simulator.errors import InputError
from simulator.measures.catalogue import Measure
from simulator.questions.axis import Axis, read_axis, read_pair
from simulator.questions.breakeven import mean_rate, parse_growth
from simulator.questions.crossover.flips import Crossover
from simulator.questions.crossover.line import DIGITS, Line
from simulator.questions.point import Point, is_better_low, known_measure
from simulator.questions.rates import check_has_a_rate
from simulator.questions.running import Runner, runner_of
from simulator.scenario.loading import Source, read_source
from simulator.scenario.model import DEFAULT_REPLICATIONS, Scenario
from simulator.scenario.overrides import parse_path
from simulator.study.keeping import Resume
from simulator.study.manifest import study_digest
from simulator.study.run import Report, asked
from simulator.study.tasks import requests_of

#: Points a decade of a range that is spaced by factors (`PER_RANGE` of one that is not).
PER_DECADE: Final = 8
PER_RANGE: Final = 17
#: Without a range: the traffic of the scenario from a part of it to a multiple.
LEAST_FACTOR: Final = 0.01
MOST_FACTOR: Final = 100.0
#: How far apart the two points around a change lie at most, in parts of where they are.
TOLERANCE: Final = 0.01
#: Requests of a grid point, over endpoints and replications; beyond it replications are left out, down to the fewest.
GRID_REQUESTS: Final = 2e7
FEWEST_REPLICATIONS: Final = 5
#: Rounds of looking closer, after which a change is told as far as it is known.
_MOST_ROUNDS: Final = 16
#: Name of the axis along which the traffic is scaled as a whole.
SCALED: Final = "traffic"


@dataclass(frozen=True)
class Plan:
    """What a crossover is to look at.

    Parameters
    ----------
    source : Source
    overrides : dict
    base : Scenario or None
        The scenario as it is; None where it is not whole without a value of the axis.
    axis : Axis
        Of numbers; its path is `SCALED` where the traffic is scaled as a whole.
    measure : Measure
        What is compared; less is better.
    growth : float or None
        Of the traffic in a month, as a share.
    replications : int
        Of a point, those of the grid may have fewer.
    seed : int or None
    tolerance : float
    """

    source: Source
    overrides: Mapping[str, Any]
    base: Scenario | None
    axis: Axis
    measure: Measure
    growth: float | None
    replications: int
    seed: int | None
    tolerance: float

    @property
    def is_scaled(self) -> bool:
        """Whether the traffic is scaled as a whole."""
        return self.axis.path == SCALED

    @property
    def is_rate(self) -> bool:
        """Whether the axis is a rate of the traffic."""
        return _is_rate(self.axis)

    def text(self, place: float) -> str:
        """A value of the axis as it is set."""
        assert self.axis.numbers is not None
        if place in self.axis.numbers:
            return self.axis.texts[self.axis.numbers.index(place)]
        return self.axis.text(place, DIGITS)

    def scenarios(self, places: Sequence[float]) -> list[Scenario]:
        """The scenario at some values of the axis, with all its replications.

        Raises
        ------
        ScenarioError, InputError
            If it cannot be at any of them.
        """
        if self.is_scaled:
            assert self.base is not None
            rate = mean_rate(self.base)
            traffic = [self.base.traffic.scaled(place / rate) for place in places]
            return [self.base.model_copy(update={"traffic": one}) for one in traffic]
        texts = [self.text(place) for place in places]
        versions = {f"{self.axis.path}={text}": {**self.overrides, self.axis.path: text} for text in texts}
        found = self.source.versions(versions)
        return [asked(one, self.replications, self.seed) for one in found]

    @cached_property
    def grid(self) -> tuple[Scenario, ...]:
        """Scenarios of the grid, those with long replications with fewer of them."""
        assert self.axis.numbers is not None
        return tuple(_thinned(one) for one in self.scenarios(self.axis.numbers))

    @cached_property
    def digest(self) -> str:
        """Name of the results."""
        names = [study_digest(scenario) for scenario in self.grid]
        more = [self.axis.path, self.measure.name, repr(self.growth), repr(self.tolerance), str(self.replications)]
        return hashlib.sha256(" ".join([*names, *more]).encode()).hexdigest()[:16]

    def folder(self, results: Path) -> Path:
        """The crossover's own folder below the folder of all results."""
        return results / self.grid[0].name / f"crossover-{self.digest}"

    def run(self, runner: Runner) -> Crossover:
        """The crossover.

        Raises
        ------
        KeyboardInterrupt
            If it was interrupted; what was finished is kept where results are.
        """
        line = Line(self.axis, self.measure, self.tolerance)
        assert self.axis.numbers is not None
        self._simulate(line, dict(zip(self.axis.numbers, self.grid, strict=True)), runner)
        for _ in range(_MOST_ROUNDS):
            places = list(line.wanted())
            if not places:
                break
            self._simulate(line, dict(zip(places, self.scenarios(places), strict=True)), runner)
        return Crossover(
            line=line,
            base=self.base,
            growth=self.growth,
            is_rate=self.is_rate,
            digest=self.digest,
        )

    def _simulate(self, line: Line, scenarios: Mapping[float, Scenario], runner: Runner) -> None:
        studies = runner(list(scenarios.values()))
        if not all(study.complete for study in studies):
            raise KeyboardInterrupt
        for place, study in zip(scenarios, studies, strict=True):
            is_full = study.scenario.replications >= self.replications
            line.add(place, Point((self.text(place),), study), is_full=is_full)


def _whole(scenario: Scenario, replications: int | None, seed: int | None) -> Scenario:
    """The scenario with a number of replications that does not depend on what is found."""
    if replications is None and scenario.precision is not None:
        replications = min(scenario.replications, DEFAULT_REPLICATIONS)
    return asked(scenario, replications, seed)


def _thinned(scenario: Scenario) -> Scenario:
    allowed = int(GRID_REQUESTS / max(requests_of(scenario), 1.0))
    number = min(scenario.replications, max(allowed, FEWEST_REPLICATIONS))
    return scenario if number == scenario.replications else scenario.with_replications(number)


def planned(
    source: str | os.PathLike[str] | Mapping[str, Any] | Source,
    over: str | None = None,
    *,
    measure: str = "monthly_cost",
    growth: str | None = None,
    tolerance: float = TOLERANCE,
    overrides: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    replications: int | None = None,
    seed: int | None = None,
) -> Plan:
    """What a crossover is to look at; parameters and errors as those of `crossover`."""
    if not 0.0 < tolerance <= 0.2:
        raise InputError(f"tolerance is {100 * tolerance:g}%, must be more than 0% and at most 20%")
    opened = source if isinstance(source, Source) else read_source(source, folder)
    given = dict(overrides or {})
    # A scenario may lack what the axis gives it, unless something depends on how it is at present.
    needs_base = over is None or growth is not None
    axis = None if over is None else _axis(over)
    alone = given if axis is None or needs_base else {**given, axis.path: axis.texts[0]}
    base = _whole(opened.scenario(alone), replications, seed)
    check_has_a_rate(base, "a crossover")
    chosen = known_measure(measure, base)
    if not is_better_low(chosen):
        raise InputError(f"{measure} cannot be compared: less of it is not better; for example monthly_cost, p99")
    axis = _scaled_axis(base) if axis is None else axis
    if growth is not None and not _is_rate(axis):
        raise InputError(f"growth is that of the traffic; {axis.path} is no rate of it")
    return Plan(
        source=opened,
        overrides=given,
        base=base if needs_base else None,
        axis=axis,
        measure=chosen,
        growth=None if growth is None else parse_growth(growth),
        replications=base.replications,
        seed=seed,
        tolerance=tolerance,
    )


def _is_rate(axis: Axis) -> bool:
    return axis.path == SCALED or (axis.unit.startswith("/") and parse_path(axis.path)[0] == "traffic")


def _axis(over: str) -> Axis:
    path, values = read_pair(over)
    axis = read_axis(path, values, is_log=lambda low, high: low > 0, counted=_counted)
    if axis.numbers is None or len(axis.numbers) < 2:
        raise InputError(f"{axis.path}: a crossover lies between numbers; write for example 0.01/s..100/s")
    if axis.path == "seed":
        raise InputError("seed cannot be varied: points are compared under the same random numbers")
    order = sorted(range(len(axis.numbers)), key=axis.numbers.__getitem__)
    numbers, texts = tuple(axis.numbers[number] for number in order), tuple(axis.texts[number] for number in order)
    return replace(axis, texts=texts, numbers=numbers)


def _counted(low: float, high: float, is_log: bool) -> int:
    return math.ceil(PER_DECADE * math.log10(high / low)) + 1 if is_log else PER_RANGE


def _scaled_axis(base: Scenario) -> Axis:
    """From a hundredth of the traffic to a hundred times as much."""
    if base.assumed:
        raise InputError(
            "traffic of an uncertain scenario cannot be scaled; say what to vary, for example --over "
            "traffic.mean_rate=0.1/s..10/s"
        )
    rate = mean_rate(base)
    if rate == 0:
        raise InputError(
            "the scenario has no requests, so that there is nothing to scale; say what to vary, for "
            "example --over traffic.mean_rate=0.1/s..10/s"
        )
    count = _counted(LEAST_FACTOR, MOST_FACTOR, True)
    factors = [LEAST_FACTOR * (MOST_FACTOR / LEAST_FACTOR) ** (number / (count - 1)) for number in range(count)]
    plain = Axis(SCALED, ("0",), (0.0,), "/s", True, 0.0)
    numbers = tuple(plain.rounded(factor * rate) for factor in factors)
    return Axis(SCALED, tuple(plain.text(number) for number in numbers), numbers, "/s", True, 0.0)


def crossover(
    source: str | os.PathLike[str] | Mapping[str, Any] | Source,
    over: str | None = None,
    *,
    measure: str = "monthly_cost",
    growth: str | None = None,
    tolerance: float = TOLERANCE,
    overrides: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    cluster: str | None = None,
    progress: Report | None = None,
    results: str | os.PathLike[str] | None = None,
    resume: Resume = "if_possible",
) -> Crossover:
    """Where the cheapest endpoint that meets all objectives changes.

    Parameters
    ----------
    source, overrides, folder
        As in `load_scenario`.
    over : str, optional
        What is varied: ``traffic.mean_rate=0.01/s..100/s``, ``endpoints[0].provisioned_concurrency=0..8``. By default
        the traffic of the scenario, of whatever kind, from a hundredth of it to a hundred times as much.
    measure : str
        What is compared: a cost, a latency or a share of requests lost.
    growth : str, optional
        Of the traffic, ``8%/month``: the months in which changes are reached are told too.
    tolerance : float
        How far apart the two points around a change may lie, in parts of where they are; more than 0, at most 0.2.
    replications, seed, engine, jobs, executor, cluster, progress, results, resume
        As in `simulator.run`. Every point is kept as a study of its own.

    Raises
    ------
    InputError
        If an argument cannot be used.
    ScenarioError
        If any point is wrong: all problems of all points, each with the point where it is.
    KeyboardInterrupt
        If it was interrupted.
    """
    plan = planned(
        source,
        over,
        measure=measure,
        growth=growth,
        tolerance=tolerance,
        overrides=overrides,
        folder=folder,
        replications=replications,
        seed=seed,
    )
    return plan.run(
        runner_of(
            engine=engine,
            jobs=jobs,
            executor=executor,
            cluster=cluster,
            progress=progress,
            results=results,
            resume=resume,
        )
    )
