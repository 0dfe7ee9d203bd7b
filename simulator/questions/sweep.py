"""What changes along some values of a scenario: each endpoint at every one of them, under the same random numbers."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from simulator.errors import InputError
from simulator.measures.catalogue import Measure
from simulator.questions.axis import Axis, read_axes
from simulator.questions.point import Point, known_measure
from simulator.questions.running import Runner, runner_of
from simulator.scenario.loading import Source, read_source
from simulator.scenario.model import Scenario
from simulator.study.keeping import Resume
from simulator.study.manifest import study_digest
from simulator.study.replicate import objectives_of
from simulator.study.results import Study
from simulator.study.run import Report, asked

if TYPE_CHECKING:
    import pandas as pd

#: Points of one sweep.
MOST_POINTS: Final = 1000
#: Studies that run at the same time: each holds two files open, and systems allow a process about a thousand.
TOGETHER: Final = 100
#: Measures that are told if none is asked for, besides those that objectives limit.
DEFAULT_MEASURES: Final = ("monthly_cost", "p99")


@dataclass(frozen=True)
class Plan:
    """What a sweep is to simulate.

    Parameters
    ----------
    axes : tuple of Axis
        What is varied, in the order given.
    values : tuple of tuple of str
        Of each point, one value an axis.
    scenarios : tuple of Scenario
        Of each point.
    measures : tuple of Measure
        What is told of each endpoint.
    """

    axes: tuple[Axis, ...]
    values: tuple[tuple[str, ...], ...]
    scenarios: tuple[Scenario, ...]
    measures: tuple[Measure, ...]

    @cached_property
    def digest(self) -> str:
        """Name of the results: the points in their order, and what is told of them."""
        names = [study_digest(scenario) for scenario in self.scenarios]
        text = " ".join([*(axis.path for axis in self.axes), *names, *(one.name for one in self.measures)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def folder(self, results: Path) -> Path:
        """The sweep's own folder below the folder of all results."""
        return results / self.scenarios[0].name / f"sweep-{self.digest}"

    def run(self, runner: Runner) -> Sweep:
        """The sweep, points that are equal simulated once."""
        studies: list[Study] = []
        for at in range(0, len(self.scenarios), TOGETHER):
            studies += runner(self.scenarios[at : at + TOGETHER])
        points = [Point(values, study) for values, study in zip(self.values, studies, strict=True)]
        return Sweep(self, tuple(point for point in points if point.study.records))


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep.

    Parameters
    ----------
    plan : Plan
    points : tuple of Point
        Those of which at least one replication finished, in the order of the plan; differences along the sweep are
        from the first of them.
    """

    plan: Plan
    points: tuple[Point, ...]

    @property
    def complete(self) -> bool:
        """Whether every replication of every point finished."""
        return len(self.points) == len(self.plan.values) and all(point.study.complete for point in self.points)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names in the order of the scenario."""
        return tuple(endpoint.name for endpoint in self.plan.scenarios[0].endpoints)

    def table(self) -> pd.DataFrame:
        """One row a point, endpoint and measure.

        Columns: ``point`` (from 0), one for each axis, ``endpoint``, ``measure``, ``unit``, ``value``, ``ci_low``,
        ``ci_high``, ``level``, ``n``, ``method``; ``verdict`` on all objectives of the endpoint there and ``missed``,
        those not met; ``difference`` from the ``baseline`` endpoint at the same point and ``change`` from the same
        endpoint at the first point, both paired over replications, each with ``_low`` and ``_high``. An axis is a
        column of numbers, with its unit in the name, where its values are numbers.
        """
        import pandas as pd

        rows = [
            self._row(number, point, endpoint, measure)
            for number, point in enumerate(self.points)
            for endpoint in point.endpoints
            for measure in self.plan.measures
        ]
        kinds = {
            "point": "Int64",
            **{_column(axis): "string" if axis.numbers is None else "Float64" for axis in self.plan.axes},
            **dict.fromkeys(("endpoint", "measure", "unit"), "string"),
            **dict.fromkeys(("value", "ci_low", "ci_high", "level"), "Float64"),
            "n": "Int64",
            **dict.fromkeys(("method", "verdict", "missed", "baseline"), "string"),
            **{f"{name}{end}": "Float64" for name in ("difference", "change") for end in ("", "_low", "_high")},
        }
        columns: dict[str, Any] = {
            column: pd.array([row[column] for row in rows], dtype=kind)  # type: ignore[call-overload]
            for column, kind in kinds.items()
        }
        return pd.DataFrame(columns)

    def _row(self, number: int, point: Point, endpoint: str, measure: Measure) -> dict[str, Any]:
        estimate = point.estimate(endpoint, measure)
        baseline = point.study.scenario.baseline
        apart = point.less(endpoint, baseline, measure) if endpoint != baseline else None
        change = point.less_than_at(self.points[0], endpoint, measure) if number else None
        return {
            "point": number,
            **{
                _column(axis): text if axis.numbers is None else axis.numbers[axis.texts.index(text)]
                for axis, text in zip(self.plan.axes, point.values, strict=True)
            },
            "endpoint": endpoint,
            "measure": measure.name,
            "unit": measure.unit,
            "value": estimate.value,
            "ci_low": estimate.low,
            "ci_high": estimate.high,
            "level": estimate.level,
            "n": estimate.n,
            "method": estimate.method,
            "verdict": point.verdict(endpoint).value if point.judgements[endpoint] else None,
            "missed": "; ".join(point.missed(endpoint)) or None,
            "baseline": baseline,
            "difference": None if apart is None else apart.value,
            "difference_low": None if apart is None else apart.low,
            "difference_high": None if apart is None else apart.high,
            "change": None if change is None else change.value,
            "change_low": None if change is None else change.low,
            "change_high": None if change is None else change.high,
        }


