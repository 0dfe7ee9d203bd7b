"""Running a study: replications handed out, records kept as they come, until there are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator.errors import InputError
from simulator.scenario.model import Scenario
from simulator.study.executors import Workers, workers
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
    """

    finished: int
    replications: int
    requests: int
    expected: float


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
    scenario = asked(scenario, replications, seed)
    name = check_engine(engine)
    with _kept(scenario, name, results, resume) as records:
        course = _Course(scenario, name, records, progress)
        try:
            with workers(jobs, executor, cluster) as places:
                numbers = course.replicate(places)
        except KeyboardInterrupt:
            if not records.found:
                raise
            numbers = sorted(records.found)
    return Study(scenario, name, tuple(records.found[number] for number in numbers))


class _Records:
    """Records by number, those of an earlier run included, also on disk if there is a journal."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self.found: dict[int, Record] = {} if journal is None else journal.records

    def add(self, record: Record) -> None:
        if self._journal is None:
            self.found[record.number] = record
        else:
            self._journal.append(record)


@contextmanager
def _kept(
    scenario: Scenario, engine: Engine, results: str | os.PathLike[str] | None, resume: Resume
) -> Iterator[_Records]:
    if results is None:
        if resume == "always":
            raise InputError("resume needs results, the folder in which replications were kept")
        yield _Records(None)
    else:
        with kept(scenario, engine, Path(results), resume) as journal:
            yield _Records(journal)


class _Course:
    """From no replication to enough of them."""

    def __init__(self, scenario: Scenario, engine: Engine, records: _Records, report: Report | None) -> None:
        self._scenario, self._engine, self._records = scenario, engine, records
        self._report = report
        self._requests = 0
        missing = scenario.replications - sum(number < scenario.replications for number in records.found)
        self._expected = missing * requests_of(scenario)

    def replicate(self, places: Workers) -> list[int]:
        """Numbers of the replications that are enough, all of them there."""
        precision = self._scenario.precision
        for upto in (self._scenario.replications,) if precision is None else looks(precision):
            self._complete(range(upto), places)
            records = [self._records.found[number] for number in range(upto)]
            if precision is not None and check(self._scenario, records).met:
                break
        return list(range(upto))

    def _complete(self, numbers: range, places: Workers) -> None:
        """Simulate those that are not there."""
        missing = [number for number in numbers if number not in self._records.found]
        if not missing:
            return
        gathering = Gathering(self._scenario)
        tasks = tasks_of(self._scenario, missing, self._engine, places.count)
        for batch in places.results(tasks, self._tell):
            for record in gathering.add(batch):
                self._records.add(record)
                self._tell(0)

    def _tell(self, requests: int) -> None:
        self._requests += requests
        if self._report is not None:
            finished = len(self._records.found)
            self._report(Progress(finished, self._scenario.replications, self._requests, self._expected))


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
