"""Where tasks run: in this process, in a pool of processes, on a cluster, or on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from simulator.errors import InputError, SimulatorError
from simulator.scenario.model import Scenario
from simulator.study.processes import OwnPool, Tell, as_finished
from simulator.study.replicate import Record, Task, replicate


class Workers(Protocol):
    """Something that runs tasks.

    Parameters
    ----------
    count : int or None
        Tasks that run at once; None if it is not known.
    """

    @property
    def count(self) -> int | None:
        """Tasks that run at once; None if it is not known."""

    def results(self, tasks: Sequence[Task], tell: Tell) -> Iterator[tuple[Task, list[Record]]]:
        """Each task with its records as it finishes; how many requests were simulated is told now and then."""


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


@contextmanager
def workers(
    scenarios: Sequence[Scenario], jobs: int | Literal["auto"], executor: Executor | None, cluster: str | None
) -> Iterator[Workers]:
    """Workers for the length of some studies.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Those that tasks name by their number, `Task.study`.
    jobs : int or "auto"
        Processes of a pool; 1 is this process.
    executor : Executor or None
        To be used instead; it is not shut down.
    cluster : str or None
        Address of a Dask scheduler, to be used instead.

    Raises
    ------
    InputError
        If more than one place is named, or no scheduler answers.
    """
    if executor is not None and cluster is not None:
        raise InputError("executor and cluster are both given, must be one of them at most")
    if executor is not None:
        yield OnExecutor(executor)
    elif cluster is not None:
        from simulator.study.cluster import dask_executor

        with dask_executor(cluster) as (executor, count, share):
            yield OnExecutor(executor, count, share)
    elif worker_count(jobs) == 1:
        yield InProcess()
    else:
        with OwnPool(worker_count(jobs), scenarios) as pool:
            yield pool


@dataclass(frozen=True)
class InProcess:
    """Tasks run here, one after another."""

    count: int | None = 1

    def results(self, tasks: Sequence[Task], tell: Tell) -> Iterator[tuple[Task, list[Record]]]:
        """Each task with its records."""
        for task in tasks:
            yield task, replicate(task, tell)


class OnExecutor:
    """Tasks run on an executor that somebody else keeps.

    Parameters
    ----------
    executor : Executor
    count : int, optional
        Tasks that it runs at once; None if it is not known.
    share : callable, optional
        Makes of a scenario what stands for it in tasks, so that the executor need not send it with each.
    """

    def __init__(
        self, executor: Executor, count: int | None = None, share: Callable[[Scenario], Any] = lambda one: one
    ) -> None:
        self.count = count
        self._executor = executor
        self._share = share
        self._shared: dict[int, Any] = {}

    def results(self, tasks: Sequence[Task], tell: Tell) -> Iterator[tuple[Task, list[Record]]]:
        """Each task with its records as it finishes.

        Raises
        ------
        SimulatorError
            If a worker died and the executor does not start another, or if the executor gave up.
        """
        task_of = {self._submit(task): task for task in tasks}
        try:
            for future in as_finished(set(task_of), lambda: tell(0)):
                records = _result(future)
                tell(sum(len(record.measured) * record.requests for record in records))
                yield task_of.pop(future), records
        finally:
            for future in task_of:
                future.cancel()

    def _submit(self, task: Task) -> Future[list[Record]]:
        if task.study not in self._shared:
            self._shared[task.study] = self._share(task.scenario)
        rest = (task.numbers, task.engine, task.endpoints, task.study, task.made_by)
        return self._executor.submit(_elsewhere, self._shared[task.study], *rest)


def _elsewhere(*fields: Any) -> list[Record]:
    """Records of the task of these fields, in order."""
    return replicate(Task(*fields))


#: Errors of executors that have nothing to do with what a task does, by name: not all of them need be installed.
_LOST: Final = {"BrokenProcessPool", "BrokenThreadPool", "KilledWorker", "FutureCancelledError"}


def _result(future: Future[list[Record]]) -> list[Record]:
    try:
        return future.result()
    except CancelledError as error:
        raise SimulatorError("the executor gave up: the connection to it is lost, or it was shut down") from error
    except Exception as error:
        if type(error).__name__ in _LOST:
            raise SimulatorError(
                f"a worker process ended unexpectedly, perhaps for want of memory ({error})"
            ) from error
        raise
