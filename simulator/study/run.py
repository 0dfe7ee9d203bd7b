"""Running a study: replications handed out, records gathered in the order of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from typing import Literal

from simulator.errors import InputError
from simulator.scenario.model import Scenario
from simulator.study.executors import in_process, on_executor, process_pool, tasks_of, worker_count
from simulator.study.replicate import Record, Task, check_engine
from simulator.study.results import Study

Progress = Callable[[int, int, int], None]


def run(
    scenario: Scenario,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "compiled",
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Study:
    """Study of a scenario: every endpoint under the same replications.

    The result depends on scenario, replications and seed alone: it is the same to the last bit on both engines and on
    any number of processes.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    replications : int, optional
        1 or more; by default those of the scenario.
    seed : int, optional
        0 or more; by default that of the scenario.
    engine : {"compiled", "reference"}
        Which engine.
    jobs : int or "auto"
        Processes; 1 runs in this one. A script that asks for more must call this below
        ``if __name__ == "__main__":``, because worker processes import it.
    executor : Executor, optional
        Where to run instead: any `concurrent.futures.Executor`; `jobs` is then not used.
    progress : callable, optional
        Called as replications finish with (replications done, all replications, requests simulated).

    Returns
    -------
    Study
        Interrupted by the keyboard, it holds the replications that had finished and is not `complete`.

    Raises
    ------
    InputError
        If an argument is out of range.
    KeyboardInterrupt
        If it was interrupted before any replication had finished.
    """
    scenario = _with(scenario, replications, seed)
    name = check_engine(engine)
    numbers = range(scenario.replications)
    workers = min(worker_count(jobs), len(numbers)) if executor is None else None
    tasks = tasks_of(scenario, numbers, name, workers)
    records: list[Record] = []
    requests = 0
    try:
        with _results(tasks, workers, executor) as results:
            for batch in results:
                records += batch
                requests += sum(record.requests for record in batch)
                if progress is not None:
                    progress(len(records), len(numbers), requests)
    except KeyboardInterrupt:
        if not records:
            raise
    return Study(scenario, name, tuple(sorted(records, key=lambda record: record.number)))


@contextmanager
def _results(tasks: list[Task], workers: int | None, executor: Executor | None) -> Iterator[Iterator[list[Record]]]:
    if executor is not None:
        with closing(on_executor(executor, tasks)) as results:
            yield results
    elif workers == 1:
        yield in_process(tasks)
    else:
        with process_pool(min(workers or 1, len(tasks))) as pool, closing(on_executor(pool, tasks)) as results:
            yield results


def _with(scenario: Scenario, replications: int | None, seed: int | None) -> Scenario:
    update = {}
    for name, value, least in (("replications", replications, 1), ("seed", seed, 0)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} is {value!r}, must be a whole number, {least} or more")
        update[name] = value
    return scenario.model_copy(update=update) if update else scenario
