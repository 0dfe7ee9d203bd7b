"""Where tasks run: in this process, in a pool of processes, or on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final, Literal

from simulator.errors import InputError, SimulatorError
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Record, Task, replicate

#: A task should be worth about half a second of work, so that what it costs to send is lost in it; requests that each
#: engine simulates and measures in that time.
_REQUESTS_PER_TASK: Final[dict[Engine, float]] = {"compiled": 5e6, "reference": 5e4}
#: Tasks per worker at least, where there are enough replications, so that workers finish together.
_TASKS_PER_WORKER: Final = 4
#: Workers that an executor of unknown size is taken to have.
_UNKNOWN_WORKERS: Final = 16


def worker_count(jobs: int | Literal["auto"]) -> int:
    """Processes to use; "auto" is the number of processors this process may use.

    Raises
    ------
    InputError
        If `jobs` is neither 1 or more nor "auto".
    """
    if jobs == "auto":
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise InputError(f'jobs is {jobs!r}, must be 1 or more, or "auto"')
    return jobs


def tasks_of(scenario: Scenario, numbers: Sequence[int], engine: Engine, workers: int | None) -> list[Task]:
    """Tasks that together run all numbers, in order.

    Parameters
    ----------
    scenario : Scenario
        With the seed of the study.
    numbers : sequence of int
        Replications to run.
    engine : {"compiled", "reference"}
        Which engine.
    workers : int or None
        1: a task for each replication, because sending costs nothing; None: not known.
    """
    size = 1
    if workers != 1:
        expected = scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock) * len(scenario.endpoints)
        worth = int(_REQUESTS_PER_TASK[engine] / max(expected, 1.0))
        size = max(1, min(worth, len(numbers) // ((workers or _UNKNOWN_WORKERS) * _TASKS_PER_WORKER)))
    return [Task(scenario, tuple(numbers[i : i + size]), engine) for i in range(0, len(numbers), size)]


def in_process(tasks: Sequence[Task]) -> Iterator[list[Record]]:
    """Records of each task, run here, one after another."""
    for task in tasks:
        yield replicate(task)


def on_executor(executor: Executor, tasks: Sequence[Task]) -> Generator[list[Record], None, None]:
    """Records of each task as it finishes.

    Raises
    ------
    SimulatorError
        If a worker process died.
    """
    futures = [executor.submit(replicate, task) for task in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise SimulatorError(
            "a worker process ended unexpectedly, perhaps for want of memory; "
            "a script must call run() below `if __name__ == '__main__':`"
        ) from error
    finally:
        # A pool of ours is ended as a whole; CPython fails where its futures are cancelled and its processes ended.
        if not isinstance(executor, _OwnPool):
            for future in futures:
                future.cancel()


class _OwnPool(ProcessPoolExecutor):
    """A pool that was made here."""


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """A pool of processes that are started anew on every system; ended at once if the body raises."""
    from multiprocessing import get_context

    pool = _OwnPool(workers, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)
    try:
        yield pool
    except BaseException:
        # Tasks that run, or wait, would otherwise hold up the end of the program, however long they are.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
