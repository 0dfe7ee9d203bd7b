"""Running a study: replications handed out, records kept as they come, until there are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from simulator.errors import InputError
from simulator.scenario.model import Scenario
from simulator.study.executors import Workers, workers
from simulator.study.interrupts import remembered
from simulator.study.journal import Journal
from simulator.study.keeping import Resume, kept
from simulator.study.precision import check, looks
from simulator.study.replicate import Engine, Record, check_engine
from simulator.study.results import Study
from simulator.study.tasks import Gathering, requests_of, tasks_of


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Parameters
    ----------
    finished, replications : int
        Replications that are there, those found on disk included, and those that are there at the end; at most, if
        the scenario asks for a precision.
    requests : int
        Requests that have been simulated in this run, over all endpoints, unfinished replications included where
        that is known.
    expected : float
        Requests that this run is expected to simulate.
    before : int
        Requests of the replications that were found on disk.
    is_most : bool
        Whether `replications` and `expected` are the most that there can be, because a scenario asks for a precision.
    """

    finished: int
    replications: int
    requests: int
    expected: float
    before: int = 0
    is_most: bool = False


Report = Callable[[Progress], None]


def run(
    scenario: Scenario,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    cluster: str | None = None,
    progress: Report | None = None,
    results: str | os.PathLike[str] | None = None,
    resume: Resume = "if_possible",
) -> Study:
    """Study of a scenario: every endpoint under the same replications.

    The result depends on scenario, replications and seed alone: it is the same to the last bit on both engines, on
    any number of processes, on a cluster, and whether or not it was interrupted.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    replications : int, optional
        1 or more, also if the scenario asks for a precision; by default those of the scenario.
    seed : int, optional
        0 or more; by default that of the scenario.
    engine : {"compiled", "reference"}
        Which engine.
    jobs : int or "auto"
        Processes; 1 runs in this one. A script that asks for more must call this below
        ``if __name__ == "__main__":``, because worker processes import it.
    executor : Executor, optional
        Where to run instead: any `concurrent.futures.Executor`; `jobs` is then not used.
    cluster : str, optional
        Where to run instead: address of a Dask scheduler, ``tcp://host:port``.
    progress : callable, optional
        Called with a `Progress` as replications finish, and now and then.
    results : path, optional
        Folder of all results. Replications are kept in ``<results>/<scenario>/<digest>`` as they finish, and those
        that an earlier run of the same study left there are not simulated again. `Study.save` adds the tables.
    resume : {"if_possible", "always", "never"}
        What to do with replications that are there already: use them if the same program made them; refuse to run if
        there are none to use; forget them.

    Returns
    -------
    Study
        Interrupted by the keyboard, it holds the replications that had finished and is not `complete`.

    Raises
    ------
    InputError
        If an argument is out of range.
    StudyError
        If replications cannot be kept, or `resume` is "always" and there are none that can be used.
    KeyboardInterrupt
        If it was interrupted before any replication had finished.
    """
    (study,) = run_all(
        [asked(scenario, replications, seed)],
        engine=engine,
        jobs=jobs,
        executor=executor,
        cluster=cluster,
        progress=progress,
        results=results,
        resume=resume,
    )
    return study


def run_all(
    scenarios: Sequence[Scenario],
    *,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    cluster: str | None = None,
    progress: Report | None = None,
    results: str | os.PathLike[str] | None = None,
    resume: Resume = "if_possible",
) -> list[Study]:
    """Studies of several scenarios, all of them on the same workers at the same time.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Equal ones are simulated once.
    engine, jobs, executor, cluster, progress, results, resume
        As in `run`; progress is that of all studies together.

    Returns
    -------
    list of Study
        In the order of the scenarios. Interrupted by the keyboard, they hold the replications that had finished.

    Raises
    ------
    InputError, StudyError, KeyboardInterrupt
        As in `run`.
    """
    name = check_engine(engine)
    if results is None and resume == "always":
        raise InputError("resume needs results, the folder in which replications were kept")
    with ExitStack() as stack:
        courses = {}
        for scenario in dict.fromkeys(scenarios):
            journal = None if results is None else stack.enter_context(kept(scenario, name, Path(results), resume))
            courses[scenario] = _Course(scenario, journal)
        try:
            with workers(list(courses), jobs, executor, cluster) as places, remembered() as check_interrupts:
                _complete(list(courses.values()), name, places, progress, check_interrupts)
        except KeyboardInterrupt:
            if not any(course.found for course in courses.values()):
                raise
        return [Study(scenario, name, courses[scenario].records()) for scenario in scenarios]


