"""A pool of worker processes that outlives the death of any of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final

from simulator.errors import SimulatorError
from simulator.scenario.model import Scenario
from simulator.study.interrupts import put_off
from simulator.study.replicate import Engine, Record, Task, replicate

#: Takes the number of requests that have just been simulated.
Tell = Callable[[int], None]
#: How often somebody is told how far tasks are that have not finished. [s]
_TELL_EVERY_S: Final = 0.5
#: Pools that may break, one after another, without a task finishing.
_MOST_BROKEN: Final = 3
#: Looks at a dead process, one after another, in which the pool does not notice that it is dead.
_MOST_LOOKS: Final = 4


def as_finished(futures: set[Future[Any]], meanwhile: Callable[[], None]) -> Iterator[Future[Any]]:
    """Futures as they finish; something to do now and then until they do."""
    while futures:
        finished, futures = wait(futures, _TELL_EVERY_S, FIRST_COMPLETED)
        meanwhile()
        yield from finished


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
        self.count: int | None = count
        self._processes = count
        self._scenarios = tuple(scenarios)
        self._context = get_context("spawn")
        #: Whether processes should stop. Without a lock, which a process that is killed might hold for ever.
        self._stop = self._context.RawValue("b", 0)
        #: Requests that the processes have simulated: a new one for each pool, whose lock nobody holds.
        self._simulated: Any = None
        self._told = 0
        self._looks = 0
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
                # Processes begin deaf to interrupts, until they can say that they ignore them.
                with put_off():
                    for task in waiting:
                        work = (task.study, task.numbers, task.engine, task.endpoints)
                        task_of[self._open_pool().submit(_in_worker, *work)] = task
            except BrokenProcessPool as error:
                failure = error
            finished = 0
            for future in as_finished(set(task_of), lambda: self._look(tell)):
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
            self._simulated, self._told, self._looks = self._context.Value("q", 0), 0, 0
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=self._context,
                initializer=_begin_worker,
                initargs=(self._scenarios, self._simulated, self._stop),
            )
        return self._pool

    def _look(self, tell: Tell) -> None:
        """Tell how many requests were simulated; end the pool if it waits for a process that is dead."""
        simulated = self._simulated.get_obj().value
        tell(simulated - self._told)
        self._told = simulated
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        with suppress(OSError, ValueError):
            dead = connection.wait([process.sentinel for process in processes], 0)
            self._looks = self._looks + 1 if dead else 0
        if self._looks >= _MOST_LOOKS:
            # It died while it was sending, and the pool waits for the rest. Once nobody is left who could send it,
            # that wait ends and the pool is broken.
            for process in processes:
                process.kill()
            with suppress(AttributeError, OSError):
                self._pool._result_queue._writer.close()  # type: ignore[union-attr]


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
