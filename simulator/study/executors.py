"""Where tasks run: in this process, in a pool of processes, on a cluster, or on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import Any, Final, Literal, Protocol

from simulator.errors import InputError, SimulatorError
from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Record, Task, replicate

#: Takes the number of requests that have just been simulated.
Tell = Callable[[int], None]
#: How often somebody is told how far tasks are that have not finished. [s]
_TELL_EVERY_S: Final = 0.5
#: Pools that may break, one after another, without a task finishing.
_MOST_BROKEN: Final = 3


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
        yield OnExecutor(executor, None)
    elif cluster is not None:
        from simulator.study.cluster import dask_executor

        with dask_executor(cluster) as (executor, count):
            yield OnExecutor(executor, count)
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


@dataclass(frozen=True)
class OnExecutor:
    """Tasks run on an executor that somebody else keeps.

    Parameters
    ----------
    executor : Executor
    count : int or None
        Tasks that it runs at once; None if it is not known.
    """

    executor: Executor
    count: int | None

    def results(self, tasks: Sequence[Task], tell: Tell) -> Iterator[tuple[Task, list[Record]]]:
        """Each task with its records as it finishes.

        Raises
        ------
        SimulatorError
            If a worker died and the executor does not start another.
        """
        task_of = {self.executor.submit(replicate, task): task for task in tasks}
        try:
            for future in _as_finished(set(task_of), lambda: None):
                records = _result(future)
                tell(sum(len(record.measured) * record.requests for record in records))
                yield task_of[future], records
        finally:
            for future in task_of:
                future.cancel()


class OwnPool:
    """A pool of processes, started anew on every system, and built again when one of them dies.

    Scenarios, which may hold long recordings, are sent to each process once. Processes are asked to stop, not ended:
    a pool may hang when a process is ended while it sends something.

    Parameters
    ----------
    count : int
        Processes.
    scenarios : sequence of Scenario
        Those that tasks name by their number.
    """

    def __init__(self, count: int, scenarios: Sequence[Scenario]) -> None:
        from multiprocessing import get_context

        self.count: int | None = count
        self._processes = count
        self._scenarios = tuple(scenarios)
        self._context = get_context("spawn")
        #: Requests that the processes have simulated; whether they should stop.
        self._simulated = self._context.Value("q", 0)
        self._stop = self._context.Value("b", 0)
        self._told = 0
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> OwnPool:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._pool is None:
            return
        if kind is not None:
            # Tasks that run would otherwise hold up the end of the program, however long they are.
            self._stop.value = 1
        self._pool.shutdown(cancel_futures=kind is not None)

    def results(self, tasks: Sequence[Task], tell: Tell) -> Iterator[tuple[Task, list[Record]]]:
        """Each task with its records as it finishes.

        Raises
        ------
        SimulatorError
            If processes die again and again and no task finishes.
        """
        waiting = list(tasks)
        broken = 0
        while waiting:
            task_of: dict[Future[list[Record]], Task] = {}
            failure: BaseException | None = None
            try:
                with _interrupts_put_off():
                    for task in waiting:
                        work = (task.study, task.numbers, task.engine, task.endpoints)
                        task_of[self._open_pool().submit(_in_worker, *work)] = task
            except BrokenProcessPool as error:
                failure = error
            finished = 0
            for future in _as_finished(set(task_of), lambda: self._tell(tell)):
                # When one process dies every task that waits fails, so what has finished is looked for among all.
                if isinstance(future.exception(), BrokenProcessPool):
                    failure = future.exception()
                    continue
                finished += 1
                yield task_of.pop(future), future.result()
            if failure is None:
                return
            waiting = waiting[finished + len(task_of) :] + list(task_of.values())
            broken = 0 if finished else broken + 1
            if broken == _MOST_BROKEN:
                raise SimulatorError(
                    f"worker processes ended unexpectedly {broken} times in a row, perhaps for want of memory; "
                    "a script must call run() below `if __name__ == '__main__':`"
                ) from failure
            self._open_pool().shutdown()
            self._pool = None

    def _open_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=self._context,
                initializer=_begin_worker,
                initargs=(self._scenarios, self._simulated, self._stop),
            )
        return self._pool

    def _tell(self, tell: Tell) -> None:
        simulated = self._simulated.value
        tell(simulated - self._told)
        self._told = simulated


def _as_finished(futures: set[Future[Any]], meanwhile: Callable[[], None]) -> Iterator[Future[Any]]:
    """Futures as they finish; something to do now and then until they do."""
    while futures:
        finished, futures = wait(futures, _TELL_EVERY_S, FIRST_COMPLETED)
        meanwhile()
        yield from finished


def _result(future: Future[list[Record]]) -> list[Record]:
    try:
        return future.result()
    except Exception as error:
        if isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker":
            raise SimulatorError(
                f"a worker process ended unexpectedly, perhaps for want of memory ({error})"
            ) from error
        raise


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let processes that are started here begin deaf to interrupts, until they can say that they ignore them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: In a worker process: the scenarios of the studies, the requests that all processes have simulated, whether to stop.
_scenarios: tuple[Scenario, ...] = ()
_simulated: Any = None
_stop: Any = None


class _StopError(Exception):
    """Ends a task that nobody waits for."""


def _begin_worker(scenarios: tuple[Scenario, ...], simulated: Any, stop: Any) -> None:
    """Take what all tasks share, and leave interrupts to the parent."""
    global _scenarios, _simulated, _stop
    _scenarios, _simulated, _stop = scenarios, simulated, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this process when its parent is gone in whatever way: it would wait for tasks for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_worker(study: int, numbers: tuple[int, ...], engine: Engine, endpoints: tuple[str, ...]) -> list[Record]:
    return replicate(Task(_scenarios[study], numbers, engine, endpoints, study), _count)


def _count(requests: int) -> None:
    if _stop.value:
        raise _StopError
    with _simulated.get_lock():
        _simulated.value += requests