def _column(axis: Axis) -> str:
    return f"{axis.path} [{axis.unit}]" if axis.numbers is not None and axis.unit else axis.path


def planned(
    source: str | os.PathLike[str] | Mapping[str, Any] | Source,
    vary: Sequence[str] | Mapping[str, str | Sequence[Any]],
    *,
    in_pairs: bool = False,
    measures: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    replications: int | None = None,
    seed: int | None = None,
) -> Plan:
    """What a sweep is to simulate; parameters and errors as those of `sweep`."""
    axes = read_axes(vary)
    if any(axis.path == "seed" for axis in axes):
        raise InputError("seed cannot be varied: points are compared under the same random numbers")
    if in_pairs and len({len(axis.texts) for axis in axes}) > 1:
        counts = ", ".join(f"{axis.path} has {len(axis.texts)}" for axis in axes)
        raise InputError(f"values go together only if all have as many: {counts}")
    texts = [axis.texts for axis in axes]
    count = len(texts[0])
    for some in texts[1:]:
        count = count if in_pairs else count * len(some)
    if count > MOST_POINTS:
        raise InputError(f"{count:,} points are too many, at most {MOST_POINTS:,}; give fewer values")
    values = tuple(zip(*texts, strict=True)) if in_pairs else tuple(itertools.product(*texts))
    versions = {
        ", ".join(f"{axis.path}={text}" for axis, text in zip(axes, one, strict=True)): {
            **(overrides or {}),
            **{axis.path: text for axis, text in zip(axes, one, strict=True)},
        }
        for one in values
    }
    opened = source if isinstance(source, Source) else read_source(source, folder)
    scenarios = tuple(asked(one, replications, seed) for one in opened.versions(versions))
    names = measures or [*DEFAULT_MEASURES, *(one.measure.name for one in objectives_of(scenarios[0]))]
    return Plan(axes, values, scenarios, tuple(known_measure(name, scenarios[0]) for name in dict.fromkeys(names)))


def sweep(
    source: str | os.PathLike[str] | Mapping[str, Any] | Source,
    vary: Sequence[str] | Mapping[str, str | Sequence[Any]],
    *,
    in_pairs: bool = False,
    measures: Sequence[str] = (),
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
) -> Sweep:
    """Studies of a scenario at several values of some of its places, all with the same seed.

    Parameters
    ----------
    source, overrides, folder
        As in `load_scenario`; overrides hold at every point.
    vary : sequence of str, or mapping
        ``path=values``, or path → values: a list, ``traffic.mean_rate=1/s,2/s,4/s``, or a range,
        ``traffic.mean_rate=1/s..64/s:13:log`` (bounds included, ``:linear`` by default). Several: all combinations.
    in_pairs : bool
        The first values of all together, then the second, in place of all combinations.
    measures : sequence of str
        What is told; by default the monthly cost, p99, and what objectives limit.
    replications, seed, engine, jobs, executor, cluster, progress, results, resume
        As in `simulator.run`. Every point is kept as a study of its own.

    Raises
    ------
    InputError
        If `vary` or `measures` cannot be read.
    ScenarioError
        If any point is wrong: all problems of all points, each with the point where it is.
    """
    plan = planned(
        source,
        vary,
        in_pairs=in_pairs,
        measures=measures,
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