class _Course:
    """One study on its way from no replication to enough of them.

    Parameters
    ----------
    scenario : Scenario
    journal : Journal or None
        Where records are kept, with those that an earlier run has left.
    """

    def __init__(self, scenario: Scenario, journal: Journal | None) -> None:
        self.scenario = scenario
        self._journal = journal
        self._gathering = Gathering(scenario)
        self.found: dict[int, Record] = {} if journal is None else journal.records
        self._looks = [scenario.replications] if scenario.precision is None else list(looks(scenario.precision))
        self.is_enough = False

    def missing(self) -> list[int]:
        """Numbers to simulate before the next look; none if there are enough."""
        while not self.is_enough:
            numbers = range(self._looks[0])
            missing = [number for number in numbers if number not in self.found]
            if missing:
                return missing
            records = [self.found[number] for number in numbers]
            self.is_enough = len(self._looks) == 1 or check(self.scenario, records).met
            if not self.is_enough:
                self._looks.pop(0)
        return []

    def expected(self) -> float:
        """Requests that are still to be simulated, at most."""
        numbers = range(self.scenario.replications)
        return sum(number not in self.found for number in numbers) * requests_of(self.scenario)

    def add(self, batch: Sequence[Record]) -> None:
        """Keep the records that are whole now."""
        for record in self._gathering.add(batch):
            if self._journal is None:
                self.found[record.number] = record
            else:
                self._journal.append(record)

    def records(self) -> tuple[Record, ...]:
        """Those that are enough; all that there are if there are not enough."""
        numbers = range(self._looks[0]) if self.is_enough else sorted(self.found)
        return tuple(self.found[number] for number in numbers)


def _complete(
    courses: Sequence[_Course],
    engine: Engine,
    places: Workers,
    report: Report | None,
    check_interrupts: Callable[[], None],
) -> None:
    """Simulate, in rounds, until each study has replications enough."""
    requests = 0
    replications = sum(course.scenario.replications for course in courses)
    expected = sum(course.expected() for course in courses)
    before = sum(len(record.measured) * record.requests for course in courses for record in course.found.values())
    is_most = any(course.scenario.precision is not None for course in courses)

    def tell(more: int) -> None:
        nonlocal requests
        requests += more
        check_interrupts()
        if report is not None:
            finished = sum(len(course.found) for course in courses)
            report(Progress(finished, replications, requests, expected, before, is_most))

    while True:
        tasks = [
            replace(task, study=number)
            for number, course in enumerate(courses)
            for task in tasks_of(course.scenario, course.missing(), engine, places.count)
        ]
        if not tasks:
            return
        for task, batch in places.results(tasks, tell):
            courses[task.study].add(batch)
            tell(0)


def asked(scenario: Scenario, replications: int | None, seed: int | None) -> Scenario:
    """The scenario with another number of replications and another seed where they are given.

    Raises
    ------
    InputError
        If one is out of range.
    """
    for name, value, least in (("replications", replications, 1), ("seed", seed, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise InputError(f"{name} is {value!r}, must be a whole number, {least} or more")
    if replications is not None:
        scenario = scenario.with_replications(replications)
    return scenario if seed is None else scenario.model_copy(update={"seed": seed})
