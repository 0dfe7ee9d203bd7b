"""Replications of a fleet: run in this process or several, kept as they finish, gone on from."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from simulator.errors import InputError
from simulator.questions.fleet.replication import fleet_record
from simulator.scenario.fleet_models import FleetModel, models_of
from simulator.scenario.model import Scenario
from simulator.study.executors import worker_count
from simulator.study.interrupts import put_off, remembered
from simulator.study.keeping import Resume, kept
from simulator.study.manifest import made_by, other_version, study_digest
from simulator.study.processes import as_finished
from simulator.study.replicate import Engine, Record, check_engine
from simulator.study.run import Progress, Report


def fleet_folder(scenario: Scenario, results: Path) -> Path:
    """The folder of a fleet below the folder of all results."""
    return results / scenario.name / f"fleet-{study_digest(scenario)}"


def is_alike(scenario: Scenario) -> bool:
    """Whether models are the same in every replication."""
    return not scenario.assumed and scenario.composed_month is None


def run_fleet(
    scenario: Scenario,
    *,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    cluster: str | None = None,
    progress: Report | None = None,
    results: Path | None = None,
    resume: Resume = "if_possible",
    only: Mapping[str, str] | None = None,
) -> tuple[Record, ...]:
    """Records of all replications of a fleet, in order of number.

    They do not depend on jobs, cluster, engine or interruptions. Each replication holds the whole fleet, so that what
    is finished when somebody interrupts is of every model.

    Parameters
    ----------
    scenario : Scenario
        With a fleet; a precision it asks for does not count, only its replications.
    engine, jobs, cluster, progress, results, resume
        As in `study.run.run`.
    only : mapping of str to str, optional
        As in `replication.fleet_record`; then nothing is kept.

    Returns
    -------
    tuple of Record
        Interrupted by the keyboard, those that had finished.

    Raises
    ------
    InputError, StudyError
        As in `study.run.run`.
    KeyboardInterrupt
        If it was interrupted before any replication had finished.
    """
    checked = check_engine(engine)
    if results is None and resume == "always":
        raise InputError("resume needs results, the folder in which replications were kept")
    models = models_of(scenario) if is_alike(scenario) else None
    found: dict[int, Record] = {}
    with ExitStack() as stack:
        keep: Callable[[Record], None] = lambda record: found.update({record.number: record})  # noqa: E731
        if results is not None and only is None:
            journal = stack.enter_context(kept(scenario, checked, results, resume, fleet_folder(scenario, results)))
            found, keep = journal.records, journal.append
        numbers = [number for number in range(scenario.replications) if number not in found]
        expected = _requests(scenario, models, only) * len(numbers)
        simulated = 0
        try:
            with remembered() as check_interrupts:

                def tell(more: int) -> None:
                    nonlocal simulated
                    simulated += more
                    check_interrupts()
                    if progress is not None:
                        progress(Progress(len(found), scenario.replications, simulated, expected))

                for record in _records(scenario, numbers, checked, jobs, cluster, tell, only, models):
                    keep(record)
                    tell(0)
        except KeyboardInterrupt:
            if not found:
                raise
    return tuple(found[number] for number in sorted(found) if number < scenario.replications)


def _requests(scenario: Scenario, models: Sequence[FleetModel] | None, only: Mapping[str, str] | None) -> float:
    """Requests that one replication is expected to simulate, over all ways."""
    if models is None:
        ways = len(scenario.endpoints) if only is None else 1
        return ways * float(scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock))
    return sum(one.requests * (len(one.ways) if only is None else one.name in only) for one in models)


def _records(
    scenario: Scenario,
    numbers: Sequence[int],
    engine: Engine,
    jobs: int | Literal["auto"],
    cluster: str | None,
    tell: Callable[[int], None],
    only: Mapping[str, str] | None,
    models: tuple[FleetModel, ...] | None,
) -> Iterator[Record]:
    """Records as they finish."""
    if cluster is None and worker_count(jobs) == 1:
        for number in numbers:
            yield fleet_record(scenario, number, engine, tell, only, models)
        return
    with _executor(jobs, cluster) as executor:
        # Processes are started here, and begin deaf to interrupts.
        with put_off():
            futures = {executor.submit(_elsewhere, scenario, number, engine, only, made_by()) for number in numbers}
        try:
            for future in as_finished(set(futures), lambda: tell(0)):
                record = future.result()
                tell(sum(one.requests for one in record.measured.values()))
                yield record
        finally:
            for future in futures:
                future.cancel()


@contextmanager
def _executor(jobs: int | Literal["auto"], cluster: str | None) -> Iterator[Executor]:
    if cluster is not None:
        from simulator.study.cluster import dask_executor

        with dask_executor(cluster) as (executor, _, _):
            yield executor
    else:
        with ProcessPoolExecutor(worker_count(jobs), get_context("spawn"), _ignore_interrupts) as pool:
            yield pool


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=1)
def _models(scenario: Scenario) -> tuple[FleetModel, ...]:
    return models_of(scenario)


def _elsewhere(
    scenario: Scenario, number: int, engine: Engine, only: Mapping[str, str] | None, theirs: dict[str, str]
) -> Record:
    """One replication in another process."""
    difference = other_version(theirs)
    if difference:
        raise InputError(f"the study was begun with {difference} in a worker process; install the same everywhere")
    models = _models(scenario) if is_alike(scenario) else None
    return fleet_record(scenario, number, engine, None, only, models)
